//! Comparisons, logic, Where, IsNaN, IsInf.
//!
//! `a > b` is undecided iff the balls meet and the operands are not both exact (NUMERICS.md 3.3). An undecided condition of
//! Where gives the hull of both branches.

use super::elementwise::{hull_radius, pair, spread, unzip};
use super::integer::int_binary;
use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::index::broadcast;
use crate::value::{Bounded, Data, Float, Int};
use ir::{DType, Op};

/// Equal, Greater, GreaterOrEqual, Less, LessOrEqual. A comparison with NaN is false.
pub fn compare(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y, dims) = pair(a.cx, a.x(0)?, a.x(1)?)?;
    let op = a.node.op;
    let n = x.elements();
    let answer = |(v, sure): (bool, bool)| (i128::from(v), if sure { (i128::from(v), i128::from(v)) } else { (0, 1) });
    let r = match (&x.data, &y.data) {
        (Data::Float(p), Data::Float(q)) => Int::collect((0..n).map(|i| answer(float(op, p, q, i)))),
        (Data::Int(p), Data::Int(q)) => Int::collect((0..n).map(|i| answer(int(op, p, q, i)))),
        _ => return invalid("operands of different kinds"),
    };
    Ok(Bounded::from_int(DType::Bool, dims, r))
}

fn holds<T: PartialOrd>(op: Op, a: T, b: T) -> bool {
    match op {
        Op::Equal => a == b,
        Op::Greater => a > b,
        Op::GreaterOrEqual => a >= b,
        Op::Less => a < b,
        _ => a <= b,
    }
}

fn float(op: Op, p: &Float, q: &Float, i: usize) -> (bool, bool) {
    let v = holds(op, p.value[i], q.value[i]);
    if p.nan.as_ref().is_some_and(|n| n[i]) || q.nan.as_ref().is_some_and(|n| n[i]) {
        return (v, false);
    }
    let exact = p.radius[i] == 0.0 && q.radius[i] == 0.0;
    let nan = p.value[i].is_nan() || q.value[i].is_nan();
    let apart = p.hi(i) < q.lo(i) || p.lo(i) > q.hi(i);
    (v, exact || nan || apart)
}

fn int(op: Op, p: &Int, q: &Int, i: usize) -> (bool, bool) {
    let ((al, ah), (bl, bh)) = (p.range(i), q.range(i));
    let v = holds(op, p.value[i], q.value[i]);
    if op == Op::Equal {
        return (v, (al == ah && bl == bh) || ah < bl || bh < al);
    }
    (v, holds(op, al, bh) == holds(op, ah, bl))
}

/// And, Or, Xor.
pub fn logical(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y, dims) = pair(a.cx, a.x(0)?, a.x(1)?)?;
    if x.dtype != DType::Bool {
        return invalid(format!("{} of {} is not defined", a.node.op, x.dtype));
    }
    let r = int_binary(DType::Bool, x.int()?, y.int()?, |p, q| {
        Some(match a.node.op {
            Op::And => p & q,
            Op::Or => p | q,
            _ => p ^ q,
        })
    });
    Ok(Bounded::from_int(DType::Bool, dims, r))
}

/// Not.
pub fn not(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    if x.dtype != DType::Bool {
        return invalid(format!("Not of {} is not defined", x.dtype));
    }
    let v = x.int()?;
    let hull = (0..v.value.len()).map(|i| (1 - v.range(i).1, 1 - v.range(i).0)).collect();
    let value = v.value.iter().map(|p| 1 - p).collect();
    Ok(Bounded::from_int(DType::Bool, x.dims.clone(), Int::with_hull(value, hull)))
}

/// IsNaN, IsInf. Undecided where NaN (or overflow) is reachable.
pub fn classify(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    let n = f.value.len();
    let (mut value, mut hull) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for i in 0..n {
        let v = f.value[i];
        let yes = if a.node.op == Op::IsNaN {
            v.is_nan()
        } else {
            v == f64::INFINITY && a.flag("detect_positive")? || v == f64::NEG_INFINITY && a.flag("detect_negative")?
        };
        let open = f.nan.as_ref().is_some_and(|n| n[i]) || f.radius[i].is_infinite();
        value.push(i128::from(yes));
        hull.push(if open { (0, 1) } else { (i128::from(yes), i128::from(yes)) });
    }
    Ok(Bounded::from_int(DType::Bool, x.dims.clone(), Int::with_hull(value, hull)))
}

/// Where: the chosen branch; the hull of both where the condition is undecided.
pub fn where_(a: &Args<'_>) -> OpResult<Bounded> {
    let (c, x, y) = (a.x(0)?, a.x(1)?, a.x(2)?);
    if c.dtype != DType::Bool || x.dtype != y.dtype {
        return invalid("Where needs a bool condition and branches of one type");
    }
    let dims = broadcast(&[&c.dims, &x.dims, &y.dims])?;
    a.cx.alloc(&dims)?;
    let (c, x, y) = (spread(c, &dims), spread(x, &dims), spread(y, &dims));
    let c = c.int()?;
    let n = c.value.len();
    match (&x.data, &y.data) {
        (Data::Int(p), Data::Int(q)) => {
            let value = (0..n).map(|i| if c.value[i] != 0 { p.value[i] } else { q.value[i] }).collect();
            let hull = (0..n)
                .map(|i| match c.range(i) {
                    (1, 1) => p.range(i),
                    (0, 0) => q.range(i),
                    _ => (p.range(i).0.min(q.range(i).0), p.range(i).1.max(q.range(i).1)),
                })
                .collect();
            Ok(Bounded::from_int(x.dtype, dims, Int::with_hull(value, hull)))
        }
        (Data::Float(p), Data::Float(q)) => {
            let (v, e, nan) = unzip(n, |i| {
                let (s, o) = if c.value[i] != 0 { (p, q) } else { (q, p) };
                let flag = |f: &Float| f.nan.as_ref().is_some_and(|n| n[i]);
                if c.range(i).0 == c.range(i).1 {
                    return (s.value[i], s.radius[i], flag(s));
                }
                let r = s.radius[i].max(hull_radius(s.value[i], o.lo(i), o.hi(i)));
                (s.value[i], r, flag(s) || o.may_nan(i))
            });
            let grid = p.grid.zip(q.grid).map(|(g, h)| g.min(h));
            Ok(a.cx.selected(x.dtype, dims, v, e, Some(nan), grid))
        }
        _ => invalid("branches of different kinds"),
    }
}
