//! EW on tiles: the function becomes a pointer, then one loop runs. NPU.md 3.4.

use super::elem::{QUIET, dequantise, f32_of, float_bits, int_bits, int_of, quantised_bits, relu_bits};
use super::memory::Local;
use super::walk::Walk;
use crate::error::Fault;
use crate::pinned;
use isa::{DType, EwFn};
use lir::tile::{BufView, Operand, PrmView};

/// Fields of `TileOp::Ew`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ew<'a> {
    pub f: EwFn,
    pub n: &'a [usize],
    pub a: &'a BufView,
    pub b: Option<&'a Operand>,
    pub d: &'a BufView,
    pub prm: &'a [Option<PrmView>; 3],
    pub imm1: Option<i64>,
    pub saturate: bool,
    pub relu: bool,
}

type F2 = fn(f32, f32) -> f32;
type Test<T> = fn(&T, &T) -> bool;

/// Byte address of an element of a view.
pub(super) fn at(v: &BufView, element: isize) -> isize {
    v.offset as isize + element * v.dtype.size() as isize
}

/// Record number at a position of the loops.
pub(super) fn record_number(p: &PrmView, index: &[usize]) -> Result<usize, Fault> {
    match p.axis {
        None => Ok(p.first),
        Some(axis) => index.get(axis).map(|i| p.first + i).ok_or(Fault::Illegal("axis of the records")),
    }
}

pub(super) fn elementwise(local: &mut Local, e: &Ew<'_>) -> Result<(), Fault> {
    let b_type = match e.b {
        Some(Operand::View(v)) => Some(v.dtype),
        _ => None,
    };
    let quantised = e.prm.iter().any(Option::is_some);
    if e.f == EwFn::Cmov {
        return conditional_move(local, e);
    }
    if e.f == EwFn::Mov && e.a.dtype == e.d.dtype && !quantised && !e.relu {
        return super::vector::copy(local, e.n, e.a, e.d);
    }
    if quantised || e.a.dtype.is_float() || b_type.is_some_and(DType::is_float) {
        float_loop(local, e)
    } else {
        int_loop(local, e)
    }
}

/// Strides of b, all 0 for an immediate.
fn b_strides<'a>(e: &Ew<'a>, zeros: &'a [isize]) -> &'a [isize] {
    match e.b {
        Some(Operand::View(v)) => &v.strides,
        _ => zeros,
    }
}

fn float_operand(
    local: &Local,
    v: &BufView,
    element: isize,
    p: Option<&PrmView>,
    index: &[usize],
) -> Result<f32, Fault> {
    let bits = local.read(v.buf, v.dtype, at(v, element))?;
    match p {
        Some(p) => Ok(dequantise(int_of(v.dtype, bits)?, local.scale(p.buf, record_number(p, index)?)?)),
        None => f32_of(v.dtype, bits),
    }
}

fn float_loop(local: &mut Local, e: &Ew<'_>) -> Result<(), Fault> {
    let zeros = vec![0; e.n.len()];
    let imm1 = f32::from_bits(e.imm1.unwrap_or_default() as u32);
    let test = float_test(e)?;
    let function = if test.is_some() { None } else { Some(float_function(e.f)?) };
    if e.f.uses_b() && e.b.is_none() {
        return Err(Fault::Illegal("a missing second operand"));
    }
    if test.is_some() && !e.d.dtype.is_bool() {
        return Err(Fault::Illegal("a test writes bool"));
    }
    let mut w = Walk::new(e.n, [&e.a.strides, b_strides(e, &zeros), &e.d.strides])?;
    while !w.done() {
        let x = float_operand(local, e.a, w.offset[0], e.prm[0].as_ref(), &w.index)?;
        let y = match e.b {
            Some(Operand::View(v)) => float_operand(local, v, w.offset[1], e.prm[1].as_ref(), &w.index)?,
            Some(Operand::Imm(i)) => f32::from_bits(*i as u32),
            None => 0.0,
        };
        let to = at(e.d, w.offset[2]);
        let bits = match (&test, function) {
            (Some(test), _) => u64::from(test(&x, &y)),
            (None, Some(Function::Two(f))) => encode(local, e, f(x, y), &w.index)?,
            (None, Some(Function::Clamp)) => encode(local, e, least(greatest(x, y), imm1), &w.index)?,
            (None, Some(Function::Pinned)) => {
                let z = pinned::unary(e.f, x).ok_or(Fault::Illegal("no float class"))?;
                encode(local, e, z, &w.index)?
            }
            (None, Some(Function::Fmac)) => {
                let old = f32_of(e.d.dtype, local.read(e.d.buf, e.d.dtype, to)?)?;
                encode(local, e, fma(x, y, old), &w.index)?
            }
            (None, None) => return Err(Fault::Illegal("no float class")),
        };
        local.write(e.d.buf, e.d.dtype, to, bits)?;
        w.next();
    }
    Ok(())
}

