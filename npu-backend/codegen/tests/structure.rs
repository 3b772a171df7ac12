//! Rules that hold for every compilation: each output element is stored exactly once, buffers fit, every instruction is
//! legal, no byte is read before it is written, the program passes the load-time verifier.

mod common;

use common::{Line, compile, graphs};
use isa::{Limits, NpuConfig, Space};
use kit::id::Id;
use lir::tile::{BufMem, TileOp};
use std::collections::BTreeMap;
use touchstone_codegen::CodegenOptions;

fn configs() -> Vec<NpuConfig> {
    let mut v: Vec<NpuConfig> = ["tiny-fuzz", "edge-256", "server-16k"]
        .iter()
        .map(|n| NpuConfig::named(n).expect("a named configuration"))
        .collect();
    v.extend((0..12).map(NpuConfig::random));
    let mut least = NpuConfig::tiny();
    (least.spm_bytes, least.spm_banks, least.acc_rows, least.prm_records) = (4096, 4, 16, 16);
    v.push(least);
    v
}

/// Counts the stores of every element of every group's output.
fn stored_once(line: &Line) -> Result<(), String> {
    for g in &line.tiles.groups {
        let out = line.fused.groups[g.group].output;
        let mut seen = vec![0u32; line.fused.tensors[out].elements()];
        for tile in &g.tiles {
            for op in &tile.ops {
                let TileOp::Store { n, dst, .. } = op else { continue };
                if dst.tensor != out {
                    return Err(format!("{} stores to {}", g.group, dst.tensor));
                }
                let mut at = vec![dst.offset.cast_signed()];
                for (n, s) in n.iter().zip(&dst.strides) {
                    at = at.iter().flat_map(|o| (0..*n).map(move |i| o + s * i.cast_signed())).collect();
                }
                for o in at {
                    seen[usize::try_from(o).map_err(|_| "negative")?] += 1;
                }
            }
        }
        if let Some(i) = seen.iter().position(|c| *c != 1) {
            return Err(format!("{} element {i} is stored {} times", g.group, seen[i]));
        }
    }
    Ok(())
}

fn buffers_fit(line: &Line, cfg: &NpuConfig) -> Result<(), String> {
    for g in &line.tiles.groups {
        for (mem, cap) in [(BufMem::Spm, cfg.spm_bytes), (BufMem::Prm, cfg.prm_bytes()), (BufMem::Acc, cfg.acc_bytes())]
        {
            let sum: usize = g.bufs.values().filter(|b| b.mem == mem).map(|b| b.bytes).sum();
            if sum > cap as usize {
                return Err(format!("{} needs {sum} bytes of {mem:?}, {cap} are there", g.group));
            }
        }
    }
    Ok(())
}

/// Every instruction is legal; reads see only bytes written before (inputs and constants are there from the start).
fn executes_cleanly(line: &Line, cfg: &NpuConfig) -> Result<(), String> {
    let p = &line.placed.program;
    let limits = Limits::new(cfg, &p.region_sizes);
    let mut init: BTreeMap<Space, Vec<bool>> = BTreeMap::new();
    for (pc, instr) in p.code.iter().enumerate() {
        let sets = isa::check_instr(instr, &limits).map_err(|e| format!("@{pc} {instr:?}: {e:?}"))?;
        let mut bad = None;
        for run in sets.all_reads() {
            if matches!(run.space, Space::Dram(r) if !r.writable()) {
                continue;
            }
            let size = limits.of(run.space) as usize;
            let bits = init.entry(run.space).or_insert_with(|| vec![false; size]);
            for (from, to) in run.intervals() {
                if bits[from as usize..to as usize].contains(&false) {
                    bad = Some(format!("{:?} {from:#x}..{to:#x}", run.space));
                }
            }
        }
        if let Some(b) = bad {
            let from = p.debug_of(pc as u32);
            return Err(format!("@{pc} reads uninitialised {b}: {instr:?} {from:?}"));
        }
        for run in sets.writes.iter().chain(&sets.rmw) {
            let size = limits.of(run.space) as usize;
            let bits = init.entry(run.space).or_insert_with(|| vec![false; size]);
            for (from, to) in run.intervals() {
                bits[from as usize..to as usize].fill(true);
            }
        }
    }
    let written = init.get(&Space::Dram(isa::Region::R3)).map_or(0, |b| b.iter().filter(|w| **w).count());
    if written as u64 != p.region_sizes[3] {
        return Err(format!("{written} of {} output bytes are written", p.region_sizes[3]));
    }
    isa::verify(p, cfg).map_err(|t| format!("{:?}", t.first()))?;
    Ok(())
}

