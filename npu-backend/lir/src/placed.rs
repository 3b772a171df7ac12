//! A: addresses and tokens assigned. Together with the stream it came from, so that a checker can prove the placement.

use crate::stream::{DramPlace, Stream};
use crate::tile::BufId;
use isa::{Instr, NpuConfig, Program};
use kit::IdVec;
use std::sync::Arc;

/// Where a DRAM place lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DramAddr {
    /// Region 0 to 3.
    pub region: u8,
    /// Bytes.
    pub offset: u64,
}

/// One machine instruction and the stream operation it implements (`None`: FENCE, HALT, POISON added here).
#[derive(Clone, PartialEq, Debug)]
pub struct PlacedOp {
    /// With absolute addresses and tokens.
    pub instr: Instr,
    /// Index into the stream.
    pub op: Option<crate::stream::InstrId>,
}

/// A.
#[derive(Clone, PartialEq, Debug)]
pub struct Placed {
    /// The machine.
    pub config: NpuConfig,
    /// What was placed.
    pub stream: Arc<Stream>,
    /// Address of each buffer in its memory: bytes (SPM), first record (PRM), first row (ACC).
    pub buf_addr: IdVec<BufId, u32>,
    /// Address of each tensor and parameter block.
    pub dram: Vec<(DramPlace, DramAddr)>,
    /// Instructions.
    pub ops: Vec<PlacedOp>,
    /// The complete program: the same instructions, constants, regions, I/O table.
    pub program: Program,
}
