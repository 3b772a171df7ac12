//! `touchstone report` and `touchstone triage`: what a campaign left behind, grouped.

use super::Outcome;
use crate::dir::{self, CaseFile};
use crate::explain::{Explanation, observe};
use crate::npz;
use anyhow::{Context, Result, bail};
use reference::Contract;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One case directory.
struct Found {
    dir: PathBuf,
    file: CaseFile,
    why: Option<Explanation>,
    nodes: usize,
    count: u64,
}

impl Found {
    fn cause(&self) -> String {
        let f = &self.file;
        let named = self.why.as_ref().and_then(|x| x.named.clone());
        named.unwrap_or_else(|| f.class.clone().unwrap_or_else(|| "unknown".into()))
    }
    fn json(&self) -> Value {
        let f = &self.file;
        json!({
            "dir": self.dir.display().to_string(), "key": f.key, "verdict": f.verdict.map(|v| v.name()),
            "stage": f.stage.map(|a| a.name()), "pass": f.pass, "rewrites": f.rewrites, "class": f.class, "nodes": self.nodes,
            "count": self.count, "explanation": self.why.as_ref().and_then(|x| x.named.clone()),
            "headline": self.why.as_ref().map(Explanation::headline),
        })
    }
}

/// All case directories of a campaign, or of a directory of cases, by name.
fn collect(root: &Path) -> Result<(Vec<Found>, Option<Value>)> {
    if !root.is_dir() {
        bail!("{} is no directory; give the result directory of `touchstone fuzz --out`", root.display());
    }
    let campaign = root.join("campaign.json");
    let state: Option<Value> = if campaign.exists() {
        let text = std::fs::read_to_string(&campaign).with_context(|| format!("cannot read {}", campaign.display()))?;
        Some(serde_json::from_str(&text).with_context(|| format!("{} is not a campaign", campaign.display()))?)
    } else {
        None
    };
    let counts: BTreeMap<String, u64> = state
        .iter()
        .flat_map(|s| s["findings"].as_array().into_iter().flatten())
        .filter_map(|f| Some((f["key"].as_str()?.to_string(), f["count"].as_u64()?)))
        .collect();
    let findings = root.join("findings");
    let base = if findings.is_dir() { findings } else { root.to_path_buf() };
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(&base)
        .with_context(|| format!("cannot read {}", base.display()))?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.join("case.toml").is_file())
        .collect();
    dirs.sort();
    if dirs.is_empty() && state.is_none() {
        bail!("{} has neither campaign.json nor case directories", root.display());
    }
    let mut out = Vec::new();
    for d in dirs {
        let (case, file) = dir::read(&d)?;
        let count = file.key.as_ref().and_then(|k| counts.get(k).copied()).unwrap_or(1);
        out.push(Found { why: dir::read_explanation(&d)?, nodes: case.graph.node_counts().0, dir: d, file, count });
    }
    Ok((out, state))
}

// ---------------------------------------------------------------------------------------------- report

/// Arguments of `report`.
#[derive(clap::Args, Debug)]
#[command(
    long_about = "Overview of a campaign's findings as Markdown, grouped by cause: the hypothesis that explains a finding, or its \
                  failure class where none does.",
    after_help = "Example:\n  touchstone fuzz --seconds 60 --out /tmp/night\n  touchstone report /tmp/night -o night.md"
)]
pub struct ReportArgs {
    /// Result directory of a campaign, or a directory of case directories.
    dir: PathBuf,
    /// Writes the Markdown there instead of to standard output.
    #[arg(short, value_name = "FILE.md")]
    out: Option<PathBuf>,
}

