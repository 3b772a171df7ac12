//! The zero point of a signed output is read as unsigned. Machine-level class 10 (requantisation). Needs a negative zero point.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Drain, Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "requant-zero-point-unsigned",
    origin: "class 10: tflite-micro #3130",
    summary: "a negative output zero point is read as an unsigned byte",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.requant-zero-point-unsigned", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Matrix(m) = &mut f.groups[g].kind else { continue };
        let negative = m.params.iter().flatten().any(|r| r.zp < 0);
        if m.drain == Drain::RequantF32 && negative && cx.permit("zero-point", source) {
            m.params.iter_mut().flatten().for_each(|r| r.zp &= 0xff);
        }
    }
}
