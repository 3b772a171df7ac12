//! Elementwise groups: each step maps whole columns to a column. NPU.md 3.0, 3.3 and 3.4.

use super::column::{self, NAN, Scale, canonical, narrow, round, round_int};
use super::walk::{check, offsets};
use super::{Input, input};
use crate::bytes::{get, put_at};
use crate::error::{Fault, PlaceName};
use crate::pinned;
use isa::{DType, EwFn};
use lir::fused::{Elementwise, Params, Src, Step, StepFn};

/// Raw elements in loop order.
#[derive(Clone, Debug)]
struct Column {
    dtype: DType,
    bits: Vec<u64>,
}

/// Runs an elementwise group.
pub(super) fn run(e: &Elementwise, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    if e.space.iter().product::<usize>() != elements {
        return Err(Fault::Illegal("the loop space is not the output"));
    }
    let views: Vec<Column> = e.views.iter().map(|v| read_view(e, v, inputs)).collect::<Result<_, _>>()?;
    let mut steps: Vec<Column> = Vec::with_capacity(e.steps.len());
    for step in &e.steps {
        let column = Cx { space: &e.space, views: &views, steps: &steps, n: elements }.step(step)?;
        steps.push(column);
    }
    let last = steps.pop().ok_or(Fault::Illegal("no steps"))?;
    if last.dtype != dtype {
        return Err(Fault::Illegal("the last step's type is not the output's"));
    }
    let size = dtype.size() as usize;
    let mut out = vec![0; elements * size];
    for (i, bits) in last.bits.into_iter().enumerate() {
        put_at(&mut out, size, i * size, bits);
    }
    Ok(out)
}

fn read_view(e: &Elementwise, v: &lir::fused::View, inputs: &[Input<'_>]) -> Result<Column, Fault> {
    let x = input(inputs, v.input)?;
    let size = x.dtype.size() as usize;
    check(&e.space, v.offset, &v.strides, x.bytes.len() / size, PlaceName::Operand(v.input))?;
    let bits = offsets(&e.space, v.offset, &v.strides).into_iter().map(|i| get(x.bytes, size, i)).collect();
    Ok(Column { dtype: x.dtype, bits })
}

/// What a step can see.
struct Cx<'a> {
    space: &'a [usize],
    views: &'a [Column],
    steps: &'a [Column],
    n: usize,
}

