//! Verifier of S.
//!
//! *Proves*: an address field has a place exactly if it is used, and the place is of the field's memory (`place-missing`,
//! `place-unused`, `place-memory`); every byte touched lies in its buffer or tensor (`buffer-bounds`, `tensor-bounds`);
//! nothing is read before it was written (`use-before-def`); two conflicting accesses come in the order of their tiles
//! (`dependence-order`); stores go to groups' outputs, each byte once, all of it (`store-target`, `stored-twice`,
//! `output-incomplete`); fields fit their ranges (`field-range`); groups and tiles exist (`tile-number`).
//!
//! *Assumes*: [`crate::accesses`] names the bytes of an instruction. Indexed reads count as their whole range, so a gather of
//! a partly written table is reported although it may not touch the rest.
//!
//! *Cannot see*: whether the instructions compute what the tiles say, and the order of operations inside one tile beyond
//! definition before use; the stream interpreter against the tile interpreter shows both.

use crate::accesses::{Access, Field, accesses};
use crate::fused::{GroupId, TensorDef, TensorId};
use crate::report::Report;
use crate::stream::{DramPlace, InstrId, Places, Stream, StreamOp};
use crate::tile::{BufId, BufMem, TileProgram};
use isa::{Mem, Op};
use kit::Violation;
use kit::id::Id;

/// All broken rules of a stream that was scheduled from `t`.
pub fn verify_stream(s: &Stream, t: &TileProgram) -> Vec<Violation> {
    let mut report = Report::default();
    let tiles: Vec<usize> =
        s.fused.groups.ids().map(|g| t.groups.iter().find(|tg| tg.group == g).map_or(0, |tg| tg.tiles.len())).collect();
    let mut walk = Walk::new(s);
    for (id, op) in s.ops.iter() {
        if tiles.get(op.group.index()).is_none_or(|&n| op.tile as usize >= n) {
            report.push("tile-number", id, format!("{} has no tile {}", op.group, op.tile));
        }
        check_fields(id, op, &mut report);
        let all = accesses(&op.instr.op);
        check_places(id, op, &all, s, &mut report);
        walk.step(id, op, &all, &mut report);
        if report.full() {
            break;
        }
    }
    if !report.full() {
        walk.finish(&mut report);
    }
    report.finish()
}

/// The encoder's own rules: every field in its range, no unused field set.
fn check_fields(id: InstrId, op: &StreamOp, report: &mut Report) {
    if matches!(op.instr.op, Op::Poison(_) | Op::Halt | Op::Fence | Op::SegmentEnd { .. }) {
        report.push("field-range", id, "control instructions are added by placement");
        return;
    }
    if op.instr.waits.iter().chain(&op.instr.signals).any(Option::is_some) {
        report.push("field-range", id, "tokens are assigned by placement");
    }
    if let Err(e) = isa::encode(&op.instr) {
        report.push("field-range", id, e.to_string());
    }
}

/// The place of a field, and its name.
pub(crate) fn place_of(p: &Places, field: Field) -> (Option<BufId>, &'static str) {
    match field {
        Field::A => (p.a, "a"),
        Field::B => (p.b, "b"),
        Field::D => (p.d, "d"),
        Field::Prm(k) => (p.prm[usize::from(k)], ["prm[0]", "prm[1]", "prm[2]"][usize::from(k)]),
        Field::Dram => (None, "dram"),
        Field::Lut => (None, "lut"),
    }
}

fn buffer_mem(mem: Mem) -> Option<BufMem> {
    match mem {
        Mem::Spm => Some(BufMem::Spm),
        Mem::Prm => Some(BufMem::Prm),
        Mem::Acc => Some(BufMem::Acc),
        Mem::Lut | Mem::Dram | Mem::Imm => None,
    }
}

