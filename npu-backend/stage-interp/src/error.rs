//! What can go wrong while a stage runs, and where.

use ir::TensorType;
use kit::Stage;
use lir::fused::{GroupId, TensorId};

/// A fault with its place.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("stage {}{}{}{}: {fault}", stage.letter(), part(" group ", group.map(|g| g.0)), part(" tile ", *tile), part(" op ", *op))]
pub struct StageError {
    /// The stage that was running.
    pub stage: Stage,
    /// The group, if one is to blame.
    pub group: Option<GroupId>,
    /// Index of the tile in its group (T, S).
    pub tile: Option<u32>,
    /// Index of the operation in its tile (T), or of the instruction in the stream (S).
    pub op: Option<u32>,
    /// What happened.
    pub fault: Fault,
}

fn part(name: &str, number: Option<u32>) -> String {
    number.map(|n| format!("{name}{n}")).unwrap_or_default()
}

impl StageError {
    /// An error of the whole run.
    pub fn whole(stage: Stage, fault: Fault) -> Self {
        StageError { stage, group: None, tile: None, op: None, fault }
    }
    /// An error inside a group.
    pub fn in_group(stage: Stage, group: GroupId, fault: Fault) -> Self {
        StageError { stage, group: Some(group), tile: None, op: None, fault }
    }
}

/// The ways to fail. The first block are traps of NPU.md 2.5 that data can cause; the others mean that the IR is wrong.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Fault {
    /// An index outside -L..L (`E_INDEX`).
    #[error("index {index} outside -{len}..{len}")]
    Index {
        /// The index.
        index: i128,
        /// L.
        len: u64,
    },
    /// Integer division by zero (`E_DIV0`).
    #[error("integer division by zero")]
    Div0,
    /// A bool byte other than 0 and 1 (`E_BOOL`).
    #[error("bool byte {0}")]
    Bool(u8),
    /// A scale that is NaN, infinite or negative, or a zero point out of range (`E_PARAM`).
    #[error("parameter record: scale bits {scale:#010x}, zero point {zero}")]
    Param {
        /// Bits of the scale.
        scale: u32,
        /// Zero point.
        zero: i32,
    },
    /// A shift outside its range (`E_SHIFT_RANGE`).
    #[error("shift {0} out of range")]
    ShiftRange(i128),
    /// A pooling window without a tap inside (`E_PAD`).
    #[error("pooling window without a tap inside at ({oy}, {ox})")]
    Pad {
        /// Output row.
        oy: usize,
        /// Output column.
        ox: usize,
    },
    /// A table that is not wholly initialised (`E_LUT_RANGE`).
    #[error("look-up table {0} is not initialised")]
    Lut(u8),
    /// A read of a byte never written.
    #[error("read of uninitialised byte {offset} of {place}")]
    Uninit {
        /// Buffer or tensor.
        place: PlaceName,
        /// Byte.
        offset: usize,
    },
    /// An access outside its buffer or tensor.
    #[error("access to bytes {offset}..{} of {place}, which has {size}", offset + *len as i128)]
    Bounds {
        /// Buffer or tensor.
        place: PlaceName,
        /// First byte.
        offset: i128,
        /// Bytes.
        len: usize,
        /// Size in bytes.
        size: usize,
    },
    /// An accumulator row read with another type tag than it was written with.
    #[error("accumulator row {row} of {place} read as {want}, written as {have}")]
    AccTag {
        /// Buffer.
        place: PlaceName,
        /// Row.
        row: usize,
        /// Tag needed.
        want: isa::AccTag,
        /// Tag there.
        have: isa::AccTag,
    },
    /// A combination of types or fields that has no meaning.
    #[error("illegal: {0}")]
    Illegal(&'static str),
    /// An address field is used and names no place.
    #[error("no place for {0}")]
    NoPlace(&'static str),
    /// An output element that no copy or fill wrote.
    #[error("element {0} of the output is never written")]
    Unwritten(usize),
    /// A tensor that is read before a group wrote it.
    #[error("{0} is read before it is written")]
    NotReady(TensorId),
    /// No value was given for an input.
    #[error("no value for input `{0}`")]
    MissingInput(String),
    /// An input of another type.
    #[error("input `{name}` is {have}, expected {want}")]
    InputType {
        /// ONNX name.
        name: String,
        /// Type given.
        have: TensorType,
        /// Type expected.
        want: String,
    },
}

/// What an address is relative to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceName {
    /// A virtual buffer.
    Buf(lir::tile::BufId),
    /// A tensor.
    Tensor(TensorId),
    /// A block of parameter records.
    Params(lir::stream::ParamsId),
    /// A group's output in F.
    Output,
    /// Operand number of a group in F.
    Operand(usize),
    /// The look-up tables.
    Lut,
}

impl std::fmt::Display for PlaceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlaceName::Buf(b) => write!(f, "{b}"),
            PlaceName::Tensor(t) => write!(f, "{t}"),
            PlaceName::Params(p) => write!(f, "{p}"),
            PlaceName::Output => f.write_str("the output"),
            PlaceName::Operand(i) => write!(f, "operand {i}"),
            PlaceName::Lut => f.write_str("lut"),
        }
    }
}