impl Cx<'_> {
    fn column(&self, s: Src) -> Result<Option<&Column>, Fault> {
        match s {
            Src::View(i) => self.views.get(i).map(Some).ok_or(Fault::Illegal("view number")),
            Src::Step(i) => self.steps.get(i).map(Some).ok_or(Fault::Illegal("step number")),
            Src::Imm(_) => Ok(None),
        }
    }

    fn dtype(&self, s: Src) -> Result<Option<DType>, Fault> {
        Ok(self.column(s)?.map(|c| c.dtype))
    }

    fn old(&self, step: &Step) -> Result<&Column, Fault> {
        let i = step.old.ok_or(Fault::Illegal("no old destination"))?;
        let old = self.steps.get(i).ok_or(Fault::Illegal("step number"))?;
        if old.dtype == step.dtype { Ok(old) } else { Err(Fault::Illegal("type of the old destination")) }
    }

    /// Scale and zero point of each element, if there are records.
    fn scales(&self, p: &Option<Params>) -> Result<Option<Vec<Scale>>, Fault> {
        let Some(p) = p else { return Ok(None) };
        let table: Vec<Scale> = p.records.iter().map(Scale::new).collect::<Result<_, _>>()?;
        let Some(axis) = p.axis else {
            let first = *table.first().ok_or(Fault::Illegal("no records"))?;
            return Ok(Some(vec![first; self.n]));
        };
        let extent = *self.space.get(axis).ok_or(Fault::Illegal("axis of the records"))?;
        if table.len() < extent {
            return Err(Fault::Illegal("a record number beyond the table"));
        }
        let inner: usize = self.space[axis + 1..].iter().product();
        Ok(Some((0..self.n).map(|i| table[i / inner % extent]).collect()))
    }

    fn step(&self, s: &Step) -> Result<Column, Fault> {
        let bits = match s.f {
            StepFn::Cvt { rm } => self.convert(s, rm)?,
            StepFn::Ew(EwFn::Cmov) => self.conditional_move(s)?,
            StepFn::Ew(f) => self.function(s, f)?,
        };
        Ok(Column { dtype: s.dtype, bits })
    }

    fn function(&self, s: &Step, f: EwFn) -> Result<Vec<u64>, Fault> {
        let a = self.dtype(s.a)?;
        let b = match s.b {
            Some(b) => self.dtype(b)?,
            None => None,
        };
        let prm = s.params.iter().any(Option::is_some);
        if f == EwFn::Mov && a == Some(s.dtype) && !prm {
            return Ok(self.column(s.a)?.map(|c| c.bits.clone()).unwrap_or_default());
        }
        let float = prm
            || a.is_some_and(DType::is_float)
            || b.is_some_and(DType::is_float)
            || (a.is_none() && b.is_none() && s.dtype.is_float());
        if float { self.float_function(s, f) } else { self.int_function(s, f, a.or(b).unwrap_or(s.dtype)) }
    }

    fn floats(&self, src: Src, p: &Option<Params>) -> Result<Vec<f32>, Fault> {
        match (self.column(src)?, src) {
            (Some(c), _) => match self.scales(p)? {
                Some(scales) => {
                    c.bits.iter().zip(scales).map(|(&b, s)| Ok(s.dequantise(column::int(c.dtype, b)?))).collect()
                }
                None => c.bits.iter().map(|&b| column::float(c.dtype, b)).collect(),
            },
            (None, Src::Imm(v)) => Ok(vec![f32::from_bits(v as u32); self.n]),
            (None, _) => Err(Fault::Illegal("operand")),
        }
    }

    fn float_function(&self, s: &Step, f: EwFn) -> Result<Vec<u64>, Fault> {
        let x = self.floats(s.a, &s.params[0])?;
        let y = match s.b {
            Some(b) => self.floats(b, &s.params[1])?,
            None => Vec::new(),
        };
        if f.is_test() {
            return Ok(float_test(f, &x, &y, s)?.into_iter().map(u64::from).collect());
        }
        let imm1 = f32::from_bits(s.imm1.unwrap_or_default() as u32);
        let old = if f == EwFn::Fmac { self.old(s)?.bits.as_slice() } else { &[] };
        let z = float_map(f, x, &y, imm1, old)?;
        match self.scales(&s.params[2])? {
            Some(scales) => z.into_iter().zip(scales).map(|(v, q)| q.quantise(s.dtype, v)).collect(),
            None => z.into_iter().map(|v| round(s.dtype, v)).collect(),
        }
    }

    fn ints(&self, src: Src) -> Result<Vec<i128>, Fault> {
        match (self.column(src)?, src) {
            (Some(c), _) => c.bits.iter().map(|&b| column::int(c.dtype, b)).collect(),
            (None, Src::Imm(v)) => Ok(vec![i128::from(v); self.n]),
            (None, _) => Err(Fault::Illegal("operand")),
        }
    }

    fn int_function(&self, s: &Step, f: EwFn, dtype: DType) -> Result<Vec<u64>, Fault> {
        let x = self.ints(s.a)?;
        let y = match s.b {
            Some(b) => self.ints(b)?,
            None => vec![0; self.n],
        };
        if f.is_compare() {
            let test = comparison::<i128>(f);
            return Ok(x.iter().zip(&y).map(|(a, b)| u64::from(test(a, b))).collect());
        }
        let mut out = Vec::with_capacity(self.n);
        for (&a, &b) in x.iter().zip(&y) {
            let v = int_value(f, dtype, a, b, i128::from(s.imm1.unwrap_or_default()))?;
            out.push(if dtype.is_bool() && f.is_logic() && s.dtype.is_bool() {
                v as u64
            } else {
                narrow(s.dtype, v, s.saturate)?
            });
        }
        Ok(out)
    }

    fn conditional_move(&self, s: &Step) -> Result<Vec<u64>, Fault> {
        let mask = match s.b {
            Some(b) => self.column(b)?,
            None => None,
        };
        let mask = mask.filter(|m| m.dtype.is_bool()).ok_or(Fault::Illegal("the condition of a cmov"))?;
        let old = self.old(s)?;
        let new = match (self.column(s.a)?, s.a) {
            (Some(c), _) if c.dtype == s.dtype => c.bits.clone(),
            (None, Src::Imm(v)) if s.dtype.is_float() => vec![round(s.dtype, f32::from_bits(v as u32))?; self.n],
            (None, Src::Imm(v)) => vec![v as u64; self.n],
            _ => return Err(Fault::Illegal("types of a cmov")),
        };
        let pick = |((&m, &o), &n): ((&u64, &u64), &u64)| match m {
            0 => Ok(o),
            1 => Ok(n),
            other => Err(Fault::Bool(other as u8)),
        };
        mask.bits.iter().zip(&old.bits).zip(&new).map(pick).collect()
    }

    fn convert(&self, s: &Step, rm: u8) -> Result<Vec<u64>, Fault> {
        let a = self.column(s.a)?.ok_or(Fault::Illegal("an immediate converted"))?;
        if a.dtype.is_float() {
            let x = self.floats(s.a, &None)?;
            return match s.dtype {
                DType::Bool => Ok(x.into_iter().map(|v| u64::from(v != 0.0)).collect()),
                d if d.is_float() => x.into_iter().map(|v| round(d, v)).collect(),
                d => x.into_iter().map(|v| narrow(d, to_whole(v, rm)?, true)).collect(),
            };
        }
        let x = self.ints(s.a)?;
        match s.dtype {
            DType::Bool => Ok(x.into_iter().map(|v| u64::from(v != 0)).collect()),
            d if d.is_float() => x.into_iter().map(|v| round_int(d, v)).collect(),
            d => x.into_iter().map(|v| narrow(d, v, s.saturate)).collect(),
        }
    }
}

