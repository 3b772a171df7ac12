//! Case directories (DESIGN.md section 4): written whole under a temporary name and renamed, before anything else is done with a finding.

use crate::attribute::Attribution;
use crate::case::{Case, Setup};
use crate::explain::Explanation;
use crate::npz;
use crate::verdict::{Arrow, Element, Failure, Report, Verdict};
use anyhow::{Context, Result, anyhow, bail};
use driver::Precision;
use ir::{Graph, Tensor};
use isa::NpuConfig;
use kit::Control;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Version of the format; a file of an unknown version is refused by name.
pub const VERSION: u32 = 1;

/// `case.toml`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Format version.
    pub version: u32,
    /// Version of the tool that wrote it.
    pub tool: String,
    /// How to repeat the check.
    pub replay: String,
    /// Seed of the campaign and index of the case in it, where it came from one.
    pub seed: u64,
    /// See `seed`.
    pub index: Option<u64>,
    /// Name of the machine configuration; its text is in `config_toml`.
    pub config: String,
    /// The configuration itself.
    pub config_toml: String,
    /// 0 or 2.
    pub opt_level: u8,
    /// `as-is`, `f32`, `bf16`.
    pub precision: String,
    /// Contract.
    pub contract: String,
    /// Seed of perturbed compiler choices.
    pub control: Option<u64>,
    /// Injected faults.
    pub faults: Vec<String>,
    /// Number of input sets (`inputs.npz`, `inputs.1.npz`, …).
    pub sets: usize,
    /// Verdict.
    pub verdict: Option<Verdict>,
    /// Duplicate key.
    pub key: Option<String>,
    /// Stage arrow.
    pub stage: Option<Arrow>,
    /// Pass to blame.
    pub pass: Option<String>,
    /// Minimal set of rewrites.
    pub rewrites: Vec<String>,
    /// Failure class.
    pub class: Option<String>,
    /// Where.
    pub at: Option<String>,
    /// For a person.
    pub detail: Option<String>,
    /// First wrong element.
    pub element: Option<Element>,
}

/// Name of a precision on the command line.
pub fn precision_name(p: Precision) -> &'static str {
    match p {
        Precision::AsIs => "as-is",
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
    }
}

/// The graph with nodes numbered as the ONNX file will number them, so that replays name the same rewrites.
pub fn renumbered(g: &Graph) -> Graph {
    let mut g = g.clone();
    for (i, n) in g.nodes.values_mut().enumerate() {
        n.origin.source = i as u32;
    }
    g
}

/// Key for duplicates: class, culprit rules, canonical graph.
pub fn key(class: &str, rules: &[(String, String)], graph: &Graph) -> String {
    let mut h = blake3::Hasher::new();
    h.update(class.as_bytes());
    for (p, r) in rules {
        h.update(b"|").update(p.as_bytes()).update(b"/").update(r.as_bytes());
    }
    h.update(&ir::hash::canonical(graph).to_le_bytes());
    h.finalize().to_hex()[..16].to_string()
}

/// Everything that a directory holds besides the case itself.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Campaign seed and index.
    pub seed: u64,
    /// See `seed`.
    pub index: Option<u64>,
    /// The failure, if any.
    pub failure: Option<Failure>,
    /// Who is to blame.
    pub attribution: Option<Attribution>,
    /// Duplicate key.
    pub key: Option<String>,
    /// Nearest passing case.
    pub passing: Option<Graph>,
    /// Why, as far as is known.
    pub explanation: Option<Explanation>,
    /// Inputs of the violating unit that are too long for the certificate.
    pub operands: Vec<(String, Tensor)>,
}

/// Writes a case directory, atomically; an existing one of the same name is replaced.
pub fn write(dir: &Path, case: &Case, f: &Finding) -> Result<()> {
    let parent = dir.parent().ok_or_else(|| anyhow!("{} has no parent directory", dir.display()))?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let name = dir.file_name().ok_or_else(|| anyhow!("{} has no name", dir.display()))?;
    let tmp = parent.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let _ = std::fs::remove_dir_all(&tmp);
    std::fs::create_dir_all(&tmp)?;
    fill(&tmp, dir, case, f)?;
    if dir.exists() {
        let old = parent.join(format!(".{}.{}.old", name.to_string_lossy(), std::process::id()));
        std::fs::rename(dir, &old)?;
        std::fs::rename(&tmp, dir)?;
        std::fs::remove_dir_all(&old)?;
    } else {
        std::fs::rename(&tmp, dir)?;
    }
    Ok(())
}

fn named(graph: &Graph, set: &[Tensor]) -> BTreeMap<String, Tensor> {
    graph.inputs.iter().zip(set).map(|(&v, t)| (graph.value_name(v), t.clone())).collect()
}

