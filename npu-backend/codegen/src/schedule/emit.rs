//! One tile operation as instructions.

use super::legal::{DMA, Piece, legalise, vector};
use crate::loops::Loop;
use isa::{AccTag, Act, Chan, DType, Dma, Engine, EwFn, Form, Init, Instr, Mem, Mx, Op, Operand, Pool};
use isa::{RedFn, Round, RqMode, Vx, VxFn};
use kit::IdVec;
use lir::fused::{GroupId, PrmRecord};
use lir::stream::{DramPlace, InstrId, ParamsId, Places, StreamOp};
use lir::tile::{
    Buf, BufId, BufMem, BufView, DramView, Operand as TOperand, PrmView, TileInit, TileMx, TileOp, TilePool,
};
use std::collections::BTreeMap;

/// Writes the instructions of one tile.
pub(super) struct Emitter<'a> {
    pub bufs: &'a IdVec<BufId, Buf>,
    /// Number of the group's first buffer in the stream.
    pub base: usize,
    pub params: &'a mut IdVec<ParamsId, Vec<PrmRecord>>,
    pub seen: &'a mut BTreeMap<Vec<u8>, ParamsId>,
    pub ops: &'a mut IdVec<InstrId, StreamOp>,
    pub group: GroupId,
    pub tile: u32,
}

/// A field's value; the tiler keeps every one in range.
fn field<T: TryFrom<isize>>(v: isize) -> T {
    T::try_from(v).ok().expect("the tiler keeps fields within their width")
}
fn count<T: TryFrom<usize>>(v: usize) -> T {
    T::try_from(v).ok().expect("the tiler keeps counts within their width")
}

/// The loops of an operation over `n` with the strides of its operands, ordered by the last operand's stride.
fn loops_of(n: &[usize], s: &[&[isize]]) -> Vec<Loop> {
    crate::loops::nest(n, s)
}
/// Outer loops first by the destination's stride: neighbours then merge whatever the order of the tile.
fn sorted(mut loops: Vec<Loop>, by: usize) -> Vec<Loop> {
    loops.retain(|l| l.n != 1);
    loops.sort_by_key(|l| std::cmp::Reverse(l.s[by].unsigned_abs()));
    loops
}

