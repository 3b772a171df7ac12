use super::*;
use crate::testutil::run_one;
use ir::Tensor;
use lir::fused::{GroupKind, View};

fn row(f: RedFn, n: usize) -> Reduce {
    let view = View { input: 0, offset: 0, strides: vec![1] };
    Reduce { f, kept: vec![], reduced: vec![n], view, divide: None, last: false }
}

fn reduce_f32(r: Reduce, x: &[f32]) -> f32 {
    let x = Tensor::from_f32(vec![x.len()], x);
    run_one(&[x], DType::F32, &[], GroupKind::Reduce(r)).unwrap().to_f32().unwrap()[0]
}

fn arg(r: Reduce, x: &[f32]) -> i64 {
    let x = Tensor::from_f32(vec![x.len()], x);
    run_one(&[x], DType::S64, &[], GroupKind::Reduce(r)).unwrap().to_i64().unwrap()[0]
}

#[test]
fn one_element_gives_its_bits() {
    assert_eq!(reduce_f32(row(RedFn::Sum, 1), &[-0.0]).to_bits(), 0x8000_0000);
    assert_eq!(reduce_f32(row(RedFn::Max, 1), &[f32::from_bits(0x7FC0_0001)]).to_bits(), 0x7FC0_0001);
}

#[test]
fn sums_follow_the_tree_and_skip_absent_lanes() {
    // (1e8 + 1) + (−1e8 + 1) = 0, then + 1 of the second pair of fours.
    assert_eq!(reduce_f32(row(RedFn::Sum, 5), &[1e8, 1.0, -1e8, 1.0, 1.0]), 1.0);
    // −0 + −0 is −0: nothing is added for absent lanes.
    assert_eq!(reduce_f32(row(RedFn::Sum, 3), &[-0.0, -0.0, -0.0]).to_bits(), 0x8000_0000);
    // 17 elements: group 0 gives 1e8, the last element is lost in the rounding.
    let mut x = [0.0; 17];
    (x[0], x[16]) = (1e8, 1.0);
    assert_eq!(reduce_f32(row(RedFn::Sum, 17), &x), 1e8);
}

#[test]
fn the_innermost_loop_is_reduced_first() {
    // Inner sums 1e8 + 1 = 1e8 and −1e8 + 1 = −1e8; merged, the tree would pair alike; with three they differ.
    let mut r = row(RedFn::Sum, 1);
    (r.reduced, r.view.strides) = (vec![2, 3], vec![1, 2]);
    // Elements (o, i) at o + 2i: o=0: 1e8, 1, 1 → (1e8+1)+1 = 1e8; o=1: −1e8, 0, 0.
    assert_eq!(reduce_f32(r, &[1e8, -1e8, 1.0, 0.0, 1.0, 0.0]), 0.0);
}

#[test]
fn means_divide_after_the_sum() {
    let mut r = row(RedFn::Sum, 3);
    r.divide = Some(3.0);
    assert_eq!(reduce_f32(r, &[1.0, 2.0, 4.0]), 7.0 / 3.0);
}

#[test]
fn arg_functions_take_the_first_or_last_extreme() {
    assert_eq!(arg(row(RedFn::ArgMax, 4), &[1.0, 3.0, 3.0, 2.0]), 1);
    let mut last = row(RedFn::ArgMax, 4);
    last.last = true;
    assert_eq!(arg(last, &[1.0, 3.0, 3.0, 2.0]), 2);
    assert_eq!(arg(row(RedFn::ArgMin, 3), &[1.0, f32::NAN, f32::NAN]), 1);
    assert_eq!(arg(row(RedFn::ArgMax, 2), &[-0.0, 0.0]), 0);
}

#[test]
fn integer_sums_wrap() {
    let x = Tensor::from_i8(vec![3], &[100, 100, 100]);
    let y = run_one(&[x], DType::S8, &[], GroupKind::Reduce(row(RedFn::Sum, 3))).unwrap();
    assert_eq!(y.to_i8().unwrap(), [44]);
}

fn pool_of(f: PoolFn) -> Pool {
    Pool {
        f,
        batch: 1,
        c: 1,
        ih: 2,
        iw: 2,
        oh: 2,
        ow: 2,
        kh: 2,
        kw: 2,
        sy: 1,
        sx: 1,
        dy: 1,
        dx: 1,
        iy0: -1,
        ix0: -1,
        pad_bottom: 0,
        pad_right: 0,
    }
}

fn pool_f32(p: Pool) -> Vec<f32> {
    let x = Tensor::from_f32(vec![1, 2, 2, 1], &[1.0, -2.0, 3.0, 4.0]);
    run_one(&[x], DType::F32, &[1, 2, 2, 1], GroupKind::Pool(p)).unwrap().to_f32().unwrap()
}

#[test]
fn pooling_windows() {
    assert_eq!(pool_f32(pool_of(PoolFn::Max)), [1.0, 1.0, 3.0, 4.0]);
    assert_eq!(pool_f32(pool_of(PoolFn::Avg)), [1.0, -0.5, 2.0, 1.5]);
    assert_eq!(pool_f32(pool_of(PoolFn::AvgPad)), [0.25, -0.25, 1.0, 1.5]);
    assert_eq!(pool_f32(pool_of(PoolFn::Sum)), [1.0, -1.0, 4.0, 6.0]);
    let mut outside = pool_of(PoolFn::Max);
    outside.ix0 = -3;
    let x = Tensor::from_f32(vec![1, 2, 2, 1], &[0.0; 4]);
    let fault = run_one(&[x], DType::F32, &[1, 2, 2, 1], GroupKind::Pool(outside)).unwrap_err();
    assert_eq!(fault, Fault::Pad { oy: 0, ox: 0 });
}