fn check_places(id: InstrId, op: &StreamOp, all: &[Access], s: &Stream, report: &mut Report) {
    let p = &op.places;
    for access in all {
        let (place, name) = place_of(p, access.field);
        match (access.field, place) {
            (Field::Lut, _) => {}
            (Field::Dram, _) => match p.dram {
                None => report.push("place-missing", id, "dram"),
                Some(DramPlace::Tensor(t)) if s.fused.tensors.get(t).is_none() => {
                    report.push("place-missing", id, format!("no tensor {t}"));
                }
                Some(DramPlace::Params(q)) if s.params.get(q).is_none() => {
                    report.push("place-missing", id, format!("no parameter block {q}"));
                }
                Some(_) => {}
            },
            (_, None) if access.mem == Mem::Lut => {}
            (_, None) => report.push("place-missing", id, name),
            (_, Some(b)) => match (s.bufs.get(b), buffer_mem(access.mem)) {
                (None, _) => report.push("place-missing", id, format!("no buffer {b}")),
                (Some(buf), want) if Some(buf.mem) != want => {
                    report.push("place-memory", id, format!("{name} is in {:?}, {b} in {:?}", access.mem, buf.mem));
                }
                (Some(_), _) => {}
            },
        }
    }
    for field in [Field::A, Field::B, Field::D, Field::Prm(0), Field::Prm(1), Field::Prm(2)] {
        let (place, name) = place_of(p, field);
        if let Some(b) = place
            && !all.iter().any(|a| a.field == field && a.mem != Mem::Lut)
        {
            report.push("place-unused", id, format!("{name} is {b}"));
        }
    }
    if p.dram.is_some() && !all.iter().any(|a| a.field == Field::Dram) {
        report.push("place-unused", id, "dram");
    }
}

/// Order of a tile in the program: groups, then tiles; never 0.
fn key(group: GroupId, tile: u32) -> u64 {
    (u64::from(group.0) << 32 | u64::from(tile)) + 1
}

/// For each byte the latest tile that wrote it and that read it; 0: none.
#[derive(Debug)]
struct Bytes {
    written: Vec<u64>,
    read: Vec<u64>,
}

/// What is known of the memories while walking the stream.
struct Walk<'a> {
    s: &'a Stream,
    /// Contents of buffers between their first and last use.
    bufs: Vec<Option<Bytes>>,
    last_use: Vec<Option<InstrId>>,
    /// Bytes of groups' outputs that were stored.
    stored: Vec<Option<Vec<bool>>>,
}

impl<'a> Walk<'a> {
    fn new(s: &'a Stream) -> Self {
        let mut last_use = vec![None; s.bufs.len()];
        for (id, op) in s.ops.iter() {
            let p = &op.places;
            for b in [p.a, p.b, p.d, p.prm[0], p.prm[1], p.prm[2]].into_iter().flatten() {
                if let Some(last) = last_use.get_mut(b.index()) {
                    *last = Some(id);
                }
            }
        }
        Walk {
            s,
            bufs: s.bufs.values().map(|_| None).collect(),
            last_use,
            stored: s.fused.tensors.values().map(|_| None).collect(),
        }
    }

    fn step(&mut self, id: InstrId, op: &StreamOp, all: &[Access], report: &mut Report) {
        // Sources first: an instruction reads before it writes.
        for writes in [false, true] {
            for access in all {
                if (writes && access.kind.writes()) || (!writes && access.kind.reads()) {
                    match access.field {
                        Field::Dram => self.dram(id, op, access, writes, report),
                        Field::Lut => {}
                        field => {
                            if let Some(b) = place_of(&op.places, field).0 {
                                self.local(id, op, b, access, writes, report);
                            }
                        }
                    }
                }
            }
        }
        let p = &op.places;
        for b in [p.a, p.b, p.d, p.prm[0], p.prm[1], p.prm[2]].into_iter().flatten() {
            if self.last_use.get(b.index()) == Some(&Some(id)) {
                self.bufs[b.index()] = None;
            }
        }
    }