impl Emitter<'_> {
    fn push(&mut self, instr: Instr, places: Places) {
        self.ops.push(StreamOp { instr, places, group: self.group, tile: self.tile });
    }

    pub(super) fn op(&mut self, op: &TileOp) {
        match op {
            TileOp::Load { n, src, dst, weights } => self.dma(n, src, dst, true, *weights),
            TileOp::Store { n, src, dst } => self.dma(n, dst, src, false, false),
            TileOp::LoadParams { buf, records } => self.load_params(*buf, records),
            TileOp::Mx(m) => self.mx(m),
            TileOp::Pool(p) => self.pool(p),
            TileOp::Ew { .. } => self.ew(op),
            TileOp::Cvt { n, a, d, rm, saturate } => {
                let to_int = a.dtype.is_float() && d.dtype.is_int();
                let rm = if to_int { Round::from_code(*rm).unwrap_or_default() } else { Round::HalfEven };
                let rq = if *saturate && a.dtype.is_int() && d.dtype.is_int() { RqMode::Sat } else { RqMode::Wrap };
                self.two(n, a, d, |v| Op::Cvt(Vx { rm, rq, ..v }));
            }
            TileOp::Copy { n, a, d } => self.two(n, a, d, Op::Tr),
            TileOp::Requant { n, a, d, prm, relu } => self.requant(n, a, d, prm, *relu),
            TileOp::Red { f, n, a, d, accumulate, last, base } => {
                self.red(*f, n, a, d, *accumulate, *last, *base);
            }
            TileOp::Fill { n, d, bits } => self.fill(n, d, *bits),
            TileOp::Gather { n, a, idx, d, len } => self.gather(n, a, idx, d, *len),
        }
    }

    fn mem(&self, b: BufId) -> Mem {
        match self.bufs[self.global(b)].mem {
            BufMem::Spm => Mem::Spm,
            BufMem::Prm => Mem::Prm,
            BufMem::Acc => Mem::Acc,
        }
    }

    /// LD or ST of a box.
    fn dma(&mut self, n: &[usize], dram: &DramView, local: &BufView, load: bool, weights: bool) {
        let esz = local.dtype.size() as usize;
        let place = DramPlace::Tensor(dram.tensor);
        let mut at = [(dram.offset * esz).cast_signed(), local.offset.cast_signed()];
        let mut loops = sorted(loops_of(n, &[&dram.strides, &local.strides]), 0);
        for l in &mut loops {
            // Both sides downwards: walk upwards from the other end.
            if l.s[0] < 0 && l.s[1] < 0 {
                for k in 0..2 {
                    at[k] += (l.n.cast_signed() - 1) * l.s[k] * esz.cast_signed();
                    l.s[k] = -l.s[k];
                }
            }
        }
        let engine = if weights { Engine::Ldw } else { Engine::Lda };
        self.dma_pieces(loops, at, esz, local.dtype, place, local.buf, load, engine);
    }

    fn dma_pieces(
        &mut self,
        loops: Vec<Loop>,
        at: [isize; 2],
        esz: usize,
        dtype: DType,
        place: DramPlace,
        buf: BufId,
        load: bool,
        engine: Engine,
    ) {
        let mem = self.mem(buf);
        let places = Places { a: Some(self.global(buf)), dram: Some(place), ..Places::default() };
        let mut out = Vec::new();
        legalise(loops, 2, &DMA, |p| out.push(p.clone()));
        for p in out {
            let size = esz.cast_signed();
            let mut d = Dma {
                dram_off: field::<u64>(at[0] + p.offset[0] * size),
                loc_addr: field(at[1] + p.offset[1] * size),
                mem,
                esz: count(esz),
                tag: if mem == Mem::Acc && dtype == DType::F32 { AccTag::F32 } else { AccTag::I32 },
                ..Dma::default()
            };
            let mut outer = p.loops.as_slice();
            if p.unit {
                d.n[0] = count(outer[0].n);
                outer = &outer[1..];
            }
            for (k, l) in outer.iter().enumerate() {
                d.n[k + 1] = count(l.n);
                d.dram_s[k] = field(l.s[0] * size);
                d.loc_s[k] = field(l.s[1] * size);
            }
            let instr = if load { Instr::new(Op::Ld(d)).on(engine) } else { Instr::new(Op::St(d)) };
            self.push(instr, places);
        }
    }

    fn load_params(&mut self, buf: BufId, records: &[PrmRecord]) {
        let id = self.params_id(records);
        let loops = vec![Loop { n: 2 * records.len(), s: vec![1, 1], pinned: false }];
        self.dma_pieces(loops, [0, 0], 8, DType::U64, DramPlace::Params(id), buf, true, Engine::Ldw);
    }

    /// An operand of a piece: strides of operand `k`.
    fn operand(&self, v: &BufView, p: &Piece, k: usize) -> Operand {
        let size = v.dtype.size() as isize;
        let addr = field(v.offset.cast_signed() + p.offset[k] * size);
        let mut s = [0i32; 4];
        for (i, l) in p.loops.iter().enumerate() {
            s[i] = field(l.s[k]);
        }
        Operand { addr, s, mem: self.mem(v.buf), dt: v.dtype }
    }

    /// Counts of a piece; without an inner loop and with strides the form is g0.
    fn frame(p: &Piece) -> Vx {
        let mut v = Vx::default();
        for (i, l) in p.loops.iter().enumerate() {
            v.n[i] = count(l.n);
        }
        v.g0 = !p.unit && !p.loops.is_empty();
        v
    }

    fn pieces(loops: Vec<Loop>, operands: usize, k: usize) -> Vec<Piece> {
        let mut out = Vec::new();
        legalise(loops, k, &vector(operands), |p| out.push(p.clone()));
        out
    }

    /// CVT and TR.
    fn two(&mut self, n: &[usize], a: &BufView, d: &BufView, make: impl Fn(Vx) -> Op) {
        let places = Places { a: Some(self.global(a.buf)), d: Some(self.global(d.buf)), ..Places::default() };
        for p in Self::pieces(sorted(loops_of(n, &[&a.strides, &d.strides]), 1), 2, 2) {
            let v = Vx { a: self.operand(a, &p, 0), d: self.operand(d, &p, 1), ..Self::frame(&p) };
            self.push(Instr::new(make(v)), places);
        }
    }

    fn fill(&mut self, n: &[usize], d: &BufView, bits: u64) {
        let places = Places { d: Some(self.global(d.buf)), ..Places::default() };
        for p in Self::pieces(sorted(loops_of(n, &[&d.strides]), 0), 1, 1) {
            let form = Form::imm64(bits.cast_signed());
            let v = Vx { d: self.operand(d, &p, 0), form, ..Self::frame(&p) };
            self.push(Instr::new(Op::Fill(v)), places);
        }
    }

    fn requant(&mut self, n: &[usize], a: &BufView, d: &BufView, prm: &PrmView, relu: bool) {
        let places = Places {
            a: Some(self.global(a.buf)),
            d: Some(self.global(d.buf)),
            prm: [None, None, Some(self.global(prm.buf))],
            ..Places::default()
        };
        let record = record_strides(n.len(), prm.axis);
        let mut loops = loops_of(n, &[&a.strides, &d.strides, &record]);
        pin(&mut loops, 2);
        for p in Self::pieces(sorted(loops, 1), 2, 3) {
            let first = field(prm.first.cast_signed() + p.offset[2]);
            let v = Vx {
                a: self.operand(a, &p, 0),
                d: self.operand(d, &p, 1),
                rq: RqMode::F32,
                act: if relu { Act::Relu } else { Act::None },
                chan: chan(&p, 2),
                form: Form::prm(None, None, Some(first)),
                ..Self::frame(&p)
            };
            self.push(Instr::new(Op::Rq(v)), places);
        }
    }

    fn red(&mut self, f: RedFn, n: &[usize], a: &BufView, d: &BufView, accumulate: bool, last: bool, base: i64) {
        let places = Places { a: Some(self.global(a.buf)), d: Some(self.global(d.buf)), ..Places::default() };
        let mut loops = loops_of(n, &[&a.strides, &d.strides, &vec![0; n.len()]]);
        let axis = loops.len() - 1;
        loops[axis].pinned = true;
        // A third operand marks the reduced loop.
        loops[axis].s[2] = 1;
        // The reduced loop may have one element: then any loop of one element is the axis.
        let form = if f.is_arg() { Form::imm64(base) } else { Form::default() };
        for p in Self::pieces(sorted(loops, 1), 2, 3) {
            let marked = p.loops.iter().position(|l| l.s[2] == 1);
            let axis = marked.unwrap_or(p.loops.len().min(3));
            let mut v = Vx {
                func: VxFn::Red(f),
                a: self.operand(a, &p, 0),
                d: self.operand(d, &p, 1),
                axis: count(axis),
                acc: accumulate,
                last: last && f.is_arg(),
                form,
                ..Self::frame(&p)
            };
            if marked.is_none() && p.loops.len() == 4 {
                // No free place for an axis of one element: unroll the outermost loop.
                self.red_unrolled(&mut v, places);
                continue;
            }
            self.push(Instr::new(Op::Red(v)), places);
        }
    }

    /// Four kept loops and a reduced loop of one element: the outermost loop becomes separate instructions.
    fn red_unrolled(&mut self, v: &mut Vx, places: Places) {
        let n = v.n[3];
        let (sa, sd) = (v.a.s[3] * v.a.dt.size() as i32, v.d.s[3] * v.d.dt.size() as i32);
        (v.n[3], v.a.s[3], v.d.s[3], v.axis) = (1, 0, 0, 3);
        for _ in 0..n {
            self.push(Instr::new(Op::Red(*v)), places);
            v.a.addr = v.a.addr.wrapping_add_signed(sa);
            v.d.addr = v.d.addr.wrapping_add_signed(sd);
        }
    }

    fn ew(&mut self, op: &TileOp) {
        let TileOp::Ew { f, n, a, b, d, prm, imm1, saturate, relu } = op else { return };
        let b_view = match b {
            Some(TOperand::View(v)) => Some(v),
            _ => None,
        };
        let zero = vec![0isize; n.len()];
        let axis = prm.iter().flatten().find_map(|p| p.axis);
        let record = record_strides(n.len(), axis);
        let b_strides = b_view.map_or(&zero, |v| &v.strides);
        let mut loops = loops_of(n, &[&a.strides, b_strides, &d.strides, &record]);
        pin(&mut loops, 3);
        let places = Places {
            a: Some(self.global(a.buf)),
            b: b_view.map(|v| self.global(v.buf)),
            d: Some(self.global(d.buf)),
            prm: std::array::from_fn(|k| prm[k].as_ref().map(|p| self.global(p.buf))),
            ..Places::default()
        };
        for p in Self::pieces(sorted(loops, 2), 3, 4) {
            let mut v = Vx {
                func: VxFn::Ew(*f),
                a: self.operand(a, &p, 0),
                d: self.operand(d, &p, 2),
                rq: if *saturate { RqMode::Sat } else { RqMode::Wrap },
                act: if *relu { Act::Relu } else { Act::None },
                ..Self::frame(&p)
            };
            if let Some(x) = b_view {
                v.b = self.operand(x, &p, 1);
            }
            if let Some(TOperand::Imm(x)) = b {
                immediate(&mut v, *f, *x, *imm1);
            }
            if prm.iter().any(Option::is_some) {
                let first = |k: usize| {
                    prm[k].as_ref().map(|q| {
                        let step = if q.axis.is_some() { p.offset[3] } else { 0 };
                        field::<u16>(q.first.cast_signed() + step)
                    })
                };
                v.form = Form::prm(first(0), first(1), first(2));
                v.chan = chan(&p, 3);
                let advances = |k: usize| v.chan != Chan::None && prm[k].as_ref().is_some_and(|q| q.axis.is_some());
                (v.chm_a, v.chm_d) = (advances(0), advances(2));
            }
            self.push(Instr::new(Op::Ew(v)), places);
        }
    }

    fn gather(&mut self, n: &[usize; 3], a: &BufView, idx: &BufView, d: &BufView, len: usize) {
        let a_s = [a.strides[0], 0, a.strides[2]];
        let b_s = [0, idx.strides[0], 0];
        let places = Places {
            a: Some(self.global(a.buf)),
            b: Some(self.global(idx.buf)),
            d: Some(self.global(d.buf)),
            ..Places::default()
        };
        let loops = sorted(loops_of(n, &[&a_s, &b_s, &d.strides]), 2);
        for p in Self::pieces(loops, 3, 3) {
            let row: i32 = field(a.strides[1]);
            let v = Vx {
                a: self.operand(a, &p, 0),
                b: self.operand(idx, &p, 1),
                d: self.operand(d, &p, 2),
                form: Form::Imm { imm0: row.cast_unsigned(), imm1: count(len) },
                ..Self::frame(&p)
            };
            self.push(Instr::new(Op::Ga(v)), places);
        }
    }

    fn mx(&mut self, m: &TileMx) {
        let esz = m.mx.size() as usize;
        let cg = if m.kpack { (m.kw * m.c).div_ceil(16) } else { m.c.div_ceil(16) };
        let lanes = |n: usize| count::<u8>((n - 1) % 16 + 1);
        let clast = if m.kpack { lanes(m.kw * m.c) } else { lanes(m.c) };
        let groups = m.n.div_ceil(16);
        let uses_prm = m.init == TileInit::Bias || m.zw_per_channel;
        let prm = m.prm.filter(|_| uses_prm);
        let x = Mx {
            in_addr: count(m.a.offset),
            in_sy: if m.ih > 1 { count(m.a.strides[0].unsigned_abs() * esz) } else { 0 },
            in_sx: count(m.a.strides[1].unsigned_abs() * esz),
            in_sc: if m.kpack { 0 } else { count(16 * esz) },
            w_addr: count(m.w.1),
            kh: count(m.kh),
            kw: count(m.kw),
            oh: count(m.oh),
            ow: count(m.ow),
            ih: count(m.ih),
            iw: count(m.iw),
            sy: count(m.sy),
            sx: count(m.sx),
            cg: count(cg),
            clast,
            ng: if m.depthwise { 1 } else { count(groups) },
            nlast: if m.depthwise { clast } else { lanes(m.n) },
            acc_row: count(m.acc_row),
            acc_sn: if groups > 1 { count(m.acc_sn) } else { 0 },
            dtype: m.mx,
            init: match m.init {
                TileInit::Zero => Init::Zero,
                TileInit::Bias => Init::Bias,
                TileInit::Accumulate => Init::Accumulate,
            },
            zx: field(m.zx as isize),
            zw: if m.zw_per_channel { 0 } else { field(m.zw as isize) },
            prm_rec: prm.map_or(0, |(_, first)| count(first)),
            kpack: m.kpack,
            zwm: m.zw_per_channel,
            iy0: field(m.iy0),
            ix0: field(m.ix0),
            dy: count(m.dy),
            dx: count(m.dx),
            ..Mx::default()
        };
        let places = Places {
            a: Some(self.global(m.a.buf)),
            b: Some(self.global(m.w.0)),
            d: Some(self.global(m.acc)),
            prm: [None, None, prm.map(|(b, _)| self.global(b))],
            dram: None,
        };
        self.push(Instr::new(if m.depthwise { Op::MxDw(x) } else { Op::MxConv(x) }), places);
    }

    fn pool(&mut self, t: &TilePool) {
        let stride = |s: isize, n: usize| if n > 1 { field::<i32>(s) } else { 0 };
        let counts = t.f == isa::PoolFn::AvgPad;
        let p = Pool {
            func: t.f,
            a_addr: count(t.a.offset),
            a_sx: stride(t.a.strides[1], t.iw),
            a_sy: stride(t.a.strides[0], t.ih),
            a_mem: self.mem(t.a.buf),
            a_dt: t.a.dtype,
            d_addr: count(t.d.offset),
            d_sx: stride(t.d.strides[1], t.ow),
            d_sy: stride(t.d.strides[0], t.oh),
            d_mem: self.mem(t.d.buf),
            d_dt: t.d.dtype,
            oh: count(t.oh),
            ow: count(t.ow),
            ih: count(t.ih),
            iw: count(t.iw),
            n0: count(t.c),
            kh: count(t.kh),
            kw: count(t.kw),
            iy0: field(t.iy0),
            ix0: field(t.ix0),
            sy: count(t.sy),
            sx: count(t.sx),
            pb: if counts { count(t.pad_bottom) } else { 0 },
            pr: if counts { count(t.pad_right) } else { 0 },
            dy: count(t.dy),
            dx: count(t.dx),
            ..Pool::default()
        };
        let places = Places { a: Some(self.global(t.a.buf)), d: Some(self.global(t.d.buf)), ..Places::default() };
        self.push(Instr::new(Op::Pool(p)), places);
    }
}

