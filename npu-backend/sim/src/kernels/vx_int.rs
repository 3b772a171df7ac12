//! EW of the integer class: exact results, narrowed once (3.0, 3.4).

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Neg, Not, Rem, Shl, Shr, Sub};

use isa::{Act, DType, EwFn, Mem, RqMode, TrapCode, Vx};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num;

use super::view::{self, View};

/// i64 holds every exact result of operands of at most 32 bits; i128 of the others.
pub(crate) trait Lane:
    Copy
    + Ord
    + Add<Output = Self>
    + Sub<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Neg<Output = Self>
    + Not<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
    + std::fmt::Display
{
    const ZERO: Self;
    const ONE: Self;
    fn of(v: i128) -> Self;
    fn wide(self) -> i128;
    /// Exact unless it overflows, then modulo 2^64 or 2^128 (WRAP) or the largest value (SAT).
    fn mul(self, other: Self, sat: bool) -> Self;
    fn load(bytes: &[u8], dt: DType, base: i64, stride: i64, n: usize, out: &mut Vec<Self>);
    fn store(bytes: &mut [u8], dt: DType, base: i64, stride: i64, values: &[Self]);
    fn wrap(self, dt: DType) -> Self;
}

macro_rules! lane {
    ($t:ty, $load:path, $store:path) => {
        impl Lane for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            fn of(v: i128) -> Self {
                v as $t
            }
            fn wide(self) -> i128 {
                i128::from(self)
            }
            #[inline(always)]
            fn mul(self, other: Self, sat: bool) -> Self {
                // Only the product of two positive u64 exceeds i128, never a product with a negative factor.
                if sat { self.saturating_mul(other) } else { self.wrapping_mul(other) }
            }
            fn load(bytes: &[u8], dt: DType, base: i64, stride: i64, n: usize, out: &mut Vec<Self>) {
                $load(bytes, dt, base, stride, n, out)
            }
            fn store(bytes: &mut [u8], dt: DType, base: i64, stride: i64, values: &[Self]) {
                $store(bytes, dt, base, stride, values)
            }
            #[inline(always)]
            fn wrap(self, dt: DType) -> Self {
                match dt {
                    DType::S8 => self as i8 as $t,
                    DType::U8 | DType::Bool => self as u8 as $t,
                    DType::S16 => self as i16 as $t,
                    DType::U16 => self as u16 as $t,
                    DType::S32 => self as i32 as $t,
                    DType::U32 => self as u32 as $t,
                    DType::S64 => self as i64 as $t,
                    _ => self as u64 as $t,
                }
            }
        }
    };
}
lane!(i64, view::load_i64, view::store_i64);
lane!(i128, view::load_i128, view::store_i128);

/// EW of the integer class (checks are done).
pub(crate) fn elementwise(m: &mut Machine, v: &Vx, f: EwFn) -> Check {
    let d_fits = if f.is_test() { v.d.dt.is_bool() } else { !v.d.dt.is_float() };
    let b_float = f.uses_b() && v.b.dt.is_float();
    if !f.has_integer_class() || !d_fits || b_float || (f.uses_a() && v.a.dt.is_float()) {
        return Err(Fault::new(TrapCode::Decode, format!("EW.{f} has no integer class with these types")));
    }
    let wide = [(f.uses_a(), v.a.dt), (f.uses_b(), v.b.dt), (true, v.d.dt)].iter().any(|(u, dt)| *u && dt.size() == 8);
    let product = f == EwFn::Mul && v.rq == RqMode::Sat;
    if wide || product || matches!(f, EwFn::Ipow | EwFn::Iota) { run::<i128>(m, v, f) } else { run::<i64>(m, v, f) }
}

