//! Matrix groups: convolutions and products in the K order of NPU.md 3.1 and 3.2.
//!
//! The K order is a list of groups of 16 lanes, each a tap and a channel; weights are looked up by (ky, kx, c, n) in the
//! packed block or the run-time operand and laid out once per problem as `[group][n][16]`.

use super::column::{self, Scale, canonical, narrow, relu, round};
use super::{Input, input};
use crate::bytes::{get, put_at};
use crate::error::{Fault, PlaceName};
use isa::DType;
use lir::fused::{Drain, Matrix, PrmRecord, Problem, Weights};

/// One lane: tap and channel.
#[derive(Clone, Copy, Debug)]
struct Lane {
    ky: usize,
    kx: usize,
    c: usize,
}

/// A group of 16 lanes; `None` masks.
type KGroup = [Option<Lane>; 16];

/// The order of accumulation of a matrix (not depthwise).
fn k_order(m: &Matrix) -> Vec<KGroup> {
    let mut order = Vec::new();
    for ky in 0..m.kh {
        if m.kpack {
            let row: Vec<Lane> = (0..m.kw).flat_map(|kx| (0..m.c).map(move |c| Lane { ky, kx, c })).collect();
            push_groups(&mut order, &row);
        } else {
            for kx in 0..m.kw {
                let tap: Vec<Lane> = (0..m.c).map(|c| Lane { ky, kx, c }).collect();
                push_groups(&mut order, &tap);
            }
        }
    }
    order
}

fn push_groups(order: &mut Vec<KGroup>, lanes: &[Lane]) {
    for chunk in lanes.chunks(16) {
        let mut group = [None; 16];
        for (slot, &lane) in group.iter_mut().zip(chunk) {
            *slot = Some(lane);
        }
        order.push(group);
    }
}

/// Taps of a depthwise kernel in groups of 16; `c` is unused.
fn tap_order(m: &Matrix) -> Vec<KGroup> {
    let taps: Vec<Lane> = (0..m.kh).flat_map(|ky| (0..m.kw).map(move |kx| Lane { ky, kx, c: 0 })).collect();
    let mut order = Vec::new();
    push_groups(&mut order, &taps);
    order
}

/// Index of weight (lane, n) in elements from the problem's start.
fn weight_index(m: &Matrix, lane: Lane, n: usize) -> usize {
    match m.weights {
        Weights::Runtime { k_stride, n_stride } => lane.c * k_stride + n * n_stride,
        Weights::Packed { .. } if m.depthwise => ((n / 16 * m.kh + lane.ky) * m.kw + lane.kx) * 16 + n % 16,
        Weights::Packed { .. } if m.kpack => {
            let q = lane.kx * m.c + lane.c;
            let cg = (m.kw * m.c).div_ceil(16);
            (((n / 16 * m.kh + lane.ky) * cg + q / 16) * 16 + n % 16) * 16 + q % 16
        }
        Weights::Packed { .. } => {
            let cg = m.c.div_ceil(16);
            let block = ((n / 16 * m.kh + lane.ky) * m.kw + lane.kx) * cg + lane.c / 16;
            (block * 16 + n % 16) * 16 + lane.c % 16
        }
    }
}

/// Numbers of one class: f32, or integers minus their zero points.
trait Class: Copy + Default + PartialEq {
    fn read(dtype: DType, bits: u64) -> Result<Self, Fault>;
    /// acc + Σ of 16 products; masked lanes contribute nothing.
    fn add_group(acc: Self, x: &[Self; 16], active: &[bool; 16], all: bool, w: &[Self; 16]) -> Self;
}

impl Class for f32 {
    fn read(dtype: DType, bits: u64) -> Result<Self, Fault> {
        column::float(dtype, bits)
    }
    #[inline]
    fn add_group(acc: f32, x: &[f32; 16], active: &[bool; 16], all: bool, w: &[f32; 16]) -> f32 {
        let mut p = [0.0f32; 16];
        if all {
            for l in 0..16 {
                p[l] = x[l] * w[l];
            }
        } else {
            for l in 0..16 {
                if active[l] {
                    p[l] = x[l] * w[l];
                }
            }
        }
        let low = ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
        let high = ((p[8] + p[9]) + (p[10] + p[11])) + ((p[12] + p[13]) + (p[14] + p[15]));
        acc + (low + high)
    }
}

impl Class for i32 {
    fn read(dtype: DType, bits: u64) -> Result<Self, Fault> {
        Ok(column::int(dtype, bits)? as i32)
    }
    #[inline]
    fn add_group(acc: i32, x: &[i32; 16], active: &[bool; 16], _all: bool, w: &[i32; 16]) -> i32 {
        let mut sum = 0i32;
        for l in 0..16 {
            // Each product has at most 20 bits.
            sum += if active[l] { x[l] * w[l] } else { 0 };
        }
        acc.wrapping_add(sum)
    }
}

