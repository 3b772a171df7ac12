//! ONNX backend test directories (`NAME/model.onnx`, `NAME/test_data_set_N/{input,output}_K.pb`): the judge that nobody here wrote.
//!
//! The vector is compared with the reference under contract `onnx`; on Anvil the whole case is checked at every stage besides.

use crate::case::{Case, Setup};
use anyhow::{Context, Result, anyhow, bail};
use ir::{Graph, Model, Op, Tensor};
use reference::Contract;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Result of one test.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Directory name.
    pub name: String,
    /// `passed`, `failed`, `unsupported`.
    pub status: &'static str,
    /// Why not passed.
    pub reason: String,
    /// Largest distance of the vector from the reference, in ULP of the declared type (see [`max_ulp`]). Results of cancellation
    /// are far in this unit; what they may be off is in `of_bound`.
    pub max_ulp: f64,
    /// Largest distance from the reference as a share of the bound: at most 1 in a test that passed.
    pub of_bound: f64,
    /// Least share of an output's elements whose bound is useful (`reference::check`).
    pub decided: f64,
    /// Inputs that only determine shapes, bound to the test's values.
    pub bound_inputs: Vec<String>,
    /// Machine instructions (on Anvil).
    pub instructions: u64,
    /// Inputs that reach the executor.
    pub unbound: usize,
}

impl Default for Row {
    fn default() -> Self {
        Row {
            name: String::new(),
            status: "",
            reason: String::new(),
            max_ulp: 0.0,
            of_bound: 0.0,
            decided: 1.0,
            bound_inputs: Vec::new(),
            instructions: 0,
            unbound: 0,
        }
    }
}

fn unsupported(reason: impl Into<String>) -> Row {
    Row { status: "unsupported", reason: reason.into(), ..Row::default() }
}

/// Runs one test directory on the reference, or on Anvil too. A panic is a failure.
pub fn run_test(dir: &Path, setup: &Setup, on_anvil: bool) -> Row {
    let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let row = match std::panic::catch_unwind(|| one(dir, setup, on_anvil)) {
        Ok(Ok(row)) => row,
        Ok(Err(e)) => Row { status: "failed", reason: format!("{e:#}"), ..Row::default() },
        Err(_) => Row { status: "failed", reason: "panic".into(), ..Row::default() },
    };
    Row { name, ..row }
}

fn one(dir: &Path, setup: &Setup, on_anvil: bool) -> Result<Row> {
    let bytes = std::fs::read(dir.join("model.onnx"))?;
    let model = match onnx::read(&bytes, Some(dir)) {
        Ok(m) => m,
        Err(e) if e.is_unsupported() => return Ok(unsupported(e.to_string())),
        Err(e) => bail!("{e}"),
    };
    let mut row = Row { status: "passed", ..Row::default() };
    for set in 0.. {
        let data = dir.join(format!("test_data_set_{set}"));
        if !data.is_dir() {
            if set == 0 {
                bail!("no test_data_set_0");
            }
            break;
        }
        let r = match one_set(&model, &data, setup, on_anvil)? {
            r if r.status == "passed" => r,
            r => return Ok(r),
        };
        row = Row {
            max_ulp: row.max_ulp.max(r.max_ulp),
            of_bound: row.of_bound.max(r.of_bound),
            decided: row.decided.min(r.decided),
            ..r
        };
    }
    Ok(row)
}

fn tensors(dir: &Path, prefix: &str, n: usize) -> Result<Result<Vec<Option<Tensor>>, String>> {
    let mut out = Vec::new();
    for i in 0..n {
        let p = dir.join(format!("{prefix}_{i}.pb"));
        let bytes = std::fs::read(&p).with_context(|| format!("cannot read {}", p.display()))?;
        if bytes.is_empty() {
            out.push(None);
            continue;
        }
        match onnx::read_tensor(&bytes) {
            Ok((_, t)) => out.push(Some(t)),
            Err(e) => return Ok(Err(format!("{}: {e}", p.display()))),
        }
    }
    Ok(Ok(out))
}

/// The static graph of a model for one set of inputs, and the inputs that were bound to their values for it: those that only
/// determine shapes; for the reference also those that decide about control flow or about shapes by their data.
///
/// On Anvil, shapes that depend on data are a limit of the machine, not of the test.
struct Bound {
    graph: Graph,
    inputs: BTreeMap<String, Tensor>,
}

