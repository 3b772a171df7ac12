//! Quantisation records, the way every VX result is finished, and RQ (3.3).

use isa::{Act, Chan, DType, Form, RqMode, Space, TrapCode, Vx};

use crate::float::{Format, int_to_f32, max};
use crate::state::{Num, State, address, indices};

/// Scale and zero point of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub scale: f32,
    pub zp: i128,
}

/// Reads record `rec + channel`; `E_PARAM` for a scale that is NaN, infinite or negative.
pub(crate) fn record(s: &mut State, rec: u16, channel: u32) -> Record {
    let at = 16 * (i64::from(rec) + i64::from(channel));
    let scale = f32::from_bits(s.load(Space::Prm, at + 4, 4) as u32);
    let bits = s.load(Space::Prm, at + 8, 4);
    let zp = s.number(DType::S32, bits).int();
    check_scale(s, scale);
    Record { scale, zp }
}

fn check_scale(s: &mut State, scale: f32) {
    if !scale.is_finite() || scale < 0.0 {
        s.trap(TrapCode::Param, format!("scale {scale:e} ({:#010x})", scale.to_bits()));
    }
}

/// The records of a and d at a channel; b's never advances.
pub(crate) fn channel_record(s: &mut State, rec: Option<u16>, advances: bool, channel: u32) -> Option<Record> {
    rec.map(|rec| record(s, rec, if advances { channel } else { 0 }))
}

/// x' = RNE32(RNE32(x - zp) * scale), or the float itself without a record.
pub(crate) fn dequantise(x: Num, rec: Option<Record>) -> f32 {
    match (x, rec) {
        (Num::Int(x), Some(r)) => int_to_f32(x - r.zp) * r.scale,
        (x, _) => x.float(),
    }
}

/// Smallest and largest value of an integer type or bool.
fn range(dt: DType) -> (i128, i128) {
    dt.int_range().expect("an integer destination")
}

/// Saturates to a type.
pub(crate) fn saturate(x: i128, dt: DType) -> i128 {
    let (lo, hi) = range(dt);
    x.clamp(lo, hi)
}

/// The one narrowing of the integer class (3.0): the bits of the result.
pub(crate) fn narrow(x: i128, dt: DType, rq: RqMode) -> u64 {
    let x = if rq == RqMode::Sat { saturate(x, dt) } else { x };
    element_bits(x, dt)
}

/// The low bits of an integer.
pub(crate) fn element_bits(x: i128, dt: DType) -> u64 {
    (x as u64) & (u64::MAX >> (64 - dt.bits()))
}

/// RNE_int; NaN counts as 0 and is counted.
fn round_to_int(s: &mut State, x: f32) -> i128 {
    if x.is_nan() {
        s.nan_cvt += 1;
        return 0;
    }
    x.round_ties_even() as i128 // saturating: far outside every destination
}

/// Activation of a quantised result.
fn activate(y: i128, zp: i128, dt: DType, act: Act, form: &Form) -> i128 {
    match (act, form) {
        (Act::None, _) => y,
        (Act::Relu, _) => saturate(y.max(zp), dt),
        (Act::Clamp, Form::Prm { clo, chi, .. }) => {
            let bound = |b: u8| if dt == DType::S8 { i128::from(b.cast_signed()) } else { i128::from(b) };
            y.clamp(bound(*clo), bound(*chi))
        }
        (Act::Clamp, Form::Imm { .. }) => unreachable!("isa::check: act clamp needs form prm"),
    }
}

/// What happens to the result of EW and POOL: quantise or round or narrow, then the activation.
pub(crate) fn finish(s: &mut State, y: Num, dt: DType, rec: Option<Record>, rq: RqMode, act: Act, form: &Form) -> u64 {
    match (y, rec) {
        (y, Some(r)) => {
            let n = round_to_int(s, y.float() / r.scale);
            let y = saturate(n.saturating_add(r.zp), dt);
            element_bits(activate(y, r.zp, dt, act, form), dt)
        }
        (Num::Float(y), None) => {
            let y = if act == Act::Relu { max(y, 0.0) } else { y };
            u64::from(Format::of(dt).expect("a float destination").narrow(y))
        }
        (Num::Int(y), None) => {
            let bits = narrow(y, dt, rq);
            let relu = act == Act::Relu;
            if relu && s.number(dt, bits).int() < 0 { 0 } else { bits }
        }
    }
}

