//! A small program in all four IRs, written by hand: h = x·w + bias (K = 32 in two halves), y = [h + h, h + h].

use ir::{Attrs, Graph, Op as GraphOp, Origin, Tensor, TensorType};
use isa::{
    DType, Direction, Dma, EwFn, Form, Init, Instr, IoEntry, Mem, Mx, MxType, NpuConfig, Op, Operand, Program, Region,
    Vx, VxFn,
};
use kit::IdVec;
use std::sync::Arc;
use touchstone_lir::fused::*;
use touchstone_lir::placed::{DramAddr, Placed, PlacedOp};
use touchstone_lir::stream::{DramPlace, InstrId, ParamsId, Places, Stream, StreamOp};
use touchstone_lir::tile::{
    Buf, BufId, BufMem, BufView, DramView, Operand as TileOperand, Tile, TileGroup, TileInit, TileMx, TileOp,
    TileProgram,
};

pub const X: TensorId = TensorId(0);
pub const W: TensorId = TensorId(1);
pub const H: TensorId = TensorId(2);
pub const Y: TensorId = TensorId(3);

/// The graph: a matrix product and an addition.
pub fn graph() -> Graph {
    let mut g = Graph::default();
    let x = g.add_input("x", TensorType::new(ir::DType::F32, vec![1, 32]));
    let w: Vec<f32> = (1..=32).map(|i| i as f32).collect();
    let w = g.add_const(None, Tensor::from_f32(vec![32, 1], &w));
    let ty = TensorType::new(ir::DType::F32, vec![1, 1]);
    let h =
        g.add_node(GraphOp::MatMul, Attrs::default(), vec![Some(x), Some(w)], vec![(ty, None)], Origin::new(0, "m"))[0];
    let ty = TensorType::new(ir::DType::F32, vec![2]);
    let y =
        g.add_node(GraphOp::Add, Attrs::default(), vec![Some(h), Some(h)], vec![(ty, None)], Origin::new(1, "a"))[0];
    g.add_output("y", y);
    g
}

pub fn bias() -> PrmRecord {
    PrmRecord { bias: 0.5f32.to_bits(), ..PrmRecord::default() }
}

fn packed() -> Tensor {
    let mut w = vec![0.0f32; 512];
    for k in 0..32 {
        w[k / 16 * 256 + k % 16] = k as f32 + 1.0;
    }
    Tensor::from_f32(vec![512], &w)
}

pub fn matrix() -> Matrix {
    Matrix {
        mx: MxType::F32,
        depthwise: false,
        kpack: false,
        problems: vec![Problem { a: 0, w: 0, d: 0, prm: 0 }],
        ih: 1,
        iw: 1,
        c: 32,
        a_sy: 32,
        a_sx: 32,
        oh: 1,
        ow: 1,
        n: 1,
        d_sy: 1,
        d_sx: 1,
        kh: 1,
        kw: 1,
        sy: 1,
        sx: 1,
        dy: 1,
        dx: 1,
        iy0: 0,
        ix0: 0,
        weights: Weights::Packed { source: ir::ValueId(1) },
        zx: 0,
        zw: 0,
        zw_per_channel: false,
        params: Some(vec![bias()]),
        bias: true,
        drain: Drain::Float,
        relu: false,
    }
}

pub fn fused() -> Fused {
    let mut f = Fused::default();
    let mut tensor = |dims: &[usize], layout, def| {
        f.tensors.push(FTensor { dtype: DType::F32, dims: dims.to_vec(), layout, def, value: None });
    };
    tensor(&[1, 32], Layout::RowMajor, TensorDef::Input(0));
    tensor(&[512], Layout::Packed, TensorDef::Const(packed()));
    tensor(&[1, 1], Layout::RowMajor, TensorDef::Group(GroupId(0)));
    tensor(&[2], Layout::RowMajor, TensorDef::Group(GroupId(1)));
    f.inputs.push(("x".into(), X));
    f.outputs.push(("y".into(), Y));
    let kind = GroupKind::Matrix(matrix());
    f.groups.push(Group { kind, inputs: vec![X, W], output: H, nodes: vec![ir::NodeId(0)], name: "m".into() });
    let step = Step {
        f: StepFn::Ew(EwFn::Add),
        a: Src::View(0),
        b: Some(Src::View(0)),
        old: None,
        dtype: DType::F32,
        params: [None, None, None],
        imm1: None,
        saturate: false,
    };
    let views = vec![View { input: 0, offset: 0, strides: vec![0] }];
    let kind = GroupKind::Elementwise(Elementwise { space: vec![2], views, steps: vec![step] });
    f.groups.push(Group { kind, inputs: vec![H], output: Y, nodes: vec![ir::NodeId(1)], name: "a".into() });
    f
}

fn view(buf: u32, offset: usize, strides: &[isize]) -> BufView {
    BufView { buf: BufId(buf), dtype: DType::F32, offset, strides: strides.to_vec() }
}

fn dram(tensor: TensorId, offset: usize) -> DramView {
    DramView { tensor, offset, strides: vec![1] }
}

