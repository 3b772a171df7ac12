//! The bodies of the fuzz targets run on stable, over the corpora and over pseudo-random bytes.

use difftest::targets;
use std::path::Path;
use touchstone_suites::root;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = root().join("corpora").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(dir).map(|d| d.filter_map(|e| Some(e.ok()?.path())).collect()).unwrap_or_default();
    files.sort();
    files.iter().filter_map(|f| std::fs::read(f).ok()).collect()
}

fn noise(n: usize, len: usize) -> Vec<Vec<u8>> {
    (0..n)
        .map(|i| {
            let mut rng = kit::Rng::new(i as u64);
            (0..rng.below(len as u64 + 1)).map(|_| rng.next_u64() as u8).collect()
        })
        .collect()
}

#[test]
fn graph_gen_is_clean() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for data in corpus("graph_gen").into_iter().chain(noise(25, 80)) {
        targets::graph_gen(&data, dir.path());
    }
}

#[test]
fn onnx_bytes_never_panics() {
    for data in corpus("onnx_bytes").into_iter().chain(noise(2000, 200)) {
        targets::onnx_bytes(&data);
    }
    // Bit flips of a real file reach deeper.
    let setup = difftest::Setup::new("tiny-fuzz", isa::NpuConfig::tiny());
    let g = targets::graph_of(&[1, 2, 3, 4], &setup).expect("bytes are choices");
    let model = onnx::write_graph(&g);
    for i in 0..3000u64 {
        let mut rng = kit::Rng::new(i);
        let mut m = model.clone();
        for _ in 0..rng.range(1, 4) {
            let at = rng.below(m.len() as u64) as usize;
            m[at] ^= 1 << rng.below(8);
        }
        targets::onnx_bytes(&m);
    }
}

#[test]
fn isa_and_sim_bytes_never_panic() {
    for data in corpus("isa_bytes").into_iter().chain(noise(500, 1000)) {
        targets::isa_bytes(&data);
        targets::sim_bytes(&data);
    }
}

#[test]
fn text_never_panics() {
    for data in corpus("text").into_iter().chain(noise(500, 300)) {
        targets::text(&data);
    }
}

#[test]
fn mutants_of_a_serialised_graph_are_valid() {
    let setup = difftest::Setup::new("tiny-fuzz", isa::NpuConfig::tiny());
    let g = targets::graph_of(&[9; 40], &setup).expect("bytes are choices");
    let data = targets::serialise(&g);
    assert_eq!(targets::graph_of(&data, &setup).as_ref(), Some(&g));
    let mut made = 0;
    for seed in 0..200 {
        if let Some(m) = difftest::mutate::mutate(&data, 1 << 20, seed) {
            made += 1;
            assert!(targets::graph_of(&m, &setup).is_some_and(|h| h != g), "seed {seed}");
        }
    }
    assert!(made > 100, "{made} of 200 mutations applied");
}

#[test]
fn every_target_has_a_corpus_directory_and_a_body() {
    let toml = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("committed");
    for line in toml.lines().filter_map(|l| l.strip_prefix("path = \"fuzz_targets/")) {
        let name = line.trim_end_matches(".rs\"");
        assert!(Path::new(&root()).join("fuzz/fuzz_targets").join(format!("{name}.rs")).exists(), "{name}");
    }
}
