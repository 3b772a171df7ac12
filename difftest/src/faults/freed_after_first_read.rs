//! A buffer counts as free after its first reader although another follows; the next buffer takes its place. Imitates onnxruntime
//! PR #7645 (M64) and #19480 (M66); machine-level class 4. Needs an operand that two operations of a tile read, and a result between
//! them that fits into it.

use super::edit::{in_spm, rebase, source};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::GroupId;
use lir::placed::Placed;
use lir::tile::BufId;

pub(super) const FAULT: Fault = Fault {
    id: "freed-after-first-read",
    origin: "onnxruntime PR #7645 (M64), #19480 (M66), pypto #585",
    summary: "a buffer is given away after the first of two reads",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.freed-after-first-read", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    let ops: Vec<_> = p.stream.ops.values().collect();
    let first_use =
        |b: BufId| ops.iter().position(|o| o.places.a == Some(b) || o.places.b == Some(b) || o.places.d == Some(b));
    let mut moves: Vec<(GroupId, BufId, u32)> = Vec::new();
    for (k, o) in ops.iter().enumerate() {
        let (Some(x), Some(y)) = (o.places.a, o.places.d) else { continue };
        let read_again = ops[k + 1..]
            .iter()
            .take_while(|n| (n.group, n.tile) == (o.group, o.tile))
            .any(|n| n.instr.op.vx().is_some() && (n.places.a == Some(x) || n.places.b == Some(x)));
        let local = x != y && in_spm(p, x) && in_spm(p, y);
        let fits = local && p.stream.bufs[y].bytes <= p.stream.bufs[x].bytes;
        if o.instr.op.vx().is_some() && read_again && fits && first_use(y) == Some(k) {
            moves.push((o.group, y, p.buf_addr[x]));
        }
    }
    for (g, y, to) in moves {
        if cx.permit("lifetime", source(&p.stream.fused, g)) {
            rebase(p, y, to);
        }
    }
}
