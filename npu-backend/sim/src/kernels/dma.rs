//! LD, ST, LDX, STX and POISON (4.1, 4.2, 4.5).

use isa::{AccTag, Dma, IndexedDma, Mem, Poison, Region, TrapCode};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::runs::Runs;

/// Bytes become uninitialised.
pub(crate) fn poison(m: &mut Machine, p: &Poison) -> Check {
    let at = i64::try_from(p.off).map_err(|_| Fault::new(TrapCode::Bounds, "POISON offset"))?;
    let memory = if p.mem == Mem::Dram { &mut m.dram[p.region.index()] } else { m.mem_mut(p.mem)? };
    memory.bounds(at, p.len)?;
    if p.mem == Mem::Dram && !p.region.writable() {
        return Err(Fault::new(TrapCode::RegionPerm, format!("POISON of {}", p.region)));
    }
    memory.unmark(at as usize, p.len as usize);
    Ok(())
}

fn readable(region: Region) -> Check {
    if region.readable() { Ok(()) } else { Err(Fault::new(TrapCode::RegionPerm, format!("read of {region}"))) }
}

fn writable(region: Region) -> Check {
    if region.writable() { Ok(()) } else { Err(Fault::new(TrapCode::RegionPerm, format!("write to {region}"))) }
}

/// Counts, strides and byte sets of a box transfer.
pub(crate) struct Geometry {
    esz: u64,
    n: [u64; 4],
    pub dram: Runs,
    /// The local box, padding included.
    pub local: Runs,
    /// Local address of element (0, 0, 0, 0) of the unpadded box.
    inner: i64,
    padded: [u64; 4],
}

pub(crate) fn geometry(d: &Dma) -> Geometry {
    let esz = u64::from(d.esz);
    let n = d.n.map(u64::from);
    let ls = d.loc_s.map(i64::from);
    let ds = d.dram_s.map(i64::from);
    let mut padded = n;
    let mut inner = i64::from(d.loc_addr);
    if d.padmode {
        for i in 0..3 {
            padded[i] += u64::from(d.lo[i]) + u64::from(d.hi[i]);
        }
        inner += i64::from(d.lo[0]) * esz as i64 + i64::from(d.lo[1]) * ls[0] + i64::from(d.lo[2]) * ls[1];
    }
    let row = |n: u64| n * esz;
    Geometry {
        esz,
        n,
        dram: Runs::new(d.dram_off as i64, row(n[0]), &[(n[1], ds[0]), (n[2], ds[1]), (n[3], ds[2])]),
        local: Runs::new(
            i64::from(d.loc_addr),
            row(padded[0]),
            &[(padded[1], ls[0]), (padded[2], ls[1]), (padded[3], ls[2])],
        ),
        inner,
        padded,
    }
}

/// DMA moves whole ACC rows.
fn acc_rows_whole(d: &Dma, g: &Geometry) -> Check {
    if d.mem != Mem::Acc {
        return Ok(());
    }
    let misaligned = |v: i64| v % 64 != 0;
    let strides = (0..3).any(|i| g.padded[i + 1] > 1 && misaligned(i64::from(d.loc_s[i])));
    if misaligned(i64::from(d.loc_addr)) || !(g.padded[0] * g.esz).is_multiple_of(64) || strides {
        return Err(Fault::new(TrapCode::Align, "DMA of a partial ACC row"));
    }
    Ok(())
}

/// LD: DRAM box to local box.
pub(crate) fn load(m: &mut Machine, d: &Dma) -> Check {
    let g = geometry(d);
    let (lo, len) = g.dram.hull();
    m.dram[d.region.index()].bounds(lo, len)?;
    let (lo, len) = g.local.hull();
    m.mem(d.mem)?.bounds(lo, len)?;
    readable(d.region)?;
    acc_rows_whole(d, &g)?;
    if m.check {
        let src = &m.dram[d.region.index()];
        g.dram.each(|at, len| src.inited(at, len))?;
    }
    if d.padmode {
        fill_border(m, d, &g)?;
    }
    let row = (g.n[0] * g.esz) as usize;
    for i3 in 0..g.n[3] as i64 {
        for i2 in 0..g.n[2] as i64 {
            for i1 in 0..g.n[1] as i64 {
                let from = d.dram_off as i64
                    + i1 * i64::from(d.dram_s[0])
                    + i2 * i64::from(d.dram_s[1])
                    + i3 * i64::from(d.dram_s[2]);
                let to = g.inner + i1 * i64::from(d.loc_s[0]) + i2 * i64::from(d.loc_s[1]) + i3 * i64::from(d.loc_s[2]);
                copy_in(m, d.mem, d.region, from as usize, to as usize, row);
            }
        }
    }
    g.local.each(|at, len| {
        m.mem_mut(d.mem)?.mark(at as usize, len);
        if d.mem == Mem::Acc {
            m.acc.adopt(at as usize, len, d.tag);
        }
        Ok(())
    })
}