    fn local(&mut self, id: InstrId, op: &StreamOp, b: BufId, access: &Access, writes: bool, report: &mut Report) {
        let Some(buf) = self.s.bufs.get(b) else { return };
        let size = buf.bytes;
        let bytes = self.bufs[b.index()].get_or_insert_with(|| Bytes { written: vec![0; size], read: vec![0; size] });
        let now = key(op.group, op.tile);
        for &(start, len) in &access.pieces {
            let Some(range) = inside(start, len, size) else {
                let detail =
                    format!("{:?} touches {start}..{} of {b}, which has {size} bytes", access.field, start + len);
                report.push("buffer-bounds", id, detail);
                return;
            };
            let late = |k: &u64| *k > now;
            if writes {
                if bytes.written[range.clone()].iter().chain(&bytes.read[range.clone()]).any(late) {
                    report.push("dependence-order", id, format!("overwrites {b} after a later tile used it"));
                    return;
                }
                bytes.written[range].fill(now);
            } else {
                if let Some(i) = bytes.written[range.clone()].iter().position(|k| *k == 0) {
                    report.push("use-before-def", id, format!("reads byte {} of {b}", range.start + i));
                    return;
                }
                if bytes.written[range.clone()].iter().any(late) {
                    report.push("dependence-order", id, format!("reads {b} after a later tile wrote it"));
                    return;
                }
                bytes.read[range].iter_mut().for_each(|k| *k = now.max(*k));
            }
        }
    }

    fn dram(&mut self, id: InstrId, op: &StreamOp, access: &Access, writes: bool, report: &mut Report) {
        let (size, place) = match op.places.dram {
            Some(DramPlace::Tensor(t)) => match self.s.fused.tensors.get(t) {
                Some(tensor) => (tensor.bytes(), t),
                None => return,
            },
            Some(DramPlace::Params(p)) => {
                let size = self.s.params.get(p).map_or(0, |r| r.len() * 16);
                if writes {
                    report.push("store-target", id, format!("stores into {p}"));
                }
                for &(start, len) in &access.pieces {
                    if inside(start, len, size).is_none() {
                        report.push("tensor-bounds", id, format!("{start}..{} of {p}, {size} bytes", start + len));
                    }
                }
                return;
            }
            None => return,
        };
        let made = matches!(self.s.fused.tensors[place].def, TensorDef::Group(_));
        if writes && self.s.fused.tensors[place].def != TensorDef::Group(op.group) {
            report.push("store-target", id, format!("{} stores into {place}", op.group));
            return;
        }
        for &(start, len) in &access.pieces {
            let Some(range) = inside(start, len, size) else {
                report.push("tensor-bounds", id, format!("{start}..{} of {place}, {size} bytes", start + len));
                return;
            };
            if !made {
                continue;
            }
            let stored = self.stored[place.index()].get_or_insert_with(|| vec![false; size]);
            if writes && stored[range.clone()].contains(&true) {
                report.push("stored-twice", id, format!("bytes {range:?} of {place}"));
                return;
            }
            if writes {
                stored[range].fill(true);
            } else if stored[range.clone()].contains(&false) {
                report.push("use-before-def", id, format!("reads bytes {range:?} of {place}"));
                return;
            }
        }
    }

    fn finish(&self, report: &mut Report) {
        for (id, t) in self.s.fused.tensors.iter() {
            if !matches!(t.def, TensorDef::Group(_)) || t.bytes() == 0 {
                continue;
            }
            let missing = match &self.stored[TensorId::index(id)] {
                None => Some(0),
                Some(bytes) => bytes.iter().position(|b| !b),
            };
            if let Some(byte) = missing {
                report.push("output-incomplete", id, format!("byte {byte} is never stored"));
            }
        }
    }
}

/// The range, if it lies in `0..size`.
pub(crate) fn inside(start: i64, len: i64, size: usize) -> Option<std::ops::Range<usize>> {
    let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
    let end = start.checked_add(len)?;
    (end <= size).then_some(start..end)
}
