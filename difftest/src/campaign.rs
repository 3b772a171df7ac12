//! A campaign: generate, check, attribute, reduce, deduplicate. Deterministic in (seed, index): threads and shards change nothing but
//! the order of work. Checkpointed after every wave, so that a killed campaign resumes.

use crate::attribute::{self, attribute, rules};
use crate::case::{Case, Setup};
use crate::check::check;
use crate::data::{self, Regime};
use crate::dir::{self, Finding};
use crate::guard;
use crate::mutants::Outcome;
use crate::reduce::{SameBug, reduce};
use crate::verdict::{Counts, Report, Verdict};
use anyhow::{Context, Result, bail};
use arbitrary::Unstructured;
use graphgen::{Lattice, Profile};
use isa::NpuConfig;
use kit::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most oracle calls of one reduction.
pub const REDUCE_LIMIT: u32 = 2000;
/// Findings beyond this many distinct keys are kept raw, not reduced: a broken compiler must not stall the campaign.
const REDUCED_FINDINGS: usize = 40;

/// Where machines come from.
#[derive(Clone, PartialEq, Debug)]
pub enum Machine {
    /// One configuration and its name.
    Fixed(String, Box<NpuConfig>),
    /// A random legal one for each case.
    Random,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed.
    pub seed: u64,
    /// Case indices `0..cases` (before sharding); `None`: until the time is over.
    pub cases: Option<u64>,
    /// Stop after this long.
    pub time: Option<Duration>,
    /// Threads.
    pub jobs: usize,
    /// (I, N): indices ≡ I mod N.
    pub shard: (u64, u64),
    /// Profile of graphs.
    pub profile: Profile,
    /// Machine.
    pub machine: Machine,
    /// Everything but the machine.
    pub setup: Setup,
    /// Result directory.
    pub out: PathBuf,
    /// Continue what `campaign.json` says.
    pub resume: bool,
    /// Stop at the first finding (the kill matrix asks no more).
    pub first: bool,
    /// Measure the data of each case on mutants of its attributes, and check the case on the data that tell more of them apart too.
    pub mutants: bool,
}

/// A finding as `campaign.json` lists it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FindingRow {
    /// Directory.
    pub dir: String,
    /// Duplicate key.
    pub key: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Stage arrow.
    pub stage: String,
    /// Pass.
    pub pass: String,
    /// Rewrites.
    pub rewrites: Vec<String>,
    /// Failure class.
    pub class: String,
    /// Nodes of the reduced model.
    pub nodes: usize,
    /// QDQ nodes of the reduced model.
    pub qdq_nodes: usize,
    /// Index of the case that first showed it.
    pub index: u64,
    /// How many cases showed it.
    pub count: u64,
    /// Seconds from the start of the campaign to the first detection (wall clock; informative).
    pub after_seconds: f64,
    /// The hypothesis that explains it, if one does.
    #[serde(default)]
    pub explanation: Option<String>,
}

/// Sums over cases; adding two is exact, so shards and threads change nothing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Cases that ran through every stage to B.
    pub cases: u64,
    /// Cases generated.
    pub generated: u64,
    /// By verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// By arrow.
    pub stages: Counts,
    /// Elements of group outputs.
    pub elements: u64,
    /// Decided.
    pub decided: u64,
    /// With radius 0.
    pub exact: u64,
    /// Cases all of whose compared elements had radius 0 on some set.
    pub nodes: u64,
    /// Elements of all node outputs of all graphs.
    pub tensor_elements: u64,
    /// Number of these tensors.
    pub tensors: u64,
    /// Tensors with 64 elements or more.
    pub big_tensors: u64,
    /// Groups with several tiles, and groups.
    pub multi_tile: u64,
    /// See `multi_tile`.
    pub groups: u64,
    /// Instructions executed.
    pub instructions: u64,
    /// Operators of groups that were decided on no input set, counted.
    #[serde(default)]
    pub undecided: BTreeMap<String, u64>,
    /// Reasons for `unsupported`, counted.
    pub unsupported: BTreeMap<String, u64>,
    /// Residuals by kernel.
    #[serde(default)]
    pub biases: crate::stats::Biases,
    /// What the data did to mutants of the attributes, where that was asked for.
    #[serde(default)]
    pub mutants: MutantTotals,
    /// Sum modulo 2^128 of a hash per case, as hex.
    pub digest: String,
}

