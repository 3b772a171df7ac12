//! T: each group as a list of tiles over virtual buffers: loads, kernels, stores, with n-dimensional views and no limits of the encoding.
//!
//! Tiles run in order; operations of a tile run in order. Buffers are of unlimited number here; the sum of those of one group fits the
//! memory (checked by the verifier).

use crate::fused::{Fused, GroupId, PrmRecord, TensorId};
use isa::{DType, EwFn, MxType, PoolFn, RedFn};
use kit::{IdVec, define_id};
use std::sync::Arc;

define_id!(
    /// A virtual buffer.
    BufId, "b"
);

/// The memories that hold virtual buffers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BufMem {
    /// Scratchpad; bytes.
    Spm,
    /// Parameter records of 16 bytes.
    Prm,
    /// Accumulator rows of 64 bytes.
    Acc,
}

/// A virtual buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buf {
    /// Memory.
    pub mem: BufMem,
    /// Size in bytes (a multiple of 16 in PRM, of 64 in ACC).
    pub bytes: usize,
    /// What it holds, for people: `x tile`, `weights`.
    pub role: &'static str,
}

/// A strided view of a buffer: bytes at `offset + Σ i_d·strides_d·size(dtype)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BufView {
    /// Buffer.
    pub buf: BufId,
    /// Element type.
    pub dtype: DType,
    /// Bytes from the start of the buffer.
    pub offset: usize,
    /// Elements per step of each loop, outermost first; 0 broadcasts.
    pub strides: Vec<isize>,
}

/// A strided box of a tensor in DRAM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DramView {
    /// Tensor.
    pub tensor: TensorId,
    /// Elements (physical order).
    pub offset: usize,
    /// Elements per step of each loop, outermost first.
    pub strides: Vec<isize>,
}

/// Record numbers of form PRM: buffer, first record, and the loop along which the number advances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrmView {
    /// Buffer in PRM.
    pub buf: BufId,
    /// First record, from the start of the buffer.
    pub first: usize,
    /// Loop (index into `n`) along which it advances by one.
    pub axis: Option<usize>,
}

/// Second operand of a vector step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// A view.
    View(BufView),
    /// An immediate: integer value, or bits of an f32.
    Imm(i64),
}

/// An operation of a tile.
#[derive(Clone, PartialEq, Debug)]
pub enum TileOp {
    /// DRAM to buffer, element by element, no padding.
    Load {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Source.
        src: DramView,
        /// Destination.
        dst: BufView,
        /// Whether the weight channel (LDW) carries it.
        weights: bool,
    },
    /// Buffer to DRAM.
    Store {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Source.
        src: BufView,
        /// Destination.
        dst: DramView,
    },
    /// Constant PRM records into a PRM buffer. (They travel as constants of R0.)
    LoadParams {
        /// Destination.
        buf: BufId,
        /// Records.
        records: Vec<PrmRecord>,
    },
    /// A matrix operation into accumulator rows.
    Mx(Box<TileMx>),
    /// Elementwise function.
    Ew {
        /// Function.
        f: EwFn,
        /// Extents, outermost first.
        n: Vec<usize>,
        /// First operand.
        a: BufView,
        /// Second operand.
        b: Option<Operand>,
        /// Destination.
        d: BufView,
        /// Records of a, b, d; any present: form PRM.
        prm: [Option<PrmView>; 3],
        /// Second immediate (clamp).
        imm1: Option<i64>,
        /// Whether integer results saturate.
        saturate: bool,
        /// Whether `max(y, zero)` is applied last.
        relu: bool,
    },
    /// Conversion.
    Cvt {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Source.
        a: BufView,
        /// Destination.
        d: BufView,
        /// Rounding to integer, as in [`crate::fused::StepFn::Cvt`].
        rm: u8,
        /// Whether integer results saturate.
        saturate: bool,
    },
    /// `RQ_F32` from s32 accumulators or SPM.
    Requant {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Source, s32.
        a: BufView,
        /// Destination.
        d: BufView,
        /// Records.
        prm: PrmView,
        /// Whether `max(y, zp)` is applied last.
        relu: bool,
    },
    /// Reduction over the last loop of `n`; d has stride 0 there.
    Red {
        /// Function.
        f: RedFn,
        /// Extents, outermost first; the last loop is reduced.
        n: Vec<usize>,
        /// Source.
        a: BufView,
        /// Destination.
        d: BufView,
        /// Start from d instead of from the first group of 16.
        accumulate: bool,
        /// arg functions: the last extreme wins.
        last: bool,
        /// arg functions: added to the index.
        base: i64,
    },
    /// Pooling of one image tile.
    Pool(Box<TilePool>),
    /// Fill with an element's bits.
    Fill {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Destination.
        d: BufView,
        /// Bits.
        bits: u64,
    },
    /// Bit copy inside the local memories (TR).
    Copy {
        /// Extents, outermost first.
        n: Vec<usize>,
        /// Source.
        a: BufView,
        /// Destination.
        d: BufView,
    },
    /// Gather of rows inside the scratchpad: `d[o, j, i] = a[o, idx(b[j]), i]`.
    Gather {
        /// Extents of o, j, i.
        n: [usize; 3],
        /// Source, strides over (o, row, i).
        a: BufView,
        /// Indices (s32, s64), stride over j.
        idx: BufView,
        /// Destination, strides over (o, j, i).
        d: BufView,
        /// Extent of the gathered axis.
        len: usize,
    },
}

