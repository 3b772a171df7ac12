//! Operands of vector instructions: addresses, checks, and typed rows.

use isa::{AccTag, DType, Mem, Operand, TrapCode};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num;
use crate::runs::Runs;

/// Loop counts, inner first.
pub(crate) type Dims = [usize; 4];

/// An operand with byte strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub mem: Mem,
    pub addr: i64,
    pub s: [i64; 4],
    pub dt: DType,
}

impl View {
    pub(crate) fn new(op: &Operand) -> Self {
        let size = i64::from(op.dt.size());
        View { mem: op.mem, addr: i64::from(op.addr), s: op.s.map(|s| i64::from(s) * size), dt: op.dt }
    }

    pub(crate) fn size(&self) -> usize {
        self.dt.size() as usize
    }

    /// Address of element (0, i1, i2, i3).
    #[inline]
    pub(crate) fn row(&self, i1: usize, i2: usize, i3: usize) -> i64 {
        self.addr + i1 as i64 * self.s[1] + i2 as i64 * self.s[2] + i3 as i64 * self.s[3]
    }

    /// Address of an element.
    #[inline]
    pub(crate) fn at(&self, i: Dims) -> i64 {
        self.row(i[1], i[2], i[3]) + i[0] as i64 * self.s[0]
    }

    /// The bytes of all elements.
    pub(crate) fn runs(&self, n: &Dims) -> Runs {
        let dims: [(u64, i64); 4] = std::array::from_fn(|i| (n[i] as u64, self.s[i]));
        Runs::new(self.addr, u64::from(self.dt.size()), &dims)
    }

    /// The view and counts with the axes in another order.
    pub(crate) fn with_axis_first(&self, axis: usize) -> View {
        let mut s = self.s;
        s[..=axis].rotate_right(1);
        View { s, ..*self }
    }
}

/// Counts with `axis` moved to the front.
pub(crate) fn axis_first(n: &Dims, axis: usize) -> Dims {
    let mut n = *n;
    n[..=axis].rotate_right(1);
    n
}

/// Merges loop dimensions that are contiguous in all views; the set of elements and their order stay.
pub(crate) fn merge_dims(n: &mut Dims, views: &mut [&mut View]) {
    let mut d = 0;
    while d + 1 < 4 {
        let fits = |v: &View| v.s[d + 1] == v.s[d] * n[d] as i64;
        if n[d + 1] == 1 || (n[d] == 1 || views.iter().all(|v| fits(v))) {
            let only_outer = n[d] == 1 && n[d + 1] != 1;
            n[d] *= n[d + 1];
            for v in views.iter_mut() {
                if only_outer {
                    v.s[d] = v.s[d + 1];
                }
                for k in d + 1..3 {
                    v.s[k] = v.s[k + 1];
                }
                v.s[3] = 0;
            }
            for k in d + 1..3 {
                n[k] = n[k + 1];
            }
            n[3] = 1;
            if n[d + 1..].iter().all(|&c| c == 1) {
                return;
            }
        } else {
            d += 1;
        }
    }
}

/// Calls `f(i1, i2, i3)` for every row, inner loops first.
#[inline]
pub(crate) fn for_rows(n: &Dims, mut f: impl FnMut(usize, usize, usize) -> Check) -> Check {
    for i3 in 0..n[3] {
        for i2 in 0..n[2] {
            for i1 in 0..n[1] {
                f(i1, i2, i3)?;
            }
        }
    }
    Ok(())
}

/// Elements handled at a time: enough to amortise dispatch, small enough for the first-level cache.
const CHUNK: usize = 1024;

/// Calls `f` with lists of rows (i1, i2, i3) that hold about [`CHUNK`] elements together, inner loops first.
pub(crate) fn for_chunks(n: &Dims, mut f: impl FnMut(&[(usize, usize, usize)]) -> Check) -> Check {
    let most = (CHUNK / n[0].max(1)).max(1);
    let mut rows = Vec::with_capacity(most.min(n[1] * n[2] * n[3]));
    for_rows(n, |i1, i2, i3| {
        rows.push((i1, i2, i3));
        if rows.len() == most {
            f(&rows)?;
            rows.clear();
        }
        Ok(())
    })?;
    if rows.is_empty() { Ok(()) } else { f(&rows) }
}

