//! Round takes ties toward +Inf instead of to even. Imitates tt-metal #56525 and onnxruntime #25045 (M49). Needs exact .5
//! values.
//! Fires in 6 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, DType, Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "round-ties-up",
    origin: "tt-metal #56525, onnxruntime #25045 (M49)",
    summary: "Round takes ties upwards instead of to even",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.round-ties-up",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.algebraic", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let f32 = g.ty(n.outputs[0]).dtype == DType::F32;
        if n.op != Op::Round || !f32 || !cx.permit("round-as-floor", n.origin.source) {
            return None;
        }
        let (x, half) = (r.value(n.input(0)?), r.constant(Tensor::from_f32([], &[0.5])));
        let y = typed(r, id, Op::Add, Attrs::none(), &[x, half])?;
        let y = typed(r, id, Op::Floor, Attrs::none(), &[y])?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
