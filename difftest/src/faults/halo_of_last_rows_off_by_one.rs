//! The last tile of rows of a window operator starts one row late. Machine-level class 7 (halo). Needs several tiles of rows and
//! a window of more than one row.
//! Fires in 10 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "halo-of-last-rows-off-by-one",
    origin: "class 7: modular #6712, tvm #13191",
    summary: "the halo of the last tile of rows is off by one",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.halo-of-last-rows-off-by-one", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        let Some(y) = g.grid.iter().position(|a| a.0 == "y") else { continue };
        let last = g.grid[y].1 - 1;
        for tile in g.tiles.iter_mut().filter(|tile| last > 0 && tile.coords[y] == last) {
            for op in &mut tile.ops {
                let (kh, iy0) = match op {
                    TileOp::Mx(m) => (m.kh, &mut m.iy0),
                    TileOp::Pool(p) => (p.kh, &mut p.iy0),
                    _ => continue,
                };
                if kh > 1 && cx.permit("halo", source(&fused, g.group)) {
                    *iy0 += 1;
                }
            }
        }
    }
}