/// The bounds that a problem must keep, checked once so that the loops need not be.
fn check_problem(m: &Matrix, p: &Problem, x: usize, w: usize, out: usize) -> Result<(), Fault> {
    let last_a = p.a + (m.ih - 1) * m.a_sy + (m.iw - 1) * m.a_sx + m.c.max(if m.depthwise { m.n } else { 1 }) - 1;
    let last_d = p.d + (m.oh - 1) * m.d_sy + (m.ow - 1) * m.d_sx + m.n - 1;
    let size = m.mx.size() as usize;
    let first_w = if matches!(m.weights, Weights::Packed { .. }) { p.w / size } else { p.w };
    let last = Lane { ky: m.kh - 1, kx: m.kw - 1, c: if m.depthwise { 0 } else { m.c - 1 } };
    let last_w = first_w + weight_index(m, last, m.n - 1);
    for (place, last, size) in
        [(PlaceName::Operand(0), last_a, x), (PlaceName::Operand(1), last_w, w), (PlaceName::Output, last_d, out)]
    {
        if last >= size {
            return Err(Fault::Bounds { place, offset: last as i128, len: 1, size });
        }
    }
    Ok(())
}

/// Runs a matrix group.
pub(super) fn run(m: &Matrix, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    let (x, w) = (input(inputs, 0)?, input(inputs, 1)?);
    if x.dtype != m.mx.activation() {
        return Err(Fault::Illegal("type of the activation"));
    }
    let extents = [m.ih, m.iw, m.c, m.oh, m.ow, m.n, m.kh, m.kw];
    if extents.contains(&0) || (m.depthwise && m.kpack) || (m.kpack && m.dx != 1) {
        return Err(Fault::Illegal("geometry of a matrix group"));
    }
    let runtime = matches!(m.weights, Weights::Runtime { .. });
    if runtime && (m.kh != 1 || m.kw != 1 || m.depthwise || m.kpack) {
        return Err(Fault::Illegal("run-time weights with a kernel"));
    }
    let size = m.mx.size() as usize;
    for p in &m.problems {
        check_problem(m, p, x.bytes.len() / size, w.bytes.len() / size, elements)?;
    }
    let mut out = vec![0; elements * dtype.size() as usize];
    if m.mx.is_float() {
        let table = Table { x: decode::<f32>(x, m.mx.activation(), 0)?, w };
        table.run(m, |acc, r, at| drain_float(m, dtype, acc, r, at, &mut out))?;
    } else {
        let table = Table { x: decode::<i32>(x, m.mx.activation(), m.zx)?, w };
        table.run(m, |acc, r, at| drain_int(m, dtype, acc, r, at, &mut out))?;
    }
    Ok(out)
}

/// All elements of an operand, minus a zero point.
fn decode<T: Class + Minus>(x: Input<'_>, dtype: DType, zero: i32) -> Result<Vec<T>, Fault> {
    let size = dtype.size() as usize;
    (0..x.bytes.len() / size).map(|i| Ok(T::read(dtype, get(x.bytes, size, i))?.minus(zero))).collect()
}

/// Subtraction of a zero point, exact; floats have none.
trait Minus: Sized {
    fn minus(self, zero: i32) -> Self;
}
impl Minus for f32 {
    fn minus(self, _zero: i32) -> f32 {
        self
    }
}
impl Minus for i32 {
    fn minus(self, zero: i32) -> i32 {
        self - zero
    }
}

/// Start value of an accumulator from the bits of a bias.
trait Start {
    fn start(bits: u32) -> Self;
}
impl Start for f32 {
    /// −0 becomes +0, NaN the canonical one (3.2).
    fn start(bits: u32) -> f32 {
        let bias = f32::from_bits(bits);
        if bias == 0.0 { 0.0 } else { canonical(bias) }
    }
}
impl Start for i32 {
    fn start(bits: u32) -> i32 {
        bits as i32
    }
}

/// The decoded activation and the raw weights.
struct Table<'a, T> {
    x: Vec<T>,
    w: Input<'a>,
}

