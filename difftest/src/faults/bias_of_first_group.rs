//! The last group of a grouped convolution starts from the bias of the first. Imitates onnxruntime #12498 (M32). Needs groups
//! with different biases.
//! Fires in 9 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "bias-of-first-group",
    origin: "onnxruntime #12498 (M32)",
    summary: "the last group of a grouped convolution gets the first one's bias",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.bias-of-first-group", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Matrix(m) = &mut f.groups[g].kind else { continue };
        let last = m.problems.len() - 1;
        let others = m.problems[last].prm != m.problems[0].prm;
        if m.bias && others && cx.permit("bias", source) {
            m.problems[last].prm = m.problems[0].prm;
        }
    }
}
