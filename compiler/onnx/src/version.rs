//! Which operator set a written model needs: as old as its nodes permit, so that other runtimes read it.

use ir::{Attrs, DType, Op};

/// The oldest set that is written; every form that the graph has, apart from the rows below, exists in it unchanged.
pub const BASE: u32 = 21;

/// Operators that came after the base set (for `Attention`: the version with all inputs that the graph has).
const NEWER_OPERATORS: &[(Op, u32)] = &[
    (Op::Attention, 24),
    (Op::BitCast, 26),
    (Op::CausalConvWithState, 27),
    (Op::CumProd, 26),
    (Op::LinearAttention, 27),
    (Op::RMSNormalization, 23),
    (Op::RotaryEmbedding, 23),
    (Op::Swish, 24),
    (Op::TensorScatter, 24),
];

/// Attributes that came after the base set.
const NEWER_ATTRIBUTES: &[(Op, &str, u32)] = &[
    (Op::Attention, "left_window_size", 25),
    (Op::Attention, "right_window_size", 25),
    (Op::Cast, "round_mode", 24),
    (Op::CastLike, "round_mode", 24),
    (Op::DequantizeLinear, "output_dtype", 23),
    (Op::QuantizeLinear, "precision", 23),
];

/// Element types that an operator takes only since a later set: f16, bf16 and f64 for floats, signed ones for integers.
const NEWER_TYPES: &[(Op, &[DType], u32)] = &[
    (Op::Celu, &[DType::F16, DType::BF16, DType::F64], 28),
    (Op::Range, &[DType::F16, DType::BF16], 27),
    (Op::BitShift, &[DType::I8, DType::I16, DType::I32, DType::I64], 28),
    (Op::Mod, &[DType::F16, DType::BF16, DType::F32, DType::F64], 28),
    (Op::TopK, BF16, 24),
    (Op::Einsum, BF16, 28),
    (Op::ReverseSequence, BF16, 28),
    (Op::Compress, BF16, 28),
    (Op::Unique, BF16, 28),
    (Op::OneHot, BF16, 28),
    // A scale of another type than the input.
    (Op::QuantizeLinear, &[DType::F16, DType::BF16], 23),
    (Op::DequantizeLinear, &[DType::F16, DType::BF16], 23),
];
const BF16: &[DType] = &[DType::BF16];

/// Operators that take bf16 since set 22.
const BF16_SINCE_22: &[Op] = &[
    Op::Acos,
    Op::Acosh,
    Op::Asin,
    Op::Asinh,
    Op::Atan,
    Op::Atanh,
    Op::Cos,
    Op::Cosh,
    Op::HardSwish,
    Op::Mish,
    Op::Round,
    Op::Sin,
    Op::Sinh,
    Op::Softplus,
    Op::Softsign,
    Op::Tan,
    Op::Elu,
    Op::HardSigmoid,
    Op::Selu,
    Op::ThresholdedRelu,
    Op::Det,
    Op::Conv,
    Op::ConvTranspose,
    Op::MaxPool,
    Op::AveragePool,
    Op::LpPool,
    Op::GlobalAveragePool,
    Op::GlobalMaxPool,
    Op::GlobalLpPool,
    Op::InstanceNormalization,
    Op::LpNormalization,
    Op::DeformConv,
    Op::LSTM,
    Op::GRU,
    Op::RNN,
    Op::GridSample,
    Op::EyeLike,
    Op::Dropout,
    Op::MaxUnpool,
    Op::RoiAlign,
];

/// The first set with this form of the operator; `dtypes` are the element types of its operands and results that are
/// known, `attrs` those that are written.
pub fn needed(op: Op, attrs: &Attrs, dtypes: &[DType]) -> u32 {
    let mut need = BASE;
    for &(o, since) in NEWER_OPERATORS {
        if o == op {
            need = need.max(since);
        }
    }
    for &(o, name, since) in NEWER_ATTRIBUTES {
        if o == op && attrs.has(name) {
            need = need.max(since);
        }
    }
    for &(o, types, since) in NEWER_TYPES {
        // `Mod` with fmod = 1 has always been for floats.
        if o == op && types.iter().any(|t| dtypes.contains(t)) && !(op == Op::Mod && attrs.flag("fmod")) {
            need = need.max(since);
        }
    }
    // Set 22 says which windows count at the rounded-up end; checkers of older sets compute another shape.
    if matches!(op, Op::AveragePool | Op::MaxPool | Op::LpPool) && attrs.flag("ceil_mode") {
        need = need.max(22);
    }
    if dtypes.contains(&DType::BF16) && BF16_SINCE_22.contains(&op) {
        need = need.max(22);
    }
    need
}

/// The IR version that was current with an operator set.
pub fn ir_version(set: u32) -> i64 {
    match set {
        0..=22 => 10,
        23 => 11,
        24 => 12,
        25..=27 => 13,
        _ => 14,
    }
}
