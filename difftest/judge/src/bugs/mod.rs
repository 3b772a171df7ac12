//! The catalogue of planted bugs: NUMERICS.md section 6, every name kept, one table row a bug.
//!
//! A bug sits in one node of a sampled execution: as a flaw of its kernel, or as an edited node that a sound kernel runs.
//! What each does is written from the bug's name and the operator's specification, apart from the bounds.

mod plant;
mod scenes;

pub use plant::Planted;
pub use scenes::{Scene, any_scene, scene};

use ir::{Graph, Node, Op};

/// What kind of mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Wrong indices, axes, pads, operands or missing terms.
    Logic,
    /// Operands, accumulators or stores narrower than the contract says.
    Precision,
    /// Cheap functions.
    Approximation,
    /// Epsilon and variance.
    Epsilon,
    /// Rounding mode.
    Rounding,
}

impl Class {
    /// All, in the table's order.
    pub const ALL: [Class; 5] = [Class::Logic, Class::Precision, Class::Approximation, Class::Epsilon, Class::Rounding];
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Class::Logic => "logic",
            Class::Precision => "precision",
            Class::Approximation => "approximation",
            Class::Epsilon => "epsilon",
            Class::Rounding => "rounding",
        }
    }
}

/// A flaw that a kernel of the sampler can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Flaw {
    /// Both operands rounded to bfloat16.
    OperandBf16,
    /// Both operands rounded to TF32.
    OperandTf32,
    /// The second operand rounded to binary16.
    WeightF16,
    /// A square right operand read as its transpose.
    WeightTransposed,
    /// Running sums in bfloat16.
    AccBf16,
    /// Running sums in binary16.
    AccF16,
    /// Running sums truncated to binary32.
    AccTrunc,
    /// The last term of each sum left out.
    DropLast,
    /// The bias added twice.
    BiasTwice,
    /// The last column holds its neighbour's results.
    LastColumnStale,
    /// Windows start one further before.
    PadOffset,
    /// The border's elements repeated for zeros in the padding.
    PadEdge,
    /// The kernel read backwards.
    KernelFlip,
    /// Scales rounded to bfloat16.
    ScaleBf16,
    /// `1/(sqrt(var) + eps)`.
    EpsilonOutside,
    /// Reciprocal square root to 12 bits.
    Rsqrt12,
    /// `E[x^2] - E[x]^2`.
    OnePass,
    /// Variance over N − 1.
    Ddof,
    /// Softmax's sum in bfloat16.
    SumBf16,
    /// Exponential to 12 bits.
    Fast12,
    /// Reciprocal to 12 bits.
    Recip12,
    /// Gelu by tanh.
    GeluTanh,
    /// Gelu as `x sigmoid(1.702 x)`.
    GeluSigmoid,
    /// A table of 64 intervals.
    Lut64,
    /// `x (27 + x^2)/(27 + 9 x^2)`.
    Pade,
    /// `x/6 + 1/2`, clamped.
    HardSigmoid,
    /// Subnormal products flushed to zero.
    FlushProduct,
    /// Capped at 6.
    Relu6,
    /// Divided by the count rounded up to 16.
    PaddedCount,
    /// A maximum that starts from 0 (pooling: where there is padding).
    InitZero,
    /// Floor toward zero.
    TruncateFloor,
    /// Ties away from zero.
    HalfAway,
    /// Quantisation toward zero.
    QuantTruncates,
    /// Quantisation with ties up.
    HalfUp,
    /// Quantisation wraps instead of saturating.
    Wraps,
    /// Quantisation to `[-max, max]`.
    Symmetric,
    /// Zero point one too large.
    ZeroPointOff,
    /// Cast toward zero.
    CastTruncates,
    /// Cast through TF32.
    CastTwice,
    /// The data are not moved.
    NotTransposed,
    /// The first sliced axis is read one further.
    SliceOffByOne,
    /// Sums stored through bfloat16.
    StoreBf16,
    /// Sums stored through binary16.
    StoreF16,
    /// Sums truncated when stored.
    TruncStore,
    /// The last, partial vector of 16 stays zero.
    TailZero,
    /// One element is its neighbour's.
    Neighbour,
}

impl Flaw {
    /// Whether it is a flaw of how a result is stored.
    pub fn is_of_the_store(self) -> bool {
        matches!(self, Flaw::StoreBf16 | Flaw::StoreF16 | Flaw::TruncStore)
    }
}

/// How a bug is made.
#[derive(Clone, Copy, Debug)]
pub enum Make {
    /// A flaw of the kernel.
    Kernel(Flaw),
    /// An edited node; `None` where the edit would change nothing.
    Edit(fn(&Graph, &Node) -> Option<Node>),
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// Kind of node, as NUMERICS.md section 6 names it.
    pub kind: &'static str,
    /// Name within the kind.
    pub name: &'static str,
    /// Class.
    pub class: Class,
    /// Operators that it is planted in.
    pub ops: &'static [Op],
    /// How.
    pub make: Make,
    /// Least share of activated runs that the verdict tiers must flag in the tests' small campaign, in percent (f32).
    pub floor: u32,
}

