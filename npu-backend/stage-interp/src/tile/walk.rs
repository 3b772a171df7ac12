//! Nested loops over several strided operands at once.

use crate::error::Fault;

/// Counters of the loops and the element offset of each of `K` operands.
#[derive(Debug)]
pub(super) struct Walk<'a, const K: usize> {
    n: &'a [usize],
    strides: [&'a [isize]; K],
    /// Loop counters, outermost first.
    pub index: Vec<usize>,
    /// Element offsets from the views' starts.
    pub offset: [isize; K],
    done: bool,
}

impl<'a, const K: usize> Walk<'a, K> {
    /// Starts at the first element.
    pub(super) fn new(n: &'a [usize], strides: [&'a [isize]; K]) -> Result<Self, Fault> {
        if strides.iter().any(|s| s.len() != n.len()) {
            return Err(Fault::Illegal("a view's strides and loops differ in number"));
        }
        Ok(Walk { n, strides, index: vec![0; n.len()], offset: [0; K], done: n.contains(&0) })
    }

    /// Whether all elements are done.
    pub(super) fn done(&self) -> bool {
        self.done
    }

    /// Goes to the next element, the last loop fastest.
    pub(super) fn next(&mut self) {
        for d in (0..self.n.len()).rev() {
            self.index[d] += 1;
            if self.index[d] < self.n[d] {
                for k in 0..K {
                    self.offset[k] += self.strides[k][d];
                }
                return;
            }
            for k in 0..K {
                self.offset[k] -= self.strides[k][d] * (self.n[d] as isize - 1);
            }
            self.index[d] = 0;
        }
        self.done = true;
    }
}
