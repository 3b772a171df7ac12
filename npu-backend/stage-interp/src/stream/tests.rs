use super::*;
use crate::Fault;
use crate::testutil::tensor;
use ir::Tensor;
use isa::{DType, Dma, EwFn, Form, Init, Instr, Mem, Mx, MxType, Op, Operand, Vx, VxFn};
use lir::fused::{Fused, Group, GroupId, GroupKind, Move, PrmRecord, TensorDef};
use lir::stream::{DramPlace, Places};
use lir::tile::{Buf, BufId, BufMem};
use std::sync::Arc;

/// A stream under construction: input `x`, constant `w`, output `y`, all f32 vectors unless said otherwise.
struct Builder {
    fused: Fused,
    bufs: Vec<Buf>,
    params: Vec<Vec<PrmRecord>>,
    ops: Vec<StreamOp>,
}

const X: TensorId = TensorId(0);
const W: TensorId = TensorId(1);
const Y: TensorId = TensorId(2);

impl Builder {
    fn new(x: usize, w: &[f32], y_type: DType, y: usize) -> Self {
        let mut fused = Fused::default();
        fused.tensors.push(tensor(DType::F32, &[x], TensorDef::Input(0)));
        fused.tensors.push(tensor(DType::F32, &[w.len()], TensorDef::Const(Tensor::from_f32(vec![w.len()], w))));
        fused.tensors.push(tensor(y_type, &[y], TensorDef::Group(GroupId(0))));
        fused.inputs.push(("x".into(), X));
        fused.outputs.push(("y".into(), Y));
        let kind = GroupKind::Move(Move { copies: vec![], fills: vec![] });
        fused.groups.push(Group { kind, inputs: vec![X, W], output: Y, nodes: vec![], name: "g".into() });
        Builder { fused, bufs: vec![], params: vec![], ops: vec![] }
    }
    fn buf(&mut self, mem: BufMem, bytes: usize) -> BufId {
        self.bufs.push(Buf { mem, bytes, role: "test" });
        BufId(self.bufs.len() as u32 - 1)
    }
    fn op(&mut self, op: Op, places: Places) {
        self.ops.push(StreamOp { instr: Instr::new(op), places, group: GroupId(0), tile: 0 });
    }
    fn ld(&mut self, t: TensorId, b: BufId, n: u16) {
        let d = Dma { esz: 4, n: [n, 1, 1, 1], ..Dma::default() };
        self.op(Op::Ld(d), Places { a: Some(b), dram: Some(DramPlace::Tensor(t)), ..Places::default() });
    }
    fn st(&mut self, b: BufId, esz: u8, n: u16) {
        let d = Dma { esz, n: [n, 1, 1, 1], ..Dma::default() };
        self.op(Op::St(d), Places { a: Some(b), dram: Some(DramPlace::Tensor(Y)), ..Places::default() });
    }
    fn run(self, x: &[f32]) -> Result<Tensor, StageError> {
        let s = Stream {
            fused: Arc::new(self.fused),
            bufs: self.bufs.into_iter().collect(),
            params: self.params.into_iter().collect(),
            ops: self.ops.into_iter().collect(),
        };
        let run = run_stream(&s, &[("x".into(), Tensor::from_f32(vec![x.len()], x))])?;
        Ok(run.outputs[0].1.clone())
    }
}

fn spm(dt: DType, s0: i32) -> Operand {
    Operand { addr: 0, s: [s0, 0, 0, 0], mem: Mem::Spm, dt }
}

#[test]
fn load_multiply_store() {
    let mut b = Builder::new(3, &[2.0, 3.0, 4.0], DType::F32, 3);
    let (x, w, y) = (b.buf(BufMem::Spm, 12), b.buf(BufMem::Spm, 12), b.buf(BufMem::Spm, 12));
    b.ld(X, x, 3);
    b.ld(W, w, 3);
    let v = Vx {
        func: VxFn::Ew(EwFn::Mul),
        a: spm(DType::F32, 1),
        b: spm(DType::F32, 1),
        d: spm(DType::F32, 1),
        n: [3, 1, 1, 1],
        ..Vx::default()
    };
    b.op(Op::Ew(v), Places { a: Some(x), b: Some(w), d: Some(y), ..Places::default() });
    b.st(y, 4, 3);
    assert_eq!(b.run(&[1.0, -1.0, 0.5]).unwrap().to_f32().unwrap(), [2.0, -3.0, 2.0]);
}

