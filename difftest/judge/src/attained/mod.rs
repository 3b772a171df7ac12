//! Worst cases that reach the bound: data on which a plain, legal execution errs by as much as the bound allows. They show
//! that the bounds are not slack where that can be shown by hand.

use crate::legal::num::pow2;
use crate::legal::{Request, execute};
use ir::{Attrs, DType, Graph, Op, Origin, Tensor, TensorType};
use reference::Contract;

/// One row.
#[derive(Clone, PartialEq, Debug)]
pub struct Attained {
    /// What is computed.
    pub what: String,
    /// |error| over radius, the largest of the outputs.
    pub ratio: f64,
    /// Least ratio that the construction must reach.
    pub least: f64,
}

/// Just above half an ULP of 1: each addition to a number in [1, 2) rounds up by nearly the unit roundoff.
fn above_half() -> f32 {
    (pow2(-24) * (1.0 + pow2(-23))) as f32
}

fn graph(op: Op, attrs: Attrs, inputs: &[Tensor], consts: &[Tensor], out: &[usize]) -> Graph {
    let mut g = Graph { name: format!("worst {op}"), ..Graph::default() };
    let mut all = op.defaults();
    attrs.iter().for_each(|(k, v)| all.set(k, v.clone()));
    let mut ins: Vec<_> = inputs.iter().enumerate().map(|(i, t)| Some(g.add_input(format!("x{i}"), t.ty()))).collect();
    ins.extend(consts.iter().map(|t| Some(g.add_const(None, t.clone()))));
    let ty = TensorType::new(DType::F32, out);
    let y = g.add_node(op, all, ins, vec![(ty, None)], Origin::new(0, op.name()))[0];
    g.add_output("y", y);
    g
}

fn measure(what: String, g: &Graph, inputs: &[Tensor], contract: &Contract, least: f64) -> Option<Attained> {
    let e =
        execute(&Request { graph: g, inputs, contract, seed: None, pinned: None, pinned_stores: false, planted: None })
            .ok()?;
    let b = reference::evaluate(g, inputs, contract).ok()?;
    let outputs = e.outputs(g);
    let ratio = b.outputs().iter().zip(&outputs).map(|(b, t)| b.check(t, contract).worst_ratio).fold(0.0, f64::max);
    Some(Attained { what, ratio, least })
}

/// The row of [1, u+, u+, …].
fn creeping(n: usize) -> Vec<f32> {
    (0..n).map(|i| if i == 0 { 1.0 } else { above_half() }).collect()
}

/// All constructions.
pub fn all(contract: &Contract) -> Vec<Attained> {
    let mut rows = Vec::new();
    for n in [4usize, 16, 64, 256, 1024] {
        let x = Tensor::from_f32([1, n], &creeping(n));
        let axes = Tensor::from_i64([1], &[1]);
        let none = Attrs::none;
        let g = graph(
            Op::ReduceSum,
            none().with_int("keepdims", 0),
            std::slice::from_ref(&x),
            std::slice::from_ref(&axes),
            &[1],
        );
        rows.extend(measure(format!("ReduceSum of {n}, sequential"), &g, std::slice::from_ref(&x), contract, 0.99));
        let ones = Tensor::from_f32([n, 1], &vec![1.0; n]);
        let g = graph(Op::MatMul, none(), std::slice::from_ref(&x), &[ones], &[1, 1]);
        let least = 0.99 * (n as f64 - 1.0) / n as f64;
        rows.extend(measure(format!("MatMul, K = {n}, sequential"), &g, std::slice::from_ref(&x), contract, least));
        if n <= 256 {
            let image = Tensor::from_f32([1, 1, 1, n], &creeping(n));
            let w = Tensor::from_f32([1, 1, 1, n], &vec![1.0; n]);
            let attrs = none().with_ints("kernel_shape", &[1, n as i64]);
            let g = graph(Op::Conv, attrs, std::slice::from_ref(&image), &[w], &[1, 1, 1, 1]);
            rows.extend(measure(format!("Conv, {n} taps, sequential"), &g, &[image], contract, least));
        }
    }
    for (op, pairs, least) in
        [(Op::Add, sums(), 0.99), (Op::Sub, sums(), 0.99), (Op::Mul, products(), 0.99), (Op::Div, products(), 0.99)]
    {
        let n = pairs.len();
        let a = Tensor::from_f32([n], &pairs.iter().map(|p| p.0).collect::<Vec<_>>());
        let sign = if op == Op::Sub { -1.0 } else { 1.0 };
        let b = Tensor::from_f32([n], &pairs.iter().map(|p| sign * p.1).collect::<Vec<_>>());
        let g = graph(op, Attrs::none(), &[a.clone(), b.clone()], &[], &[n]);
        rows.extend(measure(format!("{op}, one rounding"), &g, &[a, b], contract, least));
    }
    rows
}

/// Pairs whose sum lies just above the middle of two neighbours of 1.
fn sums() -> Vec<(f32, f32)> {
    vec![(1.0, above_half()), (1.0 + pow2(-23) as f32, above_half())]
}

/// Numbers near 1: some of their products and quotients lie next to a middle.
fn products() -> Vec<(f32, f32)> {
    (1..64u16)
        .flat_map(|i| (1..64u16).map(move |j| (1.0 + f32::from(i) / 4099.0, 1.0 + f32::from(j) / 8191.0)))
        .collect()
}
