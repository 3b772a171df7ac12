//! Attribution: the first bad arrow, the pass, and the minimal *set* of rewrites, by delta debugging over replays.

use crate::case::Case;
use crate::check::check;
use crate::verdict::{Arrow, Failure, Report};
use kit::{Permit, RewriteId};
use std::collections::BTreeSet;

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
