//! Weights are not loaded again if the buffer holds as many of the tile before. Machine-level class 14 (stale state). Needs a
//! fourth tile with other weights of the same size.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::{Dma, Engine, Op};
use kit::IdVec;
use kit::{Claim, PassCx};
use lir::fused::GroupId;
use lir::stream::{DramPlace, Stream};
use lir::tile::BufId;
use std::collections::BTreeMap;

pub(super) const FAULT: Fault = Fault {
    id: "stale-weights",
    origin: "class 14: mlir-aie #317, tt-metal #43435",
    summary: "a load of weights is dropped if the last one had the same size",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.stale-weights", claim: Claim::Bits, edit: Edit::Stream(edit) },
};

fn edit(s: &mut Stream, cx: &mut PassCx<'_>) {
    let mut held: BTreeMap<BufId, (GroupId, Dma)> = BTreeMap::new();
    let mut kept = IdVec::new();
    for op in s.ops.values() {
        if let (Op::Ld(d), Engine::Ldw, Some(buf), Some(DramPlace::Tensor(_))) =
            (op.instr.op, op.instr.eng, op.places.a, op.places.dram)
        {
            let size = |d: &Dma| (d.n, d.loc_addr);
            let before = held.insert(buf, (op.group, d));
            let same = op.tile >= 3
                && before.is_some_and(|(g, b)| g == op.group && size(&b) == size(&d) && b.dram_off != d.dram_off);
            if same && cx.permit("reload", source(&s.fused, op.group)) {
                continue;
            }
        }
        kept.push(op.clone());
    }
    s.ops = kept;
}
