//! RQ: requantisation (3.3).

use isa::{Act, Chan, Form, RqMode, TrapCode, Vx};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num;

use super::params::{self, Fields, Params};
use super::view::{self, Dims, View};

/// RQ.
pub(crate) fn requantise(m: &mut Machine, v: &Vx) -> Check {
    let n = view::dims(&v.n);
    let (a, d) = (View::new(&v.a), View::new(&v.d));
    let by_float = matches!(v.rq, RqMode::F32 | RqMode::Div);
    let known = by_float || matches!(v.rq, RqMode::Single | RqMode::Double);
    let source = a.dt == isa::DType::S32 || (by_float && a.dt == isa::DType::S64);
    if !known || !source || !d.dt.is_int() || d.size() == 8 {
        return Err(Fault::new(TrapCode::Decode, format!("RQ {} -> {} with rule {}", a.dt, d.dt, v.rq)));
    }
    // RQ's record always advances with the channel.
    let record = v.form.records().2.map(|r| (r, v.chan));
    if let Some((r, chan)) = record {
        m.records_bounds(r, chan, &n)?;
    }
    m.check_views(&[(&a, &n)], &d, &n)?;
    if let Some((r, chan)) = record {
        m.records_inited(r, chan, &n, if by_float { Fields::ScaleZp } else { Fields::MultZpShift })?;
    }
    m.check_acc(&[(&a, &n)])?;
    let (p, clamp) = match (v.form, record) {
        (Form::Prm { clo, chi, .. }, Some((r, chan))) => (m.records(r, chan, &n), params::clamp_bounds(clo, chi, d.dt)),
        (Form::Imm { imm0, imm1 }, None) => {
            (Params::immediate(imm0, imm1.cast_signed() >> 8, imm1 as u8 as i8), (i64::MIN, i64::MAX))
        }
        _ => return Err(Fault::new(TrapCode::Decode, "RQ in form PRM names record d")),
    };
    if by_float {
        p.check_scales(&n)?;
    } else {
        check_shifts(&p, &n, v.rq)?;
    }
    run(m, v, &a, &d, &p, clamp, &n)?;
    m.view_written(&d, &n)
}

/// E_SHIFT_RANGE of the parameters themselves.
fn check_shifts(p: &Params, n: &Dims, rule: RqMode) -> Check {
    let mut used = vec![false; p.mult.len()];
    view::for_rows(&[1, n[1], n[2], n[3]], |i1, i2, i3| {
        let (first, advance) = p.row(i1, i2, i3);
        used[first..first + if advance { n[0] } else { 1 }].fill(true);
        Ok(())
    })?;
    for c in (0..used.len()).filter(|&c| used[c]) {
        let (mult, shift) = (p.mult[c].cast_signed(), p.shift[c]);
        let legal = match rule {
            RqMode::Single => mult >= 0 && (2..=62).contains(&shift),
            _ => (-31..=30).contains(&shift),
        };
        if !legal {
            return Err(Fault::new(TrapCode::ShiftRange, format!("mult {mult}, shift {shift} of channel {c}")));
        }
    }
    Ok(())
}

fn run(m: &mut Machine, v: &Vx, a: &View, d: &View, p: &Params, clamp: (i64, i64), n: &Dims) -> Check {
    let (mut n, mut a, mut d) = (*n, *a, *d);
    if p.chan == Chan::None {
        view::merge_dims(&mut n, &mut [&mut a, &mut d]);
    }
    let (lo, hi) = num::range64(d.dt);
    let mut row = Vec::with_capacity(n[0]);
    let mut nans = 0;
    view::for_rows(&n, |i1, i2, i3| {
        row.clear();
        view::load_i64(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut row);
        let (first, advance) = p.row(i1, i2, i3);
        let step = usize::from(advance);
        match v.rq {
            RqMode::F32 => {
                for (i, x) in row.iter_mut().enumerate() {
                    let c = first + i * step;
                    *x = params::round_quotient(*x as f32 * p.scale(c), p.zp[c], &mut nans);
                }
            }
            RqMode::Div => {
                for (i, x) in row.iter_mut().enumerate() {
                    let c = first + i * step;
                    *x = params::quantise(*x as f32, p.scale(c), p.zp[c], &mut nans);
                }
            }
            RqMode::Single => {
                for (i, x) in row.iter_mut().enumerate() {
                    let c = first + i * step;
                    *x = single(*x, p.mult[c], p.shift[c]) + i64::from(p.zp[c]);
                }
            }
            _ => {
                for (i, x) in row.iter_mut().enumerate() {
                    let c = first + i * step;
                    *x = double(*x, p.mult[c].cast_signed(), p.shift[c])? + i64::from(p.zp[c]);
                }
            }
        }
        activate(v.act, clamp, p, (first, step), (lo, hi), &mut row);
        view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], &row);
        Ok(())
    })?;
    m.counters.nan_cvt += nans;
    Ok(())
}

