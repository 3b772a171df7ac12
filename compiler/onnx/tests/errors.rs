//! Wrong and unsupported models: each problem is reported with its place and its blame.

mod support;

use prost::Message;
use support::{
    f32_data, float, graph, graph_attribute, int, ints, model, node, read, shaped, show, tensor, text, value,
};
use touchstone_onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    TensorProto,
};
use touchstone_onnx::{At, ErrorKind};

fn errors(m: &ModelProto) -> Vec<String> {
    match touchstone_onnx::read(&m.encode_to_vec(), None) {
        Ok(_) => Vec::new(),
        Err(e) => e.errors.iter().map(|x| format!("{:?} {x}", x.kind)).collect(),
    }
}

fn of_nodes(nodes: Vec<NodeProto>) -> Vec<String> {
    errors(&model(21, graph("x", "y", nodes)))
}

fn relu(input: &str, output: &str) -> NodeProto {
    node("Relu", input, output, vec![])
}

#[test]
fn all_problems_are_reported_with_their_node() {
    let mut named = node("Concat", "x x", "a", vec![]);
    named.name = Some("join".into());
    let got = of_nodes(vec![
        named,
        node("Frobnicate", "x", "b", vec![]),
        node("LeakyRelu", "x", "c", vec![float("alhpa", 0.1)]),
        node("LeakyRelu", "x", "d", vec![int("alpha", 1)]),
        node("Relu", "x x", "e", vec![]),
        node("Relu", "nothing", "f", vec![]),
        node("Relu", "x", "x", vec![]),
        node("NonesuchLoop", "x", "y", vec![]),
        node("DFT", "x", "g", vec![]),
        node("MatMul", "_ x", "h", vec![]),
        node("Split", "x", "", vec![]),
        node("Cast", "x", "i", vec![int("to", 17)]),
        node("Cast", "x", "j", vec![int("to", 0)]),
    ]);
    assert_eq!(
        got,
        [
            "Invalid node `join` (#0, Concat): required attribute `axis` is missing",
            "Invalid node `#1` (#1, Frobnicate): ONNX has no operator `Frobnicate`",
            "Invalid node `#2` (#2, LeakyRelu): attribute `alhpa` does not exist",
            "Invalid node `#3` (#3, LeakyRelu): attribute `alpha` has another type than Float",
            "Invalid node `#4` (#4, Relu): has 2 inputs, 1 expected",
            "Invalid node `#5` (#5, Relu): input `nothing` is not defined anywhere",
            "Invalid node `#6` (#6, Relu): `x` is defined twice",
            "Invalid node `#7` (#7, NonesuchLoop): ONNX has no operator `NonesuchLoop`",
            "Unsupported node `#8` (#8, DFT): operator DFT is not supported",
            "Invalid node `#9` (#9, MatMul): required input 0 is omitted",
            "Invalid node `#10` (#10, Split): has 0 outputs, at least 1 expected",
            "Unsupported node `#11` (#11, Cast): attribute `to`: element type FLOAT8E4M3FN is not supported",
            "Invalid node `#12` (#12, Cast): attribute `to`: the element type is undefined",
        ]
    );
}

#[test]
fn order_and_cycles() {
    let got = of_nodes(vec![relu("a", "y"), relu("x", "a")]);
    assert_eq!(got.len(), 1);
    assert!(
        got[0].starts_with("Invalid node `#0` (#0, Relu): input `a` is defined by node #1, which comes later"),
        "{got:?}"
    );
    let got = of_nodes(vec![relu("b", "a"), relu("a", "b"), relu("x", "y")]);
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("node #1, which lies on a cycle"), "{got:?}");
    let got = of_nodes(vec![relu("y", "y")]);
    assert!(got[0].contains("node #0, which lies on a cycle"), "{got:?}");
}

