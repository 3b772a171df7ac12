//! Memories with an init bit per byte.

use crate::touched::Touched;
use isa::{AccTag, TrapCode};

/// A trap before its pc is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub code: TrapCode,
    pub detail: String,
}

impl Fault {
    #[cold]
    pub(crate) fn new(code: TrapCode, detail: impl Into<String>) -> Self {
        Fault { code, detail: detail.into() }
    }
}

pub(crate) type Check = Result<(), Fault>;

/// A set of bits with operations on ranges.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
}

fn low_mask(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

impl Bits {
    fn new(len: usize) -> Self {
        Bits { words: vec![0; len.div_ceil(64)] }
    }

    /// Bit `i`.
    pub fn get(&self, i: usize) -> bool {
        self.words[i / 64] >> (i % 64) & 1 != 0
    }

    /// The word index and mask of every word that `lo..hi` touches.
    #[inline(always)]
    fn for_words(lo: usize, hi: usize, mut f: impl FnMut(usize, u64)) {
        let mut at = lo;
        while at < hi {
            let word = at / 64;
            let end = ((word + 1) * 64).min(hi);
            f(word, low_mask(end - word * 64) & !low_mask(at - word * 64));
            at = end;
        }
    }

    /// All bits of `lo..hi` are set.
    #[inline]
    pub fn all(&self, lo: usize, hi: usize) -> bool {
        if lo >= hi {
            return true;
        }
        let (first, last) = (lo / 64, (hi - 1) / 64);
        let head = !low_mask(lo % 64);
        let tail = low_mask((hi - 1) % 64 + 1);
        if first == last {
            return self.words[first] & head & tail == head & tail;
        }
        self.words[first] & head == head
            && self.words[last] & tail == tail
            && self.words[first + 1..last].iter().all(|&w| w == u64::MAX)
    }

    /// The first clear bit of `lo..hi`.
    pub fn first_clear(&self, lo: usize, hi: usize) -> Option<usize> {
        (lo..hi).find(|&i| !self.get(i))
    }

    #[inline]
    fn set(&mut self, lo: usize, hi: usize) {
        Self::for_words(lo, hi, |w, mask| self.words[w] |= mask);
    }

    fn clear(&mut self, lo: usize, hi: usize) {
        Self::for_words(lo, hi, |w, mask| self.words[w] &= !mask);
    }
}

const PAGE: usize = 4096;

/// A byte-addressed memory; `init` says which bytes have been written since program start or POISON.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    name: &'static str,
    pub(crate) data: Vec<u8>,
    init: Bits,
    /// Pages written since the last reset: a reset clears only these.
    dirty: Bits,
    /// Constants and inputs have no init shadow: every byte counts as written.
    always_init: bool,
    /// What the instruction at hand touches, during a self-check.
    pub(crate) touched: Option<Box<Touched>>,
}

impl Memory {
    /// A memory of zeros without a written byte. The allocation is lazy: pages that are never touched cost nothing.
    pub(crate) fn new(name: &'static str, len: usize) -> Self {
        Memory {
            name,
            data: vec![0; len],
            init: Bits::new(len),
            dirty: Bits::new(len.div_ceil(PAGE)),
            always_init: false,
            touched: None,
        }
    }

    /// Read-only contents; every byte is initialised.
    pub(crate) fn constant(name: &'static str, data: Vec<u8>) -> Self {
        Memory { name, data, always_init: true, ..Memory::default() }
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.data.len()
    }
    /// No bytes.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
    /// All bytes; those that are not initialised have a value all the same.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }
    /// Byte `i` was written since program start or POISON.
    pub fn is_init(&self, i: usize) -> bool {
        self.always_init || self.init.get(i)
    }
    /// Sets bytes and marks them initialised (for tests that prepare a machine).
    ///
    /// # Panics
    /// If the range is outside the memory.
    pub fn poke(&mut self, at: usize, bytes: &[u8]) {
        self.data[at..at + bytes.len()].copy_from_slice(bytes);
        self.mark(at, bytes.len());
    }
    /// Sets bytes without touching their init bits (for tests that prepare a machine).
    ///
    /// # Panics
    /// If the range is outside the memory.
    pub fn poke_raw(&mut self, at: usize, bytes: &[u8]) {
        self.data[at..at + bytes.len()].copy_from_slice(bytes);
        self.touch(at, bytes.len());
    }

    fn touch(&mut self, at: usize, len: usize) {
        if len > 0 && !self.always_init {
            self.dirty.set(at / PAGE, (at + len - 1) / PAGE + 1);
        }
    }

