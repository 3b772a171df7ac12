//! `g.decompose` (mandatory): composite operators become sequences of core operators.
//!
//! Claim `real`: each sequence is the operator's defining formula; intermediates are in the node's own type if that is f32
//! (or f64), and in f32 between two Casts for bf16 and f16, so that no rounding to the narrow type is added.

mod activation;
mod attention;
mod conv_transpose;
mod index;
mod integer;
mod layout;
mod linear;
mod norm;
mod order;
mod pool;
mod quant;
mod quant_sums;
mod recurrence;
mod recurrent;
mod reduce;
mod resize;
mod roi;
mod sample;
mod scatter;
mod taps;
mod window;

use super::GraphPass;
use super::build::{Build, Res, each};
use ir::{DType, Graph, Node, NodeId, Op, Tensor, ValueId};
use kit::{Claim, CompileError, PassCx};

pub(super) const PASS: GraphPass = GraphPass { name: "g.decompose", claim: Claim::Real, rules: &[], run };

/// New values for the outputs of a node; `None` where it stays.
type Lowered = Res<Option<Vec<ValueId>>>;

/// Decompositions may use composite operators again: a ConvTranspose over three axes those over two, for one.
const ROUNDS: usize = 4;

fn run(g: &Graph, _cx: &mut PassCx<'_>) -> Res<Graph> {
    let mut g = g.clone();
    for i in 0..ROUNDS {
        let mut changed = false;
        g = round(&g, i == 0, &mut changed)?;
        if !changed {
            break;
        }
    }
    Ok(g)
}

fn round(g: &Graph, first: bool, changed: &mut bool) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        let mut b = Build::at(r, id);
        let Some(values) = lower(&mut b, id, n, first)? else { return Ok(false) };
        *changed = true;
        for (i, v) in values.into_iter().enumerate().take(n.outputs.len()) {
            b.bind(id, i, v);
        }
        Ok(true)
    })
}

fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node, first: bool) -> Lowered {
    if !crate::is_core(n.op) && n.outputs.iter().all(|&o| b.r.old.ty(o).elements() == 0) {
        let zeros = |&o: &ValueId| b.r.constant(Tensor::zeros(b.r.old.ty(o)));
        return Ok(Some(n.outputs.iter().map(zeros).collect()));
    }
    match n.op {
        Op::HardSigmoid
        | Op::HardSwish
        | Op::Elu
        | Op::Selu
        | Op::Celu
        | Op::Mish
        | Op::Softsign
        | Op::Swish
        | Op::ThresholdedRelu
        | Op::Shrink => activation::lower(b, id, n),
        Op::Softmax | Op::LogSoftmax => norm::softmax(b, id, n),
        Op::Hardmax => norm::hardmax(b, id, n),
        Op::LayerNormalization => norm::layer(b, id, n),
        Op::RMSNormalization => norm::rms(b, id, n),
        Op::InstanceNormalization => norm::instance(b, id),
        Op::GroupNormalization => norm::group(b, id, n),
        Op::BatchNormalization => norm::batch(b, id, n),
        Op::LpNormalization => norm::lp(b, id, n),
        Op::MeanVarianceNormalization => norm::mean_variance(b, id, n),
        Op::LRN => norm::lrn(b, id, n),
        Op::ReduceL1 | Op::ReduceL2 | Op::ReduceLogSum | Op::ReduceLogSumExp | Op::ReduceSumSquare => {
            reduce::lower(b, id, n)
        }
        Op::LpPool => pool::lp(b, id, n),
        Op::Tile => layout::tile(b, id, n),
        Op::DepthToSpace | Op::SpaceToDepth => layout::space(b, id, n),
        Op::Trilu => layout::trilu(b, id, n),
        Op::OneHot => index::one_hot(b, id, n),
        Op::GatherElements => index::gather_elements(b, id, n),
        Op::GatherND => index::gather_nd(b, id, n),
        Op::ReverseSequence => index::reverse_sequence(b, id, n),
        Op::ScatterElements => scatter::elements(b, id, n),
        Op::ScatterND => scatter::nd(b, id, n),
        Op::TensorScatter => scatter::tensor(b, id, n),
        Op::MaxUnpool => scatter::max_unpool(b, id, n),
        Op::LSTM | Op::GRU | Op::RNN => recurrent::lower(b, id, n),
        Op::Attention => attention::attention(b, id, n),
        Op::RotaryEmbedding => attention::rotary(b, id, n),
        Op::GridSample => sample::grid(b, id, n),
        Op::AffineGrid => sample::affine(b, id, n),
        Op::MaxPool if n.outputs.len() > 1 => taps::max_pool(b, id, n),
        Op::Col2Im => taps::col2im(b, id, n),
        Op::Einsum => linear::einsum(b, id, n),
        Op::Det => linear::det(b, id, n),
        Op::RoiAlign => roi::align(b, id, n),
        Op::DeformConv => roi::deform(b, id, n),
        Op::TopK => order::top_k(b, id, n),
        Op::CumSum | Op::CumProd => order::cumulative(b, id, n),
        Op::DynamicQuantizeLinear => reduce::dynamic_quantize(b, id),
        Op::QuantizeLinear => quant::quantize(b, id, n),
        Op::DequantizeLinear => quant::dequantize(b, id, n),
        Op::MatMulInteger => quant::matmul_integer(b, id, n),
        Op::ConvInteger => quant::conv_integer(b, id, n),
        Op::QLinearMatMul => quant::qlinear_matmul(b, id, n),
        Op::QLinearConv => quant::qlinear_conv(b, id, n),
        // What it gives is a BitShift again, whose distances are cut at run time.
        Op::BitShift if first => integer::shift(b, id, n),
        Op::LinearAttention => recurrence::linear_attention(b, id, n),
        Op::CausalConvWithState => recurrence::causal_conv(b, id, n),
        Op::Conv => window::bias(b, id, n),
        Op::MaxPool | Op::AveragePool => window::pool(b, id, n),
        Op::Pad => window::pad(b, id, n),
        Op::ReduceMax | Op::ReduceMin => reduce::of_bool(b, id, n),
        Op::ConvTranspose => conv_transpose::lower(b, id, n),
        Op::Resize => resize::lower(b, id, n),
        _ => Ok(None),
    }
}

