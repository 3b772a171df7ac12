//! A Pad with 0 goes into the padding of a MaxPool, which pads with −Inf. Imitates onnxsim #290 (M33).
//! Needs a window over padding whose elements are all negative.

use super::edit::{each, typed, zero_pad};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "zero-pad-into-max-pool",
    origin: "onnxsim #290, onnx/optimizer PR #318 (M33)",
    summary: "a Pad with zeros is folded into a MaxPool",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.zero-pad-into-max-pool",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.fold-pad", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if n.op != Op::MaxPool {
            return None;
        }
        let (x, pads) = zero_pad(g, n)?;
        let x = r.value(x);
        let y = typed(r, id, n.op, n.attrs.clone().with_ints("pads", &pads), &[x])?;
        let same = r.new.ty(y) == g.ty(n.outputs[0]);
        (same && cx.permit("fold-pad", n.origin.source)).then(|| r.bind(n.outputs[0], y))
    })
}
