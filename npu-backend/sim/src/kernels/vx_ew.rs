//! EW: elementwise functions, float class and bit moves (3.4). The integer class is in `vx_int`.

use isa::{Act, Chan, DType, EwFn, Form, Mem, TrapCode, Vx};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num::{self, canon};

use super::params::{self, Fields, Params};
use super::view::{self, Dims, View};
use super::{transcend, vx_int};

type Row = (usize, usize, usize);

/// A source of the float class.
struct FloatIn {
    view: View,
    params: Option<Params>,
    imm: Option<f32>,
}

impl FloatIn {
    /// Appends the values of one row.
    fn load(&self, m: &Machine, (i1, i2, i3): Row, n0: usize, ints: &mut Vec<i64>, out: &mut Vec<f32>) -> Check {
        if let Some(value) = self.imm {
            out.extend(std::iter::repeat_n(value, n0));
            return Ok(());
        }
        let bytes = &m.mem(self.view.mem)?.data;
        let (base, stride) = (self.view.row(i1, i2, i3), self.view.s[0]);
        let Some(p) = &self.params else {
            view::load_f32(bytes, self.view.dt, base, stride, n0, out);
            return Ok(());
        };
        ints.clear();
        view::load_i64(bytes, self.view.dt, base, stride, n0, ints);
        let (first, advance) = p.row(i1, i2, i3);
        for (i, &x) in ints.iter().enumerate() {
            let c = if advance { first + i } else { first };
            out.push(params::dequantise(x, p.scale(c), p.zp[c]));
        }
        Ok(())
    }
}

/// EW.
pub(crate) fn elementwise(m: &mut Machine, v: &Vx) -> Check {
    let Some(f) = v.ew() else { return Err(Fault::new(TrapCode::Decode, "EW without an EW function")) };
    let n = view::dims(&v.n);
    let (a, b, d) = (View::new(&v.a), View::new(&v.b), View::new(&v.d));
    let b_in_memory = f.uses_b() && b.mem != Mem::Imm;
    let mut reads: Vec<(&View, &Dims)> = Vec::with_capacity(3);
    if f.uses_a() {
        reads.push((&a, &n));
    }
    if b_in_memory {
        reads.push((&b, &n));
    }
    if f.reads_d() {
        reads.push((&d, &n));
    }
    let records = Records::new(v);
    records.bounds(m, &n)?;
    m.check_views(&reads, &d, &n)?;
    records.inited(m, &n)?;
    m.check_acc(&reads)?;
    if f == EwFn::Cmov {
        conditional_move(m, &a, &b, &d, &n, v.form)?;
    } else if f == EwFn::Mov && a.dt == d.dt && v.act == Act::None && !v.form.is_prm() {
        super::vx_move::copy(m, &a, &d, &n)?;
    } else if is_float(v, f) {
        float_class(m, v, f, &records)?;
    } else {
        vx_int::elementwise(m, v, f)?;
    }
    m.view_written(&d, &n)
}

fn is_float(v: &Vx, f: EwFn) -> bool {
    let used = |uses: bool, dt: DType| uses && dt.is_float();
    v.form.is_prm() || used(f.uses_a(), v.a.dt) || used(f.uses_b(), v.b.dt)
}

/// The records that form PRM names, each with the channel that advances it.
pub(crate) struct Records {
    pub a: Option<(u16, Chan)>,
    pub b: Option<(u16, Chan)>,
    pub d: Option<(u16, Chan)>,
}

impl Records {
    fn new(v: &Vx) -> Self {
        let (a, b, d) = v.form.records();
        let chan = |advance: bool| if advance { v.chan } else { Chan::None };
        Records { a: a.map(|r| (r, chan(v.chm_a))), b: b.map(|r| (r, Chan::None)), d: d.map(|r| (r, chan(v.chm_d))) }
    }
    pub(crate) fn all(&self) -> impl Iterator<Item = (u16, Chan)> {
        [self.a, self.b, self.d].into_iter().flatten()
    }
    pub(crate) fn bounds(&self, m: &Machine, n: &Dims) -> Check {
        self.all().try_for_each(|(r, chan)| m.records_bounds(r, chan, n))
    }
    pub(crate) fn inited(&self, m: &Machine, n: &Dims) -> Check {
        self.all().try_for_each(|(r, chan)| m.records_inited(r, chan, n, Fields::ScaleZp))
    }
    pub(crate) fn load(m: &Machine, record: Option<(u16, Chan)>, n: &Dims) -> Result<Option<Params>, Fault> {
        let Some((r, chan)) = record else { return Ok(None) };
        let p = m.records(r, chan, n);
        p.check_scales(n)?;
        Ok(Some(p))
    }
}

