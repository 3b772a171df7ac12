//! Graphs and tensors written and read again.

mod support;

use ir::{Attr, Attrs, DType, Def, Dim, Graph, Model, ModelNode, ModelValue, Op, Origin, Tensor, TensorType, ValueId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use touchstone_onnx::{read, read_tensor, write_graph, write_model, write_tensor};

/// Operators that together have attributes of all kinds, omitted inputs, several outputs and variadic inputs.
fn operator(kind: u8) -> (Op, Attrs, usize, usize) {
    match kind {
        0 => (Op::Relu, Attrs::none(), 1, 1),
        1 => (Op::Add, Attrs::none(), 2, 1),
        2 => (Op::Concat, Attrs::none().with_int("axis", 0), 3, 1),
        3 => (Op::Split, Attrs::none().with_int("num_outputs", 2), 1, 2),
        4 => (Op::LeakyRelu, Attrs::none().with_float("alpha", 0.3), 1, 1),
        5 => (Op::Transpose, Attrs::none().with_ints("perm", &[1, 0]), 1, 1),
        6 => (Op::Conv, Attrs::none().with_str("auto_pad", "SAME_UPPER").with_ints("kernel_shape", &[3]), 2, 1),
        7 => (Op::ConstantOfShape, Attrs::none().with("value", Attr::Tensor(Tensor::from_f32([1], &[2.0]))), 1, 1),
        8 => {
            let alpha = Attr::floats(&[0.5, -0.0]);
            let names = Attr::Strs(vec!["Tanh".into(), "Relu".into()]);
            (
                Op::RNN,
                Attrs::none().with("activation_alpha", alpha).with("activations", names).with_int("hidden_size", 4),
                3,
                2,
            )
        }
        _ => (Op::Swish, Attrs::none(), 1, 1),
    }
}

fn complete(op: Op, given: &Attrs) -> Attrs {
    let mut a = op.defaults();
    for (n, v) in given.iter() {
        a.set(n, v.clone());
    }
    a
}

/// A structurally correct graph; types are arbitrary, since the importer does not infer them.
fn build(nodes: &[(u8, [prop::sample::Index; 3], u8)], outputs: &[prop::sample::Index], wide: bool) -> Graph {
    let ty = || TensorType::new(DType::F32, [2, 3]);
    let mut g = Graph { name: "random".into(), ..Graph::default() };
    let mut values: Vec<ValueId> = vec![g.add_input("x", ty()), g.add_input("v9", ty())];
    values.push(g.add_const(Some("x".into()), Tensor::from_f32([2], &[1.0, f32::NAN])));
    values.push(g.add_const(None, Tensor::from_i64([0], &[])));
    if wide {
        values.push(g.add_wide_const(
            Some("w".into()),
            TensorType::new(DType::F32, [1]),
            Tensor::from_f64([1], &[0.1]),
        ));
    }
    for (i, (kind, picks, name)) in nodes.iter().enumerate() {
        let (op, attrs, inputs, outputs) = operator(*kind % 10);
        let inputs = picks.iter().take(inputs).map(|p| Some(values[p.index(values.len())])).collect();
        // Names repeat, some are missing, and some look like generated ones.
        let named = |k: usize| match name % 4 {
            0 => None,
            1 => Some("same".to_owned()),
            2 => Some(format!("v{}", name % 16)),
            _ => Some(format!("n{i}/{k}")),
        };
        let outs = (0..outputs).map(|k| (ty(), named(k))).collect();
        let origin = Origin::new(0, if name % 3 == 0 { "twice".to_owned() } else { format!("node{i}") });
        values.extend(g.add_node(op, complete(op, &attrs), inputs, outs, origin));
    }
    for (k, o) in outputs.iter().enumerate() {
        g.add_output(format!("out{k}"), values[o.index(values.len())]);
    }
    g
}

/// Walks graph and model side by side: the same nodes on the same operands. `Cast` of a wide constant and `Identity`
/// of a repeated output are the only additions.
fn same(g: &Graph, m: &Model) -> Result<(), String> {
    let constants: BTreeMap<&str, &Tensor> = m.initializers.iter().map(|(n, t)| (n.as_str(), t)).collect();
    let mut name_of: BTreeMap<ValueId, String> = BTreeMap::new();
    for (&v, i) in g.inputs.iter().zip(&m.inputs) {
        let dims: Vec<Dim> = g.ty(v).dims.iter().map(|&d| Dim::Fixed(d)).collect();
        if g.value_name(v) != i.name || g.ty(v).dtype != i.dtype || i.dims.as_ref() != Some(&dims) {
            return Err(format!("input {} became {i:?}", g.value_name(v)));
        }
        name_of.insert(v, i.name.clone());
    }
    let mut nodes = m.nodes.iter().peekable();
    let mut casts: BTreeMap<&str, (&Tensor, i64)> = BTreeMap::new();
    while let Some(c) = nodes.next_if(|n| n.op == Op::Cast) {
        let source = constants[c.inputs[0].as_deref().expect("a Cast has an input")];
        casts.insert(c.outputs[0].as_deref().expect("and an output"), (source, c.attrs.int("to").expect("and a type")));
    }
    let mut matches = |v: ValueId, name: &str| match name_of.get(&v) {
        Some(n) => n == name,
        None => {
            let ok = match &g.values[v].def {
                Def::Const(t) if t.dtype == g.ty(v).dtype => constants.get(name) == Some(&t),
                Def::Const(t) => casts.get(name) == Some(&(t, i64::from(g.ty(v).dtype.onnx_code()))),
                Def::Input(_) | Def::Node { .. } => true,
            };
            name_of.insert(v, name.into());
            ok
        }
    };
    for n in g.nodes.values() {
        let Some(got) = nodes.next() else { return Err("nodes are missing".into()) };
        let wide = n.inputs.len() == got.inputs.len() && n.outputs.len() == got.outputs.len();
        if n.op != got.op || n.attrs != got.attrs || !wide {
            return Err(format!("{n:?} became {got:?}"));
        }
        let ins = n.inputs.iter().zip(&got.inputs).all(|(v, s)| match (v, s) {
            (Some(v), Some(s)) => matches(*v, s),
            (None, None) => true,
            _ => false,
        });
        let outs = n.outputs.iter().zip(&got.outputs).all(|(v, s)| s.as_deref().is_some_and(|s| matches(*v, s)));
        if !ins || !outs {
            return Err(format!("operands of {n:?} became {got:?}"));
        }
    }
    let identities: BTreeMap<&str, &str> = nodes
        .map(|n| (n.outputs[0].as_deref().expect("an output"), n.inputs[0].as_deref().expect("an input")))
        .collect();
    for (o, got) in g.outputs.iter().zip(&m.outputs) {
        let source = identities.get(o.name.as_str()).copied().unwrap_or(&o.name);
        if o.name != got.name || !matches(o.value, source) {
            return Err(format!("output {} is {} from {source}", o.name, got.name));
        }
    }
    // Different values have different names.
    let mut names: Vec<&String> = name_of.values().collect();
    names.sort_unstable();
    names.dedup();
    if names.len() == name_of.len() { Ok(()) } else { Err("two values share a name".into()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_graphs(
        nodes in prop::collection::vec((any::<u8>(), any::<[prop::sample::Index; 3]>(), any::<u8>()), 0..12),
        outputs in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        wide in any::<bool>(),
    ) {
        let g = build(&nodes, &outputs, wide);
        prop_assert_eq!(ir::verify::verify(&g), vec![]);
        let bytes = write_graph(&g);
        prop_assert_eq!(&bytes, &write_graph(&g), "not deterministic");
        let m = read(&bytes, None).map_err(|e| TestCaseError::fail(e.to_string()))?;
        same(&g, &m).map_err(TestCaseError::fail)?;
        let mut names: Vec<&str> = m.nodes.iter().map(|n| n.name.as_str()).collect();
        names.sort_unstable();
        prop_assert!(names.windows(2).all(|w| w[0] != w[1]), "node names repeat, which ONNX Runtime refuses");
        // A model, in turn, comes back unchanged.
        let again = read(&write_model(&m), None).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(again, m);
    }
    #[test]
    fn tensors(code in 0usize..13, dims in prop::collection::vec(0usize..4, 0..4), seed in any::<u64>()) {
        let ty = TensorType::new(DType::ALL[code], dims);
        let mut x = seed;
        let bytes: Vec<u8> = (0..ty.bytes())
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let b = x.to_be_bytes()[0];
                if ty.dtype == DType::Bool { b & 1 } else { b }
            })
            .collect();
        let t = Tensor::new(ty.dtype, ty.dims, bytes).expect("made to fit");
        prop_assert_eq!(read_tensor(&write_tensor("name", &t)), Ok(("name".to_owned(), t)));
    }
}

#[test]
fn typed_fields_of_every_element_type() {
    use prost::Message;
    use touchstone_onnx::proto::TensorProto;
    let of = |code: i32, fill: &dyn Fn(&mut TensorProto)| {
        let mut p = TensorProto { data_type: Some(code), dims: vec![2], ..TensorProto::default() };
        fill(&mut p);
        read_tensor(&p.encode_to_vec()).map(|(_, t)| t.bytes.to_vec()).map_err(|e| e.to_string())
    };
    let in_i32 = |code, x: [i32; 2]| of(code, &|p| p.int32_data = x.to_vec());
    assert_eq!(of(1, &|p| p.float_data = vec![1.0, -0.0]), Ok(vec![0, 0, 0x80, 0x3f, 0, 0, 0, 0x80]));
    assert_eq!(of(11, &|p| p.double_data = vec![1.0, 2.0]).map(|b| (b[7], b[15])), Ok((0x3f, 0x40)));
    assert_eq!(of(7, &|p| p.int64_data = vec![-1, 1]).map(|b| (b[7], b[8], b[15])), Ok((255, 1, 0)));
    assert_eq!(of(13, &|p| p.uint64_data = vec![u64::MAX, 1]).map(|b| (b[7], b[8])), Ok((255, 1)));
    assert_eq!(of(12, &|p| p.uint64_data = vec![1, 0xffff_ffff]), Ok(vec![1, 0, 0, 0, 255, 255, 255, 255]));
    assert!(of(12, &|p| p.uint64_data = vec![1, 1 << 32]).is_err());
    assert_eq!(in_i32(2, [1, 255]), Ok(vec![1, 255]));
    assert_eq!(in_i32(3, [1, -128]), Ok(vec![1, 128]));
    assert_eq!(in_i32(4, [1, 65535]), Ok(vec![1, 0, 255, 255]));
    assert_eq!(in_i32(5, [1, -2]), Ok(vec![1, 0, 254, 255]));
    assert_eq!(in_i32(6, [1, -2]), Ok(vec![1, 0, 0, 0, 254, 255, 255, 255]));
    assert_eq!(in_i32(9, [1, 0]), Ok(vec![1, 0]));
    // f16 and bf16: the bits of 1.0.
    assert_eq!(in_i32(10, [0x3c00, 0]), Ok(vec![0, 0x3c, 0, 0]));
    assert_eq!(in_i32(16, [0x3f80, 0]), Ok(vec![0x80, 0x3f, 0, 0]));
    assert!(in_i32(2, [1, 256]).is_err());
    assert!(in_i32(9, [1, 2]).is_err());
    assert!(in_i32(1, [1, 2]).is_err());
    assert!(in_i32(22, [1, 2]).expect_err("int4").starts_with("unsupported"));
    assert!(of(8, &|p| p.string_data = vec![vec![], vec![]]).expect_err("strings").starts_with("unsupported"));
}

#[test]
fn the_operator_set_written_is_as_old_as_the_nodes_permit() {
    use prost::Message;
    let set = |op: Op, attrs: Attrs, dtype: DType| {
        let value = |name: &str| ModelValue { name: name.into(), dtype, dims: None };
        let node = ModelNode {
            op,
            attrs,
            inputs: vec![Some("x".into())],
            outputs: vec![Some("y".into())],
            name: "n".into(),
            source: 0,
        };
        let m = Model { inputs: vec![value("x")], outputs: vec![value("y")], nodes: vec![node], ..Model::default() };
        let p = touchstone_onnx::proto::ModelProto::decode(write_model(&m).as_slice()).expect("just written");
        (p.opset_import[0].version, p.ir_version)
    };
    assert_eq!(set(Op::Relu, Attrs::none(), DType::F32), (Some(21), Some(10)));
    assert_eq!(set(Op::Cos, Attrs::none(), DType::F32), (Some(21), Some(10)));
    assert_eq!(set(Op::Cos, Attrs::none(), DType::BF16), (Some(22), Some(10)));
    assert_eq!(set(Op::Swish, Op::Swish.defaults(), DType::F32), (Some(24), Some(12)));
    assert_eq!(set(Op::Celu, Op::Celu.defaults(), DType::F16), (Some(28), Some(14)));
    let cast = Op::Cast.defaults().with_int("to", 1);
    assert_eq!(set(Op::Cast, cast.clone(), DType::F32), (Some(21), Some(10)));
    assert_eq!(set(Op::Cast, cast.with_str("round_mode", "down"), DType::F32), (Some(24), Some(12)));
}