impl Totals {
    fn digest_value(&self) -> u128 {
        u128::from_str_radix(&self.digest, 16).unwrap_or(0)
    }
    fn add_digest(&mut self, d: u128) {
        self.digest = format!("{:032x}", self.digest_value().wrapping_add(d));
    }
    fn add(&mut self, case: &Case, r: &Report, digest: u128) {
        self.generated += 1;
        self.cases += u64::from(r.complete);
        *self.verdicts.entry(r.verdict.unwrap_or(Verdict::Agree).name().into()).or_insert(0) += 1;
        for (a, c) in &r.counts {
            let t = self.stages.entry(*a).or_default();
            t.checked += c.checked;
            t.failed += c.failed;
        }
        self.elements += r.elements;
        self.decided += r.decided;
        self.exact += r.exact;
        self.nodes += case.graph.nodes.len() as u64;
        for n in case.graph.nodes.values() {
            for &o in &n.outputs {
                let e = case.graph.ty(o).elements() as u64;
                self.tensor_elements += e;
                self.tensors += 1;
                self.big_tensors += u64::from(e >= 64);
            }
        }
        self.multi_tile += r.multi_tile.0;
        self.groups += r.multi_tile.1;
        self.instructions += r.instructions;
        for u in &r.undecided {
            let ops = u.rsplit_once(" (").map_or("", |x| x.1).split(')').next().unwrap_or_default();
            *self.undecided.entry(ops.into()).or_insert(0) += 1;
        }
        if let (Some(Verdict::Unsupported), Some(reason)) = (r.verdict, &r.reason) {
            *self.unsupported.entry(short_reason(reason)).or_insert(0) += 1;
        }
        for (k, b) in &r.biases {
            self.biases.entry(k.clone()).or_default().add(b);
        }
        self.add_digest(digest);
    }
}

/// Mutants of attributes over all cases.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MutantTotals {
    /// Graphs.
    pub graphs: u64,
    /// Mutants.
    pub mutants: u64,
    /// Killed by some data.
    pub killable: u64,
    /// Killed by the cases' own data.
    pub killed: u64,
    /// Data sets kept because they kill what the own data do not.
    pub kept: u64,
    /// Killable mutants that the own data do not kill, by operator and attribute.
    pub survivors: BTreeMap<String, u64>,
}

impl MutantTotals {
    /// Adds one graph.
    pub fn add(&mut self, o: &crate::mutants::Outcome) {
        self.graphs += 1;
        self.mutants += o.mutants as u64;
        self.killable += o.killable as u64;
        self.killed += o.killed as u64;
        self.kept += o.kept.len() as u64;
        for s in &o.survivors {
            *self.survivors.entry(s.clone()).or_insert(0) += 1;
        }
    }
    /// Share of the killable ones that the own data kill; 1 if there is none.
    pub fn share(&self) -> f64 {
        if self.killable == 0 { 1.0 } else { self.killed as f64 / self.killable as f64 }
    }
}

/// The reason without the node's name, so that equal reasons add up.
fn short_reason(r: &str) -> String {
    match (r.find('`'), r.rfind("`")) {
        (Some(a), Some(b)) if a < b => format!("{}…{}", &r[..a], &r[b + 1..]),
        _ => r.to_string(),
    }
}

/// `campaign.json`: state and result in one.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Seed, shard, profile, machine: a campaign resumes only as itself.
    pub identity: String,
    /// Indices below this are done.
    pub next: u64,
    /// Sums.
    pub totals: Totals,
    /// Findings, by key.
    pub findings: Vec<FindingRow>,
    /// Wall-clock seconds of all sittings.
    pub seconds: f64,
    /// CPU seconds of all sittings.
    pub cpu_seconds: f64,
    /// Whether the plan is complete.
    pub finished: bool,
}

/// One case of a campaign, by its index.
pub fn make_case(plan: &Plan, index: u64) -> Case {
    let mut rng = Rng::stream(plan.seed, index);
    let mut setup = plan.setup.clone();
    match &plan.machine {
        Machine::Fixed(name, c) => {
            setup.config = (**c).clone();
            setup.config_name.clone_from(name);
        }
        Machine::Random => {
            setup.config = NpuConfig::random(rng.next_u64());
            setup.config_name = "random".into();
        }
    }
    let lattice = Lattice::of(&setup.config);
    let bytes: Vec<u8> = (0..=plan.profile.nodes.1).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let data_seed = rng.next_u64();
    let graph = guard::generate(&mut Unstructured::new(&bytes), &plan.profile, &lattice, data_seed, &setup.contract);
    let sets = input_sets(&graph, data_seed);
    Case { graph, sets, setup }
}

/// The three input sets of a case: an exact grid, ordinary data, specials.
pub fn input_sets(graph: &ir::Graph, seed: u64) -> Vec<Vec<ir::Tensor>> {
    [Regime::Normal, Regime::Grid, Regime::Special].iter().map(|&r| data::inputs(graph, seed, r)).collect()
}

