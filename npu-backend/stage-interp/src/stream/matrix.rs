//! MXCONV and MXDW. NPU.md 3.1, 3.2 and 4.3.
//!
//! One output group of 16 channels after the other, pixel by pixel, the K groups innermost; weights of the group are decoded
//! first, and the 16 channels of a row go side by side.

use super::memory::{At, Memory};
use super::num::{Num, decode, quiet};
use crate::bytes::get_at;
use crate::error::Fault;
use isa::{DType, Init, Mem, Mx};
use lir::stream::Places;

/// Lanes of one class.
trait Lane: Copy + Default {
    const DTYPE: DType;
    fn from_num(n: Num) -> Result<Self, Fault>;
    fn offset(self, zero: i32) -> Self;
    fn from_bits(bits: u32) -> Self;
    fn bits(self) -> u32;
    /// Start value as the text has it: −0 and NaN are normalised for floats.
    fn start(self) -> Self;
    /// `acc[n] += Σ_k x[k]·w[k][n]` in the class's order, over the lanes `on`.
    fn group(acc: &mut [Self; 16], x: &[Self; 16], on: u16, w: &[[Self; 16]; 16]);
    /// The same with an activation for each channel (depthwise).
    fn taps(acc: &mut [Self; 16], x: &[[Self; 16]; 16], on: u16, w: &[[Self; 16]; 16]);
}

impl Lane for f32 {
    const DTYPE: DType = DType::F32;
    fn from_num(n: Num) -> Result<Self, Fault> {
        match n {
            Num::F(x) => Ok(x),
            Num::I(_) => Err(Fault::Illegal("an integer operand of a float product")),
        }
    }
    fn offset(self, _zero: i32) -> Self {
        self
    }
    fn from_bits(bits: u32) -> Self {
        f32::from_bits(bits)
    }
    fn bits(self) -> u32 {
        quiet(self).to_bits()
    }
    fn start(self) -> Self {
        quiet(self) + 0.0
    }
    fn group(acc: &mut [f32; 16], x: &[f32; 16], on: u16, w: &[[f32; 16]; 16]) {
        let mut p = [[0.0; 16]; 16];
        for k in 0..16 {
            if on >> k & 1 == 1 {
                for n in 0..16 {
                    p[k][n] = x[k] * w[k][n];
                }
            }
        }
        add_tree(acc, &mut p);
    }
    fn taps(acc: &mut [f32; 16], x: &[[f32; 16]; 16], on: u16, w: &[[f32; 16]; 16]) {
        let mut p = [[0.0; 16]; 16];
        for k in 0..16 {
            if on >> k & 1 == 1 {
                for n in 0..16 {
                    p[k][n] = x[k][n] * w[k][n];
                }
            }
        }
        add_tree(acc, &mut p);
    }
}

/// Adds neighbours at distance 1, 2, 4, 8, which is the fixed tree, then the sum to the accumulator.
fn add_tree(acc: &mut [f32; 16], p: &mut [[f32; 16]; 16]) {
    let mut step = 1;
    while step < 16 {
        for k in (0..16).step_by(2 * step) {
            let right = p[k + step];
            for n in 0..16 {
                p[k][n] += right[n];
            }
        }
        step *= 2;
    }
    for n in 0..16 {
        acc[n] += p[0][n];
    }
}

