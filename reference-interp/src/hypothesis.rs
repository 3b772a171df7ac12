//! Named hypotheses: ways in which an implementation is wrong, for the explainer (issue 4.6).
//!
//! A hypothesis changes the *values* of an evaluation (the radius stays that of the contract); the caller runs it with
//! [`crate::Options::hypothesis`] on the machine's own inputs and asks which one reproduces the device's bits. Where
//! each is applied: accumulator formats and orders in `ops::linear`, `ops::conv` and `ops::reduce` through
//! [`crate::cx::EvalCx::accumulate`]; store modes in [`crate::cx::EvalCx`]; operand mistakes where the operator reads them.

use crate::contract::Format;
use crate::round::Rounding;

/// One named mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hypothesis {
    /// Results are rounded to nearest with ties away from zero.
    TiesAway,
    /// Results are truncated toward zero.
    Truncation,
    /// Results are rounded to bf16 and only then to their type (double rounding through bf16, or a bf16 store).
    StoreBf16,
    /// Results are rounded to f16 first.
    StoreF16,
    /// Results are rounded to binary32 before the storage type (double rounding).
    DoubleRounding,
    /// Subnormal results become zero.
    FlushToZero,
    /// Sums are kept in binary16.
    AccumulatorF16,
    /// Sums are kept in bfloat16.
    AccumulatorBf16,
    /// Operands of products are rounded to bfloat16.
    OperandsBf16,
    /// Partial sums are truncated to the accumulator.
    AccumulatorTruncates,
    /// The last term of every reduction is missing.
    DropLastTerm,
    /// The bias is missing.
    MissingBias,
    /// The bias is added twice.
    BiasTwice,
    /// Max pooling pads with zero.
    MaxPoolPadsZero,
    /// Average pooling counts padding when it should not, and the reverse.
    AveragePoolCount,
    /// Integer results wrap where they should saturate.
    WrapForSaturate,
    /// The output zero point is not added.
    NoZeroPoint,
    /// Quantisation rounds half up.
    QuantizeHalfUp,
    /// Quantisation truncates.
    QuantizeTruncates,
    /// Per-channel scales: that of channel 0 for all.
    FirstChannelScale,
    /// Epsilon is a hundredth of what it should be.
    EpsilonSmall,
    /// Epsilon is zero.
    EpsilonZero,
    /// The filter is rotated by 180 degrees.
    FlippedKernel,
    /// Integer division rounds down instead of toward zero.
    IntegerDivisionFloors,
    /// Round takes ties upward instead of to even.
    RoundHalfUp,
    /// Max and Min give the second operand where the first is NaN (a comparison and a selection).
    MaxTakesSecond,
    /// Softmax normalises over all axes from its axis on, as opset 12 and before did.
    SoftmaxFlattens,
    /// Negative indices of Gather are taken as 0 instead of counted from the end.
    NegativeIndexClamped,
    /// A mean divides by its length rounded up to 16 lanes.
    MeanCountsPaddedLength,
    /// A negative output zero point is read as unsigned.
    ZeroPointUnsigned,
    /// Of every sum over K only a part is added: the terms at `from..to` in the machine's order (taps row by row, channels innermost).
    /// With `from > 0` the bias, from which the first part starts, is lost too. Not among [`Hypothesis::ALL`]: it has parameters.
    OnlyTerms {
        /// First term.
        from: u32,
        /// One past the last.
        to: u32,
    },
}

