//! Mutant-guided data (issue 4, result 5; NUMERICS.md 4.6): one attribute of a graph is perturbed in the reference, and data are good
//! that tell the mutant from the original: `|v − v'| > e + e'` somewhere in an output.
//!
//! The share of *killable* mutants that a case's own data kill measures the data; a mutant is killable if any data that are tried kill
//! it (the case's own, rows scaled down, wide ranges, other seeds). Data that kill what the others do not are kept.

use crate::data::{self, Regime};
use ir::{Attr, Graph, NodeId, Op, Tensor};
use reference::{Bounded, Contract, Hypothesis, Options};

/// Most mutants of one graph.
const MOST: usize = 24;

/// A perturbed graph.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The node.
    pub node: NodeId,
    /// What was perturbed: an attribute, or `rounding`.
    pub attribute: String,
    /// From what to what, for people.
    pub change: String,
    /// The graph.
    pub graph: Graph,
    /// A rule of the reference's kernels that is perturbed instead of an attribute.
    pub hypothesis: Option<Hypothesis>,
}

/// What the data of one graph do to its mutants.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Mutants.
    pub mutants: usize,
    /// Killed by some data.
    pub killable: usize,
    /// Killed by the graph's own data.
    pub killed: usize,
    /// Attributes of killable mutants that the own data do not kill.
    pub survivors: Vec<String>,
    /// Data that kill them.
    pub kept: Vec<Vec<Tensor>>,
}

/// The mutants of a graph, of the same types everywhere; at most 24, evenly thinned.
pub fn mutants(g: &Graph) -> Vec<Mutant> {
    let mut all = Vec::new();
    for n in g.nodes.ids() {
        attributes(g, n, &mut all);
        roundings(g, n, &mut all);
    }
    let total = all.len();
    if total > MOST {
        all = all
            .into_iter()
            .enumerate()
            .filter(|(i, _)| i * MOST / total != (i + 1) * MOST / total)
            .map(|x| x.1)
            .collect();
    }
    all
}

fn roundings(g: &Graph, n: NodeId, out: &mut Vec<Mutant>) {
    let rules: &[Hypothesis] = match g.nodes[n].op {
        Op::Round => &[Hypothesis::RoundHalfUp],
        Op::QuantizeLinear | Op::QLinearConv | Op::QLinearMatMul => {
            &[Hypothesis::QuantizeHalfUp, Hypothesis::QuantizeTruncates, Hypothesis::WrapForSaturate]
        }
        Op::Max | Op::Min => &[Hypothesis::MaxTakesSecond],
        Op::Cast => &[Hypothesis::TiesAway],
        _ => &[],
    };
    out.extend(rules.iter().map(|&h| Mutant {
        node: n,
        attribute: "rounding".into(),
        change: h.describe().into(),
        graph: g.clone(),
        hypothesis: Some(h),
    }));
}

fn attributes(g: &Graph, n: NodeId, out: &mut Vec<Mutant>) {
    let node = &g.nodes[n];
    for spec in node.op.schema().attrs {
        let now = node.attrs.get(spec.name).cloned().or_else(|| spec.default.value());
        let Some(now) = now else { continue };
        for new in perturbed(g, n, spec.name, &now) {
            let mut h = g.clone();
            h.nodes[n].attrs.set(spec.name, new.clone());
            // Only what every consumer would take: the same types.
            let types = opt::types::infer_node(&h, &h.nodes[n]);
            let same = types.is_ok_and(|t| node.outputs.iter().zip(&t).all(|(&o, t)| g.ty(o) == t));
            if same {
                out.push(Mutant {
                    node: n,
                    attribute: spec.name.into(),
                    change: format!("{} `{}`: {} {now:?} -> {new:?}", node.op, node.origin.name, spec.name),
                    graph: h,
                    hypothesis: None,
                });
            }
        }
    }
}