fn run<L: Lane>(m: &mut Machine, v: &Vx, f: EwFn) -> Check {
    let mut n = view::dims(&v.n);
    let (mut a, mut b, mut d) = (View::new(&v.a), View::new(&v.b), View::new(&v.d));
    let b_in_memory = f.uses_b() && b.mem != Mem::Imm;
    if f == EwFn::Iota {
        return iota(m, v, &d);
    }
    if b_in_memory {
        view::merge_dims(&mut n, &mut [&mut a, &mut b, &mut d]);
    } else {
        view::merge_dims(&mut n, &mut [&mut a, &mut d]);
    }
    // 64-bit types have a 64-bit immediate.
    let imm = if b.dt.size() == 8 { i128::from(v.form.as_imm64()) } else { i128::from(v.form.imm0().cast_signed()) };
    let imm = if b.dt == DType::U64 { i128::from(imm as u64) } else { imm };
    let (mut xs, mut ys): (Vec<L>, Vec<L>) = (Vec::new(), Vec::new());
    view::for_chunks(&n, |rows| {
        xs.clear();
        ys.clear();
        for &(i1, i2, i3) in rows {
            L::load(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut xs);
            if b_in_memory {
                L::load(&m.mem(b.mem)?.data, b.dt, b.row(i1, i2, i3), b.s[0], n[0], &mut ys);
            }
        }
        if f.uses_b() && !b_in_memory {
            ys.resize(xs.len(), L::of(imm));
        }
        check_bools(a.dt, &xs)?;
        check_bools(b.dt, &ys)?;
        apply(f, v, &mut xs, &ys)?;
        narrow(v, f, &mut xs);
        for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
            let values = &xs[row * n[0]..(row + 1) * n[0]];
            L::store(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], values);
        }
        Ok(())
    })
}

fn check_bools<L: Lane>(dt: DType, values: &[L]) -> Check {
    if dt.is_bool()
        && let Some(x) = values.iter().find(|x| **x != L::ZERO && **x != L::ONE)
    {
        return Err(Fault::new(TrapCode::Bool, format!("a bool byte is {x}")));
    }
    Ok(())
}

fn iota(m: &mut Machine, v: &Vx, d: &View) -> Check {
    let n = view::dims(&v.n);
    let base = i128::from(v.form.as_imm64());
    let axis = usize::from(v.axis & 3);
    let mut row = Vec::new();
    view::for_rows(&n, |i1, i2, i3| {
        row.clear();
        row.extend((0..n[0]).map(|i0| base + [i0, i1, i2, i3][axis] as i128));
        narrow(v, EwFn::Iota, &mut row);
        view::store_i128(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], &row);
        Ok(())
    })
}

/// Narrows to the destination, then the activation.
fn narrow<L: Lane>(v: &Vx, f: EwFn, xs: &mut [L]) {
    let dt = v.d.dt;
    if f.is_test() {
        return;
    }
    if v.rq == RqMode::Sat {
        let (lo, hi) = dt.int_range().unwrap_or((0, 1));
        let (lo, hi) = (L::of(lo), L::of(hi));
        xs.iter_mut().for_each(|x| *x = (*x).clamp(lo, hi));
    }
    if v.act == Act::Relu {
        xs.iter_mut().for_each(|x| *x = x.wrap(dt).max(L::ZERO));
    }
}

/// x := f(x, y), exact.
fn apply<L: Lane>(f: EwFn, v: &Vx, xs: &mut [L], ys: &[L]) -> Check {
    macro_rules! each {
        (|$x:ident, $y:ident| $body:expr) => {
            xs.iter_mut().zip(ys).for_each(|(p, &$y)| {
                let $x = *p;
                *p = $body;
            })
        };
    }
    macro_rules! one {
        (|$x:ident| $body:expr) => {
            xs.iter_mut().for_each(|p| {
                let $x = *p;
                *p = $body;
            })
        };
    }
    let bit = |c: bool| if c { L::ONE } else { L::ZERO };
    let dt = v.a.dt;
    let sat = v.rq == RqMode::Sat;
    match f {
        EwFn::Mov => {}
        EwFn::Add => each!(|x, y| x + y),
        EwFn::Sub => each!(|x, y| x - y),
        EwFn::Mul => each!(|x, y| x.mul(y, sat)),
        EwFn::Min => each!(|x, y| x.min(y)),
        EwFn::Max => each!(|x, y| x.max(y)),
        EwFn::Abs => one!(|x| if x < L::ZERO { -x } else { x }),
        EwFn::Neg => one!(|x| -x),
        EwFn::Sign => one!(|x| if x > L::ZERO { L::ONE } else { -bit(x < L::ZERO) }),
        EwFn::Clamp => {
            let (lo, hi) = clamp_bounds(v);
            let (lo, hi) = (L::of(lo), L::of(hi));
            one!(|x| x.max(lo).min(hi));
        }
        EwFn::Eq => each!(|x, y| bit(x == y)),
        EwFn::Ne => each!(|x, y| bit(x != y)),
        EwFn::Lt => each!(|x, y| bit(x < y)),
        EwFn::Le => each!(|x, y| bit(x <= y)),
        EwFn::Gt => each!(|x, y| bit(x > y)),
        EwFn::Ge => each!(|x, y| bit(x >= y)),
        EwFn::And => each!(|x, y| (x & y).wrap(dt)),
        EwFn::Or => each!(|x, y| (x | y).wrap(dt)),
        EwFn::Xor => each!(|x, y| (x ^ y).wrap(dt)),
        EwFn::Not if dt.is_bool() => one!(|x| L::ONE - x),
        EwFn::Not => one!(|x| (!x).wrap(dt)),
        _ => return partial(f, dt, xs, ys),
    }
    Ok(())
}