/// Why a node is left to no lowering at all.
fn too_large(b: &Build<'_, '_>, n: &Node, reason: String) -> CompileError {
    CompileError::Unsupported { node: b.origin.name.clone(), op: n.op.to_string(), reason }
}
/// The type to compute in: f32 for the narrow floats, else the type itself.
fn work_type(d: DType) -> DType {
    if matches!(d, DType::F16 | DType::BF16) { DType::F32 } else { d }
}
/// Input `i` in the type to compute in.
fn input(b: &mut Build<'_, '_>, id: NodeId, i: usize) -> Res<ValueId> {
    let x = b.input(id, i);
    let d = work_type(b.ty(x).dtype);
    b.cast(x, d)
}
/// The one result, in the type that output 0 has.
fn done(b: &mut Build<'_, '_>, id: NodeId, v: ValueId) -> Lowered {
    let own = b.r.old.ty(b.r.old.nodes[id].outputs[0]).dtype;
    Ok(Some(vec![b.cast(v, own)?]))
}
/// All results, each in the type that its output has; those beyond the node's outputs are dropped.
fn done_all(b: &mut Build<'_, '_>, n: &Node, values: Vec<ValueId>) -> Lowered {
    let mut out = Vec::new();
    for (v, &o) in values.into_iter().zip(&n.outputs) {
        let own = b.r.old.ty(o).dtype;
        out.push(b.cast(v, own)?);
    }
    Ok(Some(out))
}
/// A scalar of the type of `x`.
fn scalar_like(b: &mut Build<'_, '_>, x: ValueId, v: f64) -> ValueId {
    let d = b.ty(x).dtype;
    b.scalar(d, v)
}
/// `x op scalar`.
fn with_scalar(b: &mut Build<'_, '_>, op: Op, x: ValueId, v: f64) -> Res<ValueId> {
    let s = scalar_like(b, x, v);
    b.bin(op, x, s)
}
/// A float attribute as f64.
fn f(n: &Node, name: &str) -> f64 {
    f64::from(n.attrs.f32(name).unwrap_or(0.0))
}
