//! RED, SCAN and SORT (3.4).

use std::cmp::Ordering;

use isa::{Act, DType, Mem, RedFn, RqMode, ScanFn, SortFn, TrapCode, Vx, VxFn};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num::{self, canon};

use super::view::{self, Dims, View};
use super::vx_int::narrow128;

fn decode(what: &str) -> Fault {
    Fault::new(TrapCode::Decode, what)
}

/// Operations that RED, SCAN, SC and POOL share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fold {
    Sum,
    Prod,
    Max,
    Min,
}

impl Fold {
    #[inline(always)]
    pub(crate) fn float(self, a: f32, b: f32) -> f32 {
        match self {
            Fold::Sum => canon(a + b),
            Fold::Prod => canon(a * b),
            Fold::Max => num::fmax(a, b),
            Fold::Min => num::fmin(a, b),
        }
    }

    /// Exact; a product that leaves 128 bits is kept modulo 2^128, or saturated if the result will be.
    pub(crate) fn int(self, a: i128, b: i128, sat: bool) -> i128 {
        match self {
            Fold::Sum => a.wrapping_add(b),
            Fold::Prod if sat => a.saturating_mul(b),
            Fold::Prod => a.wrapping_mul(b),
            Fold::Max => a.max(b),
            Fold::Min => a.min(b),
        }
    }
}

/// RED.
pub(crate) fn reduce(m: &mut Machine, v: &Vx) -> Check {
    let VxFn::Red(f) = v.func else { return Err(decode("RED without a RED function")) };
    if v.form.is_prm() && !f.is_arg() {
        return Err(decode("RED has no form PRM"));
    }
    let axis = usize::from(v.axis & 3);
    let n = view::axis_first(&view::dims(&v.n), axis);
    let (a, d) = (View::new(&v.a).with_axis_first(axis), View::new(&v.d).with_axis_first(axis));
    let dn = [1, n[1], n[2], n[3]];
    let mut reads = vec![(&a, &n)];
    if v.acc {
        reads.push((&d, &dn));
    }
    m.check_views(&reads, &d, &dn)?;
    m.check_acc(&reads)?;
    if f.is_arg() {
        arg(m, v, f, &a, &d, &n)?;
    } else if a.dt.is_float() {
        reduce_float(m, v, f, &a, &d, &n)?;
    } else {
        reduce_int(m, v, f, &a, &d, &n)?;
    }
    m.view_written(&d, &dn)
}

fn fold_of(f: RedFn) -> Fold {
    match f {
        RedFn::Prod => Fold::Prod,
        RedFn::Max | RedFn::ArgMax => Fold::Max,
        RedFn::Min | RedFn::ArgMin => Fold::Min,
        RedFn::Sum => Fold::Sum,
    }
}

/// The fixed tree over at most 16 values, absent ones skipped.
fn tree(values: &[f32], op: Fold) -> Option<f32> {
    if values.len() <= 1 {
        return values.first().copied();
    }
    let half = values.len().next_power_of_two() / 2;
    let (low, high) = values.split_at(half);
    match (tree(low, op), tree(high, op)) {
        (Some(l), Some(h)) => Some(op.float(l, h)),
        (l, h) => l.or(h),
    }
}

fn reduce_float(m: &mut Machine, v: &Vx, f: RedFn, a: &View, d: &View, n: &Dims) -> Check {
    if !d.dt.is_float() {
        return Err(decode("RED of floats to an integer"));
    }
    let op = fold_of(f);
    let mut row = Vec::new();
    view::for_rows(n, |i1, i2, i3| {
        let (from, to) = (a.row(i1, i2, i3), d.row(i1, i2, i3));
        if n[0] == 1 && !v.acc && a.dt == d.dt && v.act == Act::None {
            let bits = view::load_bits(&m.mem(a.mem)?.data, a.size(), from); // one element returns its bits
            view::store_bits(&mut m.mem_mut(d.mem)?.data, d.size(), to, bits);
            return Ok(());
        }
        row.clear();
        view::load_f32(&m.mem(a.mem)?.data, a.dt, from, a.s[0], n[0], &mut row);
        let mut acc = None;
        if v.acc {
            let mut start = Vec::new();
            view::load_f32(&m.mem(d.mem)?.data, d.dt, to, 0, 1, &mut start);
            acc = start.first().copied();
        }
        for group in row.chunks(16) {
            let t = if matches!(op, Fold::Sum | Fold::Prod) {
                tree(group, op)
            } else {
                group.iter().copied().reduce(|x, y| op.float(x, y))
            };
            acc = match (acc, t) {
                (Some(x), Some(y)) => Some(op.float(x, y)),
                (x, y) => x.or(y),
            };
        }
        let mut y = acc.unwrap_or(0.0);
        if v.act == Act::Relu {
            y = num::fmax(y, 0.0);
        }
        view::store_f32(&mut m.mem_mut(d.mem)?.data, d.dt, to, 0, &[y]);
        Ok(())
    })
}

