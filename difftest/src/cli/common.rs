//! Flags that several commands share, and loading of models.

use crate::case::{Case, Setup};
use crate::dir;
use crate::npz;
use anyhow::{Context, Result, anyhow, bail};
use ir::{Graph, Tensor};
use isa::NpuConfig;
use reference::Contract;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a model is compiled and judged.
#[derive(clap::Args, Debug, Clone)]
pub struct SetupArgs {
    /// Machine: a name (tiny-fuzz, edge-256, …), or a .toml file.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub config: Option<String>,
    /// Numeric contract: anvil, f32, bf16, f64, ….
    #[arg(long, default_value = "anvil")]
    pub contract: String,
    /// No optional passes: an oracle for what comes later.
    #[arg(short = 'O', default_value = "2", value_parser = ["0", "2"])]
    pub opt: String,
    /// Storage precision of float tensors.
    #[arg(long, default_value = "as-is", value_parser = ["f32", "bf16", "as-is"])]
    pub precision: String,
    /// What to do with an operator that the machine lacks. No operator runs on the host yet: with either value such a model is `unsupported`.
    #[arg(long, default_value = "deny", value_parser = ["deny", "allow"])]
    pub host_fallback: String,
    /// Seed of inputs and of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl SetupArgs {
    /// The setup; `default` names the machine if none is given.
    pub fn setup(&self, default: &str) -> Result<Setup> {
        let name = self.config.as_deref().unwrap_or(default);
        let mut s = Setup::new(name, config(name)?);
        s.contract = Contract::named(&self.contract)
            .ok_or_else(|| anyhow!("unknown contract `{}`; known: {}", self.contract, Contract::NAMES.join(", ")))?;
        if s.contract.name != "anvil" {
            s.group_contract = s.contract.clone();
        }
        s.opt_level = self.opt.parse().expect("clap allows 0 and 2");
        s.precision = dir::parse_precision(&self.precision)?;
        Ok(s)
    }
}

/// A machine by name or from a TOML file.
pub fn config(name: &str) -> Result<NpuConfig> {
    if name.ends_with(".toml") {
        let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
        return NpuConfig::from_toml(&text).map_err(|e| anyhow!("{name}: {e}"));
    }
    NpuConfig::named(name).map_err(|e| anyhow!("{e}; known: {}", NpuConfig::names().collect::<Vec<_>>().join(", ")))
}

/// Where a model comes from.
#[derive(clap::Args, Debug, Clone)]
pub struct ModelArgs {
    /// An ONNX model, or a case directory.
    #[arg(value_name = "MODEL.onnx|CASE_DIR")]
    pub model: PathBuf,
    /// Inputs by tensor name; without, they come from the seed.
    #[arg(long, value_name = "X.npz")]
    pub inputs: Option<PathBuf>,
    /// Binds a symbolic dimension (by its name, or INPUT.AXIS for an anonymous one).
    #[arg(long, value_name = "NAME=N")]
    pub dim: Vec<String>,
}

/// `NAME=N` pairs.
pub fn dims(args: &[String]) -> Result<BTreeMap<String, usize>> {
    args.iter()
        .map(|s| {
            let (n, v) = s.split_once('=').ok_or_else(|| anyhow!("--dim {s}: expected NAME=N"))?;
            Ok((n.to_string(), v.parse().with_context(|| format!("--dim {s}: `{v}` is not a number"))?))
        })
        .collect()
}

/// Why a model cannot be had: bad input, or unsupported.
#[derive(Debug)]
pub enum Load {
    /// The typed graph.
    Graph(Box<Graph>),
    /// Every problem is an unsupported feature: the verdict `unsupported`.
    Unsupported(String),
}

/// Reads and specialises a model.
pub fn load(path: &Path, dims: BTreeMap<String, usize>, bound: BTreeMap<String, Tensor>) -> Result<Load> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = match onnx::read(&bytes, path.parent()) {
        Ok(m) => m,
        Err(e) if e.is_unsupported() => return Ok(Load::Unsupported(e.to_string())),
        Err(e) => bail!("{}: {e}", path.display()),
    };
    match driver::import(&model, dims, bound) {
        Ok(g) => Ok(Load::Graph(Box::new(g))),
        Err(e) => {
            let text = e.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
            if e.iter().all(|e| matches!(e, kit::CompileError::Unsupported { .. })) {
                return Ok(Load::Unsupported(text));
            }
            bail!("{}:\n  {text}", path.display())
        }
    }
}

/// Symbolic dims that an archive of inputs determines: `--inputs` binds them without `--dim`.
pub fn dims_from_inputs(path: &Path, given: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, usize>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let Ok(model) = onnx::read(&bytes, path.parent()) else { return Ok(BTreeMap::new()) };
    let mut out = BTreeMap::new();
    for v in &model.inputs {
        let (Some(t), Some(ds)) = (npz::lookup(given, &v.name), &v.dims) else { continue };
        for (i, d) in ds.iter().enumerate() {
            // By axis, since real models give one placeholder name ("?") to different extents.
            if let (ir::Dim::Named(_), Some(&x)) = (d, t.dims.get(i)) {
                out.insert(format!("{}.{i}", v.name), x);
            }
        }
    }
    Ok(out)
}

/// A case from a model or directory, or the reason why it is unsupported.
pub fn case(m: &ModelArgs, s: &SetupArgs, default_config: &str, sets: usize) -> Result<Result<Case, String>> {
    if m.model.is_dir() {
        let (mut case, _) = dir::read(&m.model)?;
        if let Some(c) = &s.config {
            case.setup.config = config(c)?;
            case.setup.config_name.clone_from(c);
        }
        return Ok(Ok(case));
    }
    let setup = s.setup(default_config)?;
    let given = m.inputs.as_ref().map(|p| npz::read(p)).transpose()?;
    let mut binding = given.as_ref().map(|g| dims_from_inputs(&m.model, g)).transpose()?.unwrap_or_default();
    binding.extend(dims(&m.dim)?);
    let graph = match load(&m.model, binding, BTreeMap::new())? {
        Load::Graph(g) => *g,
        Load::Unsupported(why) => return Ok(Err(why)),
    };
    let sets = match &given {
        Some(g) => vec![dir::bind_inputs(&graph, g)?],
        None => crate::campaign::input_sets(&graph, s.seed).into_iter().take(sets).collect(),
    };
    Ok(Ok(Case { graph, sets, setup }))
}