#[test]
fn operator_sets_and_domains() {
    let g = || graph("x", "y", vec![relu("x", "y")]);
    let set = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
    let with = |sets: Vec<OperatorSetIdProto>| errors(&ModelProto { opset_import: sets, ..model(1, g()) });
    assert_eq!(with(vec![set("ai.onnx", 13)]), Vec::<String>::new());
    assert_eq!(with(vec![]), ["Invalid node `#0` (#0, Relu): the default operator set is used but not imported"]);
    assert_eq!(
        with(vec![set("", 13), set("ai.onnx", 14)]),
        ["Invalid model: two versions of operator set `` are imported"]
    );
    assert_eq!(with(vec![set("", 29)]), ["Unsupported model: operator set 29 is newer than 28"]);
    assert_eq!(with(vec![set("", 0)])[0], "Invalid model: operator set 0 of domain `` does not exist");
    let mut n = node("FusedConv", "x x", "y", vec![]);
    n.domain = Some("com.microsoft".into());
    assert_eq!(
        of_nodes(vec![n]),
        ["Unsupported node `#0` (#0, com.microsoft.FusedConv): operator domain `com.microsoft` is not supported"]
    );
    // An operator belongs to one domain, and each knows only its own.
    assert_eq!(
        of_nodes(vec![node("QLinearAdd", "x x x x x x x", "y", vec![])]),
        ["Invalid node `#0` (#0, QLinearAdd): ONNX has no operator `QLinearAdd`"]
    );
    let mut n = node("Relu", "x", "y", vec![]);
    n.domain = Some("com.microsoft".into());
    assert_eq!(
        of_nodes(vec![n]),
        ["Unsupported node `#0` (#0, com.microsoft.Relu): operator domain `com.microsoft` is not supported"]
    );
}

#[test]
fn inputs_outputs_and_initializers() {
    let mut g = graph("x x w", "y z", vec![relu("x", "y")]);
    g.input.push(shaped("s", 8, &[1]));
    g.input.push(shaped("q", 22, &[1]));
    g.input[2] = shaped("w", 1, &[3]);
    g.initializer = vec![
        f32_data("w", &[2], &[1.0, 2.0]),
        f32_data("w", &[1], &[1.0]),
        f32_data("short", &[3], &[1.0]),
        f32_data("negative", &[-1], &[]),
        f32_data("huge", &[i64::MAX, i64::MAX], &[]),
        TensorProto { data_type: Some(17), ..f32_data("f8", &[1], &[]) },
        TensorProto { data_type: Some(99), ..f32_data("odd", &[1], &[]) },
        TensorProto { data_type: Some(3), int32_data: vec![200], float_data: vec![], ..f32_data("byte", &[1], &[]) },
        TensorProto { raw_data: Some(vec![0; 4]), ..f32_data("both", &[1], &[1.0]) },
        TensorProto { data_type: Some(9), raw_data: Some(vec![2]), ..f32_data("truth", &[1], &[]) },
    ];
    assert_eq!(
        errors(&model(21, g)),
        [
            "Invalid tensor `w`: `w` is defined twice",
            "Invalid tensor `short`: extents [3] need 3 elements, found 1",
            "Invalid tensor `negative`: extent -1 is negative",
            "Invalid tensor `huge`: extents [9223372036854775807, 9223372036854775807] are too large",
            "Unsupported tensor `f8`: element type FLOAT8E4M3FN is not supported",
            "Invalid tensor `odd`: 99 is no element type",
            "Invalid tensor `byte`: 200 does not fit i8",
            "Invalid tensor `both`: raw_data and a typed field at the same time",
            "Invalid tensor `truth`: a bool element is neither 0 nor 1",
            "Invalid tensor `x`: is declared as an input twice",
            "Invalid tensor `w`: is declared as f32[3] but initialised with f32[2]",
            "Unsupported tensor `s`: element type STRING is not supported",
            "Unsupported tensor `q`: element type INT4 is not supported",
            "Invalid tensor `z`: is an output that nothing defines",
        ]
    );
}

#[test]
fn blame_is_the_worst_of_all_problems() {
    let kind = |m: &[u8]| touchstone_onnx::read(m, None).expect_err("wrong").kind();
    assert_eq!(kind(b""), ErrorKind::Malformed);
    assert_eq!(kind(b"not a model"), ErrorKind::Malformed);
    let bytes = model(21, graph("x", "y", vec![relu("x", "y")])).encode_to_vec();
    assert_eq!(kind(&bytes[..bytes.len() - 1]), ErrorKind::Malformed);
    let both = model(21, graph("x", "y", vec![node("DFT", "x", "a", vec![]), relu("b", "y")])).encode_to_vec();
    assert_eq!(kind(&both), ErrorKind::Invalid);
    let e = touchstone_onnx::read(&both, None).expect_err("wrong");
    assert_eq!(e.errors[0].kind, ErrorKind::Unsupported);
    assert_eq!(e.errors[1].at, At::Node { name: "#1".into(), index: 1, op: "Relu".into() });
}

