//! Exact integers: two's-complement wrapping, bit operations, and hulls where an operand is undecided.

use super::elementwise::{pair, spread};
use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::round::{int_range, wrap};
use crate::value::{Bounded, Int};
use ir::{DType, Op};
use std::borrow::Cow;

/// Wraps a range; everything where it does not stay one range.
pub fn wrap_range(lo: i128, hi: i128, d: DType) -> (i128, i128) {
    let (a, b) = (wrap(lo, d), wrap(hi, d));
    if hi.wrapping_sub(lo) == b.wrapping_sub(a) && a <= b { (a, b) } else { int_range(d).unwrap_or((a, b)) }
}

/// An exact binary operation that is monotone in each operand (so that the corners bound it), wrapped into `d`. `None` =
/// undefined (division by zero): any result.
pub fn int_binary(d: DType, a: &Int, b: &Int, f: impl Fn(i128, i128) -> Option<i128>) -> Int {
    let full = int_range(d).unwrap_or((0, 0));
    let one = |i: usize| {
        let v = f(a.value[i], b.value[i]);
        let value = v.map_or(0, |v| wrap(v, d));
        let ((al, ah), (bl, bh)) = (a.range(i), b.range(i));
        if let (Some(_), true) = (v, al == ah && bl == bh) {
            return (value, (value, value));
        }
        let spans_zero = bl < 0 && bh > 0;
        let corners = [f(al, bl), f(al, bh), f(ah, bl), f(ah, bh)];
        let range = corners.iter().try_fold((i128::MAX, i128::MIN), |(l, h), c| c.map(|c| (l.min(c), h.max(c))));
        let hull = match range {
            Some((l, h)) if v.is_some() && !(spans_zero && f(1, 0).is_none()) => wrap_range(l, h, d),
            _ => full,
        };
        (value, hull)
    };
    Int::collect((0..a.value.len()).map(one))
}

/// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitShift (of signed integers: to the right
/// arithmetic; by the width or more, or by a negative number, all bits are shifted out). An undecided operand
/// gives an undecided result.
pub fn bitwise(a: &Args<'_>) -> OpResult<Bounded> {
    let op = a.node.op;
    let (x, y, dims) = if op == Op::BitwiseNot {
        let x = a.x(0)?;
        let zero = spread(&Bounded::zero(x.dtype), &x.dims).into_owned();
        (Cow::Borrowed(x), Cow::Owned(zero), x.dims.clone())
    } else {
        pair(a.cx, a.x(0)?, a.x(1)?)?
    };
    if !x.dtype.is_int() {
        return invalid(format!("{op} of {} is not defined", x.dtype));
    }
    let left = op == Op::BitShift && a.str("direction")? == "LEFT";
    let bits = 8 * x.dtype.size() as i128;
    let f = |p: i128, q: i128| match op {
        Op::BitwiseNot => !p,
        Op::BitwiseAnd => p & q,
        Op::BitwiseOr => p | q,
        Op::BitwiseXor => p ^ q,
        _ if left && !(0..bits).contains(&q) => 0,
        _ if !(0..bits).contains(&q) => p >> 127,
        _ if left => p << q,
        _ => p >> q,
    };
    let (p, q) = (x.int()?, y.int()?);
    let full = int_range(x.dtype).unwrap_or((0, 0));
    let value: Vec<i128> = p.value.iter().zip(&q.value).map(|(&p, &q)| wrap(f(p, q), x.dtype)).collect();
    let decided = |i: usize| p.range(i).0 == p.range(i).1 && q.range(i).0 == q.range(i).1;
    let hull = (0..value.len()).map(|i| if decided(i) { (value[i], value[i]) } else { full }).collect();
    Ok(Bounded::from_int(x.dtype, dims, Int::with_hull(value, hull)))
}
