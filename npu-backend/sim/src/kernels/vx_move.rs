//! TR, FILL, CVT, LUT, GA, SC (3.4, 4.4).

use isa::{DType, Mem, RqMode, ScFn, TrapCode, Vx, VxFn};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num;
use crate::runs::Runs;

use super::view::{self, Dims, View};
use super::vx_int::narrow128;
use super::vx_red::Fold;

/// Copies elements bit for bit; checks and marking are the caller's.
pub(crate) fn copy(m: &mut Machine, a: &View, d: &View, n: &Dims) -> Check {
    if a.size() != d.size() {
        return Err(Fault::new(TrapCode::Decode, "a move between types of different size"));
    }
    let (mut n, mut a, mut d) = (*n, *a, *d);
    view::merge_dims(&mut n, &mut [&mut a, &mut d]);
    let size = a.size() as i64;
    if a.s[0] == size && d.s[0] == size {
        let len = n[0] * a.size();
        let mut row = vec![0; len];
        return view::for_rows(&n, |i1, i2, i3| {
            let (from, to) = (a.row(i1, i2, i3) as usize, d.row(i1, i2, i3) as usize);
            row.copy_from_slice(&m.mem(a.mem)?.data[from..from + len]);
            m.mem_mut(d.mem)?.data[to..to + len].copy_from_slice(&row);
            Ok(())
        });
    }
    let mut bits = Vec::new();
    view::for_chunks(&n, |rows| {
        bits.clear();
        for &(i1, i2, i3) in rows {
            view::load_i64(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut bits);
        }
        for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
            let values = &bits[row * n[0]..(row + 1) * n[0]];
            view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], values);
        }
        Ok(())
    })
}

/// TR.
pub(crate) fn transfer(m: &mut Machine, v: &Vx) -> Check {
    let n = view::dims(&v.n);
    let (a, d) = (View::new(&v.a), View::new(&v.d));
    m.check_views(&[(&a, &n)], &d, &n)?;
    m.check_acc(&[(&a, &n)])?;
    copy(m, &a, &d, &n)?;
    m.view_written(&d, &n)
}

/// FILL.
pub(crate) fn fill(m: &mut Machine, v: &Vx) -> Check {
    let mut n = view::dims(&v.n);
    let d = View::new(&v.d);
    m.check_views(&[], &d, &n)?;
    let mut merged = d;
    view::merge_dims(&mut n, &mut [&mut merged]);
    let row = vec![v.form.as_imm64(); n[0]];
    view::for_rows(&n, |i1, i2, i3| {
        view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, merged.row(i1, i2, i3), merged.s[0], &row);
        Ok(())
    })?;
    m.view_written(&d, &view::dims(&v.n))
}

/// CVT.
pub(crate) fn convert(m: &mut Machine, v: &Vx) -> Check {
    let whole = view::dims(&v.n);
    let (a, d) = (View::new(&v.a), View::new(&v.d));
    m.check_views(&[(&a, &whole)], &d, &whole)?;
    m.check_acc(&[(&a, &whole)])?;
    let (mut n, mut from, mut to) = (whole, a, d);
    view::merge_dims(&mut n, &mut [&mut from, &mut to]);
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    let mut counters = m.counters;
    view::for_chunks(&n, |rows| {
        floats.clear();
        ints.clear();
        for &(i1, i2, i3) in rows {
            let (bytes, base) = (&m.mem(a.mem)?.data, from.row(i1, i2, i3));
            if a.dt.is_float() {
                view::load_f32(bytes, a.dt, base, from.s[0], n[0], &mut floats);
            } else {
                view::load_i128(bytes, a.dt, base, from.s[0], n[0], &mut ints);
            }
        }
        if a.dt.is_bool() && ints.iter().any(|&x| x != 0 && x != 1) {
            return Err(Fault::new(TrapCode::Bool, "CVT of a bool byte other than 0 and 1"));
        }
        if d.dt.is_float() && !a.dt.is_float() {
            ints.iter_mut().for_each(|x| *x = i128::from(num::int_to_float_bits(*x, d.dt)));
        } else if d.dt.is_bool() {
            ints.iter_mut().for_each(|x| *x = i128::from(*x != 0));
            ints.extend(floats.iter().map(|&x| i128::from(x != 0.0)));
        } else if a.dt.is_float() && !d.dt.is_float() {
            for &x in &floats {
                ints.push(to_int(x, v, &mut counters.nan_cvt, &mut counters.sat_cvt));
            }
        } else if !a.dt.is_float() {
            ints.iter_mut().for_each(|x| *x = narrow128(*x, d.dt, v.rq == RqMode::Sat));
        }
        let float_to_float = a.dt.is_float() && d.dt.is_float();
        for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
            let (lo, hi) = (row * n[0], (row + 1) * n[0]);
            let bytes = &mut m.mem_mut(d.mem)?.data;
            if float_to_float {
                floats[lo..hi].iter_mut().for_each(|x| *x = num::canon(*x));
                view::store_f32(bytes, d.dt, to.row(i1, i2, i3), to.s[0], &floats[lo..hi]);
            } else {
                view::store_i128(bytes, d.dt, to.row(i1, i2, i3), to.s[0], &ints[lo..hi]);
            }
        }
        Ok(())
    })?;
    m.counters = counters;
    m.view_written(&d, &whole)
}

