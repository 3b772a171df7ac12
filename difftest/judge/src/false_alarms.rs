//! The campaign of legal executions: no tier may flag one.

use crate::generate::legal_case;
use crate::legal::{Execution, Request, execute};
use crate::rules::{Expected, Rule};
use crate::tiers::{self, Outlier, Sharpness};
use crate::{Plan, bugs::Scene, pool};
use kit::Rng;
use rayon::prelude::*;
use reference::{Contract, Evaluation};
use std::collections::{BTreeMap, BTreeSet};

/// A legal execution that was flagged: one of the sampler and the reference is wrong.
#[derive(Clone, Debug)]
pub struct Flagged {
    /// Graph index.
    pub index: u64,
    /// Seed of the execution's choices.
    pub seed: u64,
    /// Graph and data.
    pub scene: Scene,
    /// What was outside.
    pub outlier: Outlier,
    /// The choices, node by node.
    pub choices: Vec<String>,
}

/// Sums over graphs; adding two is exact, so threads change nothing.
#[derive(Clone, Debug, Default)]
pub struct Legal {
    /// Graphs whose executions were judged.
    pub graphs: u64,
    /// Canonical hashes of these graphs.
    pub distinct: BTreeSet<u128>,
    /// Executions judged end to end.
    pub executions: u64,
    /// Groups judged on the execution's own inputs.
    pub groups: u64,
    /// Nodes of the graphs.
    pub nodes: u64,
    /// Outputs' elements.
    pub sharpness: Sharpness,
    /// Graphs all of whose output elements have radius 0.
    pub exact_graphs: u64,
    /// Histogram of certified bits, one bin a bit.
    pub bits: BTreeMap<i32, u64>,
    /// Executions that each rule of others calls wrong.
    pub rules: [u64; 7],
    /// Graphs left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Largest ratio of a single-node group, by operator.
    pub ratios: BTreeMap<String, f64>,
    /// Largest ratio end to end.
    pub worst: f64,
    /// False alarms.
    pub flagged: Vec<Flagged>,
}

impl Legal {
    fn add(&mut self, o: Legal) {
        self.graphs += o.graphs;
        self.distinct.extend(o.distinct);
        self.executions += o.executions;
        self.groups += o.groups;
        self.nodes += o.nodes;
        self.sharpness.elements += o.sharpness.elements;
        self.sharpness.decided += o.sharpness.decided;
        self.sharpness.exact += o.sharpness.exact;
        self.exact_graphs += o.exact_graphs;
        self.worst = self.worst.max(o.worst);
        self.flagged.extend(o.flagged);
        self.rules.iter_mut().zip(o.rules).for_each(|(a, b)| *a += b);
        o.bits.into_iter().for_each(|(k, n)| *self.bits.entry(k).or_insert(0) += n);
        o.skipped.into_iter().for_each(|(k, n)| *self.skipped.entry(k).or_insert(0) += n);
        for (k, r) in o.ratios {
            let old = self.ratios.entry(k).or_insert(0.0);
            *old = old.max(r);
        }
    }
    /// Median of the certified bits.
    pub fn median_bits(&self) -> i32 {
        let total: u64 = self.bits.values().sum();
        let mut seen = 0;
        for (&bits, &n) in &self.bits {
            seen += n;
            if 2 * seen >= total {
                return bits;
            }
        }
        0
    }
}

/// Graphs judged between two calls of `progress`.
const WAVE: u64 = 512;

/// Runs the campaign over the plan's graphs.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&Legal)) -> Result<Legal, String> {
    let contract = plan.storage.contract();
    let pool = pool(plan.threads)?;
    let mut all = Legal::default();
    let (mut next, end) = (plan.first, plan.first + plan.graphs);
    while next < end {
        let wave: Vec<u64> = (next..(next + WAVE).min(end)).collect();
        let parts: Vec<Legal> = pool.install(|| wave.par_iter().map(|&i| one(plan, i, &contract)).collect());
        parts.into_iter().for_each(|p| all.add(p));
        next += WAVE;
        progress(&all);
    }
    Ok(all)
}

