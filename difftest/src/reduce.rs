//! Reduction: the smallest case that still shows the same bug, with a proof that no single move makes it smaller.
//!
//! Phases: *nodes* (jump to the cone of the failure, ddmin over nodes with concrete values at the cuts, bypasses), *simplify*
//! (outputs, operands, extents, attributes, values, machine), *proof* (every single enabled move is tried once more on the result).

use crate::attribute::{attribute, rules, same};
use crate::case::Case;
use crate::check::check;
use crate::moves;
use crate::verdict::Failure;
use ir::NodeId;
use isa::NpuConfig;
use kit::Permit;
use std::collections::{BTreeMap, BTreeSet};

/// What a reduction gave.
#[derive(Clone, Debug)]
pub struct Reduction {
    /// The smallest case found.
    pub case: Case,
    /// Nodes before (QDQ nodes included).
    pub nodes_before: usize,
    /// Nodes after.
    pub nodes_after: usize,
    /// Oracle calls by phase: `nodes`, `simplify`, `proof`.
    pub calls: BTreeMap<&'static str, u32>,
    /// No single enabled move keeps the bug.
    pub one_minimal: bool,
}

/// Decides whether a candidate still shows the bug.
pub trait Interesting {
    /// Asks about one candidate.
    fn test(&mut self, candidate: &Case) -> bool;
}

/// The same failure of our own compiler: verdict, arrow and class, and gone when the culprit rules are off.
#[derive(Debug)]
pub struct SameBug {
    failure: Failure,
    rules: BTreeSet<(String, String)>,
}

impl SameBug {
    /// From a failing case; `None` if it does not fail.
    pub fn of(case: &Case) -> Option<(SameBug, Case)> {
        let report = check(case);
        let a = attribute(case, &report)?;
        let failure = report.failure?;
        let mut one = case.clone();
        if let Some(s) = one.sets.get(failure.set).cloned() {
            one.sets = vec![s];
        }
        Some((SameBug { failure, rules: rules(&a.rewrites) }, one))
    }
    /// From known parts.
    pub fn new(failure: Failure, rules: BTreeSet<(String, String)>) -> Self {
        Self { failure, rules }
    }
}

impl Interesting for SameBug {
    fn test(&mut self, c: &Case) -> bool {
        if !same(&self.failure, &check(c)) {
            return false;
        }
        if self.rules.is_empty() {
            return true;
        }
        let mut off = c.clone();
        off.setup.permit = Permit::ExceptRules(self.rules.clone());
        !same(&self.failure, &check(&off))
    }
}

struct Reducer<'a> {
    best: Case,
    oracle: &'a mut dyn Interesting,
    calls: BTreeMap<&'static str, u32>,
    phase: &'static str,
    limit: u32,
    tried: BTreeSet<u128>,
}

