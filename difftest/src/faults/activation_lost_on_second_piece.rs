//! An operation that needs several instructions keeps its Relu on the first only. Machine-level class 5 (a flag is dropped). Needs a
//! fused Relu on an operation of several instructions.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Act;
use kit::{Claim, PassCx};
use lir::stream::Stream;

pub(super) const FAULT: Fault = Fault {
    id: "activation-lost-on-second-piece",
    origin: "class 5: pypto #1821",
    summary: "Relu is set on the first instruction of an operation only",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection {
        name: "fault.activation-lost-on-second-piece",
        claim: Claim::Bits,
        edit: Edit::Stream(edit),
    },
};

fn edit(s: &mut Stream, cx: &mut PassCx<'_>) {
    let fused = s.fused.clone();
    let mut before = None;
    for op in s.ops.values_mut() {
        let key = (op.group, op.tile, op.places);
        if let Some(v) = op.instr.op.vx_mut()
            && v.act == Act::Relu
        {
            if before == Some(key) && cx.permit("activation", source(&fused, op.group)) {
                v.act = Act::None;
            }
            before = Some(key);
        }
    }
}
