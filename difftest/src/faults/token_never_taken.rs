//! The store of the last tile signals a semaphore that nobody waits for. Machine-level class 3 (token imbalance). Needs more tiles than a
//! semaphore counts, 15.

use super::edit::{implementing, source, update_program};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "token-never-taken",
    origin: "class 3: mlir-air #1478, #1715",
    summary: "a semaphore is signalled once more than it is waited for",
    min_nodes: 1,
    detector: Detector::Trap,
    injection: Injection { name: "fault.token-never-taken", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let mut last = std::collections::BTreeMap::new();
    for (pc, s) in implementing(p) {
        if matches!(s.instr.op, Op::St(_)) && s.tile >= 15 {
            last.insert(s.group, pc);
        }
    }
    for (g, pc) in last {
        let free = p.ops[pc].instr.signals.iter().any(Option::is_none);
        if free && cx.permit("signal", source(&p.stream.fused, g)) {
            p.ops[pc].instr.add_signal(0, 1);
        }
    }
    update_program(p);
}
