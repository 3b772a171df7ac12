//! MXCONV and MXDW on tiles. NPU.md 3.1 and 3.2.
//!
//! The K groups are the outer loop: each is added to all accumulator rows of the operation before the next one comes.

use super::elem::{QUIET, f32_of, int_of};
use super::memory::Local;
use crate::bytes::get;
use crate::error::Fault;
use isa::DType;
use lir::tile::{BufMem, TileInit, TileMx};

/// An accumulator lane.
trait Sum: Copy + Default {
    const DTYPE: DType;
    fn decode(dtype: DType, bits: u64, zero: i32) -> Result<Self, Fault>;
    fn from_raw(bits: u32) -> Self;
    fn raw(self) -> u32;
    /// Adds 16 products; lanes of `x` that are `None` contribute nothing.
    fn accumulate(self, x: &[Option<Self>; 16], w: &[Self]) -> Self;
}

impl Sum for f32 {
    const DTYPE: DType = DType::F32;
    fn decode(dtype: DType, bits: u64, _zero: i32) -> Result<Self, Fault> {
        f32_of(dtype, bits)
    }
    fn from_raw(bits: u32) -> Self {
        match f32::from_bits(bits) {
            x if x.is_nan() => f32::from_bits(QUIET),
            0.0 => 0.0, // −0 too
            x => x,
        }
    }
    fn raw(self) -> u32 {
        if self.is_nan() { QUIET } else { self.to_bits() }
    }
    fn accumulate(self, x: &[Option<f32>; 16], w: &[f32]) -> f32 {
        let product = |l: usize| x[l].map_or(0.0, |x| x * w[l]);
        let pair = |l: usize| product(l) + product(l + 1);
        let four = |l: usize| pair(l) + pair(l + 2);
        let eight = |l: usize| four(l) + four(l + 4);
        self + (eight(0) + eight(8))
    }
}

impl Sum for i32 {
    const DTYPE: DType = DType::S32;
    fn decode(dtype: DType, bits: u64, zero: i32) -> Result<Self, Fault> {
        Ok(int_of(dtype, bits)? as i32 - zero)
    }
    fn from_raw(bits: u32) -> Self {
        bits as i32
    }
    fn raw(self) -> u32 {
        self as u32
    }
    fn accumulate(self, x: &[Option<i32>; 16], w: &[i32]) -> i32 {
        let sum: i64 = x.iter().zip(w).map(|(x, &w)| x.map_or(0, |x| i64::from(x) * i64::from(w))).sum();
        self.wrapping_add(sum as i32)
    }
}

pub(super) fn run(local: &mut Local, m: &TileMx) -> Result<(), Fault> {
    let [sy, sx] = m.a.strides[..] else { return Err(Fault::Illegal("strides of the activation")) };
    let zero_extent = [m.oh, m.ow, m.ih, m.iw, m.c, m.n, m.kh, m.kw].contains(&0);
    if zero_extent || (m.kpack && (m.dx != 1 || m.depthwise)) || (m.depthwise && m.c != m.n) {
        return Err(Fault::Illegal("geometry of a matrix operation"));
    }
    if m.a.dtype != m.mx.activation() {
        return Err(Fault::Illegal("type of the activation"));
    }
    local.require(m.acc, BufMem::Acc)?;
    if m.mx.is_float() {
        Tile::<f32>::load(local, m, sy, sx)?.run(local)
    } else {
        Tile::<i32>::load(local, m, sy, sx)?.run(local)
    }
}

/// Everything of one operation, with decoded weights and the rows being computed.
struct Tile<'a, T> {
    m: &'a TileMx,
    sy: isize,
    sx: isize,
    weights: Vec<T>,
    /// Row of (g, pixel) at `g·pixels + pixel`.
    rows: Vec<[T; 16]>,
}

impl<'a, T: Sum> Tile<'a, T> {
    fn load(local: &Local, m: &'a TileMx, sy: isize, sx: isize) -> Result<Self, Fault> {
        let (ng, taps) = (m.n.div_ceil(16), m.kh * m.kw);
        let groups = if m.kpack { m.kh * (m.kw * m.c).div_ceil(16) } else { taps * m.c.div_ceil(16) };
        let elements = if m.depthwise { ng * taps * 16 } else { ng * groups * 256 };
        let size = m.mx.size() as usize;
        let zeros = weight_zeros(local, m)?;
        let raw = local.bytes(m.w.0, m.w.1 as isize, elements * size)?;
        let per_group = elements / ng;
        let channel = |i: usize| i / per_group * 16 + if m.depthwise { i % 16 } else { i / 16 % 16 };
        let weights = (0..elements)
            .map(|i| T::decode(m.mx.weight(), get(raw, size, i), zeros.get(channel(i)).copied().unwrap_or(0)))
            .collect::<Result<_, _>>()?;
        let mut tile = Tile { m, sy, sx, weights, rows: Vec::new() };
        tile.rows = tile.start_rows(local, ng)?;
        Ok(tile)
    }

    fn row_address(&self, g: usize, pixel: usize) -> isize {
        ((self.m.acc_row + g * self.m.acc_sn + pixel) * 64) as isize
    }

