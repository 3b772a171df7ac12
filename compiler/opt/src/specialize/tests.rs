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
        control: vec![],
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

mod control_flow {
    use super::*;
    use ir::{ControlKind, ModelBody, ModelControl, SequenceOp};

    fn names(v: &[&str]) -> Vec<String> {
        v.iter().map(|s| s.to_string()).collect()
    }
    fn some(v: &[&str]) -> Vec<Option<String>> {
        v.iter().map(|s| (!s.is_empty()).then(|| s.to_string())).collect()
    }
    fn control(kind: ControlKind, inputs: &[&str], outputs: &[&str], bodies: Vec<ModelBody>) -> ModelControl {
        let (inputs, outputs) = (some(inputs), some(outputs));
        ModelControl { before: 0, kind, inputs, outputs, bodies, name: "flow".into(), source: 7 }
    }
    /// `p = p + p`, with the condition and the sum as results.
    fn doubling() -> ModelBody {
        ModelBody {
            inputs: names(&["i", "go", "p"]),
            outputs: names(&["go", "q", "q"]),
            nodes: vec![node(Op::Add, &["p", "p"], &["q"], Attrs::none(), 7)],
            control: vec![],
        }
    }
    fn model(c: ModelControl, constants: &[(&str, Tensor)]) -> Model {
        Model {
            name: "m".into(),
            inputs: vec![value("x", Some(vec![Dim::Fixed(2), Dim::Fixed(3)]))],
            outputs: vec![value("y", None)],
            initializers: constants.iter().map(|(n, t)| (n.to_string(), t.clone())).collect(),
            nodes: vec![],
            control: vec![c],
        }
    }
    fn ops(g: &Graph) -> Vec<Op> {
        g.nodes.values().map(|n| n.op).collect()
    }
    fn bool_(v: bool) -> Tensor {
        Tensor::from_bool([], &[v])
    }

    #[test]
    fn the_branch_that_is_taken_is_inlined() {
        let branch = |op: Op| ModelBody {
            outputs: names(&["r"]),
            nodes: vec![node(op, &["x"], &["r"], Attrs::none(), 7)],
            ..ModelBody::default()
        };
        let c = control(ControlKind::If, &["c"], &["y"], vec![branch(Op::Exp), branch(Op::Log)]);
        for (v, op) in [(true, Op::Exp), (false, Op::Log)] {
            let g = specialize(&model(c.clone(), &[("c", bool_(v))]), &dims(&[])).expect("the condition is known");
            assert_eq!(ops(&g), [op]);
        }
        // The condition follows from a shape: x has rank 2.
        let mut m = model(c.clone(), &[("two", Tensor::from_i64([1], &[2]))]);
        m.nodes = vec![
            node(Op::Shape, &["x"], &["s"], Attrs::none(), 0),
            node(Op::Shape, &["s"], &["rank"], Attrs::none(), 1),
            node(Op::Equal, &["rank", "two"], &["c"], Attrs::none(), 2),
        ];
        m.control[0].before = 3;
        assert_eq!(ops(&specialize(&m, &dims(&[])).expect("the rank is known")), [Op::Exp]);
        // It is an input.
        let mut m = model(c, &[]);
        m.inputs.push(ModelValue { name: "c".into(), dtype: DType::Bool, dims: Some(vec![]) });
        let e = specialize(&m, &dims(&[])).expect_err("the condition is unknown");
        assert!(e.len() == 1 && matches!(e[0], CompileError::Unsupported { .. }), "{e:?}");
        assert!(e[0].to_string().contains("model input `c`"), "{e:?}");
        assert_eq!(
            needs(&m, &dims(&[])).into_iter().collect::<Vec<_>>(),
            [Need { input: "c".into(), shape_like: false }]
        );
    }

    #[test]
    fn a_loop_is_unrolled_as_often_as_its_trip_count_and_condition_say() {
        let run = |inputs: &[&str], constants: &[(&str, Tensor)]| {
            let c = control(ControlKind::Loop, inputs, &["", "y"], vec![doubling()]);
            specialize(&model(c, constants), &dims(&[]))
        };
        let three = ("n", Tensor::from_i64([], &[3]));
        let g = run(&["n", "", "x"], std::slice::from_ref(&three)).expect("three iterations");
        let unsqueezed = [Op::Add, Op::Add, Op::Add, Op::Unsqueeze, Op::Unsqueeze, Op::Unsqueeze, Op::Concat];
        assert_eq!(ops(&g), unsqueezed);
        assert_eq!(g.ty(g.outputs[0].value).dims, [3, 2, 3]);
        let names: Vec<_> = g.nodes.values().take(3).map(|n| g.value_name(n.outputs[0])).collect();
        assert_eq!(names, ["q", "q@1", "q@2"]);
        // A condition that holds for ever needs a trip count; one that fails ends the loop before it began.
        assert_eq!(ops(&run(&["n", "c", "x"], &[three.clone(), ("c", bool_(true))]).expect("three")), unsqueezed);
        let e = run(&["", "c", "x"], &[("c", bool_(true))]).expect_err("without an end");
        assert!(e[0].to_string().contains("more than 100000 nodes"), "{e:?}");
        let e = run(&["n", "c", "x"], &[three, ("c", bool_(false))]).expect_err("nothing to stack");
        assert!(e[0].to_string().contains("no iteration"), "{e:?}");
        let e = run(&["n", "", "x"], &[("n", Tensor::from_i64([], &[i64::MAX]))]).expect_err("too many");
        assert!(matches!(e[0], CompileError::Unsupported { .. }) && e[0].to_string().contains("100000"), "{e:?}");
        let e = run(&["n", "", "x"], &[("n", Tensor::from_i64([2], &[1, 2]))]).expect_err("two trip counts");
        assert!(matches!(e[0], CompileError::Invalid { .. }), "{e:?}");
    }

