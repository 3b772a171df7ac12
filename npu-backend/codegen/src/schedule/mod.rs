//! T→S: tile operations as machine instructions relative to virtual buffers, with nests legalised to four loops.

mod emit;
pub(crate) mod legal;

use emit::Emitter;
use isa::NpuConfig;
use kit::id::Id;
use kit::{CompileError, IdVec, PassCx};
use lir::fused::PrmRecord;
use lir::stream::{InstrId, ParamsId, Stream, StreamOp};
use lir::tile::{Buf, BufId, TileProgram};
use std::collections::BTreeMap;

/// The streams of all groups, one after the other (pass `t.schedule`).
///
/// # Errors
/// `OutOfResource` where a field of the encoding is too narrow (the tiler avoids this).
pub fn schedule(t: &TileProgram, _config: &NpuConfig, _cx: &mut PassCx<'_>) -> Result<Stream, CompileError> {
    let mut bufs: IdVec<BufId, Buf> = IdVec::new();
    let mut params: IdVec<ParamsId, Vec<PrmRecord>> = IdVec::new();
    let mut seen: BTreeMap<Vec<u8>, ParamsId> = BTreeMap::new();
    let mut ops: IdVec<InstrId, StreamOp> = IdVec::new();
    for g in &t.groups {
        let base = bufs.len();
        for b in g.bufs.values() {
            bufs.push(b.clone());
        }
        for (i, tile) in g.tiles.iter().enumerate() {
            for op in &tile.ops {
                let mut e = Emitter {
                    bufs: &bufs,
                    base,
                    params: &mut params,
                    seen: &mut seen,
                    ops: &mut ops,
                    group: g.group,
                    tile: u32::try_from(i).unwrap_or(u32::MAX),
                };
                e.op(op);
            }
        }
    }
    Ok(Stream { fused: t.fused.clone(), bufs, params, ops })
}

/// A record's 16 bytes in PRM (NPU.md 3.3).
pub(crate) fn record_bytes(r: &PrmRecord) -> [u8; 16] {
    let mut b = [0u8; 16];
    b[..4].copy_from_slice(&r.bias.to_le_bytes());
    b[4..8].copy_from_slice(&r.mult.to_le_bytes());
    b[8..12].copy_from_slice(&r.zp.to_le_bytes());
    b[12] = r.shift.cast_unsigned();
    b[14..].copy_from_slice(&r.zw.to_le_bytes());
    b
}

impl Emitter<'_> {
    /// The constant block of these records, shared if it exists.
    fn params_id(&mut self, records: &[PrmRecord]) -> ParamsId {
        let key: Vec<u8> = records.iter().flat_map(record_bytes).collect();
        if let Some(id) = self.seen.get(&key) {
            return *id;
        }
        let id = self.params.push(records.to_vec());
        self.seen.insert(key, id);
        id
    }
    fn global(&self, b: BufId) -> BufId {
        BufId::new(self.base + b.index())
    }
}