/// Where b is 1, d := a; bits.
fn conditional_move(m: &mut Machine, a: &View, b: &View, d: &View, n: &Dims, form: Form) -> Check {
    if a.size() != d.size() {
        return Err(Fault::new(TrapCode::Decode, "cmov between types of different size"));
    }
    let (mut bits, mut old, mut cond) = (Vec::new(), Vec::new(), Vec::new());
    let (mut n, mut a, mut b, mut d) = (*n, *a, *b, *d);
    view::merge_dims(&mut n, &mut [&mut a, &mut b, &mut d]);
    view::for_chunks(&n, |rows| {
        bits.clear();
        old.clear();
        cond.clear();
        for &(i1, i2, i3) in rows {
            view::load_i64(&m.mem(a.mem)?.data, a.dt, a.row(i1, i2, i3), a.s[0], n[0], &mut bits);
            view::load_i64(&m.mem(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], n[0], &mut old);
            if b.mem == Mem::Imm {
                cond.extend(std::iter::repeat_n(i64::from(form.imm0().cast_signed()), n[0]));
            } else {
                view::load_i64(&m.mem(b.mem)?.data, b.dt, b.row(i1, i2, i3), b.s[0], n[0], &mut cond);
            }
        }
        view::check_bools(&cond)?;
        for ((o, &x), &c) in old.iter_mut().zip(&bits).zip(&cond) {
            *o = if c == 1 { x } else { *o };
        }
        for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
            let values = &old[row * n[0]..(row + 1) * n[0]];
            view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], values);
        }
        Ok(())
    })
}

fn float_in(v: View, params: Option<Params>, imm: Option<f32>, name: &str) -> Result<FloatIn, Fault> {
    let fits = imm.is_some() || v.dt.is_float() != params.is_some();
    if !fits || v.dt.is_bool() || (params.is_some() && v.size() == 8) {
        let detail = format!(
            "operand {name} of type {} in the float class {} a record",
            v.dt,
            if params.is_some() { "with" } else { "without" }
        );
        return Err(Fault::new(TrapCode::Decode, detail));
    }
    Ok(FloatIn { view: v, params, imm })
}

/// How results of the float class leave.
pub(crate) struct FloatOut {
    pub view: View,
    pub params: Option<Params>,
    pub act: Act,
    pub clamp: (i64, i64),
}

impl FloatOut {
    pub(crate) fn new(view: View, params: Option<Params>, act: Act, form: Form, test: bool) -> Result<Self, Fault> {
        let fits = if test { view.dt.is_bool() } else { view.dt.is_float() != params.is_some() };
        if !fits || (params.is_some() && (view.dt.is_bool() || view.size() == 8)) {
            return Err(Fault::new(TrapCode::Decode, format!("destination {} in the float class", view.dt)));
        }
        let clamp = match form {
            Form::Prm { clo, chi, .. } => params::clamp_bounds(clo, chi, view.dt),
            Form::Imm { .. } => (i64::MIN, i64::MAX),
        };
        Ok(FloatOut { view, params, act, clamp })
    }

    /// Stores one row, rounding or quantising, then the activation. `values` may be changed.
    pub(crate) fn store(&self, m: &mut Machine, (i1, i2, i3): Row, values: &mut [f32], ints: &mut Vec<i64>) -> Check {
        let (base, stride, dt) = (self.view.row(i1, i2, i3), self.view.s[0], self.view.dt);
        let Some(p) = &self.params else {
            if self.act == Act::Relu {
                values.iter_mut().for_each(|y| *y = num::fmax(*y, 0.0));
            }
            view::store_f32(&mut m.mem_mut(self.view.mem)?.data, dt, base, stride, values);
            return Ok(());
        };
        let (first, advance) = p.row(i1, i2, i3);
        let (lo, hi) = num::range64(dt);
        let mut nans = 0;
        ints.clear();
        for (i, &x) in values.iter().enumerate() {
            let c = if advance { first + i } else { first };
            let y = params::quantise(x, p.scale(c), p.zp[c], &mut nans);
            let y = if self.act == Act::Relu { y.max(i64::from(p.zp[c])) } else { y }.clamp(lo, hi);
            ints.push(if self.act == Act::Clamp { y.max(self.clamp.0).min(self.clamp.1) } else { y });
        }
        m.counters.nan_cvt += nans;
        view::store_i64(&mut m.mem_mut(self.view.mem)?.data, dt, base, stride, ints);
        Ok(())
    }
}