#[test]
fn constants_in_all_forms() {
    let constant = |a: AttributeProto| node("Constant", "", "c", vec![a]);
    let of = |a: AttributeProto| read(&model(21, graph("x", "y", vec![constant(a), node("Mul", "x c", "y", vec![])])));
    let shown = |a: AttributeProto| of(a).map(|m| show(&m, "").join("; "));
    assert_eq!(shown(float("value_float", 1.5)), Ok("y = Mul(x, 1.5)".into()));
    assert_eq!(shown(int("value_int", -3)), Ok("y = Mul(x, -3)".into()));
    assert_eq!(shown(ints("value_ints", &[1, 2])), Ok("y = Mul(x, [1 2])".into()));
    assert_eq!(shown(support::floats("value_floats", &[1.0, 2.0])), Ok("y = Mul(x, [1.0 2.0])".into()));
    assert_eq!(shown(tensor("value", f32_data("", &[1], &[7.0]))), Ok("y = Mul(x, [7.0])".into()));
    let sparse = SparseTensorProto {
        values: Some(f32_data("", &[2], &[5.0, 6.0])),
        indices: Some(TensorProto {
            data_type: Some(7),
            dims: vec![2, 2],
            int64_data: vec![0, 1, 1, 0],
            ..TensorProto::default()
        }),
        dims: vec![2, 2],
    };
    let mut a =
        support::attribute("sparse_value", touchstone_onnx::proto::attribute_proto::AttributeType::SparseTensor);
    a.sparse_tensor = Some(Box::new(sparse.clone()));
    assert_eq!(shown(a), Ok("y = Mul(x, [0.0 5.0 6.0 0.0])".into()));
    assert!(shown(text("value_string", "s")).expect_err("a string").starts_with("Unsupported"));
    assert!(shown(int("value_integer", 1)).expect_err("no such form").starts_with("Invalid"));

    // The same as an initializer, with linear indices; then with indices out of range or order.
    let initialised = |indices: Vec<i64>| {
        let mut g = graph("x", "y", vec![node("Mul", "x c", "y", vec![])]);
        let mut s = sparse.clone();
        s.values.as_mut().expect("set").name = Some("c".into());
        s.indices =
            Some(TensorProto { data_type: Some(7), dims: vec![2], int64_data: indices, ..TensorProto::default() });
        g.sparse_initializer.push(s);
        read(&model(21, g)).map(|m| show(&m, "").join("; "))
    };
    assert_eq!(initialised(vec![0, 3]), Ok("y = Mul(x, [5.0 0.0 0.0 6.0])".into()));
    assert!(initialised(vec![0, 4]).is_err());
    assert!(initialised(vec![-1, 3]).is_err());
    assert!(initialised(vec![3, 0]).is_err());
    assert!(initialised(vec![3, 3]).is_err());
}

