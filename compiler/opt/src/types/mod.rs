//! Type rules: for every operator, the types of its outputs from its attributes and inputs, or what is wrong with them.
//!
//! Independent of the reference interpreter, which measures shapes from data; `difftest` compares the two.

mod attention;
mod conv;
mod dynamic;
mod elementwise;
mod index;
mod layout;
mod linear;
mod norm;
mod qlinear;
mod quant;
mod recurrent;
mod reduce;
mod resize;
mod shape;
pub mod util;

pub use conv::{Window, window};
pub use layout::pad_amounts;
pub use layout::perm;
pub use layout::split_sizes;
pub use layout::{SliceSpec, reshape_dims, slice_specs};
pub use reduce::reduce_axes;
pub use resize::resize_plan;
pub use shape::shape_range;

use ir::{Attrs, Graph, Node, Op, Tensor, TensorType};
use kit::Violation;
use util::{In, Res};

/// What is known of one input of a node.
#[derive(Clone, Copy, Debug)]
pub struct Arg<'a> {
    /// Its type.
    pub ty: &'a TensorType,
    /// Its value, where it is a constant: shapes, axes, pads, `k` and the like.
    pub value: Option<&'a Tensor>,
}

/// Types of all outputs that `op` can have (a node may leave trailing optional ones out).
///
/// # Errors
/// A sentence that says which attribute or input is wrong, or that the output shape depends on data.
pub fn infer(op: Op, attrs: &Attrs, inputs: &[Option<Arg<'_>>]) -> Result<Vec<TensorType>, String> {
    let s = op.schema();
    if inputs.len() < s.inputs.0 || inputs.len() > s.inputs.1 {
        return Err(format!("{} inputs given, {} to {} expected", inputs.len(), s.inputs.0, s.inputs.1));
    }
    let outs = dispatch(op, attrs, inputs)?;
    for o in &outs {
        let n = o.dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d));
        let max = ir::verify::MAX_ELEMENTS;
        if n.is_none_or(|n| n > max) || o.dims.iter().any(|&d| d > max) {
            return Err(format!("the output {o} has more than {max} elements"));
        }
    }
    Ok(outs)
}

