//! Hypotheses that are wrong graphs: an operation left out, moved or read with another attribute. Written from what an operator
//! means, without a look at the faults.

use super::variant::{Family, Variant};
use ir::{Attrs, DType, Def, Graph, Node, NodeId, Op, Rebuild, Tensor, TensorType, ValueId};

/// A family of graph rewrites.
fn family(id: &str, phrase: &str, tier: u8, variants: Vec<Variant>) -> Family {
    Family { id: id.into(), phrase: phrase.into(), tier, union: false, variants }
}

/// All of them, for a graph.
pub fn families(g: &Graph) -> Vec<Family> {
    let each = |f: &dyn Fn(&Graph, NodeId, &mut Vec<Variant>)| {
        let mut out = Vec::new();
        for n in g.nodes.ids() {
            f(g, n, &mut out);
        }
        out
    };
    let mut casts = each(&cast_missing);
    let pairs: Vec<(NodeId, ValueId)> = g.nodes.ids().filter_map(|n| Some((n, round_trip(g, n)?))).collect();
    if pairs.len() > 1 {
        let all = pairs.iter().fold(g.clone(), |h, &(n, x)| short_cut(&h, n, x));
        casts.push(Variant::graph("every pair", all));
    }
    vec![
        family("activation-missing", "an activation is left out", 0, each(&activation_missing)),
        family("cast-missing", "a conversion to a narrower type is left out", 0, casts),
        family("factor-through-relu", "a factor is moved behind a Relu", 0, each(&factor_through_relu)),
        family("pad-value-ignored", "the value of a Pad is not the one that is padded with", 0, each(&pad_value)),
        family("slice-shifted", "a slice starts and ends one element off", 0, each(&slice_shifted)),
        family(
            "permutation-wrong",
            "a permutation is inverted, dropped or composed in the wrong order",
            0,
            each(&permutation),
        ),
        family("gemm-transposed", "an operand of Gemm is read transposed", 0, each(&gemm_transposed)),
        family("self-difference-zero", "x - x is taken as 0", 0, each(&self_difference)),
        family("batchnorm-shared", "another reader gets the normalised value", 0, each(&batchnorm_shared)),
        family("dilation-of-other-axis", "an axis of a window uses the dilation of another", 0, each(&other_dilation)),
        family("stride-of-other-axis", "an axis of a window uses the stride of another", 1, each(&other_stride)),
        family("window-shifted", "a window starts some elements off", 1, each(&window_shifted)),
        family("operands-swapped", "two operands are swapped", 1, each(&operands_swapped)),
        family("axis-wrong", "an operator works along another axis", 1, each(&axis_wrong)),
        family("operation-skipped", "an operation is left out", 2, each(&operation_skipped)),
    ]
}

fn name(g: &Graph, n: NodeId) -> String {
    let node = &g.nodes[n];
    format!("{} `{}`", node.op, node.origin.name)
}

fn bypassed(g: &Graph, n: NodeId) -> Graph {
    let mut h = g.clone();
    let node = &mut h.nodes[n];
    node.op = Op::Identity;
    node.attrs = Attrs::none();
    node.inputs.truncate(1);
    node.outputs.truncate(1);
    h
}

fn activation_missing(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    if matches!(g.nodes[n].op, Op::Relu | Op::Clip | Op::LeakyRelu | Op::PRelu | Op::HardSigmoid | Op::HardSwish) {
        out.push(Variant::graph(name(g, n), bypassed(g, n)));
    }
}

/// A Cast between float types.
fn narrows(g: &Graph, n: NodeId) -> bool {
    let node = &g.nodes[n];
    let float = |v: ValueId| g.ty(v).dtype.is_float();
    node.op == Op::Cast && node.input(0).is_some_and(float) && float(node.outputs[0])
}

/// The operand of the first of two casts that end at the type they started from.
fn round_trip(g: &Graph, n: NodeId) -> Option<ValueId> {
    let node = &g.nodes[n];
    let before = &g.nodes[g.producer(node.input(0)?)?];
    let x = before.input(0)?;
    (node.op == Op::Cast && before.op == Op::Cast && g.ty(x) == g.ty(node.outputs[0])).then_some(x)
}

/// The second of two casts reads what the first one read.
fn short_cut(g: &Graph, n: NodeId, x: ValueId) -> Graph {
    let mut h = bypassed(g, n);
    h.nodes[n].inputs = vec![Some(x)];
    h
}

fn cast_missing(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    if let Some(x) = round_trip(g, n) {
        out.push(Variant::graph(format!("{} and the one before", name(g, n)), short_cut(g, n, x)));
    }
    if narrows(g, n) {
        out.push(Variant::graph(name(g, n), bypassed(g, n)));
    }
}

