//! Buffers, tensors and tables with init bits.

use crate::bytes::{get_at, put_at};
use crate::error::{Fault, PlaceName};
use isa::{AccTag, DType, Mem};
use kit::IdVec;
use lir::fused::{TensorDef, TensorId};
use lir::stream::{DramPlace, Places, Stream};
use lir::tile::{BufId, BufMem};

/// One local array.
#[derive(Debug)]
struct Local {
    mem: BufMem,
    bytes: Vec<u8>,
    init: Vec<bool>,
    /// ACC: tag of each row.
    tags: Vec<AccTag>,
}

/// A tensor that a group writes.
#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    init: Vec<bool>,
}

/// A reference to a local array: a buffer, or the look-up tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A buffer.
    Buf(BufId),
    /// LUT.
    Lut,
}

/// The quantisation fields of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quant {
    /// Bits of the scale, or the multiplier.
    pub mult: u32,
    /// Zero point.
    pub zp: i32,
}

/// All memories of a run.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    stream: &'a Stream,
    locals: Vec<Local>,
    lut: Local,
    given: IdVec<TensorId, Option<Vec<u8>>>,
    written: IdVec<TensorId, Option<Written>>,
    params: Vec<Vec<u8>>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(stream: &'a Stream, given: IdVec<TensorId, Option<Vec<u8>>>) -> Self {
        let local = |mem, n: usize| Local {
            mem,
            bytes: vec![0; n],
            init: vec![false; n],
            tags: if mem == BufMem::Acc { vec![AccTag::I32; n / 64] } else { Vec::new() },
        };
        Memory {
            stream,
            locals: stream.bufs.values().map(|b| local(b.mem, b.bytes)).collect(),
            lut: local(BufMem::Spm, 4 * 2048),
            written: given.values().map(|_| None).collect(),
            given,
            params: stream.params.values().map(|p| p.iter().flat_map(record_bytes).collect()).collect(),
        }
    }

    /// Physical bytes of inputs and of completely written tensors; others stay `None`.
    pub(super) fn into_tensors(self) -> IdVec<TensorId, Option<Vec<u8>>> {
        let written =
            self.written.values().map(|w| w.as_ref().filter(|w| w.init.iter().all(|&i| i)).map(|w| w.bytes.clone()));
        let empty = |t: TensorId| {
            let t = &self.stream.fused.tensors[t];
            (t.bytes() == 0 && matches!(t.def, TensorDef::Group(_))).then(Vec::new)
        };
        self.given.iter().zip(written).map(|((id, g), w)| g.clone().or(w).or_else(|| empty(id))).collect()
    }

    fn local(&self, at: At) -> Result<(&Local, PlaceName), Fault> {
        match at {
            At::Lut => Ok((&self.lut, PlaceName::Lut)),
            At::Buf(b) => match self.locals.get(b.0 as usize) {
                Some(l) => Ok((l, PlaceName::Buf(b))),
                None => Err(Fault::NoPlace("a buffer number")),
            },
        }
    }

    fn local_mut(&mut self, at: At) -> Result<(&mut Local, PlaceName), Fault> {
        match at {
            At::Lut => Ok((&mut self.lut, PlaceName::Lut)),
            At::Buf(b) => match self.locals.get_mut(b.0 as usize) {
                Some(l) => Ok((l, PlaceName::Buf(b))),
                None => Err(Fault::NoPlace("a buffer number")),
            },
        }
    }

    /// The array that an address field in memory `mem` refers to.
    pub(super) fn resolve(&self, mem: Mem, place: Option<BufId>, field: &'static str) -> Result<At, Fault> {
        let want = match mem {
            Mem::Lut => return Ok(At::Lut),
            Mem::Spm => BufMem::Spm,
            Mem::Prm => BufMem::Prm,
            Mem::Acc => BufMem::Acc,
            Mem::Dram | Mem::Imm => return Err(Fault::Illegal("memory of an operand")),
        };
        let b = place.ok_or(Fault::NoPlace(field))?;
        let (local, _) = self.local(At::Buf(b))?;
        if local.mem == want { Ok(At::Buf(b)) } else { Err(Fault::Illegal("an operand's memory is not its buffer's")) }
    }

    /// `len` initialised bytes.
    pub(super) fn read(&self, at: At, offset: i64, len: usize) -> Result<&[u8], Fault> {
        let (l, place) = self.local(at)?;
        let range = range(place, offset, len, l.bytes.len())?;
        match l.init[range.clone()].iter().position(|i| !i) {
            Some(i) => Err(Fault::Uninit { place, offset: range.start + i }),
            None => Ok(&l.bytes[range]),
        }
    }

    /// Whether every byte of a range is initialised.
    pub(super) fn is_init(&self, at: At, offset: i64, len: usize) -> bool {
        self.read(at, offset, len).is_ok()
    }

    /// `len` bytes to be overwritten; they count as initialised.
    pub(super) fn write(&mut self, at: At, offset: i64, len: usize) -> Result<&mut [u8], Fault> {
        let (l, place) = self.local_mut(at)?;
        let range = range(place, offset, len, l.bytes.len())?;
        l.init[range.clone()].fill(true);
        Ok(&mut l.bytes[range])
    }

    /// One element. An ACC row must carry the element type's tag.
    pub(super) fn load(&self, at: At, dtype: DType, offset: i64) -> Result<u64, Fault> {
        let size = dtype.size() as usize;
        let (l, place) = self.local(at)?;
        if l.mem == BufMem::Acc {
            self.check_tag(at, place, offset, tag_of(dtype)?)?;
        }
        Ok(get_at(self.read(at, offset, size)?, size, 0))
    }

    /// Stores one element; sets the tag of an ACC row.
    pub(super) fn store(&mut self, at: At, dtype: DType, offset: i64, bits: u64) -> Result<(), Fault> {
        let size = dtype.size() as usize;
        put_at(self.write(at, offset, size)?, size, 0, bits);
        let (l, _) = self.local_mut(at)?;
        if l.mem == BufMem::Acc {
            l.tags[offset as usize / 64] = tag_of(dtype)?;
        }
        Ok(())
    }

    fn check_tag(&self, at: At, place: PlaceName, offset: i64, want: AccTag) -> Result<(), Fault> {
        let (l, _) = self.local(at)?;
        let row = usize::try_from(offset).unwrap_or(usize::MAX) / 64;
        match l.tags.get(row) {
            Some(&have) if have != want => Err(Fault::AccTag { place, row, want, have }),
            _ => Ok(()), // the bounds check reports rows outside
        }
    }

    /// Sets the tags of the rows of a byte range.
    pub(super) fn set_tags(&mut self, at: At, offset: i64, len: usize, tag: AccTag) -> Result<(), Fault> {
        let (l, place) = self.local_mut(at)?;
        let rows = range(place, offset, len, l.bytes.len())?;
        for row in rows.start / 64..rows.end.div_ceil(64) {
            l.tags[row] = tag;
        }
        Ok(())
    }

    /// Requires the tags of the rows of a byte range.
    pub(super) fn require_tags(&self, at: At, offset: i64, len: usize, tag: AccTag) -> Result<(), Fault> {
        let (_, place) = self.local(at)?;
        let end = offset + len as i64;
        let mut row = offset / 64;
        while row * 64 < end {
            self.check_tag(at, place, row * 64, tag)?;
            row += 1;
        }
        Ok(())
    }

    /// A field of `len` bytes at byte `field` of record `number` of the buffer at `place`.
    pub(super) fn record_field(&self, place: Option<BufId>, number: u32, field: i64, len: usize) -> Result<u64, Fault> {
        let at = self.resolve(Mem::Prm, place, "a record number")?;
        Ok(get_at(self.read(at, i64::from(number) * 16 + field, len)?, len, 0))
    }

    /// Scale and zero point of a record.
    pub(super) fn quant(&self, place: Option<BufId>, number: u32) -> Result<Quant, Fault> {
        let mult = self.record_field(place, number, 4, 4)? as u32;
        let zp = (self.record_field(place, number, 8, 4)? as u32).cast_signed();
        Ok(Quant { mult, zp })
    }

    /// `len` initialised bytes of DRAM.
    pub(super) fn dram_read(&self, places: &Places, offset: i64, len: usize) -> Result<&[u8], Fault> {
        match places.dram.ok_or(Fault::NoPlace("dram_off"))? {
            DramPlace::Params(p) => {
                let bytes = self.params.get(p.0 as usize).ok_or(Fault::NoPlace("parameter block"))?;
                Ok(&bytes[range(PlaceName::Params(p), offset, len, bytes.len())?])
            }
            DramPlace::Tensor(t) => {
                let place = PlaceName::Tensor(t);
                let tensor = self.stream.fused.tensors.get(t).ok_or(Fault::NoPlace("tensor"))?;
                if let TensorDef::Const(c) = &tensor.def {
                    return Ok(&c.bytes[range(place, offset, len, c.bytes.len())?]);
                }
                if let Some(bytes) = &self.given[t] {
                    return Ok(&bytes[range(place, offset, len, bytes.len())?]);
                }
                let w = self.written[t].as_ref().ok_or(Fault::NotReady(t))?;
                let range = range(place, offset, len, w.bytes.len())?;
                match w.init[range.clone()].iter().position(|i| !i) {
                    Some(i) => Err(Fault::Uninit { place, offset: range.start + i }),
                    None => Ok(&w.bytes[range]),
                }
            }
        }
    }

    /// `len` bytes of a group's output in DRAM, to be overwritten.
    pub(super) fn dram_write(&mut self, places: &Places, offset: i64, len: usize) -> Result<&mut [u8], Fault> {
        let DramPlace::Tensor(t) = places.dram.ok_or(Fault::NoPlace("dram_off"))? else {
            return Err(Fault::Illegal("a store into parameters"));
        };
        let tensor = self.stream.fused.tensors.get(t).ok_or(Fault::NoPlace("tensor"))?;
        if !matches!(tensor.def, TensorDef::Group(_)) {
            return Err(Fault::Illegal("a store into an input or constant"));
        }
        let n = tensor.bytes();
        let range = range(PlaceName::Tensor(t), offset, len, n)?;
        let w = self.written[t].get_or_insert_with(|| Written { bytes: vec![0; n], init: vec![false; n] });
        w.init[range.clone()].fill(true);
        Ok(&mut w.bytes[range])
    }
}

fn range(place: PlaceName, offset: i64, len: usize, size: usize) -> Result<std::ops::Range<usize>, Fault> {
    match usize::try_from(offset) {
        Ok(start) if start.checked_add(len).is_some_and(|end| end <= size) => Ok(start..start + len),
        _ => Err(Fault::Bounds { place, offset: i128::from(offset), len, size }),
    }
}

fn tag_of(dtype: DType) -> Result<AccTag, Fault> {
    match dtype {
        DType::S32 => Ok(AccTag::I32),
        DType::F32 => Ok(AccTag::F32),
        _ => Err(Fault::Illegal("element type of an accumulator lane")),
    }
}

/// The 16 bytes of a record (3.3).
fn record_bytes(r: &lir::fused::PrmRecord) -> [u8; 16] {
    let mut b = [0; 16];
    b[..4].copy_from_slice(&r.bias.to_le_bytes());
    b[4..8].copy_from_slice(&r.mult.to_le_bytes());
    b[8..12].copy_from_slice(&r.zp.to_le_bytes());
    b[12] = r.shift.cast_unsigned();
    b[14..].copy_from_slice(&r.zw.to_le_bytes());
    b
}
