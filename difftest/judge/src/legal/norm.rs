//! Softmax, normalisations and reductions.

use super::elementwise::mean_of;
use super::kernel::{Kernel, Strategy};
use super::num::{self, BF16, BITS12};
use super::value::{Run, Value, count, lacking, strides, walk};
use crate::bugs::Flaw;
use ir::{DType, Node, Op};
use reference::Func;

fn axis(node: &Node, default: i64, rank: usize) -> usize {
    let a = node.attrs.int("axis").unwrap_or(default);
    (if a < 0 { a + rank as i64 } else { a }) as usize
}

/// Positions of each line along an axis.
fn lines(dims: &[usize], ax: usize) -> Vec<Vec<usize>> {
    sets(dims, &[ax])
}

/// Positions of the elements that share their indices on all axes but `reduced`, in row-major order of the others.
pub fn sets(dims: &[usize], reduced: &[usize]) -> Vec<Vec<usize>> {
    let st = strides(dims);
    let pick = |keep: bool| -> (Vec<usize>, Vec<usize>) {
        (0..dims.len()).filter(|d| reduced.contains(d) != keep).map(|d| (dims[d], st[d])).unzip()
    };
    let ((outer, so), (inner, si)) = (pick(true), pick(false));
    walk(&outer, 0, &so).into_iter().map(|base| walk(&inner, base, &si)).collect()
}

/// Softmax and LogSoftmax: stable form, whole or online.
pub fn softmax(k: &mut Kernel<'_>, node: &Node, x: &Value) -> Run<Value> {
    let xs = x.f()?;
    let mut out = vec![0.0; xs.len()];
    for line in lines(&x.dims, axis(node, -1, x.dims.len())) {
        let row: Vec<f64> = line.iter().map(|&i| xs[i]).collect();
        let y = if node.op == Op::LogSoftmax { log_softmax(k, &row) } else { softmax_row(k, &row) };
        line.iter().zip(y).for_each(|(&i, y)| out[i] = y);
    }
    Ok(Value::floats(x.dtype, x.dims.clone(), out))
}

