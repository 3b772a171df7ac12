//! Graphs of one node, and the check of a legal execution against the bound.
#![allow(dead_code, reason = "each test file uses some of these")]
use ir::{Attrs, DType, Graph, Op, Origin, Tensor, TensorType};
use reference::{BoundReport, Bounded, Contract, evaluate};
use touchstone_reference as reference;

/// A graph of one node on graph inputs; the declared output types are deliberately wrong, since nobody may read them.
pub fn single(op: Op, attrs: Attrs, inputs: &[Tensor], outputs: usize) -> Graph {
    let mut g = Graph::default();
    let ids = inputs.iter().enumerate().map(|(i, t)| Some(g.add_input(format!("x{i}"), t.ty()))).collect();
    let outs = (0..outputs).map(|_| (TensorType::new(DType::Bool, vec![7, 7]), None)).collect();
    let mut all = op.defaults();
    for (n, a) in attrs.iter() {
        all.set(n, a.clone());
    }
    for (i, v) in g.add_node(op, all, ids, outs, Origin::new(0, "test")).into_iter().enumerate() {
        g.add_output(format!("y{i}"), v);
    }
    g
}

/// All outputs of one node.
pub fn run(op: Op, attrs: Attrs, inputs: &[Tensor], contract: &str) -> Vec<Bounded> {
    let g = single(op, attrs, inputs, op.schema().outputs.0.max(1));
    let c = Contract::named(contract).expect("a known contract");
    let e = evaluate(&g, inputs, &c).expect("the node is valid");
    e.outputs().into_iter().cloned().collect()
}

/// Compares a result with the bound.
pub fn check(op: Op, attrs: Attrs, inputs: &[Tensor], got: &Tensor) -> BoundReport {
    run(op, attrs, inputs, "anvil")[0].check(got, &Contract::named("anvil").expect("a known contract"))
}

/// Values as f64.
pub fn values(b: &Bounded) -> Vec<f64> {
    b.float().expect("floats").value.clone()
}
/// Radii.
pub fn radii(b: &Bounded) -> Vec<f64> {
    b.float().expect("floats").radius.clone()
}
/// Integers.
pub fn ints(b: &Bounded) -> Vec<i128> {
    b.int().expect("integers").value.clone()
}

/// The first output of one node on operands with radii.
pub fn one(op: Op, attrs: Attrs, inputs: &[&Bounded]) -> Bounded {
    let tensors: Vec<Tensor> = inputs.iter().map(|b| b.to_tensor()).collect();
    let g = single(op, attrs, &tensors, 1);
    let contract = Contract::named("anvil").expect("a known contract");
    let cx = reference::cx::EvalCx { contract: &contract, hypothesis: None, limit: 1 << 20, bounds: true };
    let node = g.nodes.values().next().expect("one node");
    let inputs: Vec<Option<&Bounded>> = inputs.iter().map(|b| Some(*b)).collect();
    let args = reference::cx::Args { cx: &cx, node, inputs: &inputs };
    reference::ops::eval(&args).expect("the node is valid").remove(0)
}

/// Floats of any bits but NaN.
pub fn floats_of(dims: &[usize], seed: u32) -> Tensor {
    let mut rng = kit::Rng::new(u64::from(seed));
    let n = dims.iter().product();
    let values: Vec<f32> =
        std::iter::repeat_with(|| f32::from_bits(rng.next_u64() as u32)).filter(|x| !x.is_nan()).take(n).collect();
    Tensor::from_f32(dims.to_vec(), &values)
}
