//! Each injectable fault is found by the default campaign within a number of cases, rightly attributed and reduced; the same cases
//! without the fault are clean.

use difftest::Setup;
use difftest::campaign::{Machine, Plan, run};
use difftest::faults::{FAULTS, Fault};
use graphgen::Profile;
use isa::NpuConfig;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let args = Arguments::from_args();
    let trials = FAULTS.iter().map(|f| Trial::test(f.id, move || kill(f).map_err(Failed::from))).collect();
    libtest_mimic::run(&args, trials).exit();
}

/// Cases within which each fault must show in the tests; `touchstone faults run` gives the real campaign 60 seconds.
const CASES: u64 = 3000;

fn kill(f: &'static Fault) -> Result<(), String> {
    let out = tempfile::tempdir().map_err(|e| e.to_string())?;
    let plan = Plan {
        seed: 1,
        cases: Some(CASES),
        time: None,
        jobs: 1,
        shard: (0, 1),
        profile: Profile::named("default").expect("built in"),
        machine: Machine::Fixed("tiny-fuzz".into(), Box::new(NpuConfig::tiny())),
        setup: Setup { injections: vec![f.injection], ..Setup::new("tiny-fuzz", NpuConfig::tiny()) },
        out: out.path().to_path_buf(),
        resume: false,
        first: true,
    };
    let state = run(&plan, &mut |_| {}).map_err(|e| format!("{e:#}"))?;
    let first = state.findings.iter().min_by_key(|f| f.index).ok_or_else(|| format!("not found in {CASES} cases"))?;
    if first.pass != f.injection.name {
        return Err(format!("blamed on {} ({}), not on {}", first.pass, first.class, f.injection.name));
    }
    if first.nodes > f.min_nodes.max(3) {
        return Err(format!("reduced to {} nodes, {} are enough", first.nodes, f.min_nodes));
    }
    Ok(())
}
