//! A Transpose before Gemm becomes `transA` without a look at its permutation. Imitates onnxruntime #32417 (M12).
//! Needs an identity permutation; a square operand hides the wrong extents.
//! Fires in 1 % of default cases (of 300, seed 0).

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "gemm-perm-unchecked",
    origin: "onnxruntime #32417, #32418 (M12)",
    summary: "Gemm(Transpose) becomes transA although the permutation is the identity",
    min_nodes: 2,
    detector: Detector::Verifier,
    injection: Injection {
        name: "fault.gemm-perm-unchecked",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.qdq-to-integer", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let t = &g.nodes[g.producer(n.input(0)?)?];
        let identity = n.op == Op::Gemm && t.op == Op::Transpose && t.attrs.ints("perm")? == [0, 1];
        if !identity || !cx.permit("trans-a", n.origin.source) {
            return None;
        }
        let mut inputs: Vec<_> = n.inputs.iter().map(|v| v.map(|v| r.value(v))).collect();
        inputs[0] = Some(r.value(t.input(0)?));
        let flipped = i64::from(!n.attrs.flag("transA"));
        r.keep_with(id, n.op, n.attrs.clone().with_int("transA", flipped), inputs);
        Some(())
    })
}
