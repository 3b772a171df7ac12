//! Sessions give what a lone evaluation gives, to the bit, whatever they saw before.
use ir::{Attr, Attrs, DType, Graph, Op, Origin, Tensor, TensorType, ValueId};
use kit::Rng;
use proptest::prelude::*;
use reference::{Contract, Session, evaluate, evaluate_typed};
use touchstone_reference as reference;

fn floats(rng: &mut Rng, n: usize) -> Tensor {
    let x: Vec<f32> = (0..n).map(|_| if rng.chance(1, 20) { f32::NAN } else { rng.normal() as f32 }).collect();
    Tensor::from_f32(vec![n], &x)
}

/// A random graph over one type: two inputs, two constants, elementwise nodes and concatenations cut back to size.
fn graph(rng: &mut Rng, constants: &[Tensor; 2], n: usize) -> Graph {
    let mut g = Graph::default();
    let ty = TensorType::new(DType::F32, vec![n]);
    let mut all: Vec<ValueId> = (0..2).map(|i| g.add_input(format!("x{i}"), ty.clone())).collect();
    all.extend(constants.iter().map(|t| g.add_const(None, t.clone())));
    for _ in 0..8 {
        let ops = [Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Max, Op::Relu, Op::Neg, Op::LeakyRelu];
        let op = *rng.pick(&ops);
        let arity = op.schema().inputs.0.max(1) + usize::from(op == Op::Max);
        let ins = (0..arity).map(|_| Some(*rng.pick(&all))).collect();
        let mut attrs = op.defaults();
        if op == Op::LeakyRelu {
            // Nodes that differ in an attribute alone are different nodes.
            attrs = Attrs::none().with("alpha", Attr::float([0.01f32, 0.25][rng.below(2) as usize]));
        }
        all.push(g.add_node(op, attrs, ins, vec![(ty.clone(), None)], Origin::default())[0]);
    }
    g.add_output("y", all[all.len() - 1]);
    g.add_output("z", all[all.len() - 2]);
    g
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn sessions_change_no_bit(seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let n = 6;
        let constants = [floats(&mut rng, n), floats(&mut rng, n)];
        let graphs: Vec<Graph> = (0..4).map(|_| graph(&mut rng, &constants, n)).collect();
        for name in ["anvil", "f64"] {
            let contract = Contract::named(name).expect("known");
            let (mut session, mut typed) = (Session::new(&contract), Session::typed(&contract));
            for _ in 0..3 {
                let inputs = [floats(&mut rng, n), floats(&mut rng, n)];
                // Each graph twice: the second time all is found.
                for g in graphs.iter().chain(&graphs) {
                    let (alone, shared) = (evaluate(g, &inputs, &contract).expect("valid"), session.evaluate(g, &inputs).expect("valid"));
                    for (a, b) in alone.outputs().into_iter().zip(shared.outputs()) {
                        prop_assert!(a.same_bits(b), "{name}: {a:?} against {b:?}");
                    }
                    let own: Vec<Tensor> = typed.evaluate(g, &inputs).expect("valid").outputs().iter().map(|b| b.to_tensor()).collect();
                    prop_assert_eq!(own, evaluate_typed(g, &inputs, &contract).expect("valid"));
                }
                session.forget_inputs();
                typed.forget_inputs();
            }
        }
    }
}

#[test]
fn wide_constants_are_not_taken_for_their_rounded_selves() {
    // The same bytes as a f64 constant of a f32 value and of a f64 value: two leaves.
    let contract = Contract::named("anvil").expect("known");
    let mut session = Session::new(&contract);
    let third = Tensor::from_f64(vec![1], &[1.0 / 3.0]);
    let make = |declared: DType| {
        let mut g = Graph::default();
        let c = g.add_wide_const(None, TensorType::new(declared, vec![1]), third.clone());
        let ty = TensorType::new(declared, vec![1]);
        let y = g.add_node(Op::Neg, Attrs::none(), vec![Some(c)], vec![(ty, None)], Origin::default())[0];
        g.add_output("y", y);
        g
    };
    let value = |s: &mut Session, d: DType| {
        s.evaluate(&make(d), &[]).expect("valid").outputs()[0].float().expect("floats").value[0]
    };
    assert_eq!(value(&mut session, DType::F64), -1.0 / 3.0);
    assert_eq!(value(&mut session, DType::F32), -f64::from(1.0f32 / 3.0));
}
