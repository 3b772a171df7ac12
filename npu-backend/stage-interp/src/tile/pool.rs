//! Reductions and pooling on tiles. NPU.md 3.4: absent lanes are skipped, float sums in groups of 16.

use super::elem::{QUIET, dequantise, f32_of, float_bits, int_bits, int_of, quantised_bits};
use super::functions::at;
use super::memory::Local;
use super::walk::Walk;
use crate::error::Fault;
use isa::{DType, PoolFn, RedFn};
use lir::tile::{BufView, PrmView, TilePool};

/// Fields of `TileOp::Red`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Red<'a> {
    pub f: RedFn,
    pub n: &'a [usize],
    pub a: &'a BufView,
    pub d: &'a BufView,
    pub accumulate: bool,
    pub last: bool,
    pub base: i64,
}

pub(super) fn reduce(local: &mut Local, r: &Red<'_>) -> Result<(), Fault> {
    let Some((&len, kept)) = r.n.split_last() else { return Err(Fault::Illegal("a reduction without loops")) };
    let (Some((&step, a_kept)), Some((&0, d_kept))) = (r.a.strides.split_last(), r.d.strides.split_last()) else {
        return Err(Fault::Illegal("strides of a reduction"));
    };
    if len == 0 {
        return Err(Fault::Illegal("an empty reduction"));
    }
    let mut lanes: Vec<u64> = Vec::with_capacity(len);
    let mut w = Walk::new(kept, [a_kept, d_kept])?;
    while !w.done() {
        lanes.clear();
        for k in 0..len as isize {
            lanes.push(local.read(r.a.buf, r.a.dtype, at(r.a, w.offset[0] + k * step))?);
        }
        let to = at(r.d, w.offset[1]);
        let old = if r.accumulate { Some(local.read(r.d.buf, r.d.dtype, to)?) } else { None };
        let bits = if r.f.is_arg() {
            let best = best_lane(r.a.dtype, &lanes, r.f == RedFn::ArgMax, r.last)?;
            int_bits(r.d.dtype, best as i128 + i128::from(r.base), false)?
        } else if r.a.dtype.is_float() {
            reduce_floats(r, &lanes, old)?
        } else {
            reduce_ints(r, &lanes, old)?
        };
        local.write(r.d.buf, r.d.dtype, to, bits)?;
        w.next();
    }
    Ok(())
}

type Op = fn(f32, f32) -> f32;

fn clean(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(QUIET) } else { x }
}

fn float_op(f: RedFn) -> Op {
    match f {
        RedFn::Sum => |a, b| clean(a + b),
        RedFn::Prod => |a, b| clean(a * b),
        RedFn::Max => |a, b| clean(higher(a, b)),
        _ => |a, b| clean(-higher(-a, -b)),
    }
}

/// The higher one; NaN wins; +0 above −0.
fn higher(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a.total_cmp(&b).is_gt() {
        a
    } else {
        b
    }
}

/// Pairs neighbours level by level: 16, 8, 4, 2, 1 lanes, an unpaired one going up as it is.
fn tree(op: Op, lanes: &mut Vec<f32>) -> f32 {
    while lanes.len() > 1 {
        let mut kept = 0;
        for i in (0..lanes.len()).step_by(2) {
            lanes[kept] = if i + 1 < lanes.len() { op(lanes[i], lanes[i + 1]) } else { lanes[i] };
            kept += 1;
        }
        lanes.truncate(kept);
    }
    lanes[0]
}

fn reduce_floats(r: &Red<'_>, lanes: &[u64], old: Option<u64>) -> Result<u64, Fault> {
    if lanes.len() == 1 && old.is_none() && r.a.dtype == r.d.dtype {
        return Ok(lanes[0]);
    }
    let op = float_op(r.f);
    let mut sum = match old {
        Some(bits) => Some(f32_of(r.d.dtype, bits)?),
        None => None,
    };
    let mut group: Vec<f32> = Vec::with_capacity(16);
    for chunk in lanes.chunks(16) {
        group.clear();
        for &bits in chunk {
            group.push(f32_of(r.a.dtype, bits)?);
        }
        let t = tree(op, &mut group);
        sum = Some(sum.map_or(t, |s| op(s, t)));
    }
    let sum = sum.unwrap_or_default();
    if r.d.dtype == DType::F32 { Ok(u64::from(sum.to_bits())) } else { float_bits(r.d.dtype, sum) }
}

fn reduce_ints(r: &Red<'_>, lanes: &[u64], old: Option<u64>) -> Result<u64, Fault> {
    let op: fn(i128, i128) -> i128 = match r.f {
        RedFn::Sum => i128::wrapping_add,
        RedFn::Prod => i128::wrapping_mul,
        RedFn::Max => i128::max,
        _ => i128::min,
    };
    let mut total = match old {
        Some(bits) => Some(int_of(r.d.dtype, bits)?),
        None => None,
    };
    for &bits in lanes {
        let x = int_of(r.a.dtype, bits)?;
        total = Some(total.map_or(x, |t| op(t, x)));
    }
    int_bits(r.d.dtype, total.unwrap_or_default(), false)
}

/// The first or last extreme: NaN beats everything, zeros are equal.
fn best_lane(dtype: DType, lanes: &[u64], max: bool, last: bool) -> Result<usize, Fault> {
    let mut best = 0;
    if dtype.is_float() {
        let mut top = f32_of(dtype, lanes[0])?;
        for (k, &bits) in lanes.iter().enumerate().skip(1) {
            let x = f32_of(dtype, bits)?;
            let beats = if top.is_nan() {
                x.is_nan() && last
            } else {
                x.is_nan() || (max && x > top) || (!max && x < top) || (last && x == top)
            };
            if beats {
                (best, top) = (k, x);
            }
        }
    } else {
        let mut top = int_of(dtype, lanes[0])?;
        for (k, &bits) in lanes.iter().enumerate().skip(1) {
            let x = int_of(dtype, bits)?;
            if (max && x > top) || (!max && x < top) || (last && x == top) {
                (best, top) = (k, x);
            }
        }
    }
    Ok(best)
}

