//! The short commands: `interp`, `gen`, `contract`.

use super::Outcome;
use super::common::{ModelArgs, SetupArgs, case};
use crate::dir::{expected, renumbered};
use crate::npz;
use anyhow::{Context, Result, bail};
use graphgen::{Lattice, Profile};
use reference::Contract;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `interp`.
#[derive(clap::Args, Debug)]
pub struct InterpArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    setup: SetupArgs,
    /// Outputs by name.
    #[arg(long, value_name = "Y.npz")]
    outputs: PathBuf,
    /// Values as f64 with `NAME/radius` beside them, instead of the declared type.
    #[arg(long)]
    bounds: bool,
    /// Values only, no radii: what bounds cost.
    #[arg(long, conflicts_with = "bounds")]
    plain: bool,
}

/// Runs the reference interpreter.
#[expect(clippy::disallowed_methods, reason = "the time is reported, not compared")]
pub fn interp(a: InterpArgs) -> Result<Outcome> {
    let case = match case(&a.model, &a.setup, "edge-256", 1)? {
        Ok(c) => c,
        Err(why) => {
            return Ok(Outcome::ok(format!("unsupported: {why}"), json!({ "verdict": "unsupported", "reason": why })));
        }
    };
    let began = Instant::now();
    let options =
        reference::Options { bounds: !a.plain, keep_all: false, ..reference::Options::new(&case.setup.contract) };
    let e = match reference::evaluate_with(&case.graph, &case.sets[0], &options) {
        Ok(e) => e,
        Err(e @ reference::EvalError::Unsupported { .. }) => {
            return Ok(Outcome::ok(e.to_string(), json!({ "verdict": "unsupported", "reason": e.to_string() })));
        }
        Err(e) => bail!("{}: {e}", a.model.model.display()),
    };
    let seconds = began.elapsed().as_secs_f64();
    let out: BTreeMap<String, ir::Tensor> = if a.bounds {
        expected(&case.graph, &e)
    } else {
        case.graph.outputs.iter().zip(e.outputs()).map(|(o, b)| (o.name.clone(), b.to_tensor())).collect()
    };
    npz::write(&a.outputs, &out)?;
    let n = case.graph.outputs.len();
    Ok(Outcome::ok(
        format!("{n} outputs written to {}; evaluated in {seconds:.2} s", a.outputs.display()),
        json!({ "verdict": "agree", "outputs": n, "seconds": seconds }),
    ))
}

/// Arguments of `gen`.
#[derive(clap::Args, Debug)]
pub struct GenArgs {
    /// How many graphs.
    #[arg(long)]
    cases: u64,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Kind of graphs.
    #[arg(long, default_value = "default", value_parser = Profile::NAMES.to_vec())]
    profile: String,
    /// Machine whose boundaries the extents are drawn around.
    #[arg(long, default_value = "tiny-fuzz")]
    config: String,
    /// Writes the graphs as INDEX.onnx.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Generates graphs.
#[expect(clippy::disallowed_methods, reason = "the rate is reported, not compared")]
pub fn generate(a: GenArgs) -> Result<Outcome> {
    let profile = Profile::named(&a.profile).expect("clap allows known profiles");
    let lattice = Lattice::of(&super::common::config(&a.config)?);
    if let Some(d) = &a.out {
        std::fs::create_dir_all(d).with_context(|| format!("cannot create {}", d.display()))?;
    }
    let began = Instant::now();
    let (mut nodes, mut digest) = (0usize, 0u128);
    for i in 0..a.cases {
        let seed = kit::Rng::stream(a.seed, i).next_u64();
        let g = graphgen::from_seed(seed, &profile, &lattice, &mut |_, _| true);
        nodes += g.nodes.len();
        digest = digest.wrapping_add(ir::hash::canonical(&g));
        if let Some(d) = &a.out {
            std::fs::write(d.join(format!("{i}.onnx")), onnx::write_graph(&renumbered(&g)))?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = a.cases as f64 / seconds.max(1e-9);
    let mean = nodes as f64 / a.cases.max(1) as f64;
    let json = json!({ "cases": a.cases, "graphs_per_second": rate, "mean_nodes": mean, "seconds": seconds,
        "graphs_digest": format!("{digest:032x}") });
    Ok(Outcome::ok(format!("{} graphs of {mean:.1} nodes, {rate:.0} per second", a.cases), json))
}

/// Arguments of `contract`.
#[derive(clap::Args, Debug)]
pub struct ContractArgs {
    #[command(subcommand)]
    what: ContractCommand,
}

#[derive(clap::Subcommand, Debug)]
enum ContractCommand {
    /// Names and meanings.
    List,
}

/// Lists contracts.
pub fn contract(a: ContractArgs) -> Result<Outcome> {
    let ContractCommand::List = a.what;
    let rows: Vec<Contract> = Contract::NAMES.iter().filter_map(|n| Contract::named(n)).collect();
    let text = rows.iter().fold(String::new(), |s, c| {
        s + &format!("{:<6} accumulator {:?}, re-association {:?}, NaN {:?}\n", c.name, c.acc, c.reassociate, c.nan)
    });
    Ok(Outcome::ok(text, json!({ "contracts": rows.iter().map(|c| c.name.clone()).collect::<Vec<_>>() })))
}
