//! What an undecided operand reaches, the result covers: for all operators of the table, under several contracts.
//!
//! Nodes come from random graphs and, for the operators that the generator lacks, from ONNX's node tests. Some elements of one
//! operand are widened (open, a ball, a possible NaN, a hull of integers); the kernel's result has to cover its result on every exact
//! operand within. A kernel that takes an open element for its value, or that saturates an infinite radius, shows here.

use difftest::data::{Regime, inputs};
use graphgen::{Lattice, Profile};
use ir::{Graph, Node, Op, Tensor};
use kit::Rng;
use reference::contract::Format;
use reference::cx::{Args, EvalCx};
use reference::{Bounded, Contract, Data, Float, Int, Linear};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use touchstone_suites::input_dir;

/// Operators that refuse undecided operands, or have none.
const NO_CLAIM: &[Op] = &[
    Op::BitCast,
    Op::OneHot,
    Op::NonZero,
    Op::Compress,
    Op::Unique,
    Op::NonMaxSuppression,
    Op::ConstantOfShape,
    Op::Range,
];

/// Most instances of one operator.
const INSTANCES: usize = 24;
/// Largest operand, in elements.
const LARGEST: usize = 700;
/// Exact operands drawn from each widened one.
const DRAWS: usize = 24;

/// A node with exact operands.
struct Instance {
    from: String,
    node: Node,
    operands: Vec<Option<Bounded>>,
}

/// How an operand's elements are widened.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Widening {
    /// Anything, NaN included.
    Open,
    /// An infinite radius, without the flag.
    Endless,
    /// A ball.
    Ball,
    /// A ball in an open linear region.
    Region,
    /// The value or NaN.
    PossibleNan,
    /// A hull of integers.
    Hull,
}
const WIDENINGS: [Widening; 6] =
    [Widening::Open, Widening::Endless, Widening::Ball, Widening::Region, Widening::PossibleNan, Widening::Hull];

fn add_nodes(graph: &Graph, sets: &[Tensor], from: &str, all: &mut BTreeMap<Op, Vec<Instance>>) {
    let contract = Contract::named("onnx").expect("built in");
    let Ok(Ok(e)) = std::panic::catch_unwind(|| reference::evaluate(graph, sets, &contract)) else { return };
    for node in graph.nodes.values() {
        let list = all.entry(node.op).or_default();
        let exact = |b: &Bounded| Bounded::from_tensor(&b.to_tensor());
        let operands: Vec<Option<Bounded>> =
            node.inputs.iter().map(|v| v.and_then(|v| e.value(v)).map(exact)).collect();
        let small = operands.iter().flatten().all(|b| b.elements() <= LARGEST);
        if small && list.len() < INSTANCES {
            list.push(Instance { from: from.into(), node: node.clone(), operands });
        }
    }
}

fn generated(all: &mut BTreeMap<Op, Vec<Instance>>, graphs: u64) {
    let lattice = Lattice::of(&isa::NpuConfig::tiny());
    for seed in 0..graphs {
        for name in ["small", "default", "composite"] {
            let profile = Profile { max_elements: 400, ..Profile::named(name).expect("built in") };
            let g = graphgen::from_seed(seed, &profile, &lattice, &mut |_, _| true);
            let regime = [Regime::Normal, Regime::Grid][seed as usize % 2];
            add_nodes(&g, &inputs(&g, seed, regime), &format!("{name} {seed}"), all);
        }
    }
}

/// The graph of a node test with its inputs; integer inputs are bound if it can't be typed without.
fn node_test(dir: &Path) -> Option<(Graph, Vec<Tensor>)> {
    let model = onnx::read(&std::fs::read(dir.join("model.onnx")).ok()?, Some(dir)).ok()?;
    let given: Vec<Option<Tensor>> = (0..model.inputs.len())
        .map(|i| onnx::read_tensor(&std::fs::read(dir.join(format!("test_data_set_0/input_{i}.pb"))).ok()?).ok())
        .map(|t| t.map(|t| t.1))
        .collect();
    let ints = model.inputs.iter().zip(&given).filter_map(|(v, t)| Some((v.name.clone(), t.clone()?)));
    let ints: BTreeMap<String, Tensor> = ints.filter(|(_, t)| t.dtype == ir::DType::I64).collect();
    let g = driver::import(&model, BTreeMap::new(), BTreeMap::new())
        .or_else(|_| driver::import(&model, BTreeMap::new(), ints))
        .ok()?;
    let find = |&v: &ir::ValueId| given[model.inputs.iter().position(|x| x.name == g.value_name(v))?].clone();
    let sets: Option<Vec<Tensor>> = g.inputs.iter().map(find).collect();
    sets.map(|s| (g, s))
}