fn bind(model: &Model, given: &[Option<Tensor>], any: bool) -> Result<Bound, Vec<kit::CompileError>> {
    let mut dims = BTreeMap::new();
    for (v, t) in model.inputs.iter().zip(given) {
        let (Some(t), Some(ds)) = (t, &v.dims) else { continue };
        for (i, d) in ds.iter().enumerate() {
            if let (ir::Dim::Named(_), Some(&x)) = (d, t.dims.get(i)) {
                dims.insert(format!("{}.{i}", v.name), x);
            }
        }
    }
    let value = |name: &str| model.inputs.iter().position(|v| v.name == name).and_then(|i| given[i].clone());
    let direct = shape_operands(model).into_iter().filter_map(|name| Some((name.clone(), value(&name)?)));
    let mut spec = opt::Specialize { dims, bound: direct.collect() };
    loop {
        let errors = match opt::specialize(model, &spec) {
            Ok(graph) => return Ok(Bound { graph, inputs: spec.bound }),
            Err(e) => e,
        };
        let before = spec.bound.len();
        for need in opt::needs(model, &spec) {
            let allowed = |t: &Tensor| any || need.shape_like && !t.dtype.is_float();
            if let Some(t) = value(&need.input).filter(allowed) {
                spec.bound.insert(need.input, t);
            }
        }
        if spec.bound.len() == before {
            return Err(errors);
        }
    }
}

/// Names of the model's inputs that are operands which only determine shapes (NPU.md 4.6).
fn shape_operands(model: &Model) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for n in &model.nodes {
        let at: &[usize] = match n.op {
            Op::Reshape | Op::Expand | Op::Tile | Op::Squeeze | Op::Unsqueeze | Op::TopK | Op::CenterCropPad => &[1],
            Op::Split | Op::CumSum | Op::CumProd | Op::OneHot => &[1],
            Op::Slice => &[1, 2, 3, 4],
            Op::Pad => &[1, 3],
            Op::Resize => &[1, 2, 3],
            Op::ConstantOfShape => &[0],
            Op::Range => &[0, 1, 2],
            Op::AffineGrid => &[1],
            Op::Col2Im => &[1, 2],
            Op::MaxUnpool => &[2],
            Op::Trilu => &[1],
            o if o.schema().family == ir::Family::Reduce && o.schema().inputs.1 == 2 => &[1],
            _ => &[],
        };
        let inputs = at.iter().filter_map(|&i| n.inputs.get(i).cloned().flatten());
        out.extend(inputs.filter(|name| model.inputs.iter().any(|v| &v.name == name)));
    }
    out
}

/// Vectors whose expected values stand in ONNX's own source with four decimals (onnx/backend/test/case/node), as do the inputs they were
/// computed from: half a unit of the fourth decimal for each, since the results are averages of the inputs.
const FOUR_DECIMALS: &[&str] = &[
    "test_averagepool_2d_ceil_last_window_starts_on_pad",
    "test_gridsample_bicubic",
    "test_roialign_aligned_false",
    "test_roialign_aligned_true",
];

fn within_print(b: &reference::Bounded, got: &Tensor) -> bool {
    let (value, radius) = crate::dir::values_and_radii(b);
    let Some(xs) = got.to_f32() else { return false };
    // The printed decimal was rounded to binary32 once more: a few units of 2^-24 of a number below 2^4.
    xs.len() == value.len()
        && xs.iter().zip(value.iter().zip(&radius)).all(|(x, (v, r))| (f64::from(*x) - v).abs() <= 1e-4 + r + 1e-6)
}

