//! The second group of 16 output channels is requantised with the records of the first. Machine-level class 11 (per-channel index).
//! Needs more than 16 quantised channels.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::tile::{TileOp, TileProgram};

pub(super) const FAULT: Fault = Fault {
    id: "records-of-second-channel-group",
    origin: "class 11: npu_compiler #335",
    summary: "channels from 16 on are requantised with the records of channels from 0 on",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.records-of-second-channel-group", claim: Claim::Bits, edit: Edit::Tile(edit) },
};

fn edit(t: &mut TileProgram, cx: &mut PassCx<'_>) {
    let fused = t.fused.clone();
    for g in &mut t.groups {
        for op in g.tiles.iter_mut().flat_map(|tile| &mut tile.ops) {
            if let TileOp::Requant { prm, .. } = op
                && prm.first > 0
                && cx.permit("records", source(&fused, g.group))
            {
                prm.first = 0;
            }
        }
    }
}
