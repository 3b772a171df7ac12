//! A Pad with 0 goes into the padding of an AveragePool that does not count its padding. Imitates onnxruntime PR #23190
//! (M34). Needs `count_include_pad = 0`.

use super::edit::{each, typed, zero_pad};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "pad-into-average-pool",
    origin: "onnxruntime PR #23190, onnx/optimizer PR #108 (M34)",
    summary: "a Pad is folded into an AveragePool that does not count padding",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.pad-into-average-pool",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.fold-pad", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if n.op != Op::AveragePool || n.attrs.flag("count_include_pad") {
            return None;
        }
        let (x, pads) = zero_pad(g, n)?;
        let x = r.value(x);
        let y = typed(r, id, n.op, n.attrs.clone().with_ints("pads", &pads), &[x])?;
        let same = r.new.ty(y) == g.ty(n.outputs[0]);
        (same && cx.permit("fold-pad", n.origin.source)).then(|| r.bind(n.outputs[0], y))
    })
}
