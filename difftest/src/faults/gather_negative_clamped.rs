//! Negative indices of a Gather that are known only at run time are clamped to 0, not counted from the end. Imitates
//! apache/tvm #19436 (M31). Needs run-time indices, some negative.
//! Fires in 9 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, DType, Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "gather-negative-clamped",
    origin: "apache/tvm #19436, #20217 (M31)",
    summary: "negative run-time indices of Gather are clamped to 0",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.gather-negative-clamped",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.normalize", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let index = n.input(1)?;
        let fires = n.op == Op::Gather && g.constant(index).is_none();
        let zero = match g.ty(index).dtype {
            DType::I64 => Tensor::from_i64([], &[0]),
            _ => Tensor::from_i32([], &[0]),
        };
        if !fires || !cx.permit("clamp-index", n.origin.source) {
            return None;
        }
        let (x, index, zero) = (r.value(n.input(0)?), r.value(index), r.constant(zero));
        let clamped = typed(r, id, Op::Max, Attrs::none(), &[index, zero])?;
        r.keep_with(id, n.op, n.attrs.clone(), vec![Some(x), Some(clamped)]);
        Some(())
    })
}