impl Lane for i32 {
    const DTYPE: DType = DType::S32;
    fn from_num(n: Num) -> Result<Self, Fault> {
        match n {
            Num::I(x) => Ok(x as i32),
            Num::F(_) => Err(Fault::Illegal("a float operand of an integer product")),
        }
    }
    fn offset(self, zero: i32) -> Self {
        self.wrapping_sub(zero)
    }
    fn from_bits(bits: u32) -> Self {
        bits.cast_signed()
    }
    fn bits(self) -> u32 {
        self.cast_unsigned()
    }
    fn start(self) -> Self {
        self
    }
    fn group(acc: &mut [i32; 16], x: &[i32; 16], on: u16, w: &[[i32; 16]; 16]) {
        for k in 0..16 {
            if on >> k & 1 == 1 {
                for n in 0..16 {
                    acc[n] = acc[n].wrapping_add(x[k].wrapping_mul(w[k][n]));
                }
            }
        }
    }
    fn taps(acc: &mut [i32; 16], x: &[[i32; 16]; 16], on: u16, w: &[[i32; 16]; 16]) {
        for k in 0..16 {
            if on >> k & 1 == 1 {
                for n in 0..16 {
                    acc[n] = acc[n].wrapping_add(x[k][n].wrapping_mul(w[k][n]));
                }
            }
        }
    }
}

/// Where the operands are, and the zero point of the activation.
struct Operands {
    input: At,
    weights: At,
    acc: At,
    zx: i32,
}

fn operands(m: &Memory<'_>, x: &Mx, p: &Places) -> Result<Operands, Fault> {
    let zx = if x.zxm { m.quant(p.prm[0], u32::from(x.zx_rec))?.zp } else { i32::from(x.zx) };
    if !(-128..=255).contains(&zx) {
        return Err(Fault::Param { scale: 0, zero: zx });
    }
    Ok(Operands {
        input: m.resolve(Mem::Spm, p.a, "in_addr")?,
        weights: m.resolve(Mem::Spm, p.b, "w_addr")?,
        acc: m.resolve(Mem::Acc, p.d, "acc_row")?,
        zx,
    })
}

pub(super) fn convolution(m: &mut Memory<'_>, x: &Mx, p: &Places) -> Result<(), Fault> {
    if x.dtype.is_float() { run::<f32>(m, x, p, false) } else { run::<i32>(m, x, p, false) }
}

pub(super) fn depthwise(m: &mut Memory<'_>, x: &Mx, p: &Places) -> Result<(), Fault> {
    if x.dtype.is_float() { run::<f32>(m, x, p, true) } else { run::<i32>(m, x, p, true) }
}

