//! The whole list of passes.

use crate::{graph, run_with, same, sound};
use ir::Graph;
use kit::Permit;
use std::collections::BTreeSet;

const MODEL: &str = r#"in %0 "x": f32[1,3,8,8]
const %1: f32[4,3,3,3] = hex "WEIGHTS"
const %2: f32[4] = {1.0, 2.0, 3.0, 4.0}
const %3: f32[4] = {0.5, 0.25, 0.125, 1.0}
const %4: f32[2,4] = {1.0, -1.0, 2.0, 0.5, 0.1, 0.2, 0.3, 0.4}
const %5: f32[2] = {0.5, -0.5}
%6: f32[1,4,8,8] = Conv(%0, %1) {auto_pad="SAME_LOWER"}
%7: f32[1,4,8,8] = BatchNormalization(%6, %2, %3, %3, %2)
%8: f32[1,4,8,8] = HardSwish(%7)
%9: f32[1,4,4,4] = MaxPool(%8) {kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1}
%10: f32[1,4,1,1] = GlobalAveragePool(%9)
%11: f32[1,4] = Flatten(%10)
%12: f32[1,2] = Gemm(%11, %4, %5) {transB=1}
%13: f32[1,2] = Softmax(%12)
%14: f32[1,2] = Dropout(%13)
out %14 "y""#;

fn model() -> Graph {
    let bytes: String =
        (0..4 * 3 * 3 * 3u32).map(|i| format!("{:08x}", (0.01f32 * (i % 17) as f32).to_bits().swap_bytes())).collect();
    graph(&MODEL.replace("WEIGHTS", &bytes))
}
fn compile(mut g: Graph, mandatory_only: bool, bf16: bool) -> Graph {
    for p in opt::PASSES {
        let runs = !mandatory_only || opt::MANDATORY.contains(&p.name);
        if runs && (p.name != "g.precision" || bf16) {
            g = run_with(p.name, &g, Permit::All).0;
        }
    }
    g
}

#[test]
fn every_level_ends_in_core_operators() {
    for (o0, bf16) in [(true, false), (false, false), (true, true), (false, true)] {
        let g = compile(model(), o0, bf16);
        sound(&g, "the result");
        assert_eq!(opt::unsupported(&g), [], "{}", ir::text::print(&g));
        assert!(g.nodes.values().all(|n| opt::is_core(n.op)));
        let wide = g.values.values().filter(|v| matches!(&v.def, ir::graph::Def::Const(t) if t.dtype != v.ty.dtype));
        assert_eq!(wide.count(), 0, "no wide constant is left");
    }
    let ops = |g: &Graph| g.nodes.values().map(|n| n.op).collect::<Vec<_>>();
    assert!(ops(&compile(model(), false, false)).len() < ops(&compile(model(), true, false)).len());
}

#[test]
fn compilation_is_deterministic() {
    let text = |g: &Graph| ir::text::print(g);
    assert_eq!(text(&compile(model(), false, true)), text(&compile(model(), false, true)));
}

#[test]
fn a_second_run_finds_nothing_more() {
    let once = compile(model(), false, false);
    let mandatory: Vec<_> =
        opt::PASSES.iter().filter(|p| opt::MANDATORY.contains(&p.name) && p.name != "g.precision").collect();
    for p in mandatory {
        same(&run_with(p.name, &once, Permit::All).0, &once);
    }
}

#[test]
fn the_table_is_consistent() {
    let names: BTreeSet<_> = opt::PASSES.iter().map(|p| p.name).collect();
    assert_eq!(names.len(), opt::PASSES.len());
    assert!(opt::MANDATORY.iter().all(|m| names.contains(m)));
    for p in opt::PASSES {
        assert_eq!(p.rules.is_empty(), opt::MANDATORY.contains(&p.name), "{}: optional passes have rules", p.name);
    }
    assert_eq!(opt::PASSES.last().map(|p| p.name), Some("g.round-constants"));
}
