//! The passes on G, one per file. Each states its claim and argues it in a sentence.

pub mod build;
mod fold_constants;
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
pub const PASSES: &[GraphPass] = &[fold_constants::PASS, round_constants::PASS];

/// Names of the passes that run at `-O0` too; `g.precision` runs only under `--precision bf16`, at any level.
pub const MANDATORY: &[&str] = &["g.normalize", "g.decompose", "g.precision", "g.round-constants"];
