use super::*;
use crate::testutil::run_one;
use ir::Tensor;
use lir::fused::{GroupKind, PrmRecord, View};

fn step(f: EwFn, a: Src, b: Option<Src>, dtype: DType) -> Step {
    Step { f: StepFn::Ew(f), a, b, old: None, dtype, params: [None, None, None], imm1: None, saturate: false }
}

fn dense(input: usize, n: usize) -> View {
    let _ = n;
    View { input, offset: 0, strides: vec![1] }
}

fn run_steps(inputs: &[Tensor], n: usize, steps: Vec<Step>) -> Result<Tensor, Fault> {
    let views = (0..inputs.len()).map(|i| dense(i, n)).collect();
    let dtype = steps.last().unwrap().dtype;
    run_one(inputs, dtype, &[n], GroupKind::Elementwise(Elementwise { space: vec![n], views, steps }))
}

fn f32s(x: &[f32]) -> Tensor {
    Tensor::from_f32(vec![x.len()], x)
}

fn binary(f: EwFn, a: &[f32], b: &[f32]) -> Vec<u32> {
    let s = step(f, Src::View(0), Some(Src::View(1)), DType::F32);
    let y = run_steps(&[f32s(a), f32s(b)], a.len(), vec![s]).unwrap();
    y.to_f32().unwrap().into_iter().map(f32::to_bits).collect()
}

