//! QuantizeLinear, DequantizeLinear, Cast.

use super::kernel::Kernel;
use super::num::{self, BF16, TF32};
use super::value::{Data, Run, Value, count, lacking};
use crate::bugs::Flaw;
use ir::{DType, Node};
use reference::Func;

fn range(d: DType) -> Run<(i64, i64)> {
    Ok(match d {
        DType::I8 => (-128, 127),
        DType::U8 => (0, 255),
        DType::I16 => (-32768, 32767),
        DType::U16 => (0, 65535),
        DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        DType::I64 => (i64::MIN, i64::MAX),
        other => return lacking(format!("conversion to {other}")),
    })
}

/// For each element, the scale (and zero point) that belongs to it: one, or one per slice of `axis`.
fn slot(node: &Node, dims: &[usize], scales: usize) -> impl Fn(usize) -> usize + use<> {
    let rank = dims.len() as i64;
    let a = node.attrs.int("axis").unwrap_or(1);
    let a = (if a < 0 { a + rank } else { a }).clamp(0, rank.max(1) - 1) as usize;
    let inner = count(dims.get(a + 1..).unwrap_or_default());
    move |i| if scales == 1 { 0 } else { i / inner % scales }
}

/// `saturate(round_half_even(x / scale) + zero_point)`.
pub fn quantize(
    k: &mut Kernel<'_>,
    node: &Node,
    x: &Value,
    scale: &Value,
    zero: Option<&Value>,
    to: DType,
) -> Run<Value> {
    let (s, z) = (scale.f()?, zero.map(Value::i).transpose()?);
    let slot = slot(node, &x.dims, s.len());
    let (lo, hi) = range(to)?;
    let lo = if k.has(Flaw::Symmetric) { -hi } else { lo };
    let mut out = Vec::with_capacity(x.len());
    for (i, &v) in x.f()?.iter().enumerate() {
        let q = k.func(Func::Div, v / s[slot(i)]);
        let q = match k.flaw {
            Some(Flaw::QuantTruncates) => q.trunc(),
            Some(Flaw::HalfUp) => (q + 0.5).floor(),
            _ => q.round_ties_even(),
        };
        let zp = z.map_or(0, |z| z[slot(i)]) + i64::from(k.has(Flaw::ZeroPointOff));
        // NaN and infinities saturate like any other; NaN is not given to quantisation here.
        let y = q.clamp(-1e15, 1e15) as i64 + zp;
        out.push(if k.has(Flaw::Wraps) { lo + (y - lo).rem_euclid(hi - lo + 1) } else { y.clamp(lo, hi) });
    }
    Ok(Value::ints(to, x.dims.clone(), out))
}

/// `(x - zero_point) * scale`.
pub fn dequantize(k: &Kernel<'_>, node: &Node, x: &Value, scale: &Value, zero: Option<&Value>) -> Run<Value> {
    let (s, z) = (scale.f()?, zero.map(Value::i).transpose()?);
    let slot = slot(node, &x.dims, s.len());
    let y =
        x.i()?.iter().enumerate().map(|(i, &v)| k.r((v - z.map_or(0, |z| z[slot(i)])) as f64 * s[slot(i)])).collect();
    Ok(Value::floats(scale.dtype, x.dims.clone(), y))
}

/// Cast; floats to integers toward zero (in range), to narrower floats to nearest.
pub fn cast(k: &Kernel<'_>, x: &Value, to: DType) -> Run<Value> {
    let dims = x.dims.clone();
    if let Some(f) = num::of(to) {
        let xs: Vec<f64> = match &x.data {
            Data::F(v) => v.clone(),
            Data::I(v) => v.iter().map(|&i| i as f64).collect(),
        };
        let one = |v: f64| match k.flaw {
            Some(Flaw::CastTruncates) => num::truncate(v, f),
            Some(Flaw::CastTwice) if f == BF16 => num::round(num::round(v, TF32), f),
            _ => num::round(v, f),
        };
        return Ok(Value::floats(to, dims, xs.into_iter().map(one).collect()));
    }
    let out = match &x.data {
        Data::F(v) if to == DType::Bool => v.iter().map(|&v| i64::from(v != 0.0)).collect(),
        Data::F(v) => {
            let (lo, hi) = range(to)?;
            v.iter().map(|&v| (v.trunc().clamp(-9e18, 9e18) as i64).clamp(lo, hi)).collect()
        }
        Data::I(v) if to == DType::Bool => v.iter().map(|&v| i64::from(v != 0)).collect(),
        Data::I(v) if to == DType::I64 => v.clone(),
        Data::I(_) => return lacking("a cast between integers"),
    };
    Ok(Value::ints(to, dims, out))
}