pub(super) fn pool(local: &mut Local, p: &TilePool) -> Result<(), Fault> {
    let ([a_sy, a_sx], [d_sy, d_sx]) = (pair(p.a.strides.as_slice())?, pair(p.d.strides.as_slice())?);
    let mut lanes: Vec<u64> = Vec::with_capacity(p.kh * p.kw);
    for oy in 0..p.oh {
        for ox in 0..p.ow {
            let rows = inside(p.iy0, oy * p.sy, p.dy, p.kh, p.ih);
            let columns = inside(p.ix0, ox * p.sx, p.dx, p.kw, p.iw);
            let counted = below(p.iy0, oy * p.sy, p.dy, p.kh, p.ih + p.pad_bottom)
                * below(p.ix0, ox * p.sx, p.dx, p.kw, p.iw + p.pad_right);
            if (rows.is_empty() || columns.is_empty()) && !matches!(p.f, PoolFn::Sum | PoolFn::AvgPad) {
                return Err(Fault::Pad { oy, ox });
            }
            for c in 0..p.c as isize {
                lanes.clear();
                for ky in rows.clone() {
                    let iy = p.iy0 + (oy * p.sy + ky * p.dy) as isize;
                    for kx in columns.clone() {
                        let ix = p.ix0 + (ox * p.sx + kx * p.dx) as isize;
                        lanes.push(local.read(p.a.buf, p.a.dtype, at(&p.a, iy * a_sy + ix * a_sx + c))?);
                    }
                }
                let bits = if p.f.is_arg() {
                    let best = best_lane(p.a.dtype, &lanes, true, false)?;
                    let iy = p.iy0 + (oy * p.sy + (rows.start + best / columns.len()) * p.dy) as isize;
                    let ix = p.ix0 + (ox * p.sx + (columns.start + best % columns.len()) * p.dx) as isize;
                    let yx = p.f == PoolFn::ArgMaxYx;
                    let index = if yx { iy * p.iw as isize + ix } else { ix * p.ih as isize + iy };
                    int_bits(p.d.dtype, index as i128, false)?
                } else {
                    window(local, p, &lanes, counted, c as usize)?
                };
                let to = at(&p.d, oy as isize * d_sy + ox as isize * d_sx + c);
                local.write(p.d.buf, p.d.dtype, to, bits)?;
            }
        }
    }
    Ok(())
}

fn pair(strides: &[isize]) -> Result<[isize; 2], Fault> {
    strides.try_into().map_err(|_| Fault::Illegal("number of strides"))
}

/// The taps k of a window for which `0 ≤ first + start + k·dilation < extent`: always a range.
fn inside(first: isize, start: usize, dilation: usize, taps: usize, extent: usize) -> std::ops::Range<usize> {
    let position = |k: usize| first + (start + k * dilation) as isize;
    let low = (0..taps).find(|&k| position(k) >= 0).unwrap_or(taps);
    let high = (low..taps).find(|&k| position(k) >= extent as isize).unwrap_or(taps);
    low..high
}

/// How many taps lie before `extent`.
fn below(first: isize, start: usize, dilation: usize, taps: usize, extent: usize) -> usize {
    (0..taps).filter(|k| first + ((start + k * dilation) as isize) < extent as isize).count()
}

fn scale_at(local: &Local, p: &Option<PrmView>, c: usize) -> Result<Option<(f32, i32)>, Fault> {
    match p {
        Some(p) => local.scale(p.buf, p.first + if p.axis.is_some() { c } else { 0 }).map(Some),
        None => Ok(None),
    }
}

fn window(local: &Local, p: &TilePool, lanes: &[u64], counted: usize, c: usize) -> Result<u64, Fault> {
    let (from, to) = (p.a.dtype, p.d.dtype);
    let (qa, qd) = (scale_at(local, &p.prm[0], c)?, scale_at(local, &p.prm[1], c)?);
    let plain = qa.is_none() && qd.is_none();
    if plain && lanes.len() == 1 && from == to && !p.f.is_avg() {
        return Ok(lanes[0]);
    }
    if plain && !from.is_float() {
        if p.f.is_avg() {
            return Err(Fault::Illegal("an average of integers without records"));
        }
        let mut total = None;
        for &bits in lanes {
            let x = int_of(from, bits)?;
            total = Some(total.map_or(x, |t: i128| if p.f == PoolFn::Max { t.max(x) } else { t + x }));
        }
        return int_bits(to, total.unwrap_or_default(), false);
    }
    let value = |bits: u64| match qa {
        Some(q) => Ok(dequantise(int_of(from, bits)?, q)),
        None => f32_of(from, bits),
    };
    let mut total = None;
    for &bits in lanes {
        let x = value(bits)?;
        total = Some(total.map_or(x, |t| if p.f == PoolFn::Max { higher(t, x) } else { t + x }));
    }
    let mut y = total.unwrap_or(0.0);
    if p.f == PoolFn::Avg {
        y /= lanes.len() as f32;
    } else if p.f == PoolFn::AvgPad {
        y /= counted as f32;
    }
    match qd {
        Some((scale, zero)) => quantised_bits(to, y / scale, zero),
        None => float_bits(to, y),
    }
}
