//! Rules about the workspace itself: who may import whom, how long files may be, what must not occur.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use touchstone_suites::root;

/// Which of our crates each crate may use (normal dependencies): the independence of the executors stands here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("compiler/kit", &[]),
    ("compiler/ir", &["kit"]),
    ("compiler/onnx", &["kit", "ir"]),
    ("compiler/opt", &["kit", "ir"]),
    ("compiler/driver", &["kit", "ir", "lir", "isa", "onnx", "opt", "codegen", "stage-interp", "sim"]),
    ("reference-interp", &["kit", "ir"]),
    ("npu-backend/isa", &["kit"]),
    ("npu-backend/lir", &["kit", "ir", "isa"]),
    ("npu-backend/codegen", &["kit", "ir", "lir", "isa"]),
    ("npu-backend/sim", &["kit", "isa"]),
    ("npu-backend/isa-oracle", &["kit", "isa"]),
    ("npu-backend/stage-interp", &["kit", "ir", "lir", "isa"]),
    ("fuzz/graphgen", &["kit", "ir", "isa"]),
];

fn ours() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest");
    let t: toml::Table = text.parse().expect("TOML");
    let deps = t["workspace"]["dependencies"].as_table().expect("a table");
    deps.iter().filter(|(_, v)| v.get("path").is_some()).map(|(k, _)| k.clone()).collect()
}

#[test]
fn crates_import_only_what_they_may() {
    let ours = ours();
    let mut bad = BTreeMap::new();
    for (dir, may) in MAY_USE {
        let text = std::fs::read_to_string(root().join(dir).join("Cargo.toml")).expect("a manifest");
        let t: toml::Table = text.parse().expect("TOML");
        let deps = t.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for d in deps.keys().filter(|d| ours.contains(*d) && !may.contains(&d.as_str())) {
            bad.insert(*dir, d.clone());
        }
    }
    assert!(bad.is_empty(), "forbidden imports: {bad:?}");
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for e in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let p = e.path();
        let name = e.file_name();
        if p.is_dir() && name != "target" && name != ".git" {
            sources(&p, out);
        } else if p.extension().is_some_and(|x| x == "rs") {
            out.push(p);
        }
    }
}

#[test]
fn files_are_short_and_finished() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 60, "only {} source files were found", files.len());
    let mut bad = Vec::new();
    for f in files {
        let text = std::fs::read_to_string(&f).unwrap_or_default();
        let here = f.strip_prefix(root()).unwrap_or(&f).display().to_string();
        // Tables and generated code are exempt.
        if text.lines().count() > 1000 && !here.ends_with("onnx/src/proto.rs") {
            bad.push(format!("{here}: {} lines", text.lines().count()));
        }
        if here.ends_with("suites/workspace.rs") {
            continue;
        }
        for word in ["#![feature", "todo!(", "unimplemented!(", "#[ignore"] {
            if text.contains(word) {
                bad.push(format!("{here}: {word}"));
            }
        }
        if text.contains("../shared") {
            bad.push(format!("{here}: reads ../shared"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn node_tests_are_the_known_bytes() {
    use std::fmt::Write;
    let Some(dir) = touchstone_suites::input_dir("node") else { return };
    let list = std::fs::read_to_string(root().join("corpora/conformance/sample.sha256")).expect("committed");
    let mut seen = 0;
    for line in list.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let (want, name) = line.split_once(char::is_whitespace).expect("`HASH  PATH`");
        let path = dir.parent().expect("inputs").join(name.trim().trim_start_matches('*'));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut hex = String::new();
        for b in sha2::Sha256::digest(&bytes) {
            let _ = write!(hex, "{b:02x}");
        }
        assert_eq!(hex, want, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 20, "{seen} hashes compared");
}
use sha2::Digest;