fn digest(index: u64, case: &Case) -> u128 {
    let mut h = blake3::Hasher::new();
    h.update(&index.to_le_bytes()).update(&ir::hash::canonical(&case.graph).to_le_bytes());
    for t in case.sets.iter().flatten() {
        h.update(&t.bytes);
    }
    u128::from_le_bytes(h.finalize().as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

/// CPU seconds of this process so far, from `/proc`; 0 where there is none.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |x| x.1);
    let f: Vec<&str> = after.split_whitespace().collect();
    // utime and stime are fields 14 and 15; `f` starts at field 3. Ticks are hundredths on every Linux we know.
    let ticks = |i: usize| f.get(i).and_then(|s| s.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Runs a campaign. `progress` is called after each wave.
#[expect(
    clippy::disallowed_methods,
    reason = "a campaign may be limited by time; nothing that is compared depends on the clock"
)]
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&State)) -> Result<State> {
    std::fs::create_dir_all(plan.out.join("findings"))
        .with_context(|| format!("cannot create {}", plan.out.display()))?;
    let identity = identity(plan);
    let mut state = start(plan, &identity)?;
    let (began, cpu0, before) = (Instant::now(), cpu_seconds(), (state.seconds, state.cpu_seconds));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(plan.jobs).stack_size(32 << 20).build()?;
    quiet_panics();
    let wave = (plan.jobs * 16) as u64;
    loop {
        let (i0, n) = plan.shard;
        let end = plan.cases.unwrap_or(u64::MAX);
        let indices: Vec<u64> = (0..wave)
            .map(|k| state.next.saturating_add(k.saturating_mul(n)))
            .filter(|&i| i < end && i % n == i0)
            .collect();
        let over = plan.time.is_some_and(|t| began.elapsed() >= t);
        state.finished = indices.is_empty();
        if indices.is_empty() || over || (plan.first && !state.findings.is_empty()) {
            break;
        }
        let deadline = plan.time.map(|t| began + t);
        let done: Vec<Option<(u64, Case, Report, u128, Option<Outcome>)>> = pool.install(|| {
            indices
                .par_iter()
                .map(|&i| {
                    if deadline.is_some_and(|d| Instant::now() >= d) {
                        return None;
                    }
                    let (case, r, m) = one(plan, i);
                    let d = digest(i, &case);
                    Some((i, case, r, d, m))
                })
                .collect()
        });
        // Cases after the first one that the clock cut off are thrown away: what is done is a prefix, so it can be resumed.
        for (i, case, r, d, m) in done.into_iter().map_while(|x| x) {
            state.totals.add(&case, &r, d);
            if let Some(m) = &m {
                state.totals.mutants.add(m);
            }
            state.next = i + n;
            if r.verdict.is_some_and(Verdict::is_finding) {
                let after = before.0 + began.elapsed().as_secs_f64();
                found(plan, &mut state, i, &case, &r, after)?;
            }
        }
        state.seconds = before.0 + began.elapsed().as_secs_f64();
        state.cpu_seconds = before.1 + cpu_seconds() - cpu0;
        save(plan, &state)?;
        progress(&state);
    }
    state.seconds = before.0 + began.elapsed().as_secs_f64();
    state.cpu_seconds = before.1 + cpu_seconds() - cpu0;
    save(plan, &state)?;
    Ok(state)
}

/// Generates and checks one case; a panic of the generator is a finding about ourselves and ends as `crash`.
fn one(plan: &Plan, i: u64) -> (Case, Report, Option<Outcome>) {
    let mut case = make_case(plan, i);
    let m = plan.mutants.then(|| {
        let seed = Rng::stream(plan.seed, i).next_u64();
        crate::mutants::measure(&case.graph, &case.sets, &case.setup.contract, seed)
    });
    // The case is also run on what is kept; its digest is that of the whole.
    case.sets.extend(m.iter().flat_map(|m| m.kept.iter().cloned()));
    let r = check(&case);
    (case, r, m)
}

fn identity(plan: &Plan) -> String {
    let machine = match &plan.machine {
        Machine::Fixed(n, c) => format!("{n}:{:016x}", c.hash()),
        Machine::Random => "random".into(),
    };
    format!(
        "seed={} shard={}/{} profile={} machine={machine} opt={} faults={:?}{}",
        plan.seed,
        plan.shard.0,
        plan.shard.1,
        plan.profile.name,
        plan.setup.opt_level,
        crate::faults::ids(&plan.setup.injections),
        match (plan.mutants, plan.setup.suspect) {
            (false, false) => "",
            (true, false) => " mutants",
            (false, true) => " suspect",
            (true, true) => " mutants suspect",
        }
    )
}

