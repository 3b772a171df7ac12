//! TopK by counting, CumSum and CumProd by doubling.

use super::index::{axis, check_pairs, plus, rows};
use super::{Lowered, scalar_like, work_type};
use crate::passes::build::{Build, Res};
use ir::{DType, Node, NodeId, Op, ValueId};

/// TopK: an element's rank is the number of elements that come before it: greater ones (smaller ones), and equal ones of a
/// lower index. NaN is greater than everything. The r-th output is the element of rank r.
pub fn top_k(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    let dims = b.dims(x);
    let ax = axis(n, "axis", -1, dims.len());
    let (len, k) = (dims[ax], b.r.old.ty(n.outputs[0]).dims[ax]);
    let last: Vec<usize> = (0..dims.len()).filter(|&i| i != ax).chain([ax]).collect();
    let moved: Vec<usize> = last.iter().map(|&i| dims[i]).collect();
    let lines = moved[..dims.len() - 1].iter().product();
    check_pairs(b, n, &[lines, len, len])?;
    let flat = b.transpose(x, &last)?;
    let flat = b.reshape(flat, &[lines, len])?;
    let rank = ranks(b, flat, [lines, len], n.attrs.flag("largest"))?;
    // at[l, r] = the i with rank[l, i] = r
    let rank = b.reshape(rank, &[lines, 1, len])?;
    let wanted: Vec<i128> = (0..k as i128).collect();
    let wanted = b.whole(DType::I32, &[k, 1], &wanted);
    let hit = b.bin(Op::Equal, rank, wanted)?;
    let iota: Vec<i128> = (0..len as i128).collect();
    let (iota, zero) = (b.whole(DType::I32, &[len], &iota), b.whole(DType::I32, &[], &[0]));
    let at = b.select(hit, iota, zero)?;
    let at = b.reduce(Op::ReduceMax, at, &[2], false)?;
    let base: Vec<i128> = (0..lines).map(|l| (l * len) as i128).collect();
    let base = b.whole(DType::I32, &[lines, 1], &base);
    let place = plus(b, at, base)?;
    let values = rows(b, flat, place, &[])?;
    let index = b.cast(at, DType::I64)?;
    let back: Vec<usize> = (0..dims.len()).map(|i| last.iter().position(|&l| l == i).expect("a permutation")).collect();
    let mut out = moved;
    *out.last_mut().expect("TopK has an axis") = k;
    let mut restore = |v: ValueId| -> Res<ValueId> {
        let v = b.reshape(v, &out)?;
        b.transpose(v, &back)
    };
    Ok(Some(vec![restore(values)?, restore(index)?]))
}

/// Ranks of the elements of each line, int32.
fn ranks(b: &mut Build<'_, '_>, x: ValueId, [lines, len]: [usize; 2], largest: bool) -> Res<ValueId> {
    // Element j (down) against element i (across).
    let (j, i) = (b.reshape(x, &[lines, len, 1])?, b.reshape(x, &[lines, 1, len])?);
    let (above, below) = (greater(b, j, i)?, greater(b, i, j)?);
    let (first, second) = if largest { (above, below) } else { (below, above) };
    let earlier = b.mask(&[len, len], |c| c[0] < c[1]);
    let not_after = b.un(Op::Not, second)?;
    let tie = b.bin(Op::And, not_after, earlier)?;
    let before = b.bin(Op::Or, first, tie)?;
    let before = b.cast(before, DType::I32)?;
    b.reduce(Op::ReduceSum, before, &[1], false)
}
/// `x > y`, NaN above everything else.
fn greater(b: &mut Build<'_, '_>, x: ValueId, y: ValueId) -> Res<ValueId> {
    let more = b.bin(Op::Greater, x, y)?;
    if !b.ty(x).dtype.is_float() {
        return Ok(more);
    }
    let (nx, ny) = (b.un(Op::IsNaN, x)?, b.un(Op::IsNaN, y)?);
    let number = b.un(Op::Not, ny)?;
    let only = b.bin(Op::And, nx, number)?;
    b.bin(Op::Or, more, only)
}

/// CumSum, CumProd: in step k each partial result takes in the one `2^k` before it. No neutral element is put in, so that
/// an element is the sum of the elements before it and of nothing else.
pub fn cumulative(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    let rank = b.ty(x).rank() as i128;
    let Some(a) = n.input(1).and_then(|v| b.r.old.constant(v)).and_then(|t| t.int(0)) else { return Ok(None) };
    let ax = usize::try_from(if a < 0 { a + rank } else { a }).ok().filter(|&a| (a as i128) < rank);
    let Some(ax) = ax else { return Ok(None) };
    let own = b.ty(x).dtype;
    let mut y = b.cast(x, work_type(own))?;
    let (len, backward) = (b.dims(x)[ax], n.attrs.flag("reverse"));
    let (op, neutral) = if n.op == Op::CumSum { (Op::Add, 0.0) } else { (Op::Mul, 1.0) };
    let mut step = 1;
    while step < len {
        let (head, tail) = (b.slice_axis(y, ax, 0, step)?, b.slice_axis(y, ax, step, len)?);
        let (lead, rest) = (b.slice_axis(y, ax, 0, len - step)?, b.slice_axis(y, ax, len - step, len)?);
        let joined = b.bin(op, lead, tail)?;
        y = b.concat(&if backward { [joined, rest] } else { [head, joined] }, ax)?;
        step *= 2;
    }
    if n.attrs.flag("exclusive") {
        let mut dims = b.dims(y);
        dims[ax] = 1;
        let edge = scalar_like(b, y, neutral);
        let edge = b.expand(edge, &dims)?;
        y = match (len, backward) {
            (1, _) => edge,
            (_, false) => {
                let kept = b.slice_axis(y, ax, 0, len - 1)?;
                b.concat(&[edge, kept], ax)?
            }
            (_, true) => {
                let kept = b.slice_axis(y, ax, 1, len)?;
                b.concat(&[kept, edge], ax)?
            }
        };
    }
    Ok(Some(vec![b.cast(y, own)?]))
}
