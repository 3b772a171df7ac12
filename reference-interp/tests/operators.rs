//! Hand-computed examples, hulls, special values and errors.
mod common;
use common::{ints, radii, run, values};
use ir::{Attrs, DType, Op, Tensor};
use reference::{Bounded, Contract, EvalError, Hypothesis, Options, evaluate, evaluate_with};
use touchstone_reference as reference;

fn f(dims: &[usize], x: &[f32]) -> Tensor {
    Tensor::from_f32(dims, x)
}

#[test]
fn convolution_of_the_onnx_example() {
    // The 5x5 example of ONNX's Conv with a 3x3 kernel of ones, without padding.
    let x: Vec<f32> = (0..25).map(|i| i as f32).collect();
    let a = Attrs::none().with_ints("kernel_shape", &[3, 3]).with_ints("pads", &[0, 0, 0, 0]);
    let y = run(Op::Conv, a, &[f(&[1, 1, 5, 5], &x), f(&[1, 1, 3, 3], &[1.0; 9])], "anvil");
    assert_eq!(y[0].dims, [1, 1, 3, 3]);
    assert_eq!(values(&y[0]), [54., 63., 72., 99., 108., 117., 144., 153., 162.]);
    assert!(radii(&y[0]).iter().all(|&e| e == 0.0));
    let a = Attrs::none().with_ints("pads", &[1, 1, 1, 1]).with_ints("strides", &[2, 2]);
    let y = run(Op::Conv, a, &[f(&[1, 1, 5, 5], &x), f(&[1, 1, 3, 3], &[1.0; 9])], "anvil");
    assert_eq!(values(&y[0]), [12., 27., 24., 63., 108., 81., 72., 117., 84.]);
}

#[test]
fn grouped_and_dilated_convolution() {
    let x = f(&[1, 2, 5], &[1., 2., 3., 4., 5., 10., 20., 30., 40., 50.]);
    let w = f(&[2, 1, 2], &[1., 1., 1., -1.]);
    let y = run(Op::Conv, Attrs::none().with_int("group", 2).with_ints("dilations", &[2]), &[x, w], "anvil");
    assert_eq!(values(&y[0]), [4., 6., 8., -20., -20., -20.]);
}

#[test]
fn pooling_counts_and_indices() {
    let x = f(&[1, 1, 4], &[1., 3., 2., 8.]);
    let a = |n: &str| Attrs::none().with_ints("kernel_shape", &[3]).with_ints("pads", &[1, 1]).with_int(n, 1);
    let y = run(Op::AveragePool, a("count_include_pad"), std::slice::from_ref(&x), "anvil");
    let third = |v: f64| v / 3.0;
    assert_eq!(values(&y[0]), [third(4.), third(6.), third(13.), third(10.)]);
    let y = run(Op::AveragePool, a("ceil_mode"), std::slice::from_ref(&x), "anvil");
    assert_eq!(values(&y[0]), [2., third(6.), third(13.), 5.]);
    let g = common::single(
        Op::MaxPool,
        Attrs::none().with_ints("kernel_shape", &[2]).with_ints("strides", &[2]),
        std::slice::from_ref(&x),
        2,
    );
    let e = evaluate(&g, &[x], &Contract::named("anvil").expect("known")).expect("valid");
    assert_eq!(values(e.outputs()[0]), [3., 8.]);
    assert_eq!(ints(e.outputs()[1]), [1, 3]);
}

#[test]
fn quantisation_rounds_half_to_even_and_saturates() {
    let x = f(&[6], &[0.0, 2.0, 3.0, 1000.0, -254.0, -1000.0]);
    let y = run(Op::QuantizeLinear, Attrs::none(), &[x, f(&[], &[2.0]), Tensor::from_u8([], &[128])], "anvil");
    // The example of the ONNX documentation.
    assert_eq!(ints(&y[0]), [128, 129, 130, 255, 1, 0]);
    assert!(y[0].int().expect("integers").hull.is_none());
    // 0.7 / 0.1 is near no tie. 0.25 / 0.1 in binary32 is 2.49999996, which rounds to the tie 2.5: either way to 2. 1.75 / 0.7 is
    // 2.50000004: kept so (fused) it gives 3, rounded to the tie it gives 2; division is correctly rounded.
    let y = run(
        Op::QuantizeLinear,
        Attrs::none(),
        &[f(&[2], &[0.7, 0.25]), f(&[], &[0.1]), Tensor::from_i8([], &[0])],
        "anvil",
    );
    assert_eq!(y[0].int().expect("integers").range(0), (7, 7));
    assert_eq!(y[0].int().expect("integers").range(1), (2, 2));
    let ins = [f(&[1], &[1.75]), f(&[], &[0.7]), Tensor::from_i8([], &[0])];
    let y = run(Op::QuantizeLinear, Attrs::none(), &ins, "anvil");
    assert_eq!(y[0].int().expect("integers").range(0), (2, 3));
}

