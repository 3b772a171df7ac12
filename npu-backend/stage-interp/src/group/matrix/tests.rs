use super::*;
use crate::testutil::run_one;
use ir::{Tensor, ValueId};
use isa::MxType;
use lir::fused::GroupKind;

/// A 1×1 matrix with the given K and N, one pixel.
fn matrix(mx: MxType, c: usize, n: usize) -> Matrix {
    Matrix {
        mx,
        depthwise: false,
        kpack: false,
        problems: vec![Problem { a: 0, w: 0, d: 0, prm: 0 }],
        ih: 1,
        iw: 1,
        c,
        a_sy: c,
        a_sx: c,
        oh: 1,
        ow: 1,
        n,
        d_sy: n,
        d_sx: n,
        kh: 1,
        kw: 1,
        sy: 1,
        sx: 1,
        dy: 1,
        dx: 1,
        iy0: 0,
        ix0: 0,
        weights: Weights::Packed { source: ValueId(0) },
        zx: 0,
        zw: 0,
        zw_per_channel: false,
        params: None,
        bias: false,
        drain: Drain::Float,
        relu: false,
    }
}

/// A block of zeros with some elements set.
fn packed(blocks: usize, set: &[(usize, f32)]) -> Tensor {
    let mut w = vec![0.0; blocks * 256];
    for &(i, v) in set {
        w[i] = v;
    }
    Tensor::from_f32(vec![w.len()], &w)
}

fn run_f32(m: Matrix, x: &[f32], w: Tensor, out: usize) -> Vec<f32> {
    let x = Tensor::from_f32(vec![x.len()], x);
    run_one(&[x, w], DType::F32, &[out], GroupKind::Matrix(m)).unwrap().to_f32().unwrap()
}

