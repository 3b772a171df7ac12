//! S: machine instructions one after another, with every virtual buffer and every tensor an array of its own.
//!
//! Style: an element is a number ([`num::Num`]), one instruction is four nested loops over addresses. Every byte has an
//! init bit: reading one that was never written is a fault, as is leaving an output byte unwritten.
//!
//! Address fields count from the place that `Places` names, in the unit of the field. `zx_rec` of MX is relative to
//! `prm[0]`. LUT has no buffers: its addresses are absolute.

mod dma;
mod gather;
mod matrix;
mod memory;
mod num;
mod reduce;
mod requant;
mod vector;

use crate::error::{Fault, StageError};
use crate::run::{Run, finish, initial};
use ir::Tensor;
use isa::Op;
use kit::{IdVec, Stage};
use lir::fused::TensorId;
use lir::stream::{Stream, StreamOp};
use memory::Memory;

/// Runs a stream on named inputs.
///
/// # Errors
/// An input that is missing or of another type; a fault, with the index of the instruction.
pub fn run_stream(s: &Stream, inputs: &[(String, Tensor)]) -> Result<Run, StageError> {
    let tensors = initial(Stage::Stream, &s.fused, inputs)?;
    let mut memory = Memory::new(s, tensors);
    for (i, op) in s.ops.iter() {
        step(&mut memory, op).map_err(|fault| StageError {
            stage: Stage::Stream,
            group: Some(op.group),
            tile: Some(op.tile),
            op: Some(i.0),
            fault,
        })?;
    }
    let tensors: IdVec<TensorId, Option<Vec<u8>>> = memory.into_tensors();
    finish(Stage::Stream, &s.fused, tensors)
}

fn step(m: &mut Memory<'_>, op: &StreamOp) -> Result<(), Fault> {
    let p = &op.places;
    match &op.instr.op {
        Op::Nop | Op::Fence | Op::Halt => Ok(()),
        Op::Poison(_) | Op::SegmentEnd { .. } => Err(Fault::Illegal("an instruction that no stream holds")),
        Op::Ld(d) => dma::load(m, d, p),
        Op::St(d) => dma::store(m, d, p),
        Op::Ldx(d) => dma::indexed(m, d, p, true),
        Op::Stx(d) => dma::indexed(m, d, p, false),
        Op::MxConv(x) => matrix::convolution(m, x, p),
        Op::MxDw(x) => matrix::depthwise(m, x, p),
        Op::Rq(v) => requant::requantise(m, v, p),
        Op::Ew(v) => vector::elementwise(m, v, p),
        Op::Lut(v) => requant::look_up(m, v, p),
        Op::Red(v) => reduce::reduce(m, v, p),
        Op::Pool(v) => reduce::pool(m, v, p),
        Op::Cvt(v) => vector::convert(m, v, p),
        Op::Tr(v) => vector::transfer(m, v, p),
        Op::Fill(v) => vector::fill(m, v, p),
        Op::Ga(v) => gather::gather(m, v, p),
        Op::Sc(v) => gather::scatter(m, v, p),
        Op::Scan(v) => gather::scan(m, v, p),
        Op::Sort(v) => gather::sort(m, v, p),
    }
}

#[cfg(test)]
mod tests;