/// Other values of an attribute, near enough to be a plausible mistake.
fn perturbed(g: &Graph, n: NodeId, name: &str, now: &Attr) -> Vec<Attr> {
    match (name, now) {
        ("epsilon", Attr::Float(b)) => {
            let e = f32::from_bits(*b);
            vec![Attr::float(e / 10.0), Attr::float(e * 10.0)]
        }
        // What training and conversion alone read has no meaning here.
        (
            "momentum" | "training_mode" | "stash_type" | "precision" | "output_dtype" | "block_size" | "dtype" | "to",
            _,
        ) => Vec::new(),
        (
            "group" | "num_groups" | "size" | "num_outputs" | "hidden_size" | "blocksize" | "keepdims" | "allowzero",
            _,
        ) => Vec::new(),
        (_, Attr::Float(b)) => {
            let x = f32::from_bits(*b);
            vec![Attr::float(if x == 0.0 { 1.0 } else { x * 1.25 })]
        }
        ("axis", Attr::Int(a)) => {
            let rank = g.nodes[n].input(0).map_or(0, |v| g.ty(v).dims.len()) as i64;
            let at = if *a < 0 { a + rank } else { *a };
            if rank > 1 { vec![Attr::Int((at + 1) % rank)] } else { Vec::new() }
        }
        ("p", Attr::Int(p)) => vec![Attr::Int(if *p == 1 { 2 } else { 1 })],
        (_, Attr::Int(x)) if *x == 0 || *x == 1 => vec![Attr::Int(1 - x)],
        ("pads", Attr::Ints(p)) if p.len() >= 2 && p.len().is_multiple_of(2) => {
            let r = p.len() / 2;
            let shift = |k: usize, by: i64| {
                let mut q = p.clone();
                q[k] += by;
                q[k + r] -= by;
                Attr::Ints(q)
            };
            (0..r)
                .filter_map(|k| if p[k + r] > 0 { Some(shift(k, 1)) } else { (p[k] > 0).then(|| shift(k, -1)) })
                .collect()
        }
        ("perm", Attr::Ints(p)) => {
            let mut inverse = vec![0; p.len()];
            p.iter().enumerate().for_each(|(i, &x)| inverse[x as usize] = i as i64);
            if inverse == *p { Vec::new() } else { vec![Attr::Ints(inverse)] }
        }
        (_, Attr::Str(s)) => others(name, s).into_iter().map(|s| Attr::Str(s.into())).collect(),
        _ => Vec::new(),
    }
}

/// Other values of a string attribute.
fn others(name: &str, now: &str) -> Vec<&'static str> {
    let all: &[&'static str] = match name {
        "nearest_mode" => &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
        "coordinate_transformation_mode" => &["half_pixel", "asymmetric", "align_corners"],
        "approximate" => &["none", "tanh"],
        "mode" if matches!(now, "DCR" | "CRD") => &["DCR", "CRD"],
        "mode" if matches!(now, "constant" | "edge" | "reflect") => &["constant", "edge"],
        "auto_pad" if now.starts_with("SAME") => &["SAME_UPPER", "SAME_LOWER"],
        "direction" if matches!(now, "LEFT" | "RIGHT") => &["LEFT", "RIGHT"],
        "direction" => &["forward", "reverse"],
        _ => &[],
    };
    all.iter().copied().filter(|s| *s != now).collect()
}

fn outputs(g: &Graph, inputs: &[Tensor], contract: &Contract, hypothesis: Option<Hypothesis>) -> Option<Vec<Bounded>> {
    let o = Options { keep_all: false, hypothesis, ..Options::new(contract) };
    let e = reference::evaluate_with(g, inputs, &o).ok()?;
    Some(e.outputs().into_iter().cloned().collect())
}

/// Whether an output can be told apart.
fn kills(original: &[Bounded], m: &Mutant, inputs: &[Tensor], contract: &Contract) -> bool {
    let Some(other) = outputs(&m.graph, inputs, contract, m.hypothesis) else { return false };
    original.iter().zip(&other).any(|(a, b)| !a.check_meaning(b).agrees())
}

