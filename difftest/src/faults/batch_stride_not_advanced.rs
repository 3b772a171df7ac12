//! The odd image of a batch that is walked in pairs is read where the one before lies. Machine-level class 15 (batch stride). Needs an odd
//! number of problems, three or more.
//! Fires in 19 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "batch-stride-not-advanced",
    origin: "class 15: iree-amd-aie #750, pypto #768",
    summary: "the odd problem of a batch reads the operand of the one before",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.batch-stride-not-advanced", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Matrix(m) = &mut f.groups[g].kind else { continue };
        let n = m.problems.len();
        if n >= 3 && n % 2 == 1 && m.problems[n - 1].a != m.problems[n - 2].a && cx.permit("batch", source) {
            m.problems[n - 1].a = m.problems[n - 2].a;
        }
    }
}