fn float_class(m: &mut Machine, v: &Vx, f: EwFn, records: &Records) -> Check {
    let mut n = view::dims(&v.n);
    let pa = Records::load(m, records.a, &n)?;
    let pb = Records::load(m, records.b, &n)?;
    let pd = Records::load(m, records.d, &n)?;
    let mut a = float_in(View::new(&v.a), pa, None, "a")?;
    let imm = (v.b.mem == Mem::Imm).then(|| f32::from_bits(v.form.imm0()));
    let mut b = if f.uses_b() { Some(float_in(View::new(&v.b), pb, imm, "b")?) } else { None };
    let mut out = FloatOut::new(View::new(&v.d), pd, v.act, v.form, f.is_test())?;
    let fixed = records.all().all(|(_, chan)| chan == Chan::None);
    if fixed {
        match &mut b {
            Some(b) if b.imm.is_none() => {
                view::merge_dims(&mut n, &mut [&mut a.view, &mut b.view, &mut out.view]);
            }
            _ => view::merge_dims(&mut n, &mut [&mut a.view, &mut out.view]),
        }
    }
    let (mut xs, mut ys, mut zs, mut ints) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    view::for_chunks(&n, |rows| {
        xs.clear();
        ys.clear();
        zs.clear();
        for &row in rows {
            a.load(m, row, n[0], &mut ints, &mut xs)?;
            if let Some(b) = &b {
                b.load(m, row, n[0], &mut ints, &mut ys)?;
            }
            if f == EwFn::Fmac {
                let d = &out.view;
                view::load_f32(&m.mem(d.mem)?.data, d.dt, d.row(row.0, row.1, row.2), d.s[0], n[0], &mut zs);
            }
        }
        if f.is_test() {
            ints.clear();
            ints.extend(xs.iter().enumerate().map(|(i, &x)| i64::from(test(f, x, ys.get(i).copied(), v.form.imm0()))));
            for (row, &(i1, i2, i3)) in rows.iter().enumerate() {
                let d = &out.view;
                let values = &ints[row * n[0]..(row + 1) * n[0]];
                view::store_i64(&mut m.mem_mut(d.mem)?.data, d.dt, d.row(i1, i2, i3), d.s[0], values);
            }
            return Ok(());
        }
        compute(f, &mut xs, &ys, &zs, v.form);
        for (row, &place) in rows.iter().enumerate() {
            out.store(m, place, &mut xs[row * n[0]..(row + 1) * n[0]], &mut ints)?;
        }
        Ok(())
    })
}

fn test(f: EwFn, x: f32, y: Option<f32>, imm0: u32) -> bool {
    let y = y.unwrap_or(f32::NAN);
    match f {
        EwFn::Eq => x == y,
        EwFn::Ne => x != y,
        EwFn::Lt => x < y,
        EwFn::Le => x <= y,
        EwFn::Gt => x > y,
        EwFn::Ge => x >= y,
        EwFn::IsNan => x.is_nan(),
        _ => (x == f32::INFINITY && imm0 & 1 != 0) || (x == f32::NEG_INFINITY && imm0 & 2 != 0),
    }
}

/// x := f(x, y), every NaN canonical.
fn compute(f: EwFn, xs: &mut [f32], ys: &[f32], zs: &[f32], form: Form) {
    let binary = |xs: &mut [f32], op: &dyn Fn(f32, f32) -> f32| {
        xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = op(*x, y));
    };
    match f {
        EwFn::Mov => xs.iter_mut().for_each(|x| *x = canon(*x)),
        EwFn::Add => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = canon(*x + y)),
        EwFn::Sub => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = canon(*x - y)),
        EwFn::Mul => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = canon(*x * y)),
        EwFn::Div => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = canon(*x / y)),
        EwFn::Min => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = num::fmin(*x, y)),
        EwFn::Max => xs.iter_mut().zip(ys).for_each(|(x, &y)| *x = num::fmax(*x, y)),
        EwFn::Mod => binary(xs, &|x, y| {
            let r = x % y;
            canon(if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r })
        }),
        EwFn::Rem => binary(xs, &|x, y| canon(x % y)),
        EwFn::Prelu => binary(xs, &|x, y| canon(if x < 0.0 { x * y } else { x })),
        EwFn::Pow => binary(xs, &transcend::pow),
        EwFn::Fmac => xs.iter_mut().zip(ys).zip(zs).for_each(|((x, &y), &z)| *x = canon(fma(*x, y, z))),
        EwFn::Clamp => {
            let (lo, hi) = (f32::from_bits(form.imm0()), f32::from_bits(form.imm1()));
            xs.iter_mut().for_each(|x| *x = num::fmin(num::fmax(*x, lo), hi));
        }
        _ => xs.iter_mut().for_each(|x| *x = unary(f, *x)),
    }
}

#[expect(clippy::disallowed_methods, reason = "the instruction fmac is defined as one rounding of a*b + d")]
fn fma(x: f32, y: f32, z: f32) -> f32 {
    x.mul_add(y, z)
}

fn unary(f: EwFn, x: f32) -> f32 {
    let y = match f {
        EwFn::Abs => x.abs(),
        EwFn::Neg => -x,
        EwFn::Sign => {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                1.0_f32.copysign(x)
            }
        }
        EwFn::Floor => x.floor(),
        EwFn::Ceil => x.ceil(),
        EwFn::Rint => num::rint(x),
        EwFn::Trunc => x.trunc(),
        EwFn::Sqrt => x.sqrt(),
        EwFn::Recip => 1.0 / x,
        _ => transcend::unary(f, x),
    };
    canon(y)
}
