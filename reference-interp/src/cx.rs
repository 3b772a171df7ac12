//! What kernels share: the contract's constants, the two ways in which a float result is finished, and the reading of
//! operands and attributes.

use crate::contract::{Contract, Flush, Format, Func, Order, Reassociate, exp2i};
use crate::error::{OpResult, invalid};
use crate::extreme::Signed;
use crate::hypothesis::Hypothesis;
use crate::round::{self, Rounding};
use crate::value::{Bounded, Float, Linear, all_finite};
use ir::{AttrDefault, DType, Node};

/// The reference's own arithmetic: every kernel is also an execution in binary64, whose roundings are charged along.
const OWN_U: f64 = 1.0 / 9_007_199_254_740_992.0;

/// A linear result before rounding: the state of NUMERICS.md 3.1.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// Values.
    pub v: Vec<f64>,
    /// Inherited errors; empty = all zero.
    pub eb: Vec<f64>,
    /// On absolute values, infinite terms left out; empty where bounds are off.
    pub m: Vec<f64>,
    /// Roundings on a path.
    pub d: f64,
    /// Products that may underflow beyond those of one path: each loses half a subnormal at most.
    pub underflows: f64,
    /// Grid of values and partial sums.
    pub grid: Option<i32>,
    /// Elements that depend on an undecided one.
    pub poison: Option<Vec<bool>>,
    /// `M` by sign, where an operand is infinite or NaN; `None` = it follows from `v` and `M`.
    pub signed: Option<Signed>,
    /// The values are rounded from wider sums, and that rounding is in `eb` already (see [`crate::wide`]).
    pub wide: bool,
}

impl Raw {
    /// Charges what the rounding of wide values left.
    pub fn charge(&mut self, own: &[f64]) {
        if own.iter().any(|&e| e != 0.0) {
            self.eb.resize(self.v.len(), 0.0);
            self.eb.iter_mut().zip(own).for_each(|(eb, e)| *eb += e);
        }
    }
}

/// Settings of one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct EvalCx<'a> {
    /// Contract.
    pub contract: &'a Contract,
    /// A mistake to make on purpose.
    pub hypothesis: Option<Hypothesis>,
    /// Largest number of elements of a tensor.
    pub limit: usize,
    /// Whether bounds are computed; without, all radii are 0 and mean nothing.
    pub bounds: bool,
}

