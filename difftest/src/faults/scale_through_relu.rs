//! A constant factor moves from before a Relu to behind it, although it may be negative. Imitates apache/tvm #2182 (M38).
//! Needs a negative factor.

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "scale-through-relu",
    origin: "apache/tvm #2182 (M38)",
    summary: "a factor is moved through Relu without a look at its sign",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.scale-through-relu",
        claim: Claim::RealExceptNan,
        edit: Edit::Graph { before: "g.algebraic", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let m = &g.nodes[g.producer(n.input(0)?)?];
        let (x, c) = (m.input(0)?, m.input(1)?);
        if n.op != Op::Relu || m.op != Op::Mul || g.constant(c).is_none() || !cx.permit("move-scale", n.origin.source) {
            return None;
        }
        let (x, c) = (r.value(x), r.value(c));
        let y = typed(r, id, Op::Relu, n.attrs.clone(), &[x])?;
        let y = typed(r, id, Op::Mul, m.attrs.clone(), &[y, c])?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