/// The immediates of clamp: u32 as they are, other types sign-extended.
fn clamp_bounds(v: &Vx) -> (i128, i128) {
    let read = |bits: u32| if v.a.dt == DType::U32 { i128::from(bits) } else { i128::from(bits.cast_signed()) };
    (read(v.form.imm0()), read(v.form.imm1()))
}

/// Functions that trap on some operands.
fn partial<L: Lane>(f: EwFn, dt: DType, xs: &mut [L], ys: &[L]) -> Check {
    for (p, &y) in xs.iter_mut().zip(ys) {
        let x = *p;
        *p = match f {
            EwFn::Shl => x << shift_count(y, dt)?,
            EwFn::Shr => x >> shift_count(y, dt)?,
            EwFn::ShrRound => match shift_count(y, dt)? {
                0 => x,
                s => (x + (L::ONE << (s - 1))) >> s,
            },
            EwFn::Div => x / divisor(y)?,
            EwFn::Rem => x % divisor(y)?,
            EwFn::Mod => {
                let r = x % divisor(y)?;
                if r != L::ZERO && (r < L::ZERO) != (y < L::ZERO) { r + y } else { r }
            }
            EwFn::Ipow => L::of(power(x.wide(), y.wide(), dt)?),
            EwFn::Idx => {
                let wrapped = if x < L::ZERO { x + y } else { x };
                if wrapped < L::ZERO || wrapped >= y {
                    return Err(Fault::new(TrapCode::Index, format!("index {x} outside -{y}..{y}")));
                }
                wrapped
            }
            _ => return Err(Fault::new(TrapCode::Decode, format!("EW.{f} has no integer class"))),
        };
    }
    Ok(())
}

fn shift_count<L: Lane>(y: L, dt: DType) -> Result<u32, Fault> {
    let count = y.wide();
    if (0..i128::from(dt.bits())).contains(&count) {
        Ok(count as u32)
    } else {
        Err(Fault::new(TrapCode::ShiftRange, format!("shift by {y} of {dt}")))
    }
}

fn divisor<L: Lane>(y: L) -> Result<L, Fault> {
    if y == L::ZERO { Err(Fault::new(TrapCode::Div0, "integer division by 0")) } else { Ok(y) }
}

/// a^b mod 2^64, read back with a's signedness.
fn power(a: i128, b: i128, dt: DType) -> Result<i128, Fault> {
    if b < 0 {
        return match a {
            0 => Err(Fault::new(TrapCode::Div0, "0 to a negative power")),
            1 => Ok(1),
            -1 => Ok(if b & 1 == 0 { 1 } else { -1 }),
            _ => Ok(0),
        };
    }
    let (mut base, mut left, mut result) = (a as u64, b as u128, 1u64);
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        left >>= 1;
    }
    Ok(if dt.is_signed_int() { i128::from(result.cast_signed()) } else { i128::from(result) })
}

/// Integer value narrowed by the mode of the instruction.
pub(crate) fn narrow128(v: i128, dt: DType, sat: bool) -> i128 {
    if sat { num::sat128(v, dt) } else { num::wrap128(v, dt) }
}
