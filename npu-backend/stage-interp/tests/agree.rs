//! The three interpreters, written apart from each other, against each other: one operation at a time in all three IRs,
//! on special and random bits. A difference is a mistake in one of them, or a hole in the specification.

use ir::Tensor;
use isa::{DType, Dma, EwFn, Form, Init, Instr, Mem, Mx, MxType, Op, PoolFn, RedFn, Vx, VxFn};
use kit::{IdVec, Rng};
use lir::fused::*;
use lir::stream::{DramPlace, ParamsId, Places, Stream, StreamOp};
use lir::tile::{
    Buf, BufId, BufMem, BufView, DramView, PrmView, Tile, TileGroup, TileInit, TileMx, TileOp, TilePool, TileProgram,
};
use std::sync::Arc;
use touchstone_stage_interp::{group::run_fused, relayout::to_ir, stream::run_stream, tile::run_tiles};

const N: usize = 48;

/// Random bits of a type: specials half of the time; small magnitudes often, so that functions meet their interesting ranges.
fn element(rng: &mut Rng, dt: DType) -> u64 {
    if dt.is_bool() {
        return rng.next_u64() & 1;
    }
    let mask = if dt.bits() == 64 { u64::MAX } else { (1 << dt.bits()) - 1 };
    if dt.is_float() {
        let specials: [f32; 16] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            2.5,
            -3.5,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            1e-40,
            1e8,
            -1e8,
            65_519.0,
            f32::MAX,
        ];
        let f = match rng.next_u64() % 4 {
            0 => specials[(rng.next_u64() % 16) as usize],
            1 => ((rng.next_u64() % 4096) as f32 - 2048.0) / 64.0,
            _ => f32::from_bits(rng.next_u64() as u32),
        };
        return match dt {
            DType::F32 => u64::from(f.to_bits()),
            DType::F16 if rng.next_u64().is_multiple_of(2) => u64::from(half::f16::from_f32(f).to_bits()),
            DType::Bf16 if rng.next_u64().is_multiple_of(2) => u64::from(half::bf16::from_f32(f).to_bits()),
            _ => rng.next_u64() & mask,
        };
    }
    let specials = [0u64, 1, 2, 3, 7, u64::MAX, mask >> 1, (mask >> 1) + 1];
    match rng.next_u64() % 3 {
        0 => specials[(rng.next_u64() % 8) as usize] & mask,
        1 => (rng.next_u64() % 17).wrapping_sub(8) & mask,
        _ => rng.next_u64() & mask,
    }
}

fn random(rng: &mut Rng, dt: DType, n: usize) -> Tensor {
    let size = dt.size() as usize;
    let bytes: Vec<u8> = (0..n).flat_map(|_| element(rng, dt).to_le_bytes()[..size].to_vec()).collect();
    Tensor::new(to_ir(dt), vec![n], bytes).unwrap()
}

fn fused(inputs: &[(DType, usize)], out: (DType, usize), kind: GroupKind) -> Fused {
    let mut f = Fused::default();
    let tensor =
        |(dtype, n): (DType, usize), def| FTensor { dtype, dims: vec![n], layout: Layout::RowMajor, def, value: None };
    for (i, &t) in inputs.iter().enumerate() {
        let id = f.tensors.push(tensor(t, TensorDef::Input(i as u32)));
        f.inputs.push((format!("x{i}"), id));
    }
    let y = f.tensors.push(tensor(out, TensorDef::Group(GroupId(0))));
    f.outputs.push(("y".into(), y));
    let inputs = f.inputs.iter().map(|i| i.1).collect();
    f.groups.push(Group { kind, inputs, output: y, nodes: vec![], name: "g".into() });
    f
}

/// One operation in all three forms. Buffer i holds input i, buffer `inputs.len()` the output (`bufs` may append others).
struct Case {
    fused: Fused,
    bufs: Vec<Buf>,
    params: Vec<PrmRecord>,
    tile: Vec<TileOp>,
    stream: Vec<(Op, Places)>,
}

