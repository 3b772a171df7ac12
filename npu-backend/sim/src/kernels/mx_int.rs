//! Integer matrix arithmetic: exact i64 sums, of which ACC holds the low 32 bits (3.1).

use isa::{DType, Init};

use crate::machine::Machine;
use crate::mem::Check;

use super::mx::{self, Job};

/// |x - zx| and |w - zw| are at most 383, so a sum of this many products fits i32.
const I32_LANES: usize = 14_336;
/// Output pixels whose inputs are gathered at a time.
const TILE: usize = 16;

/// `out[i] = byte - z`, the byte read as s8 or u8.
#[inline(always)]
fn widen(bytes: &[u8], signed: bool, z: i16, out: &mut [i16]) {
    if signed {
        for (o, &b) in out.iter_mut().zip(bytes) {
            *o = i16::from(b.cast_signed()) - z;
        }
    } else {
        for (o, &b) in out.iter_mut().zip(bytes) {
            *o = i16::from(b) - z;
        }
    }
}

/// Weights as rows `[group][n][k]` of w - zw.
fn unpack_weights(spm: &[u8], job: &Job<'_>, base: usize, zw: &[i32], out: &mut Vec<i16>) {
    let signed = job.mx.dtype.weight() == DType::S8;
    let k = job.blocks * 16;
    out.clear();
    out.resize(job.groups * 16 * k, 0);
    for group in 0..job.groups {
        for block in 0..job.blocks {
            let from = base + (group * job.blocks + block) * 256;
            let bytes = &spm[from..from + 256];
            for n in 0..16 {
                let to = (group * 16 + n) * k + block * 16;
                widen(&bytes[n * 16..n * 16 + 16], signed, zw[group * 16 + n] as i16, &mut out[to..to + 16]);
            }
        }
    }
}

/// The k values (x - zx) of one output pixel; lanes that are masked are 0.
fn gather(spm: &[u8], job: &Job<'_>, b: usize, oy: usize, ox: usize, zx: i16, out: &mut [i16]) {
    let mx = job.mx;
    let signed = mx.dtype.activation() == DType::S8;
    let (kw, cg, clast) = (usize::from(mx.kw), usize::from(mx.cg), usize::from(mx.clast));
    for ky in 0..usize::from(mx.kh) {
        let Some(row) = job.row(oy, ky) else {
            let len = out.len() / usize::from(mx.kh);
            out[ky * len..(ky + 1) * len].fill(0);
            continue;
        };
        if mx.kpack {
            let out = &mut out[ky * cg * 16..(ky + 1) * cg * 16];
            out.fill(0);
            for kx in 0..kw {
                if let Some(col) = job.col(ox, kx) {
                    let from = job.pixel(b, row, col);
                    let c = job.kpack_c;
                    widen(&spm[from..from + c], signed, zx, &mut out[kx * c..(kx + 1) * c]);
                }
            }
            continue;
        }
        for kx in 0..kw {
            let at = (ky * kw + kx) * cg * 16;
            let out = &mut out[at..at + cg * 16];
            let Some(col) = job.col(ox, kx) else {
                out.fill(0);
                continue;
            };
            let from = job.pixel(b, row, col);
            let lanes = (cg - 1) * 16 + clast;
            if mx.in_sc == 16 || cg == 1 {
                widen(&spm[from..from + lanes], signed, zx, out);
            } else {
                for g in 0..cg {
                    let len = if g + 1 == cg { clast } else { 16 };
                    let from = from + g * mx.in_sc as usize;
                    widen(&spm[from..from + len], signed, zx, &mut out[g * 16..g * 16 + len]);
                }
            }
            out[lanes..].fill(0);
        }
    }
}

/// Sums of products of one pixel with four weight rows. The plain loop over four running sums is what the compiler
/// turns into packed multiply-adds (ten times the speed of partial sums written out by hand).
#[inline(never)]
fn dot4(x: &[i16], w: [&[i16]; 4]) -> [i32; 4] {
    let n = x.len();
    let [w0, w1, w2, w3] = w.map(|w| &w[..n]);
    let mut sums = [0i32; 4];
    for i in 0..n {
        let x = i32::from(x[i]);
        sums[0] += x * i32::from(w0[i]);
        sums[1] += x * i32::from(w1[i]);
        sums[2] += x * i32::from(w2[i]);
        sums[3] += x * i32::from(w3[i]);
    }
    sums
}

/// The start value of a row.
fn start(m: &Machine, job: &Job<'_>, row: usize, group: usize, bias: &[u32]) -> [i64; 16] {
    match job.mx.init {
        Init::Zero => [0; 16],
        Init::Bias => std::array::from_fn(|n| i64::from(bias[group * 16 + n].cast_signed())),
        Init::Accumulate => std::array::from_fn(|n| m.acc.shadow(row, n)),
    }
}