fn run<T: Lane>(m: &mut Memory<'_>, x: &Mx, p: &Places, depthwise: bool) -> Result<(), Fault> {
    let o = operands(m, x, p)?;
    let groups = if depthwise { x.cg } else { x.ng };
    let last = if depthwise { x.clast } else { x.nlast };
    for b in 0..u32::from(x.batch) {
        for g in 0..u32::from(groups) {
            let lanes = if g + 1 == u32::from(groups) { usize::from(last) } else { 16 };
            let w = weights::<T>(m, x, p, &o, depthwise, b, g, lanes)?;
            let bias = start_row::<T>(m, x, p, g, lanes)?;
            let first_row = u32::from(x.acc_row) + b * u32::from(x.b_acc_s) + g * u32::from(x.acc_sn);
            for oy in 0..u32::from(x.oh) {
                for ox in 0..u32::from(x.ow) {
                    let row = i64::from(first_row + oy * u32::from(x.ow) + ox) * 64;
                    let mut acc = match bias {
                        Some(bias) => bias,
                        None => read_row(m, o.acc, row)?,
                    };
                    let at = Pixel { b, g, oy, ox, lanes };
                    if depthwise {
                        window_dw(m, x, &o, &at, &w, &mut acc)?;
                    } else {
                        window(m, x, &o, &at, &w, &mut acc)?;
                    }
                    for lane in 0..16 {
                        let bits = if lane < lanes { acc[lane].bits() } else { 0 };
                        m.store(o.acc, T::DTYPE, row + 4 * lane as i64, u64::from(bits))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn read_row<T: Lane>(m: &Memory<'_>, acc: At, row: i64) -> Result<[T; 16], Fault> {
    let mut lanes = [T::default(); 16];
    for (n, lane) in lanes.iter_mut().enumerate() {
        *lane = T::from_bits(m.load(acc, T::DTYPE, row + 4 * n as i64)? as u32).start();
    }
    Ok(lanes)
}

/// The row that every pixel of output group g starts from; `None`: from itself.
fn start_row<T: Lane>(m: &Memory<'_>, x: &Mx, p: &Places, g: u32, lanes: usize) -> Result<Option<[T; 16]>, Fault> {
    let mut row = [T::default(); 16];
    match x.init {
        Init::Zero => {}
        Init::Accumulate => return Ok(None),
        Init::Bias => {
            for (n, lane) in row[..lanes].iter_mut().enumerate() {
                let number = u32::from(x.prm_rec) + g * 16 + n as u32;
                *lane = T::from_bits(m.record_field(p.prm[2], number, 0, 4)? as u32).start();
            }
        }
    }
    Ok(Some(row))
}

/// K groups of a convolution for each kernel row: taps times channel groups, or packed groups.
fn groups_per_row(x: &Mx) -> usize {
    if x.kpack { usize::from(x.cg) } else { usize::from(x.kw) * usize::from(x.cg) }
}

/// Weights of output group g as `[K group][k][n]`, minus their zero points.
fn weights<T: Lane>(
    m: &Memory<'_>,
    x: &Mx,
    p: &Places,
    o: &Operands,
    depthwise: bool,
    b: u32,
    g: u32,
    lanes: usize,
) -> Result<Vec<[[T; 16]; 16]>, Fault> {
    let mut zero = [i32::from(x.zw); 16];
    if x.zwm {
        for (n, z) in zero[..lanes].iter_mut().enumerate() {
            let number = u32::from(x.prm_rec) + g * 16 + n as u32;
            *z = i32::from((m.record_field(p.prm[2], number, 14, 2)? as u16).cast_signed());
            if !(-128..=255).contains(z) {
                return Err(Fault::Param { scale: 0, zero: *z });
            }
        }
    }
    let dtype = x.dtype.weight();
    let size = x.dtype.size() as usize;
    let taps = usize::from(x.kh) * usize::from(x.kw);
    let blocks = if depthwise { taps.div_ceil(16) } else { usize::from(x.kh) * groups_per_row(x) };
    let elements = if depthwise { taps * 16 } else { blocks * 256 };
    let first = i64::from(x.w_addr) + i64::from(b) * i64::from(x.b_w_s) + i64::from(g) * (elements * size) as i64;
    let raw = m.read(o.weights, first, elements * size)?;
    let mut w = vec![[[T::default(); 16]; 16]; blocks];
    for i in 0..elements {
        let value = T::from_num(decode(dtype, get_at(raw, size, i * size))?)?;
        // Depthwise: [tap][n], 16 taps a block. Else [block][n][k].
        let (block, k, n) = if depthwise { (i / 256, i / 16 % 16, i % 16) } else { (i / 256, i % 16, i / 16 % 16) };
        w[block][k][n] = value.offset(zero[n]);
    }
    Ok(w)
}

/// The output pixel that is being computed.
struct Pixel {
    b: u32,
    g: u32,
    oy: u32,
    ox: u32,
    lanes: usize,
}

/// Input row of a tap: the real row for the window, the row in the buffer for the address.
fn input_row(x: &Mx, oy: u32, ky: u16) -> Option<i64> {
    let iy = i64::from(x.iy0) + i64::from(oy) * i64::from(x.sy) + i64::from(ky) * i64::from(x.dy);
    if iy < 0 || iy >= i64::from(x.ih) {
        return None;
    }
    Some(if x.ring_len > 0 { (iy + i64::from(x.ring_off)) % i64::from(x.ring_len) } else { iy })
}

fn input_column(x: &Mx, ox: u32, kx: i64) -> Option<i64> {
    let ix = i64::from(x.ix0) + i64::from(ox) * i64::from(x.sx) + kx * i64::from(x.dx);
    (ix >= 0 && ix < i64::from(x.iw)).then_some(ix)
}

/// Reads `n` adjacent activations at a byte address.
fn activations<T: Lane>(m: &Memory<'_>, x: &Mx, o: &Operands, at: i64, into: &mut [T]) -> Result<(), Fault> {
    let (dtype, size) = (x.dtype.activation(), x.dtype.size() as usize);
    let raw = m.read(o.input, at, into.len() * size)?;
    for (i, lane) in into.iter_mut().enumerate() {
        *lane = T::from_num(decode(dtype, get_at(raw, size, i * size))?)?.offset(o.zx);
    }
    Ok(())
}

fn window<T: Lane>(
    m: &Memory<'_>,
    x: &Mx,
    o: &Operands,
    at: &Pixel,
    w: &[[[T; 16]; 16]],
    acc: &mut [T; 16],
) -> Result<(), Fault> {
    let per_row = groups_per_row(x);
    for ky in 0..x.kh {
        let Some(row) = input_row(x, at.oy, ky) else { continue };
        let row = i64::from(x.in_addr) + i64::from(at.b) * i64::from(x.b_in_s) + row * i64::from(x.in_sy);
        for j in 0..per_row {
            let cgroup = j % usize::from(x.cg);
            let count = if cgroup + 1 == usize::from(x.cg) { usize::from(x.clast) } else { 16 };
            let mut lanes = [T::default(); 16];
            let on = if x.kpack {
                packed_lanes(m, x, o, at, row, j, count, &mut lanes)?
            } else {
                let kx = (j / usize::from(x.cg)) as i64;
                let Some(ix) = input_column(x, at.ox, kx) else { continue };
                let address = row + ix * i64::from(x.in_sx) + cgroup as i64 * i64::from(x.in_sc);
                activations(m, x, o, address, &mut lanes[..count])?;
                u16::MAX >> (16 - count)
            };
            T::group(acc, &lanes, on, &w[usize::from(ky) * per_row + j]);
        }
    }
    Ok(())
}

/// Lanes of packed group j of a kernel row: q = kx·C + c; gives the mask of those inside.
fn packed_lanes<T: Lane>(
    m: &Memory<'_>,
    x: &Mx,
    o: &Operands,
    at: &Pixel,
    row: i64,
    j: usize,
    count: usize,
    lanes: &mut [T; 16],
) -> Result<u16, Fault> {
    let size = i64::from(x.dtype.size());
    let c = i64::from(x.in_sx) / size;
    if c == 0 {
        return Err(Fault::Illegal("kpack without channels"));
    }
    let mut on = 0;
    for l in 0..count {
        let q = (j * 16 + l) as i64;
        if let Some(ix) = input_column(x, at.ox, q / c) {
            let address = row + ix * i64::from(x.in_sx) + q % c * size;
            activations(m, x, o, address, &mut lanes[l..=l])?;
            on |= 1 << l;
        }
    }
    Ok(on)
}

fn window_dw<T: Lane>(
    m: &Memory<'_>,
    x: &Mx,
    o: &Operands,
    at: &Pixel,
    w: &[[[T; 16]; 16]],
    acc: &mut [T; 16],
) -> Result<(), Fault> {
    let taps = usize::from(x.kh) * usize::from(x.kw);
    let first = i64::from(x.in_addr) + i64::from(at.b) * i64::from(x.b_in_s) + i64::from(at.g) * i64::from(x.in_sc);
    for (block, w) in w.iter().enumerate() {
        let mut lanes = [[T::default(); 16]; 16];
        let mut on = 0;
        for k in 0..16.min(taps - block * 16) {
            let tap = block * 16 + k;
            let (ky, kx) = (tap / usize::from(x.kw), tap % usize::from(x.kw));
            let (Some(iy), Some(ix)) = (input_row(x, at.oy, ky as u16), input_column(x, at.ox, kx as i64)) else {
                continue;
            };
            let address = first + iy * i64::from(x.in_sy) + ix * i64::from(x.in_sx);
            activations(m, x, o, address, &mut lanes[k][..at.lanes])?;
            on |= 1 << k;
        }
        T::taps(acc, &lanes, on, w);
    }
    Ok(())
}
