//! Symbolic checker of A, in the manner of regalloc2's: which (buffer, byte, version) every byte of memory holds.
//!
//! It walks the placed instructions in stream order. For each operand it lists the bytes that the *stream* instruction
//! means (byte of a virtual buffer or tensor, and the instruction that wrote it last) beside the bytes that the *placed*
//! instruction touches (absolute addresses), and requires that the latter hold the former. It never looks at the
//! allocator's addresses for buffers, so it finds wrong bases, overlapping lifetimes, stale and clobbered data alike.
//!
//! *Proves*: each instruction reads what the stream meant (`reads-other-contents`), from memory that it may read
//! (`reads-read-only-address`); both instructions have operands of the same shape (`operand-shape`); every stream operation
//! has exactly one placed instruction, in order (`op-order`); outputs hold their final contents at the end
//! (`output-contents`).
//!
//! *Assumes*: instructions take effect one after another; `isa::verify` proves that the tokens allow no other result.
//! Contents of R0 and R2 are what [`crate::verify_placed`] checked.
//!
//! *Cannot see*: what is computed.

use crate::accesses::{Access, Field, accesses};
use crate::fused::{TensorDef, TensorId};
use crate::placed::{DramAddr, Placed, PlacedOp};
use crate::report::Report;
use crate::stream::{DramPlace, InstrId, StreamOp};
use crate::tile::BufId;
use crate::verify_stream::place_of;
use isa::{Instr, Mem, Op, Region};
use kit::Violation;
use kit::id::Id;

/// What one byte of memory holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Content {
    thing: Thing,
    byte: u32,
    /// One more than the stream instruction that wrote it.
    version: u32,
}

/// A virtual array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Thing {
    Nothing,
    Buf(BufId),
    Tensor(TensorId),
}

const NOTHING: Content = Content { thing: Thing::Nothing, byte: 0, version: 0 };

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.thing {
            Thing::Nothing => f.write_str("nothing"),
            Thing::Buf(b) => write!(f, "byte {} of {b} written by i{}", self.byte, self.version.wrapping_sub(1)),
            Thing::Tensor(t) => write!(f, "byte {} of {t} written by i{}", self.byte, self.version.wrapping_sub(1)),
        }
    }
}

/// All broken rules, at most 100; each names the placed instruction as `@pc` and the stream instruction.
pub fn check_contents(a: &Placed) -> Vec<Violation> {
    let mut c = Checker::new(a);
    let mut next = 0usize;
    for (pc, op) in a.ops.iter().enumerate() {
        match op.op {
            None => c.control(op),
            Some(id) => {
                if id.index() != next {
                    c.report.push("op-order", format!("@{pc}"), format!("implements {id}, expected i{next}"));
                }
                next = id.index() + 1;
                match a.stream.ops.get(id) {
                    Some(meant) => c.step(pc, id, meant, &op.instr),
                    None => c.report.push("op-order", format!("@{pc}"), format!("there is no {id}")),
                }
            }
        }
        if c.report.full() {
            return c.report.finish();
        }
    }
    if next != a.stream.ops.len() {
        c.report.push("op-order", "end", format!("i{next} and later are not implemented"));
    }
    c.outputs();
    c.report.finish()
}

/// The walk's state.
struct Checker<'a> {
    a: &'a Placed,
    report: Report,
    /// SPM, PRM, ACC, R1, R3, grown as they are written.
    memory: [Vec<Content>; 5],
    /// Version of each byte of each buffer; empty: never written.
    bufs: Vec<Vec<u32>>,
    tensors: Vec<Vec<u32>>,
    last_use: Vec<usize>,
}

impl<'a> Checker<'a> {
    fn new(a: &'a Placed) -> Self {
        let mut last_use = vec![0; a.stream.bufs.len()];
        for (i, op) in a.stream.ops.iter() {
            for b in buffers(op) {
                if let Some(last) = last_use.get_mut(b.index()) {
                    *last = i.index();
                }
            }
        }
        Checker {
            a,
            report: Report::default(),
            memory: std::array::from_fn(|_| Vec::new()),
            bufs: vec![Vec::new(); a.stream.bufs.len()],
            tensors: vec![Vec::new(); a.stream.fused.tensors.len()],
            last_use,
        }
    }

