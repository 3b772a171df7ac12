//! The container `.anpu` (4.6). Reading is safe for hostile bytes: offsets are checked, allocation is bounded by the
//! input, and anything but the canonical encoding is rejected, so bytes and programs correspond one to one.
//!
//! ```text
//! "ANPU" | ver u16 = 2 | nsec u16 = 7 | config hash u64 | 7 x {id u32, 0 u32, off u64, len u64} | sections
//! ```
//! Sections 1..7 in order, each at the next multiple of 64, zeros between: CODE, CONST, REGIONS (R1, R2, R3 as u64),
//! IOTAB, DEBUG, HOSTSEG (records as written below), SHA-256 of all bytes before it.

use sha2::{Digest, Sha256};

use crate::codes::{DType, Region};
use crate::encode::{CodeError, INSTR_BYTES, decode, encode};
use crate::program::{
    AttrValue, DebugEntry, Direction, HostKernel, HostSeg, HostTensor, IoEntry, Layout, Program, QuantParams,
};
use crate::traps::{Trap, TrapCode};

const MAGIC: &[u8; 4] = b"ANPU";
const VERSION: u16 = 2;
const SECTIONS: usize = 7;
const HEADER: usize = 16 + 24 * SECTIONS;
/// Bytes of the shortest IOTAB entry: a name without letters, four codes, an offset, no extents, two absent options.
const MIN_IO: usize = 4 + 4 + 8 + 4 + 2;
const NAMES: [&str; SECTIONS] = ["CODE", "CONST", "REGIONS", "IOTAB", "DEBUG", "HOSTSEG", "SHA-256"];

/// Why bytes are not a container, or a program has none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContainerError {
    /// Not the magic, version or section table of this format.
    #[error("header: {0}")]
    Header(String),
    /// A section at the wrong place, cut short or too long.
    #[error("section {name}: {reason}")]
    Section {
        /// Name of the section.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An instruction that does not decode or encode.
    #[error("instruction {pc}: {error}")]
    Code {
        /// The instruction.
        pc: u32,
        /// Why.
        error: CodeError,
    },
    /// The digest does not agree with the bytes.
    #[error("the SHA-256 of the file does not agree")]
    Digest,
}

impl From<ContainerError> for Trap {
    fn from(error: ContainerError) -> Trap {
        match error {
            ContainerError::Code { pc, error } => Trap::at(TrapCode::Decode, pc, error.to_string()),
            other => Trap::whole(TrapCode::Decode, other.to_string()),
        }
    }
}

/// The bytes of a program.
///
/// # Errors
/// An instruction without encoding; region sizes or debug entries that the format cannot hold.
pub fn write_program(program: &Program) -> Result<Vec<u8>, ContainerError> {
    if program.region_sizes[0] != program.consts.len() as u64 {
        return Err(section(2, "the size of R0 is not the length of CONST"));
    }
    if !program.debug.windows(2).all(|w| w[0].pc < w[1].pc) {
        return Err(section(5, "entries are not in ascending order of pc"));
    }
    let mut code = Vec::with_capacity(program.code.len() * INSTR_BYTES);
    for (pc, instr) in program.code.iter().enumerate() {
        let pc = u32::try_from(pc).map_err(|_| section(1, "too many instructions"))?;
        code.extend(encode(instr).map_err(|error| ContainerError::Code { pc, error })?);
    }
    let mut regions = Writer::default();
    program.region_sizes[1..].iter().for_each(|&size| regions.u64(size));
    let bodies =
        [code, program.consts.clone(), regions.0, io_bytes(program), debug_bytes(program), host_bytes(program)];

    let mut out = Writer::default();
    out.0.extend(MAGIC);
    out.0.extend(VERSION.to_le_bytes());
    out.0.extend((SECTIONS as u16).to_le_bytes());
    out.u64(program.config_hash);
    let mut at = (HEADER as u64).next_multiple_of(64);
    for (index, len) in bodies.iter().map(Vec::len).chain([32]).enumerate() {
        out.u32(index as u32 + 1);
        out.u32(0);
        out.u64(at);
        out.u64(len as u64);
        at = (at + len as u64).next_multiple_of(64);
    }
    for body in bodies {
        out.align();
        out.0.extend(body);
    }
    out.align();
    let digest = Sha256::digest(&out.0);
    out.0.extend(digest);
    Ok(out.0)
}

