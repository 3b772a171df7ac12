//! One kernel with its bound per operator. The `match` has no wildcard: a new operator does not compile until it has a
//! row here, with a kernel or with a reason why there is none.

pub mod attention;
pub mod cast;
pub mod causal_conv;
pub mod compare;
pub mod conv;
pub mod elementwise;
pub mod index;
pub mod integer;
pub mod layout;
pub mod linear;
pub mod linear_attention;
pub mod norm;
pub mod pool;
pub mod qlinear;
pub mod quant;
pub mod recurrent;
pub mod reduce;
pub mod resize;
pub mod roi;
pub mod sample;
pub mod shape;
pub mod unary;
pub mod window;

use crate::cx::Args;
use crate::error::OpResult;
use crate::value::{Bounded, Data};
use ir::{Family, Op};

/// Evaluates the node of `a`; one result per output of the schema that can be had (at least those that the node names).
///
/// "This ball or NaN" is a result, not an operand: what computes with it reads an open element, so that no kernel has to ask what it
/// gives for NaN beside what it gives for the ball (a maximum that ignores NaN gives the other operand). What moves elements
/// keeps them as they are.
pub fn eval(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let moves = matches!(a.node.op.schema().family, Family::Layout | Family::Shape) || a.node.op == Op::Identity;
    let flagged = |b: &Option<&Bounded>| b.is_some_and(|b| matches!(&b.data, Data::Float(f) if f.nan.is_some()));
    if moves || !a.inputs.iter().any(flagged) {
        return kernel(a);
    }
    let open: Vec<Option<Bounded>> = a.inputs.iter().map(|b| b.map(Bounded::flags_open)).collect();
    let inputs: Vec<Option<&Bounded>> = open.iter().map(Option::as_ref).collect();
    kernel(&Args { inputs: &inputs, ..*a })
}

