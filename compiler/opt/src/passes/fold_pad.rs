//! `g.fold-pad`: a Pad goes into the padding of the window operator that reads it.
//!
//! Claim `real`: a convolution pads with 0 (a quantised one with its zero point), so a Pad with just that value on spatial
//! axes is more of the same. An average that counts its padding is the average over padded zeros, if it had no padding of
//! its own. MaxPool pads with −Inf, so only a Pad with −Inf goes there; a zero Pad never does.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::value::{floats, ints};
use crate::types::{pad_amounts, window};
use ir::{Attrs, Graph, Node, Op};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass {
    name: "g.fold-pad",
    claim: Claim::Real,
    rules: &["conv", "integer-conv", "average-pool", "max-pool"],
    run,
};

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        let Some((rule, attrs, pad)) = plan(g, n) else { return Ok(false) };
        if !cx.permit(rule, n.origin.source) {
            return Ok(false);
        }
        let mut b = Build::at(r, id);
        let mut inputs: Vec<_> = (0..n.inputs.len()).map(|i| b.opt_input(id, i)).collect();
        let Some(x) = pad.input(0) else { return Ok(false) };
        inputs[0] = Some(b.r.value(x));
        let y = b.op(n.op, attrs, &inputs)?;
        b.bind(id, 0, y);
        Ok(true)
    })
}

/// The value that a Pad fills with: float or integer; absent means 0.
fn fill(g: &Graph, pad: &Node) -> Option<(Option<f64>, Option<i128>)> {
    match pad.input(2) {
        None => Some((Some(0.0), Some(0))),
        Some(v) => {
            let t = g.constant(v)?;
            Some((floats(t).and_then(|v| v.first().copied()), ints(t).and_then(|v| v.first().copied())))
        }
    }
}

fn plan<'g>(g: &'g Graph, n: &Node) -> Option<(&'static str, Attrs, &'g Node)> {
    let pad = n.input(0).and_then(|v| g.producer(v)).map(|p| &g.nodes[p])?;
    if pad.op != Op::Pad || pad.attrs.str("mode") != Some("constant") || n.attrs.str("auto_pad") != Some("NOTSET") {
        return None;
    }
    let (float, int) = fill(g, pad)?;
    let dtype = g.ty(n.input(0)?).dtype;
    let zero_point = |i: usize| match n.input(i) {
        None => Some(0),
        Some(v) => ints(g.constant(v)?)?.first().copied(),
    };
    let finite = |i: usize| {
        n.input(i).and_then(|v| g.constant(v)).and_then(floats).is_some_and(|v| v.iter().all(|x| x.is_finite()))
    };
    let zero = float == Some(0.0) && dtype.is_float();
    let rule = match n.op {
        // 0 times an infinite weight would be NaN under a Pad, and is no product at all in a convolution's padding.
        Op::Conv if zero && finite(1) => "conv",
        Op::QLinearConv | Op::ConvInteger if int.is_some() && int == zero_point(2) => "integer-conv",
        Op::AveragePool if zero => "average-pool",
        Op::MaxPool if float == Some(f64::NEG_INFINITY) && n.outputs.len() == 1 => "max-pool",
        _ => return None,
    };
    let more = pad_amounts(&crate::types::args(g, pad)).ok()?;
    let (outer, spatial) = more.split_at_checked(2)?;
    if outer.iter().any(|&p| p != (0, 0)) || spatial.iter().any(|p| p.0 < 0 || p.1 < 0) {
        return None;
    }
    let own = n.attrs.ints("pads").map_or_else(|| vec![0; 2 * spatial.len()], <[i64]>::to_vec);
    let k = spatial.len();
    if own.len() != 2 * k || (rule == "average-pool" && own.iter().any(|&p| p != 0)) {
        return None;
    }
    let sum: Vec<i64> = (0..2 * k).map(|i| own[i] + if i < k { spatial[i].0 } else { spatial[i - k].1 }).collect();
    let mut attrs = n.attrs.clone().with_ints("pads", &sum);
    if rule == "average-pool" {
        attrs.set("count_include_pad", ir::Attr::Int(1));
    }
    same_windows(g, n, pad, &attrs).then_some((rule, attrs, pad))
}
/// Whether the window operator gives the same extents on the unpadded input, and, if it pools, no window in padding alone.
fn same_windows(g: &Graph, n: &Node, pad: &Node, attrs: &Attrs) -> bool {
    let Some(x) = pad.input(0).map(|v| g.ty(v)) else { return false };
    let out = g.ty(n.outputs[0]);
    if matches!(n.op, Op::MaxPool | Op::AveragePool) {
        // ceil_mode drops windows that start beyond the input and the padding before it: other windows than with a Pad.
        let arg = crate::types::Arg { ty: x, value: None };
        let same = crate::infer(n.op, attrs, &[Some(arg)]).is_ok_and(|t| t.first() == Some(out));
        return same && !attrs.flag("ceil_mode");
    }
    let weights = if n.op == Op::QLinearConv { 3 } else { 1 };
    let Some(w) = n.input(weights).map(|v| g.ty(v)) else { return false };
    window(attrs, &x.dims[2..], &w.dims[2..], false).is_ok_and(|win| win.out == out.dims[2..])
}