fn one_set(model: &Model, data: &Path, setup: &Setup, on_anvil: bool) -> Result<Row> {
    let given = match tensors(data, "input", model.inputs.len())? {
        Ok(t) => t,
        Err(why) => return Ok(unsupported(why)),
    };
    let want = match tensors(data, "output", model.outputs.len())? {
        Ok(t) => t,
        Err(why) => return Ok(unsupported(why)),
    };
    let Bound { graph, inputs: bound } = match bind(model, &given, !on_anvil) {
        Ok(b) => b,
        Err(e) => {
            let text = e.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            if e.iter().all(|e| matches!(e, kit::CompileError::Unsupported { .. })) {
                return Ok(unsupported(text));
            }
            bail!("{text}");
        }
    };
    let inputs: Vec<Tensor> = graph
        .inputs
        .iter()
        .map(|&v| {
            let name = graph.value_name(v);
            let i = model.inputs.iter().position(|x| x.name == name);
            i.and_then(|i| given[i].clone()).ok_or_else(|| anyhow!("no data for input `{name}`"))
        })
        .collect::<Result<_>>()?;
    // Vectors made with numpy: each type computes in itself, functions to a few ULP.
    let contract = Contract::named("onnx").expect("a built-in contract");
    let e = match reference::evaluate(&graph, &inputs, &contract) {
        Ok(e) => e,
        Err(e @ reference::EvalError::Unsupported { .. }) => return Ok(unsupported(e.to_string())),
        Err(e) => bail!("{e}"),
    };
    let mut row = Row {
        status: "passed",
        bound_inputs: bound.keys().cloned().collect(),
        unbound: graph.inputs.len(),
        ..Row::default()
    };
    for ((o, b), w) in graph.outputs.iter().zip(e.outputs()).zip(&want) {
        let Some(w) = w else { continue };
        let rep = b.check(w, &contract);
        row.max_ulp = row.max_ulp.max(max_ulp(b, w));
        row.of_bound = row.of_bound.max(rep.worst_ratio);
        row.decided = row.decided.min(rep.decided_fraction());
        let name =
            data.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let printed = FOUR_DECIMALS.contains(&name.as_str()) && within_print(b, w);
        if !rep.agrees() && !printed {
            let first =
                rep.outside.first().map(|x| format!("[{}] {} ± {} against {}", x.index, x.want, x.radius, x.got));
            let why = rep.type_mismatch.or(first).unwrap_or_default();
            return Ok(Row { status: "failed", reason: format!("output `{}`: {why}", o.name), ..row });
        }
    }
    if on_anvil { anvil(graph, inputs, setup, row) } else { Ok(row) }
}

/// Largest distance between the vector and the reference's value rounded to the type, in units in the last place of the larger of
/// the two (so at most 2^25 for f32 where one of them is zero); for integers the largest difference.
fn max_ulp(b: &reference::Bounded, got: &Tensor) -> f64 {
    let want = b.to_tensor();
    if want.ty() != got.ty() {
        return f64::INFINITY;
    }
    let Some(format) = reference::Format::of(got.dtype) else {
        let differ = |i| want.int(i).zip(got.int(i)).map_or(f64::INFINITY, |(x, y)| x.abs_diff(y) as f64);
        return (0..got.elements()).map(differ).fold(0.0, f64::max);
    };
    let (x, y) = (reference::Bounded::from_tensor(&want), reference::Bounded::from_tensor(got));
    let (Ok(x), Ok(y)) = (x.float(), y.float()) else { return f64::INFINITY };
    let distance = |(&x, &y): (&f64, &f64)| -> f64 {
        if x == y || x.is_nan() && y.is_nan() {
            return 0.0;
        }
        if !x.is_finite() || !y.is_finite() {
            return f64::INFINITY;
        }
        let exponent = libm::ilogb(x.abs().max(y.abs())) + 1 - format.precision();
        (x - y).abs() / libm::ldexp(1.0, exponent.max(format.min_subnormal_exp()))
    };
    x.value.iter().zip(&y.value).map(distance).fold(0.0, f64::max)
}

fn anvil(graph: Graph, inputs: Vec<Tensor>, setup: &Setup, row: Row) -> Result<Row> {
    let case = Case { graph, sets: vec![inputs], setup: setup.clone() };
    let r = crate::check::check(&case);
    let row = Row { instructions: r.instructions, ..row };
    Ok(match r.verdict {
        Some(crate::Verdict::Unsupported) => Row { status: "unsupported", reason: r.reason.unwrap_or_default(), ..row },
        // The machine's result was not judged well enough to call it a pass.
        Some(crate::Verdict::Undecided) => {
            Row { status: "unsupported", reason: format!("undecided: {}", r.undecided.join("; ")), ..row }
        }
        Some(v) if v.is_finding() => Row { status: "failed", reason: crate::dir::summary(&r), ..row },
        _ => row,
    })
}