impl Reducer<'_> {
    fn try_case(&mut self, c: Case) -> bool {
        if self.calls.values().sum::<u32>() >= self.limit
            || c.graph.nodes.is_empty()
            || !self.tried.insert(fingerprint(&c))
        {
            return false;
        }
        *self.calls.entry(self.phase).or_insert(0) += 1;
        let yes = self.oracle.test(&c);
        if yes {
            self.best = c;
        }
        yes
    }
    fn first_of(&mut self, candidates: Vec<Case>) -> bool {
        candidates.into_iter().any(|c| self.try_case(c))
    }
    /// ddmin over the kept nodes.
    fn nodes(&mut self, hint: &BTreeSet<u32>) {
        let Some(vals) = moves::values(&self.best) else { return };
        let whole = self.best.clone();
        let mut keep: BTreeSet<NodeId> = whole.graph.nodes.ids().collect();
        // The cone of the failure first: most bugs need no more.
        let cone: BTreeSet<NodeId> =
            keep.iter().copied().filter(|&n| hint.contains(&whole.graph.nodes[n].origin.source)).collect();
        if !cone.is_empty()
            && cone.len() < keep.len()
            && let Some(c) = moves::restrict(&whole, &vals, &cone)
            && self.try_case(c)
        {
            keep = cone;
        }
        let mut chunk = keep.len().div_ceil(2);
        while chunk >= 1 {
            let list: Vec<NodeId> = keep.iter().copied().collect();
            let mut shrunk = false;
            for part in list.chunks(chunk).rev() {
                let rest: BTreeSet<NodeId> = keep.iter().copied().filter(|n| !part.contains(n)).collect();
                if rest.is_empty() {
                    continue;
                }
                if let Some(c) = moves::restrict(&whole, &vals, &rest)
                    && self.try_case(c)
                {
                    keep = rest;
                    shrunk = true;
                }
            }
            chunk = if shrunk { chunk.min(keep.len().div_ceil(2)) } else { chunk / 2 };
        }
    }
    fn bypasses(&mut self) {
        while self.first_of(moves::bypasses(&self.best)) {}
    }
    fn simplify(&mut self) {
        for _ in 0..8 {
            let mut changed = false;
            for candidates in [
                moves::fewer_outputs,
                moves::fewer_operands,
                moves::smaller_extents,
                moves::simpler_attributes,
                moves::plainer_values,
            ] {
                while self.first_of(candidates(&self.best)) {
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }
    fn machine(&mut self) {
        if self.best.setup.config_name != "tiny-fuzz"
            && let Ok(config) = NpuConfig::named("tiny-fuzz")
        {
            let mut c = self.best.clone();
            c.setup.config = config;
            c.setup.config_name = "tiny-fuzz".into();
            self.try_case(c);
        }
        if self.best.setup.control.seed().is_some() {
            let mut c = self.best.clone();
            c.setup.control = kit::Control::production();
            self.try_case(c);
        }
    }
    /// All single moves on the final case; whether none keeps the bug.
    fn proof(&mut self) -> bool {
        self.phase = "proof";
        // What was asked before has its answer: a candidate in `tried` is not interesting, or not smaller than the best.
        self.tried.insert(fingerprint(&self.best));
        loop {
            let mut single = Vec::new();
            if let Some(vals) = moves::values(&self.best) {
                let all: BTreeSet<NodeId> = self.best.graph.nodes.ids().collect();
                for &n in &all {
                    let rest: BTreeSet<NodeId> = all.iter().copied().filter(|&m| m != n).collect();
                    if !rest.is_empty() {
                        single.extend(moves::restrict(&self.best, &vals, &rest));
                    }
                }
            }
            single.extend(moves::bypasses(&self.best));
            single.extend(moves::fewer_outputs(&self.best));
            single.extend(moves::fewer_operands(&self.best));
            single.extend(moves::smaller_extents(&self.best));
            single.extend(moves::simpler_attributes(&self.best));
            if !self.first_of(single) {
                return self.calls.values().sum::<u32>() < self.limit;
            }
        }
    }
}

fn fingerprint(c: &Case) -> u128 {
    let mut h = blake3::Hasher::new();
    h.update(&ir::hash::canonical(&c.graph).to_le_bytes());
    h.update(c.setup.config_name.as_bytes());
    h.update(format!("{:?}", c.setup.control).as_bytes());
    for t in c.sets.iter().flatten() {
        h.update(t.ty().to_string().as_bytes()).update(&t.bytes);
    }
    u128::from_le_bytes(h.finalize().as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

/// Reduces a case. `hint`: ONNX node indices near the failure (from the attribution). At most `limit` oracle calls.
pub fn reduce(case: &Case, oracle: &mut dyn Interesting, hint: &BTreeSet<u32>, limit: u32) -> Reduction {
    let nodes_before = case.graph.nodes.len();
    let mut r =
        Reducer { best: case.clone(), oracle, calls: BTreeMap::new(), phase: "nodes", limit, tried: BTreeSet::new() };
    r.nodes(hint);
    r.bypasses();
    r.phase = "simplify";
    r.simplify();
    r.machine();
    let one_minimal = r.proof();
    for p in ["nodes", "simplify", "proof"] {
        r.calls.entry(p).or_insert(0);
    }
    Reduction { nodes_after: r.best.graph.nodes.len(), case: r.best, nodes_before, calls: r.calls, one_minimal }
}
