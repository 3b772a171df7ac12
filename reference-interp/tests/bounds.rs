//! Laws of the bounds: legal executions are inside, worst cases are attained, exact data have radius 0, mistakes are outside.
mod common;
use common::{check, radii, run, values};
use ir::{Attrs, Op, Tensor};
use kit::Rng;
use proptest::prelude::*;
use reference::{Contract, Data};
use touchstone_reference as reference;

/// A sum of products in binary32, in a random order, in one of several legal ways.
fn dot(rng: &mut Rng, x: &[f32], y: &[f32]) -> f32 {
    let mut idx: Vec<usize> = (0..x.len()).collect();
    for i in (1..idx.len()).rev() {
        idx.swap(i, rng.below(i as u64 + 1) as usize);
    }
    match rng.below(4) {
        0 => idx.iter().fold(0.0, |s, &i| s + x[i] * y[i]),
        1 => idx.iter().fold(0.0f32, |s, &i| (f64::from(s) + f64::from(x[i]) * f64::from(y[i])) as f32),
        2 => idx.chunks(4).map(|c| c.iter().fold(0.0, |s, &i| s + x[i] * y[i])).fold(0.0, |s, p| s + p),
        _ => pairwise(&idx.iter().map(|&i| x[i] * y[i]).collect::<Vec<_>>()),
    }
}
fn pairwise(v: &[f32]) -> f32 {
    match v {
        [] => 0.0,
        [x] => *x,
        _ => pairwise(&v[..v.len() / 2]) + pairwise(&v[v.len() / 2..]),
    }
}
fn floats(rng: &mut Rng, n: usize, spread: i64) -> Vec<f32> {
    (0..n).map(|_| (rng.normal() * libm::exp2(rng.range(-spread, spread) as f64)) as f32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn legal_matrix_products_are_inside(seed in any::<u64>(), m in 1usize..4, k in 1usize..40, n in 1usize..4, spread in 0i64..8) {
        let mut r = Rng::new(seed);
        let (a, b) = (floats(&mut r, m * k, spread), floats(&mut r, k * n, spread));
        let mut y = Vec::new();
        for i in 0..m {
            for j in 0..n {
                let col: Vec<f32> = (0..k).map(|p| b[p * n + j]).collect();
                y.push(dot(&mut r, &a[i * k..(i + 1) * k], &col));
            }
        }
        let inputs = [Tensor::from_f32([m, k], &a), Tensor::from_f32([k, n], &b)];
        let rep = check(Op::MatMul, Attrs::none(), &inputs, &Tensor::from_f32([m, n], &y));
        prop_assert!(rep.agrees(), "{rep:?}");
        prop_assert!(rep.worst_ratio <= 1.0);
    }

    #[test]
    fn legal_softmax_is_inside(seed in any::<u64>(), n in 1usize..20, spread in 0i64..5, base2 in any::<bool>()) {
        let mut r = Rng::new(seed);
        let x = floats(&mut r, n, spread);
        let m = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // exp by a correctly rounded function, or through 2^(x log2 e) with two roundings more.
        let exp = |d: f32| if base2 { libm::exp2(f64::from((f64::from(d) * std::f64::consts::LOG2_E) as f32)) as f32 } else { libm::exp(f64::from(d)) as f32 };
        let e: Vec<f32> = x.iter().map(|v| exp(v - m)).collect();
        let s = dot(&mut r, &e, &vec![1.0; n]);
        let y: Vec<f32> = e.iter().map(|v| if seed & 1 == 0 { v / s } else { v * (1.0 / s) }).collect();
        let rep = check(Op::Softmax, Attrs::none(), &[Tensor::from_f32([1, n], &x)], &Tensor::from_f32([1, n], &y));
        prop_assert!(rep.agrees(), "{rep:?}");
    }

    #[test]
    fn legal_layer_norm_is_inside(seed in any::<u64>(), n in 2usize..24, offset in -30i32..30) {
        let mut r = Rng::new(seed);
        let x: Vec<f32> = floats(&mut r, n, 2).iter().map(|v| v + offset as f32).collect();
        let (g, b) = (floats(&mut r, n, 1), floats(&mut r, n, 1));
        let ones = vec![1.0f32; n];
        let mean = dot(&mut r, &x, &ones) / n as f32;
        let d: Vec<f32> = x.iter().map(|v| v - mean).collect();
        let var = dot(&mut r, &d, &d) / n as f32;
        let inv = 1.0 / (var + 1e-5f32).sqrt();
        let y: Vec<f32> = (0..n).map(|i| d[i] * inv * g[i] + b[i]).collect();
        let t = |v: &[f32]| Tensor::from_f32([n], v);
        let rep = check(Op::LayerNormalization, Attrs::none(), &[Tensor::from_f32([1, n], &x), t(&g), t(&b)], &Tensor::from_f32([1, n], &y));
        prop_assert!(rep.agrees(), "{rep:?}");
    }

    #[test]
    fn elementary_functions_within_one_ulp_are_inside(x in -30f32..30f32, k in 0usize..8, up in -1i32..=1) {
        let ops: [(Op, fn(f64) -> f64); 8] = [
            (Op::Exp, libm::exp), (Op::Tanh, libm::tanh), (Op::Erf, libm::erf), (Op::Sin, libm::sin),
            (Op::Cos, libm::cos), (Op::Sigmoid, |x| 1.0 / (1.0 + libm::exp(-x))), (Op::Atan, libm::atan), (Op::Softplus, |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs()))),
        ];
        let (op, f) = ops[k];
        let y = f(f64::from(x)) as f32;
        // The rounded value and its neighbour on the side of the real one are within one ULP.
        let real = f(f64::from(x));
        let toward = if f64::from(y) < real { 1 } else { -1 };
        let y = if up == toward && y != 0.0 { f32::from_bits(y.to_bits().wrapping_add_signed(if y > 0.0 { up } else { -up })) } else { y };
        let rep = check(op, Attrs::none(), &[Tensor::from_f32([1], &[x])], &Tensor::from_f32([1], &[y]));
        prop_assert!(rep.agrees(), "{op} {x}: {rep:?}");
        prop_assert_eq!(rep.decided, 1);
    }

    #[test]
    fn small_integers_are_exact(seed in any::<u64>(), k in 1usize..64) {
        let mut r = Rng::new(seed);
        let mut draw = |n: usize| (0..n).map(|_| r.range(-8, 8) as f32 * 0.25).collect::<Vec<_>>();
        let (a, b) = (draw(2 * k), draw(3 * k));
        let out = &run(Op::MatMul, Attrs::none(), &[Tensor::from_f32([2, k], &a), Tensor::from_f32([k, 3], &b)], "anvil")[0];
        prop_assert!(radii(out).iter().all(|&e| e == 0.0));
    }
}