    /// POISON makes bytes undefined; FENCE, HALT and NOP change nothing.
    fn control(&mut self, op: &PlacedOp) {
        if let Op::Poison(p) = op.instr.op
            && let Some(m) = slot(p.mem, p.region)
        {
            let memory = &mut self.memory[m];
            let start = (p.off as usize).min(memory.len());
            let end = (p.off as usize).saturating_add(p.len as usize).min(memory.len());
            memory[start..end].fill(NOTHING);
        }
    }

    fn step(&mut self, pc: usize, id: InstrId, meant: &StreamOp, instr: &Instr) {
        let (want, have) = (accesses(&meant.instr.op), accesses(&instr.op));
        if !same_shape(&want, &have) {
            self.report.push("operand-shape", format!("@{pc}"), format!("touches other bytes than {id} means"));
            return;
        }
        let region = region_of(&instr.op);
        let pairs = || want.iter().zip(&have).filter(|(w, _)| w.field != Field::Lut && w.mem != Mem::Lut);
        for (w, h) in pairs().filter(|(w, _)| w.kind.reads()) {
            self.read(pc, id, meant, region, w, h);
        }
        for (w, h) in pairs().filter(|(w, _)| w.kind.writes()) {
            self.write(id, meant, region, w, h);
        }
        for b in buffers(meant) {
            if self.last_use.get(b.index()) == Some(&id.index()) {
                self.bufs[b.index()] = Vec::new();
            }
        }
    }

    /// The array that an operand means.
    fn thing(&self, meant: &StreamOp, field: Field) -> Thing {
        match (field, meant.places.dram) {
            (Field::Dram, Some(DramPlace::Tensor(t))) => Thing::Tensor(t),
            (Field::Dram, _) => Thing::Nothing,
            (field, _) => place_of(&meant.places, field).0.map_or(Thing::Nothing, Thing::Buf),
        }
    }

    fn version(&self, thing: Thing, byte: i64) -> u32 {
        let versions = match thing {
            Thing::Nothing => return 0,
            Thing::Buf(b) => &self.bufs[b.index()],
            Thing::Tensor(t) => &self.tensors[t.index()],
        };
        usize::try_from(byte).ok().and_then(|i| versions.get(i)).copied().unwrap_or(0)
    }

    fn read(&mut self, pc: usize, id: InstrId, meant: &StreamOp, region: Region, w: &Access, h: &Access) {
        if w.field == Field::Dram && !matches!(region, Region::R1 | Region::R3) {
            self.read_only(pc, id, meant, region, w, h);
            return;
        }
        let thing = self.thing(meant, w.field);
        let Some(m) = slot(h.mem, region) else { return };
        for (&(byte, len), &(address, _)) in w.pieces.iter().zip(&h.pieces) {
            for i in 0..len {
                let want = Content { thing, byte: (byte + i) as u32, version: self.version(thing, byte + i) };
                let at = usize::try_from(address + i).unwrap_or(usize::MAX);
                let have = self.memory[m].get(at).copied().unwrap_or(NOTHING);
                if have != want || have.version == 0 {
                    let place = if w.field == Field::Dram { region.to_string() } else { format!("{:?}", h.mem) };
                    let detail = format!("{id} reads {place}+{at:#x}: means {want}, finds {have}");
                    self.report.push("reads-other-contents", format!("@{pc}"), detail);
                    return;
                }
            }
        }
    }

    /// R0 and R2 never change: only the address must be the place's.
    fn read_only(&mut self, pc: usize, id: InstrId, meant: &StreamOp, region: Region, w: &Access, h: &Access) {
        let Some(place) = meant.places.dram else { return };
        let base = self.a.dram.iter().find(|(p, _)| *p == place).map(|(_, a)| *a);
        let first = w.pieces.first().zip(h.pieces.first()).map(|(w, h)| h.0 - w.0);
        let expected = base.filter(|b| b.region == region.code()).map(|b: DramAddr| b.offset as i64);
        if expected.is_none() || first != expected {
            let detail = format!("{id} reads {region} at {first:?} for {place:?}, which lies at {base:?}");
            self.report.push("reads-read-only-address", format!("@{pc}"), detail);
        }
    }

