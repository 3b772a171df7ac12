//! A program: what the container holds (4.6), as values.

use crate::codes::{DType, Region};
use crate::instr::Instr;

/// A complete program for one configuration.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct Program {
    /// Hash of the configuration (`NpuConfig::hash`).
    pub config_hash: u64,
    /// The instructions; the pc is the index.
    pub code: Vec<Instr>,
    /// Image of R0.
    pub consts: Vec<u8>,
    /// Bytes of R0..R3; `region_sizes[0]` equals `consts.len()`.
    pub region_sizes: [u64; 4],
    /// Graph inputs and outputs.
    pub iotab: Vec<IoEntry>,
    /// Where instructions come from; by ascending pc, at most one entry a pc.
    pub debug: Vec<DebugEntry>,
    /// Host segments, by index of SEGMENT_END.
    pub host_segs: Vec<HostSeg>,
}

impl Program {
    /// A program of instructions and constants; `arena`, `inputs` and `outputs` are the sizes of R1, R2, R3.
    pub fn new(config_hash: u64, code: Vec<Instr>, consts: Vec<u8>, arena: u64, inputs: u64, outputs: u64) -> Self {
        let region_sizes = [consts.len() as u64, arena, inputs, outputs];
        Program { config_hash, code, consts, region_sizes, ..Program::default() }
    }
    /// The debug entry of an instruction.
    pub fn debug_of(&self, pc: u32) -> Option<&DebugEntry> {
        self.debug.binary_search_by_key(&pc, |e| e.pc).ok().map(|i| &self.debug[i])
    }
}

/// Input or output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Direction {
    /// Graph input.
    #[default]
    In,
    /// Graph output.
    Out,
}

/// How the elements of an input or output lie in its region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Layout {
    /// Dense, row major, in the order of `dims`.
    #[default]
    RowMajor,
    /// Dims are N C H W, bytes in order N H W C.
    Nhwc,
    /// Dims are N C H W, bytes in order N, C/16, H, W, 16, filled to 16 channels.
    C16,
}

/// One graph input or output.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct IoEntry {
    /// ONNX name.
    pub name: String,
    /// Input or output.
    pub direction: Direction,
    /// Element type.
    pub dtype: DType,
    /// Extents; a zero extent has an entry and no bytes.
    pub dims: Vec<u64>,
    /// Layout of the bytes.
    pub layout: Layout,
    /// Region that holds it (an input may lie in R2, an output in R3).
    pub region: Region,
    /// Byte offset in the region.
    pub offset: u64,
    /// Quantisation, if the graph states one.
    pub quant: Option<QuantParams>,
    /// SHA-256 of the value that the program was compiled for, if the input is bound.
    pub bound: Option<[u8; 32]>,
}

impl IoEntry {
    /// Number of elements; `None` on overflow.
    pub fn elems(&self) -> Option<u64> {
        self.dims.iter().try_fold(1u64, |p, &d| p.checked_mul(d))
    }
    /// Number of bytes in the region (C16 fills the channels to 16); `None` on overflow.
    pub fn bytes(&self) -> Option<u64> {
        let mut dims = self.dims.clone();
        if self.layout == Layout::C16 && dims.len() > 1 {
            dims[1] = dims[1].checked_next_multiple_of(16)?;
        }
        dims.iter().try_fold(u64::from(self.dtype.size()), |p, &d| p.checked_mul(d))
    }
}

/// Quantisation parameters of a tensor: real = (q - zero_point) * scale.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct QuantParams {
    /// Binary32 bits; one, or one for each index of `axis`.
    pub scales: Vec<u32>,
    /// As many as scales.
    pub zero_points: Vec<i64>,
    /// `None`: per tensor.
    pub axis: Option<u32>,
}

/// Provenance of one instruction.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct DebugEntry {
    /// The instruction.
    pub pc: u32,
    /// Ids of the graph nodes it comes from.
    pub nodes: Vec<u32>,
    /// The passes that made it, for people.
    pub provenance: String,
    /// Tile coordinates.
    pub tile: Vec<u32>,
    /// Ids of the buffers it touches.
    pub buffers: Vec<u32>,
}

/// What the host runs at a SEGMENT_END, in order.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct HostSeg {
    /// Kernels in order.
    pub kernels: Vec<HostKernel>,
}

/// One ONNX operator on dense row-major DRAM tensors.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct HostKernel {
    /// Operator, with its domain if not the default one (`com.microsoft::Gelu`).
    pub kernel: String,
    /// Operator set version.
    pub opset: u32,
    /// Attributes by name, ascending.
    pub attributes: Vec<(String, AttrValue)>,
    /// Inputs; `None` for an omitted optional one.
    pub inputs: Vec<Option<HostTensor>>,
    /// Outputs; `None` for an omitted optional one.
    pub outputs: Vec<Option<HostTensor>>,
}

/// An attribute value. Floats are binary32 bits.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum AttrValue {
    /// INT.
    Int(i64),
    /// FLOAT.
    Float(u32),
    /// STRING.
    Str(String),
    /// INTS.
    Ints(Vec<i64>),
    /// FLOATS.
    Floats(Vec<u32>),
    /// STRINGS.
    Strs(Vec<String>),
}

/// A dense row-major tensor in DRAM.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub struct HostTensor {
    /// R0, R1 or R2 for inputs; R1 or R3 for outputs.
    pub region: Region,
    /// Byte offset.
    pub offset: u64,
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub dims: Vec<u64>,
}

impl HostTensor {
    /// Number of bytes; `None` on overflow.
    pub fn bytes(&self) -> Option<u64> {
        self.dims.iter().try_fold(u64::from(self.dtype.size()), |p, &d| p.checked_mul(d))
    }
}