fn load(n: usize, src: DramView, dst: BufView) -> TileOp {
    TileOp::Load { n: vec![n], src, dst, weights: false }
}

fn mx(offset: usize, init: TileInit) -> TileOp {
    TileOp::Mx(Box::new(TileMx {
        mx: MxType::F32,
        depthwise: false,
        kpack: false,
        a: view(0, offset, &[32, 32]),
        w: (BufId(1), 0),
        acc: BufId(2),
        acc_row: 0,
        acc_sn: 1,
        oh: 1,
        ow: 1,
        ih: 1,
        iw: 1,
        c: 16,
        n: 1,
        kh: 1,
        kw: 1,
        sy: 1,
        sx: 1,
        dy: 1,
        dx: 1,
        iy0: 0,
        ix0: 0,
        zx: 0,
        zw: 0,
        init,
        prm: Some((BufId(4), 0)),
        zw_per_channel: false,
    }))
}

fn ew(f: EwFn, a: BufView, b: Option<BufView>, d: BufView) -> TileOp {
    let prm = [None, None, None];
    TileOp::Ew { f, n: vec![1], a, b: b.map(TileOperand::View), d, prm, imm1: None, saturate: false, relu: false }
}

fn buf(mem: BufMem, bytes: usize) -> Buf {
    Buf { mem, bytes, role: "test" }
}

pub fn tiles() -> TileProgram {
    let first = vec![
        TileOp::LoadParams { buf: BufId(4), records: vec![bias()] },
        load(32, dram(X, 0), view(0, 0, &[1])),
        load(256, dram(W, 0), view(1, 0, &[1])),
        mx(0, TileInit::Bias),
        load(256, dram(W, 256), view(1, 0, &[1])),
        mx(64, TileInit::Accumulate),
        ew(EwFn::Mov, view(2, 0, &[1]), None, view(3, 0, &[1])),
        TileOp::Store { n: vec![1], src: view(3, 0, &[1]), dst: dram(H, 0) },
    ];
    let add = || ew(EwFn::Add, view(0, 0, &[1]), Some(view(0, 0, &[1])), view(1, 0, &[1]));
    let store = |at| TileOp::Store { n: vec![1], src: view(1, 0, &[1]), dst: dram(Y, at) };
    let bufs = [
        buf(BufMem::Spm, 128),
        buf(BufMem::Spm, 1024),
        buf(BufMem::Acc, 64),
        buf(BufMem::Spm, 4),
        buf(BufMem::Prm, 16),
    ];
    let second = [buf(BufMem::Spm, 4), buf(BufMem::Spm, 4)];
    let tile = |i: u32, ops| Tile { coords: vec![i], ops };
    TileProgram {
        fused: Arc::new(fused()),
        groups: vec![
            TileGroup {
                group: GroupId(0),
                grid: vec![("n", 1)],
                bufs: bufs.into_iter().collect(),
                tiles: vec![tile(0, first)],
            },
            TileGroup {
                group: GroupId(1),
                grid: vec![("n", 2)],
                bufs: second.into_iter().collect(),
                tiles: vec![
                    tile(0, vec![load(1, dram(H, 0), view(0, 0, &[1])), add(), store(0)]),
                    tile(1, vec![add(), store(1)]),
                ],
            },
        ],
    }
}

fn dma(mem: Mem, n: u16, offset: u64) -> Dma {
    Dma { mem, esz: 4, n: [n, 1, 1, 1], dram_off: offset, ..Dma::default() }
}

fn spm() -> Operand {
    Operand { addr: 0, s: [1, 0, 0, 0], mem: Mem::Spm, dt: DType::F32 }
}

fn mx_instr(in_addr: u32, init: Init) -> Op {
    let prm_rec = 0;
    Op::MxConv(Mx { dtype: MxType::F32, in_addr, in_sy: 128, in_sx: 128, nlast: 1, init, prm_rec, ..Mx::default() })
}