impl Case {
    fn new(inputs: &[(DType, usize)], out: (DType, usize), kind: GroupKind) -> Self {
        let buf = |&(dt, n): &(DType, usize)| Buf { mem: BufMem::Spm, bytes: n * dt.size() as usize, role: "x" };
        let bufs = inputs.iter().chain([&out]).map(buf).collect();
        Case { fused: fused(inputs, out, kind), bufs, params: vec![], tile: vec![], stream: vec![] }
    }
    fn buf(&mut self, mem: BufMem, bytes: usize) -> BufId {
        self.bufs.push(Buf { mem, bytes, role: "t" });
        BufId(self.bufs.len() as u32 - 1)
    }
    fn dense(&self, i: usize) -> BufView {
        let dtype = self.fused.tensors.as_slice()[i].dtype;
        BufView { buf: BufId(i as u32), dtype, offset: 0, strides: vec![1] }
    }

    fn tiles(&self) -> TileProgram {
        let all: Vec<(TensorId, &FTensor)> = self.fused.tensors.iter().collect();
        let (out, inputs) = all.split_last().unwrap();
        let mut ops = vec![];
        let end = |i: usize, t: TensorId| (self.dense(i), DramView { tensor: t, offset: 0, strides: vec![1] });
        for (i, (t, x)) in inputs.iter().enumerate() {
            let (dst, src) = end(i, *t);
            ops.push(TileOp::Load { n: vec![x.elements()], src, dst, weights: false });
        }
        ops.extend(self.tile.iter().cloned());
        let (src, dst) = end(inputs.len(), out.0);
        ops.push(TileOp::Store { n: vec![out.1.elements()], src, dst });
        let tiles = vec![Tile { coords: vec![0], ops }];
        let bufs: IdVec<BufId, Buf> = self.bufs.iter().cloned().collect();
        let groups = vec![TileGroup { group: GroupId(0), grid: vec![("n", 1)], bufs, tiles }];
        TileProgram { fused: Arc::new(self.fused.clone()), groups }
    }

    fn stream(&self) -> Stream {
        let mut ops: IdVec<lir::stream::InstrId, StreamOp> = IdVec::new();
        let mut push = |op: Op, places: Places| {
            ops.push(StreamOp { instr: Instr::new(op), places, group: GroupId(0), tile: 0 });
        };
        let whole =
            |t: &FTensor| Dma { esz: t.dtype.size() as u8, n: [t.elements() as u16, 1, 1, 1], ..Dma::default() };
        let place = |i: usize, t: TensorId| Places {
            a: Some(BufId(i as u32)),
            dram: Some(DramPlace::Tensor(t)),
            ..Places::default()
        };
        let all: Vec<(TensorId, &FTensor)> = self.fused.tensors.iter().collect();
        let (out, inputs) = all.split_last().unwrap();
        for (i, (t, x)) in inputs.iter().enumerate() {
            push(Op::Ld(whole(x)), place(i, *t));
        }
        if let Some(prm) = self.bufs.iter().position(|b| b.mem == BufMem::Prm) {
            let n = (self.params.len() * 4) as u16;
            let dma = Dma { mem: Mem::Prm, esz: 4, n: [n, 1, 1, 1], ..Dma::default() };
            let dram = Some(DramPlace::Params(ParamsId(0)));
            push(Op::Ld(dma), Places { a: Some(BufId(prm as u32)), dram, ..Places::default() });
        }
        for (op, places) in &self.stream {
            push(*op, *places);
        }
        push(Op::St(whole(out.1)), place(inputs.len(), out.0));
        Stream {
            fused: Arc::new(self.fused.clone()),
            bufs: self.bufs.iter().cloned().collect(),
            params: [self.params.clone()].into_iter().collect(),
            ops,
        }
    }