fn check_bools(dt: DType, values: &[i128]) -> Check {
    match values.iter().find(|x| dt.is_bool() && **x != 0 && **x != 1) {
        Some(x) => Err(Fault::new(TrapCode::Bool, format!("a bool byte is {x}"))),
        None => Ok(()),
    }
}

fn reduce_int(m: &mut Machine, v: &Vx, f: RedFn, a: &View, d: &View, n: &Dims) -> Check {
    if d.dt.is_float() {
        return Err(decode("RED of integers to a float"));
    }
    let (op, sat) = (fold_of(f), v.rq == RqMode::Sat);
    let mut row = Vec::new();
    view::for_rows(n, |i1, i2, i3| {
        let (from, to) = (a.row(i1, i2, i3), d.row(i1, i2, i3));
        row.clear();
        if v.acc {
            view::load_i128(&m.mem(d.mem)?.data, d.dt, to, 0, 1, &mut row);
            check_bools(d.dt, &row)?;
        }
        view::load_i128(&m.mem(a.mem)?.data, a.dt, from, a.s[0], n[0], &mut row);
        check_bools(a.dt, &row)?;
        let total = row.iter().copied().reduce(|x, y| op.int(x, y, sat)).unwrap_or(0);
        let mut y = narrow128(total, d.dt, sat);
        if v.act == Act::Relu {
            y = y.max(0);
        }
        view::store_i128(&mut m.mem_mut(d.mem)?.data, d.dt, to, 0, &[y]);
        Ok(())
    })
}

/// Position of the first (or last) extreme; a NaN beats everything, -0 equals +0.
fn arg(m: &mut Machine, v: &Vx, f: RedFn, a: &View, d: &View, n: &Dims) -> Check {
    if !matches!(d.dt, DType::S32 | DType::S64) {
        return Err(decode("positions are s32 or s64"));
    }
    let want = if f == RedFn::ArgMax { Ordering::Greater } else { Ordering::Less };
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    view::for_rows(n, |i1, i2, i3| {
        let bytes = &m.mem(a.mem)?.data;
        let from = a.row(i1, i2, i3);
        let best = if a.dt.is_float() {
            floats.clear();
            view::load_f32(bytes, a.dt, from, a.s[0], n[0], &mut floats);
            extreme(
                &floats,
                v.last,
                |x, y| match (x.is_nan(), y.is_nan()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => want,
                    (false, true) => want.reverse(),
                    (false, false) => x.partial_cmp(y).unwrap_or(Ordering::Equal),
                },
                want,
            )
        } else {
            ints.clear();
            view::load_i128(bytes, a.dt, from, a.s[0], n[0], &mut ints);
            check_bools(a.dt, &ints)?;
            extreme(&ints, v.last, Ord::cmp, want)
        };
        let y = i128::from(v.form.as_imm64()) + best as i128;
        view::store_i128(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), 0, &[y]);
        Ok(())
    })
}

fn extreme<T>(values: &[T], last: bool, cmp: impl Fn(&T, &T) -> Ordering, want: Ordering) -> usize {
    let mut best = 0;
    for (i, x) in values.iter().enumerate().skip(1) {
        let order = cmp(x, &values[best]);
        if order == want || (last && order == Ordering::Equal) {
            best = i;
        }
    }
    best
}