/// The operand with some elements widened, and those elements.
fn widen(b: &Bounded, how: Widening, rng: &mut Rng) -> Option<(Bounded, Vec<usize>)> {
    let n = b.elements();
    if n == 0 {
        return None;
    }
    let few = 1 + rng.below(3) as usize;
    let at: Vec<usize> = (0..few).map(|_| rng.below(n as u64) as usize).collect();
    let data = match (&b.data, how) {
        (Data::Int(v), Widening::Hull) => {
            let (lo, hi) = reference::round::int_range(b.dtype)?;
            let mut hull: Vec<(i128, i128)> = v.value.iter().map(|&v| (v, v)).collect();
            for &i in &at {
                let (down, up) = (rng.range(0, 2) as i128, rng.range(1, 3) as i128);
                hull[i] = ((v.value[i] - down).max(lo), (v.value[i] + up).min(hi));
            }
            Data::Int(Int::with_hull(v.value.clone(), hull))
        }
        (Data::Float(f), how) if how != Widening::Hull => {
            let mut f = Float { grid: None, ..f.clone() };
            let mut nan = vec![false; n];
            for &i in &at {
                let v = if f.value[i].is_finite() { f.value[i] } else { 0.0 };
                let size = [1e-6, 1e-2, 0.5, 2.0][rng.below(4) as usize];
                f.value[i] = v;
                f.radius[i] = match how {
                    Widening::Open | Widening::Endless => f64::INFINITY,
                    Widening::PossibleNan => 0.0,
                    _ => size * if rng.chance(1, 2) { v.abs() } else { 1.0 },
                };
                nan[i] = matches!(how, Widening::Open | Widening::PossibleNan);
            }
            if how == Widening::Region {
                let size = |v: &f64| if v.is_finite() { v.abs() } else { 0.0 };
                f.linear = Some(Linear { eb: f.radius.clone(), m: f.value.iter().map(size).collect(), d: 0.0 });
            }
            f.nan = nan.contains(&true).then_some(nan);
            Data::Float(f)
        }
        _ => return None,
    };
    let wide = match data {
        Data::Float(f) => Bounded::from_float(b.dtype, b.dims.clone(), f),
        data @ Data::Int(_) => Bounded { data, ..b.clone() },
    };
    Some((wide, at))
}

/// An exact operand within a widened one.
fn draw(b: &Bounded, wide: &Bounded, at: &[usize], rng: &mut Rng) -> Bounded {
    match (&b.data, &wide.data) {
        (Data::Float(f), Data::Float(w)) => {
            let fmt = Format::of(b.dtype).unwrap_or(Format::F64);
            let mut value = f.value.clone();
            for &i in at {
                let e = w.radius[i];
                let may_nan = w.nan.as_ref().is_some_and(|n| n[i]);
                value[i] = if may_nan && rng.chance(1, 4) {
                    f64::NAN
                } else if e.is_infinite() {
                    let x = rng.normal();
                    let max = fmt.max_finite();
                    let some = [
                        0.0,
                        -0.0,
                        1.0,
                        -1.0,
                        f64::INFINITY,
                        f64::NEG_INFINITY,
                        max,
                        -max,
                        fmt.min_normal(),
                        x,
                        x,
                        1e3 * x,
                        -x,
                    ];
                    some[rng.below(some.len() as u64) as usize]
                } else {
                    let t = [0.0, 1.0, -1.0, 0.5, -0.5, 0.25 * rng.normal()][rng.below(6) as usize].clamp(-1.0, 1.0);
                    w.value[i] + t * e
                };
                let rounded = reference::round::round(value[i], fmt);
                if (rounded - w.value[i]).abs() <= e || !rounded.is_finite() {
                    value[i] = rounded;
                } else {
                    value[i] = w.value[i];
                }
            }
            Bounded::from_float(b.dtype, b.dims.clone(), Float::exact(value))
        }
        (Data::Int(v), Data::Int(w)) => {
            let mut value = v.value.clone();
            for &i in at {
                let (lo, hi) = w.range(i);
                value[i] = lo + rng.range(0, (hi - lo) as i64) as i128;
            }
            Bounded::from_int(b.dtype, b.dims.clone(), Int::exact(value))
        }
        _ => b.clone(),
    }
}

