//! Tiles of matrix groups: weights and activations in, one instruction for each chunk of K, drain, store.

use super::matrix_plan::{Chunk, Plan, Sizes, chunks, plan, weight_elems};
use super::pool::reach;
use super::{Tiler, at, load, padded, view};
use crate::loops::{LocalBox, local_box};
use isa::{DType, EwFn};
use kit::CompileError;
use lir::fused::{Drain, Matrix, Problem, Weights};
use lir::tile::{BufId, BufView, DramView, PrmView, TileInit, TileMx, TileOp};

struct Bufs {
    x: BufId,
    w: BufId,
    raw: Option<BufId>,
    acc: BufId,
    out: BufId,
    prm: Option<BufId>,
}

/// What the buffers hold.
#[derive(Default)]
struct Held {
    /// Start, rows, columns and channels of the activation box.
    x: Option<[usize; 4]>,
    /// Start of the weights and the chunk.
    w: Option<(usize, usize, Chunk)>,
    prm: Option<(usize, usize)>,
}

/// A tile: problem, output channels, rows, columns.
#[derive(Clone, Copy)]
struct Place {
    p: Problem,
    n0: usize,
    n: usize,
    y: usize,
    oh: usize,
    x: usize,
    ow: usize,
}

impl Tiler<'_> {
    pub(super) fn matrix(&mut self, m: &Matrix) -> Result<(), CompileError> {
        let z =
            Sizes { xt: self.dtype(self.group.inputs[0]), wt: self.dtype(self.group.inputs[1]), ot: self.out_dtype() };
        let p = plan(m, &z, self.config)
            .map_err(|need| self.does_not_fit("scratchpad bytes for a matrix tile", need, self.capacity()))?;
        let bufs = Bufs {
            x: self.spm(p.x_elems, z.xt, "activations"),
            w: self.spm(p.w_elems, z.wt, "weights"),
            raw: (p.raw_elems > 0).then(|| self.spm(p.raw_elems, z.wt, "unpacked weights")),
            acc: self.acc(p.ng * p.oh * p.ow),
            out: self.spm(p.oh * p.ow * (p.ng * 16).min(m.n), z.ot, "out"),
            prm: m.params.as_ref().map(|_| self.prm(p.ng * 16, "parameters")),
        };
        let list = chunks(m, p.k);
        let count = |n: usize, t: usize| u32::try_from(n.div_ceil(t)).unwrap_or(u32::MAX);
        let np = u32::try_from(m.problems.len()).unwrap_or(u32::MAX);
        let (nt, ty, tx) = (count(m.n.div_ceil(16), p.ng), count(m.oh, p.oh), count(m.ow, p.ow));
        self.grid = vec![("p", np), ("n", nt), ("y", ty), ("x", tx)];
        let mut held = Held::default();
        let mut visit = |this: &mut Self, c: [u32; 4]| -> Result<(), CompileError> {
            let place = placed(m, &p, c);
            let ops = this.matrix_tile(m, &z, &list, &bufs, place, &mut held)?;
            this.push(&c, ops);
            Ok(())
        };
        if p.weights_stay {
            for n in 0..nt {
                for q in 0..np {
                    for y in 0..ty {
                        for x in 0..tx {
                            visit(self, [q, n, y, x])?;
                        }
                    }
                }
            }
        } else {
            for q in 0..np {
                for y in 0..ty {
                    for x in 0..tx {
                        for n in 0..nt {
                            visit(self, [q, n, y, x])?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn matrix_tile(
        &self,
        m: &Matrix,
        z: &Sizes,
        list: &[Chunk],
        b: &Bufs,
        t: Place,
        held: &mut Held,
    ) -> Result<Vec<TileOp>, CompileError> {
        let mut ops = Vec::new();
        if let (Some(buf), Some(records)) = (b.prm, &m.params) {
            let first = t.p.prm + t.n0;
            if held.prm != Some((first, t.n)) {
                held.prm = Some((first, t.n));
                ops.push(TileOp::LoadParams { buf, records: padded(&records[first..first + t.n]) });
            }
        }
        let mut started = false;
        for c in list {
            started |= self.chunk(m, z, b, t, c, started, false, held, &mut ops)?;
        }
        if !started {
            // No tap of any output lies inside: the accumulator holds what it starts from.
            self.chunk(m, z, b, t, &list[0], false, true, held, &mut ops)?;
        }
        drain(m, z, b, t, &mut ops);
        let dst = DramView {
            tensor: self.group.output,
            offset: t.p.d + t.y * m.d_sy + t.x * m.d_sx + t.n0,
            strides: vec![m.d_sy.cast_signed(), m.d_sx.cast_signed(), 1],
        };
        ops.push(TileOp::Store { n: vec![t.oh, t.ow, t.n], src: at(b.out, z.ot, 0, &[t.ow * t.n, t.n, 1]), dst });
        Ok(ops)
    }

    /// Loads and sums one chunk; `false` if no tap of it lies inside the input (then it adds nothing, unless `force`).
    fn chunk(
        &self,
        m: &Matrix,
        z: &Sizes,
        b: &Bufs,
        t: Place,
        c: &Chunk,
        started: bool,
        force: bool,
        held: &mut Held,
        ops: &mut Vec<TileOp>,
    ) -> Result<bool, CompileError> {
        let first = (m.iy0 + (c.ky * m.dy).cast_signed(), m.ix0 + (c.kx * m.dx).cast_signed());
        let (y0, ih, iy0) = reach(first.0, m.sy, c.kh, m.dy, t.y, t.oh, m.ih);
        let (x0, iw, ix0) = reach(first.1, m.sx, c.kw, m.dx, t.x, t.ow, m.iw);
        let outside = ih == 0 || iw == 0;
        if outside && !force {
            return Ok(false);
        }
        let encodable = (-512..512).contains(&iy0) && (-512..512).contains(&ix0);
        if !(outside || encodable) {
            return Err(CompileError::Unsupported {
                node: self.group.name.clone(),
                op: "convolution".into(),
                reason: "padding beyond 512".into(),
            });
        }
        let (n, cc) = (t.n, if m.depthwise { t.n } else { c.c });
        if !outside {
            let from = t.p.a + y0 * m.a_sy + x0 * m.a_sx + if m.depthwise { t.n0 } else { c.c0 };
            if held.x != Some([from, ih, iw, cc]) {
                held.x = Some([from, ih, iw, cc]);
                let s = [m.a_sy.cast_signed(), m.a_sx.cast_signed(), 1];
                let strides = vec![(iw * cc).cast_signed(), cc.cast_signed(), 1];
                let local = LocalBox { strides, offset: 0, elems: ih * iw * cc };
                ops.push(load(&[ih, iw, cc], self.group.inputs[0], from, &s, b.x, z.xt, &local, false));
            }
        }
        let key = (t.p.w, t.n0, *c);
        if held.w != Some(key) {
            held.w = Some(key);
            self.weights(m, z, b, t, c, ops);
        }
        let init = match (started, m.bias) {
            (true, _) => TileInit::Accumulate,
            (false, true) => TileInit::Bias,
            (false, false) => TileInit::Zero,
        };
        // Without a tap inside, a one-pixel input that no tap reaches.
        let (ih, iw, iy0, ix0) = if outside { (1, 1, 511, 511) } else { (ih, iw, iy0, ix0) };
        ops.push(TileOp::Mx(Box::new(TileMx {
            mx: m.mx,
            depthwise: m.depthwise,
            kpack: m.kpack,
            a: at(b.x, z.xt, 0, &[iw * cc, cc]),
            w: (b.w, 0),
            acc: b.acc,
            acc_row: 0,
            acc_sn: t.oh * t.ow,
            oh: t.oh,
            ow: t.ow,
            ih,
            iw,
            c: cc,
            n,
            kh: c.kh,
            kw: c.kw,
            sy: m.sy,
            sx: m.sx,
            dy: if c.kh == 1 { 1 } else { m.dy },
            dx: if c.kw == 1 { 1 } else { m.dx },
            iy0,
            ix0,
            zx: m.zx,
            zw: m.zw,
            init,
            prm: b.prm.filter(|_| m.bias || m.zw_per_channel).map(|p| (p, 0)),
            zw_per_channel: m.zw_per_channel,
        })));
        Ok(true)
    }

    fn weights(&self, m: &Matrix, z: &Sizes, b: &Bufs, t: Place, c: &Chunk, ops: &mut Vec<TileOp>) {
        let groups = t.n.div_ceil(16);
        let block = weight_elems(m, c);
        let tensor = self.group.inputs[1];
        match m.weights {
            Weights::Packed { .. } => {
                let whole = Chunk { ky: 0, kh: m.kh, kx: 0, kw: m.kw, c0: 0, c: m.c };
                let per_group = weight_elems(m, &whole);
                let skip = if m.depthwise {
                    0
                } else if m.kpack {
                    c.ky * (m.kw * m.c).div_ceil(16) * 256
                } else {
                    ((c.ky * m.kw + c.kx) * m.c.div_ceil(16) + c.c0 / 16) * 256
                };
                let from = t.p.w / z.wt.size() as usize + t.n0 / 16 * per_group + skip;
                let local = LocalBox { strides: vec![block.cast_signed(), 1], offset: 0, elems: groups * block };
                let s = [per_group.cast_signed(), 1];
                ops.push(load(&[groups, block], tensor, from, &s, b.w, z.wt, &local, true));
            }
            Weights::Runtime { k_stride, n_stride } => {
                let raw = b.raw.expect("planned with the weights");
                let ext = [c.c, t.n];
                let s = [k_stride.cast_signed(), n_stride.cast_signed()];
                let local = local_box(&ext, &s);
                let from = t.p.w + c.c0 * k_stride + t.n0 * n_stride;
                ops.push(load(&ext, tensor, from, &s, raw, z.wt, &local, true));
                pack_in_place(b.w, &view(raw, z.wt, &local), z.wt, ext, ops);
            }
        }
    }
}

fn placed(m: &Matrix, p: &Plan, c: [u32; 4]) -> Place {
    let [q, n, y, x] = c.map(|v| v as usize);
    let (n0, y0, x0) = (n * p.ng * 16, y * p.oh, x * p.ow);
    Place {
        p: m.problems[q],
        n0,
        n: (p.ng * 16).min(m.n - n0),
        y: y0,
        oh: p.oh.min(m.oh - y0),
        x: x0,
        ow: p.ow.min(m.ow - x0),
    }
}

/// Packs a (k, n) box to `[ng][cg][n16][c16]`: zeros first if lanes stay empty, then up to four copies, for whole and
/// partial groups of either side.
fn pack_in_place(w: BufId, raw: &BufView, dtype: DType, [k, n]: [usize; 2], ops: &mut Vec<TileOp>) {
    let (kg, ng) = (k.div_ceil(16), n.div_ceil(16));
    if k % 16 != 0 || n % 16 != 0 {
        ops.push(TileOp::Fill { n: vec![ng * kg * 256], d: at(w, dtype, 0, &[1]), bits: 0 });
    }
    let parts = |len: usize| {
        let whole = (len / 16 > 0).then_some((0, len / 16, 16));
        let rest = (!len.is_multiple_of(16)).then_some((len / 16, 1, len % 16));
        whole.into_iter().chain(rest)
    };
    let (ks, ns) = (raw.strides[0], raw.strides[1]);
    for (g0, gn, nl) in parts(n) {
        for (c0, cn, cl) in parts(k) {
            let shift = ns * (g0 * 16).cast_signed() + ks * (c0 * 16).cast_signed();
            let a = BufView {
                buf: raw.buf,
                dtype,
                offset: raw.offset + shift.cast_unsigned() * dtype.size() as usize,
                strides: vec![16 * ns, 16 * ks, ns, ks],
            };
            let d = at(w, dtype, (g0 * kg + c0) * 256, &[kg * 256, 256, 16, 1]);
            ops.push(TileOp::Copy { n: vec![gn, cn, nl, cl], a, d });
        }
    }
}

/// Accumulator to the output tile `[pixel][channel]`.
fn drain(m: &Matrix, z: &Sizes, b: &Bufs, t: Place, ops: &mut Vec<TileOp>) {
    let pixels = t.oh * t.ow;
    let acc_type = if m.mx.is_float() { DType::F32 } else { DType::S32 };
    if m.drain == Drain::RequantF32 {
        for g in 0..t.n.div_ceil(16) {
            let lanes = (t.n - g * 16).min(16);
            ops.push(TileOp::Requant {
                n: vec![pixels, lanes],
                a: at(b.acc, acc_type, g * pixels * 16, &[16, 1]),
                d: at(b.out, z.ot, g * 16, &[t.n, 1]),
                prm: PrmView { buf: b.prm.expect("requantisation has records"), first: g * 16, axis: Some(1) },
                relu: m.relu,
            });
        }
        return;
    }
    let (whole, rest) = (t.n / 16, t.n % 16);
    for (g0, gn, lanes) in [(0, whole, 16), (whole, 1, rest)] {
        if gn == 0 || lanes == 0 {
            continue;
        }
        ops.push(TileOp::Ew {
            f: EwFn::Mov,
            n: vec![gn, pixels, lanes],
            a: at(b.acc, acc_type, g0 * pixels * 16, &[pixels * 16, 16, 1]),
            b: None,
            d: at(b.out, z.ot, g0 * 16, &[16, t.n, 1]),
            prm: [None, None, None],
            imm1: None,
            saturate: false,
            relu: m.relu,
        });
    }
}