/// A float result on its way to d.
fn encode(local: &Local, e: &Ew<'_>, z: f32, index: &[usize]) -> Result<u64, Fault> {
    let (bits, zero) = match &e.prm[2] {
        Some(p) => {
            let (scale, zero) = local.scale(p.buf, record_number(p, index)?)?;
            (quantised_bits(e.d.dtype, z / scale, zero)?, zero)
        }
        None => (float_bits(e.d.dtype, z)?, 0),
    };
    if e.relu { relu_bits(e.d.dtype, bits, zero) } else { Ok(bits) }
}

/// How a float function is computed.
#[derive(Clone, Copy)]
enum Function {
    Two(F2),
    Clamp,
    Fmac,
    Pinned,
}

fn float_function(f: EwFn) -> Result<Function, Fault> {
    let g: F2 = match f {
        EwFn::Clamp => return Ok(Function::Clamp),
        EwFn::Fmac => return Ok(Function::Fmac),
        EwFn::Mov => |a, _| a,
        EwFn::Add => |a, b| a + b,
        EwFn::Sub => |a, b| a - b,
        EwFn::Mul => |a, b| a * b,
        EwFn::Div => |a, b| a / b,
        EwFn::Min => least,
        EwFn::Max => greatest,
        EwFn::Abs => |a, _| a.abs(),
        EwFn::Neg => |a, _| -a,
        EwFn::Sign => |a, _| match a.partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Greater) => 1.0,
            Some(std::cmp::Ordering::Less) => -1.0,
            _ => a,
        },
        EwFn::Prelu => |a, b| if a < 0.0 { a * b } else { a },
        EwFn::Rem => |a, b| a % b,
        EwFn::Mod => |a, b| match a % b {
            r if r == 0.0 => r,
            r if (r > 0.0) == (b > 0.0) => r,
            r => r + b,
        },
        EwFn::Floor => |a, _| a.floor(),
        EwFn::Ceil => |a, _| a.ceil(),
        EwFn::Rint => |a, _| a.round_ties_even(),
        EwFn::Trunc => |a, _| a.trunc(),
        EwFn::Sqrt => |a, _| a.sqrt(),
        EwFn::Recip => |a, _| 1.0 / a,
        EwFn::Pow => pinned::pow,
        f if f.is_transcendental() => return Ok(Function::Pinned),
        _ => return Err(Fault::Illegal("no float class")),
    };
    Ok(Function::Two(g))
}

/// The smaller one: NaN if any is, −0 below +0.
fn least(a: f32, b: f32) -> f32 {
    match a.partial_cmp(&b) {
        None => f32::from_bits(QUIET),
        Some(std::cmp::Ordering::Less) => a,
        Some(std::cmp::Ordering::Greater) => b,
        Some(std::cmp::Ordering::Equal) => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
    }
}

/// The greater one: NaN if any is, −0 below +0.
fn greatest(a: f32, b: f32) -> f32 {
    match a.partial_cmp(&b) {
        None => f32::from_bits(QUIET),
        Some(std::cmp::Ordering::Greater) => a,
        Some(std::cmp::Ordering::Less) => b,
        Some(std::cmp::Ordering::Equal) => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
    }
}

/// One rounding.
#[expect(
    clippy::disallowed_methods,
    reason = "fmac is defined with one rounding; f32::mul_add is exact on every platform"
)]
fn fma(a: f32, b: f32, old: f32) -> f32 {
    f32::mul_add(a, b, old)
}