/// Operators that neither the generator nor the node tests have.
fn by_hand(all: &mut BTreeMap<Op, Vec<Instance>>) {
    let xs: Vec<f32> = (0..24).map(|i| (i * 7 % 11) as f32 * 0.25 - 1.0).collect();
    let x = Bounded::from_tensor(&Tensor::from_f32(vec![1, 2, 3, 4], &xs));
    for p in [1, 2, 3] {
        let attrs = ir::Attrs::none().with("p", ir::Attr::Int(p));
        let (inputs, outputs) = (vec![Some(ir::ValueId(0))], vec![ir::ValueId(1)]);
        let node = Node { op: Op::GlobalLpPool, attrs, inputs, outputs, origin: ir::Origin::default() };
        all.entry(node.op).or_default().push(Instance {
            from: "by hand".into(),
            node,
            operands: vec![Some(x.clone())],
        });
    }
}

/// Why `y` does not cover `z`. `rounds`: whether results are rounded to their type.
fn uncovered(y: &Bounded, z: &Bounded, rounds: bool) -> Option<String> {
    if y.dims != z.dims || y.dtype != z.dtype {
        return Some(format!("{}{:?} became {}{:?}", y.dtype, y.dims, z.dtype, z.dims));
    }
    let text = |i: usize| match (&y.data, &z.data) {
        (Data::Float(a), Data::Float(b)) => format!(
            "[{i}] {:e} ± {:e}{} does not cover {:e} ± {:e}{}",
            a.value[i],
            a.radius[i],
            if a.may_nan(i) { " or NaN" } else { "" },
            b.value[i],
            b.radius[i],
            if b.may_nan(i) { " or NaN" } else { "" }
        ),
        (Data::Int(a), Data::Int(b)) => format!("[{i}] {:?} does not cover {:?}", a.range(i), b.range(i)),
        _ => "other kinds of elements".into(),
    };
    (0..y.elements()).find(|&i| !covers(y, z, rounds, i)).map(text)
}

fn covers(y: &Bounded, z: &Bounded, rounds: bool, i: usize) -> bool {
    match (&y.data, &z.data) {
        (Data::Int(a), Data::Int(b)) => a.range(i).0 <= b.range(i).0 && b.range(i).1 <= a.range(i).1,
        (Data::Float(a), Data::Float(b)) => {
            if a.open(i) {
                return true;
            }
            if b.open(i) || b.may_nan(i) {
                // "This ball or NaN" is read as open (`reference::ops::eval`).
                return a.may_nan(i);
            }
            let (v, e, w) = (a.value[i], a.radius[i], b.value[i]);
            if w.is_infinite() && v.is_finite() {
                let fmt = Format::of(y.dtype).unwrap_or(Format::F64);
                return v.abs() + e >= fmt.overflow_threshold() && (v > 0.0) == (w > 0.0);
            }
            // A billionth: both results were computed in binary64.
            let inside = |w: f64| w == v || (w - v).abs() <= e * (1.0 + 1e-9) + 1e-300;
            // The exact result, and it correctly rounded: both are legal. (The radius of `z` is no set of results: one of its sides may
            // be out of reach.)
            let stored = rounds.then(|| Format::of(y.dtype)).flatten().map(|f| reference::round::round(w, f));
            inside(w) && stored.filter(|s| s.is_finite()).is_none_or(inside)
        }
        _ => false,
    }
}

