//! Random nodes with sensible and hostile attributes, shapes and constants: the type rules never panic, and a graph that
//! verifies and type-checks goes through every pass without a panic, a `Broken`, or a result that does not check.

extern crate touchstone_opt as opt;

use ir::{Attr, AttrKind, Attrs, DType, Graph, Op, Origin, Tensor, TensorType};
use kit::{CompileError, Control, PassCx, Permit, RewriteLog, Rng};

fn number(r: &mut Rng) -> i64 {
    match r.below(12) {
        0 => [i64::MIN, i64::MAX, i64::MIN + 1, 1 << 31, -(1 << 31), 1 << 40][r.below(6) as usize],
        1 => r.below(9) as i64 - 4,
        _ => r.below(4) as i64 - 1,
    }
}
fn extent(r: &mut Rng) -> usize {
    match r.below(40) {
        0 => 1 << 20,
        1 | 2 => 0,
        n => 1 + n as usize % 4,
    }
}
fn dtype(r: &mut Rng) -> DType {
    let all = DType::ALL;
    match r.below(4) {
        0 => all[r.below(all.len() as u64) as usize],
        _ => DType::F32,
    }
}
fn attr(r: &mut Rng, op: Op, name: &str, kind: AttrKind) -> Attr {
    let words: &[&str] = match name {
        "auto_pad" => &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
        "mode" if op == Op::Pad => &["constant", "edge", "reflect", "wrap"],
        "mode" if op == Op::DepthToSpace => &["DCR", "CRD"],
        "mode" => &["nearest", "linear", "cubic"],
        "direction" => &["LEFT", "RIGHT", "forward", "bidirectional"],
        "equation" => &["ij,jk->ik", "ii", "...ij", "i->i,", "a-"],
        "coordinate_transformation_mode" => &["half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"],
        _ => &["none", "tanh", "floor", "add", "nonsense"],
    };
    let n = r.below(5) as usize;
    match kind {
        AttrKind::Int if matches!(name, "to" | "output_dtype" | "dtype") => Attr::Int(r.below(18) as i64),
        AttrKind::Int => Attr::Int(number(r)),
        AttrKind::Float => Attr::float([0.0, 1.0, -1.0, 0.5, f32::NAN, f32::INFINITY][r.below(6) as usize]),
        AttrKind::Str => Attr::Str(words[r.below(words.len() as u64) as usize].into()),
        AttrKind::Ints if name == "perm" => {
            let mut p: Vec<i64> = (0..n as i64).collect();
            p.rotate_left(n / 2);
            Attr::Ints(p)
        }
        AttrKind::Ints => Attr::Ints((0..n).map(|_| number(r)).collect()),
        AttrKind::Floats => Attr::floats(&[1.0, 2.0]),
        AttrKind::Strs => Attr::Strs(vec!["Tanh".into()]),
        AttrKind::Tensor => Attr::Tensor(Tensor::from_i64([1], &[number(r)])),
    }
}
fn constant(r: &mut Rng, ty: &TensorType) -> Option<Tensor> {
    let n = ty.elements();
    if n > 4096 {
        return None;
    }
    let mut bytes = Vec::new();
    for _ in 0..n {
        let v = match ty.dtype {
            DType::Bool => r.below(2),
            DType::F32 => u64::from((r.below(9) as f32 * 0.5 - 1.0).to_bits()),
            DType::F64 => (r.below(9) as f64 * 0.5 - 1.0).to_bits(),
            d if d.is_float() => r.below(1 << 16),
            _ => number(r) as u64,
        };
        bytes.extend_from_slice(&v.to_le_bytes()[..ty.dtype.size()]);
    }
    Tensor::new(ty.dtype, ty.dims.clone(), bytes).ok()
}

/// One node with its inputs; some are constants. `None` if the type rules refuse it.
fn node(r: &mut Rng) -> Option<Graph> {
    let op = Op::ALL[r.below(Op::ALL.len() as u64) as usize];
    let s = op.schema();
    let mut attrs = op.defaults();
    for a in s.attrs {
        if r.below(3) == 0 || a.default == ir::AttrDefault::Required {
            attrs.set(a.name, attr(r, op, a.name, a.kind));
        }
    }
    let mut g = Graph { name: "h".into(), ..Graph::default() };
    let most = s.inputs.1.min(s.inputs.0 + 4);
    let count = s.inputs.0 + r.below((most - s.inputs.0) as u64 + 1) as usize;
    let (rank, common) = (r.below(5) as usize, dtype(r));
    let dims: Vec<usize> = (0..rank).map(|_| extent(r)).collect();
    let mut inputs = Vec::new();
    for i in 0..count {
        let list = i > 0 && r.below(3) == 0;
        let ty = if list {
            TensorType::new(DType::I64, [r.below(5) as usize])
        } else {
            let own: Vec<usize> = match r.below(4) {
                0 => (0..r.below(5)).map(|_| extent(r)).collect(),
                1 if !dims.is_empty() => dims[1.min(rank - 1)..].to_vec(),
                _ => dims.clone(),
            };
            TensorType::new(if r.below(6) == 0 { dtype(r) } else { common }, own)
        };
        let value = if list || r.below(3) == 0 { constant(r, &ty) } else { None };
        inputs.push(match value {
            _ if i >= s.inputs.0 && r.below(4) == 0 => None,
            Some(t) => Some(g.add_const(None, t)),
            None => Some(g.add_input(format!("x{i}"), ty)),
        });
    }
    let types = opt::infer(op, &attrs, &args(&g, &inputs)).ok()?;
    assert!(types.iter().all(|t| t.elements() <= ir::verify::MAX_ELEMENTS), "{op}: {types:?}");
    if types.iter().chain(g.values.values().map(|v| &v.ty)).any(|t| t.elements() > 1 << 16) {
        return None;
    }
    let keep = types.len().min(s.outputs.1).max(1);
    let keep = s.outputs.0.max(1).max(r.below(keep as u64) as usize + 1).min(types.len());
    let outs = types.into_iter().take(keep).map(|t| (t, None)).collect();
    for (i, v) in g.add_node(op, attrs, inputs, outs, Origin::new(0, "n")).into_iter().enumerate() {
        g.add_output(format!("y{i}"), v);
    }
    Some(g)
}
fn args<'g>(g: &'g Graph, inputs: &[Option<ir::ValueId>]) -> Vec<Option<opt::Arg<'g>>> {
    inputs.iter().map(|i| i.map(|v| opt::Arg { ty: g.ty(v), value: g.constant(v) })).collect()
}

