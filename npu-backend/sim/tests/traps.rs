//! Every run-time trap has hand-written bad programs (`bad/*.asm`), each with a good twin one line away.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::sim;
use isa::{NpuConfig, TrapCode, When, parse_program};
use sim::{Options, RunError, RunResult, Simulator};

/// The expectation of the first line: the trap and, if it has one, the pc.
fn expected(text: &str) -> (TrapCode, Option<u32>) {
    let head = text.lines().next().and_then(|l| l.trim_start_matches('#').split(':').next()).expect("a first line");
    let mut words = head.split_whitespace();
    let code = words.next().and_then(TrapCode::from_name).unwrap_or_else(|| panic!("no trap in `{head}`"));
    (code, words.find_map(|w| w.strip_prefix('@')).map(|n| n.parse().expect("a pc")))
}

fn fixed(text: &str) -> String {
    text.lines().map(|line| line.split_once("# fix:").map_or(line, |(_, fix)| fix.trim()).to_owned() + "\n").collect()
}

/// The rest of the line that starts with a directive, without its fix.
fn directive<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.lines().find_map(|l| l.strip_prefix(name))?;
    Some(rest.split('#').next().unwrap_or("").trim())
}

fn run(text: &str) -> Result<RunResult, RunError> {
    let program = parse_program(text).unwrap_or_else(|e| panic!("{e}"));
    let mut options = Options::default();
    if let Some(limit) = directive(text, "# limit ") {
        options.max_instructions = limit.parse().expect("a number");
    }
    let inputs: Vec<(String, Vec<u8>)> = directive(text, "# input ")
        .map(|d| {
            let (name, hex) = d.split_once(' ').expect("name and bytes");
            let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal");
            (name.to_owned(), (0..hex.len()).step_by(2).map(byte).collect())
        })
        .into_iter()
        .collect();
    Simulator::new(&NpuConfig::tiny(), options).run(&program, &inputs)
}

#[test]
fn each_bad_program_has_its_trap_and_its_twin_runs() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).expect("the directory").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let mut covered = BTreeSet::new();
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "asm")) {
        let name = path.display();
        let text = std::fs::read_to_string(path).expect("readable");
        let (code, pc) = expected(&text);
        let error = run(&text).expect_err("a bad program");
        let trap = error.trap().unwrap_or_else(|| panic!("{name}: {error}"));
        assert_eq!((trap.code, trap.pc), (code, pc), "{name}: {trap}");
        covered.insert(code);
        if let Err(error) = run(&fixed(&text)) {
            panic!("twin of {name}: {error}");
        }
    }
    // E_ACCESS_MISMATCH says that the simulator is wrong, which no program brings about: src/touched.rs has its test.
    let missing: Vec<_> = TrapCode::ALL
        .iter()
        .filter(|t| t.when() != When::Load && !covered.contains(t) && **t != TrapCode::AccessMismatch)
        .collect();
    assert!(missing.is_empty(), "no bad program for {missing:?}");
}
