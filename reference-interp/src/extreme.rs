//! What infinities, overflow and underflow make reachable (NUMERICS.md 3.3).
//!
//! A sum may be taken in any order, so a partial sum may be as large as the sum of all terms of one sign. Where that
//! reaches the overflow threshold of the accumulator, the infinity of that sign is reachable; where both infinities
//! are, NaN is. An infinite term makes its infinity certain unless the opposite one is reachable. The products of a
//! region count with their own magnitude, so one that overflows by itself reaches the threshold too.

use crate::contract::Format;
use crate::cx::{EvalCx, Raw};
use crate::value::Float;
use ir::DType;

/// Sums of the magnitudes of the finite terms of a linear region, by sign, per element.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// Of the positive terms.
    pub pos: Vec<f64>,
    /// Of the negative terms.
    pub neg: Vec<f64>,
}

/// By sign: `M` is the sum of both, a finite value their difference. Where the value is no finite number, the sign of
/// the finite terms is unknown, and all may have either.
fn split(v: f64, m: f64) -> (f64, f64) {
    if v.is_finite() { (((m + v) / 2.0).max(0.0), ((m - v) / 2.0).max(0.0)) } else { (m, m) }
}

/// Whether any value is infinite or NaN.
pub fn unbounded(f: &Float) -> bool {
    !crate::value::all_finite(&f.value)
}

impl Signed {
    /// Of a tensor.
    pub fn of(f: &Float) -> Signed {
        let m = f.m();
        let (pos, neg) = f.value.iter().zip(m.iter()).map(|(&v, &m)| split(v, m)).unzip();
        Signed { pos, neg }
    }
    /// Of a map with coefficients 1 of a tensor.
    pub fn linear(x: &Float, f: &dyn Fn(&[f64]) -> Vec<f64>) -> Signed {
        let x = Signed::of(x);
        Signed { pos: f(&x.pos), neg: f(&x.neg) }
    }
    /// Of a bilinear map: products of terms of equal signs are positive.
    pub fn bilinear(a: &Float, b: &Float, f: &dyn Fn(&[f64], &[f64]) -> Vec<f64>) -> Signed {
        let (a, b) = (Signed::of(a), Signed::of(b));
        let sum = |x: Vec<f64>, y: Vec<f64>| x.iter().zip(&y).map(|(p, q)| p + q).collect();
        Signed { pos: sum(f(&a.pos, &b.pos), f(&a.neg, &b.neg)), neg: sum(f(&a.pos, &b.neg), f(&a.neg, &b.pos)) }
    }
    /// Adds another's element `map(i)` to element `i`; `negate` swaps its signs.
    pub fn add(&mut self, o: &Signed, map: impl Fn(usize) -> usize, negate: bool) {
        let (p, n) = if negate { (&o.neg, &o.pos) } else { (&o.pos, &o.neg) };
        for i in 0..self.pos.len() {
            self.pos[i] += p[map(i)];
            self.neg[i] += n[map(i)];
        }
    }
    /// Multiplies by constants.
    pub fn scale(&mut self, by: impl Fn(usize) -> f64) {
        for i in 0..self.pos.len() {
            let c = by(i);
            if c < 0.0 {
                std::mem::swap(&mut self.pos[i], &mut self.neg[i]);
            }
            self.pos[i] *= c.abs();
            self.neg[i] *= c.abs();
        }
    }
}

/// Elements that make a product with an infinity open: their sign (or zero) is undecided, or they are a sum of terms of
/// both signs, whose products with the infinity a legal implementation may add up.
pub fn sign_open(f: &Float) -> Vec<bool> {
    let m = f.m();
    (0..f.value.len())
        .map(|i| {
            let (v, e) = (f.value[i], f.radius[i]);
            v.is_finite() && (e >= v.abs() && e > 0.0 || m[i] > v.abs() * (1.0 + 1e-12))
        })
        .collect()
}

/// Which values are infinite.
pub fn infinite(f: &Float) -> Vec<bool> {
    f.value.iter().map(|v| v.is_infinite()).collect()
}

/// A mask as numbers, to be counted by a linear map.
pub fn count(mask: &[bool]) -> Vec<f64> {
    mask.iter().map(|&b| f64::from(u8::from(b))).collect()
}