fn factor_through_relu(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let relu = &g.nodes[n];
    let Some(p) = relu.input(0).and_then(|v| g.producer(v)) else { return };
    let m = &g.nodes[p];
    if relu.op != Op::Relu || !matches!(m.op, Op::Mul | Op::Div | Op::Neg) {
        return;
    }
    for data in 0..m.inputs.len().min(if m.op == Op::Mul { 2 } else { 1 }) {
        let Some(x) = m.input(data) else { continue };
        if g.ty(x).dims != g.ty(m.outputs[0]).dims {
            continue;
        }
        let mut r = Rebuild::new(g);
        for id in g.nodes.ids() {
            if id != n {
                r.keep(id);
                continue;
            }
            let mut inputs: Vec<ValueId> = m.inputs.iter().flatten().map(|&v| r.value(v)).collect();
            let ty = g.ty(relu.outputs[0]).clone();
            inputs[data] = r.emit(Op::Relu, Attrs::none(), &[inputs[data]], ty.clone(), &relu.origin);
            let y = r.emit(m.op, m.attrs.clone(), &inputs, ty, &relu.origin);
            r.bind(relu.outputs[0], y);
        }
        out.push(Variant::graph(name(g, p), r.finish()));
    }
}

fn self_difference(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    if node.op != Op::Sub || node.input(0) != node.input(1) {
        return;
    }
    let mut r = Rebuild::new(g);
    for id in g.nodes.ids() {
        if id == n {
            let zero = r.constant(Tensor::zeros(g.ty(node.outputs[0])));
            r.bind(node.outputs[0], zero);
        } else {
            r.keep(id);
        }
    }
    out.push(Variant::graph(name(g, n), r.finish()));
}

/// A scalar of a float type with this value; zero and infinities only, so that every format holds it.
fn scalar(d: DType, x: f32) -> Option<Tensor> {
    let bits = match d {
        DType::F32 => u64::from(x.to_bits()),
        DType::BF16 => u64::from(x.to_bits() >> 16),
        DType::F16 => u64::from(half::f16::from_f32(x).to_bits()),
        DType::F64 => f64::from(x).to_bits(),
        _ => return None,
    };
    Tensor::new(d, Vec::new(), bits.to_le_bytes()[..d.size()].to_vec()).ok()
}

fn pad_value(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    if node.op != Op::Pad || node.attrs.str("mode") != Some("constant") {
        return;
    }
    let Some(x) = node.input(0) else { return };
    for (v, text) in [(0.0, "0"), (f32::NEG_INFINITY, "the lowest number")] {
        if let Some(t) = scalar(g.ty(x).dtype, v) {
            let mut h = g.clone();
            let c = h.add_const(None, t);
            let inputs = &mut h.nodes[n].inputs;
            inputs.resize(inputs.len().max(3), None);
            inputs[2] = Some(c);
            out.push(Variant::graph(format!("{}: {text}", name(g, n)), h));
        }
    }
    out.extend(folded_pad(g, n).map(|h| Variant::graph(format!("{}: the window's own padding", name(g, n)), h)));
}

/// A Pad taken into the window that reads it: the window's own rule for padding then holds.
fn folded_pad(g: &Graph, n: NodeId) -> Option<Graph> {
    let pad = &g.nodes[n];
    let amounts = g.constant(pad.input(1)?)?.to_i64()?;
    let reader = g.nodes.ids().find(|&r| g.nodes[r].input(0) == Some(pad.outputs[0]) && window_rank(g, r).is_some())?;
    let rank = window_rank(g, reader)?;
    let full = amounts.len() / 2;
    if full != rank + 2 || pad.input(3).is_some() {
        return None;
    }
    let mut pads = explicit_pads(g, reader)?;
    for k in 0..rank {
        pads[k] += amounts[k + 2];
        pads[k + rank] += amounts[full + k + 2];
    }
    let mut h = g.clone();
    h.nodes[reader].inputs[0] = pad.inputs[0];
    set_pads(&mut h.nodes[reader], &pads);
    Some(h)
}

fn slice_shifted(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    if node.op != Op::Slice {
        return;
    }
    let list = |i: usize| g.constant(node.input(i)?)?.ints();
    let (Some(starts), Some(ends)) = (list(1), list(2)) else { return };
    for k in 0..starts.len() {
        for by in [1, -1] {
            let mut h = g.clone();
            for (i, l) in [(1, &starts), (2, &ends)] {
                let mut l = l.clone();
                l[k] = l[k].saturating_add(by);
                h.nodes[n].inputs[i] = Some(h.add_const(None, Tensor::from_i64([l.len()], &l)));
            }
            out.push(Variant::graph(format!("{}: axis {k} by {by}", name(g, n)), h));
        }
    }
}