/// Rounds to an integer by rule `rm`; NaN is 0, infinities are far outside every type.
fn to_whole(v: f32, rm: u8) -> Result<i128, Fault> {
    let whole = match rm {
        0 => v.round_ties_even(),
        1 => v.trunc(),
        2 => v.floor(),
        3 => v.ceil(),
        4 => v.round(),
        _ => return Err(Fault::Illegal("rounding rule")),
    };
    Ok(whole as i128) // `as` saturates, and gives 0 for NaN
}

fn comparison<T: PartialOrd>(f: EwFn) -> fn(&T, &T) -> bool {
    match f {
        EwFn::Eq => |a, b| a == b,
        EwFn::Ne => |a, b| a != b,
        EwFn::Lt => |a, b| a < b,
        EwFn::Le => |a, b| a <= b,
        EwFn::Gt => |a, b| a > b,
        _ => |a, b| a >= b,
    }
}

fn float_test(f: EwFn, x: &[f32], y: &[f32], s: &Step) -> Result<Vec<bool>, Fault> {
    if f == EwFn::IsNan {
        return Ok(x.iter().map(|v| v.is_nan()).collect());
    }
    if f == EwFn::IsInf {
        let Some(Src::Imm(which)) = s.b else { return Err(Fault::Illegal("isinf without its mask")) };
        let hit = |&v: &f32| (which & 1 != 0 && v == f32::INFINITY) || (which & 2 != 0 && v == f32::NEG_INFINITY);
        return Ok(x.iter().map(hit).collect());
    }
    let test = comparison::<f32>(f);
    Ok(x.iter().zip(y).map(|(a, b)| test(a, b)).collect())
}

fn minimum(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        NAN
    } else if a == b {
        f32::from_bits(a.to_bits() | b.to_bits()) // −0 if one of two zeros is −0
    } else if a < b {
        a
    } else {
        b
    }
}

fn maximum(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        NAN
    } else if a == b {
        f32::from_bits(a.to_bits() & b.to_bits())
    } else if a > b {
        a
    } else {
        b
    }
}