    /// Runs all three and compares: equal bytes, or a fault in each.
    /// Whether they ran.
    fn check(&self, inputs: &[Tensor], what: &str) -> bool {
        let named: Vec<(String, Tensor)> =
            inputs.iter().enumerate().map(|(i, t)| (format!("x{i}"), t.clone())).collect();
        let f = run_fused(&self.fused, &named).map(|r| r.outputs[0].1.clone());
        let t = run_tiles(&self.tiles(), &named).map(|r| r.outputs[0].1.clone());
        let s = run_stream(&self.stream(), &named).map(|r| r.outputs[0].1.clone());
        match (&f, &t, &s) {
            (Ok(f), Ok(t), Ok(s)) => {
                for i in 0..f.elements() {
                    let operands: Vec<String> =
                        inputs.iter().map(|x| format!("{:#x}", if i < x.elements() { x.bits(i) } else { 0 })).collect();
                    assert!(
                        f.bits(i) == t.bits(i) && t.bits(i) == s.bits(i),
                        "{what} of {operands:?}: F {:#x}, T {:#x}, S {:#x}",
                        f.bits(i),
                        t.bits(i),
                        s.bits(i)
                    );
                }
                true
            }
            (Err(f), Err(t), Err(s)) => {
                assert!(f.fault == t.fault && t.fault == s.fault, "{what}: {f}; {t}; {s}");
                false
            }
            _ => panic!("{what}: F {f:?}; T {t:?}; S {s:?}"),
        }
    }
}

fn vx_operand(dt: DType, s0: i32) -> isa::Operand {
    isa::Operand { addr: 0, s: [s0, 0, 0, 0], mem: Mem::Spm, dt }
}

fn ew_case(f: EwFn, a: DType, b: DType, d: DType, saturate: bool) -> Case {
    let mut inputs = vec![(a, N)];
    if f.uses_b() {
        inputs.push((b, N));
    }
    let view = |input| View { input, offset: 0, strides: vec![1] };
    let mut steps = vec![];
    let copy_old = f.reads_d();
    let base = Step {
        f: StepFn::Ew(f),
        a: Src::View(0),
        b: f.uses_b().then_some(Src::View(1)),
        old: None,
        dtype: d,
        params: [None, None, None],
        imm1: None,
        saturate,
    };
    if copy_old {
        steps.push(Step { f: StepFn::Ew(EwFn::Mov), b: None, ..base.clone() });
    }
    steps.push(Step { old: copy_old.then_some(0), ..base });
    let views = (0..inputs.len()).map(view).collect();
    let kind = GroupKind::Elementwise(Elementwise { space: vec![N], views, steps });
    let mut c = Case::new(&inputs, (d, N), kind);
    let (y, xb) = (c.dense(inputs.len()), f.uses_b().then(|| c.dense(1)));
    let out = BufId(inputs.len() as u32);
    let mut emit = |f: EwFn, b: bool| {
        c.tile.push(TileOp::Ew {
            f,
            n: vec![N],
            a: c.dense(0),
            b: if b { xb.clone().map(lir::tile::Operand::View) } else { None },
            d: y.clone(),
            prm: [None, None, None],
            imm1: None,
            saturate,
            relu: false,
        });
        let v = Vx {
            func: VxFn::Ew(f),
            a: vx_operand(a, 1),
            b: if b { vx_operand(xb.as_ref().unwrap().dtype, 1) } else { isa::Operand::default() },
            d: vx_operand(d, 1),
            n: [N as u16, 1, 1, 1],
            rq: if saturate { isa::RqMode::Sat } else { isa::RqMode::Wrap },
            ..Vx::default()
        };
        let places = Places { a: Some(BufId(0)), b: b.then_some(BufId(1)), d: Some(out), ..Places::default() };
        c.stream.push((Op::Ew(v), places));
    };
    if copy_old {
        emit(EwFn::Mov, false);
    }
    emit(f, f.uses_b());
    c
}

