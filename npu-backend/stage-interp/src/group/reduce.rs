//! Reductions and pooling. NPU.md 3.4: no identity element, absent lanes are skipped, float sums in groups of 16.

use super::column::{self, NAN, canonical, narrow, round};
use super::walk::{check, offsets};
use super::{Input, input};
use crate::bytes::{get, put_at};
use crate::error::{Fault, PlaceName};
use isa::{DType, PoolFn, RedFn};
use lir::fused::{Pool, Reduce};

/// Runs a reduction.
pub(super) fn run(r: &Reduce, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    let x = input(inputs, r.view.input)?;
    let size = x.dtype.size() as usize;
    let space: Vec<usize> = r.kept.iter().chain(&r.reduced).copied().collect();
    if r.kept.iter().product::<usize>() != elements || r.reduced.is_empty() || r.reduced.contains(&0) {
        return Err(Fault::Illegal("extents of a reduction"));
    }
    check(&space, r.view.offset, &r.view.strides, x.bytes.len() / size, PlaceName::Operand(r.view.input))?;
    let bits: Vec<u64> =
        offsets(&space, r.view.offset, &r.view.strides).into_iter().map(|i| get(x.bytes, size, i)).collect();
    let results = reduce_column(r, x.dtype, bits, dtype)?;
    let out_size = dtype.size() as usize;
    let mut out = vec![0; elements * out_size];
    for (i, b) in results.into_iter().enumerate() {
        put_at(&mut out, out_size, i * out_size, b);
    }
    Ok(out)
}

fn reduce_column(r: &Reduce, from: DType, bits: Vec<u64>, to: DType) -> Result<Vec<u64>, Fault> {
    let count: usize = r.reduced.iter().product();
    if count == 1 && from == to && r.divide.is_none() && !r.f.is_arg() {
        return Ok(bits); // one element: its bits
    }
    if r.f.is_arg() {
        return arg_column(r, from, &bits, to);
    }
    if !from.is_float() {
        if r.divide.is_some() {
            return Err(Fault::Illegal("a mean of integers"));
        }
        let values: Vec<i128> = bits.iter().map(|&b| column::int(from, b)).collect::<Result<_, _>>()?;
        return values.chunks(count).map(|c| narrow(to, fold_int(r.f, c), false)).collect();
    }
    let mut values: Vec<f32> = bits.iter().map(|&b| column::float(from, b)).collect::<Result<_, _>>()?;
    for &n in r.reduced.iter().rev() {
        values = values.chunks(n).map(|c| fold_float(r.f, c)).collect();
    }
    if let Some(divisor) = r.divide {
        values.iter_mut().for_each(|v| *v = canonical(*v / divisor));
    }
    if to == DType::F32 {
        Ok(values.into_iter().map(|v| u64::from(v.to_bits())).collect())
    } else {
        values.into_iter().map(|v| round(to, v)).collect()
    }
}

fn fold_int(f: RedFn, values: &[i128]) -> i128 {
    let first = values[0];
    values[1..].iter().fold(first, |a, &v| match f {
        RedFn::Sum => a.wrapping_add(v),
        RedFn::Prod => a.wrapping_mul(v), // modulo 2^128 keeps the low 64 bits, and RED narrows by WRAP here
        RedFn::Max => a.max(v),
        _ => a.min(v),
    })
}

/// Sum and product in the order of 3.2; max and min in sequence (their order is invisible).
fn fold_float(f: RedFn, values: &[f32]) -> f32 {
    let op: fn(f32, f32) -> f32 = match f {
        RedFn::Sum => |a, b| canonical(a + b),
        RedFn::Prod => |a, b| canonical(a * b),
        RedFn::Max => |a, b| extreme(a, b, true),
        _ => |a, b| extreme(a, b, false),
    };
    let mut groups = values.chunks(16).map(|g| tree(op, g, 16));
    let first = groups.next().expect("a reduced loop has an element");
    groups.fold(first, op)
}

/// The fixed tree over `width` lanes of which the first `lanes.len()` are present.
fn tree(op: fn(f32, f32) -> f32, lanes: &[f32], width: usize) -> f32 {
    if lanes.len() == 1 {
        return lanes[0];
    }
    let half = width / 2;
    if lanes.len() <= half {
        return tree(op, lanes, half);
    }
    op(tree(op, &lanes[..half], half), tree(op, &lanes[half..], half))
}

/// Maximum or minimum: NaN if any, −0 < +0.
fn extreme(a: f32, b: f32, max: bool) -> f32 {
    if a.is_nan() || b.is_nan() {
        return NAN;
    }
    let a_first = if a == b { a.is_sign_positive() } else { a > b };
    if a_first == max { a } else { b }
}