impl Bug {
    /// `kind/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// The bug of an id (`kind/name`).
pub fn find(id: &str) -> Option<&'static Bug> {
    BUGS.iter().find(|b| b.id() == id)
}

const fn row(kind: &'static str, name: &'static str, class: Class, ops: &'static [Op], make: Make, floor: u32) -> Bug {
    Bug { kind, name, class, ops, make, floor }
}

use Class::{Approximation as A, Epsilon as E, Logic as L, Precision as P, Rounding as R};
use Make::{Edit, Kernel};

const PRODUCT: &[Op] = &[Op::MatMul, Op::Gemm];
const NORM: &[Op] = &[Op::LayerNormalization];

/// The catalogue.
pub const BUGS: &[Bug] = &[
    row("matmul", "bf16_in", P, PRODUCT, Kernel(Flaw::OperandBf16), 70),
    row("matmul", "tf32_in", P, PRODUCT, Kernel(Flaw::OperandTf32), 70),
    row("matmul", "w_f16", P, PRODUCT, Kernel(Flaw::WeightF16), 70),
    row("matmul", "wT", L, PRODUCT, Kernel(Flaw::WeightTransposed), 70),
    row("matmul", "bf16_acc", P, PRODUCT, Kernel(Flaw::AccBf16), 70),
    row("matmul", "f16_acc", P, PRODUCT, Kernel(Flaw::AccF16), 70),
    row("matmul", "drop_last_k", L, PRODUCT, Kernel(Flaw::DropLast), 70),
    row("matmul", "drop_bias", L, &[Op::Gemm], Edit(plant::without_third), 70),
    row("matmul", "bias_twice", L, &[Op::Gemm], Kernel(Flaw::BiasTwice), 70),
    row("matmul", "last_col_stale", L, PRODUCT, Kernel(Flaw::LastColumnStale), 70),
    row("matmul", "trunc_acc", R, PRODUCT, Kernel(Flaw::AccTrunc), 40),
    row("conv", "pad_off", L, &[Op::Conv], Kernel(Flaw::PadOffset), 70),
    row("conv", "pad_edge", L, &[Op::Conv], Kernel(Flaw::PadEdge), 70),
    row("conv", "bf16_in", P, &[Op::Conv], Kernel(Flaw::OperandBf16), 70),
    row("conv", "flip", L, &[Op::Conv], Kernel(Flaw::KernelFlip), 70),
    row("conv", "drop_bias", L, &[Op::Conv], Edit(plant::without_third), 70),
    row("conv", "drop_last_k", L, &[Op::Conv], Kernel(Flaw::DropLast), 70),
    row("conv", "f16_acc", P, &[Op::Conv], Kernel(Flaw::AccF16), 70),
    row("conv", "trunc_acc", R, &[Op::Conv], Kernel(Flaw::AccTrunc), 40),
    row("bn", "eps100", E, &[Op::BatchNormalization], Edit(plant::epsilon_100), 70),
    row("bn", "eps0", E, &[Op::BatchNormalization], Edit(plant::epsilon_0), 70),
    row("bn", "s_bf16", P, &[Op::BatchNormalization], Kernel(Flaw::ScaleBf16), 70),
    row("layernorm", "eps10", E, NORM, Edit(plant::epsilon_10), 70),
    row("layernorm", "eps1000", E, NORM, Edit(plant::epsilon_1000), 70),
    row("layernorm", "eps_outside", E, NORM, Kernel(Flaw::EpsilonOutside), 70),
    row("layernorm", "rsqrt12", A, NORM, Kernel(Flaw::Rsqrt12), 70),
    row("layernorm", "onepass", E, NORM, Kernel(Flaw::OnePass), 40),
    row("layernorm", "ddof", L, NORM, Kernel(Flaw::Ddof), 70),
    row("layernorm", "drop_beta", L, NORM, Edit(plant::without_third), 70),
    row("softmax", "axis", L, &[Op::Softmax], Edit(plant::other_axis), 70),
    row("softmax", "sum_bf16", P, &[Op::Softmax], Kernel(Flaw::SumBf16), 70),
    row("softmax", "fast12", A, &[Op::Softmax], Kernel(Flaw::Fast12), 70),
    row("softmax", "recip12", A, &[Op::Softmax], Kernel(Flaw::Recip12), 70),
    row("gelu", "tanh_approx", A, &[Op::Gelu], Kernel(Flaw::GeluTanh), 70),
    row("gelu", "sig_approx", A, &[Op::Gelu], Kernel(Flaw::GeluSigmoid), 70),
    row("tanh", "lut64", A, &[Op::Tanh], Kernel(Flaw::Lut64), 70),
    row("tanh", "pade", A, &[Op::Tanh], Kernel(Flaw::Pade), 70),
    row("sigmoid", "lut64", A, &[Op::Sigmoid], Kernel(Flaw::Lut64), 70),
    row("sigmoid", "hard", A, &[Op::Sigmoid], Kernel(Flaw::HardSigmoid), 70),
    row("exp", "fast12", A, &[Op::Exp], Kernel(Flaw::Fast12), 70),
    row("sqrt", "rsqrt12", A, &[Op::Sqrt], Kernel(Flaw::Rsqrt12), 70),
    row("div", "recip12", A, &[Op::Div], Kernel(Flaw::Recip12), 70),
    row("div", "swap", L, &[Op::Div], Edit(plant::swapped), 70),
    row("sub", "swap", L, &[Op::Sub], Edit(plant::swapped), 70),
    row("mul", "ftz", R, &[Op::Mul], Kernel(Flaw::FlushProduct), 70),
    row("relu", "relu6", L, &[Op::Relu], Kernel(Flaw::Relu6), 70),
    row("clip", "hi_missing", L, &[Op::Clip], Edit(plant::without_third), 70),
    row("reduce_mean", "n_pad", L, &[Op::ReduceMean], Kernel(Flaw::PaddedCount), 70),
    row("reduce_mean", "drop_last_k", L, &[Op::ReduceMean], Kernel(Flaw::DropLast), 70),
    row("reduce_mean", "bf16_acc", P, &[Op::ReduceMean], Kernel(Flaw::AccBf16), 70),
    row("reduce_sum", "drop_last_k", L, &[Op::ReduceSum], Kernel(Flaw::DropLast), 70),
    row("reduce_sum", "f16_acc", P, &[Op::ReduceSum], Kernel(Flaw::AccF16), 70),
    row("reduce_sum", "trunc_acc", R, &[Op::ReduceSum], Kernel(Flaw::AccTrunc), 40),
    row("reduce_max", "init0", L, &[Op::ReduceMax], Kernel(Flaw::InitZero), 70),
    row("var", "ddof", L, &[Op::BatchNormalization], Kernel(Flaw::Ddof), 70),
    row("var", "onepass", E, &[Op::BatchNormalization], Kernel(Flaw::OnePass), 60),
    row("maxpool", "pad0", L, &[Op::MaxPool], Kernel(Flaw::InitZero), 70),
    row("avgpool", "count_pad", L, &[Op::AveragePool], Edit(plant::other_count), 70),
    row("resize", "asym", L, &[Op::Resize], Edit(plant::asymmetric), 70),
    row("resize", "align", L, &[Op::Resize], Edit(plant::align_corners), 70),
    row("floor", "trunc", R, &[Op::Floor], Kernel(Flaw::TruncateFloor), 70),
    row("round", "half_away", R, &[Op::Round], Kernel(Flaw::HalfAway), 70),
    row("quant", "q_trunc", R, &[Op::QuantizeLinear], Kernel(Flaw::QuantTruncates), 70),
    row("quant", "half_up", R, &[Op::QuantizeLinear], Kernel(Flaw::HalfUp), 70),
    row("quant", "wrap", L, &[Op::QuantizeLinear], Kernel(Flaw::Wraps), 70),
    row("quant", "sat127", L, &[Op::QuantizeLinear], Kernel(Flaw::Symmetric), 70),
    row("quant", "z_off", L, &[Op::QuantizeLinear], Kernel(Flaw::ZeroPointOff), 70),
    row("castbf16", "trunc", R, &[Op::Cast], Kernel(Flaw::CastTruncates), 70),
    row("castbf16", "double_round", R, &[Op::Cast], Kernel(Flaw::CastTwice), 70),
    row("greater", "ge", L, &[Op::Greater], Edit(plant::or_equal), 70),
    row("where", "swap", L, &[Op::Where], Edit(plant::branches_swapped), 70),
    row("argmax", "last", L, &[Op::ArgMax], Edit(plant::last_index), 70),
    row("transpose", "noop", L, &[Op::Transpose], Kernel(Flaw::NotTransposed), 70),
    row("slice", "off1", L, &[Op::Slice], Kernel(Flaw::SliceOffByOne), 70),
    row("concat", "swap", L, &[Op::Concat], Edit(plant::swapped), 70),
    row("add", "store_bf16", P, &[Op::Add], Kernel(Flaw::StoreBf16), 70),
    row("add", "store_f16", P, &[Op::Add], Kernel(Flaw::StoreF16), 70),
    row("add", "tail_zero", L, &[Op::Add], Kernel(Flaw::TailZero), 70),
    row("add", "elem_neighbour", L, &[Op::Add], Kernel(Flaw::Neighbour), 70),
    row("add", "trunc_store", R, &[Op::Add], Kernel(Flaw::TruncStore), 70),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// NUMERICS.md section 6 has 80 bugs: 37, 13, 12, 7 and 11 by class.
    #[test]
    fn the_catalogue_is_complete() {
        let of = |c: Class| BUGS.iter().filter(|b| b.class == c).count();
        assert_eq!(Class::ALL.map(of), [37, 13, 12, 7, 11]);
        let ids: std::collections::BTreeSet<String> = BUGS.iter().map(Bug::id).collect();
        assert_eq!(ids.len(), BUGS.len());
        assert!(BUGS.iter().all(|b| find(&b.id()).is_some_and(|f| f.name == b.name) && b.floor > 0));
    }
}
