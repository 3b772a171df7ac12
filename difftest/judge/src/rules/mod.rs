//! The rules that others compare with (constants and formulas: NUMERICS.md section 1), for the same executions. The
//! expected value is the reference's binary64 value for all of them, which favours them: most compare two binary32 runs.

use approx::{abs_diff_eq, relative_eq};
use ir::{DType, Tensor};
use reference::{Bounded, Data};

use crate::legal::Value;
use crate::legal::value;

/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    /// `|d| <= 1e-7 + 1e-3 |want|` (bfloat16: 2^-6).
    Onnx,
    /// `|d| <= 1e-3 + 1e-2 |want|`.
    NnSmith,
    /// Absolute 1e-3 or relative 1e-3.
    Xla,
    /// `|d| <= 1e-5 + 1e-4 |want|` (bfloat16: 0.02 + 0.01 |want|).
    Ort,
    /// Absolute 1e-5 or relative 1e-5.
    Polygraphy,
    /// `|d| <= 1e-5 + 1.3e-6 |want|` (bfloat16: 0.016).
    PyTorch,
    /// allclose at 1e-4 (bfloat16: 1e-3), else root mean square error within three times an eager run's plus a tenth of that.
    Dynamo,
}

impl Rule {
    /// All.
    pub const ALL: [Rule; 7] =
        [Rule::Onnx, Rule::NnSmith, Rule::Xla, Rule::Ort, Rule::Polygraphy, Rule::PyTorch, Rule::Dynamo];
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Onnx => "ONNX",
            Rule::NnSmith => "NNSmith",
            Rule::Xla => "XLA",
            Rule::Ort => "ORT",
            Rule::Polygraphy => "Polygraphy",
            Rule::PyTorch => "PyTorch",
            Rule::Dynamo => "dynamo",
        }
    }
    /// Whether one output passes; `eager` is the same output of a plain run.
    pub fn passes(self, want: &Expected, got: &Tensor, eager: &Tensor) -> bool {
        let got = numbers(got);
        let narrow = want.dtype == DType::BF16;
        let close =
            |atol: f64, rtol: f64| all(&want.values, &got, &|w, g| abs_diff_eq!(g, w, epsilon = atol + rtol * w.abs()));
        let either = |tol: f64| all(&want.values, &got, &|w, g| relative_eq!(g, w, epsilon = tol, max_relative = tol));
        match self {
            Rule::Onnx => close(1e-7, if narrow { 0.015_625 } else { 1e-3 }),
            Rule::NnSmith => close(1e-3, 1e-2),
            Rule::Xla => either(1e-3),
            Rule::Ort if narrow => close(0.02, 0.01),
            Rule::Ort => close(1e-5, 1e-4),
            Rule::Polygraphy => either(1e-5),
            Rule::PyTorch => close(1e-5, if narrow { 0.016 } else { 1.3e-6 }),
            Rule::Dynamo => {
                let tol = if narrow { 1e-3 } else { 1e-4 };
                close(tol, tol) || rms(&want.values, &got) <= 3.0 * rms(&want.values, &numbers(eager)) + tol / 10.0
            }
        }
    }
}

/// The reference's values of one output.
#[derive(Clone, PartialEq, Debug)]
pub struct Expected {
    /// Element type.
    pub dtype: DType,
    /// Values.
    pub values: Vec<f64>,
}

impl Expected {
    /// Of a bounded value: the centre alone.
    pub fn of(b: &Bounded) -> Expected {
        let values = match &b.data {
            Data::Float(f) => f.value.clone(),
            Data::Int(i) => i.value.iter().map(|&x| x as f64).collect(),
        };
        Expected { dtype: b.dtype, values }
    }
}

fn numbers(t: &Tensor) -> Vec<f64> {
    match Value::of(t).map(|v| v.data) {
        Ok(value::Data::F(x)) => x,
        Ok(value::Data::I(x)) => x.into_iter().map(|x| x as f64).collect(),
        Err(_) => Vec::new(),
    }
}

/// NaN equals NaN, infinities equal themselves, finite pairs by the rule.
fn all(want: &[f64], got: &[f64], rule: &dyn Fn(f64, f64) -> bool) -> bool {
    want.len() == got.len()
        && want.iter().zip(got).all(|(&w, &g)| {
            if w.is_finite() && g.is_finite() { rule(w, g) } else { w == g || w.is_nan() && g.is_nan() }
        })
}

fn rms(want: &[f64], got: &[f64]) -> f64 {
    let mut s = 0.0;
    for (&w, &g) in want.iter().zip(got) {
        let equal = w == g || w.is_nan() && g.is_nan();
        s += if equal { 0.0 } else { (w - g) * (w - g) };
    }
    (s / want.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_of_each_rule() {
        let want = |x: f64| Expected { dtype: DType::F32, values: vec![x] };
        let one = |x: f32| Tensor::from_f32([1], &[x]);
        let passes = |r: Rule, x: f32| r.passes(&want(1.0), &one(x), &one(1.0));
        let limits = [
            (Rule::Onnx, 1.0e-3),
            (Rule::NnSmith, 1.1e-2),
            (Rule::Xla, 1.0e-3),
            (Rule::Ort, 1.1e-4),
            (Rule::Polygraphy, 1.0e-5),
            (Rule::PyTorch, 1.13e-5),
            (Rule::Dynamo, 2.0e-4),
        ];
        for (rule, d) in limits {
            assert!(passes(rule, 1.0 + 0.98 * d) && !passes(rule, 1.0 + 1.02 * d), "{}", rule.name());
        }
        assert!(Rule::Onnx.passes(&want(f64::NAN), &one(f32::NAN), &one(0.0)));
        assert!(!Rule::NnSmith.passes(&want(f64::INFINITY), &one(f32::MAX), &one(0.0)));
    }
}