fn arg_column(r: &Reduce, from: DType, bits: &[u64], to: DType) -> Result<Vec<u64>, Fault> {
    let [n] = r.reduced[..] else { return Err(Fault::Illegal("an arg reduction over several loops")) };
    if !matches!(to, DType::S32 | DType::S64) {
        return Err(Fault::Illegal("type of an index"));
    }
    let max = r.f == RedFn::ArgMax;
    let position = |c: &[u64]| -> Result<u64, Fault> {
        let mut best = 0;
        for i in 1..c.len() {
            let order = if from.is_float() {
                beats_float(column::float(from, c[i])?, column::float(from, c[best])?, max)
            } else {
                beats_int(column::int(from, c[i])?, column::int(from, c[best])?, max)
            };
            if order.is_gt() || (order.is_eq() && r.last) {
                best = i;
            }
        }
        narrow(to, best as i128, false)
    };
    bits.chunks(n).map(position).collect()
}

/// Greater: x is a better extreme than y. Zeros are equal; NaN beats everything.
fn beats_float(x: f32, y: f32, max: bool) -> std::cmp::Ordering {
    match (x.is_nan(), y.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        (false, false) => {
            let order = x.partial_cmp(&y).expect("no NaN here");
            if max { order } else { order.reverse() }
        }
    }
}

fn beats_int(x: i128, y: i128, max: bool) -> std::cmp::Ordering {
    if max { x.cmp(&y) } else { y.cmp(&x) }
}

/// Runs a pooling group over channels-last images.
pub(super) fn pool(p: &Pool, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    let x = input(inputs, 0)?;
    let size = x.dtype.size() as usize;
    if x.bytes.len() != p.batch * p.ih * p.iw * p.c * size || elements != p.batch * p.oh * p.ow * p.c {
        return Err(Fault::Illegal("extents of a pooling group"));
    }
    let out_size = dtype.size() as usize;
    let mut out = vec![0; elements * out_size];
    let mut window: Vec<(usize, usize)> = Vec::new();
    let mut values: Vec<u64> = Vec::new();
    for oy in 0..p.oh {
        for ox in 0..p.ow {
            let counted = taps(p, oy, ox, &mut window);
            if window.is_empty() && !matches!(p.f, PoolFn::Sum | PoolFn::AvgPad) {
                return Err(Fault::Pad { oy, ox });
            }
            for b in 0..p.batch {
                for c in 0..p.c {
                    values.clear();
                    values.extend(
                        window.iter().map(|&(iy, ix)| get(x.bytes, size, ((b * p.ih + iy) * p.iw + ix) * p.c + c)),
                    );
                    let bits = pool_window(p, x.dtype, dtype, &window, &values, counted)?;
                    put_at(&mut out, out_size, (((b * p.oh + oy) * p.ow + ox) * p.c + c) * out_size, bits);
                }
            }
        }
    }
    Ok(out)
}

/// Taps inside the input in the order ky, kx; the result counts those inside the padded input.
fn taps(p: &Pool, oy: usize, ox: usize, window: &mut Vec<(usize, usize)>) -> usize {
    window.clear();
    let mut counted = 0;
    for ky in 0..p.kh {
        for kx in 0..p.kw {
            let iy = p.iy0 + (oy * p.sy + ky * p.dy) as isize;
            let ix = p.ix0 + (ox * p.sx + kx * p.dx) as isize;
            if iy < (p.ih + p.pad_bottom) as isize && ix < (p.iw + p.pad_right) as isize {
                counted += 1;
            }
            if iy >= 0 && ix >= 0 && iy < p.ih as isize && ix < p.iw as isize {
                window.push((iy as usize, ix as usize));
            }
        }
    }
    counted
}

fn pool_window(
    p: &Pool,
    from: DType,
    to: DType,
    window: &[(usize, usize)],
    values: &[u64],
    counted: usize,
) -> Result<u64, Fault> {
    if p.f.is_arg() {
        let mut best = 0;
        for i in 1..values.len() {
            let order = if from.is_float() {
                beats_float(column::float(from, values[i])?, column::float(from, values[best])?, true)
            } else {
                beats_int(column::int(from, values[i])?, column::int(from, values[best])?, true)
            };
            if order.is_gt() {
                best = i;
            }
        }
        let (iy, ix) = window[best];
        let index = if p.f == PoolFn::ArgMaxYx { iy * p.iw + ix } else { ix * p.ih + iy };
        return narrow(to, index as i128, false);
    }
    if values.len() == 1 && from == to && !p.f.is_avg() {
        return Ok(values[0]);
    }
    if !from.is_float() {
        if p.f.is_avg() {
            return Err(Fault::Illegal("an average of integers without records"));
        }
        let mut all = values.iter().map(|&v| column::int(from, v));
        let Some(first) = all.next() else { return narrow(to, 0, false) };
        let v = all.try_fold(first?, |a, v| v.map(|v| if p.f == PoolFn::Max { a.max(v) } else { a + v }))?;
        return narrow(to, v, false);
    }
    let mut all = values.iter().map(|&v| column::float(from, v));
    let Some(first) = all.next() else { return round(to, 0.0) }; // nothing inside: sum 0, and 0/count
    let v = all.try_fold(first?, |a, v| v.map(|v| if p.f == PoolFn::Max { extreme(a, v, true) } else { a + v }))?;
    let v = match p.f {
        PoolFn::Avg => v / values.len() as f32,
        PoolFn::AvgPad => v / counted as f32,
        _ => v,
    };
    round(to, v)
}

#[cfg(test)]
mod tests;