/// MXCONV on 8-bit types.
pub(crate) fn conv(m: &mut Machine, job: &Job<'_>) -> Check {
    let (zx, zw) = mx::zero_points(m, job)?;
    let bias = mx::biases(m, job);
    let k = job.blocks * 16;
    let ow = usize::from(job.mx.ow);
    let mut weights = std::mem::take(&mut m.scratch.weights_i16);
    let mut xs = std::mem::take(&mut m.scratch.pixels_i16);
    xs.clear();
    xs.resize(TILE * k, 0);
    for b in 0..usize::from(job.mx.batch) {
        if b == 0 || job.mx.b_w_s != 0 {
            let base = job.mx.w_addr as usize + b * job.mx.b_w_s as usize;
            unpack_weights(&m.spm.data, job, base, &zw, &mut weights);
        }
        let mut first = 0;
        while first < job.pixels() {
            let count = TILE.min(job.pixels() - first);
            for p in 0..count {
                let (oy, ox) = ((first + p) / ow, (first + p) % ow);
                gather(&m.spm.data, job, b, oy, ox, zx as i16, &mut xs[p * k..(p + 1) * k]);
            }
            for group in 0..job.groups {
                let row0 = job.acc_row(b, group) + first;
                let mut sums = [[0i64; 16]; TILE];
                for (p, sum) in sums.iter_mut().enumerate().take(count) {
                    *sum = start(m, job, row0 + p, group, &bias);
                }
                multiply(&weights[group * 16 * k..(group + 1) * 16 * k], &xs, k, count, &mut sums);
                for (p, sum) in sums.iter_mut().enumerate().take(count) {
                    sum[job.lanes(group)..].fill(0);
                    m.acc.set_ints(row0 + p, sum);
                }
            }
            first += count;
        }
    }
    m.scratch.weights_i16 = weights;
    m.scratch.pixels_i16 = xs;
    Ok(())
}

/// Adds the products of `count` pixels with 16 weight rows.
fn multiply(weights: &[i16], xs: &[i16], k: usize, count: usize, sums: &mut [[i64; 16]; TILE]) {
    let mut lo = 0;
    while lo < k {
        let hi = k.min(lo + I32_LANES);
        for quad in 0..4 {
            let w: [&[i16]; 4] = std::array::from_fn(|r| &weights[(quad * 4 + r) * k + lo..(quad * 4 + r) * k + hi]);
            for (p, sum) in sums.iter_mut().enumerate().take(count) {
                let dots = dot4(&xs[p * k + lo..p * k + hi], w);
                for r in 0..4 {
                    sum[quad * 4 + r] += i64::from(dots[r]);
                }
            }
        }
        lo = hi;
    }
}

/// MXDW on 8-bit types.
pub(crate) fn depthwise(m: &mut Machine, job: &Job<'_>) -> Check {
    let (zx, zw) = mx::zero_points(m, job)?;
    let bias = mx::biases(m, job);
    let mx = job.mx;
    let (kh, kw, ow) = (usize::from(mx.kh), usize::from(mx.kw), usize::from(mx.ow));
    let w_signed = mx.dtype.weight() == DType::S8;
    let x_signed = mx.dtype.activation() == DType::S8;
    let mut weights = std::mem::take(&mut m.scratch.weights_i16);
    for b in 0..usize::from(mx.batch) {
        for group in 0..job.groups {
            let lanes = job.lanes(group);
            let base = mx.w_addr as usize + b * mx.b_w_s as usize + group * kh * kw * 16;
            weights.clear();
            weights.resize(kh * kw * 16, 0);
            for tap in 0..kh * kw {
                for n in 0..lanes {
                    let byte = m.spm.data[base + tap * 16 + n];
                    let w = if w_signed { i16::from(byte.cast_signed()) } else { i16::from(byte) };
                    weights[tap * 16 + n] = w - zw[group * 16 + n] as i16;
                }
            }
            let row0 = job.acc_row(b, group);
            for p in 0..job.pixels() {
                let mut sum = start(m, job, row0 + p, group, &bias);
                let (oy, ox) = (p / ow, p % ow);
                for ky in 0..kh {
                    let Some(row) = job.row(oy, ky) else { continue };
                    let mut part = [0i32; 16]; // at most 256 taps
                    for kx in 0..kw {
                        let Some(col) = job.col(ox, kx) else { continue };
                        let from = job.pixel(b, row, col) + group * mx.in_sc as usize;
                        let mut x = [0i16; 16];
                        widen(&m.spm.data[from..from + lanes], x_signed, zx as i16, &mut x);
                        let w = &weights[(ky * kw + kx) * 16..][..16];
                        for n in 0..16 {
                            part[n] += i32::from(x[n]) * i32::from(w[n]);
                        }
                    }
                    for n in 0..16 {
                        sum[n] += i64::from(part[n]);
                    }
                }
                sum[lanes..].fill(0);
                m.acc.set_ints(row0 + p, &sum);
            }
        }
    }
    m.scratch.weights_i16 = weights;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_is_the_sum_of_products() {
        let x: Vec<i16> = (0..32).map(|i| i * 23 - 383).collect();
        let w: Vec<Vec<i16>> = (0..4).map(|r| (0..32).map(|i| 383 - i * (r + 3)).collect()).collect();
        let want: Vec<i32> =
            w.iter().map(|w| w.iter().zip(&x).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()).collect();
        assert_eq!(dot4(&x, [&w[0], &w[1], &w[2], &w[3]]).to_vec(), want);
    }
}