/// Float to integer: round, then saturate; NaN is 0.
fn to_int(x: f32, v: &Vx, nans: &mut u64, sats: &mut u64) -> i128 {
    if x.is_nan() {
        *nans += 1;
        return 0;
    }
    let exact = num::round_by(x, v.rm) as i128; // |x| < 2^128: infinities and huge values saturate i128
    let y = num::sat128(exact, v.d.dt);
    *sats += u64::from(y != exact);
    y
}

/// LUT.
pub(crate) fn lookup(m: &mut Machine, v: &Vx) -> Check {
    let n = view::dims(&v.n);
    let (a, d) = (View::new(&v.a), View::new(&v.d));
    let wide = a.dt == DType::S16;
    if !(wide && d.dt == DType::S16 || matches!(a.dt, DType::S8 | DType::U8) && d.size() == 1) {
        return Err(Fault::new(TrapCode::Decode, format!("LUT {} -> {}", a.dt, d.dt)));
    }
    m.check_views(&[(&a, &n)], &d, &n)?;
    m.check_acc(&[(&a, &n)])?;
    let base = usize::from(v.lut) * 2048;
    let len = if wide { 1026 } else { 256 };
    let range = |_| Fault::new(TrapCode::LutRange, format!("table {}", v.lut));
    m.lut.bounds(base as i64, len as u64).map_err(range)?;
    if m.check {
        m.lut.inited(base as i64, len).map_err(|f| Fault::new(TrapCode::LutRange, f.detail))?;
    }
    let table = m.lut.data[base..base + len].to_vec();
    let (mut wn, mut from, mut to) = (n, a, d);
    view::merge_dims(&mut wn, &mut [&mut from, &mut to]);
    let mut xs = Vec::new();
    view::for_chunks(&wn, |rows| {
        xs.clear();
        for &(i1, i2, i3) in rows {
            view::load_i64(&m.mem(a.mem)?.data, a.dt, from.row(i1, i2, i3), from.s[0], wn[0], &mut xs);
        }
        match a.dt {
            DType::S16 => xs.iter_mut().for_each(|x| *x = interpolate(&table, *x)),
            DType::S8 => xs.iter_mut().for_each(|x| *x = i64::from(table[usize::from(*x as u8 ^ 0x80)])),
            _ => xs.iter_mut().for_each(|x| *x = i64::from(table[usize::from(*x as u8)])),
        }
        for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
            let values = &xs[row * wn[0]..(row + 1) * wn[0]];
            view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, to.row(i1, i2, i3), to.s[0], values);
        }
        Ok(())
    })?;
    m.view_written(&d, &n)
}

/// T[i] + (((T[i+1] - T[i]) * f + 64) >> 7).
fn interpolate(table: &[u8], x: i64) -> i64 {
    let (i, f) = (((x + 32_768) >> 7) as usize, (x + 32_768) & 127);
    let entry = |i: usize| i64::from(i16::from_le_bytes([table[2 * i], table[2 * i + 1]]));
    entry(i) + (((entry(i + 1) - entry(i)) * f + 64) >> 7)
}

/// Geometry of the indexed side of GA and SC.
struct Indexed<'a> {
    side: &'a View,
    /// Byte stride of the index.
    step: i64,
    len: u32,
}

