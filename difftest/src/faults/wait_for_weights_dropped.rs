//! A convolution does not wait for the weights of its fourth tile or a later one. Machine-level class 1 (missing wait between engines). Needs
//! weights that are loaded again.

use super::edit::{implementing, ordered, source, unorder};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::{Engine, Op};
use kit::{Claim, PassCx};
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "wait-for-weights-dropped",
    origin: "class 1: tt-metal #22068, PTOAS #706",
    summary: "an MX does not wait for the weights of a later tile",
    min_nodes: 1,
    detector: Detector::Trap,
    injection: Injection { name: "fault.wait-for-weights-dropped", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let list = implementing(p);
    for w in list.windows(2) {
        let ((_, load), (pc, mx)) = (&w[0], &w[1]);
        let weights = matches!(load.instr.op, Op::Ld(_)) && load.instr.eng == Engine::Ldw;
        let reads = matches!(mx.instr.op, Op::MxConv(_) | Op::MxDw(_));
        if weights && reads && mx.tile >= 3 && ordered(p, *pc) && cx.permit("wait", source(&p.stream.fused, mx.group)) {
            unorder(p, *pc);
        }
    }
}
