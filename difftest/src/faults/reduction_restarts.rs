//! A reduction that is cut into chunks starts anew in each. Machine-level class 15 (loop-carried state). Needs a reduction of several
//! chunks.
//! Fires in 3 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "reduction-restarts",
    origin: "class 15: pypto #768",
    summary: "a reduction in several chunks forgets those before",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.reduction-restarts", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        for op in g.tiles.iter_mut().flat_map(|tile| &mut tile.ops) {
            if let TileOp::Red { accumulate, .. } = op
                && *accumulate
                && cx.permit("carry", source(&fused, g.group))
            {
                *accumulate = false;
            }
        }
    }
}
