//! `touchstone conformance`: ONNX backend test directories on the reference or on Anvil.

use super::Outcome;
use crate::campaign::quiet_panics;
use crate::case::Setup;
use crate::conformance::{Row, run_test};
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A directory of tests (NAME/model.onnx, NAME/test_data_set_N/{input,output}_K.pb), or one test.
    dir: PathBuf,
    /// What runs them.
    #[arg(long, default_value = "reference", value_parser = ["reference", "anvil"])]
    on: String,
    /// Only the names in this file (first word of each line).
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Machine.
    #[arg(long, default_value = "edge-256")]
    config: String,
}

/// Runs the tests.
pub fn run(a: Args) -> Result<Outcome> {
    quiet_panics();
    let mut names: Vec<PathBuf> = if a.dir.join("model.onnx").exists() {
        vec![a.dir.clone()]
    } else {
        let entries = std::fs::read_dir(&a.dir).with_context(|| format!("cannot read {}", a.dir.display()))?;
        let mut v: Vec<PathBuf> =
            entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.join("model.onnx").exists()).collect();
        v.sort();
        v
    };
    if let Some(f) = &a.names {
        let text = std::fs::read_to_string(f).with_context(|| format!("cannot read {}", f.display()))?;
        let wanted: BTreeSet<&str> = text.lines().filter_map(|l| l.split_whitespace().next()).collect();
        names.retain(|p| p.file_name().is_some_and(|n| wanted.contains(&*n.to_string_lossy())));
    }
    if names.is_empty() {
        bail!("{} holds no test (NAME/model.onnx); `ci/inputs node` makes the ONNX node tests", a.dir.display());
    }
    let config = super::common::config(&a.config)?;
    let on_anvil = a.on == "anvil";
    let rows: Vec<Row> =
        names.par_iter().map(|p| run_test(p, &Setup::new(&a.config, config.clone()), on_anvil)).collect();
    let count = |s| rows.iter().filter(|r| r.status == s).count();
    let (passed, failed, unsupported) = (count("passed"), count("failed"), count("unsupported"));
    let mut text = String::new();
    for r in rows.iter().filter(|r| r.status != "passed") {
        text += &format!("{:<12} {}: {}\n", r.status, r.name, r.reason.replace('\n', "; "));
    }
    text += &format!("{passed} passed, {failed} failed, {unsupported} unsupported of {}\n", rows.len());
    let cases: Vec<Value> = rows
        .iter()
        .map(|r| json!({ "name": r.name, "status": r.status, "reason": r.reason, "max_ulp": r.max_ulp, "of_bound": r.of_bound, "decided": r.decided,
            "bound_inputs": r.bound_inputs, "unbound_inputs": r.unbound, "instructions": r.instructions, "host_ops": 0 }))
        .collect();
    let json = json!({ "passed": passed, "failed": failed, "unsupported": unsupported, "cases": cases });
    Ok(Outcome::ok(text, json).with_code(u8::from(failed > 0)))
}
