//! The activation of a convolution is lost if its output channels end in a partial group. Machine-level class 5 (a flag is
//! dropped). Needs a fused Relu and more than 16 channels, not a multiple.
//! Fires in 2 % of default cases (of 300, seed 0).

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "relu-lost-with-channel-tail",
    origin: "class 5: pypto #1821",
    summary: "a fused Relu is dropped if the last group of channels is partial",
    min_nodes: 2,
    detector: Detector::Bound,
    injection: Injection { name: "fault.relu-lost-with-channel-tail", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Matrix(m) = &mut f.groups[g].kind else { continue };
        if m.relu && m.n > 16 && !m.n.is_multiple_of(16) && cx.permit("activation", source) {
            m.relu = false;
        }
    }
}
