//! `x - x` becomes 0 for floats. Imitates tensorflow #119428 and pytorch PR #186281 (M04). Needs infinities or NaN.
//! Fires in under 0.5 % of default cases (of 300, seed 0).

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "sub-self-is-zero",
    origin: "tilelang #2638, tensorflow #119428 (M04)",
    summary: "x - x becomes 0 for floats",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.sub-self-is-zero",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.algebraic", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, _, n| {
        let ty = g.ty(n.outputs[0]);
        let same = n.op == Op::Sub && n.input(0) == n.input(1) && ty.dtype.is_float();
        if !same || !cx.permit("x-minus-x", n.origin.source) {
            return None;
        }
        let zero = r.constant(Tensor::zeros(ty));
        r.bind(n.outputs[0], zero);
        Some(())
    })
}
