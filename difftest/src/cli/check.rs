//! `touchstone check`, `bisect`, `reduce`.

use super::Outcome;
use super::common::{ModelArgs, SetupArgs, case};
use crate::Case;
use crate::attribute::{attribute, hint, rules};
use crate::campaign::{REDUCE_LIMIT, quiet_panics};
use crate::check::check_observed;
use crate::dir::{self, Finding};
use crate::npz;
use crate::reduce::{Interesting, SameBug, reduce};
use crate::verdict::{Arrow, Report, Verdict};
use crate::votes;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    setup: SetupArgs,
    /// Compiler under test.
    #[arg(long, default_value = "anvil", value_parser = ["anvil"])]
    backend: String,
    /// Number of input sets from the seed (1: ordinary data; 2: and an exact grid; 3: and specials).
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    sets: u8,
    /// Exit with 2 if the verdict is unsupported or undecided.
    #[arg(long)]
    strict: bool,
    /// Writes every tensor that the stages materialise to DIR/STAGE.npz.
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Model cycles too.
    #[arg(long)]
    stats: bool,
    /// Outputs of another implementation on the first input set: a vote, judged by the reference's bound. A case directory's
    /// `third/NAME.npz` are votes, too.
    #[arg(long, value_name = "NAME=OUTPUTS.npz")]
    third: Vec<String>,
}

/// Exit code of a verdict.
pub fn code(v: Verdict, strict: bool) -> u8 {
    match v {
        v if v.is_finding() => 1,
        Verdict::Unsupported | Verdict::Undecided if strict => 2,
        _ => 0,
    }
}

fn stages_json(r: &Report) -> Value {
    Value::Object(
        Arrow::ALL
            .iter()
            .map(|a| {
                let c = r.counts.get(a).copied().unwrap_or_default();
                (a.name().to_string(), json!({ "checked": c.checked, "failed": c.failed }))
            })
            .collect(),
    )
}

/// Checks a model.
pub fn run(a: Args) -> Result<Outcome> {
    quiet_panics();
    let sets = usize::from(a.sets);
    let mut case = match case(&a.model, &a.setup, "edge-256", sets)? {
        Ok(c) => c,
        Err(why) => return Ok(unsupported(&why, a.strict)),
    };
    case.setup.timing = a.stats;
    let parties = votes::parties(a.model.model.is_dir().then_some(a.model.model.as_path()), &a.third)?;
    let ballot = match case.sets.first() {
        Some(set) if !parties.is_empty() => Some(votes::judge(&case.graph, set, &case.setup.contract, &parties)?),
        _ => None,
    };
    let bar = indicatif::ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let r = check_observed(&case, &mut |p| bar.set_message(p));
    bar.finish_and_clear();
    if let Some(d) = &a.dump {
        dump(&case, d)?;
    }
    let v = r.verdict.unwrap_or(Verdict::Agree);
    let key = r.failure.as_ref().map(|f| {
        let culprit = attribute(&case, &r).map(|a| rules(&a.rewrites)).unwrap_or_default();
        dir::key(&f.class, &culprit.into_iter().collect::<Vec<_>>(), &case.graph)
    });
    let json = json!({
        "verdict": v.name(),
        "reason": r.reason,
        "stages": stages_json(&r),
        "groups_checked": r.groups_checked,
        "groups_failed": r.groups_failed,
        "undecided_groups": r.undecided_groups,
        "undecided": r.undecided,
        "decided_fraction": if r.elements == 0 { 1.0 } else { r.decided as f64 / r.elements as f64 },
        "worst_error_over_bound": r.worst_ratio,
        "host_ops": r.host_ops,
        "instructions": r.instructions,
        "cycles": r.cycles,
        "key": key,
        "failure": r.failure,
        "third": ballot.as_ref().map(votes::Ballot::json),
    });
    let mut text = format!("{v}: {}\n", dir::summary(&r));
    for arrow in Arrow::ALL {
        if let Some(c) = r.counts.get(&arrow) {
            let _ = writeln!(text, "  {:<6} {:>7} compared, {} failed", arrow.name(), c.checked, c.failed);
        }
    }
    for u in r.undecided.iter().take(8) {
        let _ = writeln!(text, "  undecided: {u}");
    }
    let _ = writeln!(text, "  largest error is {:.3} of its bound; {} instructions", r.worst_ratio, r.instructions);
    if let Some(b) = &ballot {
        text += &b.table();
    }
    Ok(Outcome::ok(text, json).with_code(code(v, a.strict)))
}