#[test]
fn elementwise_functions_agree() {
    let mut rng = Rng::new(1);
    let mut ran = 0;
    let floats = [DType::F32, DType::F16, DType::Bf16];
    let ints = [DType::S8, DType::U8, DType::S16, DType::U16, DType::S32, DType::U32, DType::S64, DType::U64];
    for &f in EwFn::ALL {
        if matches!(f, EwFn::Iota | EwFn::Clamp | EwFn::IsInf) {
            continue; // immediates: below
        }
        for round in 0..12 {
            if f.has_float_class() || f == EwFn::Cmov {
                for &dt in &floats {
                    if f == EwFn::Fmac && dt != DType::F32 {
                        continue;
                    }
                    let (b, d) =
                        (if f == EwFn::Cmov { DType::Bool } else { dt }, if f.is_test() { DType::Bool } else { dt });
                    let c = ew_case(f, dt, b, d, false);
                    let x = [random(&mut rng, dt, N), random(&mut rng, b, N)];
                    ran += u32::from(c.check(&x[..c.fused.inputs.len()], &format!("{f} {dt} round {round}")));
                }
            }
            if f.has_integer_class() {
                for &dt in &ints {
                    let d = if f.is_test() { DType::Bool } else { ints[(rng.next_u64() % 8) as usize] };
                    let c = ew_case(f, dt, dt, d, rng.next_u64().is_multiple_of(2));
                    let mut x = [random(&mut rng, dt, N), random(&mut rng, dt, N)];
                    if f.is_shift() && round > 0 {
                        let size = dt.size() as usize;
                        let shifts: Vec<u8> = (0..N)
                            .flat_map(|_| (rng.next_u64() % u64::from(dt.bits())).to_le_bytes()[..size].to_vec())
                            .collect();
                        x[1] = Tensor::new(to_ir(dt), vec![N], shifts).unwrap();
                    }
                    if matches!(f, EwFn::Div | EwFn::Mod | EwFn::Rem | EwFn::Ipow | EwFn::Idx) && round > 0 {
                        // Divisors without 0, bases without 0, lengths that cover the indices.
                        let which = usize::from(f != EwFn::Ipow);
                        let size = dt.size() as usize;
                        let mut bytes = x[which].bytes.to_vec();
                        for e in bytes.chunks_exact_mut(size) {
                            if f == EwFn::Idx {
                                e.fill(0xFF);
                                e[size - 1] = 0x7F;
                            } else if e.iter().all(|&b| b == 0) {
                                e[0] = 1;
                            }
                        }
                        x[which] = Tensor::new(to_ir(dt), vec![N], bytes).unwrap();
                    }
                    ran += u32::from(c.check(&x[..c.fused.inputs.len()], &format!("{f} {dt} -> {d} round {round}")));
                }
                if f.is_logic() {
                    let c = ew_case(f, DType::Bool, DType::Bool, DType::Bool, false);
                    let x = [random(&mut rng, DType::Bool, N), random(&mut rng, DType::Bool, N)];
                    ran += u32::from(c.check(&x[..c.fused.inputs.len()], &format!("{f} bool")));
                }
            }
        }
    }
    assert!(ran >= 4000, "only {ran} cases ran");
}

#[test]
fn conversions_agree() {
    let mut rng = Rng::new(2);
    let mut ran = 0;
    for &a in DType::ALL {
        for &d in DType::ALL {
            for rm in 0..5u8 {
                let saturate = rng.next_u64().is_multiple_of(2);
                let step = Step {
                    f: StepFn::Cvt { rm },
                    a: Src::View(0),
                    b: None,
                    old: None,
                    dtype: d,
                    params: [None, None, None],
                    imm1: None,
                    saturate,
                };
                let views = vec![View { input: 0, offset: 0, strides: vec![1] }];
                let kind = GroupKind::Elementwise(Elementwise { space: vec![N], views, steps: vec![step] });
                let mut c = Case::new(&[(a, N)], (d, N), kind);
                c.tile.push(TileOp::Cvt { n: vec![N], a: c.dense(0), d: c.dense(1), rm, saturate });
                let v = Vx {
                    a: vx_operand(a, 1),
                    d: vx_operand(d, 1),
                    n: [N as u16, 1, 1, 1],
                    rm: isa::Round::from_code(rm).unwrap(),
                    rq: if saturate { isa::RqMode::Sat } else { isa::RqMode::Wrap },
                    ..Vx::default()
                };
                c.stream.push((Op::Cvt(v), Places { a: Some(BufId(0)), d: Some(BufId(1)), ..Places::default() }));
                ran += u32::from(c.check(&[random(&mut rng, a, N)], &format!("cvt {a} -> {d} rule {rm}")));
            }
        }
    }
    assert!(ran >= 600, "only {ran} cases ran");
}

