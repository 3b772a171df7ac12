//! Two-float arithmetic: sums of binary64 models.
//!
//! A tensor of f64 is computed by the machine in the precision in which the reference computes too; a sum of K products in binary64
//! would cost the reference as much error as the machine. So such sums are kept as an unevaluated pair `hi + lo`, about 106 bits
//! (Ogita, Rump, Oishi: *Accurate Sum and Dot Product*, 2005), and the result's own rounding, `lo`, is known and charged.

/// `a + b = s + e` exactly (Knuth). Not for infinities: `e` is NaN there.
#[inline]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// `a b = p + e` exactly, but for underflow.
#[inline]
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, libm::fma(a, b, -p))
}

/// A running sum `hi + lo`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Wide {
    /// The sum, rounded.
    pub hi: f64,
    /// What the rounding left.
    pub lo: f64,
}

impl Wide {
    /// One number.
    pub fn of(x: f64) -> Wide {
        Wide { hi: x, lo: 0.0 }
    }
    /// `self + x`.
    #[inline]
    #[must_use]
    pub fn plus(self, x: f64) -> Wide {
        let (s, e) = two_sum(self.hi, x);
        Wide { hi: s, lo: self.lo + e }
    }
    /// `self + a b`.
    #[inline]
    #[must_use]
    pub fn plus_product(self, a: f64, b: f64) -> Wide {
        let (p, e) = two_product(a, b);
        let s = self.plus(p);
        Wide { lo: s.lo + e, ..s }
    }
    /// The number of binary64 next to the sum, and the distance to it.
    pub fn rounded(self) -> (f64, f64) {
        if !self.hi.is_finite() || !self.lo.is_finite() {
            return (self.hi, 0.0);
        }
        let (v, e) = two_sum(self.hi, self.lo);
        (v, e.abs())
    }
}

/// Values and distances of many sums.
pub fn rounded(sums: &[Wide]) -> (Vec<f64>, Vec<f64>) {
    sums.iter().map(|s| s.rounded()).unzip()
}
