//! Max of two floats is a comparison and a selection, which loses a NaN in the first operand. Imitates onnxruntime #21455
//! (M54). Needs a NaN there.
//! Fires in 22 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "max-loses-nan",
    origin: "onnxruntime #21455, apache/tvm #19572 (M54)",
    summary: "Max gives the second operand if the first is NaN",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.max-loses-nan",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.decompose", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let float = g.ty(n.outputs[0]).dtype.is_float();
        if n.op != Op::Max || n.inputs.len() != 2 || !float || !cx.permit("max-as-select", n.origin.source) {
            return None;
        }
        let (a, b) = (r.value(n.input(0)?), r.value(n.input(1)?));
        let greater = typed(r, id, Op::Greater, Attrs::none(), &[a, b])?;
        let y = typed(r, id, Op::Where, Attrs::none(), &[greater, a, b])?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
