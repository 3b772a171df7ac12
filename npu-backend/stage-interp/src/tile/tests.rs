use super::*;
use crate::testutil::tensor;
use isa::{AccTag, DType, EwFn, MxType};
use kit::IdVec;
use lir::fused::{Fused, GroupId, PrmRecord, TensorDef, TensorId};
use lir::tile::{Buf, BufId, BufMem, BufView, DramView, Operand, PrmView, Tile, TileGroup, TileInit, TileMx};
use std::sync::Arc;

const X: TensorId = TensorId(0);
const Y: TensorId = TensorId(1);

fn view(buf: u32, dtype: DType, strides: &[isize]) -> BufView {
    BufView { buf: BufId(buf), dtype, offset: 0, strides: strides.to_vec() }
}

fn dram(tensor: TensorId, offset: usize) -> DramView {
    DramView { tensor, offset, strides: vec![1] }
}

fn load(n: usize, offset: usize, dst: BufView) -> TileOp {
    TileOp::Load { n: vec![n], src: dram(X, offset), dst, weights: false }
}

fn store(n: usize, src: BufView) -> TileOp {
    TileOp::Store { n: vec![n], src, dst: dram(Y, 0) }
}

/// Runs one tile over f32 input `x` with the given buffers; output of `n` elements.
fn run(x: &[f32], y: DType, n: usize, bufs: &[(BufMem, usize)], ops: Vec<TileOp>) -> Result<Tensor, StageError> {
    let mut fused = Fused::default();
    fused.tensors.push(tensor(DType::F32, &[x.len()], TensorDef::Input(0)));
    fused.tensors.push(tensor(y, &[n], TensorDef::Group(GroupId(0))));
    fused.inputs.push(("x".into(), X));
    fused.outputs.push(("y".into(), Y));
    let bufs: IdVec<BufId, Buf> = bufs.iter().map(|&(mem, bytes)| Buf { mem, bytes, role: "test" }).collect();
    let tiles = vec![Tile { coords: vec![0], ops }];
    let groups = vec![TileGroup { group: GroupId(0), grid: vec![("n", 1)], bufs, tiles }];
    let p = TileProgram { fused: Arc::new(fused), groups };
    let run = run_tiles(&p, &[("x".into(), Tensor::from_f32(vec![x.len()], x))])?;
    Ok(run.outputs[0].1.clone())
}

fn mx(mx: MxType, c: usize) -> TileMx {
    TileMx {
        mx,
        depthwise: false,
        kpack: false,
        a: view(0, mx.activation(), &[0, 0]),
        w: (BufId(1), 0),
        acc: BufId(2),
        acc_row: 0,
        acc_sn: 1,
        oh: 1,
        ow: 1,
        ih: 1,
        iw: 1,
        c,
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
        init: TileInit::Zero,
        prm: None,
        zw_per_channel: false,
    }
}

fn ew(f: EwFn, a: BufView, b: Option<Operand>, d: BufView, n: usize) -> TileOp {
    TileOp::Ew { f, n: vec![n], a, b, d, prm: [None, None, None], imm1: None, saturate: false, relu: false }
}

/// x: 20 activations, then two packed blocks of 256 weights, all 1 in column n = 0.
fn split_input(a: &[f32; 20]) -> Vec<f32> {
    let mut x = a.to_vec();
    let mut w = vec![0.0; 512];
    w[..16].fill(1.0);
    w[256..260].fill(1.0);
    x.extend(w);
    x
}

#[test]
fn k_split_at_a_group_keeps_the_bits() {
    let mut a = [0.0; 20];
    (a[0], a[1], a[2], a[3], a[16], a[17]) = (1e8, 1.0, -1e8, 1.0, 0.1, 0.2);
    let x = split_input(&a);
    let bufs = [(BufMem::Spm, 80), (BufMem::Spm, 2048), (BufMem::Acc, 64), (BufMem::Spm, 4)];
    let head = || vec![load(20, 0, view(0, DType::F32, &[1])), load(512, 20, view(1, DType::F32, &[1]))];
    let tail = || {
        let out = ew(EwFn::Mov, view(2, DType::F32, &[1]), None, view(3, DType::F32, &[1]), 1);
        vec![out, store(1, view(3, DType::F32, &[1]))]
    };
    let whole = [head(), vec![TileOp::Mx(Box::new(mx(MxType::F32, 20)))], tail()].concat();
    let second = TileMx {
        a: BufView { offset: 64, ..view(0, DType::F32, &[0, 0]) },
        w: (BufId(1), 1024),
        init: TileInit::Accumulate,
        ..mx(MxType::F32, 4)
    };
    let parts = vec![TileOp::Mx(Box::new(mx(MxType::F32, 16))), TileOp::Mx(Box::new(second))];
    let split = [head(), parts, tail()].concat();
    // Group 0: (1e8 + 1) + (−1e8 + 1) = 0; group 1: 0.1 + 0.2 in binary32.
    for ops in [whole, split] {
        assert_eq!(run(&x, DType::F32, 1, &bufs, ops).unwrap().to_f32().unwrap(), [0.1f32 + 0.2]);
    }
}

