//! A mean divides by its length rounded up to whole groups of 16 lanes. Machine-level class 8 (padding lanes). Needs more than
//! 16 elements, not a multiple.
//! Fires in 25 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "mean-divides-by-padded-length",
    origin: "class 8: tt-metal #43435, #52924",
    summary: "a mean divides by its length rounded up to 16",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.mean-divides-by-padded-length", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Reduce(r) = &mut f.groups[g].kind else { continue };
        let len: usize = r.reduced.iter().product();
        if r.divide.is_some() && len > 16 && !len.is_multiple_of(16) && cx.permit("divisor", source) {
            r.divide = Some(len.next_multiple_of(16) as f32);
        }
    }
}