/// Saturation, then the activation.
fn activate(act: Act, clamp: (i64, i64), p: &Params, c: (usize, usize), range: (i64, i64), row: &mut [i64]) {
    let (lo, hi) = range;
    match act {
        Act::None => row.iter_mut().for_each(|y| *y = (*y).clamp(lo, hi)),
        // max(SAT(y), zp), which must be representable too
        Act::Relu => {
            for (i, y) in row.iter_mut().enumerate() {
                *y = (*y).max(i64::from(p.zp[c.0 + i * c.1])).clamp(lo, hi);
            }
        }
        Act::Clamp => row.iter_mut().for_each(|y| *y = (*y).clamp(lo, hi).max(clamp.0).min(clamp.1)),
    }
}

/// RQ_SINGLE without the zero point: (acc*mult + 2^(shift-1)) >> shift.
#[inline]
fn single(acc: i64, mult: u32, shift: i8) -> i64 {
    (acc * i64::from(mult) + (1i64 << (shift - 1))) >> shift
}

/// RQ_DOUBLE without the zero point.
fn double(acc: i64, mult: i32, shift: i8) -> Result<i64, Fault> {
    let shifted = acc << shift.max(0);
    let Ok(x) = i32::try_from(shifted) else {
        return Err(Fault::new(TrapCode::ShiftRange, format!("{acc} << {shift} leaves 32 bits")));
    };
    Ok(divide_by_power(doubling_high_mul(x, mult), u32::from((-shift.min(0)).unsigned_abs())))
}

/// gemmlowp SaturatingRoundingDoublingHighMul.
fn doubling_high_mul(a: i32, b: i32) -> i64 {
    if a == i32::MIN && b == i32::MIN {
        return i64::from(i32::MAX);
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    (product + nudge) / (1 << 31)
}

/// gemmlowp RoundingDivideByPOT: half away from zero.
fn divide_by_power(x: i64, exponent: u32) -> i64 {
    let mask = (1i64 << exponent) - 1;
    let threshold = (mask >> 1) + i64::from(x < 0);
    (x >> exponent) + i64::from(x & mask > threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_rounds_half_up() {
        let half = 1 << 30; // 0.5 as mult / 2^31
        assert_eq!(single(3, half, 31), 2); // 1.5
        assert_eq!(single(-3, half, 31), -1); // -1.5: half up
        // -2^31 * (2^31 - 1) is just above -2^62; half of 2^62 added, the floor of the quotient is -1.
        assert_eq!(single(i64::from(i32::MIN), i32::MAX as u32, 62), -1);
    }

    #[test]
    fn double_rounds_half_away_from_zero() {
        assert_eq!(doubling_high_mul(i32::MIN, i32::MIN), i64::from(i32::MAX));
        assert_eq!(doubling_high_mul(3, 1 << 30), 2); // 1.5
        assert_eq!(doubling_high_mul(-3, 1 << 30), -1); // -1.5 + nudge, truncated toward zero: -1
        assert_eq!(divide_by_power(3, 1), 2);
        assert_eq!(divide_by_power(-3, 1), -2);
        assert_eq!(divide_by_power(-5, 2), -1);
        assert_eq!(divide_by_power(-6, 2), -2);
        assert_eq!(divide_by_power(7, 0), 7);
        assert!(double(1 << 20, 1, 12).is_err());
        assert_eq!(double(-(1 << 20), 1 << 30, 11), Ok(-(1 << 30)));
    }
}
