//! Two transposes in a row become one with the permutations composed in the wrong order. Imitates onnxruntime PR #12158 (M15: mapped
//! with perm, not inverse perm). Needs a pair whose permutations do not commute; equal extents hide it from the type rules.

use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op, Rebuild};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "compose-perm-reversed",
    origin: "onnxruntime #12151 (M15)",
    summary: "Transpose∘Transpose is composed in the wrong order",
    min_nodes: 2,
    detector: Detector::Verifier,
    injection: Injection {
        name: "fault.compose-perm-reversed",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.compose-transposes", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    let mut r = Rebuild::new(g);
    for id in g.nodes.ids() {
        let n = &g.nodes[id];
        let composed = (|| {
            let inner = g.producer(n.input(0)?)?;
            let (p, q) = (g.nodes[inner].attrs.ints("perm")?, n.attrs.ints("perm")?);
            let both = n.op == Op::Transpose && g.nodes[inner].op == Op::Transpose;
            let wrong: Vec<i64> = p.iter().map(|&i| q[i as usize]).collect();
            both.then_some((inner, wrong))
        })();
        match composed {
            Some((inner, perm)) if cx.permit("compose", n.origin.source) => {
                let x = g.nodes[inner].input(0).expect("a transpose has an operand");
                let x = r.value(x);
                r.keep_with(id, n.op, n.attrs.clone().with_ints("perm", &perm), vec![Some(x)]);
            }
            _ => {
                r.keep(id);
            }
        }
    }
    r.finish()
}