/// Loop counts of an instruction.
pub(crate) fn dims(n: &[u16; 4]) -> Dims {
    n.map(usize::from)
}

impl Machine {
    /// Static checks of a source: bounds.
    pub(crate) fn view_bounds(&self, v: &View, n: &Dims) -> Check {
        let (lo, len) = v.runs(n).hull();
        self.mem(v.mem)?.bounds(lo, len)
    }

    /// ACC lanes are at multiples of 4.
    pub(crate) fn view_align(&self, v: &View, n: &Dims) -> Check {
        let odd = |s: i64| s % 4 != 0;
        if v.mem == Mem::Acc && (odd(v.addr) || (0..4).any(|i| n[i] > 1 && odd(v.s[i]))) {
            return Err(Fault::new(TrapCode::Align, "an ACC lane address that is not a multiple of 4"));
        }
        Ok(())
    }

    /// A destination in ACC is written in whole rows.
    pub(crate) fn view_whole_rows(&self, v: &View, n: &Dims) -> Check {
        self.view_align(v, n)?;
        if v.mem != Mem::Acc {
            return Ok(());
        }
        let mut lanes = std::collections::BTreeMap::<i64, u32>::new();
        v.runs(n).each(|at, len| {
            for lane in at / 4..(at + len as i64) / 4 {
                *lanes.entry(lane / 16).or_default() |= 1 << (lane % 16);
            }
            Ok(())
        })?;
        match lanes.iter().find(|&(_, &mask)| mask != 0xFFFF) {
            Some((row, _)) => Err(Fault::new(TrapCode::Align, format!("ACC row {row} is written in part"))),
            None => Ok(()),
        }
    }

    /// Every byte of a source is initialised.
    pub(crate) fn view_inited(&self, v: &View, n: &Dims) -> Check {
        if !self.check {
            return Ok(());
        }
        let memory = self.mem(v.mem)?;
        v.runs(n).each(|at, len| memory.inited(at, len))
    }

    /// The tags of ACC rows agree with the type.
    pub(crate) fn view_tagged(&self, v: &View, n: &Dims) -> Check {
        if !self.check || v.mem != Mem::Acc {
            return Ok(());
        }
        let tag = tag_of(v.dt)?;
        v.runs(n).each(|at, len| self.acc.check_tag(at as usize, len, tag))
    }

    /// Accumulators equal their exact sums.
    pub(crate) fn view_exact(&self, v: &View, n: &Dims) -> Check {
        if !self.check || v.mem != Mem::Acc {
            return Ok(());
        }
        v.runs(n).each(|at, len| self.acc.check_exact(at as usize, len))
    }

    /// All checks of sources and destinations, in the order of 2.5. `reads` are the views that are read.
    pub(crate) fn check_views(&self, reads: &[(&View, &Dims)], d: &View, dn: &Dims) -> Check {
        for (v, n) in reads {
            self.view_bounds(v, n)?;
        }
        self.view_bounds(d, dn)?;
        for (v, n) in reads {
            self.view_align(v, n)?;
        }
        self.view_whole_rows(d, dn)?;
        for (v, n) in reads {
            self.view_inited(v, n)?;
        }
        Ok(())
    }

    /// Tags, then exact sums, of all views read (after every E_UNINIT of the instruction).
    pub(crate) fn check_acc(&self, reads: &[(&View, &Dims)]) -> Check {
        for (v, n) in reads {
            self.view_tagged(v, n)?;
        }
        for (v, n) in reads {
            self.view_exact(v, n)?;
        }
        Ok(())
    }

    /// Marks a destination written; in ACC sets tags and shadows too.
    pub(crate) fn view_written(&mut self, v: &View, n: &Dims) -> Check {
        if v.mem == Mem::Acc {
            let tag = tag_of(v.dt)?;
            return v.runs(n).each(|at, len| {
                self.acc.mem.mark(at as usize, len);
                self.acc.adopt(at as usize, len, tag);
                Ok(())
            });
        }
        let memory = self.mem_mut(v.mem)?;
        v.runs(n).each(|at, len| {
            memory.mark(at as usize, len);
            Ok(())
        })
    }
}

