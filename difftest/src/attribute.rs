//! Attribution: the first bad arrow, the pass, and the minimal *set* of rewrites, by delta debugging over replays.

use crate::case::Case;
use crate::check::check;
use crate::verdict::{Arrow, Failure, Report};
use driver::Edit;
use kit::{Permit, RewriteId};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Who is to blame.
#[derive(Clone, PartialEq, Debug)]
pub struct Attribution {
    /// The first arrow that fails.
    pub arrow: Arrow,
    /// The pass, lowering or injected edit.
    pub pass: String,
    /// The minimal set of rewrites without which the failure is gone; empty if it stays with all of them off.
    pub rewrites: Vec<RewriteId>,
    /// Checks made.
    pub oracle_calls: u32,
}

/// Whether a report shows the same failure: verdict, arrow and class.
pub fn same(a: &Failure, r: &Report) -> bool {
    r.failure.as_ref().is_some_and(|b| a.verdict == b.verdict && a.arrow == b.arrow && a.class == b.class)
}

struct Search<'a> {
    case: Case,
    failure: &'a Failure,
    calls: u32,
}

impl Search<'_> {
    fn fails_with(&mut self, set: &BTreeSet<RewriteId>) -> bool {
        self.calls += 1;
        self.case.setup.permit = Permit::Only(set.clone());
        same(self.failure, &check(&self.case))
    }
    /// Zeller's ddmin, over chunks that start as whole passes.
    fn minimise(&mut self, mut chunks: Vec<Vec<RewriteId>>) -> Vec<RewriteId> {
        loop {
            let mut i = 0;
            while i < chunks.len() && chunks.len() > 1 {
                let rest: BTreeSet<RewriteId> =
                    chunks.iter().enumerate().filter(|(k, _)| *k != i).flat_map(|(_, c)| c.clone()).collect();
                if self.fails_with(&rest) {
                    chunks.remove(i);
                } else {
                    i += 1;
                }
            }
            if chunks.iter().all(|c| c.len() == 1) {
                return self.last_one(chunks.concat());
            }
            chunks = chunks.iter().flat_map(|c| c.chunks(c.len().div_ceil(2).max(1)).map(<[_]>::to_vec)).collect();
        }
    }
    fn last_one(&mut self, set: Vec<RewriteId>) -> Vec<RewriteId> {
        if set.len() == 1 && self.fails_with(&BTreeSet::new()) { Vec::new() } else { set }
    }
}

/// Attributes a failing case. `report` is the result of checking it.
pub fn attribute(case: &Case, report: &Report) -> Option<Attribution> {
    let failure = report.failure.as_ref()?;
    let mut one = case.clone();
    if let Some(s) = one.sets.get(failure.set).cloned() {
        one.sets = vec![s];
    }
    let log = report.rewrites.clone();
    let mut search = Search { case: one, failure, calls: 0 };
    let whole: BTreeSet<RewriteId> = log.iter().cloned().collect();
    let mut rewrites = Vec::new();
    if !log.is_empty() && !search.fails_with(&BTreeSet::new()) && search.fails_with(&whole) {
        let mut chunks: Vec<Vec<RewriteId>> = Vec::new();
        for r in log {
            match chunks.last_mut() {
                Some(c) if c[0].pass == r.pass => c.push(r),
                _ => chunks.push(vec![r]),
            }
        }
        rewrites = search.minimise(chunks);
    }
    let pass = rewrites.last().map_or(failure.pass.clone(), |r| r.pass.clone());
    Some(Attribution { arrow: failure.arrow, pass, rewrites, oracle_calls: search.calls })
}

/// The rules of a culprit set, without the nodes they were applied to: what stays the same while a case shrinks.
pub fn rules(rewrites: &[RewriteId]) -> BTreeSet<(String, String)> {
    rewrites.iter().map(|r| (r.pass.clone(), r.rule.clone())).collect()
}

/// ONNX node indices near the culprit, where the reduction looks first: the nodes that its rewrites name with their producers; for
/// an injected edit below G, which names a node of G', the nodes of its group.
pub fn hint(case: &Case, a: &Attribution) -> BTreeSet<u32> {
    let below = |pass: &str| {
        let edit = case.setup.injections.iter().find(|i| i.name == pass).map(|i| i.edit);
        edit.is_some_and(|e| !matches!(e, Edit::Graph { .. }))
    };
    let mut out = BTreeSet::new();
    let (edits, rules): (Vec<_>, Vec<_>) = a.rewrites.iter().partition(|r| below(&r.pass));
    for r in rules {
        out.insert(r.source);
        let named = case.graph.nodes.values().filter(|n| n.origin.source == r.source);
        let producers = named.flat_map(|n| n.inputs.iter().flatten()).filter_map(|&v| case.graph.producer(v));
        out.extend(producers.map(|p| case.graph.nodes[p].origin.source));
    }
    if edits.is_empty() {
        return out;
    }
    // Without the edit the compilation has its artefacts even if a verifier stopped the edited one.
    let mut opts = case.setup.options();
    opts.injections.retain(|i| matches!(i.edit, Edit::Graph { .. }));
    let compiled = catch_unwind(AssertUnwindSafe(|| driver::compile(&case.graph, &opts, &mut Vec::new(), &mut |_| {})));
    if let Ok(Ok(c)) = compiled {
        let groups =
            c.fused.groups.values().filter(|g| g.nodes.first().is_some_and(|n| edits.iter().any(|r| r.source == n.0)));
        let lowered = c.lowered();
        out.extend(groups.flat_map(|g| &g.nodes).filter_map(|&n| Some(lowered.nodes.get(n)?.origin.source)));
    }
    out
}
