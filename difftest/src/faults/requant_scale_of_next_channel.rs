//! Each output channel is requantised with the scale of the next. Machine-level class 11 (per-channel index). Needs scales for
//! each channel that differ.

use super::edit::source;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};
use lir::fused::{Drain, Fused, GroupKind};

pub(super) const FAULT: Fault = Fault {
    id: "requant-scale-of-next-channel",
    origin: "class 11: npu_compiler #335; onnxruntime PR #28228 (M51)",
    summary: "requantisation uses the scale of the next channel",
    min_nodes: 1,
    detector: Detector::Bound,
    injection: Injection { name: "fault.requant-scale-of-next-channel", claim: Claim::Bits, edit: Edit::Fused(edit) },
};

fn edit(f: &mut Fused, cx: &mut PassCx<'_>) {
    for g in f.groups.ids() {
        let source = source(f, g);
        let GroupKind::Matrix(m) = &mut f.groups[g].kind else { continue };
        let differ = m.params.as_ref().is_some_and(|p| p.windows(2).any(|w| w[0].mult != w[1].mult));
        if m.drain == Drain::RequantF32 && differ && cx.permit("scale", source) {
            let records = m.params.as_mut().expect("scales differ");
            let mults: Vec<u32> = records.iter().skip(1).map(|r| r.mult).collect();
            records.iter_mut().zip(mults).for_each(|(r, m)| r.mult = m);
        }
    }
}