    #[test]
    fn a_loop_stops_where_its_own_condition_says() {
        // c = i < 3, computed in the body: iterations 0, 1, 2 and 3 run.
        let body = ModelBody {
            inputs: names(&["i", "go", "p"]),
            outputs: names(&["again", "q"]),
            nodes: vec![
                node(Op::Less, &["i", "three"], &["again"], Attrs::none(), 7),
                node(Op::Exp, &["p"], &["q"], Attrs::none(), 7),
            ],
            control: vec![],
        };
        let c = control(ControlKind::Loop, &["", "c", "x"], &["y"], vec![body]);
        let constants = [("c", bool_(true)), ("three", Tensor::from_i64([], &[3]))];
        let g = specialize(&model(c, &constants), &dims(&[])).expect("it ends");
        assert_eq!(ops(&g), [Op::Exp; 4]);
    }

    #[test]
    fn a_scan_walks_its_axis_in_both_directions() {
        let body = ModelBody {
            inputs: names(&["s", "e"]),
            outputs: names(&["t", "t"]),
            nodes: vec![node(Op::Add, &["s", "e"], &["t"], Attrs::none(), 7)],
            control: vec![],
        };
        let kind = ControlKind::Scan { inputs: vec![(1, true)], outputs: vec![(-1, true)] };
        let c = control(kind, &["zero", "x"], &["", "y"], vec![body]);
        let g = specialize(&model(c, &[("zero", Tensor::from_f32([2], &[0.0; 2]))]), &dims(&[])).expect("three steps");
        assert_eq!(g.ty(g.outputs[0].value).dims, [2, 3]);
        let picks: Vec<i64> = g
            .nodes
            .values()
            .filter(|n| n.op == Op::Gather)
            .filter_map(|n| g.constant(n.input(1)?)?.ints()?.first().copied())
            .collect();
        assert_eq!(picks, [2, 1, 0]);
        let last = g.nodes.values().last().expect("a concatenation");
        let first = g.nodes.values().find(|n| n.op == Op::Unsqueeze).expect("one for each step");
        assert_eq!((last.op, last.input(2)), (Op::Concat, Some(first.outputs[0])), "stacked in front");
    }

    #[test]
    fn sequences_are_lists_of_values() {
        let seq = |op: SequenceOp, inputs: &[&str], output: &str| {
            control(ControlKind::Sequence(op), inputs, &[output], vec![])
        };
        let run = |steps: Vec<ModelControl>, constants: &[(&str, Tensor)]| {
            let mut m = model(seq(SequenceOp::Empty, &[], "e"), constants);
            m.control.extend(steps);
            specialize(&m, &dims(&[]))
        };
        let at = |v: i64| ("at", Tensor::from_i64([], &[v]));
        // [x, a], then b before the last, then without the first: [b, a].
        let edits = |last: ModelControl| {
            vec![
                seq(SequenceOp::Construct, &["x", "a"], "s"),
                seq(SequenceOp::Insert, &["s", "b", "at"], "t"),
                seq(SequenceOp::Erase, &["t", "zero"], "u"),
                last,
            ]
        };
        let constants = |at: (&'static str, Tensor)| {
            let row = |v: f32| Tensor::from_f32([1, 3], &[v; 3]);
            [at, ("a", row(1.0)), ("b", row(2.0)), ("zero", Tensor::from_i64([], &[0]))]
        };
        let g = run(edits(seq(SequenceOp::Concat { axis: 0, new_axis: false }, &["u"], "y")), &constants(at(-1)))
            .expect("known");
        assert_eq!(g.ty(g.outputs[0].value).dims, [2, 3]);
        let parts = &g.nodes.values().last().expect("a concatenation").inputs;
        let first: Vec<f32> = parts.iter().filter_map(|v| Some(g.constant((*v)?)?.to_f32()?[0])).collect();
        assert_eq!(first, [2.0, 1.0]);
        let e = run(edits(seq(SequenceOp::Length, &["u"], "y")), &constants(at(3))).expect_err("beyond the end");
        assert!(e.len() == 1 && e[0].to_string().contains("outside of a sequence of 2"), "{e:?}");
        let split = |keepdims| {
            let steps = vec![
                seq(SequenceOp::Split { axis: -1, keepdims }, &["x"], "s"),
                seq(SequenceOp::At, &["s", "at"], "y"),
            ];
            let g = run(steps, &[at(-3)]).expect("three columns");
            (g.nodes.values().next().expect("one node").op, g.ty(g.outputs[0].value).dims.clone())
        };
        assert_eq!((split(true), split(false)), ((Op::Slice, vec![2, 1]), (Op::Gather, vec![2])));
        let parts = vec![
            seq(SequenceOp::Split { axis: 1, keepdims: true }, &["x", "n"], "s"),
            seq(SequenceOp::At, &["s", "at"], "y"),
        ];
        let dims_of = |n: Tensor| run(parts.clone(), &[("n", n), at(1)]).map(|g| g.ty(g.outputs[0].value).dims.clone());
        assert_eq!(dims_of(Tensor::from_i64([], &[2])), Ok(vec![2, 1]));
        assert_eq!(dims_of(Tensor::from_i64([2], &[1, 2])), Ok(vec![2, 2]));
        assert!(dims_of(Tensor::from_i64([2], &[1, 1])).is_err() && dims_of(Tensor::from_i64([], &[0])).is_err());
        // A sequence is no tensor.
        let e = run(vec![seq(SequenceOp::Construct, &["x"], "y")], &[]).expect_err("an output has to be a tensor");
        assert!(e[0].to_string().contains("is a sequence"), "{e:?}");
    }
}
