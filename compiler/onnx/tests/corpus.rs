//! All models under `$TOUCHSTONE_INPUTS` (default `target/inputs`): each is read, or refused as unsupported with a
//! reason; what is read is written and read again without loss.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use touchstone_onnx::{ErrorKind, read, write_model};

fn inputs() -> PathBuf {
    std::env::var_os("TOUCHSTONE_INPUTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/inputs"), PathBuf::from)
}

/// All files called `*.onnx` below a directory, in name order.
fn models(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for p in paths {
        if p.is_dir() {
            models(&p, out);
        } else if p.extension().is_some_and(|e| e == "onnx") {
            out.push(p);
        }
    }
}

/// Nodes that a conversion made get names and positions of their own.
fn strip_places(nodes: &mut [ir::ModelNode], control: &mut [ir::ModelControl]) {
    for n in nodes {
        n.source = 0;
        n.name.clear();
    }
    for c in control {
        c.source = 0;
        c.name.clear();
        for b in &mut c.bodies {
            strip_places(&mut b.nodes, &mut b.control);
        }
    }
}

#[test]
fn every_model_of_the_corpus_is_read_or_refused_with_a_reason() {
    let dir = inputs();
    let mut paths = Vec::new();
    models(&dir.join("node"), &mut paths);
    models(&dir.join("models"), &mut paths);
    if paths.is_empty() {
        println!("SKIPPED: no models under {} (filled by ci/inputs; or set TOUCHSTONE_INPUTS)", dir.display());
        return;
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut read_well = 0;
    for p in &paths {
        let bytes = std::fs::read(p).expect("the file was listed");
        match read(&bytes, p.parent()) {
            Ok(m) => {
                read_well += 1;
                let again = read(&write_model(&m), None);
                let again = again.unwrap_or_else(|e| panic!("{}: written again, it is refused: {e}", p.display()));
                let strip = |m: &ir::Model| {
                    let mut m = m.clone();
                    strip_places(&mut m.nodes, &mut m.control);
                    m
                };
                assert!(strip(&again) == strip(&m), "{}: written and read again, it differs", p.display());
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Unsupported, "{}: {e}", p.display());
                let mut messages: Vec<&str> = e.errors.iter().map(|x| x.message.as_str()).collect();
                messages.sort_unstable();
                messages.dedup();
                *reasons.entry(messages.join("; ")).or_default() += 1;
                if std::env::var_os("TOUCHSTONE_LIST").is_some() {
                    println!("  {}: {e}", p.display());
                }
            }
        }
    }
    println!("{} models: {read_well} read, {} unsupported:", paths.len(), paths.len() - read_well);
    for (reason, n) in &reasons {
        println!("{n:6}  {reason}");
    }
    // Figures of the pinned packs; they move only when operators do.
    assert!(read_well * 10 >= paths.len() * 8, "fewer than 80 % are read");
}
