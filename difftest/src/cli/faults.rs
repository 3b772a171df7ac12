//! `touchstone faults`: the catalogue, and the kill matrix.

use super::Outcome;
use crate::campaign::{FindingRow, Machine, Plan, run as campaign};
use crate::case::Setup;
use crate::faults::{FAULTS, Fault, find};
use anyhow::Result;
use graphgen::Profile;
use isa::NpuConfig;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The catalogue.
    List,
    /// Switches each on and lets the default campaign look for it.
    Run {
        /// Only these.
        #[arg(long, value_name = "ID", num_args = 1..)]
        only: Vec<String>,
        /// Most seconds for each.
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
        /// Seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Threads.
        #[arg(long)]
        jobs: Option<usize>,
        /// Result directory.
        #[arg(long, default_value = "target/touchstone/faults")]
        out: PathBuf,
    },
}

/// What the campaign made of one fault.
#[derive(Debug)]
struct Row {
    fault: &'static Fault,
    finding: Option<FindingRow>,
    cases: u64,
    seconds: f64,
    clean: bool,
}

impl Row {
    /// The attribution names the injected edit.
    fn right(&self) -> bool {
        self.finding.as_ref().is_some_and(|f| f.pass == self.fault.injection.name)
    }
    /// The explainer names the right hypothesis; `None` where the fault has none.
    fn explained(&self) -> Option<bool> {
        let right = crate::explain::expected::of(self.fault.id)?;
        Some(self.finding.as_ref().and_then(|f| f.explanation.as_deref()).is_some_and(|n| right.contains(&n)))
    }
    fn small(&self) -> bool {
        self.finding.as_ref().is_some_and(|f| f.nodes <= self.fault.min_nodes.max(3))
    }
    fn json(&self) -> Value {
        let f = self.finding.as_ref();
        json!({
            "id": self.fault.id, "found": f.is_some(), "cases": self.cases, "seconds": self.seconds,
            "detector": f.map(|f| f.class.clone()), "expected_detector": format!("{:?}", self.fault.detector).to_lowercase(),
            "stage": f.map(|f| f.stage.clone()), "pass": f.map(|f| f.pass.clone()), "rewrites": f.map(|f| f.rewrites.clone()),
            "attribution_right": self.right(), "nodes": f.map(|f| f.nodes), "qdq_nodes": f.map(|f| f.qdq_nodes),
            "explanation": f.and_then(|f| f.explanation.clone()), "explanation_right": self.explained(),
            "min_nodes": self.fault.min_nodes, "clean_without": self.clean, "dir": f.map(|f| f.dir.clone()),
        })
    }
}

/// Lists or runs the faults.
pub fn run(a: Args) -> Result<Outcome> {
    match a.what {
        What::List => Ok(list()),
        What::Run { only, seconds, seed, jobs, out } => {
            let chosen: Vec<&'static Fault> = if only.is_empty() {
                FAULTS.iter().collect()
            } else {
                only.iter().map(|id| find(id)).collect::<Result<_>>()?
            };
            let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
            let mut rows = Vec::new();
            for f in chosen {
                eprintln!("{} …", f.id);
                rows.push(one(f, seconds, seed, jobs, &out)?);
            }
            Ok(matrix(&rows))
        }
    }
}

fn list() -> Outcome {
    let text = FAULTS.iter().fold(String::new(), |s, f| s + &format!("{:<28} {} [{}]\n", f.id, f.summary, f.origin));
    let json: Vec<Value> = FAULTS
        .iter()
        .map(|f| {
            json!({ "id": f.id, "origin": f.origin, "summary": f.summary, "min_nodes": f.min_nodes,
            "detector": format!("{:?}", f.detector).to_lowercase() })
        })
        .collect();
    Outcome::ok(text, json!({ "faults": json }))
}

fn plan(faults: Vec<driver::Injection>, seconds: f64, seed: u64, jobs: usize, out: &Path) -> Plan {
    let config = NpuConfig::tiny();
    Plan {
        seed,
        cases: None,
        time: Some(Duration::from_secs_f64(seconds.max(0.0))),
        jobs,
        shard: (0, 1),
        profile: Profile::named("default").expect("a built-in profile"),
        machine: Machine::Fixed("tiny-fuzz".into(), Box::new(config.clone())),
        setup: Setup { injections: faults, ..Setup::new("tiny-fuzz", config) },
        out: out.to_path_buf(),
        resume: false,
        first: true,
        mutants: false,
    }
}

fn one(f: &'static Fault, seconds: f64, seed: u64, jobs: usize, out: &Path) -> Result<Row> {
    let dir = out.join(f.id);
    let _ = std::fs::remove_dir_all(&dir);
    let state = campaign(&plan(vec![f.injection], seconds, seed, jobs, &dir), &mut |_| {})?;
    let finding = state.findings.iter().min_by_key(|f| f.index).cloned();
    // The same seeds without the fault find nothing.
    let clean_dir = dir.join("clean");
    let mut clean = plan(Vec::new(), seconds, seed, jobs, &clean_dir);
    clean.cases = Some(finding.as_ref().map_or(state.next, |f| f.index + 1));
    let without = campaign(&clean, &mut |_| {})?;
    let at = finding.as_ref().map_or(state.seconds, |f| f.after_seconds);
    let cases = finding.as_ref().map_or(state.totals.generated, |f| f.index + 1);
    Ok(Row { fault: f, finding, cases, seconds: at, clean: without.findings.is_empty() })
}

fn matrix(rows: &[Row]) -> Outcome {
    let mut text = format!(
        "{:<28} {:>6} {:>7} {:<22} {:<7} {:<8} nodes\n",
        "fault", "cases", "seconds", "detector", "stage", "blame"
    );
    for r in rows {
        let f = r.finding.as_ref();
        let _ = writeln!(
            text,
            "{:<28} {:>6} {:>7.1} {:<22} {:<7} {:<8} {}{}",
            r.fault.id,
            r.cases,
            r.seconds,
            f.map_or("NOT FOUND", |f| f.class.as_str()),
            f.map_or("", |f| f.stage.as_str()),
            if r.right() { "right" } else { "WRONG" },
            f.map_or(String::new(), |f| f.nodes.to_string()),
            if r.clean { "" } else { "  NOT CLEAN without the fault" },
        );
        if r.explained() == Some(false) {
            let named = f.and_then(|f| f.explanation.as_deref()).unwrap_or("nothing");
            let _ = writeln!(text, "    explained by {named}, which is not right");
        }
    }
    let (explained, could) = (
        rows.iter().filter(|r| r.explained() == Some(true)).count(),
        rows.iter().filter(|r| r.explained().is_some()).count(),
    );
    let _ = writeln!(text, "{explained} of {could} that have a hypothesis are explained by the right one");
    let bad = rows.iter().filter(|r| !(r.right() && r.clean)).count();
    let small = rows.iter().filter(|r| r.small()).count();
    let _ = writeln!(
        text,
        "{} of {} found and rightly attributed, {small} reduced to the least size",
        rows.len() - bad,
        rows.len()
    );
    let json = json!({ "faults": rows.iter().map(Row::json).collect::<Vec<_>>() });
    Outcome::ok(text, json).with_code(u8::from(bad > 0))
}
