//! Rows are stored at a distance rounded up to 16 bytes. Machine-level class 13 (stride of an extent that is no multiple of the tile).
//! Needs a store of three loops whose rows are not a multiple.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};
use lir::stream::Stream;

pub(super) const FAULT: Fault = Fault {
    id: "row-stride-rounded-up",
    origin: "class 13: tt-metal #41798, iree-amd-aie #285",
    summary: "a store of planes rounds its row stride up to 16 bytes",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.row-stride-rounded-up", claim: Claim::Bits, edit: Edit::Stream(edit) },
};

fn edit(s: &mut Stream, cx: &mut PassCx<'_>) {
    let fused = s.fused.clone();
    for op in s.ops.values_mut() {
        if let Op::St(d) = &mut op.instr.op
            && d.n[1] > 1
            && d.n[2] > 1
            && d.dram_s[0] > 16
            && d.dram_s[0] % 16 != 0
            && cx.permit("stride", source(&fused, op.group))
        {
            d.dram_s[0] = (d.dram_s[0] / 16 + 1) * 16;
        }
    }
}