/// SCAN.
pub(crate) fn scan(m: &mut Machine, v: &Vx) -> Check {
    let VxFn::Scan(f) = v.func else { return Err(decode("SCAN without a SCAN function")) };
    if v.form.is_prm() {
        return Err(decode("SCAN has no form PRM"));
    }
    let axis = usize::from(v.axis & 3);
    let n = view::axis_first(&view::dims(&v.n), axis);
    let views = [&v.a, &v.b, &v.d].map(|o| View::new(o).with_axis_first(axis));
    let [a, b, d] = &views;
    let carry_n = [1, n[1], n[2], n[3]];
    let mut reads = vec![(a, &n)];
    if v.acc && b.mem != Mem::Imm {
        reads.push((b, &carry_n));
    }
    m.check_views(&reads, d, &n)?;
    m.check_acc(&reads)?;
    let op = match f {
        ScanFn::Sum => Fold::Sum,
        ScanFn::Prod => Fold::Prod,
        ScanFn::Max => Fold::Max,
        ScanFn::Min => Fold::Min,
    };
    if a.dt.is_float() != d.dt.is_float() || (v.acc && a.dt.is_float() != b.dt.is_float()) {
        return Err(decode("SCAN between the classes"));
    }
    if a.dt.is_float() {
        scan_float(m, v, op, &views, &n)?
    } else {
        scan_int(m, v, op, &views, &n)?
    }
    m.view_written(d, &n)
}

fn scan_float(m: &mut Machine, v: &Vx, op: Fold, [a, b, d]: &[View; 3], n: &Dims) -> Check {
    let mut row = Vec::new();
    let mut carry = Vec::new();
    view::for_rows(n, |i1, i2, i3| {
        row.clear();
        carry.clear();
        view::load_f32(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut row);
        if v.acc && b.mem == Mem::Imm {
            carry.push(f32::from_bits(v.form.imm0()));
        } else if v.acc {
            view::load_f32(&m.mem(b.mem)?.data, b.dt, b.row(i1, i2, i3), 0, 1, &mut carry);
        }
        let copied = uncombined(m, v, [a, b, d], n[0], (i1, i2, i3))?;
        let empty = if op == Fold::Prod { 1.0 } else { 0.0 };
        running(&mut row, carry.first().copied(), empty, v.excl, |x, y| op.float(x, y));
        let to = d.row(i1, i2, i3);
        let bytes = &mut m.mem_mut(d.mem)?.data;
        view::store_f32(bytes, d.dt, to, d.s[0], &row);
        if let Some((place, bits)) = copied {
            view::store_bits(bytes, d.size(), to + place * d.s[0], bits);
        }
        Ok(())
    })
}

/// The one value of a row that is written before anything is combined, if it has d's type: its place and its bits,
/// NaN payload included (3.0). It is the carry of an exclusive scan, or the first element of a scan without carry.
fn uncombined(
    m: &Machine,
    v: &Vx,
    [a, b, d]: [&View; 3],
    n0: usize,
    (i1, i2, i3): (usize, usize, usize),
) -> Result<Option<(i64, u64)>, Fault> {
    let (source, place) = match (v.acc, v.excl) {
        (true, true) if b.mem != Mem::Imm => (b, 0),
        (false, true) if n0 > 1 => (a, 1),
        (false, false) => (a, 0),
        _ => return Ok(None), // an immediate carry is binary32: what is stored has its bits already
    };
    if source.dt != d.dt {
        return Ok(None);
    }
    let bits = view::load_bits(&m.mem(source.mem)?.data, source.size(), source.row(i1, i2, i3));
    Ok(Some((place, bits)))
}

fn scan_int(m: &mut Machine, v: &Vx, op: Fold, [a, b, d]: &[View; 3], n: &Dims) -> Check {
    let sat = v.rq == RqMode::Sat;
    let mut row = Vec::new();
    let mut carry = Vec::new();
    view::for_rows(n, |i1, i2, i3| {
        row.clear();
        carry.clear();
        view::load_i128(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut row);
        check_bools(a.dt, &row)?;
        if v.acc && b.mem == Mem::Imm {
            carry.push(immediate_carry(v));
        } else if v.acc {
            view::load_i128(&m.mem(b.mem)?.data, b.dt, b.row(i1, i2, i3), 0, 1, &mut carry);
            check_bools(b.dt, &carry)?;
        }
        let empty = i128::from(op == Fold::Prod);
        running(&mut row, carry.first().copied(), empty, v.excl, |x, y| op.int(x, y, sat));
        row.iter_mut().for_each(|y| *y = narrow128(*y, d.dt, sat));
        view::store_i128(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], &row);
        Ok(())
    })
}

/// An immediate of the integer class: imm64 for types of 64 bits, else imm0 sign-extended (3.4).
fn immediate_carry(v: &Vx) -> i128 {
    match v.b.dt {
        DType::S64 => i128::from(v.form.as_imm64()),
        DType::U64 => i128::from(v.form.as_imm64().cast_unsigned()),
        _ => i128::from(v.form.imm0().cast_signed()),
    }
}

