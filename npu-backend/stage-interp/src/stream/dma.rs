//! LD, ST, LDX, STX. NPU.md 4.1 and 4.2.

use super::memory::{At, Memory};
use super::num::index;
use crate::error::Fault;
use isa::{Dma, IndexedDma, Mem};
use lir::stream::Places;

/// Byte offsets of the runs of a box on both sides: (dram, local), in order.
fn runs(d: &Dma) -> impl Iterator<Item = (i64, i64)> + use<> {
    let [_, n1, n2, n3] = d.n.map(i64::from);
    let (dram, local) = (d.dram_s.map(i64::from), d.loc_s.map(i64::from));
    (0..n3).flat_map(move |i3| {
        (0..n2).flat_map(move |i2| {
            (0..n1).map(move |i1| {
                let at = |s: [i64; 3]| i1 * s[0] + i2 * s[1] + i3 * s[2];
                (at(dram), at(local))
            })
        })
    })
}

fn check_rows(d: &Dma, local: i64, len: usize) -> Result<(), Fault> {
    if d.mem == Mem::Acc && (local % 64 != 0 || !len.is_multiple_of(64)) {
        return Err(Fault::Illegal("a DMA of a part of an accumulator row"));
    }
    Ok(())
}

pub(super) fn load(m: &mut Memory<'_>, d: &Dma, p: &Places) -> Result<(), Fault> {
    let at = m.resolve(d.mem, p.a, "loc_addr")?;
    if d.padmode {
        write_border(m, d, at)?;
    }
    let esz = i64::from(d.esz);
    // The box begins behind the border.
    let first = i64::from(d.loc_addr)
        + i64::from(d.lo[0]) * esz
        + i64::from(d.lo[1]) * i64::from(d.loc_s[0])
        + i64::from(d.lo[2]) * i64::from(d.loc_s[1]);
    let len = usize::from(d.n[0]) * usize::from(d.esz);
    let mut run = Vec::with_capacity(len);
    for (dram, local) in runs(d) {
        let local = first + local;
        check_rows(d, local, len)?;
        run.clear();
        run.extend_from_slice(m.dram_read(p, d.dram_off as i64 + dram, len)?);
        m.write(at, local, len)?.copy_from_slice(&run);
        if d.mem == Mem::Acc {
            m.set_tags(at, local, len, d.tag)?;
        }
    }
    Ok(())
}

/// Fills the whole padded box; the load then overwrites its middle.
fn write_border(m: &mut Memory<'_>, d: &Dma, at: At) -> Result<(), Fault> {
    let extent = |i: usize| i64::from(d.lo[i]) + i64::from(d.n[i]) + i64::from(d.hi[i]);
    let fill = i64::from(d.fill.cast_signed()).to_le_bytes();
    let esz = usize::from(d.esz);
    for i3 in 0..i64::from(d.n[3]) {
        for i2 in 0..extent(2) {
            for i1 in 0..extent(1) {
                let [s1, s2, s3] = d.loc_s.map(i64::from);
                let row = i64::from(d.loc_addr) + i1 * s1 + i2 * s2 + i3 * s3;
                let inside = |i: i64, k: usize| i >= i64::from(d.lo[k]) && i < i64::from(d.lo[k]) + i64::from(d.n[k]);
                for i0 in 0..extent(0) {
                    if inside(i0, 0) && inside(i1, 1) && inside(i2, 2) {
                        continue;
                    }
                    m.write(at, row + i0 * esz as i64, esz)?.copy_from_slice(&fill[..esz]);
                }
            }
        }
    }
    Ok(())
}

pub(super) fn store(m: &mut Memory<'_>, d: &Dma, p: &Places) -> Result<(), Fault> {
    let at = m.resolve(d.mem, p.a, "loc_addr")?;
    let len = usize::from(d.n[0]) * usize::from(d.esz);
    let mut run = Vec::with_capacity(len);
    for (dram, local) in runs(d) {
        let local = i64::from(d.loc_addr) + local;
        check_rows(d, local, len)?;
        if d.mem == Mem::Acc {
            m.require_tags(at, local, len, d.tag)?;
        }
        run.clear();
        run.extend_from_slice(m.read(at, local, len)?);
        m.dram_write(p, d.dram_off as i64 + dram, len)?.copy_from_slice(&run);
    }
    Ok(())
}

/// LDX (`load`) and STX: rows of a table by a list of indices.
pub(super) fn indexed(m: &mut Memory<'_>, d: &IndexedDma, p: &Places, load: bool) -> Result<(), Fault> {
    let local = m.resolve(d.mem, p.a, "loc_addr")?;
    let indices = m.resolve(Mem::Spm, p.b, "idx_addr")?;
    let [n0, n1, n2, n3] = d.n.map(i64::from);
    let len = (n0 * i64::from(d.esz)) as usize;
    let size = if d.idx64 { 8 } else { 4 };
    let mut run = Vec::with_capacity(len);
    for i3 in 0..n3 {
        for i2 in 0..n2 {
            for i1 in 0..n1 {
                let slot = i64::from(d.idx_addr) + (i1 + i2 * i64::from(d.idx_s2)) * size;
                let raw = crate::bytes::get_at(m.read(indices, slot, size as usize)?, size as usize, 0);
                let j = if d.idx64 { raw.cast_signed() } else { i64::from((raw as u32).cast_signed()) };
                let j = index(i128::from(j), i128::from(d.len))? as i64;
                let dram =
                    d.dram_off as i64 + j * i64::from(d.row_s) + i2 * i64::from(d.dram_s2) + i3 * i64::from(d.dram_s3);
                let [s1, s2, s3] = d.loc_s.map(i64::from);
                let loc = i64::from(d.loc_addr) + i1 * s1 + i2 * s2 + i3 * s3;
                run.clear();
                if load {
                    run.extend_from_slice(m.dram_read(p, dram, len)?);
                    m.write(local, loc, len)?.copy_from_slice(&run);
                } else {
                    run.extend_from_slice(m.read(local, loc, len)?);
                    m.dram_write(p, dram, len)?.copy_from_slice(&run);
                }
            }
        }
    }
    Ok(())
}
