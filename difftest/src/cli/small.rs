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
    /// Perturb one attribute after the other in the reference, and tell how many of these mutants the data of a campaign tell apart; with
    /// --out, data that tell more of them apart are kept as INDEX.K.npz. The graphs are those of `fuzz` with the same seed.
    #[arg(long)]
    mutants: bool,
}

/// The graphs of a campaign, and what its data do to their mutants.
fn mutants(a: &GenArgs) -> Result<Outcome> {
    let config = super::common::config(&a.config)?;
    let plan = crate::campaign::Plan {
        seed: a.seed,
        cases: Some(a.cases),
        time: None,
        jobs: 1,
        shard: (0, 1),
        profile: Profile::named(&a.profile).expect("clap allows known profiles"),
        machine: crate::campaign::Machine::Fixed(a.config.clone(), Box::new(config.clone())),
        setup: crate::Setup::new(&a.config, config),
        out: PathBuf::new(),
        resume: false,
        first: false,
        mutants: true,
    };
    let mut totals = crate::campaign::MutantTotals::default();
    let (mut nodes, mut digest) = (0usize, 0u128);
    let began = now();
    for i in 0..a.cases {
        let case = crate::campaign::make_case(&plan, i);
        let seed = kit::Rng::stream(a.seed, i).next_u64();
        let m = crate::mutants::measure(&case.graph, &case.sets, &case.setup.contract, seed);
        totals.add(&m);
        nodes += case.graph.nodes.len();
        digest = digest.wrapping_add(ir::hash::canonical(&case.graph));
        if let Some(d) = &a.out {
            std::fs::write(d.join(format!("{i}.onnx")), onnx::write_graph(&renumbered(&case.graph)))?;
            for (k, s) in m.kept.iter().enumerate() {
                let g = &case.graph;
                let named = g.inputs.iter().zip(s).map(|(&v, t)| (g.value_name(v), t.clone())).collect();
                npz::write(&d.join(format!("{i}.{k}.npz")), &named)?;
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let json = json!({ "cases": a.cases, "graphs_per_second": a.cases as f64 / seconds.max(1e-9),
        "mean_nodes": nodes as f64 / a.cases.max(1) as f64, "seconds": seconds, "graphs_digest": format!("{digest:032x}"),
        "mutants": super::fuzz::mutants_json(&totals) });
    Ok(Outcome::ok(super::fuzz::mutants_text(&totals), json))
}

#[expect(clippy::disallowed_methods, reason = "the rate is reported, not compared")]
fn now() -> Instant {
    Instant::now()
}

/// Generates graphs.
pub fn generate(a: GenArgs) -> Result<Outcome> {
    let profile = Profile::named(&a.profile).expect("clap allows known profiles");
    let lattice = Lattice::of(&super::common::config(&a.config)?);
    if let Some(d) = &a.out {
        std::fs::create_dir_all(d).with_context(|| format!("cannot create {}", d.display()))?;
    }
    if a.mutants {
        return mutants(&a);
    }
    let began = now();
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
        "graphs_digest": format!("{digest:032x}"), "mutants": null });
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