fn record(rng: &mut Rng) -> PrmRecord {
    let scale = match rng.next_u64() % 8 {
        0 => 0.0,
        1 => 1e-30,
        k => 0.001 * (rng.next_u64() % 997 + 1) as f32 * k as f32,
    };
    PrmRecord {
        bias: rng.next_u64() as u32 % 1000,
        mult: scale.to_bits(),
        zp: (rng.next_u64() % 256) as i32 - 128,
        shift: 0,
        zw: (rng.next_u64() % 384) as i16 - 128,
    }
}

#[test]
fn quantised_elementwise_agrees() {
    let mut rng = Rng::new(3);
    let mut ran = 0;
    for f in [EwFn::Mov, EwFn::Add, EwFn::Mul, EwFn::Sub, EwFn::Max, EwFn::Sigmoid, EwFn::Div] {
        for (a, d) in
            [(DType::S8, DType::U8), (DType::U8, DType::S8), (DType::S32, DType::S16), (DType::U16, DType::S32)]
        {
            for _ in 0..10 {
                let mut c = ew_case(f, a, DType::S8, d, false);
                let records: Vec<PrmRecord> = (0..3).map(|_| record(&mut rng)).collect();
                let GroupKind::Elementwise(e) = &mut c.fused.groups.values_mut().next().unwrap().kind else {
                    unreachable!()
                };
                let one = |i: usize| Some(Params { records: vec![records[i]], axis: None });
                e.steps[0].params = [one(0), if f.uses_b() { one(1) } else { None }, one(2)];
                c.params = records.clone();
                let prm = c.buf(BufMem::Prm, 48);
                let at = |i: usize| Some(PrmView { buf: prm, first: i, axis: None });
                let TileOp::Ew { prm: p, .. } = &mut c.tile[0] else { unreachable!() };
                *p = [at(0), if f.uses_b() { at(1) } else { None }, at(2)];
                c.tile.insert(0, TileOp::LoadParams { buf: prm, records });
                let b = f.uses_b().then_some(1);
                c.stream[0].0.vx_mut().unwrap().form = Form::prm(Some(0), b, Some(2));
                c.stream[0].1.prm = [Some(prm), b.map(|_| prm), Some(prm)];
                let x = [random(&mut rng, a, N), random(&mut rng, DType::S8, N)];
                ran += u32::from(c.check(&x[..c.fused.inputs.len()], &format!("quantised {f} {a} -> {d}")));
            }
        }
    }
    assert!(ran >= 200, "only {ran} cases ran");
}

#[test]
fn reductions_agree() {
    let mut rng = Rng::new(4);
    let mut ran = 0;
    for &f in RedFn::ALL {
        for dt in [DType::F32, DType::F16, DType::Bf16, DType::S8, DType::U8, DType::S32, DType::S64, DType::U64] {
            for len in [1usize, 2, 3, 5, 15, 16, 17, 31, 33, 48] {
                let kept = 3;
                let d = if f.is_arg() { DType::S64 } else { dt };
                let last = rng.next_u64().is_multiple_of(2) && f.is_arg();
                let view = View { input: 0, offset: 0, strides: vec![len as isize, 1] };
                let r = Reduce { f, kept: vec![kept], reduced: vec![len], view, divide: None, last };
                let mut c = Case::new(&[(dt, kept * len)], (d, kept), GroupKind::Reduce(r));
                let view = |buf, dtype, strides: [isize; 2]| BufView {
                    buf: BufId(buf),
                    dtype,
                    offset: 0,
                    strides: strides.to_vec(),
                };
                c.tile.push(TileOp::Red {
                    f,
                    n: vec![kept, len],
                    a: view(0, dt, [len as isize, 1]),
                    d: view(1, d, [1, 0]),
                    accumulate: false,
                    last,
                    base: 0,
                });
                let mut v = Vx {
                    func: VxFn::Red(f),
                    a: vx_operand(dt, 1),
                    d: vx_operand(d, 0),
                    n: [len as u16, kept as u16, 1, 1],
                    last,
                    ..Vx::default()
                };
                (v.a.s[1], v.d.s[1]) = (len as i32, 1);
                c.stream.push((Op::Red(v), Places { a: Some(BufId(0)), d: Some(BufId(1)), ..Places::default() }));
                ran += u32::from(c.check(&[random(&mut rng, dt, kept * len)], &format!("{f} {dt} of {len}")));
            }
        }
    }
    assert!(ran >= 400, "only {ran} cases ran");
}

