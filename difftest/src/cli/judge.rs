//! `touchstone judge`: how good our numeric verdicts are.

use super::Outcome;
use anyhow::{Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use judge::report::Judgement;
use judge::{BUGS, Legal, Plan, Storage, attained, false_alarms, missed, replay};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Legal executions of each graph.
    #[arg(long, default_value_t = 5)]
    legal: u64,
    /// Graphs of the campaign of legal executions.
    #[arg(long, default_value_t = 2000)]
    graphs: u64,
    /// First graph index, to continue a campaign.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Activated runs of each bug.
    #[arg(long, default_value_t = 40)]
    per_bug: u64,
    /// Storage of tensors; accumulators are f32.
    #[arg(long, default_value = "f32", value_parser = ["f32", "bf16"])]
    format: String,
    /// Only this bug (KIND/NAME) or kind of bugs.
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Seed; the same seed gives the same judgement on any number of threads.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; by default all cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Where flagged executions are written.
    #[arg(long, default_value = "target/touchstone/judge")]
    out: PathBuf,
    /// Replay a flagged execution.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
}

/// Judges.
pub fn run(a: Args, json: bool) -> Result<Outcome> {
    if let Some(dir) = &a.replay {
        let (flagged, text) = replay::replay(dir).map_err(|e| anyhow!(e))?;
        return Ok(Outcome::ok(text, serde_json::json!({ "flagged": flagged })).with_code(flagged.into()));
    }
    if a.legal == 0 {
        bail!("--legal 0: at least one execution of each graph is needed; --graphs 0 leaves them out");
    }
    let threads = match a.threads {
        Some(0) => bail!("--threads 0: at least one thread is needed"),
        Some(t) => t,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let storage = Storage::parse(&a.format).expect("clap allows known formats");
    let graphs = if a.bug.is_some() { 0 } else { a.graphs };
    let plan = Plan { seed: a.seed, storage, executions: a.legal, graphs, first: a.first, per_bug: a.per_bug, threads };
    let bar = bar(json, graphs, "graphs");
    let mut written: Vec<PathBuf> = Vec::new();
    let mut failed = None;
    let legal = false_alarms::run(&plan, &mut |l: &Legal| {
        bar.set_position(l.graphs);
        bar.set_message(format!("{} executions, {} flagged", l.executions, l.flagged.len()));
        for f in &l.flagged[written.len()..] {
            match replay::write(f, storage, &a.out) {
                Ok(dir) => written.push(dir),
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
        }
    })
    .map_err(|e| anyhow!(e))?;
    bar.finish_and_clear();
    if let Some(e) = failed {
        bail!("cannot write a flagged execution to {}: {e}", a.out.display());
    }
    let bugs = if a.per_bug == 0 {
        Vec::new()
    } else {
        let bar = self::bar(json, BUGS.len() as u64, "bugs");
        let rows = missed::run(&plan, a.bug.as_deref(), &|s| {
            bar.inc(1);
            bar.set_message(s.bug.id());
        });
        bar.finish_and_clear();
        rows.map_err(|e| anyhow!(e))?
    };
    let worst =
        if a.bug.is_some() || storage != Storage::F32 { Vec::new() } else { attained::all(&storage.contract()) };
    let j = Judgement { storage, seed: a.seed, legal, bugs, attained: worst };
    let mut text = j.text();
    for d in &written {
        let _ = writeln!(text, "FLAGGED legal execution; replay with: touchstone judge --replay {}", d.display());
    }
    let code = u8::from(j.false_alarms() > 0);
    Ok(Outcome::ok(text, j.json()).with_code(code))
}

fn bar(json: bool, len: u64, what: &str) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{{bar:32.cyan}} {{pos}}/{{len}} {what}, {{per_sec}} {{msg}}"));
    ProgressBar::new(len).with_style(style.expect("the template is well formed"))
}
