//! Tiles of pools: rows, columns and channels of one image; a window is never split.

use super::{Tiler, load, spm_bytes};
use crate::loops::{LocalBox, for_tiles, grid_of, grow};
use kit::CompileError;
use lir::fused::Pool;
use lir::tile::{BufView, DramView, TileOp, TilePool};

/// First and number of the input positions inside the tensor that outputs `at .. at+n` touch, and the first tap
/// relative to them.
pub(crate) fn reach(
    first: isize,
    stride: usize,
    taps: usize,
    dil: usize,
    at: usize,
    n: usize,
    len: usize,
) -> (usize, usize, isize) {
    let lo = first + (at * stride).cast_signed();
    let hi = lo + ((n - 1) * stride + (taps - 1) * dil + 1).cast_signed();
    let from = lo.clamp(0, len.cast_signed()).cast_unsigned();
    let to = hi.clamp(0, len.cast_signed()).cast_unsigned().max(from);
    (from, to - from, lo - from.cast_signed())
}

impl Tiler<'_> {
    pub(super) fn pool(&mut self, p: &Pool) -> Result<(), CompileError> {
        let (x, dt, od) = (self.group.inputs[0], self.dtype(self.group.inputs[0]), self.out_dtype());
        // Rows of input for t outputs, not more than there are.
        let span = |t: usize, s: usize, k: usize, d: usize, n: usize| ((t - 1) * s + (k - 1) * d + 1).min(n);
        let space = [p.batch, p.oh, p.ow, p.c];
        let bytes = |e: &[usize]| {
            let (rows, cols) = (span(e[1], p.sy, p.kh, p.dy, p.ih), span(e[2], p.sx, p.kw, p.dx, p.iw));
            spm_bytes(rows * cols * e[3], dt) + spm_bytes(e[1] * e[2] * e[3], od)
        };
        let cap = self.capacity();
        // Counts have 16 bits, row strides 20 with a sign.
        let row = |e: &[usize]| span(e[2], p.sx, p.kw, p.dx, p.iw).max(e[2]) * e[3];
        let fits = |e: &[usize]| {
            let counts = e[1..].iter().all(|n| *n <= 65_535);
            let spans = span(e[1], p.sy, p.kh, p.dy, p.ih) <= 65_535 && span(e[2], p.sx, p.kw, p.dx, p.iw) <= 65_535;
            e[0] == 1 && counts && spans && row(e) <= 524_287 && bytes(e) <= cap
        };
        // Sixteen channels first (whole bursts), then width, height, all channels.
        let mut seed = vec![1, 1, 1, p.c.min(16)];
        while !fits(&seed) && seed[3] > 1 {
            seed[3] /= 2;
        }
        let seed = if fits(&seed) { seed } else { vec![1; 4] };
        let ext = grow(&space, seed, [3usize, 2, 1].into_iter().filter(|i| *i != 3 || p.c <= 64).chain([3]), fits)
            .ok_or_else(|| self.does_not_fit("scratchpad bytes", bytes(&[1; 4]), cap))?;
        let rows = span(ext[1], p.sy, p.kh, p.dy, p.ih);
        let cols = span(ext[2], p.sx, p.kw, p.dx, p.iw);
        let (a, d) = (self.spm(rows * cols * ext[3], dt, "in"), self.spm(ext[1] * ext[2] * ext[3], od, "out"));
        self.grid = ["b", "y", "x", "c"].into_iter().zip(grid_of(&space, &ext)).collect();
        for_tiles(&space, &ext, |pos, size, coords| {
            let (oh, ow, c) = (size[1], size[2], size[3]);
            let (y0, ih, iy0) = reach(p.iy0, p.sy, p.kh, p.dy, pos[1], oh, p.ih);
            let (x0, iw, ix0) = reach(p.ix0, p.sx, p.kw, p.dx, pos[2], ow, p.iw);
            let local =
                LocalBox { strides: vec![(iw * c).cast_signed(), c.cast_signed(), 1], offset: 0, elems: ih * iw * c };
            let from = ((pos[0] * p.ih + y0) * p.iw + x0) * p.c + pos[3];
            let s = [(p.iw * p.c).cast_signed(), p.c.cast_signed(), 1];
            let out = BufView { buf: d, dtype: od, offset: 0, strides: vec![(ow * c).cast_signed(), c.cast_signed()] };
            // Padding is counted only where the buffer ends with the image.
            let (last_row, last_col) = (y0 + ih == p.ih, x0 + iw == p.iw);
            let pool = TilePool {
                f: p.f,
                a: BufView { buf: a, dtype: dt, offset: 0, strides: local.strides[..2].to_vec() },
                d: out.clone(),
                c,
                oh,
                ow,
                ih,
                iw,
                kh: p.kh,
                kw: p.kw,
                sy: p.sy,
                sx: p.sx,
                dy: p.dy,
                dx: p.dx,
                iy0,
                ix0,
                pad_bottom: if last_row { p.pad_bottom } else { 0 },
                pad_right: if last_col { p.pad_right } else { 0 },
                prm: [None, None],
            };
            let mut store = out;
            store.strides.push(1);
            let dst = DramView {
                tensor: self.group.output,
                offset: ((pos[0] * p.oh + pos[1]) * p.ow + pos[2]) * p.c + pos[3],
                strides: vec![(p.ow * p.c).cast_signed(), p.c.cast_signed(), 1],
            };
            let ops = vec![
                load(&[ih, iw, c], x, from, &s, a, dt, &local, false),
                TileOp::Pool(Box::new(pool)),
                TileOp::Store { n: vec![oh, ow, c], src: store, dst },
            ];
            self.push(coords, ops);
            Ok(())
        })
    }
}
