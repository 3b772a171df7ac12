//! The operators: one row each. Importer, exporter, printer, parser, hash, generator and reducer read this table.
//!
//! A row is `Name min..max min..max Family { attribute: kind default, .. };` with the numbers of inputs and outputs
//! (`*` = variadic) of the newest ONNX version, after `of` and the domain where that is not ONNX's own; `!` marks a required attribute, `?` an optional one without a default.
//! Older versions are converted on import.

use crate::attrs::Attr;
use std::fmt;
use std::str::FromStr;

/// Operators that one consumer treats alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// One input, one output, element by element.
    Unary,
    /// Two (or more) inputs that broadcast.
    Binary,
    /// Comparisons: like `Binary`, the result is bool.
    Compare,
    /// MatMul, Gemm and their integer forms.
    Linear,
    /// Convolutions.
    Conv,
    /// Pooling.
    Pool,
    /// Normalisation and softmax.
    Norm,
    /// Reductions along axes.
    Reduce,
    /// Same elements in another order or shape.
    Layout,
    /// Gather, scatter, top-k and the like.
    Index,
    /// Resampling.
    Resize,
    /// Quantisation.
    Quant,
    /// Recurrent networks.
    Recurrent,
    /// Attention.
    Attention,
    /// Values that depend on shapes only.
    Shape,
}

/// Kind of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are ONNX's own")]
pub enum AttrKind {
    Int,
    Float,
    Str,
    Ints,
    Floats,
    Strs,
    Tensor,
}

/// What a missing attribute means.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AttrDefault {
    Required,
    Optional,
    Int(i64),
    Float(f32),
    Str(&'static str),
}

impl AttrDefault {
    /// The default as an attribute value, if there is one.
    pub fn value(self) -> Option<Attr> {
        match self {
            AttrDefault::Required | AttrDefault::Optional => None,
            AttrDefault::Int(x) => Some(Attr::Int(x)),
            AttrDefault::Float(x) => Some(Attr::float(x)),
            AttrDefault::Str(x) => Some(Attr::Str(x.into())),
        }
    }
}

/// One attribute of a schema.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttrSpec {
    /// ONNX name.
    pub name: &'static str,
    /// Kind.
    pub kind: AttrKind,
    /// Default.
    pub default: AttrDefault,
}

/// What the table says of an operator.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Schema {
    /// ONNX `op_type`.
    pub name: &'static str,
    /// ONNX domain; empty for the default one.
    pub domain: &'static str,
    /// Fewest and most inputs (`usize::MAX`: variadic).
    pub inputs: (usize, usize),
    /// Fewest and most outputs.
    pub outputs: (usize, usize),
    /// Family.
    pub family: Family,
    /// Attributes.
    pub attrs: &'static [AttrSpec],
}

macro_rules! count {
    (*) => {
        usize::MAX
    };
    ($n:literal) => {
        $n
    };
}
macro_rules! default {
    ($k:ident !) => {
        AttrDefault::Required
    };
    ($k:ident ?) => {
        AttrDefault::Optional
    };
    (int $v:tt) => {
        AttrDefault::Int($v)
    };
    (float $v:tt) => {
        AttrDefault::Float($v)
    };
    (str $v:tt) => {
        AttrDefault::Str($v)
    };
}
macro_rules! kind {
    (int) => {
        AttrKind::Int
    };
    (float) => {
        AttrKind::Float
    };
    (str) => {
        AttrKind::Str
    };
    (ints) => {
        AttrKind::Ints
    };
    (floats) => {
        AttrKind::Floats
    };
    (strs) => {
        AttrKind::Strs
    };
    (tensor) => {
        AttrKind::Tensor
    };
}
macro_rules! domain {
    () => {
        ""
    };
    ($d:literal) => {
        $d
    };
}
macro_rules! ops {
    ($($name:ident $(of $domain:literal)? $imin:literal..$imax:tt $omin:literal..$omax:tt $family:ident {$($attr:ident: $kind:ident $default:tt),*};)*) => {
        /// Every operator that a graph may hold.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Op { $(#[doc = concat!("ONNX `", stringify!($name), "`")] $name),* }
        impl Op {
            /// All operators, in table order.
            pub const ALL: &'static [Op] = &[$(Op::$name),*];
            /// The operator's row.
            pub fn schema(self) -> &'static Schema {
                match self { $(Op::$name => const { &Schema {
                    name: stringify!($name), domain: domain!($($domain)?), family: Family::$family,
                    inputs: ($imin, count!($imax)), outputs: ($omin, count!($omax)),
                    attrs: &[$(AttrSpec { name: stringify!($attr), kind: kind!($kind), default: default!($kind $default) }),*],
                } }),* }
            }
        }
    };
}

