//! F: groups of graph nodes that run as one kernel, with the layout of every tensor and packed weights.
//!
//! A group's meaning is stated over *physical* storage: every operand is a tensor plus element offsets and strides into its
//! dense physical order. So layouts, broadcasts, transposes and views need no case of their own below this level.
//! The order of accumulation is fixed here (NPU.md 3.2) and carried unchanged down to the machine.

use ir::{NodeId, Tensor, ValueId};
use isa::{DType, EwFn, MxType, PoolFn, RedFn};
use kit::{IdVec, define_id};

define_id!(
    /// A tensor in DRAM.
    TensorId, "t"
);
define_id!(
    /// A fused group.
    GroupId, "g"
);

/// Physical order of a tensor's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// As in ONNX: row-major over the logical extents.
    RowMajor,
    /// Logical [N, C, spatial…] stored as [N, spatial…, C].
    ChannelsLast,
    /// Weights packed for the matrix engine; the logical extents are `[bytes / element size]`.
    Packed,
}

/// How a tensor comes to be.
#[derive(Clone, PartialEq, Debug)]
pub enum TensorDef {
    /// Input number `i` of the graph, row-major in R2.
    Input(u32),
    /// A constant; the bytes are in *physical* order, in R0.
    Const(Tensor),
    /// Written by a group, in R1, or R3 if it is an output.
    Group(GroupId),
}

/// A tensor in DRAM.
#[derive(Clone, PartialEq, Debug)]
pub struct FTensor {
    /// Element type on the machine.
    pub dtype: DType,
    /// Logical extents (ONNX order).
    pub dims: Vec<usize>,
    /// Physical order.
    pub layout: Layout,
    /// Definition.
    pub def: TensorDef,
    /// The value of G' whose content it holds, if it holds exactly that; what resynchronised checks compare.
    pub value: Option<ValueId>,
}

impl FTensor {
    /// Extents in physical order.
    pub fn physical_dims(&self) -> Vec<usize> {
        match self.layout {
            Layout::RowMajor | Layout::Packed => self.dims.clone(),
            Layout::ChannelsLast => {
                let mut d = vec![self.dims[0]];
                d.extend(&self.dims[2..]);
                d.push(self.dims[1]);
                d
            }
        }
    }
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }
    /// Bytes in DRAM.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.size() as usize
    }
}

/// A strided view of a tensor's physical elements: element `i` of the loop space is at `offset + Σ i_d·strides_d`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Operand number: index into [`Group::inputs`].
    pub input: usize,
    /// Elements.
    pub offset: usize,
    /// Elements per step of each loop, outermost first; 0 broadcasts, negative reverses.
    pub strides: Vec<isize>,
}

/// One PRM record: quantisation parameters of a channel (NPU.md 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PrmRecord {
    /// Bias: s32, or the bits of an f32.
    pub bias: u32,
    /// Bits of the f32 scale, or an integer multiplier.
    pub mult: u32,
    /// Zero point.
    pub zp: i32,
    /// Shift.
    pub shift: i8,
    /// Zero point of the weights of this channel.
    pub zw: i16,
}

/// A table of PRM records, and how the record number follows the loop space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Params {
    /// Records.
    pub records: Vec<PrmRecord>,
    /// The loop (index into the space) along which the record advances; `None`: always record 0.
    pub axis: Option<usize>,
}

/// A group.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// What it computes.
    pub kind: GroupKind,
    /// Tensors read, each once.
    pub inputs: Vec<TensorId>,
    /// Tensor written, every element exactly once.
    pub output: TensorId,
    /// The nodes of G' that it implements, in order: the unit of the resynchronised check.
    pub nodes: Vec<NodeId>,
    /// Name of the ONNX node of the anchor.
    pub name: String,
}

/// The kernels.
#[derive(Clone, PartialEq, Debug)]
pub enum GroupKind {
    /// Convolution or matrix product with epilogue.
    Matrix(Matrix),
    /// Pooling.
    Pool(Pool),
    /// A chain of elementwise steps over one loop space.
    Elementwise(Elementwise),
    /// A reduction.
    Reduce(Reduce),
    /// Strided copies and fills.
    Move(Move),
    /// Gather along one axis by run-time indices.
    Gather(Gather),
}