#[test]
fn integer_matrix_product_of_the_onnx_example() {
    let a = Tensor::from_u8([4, 3], &[11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0]);
    let b = Tensor::from_u8([3, 2], &[1, 4, 2, 5, 3, 6]);
    let y = run(
        Op::MatMulInteger,
        Attrs::none(),
        &[a, b, Tensor::from_u8([1], &[12]), Tensor::from_u8([1], &[0])],
        "anvil",
    );
    assert_eq!(y[0].dtype, DType::I32);
    assert_eq!(ints(&y[0]), [-38, -83, -44, -98, -50, -113, -56, -128]);
}

#[test]
fn integer_arithmetic_wraps_and_division_truncates() {
    let t = |x: &[i8]| Tensor::from_i8([x.len()], x);
    assert_eq!(ints(&run(Op::Add, Attrs::none(), &[t(&[127, -128]), t(&[1, -1])], "anvil")[0]), [-128, 127]);
    assert_eq!(ints(&run(Op::Div, Attrs::none(), &[t(&[-7, 7]), t(&[2, -2])], "anvil")[0]), [-3, -3]);
    let y = run(Op::Div, Attrs::none(), &[t(&[1]), t(&[0])], "anvil");
    assert_eq!(y[0].int().expect("integers").range(0), (-128, 127), "division by zero is not defined");
    assert_eq!(ints(&run(Op::Mod, Attrs::none(), &[t(&[-4, 7, 5]), t(&[2, -3, 8])], "anvil")[0]), [0, -2, 5]);
}

#[test]
fn special_values_are_exact() {
    let inf = f32::INFINITY;
    let x = f(&[4], &[inf, -inf, f32::NAN, 1.0]);
    let y = run(Op::Add, Attrs::none(), &[x.clone(), f(&[4], &[1.0, 1.0, 1.0, -1.0])], "anvil");
    let c = Contract::named("anvil").expect("known");
    assert!(y[0].check(&f(&[4], &[inf, -inf, f32::NAN, 0.0]), &c).agrees());
    assert!(!y[0].check(&f(&[4], &[inf, -inf, 0.0, 0.0]), &c).agrees(), "NaN must be NaN");
    let y = run(Op::Add, Attrs::none(), &[x, f(&[4], &[-inf, 1.0, 1.0, 1.0])], "anvil");
    assert!(values(&y[0])[0].is_nan() && radii(&y[0])[0] == 0.0);
    let y = run(Op::Log, Attrs::none(), &[f(&[3], &[0.0, -1.0, inf])], "anvil");
    assert!(y[0].check(&f(&[3], &[-inf, f32::NAN, inf]), &c).agrees());
}

#[test]
fn overflow_is_infinite_or_undecided() {
    let c = Contract::named("anvil").expect("known");
    let y = run(Op::Exp, Attrs::none(), &[f(&[2], &[100.0, 80.0])], "anvil");
    assert!(y[0].check(&f(&[2], &[f32::INFINITY, 5.540_622_4e34]), &c).agrees());
    let y = run(Op::Mul, Attrs::none(), &[f(&[1], &[3e38]), f(&[1], &[10.0])], "anvil");
    assert_eq!(y[0].check(&f(&[1], &[f32::INFINITY]), &c).undecided, 1, "a folded scale may avoid the overflow");
}

#[test]
fn undecided_comparisons_give_the_hull_of_where() {
    // x*x - x*x/… cannot be decided: compare tanh(1) with its own binary32 value.
    let mut g = ir::Graph::default();
    let t = f(&[1], &[1.0]);
    let x = g.add_input("x", t.ty());
    let near = g.add_const(None, f(&[1], &[0.761_594_2]));
    let (p, q) = (g.add_const(None, f(&[1], &[5.0])), g.add_const(None, f(&[1], &[7.0])));
    let o = || ir::Origin::new(0, "n");
    let ty = || vec![(t.ty(), None)];
    let y = g.add_node(Op::Tanh, Attrs::none(), vec![Some(x)], ty(), o())[0];
    let b = g.add_node(Op::Greater, Attrs::none(), vec![Some(y), Some(near)], ty(), o())[0];
    let w = g.add_node(Op::Where, Attrs::none(), vec![Some(b), Some(p), Some(q)], ty(), o())[0];
    g.add_output("w", w);
    let c = Contract::named("anvil").expect("known");
    let e = evaluate(&g, &[t], &c).expect("valid");
    assert_eq!(e.value(b).expect("kept").int().expect("bools").range(0), (0, 1));
    for (v, ok) in [(5.0, true), (7.0, true), (10.0, false)] {
        assert_eq!(e.outputs()[0].check(&f(&[1], &[v]), &c).agrees(), ok);
    }
}