#[test]
fn control_flow() {
    let branch = |op: &str| GraphProto { input: vec![], ..graph("", "r", vec![node(op, "x", "r", vec![])]) };
    let choose = |condition: &str| {
        node(
            "If",
            condition,
            "y",
            vec![graph_attribute("then_branch", branch("Exp")), graph_attribute("else_branch", branch("Log"))],
        )
    };
    let constant = |v: i32| {
        let t = TensorProto { data_type: Some(9), int32_data: vec![v], ..TensorProto::default() };
        node("Constant", "", "c", vec![tensor("value", t)])
    };
    let taken = |v| read(&model(21, graph("x", "y", vec![constant(v), choose("c")]))).map(|m| show(&m, ""));
    assert_eq!(taken(1), Ok(vec!["y = Exp(x)".into()]));
    assert_eq!(taken(0), Ok(vec!["y = Log(x)".into()]));
    let mut g = graph("x", "y", vec![choose("p")]);
    g.input.push(value("p", 9));
    // A condition that is not known stays, with both branches.
    let m = read(&model(21, g)).expect("a condition may be an input");
    let c = &m.control[0];
    assert_eq!((c.kind.name(), c.before, m.nodes.len(), m.control.len()), ("If", 0, 0, 1));
    assert_eq!(c.bodies.iter().map(|b| b.nodes[0].op).collect::<Vec<_>>(), [ir::Op::Exp, ir::Op::Log]);
    assert_ne!(c.bodies[0].outputs, c.bodies[1].outputs, "names are unique in the model");
    // A condition that follows from the declared shape of an input: the last extent of x is 3.
    let sized = |dims: &[i64]| {
        let nodes = vec![
            node("Shape", "x", "s", vec![]),
            node("Constant", "", "last", vec![int("value_int", -1)]),
            node("Gather", "s last", "n", vec![]),
            node("Constant", "", "three", vec![int("value_int", 3)]),
            node("Equal", "n three", "c", vec![]),
            choose("c"),
        ];
        let mut g = graph("x", "y", nodes);
        g.input[0] = shaped("x", 1, dims);
        read(&model(21, g)).map(|m| show(&m, "").pop().expect("nodes"))
    };
    assert_eq!(sized(&[2, 3]), Ok("y = Exp(x)".into()));
    assert_eq!(sized(&[3, 2]), Ok("y = Log(x)".into()));
    let open = |dims: &[i64]| {
        let mut g = graph("x", "y", vec![node("Shape", "x", "s", vec![]), choose("s")]);
        g.input[0] = shaped("x", 1, dims);
        read(&model(21, g)).map(|m| (m.control.len(), m.control[0].before))
    };
    assert_eq!(open(&[-1, 3]), Ok((1, 1)), "an extent is unknown");
    // A branch that only passes an outer value on.
    let pass = GraphProto { input: vec![], ..graph("", "x", vec![]) };
    let n = node("If", "c", "y", vec![graph_attribute("then_branch", pass)]);
    let m = read(&model(21, graph("x", "y", vec![constant(1), n])));
    assert_eq!(m.map(|m| show(&m, "")), Ok(vec!["y = Identity(x)".into()]));
    let body = node("Loop", "_ _ x", "y", vec![graph_attribute("body", branch("Exp"))]);
    let text = of_nodes(vec![body]);
    assert_eq!(text, ["Invalid node `#0` (#0, Loop): the body has 0 inputs and 1 outputs for 1 carried values"]);
    let body = graph("i c p", "c q", vec![node("Exp", "p", "q", vec![])]);
    let scan = graph("p", "q", vec![node("Exp", "p", "q", vec![])]);
    let nodes = vec![
        node("Loop", "_ _ x", "z", vec![graph_attribute("body", body)]),
        node("Scan", "z", "y", vec![graph_attribute("body", scan), int("num_scan_inputs", 1)]),
    ];
    let m = read(&model(21, graph("x", "y", nodes))).expect("loops stay");
    assert_eq!(m.control.iter().map(|c| c.kind.name()).collect::<Vec<_>>(), ["Loop", "Scan"]);
    let bad = graph("p", "nothing", vec![]);
    let text = of_nodes(vec![node("Scan", "x", "y", vec![graph_attribute("body", bad), int("num_scan_inputs", 1)])]);
    assert_eq!(text[0], "Invalid node `#0` (#0, Scan): result `nothing` of the body is not defined");
}

fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.into()),
        domain: Some("mine".into()),
        input: vec!["p".into(), "q".into()],
        output: vec!["r".into()],
        attribute: vec!["slope".into()],
        attribute_proto: vec![int("axis", 2)],
        node: nodes,
        opset_import: vec![
            OperatorSetIdProto { domain: None, version: Some(12) },
            OperatorSetIdProto { domain: Some("mine".into()), version: Some(1) },
        ],
        ..FunctionProto::default()
    }
}

fn call(name: &str, inputs: &str, outputs: &str, attrs: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: Some("mine".into()), name: Some("call".into()), ..node(name, inputs, outputs, attrs) }
}

fn reference(name: &str, outer: &str, like: AttributeProto) -> AttributeProto {
    AttributeProto { name: Some(name.into()), ref_attr_name: Some(outer.into()), i: None, f: None, ..like }
}

