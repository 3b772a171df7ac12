//! Random DMA and POISON.

use super::Gen;
use crate::codes::{AccTag, Engine, Mem, Region};
use crate::instr::{Dma, IndexedDma, Instr, Op, Poison};
use crate::runs::Space;

impl Gen<'_> {
    /// A DRAM offset such that bytes `lo..hi` relative to it lie in the region.
    fn dram(&mut self, region: Region, lo: i64, hi: i64) -> Option<u64> {
        let size = self.limits.of(Space::Dram(region)).cast_signed();
        let (first, last) = (-lo, size - hi);
        if first > last {
            return None;
        }
        let at = match self.rng.below(4) {
            0 => first,
            1 => last,
            _ => self.rng.range(first, last),
        };
        u64::try_from(at).ok()
    }

    /// Byte strides of dimensions 1..4 around an inner run, nested; `free` allows 0 and negative ones.
    fn byte_strides(&mut self, run: i64, n: [u16; 3], free: bool, align: i64) -> [i32; 3] {
        let mut extent = run;
        let mut s = [0i32; 3];
        for k in 0..3 {
            let gap = if self.rng.one_in(3) { self.rng.range(0, 9) } else { 0 };
            let stride = (extent + gap + align - 1) / align * align;
            extent += stride * (i64::from(n[k]) - 1);
            s[k] = stride as i32;
            if free && self.rng.one_in(6) {
                s[k] = 0;
            } else if self.rng.one_in(8) {
                s[k] = -s[k];
            }
        }
        s
    }

    /// A local memory and, for ACC, whole rows.
    fn dma_shape(&mut self) -> (Mem, u8, [u16; 4]) {
        let mem = self.rng.pick(&[Mem::Spm, Mem::Spm, Mem::Spm, Mem::Prm, Mem::Lut, Mem::Acc]);
        let esz = self.rng.pick(&[1u8, 2, 4, 8]);
        let mut n = self.counts(96);
        if mem == Mem::Acc {
            n[0] = 64 / u16::from(esz) * self.rng.pick(&[1, 1, 2]);
            (n[1], n[2], n[3]) = (self.rng.pick(&[1, 2, 3]), self.rng.pick(&[1, 2]), 1);
        }
        (mem, esz, n)
    }

    fn tag(&mut self, mem: Mem) -> AccTag {
        if mem == Mem::Acc { self.rng.pick(AccTag::ALL) } else { AccTag::I32 }
    }

    pub(super) fn ld(&mut self) -> Option<Instr> {
        let (mem, esz, n) = self.dma_shape();
        let region = self.rng.pick(&[Region::R0, Region::R1, Region::R2]);
        let mut d = Dma { region, mem, esz, n, tag: self.tag(mem), ..Dma::default() };
        d.padmode = mem != Mem::Acc && self.rng.one_in(3);
        if d.padmode {
            d.lo = std::array::from_fn(|_| self.rng.below(3) as u8);
            d.hi = std::array::from_fn(|_| self.rng.below(3) as u8);
            d.fill = self.rng.next_u64() as u32 & if esz < 4 { (1 << (8 * u32::from(esz))) - 1 } else { u32::MAX };
        }
        self.dma_places(&mut d, true)?;
        let eng = self.rng.pick(&[Engine::Lda, Engine::Ldw]);
        Some(Instr::new(Op::Ld(d)).on(eng))
    }

    pub(super) fn st(&mut self) -> Option<Instr> {
        let (mem, esz, n) = self.dma_shape();
        let region = self.rng.pick(&[Region::R1, Region::R3]);
        let mut d = Dma { region, mem, esz, n, tag: self.tag(mem), ..Dma::default() };
        self.dma_places(&mut d, false)?;
        Some(Instr::new(Op::St(d)))
    }

    fn dma_places(&mut self, d: &mut Dma, load: bool) -> Option<()> {
        let padded: [u16; 4] =
            std::array::from_fn(|k| d.n[k] + if k < 3 { u16::from(d.lo[k]) + u16::from(d.hi[k]) } else { 0 });
        let esz = i64::from(d.esz);
        let outer = |n: [u16; 4]| [n[1], n[2], n[3]];
        let (inner, local_run) = (i64::from(d.n[0]) * esz, i64::from(padded[0]) * esz);
        let align = if d.mem == Mem::Acc { 64 } else { 1 };
        d.loc_s = self.byte_strides(local_run, outer(padded), !load, align);
        d.dram_s = self.byte_strides(inner, outer(d.n), load, 1);
        let (lo, hi) = hull(local_run, outer(padded), d.loc_s);
        d.loc_addr = self.place(d.mem, 3, (lo, hi), align)?;
        let (lo, hi) = hull(inner, outer(d.n), d.dram_s);
        d.dram_off = self.dram(d.region, lo, hi)?;
        Some(())
    }

    pub(super) fn indexed(&mut self, load: bool) -> Option<Instr> {
        let mem = self.rng.pick(&[Mem::Spm, Mem::Spm, Mem::Spm, Mem::Prm, Mem::Lut]);
        let regions: &[Region] = if load { &[Region::R0, Region::R1, Region::R2] } else { &[Region::R1] };
        let mut d = IndexedDma { region: self.rng.pick(regions), mem, ..IndexedDma::default() };
        d.esz = self.rng.pick(&[1, 2, 4, 8]);
        d.idx64 = self.coin();
        d.n = self.counts(60);
        d.len = 1 + self.rng.below(9) as u32;
        let outer = [d.n[1], d.n[2], d.n[3]];
        let run = i64::from(d.n[0]) * i64::from(d.esz);
        d.loc_s = self.byte_strides(run, outer, !load, 1);
        let zones = self.zones();
        let (lo, hi) = hull(run, outer, d.loc_s);
        d.loc_addr = self.place(mem, zones[0], (lo, hi), 1)?;
        let size = if d.idx64 { 8 } else { 4 };
        d.idx_s2 = self.rng.range(-4, 20) as i32;
        let n1 = i64::from(d.n[1]);
        let (lo, hi) = hull(n1 * size, [d.n[2], 1, 1], [d.idx_s2 * size as i32, 0, 0]);
        d.idx_addr = self.place(Mem::Spm, zones[1], (lo, hi), 1)?;
        d.row_s = (run + self.rng.range(0, 8)) as i32 * self.rng.pick(&[1, 1, 1, -1]);
        (d.dram_s2, d.dram_s3) = (self.rng.range(-40, 90) as i32, self.rng.range(-40, 90) as i32);
        let counts = [d.len as u16, d.n[2], d.n[3]];
        let (lo, hi) = hull(run, counts, [d.row_s, d.dram_s2, d.dram_s3]);
        d.dram_off = self.dram(d.region, lo, hi)?;
        let eng = self.rng.pick(&[Engine::Lda, Engine::Ldw]);
        Some(if load { Instr::new(Op::Ldx(d)).on(eng) } else { Instr::new(Op::Stx(d)) })
    }

    pub(super) fn poison(&mut self) -> Option<Instr> {
        let mem = self.rng.pick(&[Mem::Spm, Mem::Prm, Mem::Lut, Mem::Acc, Mem::Dram]);
        let region = if mem == Mem::Dram { self.rng.pick(&[Region::R1, Region::R3]) } else { Region::R0 };
        let space = Space::local(mem).unwrap_or(Space::Dram(region));
        let size = self.limits.of(space);
        let len = 1 + self.rng.below(40.min(size));
        let off = self.rng.below(size.checked_sub(len)? + 1);
        let eng = self.rng.pick(Engine::ALL);
        Some(Instr::new(Op::Poison(Poison { mem, region, off, len })).on(eng))
    }
}

/// Lowest byte and one past the highest of a box around its first run.
fn hull(run: i64, n: [u16; 3], s: [i32; 3]) -> (i64, i64) {
    let (mut lo, mut hi) = (0, run);
    for k in 0..3 {
        let reach = i64::from(s[k]) * (i64::from(n[k]) - 1);
        lo += reach.min(0);
        hi += reach.max(0);
    }
    (lo, hi)
}
