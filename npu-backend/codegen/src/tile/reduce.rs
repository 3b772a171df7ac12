//! Tiles of reductions: boxes of the kept loops; reduced loops whole, or in chunks at multiples of 16 that accumulate.

use super::elementwise::loop_name;
use super::{Tiler, load, spm_bytes, view};
use crate::loops::{box_elems, dense, for_tiles, grid_of, grow, local_box, start};
use isa::{DType, EwFn, RedFn};
use kit::CompileError;
use lir::fused::Reduce;
use lir::tile::{BufId, BufView, DramView, Operand, TileOp};

/// Reduced extents of one instruction stay below the field's width, at a multiple of 16.
const MAX_REDUCED: usize = 65_520;

/// The buffers of a reduction.
struct Bufs {
    x: BufId,
    /// Results of the inner reduced loop, if there are two.
    inner: Option<BufId>,
    out: BufId,
    /// The mean.
    mean: Option<BufId>,
    /// arg functions in chunks: value and position of the chunk, best value, three bool masks.
    arg: Option<ArgBufs>,
}

#[derive(Clone, Copy)]
struct ArgBufs {
    value: BufId,
    index: BufId,
    best: BufId,
    masks: [BufId; 3],
}

impl Tiler<'_> {
    pub(super) fn reduce(&mut self, r: &Reduce) -> Result<(), CompileError> {
        let (dt, od) = (self.dtype(self.group.inputs[0]), self.out_dtype());
        let k = r.kept.len();
        let space: Vec<usize> = r.kept.iter().chain(&r.reduced).copied().collect();
        let chunked_arg = |e: &[usize]| r.f.is_arg() && e[k] < space[k];
        let bytes = |e: &[usize]| {
            let kept: usize = e[..k].iter().product();
            let mut b = spm_bytes(box_elems(e, &r.view.strides), dt) + spm_bytes(kept, od);
            if e.len() > k + 1 {
                b += spm_bytes(kept * e[k], od);
            }
            if r.divide.is_some() {
                b += spm_bytes(kept, od);
            }
            if chunked_arg(e) {
                b += 2 * spm_bytes(kept, dt) + spm_bytes(kept, od) + 3 * spm_bytes(kept, DType::Bool);
            }
            b
        };
        let cap = self.capacity();
        // Chunks of 16 are the least; a chunk that is not the whole loop stays a multiple of 16 (see `chunk`).
        let floor = |i: usize, e: usize| if i >= k { chunk(space[i], e) } else { e };
        let fits = |e: &[usize]| {
            let e: Vec<usize> = e.iter().enumerate().map(|(i, &e)| floor(i, e)).collect();
            e[k..].iter().all(|&x| x <= MAX_REDUCED) && bytes(&e) <= cap
        };
        let mut seed: Vec<usize> = space.iter().enumerate().map(|(i, &n)| if i >= k { n.min(16) } else { 1 }).collect();
        // Contiguous kept elements: sixteen of them, so that loads have runs.
        if let Some(i) = (0..k).find(|&i| r.view.strides[i] == 1) {
            let mut wider = seed.clone();
            wider[i] = space[i].min(16);
            if fits(&wider) {
                seed = wider;
            }
        }
        let least = bytes(&seed);
        let order = (k..space.len()).rev().chain((0..k).rev());
        let ext = grow(&space, seed, order, fits).ok_or_else(|| self.does_not_fit("scratchpad bytes", least, cap))?;
        let ext: Vec<usize> = ext.iter().enumerate().map(|(i, &e)| floor(i, e)).collect();
        let kept: usize = ext[..k].iter().product();
        let bufs = Bufs {
            x: self.spm(box_elems(&ext, &r.view.strides), dt, "in"),
            inner: (ext.len() > k + 1).then(|| self.spm(kept * ext[k], od, "inner")),
            out: self.spm(kept, od, "out"),
            mean: r.divide.map(|_| self.spm(kept, od, "mean")),
            arg: chunked_arg(&ext).then(|| ArgBufs {
                value: self.spm(kept, dt, "value"),
                index: self.spm(kept, od, "index"),
                best: self.spm(kept, dt, "best"),
                masks: std::array::from_fn(|_| self.spm(kept, DType::Bool, "mask")),
            }),
        };
        self.grid = grid_of(&r.kept, &ext[..k]).iter().enumerate().map(|(i, n)| (loop_name(i), *n)).collect();
        let out_strides = dense(&r.kept);
        for_tiles(&r.kept, &ext[..k], |pos, size, coords| {
            let mut ops = Vec::new();
            self.reduce_chunks(r, &ext, pos, size, &bufs, dt, od, &mut ops);
            let last = BufView { buf: bufs.out, dtype: od, offset: 0, strides: dense(size) };
            let mut src = last.clone();
            if let (Some(n), Some(m)) = (r.divide, bufs.mean) {
                src.buf = m;
                let by = Some(Operand::Imm(i64::from(n.to_bits())));
                ops.push(ew(EwFn::Div, size, last, by, src.clone()));
            }
            let offset = start(0, &out_strides, pos);
            let dst = DramView { tensor: self.group.output, offset, strides: out_strides.clone() };
            ops.push(TileOp::Store { n: size.to_vec(), src, dst });
            self.push(coords, ops);
            Ok(())
        })
    }

    fn reduce_chunks(
        &self,
        r: &Reduce,
        ext: &[usize],
        pos: &[usize],
        size: &[usize],
        b: &Bufs,
        dt: DType,
        od: DType,
        ops: &mut Vec<TileOp>,
    ) {
        let k = size.len();
        let tensor = self.group.inputs[0];
        let two = r.reduced.len() > 1;
        let (n1, e1) = (r.reduced[0], ext[k]);
        for c1 in (0..n1).step_by(e1) {
            let t1 = e1.min(n1 - c1);
            let inner: Vec<(usize, usize)> = if two {
                let (n2, e2) = (r.reduced[1], ext[k + 1]);
                (0..n2).step_by(e2).map(|c| (c, e2.min(n2 - c))).collect()
            } else {
                vec![(0, 1)]
            };
            for &(c2, t2) in &inner {
                let (mut n, mut first) = (size.to_vec(), pos.to_vec());
                n.push(t1);
                first.push(c1);
                if two {
                    n.push(t2);
                    first.push(c2);
                }
                let local = local_box(&n, &r.view.strides);
                let from = start(r.view.offset, &r.view.strides, &first);
                ops.push(load(&n, tensor, from, &r.view.strides, b.x, dt, &local, false));
                let a = view(b.x, dt, &local);
                if let Some(buf) = b.inner {
                    ops.push(red(r, n.clone(), a, reduced_view(buf, od, &n), c2 > 0, 0));
                } else if let Some(arg) = b.arg {
                    arg_chunk(r, &n, a, b.out, arg, dt, od, c1, ops);
                } else {
                    ops.push(red(r, n.clone(), a, reduced_view(b.out, od, &n), c1 > 0 && !r.f.is_arg(), 0));
                }
            }
            if let Some(buf) = b.inner {
                let mut n = size.to_vec();
                n.push(t1);
                let a = BufView { buf, dtype: od, offset: 0, strides: dense(&n) };
                ops.push(red(r, n.clone(), a, reduced_view(b.out, od, &n), c1 > 0, 0));
            }
        }
    }
}