#[test]
fn functions_are_inlined_with_their_own_operator_set_and_attributes() {
    let f = function(
        "f",
        vec![
            node("LeakyRelu", "p", "a", vec![reference("alpha", "slope", float("", 0.0))]),
            // Set 12: the axes are an attribute there.
            node("ReduceSum", "a", "b", vec![ints("axes", &[0])]),
            node("Flatten", "b", "d", vec![reference("axis", "axis", int("", 0))]),
            node("Clip", "d q", "r", vec![]),
        ],
    );
    let of = |nodes: Vec<NodeProto>| {
        let mut m = model(21, graph("x", "y", nodes));
        m.functions = vec![f.clone()];
        read(&m).map(|m| (show(&m, ""), m))
    };
    let (shown, m) = of(vec![call("f", "x", "y", vec![float("slope", 0.5)])]).expect("correct");
    assert_eq!(
        shown,
        ["t0 = LeakyRelu{alpha=0.5}(x)", "t1 = ReduceSum(t0, [0])", "t2 = Flatten{axis=2}(t1)", "y = Clip(t2)"]
    );
    assert_eq!((m.nodes[3].name.as_str(), m.nodes[3].source), ("call/#3", 0));
    // Twice, with other attributes: no name collides, and a missing attribute takes the operator's default.
    let (shown, _) =
        of(vec![call("f", "x x", "z", vec![int("axis", 1)]), call("f", "z", "y", vec![])]).expect("correct");
    assert_eq!(shown[0], "t0 = LeakyRelu(x)");
    assert_eq!(shown[3], "t3 = Clip(t2, x)");
    assert_eq!(shown.len(), 8);
    let e = of(vec![call("f", "x", "y", vec![int("slop", 1)])]).expect_err("no such attribute");
    assert!(e.contains("the function has no attribute `slop`"), "{e}");
    let e = of(vec![call("f", "x x x", "y", vec![])]).expect_err("too many inputs");
    assert!(e.contains("has 2 inputs and 1 outputs"), "{e}");
}

#[test]
fn recursive_and_exploding_functions_end_in_an_error() {
    let mut m = model(21, graph("x", "y", vec![call("f", "x", "y", vec![])]));
    m.functions = vec![function("f", vec![call("f", "p", "r", vec![])])];
    assert!(errors(&m)[0].contains("functions nest deeper"), "{:?}", errors(&m));
    // Each function calls the next ten times: 10^20 nodes.
    m.functions = (0..20)
        .map(|k| {
            let next = format!("f{}", k + 1);
            let mut nodes: Vec<NodeProto> =
                (0..10).map(|i| call(&next, &format!("v{i}"), &format!("v{}", i + 1), vec![])).collect();
            nodes[0].input[0] = "p".into();
            nodes[9].output[0] = "r".into();
            function(&format!("f{k}"), nodes)
        })
        .chain([function("f20", vec![relu("p", "r")])])
        .collect();
    m.graph.as_mut().expect("set").node[0].op_type = Some("f0".into());
    let got = errors(&m);
    assert!(got.iter().any(|e| e.contains("inlining functions gives more than")), "{:?}", got.first());
}

#[test]
fn a_hundred_thousand_nodes_are_read_in_passing() {
    let n = 100_000;
    let mut nodes: Vec<NodeProto> = (0..n).map(|i| relu(&format!("v{i}"), &format!("v{}", i + 1))).collect();
    nodes[0].input[0] = "x".into();
    nodes[n - 1].output[0] = "y".into();
    let good = model(7, graph("x", "y", nodes.clone()));
    assert_eq!(read(&good).map(|m| m.nodes.len()), Ok(n));
    // Backwards: as many errors as links, of which the list holds the first ten thousand.
    nodes.reverse();
    let got = errors(&model(7, graph("x", "y", nodes)));
    assert_eq!(got.len(), 10_001);
    // One node with as many attributes, and one with as many inputs of the same long undefined name.
    let many: Vec<AttributeProto> = (0..n).rev().map(|i| int(&format!("a{i:06}"), 1)).collect();
    assert!(of_nodes(vec![node("Relu", "x", "y", many)])[0].contains("has 100000 attributes"));
    let long = "n".repeat(100_000);
    let mut wide = node("Sum", "", "y", vec![]);
    wide.name = Some(long.clone());
    wide.input = vec![long; 300];
    let got = of_nodes(vec![wide]);
    assert_eq!(got.len(), 300);
    assert!(got[0].len() < 500);
}
