//! Every bug that the fuzzer found in our own compiler is a case directory below `corpora/regressions`; all must agree.

use libtest_mimic::{Arguments, Failed, Trial};
use touchstone_suites::root;

fn main() {
    let args = Arguments::from_args();
    let dir = root().join("corpora/regressions");
    let mut paths: Vec<_> = std::fs::read_dir(&dir)
        .map(|d| d.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.join("case.toml").exists()).collect())
        .unwrap_or_default();
    paths.sort();
    let trials = paths
        .into_iter()
        .map(|p| {
            let name = p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Trial::test(name, move || {
                let (case, _) = difftest::dir::read(&p).map_err(|e| Failed::from(format!("{e:#}")))?;
                let r = difftest::check::check(&case);
                match r.failure {
                    // A case that is no longer supported would prove nothing.
                    None if r.complete => Ok(()),
                    None => Err(format!("did not run to the end: {}", difftest::dir::summary(&r)).into()),
                    Some(_) => {
                        Err(format!("{}\nre-run: touchstone check {}", difftest::dir::summary(&r), p.display()).into())
                    }
                }
            })
        })
        .collect();
    libtest_mimic::run(&args, trials).exit();
}