fn compare<T: PartialOrd>(f: EwFn) -> Test<T> {
    match f {
        EwFn::Eq => T::eq,
        EwFn::Ne => T::ne,
        EwFn::Lt => T::lt,
        EwFn::Le => T::le,
        EwFn::Gt => T::gt,
        _ => T::ge,
    }
}

fn float_test(e: &Ew<'_>) -> Result<Option<Test<f32>>, Fault> {
    Ok(Some(match e.f {
        EwFn::IsNan => |a, _| a.is_nan(),
        EwFn::IsInf => match e.b {
            Some(Operand::Imm(0)) => |_, _| false,
            Some(Operand::Imm(1)) => |a, _| *a == f32::INFINITY,
            Some(Operand::Imm(2)) => |a, _| *a == f32::NEG_INFINITY,
            Some(Operand::Imm(3)) => |a, _| a.is_infinite(),
            _ => return Err(Fault::Illegal("isinf without its mask")),
        },
        f if f.is_compare() => compare(f),
        _ => return Ok(None),
    }))
}

fn int_operand(local: &Local, v: &BufView, element: isize) -> Result<i128, Fault> {
    int_of(v.dtype, local.read(v.buf, v.dtype, at(v, element))?)
}

fn int_loop(local: &mut Local, e: &Ew<'_>) -> Result<(), Fault> {
    let zeros = vec![0; e.n.len()];
    let (from, to) = (e.a.dtype, e.d.dtype);
    let logical = from.is_bool() && e.f.is_logic() && to.is_bool();
    let test: Option<Test<i128>> = e.f.is_compare().then(|| compare(e.f));
    if test.is_some() && !to.is_bool() {
        return Err(Fault::Illegal("a test writes bool"));
    }
    let function = int_function(e.f, e.saturate)?;
    let mut w = Walk::new(e.n, [&e.a.strides, b_strides(e, &zeros), &e.d.strides])?;
    while !w.done() {
        let x = int_operand(local, e.a, w.offset[0])?;
        let y = match e.b {
            Some(Operand::View(v)) => int_operand(local, v, w.offset[1])?,
            Some(Operand::Imm(i)) => i128::from(*i),
            None if e.f.uses_b() => return Err(Fault::Illegal("a missing second operand")),
            None => 0,
        };
        let bits = match test {
            Some(test) => u64::from(test(&x, &y)),
            None => {
                let z = function(x, y, from, i128::from(e.imm1.unwrap_or_default()))?;
                let bits = if logical { z as u64 & 1 } else { int_bits(to, z, e.saturate)? };
                if e.relu { relu_bits(to, bits, 0)? } else { bits }
            }
        };
        local.write(e.d.buf, to, at(e.d, w.offset[2]), bits)?;
        w.next();
    }
    Ok(())
}

type IntFn = fn(i128, i128, DType, i128) -> Result<i128, Fault>;