    fn write(&mut self, id: InstrId, meant: &StreamOp, region: Region, w: &Access, h: &Access) {
        let thing = self.thing(meant, w.field);
        let version = id.0 + 1;
        let Some(m) = slot(h.mem, region) else { return };
        for (&(byte, len), &(address, _)) in w.pieces.iter().zip(&h.pieces) {
            let (Ok(byte), Ok(address)) = (usize::try_from(byte), usize::try_from(address)) else { continue };
            let len = len as usize;
            let versions = match thing {
                Thing::Nothing => continue,
                Thing::Buf(b) => &mut self.bufs[b.index()],
                Thing::Tensor(t) => &mut self.tensors[t.index()],
            };
            if versions.len() < byte + len {
                versions.resize(byte + len, 0);
            }
            versions[byte..byte + len].fill(version);
            let memory = &mut self.memory[m];
            if memory.len() < address + len {
                memory.resize(address + len, NOTHING);
            }
            for (i, slot) in memory[address..address + len].iter_mut().enumerate() {
                *slot = Content { thing, byte: (byte + i) as u32, version };
            }
        }
    }

    /// Every byte of an output tensor must lie, in its last version, where the I/O table says.
    fn outputs(&mut self) {
        for (name, t) in &self.a.stream.fused.outputs {
            let tensor = &self.a.stream.fused.tensors[*t];
            if !matches!(tensor.def, TensorDef::Group(_)) {
                continue;
            }
            let Some(io) = self.a.program.iotab.iter().find(|e| e.name == *name && e.direction == isa::Direction::Out)
            else {
                self.report.push("output-contents", t, format!("output `{name}` is not in the I/O table"));
                continue;
            };
            let Some(m) = slot(Mem::Dram, io.region) else {
                self.report.push("output-contents", t, format!("output `{name}` lies in {}", io.region));
                continue;
            };
            for byte in 0..tensor.bytes() {
                let version = self.version(Thing::Tensor(*t), byte as i64);
                let want = Content { thing: Thing::Tensor(*t), byte: byte as u32, version };
                let have = self.memory[m].get(io.offset as usize + byte).copied().unwrap_or(NOTHING);
                if have != want || version == 0 {
                    self.report.push("output-contents", t, format!("{}+{byte}: finds {have}", io.region));
                    break;
                }
            }
        }
    }
}

fn buffers(op: &StreamOp) -> impl Iterator<Item = BufId> + use<> {
    let p = op.places;
    [p.a, p.b, p.d, p.prm[0], p.prm[1], p.prm[2]].into_iter().flatten()
}

/// Same fields, memories, directions and piece lengths.
fn same_shape(want: &[Access], have: &[Access]) -> bool {
    let lengths = |a: &Access| a.pieces.iter().map(|p| p.1).collect::<Vec<_>>();
    want.len() == have.len()
        && want
            .iter()
            .zip(have)
            .all(|(w, h)| (w.field, w.mem, w.kind) == (h.field, h.mem, h.kind) && lengths(w) == lengths(h))
}

fn region_of(op: &Op) -> Region {
    match op {
        Op::Ld(d) | Op::St(d) => d.region,
        Op::Ldx(d) | Op::Stx(d) => d.region,
        _ => Region::R0,
    }
}

/// Index of a memory that changes.
fn slot(mem: Mem, region: Region) -> Option<usize> {
    match (mem, region) {
        (Mem::Spm, _) => Some(0),
        (Mem::Prm, _) => Some(1),
        (Mem::Acc, _) => Some(2),
        (Mem::Dram, Region::R1) => Some(3),
        (Mem::Dram, Region::R3) => Some(4),
        (Mem::Dram, Region::R0 | Region::R2) | (Mem::Lut | Mem::Imm, _) => None,
    }
}
