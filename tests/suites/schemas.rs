//! The JSON of every command is what `docs/schema` says: every key documented, present and of its type.
//!
//! *Proves*: for the runs below, each command's object fits its schema, and the negative controls do not. *Cannot see*: keys
//! that only appear in runs that are not made here. The validator reads the few keywords that the schemas use and refuses
//! any other, so that no constraint is skipped in silence.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use touchstone_suites::root;

/// Keywords that only describe.
const SILENT: &[&str] = &["$schema", "$id", "$defs", "title", "description"];

fn is_type(v: &Value, name: &str) -> bool {
    match name {
        "null" => v.is_null(),
        "boolean" => v.is_boolean(),
        "string" => v.is_string(),
        "array" => v.is_array(),
        "object" => v.is_object(),
        "number" => v.is_number(),
        "integer" => v.is_u64() || v.is_i64(),
        other => panic!("type `{other}` is not known to this test"),
    }
}

/// What is wrong with `v`, by path.
fn errors(v: &Value, schema: &Value, whole: &Value, at: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("{at}: a schema is an object")) {
        match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().and_then(|r| r.strip_prefix("#/$defs/")).expect("a local reference");
                out.extend(errors(v, &whole["$defs"][name], whole, at));
            }
            "anyOf" => {
                let all: Vec<Vec<String>> = list(rule).iter().map(|s| errors(v, s, whole, at)).collect();
                if all.iter().all(|e| !e.is_empty()) {
                    out.extend(all.into_iter().min_by_key(Vec::len).unwrap_or_default());
                }
            }
            "type" => {
                let names: Vec<&str> = rule
                    .as_str()
                    .map_or_else(|| list(rule).iter().filter_map(Value::as_str).collect(), |one| vec![one]);
                if !names.iter().any(|n| is_type(v, n)) {
                    out.push(format!("{at}: {v} is none of {names:?}"));
                }
            }
            "const" if v != rule => out.push(format!("{at}: {v} is not {rule}")),
            "enum" if !list(rule).contains(v) => out.push(format!("{at}: {v} is none of {rule}")),
            "minimum" if v.as_f64().is_some_and(|x| Some(x) < rule.as_f64()) => out.push(format!("{at}: {v} < {rule}")),
            "maximum" if v.as_f64().is_some_and(|x| Some(x) > rule.as_f64()) => out.push(format!("{at}: {v} > {rule}")),
            "items" => {
                for (i, x) in v.as_array().into_iter().flatten().enumerate() {
                    out.extend(errors(x, rule, whole, &format!("{at}[{i}]")));
                }
            }
            "required" => {
                let missing =
                    list(rule).iter().filter_map(Value::as_str).filter(|k| v.is_object() && v.get(k).is_none());
                out.extend(missing.map(|k| format!("{at}.{k} is missing")));
            }
            "properties" => {
                for (k, s) in rule.as_object().into_iter().flatten() {
                    if let Some(x) = v.get(k) {
                        out.extend(errors(x, s, whole, &format!("{at}.{k}")));
                    }
                }
            }
            "additionalProperties" => out.extend(additional(v, schema, rule, whole, at)),
            "const" | "enum" | "minimum" | "maximum" => {}
            other if SILENT.contains(&other) => {}
            other => panic!("{at}: keyword `{other}` is not known to this test"),
        }
    }
    out
}

fn list(v: &Value) -> &[Value] {
    v.as_array().map_or(&[], Vec::as_slice)
}

fn additional(v: &Value, schema: &Value, rule: &Value, whole: &Value, at: &str) -> Vec<String> {
    let rest = v.as_object().into_iter().flatten().filter(|(k, _)| schema["properties"].get(k.as_str()).is_none());
    rest.flat_map(|(k, x)| match rule {
        Value::Bool(true) => vec![],
        Value::Bool(false) => vec![format!("{at}.{k} is not documented")],
        s => errors(x, s, whole, &format!("{at}.{k}")),
    })
    .collect()
}