fn permutation(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    let Some(perm) = node.attrs.ints("perm").filter(|_| node.op == Op::Transpose) else { return };
    let mut push = |text: &str, p: &[i64]| {
        let mut h = g.clone();
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_ints("perm", p);
        out.push(Variant::graph(format!("{}: {text}", name(g, n)), h));
    };
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p as usize] = i as i64;
    }
    push("inverted", &inverse);
    push("dropped", &(0..perm.len() as i64).collect::<Vec<_>>());
    let before = node.input(0).and_then(|v| g.producer(v)).filter(|&p| g.nodes[p].op == Op::Transpose);
    if let Some(p) = before
        && let Some(first) = g.nodes[p].attrs.ints("perm")
    {
        let wrong: Vec<i64> = first.iter().map(|&i| perm[i as usize]).collect();
        let mut h = g.clone();
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_ints("perm", &wrong);
        h.nodes[n].inputs[0] = g.nodes[p].inputs[0];
        out.push(Variant::graph(format!("{} and the one before: composed in the wrong order", name(g, n)), h));
    }
}

fn gemm_transposed(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    if g.nodes[n].op != Op::Gemm {
        return;
    }
    for a in ["transA", "transB"] {
        let mut h = g.clone();
        let flipped = i64::from(!h.nodes[n].attrs.flag(a));
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_int(a, flipped);
        out.push(Variant::graph(format!("{}: {a}", name(g, n)), h.clone()));
        // A Transpose in front is taken in, whatever it does.
        let operand = usize::from(a == "transB");
        let front = g.nodes[n].input(operand).and_then(|v| g.producer(v)).filter(|&p| g.nodes[p].op == Op::Transpose);
        if let Some(p) = front {
            h.nodes[n].inputs[operand] = g.nodes[p].inputs[0];
            out.push(Variant::graph(format!("{}: {a} for the Transpose before", name(g, n)), h));
        }
    }
}

/// What is normalised gets normalised for every reader.
fn batchnorm_shared(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let bn = &g.nodes[n];
    let Some(y) = bn.input(0) else { return };
    let Some(p) = g.producer(y) else { return };
    let constant = bn.inputs[1..].iter().all(|v| v.is_some_and(|v| g.constant(v).is_some()));
    if bn.op != Op::BatchNormalization || !constant {
        return;
    }
    let mut r = Rebuild::new(g);
    for id in g.nodes.ids() {
        if id == n {
            let v = r.value(y);
            r.bind(bn.outputs[0], v);
        } else if id == p {
            let x = r.keep(id)[0];
            let mut inputs = vec![x];
            inputs.extend(bn.inputs[1..].iter().flatten().map(|&v| r.value(v)));
            let v = r.emit(bn.op, bn.attrs.clone(), &inputs, g.ty(y).clone(), &bn.origin);
            r.bind(y, v);
        } else {
            r.keep(id);
        }
    }
    out.push(Variant::graph(name(g, n), r.finish()));
}

// ---------------------------------------------------------------------------------------------- windows

/// Number of spatial axes of a window operator.
pub fn window_rank(g: &Graph, n: NodeId) -> Option<usize> {
    let node = &g.nodes[n];
    let window =
        matches!(node.op, Op::Conv | Op::QLinearConv | Op::ConvInteger | Op::MaxPool | Op::AveragePool | Op::LpPool);
    let rank = g.ty(node.input(0)?).dims.len();
    (window && rank > 2).then(|| rank - 2)
}

/// Extents of the window.
fn kernel(g: &Graph, n: NodeId) -> Option<Vec<usize>> {
    let node = &g.nodes[n];
    if let Some(k) = node.attrs.ints("kernel_shape") {
        return Some(k.iter().map(|&k| k as usize).collect());
    }
    let w = if node.op == Op::QLinearConv { node.input(3) } else { node.input(1) };
    g.ty(w?).dims.get(2..).map(<[usize]>::to_vec)
}

fn list(node: &Node, a: &str, rank: usize) -> Vec<i64> {
    node.attrs.ints(a).map_or_else(|| vec![1; rank], <[i64]>::to_vec)
}

