//! DMA and POISON (4.1, 4.2, 4.5).

use isa::{Dma, IndexedDma, Mem, Poison, Space, TrapCode};

use crate::state::{State, space_of};

pub(crate) fn poison(s: &mut State, p: &Poison) {
    let space = if p.mem == Mem::Dram { Space::Dram(p.region) } else { space_of(p.mem) };
    if matches!(space, Space::Dram(r) if !r.writable()) {
        s.trap(TrapCode::RegionPerm, format!("POISON of {space}"));
        return;
    }
    let end = p.off.saturating_add(p.len);
    if end > s.mem[space.index()].bytes.len() as u64 {
        s.trap(TrapCode::Bounds, format!("POISON of {space} up to {end:#x}"));
        return;
    }
    for at in p.off..end {
        s.set_byte(space, at.cast_signed(), None);
    }
}

/// One local element; in ACC the row's tag is set and the exact sum is the value itself.
fn store_local(s: &mut State, d: &Dma, at: i64, value: u64) {
    s.store(space_of(d.mem), at, d.esz.into(), value);
    if d.mem == Mem::Acc {
        // rewrite the whole lane through the tagged path; the last byte of a lane leaves the final value
        let lane = at.div_euclid(4) * 4;
        for lane in (lane..at + i64::from(d.esz)).step_by(4) {
            let Ok(start) = usize::try_from(lane) else { continue };
            let Some(bytes) = s.mem[Space::Acc.index()].bytes.get(start..start + 4) else { continue };
            let bits = u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
            s.store_lane(lane, bits, i64::from(bits.cast_signed()), d.tag);
        }
    }
}

pub(crate) fn ld(s: &mut State, d: &Dma) {
    let (n, lo, hi) = (d.n.map(i64::from), d.lo.map(i64::from), d.hi.map(i64::from));
    let esz = i64::from(d.esz);
    let fill = i64::from(d.fill.cast_signed()).cast_unsigned();
    for i3 in 0..n[3] {
        for j2 in 0..lo[2] + n[2] + hi[2] {
            for j1 in 0..lo[1] + n[1] + hi[1] {
                for j0 in 0..lo[0] + n[0] + hi[0] {
                    let (i0, i1, i2) = (j0 - lo[0], j1 - lo[1], j2 - lo[2]);
                    let inside = (0..n[0]).contains(&i0) && (0..n[1]).contains(&i1) && (0..n[2]).contains(&i2);
                    let value = if inside {
                        let from = d.dram_off.cast_signed() + i0 * esz + strided(d.dram_s, [i1, i2, i3]);
                        s.load(Space::Dram(d.region), from, d.esz.into())
                    } else {
                        fill
                    };
                    let to = i64::from(d.loc_addr) + j0 * esz + strided(d.loc_s, [j1, j2, i3]);
                    store_local(s, d, to, value);
                }
            }
        }
    }
}

fn strided(strides: [i32; 3], i: [i64; 3]) -> i64 {
    (0..3).map(|k| i64::from(strides[k]) * i[k]).sum()
}

pub(crate) fn st(s: &mut State, d: &Dma) {
    let esz = i64::from(d.esz);
    for i in crate::state::indices(d.n) {
        let [i0, i1, i2, i3] = i.map(i64::from);
        let from = i64::from(d.loc_addr) + i0 * esz + strided(d.loc_s, [i1, i2, i3]);
        let value = s.load(space_of(d.mem), from, d.esz.into());
        if d.mem == Mem::Acc {
            s.require_tag(from, d.tag);
            for byte in from..from + esz {
                s.require_exact(byte);
            }
        }
        let to = d.dram_off.cast_signed() + i0 * esz + strided(d.dram_s, [i1, i2, i3]);
        s.store(Space::Dram(d.region), to, d.esz.into(), value);
    }
}

/// j of an index: negative counts from the end; `None` and `E_INDEX` outside -len..len.
pub(crate) fn index(s: &mut State, value: i128, len: i128) -> Option<i128> {
    let j = if value < 0 { value + len } else { value };
    if (0..len).contains(&j) {
        return Some(j);
    }
    s.trap(TrapCode::Index, format!("index {value} of {len}"));
    None
}

/// LDX (`load`) and STX.
pub(crate) fn indexed(s: &mut State, d: &IndexedDma, load: bool) {
    let esz = i64::from(d.esz);
    let size = if d.idx64 { 8 } else { 4 };
    let dt = if d.idx64 { isa::DType::S64 } else { isa::DType::S32 };
    let n = [1, d.n[1], d.n[2], d.n[3]];
    for [_, i1, i2, i3] in crate::state::indices(n).map(|i| i.map(i64::from)) {
        let at = i64::from(d.idx_addr) + i64::from(size) * (i1 + i2 * i64::from(d.idx_s2));
        let bits = s.load(Space::Spm, at, size);
        let value = s.number(dt, bits).int();
        let Some(j) = index(s, value, d.len.into()) else { continue };
        let row = d.dram_off.cast_signed() + j as i64 * i64::from(d.row_s) + i2 * i64::from(d.dram_s2);
        let row = row + i3 * i64::from(d.dram_s3);
        let local = i64::from(d.loc_addr) + strided(d.loc_s, [i1, i2, i3]);
        for i0 in 0..i64::from(d.n[0]) {
            let (dram, local) = (row + i0 * esz, local + i0 * esz);
            if load {
                let value = s.load(Space::Dram(d.region), dram, d.esz.into());
                s.store(space_of(d.mem), local, d.esz.into(), value);
            } else {
                let value = s.load(space_of(d.mem), local, d.esz.into());
                s.load(Space::Dram(d.region), dram, d.esz.into()); // STX reads d first (2.5)
                s.store(Space::Dram(d.region), dram, d.esz.into(), value);
            }
        }
    }
}