/// Multiplier, shift and zero point of RQ.
struct Rescale {
    mult: u32,
    shift: i8,
    zp: i128,
}

fn rescale(s: &mut State, v: &Vx, channel: u32) -> Rescale {
    match v.form {
        Form::Imm { imm0, imm1 } => {
            Rescale { mult: imm0, shift: (imm1 as u8).cast_signed(), zp: i128::from(imm1.cast_signed() >> 8) }
        }
        Form::Prm { dprm, .. } => {
            let at = 16 * (i64::from(dprm.expect("RQ in form prm names record d")) + i64::from(channel));
            let mult = s.load(Space::Prm, at + 4, 4) as u32;
            let bits = s.load(Space::Prm, at + 8, 4);
            let zp = s.number(DType::S32, bits).int();
            let uses_shift = matches!(v.rq, RqMode::Single | RqMode::Double);
            let shift = if uses_shift { s.load(Space::Prm, at + 12, 1) as u8 } else { 0 };
            Rescale { mult, shift: shift.cast_signed(), zp }
        }
    }
}

/// RQ: accumulators to quantised integers.
pub(crate) fn rq(s: &mut State, v: &Vx) {
    let by_channel = v.form.is_prm();
    for i in indices(v.n) {
        let channel = if by_channel && v.chan != Chan::None { v.chan.of(i) } else { 0 };
        let acc = s.load_num(&v.a, address(&v.a, i)).int();
        let r = rescale(s, v, channel);
        let y = match v.rq {
            RqMode::F32 | RqMode::Div => {
                let scale = f32::from_bits(r.mult);
                check_scale(s, scale);
                let acc = int_to_f32(acc);
                round_to_int(s, if v.rq == RqMode::F32 { acc * scale } else { acc / scale })
            }
            RqMode::Single => single(s, acc, r.mult, r.shift),
            RqMode::Double => double(s, acc, r.mult.cast_signed(), r.shift),
            RqMode::Wrap | RqMode::Sat => unreachable!("isa::check: RQ has its own rules"),
        };
        let y = saturate(y.saturating_add(r.zp), v.d.dt);
        let y = activate(y, r.zp, v.d.dt, v.act, &v.form);
        s.store_elem(&v.d, address(&v.d, i), element_bits(y, v.d.dt));
    }
}

/// RQ_SINGLE before the zero point.
fn single(s: &mut State, acc: i128, mult: u32, shift: i8) -> i128 {
    if mult >= 1 << 31 || !(2..=62).contains(&shift) {
        s.trap(TrapCode::ShiftRange, format!("mult {mult:#x}, shift {shift}"));
        return 0;
    }
    (acc * i128::from(mult) + (1 << (shift - 1))) >> shift
}

/// RQ_DOUBLE before the zero point (gemmlowp).
fn double(s: &mut State, acc: i128, mult: i32, ls: i8) -> i128 {
    if !(-31..=30).contains(&ls) {
        s.trap(TrapCode::ShiftRange, format!("shift {ls}"));
        return 0;
    }
    let left = acc << ls.max(0);
    if saturate(left, DType::S32) != left {
        s.trap(TrapCode::ShiftRange, format!("{acc} << {ls} is not an i32"));
        return 0;
    }
    let (lo, hi) = range(DType::S32);
    let mult = i128::from(mult);
    let product = left * mult;
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    let high = if left == lo && mult == lo { hi } else { (product + nudge) / (1 << 31) };
    let right = (-ls).max(0);
    let half = if right == 0 { 0 } else { 1i128 << (right - 1) };
    // half away from zero: round the magnitude up at the half
    let magnitude = (high.abs() + half) >> right;
    if high < 0 { -magnitude } else { magnitude }
}
