//! GA, SC, SCAN and SORT. NPU.md 3.4 and 4.4.

use super::memory::Memory;
use super::num::{Num, decode, encode_float, encode_int, index, pick, quiet};
use super::vector::{address, indices};
use crate::error::Fault;
use isa::{DType, RqMode, ScFn, ScanFn, SortFn, Vx, VxFn};
use lir::stream::Places;

/// Bytes that index j of element i adds on the indexed side.
fn displacement(m: &Memory<'_>, v: &Vx, p: &Places, i: [u32; 4], dt: DType) -> Result<i64, Fault> {
    let b = m.resolve(v.b.mem, p.b, "b_addr")?;
    let Num::I(raw) = decode(v.b.dt, m.load(b, v.b.dt, address(&v.b, i))?)? else {
        return Err(Fault::Illegal("type of an index"));
    };
    let j = index(raw, i128::from(v.form.imm1()))? as i64;
    Ok(j * i64::from(v.form.imm0().cast_signed()) * i64::from(dt.size()))
}

pub(super) fn gather(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    for i in indices(v.n) {
        let from = address(&v.a, i) + displacement(m, v, p, i, v.a.dt)?;
        let bits = m.load(a, v.a.dt, from)?;
        m.store(d, v.d.dt, address(&v.d, i), bits)?;
    }
    Ok(())
}

pub(super) fn scatter(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let VxFn::Sc(f) = v.func else { return Err(Fault::Illegal("an SC without a function")) };
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    for i in indices(v.n) {
        let to = address(&v.d, i) + displacement(m, v, p, i, v.d.dt)?;
        let new = m.load(a, v.a.dt, address(&v.a, i))?;
        let old = m.load(d, v.d.dt, to)?;
        let bits = match (f, decode(v.d.dt, old)?, decode(v.a.dt, new)?) {
            (ScFn::Set, _, _) => new,
            (_, Num::F(x), Num::F(y)) => encode_float(
                v.d.dt,
                match f {
                    ScFn::Add => x + y,
                    ScFn::Mul => x * y,
                    ScFn::Max => pick(x, y, true),
                    _ => pick(x, y, false),
                },
            )?,
            (_, Num::I(x), Num::I(y)) => encode_int(
                v.d.dt,
                match f {
                    ScFn::Add => x + y,
                    ScFn::Mul => x.wrapping_mul(y),
                    ScFn::Max => x.max(y),
                    _ => x.min(y),
                },
                false,
            )?,
            _ => return Err(Fault::Illegal("operands of two classes")),
        };
        m.store(d, v.d.dt, to, bits)?;
    }
    Ok(())
}

pub(super) fn scan(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let VxFn::Scan(f) = v.func else { return Err(Fault::Illegal("a SCAN without a function")) };
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    let axis = usize::from(v.axis);
    let mut outer = v.n;
    outer[axis] = 1;
    for i in indices(outer) {
        let mut state: Option<Num> = None;
        if v.acc {
            let b = m.resolve(v.b.mem, p.b, "b_addr")?;
            state = Some(decode(v.b.dt, m.load(b, v.b.dt, address(&v.b, i))?)?);
        }
        for k in 0..u32::from(v.n[axis]) {
            let mut i = i;
            i[axis] = k;
            let x = decode(v.a.dt, m.load(a, v.a.dt, address(&v.a, i))?)?;
            let before = state;
            let after = match state {
                None => x,
                Some(s) => scan_step(f, s, x)?,
            };
            let shown = if v.excl { before.map_or_else(|| neutral(f, x), Ok)? } else { after };
            let bits = match shown {
                Num::F(y) => encode_float(v.d.dt, y)?,
                Num::I(y) => encode_int(v.d.dt, y, v.rq == RqMode::Sat)?,
            };
            m.store(d, v.d.dt, address(&v.d, i), bits)?;
            state = Some(after);
        }
    }
    Ok(())
}

fn scan_step(f: ScanFn, s: Num, x: Num) -> Result<Num, Fault> {
    match (s, x) {
        (Num::F(s), Num::F(x)) => Ok(Num::F(match f {
            ScanFn::Sum => quiet(s + x),
            ScanFn::Prod => quiet(s * x),
            ScanFn::Max => pick(s, x, true),
            ScanFn::Min => pick(s, x, false),
        })),
        (Num::I(s), Num::I(x)) => Ok(Num::I(match f {
            ScanFn::Sum => s.wrapping_add(x),
            ScanFn::Prod => s.wrapping_mul(x),
            ScanFn::Max => s.max(x),
            ScanFn::Min => s.min(x),
        })),
        _ => Err(Fault::Illegal("operands of two classes")),
    }
}

/// What an exclusive scan without carry writes first.
fn neutral(f: ScanFn, like: Num) -> Result<Num, Fault> {
    match (f, like) {
        (ScanFn::Sum, Num::F(_)) => Ok(Num::F(0.0)),
        (ScanFn::Sum, Num::I(_)) => Ok(Num::I(0)),
        (ScanFn::Prod, Num::F(_)) => Ok(Num::F(1.0)),
        (ScanFn::Prod, Num::I(_)) => Ok(Num::I(1)),
        (ScanFn::Max | ScanFn::Min, _) => Err(Fault::Illegal("an exclusive maximum without a carry")),
    }
}

pub(super) fn sort(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let VxFn::Sort(order) = v.func else { return Err(Fault::Illegal("a SORT without an order")) };
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    let mut outer = v.n;
    outer[0] = 1;
    for i in indices(outer) {
        let mut keys = Vec::with_capacity(usize::from(v.n[0]));
        for k in 0..u32::from(v.n[0]) {
            keys.push((decode(v.a.dt, m.load(a, v.a.dt, address(&v.a, [k, i[1], i[2], i[3]]))?)?, k));
        }
        // A stable sort: equal keys keep ascending positions in both directions.
        keys.sort_by(|x, y| {
            let o = compare(x.0, y.0);
            if order == SortFn::Descending { o.reverse() } else { o }
        });
        for (k, (_, position)) in keys.iter().take(v.form.imm0() as usize).enumerate() {
            let at = address(&v.d, [k as u32, i[1], i[2], i[3]]);
            m.store(d, v.d.dt, at, encode_int(v.d.dt, i128::from(*position), false)?)?;
        }
    }
    Ok(())
}

/// Ascending; NaN is greatest, −0 equals +0.
fn compare(x: Num, y: Num) -> std::cmp::Ordering {
    match (x, y) {
        (Num::I(x), Num::I(y)) => x.cmp(&y),
        (Num::F(x), Num::F(y)) => x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan())),
        (Num::I(_), Num::F(_)) | (Num::F(_), Num::I(_)) => std::cmp::Ordering::Equal, // one operand has one type
    }
}