/// Convolutions and matrix products: for every problem p,
/// `out[oy,ox,n] = epilogue(Σ_{ky,kx,c} (x[iy,ix,c] − zx)·(w[ky,kx,c,n] − zw_n) + bias_n)`, `iy = iy0 + oy·sy + ky·dy` (ix alike), taps outside contribute nothing.
/// Accumulation order: NPU.md 3.2, groups of 16 over (ky, kx, channel), or over (ky, kx·C + c) with `kpack`.
#[derive(Clone, PartialEq, Debug)]
pub struct Matrix {
    /// Types of the operands; input 0 is the activation.
    pub mx: MxType,
    /// One channel per output channel: `c = n` (MXDW); then `c` equals `n`.
    pub depthwise: bool,
    /// The second K order.
    pub kpack: bool,
    /// Independent problems: images × groups, or batches of a matrix product.
    pub problems: Vec<Problem>,
    /// Input extents and channels of a problem.
    pub ih: usize,
    /// Input width.
    pub iw: usize,
    /// Channels summed over (per group).
    pub c: usize,
    /// Elements of the activation between rows and between columns; channels are adjacent.
    pub a_sy: usize,
    /// See `a_sy`.
    pub a_sx: usize,
    /// Output extents.
    pub oh: usize,
    /// Output width.
    pub ow: usize,
    /// Output channels of a problem.
    pub n: usize,
    /// Elements of the output between rows and between columns; channels are adjacent.
    pub d_sy: usize,
    /// See `d_sy`.
    pub d_sx: usize,
    /// Kernel, stride, dilation, first input row and column (minus the padding).
    pub kh: usize,
    /// Kernel width.
    pub kw: usize,
    /// Stride.
    pub sy: usize,
    /// Stride.
    pub sx: usize,
    /// Dilation.
    pub dy: usize,
    /// Dilation.
    pub dx: usize,
    /// −padding above.
    pub iy0: isize,
    /// −padding left.
    pub ix0: isize,
    /// Weights.
    pub weights: Weights,
    /// Zero point of the activation.
    pub zx: i32,
    /// Zero point of all weights (0 if `params` give one for each channel).
    pub zw: i32,
    /// Whether zw comes from the records.
    pub zw_per_channel: bool,
    /// Bias, scale and zero point for each output channel of problem p at `problem.prm + n`.
    pub params: Option<Vec<PrmRecord>>,
    /// Whether the accumulator starts from the record's bias.
    pub bias: bool,
    /// What happens between accumulator and output.
    pub drain: Drain,
    /// Whether `max(y, zero)` is applied last.
    pub relu: bool,
}

/// Where a problem's operands start (elements; records).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Problem {
    /// First element of the activation.
    pub a: usize,
    /// Packed: first byte; run-time: first element of the weights.
    pub w: usize,
    /// First element of the output.
    pub d: usize,
    /// First PRM record.
    pub prm: usize,
}

/// Weights of a matrix group; always input 1 of the group.
#[derive(Clone, PartialEq, Debug)]
pub enum Weights {
    /// A constant in the machine's packed order, `[ng][ky][kx][cg][n16][c16]`, kpack `[ng][ky][cg][n16][q16]`, depthwise `[cg][ky][kx][c16]`, zero-filled.
    /// `source` is the value of G' (or the raw weights) for the unpack check, indexed `[n][c][ky][kx]` or `[k][n]`.
    Packed {
        /// The constant of G'.
        source: ValueId,
    },
    /// A run-time operand: element (k, n), k = channel, at `w + k·k_stride + n·n_stride`; kernel 1×1 only.
    Runtime {
        /// Elements.
        k_stride: usize,
        /// Elements.
        n_stride: usize,
    },
}

/// From accumulator to output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drain {
    /// f32 accumulator, moved (f32) or rounded once (bf16, f16) to the output's type.
    Float,
    /// s32 accumulator as it is.
    Int32,
    /// `RQ_F32`: SAT(rint(RNE32(RNE32(acc)·scale)) + zp), scale and zp from the records.
    RequantF32,
}

/// 2-D pooling over channels-last images.
#[derive(Clone, PartialEq, Debug)]
pub struct Pool {
    /// Function: max, average over taps inside, average counting padding.
    pub f: PoolFn,
    /// Images.
    pub batch: usize,
    /// Channels, adjacent.
    pub c: usize,
    /// Input extents.
    pub ih: usize,
    /// Input width.
    pub iw: usize,
    /// Output extents.
    pub oh: usize,
    /// Output width.
    pub ow: usize,
    /// Kernel.
    pub kh: usize,
    /// Kernel width.
    pub kw: usize,
    /// Stride.
    pub sy: usize,
    /// Stride.
    pub sx: usize,
    /// Dilation.
    pub dy: usize,
    /// Dilation.
    pub dx: usize,
    /// −padding above.
    pub iy0: isize,
    /// −padding left.
    pub ix0: isize,
    /// Declared padding below and right, which `count_include_pad` counts.
    pub pad_bottom: usize,
    /// See `pad_bottom`.
    pub pad_right: usize,
}

