//! Floating matrix arithmetic in the canonical order: groups of 16, a fixed tree, groups added in order (3.2).

use isa::{DType, Init};

use crate::machine::Machine;
use crate::mem::Check;
use crate::num;

use super::mx::{self, Job};

const TILE: usize = 8;

#[inline(always)]
fn widen(bytes: &[u8], dt: DType, i: usize) -> f32 {
    match dt {
        DType::F16 => num::f16_to_f32(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])),
        DType::Bf16 => f32::from_bits(u32::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])) << 16),
        _ => f32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]),
    }
}

fn widen_all(bytes: &[u8], dt: DType, out: &mut [f32]) {
    match dt {
        DType::F16 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *o = num::f16_to_f32(u16::from_le_bytes(*b));
            }
        }
        DType::Bf16 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *o = f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
            }
        }
        _ => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *o = f32::from_le_bytes(*b);
            }
        }
    }
}

/// The fixed tree over 16 products.
macro_rules! tree {
    ($p:expr) => {
        ((($p(0) + $p(1)) + ($p(2) + $p(3))) + (($p(4) + $p(5)) + ($p(6) + $p(7))))
            + ((($p(8) + $p(9)) + ($p(10) + $p(11))) + (($p(12) + $p(13)) + ($p(14) + $p(15))))
    };
}

/// `acc[n] += tree(x[c] * w[c][n])`, every lane active.
#[inline(always)]
fn full_block(x: &[f32; 16], w: &[[f32; 16]; 16], acc: &mut [f32; 16]) {
    for n in 0..16 {
        let p = |c: usize| x[c] * w[c][n];
        acc[n] += tree!(p);
    }
}

/// The same with masked lanes: their product is +0.0 whatever they hold.
fn masked_block(x: &[f32; 16], w: &[[f32; 16]; 16], mask: u16, acc: &mut [f32; 16]) {
    for n in 0..16 {
        let p = |c: usize| if mask >> c & 1 != 0 { x[c] * w[c][n] } else { 0.0 };
        acc[n] += tree!(p);
    }
}

/// Weights as `[group][block][c][n]`; input lanes that no active k uses become +0.
fn unpack_weights(spm: &[u8], job: &Job<'_>, base: usize, out: &mut Vec<f32>) {
    let dt = job.mx.dtype.weight();
    let (cg, clast) = (usize::from(job.mx.cg), usize::from(job.mx.clast));
    out.clear();
    out.resize(job.groups * job.blocks * 256, 0.0);
    for (index, block) in out.as_chunks_mut::<256>().0.iter_mut().enumerate() {
        let from = base + index * 256 * job.esz;
        let bytes = &spm[from..from + 256 * job.esz];
        let last = (index % job.blocks) % cg + 1 == cg;
        let lanes = if last { clast } else { 16 };
        for n in 0..16 {
            for c in 0..lanes {
                block[c * 16 + n] = widen(bytes, dt, n * 16 + c);
            }
        }
    }
}

/// The k values of one pixel and the mask of active lanes of each block. Lanes beyond clast are +0 and count as
/// active: their weights are +0 too, so their product is the +0.0 of a masked lane.
fn gather(spm: &[u8], job: &Job<'_>, b: usize, oy: usize, ox: usize, out: &mut [f32], masks: &mut [u16]) {
    let mx = job.mx;
    let dt = mx.dtype.activation();
    let (kw, cg, clast) = (usize::from(mx.kw), usize::from(mx.cg), usize::from(mx.clast));
    out.fill(0.0);
    masks.fill(0);
    for ky in 0..usize::from(mx.kh) {
        let Some(row) = job.row(oy, ky) else { continue };
        for kx in 0..kw {
            let Some(col) = job.col(ox, kx) else { continue };
            let from = job.pixel(b, row, col);
            if mx.kpack {
                let c = job.kpack_c;
                let at = ky * cg * 16 + kx * c;
                widen_all(&spm[from..from + c * job.esz], dt, &mut out[at..at + c]);
                for q in at..at + c {
                    masks[q / 16] |= 1 << (q % 16);
                }
                continue;
            }
            for g in 0..cg {
                let len = if g + 1 == cg { clast } else { 16 };
                let block = (ky * kw + kx) * cg + g;
                let from = from + g * mx.in_sc as usize;
                widen_all(&spm[from..from + len * job.esz], dt, &mut out[block * 16..block * 16 + len]);
                masks[block] = 0xFFFF;
            }
        }
        if mx.kpack && clast < 16 && masks[ky * cg + cg - 1] == (1 << clast) - 1 {
            masks[ky * cg + cg - 1] = 0xFFFF;
        }
    }
}

/// An initial -0.0 is taken as +0.0, an initial NaN as the canonical one.
fn normal_start(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { num::canon(x) }
}

fn start(m: &Machine, job: &Job<'_>, row: usize, group: usize, bias: &[u32]) -> [f32; 16] {
    match job.mx.init {
        Init::Zero => [0.0; 16],
        Init::Bias => std::array::from_fn(|n| normal_start(f32::from_bits(bias[group * 16 + n]))),
        Init::Accumulate => m.acc.bits(row).map(|b| normal_start(f32::from_bits(b))),
    }
}

