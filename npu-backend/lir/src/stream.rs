//! S: one linear list of machine instructions whose addresses are relative to virtual buffers and DRAM tensors.
//!
//! An instruction is an [`isa::Instr`] with every address field counted from the start of the place that `places` names
//! (bytes in SPM, rows in ACC, records in PRM, bytes in DRAM). Allocation adds the bases; nothing else changes.

use crate::fused::{Fused, GroupId, PrmRecord, TensorId};
use crate::tile::{Buf, BufId};
use kit::{IdVec, define_id};
use std::sync::Arc;

define_id!(
    /// An instruction of a stream.
    InstrId, "i"
);
define_id!(
    /// A constant block of PRM records in R0.
    ParamsId, "p"
);

/// What an instruction's DRAM address is relative to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DramPlace {
    /// A tensor.
    Tensor(TensorId),
    /// A block of PRM records.
    Params(ParamsId),
}

/// What the address fields of an instruction are relative to; `None`: the field is unused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// `a_addr`, `in_addr`, or a DMA's `loc_addr`.
    pub a: Option<BufId>,
    /// `b_addr`, `w_addr`.
    pub b: Option<BufId>,
    /// `d_addr`, `acc_row`.
    pub d: Option<BufId>,
    /// `aprm`, `bprm`, `dprm` (VX); `[2]` is `prm_rec` of MX and RQ.
    pub prm: [Option<BufId>; 3],
    /// `dram_off`.
    pub dram: Option<DramPlace>,
}

/// One instruction and where it came from.
#[derive(Clone, PartialEq, Debug)]
pub struct StreamOp {
    /// The instruction; no tokens yet.
    pub instr: isa::Instr,
    /// Bases of its addresses.
    pub places: Places,
    /// The group it belongs to.
    pub group: GroupId,
    /// Index of the tile in its group.
    pub tile: u32,
}

/// S.
#[derive(Clone, PartialEq, Debug)]
pub struct Stream {
    /// Tensors, inputs and outputs.
    pub fused: Arc<Fused>,
    /// Buffers.
    pub bufs: IdVec<BufId, Buf>,
    /// Constant PRM records.
    pub params: IdVec<ParamsId, Vec<PrmRecord>>,
    /// Instructions in order.
    pub ops: IdVec<InstrId, StreamOp>,
}
