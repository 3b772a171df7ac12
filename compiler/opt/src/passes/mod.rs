//! The passes on G, one per file. Each states its claim and argues it in a sentence.

mod algebraic;
pub mod build;
mod compose_transposes;
mod cse;
mod decompose;
mod expand_qlinear;
mod fold_batchnorm;
mod fold_constants;
mod fold_pad;
mod normalize;
mod precision;
mod qdq_to_integer;
mod round_constants;

use ir::Graph;
use kit::{Claim, CompileError, PassCx};

/// A pass from graph to graph.
#[derive(Clone, Copy, Debug)]
pub struct GraphPass {
    /// Name, `g.` and what it does.
    pub name: &'static str,
    /// How the result may differ.
    pub claim: Claim,
    /// Names of its rules, each asked for with [`PassCx::permit`] before it is applied (none in mandatory lowerings).
    pub rules: &'static [&'static str],
    /// Runs it.
    pub run: fn(&Graph, &mut PassCx<'_>) -> Result<Graph, CompileError>,
}

/// The passes of `-O2`, in order.
pub const PASSES: &[GraphPass] = &[
    expand_qlinear::PASS,
    qdq_to_integer::PASS,
    normalize::PASS,
    fold_constants::PASS,
    algebraic::PASS,
    cse::PASS,
    compose_transposes::PASS,
    fold_batchnorm::PASS,
    fold_pad::PASS,
    decompose::PASS,
    precision::PASS,
    round_constants::PASS,
];

/// Names of the passes that run at `-O0` too; `g.precision` runs only under `--precision bf16`, at any level.
pub const MANDATORY: &[&str] = &["g.expand-qlinear", "g.normalize", "g.decompose", "g.precision", "g.round-constants"];