fn section(id: usize, reason: impl Into<String>) -> ContainerError {
    ContainerError::Section { name: NAMES[id - 1], reason: reason.into() }
}

/// The program of a container.
///
/// # Errors
/// Anything that [`write_program`] would not have written.
pub fn read_program(bytes: &[u8]) -> Result<Program, ContainerError> {
    let header = |reason: &str| ContainerError::Header(reason.to_owned());
    let mut r = Reader { bytes, at: 0 };
    if r.take(4).ok_or_else(|| header("shorter than 16 bytes"))? != MAGIC {
        return Err(header("no ANPU magic"));
    }
    let (version, count) = (r.u16(), r.u16());
    let config_hash = r.u64().ok_or_else(|| header("shorter than 16 bytes"))?;
    if version != Some(VERSION) {
        return Err(header("another version than 2"));
    }
    if count != Some(SECTIONS as u16) {
        return Err(header("another number of sections than 7"));
    }
    let mut bodies = [&bytes[..0]; SECTIONS];
    let mut end = HEADER as u64;
    for (index, body) in bodies.iter_mut().enumerate() {
        let id = index + 1;
        let entry = [r.u32().map(u64::from), r.u32().map(u64::from), r.u64(), r.u64()];
        let [Some(found), Some(zero), Some(off), Some(len)] = entry else { return Err(header("cut short")) };
        if found != id as u64 || zero != 0 {
            return Err(header("sections are not 1..7 in order"));
        }
        let at = end.checked_next_multiple_of(64).filter(|&at| at == off).ok_or_else(|| section(id, "bad offset"))?;
        let stop = at.checked_add(len).filter(|&stop| stop <= bytes.len() as u64);
        let stop = stop.ok_or_else(|| section(id, "reaches beyond the file"))?;
        // both are at most the length of a slice
        let (from, to) = (at as usize, stop as usize);
        if bytes[end as usize..from].iter().any(|&b| b != 0) {
            return Err(section(id, "bytes before it are not 0"));
        }
        *body = &bytes[from..to];
        end = stop;
    }
    if end != bytes.len() as u64 || bodies[6].len() != 32 {
        return Err(section(7, "not 32 bytes at the end of the file"));
    }
    if Sha256::digest(&bytes[..bytes.len() - 32])[..] != *bodies[6] {
        return Err(ContainerError::Digest);
    }
    let mut program = Program { config_hash, consts: bodies[1].to_vec(), ..Program::default() };
    program.code = read_code(bodies[0])?;
    program.region_sizes[0] = bodies[1].len() as u64;
    let mut r = Reader { bytes: bodies[2], at: 0 };
    for size in &mut program.region_sizes[1..] {
        *size = r.u64().ok_or_else(|| section(3, "cut short"))?;
    }
    r.end().ok_or_else(|| section(3, "trailing bytes"))?;
    let whole = |id: usize| section(id, "cut short, trailing bytes, or a value that is not canonical");
    program.iotab = read_whole(bodies[3], |r| r.list(MIN_IO, io_entry)).ok_or_else(|| whole(4))?;
    program.debug = read_whole(bodies[4], |r| r.list(20, debug_entry)).ok_or_else(|| whole(5))?;
    if !program.debug.windows(2).all(|w| w[0].pc < w[1].pc) {
        return Err(section(5, "entries are not in ascending order of pc"));
    }
    program.host_segs = read_whole(bodies[5], |r| r.list(4, host_seg)).ok_or_else(|| whole(6))?;
    Ok(program)
}

