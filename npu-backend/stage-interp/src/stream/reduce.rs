//! RED and POOL. NPU.md 3.4 and 4.4.

use super::memory::Memory;
use super::num::{Num, decode, dequantise, encode_float, encode_int, pick, quantise, quiet};
use super::vector::{activate, address, check_acc_write, indices};
use crate::error::Fault;
use isa::{DType, Pool, PoolFn, RedFn, RqMode, Vx};
use lir::stream::Places;

pub(super) fn reduce(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let isa::VxFn::Red(f) = v.func else { return Err(Fault::Illegal("a RED without a function")) };
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    check_acc_write(&v.d, v.n)?;
    let axis = usize::from(v.axis);
    let len = usize::from(v.n[axis]);
    let mut outer = v.n;
    outer[axis] = 1;
    let mut raw = Vec::with_capacity(len);
    for i in indices(outer) {
        raw.clear();
        for k in 0..len {
            let mut i = i;
            i[axis] = k as u32;
            raw.push(m.load(a, v.a.dt, address(&v.a, i))?);
        }
        let at = address(&v.d, i);
        let old = if v.acc { Some(m.load(d, v.d.dt, at)?) } else { None };
        let bits = if f.is_arg() {
            let best = extreme_position(v.a.dt, &raw, f == RedFn::ArgMax, v.last)?;
            encode_int(v.d.dt, best as i128 + i128::from(v.form.as_imm64()), false)?
        } else {
            fold(v, f, &raw, old)?
        };
        m.store(d, v.d.dt, at, bits)?;
    }
    Ok(())
}

fn fold(v: &Vx, f: RedFn, raw: &[u64], old: Option<u64>) -> Result<u64, Fault> {
    if let ([only], None, true) = (raw, old, v.a.dt == v.d.dt) {
        return Ok(*only); // a reduction of one element returns its bits
    }
    if v.a.dt.is_float() {
        let mut total = match old {
            Some(bits) => Some(as_float(v.d.dt, bits)?),
            None => None,
        };
        for group in raw.chunks(16) {
            let t = group_value(v.a.dt, f, group)?;
            total = Some(match total {
                Some(s) => combine(f, s, t),
                None => t,
            });
        }
        let total = total.ok_or(Fault::Illegal("an empty reduction"))?;
        return if v.d.dt == DType::F32 { Ok(u64::from(total.to_bits())) } else { encode_float(v.d.dt, total) };
    }
    let mut total: Option<i128> = match old {
        Some(bits) => Some(as_int(v.d.dt, bits)?),
        None => None,
    };
    let saturate = v.rq == RqMode::Sat;
    for &bits in raw {
        let x = as_int(v.a.dt, bits)?;
        total = Some(match (total, f) {
            (None, _) => x,
            (Some(s), RedFn::Sum) => s + x,
            (Some(s), RedFn::Prod) if saturate => s.saturating_mul(x),
            (Some(s), RedFn::Prod) => s.wrapping_mul(x),
            (Some(s), RedFn::Max) => s.max(x),
            (Some(s), _) => s.min(x),
        });
    }
    encode_int(v.d.dt, total.ok_or(Fault::Illegal("an empty reduction"))?, saturate)
}

fn as_float(dt: DType, bits: u64) -> Result<f32, Fault> {
    match decode(dt, bits)? {
        Num::F(x) => Ok(x),
        Num::I(_) => Err(Fault::Illegal("an integer in a float reduction")),
    }
}

fn as_int(dt: DType, bits: u64) -> Result<i128, Fault> {
    match decode(dt, bits)? {
        Num::I(x) => Ok(x),
        Num::F(_) => Err(Fault::Illegal("a float in an integer reduction")),
    }
}

fn combine(f: RedFn, a: f32, b: f32) -> f32 {
    match f {
        RedFn::Sum => quiet(a + b),
        RedFn::Prod => quiet(a * b),
        RedFn::Max => pick(a, b, true),
        _ => pick(a, b, false),
    }
}

/// The fixed tree over one group of at most 16: neighbours at distance 1, 2, 4, 8; what is absent is skipped.
fn group_value(dt: DType, f: RedFn, group: &[u64]) -> Result<f32, Fault> {
    let mut lanes = [None; 16];
    for (lane, &bits) in lanes.iter_mut().zip(group) {
        *lane = Some(as_float(dt, bits)?);
    }
    let mut step = 1;
    while step < 16 {
        for k in (0..16).step_by(2 * step) {
            if let (Some(a), Some(b)) = (lanes[k], lanes[k + step]) {
                lanes[k] = Some(combine(f, a, b));
            }
        }
        step *= 2;
    }
    lanes[0].ok_or(Fault::Illegal("an empty reduction"))
}

/// Position of the first (or last) extreme; NaN beats everything, zeros are equal.
fn extreme_position(dt: DType, raw: &[u64], max: bool, last: bool) -> Result<usize, Fault> {
    let mut best = 0;
    for k in 1..raw.len() {
        let (better, equal) = match (decode(dt, raw[k])?, decode(dt, raw[best])?) {
            (Num::I(x), Num::I(y)) => (if max { x > y } else { x < y }, x == y),
            (Num::F(x), Num::F(y)) if x.is_nan() || y.is_nan() => (!y.is_nan(), x.is_nan() && y.is_nan()),
            (Num::F(x), Num::F(y)) => (if max { x > y } else { x < y }, x == y),
            _ => return Err(Fault::Illegal("operands of two classes")),
        };
        if better || (equal && last) {
            best = k;
        }
    }
    Ok(best)
}

