//! POOL (3.4, 4.4).

use isa::{Chan, DType, Mem, Pool, PoolFn, RqMode, TrapCode};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num::canon;

use super::mx::touched;
use super::params;
use super::view::{self, Dims, View};
use super::vx_ew::{FloatOut, Records};
use super::vx_int::narrow128;
use super::vx_red::Fold;

/// A window's taps inside the input, in order ky, kx, as (iy, ix).
struct Window<'a> {
    p: &'a Pool,
}

impl Window<'_> {
    fn row(&self, oy: usize, ky: usize) -> i64 {
        i64::from(self.p.iy0) + (oy * usize::from(self.p.sy) + ky * usize::from(self.p.dy)) as i64
    }
    fn col(&self, ox: usize, kx: usize) -> i64 {
        i64::from(self.p.ix0) + (ox * usize::from(self.p.sx) + kx * usize::from(self.p.dx)) as i64
    }
    fn inside(at: i64, extent: u16) -> Option<usize> {
        (0..i64::from(extent)).contains(&at).then_some(at as usize)
    }
    fn taps(&self, oy: usize, ox: usize, out: &mut Vec<(usize, usize)>) {
        out.clear();
        for ky in 0..usize::from(self.p.kh) {
            let Some(iy) = Self::inside(self.row(oy, ky), self.p.ih) else { continue };
            for kx in 0..usize::from(self.p.kw) {
                if let Some(ix) = Self::inside(self.col(ox, kx), self.p.iw) {
                    out.push((iy, ix));
                }
            }
        }
    }
    /// Taps that AvgPad counts: iy < IH + pb and ix < IW + pr.
    fn counted(&self, oy: usize, ox: usize) -> usize {
        let p = self.p;
        let rows = (0..usize::from(p.kh)).filter(|&k| self.row(oy, k) < i64::from(p.ih) + i64::from(p.pb)).count();
        let cols = (0..usize::from(p.kw)).filter(|&k| self.col(ox, k) < i64::from(p.iw) + i64::from(p.pr)).count();
        rows * cols
    }
}

/// The boxes of input elements that any window touches, (source, destination), and the counts of the destination.
pub(crate) fn views(p: &Pool) -> (Vec<(View, Dims)>, (View, View), Dims) {
    let asz = i64::from(p.a_dt.size());
    let dsz = i64::from(p.d_dt.size());
    let a = View {
        mem: p.a_mem,
        addr: i64::from(p.a_addr),
        s: [asz, i64::from(p.a_sx) * asz, i64::from(p.a_sy) * asz, 0],
        dt: p.a_dt,
    };
    let d = View {
        mem: p.d_mem,
        addr: i64::from(p.d_addr),
        s: [dsz, i64::from(p.d_sx) * dsz, i64::from(p.d_sy) * dsz, 0],
        dt: p.d_dt,
    };
    (input_boxes(&Window { p }, &a), (a, d), [usize::from(p.n0), usize::from(p.ow), usize::from(p.oh), 1])
}

/// POOL.
pub(crate) fn pool(m: &mut Machine, p: &Pool) -> Check {
    let w = Window { p };
    let (boxes, (a, d), n) = views(p);
    let reads: Vec<(&View, &Dims)> = boxes.iter().map(|(v, n)| (v, n)).collect();
    let chan = |advance: bool| if advance { p.chan } else { Chan::None };
    let (ra, _, rd) = p.form.records();
    let records = Records { a: ra.map(|r| (r, chan(p.chm_a))), b: None, d: rd.map(|r| (r, chan(p.chm_d))) };
    records.bounds(m, &n)?;
    for (v, n) in &reads {
        m.view_bounds(v, n)?;
    }
    m.view_bounds(&d, &n)?;
    check_windows(&w)?;
    m.check_views(&reads, &d, &n)?;
    records.inited(m, &n)?;
    m.check_acc(&reads)?;
    if p.func.is_arg() {
        arg(m, &w, &a, &d)?;
    } else if p.a_dt.is_float() || p.form.is_prm() {
        float(m, &w, &a, &d, &records, &n)?;
    } else {
        int(m, &w, &a, &d)?;
    }
    m.view_written(&d, &n)
}

