//! Ordering between engines: a FENCE between all instructions.

use crate::CodegenOptions;
use isa::{Instr, Op};
use kit::IdVec;
use kit::id::Id;
use lir::placed::PlacedOp;
use lir::stream::{InstrId, Stream};
use lir::tile::BufId;

/// The instructions with what orders them.
pub(super) fn order(
    _stream: &Stream,
    instrs: Vec<Instr>,
    _addr: &IdVec<BufId, u32>,
    _options: &CodegenOptions,
) -> Vec<PlacedOp> {
    let mut out = Vec::with_capacity(2 * instrs.len() + 1);
    for (i, instr) in instrs.into_iter().enumerate() {
        if i > 0 {
            out.push(PlacedOp { instr: Instr::new(Op::Fence), op: None });
        }
        out.push(PlacedOp { instr, op: Some(InstrId::new(i)) });
    }
    out
}
