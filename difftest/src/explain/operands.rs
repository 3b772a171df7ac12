//! Hypotheses about where operands come from: a tail of a sum that is not added, a tile that was not loaded, the parameters of another
//! channel, another order of axes.

use super::rewrites::window_rank;
use super::variant::{Edit, Family, Source, Variant};
use ir::{Graph, NodeId, Op, ValueId};
use reference::Hypothesis;
use std::collections::BTreeSet;

/// Most variants of a family.
const MOST: usize = 160;

fn family(id: &str, phrase: &str, union: bool, mut variants: Vec<Variant>) -> Family {
    variants.retain(|v| v.hypothesis.is_some() || v.edits.iter().any(|e| !e.is_identity()));
    if variants.len() > MOST {
        let (n, all) = (variants.len(), std::mem::take(&mut variants));
        variants =
            all.into_iter().enumerate().filter(|(i, _)| i * MOST / n != (i + 1) * MOST / n).map(|x| x.1).collect();
    }
    Family { id: id.into(), phrase: phrase.into(), tier: 1, union, variants }
}

/// All of them.
pub fn families(g: &Graph) -> Vec<Family> {
    let (mut tail, mut head, mut stale, mut problem) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut scale, mut bias, mut zero, mut record) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut restarts, mut cut) = (Vec::new(), Vec::new());
    for n in g.nodes.ids() {
        sums(g, n, &mut tail, &mut head);
        stale_weights(g, n, &mut stale);
        previous_problem(g, n, &mut problem);
        parameters(g, n, [&mut scale, &mut bias, &mut zero, &mut record]);
        reductions(g, n, &mut restarts, &mut cut);
    }
    vec![
        family("wrong-channel-scale", "the scale of another channel is used", false, scale),
        family("wrong-channel-bias", "the bias of another channel is used", false, bias),
        family("wrong-channel-zero-point", "the zero point of another channel is used", false, zero),
        family("wrong-channel-record", "all parameters of another channel are used", false, record),
        family("k-tail-dropped", "the last part of a sum over K is missing", true, tail),
        family("k-head-lost", "the first part of a sum over K is lost, with the bias", true, head),
        family("reduction-restarts", "only the last part of a reduction counts", true, restarts),
        family("reduction-tail-dropped", "the last part of a reduction is missing", true, cut),
        family("previous-problem", "the last slice of an operand is read where the one before lies", false, problem),
        family("stale-tile", "weights or data of another tile are used", true, stale),
        family("shifted-operand", "an operand is read some elements off", true, shifted(g)),
        family("operand-transposed", "an operand is read in another order of its axes", false, transposed(g)),
    ]
}

/// Inputs and constants that some node reads, with more than one element.
fn editable(g: &Graph) -> Vec<ValueId> {
    let read: BTreeSet<ValueId> = g.nodes.values().flat_map(|n| n.inputs.iter().flatten().copied()).collect();
    read.into_iter().filter(|&v| g.producer(v).is_none() && g.ty(v).elements() > 1).collect()
}

fn may_edit(g: &Graph, v: Option<ValueId>) -> Option<ValueId> {
    v.filter(|&v| g.producer(v).is_none())
}

/// Activation and weights of a matrix operator: operand numbers.
fn matrix(op: Op) -> Option<(usize, usize)> {
    match op {
        Op::Conv | Op::ConvInteger | Op::MatMul | Op::MatMulInteger | Op::Gemm => Some((0, 1)),
        Op::QLinearConv | Op::QLinearMatMul => Some((0, 3)),
        _ => None,
    }
}

fn convolution(op: Op) -> bool {
    matches!(op, Op::Conv | Op::ConvInteger | Op::QLinearConv)
}

/// Position of a weight in the machine's order of K (taps row by row, channels innermost), and the length of K.
fn k_position(g: &Graph, n: NodeId, w: ValueId) -> Option<(impl Fn(&[usize]) -> usize + 'static, usize)> {
    let (op, dims) = (g.nodes[n].op, g.ty(w).dims.clone());
    let transposed = op == Op::Gemm && g.nodes[n].attrs.flag("transB");
    let conv = convolution(op);
    let rank = dims.len();
    if rank < 2 {
        return None;
    }
    let k = if conv {
        dims[1..].iter().product()
    } else if transposed {
        dims[rank - 1]
    } else {
        dims[rank - 2]
    };
    let at = move |idx: &[usize]| {
        if conv {
            let tap = idx[2..].iter().zip(&dims[2..]).fold(0, |a, (&i, &d)| a * d + i);
            tap * dims[1] + idx[1]
        } else if transposed {
            idx[rank - 1]
        } else {
            idx[rank - 2]
        }
    };
    Some((at, k))
}

