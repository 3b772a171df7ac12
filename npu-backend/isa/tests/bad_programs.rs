//! Every load-time trap has hand-written bad programs (`bad/*.asm`), each with a good twin one line away.

use std::collections::BTreeSet;
use std::path::PathBuf;

use touchstone_isa::{NpuConfig, TrapCode, When, parse_program, verify};

/// The expectation of the first line.
struct Expected {
    code: TrapCode,
    load: bool,
    pcs: Vec<u32>,
}

fn expected(text: &str) -> Expected {
    let first = text.lines().next().expect("a first line");
    let head = first.trim_start_matches('#').split(':').next().expect("split yields one piece");
    let mut words = head.split_whitespace();
    let code = words.next().and_then(TrapCode::from_name).unwrap_or_else(|| panic!("no trap in `{first}`"));
    let load = head.contains(" load");
    let pcs = words.filter_map(|w| w.strip_prefix('@')).map(|n| n.parse().expect("a pc")).collect();
    Expected { code, load, pcs }
}

/// The good twin.
fn fixed(text: &str) -> String {
    text.lines().map(|line| line.split_once("# fix:").map_or(line, |(_, fix)| fix.trim()).to_owned() + "\n").collect()
}

#[test]
fn each_bad_program_has_its_trap_and_its_twin_has_none() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).expect("the directory").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let mut covered = BTreeSet::new();
    let config = NpuConfig::tiny();
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "asm")) {
        let name = path.display();
        let text = std::fs::read_to_string(path).expect("readable");
        let want = expected(&text);
        if want.code.when() == When::Run || (want.code.when() == When::Both && !want.load) {
            continue; // the simulator's tests run it
        }
        let program = parse_program(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let traps = verify(&program, &config).expect_err("a bad program");
        assert_eq!(traps[0].code, want.code, "{name}: {traps:?}");
        let pcs: Vec<u32> = traps[0].pc.into_iter().chain(traps[0].other_pc).collect();
        assert!(pcs.starts_with(&want.pcs), "{name}: {traps:?}");
        assert!(traps.iter().all(|t| t.code == want.code), "{name} has other problems: {traps:?}");
        covered.insert(want.code);
        let twin = parse_program(&fixed(&text)).unwrap_or_else(|e| panic!("twin of {name}: {e}"));
        if let Err(traps) = verify(&twin, &config) {
            panic!("twin of {name}: {traps:?}");
        }
    }
    let load_time = TrapCode::ALL.iter().filter(|t| t.when() == When::Load);
    let missing: Vec<_> = load_time.filter(|t| !covered.contains(t)).collect();
    assert!(missing.is_empty(), "no bad program for {missing:?}");
}