fn unsupported(why: &str, strict: bool) -> Outcome {
    let json = json!({ "verdict": "unsupported", "reason": why, "stages": {}, "groups_checked": 0, "groups_failed": 0,
        "undecided_groups": 0, "decided_fraction": 0.0, "worst_error_over_bound": 0.0, "host_ops": 0, "cycles": null, "key": null });
    Outcome::ok(format!("unsupported: {why}"), json).with_code(code(Verdict::Unsupported, strict))
}

fn dump(case: &Case, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut log = Vec::new();
    let c = driver::compile(&case.graph, &case.setup.options(), &mut log, &mut |_| {})?;
    let Some(set) = case.sets.first() else { return Ok(()) };
    let named: Vec<(String, ir::Tensor)> =
        c.fused.inputs.iter().zip(set).map(|((n, _), t)| (n.clone(), t.clone())).collect();
    let runs = [
        ("F", stage_interp::group::run_fused(&c.fused, &named)),
        ("T", stage_interp::tile::run_tiles(&c.tiles, &named)),
        ("S", stage_interp::stream::run_stream(&c.stream, &named)),
    ];
    for (stage, run) in runs {
        let run = run?;
        let entries = c
            .fused
            .tensors
            .iter()
            .filter_map(|(id, t)| {
                let (v, bytes) = (t.value?, run.tensors[id].as_ref()?);
                Some((c.lowered().value_name(v), stage_interp::relayout::to_logical(t, bytes)))
            })
            .collect();
        npz::write(&to.join(format!("{stage}.npz")), &entries)?;
    }
    let e = reference::evaluate(&case.graph, set, &case.setup.contract)?;
    let entries = e.values().map(|(v, b)| (case.graph.value_name(v), b.to_tensor())).collect();
    npz::write(&to.join("G.npz"), &entries)
}

/// Arguments of `bisect`.
#[derive(clap::Args, Debug)]
pub struct BisectArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    setup: SetupArgs,
}

/// Attributes a failing case.
pub fn bisect(a: BisectArgs) -> Result<Outcome> {
    quiet_panics();
    let case = match case(&a.model, &a.setup, "edge-256", 3)? {
        Ok(c) => c,
        Err(why) => return Ok(unsupported(&why, false)),
    };
    let r = check_observed(&case, &mut |_| {});
    let Some(at) = attribute(&case, &r) else {
        bail!("{} does not fail: {}", a.model.model.display(), dir::summary(&r));
    };
    let rewrites: Vec<String> = at.rewrites.iter().map(ToString::to_string).collect();
    let json = json!({ "stage": at.arrow.name(), "pass": at.pass, "rewrites": rewrites, "oracle_calls": at.oracle_calls,
        "failure": r.failure });
    let text = format!(
        "stage    {}\npass     {}\nrewrites {}\n{} checks\n{}",
        at.arrow,
        at.pass,
        if rewrites.is_empty() {
            "none: the failure stays with all optional rewrites off".into()
        } else {
            rewrites.join(" ")
        },
        at.oracle_calls,
        dir::summary(&r)
    );
    Ok(Outcome::ok(text, json).with_code(1))
}

/// Arguments of `reduce`.
#[derive(clap::Args, Debug)]
pub struct ReduceArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    setup: SetupArgs,
    /// Decides instead of our own oracle: run as COMMAND CANDIDATE.onnx; 0 still fails in the interesting way, 1 not, 125 cannot tell.
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// Where the reduced case goes; by default CASE_DIR-reduced.
    #[arg(short, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A user's command as the oracle.
struct Command {
    words: Vec<String>,
    dir: tempfile_dir::TempDir,
    error: Option<String>,
}