/// Where the machine may cut K: multiples of 16 channels within each tap, and within each row of taps.
fn cuts(g: &Graph, n: NodeId, w: ValueId, k: usize) -> BTreeSet<usize> {
    let mut out: BTreeSet<usize> = (16..k).step_by(16).collect();
    if k > 1 {
        out.insert(k - 1);
    }
    if convolution(g.nodes[n].op) {
        let dims = &g.ty(w).dims;
        let c = dims[1];
        let row = c * dims[3..].iter().product::<usize>();
        for tap in 0..k / c.max(1) {
            out.extend((0..c).step_by(16).map(|j| tap * c + j));
        }
        for start in (0..k).step_by(row.max(1)) {
            out.extend((0..row).step_by(16).map(|j| start + j));
        }
    }
    out.retain(|&b| b > 0 && b < k);
    out
}

fn sums(g: &Graph, n: NodeId, tail: &mut Vec<Variant>, head: &mut Vec<Variant>) {
    let Some((_, w)) = matrix(g.nodes[n].op) else { return };
    let Some(w) = g.nodes[n].input(w) else { return };
    let Some((_, k)) = k_position(g, n, w) else { return };
    let part = |from: usize, to: usize, note: String| Variant {
        hypothesis: Some(Hypothesis::OnlyTerms { from: from as u32, to: to as u32 }),
        ..Variant::new(note)
    };
    for b in cuts(g, n, w, k) {
        tail.push(part(0, b, format!("{} of {k} terms", k - b)));
        head.push(part(b, k, format!("{b} of {k} terms")));
    }
}

/// Weights of another block of output channels, or of another part of K.
fn stale_weights(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let Some((_, w)) = matrix(g.nodes[n].op) else { return };
    let Some(v) = may_edit(g, g.nodes[n].input(w)) else { return };
    let dims = g.ty(v).dims.clone();
    let conv = convolution(g.nodes[n].op);
    let axis = if conv || g.nodes[n].attrs.flag("transB") { 0 } else { dims.len() - 1 };
    let channels = dims[axis];
    let mut blocks: BTreeSet<usize> = (16..channels).step_by(16).collect();
    if let Some(group) = g.nodes[n].attrs.int("group").filter(|&x| x > 1) {
        let per = channels / group as usize;
        blocks.extend((1..group as usize).map(|k| k * per));
    }
    for s in blocks {
        let edit = Edit::new(g, v, &|i| {
            (i[axis] >= s).then(|| {
                let mut j = i.to_vec();
                j[axis] -= s;
                Source::At(j)
            })
        });
        out.push(Variant::edits(format!("output channels {s} before"), vec![edit]));
        // Tiles may be walked from the last to the first, or a later block may be loaded first.
        let edit = Edit::new(g, v, &|i| {
            (i[axis] + s < channels).then(|| {
                let mut j = i.to_vec();
                j[axis] += s;
                Source::At(j)
            })
        });
        out.push(Variant::edits(format!("output channels {s} after"), vec![edit]));
    }
    // Another problem of a batch.
    if !conv {
        for a in 0..dims.len().saturating_sub(2) {
            for j in 0..dims[a].min(16) {
                let edit = Edit::new(g, v, &|i| {
                    let mut k = i.to_vec();
                    k[a] = j;
                    Some(Source::At(k))
                });
                out.push(Variant::edits(format!("matrix {j} for all"), vec![edit]));
            }
            for s in 1..dims[a].min(9) {
                out.push(Variant::edits(format!("matrix {s} before"), vec![back(g, v, a, s)]));
            }
        }
    }
    let Some((at, k)) = k_position(g, n, v) else { return };
    let taps = if conv { dims[2..].iter().product::<usize>() } else { 1 };
    let c = k / taps.max(1);
    let place = |p: usize, i: &[usize]| {
        let mut j = i.to_vec();
        if conv {
            j[1] = p % c.max(1);
            let mut tap = p / c.max(1);
            for d in (2..dims.len()).rev() {
                j[d] = tap % dims[d];
                tap /= dims[d];
            }
        } else {
            let k_axis = if axis == 0 { dims.len() - 1 } else { dims.len() - 2 };
            j[k_axis] = p;
        }
        j
    };
    for s in cuts(g, n, v, k) {
        let edit = Edit::new(g, v, &|i| {
            let p = at(i);
            (p >= s).then(|| Source::At(place(p - s, i)))
        });
        out.push(Variant::edits(format!("terms {s} before"), vec![edit]));
    }
    // One part of K for all: it stays in the buffer.
    for len in [c, 16, 32, 64].into_iter().chain((2..=taps).map(|t| t * c)).filter(|&l| l > 0 && l < k) {
        for part in 0..k.div_ceil(len).min(16) {
            let edit = Edit::new(g, v, &|i| {
                let p = part * len + at(i) % len;
                (p < k).then(|| Source::At(place(p, i)))
            });
            out.push(Variant::edits(format!("terms {}.. for every {len}", part * len), vec![edit]));
        }
    }
}