/// Elementwise steps over a loop space whose order is the output's physical order (dense).
#[derive(Clone, PartialEq, Debug)]
pub struct Elementwise {
    /// Loop extents, outermost first; their product is the number of output elements.
    pub space: Vec<usize>,
    /// One view for each input.
    pub views: Vec<View>,
    /// Steps; the last one's result is the output.
    pub steps: Vec<Step>,
}

/// One operand of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Src {
    /// View number `i`.
    View(usize),
    /// The result of step `i`.
    Step(usize),
    /// An immediate in the class of the operand: integer value, or bits of an f32.
    Imm(i64),
}

/// One elementwise instruction (NPU.md 3.4).
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Function.
    pub f: StepFn,
    /// Operands; `Cmov` and `Fmac` read a third: the old destination, a step of the same type that nothing else reads.
    pub a: Src,
    /// Second operand.
    pub b: Option<Src>,
    /// Old destination.
    pub old: Option<usize>,
    /// Type of the result.
    pub dtype: DType,
    /// Parameters of a, b and the result (form PRM); all `None`: form IMM.
    pub params: [Option<Params>; 3],
    /// Second immediate (`clamp`), or saturating instead of wrapping narrowing.
    pub imm1: Option<i64>,
    /// Whether integer results saturate.
    pub saturate: bool,
}

/// Function of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepFn {
    /// An EW function.
    Ew(EwFn),
    /// CVT with a rounding rule: 0 half-even, 1 toward zero, 2 floor, 3 ceil, 4 half away.
    Cvt {
        /// Rounding to integer.
        rm: u8,
    },
}

/// `out[kept] = post(red_{r}(x[kept, r]))`. With several reduced loops the innermost is reduced first, each with the order of 3.2.
#[derive(Clone, PartialEq, Debug)]
pub struct Reduce {
    /// Function.
    pub f: RedFn,
    /// Extents of the kept loops: the output's physical order.
    pub kept: Vec<usize>,
    /// Extents of the reduced loops, outermost first; adjacent ones are merged. Never empty, never 0.
    pub reduced: Vec<usize>,
    /// View of input 0 over kept ++ reduced.
    pub view: View,
    /// After the reduction, divide by this (mean); float only.
    pub divide: Option<f32>,
    /// arg functions: the last extreme wins.
    pub last: bool,
}

/// Copies and fills that together write every output element once.
#[derive(Clone, PartialEq, Debug)]
pub struct Move {
    /// Copies.
    pub copies: Vec<Copy>,
    /// Fills.
    pub fills: Vec<Fill>,
}

/// A strided copy.
#[derive(Clone, PartialEq, Debug)]
pub struct Copy {
    /// Extents, outermost first.
    pub n: Vec<usize>,
    /// Source.
    pub src: View,
    /// First element of the output.
    pub offset: usize,
    /// Output strides, elements.
    pub strides: Vec<isize>,
}

/// A strided fill.
#[derive(Clone, PartialEq, Debug)]
pub struct Fill {
    /// Extents, outermost first.
    pub n: Vec<usize>,
    /// First element of the output.
    pub offset: usize,
    /// Output strides, elements.
    pub strides: Vec<isize>,
    /// Bits of the element.
    pub bits: u64,
}

/// `out[o, j, i] = x[o, idx(j), i]`, negative indices count from the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gather {
    /// Product of the extents before the axis.
    pub outer: usize,
    /// Extent of the axis.
    pub len: usize,
    /// Product of the extents after the axis.
    pub inner: usize,
    /// Number of indices (input 1, s32 or s64).
    pub indices: usize,
}

/// F.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fused {
    /// Tensors.
    pub tensors: IdVec<TensorId, FTensor>,
    /// Groups in execution order.
    pub groups: IdVec<GroupId, Group>,
    /// Graph inputs.
    pub inputs: Vec<(String, TensorId)>,
    /// Graph outputs; row-major; each written by a group (an input or constant that is an output is copied by a `Move`). All different tensors.
    pub outputs: Vec<(String, TensorId)>,
}
