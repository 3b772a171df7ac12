//! Comparison of an implementation's result with the reference.
//!
//! *Proves*, for each element outside of its bound, that no legal execution under the contract gives it. *Assumes* that
//! the bounds are right (they are tested by legal executions). *Cannot see* errors smaller than the radius.
//!
//! **Decided**: an integer is decided when its hull is one value. A float is decided when its radius is at most
//! `2^-6 |v| + 2^-10 mean`, where `mean` is the mean magnitude of the tensor's finite values, and NaN is not merely
//! reachable: a seventh of the leading bits of the value, or a thousandth of the tensor's scale, are certain.

use crate::contract::{Contract, Format};
use crate::value::{Bounded, Data, Float, Int, floats};
use ir::Tensor;

/// How many elements outside are listed one by one.
pub const LISTED: usize = 16;

/// One element outside of its bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Outside {
    /// Linear index.
    pub index: usize,
    /// The implementation's value.
    pub got: f64,
    /// The reference's value (for integers with a hull: the nearest reachable one).
    pub want: f64,
    /// The radius.
    pub radius: f64,
}

/// Result of a comparison.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BoundReport {
    /// Number of elements.
    pub elements: usize,
    /// Elements whose bound is useful; see the module.
    pub decided: usize,
    /// The others.
    pub undecided: usize,
    /// Elements with radius 0 or a hull of one value.
    pub exact: usize,
    /// The first [`LISTED`] elements outside of their bound.
    pub outside: Vec<Outside>,
    /// How many are outside.
    pub outside_count: usize,
    /// Largest |got − want| / radius; infinite if an exact element differs.
    pub worst_ratio: f64,
    /// Type or shape differs: what was expected and what came. Then nothing else is filled in.
    pub type_mismatch: Option<String>,
}

impl BoundReport {
    /// Whether every element is inside of its bound and type and shape agree.
    pub fn agrees(&self) -> bool {
        self.outside_count == 0 && self.type_mismatch.is_none()
    }
    /// Share of decided elements; 1 for an empty tensor.
    pub fn decided_fraction(&self) -> f64 {
        if self.elements == 0 { 1.0 } else { self.decided as f64 / self.elements as f64 }
    }
    fn fail(&mut self, index: usize, got: f64, want: f64, radius: f64) {
        self.outside_count += 1;
        if self.outside.len() < LISTED {
            self.outside.push(Outside { index, got, want, radius });
        }
    }
}

/// How one float element compares.
enum Verdict {
    /// Any result is legal.
    Anything,
    /// Inside; the ratio.
    Inside(f64),
    /// Outside; the ratio.
    Outside(f64),
}

fn compare(f: &Float, i: usize, got: f64, fmt: Format, contract: &Contract) -> Verdict {
    let (v, e) = (f.value[i], f.radius[i]);
    if f.open(i) || (got.is_nan() && f.may_nan(i)) {
        return Verdict::Anything;
    }
    if v.is_nan() {
        return if got.is_nan() { Verdict::Inside(0.0) } else { Verdict::Outside(f64::INFINITY) };
    }
    if got.is_nan() {
        return Verdict::Outside(f64::INFINITY);
    }
    let equal =
        got == v && !(contract.signed_zero && e == 0.0 && got == 0.0 && got.is_sign_negative() != v.is_sign_negative());
    if equal {
        return Verdict::Inside(0.0);
    }
    if got.is_infinite() && v.is_finite() {
        let reaches = v.abs() + e >= fmt.overflow_threshold();
        return if reaches && (got > 0.0) == (v > 0.0) {
            Verdict::Inside(1.0)
        } else {
            Verdict::Outside(f64::INFINITY)
        };
    }
    if v.is_infinite() {
        return Verdict::Outside(f64::INFINITY);
    }
    let d = (got - v).abs();
    // The difference itself is rounded in binary64: 2^-40 of slack is a millionth of an ULP of binary32.
    if d <= e * (1.0 + f64::from_bits(0x3d70_0000_0000_0000)) {
        return Verdict::Inside(d / e);
    }
    Verdict::Outside(if e == 0.0 { f64::INFINITY } else { d / e })
}

impl Float {
    /// Mean magnitude of the finite values, the tensor's scale.
    pub fn scale(&self) -> f64 {
        let (sum, n) = self.value.iter().filter(|x| x.is_finite()).fold((0.0, 0.0), |(s, n), x| (s + x.abs(), n + 1.0));
        if n == 0.0 { 0.0 } else { sum / n }
    }
    /// Whether the bound of element `i` is useful, given the tensor's [`Float::scale`].
    pub fn decided(&self, i: usize, scale: f64) -> bool {
        let (v, e) = (self.value[i], self.radius[i]);
        if self.nan.as_ref().is_some_and(|n| n[i]) || e.is_infinite() {
            return false;
        }
        e == 0.0 || e <= v.abs() / 64.0 + scale / 1024.0
    }
}

