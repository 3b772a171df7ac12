//! The last group of channels of a convolution is read whole, although it is partial. Machine-level class 8 (padding lanes). Needs
//! more than 16 input channels, not a multiple.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};
use lir::stream::Stream;

pub(super) const FAULT: Fault = Fault {
    id: "last-lanes-not-masked",
    origin: "class 8: tt-metal #43435, #11082",
    summary: "the partial last group of input channels is read with all 16 lanes",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.last-lanes-not-masked", claim: Claim::Bits, edit: Edit::Stream(edit) },
};

fn edit(s: &mut Stream, cx: &mut PassCx<'_>) {
    let fused = s.fused.clone();
    for op in s.ops.values_mut() {
        if let Op::MxConv(m) = &mut op.instr.op
            && m.cg > 1
            && m.clast < 16
            && cx.permit("mask", source(&fused, op.group))
        {
            m.clast = 16;
        }
    }
}