impl Interesting for Command {
    fn test(&mut self, c: &Case) -> bool {
        let path = self.dir.path().join("candidate.onnx");
        let write = std::fs::write(&path, onnx::write_graph(&dir::renumbered(&c.graph)));
        if let Err(e) = write {
            self.error = Some(e.to_string());
            return false;
        }
        let status = std::process::Command::new(&self.words[0])
            .args(&self.words[1..])
            .arg(&path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        match status.map(|s| s.code()) {
            Ok(Some(0)) => true,
            Ok(Some(1 | 125)) => false,
            Ok(other) => {
                self.error = Some(format!("`{}` ended with {other:?}; expected 0, 1 or 125", self.words.join(" ")));
                false
            }
            Err(e) => {
                self.error = Some(format!("cannot run `{}`: {e}", self.words[0]));
                false
            }
        }
    }
}

/// A directory that goes away at the end.
mod tempfile_dir {
    use std::path::{Path, PathBuf};
    #[derive(Debug)]
    pub struct TempDir(PathBuf);
    impl TempDir {
        pub fn new() -> std::io::Result<Self> {
            let p = std::env::temp_dir().join(format!("touchstone-{}", std::process::id()));
            std::fs::create_dir_all(&p)?;
            Ok(Self(p))
        }
        pub fn path(&self) -> &Path {
            &self.0
        }
    }
    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Reduces a failing case.
#[expect(clippy::disallowed_methods, reason = "the time is reported, not compared")]
pub fn reduce_command(a: ReduceArgs) -> Result<Outcome> {
    quiet_panics();
    let case = match case(&a.model, &a.setup, "tiny-fuzz", 3)? {
        Ok(c) => c,
        Err(why) => bail!("{}: unsupported: {why}", a.model.model.display()),
    };
    let out = a.out.unwrap_or_else(|| {
        let stem = a.model.model.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        a.model.model.with_file_name(format!("{stem}-reduced"))
    });
    let began = Instant::now();
    let red = if let Some(c) = &a.check {
        let words: Vec<String> = c.split_whitespace().map(ToString::to_string).collect();
        if words.is_empty() {
            bail!("--check is empty");
        }
        let mut oracle = Command { words, dir: tempfile_dir::TempDir::new()?, error: None };
        let first = oracle.test(&case);
        if let Some(e) = oracle.error {
            bail!("{e}");
        }
        if !first {
            bail!("the command does not call {} interesting", a.model.model.display());
        }
        let red = reduce(&case, &mut oracle, &BTreeSet::new(), REDUCE_LIMIT);
        if let Some(e) = oracle.error {
            bail!("{e}");
        }
        red
    } else {
        let r = check_observed(&case, &mut |_| {});
        let Some(at) = attribute(&case, &r) else {
            bail!("{} does not fail: {}", a.model.model.display(), dir::summary(&r));
        };
        let (mut oracle, one) = SameBug::of(&case).expect("it fails");
        let hint = hint(&case, &at);
        reduce(&one, &mut oracle, &hint, REDUCE_LIMIT)
    };
    let mut small = red.case.clone();
    small.graph = dir::renumbered(&small.graph);
    let r = crate::check::check(&small);
    let attribution = attribute(&small, &r);
    let key = r.failure.as_ref().map(|f| {
        let culprit = attribution.as_ref().map(|a| rules(&a.rewrites)).unwrap_or_default();
        dir::key(&f.class, &culprit.into_iter().collect::<Vec<_>>(), &small.graph)
    });
    dir::write(&out, &small, &Finding { failure: r.failure, attribution, key: key.clone(), ..Finding::default() })?;
    let (nodes, qdq) = small.graph.node_counts();
    let json = json!({
        "nodes_before": red.nodes_before, "nodes_after": nodes, "qdq_nodes_after": qdq, "oracle_calls": red.calls,
        "seconds": began.elapsed().as_secs_f64(), "one_minimal": red.one_minimal, "dir": out.display().to_string(), "key": key,
    });
    let calls: u32 = red.calls.values().sum();
    let text = format!(
        "{} → {nodes} nodes in {calls} checks, {:.1} s{}\n{}",
        red.nodes_before,
        began.elapsed().as_secs_f64(),
        if red.one_minimal { "; no single move makes it smaller" } else { "" },
        out.display()
    );
    Ok(Outcome::ok(text, json))
}