/// Reports on a campaign.
pub fn report(a: ReportArgs) -> Result<Outcome> {
    let (found, state) = collect(&a.dir)?;
    let mut groups: BTreeMap<(String, String), Vec<&Found>> = BTreeMap::new();
    for f in &found {
        let stage = f.file.stage.map_or(String::new(), |s| s.name().to_string());
        groups.entry((stage, f.cause())).or_default().push(f);
    }
    let text = markdown(&a.dir, &found, &groups, state.as_ref());
    let totals = state.as_ref().map_or(Value::Null, |s| {
        json!({ "cases": s["totals"]["cases"], "generated": s["totals"]["generated"], "seconds": s["seconds"], "finished": s["finished"] })
    });
    let json = json!({
        "campaign": totals,
        "findings": found.iter().map(Found::json).collect::<Vec<_>>(),
        "groups": groups.iter().map(|((stage, cause), l)| json!({
            "stage": stage, "cause": cause, "cases": l.iter().map(|f| f.count).sum::<u64>(),
            "dirs": l.iter().map(|f| f.dir.display().to_string()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    if let Some(o) = &a.out {
        std::fs::write(o, &text).with_context(|| format!("cannot write {}", o.display()))?;
        return Ok(Outcome::ok(format!("{} findings in {} groups: {}", found.len(), groups.len(), o.display()), json));
    }
    Ok(Outcome::ok(text, json))
}

fn markdown(
    root: &Path,
    found: &[Found],
    groups: &BTreeMap<(String, String), Vec<&Found>>,
    state: Option<&Value>,
) -> String {
    let mut s = format!("# Findings in {}\n\n", root.display());
    if let Some(t) = state {
        let _ = writeln!(
            s,
            "{} cases generated, {} ran through every stage, {:.0} s{}.\n",
            t["totals"]["generated"],
            t["totals"]["cases"],
            t["seconds"].as_f64().unwrap_or(0.0),
            if t["finished"] == true { "" } else { "; stopped before its end" }
        );
    }
    if found.is_empty() {
        s.push_str("No findings.\n");
        return s;
    }
    s.push_str("| stage | cause | findings | cases | smallest |\n|---|---|---|---|---|\n");
    for ((stage, cause), l) in groups {
        let cases: u64 = l.iter().map(|f| f.count).sum();
        let least = l.iter().map(|f| f.nodes).min().unwrap_or(0);
        let _ = writeln!(s, "| {stage} | {cause} | {} | {cases} | {least} nodes |", l.len());
    }
    for ((stage, cause), l) in groups {
        let _ = writeln!(s, "\n## {cause} at {stage}\n");
        for f in l {
            let c = &f.file;
            let key = c.key.as_deref().unwrap_or("no key");
            let _ = writeln!(
                s,
                "- **{key}**, {} nodes, seen {} times, blamed on {}",
                f.nodes,
                f.count,
                c.pass.as_deref().unwrap_or("nobody")
            );
            if let Some(x) = &f.why {
                let _ = writeln!(s, "  - {}", x.headline());
            }
            if let Some(d) = &c.detail {
                let _ = writeln!(s, "  - {}", d.lines().next().unwrap_or_default());
            }
            let _ = writeln!(s, "  - replay: `touchstone check {}`", f.dir.display());
        }
    }
    s
}

// ---------------------------------------------------------------------------------------------- triage

/// Arguments of `triage`.
#[derive(clap::Args, Debug)]
#[command(
    long_about = "Which findings are the same bug: groups them by stage, culprit (pass and rules of the rewrites, without the nodes) and \
                  kind of failure, and names the smallest of each group. Where a case directory has outputs of other implementations in \
                  `out/NAME.npz` (entries named as the graph's outputs), each votes: for the reference, for the machine, or for neither.",
    after_help = "Example:\n  touchstone triage target/touchstone\n\n\
                  A third party that votes for the machine means: look at the reference first."
)]
pub struct TriageArgs {
    /// Result directory of a campaign, or a directory of case directories.
    dir: PathBuf,
}

/// Groups findings.
pub fn triage(a: TriageArgs) -> Result<Outcome> {
    let (found, _) = collect(&a.dir)?;
    let mut groups: BTreeMap<(String, String, String), Vec<&Found>> = BTreeMap::new();
    for f in &found {
        groups.entry(identity(&f.file)).or_default().push(f);
    }
    let mut text = format!("{} findings, {} distinct\n", found.len(), groups.len());
    let mut rows = Vec::new();
    for ((stage, culprit, kind), l) in &mut groups {
        l.sort_by_key(|f| (f.nodes, f.dir.clone()));
        let first = l[0];
        let all = l.iter().map(|f| votes(&f.dir)).collect::<Result<Vec<_>>>()?;
        let votes = all.into_iter().find(|v| !v.is_empty()).unwrap_or_default();
        let _ = writeln!(
            text,
            "\n{kind} at {stage}, {culprit}: {} findings, {} cases\n  smallest: {} ({} nodes)",
            l.len(),
            l.iter().map(|f| f.count).sum::<u64>(),
            first.dir.display(),
            first.nodes
        );
        if let Some(x) = &first.why {
            let _ = writeln!(text, "  {}", x.headline());
        }
        for (who, vote) in &votes {
            let _ = writeln!(text, "  {who} votes for {vote}");
        }
        rows.push(json!({
            "stage": stage, "culprit": culprit, "kind": kind, "cases": l.iter().map(|f| f.count).sum::<u64>(),
            "smallest": first.dir.display().to_string(), "nodes": first.nodes,
            "same": l[1..].iter().map(|f| f.dir.display().to_string()).collect::<Vec<_>>(),
            "explanation": first.why.as_ref().and_then(|x| x.named.clone()), "votes": votes,
        }));
    }
    Ok(Outcome::ok(text, json!({ "findings": found.len(), "groups": rows })))
}

/// Stage, culprit, kind: what makes two findings the same.
fn identity(f: &CaseFile) -> (String, String, String) {
    // A rewrite is PASS/RULE@NODE; the node is another in each case.
    let mut rules: Vec<&str> = f.rewrites.iter().map(|r| r.rsplit_once('@').map_or(r.as_str(), |x| x.0)).collect();
    rules.sort_unstable();
    rules.dedup();
    let pass = f.pass.clone().unwrap_or_default();
    let culprit = if rules.is_empty() { pass } else { rules.join(" ") };
    (f.stage.map_or(String::new(), |s| s.name().into()), culprit, f.class.clone().unwrap_or_default())
}

/// What other implementations say about a case, by name.
fn votes(dir: &Path) -> Result<BTreeMap<String, String>> {
    let out = dir.join("out");
    let mut votes = BTreeMap::new();
    if !out.is_dir() {
        return Ok(votes);
    }
    let (case, _) = dir::read(dir)?;
    let Some(set) = case.sets.first() else { return Ok(votes) };
    let contract = Contract::named("onnx").expect("a built-in contract");
    let reference = reference::evaluate(&case.graph, set, &contract)
        .inspect_err(|e| eprintln!("{}: no vote, the reference can't evaluate it: {e}", dir.display()))
        .ok();
    let machine = observe::outputs(&case, set);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&out)
        .with_context(|| format!("cannot read {}", out.display()))?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "npz"))
        .collect();
    files.sort();
    for p in files {
        let entries = npz::read(&p)?;
        let who = p.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let (mut with_reference, mut with_machine) = (reference.is_some(), machine.is_some());
        for (i, o) in case.graph.outputs.iter().enumerate() {
            let Some(theirs) = npz::lookup(&entries, &o.name) else {
                bail!("{}: no entry for output `{}`", p.display(), o.name);
            };
            let r = reference.as_ref().and_then(|e| e.outputs().get(i).map(|b| b.check(theirs, &contract).agrees()));
            with_reference &= r == Some(true);
            // Both wrong in the same bits: nothing says more plainly that they do the same.
            let m =
                machine.as_ref().and_then(|all| all.iter().find(|x| x.0 == o.name)).map(|x| x.1.bytes == theirs.bytes);
            with_machine &= m == Some(true);
        }
        let vote = match (with_reference, with_machine) {
            (true, _) => "reference",
            (false, true) => "machine",
            (false, false) => "neither",
        };
        votes.insert(who, vote.into());
    }
    Ok(votes)
}
