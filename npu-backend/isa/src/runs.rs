//! Sets of bytes as run lists: a contiguous run repeated along a few strides, never expanded per element.
//!
//! All questions (do two sets meet? does a descriptor write a byte twice?) reduce to one: is there an integer point of
//! a box whose linear form falls in an interval? [`reaches`] answers it exactly, by branching on the largest weight,
//! where nested strides leave two or three candidates a level.

use crate::codes::{Mem, Region};

/// An address space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Space {
    /// Scratchpad.
    Spm,
    /// Parameter records.
    Prm,
    /// Look-up tables.
    Lut,
    /// Accumulator.
    Acc,
    /// A DRAM region.
    Dram(Region),
}

impl Space {
    /// Number of spaces.
    pub const COUNT: usize = 8;
    /// Index 0..8: SPM, PRM, LUT, ACC, R0..R3.
    pub fn index(self) -> usize {
        match self {
            Space::Spm => 0,
            Space::Prm => 1,
            Space::Lut => 2,
            Space::Acc => 3,
            Space::Dram(r) => 4 + r.index(),
        }
    }
    /// The space of a local memory (DRAM and immediates have none).
    pub fn local(mem: Mem) -> Option<Space> {
        match mem {
            Mem::Spm => Some(Space::Spm),
            Mem::Prm => Some(Space::Prm),
            Mem::Lut => Some(Space::Lut),
            Mem::Acc => Some(Space::Acc),
            Mem::Dram | Mem::Imm => None,
        }
    }
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Space::Spm => f.write_str("spm"),
            Space::Prm => f.write_str("prm"),
            Space::Lut => f.write_str("lut"),
            Space::Acc => f.write_str("acc"),
            Space::Dram(r) => write!(f, "{r}"),
        }
    }
}

/// A loop of a descriptor: `count` steps of `stride` bytes (signed).
pub type Loop = (u64, i128);

/// The loops of a descriptor, in place: at most [`MAX_DIMS`] of them, because every instruction makes several lists.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loops {
    items: [Loop; MAX_DIMS],
    len: usize,
}

impl Loops {
    /// No loops.
    pub fn new() -> Self {
        Loops::default()
    }

    /// Adds a loop.
    ///
    /// # Panics
    /// If there are [`MAX_DIMS`] already; no instruction has more.
    pub fn push(&mut self, item: Loop) {
        self.items[self.len] = item;
        self.len += 1;
    }
}

impl std::ops::Deref for Loops {
    type Target = [Loop];
    fn deref(&self) -> &[Loop] {
        &self.items[..self.len]
    }
}

impl Extend<Loop> for Loops {
    fn extend<I: IntoIterator<Item = Loop>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl FromIterator<Loop> for Loops {
    fn from_iter<I: IntoIterator<Item = Loop>>(items: I) -> Self {
        let mut loops = Loops::new();
        loops.extend(items);
        loops
    }
}

impl<const N: usize> From<[Loop; N]> for Loops {
    fn from(items: [Loop; N]) -> Self {
        items.into_iter().collect()
    }
}

/// Bytes `base + sum(i_k * stride_k) + 0..len` before they are known to lie in their space.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The space.
    pub space: Space,
    /// Address of index 0.
    pub base: i128,
    /// Bytes of the innermost piece.
    pub len: u64,
    /// The loops.
    pub loops: Loops,
}

impl Descriptor {
    /// Lowest byte and one past the highest.
    pub fn hull(&self) -> (i128, i128) {
        let (mut lo, mut hi) = (self.base, self.base + i128::from(self.len));
        for &(count, stride) in self.loops.iter() {
            let reach = i128::from(count.saturating_sub(1)).saturating_mul(stride);
            lo = lo.saturating_add(reach.min(0));
            hi = hi.saturating_add(reach.max(0));
        }
        (lo, hi)
    }

    /// The set in canonical form. The caller has checked that the hull lies in `0..=2^62`.
    pub fn run(&self) -> Run {
        let (lo, _) = self.hull();
        let mut len = self.len;
        let mut kept: Vec<Dim> = Vec::new(); // most boxes are contiguous: nothing is allocated
        for &(count, stride) in self.ascending().iter().filter(|l| l.1 != 0) {
            let dim = Dim { count, stride: narrow(stride.unsigned_abs()) };
            match kept.last_mut() {
                None if dim.stride <= len => len += (dim.count - 1) * dim.stride,
                Some(last) if dim.stride.is_multiple_of(last.stride) && dim.stride / last.stride <= last.count => {
                    last.count += dim.stride / last.stride * (dim.count - 1);
                }
                _ => kept.push(dim),
            }
        }
        Run { space: self.space, start: narrow(lo.unsigned_abs()), len, dims: kept }
    }

