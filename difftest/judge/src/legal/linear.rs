//! MatMul, Gemm, Conv, with an optional scale per output channel folded into the weights.

use super::elementwise::broadcast;
use super::kernel::Kernel;
use super::num::{self, BF16, F16, TF32};
use super::value::{Run, Value, broadcast_index, count, lacking, strides};
use super::window::{Axis, geometry};
use crate::bugs::Flaw;
use ir::Node;
use std::borrow::Cow;

/// A scale and a bias per output channel that a following node was folded into.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// Factors of the weights.
    pub scale: Vec<f64>,
    /// Added to the (scaled) result.
    pub bias: Option<Vec<f64>>,
}

/// Operands as a flawed kernel reads them: `weight` tells the second.
fn operand<'v>(k: &Kernel<'_>, x: &'v [f64], weight: bool) -> Cow<'v, [f64]> {
    let f = match k.flaw {
        Some(Flaw::OperandBf16) => BF16,
        Some(Flaw::OperandTf32) => TF32,
        Some(Flaw::WeightF16) if weight => F16,
        _ => return Cow::Borrowed(x),
    };
    x.iter().map(|&v| num::round(v, f)).collect::<Vec<_>>().into()
}

/// Numpy's matmul of two tensors of rank 2 or more.
pub fn matmul(k: &mut Kernel<'_>, a: &Value, b: &Value, folded: Option<&Folded>) -> Run<Value> {
    if a.dims.len() < 2 || b.dims.len() < 2 {
        return lacking("MatMul of a vector");
    }
    let (ra, rb) = (a.dims.len() - 2, b.dims.len() - 2);
    let (m, kk, n) = (a.dims[ra], a.dims[ra + 1], b.dims[rb + 1]);
    let batch = broadcast(&[&a.dims[..ra], &b.dims[..rb]])?;
    let (ia, ib) = (broadcast_index(&a.dims[..ra], &batch), broadcast_index(&b.dims[..rb], &batch));
    let (x, w) = (operand(k, a.f()?, false), operand(k, b.f()?, true));
    let mut out = Vec::with_capacity(count(&batch) * m * n);
    for (pa, pb) in ia.iter().zip(&ib) {
        let (x, w) = (&x[pa * m * kk..][..m * kk], &w[pb * kk * n..][..kk * n]);
        product(k, x, w, (m, kk, n), None, folded, &mut out);
    }
    let mut dims = batch;
    dims.extend([m, n]);
    Ok(Value::floats(a.dtype, dims, out))
}

fn product(
    k: &mut Kernel<'_>,
    x: &[f64],
    w: &[f64],
    (m, kk, n): (usize, usize, usize),
    bias: Option<&dyn Fn(usize, usize) -> f64>,
    folded: Option<&Folded>,
    out: &mut Vec<f64>,
) {
    let wrong = k.has(Flaw::WeightTransposed) && kk == n;
    let column = |j: usize, p: usize| if wrong { w[j * n + p] } else { w[p * n + j] };
    let columns: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let scale = folded.map_or(1.0, |f| f.scale[j]);
            (0..kk).map(|p| if folded.is_some() { k.r(column(j, p) * scale) } else { column(j, p) }).collect()
        })
        .collect();
    let start = out.len();
    for i in 0..m {
        for (j, col) in columns.iter().enumerate() {
            let c = bias.map(|b| b(i, j)).or_else(|| folded.and_then(|f| f.bias.as_ref().map(|b| b[j])));
            out.push(k.dot(&x[i * kk..(i + 1) * kk], col, c));
        }
    }
    if k.has(Flaw::LastColumnStale) {
        for i in 0..m {
            let row = start + i * n;
            out[row + n - 1] = if n > 1 { out[row + n - 2] } else { 0.0 };
        }
    }
}