impl<'a> EvalCx<'a> {
    /// Number of elements of a result, or an error beyond the limit.
    pub fn alloc(&self, dims: &[usize]) -> OpResult<usize> {
        match dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d)) {
            Some(n) if n <= self.limit => Ok(n),
            _ => invalid(format!("a result of shape {dims:?} has more than {} elements", self.limit)),
        }
    }
    /// Accumulator format of tensors of this type.
    pub fn acc(&self, d: DType) -> Format {
        self.contract.acc_of(d)
    }
    /// Unit roundoff of the accumulator, the reference's own included.
    pub fn u(&self, d: DType) -> f64 {
        self.acc(d).u() + OWN_U
    }
    /// `gamma_n = n u / (1 - n u)`; infinite where that is no bound.
    pub fn gamma(&self, n: f64, u: f64) -> f64 {
        let nu = n * u;
        if nu >= 1.0 { f64::INFINITY } else { nu / (1.0 - nu) * (1.0 + exp2i(-30)) }
    }
    /// Most roundings that one of `terms` products or terms meets, if they come in `groups` groups of at most 16.
    pub fn depth(&self, terms: f64, groups: f64) -> f64 {
        match self.contract.order {
            Order::Any => terms,
            Order::Groups16 => terms.min(5.0 + groups),
        }
    }
    /// Relative error of a function: `2 k u` for k ULP (`u` alone for a correctly rounded one).
    pub fn func(&self, f: Func, d: DType) -> f64 {
        2.0 * self.contract.ulps.get(f) * self.u(d)
    }
    /// Absolute error of one underflow: half a subnormal, or a normal with flushing.
    pub fn eta(&self, f: Format) -> f64 {
        match self.contract.flush {
            Flush::Never if f == Format::F64 => f64::from_bits(1),
            Flush::Never => exp2i(f.min_subnormal_exp() - 1),
            Flush::May | Flush::Must => f.min_normal(),
        }
    }
    /// Whether sums with these terms are exact in `f`: all on the grid, and below 2^p grid units.
    pub fn fits(&self, grid: i32, max: f64, f: Format) -> bool {
        grid >= f.min_subnormal_exp() && max <= exp2i(f.precision() + grid.min(1024)) && max <= f.max_finite()
    }
    /// Whether sums of this type are kept in two floats: the reference's binary64 is no better than the type's own arithmetic.
    pub fn wide(&self, d: DType) -> bool {
        self.bounds && d == DType::F64 && self.hypothesis.is_none()
    }
    /// Whether one rounding in `f` is to nearest and nothing else, so that [`round::nearest_radius`] bounds it: no flushing, and a
    /// format that binary64 can round to.
    pub fn nearest(&self, f: Format) -> bool {
        self.contract.flush == Flush::Never && f != Format::F64
    }
    /// Whether a hypothesis is active.
    pub fn hyp(&self, h: Hypothesis) -> bool {
        self.hypothesis == Some(h)
    }

    /// Finishes a linear result: radius, exactness, storage rounding, overflow (NUMERICS.md 3.1, 3.3).
    pub fn linear(&self, dtype: DType, dims: Vec<usize>, mut raw: Raw) -> Bounded {
        let n = raw.v.len();
        if !self.bounds {
            let mut f = Float { value: raw.v, radius: vec![0.0; n], linear: None, nan: None, grid: None };
            self.store(dtype, &mut f, false);
            return Bounded::from_float(dtype, dims, f);
        }
        if raw.eb.is_empty() {
            raw.eb = vec![0.0; n];
        }
        let acc = self.acc(dtype);
        let u = if raw.wide { acc.u() } else { self.u(dtype) };
        let top = raw.m.iter().zip(&raw.eb).map(|(m, e)| m + e).fold(0.0, max_num);
        // Exact here, but a later addition of something off the grid may be moved in front of these: the region keeps its count of
        // roundings (NUMERICS.md 3.1 forgets it, and the fuzzer found a fused bias that uses the right).
        let region = raw.d;
        match raw.grid {
            Some(g) if self.fits(g, top, acc) => raw.d = 0.0,
            _ => raw.grid = None,
        }
        let gamma = self.gamma(raw.d, u);
        let eta = if raw.grid.is_some() { 0.0 } else { (raw.d + raw.underflows) * self.eta(acc) };
        // One rounding in all: there is nothing to re-associate, and it is made at the result's own magnitude. A zero is exact
        // then: a difference of equals, or a product with a zero (binary64 holds every product of the formats).
        let single = region <= 1.0;
        let exact_zero = single && acc != Format::F64;
        let nearest = region == 1.0 && raw.d == 1.0 && self.nearest(acc);
        let radius = |v: f64, m: f64, eb: f64| {
            if exact_zero && v == 0.0 && eb == 0.0 {
                0.0
            } else if nearest {
                round::nearest_radius(v, eb, acc)
            } else {
                let m = if single { v.abs() } else { m };
                eb + gamma * (m + eb) + eta
            }
        };
        let mut nan = None;
        let radii: Vec<f64> = if self.calm(&raw, top, gamma, acc) {
            (0..n).map(|i| radius(raw.v[i], raw.m[i], raw.eb[i])).collect()
        } else {
            let open: Vec<bool> = (0..n)
                .map(|i| {
                    let undecided = raw.poison.as_ref().is_some_and(|p| p[i]);
                    undecided || raw.m[i].is_nan() || self.sum_open(&raw, i, gamma, acc)
                })
                .collect();
            let e = |i: usize| match raw.v[i] {
                _ if open[i] => f64::INFINITY,
                v if !v.is_finite() => 0.0,
                v => radius(v, raw.m[i], raw.eb[i]),
            };
            let radii = (0..n).map(e).collect();
            nan = open.contains(&true).then_some(open);
            radii
        };
        let keep = self.contract.reassociate == Reassociate::LinearRegion;
        let mut out = Float { value: raw.v, radius: radii, linear: None, nan, grid: raw.grid };
        if keep {
            // Bits that products lost to underflow are an absolute error, which later factors of the region scale.
            if raw.d > 0.0 {
                let small = acc.min_normal() * exp2i(46);
                for (eb, &m) in raw.eb.iter_mut().zip(&raw.m) {
                    if m > 0.0 && m < small {
                        *eb += eta;
                    }
                }
            }
            out.linear = Some(Linear { eb: raw.eb, m: raw.m, d: region });
        }
        self.store(dtype, &mut out, keep);
        Bounded::from_float(dtype, dims, out)
    }
    /// Whether no element of a linear result can be open: nothing undecided or infinite came in, and twice the largest magnitude
    /// (more than the sum of the terms of either sign) is far from overflow.
    fn calm(&self, raw: &Raw, top: f64, gamma: f64, acc: Format) -> bool {
        let special = raw.poison.is_some() || raw.signed.is_some();
        !special && !crate::extreme::overflows(2.0 * top, gamma, acc) && {
            let largest = raw.v.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            largest <= 2.0 * top && all_finite(&raw.v)
        }
    }

    /// Finishes a result whose radius is complete up to storage rounding; collapses the region.
    pub fn collapsed(
        &self,
        dtype: DType,
        dims: Vec<usize>,
        value: Vec<f64>,
        radius: Vec<f64>,
        nan: Option<Vec<bool>>,
        grid: Option<i32>,
    ) -> Bounded {
        let mut f = Float { value, radius, linear: None, nan, grid };
        if !self.bounds {
            f.radius.iter_mut().for_each(|e| *e = 0.0);
            f.nan = None;
        }
        tidy(&mut f);
        self.store(dtype, &mut f, false);
        Bounded::from_float(dtype, dims, f)
    }

    /// A result whose elements are operands' elements, chosen or clipped: nothing is rounded.
    pub fn selected(
        &self,
        dtype: DType,
        dims: Vec<usize>,
        value: Vec<f64>,
        radius: Vec<f64>,
        nan: Option<Vec<bool>>,
        grid: Option<i32>,
    ) -> Bounded {
        let mut f = Float { value, radius, linear: None, nan, grid };
        if !self.bounds {
            f.radius.iter_mut().for_each(|e| *e = 0.0);
            f.nan = None;
        }
        tidy(&mut f);
        if self.bounds && f.value.contains(&0.0) {
            // Which zero a clip or a maximum gives is not declared: mark it as computed (see `zero_signless`). The state is that of a
            // collapsed region.
            f.linear = Some(Linear { eb: f.radius.clone(), m: f.m().into_owned(), d: 0.0 });
        }
        Bounded::from_float(dtype, dims, f)
    }

    /// Rounds to the storage format: widens radii, turns certain overflow into Inf, keeps what is on the grid.
    fn store(&self, dtype: DType, f: &mut Float, linear: bool) {
        let Some(fmt) = self.contract.storage_of(dtype) else { return };
        let acc = self.acc(dtype);
        let narrower = fmt.precision() < acc.precision() || fmt.max_exp() < acc.max_exp();
        let top = f.value.iter().zip(&f.radius).map(|(v, e)| v.abs() + e).filter(|x| x.is_finite()).fold(0.0, f64::max);
        let exact = f.grid.is_some_and(|g| self.fits(g, top, fmt));
        let eta = self.eta(fmt);
        let calm = self.bounds && self.hypothesis.is_none() && self.contract.flush == Flush::Never;
        let finite = f.value.iter().zip(&f.radius).fold(true, |all, (v, e)| all & (v.abs() + e).is_finite());
        if calm && finite && top * 2.0 < fmt.overflow_threshold() {
            // What the loop below does where nothing is infinite, overflows or is flushed.
            if narrower && !exact {
                f.radius.iter_mut().zip(&f.value).for_each(|(e, v)| *e = round::nearest_radius(*v, *e, fmt));
            }
        } else {
            self.store_each(dtype, f, (fmt, eta, narrower && !exact), linear);
        }
        if !narrower || exact {
            return;
        }
        f.grid = None;
        if let Some(l) = &mut f.linear {
            l.d += fmt.u() / self.u(dtype);
        }
    }
    fn store_each(&self, dtype: DType, f: &mut Float, (fmt, eta, rounds): (Format, f64, bool), linear: bool) {
        let nearest = self.nearest(fmt);
        for i in 0..f.value.len() {
            let (v, e) = (f.value[i], f.radius[i]);
            if self.bounds && v.is_finite() && e.is_finite() {
                if rounds && nearest && v.abs() + e < fmt.overflow_threshold() {
                    f.radius[i] = round::nearest_radius(v, e, fmt);
                } else if rounds {
                    f.radius[i] = e + fmt.u() * (v.abs() + e) + eta;
                } else if self.contract.flush != Flush::Never && v.abs() - e < fmt.min_normal() && v != 0.0 {
                    f.radius[i] = e.max(v.abs() + e);
                }
                if v.abs() + e >= fmt.overflow_threshold() {
                    self.overflow(f, i, fmt, linear);
                }
            }
            f.value[i] = self.store_value(f.value[i], dtype);
        }
    }
    /// Certain overflow gives Inf; inside a linear region, or where it is only possible, anything may follow.
    fn overflow(&self, f: &mut Float, i: usize, fmt: Format, linear: bool) {
        if !linear && f.value[i].abs() - f.radius[i] >= fmt.overflow_threshold() && fmt != Format::F64 {
            f.value[i] = f64::INFINITY.copysign(f.value[i]);
            f.radius[i] = 0.0;
            f.grid = None;
        } else {
            f.radius[i] = f64::INFINITY;
            let n = f.value.len();
            f.nan.get_or_insert_with(|| vec![false; n])[i] = true;
        }
    }
    /// The value under the active hypothesis about stores.
    fn store_value(&self, v: f64, dtype: DType) -> f64 {
        let (Some(h), Some(fmt)) = (self.hypothesis, Format::of(dtype)) else { return v };
        match h {
            Hypothesis::TiesAway | Hypothesis::Truncation => round::round_mode(v, fmt, h.store_rounding()),
            Hypothesis::StoreBf16 => round::round(v, Format::BF16),
            Hypothesis::StoreF16 => round::round(v, Format::F16),
            Hypothesis::DoubleRounding => round::round(round::round(v, Format::F32), fmt),
            Hypothesis::FlushToZero if round::round(v, fmt).abs() < fmt.min_normal() => 0.0,
            _ => v,
        }
    }
    /// How running sums are kept: exactly (binary64) or as a hypothesis says.
    pub fn accumulate(&self) -> Option<(Format, Rounding)> {
        self.hypothesis.and_then(Hypothesis::accumulator)
    }
    /// Operands of products under the active hypothesis.
    pub fn operands<'v>(&self, v: &'v [f64]) -> std::borrow::Cow<'v, [f64]> {
        if self.hyp(Hypothesis::OperandsBf16) {
            return v.iter().map(|&x| round::round(x, Format::BF16)).collect::<Vec<_>>().into();
        }
        v.into()
    }
    /// Epsilon under the active hypothesis.
    pub fn epsilon(&self, e: f64) -> f64 {
        match self.hypothesis {
            Some(Hypothesis::EpsilonSmall) => e / 100.0,
            Some(Hypothesis::EpsilonZero) => 0.0,
            _ => e,
        }
    }
}

