//! Campaigns are clean on a clean compiler, and depend on seed and index only.

use difftest::Setup;
use difftest::campaign::{Machine, Plan, State, run};
use graphgen::Profile;
use isa::NpuConfig;
use std::path::Path;

fn plan(out: &Path, cases: u64, jobs: usize, shard: (u64, u64)) -> Plan {
    Plan {
        seed: 7,
        cases: Some(cases),
        time: None,
        jobs,
        shard,
        profile: Profile::named("default").expect("built in"),
        machine: Machine::Fixed("tiny-fuzz".into(), Box::new(NpuConfig::tiny())),
        setup: Setup::new("tiny-fuzz", NpuConfig::tiny()),
        out: out.to_path_buf(),
        resume: false,
        first: false,
        mutants: false,
    }
}

fn go(p: &Plan) -> State {
    run(p, &mut |_| {}).expect("the campaign runs")
}

fn digest(s: &State) -> u128 {
    u128::from_str_radix(&s.totals.digest, 16).expect("hex")
}

#[test]
fn clean_compiler_is_clean_and_threads_and_shards_change_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let whole = go(&plan(&dir.path().join("a"), 120, 1, (0, 1)));
    assert!(whole.findings.is_empty(), "{:#?}", whole.findings);
    let threads = go(&plan(&dir.path().join("b"), 120, 3, (0, 1)));
    assert_eq!((&whole.totals, &whole.findings), (&threads.totals, &threads.findings));
    let parts: Vec<State> = (0..3).map(|i| go(&plan(&dir.path().join(format!("s{i}")), 120, 1, (i, 3)))).collect();
    assert_eq!(parts.iter().fold(0u128, |a, s| a.wrapping_add(digest(s))), digest(&whole));
    assert_eq!(parts.iter().map(|s| s.totals.generated).sum::<u64>(), 120);
}

#[test]
fn a_stopped_campaign_resumes_to_the_same_result() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let whole = go(&plan(&dir.path().join("whole"), 64, 1, (0, 1)));
    let half = go(&plan(&dir.path().join("half"), 32, 1, (0, 1)));
    assert!(half.finished);
    let rest = go(&Plan { resume: true, ..plan(&dir.path().join("half"), 64, 1, (0, 1)) });
    assert_eq!(whole.totals, rest.totals);
}

#[test]
fn the_default_profile_is_worth_running() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let s = go(&plan(dir.path(), 150, 2, (0, 1)));
    let t = &s.totals;
    let share = |a: u64, b: u64| a as f64 / b.max(1) as f64;
    let verdict = |v: &str| share(t.verdicts.get(v).copied().unwrap_or(0), t.generated);
    assert!(verdict("unsupported") <= 0.02, "unsupported: {:?}", t.unsupported);
    assert!(verdict("undecided") <= 0.02, "undecided {}", verdict("undecided"));
    assert!(share(t.nodes, t.generated) >= 12.0);
    assert!(share(t.big_tensors, t.tensors) >= 0.5);
    assert!(share(t.multi_tile, t.groups) >= 0.3, "{} of {} groups have several tiles", t.multi_tile, t.groups);
}