#[test]
fn nan_reachability_sticks_through_saturating_functions() {
    // sqrt of something whose ball reaches below 0, then tanh.
    let mut g = ir::Graph::default();
    let t = f(&[1], &[1.0]);
    let x = g.add_input("x", t.ty());
    let near = g.add_const(None, f(&[1], &[0.761_594_2]));
    let o = || ir::Origin::new(0, "n");
    let ty = || vec![(t.ty(), None)];
    let y = g.add_node(Op::Tanh, Attrs::none(), vec![Some(x)], ty(), o())[0];
    let d = g.add_node(Op::Sub, Attrs::none(), vec![Some(y), Some(near)], ty(), o())[0];
    let s = g.add_node(Op::Sqrt, Attrs::none(), vec![Some(d)], ty(), o())[0];
    let z = g.add_node(Op::Tanh, Attrs::none(), vec![Some(s)], ty(), o())[0];
    g.add_output("z", z);
    let c = Contract::named("anvil").expect("known");
    let e = evaluate(&g, &[t], &c).expect("valid");
    let r = e.outputs()[0].check(&f(&[1], &[f32::NAN]), &c);
    assert!(r.agrees() && r.undecided == 1, "{r:?}");
}

#[test]
fn arg_max_follows_its_tie_rule_on_exact_data() {
    let x = f(&[1, 4], &[1.0, 3.0, 3.0, 2.0]);
    let a = |last: i64| Attrs::none().with_int("axis", 1).with_int("select_last_index", last);
    assert_eq!(ints(&run(Op::ArgMax, a(0), std::slice::from_ref(&x), "anvil")[0]), [1]);
    assert_eq!(ints(&run(Op::ArgMax, a(1), &[x], "anvil")[0]), [2]);
}

#[test]
fn errors_name_the_node_and_limits_hold() {
    let c = Contract::named("anvil").expect("known");
    let x = [f(&[2], &[1., 2.]), f(&[3], &[1., 2., 3.])];
    let g = common::single(Op::Add, Attrs::none(), &x, 1);
    match evaluate(&g, &x, &c) {
        Err(EvalError::Invalid { node, op, .. }) => assert_eq!((node.as_str(), op.as_str()), ("test", "Add")),
        other => panic!("{other:?}"),
    }
    let x = [Tensor::from_i64([2], &[1 << 20, 1 << 20])];
    let g = common::single(Op::ConstantOfShape, Attrs::none(), &x, 1);
    assert!(matches!(evaluate(&g, &x, &c), Err(EvalError::Invalid { .. })));
    let small = Options { limit: 3, ..Options::new(&c) };
    let x = [f(&[2, 1], &[1., 2.]), f(&[2], &[1., 2.])];
    let g = common::single(Op::Add, Attrs::none(), &x, 1);
    assert!(evaluate_with(&g, &x, &small).is_err());
}

#[test]
fn hypotheses_reproduce_what_they_name() {
    let k = 48;
    let a: Vec<f32> = (0..k).map(|i| ((i * 37 % 19) as f32 - 9.0) * 0.173).collect();
    let b: Vec<f32> = (0..k).map(|i| ((i * 53 % 23) as f32 - 11.0) * 0.091).collect();
    let x = [f(&[1, k], &a), f(&[k, 1], &b)];
    let g = common::single(Op::MatMul, Attrs::none(), &x, 1);
    let c = Contract::named("anvil").expect("known");
    let run = |h| {
        let e = evaluate_with(&g, &x, &Options { hypothesis: Some(h), ..Options::new(&c) }).expect("valid");
        e.outputs()[0].to_tensor().to_f32().expect("f32")[0]
    };
    let dropped = a[..k - 1].iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32;
    assert_eq!(run(Hypothesis::DropLastTerm), dropped);
    let f16 = a
        .iter()
        .zip(&b)
        .fold(0.0f64, |s, (x, y)| reference::round::round(s + f64::from(*x) * f64::from(*y), reference::Format::F16));
    assert_eq!(run(Hypothesis::AccumulatorF16), f16 as f32);
}

#[test]
fn tensors_round_trip() {
    for d in DType::ALL.iter().filter(|d| **d != DType::Bool) {
        let n = 6;
        let bytes: Vec<u8> = (0..n * d.size()).map(|i| (i * 41 % 120) as u8).collect();
        let t = Tensor::new(*d, vec![2, 3], bytes).expect("sizes fit");
        assert_eq!(Bounded::from_tensor(&t).to_tensor(), t, "{d}");
    }
}
