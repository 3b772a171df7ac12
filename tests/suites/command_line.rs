//! The command line as a user types it: exit codes, one JSON object, clear errors.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary: built by Cargo for this test run.
fn touchstone() -> PathBuf {
    let mut p = std::env::current_exe().expect("a path");
    p.pop();
    if p.ends_with("deps") {
        p.pop();
    }
    p.join("touchstone")
}

fn run(dir: &Path, args: &[&str]) -> Output {
    let bin = touchstone();
    assert!(bin.exists(), "{} is not built; run the tests with --workspace", bin.display());
    Command::new(bin).args(args).current_dir(dir).output().expect("it starts")
}

fn json(o: &Output) -> Value {
    let text = String::from_utf8_lossy(&o.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("not one JSON object ({e}): {text}"))
}

#[test]
fn bad_input_ends_with_2_and_says_where() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("bad.onnx"), b"not a model").expect("writes");
    std::fs::write(dir.path().join("bad.toml"), "colour = 3").expect("writes");
    for (args, says) in [
        (&["check", "missing.onnx"][..], "missing.onnx"),
        (&["check", "bad.onnx"], "bad.onnx"),
        (&["check", "bad.onnx", "--config", "nonesuch"], "nonesuch"),
        (&["check", "bad.onnx", "--config", "bad.toml"], "bad.toml"),
        (&["fuzz"], "--cases"),
        (&["fuzz", "--cases", "1", "--shard", "3/2"], "--shard"),
        (&["run", "bad.onnx", "--inputs", "x.npz", "--outputs", "y.npz"], "bad.onnx"),
        (&["disasm", "bad.onnx"], "bad.onnx"),
        (&["asm", "bad.onnx", "-o", "x.anpu"], "bad.onnx"),
        (&["conformance", "."], "no test"),
        (&["faults", "run", "--only", "nonesuch"], "nonesuch"),
        (&["reduce", "missing"], "missing"),
        (&["explain", "missing"], "missing"),
        (&["explain", "bad.onnx"], "bad.onnx"),
        (&["report", "missing"], "missing"),
        (&["report", "."], "campaign.json"),
        (&["triage", "missing"], "missing"),
        (&["nonesuch"], "nonesuch"),
    ] {
        let o = run(dir.path(), args);
        let err = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?} does not say `{says}`: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn a_fault_is_found_reduced_and_replayed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let o = run(
        dir.path(),
        &["fuzz", "--cases", "400", "--faults", "compose-perm-reversed", "--out", "out", "--json", "--jobs", "2"],
    );
    assert_eq!(o.status.code(), Some(1), "{}", String::from_utf8_lossy(&o.stderr));
    let j = json(&o);
    let f = &j["findings"][0];
    assert_eq!(f["pass"], "fault.compose-perm-reversed");
    assert!(f["nodes"].as_u64().is_some_and(|n| n <= 3), "{f}");
    let case = f["dir"].as_str().expect("a directory");
    for file in ["model.onnx", "inputs.npz", "expected.npz", "case.toml", "report.md", "repro.rs", "explanation.json"] {
        assert!(dir.path().join(case).join(file).exists(), "{file} is missing");
    }
    let o = run(dir.path(), &["check", case, "--json"]);
    assert_eq!(o.status.code(), Some(1));
    assert_eq!(json(&o)["verdict"], f["verdict"]);
    let o = run(dir.path(), &["bisect", case, "--json"]);
    assert_eq!(o.status.code(), Some(1));
    assert_eq!(json(&o)["pass"], "fault.compose-perm-reversed");
    let o = run(dir.path(), &["reduce", case, "--json", "-o", "smaller"]);
    assert_eq!(o.status.code(), Some(0));
    assert_eq!(json(&o)["one_minimal"], true);
}

#[test]
fn a_clean_campaign_is_clean_and_repeats() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let args = |out| ["fuzz", "--cases", "40", "--seed", "5", "--profile", "fuzz", "--json", "--out", out];
    let (a, b) = (run(dir.path(), &args("a")), run(dir.path(), &args("b")));
    assert_eq!(a.status.code(), Some(0), "{}", String::from_utf8_lossy(&a.stdout));
    let (a, b) = (json(&a), json(&b));
    for k in ["cases", "verdicts", "stages", "findings", "decided_fraction", "graphs_digest"] {
        assert_eq!(a[k], b[k], "{k}");
    }
    assert_eq!(a["generated"], 40);
}

#[test]
fn a_program_survives_disassembly_and_assembly() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let o = run(dir.path(), &["gen", "--cases", "2", "--out", "g", "--profile", "small", "--json"]);
    assert_eq!(o.status.code(), Some(0));
    let o = run(dir.path(), &["compile", "g/0.onnx", "-o", "p.anpu", "--config", "tiny-fuzz", "--json", "--stats"]);
    assert_eq!(o.status.code(), Some(0), "{}", String::from_utf8_lossy(&o.stderr));
    assert!(json(&o)["instructions"].as_u64().is_some_and(|n| n > 0), "{}", json(&o));
    let o = run(dir.path(), &["verify", "p.anpu", "--config", "tiny-fuzz"]);
    assert_eq!(o.status.code(), Some(0), "{}", String::from_utf8_lossy(&o.stdout));
    let o = run(dir.path(), &["disasm", "p.anpu"]);
    std::fs::write(dir.path().join("p.txt"), &o.stdout).expect("writes");
    let o = run(dir.path(), &["asm", "p.txt", "-o", "q.anpu"]);
    assert_eq!(o.status.code(), Some(0), "{}", String::from_utf8_lossy(&o.stderr));
    let (p, q) = (std::fs::read(dir.path().join("p.anpu")), std::fs::read(dir.path().join("q.anpu")));
    assert_eq!(p.expect("p"), q.expect("q"));
}