fn highest(row: &[f64]) -> f64 {
    row.iter().fold(f64::NEG_INFINITY, |a, &b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

/// `e^d`, directly or as `2^(d log2 e)`.
fn power(k: &mut Kernel<'_>, d: f64) -> f64 {
    if k.has(Flaw::Fast12) {
        return num::round(libm::exp(d), BITS12);
    }
    if k.ch.variant % 4 == 3 {
        let t = k.r(d * k.c(std::f64::consts::LOG2_E));
        return k.func(Func::Exp, libm::exp2(t));
    }
    k.exp(d)
}

/// Maximum and sum of `e^(x - max)`: at once, or block by block with rescaling.
fn max_and_sum(k: &mut Kernel<'_>, row: &[f64]) -> (f64, f64) {
    let blocks = k.contract.online_softmax_rescales.clamp(1, 4) as usize;
    if k.ch.variant % 3 != 2 || row.len() < blocks || k.flaw.is_some() {
        let m = highest(row);
        let e: Vec<f64> = row.iter().map(|&x| power(k, k.r(x - m))).collect();
        let s = if k.has(Flaw::SumBf16) { e.iter().fold(0.0, |s, &x| num::round(s + x, BF16)) } else { k.sum(&e) };
        return (m, s);
    }
    let (mut m, mut s) = (f64::NEG_INFINITY, 0.0);
    for part in row.chunks(row.len().div_ceil(blocks)) {
        let next = highest(&[m, highest(part)]);
        if next == f64::NEG_INFINITY {
            continue;
        }
        let e: Vec<f64> = part.iter().map(|&x| power(k, k.r(x - next))).collect();
        let part_sum = k.sum(&e);
        if s != 0.0 && next != m {
            let factor = power(k, k.r(m - next));
            s = k.r(s * factor);
        }
        s = k.r(s + part_sum);
        m = next;
    }
    (m, s)
}

fn softmax_row(k: &mut Kernel<'_>, row: &[f64]) -> Vec<f64> {
    let (m, s) = max_and_sum(k, row);
    let reciprocal = if k.has(Flaw::Recip12) {
        Some(num::round(1.0 / s, BITS12))
    } else if k.ch.fma {
        Some(k.r(1.0 / s))
    } else {
        None
    };
    let mut y = Vec::with_capacity(row.len());
    for &x in row {
        let e = power(k, k.r(x - m));
        y.push(match reciprocal {
            Some(q) => k.r(e * q),
            None => k.r(e / s),
        });
    }
    y
}

fn log_softmax(k: &mut Kernel<'_>, row: &[f64]) -> Vec<f64> {
    let (m, s) = max_and_sum(k, row);
    let l = k.func(Func::Log, libm::log(s));
    // The contract's form is the stable one, `(x - max) - log sum`: `x - (max + log sum)` would round at the data's own
    // magnitude, which no bound in terms of `max - x` covers.
    row.iter().map(|&x| k.r(k.r(x - m) - l)).collect()
}

/// Mean, variance and `1/sqrt(var + eps)` of a set (population variance, two passes).
struct Moments {
    mean: f64,
    var: f64,
    inv: f64,
}

fn moments(k: &mut Kernel<'_>, row: &[f64], eps: f64, centre: bool) -> Moments {
    let n = row.len();
    let mean = if centre {
        let s = k.sum(row);
        mean_of(k, s, n)
    } else {
        0.0
    };
    let d: Vec<f64> = row.iter().map(|&x| k.r(x - mean)).collect();
    let by = if k.has(Flaw::Ddof) && n > 1 { n - 1 } else { n };
    let var = if k.has(Flaw::OnePass) {
        let s = k.dot(row, row, None);
        let q = k.r(s / n as f64);
        k.r(q - k.r(mean * mean)).max(0.0)
    } else {
        let s = k.dot(&d, &d, None);
        mean_of(k, s, by)
    };
    let inv = if k.has(Flaw::EpsilonOutside) {
        let s = k.sqrt(var);
        k.r(1.0 / k.r(s + eps))
    } else {
        let v = k.r(var + eps);
        k.rsqrt(v)
    };
    Moments { mean, var, inv }
}

/// `(x - mean) inv scale + bias`, the products in either order.
fn normalised(k: &Kernel<'_>, x: f64, m: &Moments, scale: Option<f64>, bias: Option<f64>) -> f64 {
    let d = k.r(x - m.mean);
    match (scale, bias) {
        (None, None) => k.r(d * m.inv),
        (None, Some(b)) => k.mul_add(d, m.inv, b),
        (Some(s), None) => product(k, d, m.inv, s),
        (Some(s), Some(b)) if k.ch.variant.is_multiple_of(2) => k.mul_add(k.r(d * m.inv), s, b),
        (Some(s), Some(b)) => k.mul_add(d, k.r(m.inv * s), b),
    }
}

fn product(k: &Kernel<'_>, d: f64, inv: f64, s: f64) -> f64 {
    if k.ch.variant.is_multiple_of(2) { k.r(k.r(d * inv) * s) } else { k.r(d * k.r(inv * s)) }
}

/// LayerNormalization (with Mean and InvStdDev) and RMSNormalization.
pub fn layer(k: &mut Kernel<'_>, node: &Node, x: &Value, scale: &Value, bias: Option<&Value>) -> Run<Vec<Value>> {
    let ax = axis(node, -1, x.dims.len());
    let eps = node.attrs.f32("epsilon").map_or(1e-5, f64::from);
    let (s, b) = (scale.spread(&x.dims), bias.map(|b| b.spread(&x.dims)));
    let (s, b, xs) = (s.f()?, b.as_ref().map(Value::f).transpose()?, x.f()?);
    let inner = count(&x.dims[ax..]);
    let (mut y, mut mean, mut inv) = (Vec::with_capacity(xs.len()), Vec::new(), Vec::new());
    for (row, chunk) in xs.chunks(inner.max(1)).enumerate() {
        let m = moments(k, chunk, eps, node.op == Op::LayerNormalization);
        for (j, &v) in chunk.iter().enumerate() {
            let i = row * inner + j;
            y.push(normalised(k, v, &m, Some(s[i]), b.map(|b| b[i])));
        }
        mean.push(m.mean);
        inv.push(m.inv);
    }
    let stat: Vec<usize> = x.dims.iter().enumerate().map(|(d, &n)| if d < ax { n } else { 1 }).collect();
    Ok(vec![
        Value::floats(x.dtype, x.dims.clone(), y),
        Value::floats(DType::F32, stat.clone(), mean),
        Value::floats(DType::F32, stat, inv),
    ])
}

/// InstanceNormalization and GroupNormalization: scale and bias per channel.
pub fn group(k: &mut Kernel<'_>, node: &Node, x: &Value, scale: &Value, bias: &Value) -> Run<Value> {
    let c = x.dims[1];
    let groups = if node.op == Op::InstanceNormalization {
        c
    } else {
        node.attrs.int("num_groups").unwrap_or(1).max(1) as usize
    };
    let eps = node.attrs.f32("epsilon").map_or(1e-5, f64::from);
    let (s, b, xs) = (scale.f()?, bias.f()?, x.f()?);
    let (image, per) = (count(&x.dims[2..]), count(&x.dims[1..]) / groups.max(1));
    let mut y = Vec::with_capacity(xs.len());
    for chunk in xs.chunks(per.max(1)) {
        let m = moments(k, chunk, eps, true);
        for &v in chunk {
            let ch = y.len() / image.max(1) % c;
            y.push(normalised(k, v, &m, Some(s[ch]), Some(b[ch])));
        }
    }
    Ok(Value::floats(x.dtype, x.dims.clone(), y))
}

/// BatchNormalization: with running statistics, or with the batch's (and then the new running statistics).
pub fn batch(k: &mut Kernel<'_>, node: &Node, ins: [&Value; 5]) -> Run<Vec<Value>> {
    let [x, scale, bias, mean, var] = ins;
    let eps = node.attrs.f32("epsilon").map_or(1e-5, f64::from);
    let (c, image) = (x.dims[1], count(&x.dims[2..]));
    let (xs, s, b, mu, v) = (x.f()?, scale.f()?, bias.f()?, mean.f()?, var.f()?);
    if node.attrs.flag("training_mode") {
        return batch_training(k, node, x, (s, b, mu, v), eps);
    }
    let s: Vec<f64> =
        if k.has(Flaw::ScaleBf16) { s.iter().map(|&v| num::round(v, BF16)).collect() } else { s.to_vec() };
    let mut y = vec![0.0; xs.len()];
    for ch in 0..c {
        let ve = k.r(v[ch] + eps);
        let root = k.sqrt(ve);
        let inv = k.rsqrt(ve);
        let factor = if k.ch.variant % 3 == 1 { k.r(s[ch] / root) } else { k.r(s[ch] * inv) };
        let shift = k.mul_add(-mu[ch], factor, b[ch]);
        for (i, y) in y.iter_mut().enumerate().filter(|(i, _)| i / image.max(1) % c == ch) {
            let x = xs[i];
            *y = match k.ch.variant % 4 {
                0 => k.mul_add(x, factor, shift),
                1 => k.mul_add(k.r(x - mu[ch]), factor, b[ch]),
                2 => k.mul_add(k.r(k.r(x - mu[ch]) * inv), s[ch], b[ch]),
                _ => k.mul_add(k.r(k.r(x - mu[ch]) / root), s[ch], b[ch]),
            };
        }
    }
    Ok(vec![Value::floats(x.dtype, x.dims.clone(), y)])
}

fn batch_training(
    k: &mut Kernel<'_>,
    node: &Node,
    x: &Value,
    (s, b, mu, v): (&[f64], &[f64], &[f64], &[f64]),
    eps: f64,
) -> Run<Vec<Value>> {
    let momentum = node.attrs.f32("momentum").map_or(0.9, f64::from);
    let reduced: Vec<usize> = (0..x.dims.len()).filter(|&d| d != 1).collect();
    let xs = x.f()?;
    let mut y = vec![0.0; xs.len()];
    let (mut mean, mut var) = (Vec::new(), Vec::new());
    for (ch, set) in sets(&x.dims, &reduced).into_iter().enumerate() {
        let row: Vec<f64> = set.iter().map(|&i| xs[i]).collect();
        let m = moments(k, &row, eps, true);
        set.iter().for_each(|&i| y[i] = normalised(k, xs[i], &m, Some(s[ch]), Some(b[ch])));
        let running = |old: f64, new: f64| k.r(k.r(old * momentum) + k.r(new * k.r(1.0 - momentum)));
        mean.push(running(mu[ch], m.mean));
        var.push(running(v[ch], m.var));
    }
    let c = x.dims[1];
    Ok(vec![
        Value::floats(x.dtype, x.dims.clone(), y),
        Value::floats(x.dtype, [c], mean),
        Value::floats(x.dtype, [c], var),
    ])
}

/// The scale and bias per channel that a batch normalisation comes to, for folding.
pub fn batch_as_affine(k: &mut Kernel<'_>, node: &Node, params: [&[f64]; 4]) -> (Vec<f64>, Vec<f64>) {
    let [s, b, mu, v] = params;
    let eps = node.attrs.f32("epsilon").map_or(1e-5, f64::from);
    let mut out = (Vec::new(), Vec::new());
    for ch in 0..s.len() {
        let ve = k.r(v[ch] + eps);
        let inv = k.rsqrt(ve);
        let factor = k.r(s[ch] * inv);
        out.0.push(factor);
        out.1.push(k.mul_add(-mu[ch], factor, b[ch]));
    }
    out
}

/// All Reduce operators.
pub fn reduce(k: &mut Kernel<'_>, node: &Node, x: &Value, axes: Option<&Value>) -> Run<Value> {
    let rank = x.dims.len();
    let named: Vec<usize> = match axes {
        Some(a) => a.i()?.iter().map(|&a| (if a < 0 { a + rank as i64 } else { a }) as usize).collect(),
        None => Vec::new(),
    };
    let reduced = match (named.is_empty(), node.attrs.flag("noop_with_empty_axes")) {
        (true, false) => (0..rank).collect(),
        _ => named,
    };
    let xs = x.f()?;
    let mut out = Vec::new();
    for set in sets(&x.dims, &reduced) {
        let row: Vec<f64> = set.iter().map(|&i| xs[i]).collect();
        out.push(reduced_row(k, node.op, &row)?);
    }
    let keep = node.attrs.int("keepdims").unwrap_or(1) != 0;
    let dims: Vec<usize> = (0..rank)
        .filter_map(|d| match (reduced.contains(&d), keep) {
            (false, _) => Some(x.dims[d]),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect();
    Ok(Value::floats(x.dtype, dims, out))
}

fn reduced_row(k: &mut Kernel<'_>, op: Op, row: &[f64]) -> Run<f64> {
    Ok(match op {
        Op::ReduceSum => k.sum(row),
        Op::ReduceMean => mean(k, row),
        Op::ReduceMax => {
            let y = highest(row);
            if k.has(Flaw::InitZero) { y.max(0.0) } else { y }
        }
        Op::ReduceMin => -highest(&row.iter().map(|x| -x).collect::<Vec<_>>()),
        Op::ReduceL1 => k.sum(&row.iter().map(|x| x.abs()).collect::<Vec<_>>()),
        Op::ReduceSumSquare => k.dot(row, row, None),
        Op::ReduceL2 => {
            let s = k.dot(row, row, None);
            k.sqrt(s)
        }
        Op::ReduceProd => match k.ch.strategy {
            Strategy::Reversed => row.iter().rev().fold(1.0, |p, x| k.r(p * x)),
            Strategy::Lanes(l) => {
                (0..l).fold(1.0, |p, i| k.r(p * row.iter().skip(i).step_by(l).fold(1.0, |q, x| k.r(q * x))))
            }
            _ => row.iter().fold(1.0, |p, x| k.r(p * x)),
        },
        // An infinite maximum is the result: its difference from itself is not taken.
        Op::ReduceLogSumExp if highest(row).is_infinite() => highest(row),
        Op::ReduceLogSumExp => {
            let (m, s) = max_and_sum(k, row);
            let l = k.func(Func::Log, libm::log(s));
            k.r(m + l)
        }
        op => return lacking(format!("operator {op}")),
    })
}

fn mean(k: &mut Kernel<'_>, row: &[f64]) -> f64 {
    let n = row.len();
    if k.has(Flaw::PaddedCount) {
        let s = k.sum(row);
        return k.r(s / n.next_multiple_of(16) as f64);
    }
    // Each term scaled before it is added, or the sum divided.
    if k.ch.variant % 5 == 4 && k.flaw.is_none() {
        let by = k.c(1.0 / n as f64);
        let terms: Vec<f64> = row.iter().map(|&x| k.r(x * by)).collect();
        return k.sum(&terms);
    }
    let s = k.sum(row);
    mean_of(k, s, n)
}

/// ArgMax and ArgMin.
pub fn arg_extremum(node: &Node, x: &Value) -> Run<Value> {
    let rank = x.dims.len();
    let ax = axis(node, 0, rank);
    let (max, last) = (node.op == Op::ArgMax, node.attrs.flag("select_last_index"));
    let xs = x.f()?;
    let out = lines(&x.dims, ax)
        .into_iter()
        .map(|line| {
            let beats = |i: usize, j: usize| {
                let (a, b) = (xs[line[i]], xs[line[j]]);
                if max { a > b } else { a < b }
            };
            (1..line.len()).fold(0, |at, i| if beats(i, at) || last && !beats(at, i) { i } else { at }) as i64
        })
        .collect();
    let mut dims = x.dims.clone();
    if node.attrs.int("keepdims").unwrap_or(1) != 0 {
        dims[ax] = 1;
    } else {
        dims.remove(ax);
    }
    Ok(Value::ints(DType::I64, dims, out))
}