/// Replaces a row by its running fold, strictly in sequence.
fn running<T: Copy>(row: &mut [T], carry: Option<T>, empty: T, excl: bool, op: impl Fn(T, T) -> T) {
    let mut acc = carry;
    for x in row {
        let next = acc.map_or(*x, |acc| op(acc, *x));
        *x = if excl { acc.unwrap_or(empty) } else { next };
        acc = Some(next);
    }
}

/// SORT: original positions in key order.
pub(crate) fn sort(m: &mut Machine, v: &Vx) -> Check {
    let VxFn::Sort(f) = v.func else { return Err(decode("SORT without a SORT function")) };
    let n = view::dims(&v.n);
    let k = v.form.imm0() as usize;
    let (a, d) = (View::new(&v.a), View::new(&v.d));
    if k == 0 || k > n[0] || !matches!(d.dt, DType::S32 | DType::S64) {
        return Err(decode("SORT: k is not in 1..=n0, or d is neither s32 nor s64"));
    }
    let dn = [k, n[1], n[2], n[3]];
    m.check_views(&[(&a, &n)], &d, &dn)?;
    m.check_acc(&[(&a, &n)])?;
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    let flip = |o: Ordering| if f == SortFn::Ascending { o } else { o.reverse() };
    view::for_rows(&n, |i1, i2, i3| {
        let mut order: Vec<usize> = (0..n[0]).collect();
        let (bytes, from) = (&m.mem(a.mem)?.data, a.row(i1, i2, i3));
        if a.dt.is_float() {
            floats.clear();
            view::load_f32(bytes, a.dt, from, a.s[0], n[0], &mut floats);
            // NaN is the greatest; all NaNs are equal; -0 equals +0.
            order.sort_by(|&x, &y| flip(key(floats[x]).cmp(&key(floats[y]))));
        } else {
            ints.clear();
            view::load_i128(bytes, a.dt, from, a.s[0], n[0], &mut ints);
            check_bools(a.dt, &ints)?;
            order.sort_by(|&x, &y| flip(ints[x].cmp(&ints[y])));
        }
        let positions: Vec<i64> = order[..k].iter().map(|&p| p as i64).collect();
        view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], &positions);
        Ok(())
    })?;
    m.view_written(&d, &dn)
}

/// An integer with the order of the float.
fn key(x: f32) -> i64 {
    if x.is_nan() {
        i64::MAX
    } else if x == 0.0 {
        0
    } else {
        let magnitude = i64::from(x.to_bits() & 0x7FFF_FFFF);
        if x < 0.0 { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_one_of_3_2_with_absent_lanes_skipped() {
        let big = 16_777_216.0_f32; // 2^24: adding 1 is lost, adding 2 is not
        // ((2^24 + 1) + (1 + 1)): the pair (1 + 1) survives; sequentially every 1 would be lost.
        assert_eq!(tree(&[big, 1.0, 1.0, 1.0], Fold::Sum), Some(16_777_218.0));
        // Three values: (x0 + x1) + x2.
        assert_eq!(tree(&[big, 1.0, 1.0], Fold::Sum), Some(big));
        // Nine values: the lone ninth joins at the root.
        let mut nine = [1.0_f32; 9];
        nine[8] = big;
        assert_eq!(tree(&nine, Fold::Sum), Some(big + 8.0));
        assert_eq!(tree(&[-0.0], Fold::Sum).map(f32::to_bits), Some(0x8000_0000));
        assert_eq!(tree(&[], Fold::Sum), None);
    }

    #[test]
    fn running_folds() {
        let mut row = [1, 2, 3];
        running(&mut row, None, 0, false, |x, y| x + y);
        assert_eq!(row, [1, 3, 6]);
        let mut row = [1, 2, 3];
        running(&mut row, None, 0, true, |x, y| x + y);
        assert_eq!(row, [0, 1, 3]);
        let mut row = [1, 2, 3];
        running(&mut row, Some(10), 0, true, |x, y| x + y);
        assert_eq!(row, [10, 11, 13]);
    }

    #[test]
    fn extremes() {
        assert_eq!(extreme(&[1, 3, 3, 2], false, Ord::cmp, Ordering::Greater), 1);
        assert_eq!(extreme(&[1, 3, 3, 2], true, Ord::cmp, Ordering::Greater), 2);
        assert_eq!(extreme(&[1, 3, 1, 2], true, Ord::cmp, Ordering::Less), 2);
    }
}
