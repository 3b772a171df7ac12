//! Columns of a window are read with the dilation of its rows. Imitates tt-metal PR #19542 (M57). Needs dilations that differ.
//! Fires in 18 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "dilation-of-height",
    origin: "tt-metal PR #19542 (M57)",
    summary: "the width of a window uses the dilation of its height",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.dilation-of-height", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let (dy, dx) = match &mut f.groups[g].kind {
            GroupKind::Matrix(m) if m.kw > 1 => (m.dy, &mut m.dx),
            GroupKind::Pool(p) if p.kw > 1 => (p.dy, &mut p.dx),
            _ => continue,
        };
        if *dx != dy && cx.permit("width", source) {
            *dx = dy;
        }
    }
}
