//! Cast to a narrower type and back goes away. Imitates onnxruntime PR #17953 (M10). Needs a type in the middle that loses
//! something.
//! Fires in 13 % of default cases (of 300, seed 0).

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "lossy-cast-pair-dropped",
    origin: "onnxruntime PR #17953, pytorch/glow PR #3209 (M10)",
    summary: "Cast f32 -> T -> f32 goes away although T is narrower",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.lossy-cast-pair-dropped",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.algebraic", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, _, n| {
        let inner = &g.nodes[g.producer(n.input(0)?)?];
        let x = inner.input(0)?;
        let pair = n.op == Op::Cast && inner.op == Op::Cast && g.ty(x) == g.ty(n.outputs[0]);
        if !pair || !cx.permit("cast-pair", n.origin.source) {
            return None;
        }
        let x = r.value(x);
        r.bind(n.outputs[0], x);
        Some(())
    })
}