/// Seed of execution `k` of graph `index`.
pub fn execution_seed(seed: u64, index: u64, k: u64) -> u64 {
    Rng::stream(seed ^ 0x5eed, index.wrapping_mul(1 << 16) + k).next_u64()
}

fn one(plan: &Plan, index: u64, contract: &Contract) -> Legal {
    let scene = legal_case(plan.seed, index, plan.storage, contract);
    let mut r = Legal::default();
    let reference = match reference::evaluate(&scene.graph, &scene.inputs, contract) {
        Ok(e) => e,
        Err(e) => return skip(r, format!("reference: {e}")),
    };
    let base = Request {
        graph: &scene.graph,
        inputs: &scene.inputs,
        contract,
        seed: None,
        pinned: None,
        pinned_stores: false,
        planted: None,
    };
    let eager = match execute(&base) {
        Ok(e) => e,
        Err(e) => return skip(r, format!("sampler: {e}")),
    };
    r.graphs = 1;
    r.nodes = scene.graph.nodes.len() as u64;
    r.distinct.insert(ir::hash::canonical(&scene.graph));
    r.sharpness = tiers::sharpness(&reference);
    r.exact_graphs = u64::from(r.sharpness.exact == r.sharpness.elements);
    for b in reference.outputs().iter().filter_map(|b| tiers::certified_bits(b)) {
        *r.bits.entry(b.floor().clamp(-10.0, 60.0) as i32).or_insert(0) += 1;
    }
    for k in 0..plan.executions {
        let seed = execution_seed(plan.seed, index, k);
        let x = match execute(&Request { seed: Some(seed), ..base }) {
            Ok(x) => x,
            Err(e) => return skip(r, format!("sampler: {e}")),
        };
        r.executions += 1;
        let (found, worst) = tiers::bound(&scene.graph, &reference, &x, contract);
        r.worst = r.worst.max(if found.is_some() { 0.0 } else { worst });
        let found = found.or_else(|| if k == 0 { groups(&scene, &x, contract, &mut r) } else { None });
        judge_rules(&scene, &reference, &x, &eager, &mut r);
        if let Some(outlier) = found {
            r.flagged.push(Flagged { index, seed, scene: scene.clone(), outlier, choices: x.choices });
        }
    }
    r
}

/// A graph left out; identical reasons add up, so names of nodes are cut.
fn skip(mut r: Legal, why: String) -> Legal {
    let cut = match (why.find('`'), why.rfind('`')) {
        (Some(a), Some(b)) if a < b => format!("{}…{}", &why[..a], &why[b + 1..]),
        _ => why,
    };
    *r.skipped.entry(cut).or_insert(0) += 1;
    r
}

/// The resynchronised check of every group of an execution.
fn groups(scene: &Scene, x: &Execution, contract: &Contract, r: &mut Legal) -> Option<Outlier> {
    let g = &scene.graph;
    for group in &x.groups {
        let (found, worst) = match tiers::resync(g, group, x, contract) {
            Ok(y) => y,
            Err(e) => {
                *r.skipped.entry(format!("group: {e}")).or_insert(0) += 1;
                continue;
            }
        };
        r.groups += 1;
        if found.is_some() {
            return found;
        }
        if let [n] = group[..] {
            let old = r.ratios.entry(g.nodes[n].op.name().into()).or_insert(0.0);
            *old = old.max(worst);
        }
    }
    None
}

fn judge_rules(scene: &Scene, reference: &Evaluation, x: &Execution, eager: &Execution, r: &mut Legal) {
    let g = &scene.graph;
    let want: Vec<Expected> = reference.outputs().iter().map(|b| Expected::of(b)).collect();
    let (got, eager) = (x.outputs(g), eager.outputs(g));
    for (rule, n) in Rule::ALL.iter().zip(&mut r.rules) {
        let passes = want.iter().zip(got.iter().zip(&eager)).all(|(w, (g, e))| rule.passes(w, g, e));
        *n += u64::from(!passes);
    }
}