impl<T: Class + Minus + Start> Table<'_, T> {
    /// Accumulates every output; `drain(acc, record, output element)`.
    fn run(
        &self,
        m: &Matrix,
        mut drain: impl FnMut(T, Option<PrmRecord>, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let order = if m.depthwise { tap_order(m) } else { k_order(m) };
        let mut weights = Vec::new();
        let mut known: Option<(usize, usize)> = None;
        for p in &m.problems {
            if known != Some((p.w, p.prm)) {
                self.lay_out_weights(m, p, &order, &mut weights)?;
                known = Some((p.w, p.prm));
            }
            let records: Vec<Option<PrmRecord>> = (0..m.n).map(|n| record(m, p, n)).collect::<Result<_, _>>()?;
            let starts: Vec<T> = records
                .iter()
                .map(|r| match r {
                    Some(r) if m.bias => T::start(r.bias),
                    _ => T::default(),
                })
                .collect();
            let mut acc = starts.clone();
            for oy in 0..m.oh {
                for ox in 0..m.ow {
                    acc.copy_from_slice(&starts);
                    self.pixel(m, p, &order, &weights, oy, ox, &mut acc);
                    for (n, (&a, &r)) in acc.iter().zip(&records).enumerate() {
                        drain(a, r, p.d + oy * m.d_sy + ox * m.d_sx + n)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Weights minus zero points as `[group][n][16]`, masked lanes zero.
    fn lay_out_weights(
        &self,
        m: &Matrix,
        p: &Problem,
        order: &[KGroup],
        weights: &mut Vec<[T; 16]>,
    ) -> Result<(), Fault> {
        let (dtype, size) = (m.mx.weight(), m.mx.size() as usize);
        let first = if matches!(m.weights, Weights::Packed { .. }) { p.w / size } else { p.w };
        weights.clear();
        for group in order {
            for n in 0..m.n {
                let zero = match record(m, p, n)? {
                    Some(r) if m.zw_per_channel => i32::from(r.zw),
                    _ => m.zw,
                };
                let mut lanes = [T::default(); 16];
                for (slot, lane) in lanes.iter_mut().zip(group) {
                    if let Some(lane) = *lane {
                        let bits = get(self.w.bytes, size, first + weight_index(m, lane, n));
                        *slot = T::read(dtype, bits)?.minus(zero);
                    }
                }
                weights.push(lanes);
            }
        }
        Ok(())
    }

    /// Adds all K groups of one output pixel to the accumulators of its channels.
    fn pixel(
        &self,
        m: &Matrix,
        p: &Problem,
        order: &[KGroup],
        weights: &[[T; 16]],
        oy: usize,
        ox: usize,
        acc: &mut [T],
    ) {
        for (group, w) in order.iter().zip(weights.chunks_exact(m.n)) {
            if m.depthwise {
                for (n, (a, w)) in acc.iter_mut().zip(w).enumerate() {
                    let (x, active) = self.lanes(m, p, group, oy, ox, n);
                    *a = T::add_group(*a, &x, &active, false, w);
                }
            } else {
                let (x, active) = self.lanes(m, p, group, oy, ox, 0);
                let all = active == [true; 16];
                for (a, w) in acc.iter_mut().zip(w) {
                    *a = T::add_group(*a, &x, &active, all, w);
                }
            }
        }
    }

    /// The 16 activation values of a group at an output pixel, and which of them are inside.
    fn lanes(
        &self,
        m: &Matrix,
        p: &Problem,
        group: &KGroup,
        oy: usize,
        ox: usize,
        channel: usize,
    ) -> ([T; 16], [bool; 16]) {
        let (mut x, mut active) = ([T::default(); 16], [false; 16]);
        for l in 0..16 {
            let Some(lane) = group[l] else { continue };
            let iy = m.iy0 + (oy * m.sy + lane.ky * m.dy) as isize;
            let ix = m.ix0 + (ox * m.sx + lane.kx * m.dx) as isize;
            if (0..m.ih as isize).contains(&iy) && (0..m.iw as isize).contains(&ix) {
                active[l] = true;
                x[l] = self.x[p.a + iy as usize * m.a_sy + ix as usize * m.a_sx + lane.c + channel];
            }
        }
        (x, active)
    }
}

/// The record of output channel n, if the group has records.
fn record(m: &Matrix, p: &Problem, n: usize) -> Result<Option<PrmRecord>, Fault> {
    match &m.params {
        None if m.bias || m.zw_per_channel || m.drain == Drain::RequantF32 => {
            Err(Fault::Illegal("records are missing"))
        }
        None => Ok(None),
        Some(records) => match records.get(p.prm + n) {
            Some(&r) => Ok(Some(r)),
            None => Err(Fault::Illegal("a record number beyond the table")),
        },
    }
}

fn drain_float(
    m: &Matrix,
    dtype: DType,
    acc: f32,
    _r: Option<PrmRecord>,
    at: usize,
    out: &mut [u8],
) -> Result<(), Fault> {
    if m.drain != Drain::Float {
        return Err(Fault::Illegal("an integer drain of float accumulators"));
    }
    let mut bits = round(dtype, acc)?;
    if m.relu {
        bits = relu(dtype, bits, 0)?;
    }
    let size = dtype.size() as usize;
    put_at(out, size, at * size, bits);
    Ok(())
}

fn drain_int(m: &Matrix, dtype: DType, acc: i32, r: Option<PrmRecord>, at: usize, out: &mut [u8]) -> Result<(), Fault> {
    let (mut bits, zero) = match (m.drain, r) {
        (Drain::Int32, _) => (narrow(dtype, i128::from(acc), false)?, 0),
        (Drain::RequantF32, Some(r)) => {
            let scale = Scale::new(&r)?;
            (scale.requantise(dtype, i64::from(acc))?, scale.zero())
        }
        (Drain::RequantF32 | Drain::Float, _) => return Err(Fault::Illegal("a float drain of integer accumulators")),
    };
    if m.relu {
        bits = relu(dtype, bits, zero)?;
    }
    let size = dtype.size() as usize;
    put_at(out, size, at * size, bits);
    Ok(())
}

#[cfg(test)]
mod tests;