fn ints(f: EwFn, a: &[i8], b: &[i8], saturate: bool) -> Result<Vec<i8>, Fault> {
    let mut s = step(f, Src::View(0), Some(Src::View(1)), DType::S8);
    s.saturate = saturate;
    let inputs = [Tensor::from_i8(vec![a.len()], a), Tensor::from_i8(vec![b.len()], b)];
    Ok(run_steps(&inputs, a.len(), vec![s])?.to_i8().unwrap())
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn float_functions() {
    let nan = f32::from_bits(0xFFC0_1234);
    assert_eq!(binary(EwFn::Max, &[-0.0, 0.0, nan, 2.0], &[0.0, -0.0, 1.0, 1.0]), bits(&[0.0, 0.0, NAN, 2.0]));
    assert_eq!(binary(EwFn::Min, &[-0.0, 0.0, 1.0], &[0.0, -0.0, 2.0]), bits(&[-0.0, -0.0, 1.0]));
    assert_eq!(binary(EwFn::Mod, &[5.0, -5.0, 5.0, -6.0], &[3.0, 3.0, -3.0, 3.0]), bits(&[2.0, 1.0, -1.0, -0.0]));
    assert_eq!(binary(EwFn::Rem, &[5.0, -5.0], &[3.0, 3.0]), bits(&[2.0, -2.0]));
    assert_eq!(binary(EwFn::Prelu, &[-2.0, 3.0, -0.0], &[0.5, 0.5, 0.5]), bits(&[-1.0, 3.0, -0.0]));
    assert_eq!(binary(EwFn::Div, &[1.0, 0.0], &[-0.0, 0.0]), bits(&[f32::NEG_INFINITY, NAN]));
}

#[test]
fn a_move_keeps_payloads_and_arithmetic_does_not() {
    let nan = f32::from_bits(0xFFC0_1234);
    let moved = run_steps(&[f32s(&[nan])], 1, vec![step(EwFn::Mov, Src::View(0), None, DType::F32)]).unwrap();
    assert_eq!(moved.to_f32().unwrap()[0].to_bits(), 0xFFC0_1234);
    let negated = run_steps(&[f32s(&[nan])], 1, vec![step(EwFn::Neg, Src::View(0), None, DType::F32)]).unwrap();
    assert_eq!(negated.to_f32().unwrap()[0].to_bits(), 0x7FC0_0000);
}

#[test]
fn integer_functions_narrow_once() {
    assert_eq!(ints(EwFn::Add, &[127, -128], &[1, -1], false).unwrap(), [-128, 127]);
    assert_eq!(ints(EwFn::Add, &[127, -128], &[1, -1], true).unwrap(), [127, -128]);
    assert_eq!(ints(EwFn::Div, &[-7, -128], &[2, -1], false).unwrap(), [-3, -128]);
    assert_eq!(ints(EwFn::Mod, &[-7, 7], &[3, -3], false).unwrap(), [2, -2]);
    assert_eq!(ints(EwFn::Rem, &[-7, 7], &[3, -3], false).unwrap(), [-1, 1]);
    assert_eq!(ints(EwFn::ShrRound, &[-3, 3], &[1, 1], false).unwrap(), [-1, 2]);
    assert_eq!(ints(EwFn::Ipow, &[-2, 2, -1], &[3, -1, -3], false).unwrap(), [-8, 0, -1]);
    assert_eq!(ints(EwFn::Idx, &[-1, 2], &[5, 5], false).unwrap(), [4, 2]);
    assert_eq!(ints(EwFn::Not, &[0, 5], &[0, 0], false).unwrap(), [-1, -6]);
    assert_eq!(ints(EwFn::Div, &[1], &[0], false).unwrap_err(), Fault::Div0);
    assert_eq!(ints(EwFn::Shl, &[1], &[8], false).unwrap_err(), Fault::ShiftRange(8));
    assert_eq!(ints(EwFn::Idx, &[5], &[5], false).unwrap_err(), Fault::Index { index: 5, len: 5 });
}

#[test]
fn products_of_the_largest_u64_wrap_and_saturate() {
    let x = Tensor::from_u64(vec![1], &[u64::MAX]);
    let mut s = step(EwFn::Mul, Src::View(0), Some(Src::View(0)), DType::U64);
    assert_eq!(run_steps(std::slice::from_ref(&x), 1, vec![s.clone()]).unwrap().to_u64().unwrap(), [1]);
    s.saturate = true;
    assert_eq!(run_steps(&[x], 1, vec![s]).unwrap().to_u64().unwrap(), [u64::MAX]);
}

#[test]
fn form_prm_is_dequantise_operate_quantise() {
    // 0.5·(10 − 2) + 0.25·(8 − 0) = 6; 6/0.5 − 1 = 11.
    let p = |scale: f32, zp: i32| {
        Some(Params { records: vec![PrmRecord { mult: scale.to_bits(), zp, ..PrmRecord::default() }], axis: None })
    };
    let mut s = step(EwFn::Add, Src::View(0), Some(Src::View(1)), DType::S8);
    s.params = [p(0.5, 2), p(0.25, 0), p(0.5, -1)];
    let inputs = [Tensor::from_i8(vec![1], &[10]), Tensor::from_u8(vec![1], &[8])];
    assert_eq!(run_steps(&inputs, 1, vec![s]).unwrap().to_i8().unwrap(), [11]);
}

#[test]
fn records_advance_with_their_loop() {
    let records = [1.0f32, 2.0].map(|s| PrmRecord { mult: s.to_bits(), ..PrmRecord::default() }).to_vec();
    let mut s = step(EwFn::Mov, Src::View(0), None, DType::F32);
    s.params[0] = Some(Params { records, axis: Some(0) });
    let e = Elementwise {
        space: vec![2, 2],
        views: vec![View { input: 0, offset: 0, strides: vec![2, 1] }],
        steps: vec![s],
    };
    let x = Tensor::from_i8(vec![4], &[1, 2, 3, 4]);
    let y = run_one(&[x], DType::F32, &[2, 2], GroupKind::Elementwise(e)).unwrap();
    assert_eq!(y.to_f32().unwrap(), [1.0, 2.0, 6.0, 8.0]);
}

#[test]
fn views_broadcast_and_reverse() {
    let e = Elementwise {
        space: vec![2, 3],
        views: vec![
            View { input: 0, offset: 2, strides: vec![0, -1] },
            View { input: 1, offset: 0, strides: vec![1, 0] },
        ],
        steps: vec![step(EwFn::Add, Src::View(0), Some(Src::View(1)), DType::F32)],
    };
    let y = run_one(&[f32s(&[1.0, 2.0, 3.0]), f32s(&[10.0, 20.0])], DType::F32, &[2, 3], GroupKind::Elementwise(e));
    assert_eq!(y.unwrap().to_f32().unwrap(), [13.0, 12.0, 11.0, 23.0, 22.0, 21.0]);
}

#[test]
fn comparisons_conversions_and_conditional_moves() {
    let x = f32s(&[-1.5, 2.5, f32::NAN]);
    let negative = step(EwFn::Lt, Src::View(0), Some(Src::Imm(0)), DType::Bool);
    let mut pick = step(EwFn::Cmov, Src::Imm(i64::from(7.0f32.to_bits())), Some(Src::Step(0)), DType::F32);
    pick.old = Some(1);
    let copy = step(EwFn::Mov, Src::View(0), None, DType::F32);
    let y = run_steps(std::slice::from_ref(&x), 3, vec![negative, copy, pick]).unwrap().to_f32().unwrap();
    assert_eq!((y[0], y[1], y[2].is_nan()), (7.0, 2.5, true));
    let convert = |rm, dtype| {
        let mut s = step(EwFn::Mov, Src::View(0), None, dtype);
        s.f = StepFn::Cvt { rm };
        s
    };
    for (rm, want) in [(0, [-2i8, 2, 0]), (1, [-1, 2, 0]), (2, [-2, 2, 0]), (3, [-1, 3, 0]), (4, [-2, 3, 0])] {
        let y = run_steps(std::slice::from_ref(&x), 3, vec![convert(rm, DType::S8)]).unwrap();
        assert_eq!(y.to_i8().unwrap(), want, "rule {rm}");
    }
    let big = Tensor::from_i32(vec![2], &[300, -1]);
    let y = run_steps(&[big], 2, vec![convert(0, DType::U8)]).unwrap();
    assert_eq!(y.to_u8().unwrap(), [44, 255]); // integer to integer wraps
}

#[test]
fn bool_bytes_are_checked() {
    let x = Tensor::new(ir::DType::Bool, vec![1], vec![2u8]).unwrap();
    let s = step(EwFn::Not, Src::View(0), None, DType::Bool);
    assert_eq!(run_steps(&[x], 1, vec![s.clone()]).unwrap_err(), Fault::Bool(2));
    let x = Tensor::from_bool(vec![2], &[true, false]);
    assert_eq!(&*run_steps(&[x], 2, vec![s]).unwrap().bytes, [0, 1]);
}

#[test]
fn fmac_rounds_once() {
    let a = 1.0 + f32::powi(2.0, -12);
    let copy = step(EwFn::Mov, Src::View(1), None, DType::F32);
    let mut s = step(EwFn::Fmac, Src::View(0), Some(Src::View(0)), DType::F32);
    s.old = Some(0);
    let y = run_steps(&[f32s(&[a]), f32s(&[-a * a])], 1, vec![copy, s]).unwrap();
    assert_eq!(y.to_f32().unwrap(), [f32::powi(2.0, -24)]);
}
