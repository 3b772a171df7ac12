//! The core operators: what is left after the mandatory passes, and what the code generator lowers.

use ir::{DType, Graph, Node, NodeId, Op};

/// Whether the code generator lowers this operator (in the normal form that `g.normalize` and `g.decompose` leave).
pub fn is_core(op: Op) -> bool {
    use Op::*;
    match op {
        Conv | QLinearConv | ConvInteger | MatMul | QLinearMatMul | MatMulInteger | MaxPool | AveragePool => true,
        Abs | Neg | Sign | Floor | Ceil | Round | Sqrt | Reciprocal | Exp | Log | Tanh | Sigmoid | Erf | Softplus
        | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Asinh | Acosh | Atanh | Gelu | Relu | Clip
        | LeakyRelu | PRelu | Not | IsNaN | IsInf | Cast | BitCast | BitwiseNot => true,
        Add | Sub | Mul | Div | Pow | Mod | Min | Max | And | Or | Xor | BitwiseAnd | BitwiseOr | BitwiseXor
        | BitShift | Equal | Greater | GreaterOrEqual | Less | LessOrEqual | Where => true,
        QuantizeLinear | DequantizeLinear => true,
        ReduceSum | ReduceMean | ReduceMax | ReduceMin | ReduceProd | ArgMax | ArgMin => true,
        Transpose | Reshape | Concat | Slice | Pad | Expand | Gather => true,
        Identity
        | HardSwish
        | Mish
        | Softsign
        | Celu
        | Elu
        | HardSigmoid
        | Selu
        | Shrink
        | Swish
        | ThresholdedRelu
        | CastLike
        | Dropout
        | Mean
        | Sum
        | Gemm
        | Einsum
        | Det
        | ConvTranspose
        | LpPool
        | GlobalAveragePool
        | GlobalMaxPool
        | GlobalLpPool
        | MaxUnpool
        | BatchNormalization
        | LayerNormalization
        | RMSNormalization
        | GroupNormalization
        | InstanceNormalization
        | LpNormalization
        | MeanVarianceNormalization
        | LRN
        | Softmax
        | LogSoftmax
        | Hardmax
        | ReduceL1
        | ReduceL2
        | ReduceLogSum
        | ReduceLogSumExp
        | ReduceSumSquare
        | CumSum
        | CumProd
        | Flatten
        | Squeeze
        | Unsqueeze
        | Split
        | Tile
        | DepthToSpace
        | SpaceToDepth
        | Trilu
        | ReverseSequence
        | CenterCropPad
        | Col2Im
        | GatherElements
        | GatherND
        | ScatterElements
        | ScatterND
        | TensorScatter
        | OneHot
        | TopK
        | NonZero
        | Compress
        | Unique
        | NonMaxSuppression
        | Resize
        | GridSample
        | AffineGrid
        | RoiAlign
        | DeformConv
        | DynamicQuantizeLinear
        | QLinearAdd
        | QLinearMul
        | QLinearSigmoid
        | QLinearLeakyRelu
        | QLinearAveragePool
        | QLinearGlobalAveragePool
        | QLinearConcat
        | QLinearSoftmax
        | QGemm
        | LSTM
        | GRU
        | RNN
        | Attention
        | LinearAttention
        | CausalConvWithState
        | RotaryEmbedding
        | Shape
        | Size
        | ConstantOfShape
        | Range
        | EyeLike => false,
    }
}

/// Why nodes of a graph after all passes can't be lowered; empty if all can. Assumes types that check.
pub fn unsupported(g: &Graph) -> Vec<(NodeId, String)> {
    g.nodes.iter().filter_map(|(id, n)| reason(g, n).map(|r| (id, r))).collect()
}

fn reason(g: &Graph, n: &Node) -> Option<String> {
    if !is_core(n.op) {
        return Some(format!("{} has no lowering in this form", n.op));
    }
    let rank = |i: usize| n.input(i).map_or(0, |v| g.ty(v).rank());
    let constant = |i: usize| n.input(i).is_some_and(|v| g.constant(v).is_some());
    let f64s = n.inputs.iter().flatten().chain(&n.outputs).any(|&v| g.ty(v).dtype == DType::F64);
    if f64s {
        return Some("float64 is not supported by the machine".into());
    }
    let int = |i: usize| n.input(i).is_some_and(|v| g.ty(v).dtype.is_int());
    match n.op {
        Op::Conv | Op::ConvInteger | Op::MaxPool | Op::AveragePool | Op::QLinearConv if rank(0) != 4 => {
            Some(format!("{} over {} spatial axes", n.op, rank(0).saturating_sub(2)))
        }
        Op::MaxPool if n.outputs.len() > 1 => Some("the second output of MaxPool (indices)".into()),
        Op::Pad if n.attrs.str("mode") != Some("constant") => Some(format!("Pad of mode {:?}", n.attrs.str("mode"))),
        Op::Pad | Op::Reshape | Op::Expand if !constant(1) => {
            Some(format!("the second input of {} is no constant", n.op))
        }
        Op::Slice if !(1..=4).all(constant) => Some("Slice with parameters that are no constants".into()),
        Op::QuantizeLinear | Op::DequantizeLinear if n.attrs.int("block_size") != Some(0) => {
            Some(format!("{} with blocks", n.op))
        }
        Op::Max | Op::Min if n.inputs.len() != 2 => Some(format!("{} of {} inputs", n.op, n.inputs.len())),
        Op::ReduceSum | Op::ReduceMean | Op::ReduceMax | Op::ReduceMin | Op::ReduceProd if !constant(1) => {
            Some(format!("{} without constant axes", n.op))
        }
        Op::ReduceMean | Op::Erf | Op::PRelu if int(0) => Some(format!("{} of integers", n.op)),
        _ => None,
    }
}