impl Indexed<'_> {
    fn new<'a>(side: &'a View, v: &Vx) -> Indexed<'a> {
        let step = i64::from(v.form.imm0().cast_signed()) * side.size() as i64;
        Indexed { side, step, len: v.form.imm1() }
    }

    /// Bounds of the whole static range: every legal index. The index is one more dimension, so the hull is that of
    /// the loops widened by the index range.
    fn bounds(&self, m: &Machine, n: &Dims) -> Check {
        if self.len == 0 {
            return Err(Fault::new(TrapCode::Decode, "an index range of length 0"));
        }
        let (lo, len) = self.side.runs(n).hull();
        let (reach, span) = Runs::new(0, 1, &[(u64::from(self.len), self.step)]).hull();
        m.mem(self.side.mem)?.bounds(lo.saturating_add(reach), len.saturating_add(span - 1))
    }

    /// The index of a raw value.
    fn index(&self, raw: i64) -> Result<i64, Fault> {
        let len = i64::from(self.len);
        let j = if raw < 0 { raw + len } else { raw };
        if (0..len).contains(&j) {
            Ok(j * self.step)
        } else {
            Err(Fault::new(TrapCode::Index, format!("index {raw} outside -{len}..{len}")))
        }
    }
}

/// What GA and SC check before they look at an index.
fn check_indexed(m: &Machine, v: &Vx, side: &Indexed<'_>, other: (&View, bool), b: &View, n: &Dims) -> Check {
    if !matches!(b.dt, DType::S32 | DType::S64)
        || b.mem == Mem::Imm
        || v.a.dt.size() != v.d.dt.size()
        || v.form.is_prm()
    {
        return Err(Fault::new(TrapCode::Decode, "GA, SC: s32 or s64 indices, equal types, form IMM"));
    }
    let (other, read) = other;
    side.bounds(m, n)?;
    let mut sources = vec![(b, n)];
    if read {
        sources.push((other, n));
    }
    for (view, n) in &sources {
        m.view_bounds(view, n)?;
    }
    m.view_bounds(other, n)?;
    if read {
        m.view_align(other, n)?
    } else {
        m.view_whole_rows(other, n)?
    }
    m.view_align(side.side, n)?;
    for (view, n) in &sources {
        m.view_inited(view, n)?;
    }
    Ok(())
}

/// The address on the indexed side of every element with a legal index, in loop order, and the fault of the first
/// illegal one.
fn addresses(m: &Machine, side: &Indexed<'_>, b: &View, n: &Dims) -> Result<(Vec<i64>, Check), Fault> {
    let mut list = Vec::with_capacity(n.iter().product());
    let mut raw = Vec::new();
    let mut verdict = Ok(());
    view::for_rows(n, |i1, i2, i3| {
        raw.clear();
        view::load_i64(&m.mem(b.mem)?.data, b.dt, b.row(i1, i2, i3), b.s[0], n[0], &mut raw);
        for (i0, &r) in raw.iter().enumerate() {
            match side.index(r) {
                Ok(j) => list.push(side.side.at([i0, i1, i2, i3]) + j),
                Err(fault) if verdict.is_ok() => verdict = Err(fault),
                Err(_) => {}
            }
        }
        Ok(())
    })?;
    Ok((list, verdict))
}

/// Addresses of the indexed side: init of the elements really touched, tags, exact sums; then a bad index traps.
fn touched(m: &Machine, side: &Indexed<'_>, b: &View, n: &Dims, other: Option<&View>) -> Result<Vec<i64>, Fault> {
    let (list, verdict) = addresses(m, side, b, n)?;
    if m.check {
        let memory = m.mem(side.side.mem)?;
        let size = side.side.size();
        for &address in &list {
            memory.inited(address, size)?;
        }
        let one = [1; 4];
        for &address in list.iter().filter(|_| side.side.mem == Mem::Acc) {
            m.view_tagged(&View { addr: address, ..*side.side }, &one)?;
        }
        m.view_tagged(b, n)?;
        if let Some(other) = other {
            m.view_tagged(other, n)?;
        }
        for &address in list.iter().filter(|_| side.side.mem == Mem::Acc) {
            m.view_exact(&View { addr: address, ..*side.side }, &one)?;
        }
        m.view_exact(b, n)?;
        if let Some(other) = other {
            m.view_exact(other, n)?;
        }
    }
    verdict.map(|()| list)
}

