//! Buffers of one group, and the tensors.

use crate::bytes::{get_at, put_at};
use crate::error::{Fault, PlaceName};
use isa::{AccTag, DType};
use kit::IdVec;
use lir::fused::{Fused, PrmRecord, TensorDef, TensorId};
use lir::tile::{Buf, BufId, BufMem};

/// Bytes with an init bit each.
#[derive(Clone, Debug)]
struct Checked {
    bytes: Vec<u8>,
    init: Vec<bool>,
}

impl Checked {
    fn new(n: usize) -> Self {
        Checked { bytes: vec![0; n], init: vec![false; n] }
    }

    fn span(&self, place: PlaceName, at: isize, len: usize) -> Result<usize, Fault> {
        if at >= 0 && (at as usize).saturating_add(len) <= self.bytes.len() {
            Ok(at as usize)
        } else {
            Err(Fault::Bounds { place, offset: at as i128, len, size: self.bytes.len() })
        }
    }

    fn get(&self, place: PlaceName, at: isize, len: usize) -> Result<&[u8], Fault> {
        let start = self.span(place, at, len)?;
        for (i, init) in self.init[start..start + len].iter().enumerate() {
            if !init {
                return Err(Fault::Uninit { place, offset: start + i });
            }
        }
        Ok(&self.bytes[start..start + len])
    }

    fn put(&mut self, place: PlaceName, at: isize, size: usize, bits: u64) -> Result<(), Fault> {
        let start = self.span(place, at, size)?;
        self.init[start..start + size].fill(true);
        put_at(&mut self.bytes, size, start, bits);
        Ok(())
    }
}

/// The buffers of a group.
#[derive(Debug)]
pub(super) struct Local {
    bufs: Vec<(BufMem, Checked)>,
    /// Tags of accumulator rows by buffer; empty elsewhere.
    tags: Vec<Vec<AccTag>>,
}

impl Local {
    pub(super) fn new(bufs: &IdVec<BufId, Buf>) -> Self {
        let rows = |b: &Buf| if b.mem == BufMem::Acc { b.bytes.div_ceil(64) } else { 0 };
        Local {
            bufs: bufs.values().map(|b| (b.mem, Checked::new(b.bytes))).collect(),
            tags: bufs.values().map(|b| vec![AccTag::I32; rows(b)]).collect(),
        }
    }

    fn buf(&self, b: BufId) -> Result<&(BufMem, Checked), Fault> {
        self.bufs.get(b.0 as usize).ok_or(Fault::NoPlace("a buffer number"))
    }

    /// `len` initialised bytes at a byte offset, whatever the memory.
    pub(super) fn bytes(&self, b: BufId, at: isize, len: usize) -> Result<&[u8], Fault> {
        self.buf(b)?.1.get(PlaceName::Buf(b), at, len)
    }

    /// The element at a byte offset.
    #[inline]
    pub(super) fn read(&self, b: BufId, dtype: DType, at: isize) -> Result<u64, Fault> {
        let (mem, checked) = self.buf(b)?;
        let size = dtype.size() as usize;
        let bits = get_at(checked.get(PlaceName::Buf(b), at, size)?, size, 0);
        if *mem == BufMem::Acc {
            let (row, want) = (at as usize / 64, lane_tag(dtype)?);
            let have = self.tags[b.0 as usize][row];
            if have != want {
                return Err(Fault::AccTag { place: PlaceName::Buf(b), row, want, have });
            }
        }
        Ok(bits)
    }

    /// Writes the element at a byte offset.
    #[inline]
    pub(super) fn write(&mut self, b: BufId, dtype: DType, at: isize, bits: u64) -> Result<(), Fault> {
        let (mem, checked) = self.bufs.get_mut(b.0 as usize).ok_or(Fault::NoPlace("a buffer number"))?;
        checked.put(PlaceName::Buf(b), at, dtype.size() as usize, bits)?;
        if *mem == BufMem::Acc {
            self.tags[b.0 as usize][at as usize / 64] = lane_tag(dtype)?;
        }
        Ok(())
    }

    /// Requires the memory of a buffer.
    pub(super) fn require(&self, b: BufId, mem: BufMem) -> Result<(), Fault> {
        if self.buf(b)?.0 == mem { Ok(()) } else { Err(Fault::Illegal("an operand's memory is not its buffer's")) }
    }

