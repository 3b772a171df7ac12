//! `touchstone fuzz`.

use super::Outcome;
use super::common::config;
use crate::campaign::{Machine, Plan, State, run as run_campaign};
use crate::case::Setup;
use crate::stats;
use crate::verdict::{Arrow, Verdict};
use anyhow::{Result, anyhow, bail};
use graphgen::Profile;
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Number of cases (case indices 0..N).
    #[arg(long)]
    cases: Option<u64>,
    /// Stop after this many seconds; with --cases, whichever ends first.
    #[arg(long)]
    seconds: Option<f64>,
    /// Seed; the same seed gives the same cases and verdicts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; by default all cores.
    #[arg(long)]
    jobs: Option<usize>,
    /// Only the case indices ≡ I modulo N.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: String,
    /// Machine: a name, a .toml file, or `random` for another one in each case.
    #[arg(long, default_value = "tiny-fuzz")]
    config: String,
    /// Compiler under test.
    #[arg(long, default_value = "anvil", value_parser = ["anvil"])]
    backend: String,
    /// Kind of graphs.
    #[arg(long, default_value = "default", value_parser = Profile::NAMES.to_vec())]
    profile: String,
    /// No optional passes.
    #[arg(short = 'O', default_value = "2", value_parser = ["0", "2"])]
    opt: String,
    /// Injected faults, by id.
    #[arg(long, value_name = "ID")]
    faults: Vec<String>,
    /// Perturb attributes in the reference, tell how many of these mutants the data tell apart, and check each case on data that tell
    /// more of them apart too (about half as fast).
    #[arg(long)]
    mutants: bool,
    /// Compare outputs with random legal executions of each graph, too: `suspect` is what is outside of what they show, again on fresh
    /// data. Counted, never a finding.
    #[arg(long)]
    suspect: bool,
    /// Result directory.
    #[arg(long, default_value = "target/touchstone")]
    out: PathBuf,
    /// Continue a campaign that was stopped.
    #[arg(long)]
    resume: bool,
}

/// `I/N`.
pub fn shard(s: &str) -> Result<(u64, u64)> {
    let bad = || anyhow!("--shard {s}: expected I/N with 0 <= I < N");
    let (i, n) = s.split_once('/').ok_or_else(bad)?;
    let (i, n): (u64, u64) = (i.parse().map_err(|_| bad())?, n.parse().map_err(|_| bad())?);
    if i < n { Ok((i, n)) } else { Err(bad()) }
}

/// Runs a campaign.
pub fn run(a: Args, json: bool) -> Result<Outcome> {
    if a.cases.is_none() && a.seconds.is_none() {
        bail!("give --cases N or --seconds S");
    }
    let time = match a.seconds {
        Some(s) if !(s.is_finite() && s >= 0.0) => bail!("--seconds {s}: expected a number of seconds"),
        s => s.map(Duration::from_secs_f64),
    };
    let machine = if a.config == "random" {
        Machine::Random
    } else {
        Machine::Fixed(a.config.clone(), Box::new(config(&a.config)?))
    };
    let base = match &machine {
        Machine::Fixed(n, c) => Setup::new(n, (**c).clone()),
        Machine::Random => Setup::new("random", isa::NpuConfig::tiny()),
    };
    let jobs = match a.jobs {
        Some(0) => bail!("--jobs 0: at least one thread is needed"),
        Some(j) => j,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let plan = Plan {
        seed: a.seed,
        cases: a.cases,
        time,
        jobs,
        shard: shard(&a.shard)?,
        profile: Profile::named(&a.profile).expect("clap allows known profiles"),
        machine,
        setup: Setup {
            opt_level: a.opt.parse().expect("clap allows 0 and 2"),
            injections: crate::faults::injections(&a.faults)?,
            suspect: a.suspect,
            ..base
        },
        out: a.out,
        resume: a.resume,
        first: false,
        mutants: a.mutants,
    };
    let bar = progress_bar(&plan, json);
    let state = run_campaign(&plan, &mut |s| tick(&bar, s))?;
    bar.finish_and_clear();
    let code = u8::from(!state.findings.is_empty());
    Ok(Outcome::ok(text(&plan, &state), to_json(&state)).with_code(code))
}

fn progress_bar(plan: &Plan, json: bool) -> indicatif::ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let len = plan.cases.map_or_else(|| plan.time.map_or(0, |t| t.as_secs()), |n| n / plan.shard.1);
    let style = indicatif::ProgressStyle::with_template("{bar:32.cyan} {elapsed_precise} {msg}");
    indicatif::ProgressBar::new(len).with_style(style.expect("the template is well formed"))
}

fn tick(bar: &indicatif::ProgressBar, s: &State) {
    let t = &s.totals;
    bar.set_position(if bar.length().is_some_and(|l| l >= t.generated) { t.generated } else { s.seconds as u64 });
    let rate = t.generated as f64 / s.seconds.max(1e-9);
    bar.set_message(format!("{} cases, {rate:.0}/s, {} findings", t.generated, s.findings.len()));
}

fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

