//! The result of an instruction that changes the order of elements is placed where its operand still lies. Imitates iree #19355 (M69);
//! machine-level classes 4 and 12. Needs an operand that dies with a TR of three
//! loops and at least 1 KiB.

use super::edit::{in_spm, rebase, source};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};
use lir::placed::Placed;
use lir::tile::BufId;

pub(super) const FAULT: Fault = Fault {
    id: "result-placed-on-source",
    origin: "iree #19355 (M69), renesas/ruhmi-framework-mcu #3 (M68)",
    summary: "a transposed copy is placed over its own source",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.result-placed-on-source", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let uses = |b: BufId| p.stream.ops.iter().filter(move |(_, o)| o.places.a == Some(b) || o.places.d == Some(b));
    let mut moves = Vec::new();
    for (id, o) in p.stream.ops.iter() {
        let (Op::Tr(v), Some(a), Some(d)) = (o.instr.op, o.places.a, o.places.d) else { continue };
        if v.n[2] == 1 || p.stream.bufs[d].bytes < 1024 {
            continue;
        }
        let (last, first) = (uses(a).map(|u| u.0).max(), uses(d).map(|u| u.0).min());
        if last == Some(id) && first == Some(id) && in_spm(p, a) && in_spm(p, d) && a != d {
            moves.push((o.group, d, p.buf_addr[a]));
        }
    }
    for (g, d, to) in moves {
        if cx.permit("in-place", source(&p.stream.fused, g)) {
            rebase(p, d, to);
        }
    }
}
