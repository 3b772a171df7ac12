//! `g.fold-constants`: nodes whose inputs are all constants become constants.
//!
//! Claim `real`: floats are evaluated and kept in f64, so only `g.round-constants` rounds; integers are exact.

use super::GraphPass;
use super::build::{Res, each};
use crate::fold;
use crate::types;
use ir::{Graph, Node, Op};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass { name: "g.fold-constants", claim: Claim::Real, rules: &["fold"], run };

/// A fold may not make a constant larger than this from smaller ones: the binary would carry it.
const MAX_GROWTH: usize = 1 << 16;

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        // The new graph's constants: a chain folds in one sweep.
        let inputs: Vec<_> = n.inputs.iter().map(|i| i.map(|v| r.value(v))).collect();
        let new = Node { inputs, ..n.clone() };
        if new.inputs.iter().flatten().any(|&v| r.new.constant(v).is_none()) && !matches!(n.op, Op::Shape | Op::Size) {
            return Ok(false);
        }
        let args = types::args(&r.new, &new);
        let outs: Vec<_> = n.outputs.iter().map(|&o| g.ty(o).clone()).collect();
        let largest = args.iter().flatten().map(|a| a.ty.elements()).max().unwrap_or(0);
        if outs.iter().any(|t| t.elements() > MAX_GROWTH && t.elements() > largest) {
            return Ok(false);
        }
        let Some(values) = fold::evaluate(n.op, &n.attrs, &args, &outs).filter(|v| v.len() >= outs.len()) else {
            return Ok(false);
        };
        if !cx.permit("fold", n.origin.source) {
            return Ok(false);
        }
        for ((&old, t), ty) in n.outputs.iter().zip(values).zip(outs) {
            let t = if fold::value::is_inexact(&types::Arg { ty: &ty, value: Some(&t) }) {
                t
            } else {
                fold::value::rounded(&t, ty.dtype)
            };
            let v = r.new.add_wide_const(g.values[old].name.clone(), ty, t);
            r.bind(old, v);
        }
        Ok(true)
    })
}
