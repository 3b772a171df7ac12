//! A Transpose is pushed through Concat with the axis hard-wired to 1. Imitates onnx/tensorflow-onnx #600 (M13).
//! Needs a Concat of equally transposed operands along another axis.
//! Fires in 1 % of default cases (of 300, seed 0).

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, Graph, Op, TensorType};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "concat-axis-fixed",
    origin: "onnx/tensorflow-onnx #600 (M13)",
    summary: "Transpose is pushed through Concat, whose axis becomes 1",
    min_nodes: 2,
    detector: Detector::Verifier,
    injection: Injection {
        name: "fault.concat-axis-fixed",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.compose-transposes", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, _, n| {
        let first = g.producer(n.input(0)?)?;
        let perm = g.nodes[first].attrs.ints("perm")?.to_vec();
        let axis = n.attrs.int("axis")?;
        let axis = if axis < 0 { axis + perm.len() as i64 } else { axis };
        let sources: Option<Vec<_>> = n
            .inputs
            .iter()
            .map(|v| {
                let t = &g.nodes[g.producer((*v)?)?];
                (t.op == Op::Transpose && t.attrs.ints("perm")? == perm).then(|| t.input(0)).flatten()
            })
            .collect();
        let wrong = n.op == Op::Concat && perm.len() > 1 && perm[axis as usize] != 1;
        let sources = sources.filter(|_| wrong)?;
        if !cx.permit("push-concat", n.origin.source) {
            return None;
        }
        let mut dims = g.ty(sources[0]).dims.clone();
        dims[1] = sources.iter().map(|&v| g.ty(v).dims[1]).sum();
        let inputs: Vec<_> = sources.iter().map(|&v| r.value(v)).collect();
        let ty = TensorType::new(g.ty(sources[0]).dtype, dims);
        let joined = r.emit(Op::Concat, Attrs::none().with_int("axis", 1), &inputs, ty, &n.origin);
        let out = g.ty(n.outputs[0]).clone();
        let y = r.emit(Op::Transpose, Attrs::none().with_ints("perm", &perm), &[joined], out, &n.origin);
        r.bind(n.outputs[0], y);
        Some(())
    })
}
