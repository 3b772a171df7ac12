//! Strided boxes as sets of contiguous byte runs.

use crate::mem::Check;

/// The byte set `{base + sum(i_d * stride_d) + 0..run}`, with strides made positive and contiguous dimensions merged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    base: i64,
    run: u64,
    /// (count, stride) by ascending stride; only the first `nd` count.
    dims: [(u64, u64); MAX_DIMS],
    nd: usize,
}

/// Four loops and the range of an index.
const MAX_DIMS: usize = 5;

impl Runs {
    /// A box of elements of `esz` bytes; `dims` are (count >= 1, stride in bytes), at most five.
    pub(crate) fn new(base: i64, esz: u64, dims: &[(u64, i64)]) -> Self {
        let mut runs = Runs { base, run: esz, dims: [(1, 0); MAX_DIMS], nd: 0 };
        for &(n, stride) in dims {
            if n <= 1 || stride == 0 {
                continue;
            }
            if stride < 0 {
                runs.base = runs.base.saturating_add(stride.saturating_mul(n as i64 - 1));
            }
            runs.dims[runs.nd] = (n, stride.unsigned_abs());
            runs.nd += 1;
        }
        runs.dims[..runs.nd].sort_unstable_by_key(|d| d.1);
        let mut merged = 0;
        while merged < runs.nd && runs.dims[merged].1 <= runs.run {
            let (n, stride) = runs.dims[merged];
            runs.run = runs.run.saturating_add((n - 1).saturating_mul(stride));
            merged += 1;
        }
        runs.dims.copy_within(merged.., 0);
        runs.nd -= merged;
        runs
    }

    /// Lowest byte and length of the hull.
    pub(crate) fn hull(&self) -> (i64, u64) {
        let span = |total: u64, &(n, s): &(u64, u64)| total.saturating_add((n - 1).saturating_mul(s));
        (self.base, self.dims[..self.nd].iter().fold(self.run, span))
    }

    /// Calls `f(address, length)` for every run until it fails.
    #[inline]
    pub(crate) fn each(&self, mut f: impl FnMut(i64, usize) -> Check) -> Check {
        let run = self.run as usize;
        let (inner, inner_stride) = if self.nd > 0 { self.dims[0] } else { (1, 0) };
        let mut index = [0u64; MAX_DIMS];
        let mut at = self.base;
        loop {
            for i0 in 0..inner {
                f(at + (i0 * inner_stride) as i64, run)?;
            }
            let mut d = 1;
            loop {
                if d >= self.nd {
                    return Ok(());
                }
                let (count, stride) = self.dims[d];
                index[d] += 1;
                if index[d] < count {
                    at += stride as i64;
                    break;
                }
                at -= ((count - 1) * stride) as i64;
                index[d] = 0;
                d += 1;
            }
        }
    }

    /// Bytes, counted once for each run (runs of strides that do not nest may share bytes).
    pub(crate) fn bytes(&self) -> u64 {
        self.dims[..self.nd].iter().fold(self.run, |total, &(n, _)| total.saturating_mul(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn runs_are_the_same_set_as_elements() {
        let cases: &[(i64, u64, [(u64, i64); 4])] = &[
            (0, 1, [(16, 1), (3, 16), (2, 48), (1, 0)]),
            (100, 4, [(5, 4), (3, -20), (1, 7), (2, 0)]),
            (100, 2, [(5, -2), (3, 12), (2, 40), (2, 90)]),
            (7, 4, [(3, 2), (2, 100), (1, 0), (1, 0)]),
            (7, 1, [(3, 2), (4, 3), (2, 50), (1, 0)]),
        ];
        for (base, esz, dims) in cases {
            let mut want = BTreeSet::new();
            for i in 0..dims.iter().map(|d| d.0).product::<u64>() {
                let (mut rest, mut at) = (i, *base);
                for &(n, s) in dims {
                    at += (rest % n) as i64 * s;
                    rest /= n;
                }
                want.extend(at..at + *esz as i64);
            }
            let runs = Runs::new(*base, *esz, dims);
            let mut got = BTreeSet::new();
            runs.each(|at, len| {
                got.extend(at..at + len as i64);
                Ok(())
            })
            .expect("no failure");
            assert_eq!(got, want);
            let (lo, len) = runs.hull();
            assert_eq!((Some(&lo), Some(&(lo + len as i64 - 1))), (want.first(), want.last()));
        }
    }
}