fn fill(tmp: &Path, dir: &Path, case: &Case, f: &Finding) -> Result<()> {
    let graph = renumbered(&case.graph);
    std::fs::write(tmp.join("model.onnx"), onnx::write_graph(&graph))?;
    std::fs::write(tmp.join("model.nir"), ir::text::print(&graph))?;
    for (i, set) in case.sets.iter().enumerate() {
        npz::write(&tmp.join(inputs_name(i)), &named(&graph, set))?;
    }
    if let Some(set) = case.sets.first()
        && let Ok(e) = reference::evaluate(&graph, set, &case.setup.contract)
    {
        npz::write(&tmp.join("expected.npz"), &expected(&graph, &e))?;
    }
    if let Some(p) = &f.passing {
        std::fs::write(tmp.join("passing.onnx"), onnx::write_graph(p))?;
    }
    let file = case_file(dir, case, f);
    std::fs::write(tmp.join("case.toml"), toml::to_string_pretty(&file)?)?;
    if let Some(x) = &f.explanation {
        std::fs::write(tmp.join("explanation.json"), serde_json::to_vec_pretty(x)?)?;
        if x.certificate.as_ref().is_some_and(|c| c.inputs.iter().any(|i| i.hex.is_none())) {
            npz::write(&tmp.join("certificate.npz"), &f.operands.iter().cloned().collect())?;
        }
    }
    std::fs::write(tmp.join("report.md"), crate::report::markdown(&file, case, f.explanation.as_ref()))?;
    std::fs::write(tmp.join("repro.rs"), crate::report::repro(&file, &graph, case))?;
    Ok(())
}

/// Values and radii by output name, as `expected.npz` holds them.
pub fn expected(graph: &Graph, e: &reference::Evaluation) -> BTreeMap<String, Tensor> {
    let mut out = BTreeMap::new();
    for (o, b) in graph.outputs.iter().zip(e.outputs()) {
        let (value, radius) = values_and_radii(b);
        out.insert(o.name.clone(), Tensor::from_f64(b.dims.clone(), &value));
        out.insert(format!("{}/radius", o.name), Tensor::from_f64(b.dims.clone(), &radius));
    }
    out
}

/// Values and radii of a reference tensor as f64 (for integers: half the width of the hull).
pub fn values_and_radii(b: &reference::Bounded) -> (Vec<f64>, Vec<f64>) {
    match &b.data {
        reference::Data::Float(f) => (f.value.clone(), f.radius.clone()),
        reference::Data::Int(v) => {
            let n = v.value.len();
            let radius = (0..n).map(|i| {
                let (lo, hi) = v.range(i);
                (hi - v.value[i]).max(v.value[i] - lo) as f64
            });
            (v.value.iter().map(|&x| x as f64).collect(), radius.collect())
        }
    }
}

fn inputs_name(i: usize) -> String {
    if i == 0 { "inputs.npz".into() } else { format!("inputs.{i}.npz") }
}