fn copy_in(m: &mut Machine, mem: Mem, region: Region, from: usize, to: usize, len: usize) {
    let Machine { spm, prm, lut, acc, dram, .. } = m;
    let dst = match mem {
        Mem::Prm => prm,
        Mem::Lut => lut,
        Mem::Acc => &mut acc.mem,
        Mem::Spm | Mem::Dram | Mem::Imm => spm, // `mem()` has refused the last two
    };
    dst.data[to..to + len].copy_from_slice(&dram[region.index()].data[from..from + len]);
}

fn fill_border(m: &mut Machine, d: &Dma, g: &Geometry) -> Check {
    let value = i64::from(d.fill.cast_signed()).to_le_bytes();
    let value = &value[..usize::from(d.esz)];
    let dst = m.mem_mut(d.mem)?;
    g.local.each(|at, len| {
        for element in dst.data[at as usize..at as usize + len].chunks_exact_mut(value.len()) {
            element.copy_from_slice(value);
        }
        Ok(())
    })
}

/// ST: local box to DRAM box.
pub(crate) fn store(m: &mut Machine, d: &Dma) -> Check {
    let g = geometry(&Dma { padmode: false, ..*d });
    let (lo, len) = g.local.hull();
    m.mem(d.mem)?.bounds(lo, len)?;
    let (lo, len) = g.dram.hull();
    m.dram[d.region.index()].bounds(lo, len)?;
    writable(d.region)?;
    acc_rows_whole(d, &g)?;
    if m.check {
        let src = m.mem(d.mem)?;
        g.local.each(|at, len| src.inited(at, len))?;
        if d.mem == Mem::Acc {
            g.local.each(|at, len| m.acc.check_tag(at as usize, len, d.tag))?;
            if d.tag == AccTag::I32 {
                g.local.each(|at, len| m.acc.check_exact(at as usize, len))?;
            }
        }
    }
    let row = (g.n[0] * g.esz) as usize;
    for i3 in 0..g.n[3] as i64 {
        for i2 in 0..g.n[2] as i64 {
            for i1 in 0..g.n[1] as i64 {
                let to = d.dram_off as i64
                    + i1 * i64::from(d.dram_s[0])
                    + i2 * i64::from(d.dram_s[1])
                    + i3 * i64::from(d.dram_s[2]);
                let from =
                    g.inner + i1 * i64::from(d.loc_s[0]) + i2 * i64::from(d.loc_s[1]) + i3 * i64::from(d.loc_s[2]);
                copy_out(m, d.mem, d.region, from as usize, to as usize, row);
            }
        }
    }
    let dst = &mut m.dram[d.region.index()];
    g.dram.each(|at, len| {
        dst.mark(at as usize, len);
        Ok(())
    })
}

fn copy_out(m: &mut Machine, mem: Mem, region: Region, from: usize, to: usize, len: usize) {
    let Machine { spm, prm, lut, acc, dram, .. } = m;
    let src = match mem {
        Mem::Prm => prm,
        Mem::Lut => lut,
        Mem::Acc => &mut acc.mem,
        Mem::Spm | Mem::Dram | Mem::Imm => spm, // `mem()` has refused the last two
    };
    dram[region.index()].data[to..to + len].copy_from_slice(&src.data[from..from + len]);
}

/// The local rows of an indexed transfer.
pub(crate) fn indexed_local(d: &IndexedDma) -> Runs {
    let n = d.n.map(u64::from);
    let ls = d.loc_s.map(i64::from);
    let row = n[0] * u64::from(d.esz);
    Runs::new(i64::from(d.loc_addr), row, &[(n[1], ls[0]), (n[2], ls[1]), (n[3], ls[2])])
}

/// Static checks of an indexed transfer: the index dimension is its whole range (4.2).
fn indexed_bounds(m: &Machine, d: &IndexedDma) -> Check {
    let n = d.n.map(u64::from);
    let row = n[0] * u64::from(d.esz);
    let dram = Runs::new(
        d.dram_off as i64,
        row,
        &[(u64::from(d.len), i64::from(d.row_s)), (n[2], i64::from(d.dram_s2)), (n[3], i64::from(d.dram_s3))],
    );
    let (lo, len) = dram.hull();
    m.dram[d.region.index()].bounds(lo, len)?;
    let (lo, len) = indexed_local(d).hull();
    m.mem(d.mem)?.bounds(lo, len)?;
    let (lo, len) = index_runs(d).hull();
    m.spm.bounds(lo, len)
}

/// The indices of an indexed transfer.
pub(crate) fn index_runs(d: &IndexedDma) -> Runs {
    let size = if d.idx64 { 8 } else { 4 };
    Runs::new(
        i64::from(d.idx_addr),
        size,
        &[(u64::from(d.n[1]), size as i64), (u64::from(d.n[2]), i64::from(d.idx_s2) * size as i64)],
    )
}