    /// The loops that run more than once, strides made positive, by ascending stride.
    fn ascending(&self) -> Loops {
        let mut loops: Loops =
            self.loops.iter().filter(|l| l.0 > 1).map(|&(c, s)| (c, i128::from(narrow(s.unsigned_abs())))).collect();
        let len = loops.len;
        loops.items[..len].sort_by_key(|l| l.1);
        loops
    }

    /// Whether two different index vectors write a common byte. Exact within the search budget of [`reaches`]; beyond
    /// it, `true`.
    pub fn writes_twice(&self) -> bool {
        let ascending = self.ascending();
        let narrowed = |&(count, stride): &Loop| (count, narrow(stride.unsigned_abs()));
        let mut span = self.len;
        let nested = ascending.iter().map(narrowed).all(|(count, stride)| {
            let fits = stride >= span;
            span = stride.saturating_mul(count - 1).saturating_add(span);
            fits
        });
        if nested {
            return false;
        }
        let loops: Vec<(u64, u64)> = ascending.iter().map(narrowed).collect();
        // Some difference vector has its first non-zero entry at k, positive; entries after k are free in both signs.
        let reach = i128::from(self.len) - 1;
        (0..loops.len()).any(|k| {
            let (count, stride) = loops[k];
            let mut terms = vec![Dim { count: count - 1, stride }];
            let mut shift = i128::from(stride);
            for &(c, s) in &loops[k + 1..] {
                terms.push(Dim { count: 2 * c - 1, stride: s });
                shift -= i128::from(c - 1) * i128::from(s);
            }
            reaches(terms, -reach - shift, reach - shift).unwrap_or(true)
        })
    }
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A repetition of a canonical run list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Dim {
    /// Repetitions, at least 2.
    pub count: u64,
    /// Bytes from one to the next, positive.
    pub stride: u64,
}

/// A set of bytes in canonical form: runs of `len` bytes at `start + sum(i_k * stride_k)`, strides ascending.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Run {
    /// The space.
    pub space: Space,
    /// Lowest byte.
    pub start: u64,
    /// Bytes of a run, at least 1.
    pub len: u64,
    /// Repetitions, inner first.
    pub dims: Vec<Dim>,
}

impl Run {
    /// One past the highest byte.
    pub fn end(&self) -> u64 {
        self.start + self.len + self.dims.iter().map(|d| (d.count - 1) * d.stride).sum::<u64>()
    }
    /// Number of runs (they may overlap where strides do not nest).
    pub fn runs(&self) -> u64 {
        self.dims.iter().map(|d| d.count).fold(1, u64::saturating_mul)
    }
    /// Bytes, counted once for each run: the size of the set where strides nest.
    pub fn bytes(&self) -> u64 {
        self.runs().saturating_mul(self.len)
    }
    /// Strides nest: the runs are disjoint and [`Run::intervals`] ascends.
    pub fn nested(&self) -> bool {
        let mut span = self.len;
        self.dims.iter().all(|d| {
            let fits = d.stride >= span;
            span += (d.count - 1) * d.stride;
            fits
        })
    }
    /// The runs as (start, one past the end); ascending if the strides nest.
    pub fn intervals(&self) -> Intervals<'_> {
        Intervals { run: self, index: [0; MAX_DIMS], done: false }
    }
    /// The set holds a byte.
    pub fn contains(&self, byte: u64) -> bool {
        let one = Run { space: self.space, start: byte, len: 1, dims: Vec::new() };
        self.overlaps(&one)
    }
    /// Two sets have a common byte. Exact within the search budget of [`reaches`]; beyond it, `true`.
    pub fn overlaps(&self, other: &Run) -> bool {
        if self.space != other.space || self.start >= other.end() || other.start >= self.end() {
            return false;
        }
        if self.dims.is_empty() && other.dims.is_empty() {
            return true;
        }
        let last = other.end() - other.len;
        let shift = i128::from(self.start) - i128::from(last);
        let terms = self.dims.iter().chain(&other.dims).copied().collect();
        reaches(terms, 1 - i128::from(self.len) - shift, i128::from(other.len) - 1 - shift).unwrap_or(true)
    }
    /// Every run is a whole number of aligned blocks of `block` bytes.
    pub fn whole_blocks(&self, block: u64) -> bool {
        self.start.is_multiple_of(block)
            && self.len.is_multiple_of(block)
            && self.dims.iter().all(|d| d.stride.is_multiple_of(block))
    }
}

/// Most repetitions of a canonical run list (matrix input: batch, rows twice, columns twice, channel groups).
pub const MAX_DIMS: usize = 6;

/// Iterator over the runs of a list.
#[derive(Clone, Debug)]
pub struct Intervals<'a> {
    run: &'a Run,
    index: [u64; MAX_DIMS],
    done: bool,
}

