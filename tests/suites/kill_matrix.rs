//! Each injectable fault is found by the default campaign within a number of cases, rightly attributed and reduced; the same cases
//! without the fault are clean. And each fires on its smallest graph (`tests/filetests/faults/ID.nir`), where the detector that it is
//! meant for speaks first.

use difftest::attribute::attribute;
use difftest::campaign::{Machine, Plan, input_sets, run};
use difftest::check::check;
use difftest::faults::{Detector, FAULTS, Fault};
use difftest::{Case, Setup};
use driver::Injection;
use graphgen::Profile;
use isa::NpuConfig;
use libtest_mimic::{Arguments, Failed, Trial};
use touchstone_suites::root;

fn main() {
    let args = Arguments::from_args();
    let common = FAULTS.iter().filter(|f| !RARE.contains(&f.id));
    let campaign = common.map(|f| Trial::test(f.id, move || kill(f).map_err(Failed::from)));
    let smallest = FAULTS.iter().map(|f| {
        let name = format!("smallest/{}", f.id);
        Trial::test(name, move || fires_on_smallest(f).map_err(Failed::from))
    });
    libtest_mimic::run(&args, campaign.chain(smallest).collect()).exit();
}

/// Cases within which each common fault must show in the tests; `touchstone faults run` gives the real campaign 60 seconds.
const CASES: u64 = 400;

/// Faults that fire in about one default case of a hundred or fewer: a debug build would take a minute for each. Here their smallest
/// graphs stand for them, and `touchstone faults run` (in `ci/nightly`) runs the campaign.
const RARE: &[&str] =
    &["gemm-perm-unchecked", "pad-value-not-checked", "scale-through-relu", "sub-self-is-zero", "concat-axis-fixed"];

/// Seeds of the data of the smallest graphs; each gives ordinary data, an exact grid and specials.
const SEEDS: u64 = 8;

fn setup(injections: Vec<Injection>) -> Setup {
    Setup { injections, ..Setup::new("tiny-fuzz", NpuConfig::tiny()) }
}

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
        setup: setup(vec![f.injection]),
        out: out.path().to_path_buf(),
        resume: false,
        first: true,
        mutants: false,
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

/// The kind of check that a failure class belongs to.
fn detector(class: &str) -> Option<Detector> {
    Some(match class.split(':').next()? {
        "verify" => Detector::Verifier,
        "trap" => Detector::Trap,
        "bits" | "encoding" => Detector::Bits,
        "bound" => Detector::Bound,
        "meaning" => Detector::Meaning,
        _ => return None,
    })
}

fn fires_on_smallest(f: &'static Fault) -> Result<(), String> {
    let path = root().join("tests/filetests/faults").join(format!("{}.nir", f.id));
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let graph = ir::parse::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let nodes = graph.node_counts().0;
    if nodes != f.min_nodes {
        return Err(format!("{} has {nodes} nodes, `min_nodes` says {}", path.display(), f.min_nodes));
    }
    let sets = (0..SEEDS).flat_map(|seed| input_sets(&graph, seed)).collect();
    let mut case = Case { graph, sets, setup: setup(vec![f.injection]) };
    let report = check(&case);
    let failure = report.failure.as_ref().ok_or("not found")?;
    let blame = attribute(&case, &report).ok_or("not attributed")?;
    if blame.pass != f.injection.name {
        return Err(format!("blamed on {} ({}), not on {}", blame.pass, failure.class, f.injection.name));
    }
    if detector(&failure.class) != Some(f.detector) {
        return Err(format!("found by `{}`, not by {:?}: {}", failure.class, f.detector, failure.detail));
    }
    case.setup.injections.clear();
    match check(&case).failure {
        None => Ok(()),
        Some(clean) => Err(format!("fails without the fault: {} {}", clean.class, clean.detail)),
    }
}
