//! The result of a QLinearAdd or QLinearMul gets the zero point of its first operand. Class 10 (quantisation); needs operands of the
//! two that differ in it.
//! How often it fires in default cases was not measured.

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "qlinear-zero-point-of-operand",
    origin: "class 10 (quantisation): parameters of another tensor",
    summary: "the result of QLinearAdd or QLinearMul gets the zero point of its first operand",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.qlinear-zero-point-of-operand",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.expand-qlinear", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if !matches!(n.op, Op::QLinearAdd | Op::QLinearMul) {
            return None;
        }
        let (own, other) = (n.input(7)?, n.input(2)?);
        if g.constant(own)?.bytes == g.constant(other)?.bytes || !cx.permit("zero-point", n.origin.source) {
            return None;
        }
        let mut inputs: Vec<_> = n.inputs.iter().map(|v| v.map(|v| r.value(v))).collect();
        inputs[7] = Some(r.value(other));
        r.keep_with(id, n.op, n.attrs.clone(), inputs);
        Some(())
    })
}