fn dispatch(op: Op, a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    use Op::*;
    match op {
        Acos | Acosh | Asin | Asinh | Atan | Atanh | Ceil | Cos | Cosh | Exp | Floor | HardSwish | Log | Mish
        | Reciprocal | Round | Sigmoid | Sin | Sinh | Softplus | Softsign | Sqrt | Tan | Tanh | Celu | Elu
        | HardSigmoid | LeakyRelu | Selu | Swish | ThresholdedRelu => elementwise::float_unary(x),
        Abs | Sign | Erf | Shrink => elementwise::numeric_unary(x),
        Neg | Relu => elementwise::signed_unary(x),
        Gelu => elementwise::gelu(a, x),
        Identity => elementwise::identity(x),
        Not => elementwise::not(x),
        BitwiseNot => elementwise::bitwise_not(x),
        IsNaN | IsInf => elementwise::float_test(x),
        Cast => elementwise::cast(a, x),
        CastLike => elementwise::cast_like(x),
        BitCast => elementwise::bit_cast(a, x),
        Clip => elementwise::clip(x),
        Dropout => elementwise::dropout(x),
        Add | Sub | Mul | Div => elementwise::arithmetic(x),
        Max | Min => elementwise::variadic(x, false),
        Mean | Sum => elementwise::variadic(x, true),
        Pow => elementwise::pow(x),
        PRelu => elementwise::prelu(x),
        And | Or | Xor => elementwise::logical(x),
        BitwiseAnd | BitwiseOr | BitwiseXor => elementwise::bitwise(x),
        BitShift => elementwise::bit_shift(a, x),
        Mod => elementwise::modulo(a, x),
        Where => elementwise::where_(x),
        Equal => elementwise::compare(x, true),
        Greater | GreaterOrEqual | Less | LessOrEqual => elementwise::compare(x, false),
        MatMul => linear::matmul(x),
        Gemm => linear::gemm(a, x),
        MatMulInteger => linear::matmul_integer(x),
        QLinearMatMul => linear::qlinear_matmul(x),
        Einsum => linear::einsum(a, x),
        Det => linear::det(x),
        Conv => conv::conv(a, x),
        ConvInteger => conv::conv_integer(a, x),
        QLinearConv => conv::qlinear_conv(a, x),
        ConvTranspose => conv::conv_transpose(a, x),
        MaxPool => conv::max_pool(a, x),
        AveragePool => conv::average_pool(a, x),
        LpPool => conv::lp_pool(a, x),
        GlobalAveragePool | GlobalMaxPool | GlobalLpPool => conv::global_pool(x),
        MaxUnpool => conv::max_unpool(a, x),
        BatchNormalization => norm::batch(a, x),
        LayerNormalization => norm::layer(a, x),
        RMSNormalization => norm::rms(a, x),
        GroupNormalization => norm::group(a, x),
        InstanceNormalization => norm::instance(x),
        LpNormalization => norm::lp(a, x),
        MeanVarianceNormalization => norm::mean_variance(a, x),
        LRN => norm::lrn(a, x),
        Softmax | LogSoftmax | Hardmax => norm::along_axis(a, x),
        ReduceSum | ReduceMean | ReduceMax | ReduceMin | ReduceProd | ReduceL1 | ReduceL2 | ReduceLogSum
        | ReduceLogSumExp | ReduceSumSquare => reduce::reduce(op, a, x),
        ArgMax | ArgMin => reduce::arg(a, x),
        CumSum | CumProd => reduce::cumulative(x),
        Reshape => layout::reshape(a, x),
        Flatten => layout::flatten(a, x),
        Squeeze => layout::squeeze(x),
        Unsqueeze => layout::unsqueeze(x),
        Transpose => layout::transpose(a, x),
        Concat => layout::concat(a, x),
        Split => layout::split(a, x),
        Slice => layout::slice(x),
        Pad => layout::pad(a, x),
        Expand => layout::expand(x),
        Tile => layout::tile(x),
        DepthToSpace => layout::depth_to_space(a, x),
        SpaceToDepth => layout::space_to_depth(a, x),
        Trilu => layout::trilu(x),
        ReverseSequence => layout::reverse_sequence(a, x),
        CenterCropPad => layout::center_crop_pad(a, x),
        Col2Im => layout::col2im(a, x),
        Gather => index::gather(a, x),
        GatherElements => index::gather_elements(a, x),
        GatherND => index::gather_nd(a, x),
        ScatterElements => index::scatter_elements(a, x),
        ScatterND => index::scatter_nd(a, x),
        TensorScatter => index::tensor_scatter(a, x),
        OneHot => index::one_hot(a, x),
        TopK => index::top_k(a, x),
        NonZero | Compress | Unique | NonMaxSuppression => dynamic::infer(op, a, x),
        Resize => resize::resize(a, x),
        GridSample => resize::grid_sample(a, x),
        AffineGrid => resize::affine_grid(x),
        RoiAlign => resize::roi_align(a, x),
        DeformConv => conv::deform_conv(a, x),
        QuantizeLinear => quant::quantize(a, x),
        DequantizeLinear => quant::dequantize(a, x),
        DynamicQuantizeLinear => quant::dynamic_quantize(x),
        QLinearAdd | QLinearMul => qlinear::binary(x),
        QLinearSigmoid | QLinearLeakyRelu => qlinear::unary(x),
        QLinearAveragePool => qlinear::average_pool(a, x),
        QLinearGlobalAveragePool => qlinear::global_average_pool(a, x),
        QLinearConcat => qlinear::concat(a, x),
        QLinearSoftmax => qlinear::softmax(a, x),
        QGemm => qlinear::gemm(a, x),
        LSTM => recurrent::recurrent(4, true, a, x),
        GRU => recurrent::recurrent(3, false, a, x),
        RNN => recurrent::recurrent(1, false, a, x),
        Attention => attention::attention(a, x),
        RotaryEmbedding => attention::rotary(a, x),
        LinearAttention => attention::linear(a, x),
        CausalConvWithState => conv::causal_with_state(a, x),
        Shape => shape::shape(a, x),
        Size => shape::size(x),
        ConstantOfShape => shape::constant_of_shape(a, x),
        Range => shape::range(x),
        EyeLike => shape::eye_like(a, x),
    }
}

/// The inputs of a node of a graph as the rules want them.
pub fn args<'g>(g: &'g Graph, n: &Node) -> Vec<Option<Arg<'g>>> {
    n.inputs.iter().map(|i| i.map(|v| Arg { ty: g.ty(v), value: g.constant(v) })).collect()
}

/// Infers the outputs of one node of a graph.
///
/// # Errors
/// As [`infer`].
pub fn infer_node(g: &Graph, n: &Node) -> Result<Vec<TensorType>, String> {
    infer(n.op, &n.attrs, &args(g, n))
}

/// Re-infers the type of every node output and compares. Assumes a graph that [`ir::verify::verify`] accepts.
pub fn check_types(g: &Graph) -> Vec<Violation> {
    let mut out = Vec::new();
    for (id, n) in g.nodes.iter() {
        let at = format!("{id} ({} `{}`)", n.op, n.origin.name);
        let types = match infer_node(g, n) {
            Ok(t) => t,
            Err(detail) => {
                out.push(Violation { rule: "type-error", at, detail });
                continue;
            }
        };
        if types.len() < n.outputs.len() {
            let detail = format!("{} outputs, the rule gives {}", n.outputs.len(), types.len());
            out.push(Violation { rule: "type-arity", at, detail });
            continue;
        }
        for (&v, want) in n.outputs.iter().zip(&types) {
            if g.ty(v) != want {
                let detail = format!("{v} is declared {}, the inputs give {want}", g.ty(v));
                out.push(Violation { rule: "type-mismatch", at: at.clone(), detail });
            }
        }
    }
    out
}