#[test]
fn matrix_through_the_accumulator_with_bias_and_relu() {
    // K = 2, N = 1: y = relu(x·w + bias), moved out of ACC.
    let mut block = [0.0; 256];
    (block[0], block[1]) = (3.0, -1.0);
    let mut b = Builder::new(2, &block, DType::F32, 1);
    let (x, w, y) = (b.buf(BufMem::Spm, 8), b.buf(BufMem::Spm, 1024), b.buf(BufMem::Spm, 4));
    let (acc, prm) = (b.buf(BufMem::Acc, 64), b.buf(BufMem::Prm, 16));
    b.params.push(vec![PrmRecord { bias: 0.5f32.to_bits(), ..PrmRecord::default() }]);
    b.ld(X, x, 2);
    b.ld(W, w, 256);
    let d = Dma { mem: Mem::Prm, esz: 4, n: [4, 1, 1, 1], ..Dma::default() };
    let dram = Some(DramPlace::Params(lir::stream::ParamsId(0)));
    b.op(Op::Ld(d), Places { a: Some(prm), dram, ..Places::default() });
    let mx = Mx { dtype: MxType::F32, clast: 2, nlast: 1, init: Init::Bias, in_sx: 8, in_sy: 8, ..Mx::default() };
    let places = Places { a: Some(x), b: Some(w), d: Some(acc), prm: [None, None, Some(prm)], ..Places::default() };
    b.op(Op::MxConv(mx), places);
    let v = Vx {
        func: VxFn::Ew(EwFn::Mov),
        a: Operand { mem: Mem::Acc, ..spm(DType::F32, 1) },
        d: spm(DType::F32, 1),
        act: isa::Act::Relu,
        ..Vx::default()
    };
    b.op(Op::Ew(v), Places { a: Some(acc), d: Some(y), ..Places::default() });
    b.st(y, 4, 1);
    let (fused, bufs, params, ops) = (b.fused.clone(), b.bufs.clone(), b.params.clone(), b.ops.clone());
    assert_eq!(b.run(&[1.0, 2.0]).unwrap().to_f32().unwrap(), [1.5]);
    let again = Builder { fused, bufs, params, ops };
    assert_eq!(again.run(&[0.0, 2.0]).unwrap().to_f32().unwrap()[0].to_bits(), 0);
}

#[test]
fn integer_rows_read_as_floats_are_refused() {
    let mut b = Builder::new(1, &[0.0], DType::F32, 16);
    let (acc, y) = (b.buf(BufMem::Acc, 64), b.buf(BufMem::Spm, 64));
    let row = |dt| Operand { mem: Mem::Acc, ..spm(dt, 1) };
    let fill = Vx { d: row(DType::S32), n: [16, 1, 1, 1], form: Form::imm64(7), ..Vx::default() };
    b.op(Op::Fill(fill), Places { d: Some(acc), ..Places::default() });
    let v =
        Vx { func: VxFn::Ew(EwFn::Mov), a: row(DType::F32), d: spm(DType::F32, 1), n: [16, 1, 1, 1], ..Vx::default() };
    b.op(Op::Ew(v), Places { a: Some(acc), d: Some(y), ..Places::default() });
    let e = b.run(&[0.0]).unwrap_err();
    assert_eq!(e.op, Some(1));
    assert!(matches!(e.fault, Fault::AccTag { row: 0, .. }), "{e}");
}

#[test]
fn uninitialised_and_out_of_bounds_reads_are_refused() {
    let mut b = Builder::new(2, &[0.0], DType::F32, 2);
    let x = b.buf(BufMem::Spm, 12);
    b.ld(X, x, 2);
    b.st(x, 4, 3);
    let e = b.run(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(e.fault, Fault::Uninit { offset: 8, .. }), "{e}");
    let mut b = Builder::new(2, &[0.0], DType::F32, 2);
    let x = b.buf(BufMem::Spm, 4);
    b.ld(X, x, 2);
    let e = b.run(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(e.fault, Fault::Bounds { size: 4, .. }), "{e}");
    assert_eq!(e.to_string(), "stage S group 0 tile 0 op 0: access to bytes 0..8 of b0, which has 4");
}

#[test]
fn an_incomplete_output_is_refused() {
    let mut b = Builder::new(2, &[0.0], DType::F32, 2);
    let x = b.buf(BufMem::Spm, 8);
    b.ld(X, x, 2);
    b.st(x, 4, 1);
    assert_eq!(b.run(&[1.0, 2.0]).unwrap_err().fault, Fault::NotReady(Y));
}

#[test]
fn requantise_with_the_channel_in_two_loops() {
    // chan = i0 + 16·i1: 17 channels as rows of 16 and 1; scales 1 … 17.
    let mut b = Builder::new(32, &[0.0], DType::S8, 17);
    let (x, y, prm) = (b.buf(BufMem::Spm, 128), b.buf(BufMem::Spm, 32), b.buf(BufMem::Prm, 32 * 16));
    b.params
        .push((0..32).map(|c| PrmRecord { mult: (c as f32 + 1.0).to_bits(), zp: 1, ..PrmRecord::default() }).collect());
    b.ld(X, x, 32);
    let d = Dma { mem: Mem::Prm, esz: 8, n: [64, 1, 1, 1], ..Dma::default() };
    let dram = Some(DramPlace::Params(lir::stream::ParamsId(0)));
    b.op(Op::Ld(d), Places { a: Some(prm), dram, ..Places::default() });
    let v = Vx {
        a: Operand { s: [1, 16, 0, 0], ..spm(DType::S32, 1) },
        d: Operand { s: [1, 16, 0, 0], ..spm(DType::S8, 1) },
        n: [16, 2, 1, 1],
        rq: isa::RqMode::F32,
        chan: isa::Chan::I0I1,
        form: Form::prm(None, None, Some(0)),
        ..Vx::default()
    };
    b.op(Op::Rq(v), Places { a: Some(x), d: Some(y), prm: [None, None, Some(prm)], ..Places::default() });
    b.st(y, 1, 17);
    let ones = f32::from_bits(1); // the bits of the integer 1
    let out = b.run(&[ones; 32]).unwrap().to_i8().unwrap();
    let want: Vec<i8> = (2..19).collect();
    assert_eq!(out, want);
}