/// The input elements that any window touches.
fn input_boxes(w: &Window<'_>, a: &View) -> Vec<(View, Dims)> {
    let p = w.p;
    let (ih, iw) = (usize::from(p.ih), usize::from(p.iw));
    let rows = touched(usize::from(p.oh), usize::from(p.kh), ih, |o, k| Window::inside(w.row(o, k), p.ih));
    let cols = touched(usize::from(p.ow), usize::from(p.kw), iw, |o, k| Window::inside(w.col(o, k), p.iw));
    let mut boxes = Vec::new();
    for &(y, ny, dy) in &rows {
        for &(x, nx, dx) in &cols {
            let addr = a.at([0, x, y, 0]);
            let s = [a.s[0], a.s[1] * dx as i64, a.s[2] * dy as i64, 0];
            boxes.push((View { addr, s, ..*a }, [usize::from(p.n0), nx, ny, 1]));
        }
    }
    boxes
}

/// E_PAD: functions that need a tap have one in every window (rows and columns are independent). AvgPad needs one
/// that counts; the last window has the fewest.
fn check_windows(w: &Window<'_>) -> Check {
    let p = w.p;
    if p.func == PoolFn::Sum {
        return Ok(());
    }
    if p.func == PoolFn::AvgPad {
        let last = (usize::from(p.oh) - 1, usize::from(p.ow) - 1);
        return match w.counted(last.0, last.1) {
            0 => Err(Fault::new(TrapCode::Pad, "the last window has no tap that counts")),
            _ => Ok(()),
        };
    }
    for oy in 0..usize::from(p.oh) {
        if !(0..usize::from(p.kh)).any(|k| Window::inside(w.row(oy, k), p.ih).is_some()) {
            return Err(Fault::new(TrapCode::Pad, format!("no tap inside in output row {oy}")));
        }
    }
    for ox in 0..usize::from(p.ow) {
        if !(0..usize::from(p.kw)).any(|k| Window::inside(w.col(ox, k), p.iw).is_some()) {
            return Err(Fault::new(TrapCode::Pad, format!("no tap inside in output column {ox}")));
        }
    }
    Ok(())
}

fn for_outputs(p: &Pool, mut f: impl FnMut(usize, usize) -> Check) -> Check {
    for oy in 0..usize::from(p.oh) {
        for ox in 0..usize::from(p.ow) {
            f(oy, ox)?;
        }
    }
    Ok(())
}

fn fold_of(f: PoolFn) -> Fold {
    if f == PoolFn::Max { Fold::Max } else { Fold::Sum }
}

fn float(m: &mut Machine, w: &Window<'_>, a: &View, d: &View, records: &Records, n: &Dims) -> Check {
    let p = w.p;
    let pa = Records::load(m, records.a, n)?;
    let pd = Records::load(m, records.d, n)?;
    if a.dt.is_float() == pa.is_some() || a.dt.is_bool() || (pa.is_some() && a.size() == 8) {
        return Err(Fault::new(TrapCode::Decode, format!("POOL source {} in the float class", a.dt)));
    }
    let out = FloatOut::new(*d, pd, p.act, p.form, false)?;
    let op = fold_of(p.func);
    // Nothing is combined or converted where a window has one tap: its bits are copied, NaN payload included (3.0).
    let copies = !p.func.is_avg() && p.act == isa::Act::None && a.dt == d.dt && a.dt.is_float();
    let (mut taps, mut ints, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut acc: Vec<f32> = Vec::new();
    for_outputs(p, |oy, ox| {
        w.taps(oy, ox, &mut taps);
        if copies && let [(iy, ix)] = taps[..] {
            ints.clear();
            view::load_i64(&m.mem(a.mem)?.data, a.dt, a.at([0, ix, iy, 0]), a.s[0], n[0], &mut ints);
            view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.at([0, ox, oy, 0]), d.s[0], &ints);
            return Ok(());
        }
        acc.clear();
        for &(iy, ix) in &taps {
            values.clear();
            let (bytes, base) = (&m.mem(a.mem)?.data, a.at([0, ix, iy, 0]));
            if let Some(q) = &pa {
                ints.clear();
                view::load_i64(bytes, a.dt, base, a.s[0], n[0], &mut ints);
                let step = usize::from(q.chan == Chan::I0);
                values.extend(
                    ints.iter().enumerate().map(|(i, &x)| params::dequantise(x, q.scale(i * step), q.zp[i * step])),
                );
            } else {
                view::load_f32(bytes, a.dt, base, a.s[0], n[0], &mut values);
            }
            if acc.is_empty() {
                acc.extend_from_slice(&values);
            } else {
                acc.iter_mut().zip(&values).for_each(|(x, &y)| *x = op.float(*x, y));
            }
        }
        acc.resize(n[0], 0.0);
        if p.func.is_avg() {
            let count = if p.func == PoolFn::Avg { taps.len() } else { w.counted(oy, ox) } as f32;
            acc.iter_mut().for_each(|x| *x = canon(*x / count));
        }
        out.store(m, (ox, oy, 0), &mut acc, &mut ints)
    })
}

