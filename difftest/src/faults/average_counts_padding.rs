//! An average counts the cells of its padding. Imitates onnxruntime PR #29629 (M55). Needs an average with padding that it does
//! not count.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::PoolFn;
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "average-counts-padding",
    origin: "onnxruntime PR #29629, rten PR #1456 (M55)",
    summary: "an average over padding divides by the whole window",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.average-counts-padding", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Pool(p) = &mut f.groups[g].kind else { continue };
        if p.f == PoolFn::Avg && (p.iy0 < 0 || p.ix0 < 0) && cx.permit("divisor", source) {
            p.f = PoolFn::AvgPad;
        }
    }
}
