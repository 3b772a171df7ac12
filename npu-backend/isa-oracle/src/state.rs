//! Memories with init bits, accumulator tags and exact sums; every access of an instruction goes through here.

use std::collections::BTreeMap;

use isa::{AccTag, DType, Mem, NpuConfig, Operand, Region, Space, Trap, TrapCode};

use crate::float::Format;

/// Bytes, and for each whether it was written since program start or POISON.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Contents.
    pub bytes: Vec<u8>,
    /// Init bits; all set in R0 and R2.
    pub init: Vec<bool>,
}

/// Everything an instruction can see or change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// By [`Space::index`]: SPM, PRM, LUT, ACC, R0, R1, R2, R3.
    pub mem: [Memory; Space::COUNT],
    /// Type tag of each ACC row.
    pub tags: Vec<AccTag>,
    /// Exact sum of each ACC lane; meaningful in i32 rows.
    pub shadow: Vec<i64>,
    /// NaNs that became an integer 0.
    pub nan_cvt: u64,
    /// CVT results from floats that saturated.
    pub sat_cvt: u64,
    /// Traps of the current instruction, each with its first detail.
    traps: BTreeMap<TrapCode, String>,
    /// How to take back the writes of the current instruction.
    undo: Vec<Undo>,
    /// Tags that the current instruction sets when it completes.
    new_tags: Vec<(usize, AccTag)>,
    counters_before: (u64, u64),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Undo {
    Byte { space: usize, at: usize, byte: u8, init: bool },
    Shadow { lane: usize, exact: i64 },
}

/// A value read from memory: a mathematical integer (also bool) or a binary32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Num {
    Int(i128),
    Float(f32),
}

impl Num {
    pub(crate) fn int(self) -> i128 {
        match self {
            Num::Int(x) => x,
            Num::Float(_) => unreachable!("isa::check keeps the classes apart"),
        }
    }
    pub(crate) fn float(self) -> f32 {
        match self {
            Num::Float(x) => x,
            Num::Int(_) => unreachable!("isa::check keeps the classes apart"),
        }
    }
}

impl State {
    /// Empty memories of a machine; `regions` are the sizes of R0..R3 in bytes. R0 and R2 count as written.
    pub fn new(config: &NpuConfig, regions: &[u64; 4]) -> Self {
        let local = [config.spm_bytes, config.prm_bytes(), isa::config::LUT_BYTES, config.acc_bytes()].map(u64::from);
        let mut mem: [Memory; Space::COUNT] = Default::default();
        for (space, &size) in local.iter().chain(regions).enumerate() {
            let read_only = space == 4 || space == 6;
            mem[space] = Memory { bytes: vec![0; size as usize], init: vec![read_only; size as usize] };
        }
        let rows = config.acc_rows as usize;
        State {
            mem,
            tags: vec![AccTag::I32; rows],
            shadow: vec![0; 16 * rows],
            nan_cvt: 0,
            sat_cvt: 0,
            traps: BTreeMap::new(),
            undo: Vec::new(),
            new_tags: Vec::new(),
            counters_before: (0, 0),
        }
    }

    pub(crate) fn begin(&mut self) {
        self.traps.clear();
        self.undo.clear();
        self.new_tags.clear();
        self.counters_before = (self.nan_cvt, self.sat_cvt);
    }

