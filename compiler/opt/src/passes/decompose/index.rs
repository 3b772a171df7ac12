//! Gathers by element, tuple and sequence, and one-hot: positions are computed as integers, then one Gather moves elements.
//!
//! A position is looked up in a table of multiples of its stride. So it counts from the end where it is negative and is
//! refused where it is out of range, exactly as the operator's own index: both are done by the Gather of the table.

use super::{Lowered, too_large};
use crate::fold::value;
use crate::passes::build::{Build, Res};
use ir::{Attrs, DType, Node, NodeId, Op, Tensor, ValueId};

/// `unit * i` for indices `i` in `[-len, len)`, negative ones counted from the end.
pub fn scaled(b: &mut Build<'_, '_>, index: ValueId, len: usize, unit: usize) -> Res<ValueId> {
    let table: Vec<i64> = (0..len).map(|i| (i * unit) as i64).collect();
    let table = b.ints(&table);
    let index = match b.ty(index).dtype {
        DType::I32 | DType::I64 => index,
        _ => b.cast(index, DType::I64)?,
    };
    b.index_op(Op::Gather, Attrs::none(), &[Some(table), Some(index)])
}
/// The sum of integers.
pub fn plus(b: &mut Build<'_, '_>, x: ValueId, y: ValueId) -> Res<ValueId> {
    let zero = |b: &Build<'_, '_>, v: ValueId| {
        b.r.new.constant(v).and_then(Tensor::ints).is_some_and(|v| v.iter().all(|&i| i == 0))
    };
    // A table of zeros (one batch, one channel) adds nothing, unless it broadcasts.
    if zero(b, y) && b.ty(y).elements() <= 1 && b.ty(y).rank() <= b.ty(x).rank() {
        return Ok(x);
    }
    b.index_op(Op::Add, Attrs::none(), &[Some(x), Some(y)])
}
/// Rows of `x`, seen as `[rows, inner…]`: the result has the extents of `at`, then `inner`.
pub fn rows(b: &mut Build<'_, '_>, x: ValueId, at: ValueId, inner: &[usize]) -> Res<ValueId> {
    let per = inner.iter().product::<usize>().max(1);
    let mut dims = vec![b.ty(x).elements() / per];
    dims.extend(inner);
    let flat = b.reshape(x, &dims)?;
    b.op(Op::Gather, Attrs::none().with_int("axis", 0), &[Some(flat), Some(at)])
}
/// A non-negative axis from an attribute of a node whose types check.
pub fn axis(n: &Node, name: &str, default: i64, rank: usize) -> usize {
    let a = n.attrs.int(name).unwrap_or(default);
    (if a < 0 { a + rank as i64 } else { a }) as usize
}

/// GatherElements: the position along the axis, plus the place of the line.
pub fn gather_elements(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, i) = (b.input(id, 0), b.input(id, 1));
    let (dx, mut lines) = (b.dims(x), b.dims(i));
    let (ax, st) = (axis(n, "axis", 0, dx.len()), value::strides(&dx));
    let at = scaled(b, i, dx[ax], st[ax])?;
    lines[ax] = 1;
    let lines = b.positions(&lines, |c| (0..c.len()).map(|k| (c[k] * st[k]) as i64).sum());
    let at = plus(b, at, lines)?;
    Ok(Some(vec![rows(b, x, at, &[])?]))
}

/// The row that each tuple of indices names, where `x` after `batch` leading axes is indexed by its next axes.
pub fn tuples(b: &mut Build<'_, '_>, x: &[usize], index: ValueId, batch: usize) -> Res<ValueId> {
    let di = b.dims(index);
    let (last, outer) = (di.len() - 1, &di[..di.len() - 1]);
    let depth = di[last];
    let st = value::strides(&x[..batch + depth]);
    let mut sum = b
        .positions(&(0..outer.len()).map(|k| if k < batch { outer[k] } else { 1 }).collect::<Vec<_>>(), |c| {
            (0..batch).map(|k| (c[k] * st[k]) as i64).sum()
        });
    for k in 0..depth {
        let p = [k as i64, k as i64 + 1, last as i64, 1].map(|v| b.ints(&[v]));
        let part =
            b.index_op(Op::Slice, Attrs::none(), &[Some(index), Some(p[0]), Some(p[1]), Some(p[2]), Some(p[3])])?;
        let part = b.reshape(part, outer)?;
        let at = scaled(b, part, x[batch + k], st[batch + k])?;
        sum = plus(b, at, sum)?;
    }
    Ok(sum)
}
/// GatherND: tuples of indices name rows.
pub fn gather_nd(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, i) = (b.input(id, 0), b.input(id, 1));
    let batch = n.attrs.int("batch_dims").unwrap_or(0) as usize;
    let (dx, depth) = (b.dims(x), *b.dims(i).last().expect("indices have rank 1 or more"));
    let at = tuples(b, &dx, i, batch)?;
    Ok(Some(vec![rows(b, x, at, &dx[batch + depth..])?]))
}

