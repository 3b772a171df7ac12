//! T: tile operations in order, every virtual buffer an array of its own with init bits; each group starts with fresh buffers.
//!
//! Style: an operation walks its loops with one odometer that carries the element offsets of all operands; the function is
//! looked up once as a plain function pointer.

mod elem;
mod functions;
mod matrix;
mod memory;
mod pool;
mod vector;
mod walk;

use crate::error::{Fault, StageError};
use crate::run::{Run, finish, initial};
use ir::Tensor;
use kit::Stage;
use lir::tile::{TileOp, TileProgram};
use memory::{Dram, Local};

/// Runs a tile program on named inputs.
///
/// # Errors
/// An input that is missing or of another type; a fault, with group, tile and operation.
pub fn run_tiles(p: &TileProgram, inputs: &[(String, Tensor)]) -> Result<Run, StageError> {
    let mut dram = Dram::new(&p.fused, initial(Stage::Tile, &p.fused, inputs)?);
    for g in &p.groups {
        let mut local = Local::new(&g.bufs);
        for (t, tile) in g.tiles.iter().enumerate() {
            for (i, op) in tile.ops.iter().enumerate() {
                step(&mut local, &mut dram, op).map_err(|fault| StageError {
                    stage: Stage::Tile,
                    group: Some(g.group),
                    tile: Some(t as u32),
                    op: Some(i as u32),
                    fault,
                })?;
            }
        }
    }
    finish(Stage::Tile, &p.fused, dram.into_tensors())
}

fn step(local: &mut Local, dram: &mut Dram<'_>, op: &TileOp) -> Result<(), Fault> {
    match op {
        TileOp::Load { n, src, dst, .. } => vector::load(local, dram, n, src, dst),
        TileOp::Store { n, src, dst } => vector::store(local, dram, n, src, dst),
        TileOp::LoadParams { buf, records } => local.put_records(*buf, records),
        TileOp::Mx(mx) => matrix::run(local, mx),
        TileOp::Ew { f, n, a, b, d, prm, imm1, saturate, relu } => {
            let e = functions::Ew { f: *f, n, a, b: b.as_ref(), d, prm, imm1: *imm1, saturate: *saturate, relu: *relu };
            functions::elementwise(local, &e)
        }
        TileOp::Cvt { n, a, d, rm, saturate } => vector::convert(local, n, a, d, *rm, *saturate),
        TileOp::Requant { n, a, d, prm, relu } => vector::requantise(local, n, a, d, prm, *relu),
        TileOp::Red { f, n, a, d, accumulate, last, base } => {
            pool::reduce(local, &pool::Red { f: *f, n, a, d, accumulate: *accumulate, last: *last, base: *base })
        }
        TileOp::Pool(p) => pool::pool(local, p),
        TileOp::Fill { n, d, bits } => vector::fill(local, n, d, *bits),
        TileOp::Copy { n, a, d } => vector::copy(local, n, a, d),
        TileOp::Gather { n, a, idx, d, len } => vector::gather(local, *n, a, idx, d, *len),
    }
}

#[cfg(test)]
mod tests;