#[test]
fn no_node_breaks_a_pass() {
    let mut r = Rng::new(0x70_75_63);
    let mut accepted = std::collections::BTreeMap::new();
    for _ in 0..400_000 {
        let Some(mut g) = node(&mut r) else { continue };
        let op = g.nodes.values().next().expect("one node").op;
        let start = ir::text::print(&g);
        if !ir::verify::verify(&g).is_empty() {
            continue; // e.g. a Split into more parts than outputs are kept
        }
        *accepted.entry(op).or_insert(0u32) += 1;
        let (mut log, mut control) = (RewriteLog::new(Permit::All), Control::production());
        for p in opt::PASSES {
            let mut cx = PassCx { pass: p.name, log: &mut log, control: &mut control };
            g = match (p.run)(&g, &mut cx) {
                Ok(g) => g,
                Err(e @ CompileError::Broken { .. }) => panic!("{}: {e}\n{start}", p.name),
                Err(_) => break,
            };
            let bad: Vec<_> = ir::verify::verify(&g).into_iter().chain(opt::check_types(&g)).collect();
            assert!(bad.is_empty(), "{}: {bad:?}\n{start}\n{}", p.name, ir::text::print(&g));
        }
    }
    let never: Vec<_> = Op::ALL.iter().filter(|o| !accepted.contains_key(o)).collect();
    println!("never accepted: {never:?}");
    assert!(accepted.len() >= 110, "only {} operators were ever accepted; never: {never:?}", accepted.len());
}

#[test]
fn rules_refuse_what_is_wrong_with_a_reason() {
    let f = |d: &[usize]| TensorType::new(DType::F32, d);
    let e = |op: Op, a: Attrs, tys: &[TensorType]| {
        let x: Vec<_> = tys.iter().map(|ty| Some(opt::Arg { ty, value: None })).collect();
        let mut all = op.defaults();
        a.iter().for_each(|(k, v)| all.set(k, v.clone()));
        opt::infer(op, &all, &x).expect_err("refused")
    };
    let group = Attrs::none().with_int("group", 2);
    for (got, part) in [
        (e(Op::Add, Attrs::none(), &[f(&[2]), f(&[3])]), "do not broadcast"),
        (e(Op::Softmax, Attrs::none().with_int("axis", 2), &[f(&[2, 3])]), "axis 2 is out of range for rank 2"),
        (e(Op::Conv, group, &[f(&[1, 3, 4, 4]), f(&[2, 1, 1, 1])]), "3 channels"),
        (e(Op::Conv, Attrs::none(), &[f(&[1, 3, 4, 4]), f(&[2, 3, 5, 1])]), "does not fit"),
        (
            e(Op::Conv, Attrs::none().with_ints("pads", &[-1, 0, 0, 0]), &[f(&[1, 3, 4, 4]), f(&[2, 3, 1, 1])]),
            "negative",
        ),
        (
            e(Op::Conv, Attrs::none().with_ints("kernel_shape", &[3, 3]), &[f(&[1, 3, 4, 4]), f(&[2, 3, 1, 1])]),
            "kernel_shape",
        ),
        (e(Op::Transpose, Attrs::none().with_ints("perm", &[0, 0]), &[f(&[2, 3])]), "no permutation"),
        (e(Op::Reshape, Attrs::none(), &[f(&[2]), TensorType::new(DType::I64, [1])]), "run-time data"),
        (e(Op::NonZero, Attrs::none(), &[f(&[2])]), "run-time data"),
        (e(Op::MatMul, Attrs::none(), &[f(&[2, 3]), f(&[2, 3])]), "3 columns against 2 rows"),
        (e(Op::Add, Attrs::none(), &[f(&[2]), TensorType::new(DType::I32, [2])]), "i32, f32 expected"),
    ] {
        assert!(got.contains(part), "{got:?} lacks {part:?}");
    }
}