/// The chunk of a reduced loop: whole, or rounded down to a multiple of 16 (at least 16).
fn chunk(n: usize, e: usize) -> usize {
    if e >= n { n } else { (e / 16 * 16).max(16).min(n) }
}

fn red(r: &Reduce, n: Vec<usize>, a: BufView, d: BufView, accumulate: bool, base: i64) -> TileOp {
    TileOp::Red { f: r.f, n, a, d, accumulate, last: r.last, base }
}

/// Dense over all loops but the last, which has stride 0.
fn reduced_view(buf: BufId, dtype: DType, n: &[usize]) -> BufView {
    let mut strides = dense(&n[..n.len() - 1]);
    strides.push(0);
    BufView { buf, dtype, offset: 0, strides }
}

fn ew(f: EwFn, n: &[usize], a: BufView, b: Option<Operand>, d: BufView) -> TileOp {
    TileOp::Ew { f, n: n.to_vec(), a, b, d, prm: [None, None, None], imm1: None, saturate: false, relu: false }
}

/// One chunk of an arg function: its extreme and position, then what beats the best so far replaces it.
/// A NaN beats everything; the first (last) extreme wins.
fn arg_chunk(
    r: &Reduce,
    n: &[usize],
    a: BufView,
    out: BufId,
    b: ArgBufs,
    dt: DType,
    od: DType,
    base: usize,
    ops: &mut Vec<TileOp>,
) {
    let kept = &n[..n.len() - 1];
    let max = r.f == RedFn::ArgMax;
    let value_fn = if max { RedFn::Max } else { RedFn::Min };
    let plain = |buf: BufId, dtype: DType| BufView { buf, dtype, offset: 0, strides: dense(kept) };
    let first = base == 0;
    let (value, index) = if first { (b.best, out) } else { (b.value, b.index) };
    let red_value = Reduce { f: value_fn, last: false, ..r.clone() };
    ops.push(red(&red_value, n.to_vec(), a.clone(), reduced_view(value, dt, n), false, 0));
    ops.push(red(r, n.to_vec(), a, reduced_view(index, od, n), false, base as i64));
    if first {
        return;
    }
    let mask = |i: usize| plain(b.masks[i], DType::Bool);
    let view_of = |v: BufView| Some(Operand::View(v));
    let beats = match (max, r.last) {
        (true, false) => EwFn::Gt,
        (true, true) => EwFn::Ge,
        (false, false) => EwFn::Lt,
        (false, true) => EwFn::Le,
    };
    ops.push(ew(beats, kept, plain(b.value, dt), view_of(plain(b.best, dt)), mask(0)));
    let mut winner = 0;
    if dt.is_float() {
        // A NaN of the chunk wins unless the best is one already (first), or always (last).
        ops.push(ew(EwFn::IsNan, kept, plain(b.value, dt), None, mask(1)));
        if r.last {
            ops.push(ew(EwFn::Or, kept, mask(0), view_of(mask(1)), mask(2)));
        } else {
            // isnan(value) > isnan(best): value is NaN and best is not. A best that is NaN compares false already.
            ops.push(ew(EwFn::IsNan, kept, plain(b.best, dt), None, mask(2)));
            ops.push(ew(EwFn::Not, kept, mask(2), None, mask(2)));
            ops.push(ew(EwFn::And, kept, mask(1), view_of(mask(2)), mask(1)));
            ops.push(ew(EwFn::Or, kept, mask(0), view_of(mask(1)), mask(2)));
        }
        winner = 2;
    }
    ops.push(ew(EwFn::Cmov, kept, plain(b.index, od), view_of(mask(winner)), plain(out, od)));
    ops.push(ew(EwFn::Cmov, kept, plain(b.value, dt), view_of(mask(winner)), plain(b.best, dt)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_or_multiples_of_16() {
        for n in 1..200 {
            for e in 1..=n {
                let c = chunk(n, e);
                assert!(c == n || (c.is_multiple_of(16) && c < n), "{n} {e} {c}");
            }
        }
    }
}
