//! The last part of a sum that is cut along K is not added if it is partial. Machine-level class 6 (remainder). Needs K cut into
//! several instructions and a remainder.
//! Fires in 14 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileInit, TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "k-tail-dropped",
    origin: "class 6: tt-metal #51213, tt-mlir #8815",
    summary: "the partial last part of a cut sum is dropped",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.k-tail-dropped", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        for tile in &mut g.tiles {
            let tail = |op: &TileOp| match op {
                TileOp::Mx(m) => m.init == TileInit::Accumulate && !m.c.is_multiple_of(16),
                _ => false,
            };
            let last = tile.ops.iter().rposition(|op| matches!(op, TileOp::Mx(_)));
            if let Some(i) = last.filter(|&i| tail(&tile.ops[i]))
                && cx.permit("remainder", source(&fused, g.group))
            {
                tile.ops.remove(i);
            }
        }
    }
}
