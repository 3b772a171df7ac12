//! Loads, stores, copies, fills, gathers, conversions and requantisation on tiles.

use super::elem::{f32_of, float_bits, int_bits, int_of, int_to_float_bits, quantised_bits, relu_bits};
use super::functions::{at, record_number};
use super::memory::{Dram, Local};
use super::walk::Walk;
use crate::error::Fault;
use isa::DType;
use lir::tile::{BufView, DramView, PrmView};

pub(super) fn load(
    local: &mut Local,
    dram: &Dram<'_>,
    n: &[usize],
    src: &DramView,
    dst: &BufView,
) -> Result<(), Fault> {
    let size = dram.dtype(src.tensor)?.size();
    if size != dst.dtype.size() {
        return Err(Fault::Illegal("a load between element sizes"));
    }
    let mut w = Walk::new(n, [&src.strides, &dst.strides])?;
    while !w.done() {
        let bits = dram.read(src.tensor, size as usize, src.offset as isize + w.offset[0])?;
        local.write(dst.buf, dst.dtype, at(dst, w.offset[1]), bits)?;
        w.next();
    }
    Ok(())
}

pub(super) fn store(
    local: &Local,
    dram: &mut Dram<'_>,
    n: &[usize],
    src: &BufView,
    dst: &DramView,
) -> Result<(), Fault> {
    let size = dram.dtype(dst.tensor)?.size();
    if size != src.dtype.size() {
        return Err(Fault::Illegal("a store between element sizes"));
    }
    let mut w = Walk::new(n, [&src.strides, &dst.strides])?;
    while !w.done() {
        let bits = local.read(src.buf, src.dtype, at(src, w.offset[0]))?;
        dram.write(dst.tensor, size as usize, dst.offset as isize + w.offset[1], bits)?;
        w.next();
    }
    Ok(())
}

pub(super) fn fill(local: &mut Local, n: &[usize], d: &BufView, bits: u64) -> Result<(), Fault> {
    let mut w = Walk::new(n, [&d.strides])?;
    while !w.done() {
        local.write(d.buf, d.dtype, at(d, w.offset[0]), bits)?;
        w.next();
    }
    Ok(())
}

pub(super) fn copy(local: &mut Local, n: &[usize], a: &BufView, d: &BufView) -> Result<(), Fault> {
    if a.dtype.size() != d.dtype.size() {
        return Err(Fault::Illegal("a copy between element sizes"));
    }
    let mut w = Walk::new(n, [&a.strides, &d.strides])?;
    while !w.done() {
        let bits = local.read(a.buf, a.dtype, at(a, w.offset[0]))?;
        local.write(d.buf, d.dtype, at(d, w.offset[1]), bits)?;
        w.next();
    }
    Ok(())
}

pub(super) fn gather(
    local: &mut Local,
    n: [usize; 3],
    a: &BufView,
    idx: &BufView,
    d: &BufView,
    len: usize,
) -> Result<(), Fault> {
    let ([a_o, a_row, a_i], [step]) = (strides::<3>(a)?, strides::<1>(idx)?);
    let [d_o, d_j, d_i] = strides::<3>(d)?;
    if !matches!(idx.dtype, DType::S32 | DType::S64) || a.dtype.size() != d.dtype.size() {
        return Err(Fault::Illegal("types of a gather"));
    }
    for o in 0..n[0] as isize {
        for j in 0..n[1] as isize {
            let index = int_of(idx.dtype, local.read(idx.buf, idx.dtype, at(idx, j * step))?)?;
            let limit = len as i128;
            if !(-limit..limit).contains(&index) {
                return Err(Fault::Index { index, len: len as u64 });
            }
            let row = index.rem_euclid(limit) as isize;
            for i in 0..n[2] as isize {
                let bits = local.read(a.buf, a.dtype, at(a, o * a_o + row * a_row + i * a_i))?;
                local.write(d.buf, d.dtype, at(d, o * d_o + j * d_j + i * d_i), bits)?;
            }
        }
    }
    Ok(())
}

fn strides<const K: usize>(v: &BufView) -> Result<[isize; K], Fault> {
    v.strides.as_slice().try_into().map_err(|_| Fault::Illegal("number of strides"))
}

pub(super) fn convert(
    local: &mut Local,
    n: &[usize],
    a: &BufView,
    d: &BufView,
    rm: u8,
    saturate: bool,
) -> Result<(), Fault> {
    let mut w = Walk::new(n, [&a.strides, &d.strides])?;
    while !w.done() {
        let bits = local.read(a.buf, a.dtype, at(a, w.offset[0]))?;
        let out = if a.dtype.is_float() {
            from_float(f32_of(a.dtype, bits)?, d.dtype, rm)?
        } else {
            let v = int_of(a.dtype, bits)?;
            match d.dtype {
                DType::Bool => u64::from(v != 0),
                t if t.is_float() => int_to_float_bits(t, v)?,
                t => int_bits(t, v, saturate)?,
            }
        };
        local.write(d.buf, d.dtype, at(d, w.offset[1]), out)?;
        w.next();
    }
    Ok(())
}

fn from_float(v: f32, to: DType, rm: u8) -> Result<u64, Fault> {
    if to.is_bool() {
        return Ok(u64::from(v != 0.0)); // NaN is true
    }
    if to.is_float() {
        return float_bits(to, v);
    }
    let whole = [f32::round_ties_even, f32::trunc, f32::floor, f32::ceil, f32::round]
        .get(usize::from(rm))
        .ok_or(Fault::Illegal("rounding rule"))?(v);
    quantised_bits(to, whole, 0)
}

pub(super) fn requantise(
    local: &mut Local,
    n: &[usize],
    a: &BufView,
    d: &BufView,
    prm: &PrmView,
    relu: bool,
) -> Result<(), Fault> {
    if a.dtype != DType::S32 {
        return Err(Fault::Illegal("type of an accumulator"));
    }
    let mut w = Walk::new(n, [&a.strides, &d.strides])?;
    while !w.done() {
        let acc = int_of(a.dtype, local.read(a.buf, a.dtype, at(a, w.offset[0]))?)?;
        let (scale, zero) = local.scale(prm.buf, record_number(prm, &w.index)?)?;
        let mut bits = quantised_bits(d.dtype, (acc as f32) * scale, zero)?;
        if relu {
            bits = relu_bits(d.dtype, bits, zero)?;
        }
        local.write(d.buf, d.dtype, at(d, w.offset[1]), bits)?;
        w.next();
    }
    Ok(())
}