#[test]
fn pooling_agrees() {
    let mut rng = Rng::new(5);
    let mut ran = 0;
    for case in 0..300 {
        let mut pick = |low: usize, high: usize| low + (rng.next_u64() % (high - low + 1) as u64) as usize;
        let (ih, iw, c_n, kh, kw) = (pick(1, 6), pick(1, 6), pick(1, 5), pick(1, 3), pick(1, 3));
        let (sy, sx, dy, dx, pt, pl, pb, pr) =
            (pick(1, 2), pick(1, 2), pick(1, 2), pick(1, 2), pick(0, 1), pick(0, 1), pick(0, 1), pick(0, 1));
        let out = |i: usize, lo: usize, hi: usize, k: usize, s: usize, d: usize| {
            (i + lo + hi).checked_sub((k - 1) * d + 1).map(|r| r / s + 1)
        };
        let (Some(oh), Some(ow)) = (out(ih, pt, pb, kh, sy, dy), out(iw, pl, pr, kw, sx, dx)) else { continue };
        let f = [PoolFn::Max, PoolFn::Avg, PoolFn::AvgPad, PoolFn::Sum, PoolFn::ArgMaxYx, PoolFn::ArgMaxXy][case % 6];
        let dt = [DType::F32, DType::F16, DType::S8][case / 6 % 3];
        let d = if f.is_arg() { DType::S64 } else { dt };
        let (iy0, ix0) = (-(pt as isize), -(pl as isize));
        let p = Pool {
            f,
            batch: 1,
            c: c_n,
            ih,
            iw,
            oh,
            ow,
            kh,
            kw,
            sy,
            sx,
            dy,
            dx,
            iy0,
            ix0,
            pad_bottom: pb,
            pad_right: pr,
        };
        let mut c = Case::new(&[(dt, ih * iw * c_n)], (d, oh * ow * c_n), GroupKind::Pool(p));
        let view = |buf, dtype, w: usize| BufView {
            buf: BufId(buf),
            dtype,
            offset: 0,
            strides: vec![(w * c_n) as isize, c_n as isize],
        };
        c.tile.push(TileOp::Pool(Box::new(TilePool {
            f,
            a: view(0, dt, iw),
            d: view(1, d, ow),
            c: c_n,
            oh,
            ow,
            ih,
            iw,
            kh,
            kw,
            sy,
            sx,
            dy,
            dx,
            iy0,
            ix0,
            pad_bottom: pb,
            pad_right: pr,
            prm: [None, None],
        })));
        let v = isa::Pool {
            func: f,
            a_sx: c_n as i32,
            a_sy: (iw * c_n) as i32,
            a_dt: dt,
            d_sx: c_n as i32,
            d_sy: (ow * c_n) as i32,
            d_dt: d,
            oh: oh as u16,
            ow: ow as u16,
            ih: ih as u16,
            iw: iw as u16,
            n0: c_n as u16,
            kh: kh as u16,
            kw: kw as u16,
            iy0: iy0 as i16,
            ix0: ix0 as i16,
            sy: sy as u8,
            sx: sx as u8,
            pb: pb as u8,
            pr: pr as u8,
            dy: dy as u8,
            dx: dx as u8,
            ..isa::Pool::default()
        };
        c.stream.push((Op::Pool(v), Places { a: Some(BufId(0)), d: Some(BufId(1)), ..Places::default() }));
        let illegal = f.is_avg() && !dt.is_float();
        if !illegal {
            ran += u32::from(c.check(&[random(&mut rng, dt, ih * iw * c_n)], &format!("case {case}: {f} {dt}")));
        }
    }
    assert!(ran >= 120, "only {ran} cases ran");
}