fn int(m: &mut Machine, w: &Window<'_>, a: &View, d: &View) -> Check {
    let p = w.p;
    if p.func.is_avg() || d.dt.is_float() {
        return Err(Fault::new(TrapCode::Decode, "POOL of integers: avg and float results need form PRM"));
    }
    let (op, sat, n0) = (fold_of(p.func), p.rq == RqMode::Sat, usize::from(p.n0));
    let (mut taps, mut values, mut acc) = (Vec::new(), Vec::new(), Vec::new());
    for_outputs(p, |oy, ox| {
        w.taps(oy, ox, &mut taps);
        acc.clear();
        for &(iy, ix) in &taps {
            values.clear();
            load_wide(m, a, a.at([0, ix, iy, 0]), n0, &mut values)?;
            if acc.is_empty() {
                acc.extend_from_slice(&values);
            } else {
                acc.iter_mut().zip(&values).for_each(|(x, &y)| *x = op.int(*x, y, sat));
            }
        }
        acc.resize(n0, 0);
        acc.iter_mut().for_each(|y| *y = narrow128(*y, d.dt, sat));
        if p.act == isa::Act::Relu {
            acc.iter_mut().for_each(|y| *y = (*y).max(0));
        }
        view::store_i128(&mut m.mem_mut(d.mem)?.data, d.dt, d.at([0, ox, oy, 0]), d.s[0], &acc);
        Ok(())
    })
}

fn load_wide(m: &Machine, a: &View, base: i64, n0: usize, out: &mut Vec<i128>) -> Check {
    view::load_i128(&m.mem(a.mem)?.data, a.dt, base, a.s[0], n0, out);
    if a.dt.is_bool() && out.iter().any(|&x| x != 0 && x != 1) {
        return Err(Fault::new(TrapCode::Bool, "POOL of a bool byte other than 0 and 1"));
    }
    Ok(())
}

/// Index of the first maximum of the window; the first NaN wins.
fn arg(m: &mut Machine, w: &Window<'_>, a: &View, d: &View) -> Check {
    let p = w.p;
    if !matches!(d.dt, DType::S32 | DType::S64) || p.form.is_prm() || p.a_mem == Mem::Imm {
        return Err(Fault::new(TrapCode::Decode, "POOL argmax writes s32 or s64, form IMM"));
    }
    let n0 = usize::from(p.n0);
    let (mut taps, mut floats, mut ints) = (Vec::new(), Vec::new(), Vec::new());
    let mut index = vec![0i64; n0];
    let (mut best_f, mut best_i) = (vec![0.0_f32; n0], vec![0i128; n0]);
    for_outputs(p, |oy, ox| {
        w.taps(oy, ox, &mut taps);
        for (t, &(iy, ix)) in taps.iter().enumerate() {
            let place =
                if p.func == PoolFn::ArgMaxYx { iy * usize::from(p.iw) + ix } else { ix * usize::from(p.ih) + iy }
                    as i64;
            let base = a.at([0, ix, iy, 0]);
            if a.dt.is_float() {
                floats.clear();
                view::load_f32(&m.mem(a.mem)?.data, a.dt, base, a.s[0], n0, &mut floats);
                for (c, &x) in floats.iter().enumerate() {
                    if t == 0 || x > best_f[c] || (x.is_nan() && !best_f[c].is_nan()) {
                        (best_f[c], index[c]) = (x, place);
                    }
                }
            } else {
                ints.clear();
                load_wide(m, a, base, n0, &mut ints)?;
                for (c, &x) in ints.iter().enumerate() {
                    if t == 0 || x > best_i[c] {
                        (best_i[c], index[c]) = (x, place);
                    }
                }
            }
        }
        index.iter_mut().for_each(|i| *i = i.wrapping_add(p.form.as_imm64()));
        view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.at([0, ox, oy, 0]), d.s[0], &index);
        Ok(())
    })
}