#[test]
fn requantised_accumulator_with_relu() {
    // The accumulator is filled with −10 and 65; scale 0.5, zero point 3: −5 + 3 → lifted to 3; 32.5 → 32 + 3.
    let bufs = [(BufMem::Acc, 64), (BufMem::Prm, 16), (BufMem::Spm, 16)];
    let fill = |offset: usize, v: i32| TileOp::Fill {
        n: vec![8],
        d: BufView { offset, ..view(0, DType::S32, &[1]) },
        bits: u64::from(v.cast_unsigned()),
    };
    let ops = vec![
        fill(0, -10),
        fill(32, 65),
        TileOp::LoadParams {
            buf: BufId(1),
            records: vec![PrmRecord { mult: 0.5f32.to_bits(), zp: 3, ..PrmRecord::default() }],
        },
        TileOp::Requant {
            n: vec![16],
            a: view(0, DType::S32, &[1]),
            d: view(2, DType::S8, &[1]),
            prm: PrmView { buf: BufId(1), first: 0, axis: None },
            relu: true,
        },
        store(16, view(2, DType::S8, &[1])),
    ];
    let y = run(&[0.0], DType::S8, 16, &bufs, ops).unwrap().to_i8().unwrap();
    assert_eq!(y, [3, 3, 3, 3, 3, 3, 3, 3, 35, 35, 35, 35, 35, 35, 35, 35]);
}

#[test]
fn faults_name_their_place() {
    let bufs = [(BufMem::Spm, 8)];
    let ops = vec![load(1, 0, view(0, DType::F32, &[1])), store(2, view(0, DType::F32, &[1]))];
    let e = run(&[1.0, 2.0], DType::F32, 2, &bufs, ops).unwrap_err();
    assert_eq!(e.to_string(), "stage T group 0 tile 0 op 1: read of uninitialised byte 4 of b0");
    let ops = vec![load(3, 0, view(0, DType::F32, &[1]))];
    let e = run(&[1.0, 2.0, 3.0], DType::F32, 2, &bufs, ops).unwrap_err();
    assert!(matches!(e.fault, Fault::Bounds { offset: 8, size: 8, .. }), "{e}");
    let ops = vec![load(1, 0, view(0, DType::F32, &[1])), store(1, view(0, DType::F32, &[1]))];
    let e = run(&[1.0], DType::F32, 2, &bufs, ops).unwrap_err();
    assert_eq!(e.fault, Fault::NotReady(Y));
}

#[test]
fn accumulator_tags_are_kept() {
    let bufs = [(BufMem::Acc, 64), (BufMem::Spm, 64)];
    let ops = vec![
        TileOp::Fill { n: vec![16], d: view(0, DType::F32, &[1]), bits: 0 },
        TileOp::Copy { n: vec![16], a: view(0, DType::S32, &[1]), d: view(1, DType::S32, &[1]) },
    ];
    let e = run(&[1.0], DType::S32, 16, &bufs, ops).unwrap_err();
    assert!(matches!(e.fault, Fault::AccTag { want: AccTag::I32, have: AccTag::F32, .. }), "{e}");
}

#[test]
fn reductions_continue_from_d() {
    let bufs = [(BufMem::Spm, 68), (BufMem::Spm, 4)];
    let red = |offset: usize, n: usize, accumulate: bool| TileOp::Red {
        f: isa::RedFn::Sum,
        n: vec![n],
        a: BufView { offset, ..view(0, DType::F32, &[1]) },
        d: view(1, DType::F32, &[0]),
        accumulate,
        last: false,
        base: 0,
    };
    let ops = vec![
        load(17, 0, view(0, DType::F32, &[1])),
        red(0, 16, false),
        red(64, 1, true),
        store(1, view(1, DType::F32, &[1])),
    ];
    let mut x = [0.0; 17];
    (x[0], x[3], x[16]) = (1e8, -1e8, 1.0);
    assert_eq!(run(&x, DType::F32, 1, &bufs, ops).unwrap().to_f32().unwrap(), [1.0]);
}

#[test]
fn gathers_count_negative_indices_from_the_end() {
    let bufs = [(BufMem::Spm, 24), (BufMem::Spm, 8), (BufMem::Spm, 16)];
    let index = |at: usize, v: i32| TileOp::Fill {
        n: vec![1],
        d: BufView { offset: at, ..view(1, DType::S32, &[1]) },
        bits: u64::from(v.cast_unsigned()),
    };
    let gather = TileOp::Gather {
        n: [1, 2, 2],
        a: view(0, DType::F32, &[6, 2, 1]),
        idx: view(1, DType::S32, &[1]),
        d: view(2, DType::F32, &[4, 2, 1]),
        len: 3,
    };
    let ops = |second: i32| {
        let head = load(6, 0, view(0, DType::F32, &[1]));
        vec![head, index(0, -1), index(4, second), gather.clone(), store(4, view(2, DType::F32, &[1]))]
    };
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let y = run(&x, DType::F32, 4, &bufs, ops(1)).unwrap().to_f32().unwrap();
    assert_eq!(y, [4.0, 5.0, 2.0, 3.0]);
    let e = run(&x, DType::F32, 4, &bufs, ops(3)).unwrap_err();
    assert_eq!(e.fault, Fault::Index { index: 3, len: 3 });
}
