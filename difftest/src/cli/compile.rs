//! `touchstone compile` and `run`.

use super::Outcome;
use super::common::{Load, SetupArgs, dims, load};
use crate::npz;
use anyhow::{Context, Result, anyhow, bail};
use ir::Tensor;
use kit::{CompileError, Ir, Permit, RewriteId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `compile`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// An ONNX model.
    #[arg(value_name = "MODEL.onnx", required_unless_present = "list_passes")]
    model: Option<PathBuf>,
    /// The program.
    #[arg(short, value_name = "P.anpu")]
    out: Option<PathBuf>,
    #[command(flatten)]
    setup: SetupArgs,
    /// Binds a symbolic dimension.
    #[arg(long, value_name = "NAME=N")]
    dim: Vec<String>,
    /// Prints a stage as text.
    #[arg(long, value_parser = ["graph", "groups", "tiles", "schedule", "asm"])]
    emit: Option<String>,
    /// Instructions, scratchpad, seconds by pass, estimated cycles.
    #[arg(long)]
    stats: bool,
    /// Only the first N rewrites.
    #[arg(long, value_name = "N", conflicts_with = "only_rewrites")]
    stop_at: Option<u32>,
    /// Only these rewrites: ids separated by commas, as `--stats` and `bisect` print them.
    #[arg(long, value_name = "SET")]
    only_rewrites: Option<String>,
    /// Lists the passes and what each claims.
    #[arg(long)]
    list_passes: bool,
    /// Says why each operator that is not lowered is not.
    #[arg(long)]
    explain_fallback: bool,
}