/// Data directed at attributes, in the order in which they are tried.
fn directed(g: &Graph, seed: u64) -> Vec<Vec<Tensor>> {
    let one = |k: u64, r: Regime| data::inputs(g, seed ^ (0x6d75_7461 + k), r);
    vec![
        one(0, Regime::Small),
        one(0, Regime::Wide),
        one(1, Regime::Grid),
        one(1, Regime::Small),
        one(1, Regime::Normal),
        one(1, Regime::Special),
    ]
}

/// Tries a graph's own data, then directed data, on its mutants.
pub fn measure(g: &Graph, own: &[Vec<Tensor>], contract: &Contract, seed: u64) -> Outcome {
    let all = mutants(g);
    let mut alive: Vec<&Mutant> = all.iter().collect();
    for s in own {
        if let Some(original) = outputs(g, s, contract, None) {
            alive.retain(|m| !kills(&original, m, s, contract));
        }
    }
    let killed = all.len() - alive.len();
    let mut out = Outcome { mutants: all.len(), killable: killed, killed, ..Outcome::default() };
    for s in directed(g, seed) {
        if alive.is_empty() {
            break;
        }
        let Some(original) = outputs(g, &s, contract, None) else { continue };
        let before = alive.len();
        alive.retain(|m| {
            let dead = kills(&original, m, &s, contract);
            if dead {
                out.survivors.push(format!("{}.{}", g.nodes[m.node].op, m.attribute));
            }
            !dead
        });
        if alive.len() < before {
            out.killable += before - alive.len();
            out.kept.push(s);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::{Attrs, DType, Origin, TensorType};

    /// A LayerNormalization of ordinary rows hardly depends on epsilon; of rows near zero it does.
    #[test]
    fn small_rows_tell_epsilons_apart() {
        let mut g = Graph::default();
        let ty = TensorType::new(DType::F32, [4, 16]);
        let x = g.add_input("x", ty.clone());
        let s = g.add_const(None, Tensor::from_f32([16], &[1.0; 16]));
        let attrs = Op::LayerNormalization.defaults();
        let y =
            g.add_node(Op::LayerNormalization, attrs, vec![Some(x), Some(s)], vec![(ty, None)], Origin::new(0, "n"))[0];
        g.add_output("y", y);
        let contract = Contract::named("anvil").expect("built in");
        let m: Vec<Mutant> = mutants(&g).into_iter().filter(|m| m.attribute == "epsilon").collect();
        assert_eq!(m.len(), 2);
        let killed = |r: Regime| {
            let s = data::inputs(&g, 3, r);
            let o = outputs(&g, &s, &contract, None).expect("it evaluates");
            m.iter().filter(|m| kills(&o, m, &s, &contract)).count()
        };
        assert_eq!(killed(Regime::Small), 2);
        let r = measure(&g, &[data::inputs(&g, 3, Regime::Grid)], &contract, 1);
        assert!(r.killable >= r.killed && r.killable >= 2, "{r:?}");
    }

    /// An attribute that changes nothing is not killable: a transpose of extents 1, an activation nobody reads.
    #[test]
    fn an_equivalent_mutant_survives() {
        let mut g = Graph::default();
        let ty = TensorType::new(DType::F32, [1, 1, 8]);
        let x = g.add_input("x", ty.clone());
        let attrs = Attrs::none().with_ints("perm", &[1, 0, 2]);
        let y = g.add_node(Op::Transpose, attrs, vec![Some(x)], vec![(ty, None)], Origin::new(0, "t"))[0];
        g.add_output("y", y);
        let contract = Contract::named("anvil").expect("built in");
        let r = measure(&g, &[data::inputs(&g, 3, Regime::Normal)], &contract, 1);
        assert_eq!((r.killable, r.killed), (0, 0));
    }
}