#[test]
fn every_graph_compiles_to_a_clean_program_on_every_configuration() {
    let mut problems = Vec::new();
    for (name, g) in graphs() {
        for cfg in configs() {
            for opt_level in [0, 2] {
                let options = CodegenOptions { opt_level, debug_poison: false };
                let line = match compile(&g, &cfg, &options) {
                    Ok(l) => l,
                    Err(e) => {
                        problems.push(format!("{name} on {} -O{opt_level}: {e}", cfg.name));
                        continue;
                    }
                };
                for r in [stored_once(&line), buffers_fit(&line, &cfg), executes_cleanly(&line, &cfg)] {
                    if let Err(e) = r {
                        problems.push(format!("{name} on {} -O{opt_level}: {e}", cfg.name));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems[..problems.len().min(12)].join("\n"));
}

#[test]
fn every_operator_compiles_for_every_element_type() {
    let mut problems = Vec::new();
    for (name, g) in common::operators::operators() {
        let cfg = NpuConfig::tiny();
        match compile(&g, &cfg, &CodegenOptions::default()) {
            Err(e) => problems.push(format!("{name}: {e}")),
            Ok(line) => {
                for r in [stored_once(&line), buffers_fit(&line, &cfg), executes_cleanly(&line, &cfg)] {
                    problems.extend(r.err().map(|e| format!("{name}: {e}")));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems[..problems.len().min(30)].join("\n"));
}

#[test]
fn debug_entries_name_every_instruction_of_the_stream() {
    for (name, g) in graphs() {
        let line = compile(&g, &NpuConfig::tiny(), &CodegenOptions::default()).expect(name);
        let with_op = line.placed.ops.iter().filter(|o| o.op.is_some()).count();
        assert_eq!(line.placed.program.debug.len(), with_op, "{name}");
        assert_eq!(line.stream.ops.len(), with_op, "{name}");
    }
}

#[test]
fn each_node_is_implemented_by_one_group_that_names_it() {
    for (name, g) in graphs() {
        let line = compile(&g, &NpuConfig::tiny(), &CodegenOptions::default()).expect(name);
        let mut seen = vec![0; g.nodes.len()];
        for group in line.fused.groups.values() {
            for n in &group.nodes {
                seen[n.index()] += 1;
            }
        }
        assert!(seen.iter().all(|c| *c == 1), "{name}: {seen:?}");
    }
}

#[test]
fn unsupported_operators_are_named() {
    let mut b = common::Build::default();
    let x = b.input(ir::DType::F32, &[4]);
    let y = b.op(ir::Op::Softmax, ir::Attrs::none(), &[x], ir::DType::F32, &[4]);
    let g = b.done(&[y]);
    let e = compile(&g, &NpuConfig::tiny(), &CodegenOptions::default()).err().expect("not a core operator");
    assert!(matches!(&e, kit::CompileError::Unsupported { op, .. } if op == "Softmax"), "{e}");
}

/// Fusions ask: with none permitted, every group implements at most one node.
#[test]
fn without_permission_nothing_is_fused() {
    for (name, g) in graphs() {
        let mut log = kit::RewriteLog::new(kit::Permit::First(0));
        let mut control = kit::Control::production();
        let mut cx = kit::PassCx { pass: "g.lower-groups", log: &mut log, control: &mut control };
        let f = touchstone_codegen::lower_groups(&g, &CodegenOptions::default(), &mut cx).expect(name);
        for group in f.groups.values() {
            assert!(group.nodes.len() <= 1, "{name}: {:?}", group.nodes);
            assert!(group.inputs.iter().all(|t| reads(group, &f, *t)), "{name}: an operand that nothing reads");
        }
    }
}

/// Whether an elementwise group has a view of an input (other groups read all of theirs).
fn reads(group: &lir::fused::Group, f: &lir::fused::Fused, t: lir::fused::TensorId) -> bool {
    let lir::fused::GroupKind::Elementwise(e) = &group.kind else { return f.tensors.get(t).is_some() };
    e.views.iter().any(|v| group.inputs[v.input] == t)
}