    /// Writes records from the start of a PRM buffer.
    pub(super) fn put_records(&mut self, b: BufId, records: &[PrmRecord]) -> Result<(), Fault> {
        self.require(b, BufMem::Prm)?;
        for (i, r) in records.iter().enumerate() {
            let at = (i * 16) as isize;
            let words = [r.bias, r.mult, r.zp.cast_unsigned()];
            for (k, w) in words.into_iter().enumerate() {
                self.write(b, DType::U32, at + 4 * k as isize, u64::from(w))?;
            }
            self.write(b, DType::U8, at + 12, u64::from(r.shift.cast_unsigned()))?;
            self.write(b, DType::U8, at + 13, 0)?;
            self.write(b, DType::U16, at + 14, u64::from(r.zw.cast_unsigned()))?;
        }
        Ok(())
    }

    /// Scale and zero point of a record.
    pub(super) fn scale(&self, b: BufId, number: usize) -> Result<(f32, i32), Fault> {
        self.require(b, BufMem::Prm)?;
        let at = (number * 16) as isize;
        let scale = f32::from_bits(self.read(b, DType::U32, at + 4)? as u32);
        let zero = (self.read(b, DType::U32, at + 8)? as u32).cast_signed();
        if scale.is_finite() && scale.is_sign_positive() || scale == 0.0 {
            Ok((scale, zero))
        } else {
            Err(Fault::Param { scale: scale.to_bits(), zero })
        }
    }

    /// Bias bits of a record.
    pub(super) fn bias(&self, b: BufId, number: usize) -> Result<u32, Fault> {
        self.require(b, BufMem::Prm)?;
        Ok(self.read(b, DType::U32, (number * 16) as isize)? as u32)
    }

    /// Weight zero point of a record.
    pub(super) fn weight_zero(&self, b: BufId, number: usize) -> Result<i32, Fault> {
        self.require(b, BufMem::Prm)?;
        let zero = i32::from((self.read(b, DType::U16, (number * 16 + 14) as isize)? as u16).cast_signed());
        if (-128..256).contains(&zero) { Ok(zero) } else { Err(Fault::Param { scale: 0, zero }) }
    }
}

fn lane_tag(dtype: DType) -> Result<AccTag, Fault> {
    match dtype {
        DType::S32 => Ok(AccTag::I32),
        DType::F32 => Ok(AccTag::F32),
        _ => Err(Fault::Illegal("element type of an accumulator lane")),
    }
}

/// The tensors: given ones, and those that tiles write.
#[derive(Debug)]
pub(super) struct Dram<'a> {
    fused: &'a Fused,
    given: IdVec<TensorId, Option<Vec<u8>>>,
    made: Vec<Option<Checked>>,
}

impl<'a> Dram<'a> {
    pub(super) fn new(fused: &'a Fused, given: IdVec<TensorId, Option<Vec<u8>>>) -> Self {
        // Empty tensors need no tile.
        let empty =
            |t: &lir::fused::FTensor| (t.bytes() == 0 && matches!(t.def, TensorDef::Group(_))).then(|| Checked::new(0));
        Dram { fused, made: fused.tensors.values().map(empty).collect(), given }
    }

    /// Element type of a tensor.
    pub(super) fn dtype(&self, t: TensorId) -> Result<DType, Fault> {
        self.fused.tensors.get(t).map(|t| t.dtype).ok_or(Fault::NoPlace("tensor"))
    }

    pub(super) fn read(&self, t: TensorId, size: usize, element: isize) -> Result<u64, Fault> {
        let place = PlaceName::Tensor(t);
        let at = element * size as isize;
        let bytes: &[u8] = match (&self.fused.tensors[t].def, &self.given[t], &self.made[t.0 as usize]) {
            (TensorDef::Const(c), _, _) => &c.bytes,
            (_, Some(bytes), _) => bytes,
            (_, None, Some(made)) => return Ok(get_at(made.get(place, at, size)?, size, 0)),
            (_, None, None) => return Err(Fault::NotReady(t)),
        };
        if at < 0 || at as usize + size > bytes.len() {
            return Err(Fault::Bounds { place, offset: at as i128, len: size, size: bytes.len() });
        }
        Ok(get_at(bytes, size, at as usize))
    }

    pub(super) fn write(&mut self, t: TensorId, size: usize, element: isize, bits: u64) -> Result<(), Fault> {
        let tensor = &self.fused.tensors[t];
        if !matches!(tensor.def, TensorDef::Group(_)) {
            return Err(Fault::Illegal("a store into an input or constant"));
        }
        let made = self.made[t.0 as usize].get_or_insert_with(|| Checked::new(tensor.bytes()));
        made.put(PlaceName::Tensor(t), element * size as isize, size, bits)
    }

    /// Physical bytes of inputs and of completely written tensors.
    pub(super) fn into_tensors(self) -> IdVec<TensorId, Option<Vec<u8>>> {
        let made = self.made.into_iter().map(|m| m.filter(|m| !m.init.contains(&false)).map(|m| m.bytes));
        self.given.values().zip(made).map(|(g, m)| g.clone().or(m)).collect()
    }
}