/// The row number of every (i1, i2), i1 inner; `None` where the index is illegal, and the fault of the first such.
fn indices(m: &Machine, d: &IndexedDma) -> (Vec<Option<u64>>, Check) {
    let mut rows = Vec::with_capacity(usize::from(d.n[1]) * usize::from(d.n[2]));
    let mut verdict = Ok(());
    let size = if d.idx64 { 8 } else { 4 };
    for i2 in 0..i64::from(d.n[2]) {
        for i1 in 0..i64::from(d.n[1]) {
            let at = (i64::from(d.idx_addr) + (i1 + i2 * i64::from(d.idx_s2)) * size) as usize;
            let raw = if d.idx64 {
                i64::from_le_bytes(m.spm.data[at..at + 8].try_into().expect("eight bytes"))
            } else {
                i64::from(i32::from_le_bytes(m.spm.data[at..at + 4].try_into().expect("four bytes")))
            };
            rows.push(match normalise(raw, d.len) {
                Ok(row) => Some(row),
                Err(fault) => {
                    if verdict.is_ok() {
                        verdict = Err(fault);
                    }
                    None
                }
            });
        }
    }
    (rows, verdict)
}

fn normalise(raw: i64, len: u32) -> Result<u64, Fault> {
    let wrapped = if raw < 0 { raw + i64::from(len) } else { raw };
    if (0..i64::from(len)).contains(&wrapped) {
        Ok(wrapped as u64)
    } else {
        Err(Fault::new(TrapCode::Index, format!("index {raw} outside -{len}..{len}")))
    }
}

/// Everything LDX and STX check, and the (DRAM, local) address pairs of the rows in order of execution.
fn indexed_rows(m: &mut Machine, d: &IndexedDma, write: bool) -> Result<Vec<(i64, i64)>, Fault> {
    indexed_bounds(m, d)?;
    if write {
        writable(d.region)?;
        if d.region == Region::R3 {
            return Err(Fault::new(TrapCode::RegionPerm, "STX to R3, which cannot be read"));
        }
    } else {
        readable(d.region)?;
    }
    if d.mem == Mem::Acc {
        return Err(Fault::new(TrapCode::Decode, "indexed DMA with ACC"));
    }
    if m.check {
        index_runs(d).each(|at, len| m.spm.inited(at, len))?;
    }
    // E_UNINIT takes precedence over E_INDEX: rows with a legal index are checked before an illegal one traps, and a
    // row with an illegal index is not touched.
    let (rows, verdict) = indices(m, d);
    let row = u64::from(d.n[0]) * u64::from(d.esz);
    let n1 = usize::from(d.n[1]);
    let mut pairs = Vec::with_capacity(rows.len() * usize::from(d.n[3]));
    m.last_rows.clear();
    for i3 in 0..i64::from(d.n[3]) {
        for (k, &j) in rows.iter().enumerate() {
            let Some(j) = j else { continue };
            let (i1, i2) = ((k % n1) as i64, (k / n1) as i64);
            let dram = d.dram_off as i64
                + j as i64 * i64::from(d.row_s)
                + i2 * i64::from(d.dram_s2)
                + i3 * i64::from(d.dram_s3);
            let local = i64::from(d.loc_addr)
                + i1 * i64::from(d.loc_s[0])
                + i2 * i64::from(d.loc_s[1])
                + i3 * i64::from(d.loc_s[2]);
            if m.check {
                m.dram[d.region.index()].inited(dram, row as usize)?; // STX reads d first
                if write {
                    m.mem(d.mem)?.inited(local, row as usize)?;
                }
            }
            m.last_rows.push((dram as u64, row));
            pairs.push((dram, local));
        }
    }
    verdict.map(|()| pairs)
}

/// LDX: rows of a DRAM table by index.
pub(crate) fn load_indexed(m: &mut Machine, d: &IndexedDma) -> Check {
    let pairs = indexed_rows(m, d, false)?;
    let row = usize::from(d.n[0]) * usize::from(d.esz);
    for (dram, local) in pairs {
        copy_in(m, d.mem, d.region, dram as usize, local as usize, row);
        m.mem_mut(d.mem)?.mark(local as usize, row);
    }
    Ok(())
}

/// STX: rows to a DRAM table by index; a later row overwrites.
pub(crate) fn store_indexed(m: &mut Machine, d: &IndexedDma) -> Check {
    let pairs = indexed_rows(m, d, true)?;
    let row = usize::from(d.n[0]) * usize::from(d.esz);
    for (dram, local) in pairs {
        copy_out(m, d.mem, d.region, local as usize, dram as usize, row);
        m.dram[d.region.index()].mark(dram as usize, row);
    }
    Ok(())
}