/// One MXCONV or MXDW, over a tile: geometry in elements and rows, all relative to buffers.
#[derive(Clone, PartialEq, Debug)]
pub struct TileMx {
    /// Operand types.
    pub mx: MxType,
    /// MXDW.
    pub depthwise: bool,
    /// Second K order.
    pub kpack: bool,
    /// Activation: strides over (row, column); channels adjacent.
    pub a: BufView,
    /// Packed weights of exactly this operation's channels and taps.
    pub w: (BufId, usize),
    /// First accumulator row (of the buffer) and rows between groups of 16 output channels.
    pub acc: BufId,
    /// First row.
    pub acc_row: usize,
    /// Rows between groups of 16 output channels.
    pub acc_sn: usize,
    /// Output rows and columns of this operation.
    pub oh: usize,
    /// Output columns.
    pub ow: usize,
    /// Rows and columns of the activation that exist in the buffer (taps outside contribute nothing).
    pub ih: usize,
    /// Columns.
    pub iw: usize,
    /// Channels summed by this operation.
    pub c: usize,
    /// Output channels of this operation.
    pub n: usize,
    /// Taps of this operation.
    pub kh: usize,
    /// Taps.
    pub kw: usize,
    /// Stride.
    pub sy: usize,
    /// Stride.
    pub sx: usize,
    /// Dilation.
    pub dy: usize,
    /// Dilation.
    pub dx: usize,
    /// First input row, relative to the buffer's row 0.
    pub iy0: isize,
    /// First input column.
    pub ix0: isize,
    /// Zero points.
    pub zx: i32,
    /// Zero point of the weights.
    pub zw: i32,
    /// Accumulator before.
    pub init: TileInit,
    /// Records for bias and per-channel zero points: buffer and first record.
    pub prm: Option<(BufId, usize)>,
    /// Whether zw comes from the records.
    pub zw_per_channel: bool,
}

/// What the accumulator starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TileInit {
    /// +0.
    Zero,
    /// The record's bias.
    Bias,
    /// The row itself.
    Accumulate,
}

/// One POOL over a tile.
#[derive(Clone, PartialEq, Debug)]
pub struct TilePool {
    /// Function.
    pub f: PoolFn,
    /// Source: strides over (row, column); channels adjacent.
    pub a: BufView,
    /// Destination: strides over (row, column); channels adjacent.
    pub d: BufView,
    /// Channels.
    pub c: usize,
    /// Output rows and columns.
    pub oh: usize,
    /// Output columns.
    pub ow: usize,
    /// Rows and columns in the buffer.
    pub ih: usize,
    /// Columns.
    pub iw: usize,
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
    /// First input row, relative to the buffer's row 0.
    pub iy0: isize,
    /// First input column.
    pub ix0: isize,
    /// Padding below that an average counts.
    pub pad_bottom: usize,
    /// Padding right.
    pub pad_right: usize,
    /// Padding above and left of the buffer's row 0 that an average counts needs no field: taps at negative coordinates down to `iy0` count.
    /// Records of a and d (form PRM average).
    pub prm: [Option<PrmView>; 2],
}

/// One tile.
#[derive(Clone, PartialEq, Debug)]
pub struct Tile {
    /// Position in the group's grid.
    pub coords: Vec<u32>,
    /// Operations in order.
    pub ops: Vec<TileOp>,
}

/// The tiles of one group.
#[derive(Clone, PartialEq, Debug)]
pub struct TileGroup {
    /// The group.
    pub group: GroupId,
    /// Names of the loops of the grid and number of tiles along each.
    pub grid: Vec<(&'static str, u32)>,
    /// Buffers of this group.
    pub bufs: IdVec<BufId, Buf>,
    /// Tiles in execution order.
    pub tiles: Vec<Tile>,
}

/// T.
#[derive(Clone, PartialEq, Debug)]
pub struct TileProgram {
    /// The groups it was made from: tensors, inputs, outputs.
    pub fused: Arc<Fused>,
    /// One entry for each group, in order.
    pub groups: Vec<TileGroup>,
}