pub(super) fn pool(m: &mut Memory<'_>, v: &Pool, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a_mem, p.a, "a_addr")?, m.resolve(v.d_mem, p.d, "d_addr")?);
    let size = i64::from(v.a_dt.size());
    let mut taps: Vec<(u32, u32)> = Vec::new();
    let mut raw: Vec<u64> = Vec::new();
    for oy in 0..u32::from(v.oh) {
        for ox in 0..u32::from(v.ow) {
            let counted = window(v, oy, ox, &mut taps);
            if taps.is_empty() && v.func != PoolFn::Sum && v.func != PoolFn::AvgPad {
                return Err(Fault::Pad { oy: oy as usize, ox: ox as usize });
            }
            for c in 0..u32::from(v.n0) {
                raw.clear();
                for &(iy, ix) in &taps {
                    let e = i64::from(iy) * i64::from(v.a_sy) + i64::from(ix) * i64::from(v.a_sx) + i64::from(c);
                    raw.push(m.load(a, v.a_dt, i64::from(v.a_addr) + e * size)?);
                }
                let bits = pool_value(m, v, p, &taps, &raw, counted, c)?;
                let e = i64::from(oy) * i64::from(v.d_sy) + i64::from(ox) * i64::from(v.d_sx) + i64::from(c);
                m.store(d, v.d_dt, i64::from(v.d_addr) + e * i64::from(v.d_dt.size()), bits)?;
            }
        }
    }
    Ok(())
}

/// Taps inside the input in order, and the number that an average counting padding divides by.
fn window(v: &Pool, oy: u32, ox: u32, taps: &mut Vec<(u32, u32)>) -> u32 {
    taps.clear();
    let mut counted = 0;
    for ky in 0..i64::from(v.kh) {
        let iy = i64::from(v.iy0) + i64::from(oy) * i64::from(v.sy) + ky * i64::from(v.dy);
        for kx in 0..i64::from(v.kw) {
            let ix = i64::from(v.ix0) + i64::from(ox) * i64::from(v.sx) + kx * i64::from(v.dx);
            let (ih, iw) = (i64::from(v.ih), i64::from(v.iw));
            counted += u32::from(iy < ih + i64::from(v.pb) && ix < iw + i64::from(v.pr));
            if (0..ih).contains(&iy) && (0..iw).contains(&ix) {
                taps.push((iy as u32, ix as u32));
            }
        }
    }
    counted
}

fn pool_value(
    m: &Memory<'_>,
    v: &Pool,
    p: &Places,
    taps: &[(u32, u32)],
    raw: &[u64],
    counted: u32,
    c: u32,
) -> Result<u64, Fault> {
    if v.func.is_arg() {
        let (iy, ix) = taps[extreme_position(v.a_dt, raw, true, false)?];
        let position = if v.func == PoolFn::ArgMaxYx {
            i128::from(iy) * i128::from(v.iw) + i128::from(ix)
        } else {
            i128::from(ix) * i128::from(v.ih) + i128::from(iy)
        };
        return encode_int(v.d_dt, position + i128::from(v.form.as_imm64()), false);
    }
    let (ra, _, rd) = v.form.records();
    let record = |which: usize, first: Option<u16>, advances: bool| match first {
        Some(first) => m.quant(p.prm[which], u32::from(first) + if advances { c } else { 0 }).map(Some),
        None => Ok(None),
    };
    let (qa, qd) = (record(0, ra, v.chm_a)?, record(2, rd, v.chm_d)?);
    let zero = qd.map_or(0, |q| q.zp);
    if raw.len() == 1 && v.a_dt == v.d_dt && !v.form.is_prm() && !v.func.is_avg() {
        return activate(v.act, &v.form, v.d_dt, raw[0], zero);
    }
    let bits = if v.a_dt.is_float() || v.form.is_prm() {
        let mut total: Option<f32> = None;
        for &bits in raw {
            let x = match (decode(v.a_dt, bits)?, qa) {
                (x, Some(q)) => dequantise(x, q)?,
                (Num::F(x), None) => x,
                (Num::I(_), None) => return Err(Fault::Illegal("an integer source without a record")),
            };
            total = Some(match total {
                None => x,
                Some(t) if v.func == PoolFn::Max => pick(t, x, true),
                Some(t) => t + x,
            });
        }
        let total = total.unwrap_or(0.0);
        let value = match v.func {
            PoolFn::Avg => total / raw.len() as f32,
            PoolFn::AvgPad => total / counted as f32,
            _ => total,
        };
        match qd {
            Some(q) => quantise(v.d_dt, value, q, false)?,
            None => encode_float(v.d_dt, value)?,
        }
    } else {
        if v.func.is_avg() {
            return Err(Fault::Illegal("an average of integers without records"));
        }
        let mut total: Option<i128> = None;
        for &bits in raw {
            let x = as_int(v.a_dt, bits)?;
            total = Some(match total {
                None => x,
                Some(t) if v.func == PoolFn::Max => t.max(x),
                Some(t) => t + x,
            });
        }
        encode_int(v.d_dt, total.unwrap_or(0), v.rq == RqMode::Sat)?
    };
    activate(v.act, &v.form, v.d_dt, bits, zero)
}
