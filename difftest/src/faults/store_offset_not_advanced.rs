//! The last tile of an elementwise Add is stored where the tile before belongs. Imitates pulp-platform/dory #48 (M71). Needs at
//! least three tiles.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::EwFn;
use kit::{Claim, PassCx};
use lir::tile::{TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "store-offset-not-advanced",
    origin: "pulp-platform/dory #48 (M71)",
    summary: "the last tile of an Add is stored over the one before",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.store-offset-not-advanced", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        let adds = g.tiles.iter().flat_map(|tile| &tile.ops).any(|op| matches!(op, TileOp::Ew { f: EwFn::Add, .. }));
        let store = |op: &TileOp| match op {
            TileOp::Store { dst, .. } => Some(dst.offset),
            _ => None,
        };
        let n = g.tiles.len();
        if n < 3 || !adds {
            continue;
        }
        let Some(before) = g.tiles[n - 2].ops.iter().find_map(store) else { continue };
        for op in &mut g.tiles[n - 1].ops {
            if let TileOp::Store { dst, .. } = op
                && cx.permit("advance", source(&fused, g.group))
            {
                dst.offset = before;
            }
        }
    }
}