/// The operand read `s` elements back along an axis.
fn back(g: &Graph, v: ValueId, axis: usize, s: usize) -> Edit {
    Edit::new(g, v, &|i| {
        (i[axis] >= s).then(|| {
            let mut j = i.to_vec();
            j[axis] -= s;
            Source::At(j)
        })
    })
}

/// The last image, matrix or group of channels is that before it.
fn previous_problem(g: &Graph, n: NodeId, out: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    let Some((x, w)) = matrix(node.op) else { return };
    let group = node.attrs.int("group").unwrap_or(1).max(1) as usize;
    for (operand, axis, what) in
        [(x, 0, "image"), (w, 0, "matrix"), (x, 1, "group of channels"), (w, 0, "group of channels")]
    {
        let Some(v) = may_edit(g, node.input(operand)) else { continue };
        let dims = g.ty(v).dims.clone();
        if dims.len() <= axis {
            continue;
        }
        let chunk = if what == "group of channels" { dims[axis] / group } else { 1 };
        if chunk == 0 || dims[axis] / chunk < 2 {
            continue;
        }
        let start = dims[axis] - chunk;
        let mut edit = Edit::new(g, v, &|i| {
            (i[axis] >= start).then(|| {
                let mut j = i.to_vec();
                j[axis] -= chunk;
                Source::At(j)
            })
        });
        out.push(Variant::edits(format!("the last {what}"), vec![edit.clone()]));
        if what == "group of channels" {
            // Of the last image only.
            let last = dims[0] - 1;
            edit = Edit::new(g, v, &|i| {
                (i[axis] >= start && (axis == 0 || i[0] == last)).then(|| {
                    let mut j = i.to_vec();
                    j[axis] -= chunk;
                    Source::At(j)
                })
            });
            out.push(Variant::edits(format!("the last {what} of the last image"), vec![edit]));
        }
    }
    // Batches of matrices have several leading axes.
    if !convolution(node.op) {
        for operand in [x, w] {
            let Some(v) = may_edit(g, node.input(operand)) else { continue };
            let dims = g.ty(v).dims.clone();
            if dims.len() < 4 {
                continue;
            }
            let batch = &dims[..dims.len() - 2];
            let (per, last) = (dims[dims.len() - 2] * dims[dims.len() - 1], batch.iter().product::<usize>());
            if last < 2 {
                continue;
            }
            let n = last * per;
            let map = (0..n).map(|i| super::variant::Place::Element(if i >= n - per { i - per } else { i })).collect();
            out.push(Variant::edits("the last matrix", vec![Edit { value: v, map }]));
        }
    }
}

/// Roles of per-channel operands: (operand, 0 scale, 1 bias, 2 zero point).
fn roles(op: Op) -> &'static [(usize, usize)] {
    match op {
        Op::QuantizeLinear | Op::DequantizeLinear => &[(1, 0), (2, 2)],
        Op::QLinearConv => &[(4, 0), (5, 2), (8, 1)],
        Op::QLinearMatMul => &[(4, 0), (5, 2)],
        Op::Conv | Op::Gemm => &[(2, 1)],
        Op::BatchNormalization | Op::InstanceNormalization | Op::GroupNormalization => &[(1, 0), (2, 1)],
        Op::Mul | Op::Div => &[(0, 0), (1, 0)],
        Op::Add | Op::Sub => &[(0, 1), (1, 1)],
        _ => &[],
    }
}