/// All float functions but tests; results are rounded by the caller.
fn float_map(f: EwFn, x: Vec<f32>, y: &[f32], imm1: f32, old: &[u64]) -> Result<Vec<f32>, Fault> {
    let one = |g: fn(f32) -> f32| x.iter().map(|&v| g(v)).collect::<Vec<f32>>();
    let two = |g: fn(f32, f32) -> f32| {
        if y.len() == x.len() {
            Ok(x.iter().zip(y).map(|(&a, &b)| g(a, b)).collect::<Vec<f32>>())
        } else {
            Err(Fault::Illegal("a missing second operand"))
        }
    };
    Ok(match f {
        EwFn::Mov => x,
        EwFn::Add => two(|a, b| a + b)?,
        EwFn::Sub => two(|a, b| a - b)?,
        EwFn::Mul => two(|a, b| a * b)?,
        EwFn::Div => two(|a, b| a / b)?,
        EwFn::Min => two(minimum)?,
        EwFn::Max => two(maximum)?,
        EwFn::Rem => two(|a, b| a % b)?,
        EwFn::Mod => two(modulo)?,
        EwFn::Pow => two(pinned::pow)?,
        EwFn::Prelu => two(|a, b| if a < 0.0 { a * b } else { a })?,
        EwFn::Clamp => {
            if y.len() != x.len() {
                return Err(Fault::Illegal("a clamp without bounds"));
            }
            x.iter().zip(y).map(|(&a, &low)| minimum(maximum(a, low), imm1)).collect()
        }
        EwFn::Fmac => {
            if old.len() != x.len() || y.len() != x.len() {
                return Err(Fault::Illegal("operands of fmac"));
            }
            x.iter().zip(y).zip(old).map(|((&a, &b), &d)| fused_multiply_add(a, b, f32::from_bits(d as u32))).collect()
        }
        EwFn::Abs => one(|v| canonical(v.abs())),
        EwFn::Neg => one(|v| canonical(-v)),
        EwFn::Sign => one(|v| if v == 0.0 || v.is_nan() { v } else { 1.0f32.copysign(v) }),
        EwFn::Floor => one(f32::floor),
        EwFn::Ceil => one(f32::ceil),
        EwFn::Rint => one(f32::round_ties_even),
        EwFn::Trunc => one(f32::trunc),
        EwFn::Sqrt => one(f32::sqrt),
        EwFn::Recip => one(|v| 1.0 / v),
        _ => {
            x.iter().map(|&v| pinned::unary(f, v).ok_or(Fault::Illegal("no float class"))).collect::<Result<_, _>>()?
        }
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "fmac is defined with one rounding; f32::mul_add is exact on every platform"
)]
fn fused_multiply_add(a: f32, b: f32, d: f32) -> f32 {
    a.mul_add(b, d)
}

/// `rem`, plus b if it is not zero and the signs differ.
fn modulo(a: f32, b: f32) -> f32 {
    let r = a % b;
    if r != 0.0 && r.is_sign_negative() != b.is_sign_negative() { r + b } else { r }
}

/// The exact result of an integer function, or something that narrows like it.
fn int_value(f: EwFn, dtype: DType, a: i128, b: i128, imm1: i128) -> Result<i128, Fault> {
    Ok(match f {
        EwFn::Mov => a,
        EwFn::Add => a + b,
        EwFn::Sub => a - b,
        EwFn::Mul => product(a, b),
        EwFn::Min => a.min(b),
        EwFn::Max => a.max(b),
        EwFn::Abs => a.abs(),
        EwFn::Neg => -a,
        EwFn::Sign => a.signum(),
        EwFn::Clamp => a.max(b).min(imm1),
        EwFn::And => as_type(dtype, a & b),
        EwFn::Or => as_type(dtype, a | b),
        EwFn::Xor => as_type(dtype, a ^ b),
        EwFn::Not if dtype.is_bool() => 1 - a,
        EwFn::Not => as_type(dtype, !a),
        EwFn::Shl => product(a, 1 << shift(dtype, b)?),
        EwFn::Shr => a >> shift(dtype, b)?,
        EwFn::ShrRound => match shift(dtype, b)? {
            0 => a,
            n => (a + (1 << (n - 1))) >> n,
        },
        EwFn::Div | EwFn::Rem | EwFn::Mod if b == 0 => return Err(Fault::Div0),
        EwFn::Div => a / b,
        EwFn::Rem => a % b,
        EwFn::Mod => (a % b + b) % b,
        EwFn::Ipow => power(a, b)?,
        EwFn::Idx => {
            let y = if a < 0 { a + b } else { a };
            if y < 0 || y >= b {
                return Err(Fault::Index { index: a, len: b as u64 });
            }
            y
        }
        _ => return Err(Fault::Illegal("no integer class")),
    })
}

/// A product of two 64-bit factors; beyond 128 bits only u64·u64 goes, and 2^128 − x keeps low bits and saturates alike.
fn product(a: i128, b: i128) -> i128 {
    a.checked_mul(b).unwrap_or_else(|| {
        let low = a.wrapping_mul(b) as u64;
        // The low 64 bits for WRAP, under a magnitude that SAT cuts off. Only positive products can get here.
        (i128::MAX >> 64 << 64) | i128::from(low)
    })
}

/// Reinterprets the low bits of a as a value of the type.
fn as_type(dtype: DType, a: i128) -> i128 {
    let spare = 128 - dtype.bits();
    if dtype.is_signed_int() { a << spare >> spare } else { ((a as u128) << spare >> spare).cast_signed() }
}

fn shift(dtype: DType, b: i128) -> Result<u32, Fault> {
    if (0..i128::from(dtype.bits())).contains(&b) { Ok(b as u32) } else { Err(Fault::ShiftRange(b)) }
}

/// a^b modulo 2^64 as a signed value; negative exponents by the table of 3.4.
fn power(a: i128, b: i128) -> Result<i128, Fault> {
    if b < 0 {
        return match a {
            0 => Err(Fault::Div0),
            1 => Ok(1),
            -1 => Ok(if b % 2 == 0 { 1 } else { -1 }),
            _ => Ok(0),
        };
    }
    let (mut base, mut e, mut r) = (a as u64, b as u64, 1u64);
    while e > 0 {
        if e & 1 == 1 {
            r = r.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        e >>= 1;
    }
    Ok(i128::from(r.cast_signed()))
}

#[cfg(test)]
mod tests;