/// The JSON object of a campaign.
pub fn to_json(s: &State) -> Value {
    let t = &s.totals;
    let verdicts: serde_json::Map<String, Value> =
        Verdict::ALL.iter().map(|v| (v.name().into(), json!(t.verdicts.get(v.name()).copied().unwrap_or(0)))).collect();
    let stages: serde_json::Map<String, Value> = Arrow::ALL
        .iter()
        .map(|a| {
            let c = t.stages.get(a).copied().unwrap_or_default();
            (a.name().into(), json!({ "checked": c.checked, "failed": c.failed }))
        })
        .collect();
    json!({
        "cases": t.cases,
        "generated": t.generated,
        "seconds": s.seconds,
        "cpu_seconds": s.cpu_seconds,
        "cases_per_second": t.cases as f64 / s.seconds.max(1e-9),
        "verdicts": verdicts,
        "stages": stages,
        "findings": s.findings,
        "decided_fraction": ratio(t.decided, t.elements),
        "exact_fraction": ratio(t.exact, t.elements),
        "mean_nodes": ratio(t.nodes, t.generated),
        "mean_elements": ratio(t.tensor_elements, t.tensors),
        "big_tensor_share": ratio(t.big_tensors, t.tensors),
        "multi_tile_share": ratio(t.multi_tile, t.groups),
        "unsupported_reasons": t.unsupported,
        "undecided_operators": t.undecided,
        "bias": bias_json(&t.biases),
        "bias_alarms": stats::alarms(&t.biases),
        "mutants": mutants_json(&t.mutants),
        "graphs_digest": t.digest,
        "finished": s.finished,
    })
}

/// Means by kernel, with what the alarms look at.
fn bias_json(all: &stats::Biases) -> Value {
    let one = |k: &str, b: &stats::Bias| {
        let (s, o) = stats::baseline(k);
        json!({ "groups": b.groups, "elements": b.elements, "rms": b.rms(), "signed": b.signed(s), "outward": b.outward(o) })
    };
    Value::Object(all.iter().map(|(k, b)| (k.clone(), one(k, b))).collect())
}

/// Mutants of attributes; `null` where they were not asked for.
pub fn mutants_json(m: &crate::campaign::MutantTotals) -> Value {
    if m.graphs == 0 {
        return Value::Null;
    }
    json!({ "graphs": m.graphs, "mutants": m.mutants, "killable": m.killable, "killed": m.killed, "killed_share": m.share(),
        "kept": m.kept, "survivors": m.survivors })
}

/// The same, for people.
pub fn mutants_text(m: &crate::campaign::MutantTotals) -> String {
    let mut s = format!(
        "{} attribute mutants, {} killable; the cases' own data kill {:.1} % of these, {} further data sets kill the rest\n",
        m.mutants,
        m.killable,
        100.0 * m.share(),
        m.kept
    );
    let mut worst: Vec<(&String, &u64)> = m.survivors.iter().collect();
    worst.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    for (k, n) in worst.iter().take(6) {
        let _ = writeln!(s, "  survived own data ×{n}: {k}");
    }
    s
}

fn bias_text(all: &stats::Biases) -> String {
    let elements: u64 = all.values().map(|b| b.elements).sum();
    let alarms = stats::alarms(all);
    let mut s = format!("Bias: {} kernels, {elements} residuals, {} alarms\n", all.len(), alarms.len());
    for a in &alarms {
        let _ = writeln!(
            s,
            "  SUSPECT {}: mean {} residual {:+.3} ULP, z = {:.1}; a rounding is biased (statistics only, no finding by itself)",
            a.kernel, a.statistic, a.mean.mean, a.mean.z
        );
    }
    s
}

fn text(plan: &Plan, s: &State) -> String {
    let t = &s.totals;
    let mut o = String::new();
    let _ = writeln!(
        o,
        "{} random models in {:.1} s ({:.0} per second), {:.1} nodes each, on {}.",
        t.generated,
        s.seconds,
        t.generated as f64 / s.seconds.max(1e-9),
        ratio(t.nodes, t.generated),
        match &plan.machine {
            Machine::Fixed(n, _) => n.as_str(),
            Machine::Random => "random machines",
        }
    );
    let _ =
        writeln!(o, "Each was compiled, run at every stage, and compared with the reference on three sets of data.\n");
    for v in Verdict::ALL {
        if let Some(n) = t.verdicts.get(v.name()) {
            let _ = writeln!(o, "  {:<12} {n:>8}", v.name());
        }
    }
    let _ = writeln!(o, "\n  stage    compared   failed");
    for a in Arrow::ALL {
        let c = t.stages.get(&a).copied().unwrap_or_default();
        let _ = writeln!(o, "  {:<6} {:>10} {:>8}", a.name(), c.checked, c.failed);
    }
    let _ = writeln!(
        o,
        "\n{:.2} % of {} output elements were decided; {:.0} % of the groups had several tiles.",
        100.0 * ratio(t.decided, t.elements),
        t.elements,
        100.0 * ratio(t.multi_tile, t.groups)
    );
    o.push_str(&bias_text(&t.biases));
    if t.mutants.graphs > 0 {
        o.push_str(&mutants_text(&t.mutants));
    }
    for (ops, n) in &t.undecided {
        let _ = writeln!(o, "undecided ×{n}: {ops}");
    }
    for (why, n) in &t.unsupported {
        let _ = writeln!(o, "unsupported ×{n}: {why}");
    }
    if s.findings.is_empty() {
        let _ = writeln!(o, "No findings. State: {}", plan.out.join("campaign.json").display());
    }
    for f in &s.findings {
        let _ = writeln!(
            o,
            "\nFINDING {} ×{} at {}: pass {} {}",
            f.verdict,
            f.count,
            f.stage,
            f.pass,
            f.rewrites.join(" ")
        );
        if let Some(x) = &f.explanation {
            let _ = writeln!(o, "  explained: {x}");
        }
        let _ = writeln!(o, "  {} nodes; read {}/report.md, replay with: touchstone check {}", f.nodes, f.dir, f.dir);
    }
    o
}