fn parameters(g: &Graph, n: NodeId, out: [&mut Vec<Variant>; 4]) {
    let node = &g.nodes[n];
    let group = node.attrs.int("group").unwrap_or(1).max(1) as usize;
    let mut found: Vec<(ValueId, usize, usize)> = Vec::new();
    for &(operand, role) in roles(node.op) {
        let Some(v) = may_edit(g, node.input(operand)).filter(|&v| g.constant(v).is_some()) else { continue };
        let long: Vec<usize> = (0..g.ty(v).dims.len()).filter(|&k| g.ty(v).dims[k] > 1).collect();
        if let &[axis] = &long[..] {
            found.push((v, axis, role));
        }
    }
    let Some(&(v, axis, _)) = found.first() else { return };
    let c = g.ty(v).dims[axis];
    type Rule = Box<dyn Fn(usize) -> usize>;
    let mut rules: Vec<(String, Rule)> = vec![
        ("the next one's".into(), Box::new(move |i| (i + 1).min(c - 1))),
        ("the one before".into(), Box::new(move |i| i.saturating_sub(1))),
        ("channel 0's for all".into(), Box::new(|_| 0)),
    ];
    for p in (16..c).step_by(16) {
        rules.push((format!("that of channel i - {p}"), Box::new(move |i| if i >= p { i - p } else { i })));
        rules.push((format!("that of channel i mod {p}"), Box::new(move |i| i % p)));
    }
    if group > 1 && c.is_multiple_of(group) {
        let per = c / group;
        rules.push((
            "the first group's for the last".into(),
            Box::new(move |i| if i >= c - per { i + per - c } else { i }),
        ));
        rules.push(("the first group's for all".into(), Box::new(move |i| i % per)));
        rules.push(("the group before".into(), Box::new(move |i| if i >= per { i - per } else { i })));
    }
    for (note, rule) in &rules {
        let edit = |v: ValueId, axis: usize| {
            Edit::new(g, v, &|i| {
                let mut j = i.to_vec();
                j[axis] = rule(i[axis]);
                Some(Source::At(j))
            })
        };
        let same: Vec<_> = found.iter().filter(|f| g.ty(f.0).dims[f.1] == c).collect();
        for &&(v, axis, role) in &same {
            out[role].push(Variant::edits(note.clone(), vec![edit(v, axis)]));
        }
        if same.len() > 1 {
            out[3].push(Variant::edits(note.clone(), same.iter().map(|f| edit(f.0, f.1)).collect()));
        }
    }
}

/// Bits of what a reduction ignores.
fn ignored(op: Op, d: ir::DType) -> Option<u64> {
    use ir::DType as D;
    let infinity = match d {
        D::F32 => 0x7f80_0000,
        D::F64 => 0x7ff0 << 48,
        D::BF16 => 0x7f80,
        D::F16 => 0x7c00,
        _ => 0,
    };
    let sign = 1u64 << (8 * d.size() - 1);
    match op {
        Op::ReduceSum | Op::ReduceMean | Op::ReduceL1 | Op::ReduceL2 | Op::ReduceSumSquare | Op::GlobalAveragePool => {
            Some(0)
        }
        Op::ReduceMax | Op::ArgMax | Op::GlobalMaxPool => Some(match d {
            d if d.is_float() => sign | infinity,
            d if d.is_signed_int() => sign,
            _ => 0,
        }),
        Op::ReduceMin | Op::ArgMin => Some(match d {
            d if d.is_float() => infinity,
            d if d.is_signed_int() => sign - 1,
            _ => sign | (sign - 1),
        }),
        Op::ReduceProd => Some(match d {
            D::F32 => 0x3f80_0000,
            D::F64 => 0x3ff0 << 48,
            D::BF16 => 0x3f80,
            D::F16 => 0x3c00,
            _ => 1,
        }),
        _ => None,
    }
}

