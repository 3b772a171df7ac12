//! Passes and lowerings in order, with verification, snapshots and replay.

use crate::inject::{Edit, Injection};
use codegen::CodegenOptions;
use ir::{Graph, Model, Tensor};
use isa::NpuConfig;
use kit::{Claim, CompileError, Control, PassCx, Permit, RewriteId, RewriteLog, Violation};
use lir::fused::Fused;
use lir::placed::Placed;
use lir::stream::Stream;
use lir::tile::TileProgram;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Storage precision of float tensors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    /// As the model says.
    #[default]
    AsIs,
    /// f32 (as the model says, for models in f32).
    F32,
    /// Operands of matrix operations in bf16.
    Bf16,
}

/// When verifiers run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verify {
    /// Structural verifiers after every pass, the symbolic contents checker on the placed program.
    #[default]
    Always,
    /// None: for measuring.
    Never,
}

/// Everything that decides what a compilation does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Machine.
    pub config: NpuConfig,
    /// 0 or 2.
    pub opt_level: u8,
    /// Storage precision.
    pub precision: Precision,
    /// Which rewrites may happen.
    pub permit: Permit,
    /// Legal choices.
    pub control: Control,
    /// Verifiers.
    pub verify: Verify,
    /// Extra passes of the test apparatus.
    pub injections: Vec<Injection>,
}

impl Options {
    /// Production options for a machine at an optimisation level.
    pub fn new(config: NpuConfig, opt_level: u8) -> Self {
        Self {
            config,
            opt_level,
            precision: Precision::AsIs,
            permit: Permit::All,
            control: Control::production(),
            verify: Verify::Always,
            injections: Vec::new(),
        }
    }
}

/// The graph after a pass.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Name of the pass.
    pub pass: &'static str,
    /// What it claims.
    pub claim: Claim,
    /// Result.
    pub graph: Arc<Graph>,
}

/// Every artefact of one compilation.
#[derive(Clone, Debug)]
pub struct Compilation {
    /// G: the input, then the result of each pass that changed something.
    pub graphs: Vec<Snapshot>,
    /// F.
    pub fused: Arc<Fused>,
    /// T.
    pub tiles: Arc<TileProgram>,
    /// S.
    pub stream: Arc<Stream>,
    /// A.
    pub placed: Arc<Placed>,
    /// B.
    pub binary: Arc<Vec<u8>>,
}

impl Compilation {
    /// G': the graph that was lowered.
    pub fn lowered(&self) -> &Arc<Graph> {
        &self.graphs.last().expect("the input is always there").graph
    }
}

/// Names and claims of all passes in order: graph passes, then lowerings.
pub fn pass_names() -> Vec<(&'static str, String)> {
    let graph = opt::passes::PASSES.iter().map(|p| (p.name, format!("{:?}", p.claim)));
    let lower = [
        ("g.lower-groups", "bounds, per group"),
        ("f.tile", "bits"),
        ("t.schedule", "bits"),
        ("s.place", "bits"),
        ("a.encode", "bits"),
    ];
    graph.chain(lower.into_iter().map(|(n, c)| (n, c.to_string()))).collect()
}

/// Specialises a model to static shapes: dimension names bound, shape-only inputs bound to values.
pub fn import(
    model: &Model,
    dims: BTreeMap<String, usize>,
    bound: BTreeMap<String, Tensor>,
) -> Result<Graph, Vec<CompileError>> {
    opt::specialize::specialize(model, &opt::specialize::Specialize { dims, bound })
}

struct Run<'a> {
    opts: &'a Options,
    log: &'a mut RewriteLog,
    control: Control,
    on_pass: &'a mut dyn FnMut(&'static str),
}

impl Run<'_> {
    fn cx(&mut self, pass: &'static str) -> PassCx<'_> {
        (self.on_pass)(pass);
        PassCx { pass, log: self.log, control: &mut self.control }
    }
    fn check(&self, after: &'static str, verify: impl FnOnce() -> Vec<Violation>) -> Result<(), CompileError> {
        if self.opts.verify == Verify::Never {
            return Ok(());
        }
        let violations = verify();
        if violations.is_empty() { Ok(()) } else { Err(CompileError::Broken { after: after.to_string(), violations }) }
    }
    fn graph_edits(&mut self, at: &str, graphs: &mut Vec<Snapshot>) -> Result<(), CompileError> {
        let opts = self.opts;
        for inj in &opts.injections {
            if let Edit::Graph { before, rewrite } = inj.edit
                && before == at
            {
                let g = rewrite(&graphs[graphs.len() - 1].graph, &mut self.cx(inj.name));
                self.push(graphs, inj.name, inj.claim, g)?;
            }
        }
        Ok(())
    }
    fn push(&self, graphs: &mut Vec<Snapshot>, pass: &'static str, claim: Claim, g: Graph) -> Result<(), CompileError> {
        if g == *graphs[graphs.len() - 1].graph {
            return Ok(());
        }
        self.check(pass, || {
            let mut v = ir::verify::verify(&g);
            if v.is_empty() {
                v = opt::types::check_types(&g);
            }
            v
        })?;
        graphs.push(Snapshot { pass, claim, graph: Arc::new(g) });
        Ok(())
    }
}