#[test]
fn the_worst_sequential_sum_is_attained() {
    // 1 and then terms just above half an ULP of the running sum: each addition rounds up by almost u.
    for n in [4usize, 16, 64, 256] {
        let u = libm::ldexp(1.0, -24);
        let mut terms = vec![1.0f32];
        let mut s = 1.0f32;
        for _ in 1..n {
            let t = (u * 1.000_001) as f32;
            terms.push(t);
            s += t;
        }
        let out =
            &run(Op::ReduceSum, Attrs::none().with_int("keepdims", 0), &[Tensor::from_f32([n], &terms)], "anvil")[0];
        let ratio = (f64::from(s) - values(out)[0]).abs() / radii(out)[0];
        assert!((0.99..=1.0).contains(&ratio), "{n}: {ratio}");
    }
}

#[test]
fn reassociated_additions_are_inside_where_they_cancel() {
    // (a + b) + c with a large and b = -a: another order differs by far more than u |v|.
    let (a, b, c) = (1e6f32, -999_999.9f32, 0.123_456_7f32);
    let mut g = ir::Graph::default();
    let t = |x: f32| Tensor::from_f32([1], &[x]);
    let ids: Vec<_> = ["a", "b", "c"].iter().map(|n| g.add_input(*n, t(0.0).ty())).collect();
    let o = || ir::Origin::new(0, "n");
    let ab = g.add_node(Op::Add, Attrs::none(), vec![Some(ids[0]), Some(ids[1])], vec![(t(0.0).ty(), None)], o())[0];
    let y = g.add_node(Op::Add, Attrs::none(), vec![Some(ab), Some(ids[2])], vec![(t(0.0).ty(), None)], o())[0];
    g.add_output("y", y);
    let c0 = Contract::named("anvil").expect("known");
    let e = reference::evaluate(&g, &[t(a), t(b), t(c)], &c0).expect("valid");
    let other = a + (b + c);
    let straight = (a + b) + c;
    assert_ne!(other, straight);
    for got in [other, straight] {
        assert!(e.outputs()[0].check(&t(got), &c0).agrees());
    }
    let own = Contract::named("own").expect("known");
    let e = reference::evaluate(&g, &[t(a), t(b), t(c)], &own).expect("valid");
    assert!(e.outputs()[0].check(&t(straight), &own).agrees());
    assert!(!e.outputs()[0].check(&t(other), &own).agrees(), "without cross-operator freedom this is a mistake");
}

#[test]
fn mistakes_are_outside() {
    let mut r = Rng::new(1);
    let k = 64;
    let (a, b) = (floats(&mut r, k, 1), floats(&mut r, k, 1));
    let inputs = [Tensor::from_f32([1, k], &a), Tensor::from_f32([k, 1], &b)];
    let full = dot(&mut r, &a, &b);
    let dropped = dot(&mut r, &a[..k - 1], &b[..k - 1]);
    let f16 = a.iter().zip(&b).fold(half::f16::ZERO, |s, (x, y)| half::f16::from_f32(s.to_f32() + x * y)).to_f32();
    for (y, ok) in [(full, true), (dropped, false), (f16, false), (f32::NAN, false), (f32::INFINITY, false)] {
        let rep = check(Op::MatMul, Attrs::none(), &inputs, &Tensor::from_f32([1, 1], &[y]));
        assert_eq!(rep.agrees(), ok, "{y}: {rep:?}");
    }
}

#[test]
fn meaning_is_checked_to_a_few_units_of_binary64() {
    let c = Contract::named("f64").expect("known");
    let x = Tensor::from_f32([4], &[0.1, -2.3, 7.7, 1e-3]);
    let y = Tensor::from_f32([4], &[1.1, 0.3, -0.7, 1e3]);
    let g = common::single(Op::Mul, Attrs::none(), &[x.clone(), y.clone()], 1);
    let e = reference::evaluate(&g, &[x, y], &c).expect("valid");
    let out = e.outputs()[0].clone();
    assert!(out.check_meaning(&out).agrees());
    let mut other = out.clone();
    if let Data::Float(f) = &mut other.data {
        f.value[2] *= 1.0 + 1e-9;
    }
    let rep = out.check_meaning(&other);
    assert_eq!(rep.outside_count, 1);
    assert_eq!(rep.outside[0].index, 2);
}