fn reduced_axes(g: &Graph, n: NodeId, rank: usize) -> Vec<usize> {
    let node = &g.nodes[n];
    let given = match node.op {
        Op::ArgMax | Op::ArgMin => Some(vec![node.attrs.int("axis").unwrap_or(0)]),
        Op::GlobalAveragePool | Op::GlobalMaxPool => Some((2..rank as i64).collect()),
        _ => node.input(1).and_then(|v| g.constant(v)).and_then(ir::Tensor::ints),
    };
    match given {
        Some(l) if !l.is_empty() => l
            .iter()
            .map(|&a| if a < 0 { (a + rank as i64) as usize } else { a as usize })
            .filter(|&a| a < rank)
            .collect(),
        _ => (0..rank).collect(),
    }
}

fn reductions(g: &Graph, n: NodeId, restarts: &mut Vec<Variant>, cut: &mut Vec<Variant>) {
    let node = &g.nodes[n];
    let Some(v) = may_edit(g, node.input(0)) else { return };
    let dims = g.ty(v).dims.clone();
    let Some(bits) = ignored(node.op, g.ty(v).dtype) else { return };
    let mut axes = reduced_axes(g, n, dims.len());
    axes.sort_unstable();
    let total: usize = axes.iter().map(|&a| dims[a]).product();
    // Along all reduced axes in order, and along each of them.
    let mut ways: Vec<(Vec<usize>, usize)> = vec![(axes.clone(), total)];
    if axes.len() > 1 {
        ways.extend(axes.iter().map(|&a| (vec![a], dims[a])));
    }
    for (axes, len) in ways {
        let at = |i: &[usize]| axes.iter().fold(0, |p, &a| p * dims[a] + i[a]);
        let mut bounds: BTreeSet<usize> = (16..len).step_by(16).collect();
        if len <= 64 {
            bounds.extend(1..len);
        }
        for b in bounds {
            let drop = |high: bool| Edit::new(g, v, &|i| ((at(i) >= b) == high).then_some(Source::Bits(bits)));
            restarts.push(Variant::edits(format!("the last {} of {len}", len - b), vec![drop(false)]));
            cut.push(Variant::edits(format!("the last {} of {len}", len - b), vec![drop(true)]));
        }
    }
}

/// Data some elements off, in either direction.
fn shifted(g: &Graph) -> Vec<Variant> {
    let mut out = Vec::new();
    for v in editable(g) {
        let dims = g.ty(v).dims.clone();
        let window = g.nodes.ids().any(|n| window_rank(g, n).is_some() && g.nodes[n].input(0) == Some(v));
        for axis in 0..dims.len() {
            let steps = [1, 2, 4, 8, 16, 32].into_iter().filter(|&s| s < dims[axis]);
            for s in steps {
                out.push(Variant::edits(
                    format!("{} by -{s} on axis {axis}", g.value_name(v)),
                    vec![back(g, v, axis, s)],
                ));
                if window {
                    continue;
                }
                let edit = Edit::new(g, v, &|i| {
                    (i[axis] + s < dims[axis]).then(|| {
                        let mut j = i.to_vec();
                        j[axis] += s;
                        Source::At(j)
                    })
                });
                out.push(Variant::edits(format!("{} by {s} on axis {axis}", g.value_name(v)), vec![edit]));
            }
        }
    }
    out
}

/// The bytes of an operand read as if two of its axes were stored in the other order.
fn transposed(g: &Graph) -> Vec<Variant> {
    let mut out = Vec::new();
    for v in editable(g) {
        let dims = g.ty(v).dims.clone();
        for i in 0..dims.len() {
            for j in i + 1..dims.len() {
                if dims[i] < 2 || dims[j] < 2 {
                    continue;
                }
                let mut stored = dims.clone();
                stored.swap(i, j);
                let n: usize = dims.iter().product();
                let map = (0..n)
                    .map(|k| {
                        let mut idx = crate::check::multi_index(k, &dims);
                        idx.swap(i, j);
                        super::variant::Place::Element(idx.iter().zip(&stored).fold(0, |a, (&x, &d)| a * d + x))
                    })
                    .collect();
                out.push(Variant::edits(
                    format!("{}: axes {i} and {j}", g.value_name(v)),
                    vec![Edit { value: v, map }],
                ));
            }
        }
    }
    out
}