/// Whether a magnitude that carries a relative error `gamma` may round to infinity.
pub fn overflows(x: f64, gamma: f64, f: Format) -> bool {
    let y = x + x * gamma;
    if f == Format::F64 { !y.is_finite() } else { y.is_nan() || y >= f.overflow_threshold() }
}

impl EvalCx<'_> {
    /// Whether a magnitude may overflow the accumulator after `n` roundings.
    pub fn may_overflow(&self, x: f64, n: f64, dtype: DType) -> bool {
        overflows(x, self.gamma(n, self.u(dtype)), self.acc(dtype))
    }
    /// Absolute error of `n` operations whose results lie around `x`: `n eta` where they may lose bits to gradual
    /// underflow, else 0 (and 0 for an exact zero).
    pub fn underflow(&self, x: f64, n: f64, dtype: DType) -> f64 {
        let acc = self.acc(dtype);
        if x != 0.0 && x.abs() < 2.0 * acc.min_normal() { n * self.eta(acc) } else { 0.0 }
    }
    /// Whether an element of a linear result is open because some order of the sum overflows; see the module.
    pub fn sum_open(&self, raw: &Raw, i: usize, gamma: f64, acc: Format) -> bool {
        let v = raw.v[i];
        let eb = raw.eb.get(i).copied().unwrap_or(0.0);
        let (p, n) = match &raw.signed {
            Some(s) => (s.pos[i], s.neg[i]),
            None => split(v, raw.m[i]),
        };
        if v.is_nan() {
            // A NaN term, or infinite terms of both signs: the same in every order. (Unless binary64 itself overflowed.)
            return !(p.is_finite() && n.is_finite());
        }
        let (up, down) = (overflows(p + eb, gamma, acc), overflows(n + eb, gamma, acc));
        if v == f64::INFINITY {
            down || !p.is_finite()
        } else if v == f64::NEG_INFINITY {
            up || !n.is_finite()
        } else {
            up || down
        }
    }
}

/// What the factors of a product make reachable in any order of multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    /// Product of `max(|x| + e, 1)` over the finite factors: the largest partial product.
    pub top: f64,
    /// Product of `min(|x| - e, 1)` over the nonzero factors: the smallest one that is not 0.
    pub least: f64,
    /// A factor is exactly 0.
    pub zero: bool,
    /// A factor is infinite.
    pub infinite: bool,
    /// A factor is NaN.
    pub nan: bool,
    /// A factor is undecided altogether.
    pub open: bool,
}

impl Factors {
    /// No factors.
    pub const NONE: Factors = Factors { top: 1.0, least: 1.0, zero: false, infinite: false, nan: false, open: false };
    /// One more factor with its radius.
    pub fn push(&mut self, x: f64, e: f64) {
        if e.is_infinite() {
            self.open = true;
        } else if x.is_nan() {
            self.nan = true;
        } else if x.is_infinite() {
            self.infinite = true;
        } else {
            self.top *= (x.abs() + e).max(1.0);
            if x == 0.0 && e == 0.0 {
                self.zero = true;
            } else {
                self.least *= (x.abs() - e).clamp(0.0, 1.0);
            }
        }
    }
    /// Radius of the product `v` whose ordinary radius is `e`, and whether NaN is reachable. `n` factors.
    pub fn finish(&self, cx: &EvalCx<'_>, dtype: DType, n: f64, v: f64, e: f64) -> (f64, bool) {
        let acc = cx.acc(dtype);
        if self.nan {
            return (0.0, false);
        }
        if self.open {
            return (f64::INFINITY, true);
        }
        let over = cx.may_overflow(self.top, n, dtype);
        let vanishes = self.least * 0.5 < cx.eta(acc);
        if self.infinite {
            // Inf times 0 is NaN in every order; Inf times what may vanish is NaN in some.
            return if self.zero || !vanishes { (0.0, false) } else { (f64::INFINITY, true) };
        }
        if self.zero {
            return if v.is_finite() { (0.0, over) } else { (f64::INFINITY, true) };
        }
        if over {
            return (f64::INFINITY, vanishes);
        }
        if !v.is_finite() {
            return (f64::INFINITY, true);
        }
        // Bits lost to underflow in a partial product grow with the factors that follow.
        let lost = if self.least < 2.0 * acc.min_normal() { n * cx.eta(acc) * self.top } else { 0.0 };
        (e + lost, false)
    }
}