/// A random matrix group, its tile and its instruction, with bias and (for 8-bit types) requantisation.
fn matrix_case(rng: &mut Rng, case: usize) -> Option<(Case, Vec<Tensor>)> {
    let mx = [MxType::F32, MxType::S8S8, MxType::U8S8, MxType::F16, MxType::Bf16, MxType::S8U8, MxType::U8U8][case % 7];
    let (depthwise, kpack) = match case / 7 % 3 {
        0 => (false, false),
        1 => (true, false),
        _ => (false, true),
    };
    let mut pick = |low: usize, high: usize| low + (rng.next_u64() % (high - low + 1) as u64) as usize;
    let (ih, iw, c, kh, kw) = (pick(1, 5), pick(1, 5), pick(1, 20), pick(1, 3), pick(1, 5));
    let n = if depthwise { c } else { pick(1, 20) };
    let (sy, sx, dy, dx) = (pick(1, 2), pick(1, 2), pick(1, 2), if kpack { 1 } else { pick(1, 2) });
    let (pt, pl, pb, pr) = (pick(0, 1), pick(0, 2), pick(0, 1), pick(0, 2));
    let (iy0, ix0) = (-(pt as isize), -(pl as isize));
    let oh = (ih + pt + pb).checked_sub((kh - 1) * dy + 1)? / sy + 1;
    let ow = (iw + pl + pr).checked_sub((kw - 1) * dx + 1)? / sx + 1;
    let (ng, taps) = (n.div_ceil(16), kh * kw);
    let cg = if kpack { (kw * c).div_ceil(16) } else { c.div_ceil(16) };
    let elements = if depthwise { ng * taps * 16 } else { ng * if kpack { kh * cg } else { taps * cg } * 256 };
    let float = mx.is_float();
    let d = if float { DType::F32 } else { DType::S8 };
    let (zx, per_channel) = (if float { 0 } else { rng.next_u64() as i32 & 63 }, !float && case.is_multiple_of(2));
    let records: Vec<PrmRecord> = (0..n)
        .map(|_| {
            let mut r = record(rng);
            if float {
                r.bias = element(rng, DType::F32) as u32;
                r.zw = 0;
            }
            r
        })
        .collect();
    let m = Matrix {
        mx,
        depthwise,
        kpack,
        problems: vec![Problem { a: 0, w: 0, d: 0, prm: 0 }],
        ih,
        iw,
        c,
        a_sy: iw * c,
        a_sx: c,
        oh,
        ow,
        n,
        d_sy: ow * n,
        d_sx: n,
        kh,
        kw,
        sy,
        sx,
        dy,
        dx,
        iy0,
        ix0,
        weights: Weights::Packed { source: ir::ValueId(0) },
        zx,
        zw: if float || per_channel { 0 } else { 3 },
        zw_per_channel: per_channel,
        params: Some(records.clone()),
        bias: true,
        drain: if float { Drain::Float } else { Drain::RequantF32 },
        relu: case.is_multiple_of(4),
    };
    let (zw, relu) = (m.zw, m.relu);
    let inputs = [(mx.activation(), ih * iw * c), (mx.weight(), elements)];
    let mut case = Case::new(&inputs, (d, oh * ow * n), GroupKind::Matrix(m));
    let (acc, prm) = (case.buf(BufMem::Acc, ng * oh * ow * 64), case.buf(BufMem::Prm, n * 16));
    case.params = records.clone();
    case.tile.push(TileOp::LoadParams { buf: prm, records });
    let a = BufView { buf: BufId(0), dtype: mx.activation(), offset: 0, strides: vec![(iw * c) as isize, c as isize] };
    case.tile.push(TileOp::Mx(Box::new(TileMx {
        mx,
        depthwise,
        kpack,
        a,
        w: (BufId(1), 0),
        acc,
        acc_row: 0,
        acc_sn: oh * ow,
        oh,
        ow,
        ih,
        iw,
        c,
        n,
        kh,
        kw,
        sy,
        sx,
        dy,
        dx,
        iy0,
        ix0,
        zx,
        zw,
        init: TileInit::Bias,
        prm: Some((prm, 0)),
        zw_per_channel: per_channel,
    })));
    let size = mx.size();
    let last = |n: usize| ((n - 1) % 16 + 1) as u8;
    let x = Mx {
        in_sy: (iw * c) as u32 * size,
        in_sx: c as u32 * size,
        in_sc: if kpack { 0 } else { 16 * size },
        kh: kh as u16,
        kw: kw as u16,
        oh: oh as u16,
        ow: ow as u16,
        ih: ih as u16,
        iw: iw as u16,
        sy: sy as u16,
        sx: sx as u16,
        cg: cg as u16,
        clast: last(if kpack { kw * c } else { c }),
        ng: if depthwise { 1 } else { ng as u16 },
        nlast: last(n),
        acc_sn: (oh * ow) as u16,
        dtype: mx,
        init: Init::Bias,
        zx: zx as i16,
        zw: zw as i16,
        kpack,
        zwm: per_channel,
        iy0: iy0 as i16,
        ix0: ix0 as i16,
        dy: dy as u8,
        dx: dx as u8,
        ..Mx::default()
    };
    let places = Places {
        a: Some(BufId(0)),
        b: Some(BufId(1)),
        d: Some(acc),
        prm: [None, None, Some(prm)],
        ..Places::default()
    };
    case.stream.push((if depthwise { Op::MxDw(x) } else { Op::MxConv(x) }, places));
    drain(&mut case, float, (oh * ow, n), acc, prm, relu);
    let tensors = inputs.iter().map(|&(dt, n)| random(rng, dt, n)).collect();
    Some((case, tensors))
}

