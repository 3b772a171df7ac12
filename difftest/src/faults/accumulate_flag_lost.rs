//! The second of several instructions of one sum starts from zero. Machine-level class 5 (a flag is dropped). Needs K cut into
//! several instructions.
//! Fires in 19 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileInit, TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "accumulate-flag-lost",
    origin: "class 5: pypto #1821",
    summary: "the second part of a cut sum overwrites the first",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.accumulate-flag-lost", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        for tile in &mut g.tiles {
            let mut second = tile.ops.iter_mut().filter_map(|op| match op {
                TileOp::Mx(m) if m.init == TileInit::Accumulate => Some(m),
                _ => None,
            });
            if let Some(m) = second.next()
                && cx.permit("accumulate", source(&fused, g.group))
            {
                m.init = TileInit::Zero;
            }
        }
    }
}
