//! A flagged legal execution on disk, and its replay: graph, data, seed of the choices, and what was outside.

use crate::Storage;
use crate::false_alarms::Flagged;
use crate::legal::{Request, execute};
use crate::tiers;
use ir::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Input {
    dtype: String,
    dims: Vec<usize>,
    hex: String,
}

#[derive(Serialize, Deserialize)]
struct Case {
    storage: String,
    seed: u64,
    regime: String,
    tier: String,
    value: String,
    element: Option<usize>,
    got: String,
    want: String,
    radius: String,
    ratio: String,
    choices: Vec<String>,
    inputs: Vec<Input>,
}

fn hex(t: &Tensor) -> String {
    t.bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Writes `graph.nir` and `case.json` into `dir/flagged-INDEX-SEED`; gives that directory.
pub fn write(f: &Flagged, storage: Storage, dir: &Path) -> std::io::Result<PathBuf> {
    let at = dir.join(format!("flagged-{}-{:016x}", f.index, f.seed));
    std::fs::create_dir_all(&at)?;
    let e = f.outlier.element.as_ref();
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:e}"));
    let case = Case {
        storage: storage.name().into(),
        seed: f.seed,
        regime: format!("{:?}", f.scene.regime),
        tier: f.outlier.tier.into(),
        value: f.outlier.value.clone(),
        element: e.map(|e| e.index),
        got: number(e.map(|e| e.got)),
        want: number(e.map(|e| e.want)),
        radius: number(e.map(|e| e.radius)),
        ratio: f.outlier.ratio.to_string(),
        choices: f.choices.clone(),
        inputs: f
            .scene
            .inputs
            .iter()
            .map(|t| Input { dtype: t.dtype.name().into(), dims: t.dims.clone(), hex: hex(t) })
            .collect(),
    };
    std::fs::write(at.join("graph.nir"), ir::text::print(&f.scene.graph))?;
    std::fs::write(at.join("case.json"), serde_json::to_string_pretty(&case).map_err(std::io::Error::other)?)?;
    Ok(at)
}

/// Replays a directory that [`write`] made: whether it is still flagged, and the report.
pub fn replay(dir: &Path) -> Result<(bool, String), String> {
    let read = |name: &str| {
        std::fs::read_to_string(dir.join(name)).map_err(|e| format!("cannot read {}: {e}", dir.join(name).display()))
    };
    let graph = ir::parse::parse(&read("graph.nir")?).map_err(|e| format!("graph.nir: {e}"))?;
    let case: Case = serde_json::from_str(&read("case.json")?).map_err(|e| format!("case.json: {e}"))?;
    let storage = Storage::parse(&case.storage).ok_or_else(|| format!("unknown storage `{}`", case.storage))?;
    let inputs = case.inputs.iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    let contract = storage.contract();
    let request = Request {
        graph: &graph,
        inputs: &inputs,
        contract: &contract,
        seed: Some(case.seed),
        pinned: None,
        pinned_stores: false,
        planted: None,
    };
    let x = execute(&request).map_err(|e| e.to_string())?;
    let e = reference::evaluate(&graph, &inputs, &contract).map_err(|e| e.to_string())?;
    let mut all: Vec<tiers::Outlier> = tiers::bound(&graph, &e, &x, &contract).0.into_iter().collect();
    for group in &x.groups {
        all.extend(tiers::resync(&graph, group, &x, &contract)?.0);
    }
    let mut s = ir::text::print(&graph);
    x.choices.iter().for_each(|c| {
        let _ = writeln!(s, "{c}");
    });
    for o in &all {
        let _ = writeln!(
            s,
            "OUTSIDE ({}) `{}` ratio {}: {:?} {}",
            o.tier,
            o.value,
            o.ratio,
            o.element,
            o.mismatch.as_deref().unwrap_or("")
        );
    }
    if all.is_empty() {
        s.push_str("Every value is inside of its bound.\n");
    }
    Ok((!all.is_empty(), s))
}

fn tensor(i: &Input) -> Result<Tensor, String> {
    let dtype: DType = i.dtype.parse()?;
    let digit = |k: usize| {
        i.hex.get(2 * k..2 * k + 2).and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or_else(|| "bad hex".to_string())
    };
    let bytes = (0..i.hex.len() / 2).map(digit).collect::<Result<Vec<u8>, _>>()?;
    Tensor::new(dtype, i.dims.clone(), bytes).map_err(|e| e.to_string())
}