pub fn stream() -> Stream {
    let mut ops: IdVec<InstrId, StreamOp> = IdVec::new();
    let mut push = |op: Op, places: Places, group: u32, tile: u32| {
        ops.push(StreamOp { instr: Instr::new(op), places, group: GroupId(group), tile });
    };
    let none = Places::default();
    let tensor = |b: u32, t: TensorId| Places { a: Some(BufId(b)), dram: Some(DramPlace::Tensor(t)), ..none };
    let params = Places { a: Some(BufId(4)), dram: Some(DramPlace::Params(ParamsId(0))), ..none };
    let mx = Places { a: Some(BufId(0)), b: Some(BufId(1)), d: Some(BufId(2)), ..none };
    push(Op::Ld(dma(Mem::Prm, 4, 0)), params, 0, 0);
    push(Op::Ld(dma(Mem::Spm, 32, 0)), tensor(0, X), 0, 0);
    push(Op::Ld(dma(Mem::Spm, 256, 0)), tensor(1, W), 0, 0);
    push(mx_instr(0, Init::Bias), Places { prm: [None, None, Some(BufId(4))], ..mx }, 0, 0);
    push(Op::Ld(dma(Mem::Spm, 256, 1024)), tensor(1, W), 0, 0);
    push(mx_instr(64, Init::Accumulate), mx, 0, 0);
    let mov = Vx { func: VxFn::Ew(EwFn::Mov), a: Operand { mem: Mem::Acc, ..spm() }, d: spm(), ..Vx::default() };
    push(Op::Ew(mov), Places { a: Some(BufId(2)), d: Some(BufId(3)), ..none }, 0, 0);
    push(Op::St(dma(Mem::Spm, 1, 0)), tensor(3, H), 0, 0);
    push(Op::Ld(dma(Mem::Spm, 1, 0)), tensor(5, H), 1, 0);
    let add = Vx { func: VxFn::Ew(EwFn::Add), a: spm(), b: spm(), d: spm(), form: Form::default(), ..Vx::default() };
    for tile in 0..2 {
        let places = Places { a: Some(BufId(5)), b: Some(BufId(5)), d: Some(BufId(6)), ..none };
        push(Op::Ew(add), places, 1, tile);
        push(Op::St(dma(Mem::Spm, 1, u64::from(tile) * 4)), tensor(6, Y), 1, tile);
    }
    let bufs = [
        buf(BufMem::Spm, 128),
        buf(BufMem::Spm, 1024),
        buf(BufMem::Acc, 64),
        buf(BufMem::Spm, 4),
        buf(BufMem::Prm, 16),
        buf(BufMem::Spm, 4),
        buf(BufMem::Spm, 4),
    ];
    Stream {
        fused: Arc::new(fused()),
        bufs: bufs.into_iter().collect(),
        params: [vec![bias()]].into_iter().collect(),
        ops,
    }
}

/// Absolute addresses, written out: b0 0, b1 128, b2 row 2, b3 1152, b4 record 1, b5 0 (after b0), b6 1184;
/// w R0+0, parameters R0+2048, h R1+0, x R2+0, y R3+0.
pub fn placed() -> Placed {
    let stream = stream();
    let mut code: Vec<Instr> = stream.ops.values().map(|o| o.instr).collect();
    let mut set_dma = |i: usize, loc: u32, region: Region, base: u64| match &mut code[i].op {
        Op::Ld(d) | Op::St(d) => {
            d.loc_addr = loc;
            d.region = region;
            d.dram_off += base;
        }
        _ => unreachable!("a DMA"),
    };
    set_dma(0, 16, Region::R0, 2048);
    set_dma(1, 0, Region::R2, 0);
    set_dma(2, 128, Region::R0, 0);
    set_dma(4, 128, Region::R0, 0);
    set_dma(7, 1152, Region::R1, 0);
    set_dma(8, 0, Region::R1, 0);
    set_dma(10, 1184, Region::R3, 0);
    set_dma(12, 1184, Region::R3, 0);
    for (i, in_addr, prm_rec) in [(3, 0, 1), (5, 64, 0)] {
        let Op::MxConv(m) = &mut code[i].op else { unreachable!("a matrix instruction") };
        (m.in_addr, m.w_addr, m.acc_row, m.prm_rec) = (in_addr, 128, 2, prm_rec);
    }
    let mut set_vx = |i: usize, a: u32, b: u32, d: u32| {
        let v = code[i].op.vx_mut().expect("a vector instruction");
        (v.a.addr, v.b.addr, v.d.addr) = (a, b, d);
    };
    set_vx(6, 128, 0, 1152);
    set_vx(9, 0, 0, 1184);
    set_vx(11, 0, 0, 1184);
    let mut ops: Vec<PlacedOp> =
        code.iter().enumerate().map(|(i, &instr)| PlacedOp { instr, op: Some(InstrId(i as u32)) }).collect();
    ops.push(PlacedOp { instr: Instr::new(Op::Halt), op: None });
    let config = NpuConfig::named("tiny-fuzz").unwrap();
    let mut consts = packed().bytes.to_vec();
    consts.extend(0.5f32.to_le_bytes());
    consts.extend([0; 12]);
    let code = ops.iter().map(|o| o.instr).collect();
    let mut program = Program::new(config.hash(), code, consts, 4, 128, 8);
    let io = |name: &str, direction, dims: &[u64], region| IoEntry {
        name: name.into(),
        direction,
        dtype: DType::F32,
        dims: dims.to_vec(),
        region,
        ..IoEntry::default()
    };
    program.iotab = vec![io("x", Direction::In, &[1, 32], Region::R2), io("y", Direction::Out, &[2], Region::R3)];
    let at = |region, offset| DramAddr { region, offset };
    let tensors = [(X, at(2, 0)), (W, at(0, 0)), (H, at(1, 0)), (Y, at(3, 0))];
    let mut dram: Vec<(DramPlace, DramAddr)> = tensors.into_iter().map(|(t, a)| (DramPlace::Tensor(t), a)).collect();
    dram.push((DramPlace::Params(ParamsId(0)), at(0, 2048)));
    let buf_addr = [0, 128, 2, 1152, 1, 0, 1184].into_iter().collect();
    Placed { config, stream: Arc::new(stream), buf_addr, dram, ops, program }
}
