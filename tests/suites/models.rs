//! Real models pass every stage with no operator on the host, and agree with the outputs recorded by a third party.

use difftest::{Case, Setup, Verdict};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::path::Path;
use touchstone_suites::input_dir;

/// Small enough for a debug build; the others run nightly.
const MODELS: &[&str] = &["public/ppocr2_cls", "public_int8/ppocr2_cls_qdq_s8s8"];

fn main() {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    if let Some(dir) = input_dir("models") {
        for m in MODELS {
            let path = dir.join(m);
            trials.push(Trial::test(*m, move || run(&path).map_err(|e| Failed::from(format!("{e:#}")))));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

fn run(dir: &Path) -> anyhow::Result<()> {
    let io = difftest::npz::read(&dir.join("io.npz"))?;
    let bytes = std::fs::read(dir.join("model.onnx"))?;
    let model = onnx::read(&bytes, Some(dir)).map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut dims = BTreeMap::new();
    for v in &model.inputs {
        let t = difftest::npz::lookup(&io, &v.name).ok_or_else(|| anyhow::anyhow!("no data for {}", v.name))?;
        for (i, d) in v.dims.iter().flatten().enumerate() {
            if matches!(d, ir::Dim::Named(_)) {
                dims.insert(format!("{}.{i}", v.name), t.dims[i]);
            }
        }
    }
    let graph = driver::import(&model, dims, BTreeMap::new()).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let set = difftest::dir::bind_inputs(&graph, &io)?;
    let quantized = graph.node_counts().1 > 0;
    let setup = Setup::new("edge-256", isa::NpuConfig::named("edge-256").expect("built in"));
    let e = reference::evaluate(&graph, &set, &setup.contract)?;
    for (o, b) in graph.outputs.iter().zip(e.outputs()) {
        let want =
            io.get(&format!("out/{}", o.name)).ok_or_else(|| anyhow::anyhow!("no recorded output {}", o.name))?;
        let rep = b.check(want, &setup.contract);
        // End to end, two legal roundings of an int8 model may differ in everything: only float models are held to the record.
        anyhow::ensure!(quantized || rep.agrees(), "the record of `{}` is outside of the reference's bound", o.name);
    }
    let r = difftest::check::check(&Case { graph, sets: vec![set], setup });
    anyhow::ensure!(r.verdict == Some(Verdict::Agree), "{:?}: {}", r.verdict, difftest::dir::summary(&r));
    anyhow::ensure!(r.host_ops == 0, "{} operators on the host", r.host_ops);
    Ok(())
}