fn start(plan: &Plan, identity: &str) -> Result<State> {
    let path = plan.out.join("campaign.json");
    if !plan.resume {
        return Ok(State { identity: identity.into(), next: plan.shard.0, ..State::default() });
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("nothing to resume: cannot read {}", path.display()))?;
    let state: State = serde_json::from_str(&text).with_context(|| format!("{} is not a campaign", path.display()))?;
    if state.identity != identity {
        bail!("{} belongs to another campaign:\n  there: {}\n  asked: {identity}", path.display(), state.identity);
    }
    Ok(state)
}

fn save(plan: &Plan, state: &State) -> Result<()> {
    let path = plan.out.join("campaign.json");
    let tmp = plan.out.join(".campaign.json.tmp");
    std::fs::write(&tmp, serde_json::to_vec_pretty(state)?)?;
    std::fs::rename(&tmp, &path).with_context(|| format!("cannot write {}", path.display()))
}

/// A panic inside `catch_unwind` must not print a backtrace for every finding.
pub fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fn found(plan: &Plan, state: &mut State, index: u64, case: &Case, r: &Report, after: f64) -> Result<()> {
    let findings = plan.out.join("findings");
    let raw = findings.join(format!("raw-{index}"));
    let first = Finding { seed: plan.seed, index: Some(index), failure: r.failure.clone(), ..Finding::default() };
    dir::write(&raw, case, &first)?;
    if state.findings.len() >= REDUCED_FINDINGS {
        return Ok(());
    }
    let row = digest_finding(case, r, &findings, plan.seed, index, after)?;
    match state.findings.iter_mut().find(|f| f.key == row.key) {
        Some(old) => old.count += 1,
        None => {
            state.findings.push(row);
        }
    }
    std::fs::remove_dir_all(&raw).with_context(|| format!("cannot remove {}", raw.display()))?;
    Ok(())
}

/// Explains the reduced case; the original one, which has richer data, if that gives no name.
fn explained(
    small: &Case,
    original: &Case,
    failure: &crate::verdict::Failure,
) -> (crate::explain::Explanation, Vec<(String, ir::Tensor)>) {
    let mut small_failure = failure.clone();
    small_failure.set = 0;
    let (mut x, operands) = crate::explain::with_operands(small, &small_failure);
    if x.named.is_none() {
        let r = check(original);
        if let Some(f) = r.failure {
            let rich = crate::explain::explain(original, &f);
            if rich.named.is_some() {
                (x.named, x.hypotheses, x.region) = (rich.named, rich.hypotheses, rich.region);
                (x.elements, x.wrong, x.runs, x.plain) = (rich.elements, rich.wrong, rich.runs, rich.plain);
            }
        }
    }
    (x, operands)
}

/// Attributes, reduces and writes a finding under its key; the row for the list.
pub fn digest_finding(
    case: &Case,
    r: &Report,
    findings: &Path,
    seed: u64,
    index: u64,
    after: f64,
) -> Result<FindingRow> {
    let Some(failure) = r.failure.clone() else { bail!("a finding without a failure") };
    let a = attribute(case, r);
    let culprit = a.as_ref().map(|a| rules(&a.rewrites)).unwrap_or_default();
    let mut one = case.clone();
    if let Some(s) = one.sets.get(failure.set).cloned() {
        one.sets = vec![s];
    }
    let hint = a.as_ref().map(|a| attribute::hint(case, a)).unwrap_or_default();
    let reduced = reduce(&one, &mut SameBug::new(failure.clone(), culprit.clone()), &hint, REDUCE_LIMIT);
    let mut small = reduced.case;
    small.graph = dir::renumbered(&small.graph);
    let report = check(&small);
    let attribution = attribute(&small, &report).or(a);
    let failure = report.failure.unwrap_or(failure);
    let list: Vec<(String, String)> = culprit.into_iter().collect();
    let key = dir::key(&failure.class, &list, &small.graph);
    let path = findings.join(&key);
    let (nodes, qdq_nodes) = small.graph.node_counts();
    let mut row = FindingRow {
        dir: path.display().to_string(),
        key: key.clone(),
        verdict: failure.verdict,
        stage: attribution.as_ref().map_or(failure.arrow, |a| a.arrow).name().into(),
        pass: attribution.as_ref().map_or(failure.pass.clone(), |a| a.pass.clone()),
        rewrites: attribution.iter().flat_map(|a| a.rewrites.iter().map(ToString::to_string)).collect(),
        class: failure.class.clone(),
        nodes,
        qdq_nodes,
        index,
        count: 1,
        after_seconds: after,
        explanation: None,
    };
    if !path.exists() {
        let (explanation, operands) = explained(&small, case, &failure);
        row.explanation = explanation.named.clone();
        let f = Finding {
            seed,
            index: Some(index),
            failure: Some(failure),
            attribution,
            key: Some(key),
            passing: crate::passing::nearest(&small),
            explanation: Some(explanation),
            operands,
        };
        dir::write(&path, &small, &f)?;
    }
    Ok(row)
}