ops! {
    // Unary, element by element
    Abs 1..1 1..1 Unary {}; Acos 1..1 1..1 Unary {}; Acosh 1..1 1..1 Unary {}; Asin 1..1 1..1 Unary {};
    Asinh 1..1 1..1 Unary {}; Atan 1..1 1..1 Unary {}; Atanh 1..1 1..1 Unary {}; Ceil 1..1 1..1 Unary {};
    Cos 1..1 1..1 Unary {}; Cosh 1..1 1..1 Unary {}; Erf 1..1 1..1 Unary {}; Exp 1..1 1..1 Unary {};
    Floor 1..1 1..1 Unary {}; HardSwish 1..1 1..1 Unary {}; Identity 1..1 1..1 Unary {}; IsNaN 1..1 1..1 Unary {};
    Log 1..1 1..1 Unary {}; Mish 1..1 1..1 Unary {}; Neg 1..1 1..1 Unary {}; Not 1..1 1..1 Unary {};
    Reciprocal 1..1 1..1 Unary {}; Relu 1..1 1..1 Unary {}; Round 1..1 1..1 Unary {}; Sigmoid 1..1 1..1 Unary {};
    Sign 1..1 1..1 Unary {}; Sin 1..1 1..1 Unary {}; Sinh 1..1 1..1 Unary {}; Softplus 1..1 1..1 Unary {};
    Softsign 1..1 1..1 Unary {}; Sqrt 1..1 1..1 Unary {}; Tan 1..1 1..1 Unary {}; Tanh 1..1 1..1 Unary {};
    BitwiseNot 1..1 1..1 Unary {};
    Celu 1..1 1..1 Unary { alpha: float 1.0 };
    Elu 1..1 1..1 Unary { alpha: float 1.0 };
    Gelu 1..1 1..1 Unary { approximate: str "none" };
    HardSigmoid 1..1 1..1 Unary { alpha: float 0.2, beta: float 0.5 };
    IsInf 1..1 1..1 Unary { detect_negative: int 1, detect_positive: int 1 };
    LeakyRelu 1..1 1..1 Unary { alpha: float 0.01 };
    Selu 1..1 1..1 Unary { alpha: float 1.673_263_2, gamma: float 1.050_701 };
    Shrink 1..1 1..1 Unary { bias: float 0.0, lambd: float 0.5 };
    Swish 1..1 1..1 Unary { alpha: float 1.0 };
    ThresholdedRelu 1..1 1..1 Unary { alpha: float 1.0 };
    Cast 1..1 1..1 Unary { to: int !, saturate: int 1, round_mode: str "up" };
    CastLike 2..2 1..1 Unary { saturate: int 1, round_mode: str "up" };
    BitCast 1..1 1..1 Unary { to: int ! };
    Clip 1..3 1..1 Unary {};
    Dropout 1..3 1..2 Unary { seed: int ? };
    // Binary and variadic, broadcasting
    Add 2..2 1..1 Binary {}; Sub 2..2 1..1 Binary {}; Mul 2..2 1..1 Binary {}; Div 2..2 1..1 Binary {};
    Pow 2..2 1..1 Binary {}; PRelu 2..2 1..1 Binary {}; And 2..2 1..1 Binary {}; Or 2..2 1..1 Binary {};
    Xor 2..2 1..1 Binary {}; BitwiseAnd 2..2 1..1 Binary {}; BitwiseOr 2..2 1..1 Binary {}; BitwiseXor 2..2 1..1 Binary {};
    BitShift 2..2 1..1 Binary { direction: str ! };
    Mod 2..2 1..1 Binary { fmod: int 0 };
    Max 1..* 1..1 Binary {}; Min 1..* 1..1 Binary {}; Mean 1..* 1..1 Binary {}; Sum 1..* 1..1 Binary {};
    Where 3..3 1..1 Binary {};
    Equal 2..2 1..1 Compare {}; Greater 2..2 1..1 Compare {}; GreaterOrEqual 2..2 1..1 Compare {};
    Less 2..2 1..1 Compare {}; LessOrEqual 2..2 1..1 Compare {};
    // Linear algebra
    MatMul 2..2 1..1 Linear {};
    Gemm 2..3 1..1 Linear { alpha: float 1.0, beta: float 1.0, transA: int 0, transB: int 0 };
    MatMulInteger 2..4 1..1 Linear {};
    QLinearMatMul 8..8 1..1 Linear {};
    Einsum 1..* 1..1 Linear { equation: str ! };
    Det 1..1 1..1 Linear {};
    // Convolution and pooling
    Conv 2..3 1..1 Conv { auto_pad: str "NOTSET", dilations: ints ?, group: int 1, kernel_shape: ints ?, pads: ints ?, strides: ints ? };
    ConvInteger 2..4 1..1 Conv { auto_pad: str "NOTSET", dilations: ints ?, group: int 1, kernel_shape: ints ?, pads: ints ?, strides: ints ? };
    QLinearConv 8..9 1..1 Conv { auto_pad: str "NOTSET", dilations: ints ?, group: int 1, kernel_shape: ints ?, pads: ints ?, strides: ints ? };
    ConvTranspose 2..3 1..1 Conv { auto_pad: str "NOTSET", dilations: ints ?, group: int 1, kernel_shape: ints ?, output_padding: ints ?, output_shape: ints ?, pads: ints ?, strides: ints ? };
    CausalConvWithState 2..4 1..2 Conv { activation: str "none" };
    MaxPool 1..1 1..2 Pool { auto_pad: str "NOTSET", ceil_mode: int 0, dilations: ints ?, kernel_shape: ints !, pads: ints ?, storage_order: int 0, strides: ints ? };
    AveragePool 1..1 1..1 Pool { auto_pad: str "NOTSET", ceil_mode: int 0, count_include_pad: int 0, dilations: ints ?, kernel_shape: ints !, pads: ints ?, strides: ints ? };
    LpPool 1..1 1..1 Pool { auto_pad: str "NOTSET", ceil_mode: int 0, dilations: ints ?, kernel_shape: ints !, p: int 2, pads: ints ?, strides: ints ? };
    GlobalAveragePool 1..1 1..1 Pool {}; GlobalMaxPool 1..1 1..1 Pool {};
    GlobalLpPool 1..1 1..1 Pool { p: int 2 };
    MaxUnpool 2..3 1..1 Pool { kernel_shape: ints !, pads: ints ?, strides: ints ? };
    // Normalisation
    BatchNormalization 5..5 1..3 Norm { epsilon: float 1e-5, momentum: float 0.9, training_mode: int 0 };
    LayerNormalization 2..3 1..3 Norm { axis: int (-1), epsilon: float 1e-5, stash_type: int 1 };
    RMSNormalization 2..2 1..1 Norm { axis: int (-1), epsilon: float 1e-5, stash_type: int 1 };
    GroupNormalization 3..3 1..1 Norm { epsilon: float 1e-5, num_groups: int !, stash_type: int 1 };
    InstanceNormalization 3..3 1..1 Norm { epsilon: float 1e-5 };
    LpNormalization 1..1 1..1 Norm { axis: int (-1), p: int 2 };
    MeanVarianceNormalization 1..1 1..1 Norm { axes: ints ? };
    LRN 1..1 1..1 Norm { alpha: float 1e-4, beta: float 0.75, bias: float 1.0, size: int ! };
    Softmax 1..1 1..1 Norm { axis: int (-1) }; LogSoftmax 1..1 1..1 Norm { axis: int (-1) }; Hardmax 1..1 1..1 Norm { axis: int (-1) };
    // Reduction
    ReduceSum 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceMean 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceMax 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceMin 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceProd 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceL1 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceL2 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceLogSum 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceLogSumExp 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ReduceSumSquare 1..2 1..1 Reduce { keepdims: int 1, noop_with_empty_axes: int 0 };
    ArgMax 1..1 1..1 Reduce { axis: int 0, keepdims: int 1, select_last_index: int 0 };
    ArgMin 1..1 1..1 Reduce { axis: int 0, keepdims: int 1, select_last_index: int 0 };
    CumSum 2..2 1..1 Reduce { exclusive: int 0, reverse: int 0 };
    CumProd 2..2 1..1 Reduce { exclusive: int 0, reverse: int 0 };
    // Layout
    Reshape 2..2 1..1 Layout { allowzero: int 0 };
    Flatten 1..1 1..1 Layout { axis: int 1 };
    Squeeze 1..2 1..1 Layout {}; Unsqueeze 2..2 1..1 Layout {};
    Transpose 1..1 1..1 Layout { perm: ints ? };
    Concat 1..* 1..1 Layout { axis: int ! };
    Split 1..2 1..* Layout { axis: int 0, num_outputs: int ? };
    Slice 3..5 1..1 Layout {};
    Pad 2..4 1..1 Layout { mode: str "constant" };
    Expand 2..2 1..1 Layout {}; Tile 2..2 1..1 Layout {};
    DepthToSpace 1..1 1..1 Layout { blocksize: int !, mode: str "DCR" };
    SpaceToDepth 1..1 1..1 Layout { blocksize: int ! };
    Trilu 1..2 1..1 Layout { upper: int 1 };
    ReverseSequence 2..2 1..1 Layout { batch_axis: int 1, time_axis: int 0 };
    CenterCropPad 2..2 1..1 Layout { axes: ints ? };
    Col2Im 3..3 1..1 Layout { dilations: ints ?, pads: ints ?, strides: ints ? };
    // Indexing
    Gather 2..2 1..1 Index { axis: int 0 };
    GatherElements 2..2 1..1 Index { axis: int 0 };
    GatherND 2..2 1..1 Index { batch_dims: int 0 };
    ScatterElements 3..3 1..1 Index { axis: int 0, reduction: str "none" };
    ScatterND 3..3 1..1 Index { reduction: str "none" };
    TensorScatter 2..3 1..1 Index { axis: int (-2), mode: str "linear" };
    OneHot 3..3 1..1 Index { axis: int (-1) };
    TopK 2..2 2..2 Index { axis: int (-1), largest: int 1, sorted: int 1 };
    NonZero 1..1 1..1 Index {};
    Compress 2..2 1..1 Index { axis: int ? };
    Unique 1..1 1..4 Index { axis: int ?, sorted: int 1 };
    NonMaxSuppression 2..5 1..1 Index { center_point_box: int 0 };
    // Resampling
    Resize 1..4 1..1 Resize { antialias: int 0, axes: ints ?, coordinate_transformation_mode: str "half_pixel", cubic_coeff_a: float (-0.75), exclude_outside: int 0, extrapolation_value: float 0.0, keep_aspect_ratio_policy: str "stretch", mode: str "nearest", nearest_mode: str "round_prefer_floor" };
    GridSample 2..2 1..1 Resize { align_corners: int 0, mode: str "linear", padding_mode: str "zeros" };
    AffineGrid 2..2 1..1 Resize { align_corners: int 0 };
    RoiAlign 3..3 1..1 Resize { coordinate_transformation_mode: str "half_pixel", mode: str "avg", output_height: int 1, output_width: int 1, sampling_ratio: int 0, spatial_scale: float 1.0 };
    DeformConv 3..5 1..1 Resize { dilations: ints ?, group: int 1, kernel_shape: ints ?, offset_group: int 1, pads: ints ?, strides: ints ? };
    // Quantisation
    QuantizeLinear 2..3 1..1 Quant { axis: int 1, block_size: int 0, output_dtype: int 0, precision: int 0, saturate: int 1 };
    DequantizeLinear 2..3 1..1 Quant { axis: int 1, block_size: int 0, output_dtype: int 0 };
    DynamicQuantizeLinear 1..1 3..3 Quant {};
    // Quantisation, ONNX Runtime's own
    QLinearAdd of "com.microsoft" 7..8 1..1 Quant {};
    QLinearMul of "com.microsoft" 7..8 1..1 Quant {};
    QLinearSigmoid of "com.microsoft" 4..5 1..1 Quant {};
    QLinearLeakyRelu of "com.microsoft" 4..5 1..1 Quant { alpha: float 0.01 };
    QLinearAveragePool of "com.microsoft" 4..5 1..1 Quant { auto_pad: str "NOTSET", ceil_mode: int 0, channels_last: int 0, count_include_pad: int 0, kernel_shape: ints !, pads: ints ?, strides: ints ? };
    QLinearGlobalAveragePool of "com.microsoft" 5..5 1..1 Quant { channels_last: int 0 };
    QLinearConcat of "com.microsoft" 5..* 1..1 Quant { axis: int ! };
    QLinearSoftmax of "com.microsoft" 5..5 1..1 Quant { axis: int (-1), opset: int ! };
    QGemm of "com.microsoft" 6..9 1..1 Quant { alpha: float 1.0, transA: int 0, transB: int 0 };
    // Recurrent
    LSTM 3..8 0..3 Recurrent { activation_alpha: floats ?, activation_beta: floats ?, activations: strs ?, clip: float ?, direction: str "forward", hidden_size: int ?, input_forget: int 0, layout: int 0 };
    GRU 3..6 0..2 Recurrent { activation_alpha: floats ?, activation_beta: floats ?, activations: strs ?, clip: float ?, direction: str "forward", hidden_size: int ?, layout: int 0, linear_before_reset: int 0 };
    RNN 3..6 0..2 Recurrent { activation_alpha: floats ?, activation_beta: floats ?, activations: strs ?, clip: float ?, direction: str "forward", hidden_size: int ?, layout: int 0 };
    // Attention
    Attention 3..7 1..4 Attention { is_causal: int 0, kv_num_heads: int ?, left_window_size: int (-1), q_num_heads: int ?, qk_matmul_output_mode: int 0, right_window_size: int (-1), scale: float ?, softcap: float 0.0, softmax_precision: int ? };
    LinearAttention 3..6 1..2 Attention { chunk_size: int 64, kv_num_heads: int !, q_num_heads: int !, scale: float 0.0, update_rule: str "gated_delta" };
    RotaryEmbedding 3..4 1..1 Attention { interleaved: int 0, num_heads: int 0, rotary_embedding_dim: int 0 };
    // Shapes
    Shape 1..1 1..1 Shape { end: int ?, start: int 0 };
    Size 1..1 1..1 Shape {};
    ConstantOfShape 1..1 1..1 Shape { value: tensor ? };
    Range 3..3 1..1 Shape {};
    EyeLike 1..1 1..1 Shape { dtype: int ?, k: int 0 };
}

impl Op {
    /// ONNX `op_type`.
    pub fn name(self) -> &'static str {
        self.schema().name
    }
    /// ONNX domain; empty for the default one.
    pub fn domain(self) -> &'static str {
        self.schema().domain
    }
    /// The attribute's row, if the operator has it.
    pub fn attr(self, name: &str) -> Option<&'static AttrSpec> {
        self.schema().attrs.iter().find(|a| a.name == name)
    }
    /// The default attributes: every attribute that has a default.
    pub fn defaults(self) -> crate::Attrs {
        let mut a = crate::Attrs::none();
        for s in self.schema().attrs {
            if let Some(v) = s.default.value() {
                a.set(s.name, v);
            }
        }
        a
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl FromStr for Op {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Op::ALL.iter().copied().find(|o| o.name() == s).ok_or_else(|| format!("unknown operator `{s}`"))
    }
}