    /// Completes the instruction, or takes everything back and reports the first trap of the catalogue.
    pub(crate) fn end(&mut self, pc: u32) -> Result<(), Trap> {
        let Some((&code, detail)) = self.traps.first_key_value() else {
            for (row, tag) in self.new_tags.drain(..) {
                self.tags[row] = tag;
            }
            return Ok(());
        };
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Byte { space, at, byte, init } => {
                    self.mem[space].bytes[at] = byte;
                    self.mem[space].init[at] = init;
                }
                Undo::Shadow { lane, exact } => self.shadow[lane] = exact,
            }
        }
        (self.nan_cvt, self.sat_cvt) = self.counters_before;
        Err(Trap::at(code, pc, detail.clone()))
    }

    /// Notes a trap; execution goes on, because another may come first in the catalogue.
    pub(crate) fn trap(&mut self, code: TrapCode, detail: String) {
        self.traps.entry(code).or_insert(detail);
    }

    /// Whether a byte exists; notes `E_BOUNDS` if not.
    fn inside(&mut self, space: Space, at: i64) -> Option<usize> {
        let index = usize::try_from(at).ok().filter(|&i| i < self.mem[space.index()].bytes.len());
        if index.is_none() {
            self.trap(TrapCode::Bounds, format!("{space} byte {at:#x}"));
        }
        index
    }

    /// Reads up to 8 bytes, little endian.
    pub(crate) fn load(&mut self, space: Space, at: i64, len: u32) -> u64 {
        if matches!(space, Space::Dram(r) if !r.readable()) {
            self.trap(TrapCode::RegionPerm, format!("read of {space}"));
        }
        let mut value = 0;
        for k in 0..i64::from(len) {
            let Some(i) = self.inside(space, at + k) else { continue };
            if !self.mem[space.index()].init[i] {
                self.trap(TrapCode::Uninit, format!("{space} byte {i:#x}"));
            }
            value |= u64::from(self.mem[space.index()].bytes[i]) << (8 * k);
        }
        value
    }

    /// Writes the low bytes of a value, little endian.
    pub(crate) fn store(&mut self, space: Space, at: i64, len: u32, value: u64) {
        if matches!(space, Space::Dram(r) if !r.writable()) {
            self.trap(TrapCode::RegionPerm, format!("write of {space}"));
        }
        for k in 0..i64::from(len) {
            let byte = (value >> (8 * k)) as u8;
            self.set_byte(space, at + k, Some(byte));
        }
    }

    /// Writes a byte, or marks it uninitialised.
    pub(crate) fn set_byte(&mut self, space: Space, at: i64, byte: Option<u8>) {
        let Some(i) = self.inside(space, at) else { return };
        let memory = &mut self.mem[space.index()];
        self.undo.push(Undo::Byte { space: space.index(), at: i, byte: memory.bytes[i], init: memory.init[i] });
        memory.init[i] = byte.is_some();
        if let Some(byte) = byte {
            memory.bytes[i] = byte;
        }
    }

    /// Requires the tag of the row that holds a byte of ACC.
    pub(crate) fn require_tag(&mut self, at: i64, tag: AccTag) {
        let row = at.div_euclid(64) as usize;
        if self.tags.get(row).is_some_and(|&t| t != tag) {
            self.trap(TrapCode::AccType, format!("row {row} is {}, read as {tag}", self.tags[row]));
        }
    }

    /// Requires that the lane at a byte of ACC, if its row is i32, holds its exact sum.
    pub(crate) fn require_exact(&mut self, at: i64) {
        let (lane, row) = (at.div_euclid(4) as usize, at.div_euclid(64) as usize);
        if self.tags.get(row) != Some(&AccTag::I32) {
            return;
        }
        let bytes = &self.mem[Space::Acc.index()].bytes[4 * lane..4 * lane + 4];
        let value = i32::from_le_bytes(bytes.try_into().expect("a lane has 4 bytes"));
        if self.shadow[lane] != i64::from(value) {
            let detail = format!("row {row} lane {}: {value}, exactly {}", lane % 16, self.shadow[lane]);
            self.trap(TrapCode::AccOverflow, detail);
        }
    }

    /// Writes an ACC lane with its exact sum; the row's tag is set when the instruction completes.
    pub(crate) fn store_lane(&mut self, at: i64, bits: u32, exact: i64, tag: AccTag) {
        self.store(Space::Acc, at, 4, u64::from(bits));
        let (lane, row) = (at.div_euclid(4) as usize, at.div_euclid(64) as usize);
        if row < self.tags.len() {
            self.undo.push(Undo::Shadow { lane, exact: self.shadow[lane] });
            self.shadow[lane] = exact;
            self.new_tags.push((row, tag));
        }
    }

    /// The exact sum of the lane at a byte of ACC.
    pub(crate) fn exact(&self, at: i64) -> i64 {
        self.shadow.get(at.div_euclid(4) as usize).copied().unwrap_or(0)
    }

    /// Bits of a VX operand's element at a byte address.
    pub(crate) fn load_elem(&mut self, o: &Operand, at: i64) -> u64 {
        let bits = self.load(space_of(o.mem), at, o.dt.size());
        if o.mem == Mem::Acc {
            self.require_tag(at, tag_of(o.dt));
            self.require_exact(at);
        }
        bits
    }

    /// Writes a VX element; in ACC the exact sum is the value itself.
    pub(crate) fn store_elem(&mut self, o: &Operand, at: i64, bits: u64) {
        if o.mem == Mem::Acc {
            let exact = i64::from((bits as u32).cast_signed());
            self.store_lane(at, bits as u32, exact, tag_of(o.dt));
        } else {
            self.store(space_of(o.mem), at, o.dt.size(), bits);
        }
    }

    /// The value of an element; `E_BOOL` for a bool other than 0 and 1.
    pub(crate) fn load_num(&mut self, o: &Operand, at: i64) -> Num {
        let bits = self.load_elem(o, at);
        self.number(o.dt, bits)
    }

    /// The value of bits of a type.
    pub(crate) fn number(&mut self, dt: DType, bits: u64) -> Num {
        if dt.is_bool() && bits > 1 {
            self.trap(TrapCode::Bool, format!("byte {bits:#x} read as bool"));
        }
        match Format::of(dt) {
            Some(format) => Num::Float(format.widen(bits as u32)),
            None if dt.is_signed_int() => {
                let unused = 64 - dt.bits();
                Num::Int(i128::from((bits << unused).cast_signed() >> unused))
            }
            None => Num::Int(i128::from(bits)),
        }
    }
}

/// The address space of a local memory.
pub(crate) fn space_of(mem: Mem) -> Space {
    Space::local(mem).unwrap_or(Space::Dram(Region::R0))
}

fn tag_of(dt: DType) -> AccTag {
    if dt == DType::F32 { AccTag::F32 } else { AccTag::I32 }
}

/// Byte address of an element of a VX operand (4.4).
pub(crate) fn address(o: &Operand, i: [u32; 4]) -> i64 {
    let elements: i64 = (0..4).map(|k| i64::from(i[k]) * i64::from(o.s[k])).sum();
    i64::from(o.addr) + i64::from(o.dt.size()) * elements
}

/// All index vectors, i3 outermost, i0 innermost.
pub(crate) fn indices(n: [u16; 4]) -> impl Iterator<Item = [u32; 4]> {
    let [n0, n1, n2, n3] = n.map(u32::from);
    (0..n3).flat_map(move |i3| {
        (0..n2).flat_map(move |i2| (0..n1).flat_map(move |i1| (0..n0).map(move |i0| [i0, i1, i2, i3])))
    })
}