/// Compiles a specialised graph. The rewrites applied are left in `log`, whatever the outcome; `on_pass` is called when a pass
/// starts (for timing and progress).
pub fn compile(
    graph: &Graph,
    opts: &Options,
    log: &mut Vec<RewriteId>,
    on_pass: &mut dyn FnMut(&'static str),
) -> Result<Compilation, CompileError> {
    let mut rewrites = RewriteLog::new(opts.permit.clone());
    let result = lower(graph, Run { opts, log: &mut rewrites, control: opts.control.clone(), on_pass });
    *log = rewrites.applied;
    result
}

fn lower(graph: &Graph, mut run: Run<'_>) -> Result<Compilation, CompileError> {
    let opts = run.opts;
    let mut graphs = vec![Snapshot { pass: "import", claim: Claim::Bits, graph: Arc::new(graph.clone()) }];
    for p in opt::passes::PASSES {
        run.graph_edits(p.name, &mut graphs)?;
        if opts.opt_level == 0 && !opt::passes::MANDATORY.contains(&p.name) {
            continue;
        }
        if p.name == "g.precision" && opts.precision != Precision::Bf16 {
            continue;
        }
        let g = (p.run)(&graphs[graphs.len() - 1].graph, &mut run.cx(p.name))?;
        run.push(&mut graphs, p.name, p.claim, g)?;
    }
    let lowered = graphs[graphs.len() - 1].graph.clone();
    only_core(&lowered)?;
    let cg = CodegenOptions { opt_level: opts.opt_level, ..CodegenOptions::default() };

    let mut fused = codegen::lower_groups(&lowered, &cg, &mut run.cx("g.lower-groups"))?;
    run.check("g.lower-groups", || lir::verify_fused::verify_fused(&fused, &lowered))?;
    for i in &opts.injections {
        if let Edit::Fused(f) = i.edit {
            f(&mut fused, &mut run.cx(i.name));
            run.check(i.name, || lir::verify_fused::verify_fused(&fused, &lowered))?;
        }
    }
    let fused = Arc::new(fused);

    let mut tiles = codegen::tile(&fused, &opts.config, &mut run.cx("f.tile"))?;
    run.check("f.tile", || lir::verify_tile::verify_tile(&tiles, &opts.config))?;
    for i in &opts.injections {
        if let Edit::Tile(f) = i.edit {
            f(&mut tiles, &mut run.cx(i.name));
            run.check(i.name, || lir::verify_tile::verify_tile(&tiles, &opts.config))?;
        }
    }
    let tiles = Arc::new(tiles);

    let mut stream = codegen::schedule(&tiles, &opts.config, &mut run.cx("t.schedule"))?;
    run.check("t.schedule", || lir::verify_stream::verify_stream(&stream, &tiles))?;
    for i in &opts.injections {
        if let Edit::Stream(f) = i.edit {
            f(&mut stream, &mut run.cx(i.name));
            run.check(i.name, || lir::verify_stream::verify_stream(&stream, &tiles))?;
        }
    }
    let stream = Arc::new(stream);

    let mut placed = codegen::place(&stream, &opts.config, &cg, &mut run.cx("s.place"))?;
    run.check("s.place", || verify_placed(&placed))?;
    for i in &opts.injections {
        if let Edit::Placed(f) = i.edit {
            f(&mut placed, &mut run.cx(i.name));
            run.check(i.name, || verify_placed(&placed))?;
        }
    }
    let placed = Arc::new(placed);

    run.cx("a.encode");
    let mut binary = isa::container::write_program(&placed.program).map_err(|e| CompileError::Broken {
        after: "a.encode".into(),
        violations: vec![Violation { rule: "encodable", at: "program".into(), detail: e.to_string() }],
    })?;
    for i in &opts.injections {
        if let Edit::Binary(f) = i.edit {
            f(&mut binary, &mut run.cx(i.name));
        }
    }
    Ok(Compilation { graphs, fused, tiles, stream, placed, binary: Arc::new(binary) })
}

fn verify_placed(p: &Placed) -> Vec<Violation> {
    let mut v = lir::verify_placed::verify_placed(p);
    if v.is_empty() {
        v = lir::contents::check_contents(p);
    }
    v
}

/// Composite operators that no pass could decompose end here, by name.
fn only_core(g: &Graph) -> Result<(), CompileError> {
    match g.nodes.values().find(|n| !opt::is_core(n.op)) {
        None => Ok(()),
        Some(n) => Err(CompileError::Unsupported {
            node: n.origin.name.clone(),
            op: n.op.to_string(),
            reason: "not a core operator of this compiler".into(),
        }),
    }
}