/// The row tag that a type of ACC lanes stands for.
fn tag_of(dt: DType) -> Result<AccTag, Fault> {
    match dt {
        DType::S32 => Ok(AccTag::I32),
        DType::F32 => Ok(AccTag::F32),
        _ => Err(Fault::new(TrapCode::Decode, format!("ACC lanes read or written as {dt}"))),
    }
}

/// Calls `f` with the bytes of each of `n` elements.
#[inline(always)]
fn each<const N: usize>(bytes: &[u8], base: i64, stride: i64, n: usize, mut f: impl FnMut([u8; N])) {
    if stride == N as i64 {
        let base = base as usize;
        for c in bytes[base..base + n * N].as_chunks::<N>().0 {
            f(*c);
        }
    } else {
        let mut at = base;
        for _ in 0..n {
            f(*bytes[at as usize..].first_chunk::<N>().expect("in bounds by check_views"));
            at += stride;
        }
    }
}

macro_rules! by_int_type {
    ($dt:expr, $bytes:expr, $base:expr, $stride:expr, $n:expr, $out:expr, $lane:ty) => {
        match $dt {
            DType::S8 => each::<1>($bytes, $base, $stride, $n, |b| $out.push(b[0] as i8 as $lane)),
            DType::U8 | DType::Bool => each::<1>($bytes, $base, $stride, $n, |b| $out.push(b[0] as $lane)),
            DType::S16 => each::<2>($bytes, $base, $stride, $n, |b| $out.push(i16::from_le_bytes(b) as $lane)),
            DType::U16 | DType::F16 | DType::Bf16 => {
                each::<2>($bytes, $base, $stride, $n, |b| $out.push(u16::from_le_bytes(b) as $lane));
            }
            DType::S32 => each::<4>($bytes, $base, $stride, $n, |b| $out.push(i32::from_le_bytes(b) as $lane)),
            DType::U32 | DType::F32 => {
                each::<4>($bytes, $base, $stride, $n, |b| $out.push(u32::from_le_bytes(b) as $lane));
            }
            DType::S64 => each::<8>($bytes, $base, $stride, $n, |b| $out.push(i64::from_le_bytes(b) as $lane)),
            DType::U64 => each::<8>($bytes, $base, $stride, $n, |b| $out.push(u64::from_le_bytes(b) as $lane)),
        }
    };
}

/// Appends `n` integer elements (floats: their bits). u64 values above i64 wrap: use [`load_i128`] for 8-byte types.
pub(crate) fn load_i64(bytes: &[u8], dt: DType, base: i64, stride: i64, n: usize, out: &mut Vec<i64>) {
    by_int_type!(dt, bytes, base, stride, n, out, i64);
}

/// Appends `n` integer elements (floats: their bits).
pub(crate) fn load_i128(bytes: &[u8], dt: DType, base: i64, stride: i64, n: usize, out: &mut Vec<i128>) {
    by_int_type!(dt, bytes, base, stride, n, out, i128);
}

/// Appends `n` float elements, widened exactly.
pub(crate) fn load_f32(bytes: &[u8], dt: DType, base: i64, stride: i64, n: usize, out: &mut Vec<f32>) {
    match dt {
        DType::F16 => each::<2>(bytes, base, stride, n, |b| out.push(num::f16_to_f32(u16::from_le_bytes(b)))),
        DType::Bf16 => each::<2>(bytes, base, stride, n, |b| out.push(num::bf16_to_f32(u16::from_le_bytes(b)))),
        _ => each::<4>(bytes, base, stride, n, |b| out.push(f32::from_le_bytes(b))),
    }
}

/// One element as its bits.
pub(crate) fn load_bits(bytes: &[u8], size: usize, at: i64) -> u64 {
    let at = at as usize;
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[at..at + size]);
    u64::from_le_bytes(word)
}

