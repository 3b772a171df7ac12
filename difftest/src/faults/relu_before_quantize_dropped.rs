//! A Relu before a QuantizeLinear is dropped as if saturation did its work. Imitates onnxruntime #9425 (M43). Needs a signed
//! type, whose zero point is not its least value.

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "relu-before-quantize-dropped",
    origin: "onnxruntime #9425, #11660, PR #11696 (M43)",
    summary: "a Relu before a signed QuantizeLinear is dropped",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.relu-before-quantize-dropped",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.qdq-to-integer", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let relu = &g.nodes[g.producer(n.input(0)?)?];
        let fires = n.op == Op::QuantizeLinear && relu.op == Op::Relu && g.ty(n.outputs[0]).dtype.is_signed_int();
        if !fires || !cx.permit("drop-relu", n.origin.source) {
            return None;
        }
        let mut inputs: Vec<_> = n.inputs.iter().map(|v| v.map(|v| r.value(v))).collect();
        inputs[0] = Some(r.value(relu.input(0)?));
        r.keep_with(id, n.op, n.attrs.clone(), inputs);
        Some(())
    })
}