#[test]
fn a_group_is_summed_by_the_fixed_tree() {
    // (1e8 + 1) + (−1e8 + 1) = 1e8 − 1e8 = 0, where a sequence would give 1.
    let w = packed(1, &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
    assert_eq!(run_f32(matrix(MxType::F32, 4, 1), &[1e8, 1.0, -1e8, 1.0], w, 1), [0.0]);
}

#[test]
fn groups_are_added_in_order() {
    // Group 0 gives 1e8, group 1 gives 1: RNE(1e8 + 1) = 1e8; group 2 gives −1e8.
    let mut x = vec![0.0; 33];
    (x[0], x[16], x[32]) = (1e8, 1.0, -1e8);
    let w = packed(3, &[(0, 1.0), (256, 1.0), (512, 1.0)]);
    assert_eq!(run_f32(matrix(MxType::F32, 33, 1), &x, w, 1), [0.0]);
}

#[test]
fn masked_lanes_are_not_multiplied() {
    // Lane 1 lies beyond C = 1: its infinite weight must not meet a zero.
    let w = packed(1, &[(0, 2.0), (1, f32::INFINITY)]);
    assert_eq!(run_f32(matrix(MxType::F32, 1, 1), &[3.0], w, 1), [6.0]);
    // An active lane follows IEEE.
    let w = packed(1, &[(0, f32::INFINITY)]);
    assert_eq!(run_f32(matrix(MxType::F32, 1, 1), &[0.0], w, 1)[0].to_bits(), 0x7FC0_0000);
}

#[test]
fn padding_contributes_nothing() {
    let mut m = matrix(MxType::F32, 1, 1);
    (m.ih, m.iw, m.oh, m.ow, m.kh, m.kw) = (3, 3, 3, 3, 3, 3);
    (m.a_sy, m.a_sx, m.d_sy, m.d_sx, m.iy0, m.ix0) = (3, 1, 3, 1, -1, -1);
    let taps: Vec<(usize, f32)> = (0..9).map(|t| (t * 256, 1.0)).collect();
    let y = run_f32(m, &[1.0; 9], packed(9, &taps), 9);
    assert_eq!(y, [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
}

#[test]
fn stride_and_dilation_reach_the_right_pixels() {
    // One row 0…6, kernel 2 with dilation 2, stride 3: pixels (0, 2) and (3, 5).
    let mut m = matrix(MxType::F32, 1, 1);
    (m.iw, m.ow, m.kw, m.sx, m.dx, m.a_sx, m.a_sy, m.d_sx) = (7, 2, 2, 3, 2, 1, 7, 1);
    let y = run_f32(m, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], packed(2, &[(0, 1.0), (256, 10.0)]), 2);
    assert_eq!(y, [20.0, 53.0]);
}

#[test]
fn kpack_packs_taps_and_channels_into_one_group() {
    // kw = 2, C = 3: q = kx·3 + c. The first column is padding.
    let mut m = matrix(MxType::F32, 3, 1);
    m.kpack = true;
    (m.iw, m.ow, m.kw, m.ix0, m.a_sx, m.d_sx) = (2, 2, 2, -1, 3, 1);
    let w: Vec<(usize, f32)> = (0..6).map(|q| (q, [1.0, 10.0, 100.0, 1e3, 1e4, 1e5][q])).collect();
    let y = run_f32(m, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], packed(1, &w), 2);
    assert_eq!(y, [321_000.0, 654_321.0]);
}

#[test]
fn an_initial_minus_zero_is_plus_zero() {
    let mut m = matrix(MxType::F32, 1, 1);
    m.bias = true;
    m.params = Some(vec![PrmRecord { bias: (-0.0f32).to_bits(), ..PrmRecord::default() }]);
    let y = run_f32(m, &[-0.0], packed(1, &[(0, 0.0)]), 1);
    assert_eq!(y[0].to_bits(), 0);
}

#[test]
fn requantised_integers_keep_zero_points_and_round_to_even() {
    let mut m = matrix(MxType::S8S8, 2, 1);
    (m.zx, m.zw, m.bias, m.drain) = (5, 1, true, Drain::RequantF32);
    m.params = Some(vec![PrmRecord { bias: 100, mult: 0.5f32.to_bits(), zp: 3, ..PrmRecord::default() }]);
    let mut w = vec![0i8; 256];
    (w[0], w[1]) = (3, -2);
    let inputs = [Tensor::from_i8(vec![2], &[10, 20]), Tensor::from_i8(vec![256], &w)];
    // (5·2) + (15·−3) + 100 = 65; 32.5 rounds to 32; +3.
    let y = run_one(&inputs, DType::S8, &[1], GroupKind::Matrix(m.clone())).unwrap();
    assert_eq!(y.to_i8().unwrap(), [35]);
    // −65 gives −32 + 3 = −29, which relu lifts to the zero point.
    m.relu = true;
    m.params.as_mut().unwrap()[0].bias = (-30i32).cast_unsigned();
    let y = run_one(&inputs, DType::S8, &[1], GroupKind::Matrix(m)).unwrap();
    assert_eq!(y.to_i8().unwrap(), [3]);
}

#[test]
fn zero_points_for_each_channel() {
    let mut m = matrix(MxType::U8U8, 1, 2);
    (m.zw_per_channel, m.drain) = (true, Drain::Int32);
    m.params = Some(vec![PrmRecord { zw: 1, ..PrmRecord::default() }, PrmRecord { zw: 7, ..PrmRecord::default() }]);
    let mut w = vec![0u8; 256];
    (w[0], w[16]) = (200, 200);
    let inputs = [Tensor::from_u8(vec![1], &[2]), Tensor::from_u8(vec![256], &w)];
    let y = run_one(&inputs, DType::S32, &[2], GroupKind::Matrix(m)).unwrap();
    assert_eq!(y.to_i32().unwrap(), [398, 386]);
}

#[test]
fn depthwise_sums_taps_of_one_channel() {
    let mut m = matrix(MxType::F32, 2, 2);
    m.depthwise = true;
    (m.iw, m.kw) = (2, 2);
    let mut w = vec![0.0; 32];
    (w[0], w[1], w[16], w[17]) = (1.0, 2.0, 10.0, 20.0);
    let y = run_f32(m, &[1.0, 2.0, 3.0, 4.0], Tensor::from_f32(vec![32], &w), 2);
    assert_eq!(y, [31.0, 84.0]);
}

#[test]
fn run_time_weights_follow_their_strides() {
    // [1 2 3] · [[1 4] [2 5] [3 6]], the right operand stored transposed.
    let mut m = matrix(MxType::F32, 3, 2);
    m.weights = Weights::Runtime { k_stride: 1, n_stride: 3 };
    let w = Tensor::from_f32(vec![6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(run_f32(m, &[1.0, 2.0, 3.0], w, 2), [14.0, 32.0]);
}

#[test]
fn operands_outside_their_tensors_are_reported() {
    let m = matrix(MxType::F32, 4, 1);
    let inputs = [Tensor::from_f32(vec![3], &[0.0; 3]), packed(1, &[])];
    let fault = run_one(&inputs, DType::F32, &[1], GroupKind::Matrix(m)).unwrap_err();
    assert!(matches!(fault, Fault::Bounds { place: PlaceName::Operand(0), offset: 3, .. }), "{fault}");
}