fn read_code(bytes: &[u8]) -> Result<Vec<crate::instr::Instr>, ContainerError> {
    let (words, rest) = bytes.as_chunks::<INSTR_BYTES>();
    if !rest.is_empty() || u32::try_from(words.len()).is_err() {
        return Err(section(1, "not a whole number of instructions, or too many"));
    }
    let decoded = words.iter().zip(0u32..).map(|(b, pc)| decode(b).map_err(|error| ContainerError::Code { pc, error }));
    decoded.collect()
}

fn read_whole<T>(bytes: &[u8], parse: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<T> {
    let mut r = Reader { bytes, at: 0 };
    let value = parse(&mut r)?;
    r.end()?;
    Some(value)
}

/// Little-endian output.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }
    /// A count. Vectors in memory have fewer than 2^32 entries here: names, dims and kernels of one program.
    fn count(&mut self, len: usize) {
        self.u32(u32::try_from(len).unwrap_or(u32::MAX));
    }
    fn str(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }
    fn list<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            one(self, item);
        }
    }
    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(64), 0);
    }
}

/// Little-endian input; `None` where the bytes end or a value is not canonical.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let piece = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(piece)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|b| b[0])
    }
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
    fn str(&mut self) -> Option<String> {
        let len = self.u32()? as usize;
        std::str::from_utf8(self.take(len)?).ok().map(str::to_owned)
    }
    /// A list whose entries take at least `min` bytes: the capacity is bounded by what is left.
    fn list<T>(&mut self, min: usize, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        if count > (self.bytes.len() - self.at) / min {
            return None;
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(one(self)?);
        }
        Some(items)
    }
    fn option<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            1 => Some(Some(one(self)?)),
            _ => None,
        }
    }
    fn end(&self) -> Option<()> {
        (self.at == self.bytes.len()).then_some(())
    }
}

fn io_bytes(program: &Program) -> Vec<u8> {
    let mut w = Writer::default();
    w.list(&program.iotab, |w, e| {
        w.str(&e.name);
        w.u8(u8::from(e.direction == Direction::Out));
        w.u8(e.dtype.code());
        w.u8(layout_code(e.layout));
        w.u8(e.region.code());
        w.u64(e.offset);
        w.list(&e.dims, |w, &d| w.u64(d));
        w.u8(u8::from(e.quant.is_some()));
        if let Some(q) = &e.quant {
            w.list(&q.scales, |w, &s| w.u32(s));
            w.list(&q.zero_points, |w, &z| w.u64(z.cast_unsigned()));
            w.u8(u8::from(q.axis.is_some()));
            if let Some(axis) = q.axis {
                w.u32(axis);
            }
        }
        w.u8(u8::from(e.bound.is_some()));
        if let Some(digest) = e.bound {
            w.0.extend(digest);
        }
    });
    w.0
}

fn layout_code(layout: Layout) -> u8 {
    match layout {
        Layout::RowMajor => 0,
        Layout::Nhwc => 1,
        Layout::C16 => 2,
    }
}

fn io_entry(r: &mut Reader<'_>) -> Option<IoEntry> {
    let name = r.str()?;
    let direction = [Direction::In, Direction::Out].get(usize::from(r.u8()?)).copied()?;
    let dtype = DType::from_code(r.u8()?)?;
    let layout = [Layout::RowMajor, Layout::Nhwc, Layout::C16].get(usize::from(r.u8()?)).copied()?;
    let region = Region::from_code(r.u8()?)?;
    let offset = r.u64()?;
    let dims = r.list(8, Reader::u64)?;
    let quant = r.option(|r| {
        let scales = r.list(4, Reader::u32)?;
        let zero_points = r.list(8, Reader::i64)?;
        Some(QuantParams { scales, zero_points, axis: r.option(Reader::u32)? })
    })?;
    let bound = r.option(Reader::array)?;
    Some(IoEntry { name, direction, dtype, dims, layout, region, offset, quant, bound })
}

