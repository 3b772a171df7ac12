//! One trial for each ONNX backend node test on the reference: all of tiers 1 and 2 pass; those of tier 3 (strings, sequences,
//! training, 8-bit floats) pass if `corpora/conformance/passing.txt` lists them and are `unsupported` with a reason otherwise.
//! Tests of tiers 1 and 2 that are still unsupported are listed in `corpora/conformance/unsupported.txt`; one that starts to
//! pass must leave the list.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use touchstone_suites::{input_dir, root};

fn names(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("corpora/conformance").join(file)).unwrap_or_default();
    text.lines().filter_map(|l| l.split_whitespace().next()).map(Into::into).collect()
}

fn run(path: &Path, expected: &str) -> Result<(), Failed> {
    let setup = difftest::Setup::new("edge-256", isa::NpuConfig::named("edge-256").expect("built in"));
    let row = difftest::conformance::run_test(path, &setup, false);
    if row.status == expected && (expected == "passed") == row.reason.is_empty() {
        return Ok(());
    }
    let (status, reason) = (row.status, row.reason);
    Err(format!("{status} instead of {expected}: {reason}\nre-run: touchstone conformance {}", path.display()).into())
}

fn trial(path: PathBuf, expected: &'static str) -> Trial {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Trial::test(format!("reference::{name}"), move || run(&path, expected))
}

fn main() {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    if let Some(dir) = input_dir("node") {
        let skips: BTreeSet<String> = names("unsupported.txt").into_iter().collect();
        let expected = |name: &String| if skips.contains(name) { "unsupported" } else { "passed" };
        for (file, count) in [("tier1.txt", 949), ("tier2.txt", 551)] {
            let list = names(file);
            assert_eq!(list.len(), count, "{file} is committed");
            trials.extend(list.iter().map(|n| trial(dir.join(n), expected(n))));
        }
    }
    if let Some(dir) = input_dir("node-tier3") {
        let passing: BTreeSet<String> = names("passing.txt").into_iter().collect();
        let list = names("tier3.txt");
        assert_eq!(list.len(), 384, "tier3.txt is committed");
        let expected = |name: &String| if passing.contains(name) { "passed" } else { "unsupported" };
        trials.extend(list.iter().map(|n| trial(dir.join(n), expected(n))));
    }
    // The models that ONNX keeps beside its node tests, at their old operator sets.
    for (dir, count) in [("pytorch-converted", 82), ("pytorch-operator", 35), ("simple", 23)] {
        let Some(dir) = input_dir(dir) else { continue };
        let skips: BTreeSet<String> = names("unsupported.txt").into_iter().collect();
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&dir)
            .map(|d| d.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.join("model.onnx").exists()).collect())
            .unwrap_or_default();
        paths.sort();
        assert_eq!(paths.len(), count, "{}", dir.display());
        let expected = |p: &Path| {
            if skips.contains(&*p.file_name().unwrap_or_default().to_string_lossy()) { "unsupported" } else { "passed" }
        };
        trials.extend(paths.into_iter().map(|p| (expected(&p), p)).map(|(e, p)| trial(p, e)));
    }
    libtest_mimic::run(&args, trials).exit();
}
