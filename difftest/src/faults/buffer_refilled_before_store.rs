//! The buffer that a store still reads is written by the next tile. Machine-level class 2 (reuse before the last read). Every
//! fourth tile, as with four buffers in turn. Needs five tiles that write their output buffer first.

use super::edit::{implementing, ordered, source, unorder};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "buffer-refilled-before-store",
    origin: "class 2: PTOAS #564, tt-metal #50365",
    summary: "the next tile writes a buffer that a store still reads",
    min_nodes: 1,
    detector: Detector::Trap,
    injection: Injection { name: "fault.buffer-refilled-before-store", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let list = implementing(p);
    for w in list.windows(2) {
        let ((_, store), (pc, next)) = (&w[0], &w[1]);
        let reuse = matches!(store.instr.op, Op::St(_))
            && next.group == store.group
            && next.tile > store.tile
            && next.tile % 4 == 0;
        let written = if matches!(next.instr.op, Op::Ld(_)) { next.places.a } else { next.places.d };
        let same = written.is_some() && written == store.places.a;
        if reuse && same && ordered(p, *pc) && cx.permit("reuse", source(&p.stream.fused, store.group)) {
            unorder(p, *pc);
        }
    }
}