fn debug_bytes(program: &Program) -> Vec<u8> {
    let mut w = Writer::default();
    w.list(&program.debug, |w, e| {
        w.u32(e.pc);
        w.list(&e.nodes, |w, &x| w.u32(x));
        w.str(&e.provenance);
        w.list(&e.tile, |w, &x| w.u32(x));
        w.list(&e.buffers, |w, &x| w.u32(x));
    });
    w.0
}

fn debug_entry(r: &mut Reader<'_>) -> Option<DebugEntry> {
    Some(DebugEntry {
        pc: r.u32()?,
        nodes: r.list(4, Reader::u32)?,
        provenance: r.str()?,
        tile: r.list(4, Reader::u32)?,
        buffers: r.list(4, Reader::u32)?,
    })
}

fn host_bytes(program: &Program) -> Vec<u8> {
    let mut w = Writer::default();
    let tensor = |w: &mut Writer, t: &Option<HostTensor>| {
        w.u8(u8::from(t.is_some()));
        if let Some(t) = t {
            w.u8(t.region.code());
            w.u8(t.dtype.code());
            w.u64(t.offset);
            w.list(&t.dims, |w, &d| w.u64(d));
        }
    };
    w.list(&program.host_segs, |w, seg| {
        w.list(&seg.kernels, |w, k| {
            w.str(&k.kernel);
            w.u32(k.opset);
            w.list(&k.attributes, |w, (name, value)| {
                w.str(name);
                attribute_bytes(w, value);
            });
            w.list(&k.inputs, tensor);
            w.list(&k.outputs, tensor);
        });
    });
    w.0
}

fn attribute_bytes(w: &mut Writer, value: &AttrValue) {
    match value {
        AttrValue::Int(x) => {
            w.u8(0);
            w.u64(x.cast_unsigned());
        }
        AttrValue::Float(x) => {
            w.u8(1);
            w.u32(*x);
        }
        AttrValue::Str(x) => {
            w.u8(2);
            w.str(x);
        }
        AttrValue::Ints(x) => {
            w.u8(3);
            w.list(x, |w, &x| w.u64(x.cast_unsigned()));
        }
        AttrValue::Floats(x) => {
            w.u8(4);
            w.list(x, |w, &x| w.u32(x));
        }
        AttrValue::Strs(x) => {
            w.u8(5);
            w.list(x, |w, x| w.str(x));
        }
    }
}

fn attribute(r: &mut Reader<'_>) -> Option<(String, AttrValue)> {
    let name = r.str()?;
    let value = match r.u8()? {
        0 => AttrValue::Int(r.i64()?),
        1 => AttrValue::Float(r.u32()?),
        2 => AttrValue::Str(r.str()?),
        3 => AttrValue::Ints(r.list(8, Reader::i64)?),
        4 => AttrValue::Floats(r.list(4, Reader::u32)?),
        5 => AttrValue::Strs(r.list(4, Reader::str)?),
        _ => return None,
    };
    Some((name, value))
}

fn host_tensor(r: &mut Reader<'_>) -> Option<Option<HostTensor>> {
    r.option(|r| {
        let (region, dtype) = (Region::from_code(r.u8()?)?, DType::from_code(r.u8()?)?);
        Some(HostTensor { region, dtype, offset: r.u64()?, dims: r.list(8, Reader::u64)? })
    })
}

fn host_seg(r: &mut Reader<'_>) -> Option<HostSeg> {
    let kernels = r.list(20, |r| {
        Some(HostKernel {
            kernel: r.str()?,
            opset: r.u32()?,
            attributes: r.list(5, attribute)?,
            inputs: r.list(1, host_tensor)?,
            outputs: r.list(1, host_tensor)?,
        })
    })?;
    Some(HostSeg { kernels })
}
