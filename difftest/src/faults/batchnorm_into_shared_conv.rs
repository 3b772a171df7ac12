//! A BatchNormalization is folded into a matrix operator whose result somebody else reads too. Imitates pytorch/executorch
//! PR #20601 (M36). Needs fan-out 2 before the BatchNormalization.
//! Fires in 2 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, NodeId, Op, ValueId};
use kit::{Claim, PassCx};
use std::collections::BTreeMap;

pub(super) const FAULT: Fault = Fault {
    id: "batchnorm-into-shared-conv",
    origin: "pytorch/executorch PR #20601, pytorch #197539 (M36)",
    summary: "BatchNormalization is folded into a Conv that has another reader",
    min_nodes: 2,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.batchnorm-into-shared-conv",
        claim: Claim::Real,
        edit: Edit::Graph { before: "g.fold-batchnorm", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    let users = g.users();
    let mut folded: BTreeMap<NodeId, ValueId> = BTreeMap::new();
    each(g, |r, id, n| {
        if let Some(&v) = folded.get(&id) {
            r.bind(n.outputs[0], v);
            return Some(());
        }
        if !matches!(n.op, Op::Conv | Op::MatMul | Op::Gemm) {
            return None;
        }
        let y = n.outputs[0];
        let constant = |b: &NodeId| g.nodes[*b].inputs[1..].iter().all(|v| v.is_some_and(|v| g.constant(v).is_some()));
        let first = |b: &NodeId| g.nodes[*b].op == Op::BatchNormalization && g.nodes[*b].input(0) == Some(y);
        let bn = users[y].iter().copied().find(|b| first(b) && constant(b))?;
        let shared = users[y].len() > 1 || g.is_output(y);
        if !shared || !cx.permit("conv", g.nodes[bn].origin.source) {
            return None;
        }
        let x = r.keep(id)[0];
        let b = &g.nodes[bn];
        let mut inputs = vec![x];
        inputs.extend(b.inputs[1..].iter().flatten().map(|&v| r.value(v)));
        let v = typed(r, bn, b.op, b.attrs.clone(), &inputs)?;
        folded.insert(bn, v);
        r.bind(y, v);
        Some(())
    })
}