/// The padding as numbers, whatever `auto_pad` says.
fn explicit_pads(g: &Graph, n: NodeId) -> Option<Vec<i64>> {
    let (node, rank) = (&g.nodes[n], window_rank(g, n)?);
    let auto = node.attrs.str("auto_pad").unwrap_or("NOTSET");
    if auto == "NOTSET" {
        return Some(node.attrs.ints("pads").map_or_else(|| vec![0; 2 * rank], <[i64]>::to_vec));
    }
    let mut pads = vec![0; 2 * rank];
    if auto.starts_with("SAME") {
        let (dims, k) = (&g.ty(node.input(0)?).dims, kernel(g, n)?);
        let (s, d) = (list(node, "strides", rank), list(node, "dilations", rank));
        for i in 0..rank {
            let len = dims[i + 2] as i64;
            let outs = (len + s[i] - 1) / s[i];
            let total = ((outs - 1) * s[i] + (k[i] as i64 - 1) * d[i] + 1 - len).max(0);
            let (small, big) = (total / 2, total - total / 2);
            (pads[i], pads[i + rank]) = if auto == "SAME_UPPER" { (small, big) } else { (big, small) };
        }
    }
    Some(pads)
}

fn set_pads(node: &mut Node, pads: &[i64]) {
    node.attrs = node.attrs.clone().with_str("auto_pad", "NOTSET").with_ints("pads", pads);
}

fn other_dilation(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let (Some(rank), Some(pads), Some(k)) = (window_rank(g, n), explicit_pads(g, n), kernel(g, n)) else { return };
    let d = list(&g.nodes[n], "dilations", rank);
    for (i, j) in (0..rank).flat_map(|i| (0..rank).map(move |j| (i, j))).filter(|&(i, j)| d[i] != d[j]) {
        let (mut h, mut d, mut pads) = (g.clone(), d.clone(), pads.clone());
        // The number of results stays: what the window is longer, the padding behind is.
        pads[i + rank] += (d[j] - d[i]) * (k[i] as i64 - 1);
        d[i] = d[j];
        set_pads(&mut h.nodes[n], &pads);
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_ints("dilations", &d);
        out.push(Variant::graph(format!("{}: axis {i} that of axis {j}", name(g, n)), h));
    }
}

fn other_stride(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let (Some(rank), Some(pads)) = (window_rank(g, n), explicit_pads(g, n)) else { return };
    let s = list(&g.nodes[n], "strides", rank);
    let outs = &g.ty(g.nodes[n].outputs[0]).dims;
    for (i, j) in (0..rank).flat_map(|i| (0..rank).map(move |j| (i, j))).filter(|&(i, j)| s[i] != s[j]) {
        let (mut h, mut s, mut pads) = (g.clone(), s.clone(), pads.clone());
        pads[i + rank] += (s[j] - s[i]) * (outs.get(i + 2).copied().unwrap_or(1) as i64 - 1);
        s[i] = s[j];
        set_pads(&mut h.nodes[n], &pads);
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_ints("strides", &s);
        out.push(Variant::graph(format!("{}: axis {i} that of axis {j}", name(g, n)), h));
    }
}

fn window_shifted(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let (Some(rank), Some(pads)) = (window_rank(g, n), explicit_pads(g, n)) else { return };
    for k in 0..rank {
        for by in [1, -1, 2, -2] {
            let (mut h, mut p) = (g.clone(), pads.clone());
            p[k] -= by;
            p[k + rank] += by;
            set_pads(&mut h.nodes[n], &p);
            out.push(Variant::graph(format!("{}: axis {k} by {by}", name(g, n)), h));
        }
    }
}

// ---------------------------------------------------------------------------------------------- any operator

fn operands_swapped(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    for i in 0..node.inputs.len().min(4) {
        for j in i + 1..node.inputs.len().min(4) {
            if let (Some(x), Some(y)) = (node.input(i), node.input(j))
                && x != y
                && g.ty(x) == g.ty(y)
            {
                let mut h = g.clone();
                h.nodes[n].inputs.swap(i, j);
                out.push(Variant::graph(format!("{}: {i} and {j}", name(g, n)), h));
            }
        }
    }
}

fn axis_wrong(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    let (Some(axis), Some(x)) = (node.attrs.int("axis"), node.input(0)) else { return };
    let rank = g.ty(x).dims.len() as i64;
    let now = if axis < 0 { axis + rank } else { axis };
    for other in (0..rank).filter(|&a| a != now) {
        let mut h = g.clone();
        h.nodes[n].attrs = h.nodes[n].attrs.clone().with_int("axis", other);
        out.push(Variant::graph(format!("{}: {other} instead of {now}", name(g, n)), h));
    }
}

fn operation_skipped(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    let Some(x) = node.input(0) else { return };
    let (from, to): (&TensorType, &TensorType) = (g.ty(x), g.ty(node.outputs[0]));
    if from == to && !matches!(node.op, Op::Identity) && !matches!(g.values[x].def, Def::Const(_)) {
        out.push(Variant::graph(name(g, n), bypassed(g, n)));
    }
}
