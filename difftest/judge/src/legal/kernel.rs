//! What every kernel of a sampled execution has: its random choices, its arithmetic, and the flaw planted in it, if any.
//!
//! The freedoms are those that the contract grants (NUMERICS.md section 2): any order of the terms of a sum, fused
//! multiply-add, wider intermediates, functions within their ULP. Formulas are those of the ONNX operator documentation.

use super::num::{self, BF16, F16, F32};
use crate::bugs::Flaw;
use kit::Rng;
use reference::{Contract, Func};

/// How the terms of one sum are added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// One after another.
    Sequential,
    /// From the last to the first.
    Reversed,
    /// In a random order.
    Permuted,
    /// Halves of halves (numpy).
    Pairwise,
    /// Tiles of some terms, then the tiles' sums.
    Tiled(usize),
    /// Several running sums, each of every n-th term (vector lanes), then these.
    Lanes(usize),
    /// Trees of 16 terms, one after another (NPU.md 3.2).
    Groups16,
    /// In binary64, rounded once.
    Wide,
}

/// The random choices of one node.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Order of sums.
    pub strategy: Strategy,
    /// Multiply-adds are fused.
    pub fma: bool,
    /// A bias starts the sum instead of ending it.
    pub bias_first: bool,
    /// Which of several legal formulas.
    pub variant: u64,
    /// Whether terms known to be zero (padding) are added.
    pub add_zeros: bool,
    /// Nothing is rounded before the result is stored.
    pub wide: bool,
    /// Seed of noise and permutations.
    pub seed: u64,
}

impl Choice {
    /// Draws the choices of a node.
    pub fn draw(rng: &mut Rng) -> Choice {
        let strategy = match rng.below(8) {
            0 => Strategy::Sequential,
            1 => Strategy::Reversed,
            2 => Strategy::Permuted,
            3 => Strategy::Pairwise,
            4 => Strategy::Tiled(*rng.pick(&[2, 3, 4, 8, 16])),
            5 => Strategy::Lanes(*rng.pick(&[2, 4, 8, 16])),
            6 => Strategy::Groups16,
            _ => Strategy::Wide,
        };
        Choice {
            strategy,
            fma: rng.chance(1, 2),
            bias_first: rng.chance(1, 2),
            variant: rng.below(12),
            add_zeros: rng.chance(1, 2),
            wide: rng.chance(1, 5),
            seed: rng.next_u64(),
        }
    }
    /// The plainest execution: what a framework's eager mode would do. For the rule of dynamo.
    pub fn plain() -> Choice {
        Choice {
            strategy: Strategy::Sequential,
            fma: false,
            bias_first: false,
            variant: 0,
            add_zeros: false,
            wide: false,
            seed: 0,
        }
    }
}

/// One kernel under execution.
#[derive(Debug)]
pub struct Kernel<'a> {
    /// Choices.
    pub ch: Choice,
    /// The contract whose freedoms are used.
    pub contract: &'a Contract,
    /// The planted flaw.
    pub flaw: Option<Flaw>,
    /// Whether functions have noise.
    pub noisy: bool,
    noise: Rng,
    order: Vec<usize>,
}

