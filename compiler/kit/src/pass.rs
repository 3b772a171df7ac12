//! What a pass promises, and what it is handed.

use crate::control::Control;
use crate::rewrite::RewriteLog;

/// How the result of a pass may differ from its input; the oracle chooses its comparison from this (DESIGN.md section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Claim {
    /// The same bits in the types' own arithmetic.
    Bits,
    /// The same meaning over the reals: f64 evaluations agree to the bound of f64 arithmetic.
    Real,
    /// As `Real`, where the original has no NaN.
    RealExceptNan,
    /// As `Real`, but for exactly the declared roundings.
    Rounds(Rounding),
}

/// The three places where a pass may round.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rounding {
    /// Newly made constants, once, to their type.
    NewConstants,
    /// Quantise-dequantise to integer operators: equal unless the value before rounding is within the f32 error of a tie.
    QdqToInteger,
    /// Conversion of the storage precision of tensors.
    Precision,
}

/// What a running pass may use.
#[derive(Debug)]
pub struct PassCx<'a> {
    /// Name of the running pass.
    pub pass: &'static str,
    /// Permission and log of rewrites.
    pub log: &'a mut RewriteLog,
    /// Legal choices.
    pub control: &'a mut Control,
}

impl PassCx<'_> {
    /// Asks whether `rule` may rewrite the node from `source`; logged if so. Mandatory lowerings do not ask.
    pub fn permit(&mut self, rule: &str, source: u32) -> bool {
        self.log.permit(self.pass, rule, source)
    }
}
