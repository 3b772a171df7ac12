//! Cast, CastLike, BitCast.
//!
//! To a narrower float: rounded correctly (hull of both ends of the ball). To an integer: truncated toward zero; NaN and values out of range are not
//! defined by ONNX and give an undecided element. To bool: not zero. From an integer: rounded to the target where it does
//! not fit the significand. Under the real-number contract only casts that narrow the source type round.

use super::elementwise::{hull_radius, unzip};
use crate::contract::Format;
use crate::cx::{Args, EvalCx};
use crate::error::{OpError, OpResult, invalid};
use crate::round::{self, int_range, low_bit_exp};
use crate::value::{Bounded, Data, Float, Int};
use ir::DType;

/// The target type: attribute `to` (ONNX code) or the type of operand 1.
fn target(a: &Args<'_>) -> OpResult<DType> {
    if let Some(like) = a.opt(1) {
        return Ok(like.dtype);
    }
    let code = a.int("to")?;
    i32::try_from(code)
        .ok()
        .and_then(DType::from_onnx_code)
        .ok_or_else(|| OpError::Unsupported(format!("element type code {code}")))
}

/// Cast and CastLike.
pub fn cast(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    Ok(cast_to(a.cx, x, target(a)?))
}

/// The tensor in another element type.
pub fn cast_to(cx: &EvalCx<'_>, x: &Bounded, to: DType) -> Bounded {
    if x.dtype == to {
        return x.clone();
    }
    match (&x.data, Format::of(to)) {
        (Data::Float(f), Some(fmt)) => float_to_float(cx, x, f, to, fmt),
        (Data::Float(f), None) if to == DType::Bool => float_to_bool(x, f),
        (Data::Float(f), None) => float_to_int(x, f, to),
        (Data::Int(v), Some(fmt)) => int_to_float(cx, x, v, to, fmt),
        (Data::Int(v), None) => {
            let nonzero = |p: i128| i128::from(p != 0);
            let n = v.value.len();
            let r = if to == DType::Bool {
                let hull = (0..n).map(|i| match v.range(i) {
                    (0, 0) => (0, 0),
                    (lo, hi) if lo > 0 || hi < 0 => (1, 1),
                    _ => (0, 1),
                });
                Int::with_hull(v.value.iter().map(|&p| nonzero(p)).collect(), hull.collect())
            } else {
                let hull = (0..n).map(|i| super::integer::wrap_range(v.range(i).0, v.range(i).1, to)).collect();
                Int::with_hull(v.value.iter().map(|&p| round::wrap(p, to)).collect(), hull)
            };
            Bounded::from_int(to, x.dims.clone(), r)
        }
    }
}

fn float_to_float(cx: &EvalCx<'_>, x: &Bounded, f: &Float, to: DType, fmt: Format) -> Bounded {
    let from = Format::of(x.dtype).unwrap_or(Format::F64);
    if fmt.precision() >= from.precision() && fmt.max_exp() >= from.max_exp() {
        return Bounded { dtype: to, ..x.clone() };
    }
    let mode = cx.hypothesis.map_or(round::Rounding::NearestEven, |h| h.store_rounding());
    let r = |v: f64| round::round(v, fmt);
    let (v, e, n) = unzip(f.value.len(), |i| {
        let (v, e) = (f.value[i], f.radius[i]);
        let flag = f.nan.as_ref().is_some_and(|n| n[i]);
        let y = r(v);
        let radius = if e == 0.0 { 0.0 } else { hull_radius(y, r(v - e), r(v + e)) };
        (round::round_mode(v, fmt, mode), radius, flag)
    });
    let top = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let grid = f.grid.filter(|&g| cx.fits(g, top, fmt));
    let grid = grid.or_else(|| e.iter().all(|&e| e == 0.0).then(|| Float::exact(v.clone()).grid).flatten());
    cx.selected(to, x.dims.clone(), v, e, Some(n), grid)
}