fn kernel(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let one = |r: OpResult<Bounded>| r.map(|b| vec![b]);
    match a.node.op {
        Op::Abs | Op::Neg | Op::Sign => one(unary::sign_like(a)),
        Op::Ceil | Op::Floor | Op::Round => one(unary::rounding(a)),
        Op::Acos | Op::Acosh | Op::Asin | Op::Asinh | Op::Atan | Op::Atanh => one(unary::function(a)),
        Op::Cos | Op::Cosh | Op::Sin | Op::Sinh | Op::Tan | Op::Tanh => one(unary::function(a)),
        Op::Erf | Op::Exp | Op::Log | Op::Sigmoid | Op::Softplus => one(unary::function(a)),
        Op::Sqrt | Op::Reciprocal => one(unary::function(a)),
        Op::HardSwish | Op::Mish | Op::Softsign | Op::Celu | Op::Elu | Op::Gelu | Op::HardSigmoid => {
            one(unary::activation(a))
        }
        Op::LeakyRelu | Op::Selu | Op::Shrink | Op::Swish | Op::ThresholdedRelu => one(unary::activation(a)),
        Op::Relu | Op::Clip => one(unary::clip(a)),
        Op::Identity => Ok(vec![a.x(0)?.clone()]),
        Op::Dropout => unary::dropout(a),
        Op::IsNaN | Op::IsInf => one(compare::classify(a)),
        Op::Not => one(compare::not(a)),
        Op::And | Op::Or | Op::Xor => one(compare::logical(a)),
        Op::Equal | Op::Greater | Op::GreaterOrEqual | Op::Less | Op::LessOrEqual => one(compare::compare(a)),
        Op::Where => one(compare::where_(a)),
        Op::Cast | Op::CastLike => one(cast::cast(a)),
        Op::BitCast => one(cast::bit_cast(a)),
        Op::Add | Op::Sub | Op::Mul | Op::Div => one(elementwise::arithmetic(a)),
        Op::Pow => one(elementwise::pow(a)),
        Op::PRelu => one(elementwise::prelu(a)),
        Op::Mod => one(elementwise::modulo(a)),
        Op::Max | Op::Min => one(elementwise::extremum(a)),
        Op::Sum | Op::Mean => one(elementwise::sum(a)),
        Op::BitwiseNot | Op::BitwiseAnd | Op::BitwiseOr | Op::BitwiseXor | Op::BitShift => one(integer::bitwise(a)),
        Op::MatMul => one(linear::matmul(a)),
        Op::Gemm => one(linear::gemm(a)),
        Op::Einsum => one(linear::einsum(a)),
        Op::Det => one(linear::det(a)),
        Op::MatMulInteger => one(quant::matmul_integer(a)),
        Op::QLinearMatMul => one(quant::qlinear_matmul(a)),
        Op::ConvInteger => one(quant::conv_integer(a)),
        Op::QLinearConv => one(quant::qlinear_conv(a)),
        Op::QuantizeLinear => one(quant::quantize(a)),
        Op::DequantizeLinear => one(quant::dequantize(a)),
        Op::DynamicQuantizeLinear => quant::dynamic_quantize(a),
        Op::QLinearAdd | Op::QLinearMul => one(qlinear::binary(a)),
        Op::QLinearSigmoid | Op::QLinearLeakyRelu => one(qlinear::unary(a)),
        Op::QLinearAveragePool | Op::QLinearGlobalAveragePool => one(qlinear::pool(a)),
        Op::QLinearConcat => one(qlinear::concat(a)),
        Op::QLinearSoftmax => one(qlinear::softmax(a)),
        Op::QGemm => one(qlinear::gemm(a)),
        Op::Conv => one(conv::conv(a)),
        Op::ConvTranspose => one(conv::conv_transpose(a)),
        Op::MaxPool => pool::max_pool(a),
        Op::AveragePool | Op::LpPool => one(pool::window_mean(a)),
        Op::GlobalAveragePool | Op::GlobalMaxPool | Op::GlobalLpPool => one(pool::global(a)),
        Op::MaxUnpool => one(pool::max_unpool(a)),
        Op::BatchNormalization => norm::batch(a),
        Op::LayerNormalization => norm::layer(a),
        Op::RMSNormalization => one(norm::rms(a)),
        Op::GroupNormalization | Op::InstanceNormalization => one(norm::group(a)),
        Op::LpNormalization => one(norm::lp(a)),
        Op::MeanVarianceNormalization => one(norm::mean_variance(a)),
        Op::LRN => one(norm::lrn(a)),
        Op::Softmax | Op::LogSoftmax => one(norm::softmax(a)),
        Op::Hardmax => one(reduce::hardmax(a)),
        Op::ReduceSum | Op::ReduceMean | Op::ReduceMax | Op::ReduceMin | Op::ReduceProd => one(reduce::reduce(a)),
        Op::ReduceL1 | Op::ReduceL2 | Op::ReduceLogSum | Op::ReduceLogSumExp | Op::ReduceSumSquare => {
            one(reduce::reduce(a))
        }
        Op::ArgMax | Op::ArgMin => one(reduce::arg_extremum(a)),
        Op::CumSum | Op::CumProd => one(reduce::cumulative(a)),
        Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze => one(layout::reshape(a)),
        Op::Transpose => one(layout::transpose(a)),
        Op::Concat => one(layout::concat(a)),
        Op::Split => layout::split(a),
        Op::Slice => one(layout::slice(a)),
        Op::Pad => one(layout::pad(a)),
        Op::Expand | Op::Tile => one(layout::expand(a)),
        Op::DepthToSpace | Op::SpaceToDepth => one(layout::blocks(a)),
        Op::Trilu => one(layout::trilu(a)),
        Op::ReverseSequence => one(layout::reverse_sequence(a)),
        Op::CenterCropPad => one(layout::center_crop_pad(a)),
        Op::Col2Im => one(layout::col2im(a)),
        Op::Gather => one(index::gather(a)),
        Op::GatherElements => one(index::gather_elements(a)),
        Op::GatherND => one(index::gather_nd(a)),
        Op::ScatterElements | Op::ScatterND => one(index::scatter(a)),
        Op::TensorScatter => one(index::tensor_scatter(a)),
        Op::OneHot => one(index::one_hot(a)),
        Op::TopK => index::top_k(a),
        Op::NonZero => one(index::non_zero(a)),
        Op::Compress => one(index::compress(a)),
        Op::Unique => index::unique(a),
        Op::NonMaxSuppression => one(index::non_max_suppression(a)),
        Op::Resize => one(resize::resize(a)),
        Op::GridSample => one(sample::grid_sample(a)),
        Op::AffineGrid => one(resize::affine_grid(a)),
        Op::RoiAlign => one(roi::roi_align(a)),
        Op::DeformConv => one(roi::deform_conv(a)),
        Op::LSTM | Op::GRU | Op::RNN => recurrent::recurrent(a),
        Op::Attention => attention::attention(a),
        Op::RotaryEmbedding => one(attention::rotary(a)),
        Op::LinearAttention => linear_attention::linear_attention(a),
        Op::CausalConvWithState => causal_conv::causal_conv(a),
        Op::Shape | Op::Size => one(shape::shape(a)),
        Op::ConstantOfShape => one(shape::constant_of_shape(a)),
        Op::Range => one(shape::range(a)),
        Op::EyeLike => one(shape::eye_like(a)),
    }
}