/// `alpha A' B' + beta C`.
pub fn gemm(k: &mut Kernel<'_>, node: &Node, a: &Value, b: &Value, c: Option<&Value>) -> Run<Value> {
    let flag = |n: &str| node.attrs.flag(n);
    let scalar = |n: &str| node.attrs.f32(n).map_or(1.0, f64::from);
    let (ta, tb, alpha, beta) = (flag("transA"), flag("transB"), scalar("alpha"), scalar("beta"));
    let turned = |v: &Value, t: bool| -> Run<Value> {
        match v.dims[..] {
            [p, q] if t => Ok(v.take(&(0..p * q).map(|i| i % p * q + i / p).collect::<Vec<_>>(), [q, p])),
            [_, _] => Ok(v.clone()),
            _ => lacking("Gemm of a tensor that is no matrix"),
        }
    };
    let (a, b) = (turned(a, ta)?, turned(b, tb)?);
    let (m, kk, n) = (a.dims[0], a.dims[1], b.dims[1]);
    let (x, w) = (operand(k, a.f()?, false), operand(k, b.f()?, true));
    // Alpha scales the result, or the left operand before.
    let early = alpha != 1.0 && k.ch.variant.is_multiple_of(2);
    let x: Cow<'_, [f64]> = if early { x.iter().map(|&v| k.r(alpha * v)).collect::<Vec<_>>().into() } else { x };
    let c = c.map(|c| c.spread(&[m, n]));
    let c = match &c {
        Some(c) => {
            let times = if k.has(Flaw::BiasTwice) { 2.0 } else { 1.0 };
            Some(c.f()?.iter().map(|&v| times * k.r(beta * v)).collect::<Vec<_>>())
        }
        None => None,
    };
    let mut out = Vec::with_capacity(m * n);
    let at = |i: usize, j: usize| c.as_ref().map_or(0.0, |c| c[i * n + j]);
    let late = alpha != 1.0 && !early;
    let bias: Option<&dyn Fn(usize, usize) -> f64> = if c.is_some() && !late { Some(&at) } else { None };
    product(k, &x, &w, (m, kk, n), bias, None, &mut out);
    if late {
        for (i, y) in out.iter_mut().enumerate() {
            *y = if c.is_some() { k.mul_add(alpha, *y, at(i / n, i % n)) } else { k.r(alpha * *y) };
        }
    }
    Ok(Value::floats(a.dtype, [m, n], out))
}

/// Conv, any number of spatial axes.
pub fn conv(
    k: &mut Kernel<'_>,
    node: &Node,
    x: &Value,
    w: &Value,
    bias: Option<&Value>,
    folded: Option<&Folded>,
) -> Run<Value> {
    let group = node.attrs.int("group").unwrap_or(1).max(1) as usize;
    let (batch, channels, spatial) = (x.dims[0], x.dims[1], &x.dims[2..]);
    let (oc, per) = (w.dims[0], w.dims[1]);
    let mut axes = geometry(node, spatial, &w.dims[2..])?;
    if k.has(Flaw::PadOffset) {
        axes.iter_mut().for_each(|a| a.begin += 1);
    }
    let out_dims: Vec<usize> = axes.iter().map(|a| a.out).collect();
    let (xs, ws) = (operand(k, x.f()?, false), operand(k, w.f()?, true));
    let bias = bias.map(Value::f).transpose()?;
    let times = if k.has(Flaw::BiasTwice) { 2.0 } else { 1.0 };
    let taps = count(&w.dims[2..]);
    let (image, kernel) = (count(spatial), per * taps);
    let windows: Vec<Vec<Option<usize>>> = windows(k, &axes, spatial, &w.dims[2..]);
    let weights: Vec<f64> =
        (0..oc * kernel).map(|i| folded.map_or(ws[i], |f| k.r(ws[i] * f.scale[i / kernel]))).collect();
    let mut out = Vec::with_capacity(batch * oc * windows.len());
    let (mut a, mut b) = (Vec::with_capacity(kernel), Vec::with_capacity(kernel));
    for n in 0..batch {
        for o in 0..oc {
            let first = o / (oc / group) * per;
            let c = folded.and_then(|f| f.bias.as_ref().map(|b| b[o])).or(bias.map(|b| times * b[o]));
            for window in &windows {
                a.clear();
                b.clear();
                for ch in 0..per {
                    let plane = (n * channels + first + ch) * image;
                    for (t, tap) in window.iter().enumerate() {
                        let weight = weights[o * kernel + ch * taps + t];
                        match tap {
                            Some(p) => (a.push(xs[plane + p]), b.push(weight)).1,
                            None if k.ch.add_zeros && weight.is_finite() => (a.push(0.0), b.push(weight)).1,
                            None => {}
                        }
                    }
                }
                out.push(k.dot(&a, &b, c));
            }
        }
    }
    let mut dims = vec![batch, oc];
    dims.extend(out_dims);
    Ok(Value::floats(x.dtype, dims, out))
}

/// For each output position, the input position of each tap; `None` in the padding.
fn windows(k: &Kernel<'_>, axes: &[Axis], spatial: &[usize], kernel: &[usize]) -> Vec<Vec<Option<usize>>> {
    let (st, positions) = (strides(spatial), count(&axes.iter().map(|a| a.out).collect::<Vec<_>>()));
    let outs: Vec<usize> = axes.iter().map(|a| a.out).collect();
    let (so, sk, taps) = (strides(&outs), strides(kernel), count(kernel));
    let at = |o: usize, t: usize| -> Option<usize> {
        let t = if k.has(Flaw::KernelFlip) { taps - 1 - t } else { t };
        let mut p = 0;
        for (d, a) in axes.iter().enumerate() {
            let i = a.position(o / so[d] % outs[d], t / sk[d] % kernel[d]);
            let i = if k.has(Flaw::PadEdge) { i.clamp(0, spatial[d] as i64 - 1) } else { i };
            if i < 0 || i >= spatial[d] as i64 {
                return None;
            }
            p += i as usize * st[d];
        }
        Some(p)
    };
    (0..positions).map(|o| (0..taps).map(|t| at(o, t)).collect()).collect()
}