/// Widens each operand of an instance in every way and draws from it; the first result that is not covered.
fn check(instance: &Instance, contract: &Contract, rng: &mut Rng) -> (usize, Option<String>) {
    let cx = EvalCx { contract, hypothesis: None, limit: 1 << 20, bounds: true };
    let run = |operands: &[Option<Bounded>]| {
        let inputs: Vec<Option<&Bounded>> = operands.iter().map(Option::as_ref).collect();
        let args = Args { cx: &cx, node: &instance.node, inputs: &inputs };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reference::ops::eval(&args)))
    };
    let rounds = contract.storage == reference::Storage::ByDtype;
    let mut claims = 0;
    for k in 0..instance.operands.len() {
        for how in WIDENINGS {
            let Some(b) = &instance.operands[k] else { continue };
            let Some((wide, at)) = widen(b, how, rng) else { continue };
            let mut operands = instance.operands.clone();
            operands[k] = Some(wide.clone());
            let what = || {
                format!("{} {:?} operand {k} {how:?} at {at:?} ({})", contract.name, instance.node.op, instance.from)
            };
            let y = match run(&operands) {
                Ok(Ok(y)) => y,
                // Refusing to say is legal.
                Ok(Err(_)) => continue,
                Err(_) => return (claims, Some(format!("{}: panic", what()))),
            };
            for _ in 0..DRAWS {
                let exact = draw(b, &wide, &at, rng);
                let drawn = exact.clone();
                operands[k] = Some(exact);
                let z = match run(&operands) {
                    Ok(Ok(z)) => z,
                    Ok(Err(_)) => continue,
                    Err(_) => return (claims, Some(format!("{}: panic on an exact operand", what()))),
                };
                claims += 1;
                if let Some((o, why)) =
                    y.iter().zip(&z).enumerate().find_map(|(o, (y, z))| Some((o, uncovered(y, z, rounds)?)))
                {
                    let show = |b: &Bounded, i: usize| match &b.data {
                        Data::Float(f) => format!("{:e}", f.value[i]),
                        Data::Int(v) => format!("{}", v.value[i]),
                    };
                    let values: Vec<String> = at
                        .iter()
                        .map(|&i| {
                            format!(
                                "{} in {} ± {}",
                                show(&drawn, i),
                                show(&wide, i),
                                match &wide.data {
                                    Data::Float(f) => format!("{:e}", f.radius[i]),
                                    Data::Int(v) => format!("{:?}", v.range(i)),
                                }
                            )
                        })
                        .collect();
                    return (
                        claims,
                        Some(format!("{}: output {o} {why}; drawn {values:?}; {:?}", what(), instance.node.attrs)),
                    );
                }
            }
        }
    }
    (claims, None)
}

/// Runs all; what is not covered, by operator.
pub fn report(graphs: u64, instances: usize) -> (BTreeMap<Op, String>, BTreeSet<Op>, usize, bool) {
    let mut all = BTreeMap::new();
    generated(&mut all, graphs);
    by_hand(&mut all);
    let dir = input_dir("node");
    if let Some(dir) = &dir {
        let entries = std::fs::read_dir(dir).expect("the inputs are readable");
        let mut tests: Vec<_> = entries.flatten().map(|e| e.path()).collect();
        tests.sort();
        for t in tests {
            if let Ok(Some((g, sets))) = std::panic::catch_unwind(|| node_test(&t)) {
                let name = t.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                add_nodes(&g, &sets, &name, &mut all);
            }
        }
    }
    let (mut bad, mut seen, mut claims) = (BTreeMap::new(), BTreeSet::new(), 0);
    for (op, list) in &all {
        for (i, instance) in list.iter().take(instances).enumerate() {
            for name in ["anvil", "f64", "onnx"] {
                let contract = Contract::named(name).expect("built in");
                let (n, why) = check(instance, &contract, &mut Rng::stream(7, i as u64));
                claims += n;
                if n > 0 {
                    seen.insert(*op);
                }
                if let Some(why) = why {
                    bad.entry(*op).or_insert(why);
                }
            }
        }
    }
    (bad, seen, claims, dir.is_some())
}

#[test]
fn what_is_reachable_is_covered() {
    let (bad, seen, claims, complete) = report(300, 8);
    let text: Vec<String> = bad.values().cloned().collect();
    assert!(bad.is_empty(), "{} of {} operators:\n{}", bad.len(), seen.len(), text.join("\n"));
    assert!(claims > 10_000, "only {claims} results were held against a widened one");
    if complete {
        let missing: Vec<&Op> = Op::ALL.iter().filter(|o| !seen.contains(o) && !NO_CLAIM.contains(o)).collect();
        assert!(missing.is_empty(), "no instance of {missing:?}");
    }
}