fn case_file(dir: &Path, case: &Case, f: &Finding) -> CaseFile {
    let s = &case.setup;
    let faults = crate::faults::ids(&s.injections);
    let fl = f.failure.as_ref();
    let a = f.attribution.as_ref();
    CaseFile {
        version: VERSION,
        tool: format!("touchstone {}", env!("CARGO_PKG_VERSION")),
        replay: format!("touchstone check {}", dir.display()),
        seed: f.seed,
        index: f.index,
        config: s.config_name.clone(),
        config_toml: s.config.to_toml(),
        opt_level: s.opt_level,
        precision: precision_name(s.precision).into(),
        contract: s.contract.name.clone(),
        control: s.control.seed(),
        faults,
        sets: case.sets.len(),
        verdict: fl.map(|x| x.verdict),
        key: f.key.clone(),
        stage: a.map(|x| x.arrow).or(fl.map(|x| x.arrow)),
        pass: a.map(|x| x.pass.clone()).or(fl.map(|x| x.pass.clone())),
        rewrites: a.map(|x| x.rewrites.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        class: fl.map(|x| x.class.clone()),
        at: fl.map(|x| x.at.clone()),
        detail: fl.map(|x| x.detail.clone()),
        element: fl.and_then(|x| x.element.clone()),
    }
}

/// Reads a case directory. The faults that it names are switched on.
pub fn read(dir: &Path) -> Result<(Case, CaseFile)> {
    let path = dir.join("case.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let head: toml::Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    match head.get("version").and_then(toml::Value::as_integer) {
        Some(v) if v == i64::from(VERSION) => {}
        Some(v) => {
            bail!("{}: format version {v} is not known to this version (it reads version {VERSION})", path.display())
        }
        None => bail!("{}: no `version`", path.display()),
    }
    let file: CaseFile = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    let graph = read_graph(&dir.join("model.onnx"))?;
    anyhow::ensure!(file.sets <= 64, "{}: {} input sets are more than 64", path.display(), file.sets);
    let mut sets = Vec::new();
    for i in 0..file.sets.max(1) {
        let path = dir.join(inputs_name(i));
        let entries = npz::read(&path)?;
        sets.push(bind_inputs(&graph, &entries).with_context(|| format!("in {}", path.display()))?);
    }
    let config = NpuConfig::from_toml(&file.config_toml).map_err(|e| anyhow!("{}: config: {e}", path.display()))?;
    let mut setup = Setup::new(&file.config, config);
    setup.opt_level = file.opt_level;
    setup.precision = parse_precision(&file.precision)?;
    setup.contract = reference::Contract::named(&file.contract)
        .ok_or_else(|| anyhow!("{}: unknown contract `{}`", path.display(), file.contract))?;
    setup.control = file.control.map_or_else(Control::production, Control::seeded);
    setup.injections = crate::faults::injections(&file.faults)?;
    Ok((Case { graph, sets, setup }, file))
}

/// The explanation of a case directory, if it has one.
pub fn read_explanation(dir: &Path) -> Result<Option<Explanation>> {
    let path = dir.join("explanation.json");
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is no explanation", path.display()))
}

/// Parses `as-is`, `f32`, `bf16`.
pub fn parse_precision(s: &str) -> Result<Precision> {
    Ok(match s {
        "as-is" => Precision::AsIs,
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        other => bail!("precision `{other}` is none of as-is, f32, bf16"),
    })
}

fn read_graph(path: &Path) -> Result<Graph> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = onnx::read(&bytes, path.parent()).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    driver::import(&model, BTreeMap::new(), BTreeMap::new()).map_err(|e| {
        anyhow!("{}: {}", path.display(), e.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}

/// Inputs in graph order from an archive; says what is missing or of the wrong type.
pub fn bind_inputs(graph: &Graph, entries: &BTreeMap<String, Tensor>) -> Result<Vec<Tensor>> {
    graph
        .inputs
        .iter()
        .map(|&v| {
            let name = graph.value_name(v);
            let t = npz::lookup(entries, &name).ok_or_else(|| anyhow!("no entry for input `{name}`"))?;
            if t.ty() != *graph.ty(v) {
                bail!("input `{name}` is declared {}, the archive has {}", graph.ty(v), t.ty());
            }
            Ok(t.clone())
        })
        .collect()
}

/// One line on a report, for people.
pub fn summary(r: &Report) -> String {
    match (&r.failure, &r.reason) {
        (Some(f), _) => format!("{} at {} ({}): {}", f.verdict, f.arrow, f.pass, f.detail),
        (None, Some(reason)) => reason.clone(),
        (None, None) => format!("{} groups within their bounds, {} elements", r.groups_checked, r.elements),
    }
}

/// What a generated `repro.rs` holds.
#[derive(Clone, Copy, Debug)]
pub struct Repro<'a> {
    /// Text form of the graph.
    pub graph: &'a str,
    /// TOML text of the machine configuration.
    pub config: &'a str,
    /// 0 or 2.
    pub opt_level: u8,
    /// Contract.
    pub contract: &'a str,
    /// Precision.
    pub precision: &'a str,
    /// Seed of perturbed choices.
    pub control: Option<u64>,
    /// Ids of injected faults; `TOUCHSTONE_FAULTS=none` switches them off.
    pub faults: &'a [&'a str],
    /// Input sets: the bytes of each input in hex, in graph order.
    pub inputs: &'a [&'a [&'a str]],
}

impl Repro<'_> {
    /// The case.
    pub fn case(&self) -> Result<Case> {
        let graph = ir::parse::parse(self.graph)?;
        let config = NpuConfig::from_toml(self.config).map_err(|e| anyhow!("config: {e}"))?;
        let mut setup = Setup::new("repro", config);
        setup.opt_level = self.opt_level;
        setup.precision = parse_precision(self.precision)?;
        setup.contract = reference::Contract::named(self.contract).ok_or_else(|| anyhow!("unknown contract"))?;
        setup.control = self.control.map_or_else(Control::production, Control::seeded);
        if std::env::var("TOUCHSTONE_FAULTS").as_deref() != Ok("none") {
            let ids: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
            setup.injections = crate::faults::injections(&ids)?;
        }
        let sets = self.inputs.iter().map(|set| {
            let typed = graph.inputs.iter().zip(*set).map(|(&v, hex)| {
                let bytes: Result<Vec<u8>, _> =
                    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16)).collect();
                Ok(Tensor::new(graph.ty(v).dtype, graph.ty(v).dims.clone(), bytes?)?)
            });
            typed.collect::<Result<Vec<_>>>()
        });
        Ok(Case { sets: sets.collect::<Result<_>>()?, graph, setup })
    }
    /// Panics with the report unless the case is clean.
    pub fn assert_agrees(&self) {
        let case = self.case().expect("the reproducer is well formed");
        let r = crate::check::check(&case);
        assert!(r.failure.is_none() && r.complete, "{}", summary(&r));
    }
}
