//! A Softmax of opset 13 is read as one of opset 12: everything from the axis on is one row. Imitates apache/tvm #20183
//! (M58). Needs an axis that is not the last.
//! Fires in 16 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "softmax-coerced-to-matrix",
    origin: "apache/tvm #20183, openvino #37823 (M58)",
    summary: "Softmax normalises over all axes from its axis on",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.softmax-coerced-to-matrix",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.decompose", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if n.op != Op::Softmax {
            return None;
        }
        let dims = g.ty(n.outputs[0]).dims.clone();
        let axis = n.attrs.int("axis")?;
        let axis = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
        if axis + 1 == dims.len() || !cx.permit("softmax-12", n.origin.source) {
            return None;
        }
        let x = r.value(n.input(0)?);
        let rows = dims[..axis].iter().product::<usize>() as i64;
        let columns = dims[axis..].iter().product::<usize>() as i64;
        let flat = r.constant(Tensor::from_i64([2], &[rows, columns]));
        let back = r.constant(Tensor::from_i64([dims.len()], &dims.iter().map(|&d| d as i64).collect::<Vec<_>>()));
        let y = typed(r, id, Op::Reshape, Attrs::none(), &[x, flat])?;
        let y = typed(r, id, Op::Softmax, Attrs::none().with_int("axis", -1), &[y])?;
        let y = typed(r, id, Op::Reshape, Attrs::none(), &[y, back])?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