impl Iterator for Intervals<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        if self.done {
            return None;
        }
        let dims = &self.run.dims;
        let start = self.run.start + dims.iter().zip(&self.index).map(|(d, i)| d.stride * i).sum::<u64>();
        self.done = true;
        for (dim, index) in dims.iter().zip(&mut self.index) {
            *index += 1;
            if *index < dim.count {
                self.done = false;
                break;
            }
            *index = 0;
        }
        Some((start, start + self.run.len))
    }
}

/// Steps after which [`reaches`] gives up. Strides of real descriptors nest and need a few dozen.
const BUDGET: u32 = 1 << 20;

/// Whether some `x` with `0 <= x_k < count_k` has `lo <= sum(x_k * stride_k) <= hi`; `None` if the budget ran out.
pub fn reaches(mut terms: Vec<Dim>, lo: i128, hi: i128) -> Option<bool> {
    terms.retain(|t| t.count > 1 && t.stride > 0);
    terms.sort_unstable_by_key(|t| std::cmp::Reverse(t.stride));
    terms.dedup_by(|next, kept| {
        let same = next.stride == kept.stride;
        if same {
            kept.count += next.count - 1;
        }
        same
    });
    // rest[k]: largest sum of the terms after k; step[k]: gcd of the strides from k on
    let mut rest = vec![0i128; terms.len() + 1];
    let mut step = vec![0u64; terms.len() + 1];
    for k in (0..terms.len()).rev() {
        rest[k] = rest[k + 1] + i128::from(terms[k].count - 1) * i128::from(terms[k].stride);
        step[k] = gcd(terms[k].stride, step[k + 1]);
    }
    let mut budget = BUDGET;
    search(&terms, &rest, &step, lo, hi, &mut budget)
}

fn search(terms: &[Dim], rest: &[i128], step: &[u64], lo: i128, hi: i128, budget: &mut u32) -> Option<bool> {
    if lo <= 0 && hi >= 0 {
        return Some(true);
    }
    let Some(term) = terms.first() else { return Some(false) };
    let grid = i128::from(step[0]);
    if hi < 0 || lo > rest[0] || hi.div_euclid(grid) * grid < lo {
        return Some(false);
    }
    *budget = budget.checked_sub(1)?;
    let stride = i128::from(term.stride);
    let first = (lo - rest[1] + stride - 1).div_euclid(stride).max(0);
    let last = hi.div_euclid(stride).min(i128::from(term.count - 1));
    if terms.len() == 1 {
        return Some(first <= last);
    }
    let mut x = last;
    while x >= first {
        if search(&terms[1..], &rest[1..], &step[1..], lo - x * stride, hi - x * stride, budget)? {
            return Some(true);
        }
        x -= 1;
        *budget = budget.checked_sub(1)?;
    }
    Some(false)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;
    use std::collections::BTreeSet;

    fn random(rng: &mut SplitMix64) -> Descriptor {
        let loops = (0..rng.below(4)).map(|_| (1 + rng.below(4), i128::from(rng.range(-20, 20)))).collect();
        Descriptor { space: Space::Spm, base: 300 + i128::from(rng.below(60)), len: 1 + rng.below(6), loops }
    }

    /// Every byte, with how often it is written, by plain loops.
    fn expand(d: &Descriptor) -> Vec<i128> {
        let mut starts = vec![d.base];
        for &(count, stride) in d.loops.iter() {
            starts = starts.iter().flat_map(|s| (0..count).map(move |i| s + i128::from(i) * stride)).collect();
        }
        starts.iter().flat_map(|s| (0..i128::from(d.len)).map(move |b| s + b)).collect()
    }

    #[test]
    fn canonical_form_keeps_the_set_and_overlap_and_duplicates_are_exact() {
        let mut rng = SplitMix64::new(1);
        let (mut met, mut twice) = (0, 0);
        for _ in 0..20_000 {
            let (a, b) = (random(&mut rng), random(&mut rng));
            let (bytes_a, bytes_b) = (expand(&a), expand(&b));
            let set_a: BTreeSet<_> = bytes_a.iter().copied().collect();
            let set_b: BTreeSet<_> = bytes_b.iter().copied().collect();
            let run = a.run();
            let listed: BTreeSet<i128> = run.intervals().flat_map(|(s, e)| i128::from(s)..i128::from(e)).collect();
            assert_eq!(listed, set_a, "{a:?} {run:?}");
            assert_eq!(i128::from(run.end()), set_a.last().expect("not empty") + 1);
            assert_eq!(run.overlaps(&b.run()), set_a.intersection(&set_b).next().is_some(), "{a:?} {b:?}");
            assert_eq!(a.writes_twice(), bytes_a.len() != set_a.len(), "{a:?}");
            met += u32::from(run.overlaps(&b.run()));
            twice += u32::from(a.writes_twice());
        }
        assert!(met > 2000 && met < 18_000 && twice > 2000 && twice < 18_000, "{met} {twice}");
    }
}
