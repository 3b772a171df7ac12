//! Arbitrary and damaged bytes: an error or a model, never a panic; and what is read can be written and read again.

mod support;

use proptest::prelude::*;
use prost::Message;
use support::{f32_data, float, graph, graph_attribute, int, ints, model, node, tensor};
use touchstone_onnx::proto::{FunctionProto, ModelProto, OperatorSetIdProto, SparseTensorProto, TensorProto};

/// Models that together use every part of the format.
fn seeds() -> Vec<Vec<u8>> {
    let branch = |op: &str| graph("", "r", vec![node(op, "x", "r", vec![])]);
    let truth = TensorProto { data_type: Some(9), int32_data: vec![1], ..TensorProto::default() };
    let mut rich = graph(
        "x w",
        "y z",
        vec![
            node("Constant", "", "c", vec![tensor("value", truth)]),
            node(
                "If",
                "c",
                "a",
                vec![graph_attribute("then_branch", branch("Exp")), graph_attribute("else_branch", branch("Log"))],
            ),
            node("Softmax", "a", "b", vec![int("axis", 1)]),
            node("Split", "b", "d e", vec![ints("split", &[1, 2])]),
            node("Clip", "d", "f", vec![float("min", 0.0)]),
            node("Add", "f w", "y", vec![]),
            node("Mul", "e s", "z", vec![]),
        ],
    );
    rich.initializer.push(f32_data("w", &[2], &[1.0, 2.0]));
    rich.sparse_initializer.push(SparseTensorProto {
        values: Some(f32_data("s", &[1], &[5.0])),
        indices: Some(TensorProto { data_type: Some(7), dims: vec![1], int64_data: vec![2], ..TensorProto::default() }),
        dims: vec![2, 2],
    });
    let mut call = node("f", "x", "y", vec![]);
    call.domain = Some("mine".into());
    let mut functions = model(21, graph("x", "y", vec![call]));
    functions.functions.push(FunctionProto {
        name: Some("f".into()),
        domain: Some("mine".into()),
        input: vec!["p".into()],
        output: vec!["r".into()],
        node: vec![node("Relu", "p", "q", vec![]), node("Neg", "q", "r", vec![])],
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
        ..FunctionProto::default()
    });
    let models: [ModelProto; 2] = [model(9, rich), functions];
    models.iter().map(Message::encode_to_vec).collect()
}

fn survives(bytes: &[u8]) {
    if let Ok(m) = touchstone_onnx::read(bytes, None) {
        let again = touchstone_onnx::read(&touchstone_onnx::write_model(&m), None);
        assert!(again.is_ok(), "written again, it is refused: {}", again.expect_err("just seen"));
    }
}

#[test]
fn the_seeds_are_good_models() {
    for s in seeds() {
        let m = touchstone_onnx::read(&s, None);
        assert!(m.is_ok(), "{}", m.expect_err("just seen"));
    }
}

#[test]
fn every_truncation_and_every_flipped_bit() {
    for s in seeds() {
        for n in 0..s.len() {
            survives(&s[..n]);
            for bit in 0..8 {
                let mut t = s.clone();
                t[n] ^= 1 << bit;
                survives(&t);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&bytes);
        let _ = touchstone_onnx::read_tensor(&bytes);
    }
    #[test]
    fn damaged_models(
        which in 0usize..2,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let mut bytes = seeds().swap_remove(which);
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let i = at.index(bytes.len());
            match kind {
                0 => bytes[i] = byte,
                1 => bytes.insert(i, byte),
                _ => { bytes.remove(i); }
            }
        }
        survives(&bytes);
    }
}