    /// Marks bytes written.
    #[inline]
    pub(crate) fn mark(&mut self, at: usize, len: usize) {
        if let Some(touched) = &mut self.touched {
            touched.write(at as u64, len as u64);
        }
        if !self.always_init {
            self.init.set(at, at + len);
            self.touch(at, len);
        }
    }

    /// Marks bytes as never written (POISON); in range by the caller's check.
    pub(crate) fn unmark(&mut self, at: usize, len: usize) {
        if let Some(touched) = &mut self.touched {
            touched.write(at as u64, len as u64);
        }
        if !self.always_init {
            self.init.clear(at, at + len);
        }
    }

    /// Forgets everything that was written.
    pub(crate) fn reset(&mut self) {
        for word in 0..self.dirty.words.len() {
            let mut pages = self.dirty.words[word];
            while pages != 0 {
                let lo = (word * 64 + pages.trailing_zeros() as usize) * PAGE;
                let hi = (lo + PAGE).min(self.data.len());
                self.data[lo..hi].fill(0);
                self.init.clear(lo, hi);
                pages &= pages - 1;
            }
        }
        self.dirty.words.fill(0);
    }

    /// Overwrites every byte that is not initialised (random-fill mode); init bits stay.
    pub(crate) fn fill_with(&mut self, mut next: impl FnMut() -> u64) {
        let len = self.data.len();
        for chunk in self.data.chunks_mut(8) {
            let word = next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        self.touch(0, len);
    }

    /// `at .. at+len` lies inside.
    #[inline]
    pub(crate) fn bounds(&self, at: i64, len: u64) -> Check {
        if at >= 0 && (at as u64).checked_add(len).is_some_and(|end| end <= self.data.len() as u64) {
            return Ok(());
        }
        Err(Fault::new(
            TrapCode::Bounds,
            format!("{}: bytes {at}..{} outside 0..{}", self.name, i128::from(at) + i128::from(len), self.data.len()),
        ))
    }

    /// Every byte of a range inside the memory is initialised.
    #[inline]
    pub(crate) fn inited(&self, at: i64, len: usize) -> Check {
        let at = at as usize;
        if let Some(touched) = &self.touched {
            touched.read(at as u64, len as u64);
        }
        if self.always_init || self.init.all(at, at + len) { Ok(()) } else { Err(self.uninit(at, len)) }
    }

    #[cold]
    fn uninit(&self, at: usize, len: usize) -> Fault {
        let first = self.init.first_clear(at, at + len).unwrap_or(at);
        Fault::new(TrapCode::Uninit, format!("{}: byte {first:#x} was never written", self.name))
    }

    /// The first byte that was never written, if any.
    pub(crate) fn first_unwritten(&self) -> Option<usize> {
        if self.always_init || self.init.all(0, self.data.len()) {
            None
        } else {
            self.init.first_clear(0, self.data.len())
        }
    }
}

/// Accumulator rows: bytes, a type tag per row, and the exact i64 sum of each lane.
#[derive(Clone, Debug)]
pub struct Acc {
    pub(crate) mem: Memory,
    pub(crate) tags: Vec<AccTag>,
    pub(crate) shadow: Vec<i64>,
}

impl Acc {
    pub(crate) fn new(rows: usize) -> Self {
        Acc { mem: Memory::new("ACC", rows * 64), tags: vec![AccTag::I32; rows], shadow: vec![0; rows * 16] }
    }

    /// Bytes and init bits; row r is bytes 64r..64r+64.
    pub fn memory(&self) -> &Memory {
        &self.mem
    }
    /// Bytes and init bits, to prepare a machine. The tags and shadows do not follow: see [`Acc::set_row`].
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.mem
    }
    /// The tag of a row (meaningful once the row is initialised).
    pub fn tag(&self, row: usize) -> AccTag {
        self.tags[row]
    }
    /// The exact sum of a lane, before wrapping modulo 2^32 (i32 rows).
    pub fn shadow(&self, row: usize, lane: usize) -> i64 {
        self.shadow[row * 16 + lane]
    }
    /// Rows.
    pub fn rows(&self) -> usize {
        self.tags.len()
    }
    /// Writes a whole row: bits, tag, and for i32 the exact sums (which need not fit 32 bits).
    pub fn set_row(&mut self, row: usize, tag: AccTag, bits: &[u32; 16], exact: &[i64; 16]) {
        let at = row * 64;
        for (lane, (b, e)) in bits.iter().zip(exact).enumerate() {
            self.mem.data[at + lane * 4..at + lane * 4 + 4].copy_from_slice(&b.to_le_bytes());
            self.shadow[row * 16 + lane] = *e;
        }
        self.tags[row] = tag;
        self.mem.mark(at, 64);
    }

