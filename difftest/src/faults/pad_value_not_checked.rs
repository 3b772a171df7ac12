//! A Pad goes into the padding of the window operator behind it without a look at what that pads with. Imitates onnxsim #290
//! (M33: zeros into a MaxPool, which pads with −Inf) and onnxruntime PR #23190 (M34: into an AveragePool that does not count its
//! padding). Needs a Pad on spatial axes with another value than the operator's.
//! Fires in under 0.5 % of default cases (of 300, seed 0).

use super::edit::{each, spatial_pad, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "pad-value-not-checked",
    origin: "onnxsim #290 (M33), onnxruntime PR #23190 (M34)",
    summary: "a Pad is folded into Conv, MaxPool or AveragePool whatever it pads with",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.pad-value-not-checked",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.fold-pad", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if !matches!(n.op, Op::Conv | Op::MaxPool | Op::AveragePool) {
            return None;
        }
        let (x, value, pads) = spatial_pad(g, n)?;
        let honest = match n.op {
            Op::Conv => value == 0.0,
            Op::MaxPool => value == f32::NEG_INFINITY,
            _ => value == 0.0 && n.attrs.flag("count_include_pad"),
        };
        let mut inputs: Vec<_> = n.inputs.iter().flatten().map(|&v| r.value(v)).collect();
        inputs[0] = r.value(x);
        let y = typed(r, id, n.op, n.attrs.clone().with_ints("pads", &pads), &inputs)?;
        let same = r.new.ty(y) == g.ty(n.outputs[0]);
        (same && !honest && cx.permit("fold-pad", n.origin.source)).then(|| r.bind(n.outputs[0], y))
    })
}
