//! Whole graphs: storage rounding along a chain, resynchronised groups, wide constants.
mod common;
use ir::{Attrs, DType, Graph, Op, Origin, Tensor, TensorType, ValueId};
use kit::Rng;
use proptest::prelude::*;
use reference::{Contract, Format, evaluate, evaluate_nodes, round};
use std::collections::BTreeMap;
use touchstone_reference as reference;

fn bf16(x: f64) -> f64 {
    round::round(x, Format::BF16)
}
fn f32r(x: f64) -> f64 {
    round::round(x, Format::F32)
}
fn tensor(dtype: DType, dims: &[usize], x: &[f64]) -> Tensor {
    let fmt = Format::of(dtype).expect("a float type");
    let bytes: Vec<u8> = x.iter().flat_map(|&v| round::encode(v, fmt).to_le_bytes()[..dtype.size()].to_vec()).collect();
    Tensor::new(dtype, dims.to_vec(), bytes).expect("sizes fit")
}

/// `relu((a b + c) + a)`, every value of type `dtype`.
fn chain(dtype: DType, n: usize) -> (Graph, [ValueId; 3]) {
    let mut g = Graph::default();
    let ty = TensorType::new(dtype, vec![n]);
    let x = ["a", "b", "c"].map(|s| g.add_input(s, ty.clone()));
    let mut node = |op: Op, ins: Vec<ValueId>| {
        let ins = ins.into_iter().map(Some).collect();
        g.add_node(op, Attrs::none(), ins, vec![(ty.clone(), None)], Origin::default())[0]
    };
    let p = node(Op::Mul, vec![x[0], x[1]]);
    let s = node(Op::Add, vec![p, x[2]]);
    let t = node(Op::Add, vec![s, x[0]]);
    let y = node(Op::Relu, vec![t]);
    g.add_output("y", y);
    (g, x)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn stored_fused_and_reassociated_bf16_chains_are_inside(seed in any::<u64>()) {
        let mut r = Rng::new(seed);
        let n = 8;
        let mut draw = || (0..n).map(|_| bf16(r.normal() * libm::exp2(r.range(-4, 4) as f64))).collect::<Vec<f64>>();
        let (a, b, c) = (draw(), draw(), draw());
        let (g, _) = chain(DType::BF16, n);
        let t = |x: &[f64]| tensor(DType::BF16, &[n], x);
        let contract = Contract::named("anvil").expect("known");
        let e = evaluate(&g, &[t(&a), t(&b), t(&c)], &contract).expect("valid");
        let run = |f: &dyn Fn(f64, f64, f64) -> f64| (0..n).map(|i| bf16(f(a[i], b[i], c[i]).max(0.0))).collect::<Vec<_>>();
        let ways = [
            run(&|a, b, c| bf16(bf16(bf16(a * b) + c) + a)),          // everything stored
            run(&|a, b, c| f32r(f32r(f32r(a * b) + c) + a)),          // fused in binary32
            run(&|a, b, c| f32r(f32r(a * b + c) + a)),                // with an FMA
            run(&|a, b, c| f32r(f32r(a * b) + f32r(c + a))),          // re-associated, fused
            run(&|a, b, c| bf16(bf16(a * b) + bf16(c + a))),          // re-associated, stored
        ];
        for (k, y) in ways.iter().enumerate() {
            let rep = e.outputs()[0].check(&t(y), &contract);
            prop_assert!(rep.agrees(), "way {k}: {rep:?}");
        }
        // A missing addend is outside wherever it matters.
        let wrong = run(&|a, b, _| a * b + a);
        let moved = (0..n).any(|i| (wrong[i] - ways[1][i]).abs() > 0.5 * ways[1][i].abs().max(1e-3));
        if moved {
            prop_assert!(!e.outputs()[0].check(&t(&wrong), &contract).agrees());
        }
    }
}

#[test]
fn groups_are_evaluated_from_the_machine_s_own_inputs() {
    let (g, x) = chain(DType::F32, 2);
    let t = |x: &[f32]| Tensor::from_f32([2], x);
    let nodes: Vec<_> = g.nodes.ids().collect();
    // The product as a machine had it: deliberately not a*b. The group of the two additions must take it as it is.
    let p = g.nodes[nodes[0]].outputs[0];
    let given = BTreeMap::from([(p, t(&[10.0, -20.0])), (x[0], t(&[1.0, 2.0])), (x[2], t(&[0.5, 0.25]))]);
    let c = Contract::named("anvil").expect("known");
    let e = evaluate_nodes(&g, &nodes[1..], &given, &c).expect("all operands are given");
    let y = e.value(g.outputs[0].value).expect("computed");
    assert_eq!(common::values(y), [11.5, 0.0]);
    assert_eq!(e.outputs().len(), 3);
    assert!(evaluate_nodes(&g, &nodes, &given, &c).is_err(), "operand b is missing");
}

#[test]
fn wide_constants_are_rounded_once_or_kept() {
    let mut g = Graph::default();
    let ty = TensorType::new(DType::F32, vec![1]);
    let x = g.add_input("x", ty.clone());
    let k = g.add_wide_const(None, ty.clone(), Tensor::from_f64([1], &[0.1]));
    let y = g.add_node(Op::Mul, Attrs::none(), vec![Some(x), Some(k)], vec![(ty, None)], Origin::default())[0];
    g.add_output("y", y);
    let x = Tensor::from_f32([1], &[1.0]);
    let at = |name: &str| {
        let c = Contract::named(name).expect("known");
        common::values(evaluate(&g, std::slice::from_ref(&x), &c).expect("valid").outputs()[0])[0]
    };
    assert_eq!(at("f64"), 0.1);
    assert_eq!(at("anvil"), f64::from(0.1f32));
}
