//! Bodies of the fuzz targets: plain functions of bytes, so that they run on stable in the tests, over the corpora, and under libFuzzer.

use crate::campaign;
use crate::case::{Case, Setup};
use crate::check::check;
use crate::guard;
use crate::verdict::Verdict;
use arbitrary::Unstructured;
use graphgen::{Lattice, Profile};
use ir::Graph;
use isa::NpuConfig;
use std::path::Path;

/// First byte of a serialised graph of version 1 (the rest is its text form).
pub const GRAPH_V1: u8 = 0xf1;

/// Largest graph that a target accepts.
const MAX_NODES: usize = 64;
const MAX_ELEMENTS: usize = 1 << 14;

/// Bytes of a corpus entry for a graph.
pub fn serialise(g: &Graph) -> Vec<u8> {
    let mut out = vec![GRAPH_V1];
    out.extend(ir::text::print(g).into_bytes());
    out
}

/// The graph of a corpus entry: a serialised one, or anything else as choices for the generator. `None`: a serialised graph that is
/// malformed or too large to be worth running.
pub fn graph_of(data: &[u8], setup: &Setup) -> Option<Graph> {
    match data.split_first() {
        Some((&GRAPH_V1, rest)) => {
            let text = std::str::from_utf8(rest).ok()?;
            let g = ir::parse::parse(text).ok()?;
            let small = g.nodes.len() <= MAX_NODES && g.values.values().all(|v| v.ty.elements() <= MAX_ELEMENTS);
            let valid = small && ir::verify::verify(&g).is_empty() && opt::types::check_types(&g).is_empty();
            valid.then_some(g)
        }
        _ => {
            let p = Profile::named("fuzz").expect("a built-in profile");
            let l = Lattice::of(&setup.config);
            Some(guard::generate(&mut Unstructured::new(data), &p, &l, 0, &setup.contract))
        }
    }
}

/// `graph_gen`: the whole oracle on one graph. Panics on a finding, after the case is on disk.
pub fn graph_gen(data: &[u8], out: &Path) {
    let config = NpuConfig::named("tiny-fuzz").expect("a built-in configuration");
    let setup = Setup::new("tiny-fuzz", config);
    let Some(graph) = graph_of(data, &setup) else { return };
    let sets = campaign::input_sets(&graph, 0);
    let case = Case { graph, sets, setup };
    let r = check(&case);
    if r.verdict.is_some_and(Verdict::is_finding) {
        let text = crate::dir::summary(&r);
        let row = campaign::digest_finding(&case, &r, &out.join("findings"), 0, 0, 0.0);
        match row {
            Ok(row) => panic!("{text}\ncase: {}", row.dir),
            Err(e) => panic!("{text}\n(the case could not be written: {e:#})"),
        }
    }
}

/// `onnx_bytes`: the importer on any bytes: no panic, no hang, bounded memory.
pub fn onnx_bytes(data: &[u8]) {
    if let Ok(model) = onnx::read(data, None) {
        let bytes = onnx::write_model(&model);
        onnx::read(&bytes, None).expect("what the exporter writes, the importer reads");
    }
}

/// `isa_bytes`: the decoder and the load-time verifier on any bytes.
pub fn isa_bytes(data: &[u8]) {
    let config = NpuConfig::named("tiny-fuzz").expect("a built-in configuration");
    if let Ok(p) = isa::container::read_program(data) {
        let _ = isa::verify(&p, &config);
        assert_eq!(
            isa::container::write_program(&p).and_then(|b| isa::container::read_program(&b)).as_ref(),
            Ok(&p),
            "decode(encode(x)) = x"
        );
    }
    for word in data.as_chunks::<64>().0 {
        if let Ok(i) = isa::decode(word) {
            assert_eq!(&isa::encode(&i).expect("what was decoded encodes"), word);
        }
    }
}

/// `sim_bytes`: the simulator on decoded programs: traps, never a panic.
pub fn sim_bytes(data: &[u8]) {
    let config = NpuConfig::named("tiny-fuzz").expect("a built-in configuration");
    let code: Vec<isa::Instr> = data.as_chunks::<64>().0.iter().filter_map(|w| isa::decode(w).ok()).collect();
    let program = isa::Program::new(config.hash(), code, vec![7; 4096], 4096, 0, 0);
    let opts = sim::Options { max_instructions: 10_000, self_check: true, ..sim::Options::default() };
    let _ = sim::Simulator::new(&config, opts).run(&program, &[]);
}

/// `text`: the text parsers on any bytes; what parses prints and parses again.
pub fn text(data: &[u8]) {
    let Ok(s) = std::str::from_utf8(data) else { return };
    if let Ok(g) = ir::parse::parse(s) {
        assert_eq!(ir::parse::parse(&ir::text::print(&g)).as_ref(), Ok(&g), "parse(print(g)) = g");
    }
    if let Ok(p) = isa::asm::parse_program(s) {
        assert_eq!(isa::asm::parse_program(&isa::disasm::print_program(&p)).as_ref(), Ok(&p), "asm(disasm(p)) = p");
    }
}