fn float_to_bool(x: &Bounded, f: &Float) -> Bounded {
    let value = f.value.iter().map(|&v| i128::from(v != 0.0)).collect();
    let hull = (0..f.value.len())
        .map(|i| {
            let v = f.value[i];
            if f.radius[i] == 0.0 && !f.nan.as_ref().is_some_and(|n| n[i]) {
                (i128::from(v != 0.0), i128::from(v != 0.0))
            } else if f.lo(i) > 0.0 || f.hi(i) < 0.0 {
                (1, 1)
            } else {
                (0, 1)
            }
        })
        .collect();
    Bounded::from_int(DType::Bool, x.dims.clone(), Int::with_hull(value, hull))
}

fn float_to_int(x: &Bounded, f: &Float, to: DType) -> Bounded {
    let (lo, hi) = int_range(to).unwrap_or((0, 0));
    let inside = |v: f64| v > lo as f64 - 1.0 && v < hi as f64 + 1.0;
    let whole = |v: f64| (libm::trunc(v) as i128).clamp(lo, hi);
    let one = |i: usize| {
        let (v, a, b) = (f.value[i], f.lo(i), f.hi(i));
        let value = if v.is_nan() { 0 } else { whole(v) };
        let open = f.may_nan(i) || !inside(a) || !inside(b);
        (value, if open { (lo, hi) } else { (whole(a), whole(b)) })
    };
    Bounded::from_int(to, x.dims.clone(), Int::collect((0..f.value.len()).map(one)))
}

/// An integer as a float: exact where it fits, correctly rounded otherwise.
fn int_to_float(cx: &EvalCx<'_>, x: &Bounded, v: &Int, to: DType, fmt: Format) -> Bounded {
    let (val, e, n) = unzip(v.value.len(), |i| {
        let y = round_int(v.value[i], fmt);
        let (lo, hi) = v.range(i);
        (y, hull_radius(y, round_int(lo, fmt), round_int(hi, fmt)), false)
    });
    let grid = if val.iter().all(|v| v.is_finite()) {
        Some(val.iter().filter_map(|&v| low_bit_exp(v)).fold(crate::value::GRID_OF_ZERO, i32::min).max(0))
    } else {
        None
    };
    let grid = if v.hull.is_some() { grid.map(|_| 0) } else { grid };
    cx.selected(to, x.dims.clone(), val, e, Some(n), grid)
}

/// Correct rounding of an integer beyond 53 bits: through 50 bits and a sticky bit.
fn round_int(p: i128, fmt: Format) -> f64 {
    let a = p.unsigned_abs();
    let bits = 128 - a.leading_zeros();
    // 50 bits and a sticky one: exact in binary64, and enough that the rounding to a narrower format is not double.
    let y = if bits <= 53 || fmt == Format::F64 {
        a as f64
    } else {
        let s = bits - 50;
        let kept = a >> s << 1 | u128::from(a & ((1u128 << s) - 1) != 0);
        libm::ldexp(kept as f64, s as i32 - 1)
    };
    let y = round::round(y, fmt);
    if p < 0 { -y } else { y }
}

/// BitCast: the same bytes under another type of the same size.
pub fn bit_cast(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let to = target(a)?;
    if to.size() != x.dtype.size() {
        return invalid(format!("BitCast from {} to {to}", x.dtype));
    }
    let decided = match &x.data {
        Data::Float(f) => f.radius.iter().all(|&e| e == 0.0) && f.nan.is_none() && !f.value.iter().any(|v| v.is_nan()),
        Data::Int(v) => v.hull.is_none(),
    };
    if !decided {
        return crate::error::unsupported("BitCast of an undecided value or of NaN");
    }
    let t = ir::Tensor::new(to, x.dims.clone(), x.to_tensor().bytes).map_err(|e| OpError::Invalid(e.to_string()))?;
    Ok(Bounded::from_tensor(&t))
}