/// Integer functions; a product beyond 128 bits is kept modulo 2^128 for wrapping, at the end of the range for saturating.
fn int_function(f: EwFn, saturate: bool) -> Result<IntFn, Fault> {
    Ok(match f {
        EwFn::Mov => |a, _, _, _| Ok(a),
        EwFn::Add => |a, b, _, _| Ok(a + b),
        EwFn::Sub => |a, b, _, _| Ok(a - b),
        EwFn::Mul if saturate => |a, b, _, _| Ok(a.saturating_mul(b)),
        EwFn::Mul => |a, b, _, _| Ok(a.wrapping_mul(b)),
        EwFn::Min => |a, b, _, _| Ok(std::cmp::min(a, b)),
        EwFn::Max => |a, b, _, _| Ok(std::cmp::max(a, b)),
        EwFn::Abs => |a, _, _, _| Ok(a.unsigned_abs().cast_signed()),
        EwFn::Neg => |a, _, _, _| Ok(0 - a),
        EwFn::Sign => |a, _, _, _| Ok(a.signum()),
        EwFn::Clamp => |a, low, _, high| Ok(std::cmp::min(std::cmp::max(a, low), high)),
        EwFn::And => |a, b, t, _| Ok(width(a & b, t)),
        EwFn::Or => |a, b, t, _| Ok(width(a | b, t)),
        EwFn::Xor => |a, b, t, _| Ok(width(a ^ b, t)),
        EwFn::Not => |a, _, t, _| Ok(width(-1 - a, t)),
        EwFn::Shl if saturate => |a, b, t, _| Ok(a.saturating_mul(1 << amount(b, t)?)),
        EwFn::Shl => |a, b, t, _| Ok(a << amount(b, t)?),
        EwFn::Shr => |a, b, t, _| Ok(a.div_euclid(1 << amount(b, t)?)),
        EwFn::ShrRound => |a, b, t, _| {
            let divisor = 1i128 << amount(b, t)?;
            Ok((a + divisor / 2).div_euclid(divisor))
        },
        EwFn::Div => |a, b, _, _| a.checked_div(b).ok_or(Fault::Div0),
        EwFn::Rem => |a, b, _, _| a.checked_rem(b).ok_or(Fault::Div0),
        EwFn::Mod => |a, b, _, _| {
            let r = a.checked_rem_euclid(b).ok_or(Fault::Div0)?; // 0 ≤ r < |b|
            Ok(if b < 0 && r > 0 { r + b } else { r })
        },
        EwFn::Ipow => |a, b, _, _| power(a, b),
        EwFn::Idx => |a, b, _, _| match a {
            a if a >= 0 && a < b => Ok(a),
            a if a < 0 && a >= -b => Ok(a + b),
            a => Err(Fault::Index { index: a, len: b.max(0) as u64 }),
        },
        f if f.is_compare() => |a, _, _, _| Ok(a),
        _ => return Err(Fault::Illegal("no integer class")),
    })
}

/// The low bits of a value, read in the type.
fn width(v: i128, t: DType) -> i128 {
    let modulus = 1i128 << t.bits();
    let low = v.rem_euclid(modulus);
    if t.is_bool() {
        low & 1
    } else if t.is_signed_int() && low >= modulus / 2 {
        low - modulus
    } else {
        low
    }
}

fn amount(b: i128, t: DType) -> Result<u32, Fault> {
    match u32::try_from(b) {
        Ok(b) if b < t.bits() => Ok(b),
        _ => Err(Fault::ShiftRange(b)),
    }
}

/// a^b modulo 2^64.
fn power(a: i128, b: i128) -> Result<i128, Fault> {
    match (a, b) {
        (0, ..0) => Err(Fault::Div0),
        (1, _) => Ok(1),
        (-1, _) => Ok(1 - 2 * (b & 1)),
        (_, ..0) => Ok(0),
        _ => {
            // Square and multiply; only the low 64 bits of a and the bits of b below 2^64 matter.
            let (mut result, mut square, mut rest) = (1u128, u128::from(a as u64), b.unsigned_abs());
            while rest != 0 {
                if rest % 2 == 1 {
                    result = (result * square) & u128::from(u64::MAX);
                }
                square = (square * square) & u128::from(u64::MAX);
                rest /= 2;
            }
            Ok((result as u64).cast_signed().into())
        }
    }
}

fn conditional_move(local: &mut Local, e: &Ew<'_>) -> Result<(), Fault> {
    let Some(Operand::View(mask)) = e.b else { return Err(Fault::Illegal("the condition of a cmov")) };
    if !mask.dtype.is_bool() || e.a.dtype.size() != e.d.dtype.size() {
        return Err(Fault::Illegal("types of a cmov"));
    }
    let mut w = Walk::new(e.n, [&e.a.strides, &mask.strides, &e.d.strides])?;
    while !w.done() {
        let to = at(e.d, w.offset[2]);
        let new = local.read(e.a.buf, e.a.dtype, at(e.a, w.offset[0]))?;
        let old = local.read(e.d.buf, e.d.dtype, to)?;
        let chosen = if int_operand(local, mask, w.offset[1])? == 1 { new } else { old };
        local.write(e.d.buf, e.d.dtype, to, chosen)?;
        w.next();
    }
    Ok(())
}
