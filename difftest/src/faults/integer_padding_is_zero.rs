//! An integer convolution pads with 0 instead of the zero point of its input, which makes padded taps count. Class 10
//! (quantisation); needs padding and a zero point other than 0, as a constant or from run time.
//! How often it fires in default cases was not measured.

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "integer-padding-is-zero",
    origin: "class 10 (quantisation): padding by the number 0, not by what stands for it",
    summary: "an integer convolution pads with 0 instead of the zero point",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.integer-padding-is-zero",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.decompose", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if !matches!(n.op, Op::ConvInteger | Op::QLinearConv) || n.attrs.str("auto_pad") != Some("NOTSET") {
            return None;
        }
        let zero = n.input(2)?;
        let harmless = g.constant(zero).and_then(Tensor::ints).is_some_and(|z| z.iter().all(|&z| z == 0));
        let pads = n.attrs.ints("pads").filter(|p| p.len() == 4 && p.iter().any(|&p| p > 0))?.to_vec();
        if harmless || !cx.permit("pad-with-zero", n.origin.source) {
            return None;
        }
        let mut inputs: Vec<_> = n.inputs.iter().flatten().map(|&v| r.value(v)).collect();
        let amounts = r.constant(Tensor::from_i64([8], &[0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]));
        inputs[0] = typed(r, id, Op::Pad, Attrs::none(), &[inputs[0], amounts])?;
        let y = typed(r, id, n.op, n.attrs.clone().with_ints("pads", &[0; 4]), &inputs)?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
