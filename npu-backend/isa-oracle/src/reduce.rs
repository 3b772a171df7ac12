//! RED, SCAN, SORT (3.4).

use std::cmp::Ordering;

use isa::{Act, DType, Form, Mem, RedFn, ScanFn, SortFn, Vx, VxFn};

use crate::ew::operand_b;
use crate::float::{combine, max, min, tree};
use crate::prm::{element_bits, finish};
use crate::state::{Num, State, address, indices};

/// A binary operation on numbers of one class.
pub(crate) fn apply(f: RedFn, a: Num, b: Num) -> Num {
    match (a, b) {
        (Num::Int(a), Num::Int(b)) => Num::Int(match f {
            RedFn::Sum => a + b,
            RedFn::Prod => a.wrapping_mul(b), // narrowed modulo 2^bits
            RedFn::Min => a.min(b),
            _ => a.max(b),
        }),
        (a, b) => Num::Float(float_op(f)(a.float(), b.float())),
    }
}

fn float_op(f: RedFn) -> fn(f32, f32) -> f32 {
    match f {
        RedFn::Sum => |a, b| a + b,
        RedFn::Prod => |a, b| a * b,
        RedFn::Min => min,
        _ => max,
    }
}

/// Loop counts without an axis.
fn without(n: [u16; 4], axis: u8) -> [u16; 4] {
    let mut n = n;
    n[usize::from(axis)] = 1;
    n
}

/// i with the axis at a position.
fn at_axis(mut i: [u32; 4], axis: u8, position: u16) -> [u32; 4] {
    i[usize::from(axis)] = position.into();
    i
}

pub(crate) fn red(s: &mut State, v: &Vx) {
    let VxFn::Red(f) = v.func else { unreachable!("isa::check: RED has a RED function") };
    let length = v.n[usize::from(v.axis)];
    for i in indices(without(v.n, v.axis)) {
        let items: Vec<Num> = (0..length).map(|k| s.load_num(&v.a, address(&v.a, at_axis(i, v.axis, k)))).collect();
        let d_at = address(&v.d, i);
        if f.is_arg() {
            let position = extreme(&items, f == RedFn::ArgMax, v.last) as i128;
            s.store_elem(&v.d, d_at, element_bits(position + i128::from(v.form.as_imm64()), v.d.dt));
            continue;
        }
        if length == 1 && !v.acc && v.a.dt == v.d.dt {
            // nothing is combined or converted: the element's bits, a NaN's payload too
            let bits = s.load_elem(&v.a, address(&v.a, i));
            s.store_elem(&v.d, d_at, bits);
            continue;
        }
        let start = v.acc.then(|| s.load_num(&v.d, d_at));
        let grouped = matches!(f, RedFn::Sum | RedFn::Prod) && matches!(items[0], Num::Float(_));
        let total = if grouped {
            let mut total = start.map(Num::float);
            for group in items.chunks(16) {
                let lanes = std::array::from_fn(|k| group.get(k).map(|x| x.float()));
                total = combine(total, tree(lanes, float_op(f)), float_op(f));
            }
            total.map(Num::Float)
        } else {
            items.iter().fold(start, |total, &x| combine(total, Some(x), |a, b| apply(f, a, b)))
        };
        let total = total.expect("n is not 0");
        let bits = finish(s, total, v.d.dt, None, v.rq, Act::None, &Form::default());
        s.store_elem(&v.d, d_at, bits);
    }
}

/// NaN beats everything; -0 equals +0.
fn beats(a: Num, b: Num, maximum: bool) -> Ordering {
    let order = match (a, b) {
        (Num::Int(a), Num::Int(b)) => a.cmp(&b),
        (a, b) => {
            let (a, b) = (a.float(), b.float());
            match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(&b).expect("no NaN"),
                (x, y) => return x.cmp(&y),
            }
        }
    };
    if maximum { order } else { order.reverse() }
}

/// Position of the first (`last`: last) extreme.
pub(crate) fn extreme(items: &[Num], maximum: bool, last: bool) -> usize {
    let mut best = 0;
    for k in 1..items.len() {
        let order = beats(items[k], items[best], maximum);
        if order == Ordering::Greater || (last && order == Ordering::Equal) {
            best = k;
        }
    }
    best
}

pub(crate) fn scan(s: &mut State, v: &Vx) {
    let VxFn::Scan(f) = v.func else { unreachable!("isa::check: SCAN has a SCAN function") };
    let op = match f {
        ScanFn::Sum => RedFn::Sum,
        ScanFn::Prod => RedFn::Prod,
        ScanFn::Max => RedFn::Max,
        ScanFn::Min => RedFn::Min,
    };
    for i in indices(without(v.n, v.axis)) {
        let mut running = v.acc.then(|| Running { value: operand_b(s, v, i), bits: carry_bits(s, v, i) });
        for k in 0..v.n[usize::from(v.axis)] {
            let here = at_axis(i, v.axis, k);
            let bits = s.load_elem(&v.a, address(&v.a, here));
            let x = Running { value: s.number(v.a.dt, bits), bits: (v.a.dt == v.d.dt).then_some(bits) };
            let before = running;
            let step = |a: Running, b: Running| Running { value: apply(op, a.value, b.value), bits: None };
            running = combine(running, Some(x), step);
            let first = Running { value: empty(op, v.a.dt), bits: None };
            let y = if v.excl { before.unwrap_or(first) } else { running.expect("x is there") };
            let bits = match y.bits {
                Some(bits) => bits,
                None => finish(s, y.value, v.d.dt, None, v.rq, Act::None, &Form::default()),
            };
            s.store_elem(&v.d, address(&v.d, here), bits);
        }
    }
}

/// The state of a scan. A single operand of d's type, not yet combined with another, keeps its bits.
#[derive(Clone, Copy)]
struct Running {
    value: Num,
    bits: Option<u64>,
}

/// Bits of the carry-in, if it has d's type.
fn carry_bits(s: &mut State, v: &Vx, i: [u32; 4]) -> Option<u64> {
    let own_type = v.b.dt == v.d.dt;
    match (own_type, v.b.mem) {
        (false, _) => None,
        (true, Mem::Imm) => Some(element_bits(v.form.as_imm64().into(), v.d.dt)),
        (true, _) => Some(s.load_elem(&v.b, address(&v.b, i))),
    }
}

/// What an exclusive scan without carry writes first.
fn empty(op: RedFn, dt: DType) -> Num {
    let one = op == RedFn::Prod;
    if dt.is_float() { Num::Float(f32::from(u8::from(one))) } else { Num::Int(one.into()) }
}

pub(crate) fn sort(s: &mut State, v: &Vx) {
    let descending = v.func == VxFn::Sort(SortFn::Descending);
    for i in indices(without(v.n, 0)) {
        let keys: Vec<Num> = (0..v.n[0]).map(|k| s.load_num(&v.a, address(&v.a, at_axis(i, 0, k)))).collect();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        // stable; `beats` with maximum puts NaN above everything
        order.sort_by(|&x, &y| {
            let order = beats(keys[x], keys[y], true);
            if descending { order.reverse() } else { order }
        });
        for k in 0..v.form.imm0() {
            let at = address(&v.d, [k, i[1], i[2], i[3]]);
            s.store_elem(&v.d, at, element_bits(order[k as usize] as i128, v.d.dt));
        }
    }
}