    /// An integer row from its exact sums.
    #[inline]
    pub(crate) fn set_ints(&mut self, row: usize, exact: &[i64; 16]) {
        let out: &mut [u8] = &mut self.mem.data[row * 64..row * 64 + 64];
        for (o, e) in out.chunks_exact_mut(4).zip(exact) {
            o.copy_from_slice(&(*e as i32).to_le_bytes());
        }
        self.shadow[row * 16..row * 16 + 16].copy_from_slice(exact);
        self.tags[row] = AccTag::I32;
        self.mem.mark(row * 64, 64);
    }

    /// A float row.
    #[inline]
    pub(crate) fn set_floats(&mut self, row: usize, values: &[f32; 16]) {
        let out: &mut [u8] = &mut self.mem.data[row * 64..row * 64 + 64];
        for (o, v) in out.chunks_exact_mut(4).zip(values) {
            o.copy_from_slice(&v.to_bits().to_le_bytes());
        }
        self.tags[row] = AccTag::F32;
        self.mem.mark(row * 64, 64);
    }

    /// The lanes of a row.
    pub(crate) fn bits(&self, row: usize) -> [u32; 16] {
        let bytes = &self.mem.data[row * 64..row * 64 + 64];
        std::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes")))
    }

    /// After bytes of whole rows were written from outside: tag and shadow = sign-extended lanes.
    pub(crate) fn adopt(&mut self, at: usize, len: usize, tag: AccTag) {
        for row in at / 64..(at + len).div_ceil(64) {
            self.tags[row] = tag;
            let bits = self.bits(row);
            for (lane, b) in bits.iter().enumerate() {
                self.shadow[row * 16 + lane] = i64::from(b.cast_signed());
            }
        }
    }

    /// Every row that `at .. at+len` touches has the tag.
    pub(crate) fn check_tag(&self, at: usize, len: usize, tag: AccTag) -> Check {
        for row in at / 64..(at + len).div_ceil(64) {
            if self.tags[row] != tag {
                let detail = format!("ACC row {row} holds {}, read as {tag}", self.tags[row]);
                return Err(Fault::new(TrapCode::AccType, detail));
            }
        }
        Ok(())
    }

    /// Every lane of `at .. at+len` in i32 rows equals its exact sum.
    pub(crate) fn check_exact(&self, at: usize, len: usize) -> Check {
        for lane in at / 4..(at + len).div_ceil(4) {
            if self.tags[lane / 16] == AccTag::F32 {
                continue;
            }
            let value = i32::from_le_bytes(self.mem.data[4 * lane..4 * lane + 4].try_into().expect("four bytes"));
            let exact = self.shadow[lane];
            if i64::from(value) != exact {
                let detail = format!("ACC row {} lane {}: {value}, exact {exact}", lane / 16, lane % 16);
                return Err(Fault::new(TrapCode::AccOverflow, detail));
            }
        }
        Ok(())
    }

    pub(crate) fn reset(&mut self) {
        self.mem.reset(); // tags and shadows count only for initialised rows, and writing a row sets both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_bits_agree_with_single_bits() {
        for (lo, hi) in [(0, 0), (0, 1), (3, 64), (64, 65), (60, 70), (1, 200), (63, 129), (128, 256)] {
            let mut bits = Bits::new(256);
            bits.set(lo, hi);
            for i in 0..256 {
                assert_eq!(bits.get(i), (lo..hi).contains(&i), "{lo}..{hi} at {i}");
            }
            assert!(bits.all(lo, hi));
            if lo < hi {
                assert!(hi == 256 || !bits.all(lo, hi + 1));
                bits.clear(hi - 1, hi);
                assert!(!bits.all(lo, hi));
                assert_eq!(bits.first_clear(lo, hi), Some(hi - 1));
            }
        }
    }

    #[test]
    fn reset_clears_what_was_written() {
        let mut m = Memory::new("M", 300 * PAGE + 5);
        for at in [0, 100 * PAGE, 299 * PAGE - 3, 300 * PAGE + 4] {
            m.poke(at, &[7]);
        }
        m.reset();
        assert!(m.bytes().iter().all(|&b| b == 0));
        assert!((0..m.len()).all(|i| !m.is_init(i)));
    }
}