impl<'a> Kernel<'a> {
    /// A kernel with its choices.
    pub fn new(ch: Choice, contract: &'a Contract, flaw: Option<Flaw>, noisy: bool) -> Self {
        let noise = Rng::stream(ch.seed, 1);
        Self { ch, contract, flaw, noisy, noise, order: Vec::new() }
    }
    /// Whether this flaw is planted here.
    pub fn has(&self, f: Flaw) -> bool {
        self.flaw == Some(f)
    }
    /// Rounds an intermediate, unless this kernel keeps them.
    #[inline]
    pub fn r(&self, x: f64) -> f64 {
        if self.ch.wide { x } else { f64::from(x as f32) }
    }
    /// A constant of a formula, which a binary32 implementation rounds.
    pub fn c(&self, x: f64) -> f64 {
        self.r(x)
    }
    /// A function's result with up to the contract's ULP of error, its own rounding included.
    pub fn func(&mut self, f: Func, y: f64) -> f64 {
        let k = self.contract.ulps.get(f);
        if !self.noisy || k <= 0.5 || y == 0.0 || !y.is_finite() {
            return self.r(y);
        }
        // Half an ULP is left for the rounding that follows here or at the store.
        let t = (2.0 * self.noise.unit() - 1.0) * (k - 0.5);
        let z = self.r(y + t * num::ulp(y, F32));
        if z.is_finite() { z } else { self.r(y) }
    }
    /// `e^x`, by `exp2` now and then is up to the caller.
    pub fn exp(&mut self, x: f64) -> f64 {
        self.func(Func::Exp, libm::exp(x))
    }
    /// Square root, correctly rounded.
    pub fn sqrt(&mut self, x: f64) -> f64 {
        self.func(Func::Sqrt, libm::sqrt(x))
    }
    /// `1/sqrt(x)`: a root and a division, or one function.
    pub fn rsqrt(&mut self, x: f64) -> f64 {
        if self.has(Flaw::Rsqrt12) {
            return num::round(1.0 / libm::sqrt(x), num::BITS12);
        }
        if self.ch.variant.is_multiple_of(2) {
            let s = self.sqrt(x);
            self.r(1.0 / s)
        } else {
            self.func(Func::Rsqrt, 1.0 / libm::sqrt(x))
        }
    }
    /// `a b + c`, fused or not.
    #[inline]
    pub fn mul_add(&self, a: f64, b: f64, c: f64) -> f64 {
        if self.ch.fma { self.r(a * b + c) } else { self.r(self.r(a * b) + c) }
    }
    fn permutation(&mut self, n: usize) {
        if self.order.len() != n {
            let mut rng = Rng::stream(self.ch.seed, 2);
            self.order = (0..n).collect();
            for i in (1..n).rev() {
                self.order.swap(i, rng.below(i as u64 + 1) as usize);
            }
        }
    }
    /// The accumulator of a planted flaw: a rounding after each addition.
    fn flawed_accumulator(&self) -> Option<fn(f64) -> f64> {
        fn bf16(x: f64) -> f64 {
            num::round(x, BF16)
        }
        fn f16(x: f64) -> f64 {
            num::round(x, F16)
        }
        fn cut(x: f64) -> f64 {
            num::truncate(x, F32)
        }
        match self.flaw {
            Some(Flaw::AccBf16) => Some(bf16),
            Some(Flaw::AccF16) => Some(f16),
            Some(Flaw::AccTrunc) => Some(cut),
            _ => None,
        }
    }
    /// `sum a_i b_i (+ bias)`.
    pub fn dot(&mut self, a: &[f64], b: &[f64], bias: Option<f64>) -> f64 {
        self.accumulate(a, Some(b), bias)
    }
    /// `sum a_i`.
    pub fn sum(&mut self, a: &[f64]) -> f64 {
        self.accumulate(a, None, None)
    }
    fn accumulate(&mut self, a: &[f64], b: Option<&[f64]>, bias: Option<f64>) -> f64 {
        let n = if self.has(Flaw::DropLast) { a.len().saturating_sub(1) } else { a.len() };
        let first = bias.filter(|_| self.ch.bias_first);
        let s = if let Some(acc) = self.flawed_accumulator() {
            // A flawed register adds one term after another, whatever the sound kernel would do.
            (0..n).fold(first.unwrap_or(0.0), |s, i| acc(s + b.map_or(a[i], |b| f64::from((a[i] * b[i]) as f32))))
        } else {
            self.terms(&a[..n], b, first)
        };
        match bias {
            Some(c) if first.is_none() => self.r(s + c),
            _ => s,
        }
    }
    fn terms(&mut self, a: &[f64], b: Option<&[f64]>, first: Option<f64>) -> f64 {
        let n = a.len();
        if self.ch.strategy == Strategy::Permuted {
            self.permutation(n);
        }
        let this = &*self;
        let term = |i: usize| b.map_or(a[i], |b| this.r(a[i] * b[i]));
        let step = |s: f64, i: usize| match b {
            Some(b) if this.ch.fma => this.r(a[i] * b[i] + s),
            _ => this.r(s + term(i)),
        };
        let start = first.unwrap_or(0.0);
        match self.ch.strategy {
            Strategy::Sequential => (0..n).fold(start, step),
            Strategy::Reversed => (0..n).rev().fold(start, step),
            Strategy::Permuted => self.order.iter().copied().fold(start, step),
            Strategy::Pairwise => this.r(start + pairwise(0, n, &|i| term(i), &|x| this.r(x))),
            Strategy::Tiled(t) => (0..n.div_ceil(t)).fold(start, |s, k| {
                let tile = (k * t..((k + 1) * t).min(n)).fold(0.0, step);
                this.r(s + tile)
            }),
            Strategy::Lanes(l) => (0..l.min(n)).fold(start, |s, k| this.r(s + (k..n).step_by(l).fold(0.0, step))),
            Strategy::Groups16 => (0..n.div_ceil(16)).fold(start, |s, g| {
                let leaf = |i: usize| if 16 * g + i < n { term(16 * g + i) } else { 0.0 };
                this.r(s + pairwise(0, 16, &leaf, &|x| this.r(x)))
            }),
            Strategy::Wide => {
                let s: f64 = (0..n).map(|i| b.map_or(a[i], |b| a[i] * b[i])).sum::<f64>() + start;
                this.r(s)
            }
        }
    }
}

fn pairwise(lo: usize, hi: usize, term: &dyn Fn(usize) -> f64, r: &dyn Fn(f64) -> f64) -> f64 {
    match hi - lo {
        0 => 0.0,
        1 => term(lo),
        n => r(pairwise(lo, lo + n / 2, term, r) + pairwise(lo + n / 2, hi, term, r)),
    }
}