/// ReverseSequence: step t of a sequence of length s is step `s - 1 - t` where t < s, else itself.
pub fn reverse_sequence(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, len) = (b.input(id, 0), b.input(id, 1));
    let dx = b.dims(x);
    let (time, batch) = (axis(n, "time_axis", 0, 2), axis(n, "batch_axis", 1, 2));
    let mut dims = [1, 1];
    dims[batch] = dx[batch];
    let len = b.cast(len, DType::I64)?;
    let len = b.reshape(len, &dims)?;
    let mut steps = [1, 1];
    steps[time] = dx[time];
    let (step, after) = (b.positions(&steps, |c| c[time] as i64), b.positions(&steps, |c| c[time] as i64 + 1));
    let mirrored = b.index_op(Op::Sub, Attrs::none(), &[Some(len), Some(after)])?;
    let inside = b.index_op(Op::Less, Attrs::none(), &[Some(step), Some(len)])?;
    let from = b.index_op(Op::Where, Attrs::none(), &[Some(inside), Some(mirrored), Some(step)])?;
    let st = value::strides(&dx[..2]);
    let (unit, line) = (b.ints(&[st[time] as i64]), b.positions(&dims, |c| (c[batch] * st[batch]) as i64));
    let at = b.index_op(Op::Mul, Attrs::none(), &[Some(from), Some(unit)])?;
    let at = b.index_op(Op::Add, Attrs::none(), &[Some(at), Some(line)])?;
    Ok(Some(vec![rows(b, x, at, &dx[2..])?]))
}

/// OneHot: indices (floats cut to integers) compared with 0, 1, …; negative ones count from the end, others outside give `off`.
pub fn one_hot(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (i, v) = (b.input(id, 0), b.input(id, 2));
    let to = b.r.old.ty(n.outputs[0]).dims.clone();
    let ax = axis(n, "axis", -1, to.len());
    let depth = to[ax];
    let i = b.cast(i, DType::I64)?;
    let (zero, end) = (b.whole(DType::I64, &[], &[0]), b.whole(DType::I64, &[], &[depth as i128]));
    let negative = b.index_op(Op::Less, Attrs::none(), &[Some(i), Some(zero)])?;
    let wrapped = b.index_op(Op::Add, Attrs::none(), &[Some(i), Some(end)])?;
    let i = b.index_op(Op::Where, Attrs::none(), &[Some(negative), Some(wrapped), Some(i)])?;
    let mut dims = b.dims(i);
    dims.insert(ax, 1);
    let i = b.reshape(i, &dims)?;
    let mut along = vec![1; to.len()];
    along[ax] = depth;
    let iota = b.positions(&along, |c| c[ax] as i64);
    let hit = b.index_op(Op::Equal, Attrs::none(), &[Some(i), Some(iota)])?;
    let (off, on) = (b.slice_axis(v, 0, 0, 1)?, b.slice_axis(v, 0, 1, 2)?);
    let (off, on) = (b.reshape(off, &[])?, b.reshape(on, &[])?);
    Ok(Some(vec![b.select(hit, on, off)?]))
}

/// A comparison of everything with everything may make this many elements.
pub const MAX_PAIRS: usize = 1 << 22;

/// Errors where a comparison of `n` pairs would be too large.
pub fn check_pairs(b: &Build<'_, '_>, n: &Node, pairs: &[usize]) -> Res<()> {
    match pairs.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).filter(|&p| p <= MAX_PAIRS) {
        Some(_) => Ok(()),
        None => Err(too_large(b, n, format!("{pairs:?} pairs to compare, at most {MAX_PAIRS}"))),
    }
}
