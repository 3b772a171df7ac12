//! F→T: each group as a list of tiles over virtual buffers, whose sum fits the memories of the configuration.
//!
//! Buffers keep their contents from tile to tile, so that what the next tile needs again is not loaded again.

mod elementwise;
mod gather;
mod matrix;
mod matrix_plan;
mod movement;
mod pool;
mod reduce;

use isa::{DType, NpuConfig};
use kit::{CompileError, IdVec, PassCx};
use lir::fused::{Fused, Group, GroupId, GroupKind, PrmRecord, TensorId};
use lir::tile::{Buf, BufId, BufMem, BufView, DramView, Tile, TileGroup, TileOp, TileProgram};
use std::sync::Arc;

/// Tiles every group (pass `f.tile`).
///
/// # Errors
/// `OutOfResource` if the smallest tile of a group does not fit the configuration.
pub fn tile(fused: &Arc<Fused>, config: &NpuConfig, _cx: &mut PassCx<'_>) -> Result<TileProgram, CompileError> {
    let mut groups = Vec::with_capacity(fused.groups.len());
    for (id, group) in fused.groups.iter() {
        let mut t = Tiler { f: fused, config, id, group, bufs: IdVec::new(), tiles: Vec::new(), grid: Vec::new() };
        match &group.kind {
            GroupKind::Matrix(m) => t.matrix(m)?,
            GroupKind::Pool(p) => t.pool(p)?,
            GroupKind::Elementwise(e) => t.elementwise(e)?,
            GroupKind::Reduce(r) => t.reduce(r)?,
            GroupKind::Move(m) => t.movement(m)?,
            GroupKind::Gather(g) => t.gather(g)?,
        }
        groups.push(TileGroup { group: id, grid: t.grid, bufs: t.bufs, tiles: t.tiles });
    }
    Ok(TileProgram { fused: fused.clone(), groups })
}

/// One group under tiling.
pub(crate) struct Tiler<'a> {
    f: &'a Fused,
    config: &'a NpuConfig,
    id: GroupId,
    group: &'a Group,
    bufs: IdVec<BufId, Buf>,
    tiles: Vec<Tile>,
    grid: Vec<(&'static str, u32)>,
}

/// Bytes of a scratchpad buffer: multiples of 16, so that any order of buffers fits if their sum does.
pub(crate) fn spm_bytes(elems: usize, dtype: DType) -> usize {
    (elems * dtype.size() as usize).max(1).next_multiple_of(16)
}

impl Tiler<'_> {
    fn spm(&mut self, elems: usize, dtype: DType, role: &'static str) -> BufId {
        self.bufs.push(Buf { mem: BufMem::Spm, bytes: spm_bytes(elems, dtype), role })
    }
    fn acc(&mut self, rows: usize) -> BufId {
        self.bufs.push(Buf { mem: BufMem::Acc, bytes: rows * 64, role: "accumulator" })
    }
    fn prm(&mut self, records: usize, role: &'static str) -> BufId {
        self.bufs.push(Buf { mem: BufMem::Prm, bytes: records * 16, role })
    }
    fn dtype(&self, t: TensorId) -> DType {
        self.f.tensors[t].dtype
    }
    fn out_dtype(&self) -> DType {
        self.dtype(self.group.output)
    }
    fn capacity(&self) -> usize {
        self.config.spm_bytes as usize
    }
    fn does_not_fit(&self, what: &'static str, need: usize, have: usize) -> CompileError {
        CompileError::OutOfResource {
            what,
            need: need as u64,
            have: have as u64,
            context: format!("{} `{}`", self.id, self.group.name),
        }
    }
    fn push(&mut self, coords: &[u32], ops: Vec<TileOp>) {
        self.tiles.push(Tile { coords: coords.to_vec(), ops });
    }
}

/// A load of a box: broadcast loops of the view are loaded once.
pub(crate) fn load(
    ext: &[usize],
    tensor: TensorId,
    offset: usize,
    strides: &[isize],
    buf: BufId,
    dtype: DType,
    local: &crate::loops::LocalBox,
    weights: bool,
) -> TileOp {
    let n = ext.iter().zip(strides).map(|(e, s)| if *s == 0 { 1 } else { *e }).collect();
    let src = DramView { tensor, offset, strides: strides.to_vec() };
    TileOp::Load { n, src, dst: view(buf, dtype, local), weights }
}

/// The view of a box in its buffer.
pub(crate) fn view(buf: BufId, dtype: DType, local: &crate::loops::LocalBox) -> BufView {
    BufView { buf, dtype, offset: local.offset * dtype.size() as usize, strides: local.strides.clone() }
}

/// A view with element strides and an element offset.
pub(crate) fn at(buf: BufId, dtype: DType, offset: usize, strides: &[usize]) -> BufView {
    BufView {
        buf,
        dtype,
        offset: offset * dtype.size() as usize,
        strides: strides.iter().map(|s| s.cast_signed()).collect(),
    }
}

/// Records padded with zero records to a multiple of 16: the matrix engine works on groups of 16 channels.
pub(crate) fn padded(records: &[PrmRecord]) -> Vec<PrmRecord> {
    let mut r = records.to_vec();
    r.resize(records.len().next_multiple_of(16), PrmRecord::default());
    r
}
