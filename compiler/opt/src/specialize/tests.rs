use super::*;
use ir::{Attr, Attrs, DType};

fn node(op: Op, inputs: &[&str], outputs: &[&str], attrs: Attrs, source: u32) -> ModelNode {
    let some = |v: &[&str]| v.iter().map(|s| (!s.is_empty()).then(|| s.to_string())).collect();
    ModelNode { op, attrs, inputs: some(inputs), outputs: some(outputs), name: format!("{op}_{source}"), source }
}
fn value(name: &str, dims: Option<Vec<Dim>>) -> ModelValue {
    ModelValue { name: name.into(), dtype: DType::F32, dims }
}
/// Flatten all but the first axis by Shape, Gather, Concat and Reshape, as exporters write it.
fn flattening() -> Model {
    let named = |s: &str| Dim::Named(s.into());
    Model {
        name: "m".into(),
        inputs: vec![value("x", Some(vec![named("N"), Dim::Fixed(3), named(""), named("?")]))],
        outputs: vec![value("y", None)],
        initializers: vec![("zero".into(), Tensor::from_i64([1], &[0])), ("rest".into(), Tensor::from_i64([1], &[-1]))],
        nodes: vec![
            node(Op::Shape, &["x"], &["s"], Attrs::none(), 0),
            node(Op::Gather, &["s", "zero"], &["n"], Attrs::none().with_int("axis", 0), 1),
            node(Op::Concat, &["n", "rest"], &["t"], Attrs::none().with_int("axis", 0), 2),
            node(Op::Relu, &["x"], &["r"], Attrs::none(), 3),
            node(Op::Reshape, &["r", "t"], &["y"], Attrs::none(), 4),
        ],
    }
}
fn dims(list: &[(&str, usize)]) -> Specialize {
    Specialize { dims: list.iter().map(|(k, v)| (k.to_string(), *v)).collect(), ..Specialize::default() }
}

#[test]
fn shape_computations_become_constants() {
    let g = specialize(&flattening(), &dims(&[("N", 2), ("x.2", 4), ("?", 5)])).expect("all extents are given");
    assert!(crate::check_types(&g).is_empty(), "{:?}", crate::check_types(&g));
    let ops: Vec<Op> = g.nodes.values().map(|n| n.op).collect();
    assert_eq!(ops, [Op::Relu, Op::Reshape]);
    assert_eq!(g.ty(g.outputs[0].value), &TensorType::new(DType::F32, [2, 60]));
    let shape = g.nodes.values().last().and_then(|n| n.input(1)).and_then(|v| g.constant(v)).expect("a constant");
    assert_eq!(shape.to_i64(), Some(vec![2, -1]));
    let last = g.nodes.values().last().expect("two nodes");
    assert_eq!((last.origin.source, last.origin.name.as_str()), (4, "Reshape_4"));
}

#[test]
fn every_unbound_extent_is_reported_with_its_option() {
    let e = specialize(&flattening(), &dims(&[])).expect_err("nothing is given");
    let text: Vec<String> = e.iter().map(ToString::to_string).collect();
    assert_eq!(e.len(), 3, "{text:?}");
    assert!(text[0].contains("--dim N=N"), "{text:?}");
    assert!(text[1].contains("--dim x.2=N"), "{text:?}");
    assert!(text[2].contains("--dim x.3=N"), "{text:?}");
}

#[test]
fn two_axes_of_one_name_are_told_apart_by_axis() {
    let mut m = flattening();
    m.inputs[0].dims = Some(vec![Dim::Fixed(1), Dim::Fixed(3), Dim::Named("?".into()), Dim::Named("?".into())]);
    let g = specialize(&m, &dims(&[("x.2", 4), ("x.3", 5)])).expect("all extents are given");
    assert_eq!(g.ty(g.inputs[0]).dims, [1, 3, 4, 5]);
}

#[test]
fn a_shape_from_an_input_needs_that_input_bound() {
    let mut m = flattening();
    m.inputs[0].dims = Some(vec![Dim::Fixed(2), Dim::Fixed(3), Dim::Fixed(4), Dim::Fixed(5)]);
    m.inputs.push(ModelValue { name: "t0".into(), dtype: DType::I64, dims: Some(vec![Dim::Fixed(2)]) });
    m.nodes[2] = node(Op::Identity, &["t0"], &["t"], Attrs::none(), 2);
    let e = specialize(&m, &dims(&[])).expect_err("the shape is unknown");
    let text = e[0].to_string();
    assert!(e.len() == 1 && text.contains("Reshape_4") && text.contains("input `t0`"), "{text}");
    let mut s = dims(&[]);
    s.bound.insert("t0".into(), Tensor::from_i64([2], &[6, -1]));
    let g = specialize(&m, &s).expect("bound");
    assert_eq!((g.inputs.len(), g.ty(g.outputs[0].value).dims.as_slice()), (1, &[6usize, 20][..]));
    s.bound.insert("t0".into(), Tensor::from_i64([3], &[6, -1, 1]));
    assert!(specialize(&m, &s).expect_err("wrong type")[0].to_string().contains("i64[3]"));
}

#[test]
fn all_problems_are_reported_and_followers_are_not() {
    let mut m = flattening();
    m.inputs[0].dims = Some(vec![Dim::Fixed(2), Dim::Fixed(3), Dim::Fixed(4), Dim::Fixed(5)]);
    m.nodes.push(node(Op::Transpose, &["x"], &["a"], Attrs::none().with_ints("perm", &[0, 1, 2, 2]), 5));
    m.nodes.push(node(Op::Relu, &["a"], &["b"], Attrs::none(), 6));
    m.nodes.push(node(Op::Concat, &["x"], &["c"], Attrs::none().with("axis", Attr::Int(7)), 7));
    m.nodes.push(node(Op::Relu, &["nowhere"], &["d"], Attrs::none(), 8));
    let text: Vec<String> = specialize(&m, &dims(&[])).expect_err("three").iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 3, "{text:?}");
    assert!(text[0].contains("perm") && text[1].contains("axis 7") && text[2].contains("nowhere"), "{text:?}");
}
