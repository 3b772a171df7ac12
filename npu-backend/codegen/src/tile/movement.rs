//! Tiles of `Move` groups: strided loads, a transposition inside the tile where the inner loops differ, strided stores.

use super::elementwise::loop_name;
use super::{Tiler, at, load, spm_bytes, view};
use crate::loops::{box_elems, for_tiles, grid_of, grow, local_box, start};
use isa::DType;
use kit::CompileError;
use lir::fused::{Copy, Fill, Move};
use lir::tile::{BufId, DramView, TileOp};

/// The loops that are contiguous at the source and at the destination.
fn inner_loops(c: &Copy) -> (Option<usize>, Option<usize>) {
    let inner = |s: &[isize]| (0..c.n.len()).find(|&i| s[i] == 1 && c.n[i] > 1);
    (inner(&c.src.strides), inner(&c.strides))
}

/// Without a turn the store would go element by element; it pays if the destination has contiguous runs.
fn turns(c: &Copy) -> bool {
    let (from, to) = inner_loops(c);
    to.is_some() && from != to
}

impl Tiler<'_> {
    pub(super) fn movement(&mut self, m: &Move) -> Result<(), CompileError> {
        let dtype = self.out_dtype();
        // All copies share the two tile buffers, all fills one: sized for the largest.
        let parts = usize::from(!m.fills.is_empty()) + usize::from(!m.copies.is_empty());
        let share = self.capacity() / parts.max(1) / 16 * 16;
        let mut fill_buf = 0;
        let fill_ext = m
            .fills
            .iter()
            .map(|f| {
                let ext = grow(&f.n, vec![1; f.n.len()], (0..f.n.len()).rev(), |e| {
                    spm_bytes(e.iter().product(), dtype) <= share
                })
                .ok_or_else(|| self.does_not_fit("scratchpad bytes", 16, share))?;
                fill_buf = fill_buf.max(ext.iter().product::<usize>());
                Ok(ext)
            })
            .collect::<Result<Vec<_>, CompileError>>()?;
        let mut sizes = [0usize; 2];
        // The two buffers are shared by all copies: if any of them turns, each buffer has half of the room.
        let half = m.copies.iter().any(turns);
        let copy_ext = m
            .copies
            .iter()
            .map(|c| {
                let (ext, turn) = self.copy_tile(c, dtype, share, half)?;
                sizes[0] = sizes[0].max(box_elems(&ext, &c.src.strides));
                if turn {
                    sizes[1] = sizes[1].max(ext.iter().product::<usize>());
                }
                Ok((ext, turn))
            })
            .collect::<Result<Vec<_>, CompileError>>()?;
        let src_buf = (sizes[0] > 0).then(|| self.spm(sizes[0], dtype, "in"));
        let dst_buf = (sizes[1] > 0).then(|| self.spm(sizes[1], dtype, "turned"));
        let fill_buf = (fill_buf > 0).then(|| self.spm(fill_buf, dtype, "fill"));
        let mut part = 0;
        for (c, (ext, turn)) in m.copies.iter().zip(&copy_ext) {
            let buf = src_buf.expect("a copy has a buffer");
            self.copy_tiles(c, ext, dtype, buf, dst_buf.filter(|_| *turn), part)?;
            part += 1;
        }
        for (f, ext) in m.fills.iter().zip(&fill_ext) {
            self.fill_tiles(f, ext, dtype, fill_buf.expect("a fill has a buffer"), part)?;
            part += 1;
        }
        let parts = m.copies.len() + m.fills.len();
        self.grid = match (parts, copy_ext.first(), fill_ext.first()) {
            (1, Some((ext, _)), _) => named(&m.copies[0].n, ext),
            (1, None, Some(ext)) => named(&m.fills[0].n, ext),
            _ => vec![("part", u32::try_from(parts).unwrap_or(u32::MAX))],
        };
        if parts > 1 {
            self.grid.push(("tile", u32::try_from(self.tiles.len()).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    /// The tile of a copy, and whether its elements are turned inside the scratchpad: the loop that is contiguous at the
    /// source is not the one that is contiguous at the destination.
    fn copy_tile(&self, c: &Copy, dtype: DType, share: usize, half: bool) -> Result<(Vec<usize>, bool), CompileError> {
        let (from, to) = inner_loops(c);
        let turn = turns(c);
        let room = if half { share / 2 / 16 * 16 } else { share };
        let fits = |e: &[usize]| {
            let second = if turn { spm_bytes(e.iter().product(), dtype) } else { 0 };
            spm_bytes(box_elems(e, &c.src.strides), dtype) <= room && second <= room
        };
        let one = vec![1; c.n.len()];
        let seed = if turn { self.square(c, from, to, &fits) } else { one.clone() };
        // The destination's inner loop first, then the source's, then outwards.
        let rest = (0..c.n.len()).rev().filter(|i| Some(*i) != to && Some(*i) != from);
        let order = to.into_iter().chain(from.filter(|_| from != to)).chain(rest);
        let ext = grow(&c.n, seed, order, fits)
            .ok_or_else(|| self.does_not_fit("scratchpad bytes", 2 * spm_bytes(1, dtype), share))?;
        Ok((ext, turn))
    }

    /// A first tile with runs of up to 64 elements on both sides.
    fn square(&self, c: &Copy, from: Option<usize>, to: Option<usize>, fits: &impl Fn(&[usize]) -> bool) -> Vec<usize> {
        let mut ext = vec![1; c.n.len()];
        for side in [2usize, 4, 8, 16, 32, 64] {
            let mut next = ext.clone();
            for i in from.into_iter().chain(to) {
                next[i] = c.n[i].min(side);
            }
            if !fits(&next) {
                break;
            }
            ext = next;
        }
        ext
    }

    fn copy_tiles(
        &mut self,
        c: &Copy,
        ext: &[usize],
        dtype: DType,
        buf: BufId,
        turned: Option<BufId>,
        part: u32,
    ) -> Result<(), CompileError> {
        let tensor = self.group.inputs[c.src.input];
        for_tiles(&c.n, ext, |pos, size, coords| {
            let local = local_box(size, &c.src.strides);
            let from = start(c.src.offset, &c.src.strides, pos);
            let mut ops = vec![load(size, tensor, from, &c.src.strides, buf, dtype, &local, false)];
            let mut src = view(buf, dtype, &local);
            if let Some(d) = turned {
                let d = view(d, dtype, &local_box(size, &c.strides));
                ops.push(TileOp::Copy { n: size.to_vec(), a: src, d: d.clone() });
                src = d;
            }
            let dst = DramView {
                tensor: self.group.output,
                offset: start(c.offset, &c.strides, pos),
                strides: c.strides.clone(),
            };
            ops.push(TileOp::Store { n: size.to_vec(), src, dst });
            self.push_part(part, coords, ops);
            Ok(())
        })
    }

    fn fill_tiles(&mut self, f: &Fill, ext: &[usize], dtype: DType, buf: BufId, part: u32) -> Result<(), CompileError> {
        let mut filled = false;
        let total: usize = ext.iter().product();
        for_tiles(&f.n, ext, |pos, size, coords| {
            let mut ops = Vec::new();
            if !filled {
                filled = true;
                ops.push(TileOp::Fill { n: vec![total], d: at(buf, dtype, 0, &[1]), bits: f.bits });
            }
            let src = view(buf, dtype, &local_box(size, &f.strides));
            let dst = DramView {
                tensor: self.group.output,
                offset: start(f.offset, &f.strides, pos),
                strides: f.strides.clone(),
            };
            ops.push(TileOp::Store { n: size.to_vec(), src, dst });
            self.push_part(part, coords, ops);
            Ok(())
        })
    }

    fn push_part(&mut self, part: u32, coords: &[u32], ops: Vec<TileOp>) {
        let mut c = vec![part];
        c.extend_from_slice(coords);
        self.push(&c, ops);
    }
}

fn named(n: &[usize], ext: &[usize]) -> Vec<(&'static str, u32)> {
    let grid = grid_of(n, ext);
    std::iter::once(("part", 1)).chain(grid.iter().enumerate().map(|(i, n)| (loop_name(i), *n))).collect()
}