/// An immediate operand b, or the immediates of clamp and isinf.
fn immediate(v: &mut Vx, f: EwFn, x: i64, imm1: Option<i64>) {
    let low = x as u64 as u32;
    match f {
        EwFn::Clamp => v.form = Form::Imm { imm0: low, imm1: imm1.unwrap_or(0) as u64 as u32 },
        EwFn::IsInf => v.form = Form::imm(low),
        _ => {
            let dt = if v.a.dt.is_float() { DType::F32 } else { v.a.dt };
            v.b = Operand { mem: Mem::Imm, dt, ..Operand::default() };
            v.form = if dt.size() == 8 { Form::imm64(x) } else { Form::imm(low) };
        }
    }
}

fn record_strides(rank: usize, axis: Option<usize>) -> Vec<isize> {
    (0..rank).map(|i| isize::from(Some(i) == axis)).collect()
}
/// Pins the loop along which records advance (operand `k`).
fn pin(loops: &mut [Loop], k: usize) {
    for l in loops {
        l.pinned = l.s[k] != 0;
    }
}
/// The loop of the piece along which records advance (operand `k`).
fn chan(p: &Piece, k: usize) -> Chan {
    match p.loops.iter().position(|l| l.s[k] != 0) {
        Some(0) => Chan::I0,
        Some(1) => Chan::I1,
        Some(2) => Chan::I2,
        Some(3) => Chan::I3,
        _ => Chan::None,
    }
}