/// Compiles a model.
#[expect(clippy::disallowed_methods, reason = "seconds by pass are reported, not compared")]
pub fn compile(a: Args) -> Result<Outcome> {
    if a.list_passes {
        let rows = driver::pass_names();
        let text = rows.iter().fold(String::new(), |s, (n, c)| s + &format!("{n:<28} {c}\n"));
        let json = rows.iter().map(|(n, c)| json!({ "pass": n, "claim": c })).collect::<Vec<_>>();
        return Ok(Outcome::ok(text, json!({ "passes": json })));
    }
    let path = a.model.ok_or_else(|| anyhow!("no model given"))?;
    let graph = match load(&path, dims(&a.dim)?, BTreeMap::new())? {
        Load::Graph(g) => *g,
        Load::Unsupported(why) => {
            return Ok(Outcome::ok(format!("unsupported: {why}"), json!({ "verdict": "unsupported", "reason": why })));
        }
    };
    let mut opts = a.setup.setup("edge-256")?.options();
    opts.permit = match (&a.stop_at, &a.only_rewrites) {
        (Some(n), _) => Permit::First(*n),
        (_, Some(s)) => Permit::Only(rewrite_set(s)?),
        _ => Permit::All,
    };
    let mut times: Vec<(&'static str, f64)> = Vec::new();
    let mut last: Option<(&'static str, Instant)> = None;
    let mut log = Vec::new();
    let result = driver::compile(&graph, &opts, &mut log, &mut |p| {
        let now = Instant::now();
        if let Some((n, t)) = last.replace((p, now)) {
            times.push((n, (now - t).as_secs_f64()));
        }
    });
    if let Some((n, t)) = last {
        times.push((n, t.elapsed().as_secs_f64()));
    }
    let c = match result {
        Ok(c) => c,
        Err(e @ CompileError::Broken { .. }) => {
            return Ok(
                Outcome::ok(e.to_string(), json!({ "verdict": "invalid", "reason": e.to_string() })).with_code(1)
            );
        }
        Err(e @ CompileError::Invalid { .. }) => bail!("{}: {e}", path.display()),
        Err(e) => return Ok(Outcome::ok(e.to_string(), json!({ "verdict": "unsupported", "reason": e.to_string() }))),
    };
    let mut text = String::new();
    match a.emit.as_deref() {
        Some("graph") => text += &c.lowered().text(),
        Some("groups") => text += &lir::text::fused(&c.fused),
        Some("tiles") => text += &lir::text::tiles(&c.tiles),
        Some("schedule") => text += &lir::text::stream(&c.stream),
        Some("asm") => text += &isa::disasm::print_program(&c.placed.program),
        _ => {}
    }
    if let Some(out) = &a.out {
        std::fs::write(out, &*c.binary).with_context(|| format!("cannot write {}", out.display()))?;
        let _ =
            writeln!(text, "{}: {} instructions, {} bytes", out.display(), c.placed.program.code.len(), c.binary.len());
    }
    if a.explain_fallback {
        text += "no operator runs on the host\n";
    }
    let seconds: Value =
        times.iter().map(|(n, t)| ((*n).to_string(), json!(t))).collect::<serde_json::Map<_, _>>().into();
    let spm_peak = spm_peak(&c);
    if a.stats {
        let _ = writeln!(
            text,
            "instructions {}\nscratchpad   {spm_peak} bytes\nrewrites     {}",
            c.placed.program.code.len(),
            log.len()
        );
        for (n, t) in &times {
            let _ = writeln!(text, "  {n:<28} {t:.4} s");
        }
    }
    let json = json!({
        "instructions": c.placed.program.code.len(),
        "bytes": c.binary.len(),
        "spm_peak": spm_peak,
        "compile_seconds": seconds,
        "total_seconds": times.iter().map(|t| t.1).sum::<f64>(),
        "rewrites": log.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "groups": c.fused.groups.len(),
        "tiles": c.tiles.groups.iter().map(|g| g.tiles.len()).sum::<usize>(),
        "host_ops": 0,
    });
    Ok(Outcome::ok(text, json))
}

fn spm_peak(c: &driver::Compilation) -> u64 {
    let ends = c.stream.bufs.iter().filter(|(_, b)| b.mem == lir::tile::BufMem::Spm);
    ends.map(|(id, b)| u64::from(c.placed.buf_addr[id]) + b.bytes as u64).max().unwrap_or(0)
}

fn rewrite_set(s: &str) -> Result<BTreeSet<RewriteId>> {
    s.split(',').filter(|x| !x.is_empty()).map(|x| x.trim().parse().map_err(|e: String| anyhow!("{e}"))).collect()
}

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
pub struct RunArgs {
    /// A program.
    #[arg(value_name = "P.anpu")]
    program: PathBuf,
    /// Inputs by name.
    #[arg(long, value_name = "X.npz")]
    inputs: PathBuf,
    /// Outputs by name.
    #[arg(long, value_name = "Y.npz")]
    outputs: PathBuf,
    /// Machine it was compiled for.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "edge-256")]
    config: String,
    /// A trace that Perfetto opens.
    #[arg(long, value_name = "T.json")]
    trace: Option<PathBuf>,
    /// Cycles, rooflines, energy.
    #[arg(long)]
    stats: bool,
}

/// ONNX element type of a machine type.
fn dtype(d: isa::DType) -> Result<ir::DType> {
    Ok(stage_interp::relayout::to_ir(d))
}

/// Simulates a program.
pub fn run(a: RunArgs) -> Result<Outcome> {
    let bytes = std::fs::read(&a.program).with_context(|| format!("cannot read {}", a.program.display()))?;
    let program = isa::container::read_program(&bytes).map_err(|e| anyhow!("{}: {e}", a.program.display()))?;
    let config = super::common::config(&a.config)?;
    let given = npz::read(&a.inputs)?;
    let mut inputs = Vec::new();
    for e in program.iotab.iter().filter(|e| e.direction == isa::Direction::In) {
        let t = npz::lookup(&given, &e.name)
            .ok_or_else(|| anyhow!("{}: no entry for input `{}`", a.inputs.display(), e.name))?;
        let dims: Vec<usize> = e.dims.iter().map(|&d| d as usize).collect();
        if t.dtype != dtype(e.dtype)? || t.dims != dims {
            bail!("{}: input `{}` is {}, the program wants {:?}{dims:?}", a.inputs.display(), e.name, t.ty(), e.dtype);
        }
        inputs.push((e.name.clone(), t.bytes.to_vec()));
    }
    let opts = sim::Options { timing: a.stats || a.trace.is_some(), ..sim::Options::default() };
    let mut machine = sim::Simulator::new(&config, opts);
    let result = match machine.run(&program, &inputs) {
        Ok(r) => r,
        Err(sim::RunError::Trap(t)) => {
            let json = json!({ "verdict": "trap", "trap": t.code.name(), "pc": t.pc, "detail": t.to_string() });
            return Ok(Outcome::ok(format!("trap: {t}"), json).with_code(1));
        }
        Err(e) => bail!("{}: {e}", a.program.display()),
    };
    let mut out = BTreeMap::new();
    for e in program.iotab.iter().filter(|e| e.direction == isa::Direction::Out) {
        let Some((_, b)) = result.outputs.iter().find(|(n, _)| *n == e.name) else { continue };
        let dims: Vec<usize> = e.dims.iter().map(|&d| d as usize).collect();
        out.insert(e.name.clone(), Tensor::new(dtype(e.dtype)?, dims, b.clone())?);
    }
    npz::write(&a.outputs, &out)?;
    if let (Some(path), Some(stats)) = (&a.trace, &result.stats) {
        std::fs::write(path, sim::trace::chrome_json(&program, stats))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut json = json!({ "verdict": "agree", "outputs": out.len() });
    let mut text = format!("{} outputs written to {}\n", out.len(), a.outputs.display());
    if let Some(s) = &result.stats {
        json = stats_json(s);
        s.check_invariants().map_err(|e| anyhow!("the timing model breaks its own invariant: {e}"))?;
        text += &format!(
            "{} cycles; {:.1} % of the network roofline, {:.1} % of the array roofline (bound by {})\n",
            s.cycles(),
            100.0 * s.fraction(),
            100.0 * s.roofs.array as f64 / s.total.max(1) as f64,
            s.roofs.bound_by()
        );
    }
    Ok(Outcome::ok(text, json))
}

fn stats_json(s: &sim::TimingStats) -> Value {
    // The model counts in 1/256 cycle.
    let cycles = |x: u64| x.div_ceil(256);
    let groups: Vec<Value> = s
        .groups
        .iter()
        .map(|g| {
            json!({ "nodes": g.nodes, "instructions": g.instructions, "macs": g.macs, "roof": cycles(g.roof),
                "bound_by": g.bound_by })
        })
        .collect();
    json!({
        "verdict": "agree", "cycles": s.cycles(), "net_roof": cycles(s.roofs.net), "layer_roof": cycles(s.roofs.layer),
        "array_roof": cycles(s.roofs.array), "serial_sum": cycles(s.roofs.serial), "bound_by": s.roofs.bound_by(),
        "energy": s.energy.total_fj(), "macs": s.macs, "groups": groups,
    })
}