fn finish(m: &mut Machine, job: &Job<'_>, row: usize, group: usize, acc: &[f32; 16]) {
    let lanes = job.lanes(group);
    let values = std::array::from_fn(|n| if n < lanes { num::canon(acc[n]) } else { 0.0 });
    m.acc.set_floats(row, &values);
}

/// MXCONV on float types.
pub(crate) fn conv(m: &mut Machine, job: &Job<'_>) -> Check {
    let bias = mx::biases(m, job);
    let k = job.blocks * 16;
    let ow = usize::from(job.mx.ow);
    let mut weights = std::mem::take(&mut m.scratch.weights_f32);
    let mut xs = std::mem::take(&mut m.scratch.pixels_f32);
    let mut masks = std::mem::take(&mut m.scratch.masks);
    xs.clear();
    xs.resize(TILE * k, 0.0);
    masks.clear();
    masks.resize(TILE * job.blocks, 0);
    for b in 0..usize::from(job.mx.batch) {
        if b == 0 || job.mx.b_w_s != 0 {
            unpack_weights(&m.spm.data, job, job.mx.w_addr as usize + b * job.mx.b_w_s as usize, &mut weights);
        }
        let mut first = 0;
        while first < job.pixels() {
            let count = TILE.min(job.pixels() - first);
            for p in 0..count {
                let (oy, ox) = ((first + p) / ow, (first + p) % ow);
                let masks = &mut masks[p * job.blocks..(p + 1) * job.blocks];
                gather(&m.spm.data, job, b, oy, ox, &mut xs[p * k..(p + 1) * k], masks);
            }
            for group in 0..job.groups {
                let row0 = job.acc_row(b, group) + first;
                let w = &weights[group * job.blocks * 256..(group + 1) * job.blocks * 256];
                for p in 0..count {
                    let mut acc = start(m, job, row0 + p, group, &bias);
                    accumulate(&xs[p * k..(p + 1) * k], w, &masks[p * job.blocks..(p + 1) * job.blocks], &mut acc);
                    finish(m, job, row0 + p, group, &acc);
                }
            }
            first += count;
        }
    }
    m.scratch.weights_f32 = weights;
    m.scratch.pixels_f32 = xs;
    m.scratch.masks = masks;
    Ok(())
}

/// Adds all blocks of one pixel and one output group, in order. A block without an active lane adds +0.0 to an
/// accumulator that is never -0.0: it is skipped.
fn accumulate(x: &[f32], w: &[f32], masks: &[u16], acc: &mut [f32; 16]) {
    for ((x, w), &mask) in x.as_chunks::<16>().0.iter().zip(w.as_chunks::<256>().0).zip(masks) {
        let w: &[[f32; 16]; 16] = w.as_chunks::<16>().0.try_into().expect("256 = 16 * 16");
        match mask {
            0 => {}
            0xFFFF => full_block(x, w, acc),
            _ => masked_block(x, w, mask, acc),
        }
    }
}

/// MXDW on float types: k runs over the taps, 16 at a time, the last group masked.
pub(crate) fn depthwise(m: &mut Machine, job: &Job<'_>) -> Check {
    let bias = mx::biases(m, job);
    let mx = job.mx;
    let (kh, kw, ow) = (usize::from(mx.kh), usize::from(mx.kw), usize::from(mx.ow));
    let (adt, wdt) = (mx.dtype.activation(), mx.dtype.weight());
    let mut weights = vec![[0.0_f32; 16]; kh * kw];
    for b in 0..usize::from(mx.batch) {
        for group in 0..job.groups {
            let lanes = job.lanes(group);
            let base = mx.w_addr as usize + b * mx.b_w_s as usize + group * kh * kw * 16 * job.esz;
            for (tap, w) in weights.iter_mut().enumerate() {
                let from = base + tap * 16 * job.esz;
                widen_all(&m.spm.data[from..from + 16 * job.esz], wdt, w);
            }
            let row0 = job.acc_row(b, group);
            for p in 0..job.pixels() {
                let mut acc = start(m, job, row0 + p, group, &bias);
                let (oy, ox) = (p / ow, p % ow);
                for first in (0..kh * kw).step_by(16) {
                    let mut products = [[0.0_f32; 16]; 16];
                    for tap in first..(first + 16).min(kh * kw) {
                        let (Some(row), Some(col)) = (job.row(oy, tap / kw), job.col(ox, tap % kw)) else { continue };
                        let from = job.pixel(b, row, col) + group * mx.in_sc as usize;
                        let mut x = [0.0; 16];
                        widen_all(&m.spm.data[from..from + lanes * job.esz], adt, &mut x[..lanes]);
                        for n in 0..lanes {
                            products[tap - first][n] = x[n] * weights[tap][n];
                        }
                    }
                    for n in 0..lanes {
                        let p = |c: usize| products[c][n];
                        acc[n] += tree!(p);
                    }
                }
                finish(m, job, row0 + p, group, &acc);
            }
        }
    }
    Ok(())
}