/// GA: d[i] = a[i·a_s + j*imm0].
pub(crate) fn gather(m: &mut Machine, v: &Vx) -> Check {
    let n = view::dims(&v.n);
    let (a, b, d) = (View::new(&v.a), View::new(&v.b), View::new(&v.d));
    let side = Indexed::new(&a, v);
    check_indexed(m, v, &side, (&d, false), &b, &n)?;
    let from = touched(m, &side, &b, &n, None)?;
    let size = a.size();
    let mut bits = Vec::with_capacity(from.len());
    let source = &m.mem(a.mem)?.data;
    bits.extend(from.iter().map(|&at| view::load_bits(source, size, at).cast_signed()));
    let mut at = 0;
    view::for_rows(&n, |i1, i2, i3| {
        let values = &bits[at..at + n[0]];
        view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], values);
        at += n[0];
        Ok(())
    })?;
    m.view_written(&d, &n)
}

/// SC: d[i·d_s + j*imm0] op= a[i]; later elements win or accumulate.
pub(crate) fn scatter(m: &mut Machine, v: &Vx) -> Check {
    let VxFn::Sc(f) = v.func else { return Err(Fault::new(TrapCode::Decode, "SC without an SC function")) };
    let n = view::dims(&v.n);
    let (a, b, d) = (View::new(&v.a), View::new(&v.b), View::new(&v.d));
    if d.mem == Mem::Acc {
        return Err(Fault::new(TrapCode::Align, "SC writes single ACC lanes"));
    }
    let side = Indexed::new(&d, v);
    check_indexed(m, v, &side, (&a, true), &b, &n)?;
    let to = touched(m, &side, &b, &n, Some(&a))?;
    let op = match f {
        ScFn::Set => None,
        ScFn::Add => Some(Fold::Sum),
        ScFn::Mul => Some(Fold::Prod),
        ScFn::Max => Some(Fold::Max),
        ScFn::Min => Some(Fold::Min),
    };
    let mut bits = Vec::with_capacity(to.len());
    view::for_rows(&n, |i1, i2, i3| {
        view::load_i64(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut bits);
        Ok(())
    })?;
    let memory = m.mem_mut(d.mem)?;
    for (&at, &x) in to.iter().zip(&bits) {
        let y = match op {
            None => x,
            Some(op) => combine(op, &memory.data, &a, &d, at, x)?,
        };
        view::store_bits(&mut memory.data, d.size(), at, y.cast_unsigned());
    }
    Ok(()) // every byte written was initialised before
}

/// Bits of `d op a`.
fn combine(op: Fold, bytes: &[u8], a: &View, d: &View, at: i64, x: i64) -> Result<i64, Fault> {
    if a.dt != d.dt || a.dt.is_bool() {
        return Err(Fault::new(TrapCode::Decode, format!("SC arithmetic on {} and {}", a.dt, d.dt)));
    }
    if d.dt.is_float() {
        let (mut p, mut out) = (Vec::with_capacity(2), [0u8; 4]);
        view::load_f32(bytes, d.dt, at, 0, 1, &mut p);
        view::load_f32(&x.to_le_bytes(), a.dt, 0, 0, 1, &mut p);
        view::store_f32(&mut out, d.dt, 0, d.size() as i64, &[op.float(p[0], p[1])]);
        return Ok(i64::from(u32::from_le_bytes(out)));
    }
    let mut p = Vec::with_capacity(1);
    view::load_i128(bytes, d.dt, at, 0, 1, &mut p);
    let x = if a.dt == DType::U64 { i128::from(x.cast_unsigned()) } else { i128::from(x) };
    Ok(op.int(p[0], x, false) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_by_hand() {
        let mut table = vec![0u8; 1026];
        for i in 0..513usize {
            let value = (i as i16 - 256) * 100;
            table[2 * i..2 * i + 2].copy_from_slice(&value.to_le_bytes());
        }
        assert_eq!(interpolate(&table, -32_768), -25_600);
        assert_eq!(interpolate(&table, 0), 0);
        assert_eq!(interpolate(&table, 64), 50); // half of 100, plus 64/128 rounded down: (6400 + 64) >> 7 = 50
        assert_eq!(interpolate(&table, 32_767), 25_599); // (100*127 + 64) >> 7 = 99
    }
}
