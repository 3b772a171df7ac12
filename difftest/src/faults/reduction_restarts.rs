//! A reduction that is cut into tiles starts anew in its second tile. Machine-level class 15 (loop-carried state). Needs a reduction
//! over several tiles.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "reduction-restarts",
    origin: "class 15: pypto #768",
    summary: "a reduction over several tiles forgets the tiles before",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.reduction-restarts", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        for op in g.tiles.iter_mut().skip(1).flat_map(|tile| &mut tile.ops) {
            if let TileOp::Red { accumulate, .. } = op
                && *accumulate
                && cx.permit("carry", source(&fused, g.group))
            {
                *accumulate = false;
            }
        }
    }
}