/// Stores the low `size` bytes of one element.
pub(crate) fn store_bits(bytes: &mut [u8], size: usize, at: i64, bits: u64) {
    let at = at as usize;
    bytes[at..at + size].copy_from_slice(&bits.to_le_bytes()[..size]);
}

/// Writes `N` bytes of each value.
#[inline(always)]
fn put<const N: usize, T: Copy>(bytes: &mut [u8], base: i64, stride: i64, values: &[T], f: impl Fn(T) -> [u8; N]) {
    if stride == N as i64 {
        let base = base as usize;
        for (c, &v) in bytes[base..base + values.len() * N].as_chunks_mut::<N>().0.iter_mut().zip(values) {
            *c = f(v);
        }
    } else {
        let mut at = base;
        for &v in values {
            *bytes[at as usize..].first_chunk_mut::<N>().expect("in bounds by check_views") = f(v);
            at += stride;
        }
    }
}

/// Stores integers modulo 2^bits (of any type: the low bytes).
pub(crate) fn store_i64(bytes: &mut [u8], dt: DType, base: i64, stride: i64, values: &[i64]) {
    match dt.size() {
        1 => put::<1, _>(bytes, base, stride, values, |v| [v as u8]),
        2 => put::<2, _>(bytes, base, stride, values, |v| (v as u16).to_le_bytes()),
        4 => put::<4, _>(bytes, base, stride, values, |v| (v as u32).to_le_bytes()),
        _ => put::<8, _>(bytes, base, stride, values, |v| v.to_le_bytes()),
    }
}

/// Stores integers modulo 2^bits (of any type: the low bytes).
pub(crate) fn store_i128(bytes: &mut [u8], dt: DType, base: i64, stride: i64, values: &[i128]) {
    match dt.size() {
        1 => put::<1, _>(bytes, base, stride, values, |v| [v as u8]),
        2 => put::<2, _>(bytes, base, stride, values, |v| (v as u16).to_le_bytes()),
        4 => put::<4, _>(bytes, base, stride, values, |v| (v as u32).to_le_bytes()),
        _ => put::<8, _>(bytes, base, stride, values, |v| (v as u64).to_le_bytes()),
    }
}

/// Stores floats with one RNE (f32: the bits as they are).
pub(crate) fn store_f32(bytes: &mut [u8], dt: DType, base: i64, stride: i64, values: &[f32]) {
    match dt {
        DType::F16 => put::<2, _>(bytes, base, stride, values, |v| num::f32_to_f16(v).to_le_bytes()),
        DType::Bf16 => put::<2, _>(bytes, base, stride, values, |v| num::f32_to_bf16(v).to_le_bytes()),
        _ => put::<4, _>(bytes, base, stride, values, |v| v.to_bits().to_le_bytes()),
    }
}

/// E_BOOL for the first value that is neither 0 nor 1.
pub(crate) fn check_bools(values: &[i64]) -> Check {
    match values.iter().find(|&&v| v != 0 && v != 1) {
        Some(v) => Err(Fault::new(TrapCode::Bool, format!("a bool byte is {v}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_the_sequence_of_addresses() {
        let cases = [
            ([16, 3, 2, 2], [1, 16, 48, 96]),
            ([16, 3, 2, 2], [1, 20, 60, 120]),
            ([1, 5, 1, 3], [1, 2, 7, 10]),
            ([4, 1, 6, 1], [0, 9, 0, 9]),
            ([1, 1, 1, 1], [3, 3, 3, 3]),
            ([2, 1, 1, 4], [1, 5, 5, 2]),
        ];
        for (n, s) in cases {
            let view = View { mem: Mem::Spm, addr: 0, s, dt: DType::S8 };
            let list = |n: &Dims, v: &View| {
                let mut all = Vec::new();
                for_rows(n, |i1, i2, i3| {
                    all.extend((0..n[0]).map(|i0| v.at([i0, i1, i2, i3])));
                    Ok(())
                })
                .expect("no failure");
                all
            };
            let (mut merged_n, mut merged) = (n, view);
            merge_dims(&mut merged_n, &mut [&mut merged]);
            assert_eq!(list(&n, &view), list(&merged_n, &merged), "{n:?} {s:?}");
        }
    }
}