/// Maximum that lets NaN win.
pub fn max_num(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// NaN radii (Inf − Inf while bounding) become infinite, and those of values that are NaN but merely may be (an operator that looks
/// at radii must not take them for certain); exact Inf and NaN have radius 0; an all-false flag is dropped.
fn tidy(f: &mut Float) {
    for e in &mut f.radius {
        if e.is_nan() {
            *e = f64::INFINITY;
        }
    }
    if let Some(n) = &f.nan {
        for ((e, v), open) in f.radius.iter_mut().zip(&f.value).zip(n) {
            if *open && v.is_nan() {
                *e = f64::INFINITY;
            }
        }
    }
    if f.nan.as_ref().is_some_and(|n| !n.contains(&true)) {
        f.nan = None;
    }
}

/// Operands and attributes of the node under evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    /// Settings.
    pub cx: &'a EvalCx<'a>,
    /// Node.
    pub node: &'a Node,
    /// Operands; `None` for an omitted one.
    pub inputs: &'a [Option<&'a Bounded>],
}

impl<'a> Args<'a> {
    /// Operand `i`.
    pub fn x(&self, i: usize) -> OpResult<&'a Bounded> {
        self.opt(i).ok_or_else(|| crate::error::OpError::Invalid(format!("operand {i} is missing")))
    }
    /// Operand `i`, if present.
    pub fn opt(&self, i: usize) -> Option<&'a Bounded> {
        self.inputs.get(i).copied().flatten()
    }
    /// All operands that are present.
    pub fn all(&self) -> Vec<&'a Bounded> {
        self.inputs.iter().copied().flatten().collect()
    }
    /// Operand `i` as decided integers.
    pub fn ints(&self, i: usize) -> OpResult<Vec<i64>> {
        self.x(i)?.ints()
    }
    /// Optional operand `i` as decided integers.
    pub fn opt_ints(&self, i: usize) -> OpResult<Option<Vec<i64>>> {
        self.opt(i).map(Bounded::ints).transpose()
    }
    /// Operand `i` as one decided integer.
    pub fn scalar_int(&self, i: usize) -> OpResult<i64> {
        match self.ints(i)?[..] {
            [x] => Ok(x),
            _ => invalid(format!("operand {i} has to be one integer")),
        }
    }
    /// Integer attribute, or its default.
    pub fn int(&self, name: &str) -> OpResult<i64> {
        if let Some(x) = self.node.attrs.int(name) {
            return Ok(x);
        }
        match self.node.op.attr(name).map(|s| s.default) {
            Some(AttrDefault::Int(x)) => Ok(x),
            _ => invalid(format!("attribute `{name}` is missing")),
        }
    }
    /// Whether an integer attribute is not 0.
    pub fn flag(&self, name: &str) -> OpResult<bool> {
        Ok(self.int(name)? != 0)
    }
    /// Float attribute, or its default; exact.
    pub fn f64(&self, name: &str) -> OpResult<f64> {
        if let Some(x) = self.node.attrs.f32(name) {
            return Ok(f64::from(x));
        }
        match self.node.op.attr(name).map(|s| s.default) {
            Some(AttrDefault::Float(x)) => Ok(f64::from(x)),
            _ => invalid(format!("attribute `{name}` is missing")),
        }
    }
    /// String attribute, or its default.
    pub fn str(&self, name: &str) -> OpResult<&'a str> {
        if let Some(x) = self.node.attrs.str(name) {
            return Ok(x);
        }
        match self.node.op.attr(name).map(|s| s.default) {
            Some(AttrDefault::Str(x)) => Ok(x),
            _ => invalid(format!("attribute `{name}` is missing")),
        }
    }
    /// Integer list attribute, if present.
    pub fn int_list(&self, name: &str) -> Option<&'a [i64]> {
        self.node.attrs.ints(name)
    }
}
