//! A buffer counts as free after its last write, although it is read later; the next one takes its place. Imitates onnxruntime PR #7645
//! (M64); machine-level class 4. Needs two buffers of one group of which the later fits into the earlier.

use super::edit::{in_spm, rebase, source};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use isa::Op;
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "lifetime-ends-at-last-write",
    origin: "onnxruntime PR #7645 (M64), pypto #585",
    summary: "a buffer is given away after its last write, before its last read",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.lifetime-ends-at-last-write", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let mut moves = Vec::new();
    let ops: Vec<_> = p.stream.ops.values().collect();
    for w in ops.windows(2) {
        // The next result is smaller, so that it fits where the operand still lies.
        let (Some(x), Some(y)) = (w[0].places.d, w[1].places.d) else { continue };
        let reads = w[1].places.a == Some(x) && matches!(w[1].instr.op, Op::Ew(_) | Op::Cvt(_));
        let fits = x != y && in_spm(p, x) && in_spm(p, y) && p.stream.bufs[y].bytes < p.stream.bufs[x].bytes;
        if reads && fits && !moves.iter().any(|m: &(_, _, _)| m.1 == y) {
            moves.push((w[1].group, y, p.buf_addr[x]));
        }
    }
    for (g, y, to) in moves {
        if cx.permit("lifetime", source(&p.stream.fused, g)) {
            rebase(p, y, to);
        }
    }
}
