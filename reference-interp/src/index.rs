//! Index arithmetic: strides, broadcasting, axes. Everything is row-major.
//!
//! What moves elements is written as a view of [`positions`], the tensor of linear indices: permuted, sliced, broadcast or reshaped by
//! `ndarray`, it says for each result which element goes there, and [`crate::Bounded::moved`] takes value, radius and state along.

use crate::error::{OpError, OpResult, invalid};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

/// Row-major strides in elements.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut s = vec![1usize; dims.len()];
    for i in (0..dims.len().saturating_sub(1)).rev() {
        s[i] = s[i + 1].saturating_mul(dims[i + 1]);
    }
    s
}

/// Number of elements; saturates (results are held against the limit before they are made).
pub fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1usize, |n, &d| n.saturating_mul(d))
}

/// The linear indices `0, 1, …` of a tensor, in its shape.
pub fn positions(dims: &[usize]) -> OpResult<ArrayD<usize>> {
    shaped((0..count(dims)).collect(), dims)
}

/// Linear indices under a shape.
pub fn shaped(indices: Vec<usize>, dims: &[usize]) -> OpResult<ArrayD<usize>> {
    ArrayD::from_shape_vec(IxDyn(dims), indices).map_err(|e| OpError::Invalid(format!("shape {dims:?}: {e}")))
}

/// The elements of a view in order.
pub fn listed(view: &ArrayViewD<'_, usize>) -> Vec<usize> {
    let mut list = Vec::with_capacity(view.len());
    // `for_each` runs along the innermost axis; an iterator over a view of unknown rank asks again for each element.
    view.iter().for_each(|&p| list.push(p));
    list
}

/// The extents to which several shapes broadcast (ONNX multidirectional broadcasting).
pub fn broadcast(shapes: &[&[usize]]) -> OpResult<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![1usize; rank];
    for s in shapes {
        for (k, &d) in s.iter().enumerate() {
            let o = &mut out[rank - s.len() + k];
            match (*o, d) {
                (a, b) if a == b => {}
                (1, b) => *o = b,
                (_, 1) => {}
                _ => return invalid(format!("shapes {shapes:?} do not broadcast")),
            }
        }
    }
    Ok(out)
}

/// For each element of `out`, the linear index in a tensor of extents `src` that broadcasts to it.
pub fn broadcast_map(src: &[usize], out: &[usize]) -> Vec<usize> {
    if src == out {
        return (0..count(out)).collect();
    }
    let pad = out.len() - src.len();
    let st = strides(src);
    let step: Vec<usize> = (0..out.len()).map(|k| if k < pad || src[k - pad] == 1 { 0 } else { st[k - pad] }).collect();
    strided_map(out, &step)
}

/// For each element of `out`, the sum of coordinate times step.
pub fn strided_map(out: &[usize], step: &[usize]) -> Vec<usize> {
    let mut map = Vec::with_capacity(count(out));
    let Some((&run, outer)) = out.split_last() else { return vec![0] };
    let by = step[outer.len()];
    let mut odo = Odometer::new(outer);
    while let Some(c) = odo.next() {
        let first: usize = c.iter().zip(step).map(|(a, b)| a * b).sum();
        map.extend((0..run).map(|i| first + i * by));
    }
    map
}

/// Visits all coordinates of a box in row-major order.
#[derive(Clone, Debug)]
pub struct Odometer {
    dims: Vec<usize>,
    at: Vec<usize>,
    state: State,
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fresh,
    Running,
    Done,
}

impl Odometer {
    /// At the start.
    pub fn new(dims: &[usize]) -> Odometer {
        let state = if dims.contains(&0) { State::Done } else { State::Fresh };
        Odometer { dims: dims.to_vec(), at: vec![0; dims.len()], state }
    }
    /// The next coordinate.
    #[expect(clippy::should_implement_trait, reason = "the item borrows from the odometer")]
    pub fn next(&mut self) -> Option<&[usize]> {
        match self.state {
            State::Done => None,
            State::Fresh => {
                self.state = State::Running;
                Some(&self.at)
            }
            State::Running => {
                for k in (0..self.dims.len()).rev() {
                    self.at[k] += 1;
                    if self.at[k] < self.dims[k] {
                        return Some(&self.at);
                    }
                    self.at[k] = 0;
                }
                self.state = State::Done;
                None
            }
        }
    }
}

/// A possibly negative axis as an index below `rank`.
pub fn axis(a: i64, rank: usize) -> OpResult<usize> {
    let r = rank as i64;
    if a < -r || a >= r {
        return invalid(format!("axis {a} is outside of rank {rank}"));
    }
    Ok(if a < 0 { (a + r) as usize } else { a as usize })
}

/// Several axes, distinct.
pub fn axes(list: &[i64], rank: usize) -> OpResult<Vec<usize>> {
    let mut out = Vec::with_capacity(list.len());
    for &a in list {
        let a = axis(a, rank)?;
        if out.contains(&a) {
            return invalid(format!("axis {a} is named twice"));
        }
        out.push(a);
    }
    Ok(out)
}

/// A shape as (outer, extent of the axis, inner): element (o, k, i) is at `(o*extent + k)*inner + i`.
pub fn split_at_axis(dims: &[usize], axis: usize) -> (usize, usize, usize) {
    (count(&dims[..axis]), dims[axis], count(&dims[axis + 1..]))
}
