//! Planted bugs: which share of those that change an output bit the verdict tiers flag.

use crate::bugs::{BUGS, Bug, Class, Flaw, Planted, Scene, scene};
use crate::generate::{Storage, standard};
use crate::legal::{Execution, Request, execute};
use crate::rules::{Expected, Rule};
use crate::{Plan, pool, tiers};
use ir::Tensor;
use kit::Rng;
use rayon::prelude::*;
use reference::Contract;

/// What became of one bug.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The bug.
    pub bug: &'static Bug,
    /// Runs in which it changed an output bit.
    pub activated: u64,
    /// Of these, on graphs of the standard generator.
    pub standard: u64,
    /// Flagged by the end-to-end bound.
    pub bound: u64,
    /// Flagged by the resynchronised check.
    pub resync: u64,
    /// Flagged by either.
    pub either: u64,
    /// Flagged by either on graphs of the standard generator.
    pub standard_seen: u64,
    /// Flagged by each rule of others while the clean run passes it.
    pub rules: [u64; 7],
    /// Runs in which no output bit changed.
    pub silent: u64,
    /// Graphs that the sampler or the reference lacks.
    pub skipped: u64,
    /// Clean runs flagged by a verdict tier: false alarms.
    pub false_alarms: u64,
}

impl Seen {
    fn new(bug: &'static Bug) -> Seen {
        let rules = [0; 7];
        let (activated, standard, bound, resync, either, standard_seen) = (0, 0, 0, 0, 0, 0);
        let (silent, skipped, false_alarms) = (0, 0, 0);
        Seen { bug, activated, standard, bound, resync, either, standard_seen, rules, silent, skipped, false_alarms }
    }
    /// Share flagged by the verdict tiers; `None` where the bug never changed a bit.
    pub fn share(&self) -> Option<f64> {
        (self.activated > 0).then(|| self.either as f64 / self.activated as f64)
    }
}

/// Mean share over the bugs of a class (all classes with `None`) that were activated at all.
pub fn mean(rows: &[Seen], class: Option<Class>, f: &dyn Fn(&Seen) -> u64) -> f64 {
    let of = |r: &&Seen| r.activated > 0 && class.is_none_or(|c| r.bug.class == c);
    let shares: Vec<f64> = rows.iter().filter(of).map(|r| f(r) as f64 / r.activated as f64).collect();
    if shares.is_empty() { 0.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
}

/// Judges every bug of the catalogue, or one.
pub fn run(plan: &Plan, only: Option<&str>, progress: &(dyn Fn(&Seen) + Sync)) -> Result<Vec<Seen>, String> {
    let contract = plan.storage.contract();
    let bugs: Vec<&'static Bug> = BUGS.iter().filter(|b| only.is_none_or(|o| b.id() == o || b.kind == o)).collect();
    if bugs.is_empty() {
        return Err(format!("no bug `{}`; ids are KIND/NAME of NUMERICS.md section 6", only.unwrap_or_default()));
    }
    let judge = |bug: &&'static Bug| {
        let seen = one_bug(bug, plan, &contract);
        progress(&seen);
        seen
    };
    Ok(pool(plan.threads)?.install(|| bugs.par_iter().map(judge).collect()))
}

/// A graph with a place for the bug: every fourth from the standard generator where that has one within a few tries.
/// Whether a graph is taken depends on its structure alone.
fn stage(bug: &Bug, turn: u64, rng: &mut Rng, storage: Storage, contract: &Contract) -> Option<(Scene, Planted, bool)> {
    let usual = turn % 4 == 3;
    for _ in 0..if usual { 6 } else { 0 } {
        let s = standard(rng.next_u64(), storage, contract);
        let sites = Planted::sites(bug, &s.graph);
        if !sites.is_empty() {
            let p = rng.pick(&sites).clone();
            return Some((s, p, true));
        }
    }
    let s = storage.apply(scene(bug, rng));
    let sites = Planted::sites(bug, &s.graph);
    let p = sites.first()?.clone();
    Some((s, p, false))
}

fn one_bug(bug: &'static Bug, plan: &Plan, contract: &Contract) -> Seen {
    let mut r = Seen::new(bug);
    let row = BUGS.iter().position(|b| b.id() == bug.id()).unwrap_or(0) as u64;
    for turn in 0..12 * plan.per_bug + 40 {
        if r.activated >= plan.per_bug {
            break;
        }
        let mut rng = Rng::stream(plan.seed ^ (row << 32), turn);
        match stage(bug, turn, &mut rng, plan.storage, contract) {
            Some((s, p, usual)) => run_once(&s, &p, usual, rng.next_u64(), contract, &mut r),
            None => r.skipped += 1,
        }
    }
    r
}

fn same_bits(a: &[Tensor], b: &[Tensor]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x == y)
}

fn run_once(s: &Scene, p: &Planted, usual: bool, seed: u64, contract: &Contract, r: &mut Seen) {
    let g = &s.graph;
    let pinned_stores = p.flaw.is_some_and(Flaw::is_of_the_store);
    let (inputs, seed, pinned) = (&s.inputs, Some(seed), Some(p.node));
    let base = Request { graph: g, inputs, contract, seed, pinned, pinned_stores, planted: None };
    let runs =
        (execute(&base), execute(&Request { planted: Some(p), ..base }), execute(&Request { seed: None, ..base }));
    let (Ok(clean), Ok(buggy), Ok(eager)) = runs else {
        r.skipped += 1;
        return;
    };
    let (sound, wrong) = (clean.outputs(g), buggy.outputs(g));
    if same_bits(&sound, &wrong) {
        r.silent += 1;
        return;
    }
    let Ok(e) = reference::evaluate(g, &s.inputs, contract) else {
        r.skipped += 1;
        return;
    };
    let flagged = |x: &Execution| {
        let bound = tiers::bound(g, &e, x, contract).0.is_some();
        let resync = tiers::resync(g, x.group_of(p.node), x, contract).is_ok_and(|y| y.0.is_some());
        (bound, resync)
    };
    if flagged(&clean) != (false, false) {
        r.false_alarms += 1;
    }
    let (bound, resync) = flagged(&buggy);
    r.activated += 1;
    r.standard += u64::from(usual);
    r.bound += u64::from(bound);
    r.resync += u64::from(resync);
    r.either += u64::from(bound || resync);
    r.standard_seen += u64::from(usual && (bound || resync));
    let want: Vec<Expected> = e.outputs().iter().map(|b| Expected::of(b)).collect();
    let eager = eager.outputs(g);
    let passes =
        |rule: &Rule, got: &[Tensor]| want.iter().zip(got.iter().zip(&eager)).all(|(w, (g, e))| rule.passes(w, g, e));
    for (rule, n) in Rule::ALL.iter().zip(&mut r.rules) {
        *n += u64::from(passes(rule, &sound) && !passes(rule, &wrong));
    }
}