/// Accumulator to output, one instruction for each group of 16 channels.
fn drain(case: &mut Case, float: bool, (pixels, n): (usize, usize), acc: BufId, prm: BufId, relu: bool) {
    let from = if float { DType::F32 } else { DType::S32 };
    let to = if float { DType::F32 } else { DType::S8 };
    for g in 0..n.div_ceil(16) {
        let lanes = (n - g * 16).min(16);
        let a = BufView { buf: acc, dtype: from, offset: g * pixels * 64, strides: vec![16, 1] };
        let offset = g * 16 * to.size() as usize;
        let d = BufView { buf: BufId(2), dtype: to, offset, strides: vec![n as isize, 1] };
        let loops = vec![pixels, lanes];
        let view = PrmView { buf: prm, first: g * 16, axis: Some(1) };
        case.tile.push(if float {
            let prm = [None, None, None];
            TileOp::Ew { f: EwFn::Mov, n: loops, a, b: None, d, prm, imm1: None, saturate: false, relu }
        } else {
            TileOp::Requant { n: loops, a, d, prm: view, relu }
        });
        let mut v = Vx {
            a: isa::Operand { addr: (g * pixels * 64) as u32, s: [1, 16, 0, 0], mem: Mem::Acc, dt: from },
            d: isa::Operand { addr: offset as u32, s: [1, n as i32, 0, 0], mem: Mem::Spm, dt: to },
            n: [lanes as u16, pixels as u16, 1, 1],
            act: if relu { isa::Act::Relu } else { isa::Act::None },
            ..Vx::default()
        };
        let mut places = Places { a: Some(acc), d: Some(BufId(2)), ..Places::default() };
        if float {
            v.func = VxFn::Ew(EwFn::Mov);
            case.stream.push((Op::Ew(v), places));
        } else {
            (v.rq, v.chan) = (isa::RqMode::F32, isa::Chan::I0);
            v.form = Form::prm(None, None, Some((g * 16) as u16));
            places.prm[2] = Some(prm);
            case.stream.push((Op::Rq(v), places));
        }
    }
}

#[test]
fn matrices_agree() {
    let mut rng = Rng::new(6);
    let mut ran = 0;
    for case in 0..420 {
        if let Some((c, x)) = matrix_case(&mut rng, case) {
            ran += u32::from(c.check(&x, &format!("matrix case {case}")));
        }
    }
    assert!(ran > 200, "only {ran} cases have an output");
}
