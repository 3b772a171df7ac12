//! Sums of binary64 in two floats.
mod common;
use common::{radii, run, values};
use ir::{Attr, Attrs, Op, Tensor};
use quickcheck::quickcheck;
use reference::wide::{Wide, two_product, two_sum};
use touchstone_reference as reference;

/// Numbers whose sums and products neither overflow nor underflow.
fn tame(x: i64, e: i8) -> f64 {
    libm::ldexp(x as f64, i32::from(e) / 2 - 60)
}

quickcheck! {
    /// The parts are exact: `a - (s - b)` and so on, checked in integers of 2^-200.
    fn two_sum_is_exact(x: i32, e: u8, y: i32, f: u8) -> bool {
        let (e, f) = (i32::from(e % 60), i32::from(f % 60));
        let (a, b) = (libm::ldexp(f64::from(x), e), libm::ldexp(f64::from(y), f));
        let (s, t) = two_sum(a, b);
        let exact = (i128::from(x) << e) + (i128::from(y) << f);
        s as i128 + t as i128 == exact && (t == 0.0 || t.abs() <= s.abs() * f64::EPSILON)
    }
    fn two_product_is_exact(x: i64, y: i64) -> bool {
        let (a, b) = (x as f64, y as f64);
        let (p, e) = two_product(a, b);
        p as i128 + e as i128 == (a as i128) * (b as i128)
    }
    fn a_wide_sum_is_rounded_once(xs: Vec<(i64, i8)>) -> bool {
        let xs: Vec<f64> = xs.into_iter().map(|(x, e)| tame(x, e)).collect();
        let back = xs.iter().rev().map(|x| -x);
        // Every number and its negation: the sum is exactly 0, in any precision that keeps the bits.
        let s = xs.iter().copied().chain(back).fold(Wide::default(), Wide::plus);
        let n = 1.0 + xs.len() as f64;
        s.rounded().0.abs() <= n * n * xs.iter().map(|x| x.abs()).sum::<f64>() * f64::EPSILON * f64::EPSILON
    }
}

#[test]
fn a_cancelling_f64_product_is_right() {
    let a = Tensor::from_f64(vec![1, 4], &[1e16, 1.0, -1e16, 0.5]);
    let b = Tensor::from_f64(vec![4, 1], &[1.0, 1.0, 1.0, 1.0]);
    for (op, attrs) in [(Op::MatMul, Attrs::none()), (Op::Gemm, Attrs::none())] {
        let y = &run(op, attrs, &[a.clone(), b.clone()], "anvil")[0];
        assert_eq!(values(y), [1.5]);
    }
    let x = Tensor::from_f64(vec![1, 1, 4], &[1e16, 1.0, -1e16, 0.5]);
    let w = Tensor::from_f64(vec![1, 1, 4], &[1.0; 4]);
    assert_eq!(
        values(&run(Op::Conv, Attrs::none().with("kernel_shape", Attr::Ints(vec![4])), &[x, w], "anvil")[0]),
        [1.5]
    );
    let x = Tensor::from_f64(vec![4], &[1e16, 1.0, -1e16, 0.5]);
    assert_eq!(values(&run(Op::ReduceSum, Attrs::none(), &[x], "anvil")[0]), [1.5]);
}

#[test]
fn the_radius_of_a_f64_sum_is_the_types_own() {
    // K products: K roundings at most 2^-53 of the sum of magnitudes (which is 1000 * 0.01), and one of the reference's own.
    let k = 1000;
    let x: Vec<f64> = (0..k).map(|i| 0.1 * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let (a, b) = (Tensor::from_f64(vec![1, k], &x), Tensor::from_f64(vec![k, 1], &vec![0.1; k]));
    let y = &run(Op::MatMul, Attrs::none(), &[a, b], "anvil")[0];
    let bound = k as f64 * libm::ldexp(1.0, -53) * 10.0;
    let e = radii(y)[0];
    assert!(e <= bound * 1.000_001 && e >= bound * 0.99, "{e:e} for {bound:e}");
    // The sequential sum is a legal execution.
    let sequential = x.iter().fold(0.0, |s, x| s + x * 0.1);
    assert!((sequential - values(y)[0]).abs() <= e);
}