impl Bounded {
    /// Numbers of decided and of exact elements.
    pub fn decided_and_exact(&self) -> (usize, usize) {
        match &self.data {
            Data::Float(f) => {
                let scale = f.scale();
                let (mut decided, mut exact) = (0, 0);
                for i in 0..f.value.len() {
                    let sure = f.decided(i, scale);
                    decided += usize::from(sure);
                    exact += usize::from(sure && f.radius[i] == 0.0);
                }
                (decided, exact)
            }
            Data::Int(v) => {
                let n = (0..v.value.len()).filter(|&i| v.range(i).0 == v.range(i).1).count();
                (n, n)
            }
        }
    }
    /// Compares an implementation's tensor with this reference.
    pub fn check(&self, got: &Tensor, contract: &Contract) -> BoundReport {
        let mut r = BoundReport { elements: self.elements(), ..BoundReport::default() };
        if got.dtype != self.dtype || got.dims != self.dims {
            let want = ir::TensorType::new(self.dtype, self.dims.clone());
            r.type_mismatch = Some(format!("expected {want}, got {}", got.ty()));
            return r;
        }
        (r.decided, r.exact) = self.decided_and_exact();
        r.undecided = r.elements - r.decided;
        match &self.data {
            Data::Float(f) => self.check_float(f, got, contract, &mut r),
            Data::Int(v) => check_int(v, got, &mut r),
        }
        r
    }
    fn check_float(&self, f: &Float, got: &Tensor, contract: &Contract, r: &mut BoundReport) {
        let Some(fmt) = Format::of(self.dtype) else { return };
        for (i, g) in floats(got, fmt).into_iter().enumerate() {
            match compare(f, i, g, fmt, contract) {
                Verdict::Anything => {}
                Verdict::Inside(x) => r.worst_ratio = r.worst_ratio.max(x),
                Verdict::Outside(x) => {
                    r.worst_ratio = r.worst_ratio.max(x);
                    r.fail(i, g, f.value[i], f.radius[i]);
                }
            }
        }
    }
    /// Whether another reference evaluation of the same meaning is compatible: the balls (or hulls) meet. For checking
    /// a graph before and after a pass at contract `f64`. Ratio: distance over the sum of the radii.
    pub fn check_meaning(&self, other: &Bounded) -> BoundReport {
        let mut r = BoundReport { elements: self.elements(), ..BoundReport::default() };
        if other.dims != self.dims || other.dtype.is_float() != self.dtype.is_float() {
            r.type_mismatch =
                Some(format!("expected {}{:?}, got {}{:?}", self.dtype, self.dims, other.dtype, other.dims));
            return r;
        }
        (r.decided, r.exact) = self.decided_and_exact();
        r.undecided = r.elements - r.decided;
        match (&self.data, &other.data) {
            (Data::Float(a), Data::Float(b)) => meaning_float(a, b, &mut r),
            (Data::Int(a), Data::Int(b)) => {
                for i in 0..r.elements {
                    let ((al, ah), (bl, bh)) = (a.range(i), b.range(i));
                    if al > bh || bl > ah {
                        r.worst_ratio = f64::INFINITY;
                        r.fail(i, b.value[i] as f64, a.value[i] as f64, 0.0);
                    }
                }
            }
            (Data::Float(_), Data::Int(_)) | (Data::Int(_), Data::Float(_)) => {}
        }
        r
    }
}

fn meaning_float(a: &Float, b: &Float, r: &mut BoundReport) {
    for i in 0..r.elements {
        let e = a.radius[i] + b.radius[i];
        let (x, y) = (a.value[i], b.value[i]);
        if a.open(i) || b.open(i) || (x.is_nan() && b.may_nan(i)) || (y.is_nan() && a.may_nan(i)) || x == y {
            continue;
        }
        let d = (x - y).abs();
        let ratio = if d.is_nan() || e == 0.0 { f64::INFINITY } else { d / e };
        r.worst_ratio = r.worst_ratio.max(ratio);
        if ratio > 1.0 {
            r.fail(i, y, x, e);
        }
    }
}

fn check_int(v: &Int, got: &Tensor, r: &mut BoundReport) {
    for i in 0..r.elements {
        let Some(g) = got.int(i) else { return };
        let (lo, hi) = v.range(i);
        if g < lo || g > hi {
            r.worst_ratio = f64::INFINITY;
            r.fail(i, g as f64, g.clamp(lo, hi) as f64, 0.0);
        }
    }
}