fn schema(name: &str) -> Value {
    let path = root().join("docs/schema").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The binary: built by Cargo for this test run.
fn touchstone() -> PathBuf {
    let mut p = std::env::current_exe().expect("a path");
    p.pop();
    if p.ends_with("deps") {
        p.pop();
    }
    p.join("touchstone")
}

/// Runs a command with `--json` and holds its object against a schema.
fn fits(dir: &Path, name: &str, args: &[&str]) -> Value {
    let bin = touchstone();
    assert!(bin.exists(), "{} is not built; run the tests with --workspace", bin.display());
    let o = Command::new(bin).args(args).arg("--json").current_dir(dir).output().expect("it starts");
    let text = String::from_utf8_lossy(&o.stdout);
    let v: Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: not one JSON object ({e}): {text}"));
    let s = schema(name);
    let bad = errors(&v, &s, &s, "$");
    assert!(bad.is_empty(), "{args:?} does not fit docs/schema/{name}.json:\n{}", bad.join("\n"));
    v
}

#[test]
fn every_command_fits_its_schema() {
    let tmp = tempfile::tempdir().expect("a temporary directory");
    let d = tmp.path();
    let small = ["--config", "tiny-fuzz"];
    let with = |args: &[&'static str]| [args, &small[..]].concat();
    fits(d, "gen", &["gen", "--cases", "2", "--profile", "small", "--out", "g"]);
    fits(d, "gen", &["gen", "--cases", "2", "--profile", "small", "--mutants"]);
    fits(d, "fuzz", &["fuzz", "--cases", "8", "--profile", "small", "--jobs", "1", "--out", "f"]);
    fits(d, "fuzz", &["fuzz", "--cases", "4", "--profile", "small", "--jobs", "1", "--out", "m", "--mutants"]);
    fits(d, "report", &["report", "f"]);
    fits(d, "triage", &["triage", "f"]);
    fits(d, "check", &with(&["check", "g/0.onnx", "--stats"]));
    fits(d, "compile", &with(&["compile", "g/0.onnx", "-o", "p.anpu", "--stats"]));
    fits(d, "compile", &["compile", "--list-passes"]);
    fits(d, "interp", &["interp", "g/0.onnx", "--outputs", "y.npz"]);
    let text = fits(d, "disasm", &["disasm", "p.anpu"]);
    std::fs::write(d.join("p.txt"), text["text"].as_str().expect("text")).expect("writes");
    fits(d, "asm", &["asm", "p.txt", "-o", "q.anpu"]);
    fits(d, "verify", &with(&["verify", "p.anpu"]));
    let bad = fits(d, "verify", &["verify", "p.anpu", "--config", "edge-256"]);
    assert_eq!(bad["traps"][0]["trap"], "E_CONFIG");
    fits(d, "corpus", &["corpus", "import", "g/0.onnx", "--to", "c"]);
    fits(d, "contract-list", &["contract", "list"]);
    fits(d, "faults-list", &["faults", "list"]);
    fits(d, "error", &["check", "missing.onnx"]);
}

#[test]
fn a_finding_fits_the_schemas() {
    let tmp = tempfile::tempdir().expect("a temporary directory");
    let d = tmp.path();
    let args = ["fuzz", "--cases", "200", "--profile", "small", "--faults", "sub-self-is-zero", "--jobs", "1"];
    let mut found = fits(d, "fuzz", &[&args[..], &["--out", "f"]].concat());
    if found["findings"].as_array().is_none_or(Vec::is_empty) {
        found = fits(d, "fuzz", &["fuzz", "--cases", "400", "--faults", "sub-self-is-zero", "--out", "f2"]);
    }
    let case = found["findings"][0]["dir"].as_str().expect("a finding").to_string();
    fits(d, "check", &["check", &case]);
    fits(d, "bisect", &["bisect", &case]);
    fits(d, "reduce", &["reduce", &case, "-o", "small"]);
    let why = fits(d, "explain", &["explain", &case]);
    assert_eq!(why["explanation"]["named"], "self-difference-zero");
    let campaign = std::path::Path::new(&case).parent().and_then(Path::parent).expect("OUT/findings/KEY").to_path_buf();
    let campaign = campaign.display().to_string();
    let report = fits(d, "report", &["report", &campaign]);
    assert_eq!(report["groups"][0]["cause"], "self-difference-zero");
    // Another implementation that is right, and one that does as the machine does.
    std::fs::create_dir_all(d.join(&case).join("out")).expect("writes");
    let right = d.join(&case).join("out/right.npz").display().to_string();
    fits(
        d,
        "interp",
        &["interp", &format!("{case}/model.onnx"), "--inputs", &format!("{case}/inputs.npz"), "--outputs", &right],
    );
    let triage = fits(d, "triage", &["triage", &campaign]);
    assert_eq!(triage["groups"][0]["votes"]["right"], "reference");
    fits(
        d,
        "faults-run",
        &["faults", "run", "--only", "sub-self-is-zero", "--seconds", "3", "--jobs", "1", "--out", "k"],
    );
}

#[test]
fn inputs_that_others_made_fit_the_schemas() {
    let Some(node) = touchstone_suites::input_dir("node") else { return };
    let tmp = tempfile::tempdir().expect("a temporary directory");
    let d = tmp.path();
    let path = |n: &str| node.join(n).display().to_string();
    fits(d, "conformance", &["conformance", &path("test_relu")]);
    fits(d, "conformance", &["conformance", &path("test_relu"), "--on", "anvil"]);
    let model = format!("{}/model.onnx", path("test_nonzero_example"));
    for (name, command) in [("check", "check"), ("compile", "compile"), ("bisect", "bisect")] {
        fits(d, name, &[command, &model]);
    }
}

#[test]
fn the_validator_says_no() {
    let s = schema("asm");
    let good = serde_json::json!({ "instructions": 1, "bytes": 2 });
    assert!(errors(&good, &s, &s, "$").is_empty());
    for bad in [
        serde_json::json!({ "instructions": 1 }),
        serde_json::json!({ "instructions": 1, "bytes": "2" }),
        serde_json::json!({ "instructions": -1, "bytes": 2 }),
        serde_json::json!({ "instructions": 1, "bytes": 2, "more": 3 }),
        serde_json::json!([]),
    ] {
        assert!(!errors(&bad, &s, &s, "$").is_empty(), "{bad}");
    }
}

#[test]
fn every_schema_is_used_and_parses() {
    let text = std::fs::read_to_string(root().join("tests/suites/schemas.rs")).expect("this file");
    let mut seen = 0;
    for e in std::fs::read_dir(root().join("docs/schema")).expect("committed").flatten() {
        let name = e.file_name().to_string_lossy().trim_end_matches(".json").to_string();
        schema(&name);
        // `run` needs an archive of inputs, so its runs are those of `ci/nightly` and of people.
        assert!(name == "run" || text.contains(&format!("\"{name}\"")), "{name} is checked by nothing here");
        seen += 1;
    }
    assert!(seen >= 15, "{seen} schemas");
}