    fn start_rows(&self, local: &Local, ng: usize) -> Result<Vec<[T; 16]>, Fault> {
        let m = self.m;
        let mut rows = Vec::with_capacity(ng * m.oh * m.ow);
        for g in 0..ng {
            let mut row = [T::default(); 16];
            if m.init == TileInit::Bias {
                let (prm, first) = m.prm.ok_or(Fault::NoPlace("records"))?;
                for (lane, n) in row.iter_mut().zip(g * 16..m.n) {
                    *lane = T::from_raw(local.bias(prm, first + n)?);
                }
            }
            for pixel in 0..m.oh * m.ow {
                if m.init == TileInit::Accumulate {
                    for (lane, v) in row.iter_mut().enumerate() {
                        let at = self.row_address(g, pixel) + 4 * lane as isize;
                        *v = T::from_raw(local.read(m.acc, T::DTYPE, at)? as u32);
                    }
                }
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn run(mut self, local: &mut Local) -> Result<(), Fault> {
        let m = self.m;
        if m.depthwise {
            self.depthwise(local)?;
        } else {
            self.product(local)?;
        }
        let pixels = m.oh * m.ow;
        for (i, row) in self.rows.iter().enumerate() {
            let (g, pixel) = (i / pixels, i % pixels);
            for (lane, v) in row.iter().enumerate() {
                let bits = if g * 16 + lane < m.n { v.raw() } else { 0 };
                let at = self.row_address(g, pixel) + 4 * lane as isize;
                local.write(m.acc, T::DTYPE, at, u64::from(bits))?;
            }
        }
        Ok(())
    }

    /// Activation (oy, ox, tap, c), or `None` outside.
    fn activation(
        &self,
        local: &Local,
        oy: usize,
        ox: usize,
        tap: (usize, usize),
        c: usize,
    ) -> Result<Option<T>, Fault> {
        let m = self.m;
        let iy = m.iy0 + (oy * m.sy + tap.0 * m.dy) as isize;
        let ix = m.ix0 + (ox * m.sx + tap.1 * m.dx) as isize;
        if iy < 0 || ix < 0 || iy >= m.ih as isize || ix >= m.iw as isize {
            return Ok(None);
        }
        let at = m.a.offset as isize + (iy * self.sy + ix * self.sx + c as isize) * m.mx.size() as isize;
        let bits = local.read(m.a.buf, m.a.dtype, at)?;
        T::decode(m.a.dtype, bits, m.zx).map(Some)
    }

    fn product(&mut self, local: &Local) -> Result<(), Fault> {
        let m = self.m;
        let in_row = if m.kpack { m.kw * m.c } else { m.c };
        let (columns, groups) = (if m.kpack { 1 } else { m.kw }, in_row.div_ceil(16));
        let steps = m.kh * columns * groups;
        for step in 0..steps {
            let (ky, kx, group) = (step / groups / columns, step / groups % columns, step % groups);
            for pixel in 0..m.oh * m.ow {
                let (oy, ox) = (pixel / m.ow, pixel % m.ow);
                let mut x = [None; 16];
                for (lane, q) in (group * 16..in_row.min(group * 16 + 16)).enumerate() {
                    let (kx, c) = if m.kpack { (q / m.c, q % m.c) } else { (kx, q) };
                    x[lane] = self.activation(local, oy, ox, (ky, kx), c)?;
                }
                if x.iter().all(Option::is_none) {
                    continue; // adds +0
                }
                for g in 0..m.n.div_ceil(16) {
                    let block = &self.weights[(g * steps + step) * 256..][..256];
                    let row = &mut self.rows[g * m.oh * m.ow + pixel];
                    for (lane, w) in row.iter_mut().zip(block.chunks_exact(16)) {
                        *lane = lane.accumulate(&x, w);
                    }
                }
            }
        }
        Ok(())
    }

    fn depthwise(&mut self, local: &Local) -> Result<(), Fault> {
        let m = self.m;
        let taps = m.kh * m.kw;
        for first in (0..taps).step_by(16) {
            let count = (taps - first).min(16);
            for n in 0..m.n {
                let mut w = [T::default(); 16];
                for k in 0..count {
                    w[k] = self.weights[(n / 16 * taps + first + k) * 16 + n % 16];
                }
                for pixel in 0..m.oh * m.ow {
                    let mut x = [None; 16];
                    for k in 0..count {
                        let tap = ((first + k) / m.kw, (first + k) % m.kw);
                        x[k] = self.activation(local, pixel / m.ow, pixel % m.ow, tap, n)?;
                    }
                    let lane = &mut self.rows[n / 16 * m.oh * m.ow + pixel][n % 16];
                    *lane = lane.accumulate(&x, &w);
                }
            }
        }
        Ok(())
    }
}

/// Zero point of each output channel's weights.
fn weight_zeros(local: &Local, m: &TileMx) -> Result<Vec<i32>, Fault> {
    if !m.zw_per_channel {
        return Ok(vec![m.zw; m.n]);
    }
    let (prm, first) = m.prm.ok_or(Fault::NoPlace("records"))?;
    (0..m.n).map(|n| local.weight_zero(prm, first + n)).collect()
}
