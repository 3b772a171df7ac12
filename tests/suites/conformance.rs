//! One trial for each ONNX backend node test of tier 1, on the reference. Vectors that are still unsupported are listed with their
//! number in `corpora/conformance/unsupported.txt`; one that starts to pass must leave the list.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use touchstone_suites::{input_dir, root};

fn main() {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    if let Some(dir) = input_dir("node") {
        let list =
            std::fs::read_to_string(root().join("corpora/conformance/tier1.txt")).expect("the list is committed");
        let skips = std::fs::read_to_string(root().join("corpora/conformance/unsupported.txt")).unwrap_or_default();
        let skips: BTreeSet<String> =
            skips.lines().filter_map(|l| l.split_whitespace().next()).map(Into::into).collect();
        for name in list.lines().filter_map(|l| l.split_whitespace().next()) {
            let (path, expected) = (dir.join(name), if skips.contains(name) { "unsupported" } else { "passed" });
            trials.push(Trial::test(format!("reference::{name}"), move || {
                let setup = difftest::Setup::new("edge-256", isa::NpuConfig::named("edge-256").expect("built in"));
                let row = difftest::conformance::run_test(&path, &setup, false);
                if row.status == expected {
                    return Ok(());
                }
                Err(Failed::from(format!(
                    "{} instead of {expected}: {}\nre-run: touchstone conformance {}",
                    row.status,
                    row.reason,
                    path.display()
                )))
            }));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}
