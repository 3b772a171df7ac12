//! RQ and LUT. NPU.md 3.3 and 3.4.

use super::memory::{At, Memory, Quant};
use super::num::{Num, decode, encode_int, quantise};
use super::vector::{activate, address, check_acc_write, indices};
use crate::bytes::get_at;
use crate::error::Fault;
use isa::{DType, Form, RqMode, Vx};
use lir::stream::Places;

pub(super) fn requantise(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    check_acc_write(&v.d, v.n)?;
    for i in indices(v.n) {
        let Num::I(acc) = decode(v.a.dt, m.load(a, v.a.dt, address(&v.a, i))?)? else {
            return Err(Fault::Illegal("RQ of a float"));
        };
        let (q, shift) = parameters(m, v, p, i)?;
        let bits = match v.rq {
            RqMode::F32 => quantise(v.d.dt, acc as f32, q, true)?,
            RqMode::Div => quantise(v.d.dt, acc as f32, q, false)?,
            RqMode::Single => single(v.d.dt, acc, q, shift)?,
            RqMode::Double => double(v.d.dt, acc, q, shift)?,
            RqMode::Wrap | RqMode::Sat => return Err(Fault::Illegal("RQ without a rounding rule")),
        };
        let bits = activate(v.act, &v.form, v.d.dt, bits, q.zp)?;
        m.store(d, v.d.dt, address(&v.d, i), bits)?;
    }
    Ok(())
}

/// Multiplier, zero point and shift: of record dprm + channel, or immediate.
fn parameters(m: &Memory<'_>, v: &Vx, p: &Places, i: [u32; 4]) -> Result<(Quant, i32), Fault> {
    match v.form {
        Form::Imm { imm0, imm1 } => {
            let shift = i32::from((imm1 as u8).cast_signed());
            Ok((Quant { mult: imm0, zp: imm1.cast_signed() >> 8 }, shift))
        }
        Form::Prm { dprm, .. } => {
            let first = dprm.ok_or(Fault::NoPlace("dprm"))?;
            let number = u32::from(first) + v.chan.of(i);
            let needs_shift = matches!(v.rq, RqMode::Single | RqMode::Double);
            let shift = if needs_shift { m.record_field(p.prm[2], number, 12, 1)? as u8 } else { 0 };
            Ok((m.quant(p.prm[2], number)?, i32::from(shift.cast_signed())))
        }
    }
}

fn single(dt: DType, acc: i128, q: Quant, shift: i32) -> Result<u64, Fault> {
    let mult = q.mult.cast_signed();
    if mult < 0 || !(2..=62).contains(&shift) {
        return Err(Fault::ShiftRange(i128::from(shift)));
    }
    let rounded = (acc * i128::from(mult) + (1 << (shift - 1))) >> shift;
    encode_int(dt, rounded + i128::from(q.zp), true)
}

fn double(dt: DType, acc: i128, q: Quant, shift: i32) -> Result<u64, Fault> {
    if !(-31..=30).contains(&shift) {
        return Err(Fault::ShiftRange(i128::from(shift)));
    }
    let shifted = acc << shift.max(0);
    if i32::try_from(shifted).is_err() {
        return Err(Fault::ShiftRange(i128::from(shift)));
    }
    let mult = i128::from(q.mult.cast_signed());
    let high = if shifted == i128::from(i32::MIN) && mult == i128::from(i32::MIN) {
        i128::from(i32::MAX)
    } else {
        let product = shifted * mult;
        let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
        (product + nudge) / (1 << 31)
    };
    let exponent = (-shift).max(0);
    let (mask, low) = ((1i128 << exponent) - 1, high & ((1i128 << exponent) - 1));
    let threshold = (mask >> 1) + i128::from(high < 0);
    let rounded = (high >> exponent) + i128::from(low > threshold);
    encode_int(dt, rounded + i128::from(q.zp), true)
}

pub(super) fn look_up(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    check_acc_write(&v.d, v.n)?;
    let first = i64::from(v.lut) * 2048;
    let len = if v.a.dt.size() == 1 { 256 } else { 1026 };
    if !m.is_init(At::Lut, first, len) {
        return Err(Fault::Lut(v.lut));
    }
    let table = m.read(At::Lut, first, len)?.to_vec();
    for i in indices(v.n) {
        let x = m.load(a, v.a.dt, address(&v.a, i))?;
        let bits = match v.a.dt {
            DType::S8 => u64::from(table[x as usize ^ 0x80]),
            DType::U8 => u64::from(table[x as usize]),
            DType::S16 => u64::from(interpolate(&table, x as u16) as u16),
            _ => return Err(Fault::Illegal("type of a table look-up")),
        };
        m.store(d, v.d.dt, address(&v.d, i), bits)?;
    }
    Ok(())
}

fn interpolate(table: &[u8], x: u16) -> i64 {
    let position = i64::from(x.cast_signed()) + 32_768;
    let (i, f) = ((position >> 7) as usize, position & 127);
    let entry = |i: usize| i64::from((get_at(table, 2, 2 * i) as u16).cast_signed());
    entry(i) + (((entry(i + 1) - entry(i)) * f + 64) >> 7)
}
