//! Tiles of gathers: a slab of the table in the scratchpad, indices, the gathered rows.

use super::{Tiler, at, load, spm_bytes};
use crate::loops::{LocalBox, for_tiles, grid_of, grow};
use kit::CompileError;
use lir::fused::Gather;
use lir::tile::{DramView, TileOp};

impl Tiler<'_> {
    pub(super) fn gather(&mut self, g: &Gather) -> Result<(), CompileError> {
        let (dtype, itype) = (self.out_dtype(), self.dtype(self.group.inputs[1]));
        let (x, idx) = (self.group.inputs[0], self.group.inputs[1]);
        let space = [g.outer, g.indices, g.inner];
        let bytes = |e: &[usize]| {
            spm_bytes(e[0] * g.len * e[2], dtype) + spm_bytes(e[1], itype) + spm_bytes(e.iter().product(), dtype)
        };
        let cap = self.capacity();
        let ext = grow(&space, vec![1; 3], [2, 1, 0].into_iter(), |e| bytes(e) <= cap)
            .ok_or_else(|| self.does_not_fit("scratchpad bytes", bytes(&[1, 1, 1]), cap))?;
        let table = self.spm(ext[0] * g.len * ext[2], dtype, "table");
        let list = self.spm(ext[1], itype, "indices");
        let out = self.spm(ext.iter().product(), dtype, "out");
        self.grid = ["o", "j", "i"].into_iter().zip(grid_of(&space, &ext)).collect();
        // Indices innermost in the walk: the slab of the table stays.
        let (mut held, mut held_idx) = (None, None);
        let order = [space[0], space[2], space[1]];
        for_tiles(&order, &[ext[0], ext[2], ext[1]], |pos, size, coords| {
            let (o, i, j) = (pos[0], pos[1], pos[2]);
            let (on, in_, jn) = (size[0], size[1], size[2]);
            let mut ops = Vec::new();
            if held != Some((o, i)) {
                held = Some((o, i));
                let s = [(g.len * g.inner).cast_signed(), g.inner.cast_signed(), 1];
                let local = LocalBox {
                    strides: vec![(g.len * in_).cast_signed(), in_.cast_signed(), 1],
                    offset: 0,
                    elems: on * g.len * in_,
                };
                let from = o * g.len * g.inner + i;
                ops.push(load(&[on, g.len, in_], x, from, &s, table, dtype, &local, false));
            }
            if held_idx != Some(j) {
                held_idx = Some(j);
                let local = LocalBox { strides: vec![1], offset: 0, elems: jn };
                ops.push(load(&[jn], idx, j, &[1], list, itype, &local, false));
            }
            let d = at(out, dtype, 0, &[jn * in_, in_, 1]);
            ops.push(TileOp::Gather {
                n: [on, jn, in_],
                a: at(table, dtype, 0, &[g.len * in_, in_, 1]),
                idx: at(list, itype, 0, &[1]),
                d: d.clone(),
                len: g.len,
            });
            let dst = DramView {
                tensor: self.group.output,
                offset: (o * g.indices + j) * g.inner + i,
                strides: vec![(g.indices * g.inner).cast_signed(), g.inner.cast_signed(), 1],
            };
            ops.push(TileOp::Store { n: vec![on, jn, in_], src: d, dst });
            self.push(&[coords[0], coords[2], coords[1]], ops);
            Ok(())
        })
    }
}