impl Hypothesis {
    /// All, in the order in which an explainer tries them.
    pub const ALL: &'static [Hypothesis] = &[
        Hypothesis::TiesAway,
        Hypothesis::Truncation,
        Hypothesis::StoreBf16,
        Hypothesis::StoreF16,
        Hypothesis::DoubleRounding,
        Hypothesis::FlushToZero,
        Hypothesis::AccumulatorF16,
        Hypothesis::AccumulatorBf16,
        Hypothesis::OperandsBf16,
        Hypothesis::AccumulatorTruncates,
        Hypothesis::DropLastTerm,
        Hypothesis::MissingBias,
        Hypothesis::BiasTwice,
        Hypothesis::MaxPoolPadsZero,
        Hypothesis::AveragePoolCount,
        Hypothesis::WrapForSaturate,
        Hypothesis::NoZeroPoint,
        Hypothesis::QuantizeHalfUp,
        Hypothesis::QuantizeTruncates,
        Hypothesis::FirstChannelScale,
        Hypothesis::EpsilonSmall,
        Hypothesis::EpsilonZero,
        Hypothesis::FlippedKernel,
        Hypothesis::IntegerDivisionFloors,
        Hypothesis::RoundHalfUp,
        Hypothesis::MaxTakesSecond,
        Hypothesis::SoftmaxFlattens,
        Hypothesis::NegativeIndexClamped,
        Hypothesis::MeanCountsPaddedLength,
        Hypothesis::ZeroPointUnsigned,
    ];
    /// Its name in kebab case, for reports and JSON: `ties-away`, `accumulator-f16`.
    pub fn id(self) -> String {
        let mut out = String::new();
        for c in format!("{self:?}").chars().take_while(char::is_ascii_alphanumeric) {
            if c.is_ascii_uppercase() && !out.is_empty() {
                out.push('-');
            }
            out.push(c.to_ascii_lowercase());
        }
        out
    }
    /// A phrase for reports.
    pub fn describe(self) -> &'static str {
        match self {
            Hypothesis::TiesAway => "ties are rounded away from zero",
            Hypothesis::Truncation => "results are truncated toward zero",
            Hypothesis::StoreBf16 => "results are stored in bf16",
            Hypothesis::StoreF16 => "results are stored in f16",
            Hypothesis::DoubleRounding => "results are rounded twice, through f32",
            Hypothesis::FlushToZero => "subnormal results are flushed to zero",
            Hypothesis::AccumulatorF16 => "the accumulator is f16",
            Hypothesis::AccumulatorBf16 => "the accumulator is bf16",
            Hypothesis::OperandsBf16 => "the operands are rounded to bf16",
            Hypothesis::AccumulatorTruncates => "the accumulator truncates",
            Hypothesis::DropLastTerm => "the last term of the reduction is missing",
            Hypothesis::MissingBias => "the bias is missing",
            Hypothesis::BiasTwice => "the bias is added twice",
            Hypothesis::MaxPoolPadsZero => "max pooling pads with zero",
            Hypothesis::AveragePoolCount => "average pooling divides by the wrong count at the border",
            Hypothesis::WrapForSaturate => "integers wrap instead of saturating",
            Hypothesis::NoZeroPoint => "the output zero point is missing",
            Hypothesis::QuantizeHalfUp => "quantisation rounds half up",
            Hypothesis::QuantizeTruncates => "quantisation truncates",
            Hypothesis::FirstChannelScale => "the scale of channel 0 is used for all channels",
            Hypothesis::EpsilonSmall => "epsilon is a hundredth of what it should be",
            Hypothesis::EpsilonZero => "epsilon is missing",
            Hypothesis::FlippedKernel => "the filter is rotated by 180 degrees",
            Hypothesis::IntegerDivisionFloors => "integer division rounds down",
            Hypothesis::RoundHalfUp => "Round takes ties upward",
            Hypothesis::MaxTakesSecond => "a maximum or minimum gives the second operand where the first is NaN",
            Hypothesis::SoftmaxFlattens => "Softmax normalises over all axes from its axis on",
            Hypothesis::NegativeIndexClamped => "negative indices are taken as 0",
            Hypothesis::MeanCountsPaddedLength => "a mean divides by its length rounded up to 16",
            Hypothesis::OnlyTerms { .. } => "only a part of each sum is added",
            Hypothesis::ZeroPointUnsigned => "a negative zero point is read as unsigned",
        }
    }
    /// The terms of each sum over K that are added, by position; `None`: all.
    pub fn terms(self) -> Option<std::ops::Range<usize>> {
        match self {
            Hypothesis::OnlyTerms { from, to } => Some(from as usize..to as usize),
            _ => None,
        }
    }
    /// How often the bias is added.
    pub fn bias(self) -> f64 {
        match self {
            Hypothesis::MissingBias => 0.0,
            Hypothesis::BiasTwice => 2.0,
            Hypothesis::OnlyTerms { from, .. } if from > 0 => 0.0,
            _ => 1.0,
        }
    }
    /// Rounding mode of stores.
    pub fn store_rounding(self) -> Rounding {
        match self {
            Hypothesis::TiesAway => Rounding::NearestAway,
            Hypothesis::Truncation => Rounding::TowardZero,
            _ => Rounding::NearestEven,
        }
    }
    /// Format and rounding of running sums, where they are not exact.
    pub fn accumulator(self) -> Option<(Format, Rounding)> {
        match self {
            Hypothesis::AccumulatorF16 => Some((Format::F16, Rounding::NearestEven)),
            Hypothesis::AccumulatorBf16 => Some((Format::BF16, Rounding::NearestEven)),
            Hypothesis::AccumulatorTruncates => Some((Format::F32, Rounding::TowardZero)),
            _ => None,
        }
    }
}
