//! Element by element: integers exactly, floats in f64.

use super::value::{broadcast_places, floats, from_bits, from_ints, ints, wide};
use crate::types::Arg;
use ir::{Attrs, DType, Op, Tensor, TensorType};
use std::cmp::Ordering;

/// An operand laid out along the output.
enum Column {
    Int(Vec<i128>),
    Float(Vec<f64>),
}

fn column(a: &Arg<'_>, out: &TensorType) -> Option<Column> {
    let t = a.value?;
    let places = broadcast_places(&t.dims, out);
    if let Some(v) = ints(t) {
        return Some(Column::Int(places.iter().map(|&p| v[p]).collect()));
    }
    let v = floats(t)?;
    Some(Column::Float(places.iter().map(|&p| v[p]).collect()))
}

/// Evaluates a unary, binary, variadic or comparison operator.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    use ir::Family::{Binary, Compare, Unary};
    if !matches!(op.schema().family, Unary | Binary | Compare) {
        return None;
    }
    if op == Op::Clip {
        return clip(a, x, out);
    }
    let cols = x.iter().map(|i| column(i.as_ref()?, out)).collect::<Option<Vec<_>>>()?;
    match cols.as_slice() {
        [Column::Int(v)] => unary_int(op, v, out),
        [Column::Float(v)] => unary_float(op, a, v, out),
        [Column::Int(v), Column::Int(w)] => binary_int(op, a, x[0]?.ty.dtype, v, w, out),
        [Column::Float(v), Column::Float(w)] => binary_float(op, a, v, w, out),
        many => variadic(op, a, many, out),
    }
}
fn variadic(op: Op, a: &Attrs, cols: &[Column], out: &TensorType) -> Option<Tensor> {
    if cols.len() < 3 || !matches!(op, Op::Max | Op::Min | Op::Sum | Op::Mean) {
        return None;
    }
    if cols.iter().all(|c| matches!(c, Column::Int(_))) {
        let mut acc: Option<Vec<i128>> = None;
        for c in cols {
            let Column::Int(v) = c else { return None };
            acc = Some(match acc {
                None => v.clone(),
                Some(p) => p.iter().zip(v).map(|(&a, &b)| if op == Op::Max { a.max(b) } else { a.min(b) }).collect(),
            });
        }
        return matches!(op, Op::Max | Op::Min).then(|| from_ints(out.dtype, &out.dims, &acc.unwrap_or_default()));
    }
    let f = float_fn(if op == Op::Mean { Op::Sum } else { op }, a)?;
    let mut acc: Option<Vec<f64>> = None;
    for c in cols {
        let Column::Float(v) = c else { return None };
        acc = Some(match acc {
            None => v.clone(),
            Some(p) => p.iter().zip(v).map(|(&x, &y)| f(x, y)).collect(),
        });
    }
    let n = if op == Op::Mean { cols.len() as f64 } else { 1.0 };
    Some(wide(&out.dims, &acc?.iter().map(|v| v / n).collect::<Vec<_>>()))
}
fn clip(a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let bound = |i: usize| x.get(i).copied().flatten().map(|b| b.value);
    match column(&x[0]?, out)? {
        Column::Int(mut v) => {
            if let Some(lo) = bound(1) {
                let lo = lo?.int(0)?;
                v.iter_mut().for_each(|v| *v = (*v).max(lo));
            }
            if let Some(hi) = bound(2) {
                let hi = hi?.int(0)?;
                v.iter_mut().for_each(|v| *v = (*v).min(hi));
            }
            Some(from_ints(out.dtype, &out.dims, &v))
        }
        Column::Float(mut v) => {
            for (i, op) in [(1, Op::Max), (2, Op::Min)] {
                if let Some(b) = bound(i) {
                    let (b, f) = (*floats(b?)?.first()?, float_fn(op, a)?);
                    v.iter_mut().for_each(|v| *v = f(*v, b));
                }
            }
            Some(wide(&out.dims, &v))
        }
    }
}
fn unary_int(op: Op, v: &[i128], out: &TensorType) -> Option<Tensor> {
    let f: fn(i128) -> i128 = match op {
        Op::Abs => i128::abs,
        Op::Neg => |x| -x,
        Op::Sign => i128::signum,
        Op::Relu => |x| x.max(0),
        Op::Not => |x| i128::from(x == 0),
        Op::BitwiseNot => |x| !x,
        Op::Max | Op::Min => |x| x,
        _ => return None,
    };
    Some(from_ints(out.dtype, &out.dims, &v.iter().map(|&x| f(x)).collect::<Vec<_>>()))
}
/// The real function of an operator without parameters.
fn plain(op: Op) -> Option<fn(f64) -> f64> {
    Some(match op {
        Op::Abs => f64::abs,
        Op::Acos => libm::acos,
        Op::Acosh => libm::acosh,
        Op::Asin => libm::asin,
        Op::Asinh => libm::asinh,
        Op::Atan => libm::atan,
        Op::Atanh => libm::atanh,
        Op::Ceil => f64::ceil,
        Op::Cos => libm::cos,
        Op::Cosh => libm::cosh,
        Op::Erf => libm::erf,
        Op::Exp => libm::exp,
        Op::Floor => f64::floor,
        Op::Log => libm::log,
        Op::Neg => |x| -x,
        Op::Reciprocal => |x| 1.0 / x,
        Op::Relu => |x| if x < 0.0 { 0.0 } else { x },
        Op::Round => f64::round_ties_even,
        Op::Sigmoid => |x| 1.0 / (1.0 + libm::exp(-x)),
        Op::Sign => |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        Op::Sin => libm::sin,
        Op::Sinh => libm::sinh,
        Op::Softplus => |x| libm::log1p(libm::exp(-x.abs())) + if x < 0.0 { 0.0 } else { x },
        Op::Softsign => |x| x / (1.0 + x.abs()),
        Op::Sqrt => f64::sqrt,
        Op::Tan => libm::tan,
        Op::Tanh => libm::tanh,
        Op::Max | Op::Min | Op::Sum | Op::Mean => |x| x,
        _ => return None,
    })
}
fn unary_float(op: Op, a: &Attrs, v: &[f64], out: &TensorType) -> Option<Tensor> {
    let bools = |f: &dyn Fn(f64) -> bool| Some(from_bits(DType::Bool, &out.dims, v.iter().map(|&x| u64::from(f(x)))));
    match op {
        Op::IsNaN => return bools(&f64::is_nan),
        Op::IsInf => {
            let (neg, pos) = (a.flag("detect_negative"), a.flag("detect_positive"));
            return bools(&|x| (pos && x == f64::INFINITY) || (neg && x == f64::NEG_INFINITY));
        }
        _ => {}
    }
    if op == Op::LeakyRelu {
        let s = f64::from(a.f32("alpha")?);
        return Some(wide(&out.dims, &v.iter().map(|&x| if x < 0.0 { s * x } else { x }).collect::<Vec<_>>()));
    }
    let f = plain(op)?;
    Some(wide(&out.dims, &v.iter().map(|&x| f(x)).collect::<Vec<_>>()))
}
/// `base ^ e` modulo 2^128, whose low bits are those of every narrower type.
fn ipow(base: i128, e: i128) -> Option<i128> {
    match (base, e) {
        (1, _) => Some(1),
        (-1, e) => Some(if e % 2 == 0 { 1 } else { -1 }),
        (0, ..0) => None,
        (_, ..0) => Some(0),
        _ => {
            let (mut b, mut e, mut r) = (base, e, 1i128);
            while e > 0 {
                if e & 1 == 1 {
                    r = r.wrapping_mul(b);
                }
                b = b.wrapping_mul(b);
                e >>= 1;
            }
            Some(r)
        }
    }
}
fn binary_int(op: Op, a: &Attrs, d: DType, v: &[i128], w: &[i128], out: &TensorType) -> Option<Tensor> {
    let bits = i128::from(8 * d.size() as u32);
    let f = |x: i128, y: i128| -> Option<i128> {
        Some(match op {
            Op::Add | Op::Sum => x + y,
            Op::Sub => x - y,
            Op::Mul => x.wrapping_mul(y),
            Op::Div => x.checked_div(y)?,
            Op::Mod if a.flag("fmod") => x.checked_rem(y)?,
            Op::Mod => {
                let r = x.checked_rem(y)?;
                if r != 0 && (r < 0) != (y < 0) { r + y } else { r }
            }
            Op::Pow => ipow(x, y)?,
            Op::Max => x.max(y),
            Op::Min => x.min(y),
            Op::And | Op::BitwiseAnd => x & y,
            Op::Or | Op::BitwiseOr => x | y,
            Op::Xor | Op::BitwiseXor => x ^ y,
            Op::BitShift if y < 0 || y >= bits => return None,
            Op::BitShift if a.str("direction") == Some("LEFT") => x << y,
            Op::BitShift => x >> y,
            Op::Equal => i128::from(x == y),
            Op::Greater => i128::from(x > y),
            Op::GreaterOrEqual => i128::from(x >= y),
            Op::Less => i128::from(x < y),
            Op::LessOrEqual => i128::from(x <= y),
            _ => return None,
        })
    };
    let r = v.iter().zip(w).map(|(&x, &y)| f(x, y)).collect::<Option<Vec<_>>>()?;
    Some(from_ints(out.dtype, &out.dims, &r))
}
/// Minimum or maximum with NaN if any is NaN, and −0 < +0.
fn extreme(x: f64, y: f64, want: Ordering) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if x.total_cmp(&y) == want { x } else { y }
}
fn float_fn(op: Op, a: &Attrs) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        Op::Add | Op::Sum => |x, y| x + y,
        Op::Sub => |x, y| x - y,
        Op::Mul => |x, y| x * y,
        Op::Div => |x, y| x / y,
        Op::Mean => |x, y| (x + y) / 2.0,
        Op::Pow => libm::pow,
        // With the sign of the divisor (`fmod` = 0), and with that of the dividend.
        Op::Mod if !a.flag("fmod") => |x, y| {
            let r = libm::fmod(x, y);
            if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r }
        },
        Op::Mod => libm::fmod,
        Op::Max => |x, y| extreme(x, y, Ordering::Greater),
        Op::Min => |x, y| extreme(x, y, Ordering::Less),
        Op::PRelu => |x, y| if x < 0.0 { x * y } else { x },
        _ => return None,
    })
}
fn binary_float(op: Op, a: &Attrs, v: &[f64], w: &[f64], out: &TensorType) -> Option<Tensor> {
    let compare: Option<fn(&f64, &f64) -> bool> = match op {
        Op::Equal => Some(|x, y| x == y),
        Op::Greater => Some(|x, y| x > y),
        Op::GreaterOrEqual => Some(|x, y| x >= y),
        Op::Less => Some(|x, y| x < y),
        Op::LessOrEqual => Some(|x, y| x <= y),
        _ => None,
    };
    if let Some(f) = compare {
        return Some(from_bits(DType::Bool, &out.dims, v.iter().zip(w).map(|(x, y)| u64::from(f(x, y)))));
    }
    let f = float_fn(op, a)?;
    Some(wide(&out.dims, &v.iter().zip(w).map(|(&x, &y)| f(x, y)).collect::<Vec<_>>()))
}