#[test]
fn padded_load_borders() {
    let mut b = Builder::new(2, &[0.0], DType::F32, 12);
    let x = b.buf(BufMem::Spm, 48);
    // 2 rows of 1 element, border 1 before and after inside, 0 rows before, 2 … rows of 3 elements: 4 rows in all.
    let d = Dma {
        esz: 4,
        n: [1, 2, 1, 1],
        dram_s: [4, 0, 0],
        loc_s: [12, 0, 0],
        padmode: true,
        fill: 9.0f32.to_bits(),
        lo: [1, 1, 0],
        hi: [1, 1, 0],
        ..Dma::default()
    };
    b.op(Op::Ld(d), Places { a: Some(x), dram: Some(DramPlace::Tensor(X)), ..Places::default() });
    b.st(x, 4, 12);
    let y = b.run(&[1.0, 2.0]).unwrap().to_f32().unwrap();
    assert_eq!(y, [9.0, 9.0, 9.0, 9.0, 1.0, 9.0, 9.0, 2.0, 9.0, 9.0, 9.0, 9.0]);
}

#[test]
fn reductions_continue_from_d() {
    // Sum of 16 + 1 elements in two instructions equals one of 17: 1e8 + 1 is rounded once.
    let mut b = Builder::new(17, &[0.0], DType::F32, 1);
    let (x, y) = (b.buf(BufMem::Spm, 68), b.buf(BufMem::Spm, 4));
    b.ld(X, x, 17);
    let red = |addr, n, acc| Vx {
        func: VxFn::Red(isa::RedFn::Sum),
        a: Operand { addr, ..spm(DType::F32, 1) },
        d: spm(DType::F32, 0),
        n: [n, 1, 1, 1],
        acc,
        ..Vx::default()
    };
    let places = Places { a: Some(x), d: Some(y), ..Places::default() };
    b.op(Op::Red(red(0, 16, false)), places);
    b.op(Op::Red(red(64, 1, true)), places);
    b.st(y, 4, 1);
    let mut input = [0.0; 17];
    (input[0], input[3], input[16]) = (1e8, -1e8, 1.0);
    assert_eq!(b.run(&input).unwrap().to_f32().unwrap(), [1.0]);
}

#[test]
fn sort_scan_gather_scatter() {
    let mut b = Builder::new(4, &[0.0], DType::F32, 4);
    let (x, p, y) = (b.buf(BufMem::Spm, 16), b.buf(BufMem::Spm, 16), b.buf(BufMem::Spm, 16));
    b.ld(X, x, 4);
    let sort = Vx {
        func: VxFn::Sort(isa::SortFn::Descending),
        a: spm(DType::F32, 1),
        d: spm(DType::S32, 1),
        n: [4, 1, 1, 1],
        form: Form::imm(4),
        ..Vx::default()
    };
    b.op(Op::Sort(sort), Places { a: Some(x), d: Some(p), ..Places::default() });
    let ga = Vx {
        a: spm(DType::F32, 0),
        b: spm(DType::S32, 1),
        d: spm(DType::F32, 1),
        n: [4, 1, 1, 1],
        form: Form::Imm { imm0: 1, imm1: 4 },
        ..Vx::default()
    };
    b.op(Op::Ga(ga), Places { a: Some(x), b: Some(p), d: Some(y), ..Places::default() });
    let scan = Vx {
        func: VxFn::Scan(isa::ScanFn::Sum),
        a: spm(DType::F32, 1),
        d: spm(DType::F32, 1),
        n: [4, 1, 1, 1],
        excl: true,
        ..Vx::default()
    };
    b.op(Op::Scan(scan), Places { a: Some(y), d: Some(x), ..Places::default() });
    let sc = Vx {
        func: VxFn::Sc(isa::ScFn::Add),
        a: spm(DType::F32, 1),
        b: spm(DType::S32, 0),
        d: spm(DType::F32, 0),
        n: [2, 1, 1, 1],
        form: Form::Imm { imm0: 1, imm1: 4 },
        ..Vx::default()
    };
    b.op(Op::Sc(sc), Places { a: Some(x), b: Some(p), d: Some(y), ..Places::default() });
    b.st(y, 4, 4);
    // Sorted descending: 5 (at 2), 3 (at 1), 3 (at 3), 1 (at 0). Exclusive sums 0, 5, 8, 11.
    // Position p[0] = 2 of y receives 0 and 5: 3 + 5 = 8.
    assert_eq!(b.run(&[1.0, 3.0, 5.0, 3.0]).unwrap().to_f32().unwrap(), [5.0, 3.0, 8.0, 1.0]);
}
