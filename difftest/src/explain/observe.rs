//! Runs a failing case again, cuts out the smallest unit that is wrong, and collects what the machine made of it on several sets of data.
//!
//! Verifiers are off: where one stopped the compilation, the stage interpreters may still say what the program would have computed.

use super::scope::{Device, Evidence, Scope, copy_of, cut};
use crate::case::Case;
use crate::check::{claim_contract, logical, more_float_casts, ops_of, rounded_constants, typed_outputs, with_aliases};
use crate::verdict::{Arrow, Failure};
use driver::{Compilation, Edit, Options, Verify};
use ir::{Graph, Tensor, ValueId};
use kit::{Claim, PassCx, RewriteLog, Rounding};
use lir::fused::{GroupId, TensorDef};
use stage_interp::Run;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most sets of data that are looked at.
const SETS: usize = 12;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The unit.
    pub scope: Scope,
    /// The arrow at which it is wrong.
    pub arrow: Arrow,
    /// What the machine gave, the failing set first.
    pub evidence: Vec<Evidence>,
    /// The certificate, if it is not to be that of this evidence.
    pub certified: Option<super::Certificate>,
}

/// Compiles without verifiers; `None` if that fails or panics.
pub fn compile(case: &Case) -> Option<Compilation> {
    let options = Options { verify: Verify::Never, ..case.setup.options() };
    let made =
        catch_unwind(AssertUnwindSafe(|| driver::compile(&case.graph, &options, &mut Vec::new(), &mut |_| {}))).ok()?;
    made.ok()
}

/// Looks at a failing case. `sets`: data, the failing set first.
pub fn observe(case: &Case, failure: &Failure, sets: &[Vec<Tensor>]) -> Option<Observed> {
    let sets = &sets[..sets.len().min(SETS)];
    if failure.arrow == Arrow::Passes {
        return passes(case, failure, sets);
    }
    let c = &compile(case)?;
    let looked = Looked { case, c };
    let runs: Vec<Option<Runs>> = sets.iter().map(|s| looked.run(s)).collect();
    let (first, place) = runs.iter().enumerate().find_map(|(i, r)| {
        let r = r.as_ref()?;
        Some((i, looked.violation(&sets[i], r, Some(failure.arrow)).or_else(|| looked.violation(&sets[i], r, None))?))
    })?;
    let (scope, sources) = looked.scope(&place, &sets[first], runs[first].as_ref()?)?;
    let order = std::iter::once(first).chain((0..sets.len()).filter(|&i| i != first));
    let evidence: Vec<Evidence> =
        order.filter_map(|i| looked.evidence(&place, &scope, &sources, &sets[i], runs[i].as_ref()?)).collect();
    (!evidence.is_empty()).then_some(Observed { scope, arrow: place.arrow, evidence, certified: None })
}

// ---------------------------------------------------------------------------------------------- passes

/// A pass that is held to blame.
#[derive(Clone, Debug)]
pub struct Blamed {
    /// Its claim.
    pub claim: Claim,
    /// The graph before it.
    pub before: Graph,
    /// The graph after it.
    pub after: Graph,
}

/// Runs the passes on the graph up to the one that a failure names. The driver is no help here: where a verifier stops it, or a later
/// pass stumbles over a graph with wrong types, it gives no graphs.
pub fn blamed(case: &Case, failure: &Failure) -> Option<Blamed> {
    let setup = &case.setup;
    let (mut log, mut control) = (RewriteLog::new(setup.permit.clone()), setup.control.clone());
    let mut g = case.graph.clone();
    for p in opt::passes::PASSES {
        for i in &setup.injections {
            if let Edit::Graph { before, rewrite } = i.edit
                && before == p.name
            {
                let mut cx = PassCx { pass: i.name, log: &mut log, control: &mut control };
                let after = catch_unwind(AssertUnwindSafe(|| rewrite(&g, &mut cx))).ok()?;
                if i.name == failure.pass {
                    return Some(Blamed { claim: i.claim, before: g, after });
                }
                g = after;
            }
        }
        let off = setup.opt_level == 0 && !opt::passes::MANDATORY.contains(&p.name)
            || p.name == "g.precision" && setup.precision != driver::Precision::Bf16;
        if off {
            continue;
        }
        let mut cx = PassCx { pass: p.name, log: &mut log, control: &mut control };
        let after = guarded(|| (p.run)(&g, &mut cx))?;
        if p.name == failure.pass {
            return Some(Blamed { claim: p.claim, before: g, after });
        }
        g = after;
    }
    None
}

fn passes(case: &Case, failure: &Failure, sets: &[Vec<Tensor>]) -> Option<Observed> {
    let Blamed { claim, before, after } = blamed(case, failure)?;
    let typed = failure.class == "bits";
    let contract = if typed || more_float_casts(&before, &after) {
        case.setup.contract.clone()
    } else {
        claim_contract(claim, &case.setup)
    };
    let graph = if claim == Claim::Rounds(Rounding::NewConstants) { rounded_constants(&before) } else { before };
    let scope = Scope { graph, contract, typed, at: format!("pass {}", failure.pass) };
    let both: Vec<_> = sets.iter().map(|s| Some((scope.plain(s)?, scope.evaluate(&after, s, None)?))).collect();
    let first = both
        .iter()
        .position(|b| b.as_ref().is_some_and(|(x, y)| x.iter().zip(y).any(|(x, y)| !x.check_meaning(y).agrees())))?;
    let order = std::iter::once(first).chain((0..sets.len()).filter(|&i| i != first));
    let evidence = order
        .filter_map(|i| {
            let device = Device::Meaning(both[i].as_ref()?.1.clone());
            Some(Evidence { inputs: sets[i].clone(), device, before: None })
        })
        .collect();
    Some(Observed { scope, arrow: Arrow::Passes, evidence, certified: None })
}

// ---------------------------------------------------------------------------------------------- stages

struct Runs {
    f: Run,
    t: Option<Run>,
    s: Option<Run>,
    a: Option<Vec<(String, Tensor)>>,
    b: Option<Vec<(String, Tensor)>>,
}

/// Where the first violation is.
#[derive(Clone, PartialEq, Debug)]
struct Place {
    arrow: Arrow,
    group: Option<GroupId>,
    /// Output of the graph, for the arrows that compare those.
    output: Option<String>,
}

struct Looked<'a> {
    case: &'a Case,
    c: &'a Compilation,
}

fn guarded<T, E>(f: impl FnOnce() -> Result<T, E>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(f)).ok()?.ok()
}

impl Looked<'_> {
    fn run(&self, inputs: &[Tensor]) -> Option<Runs> {
        let c = self.c;
        let named: Vec<(String, Tensor)> =
            c.fused.inputs.iter().zip(inputs).map(|((n, _), t)| (n.clone(), t.clone())).collect();
        let f = guarded(|| stage_interp::group::run_fused(&c.fused, &named))?;
        let t = guarded(|| stage_interp::tile::run_tiles(&c.tiles, &named));
        let s = guarded(|| stage_interp::stream::run_stream(&c.stream, &named));
        let a = self.simulate(&c.placed.program, &named);
        let decoded = isa::container::read_program(&c.binary).ok().filter(|p| *p != c.placed.program);
        let b = decoded.and_then(|p| self.simulate(&p, &named));
        Some(Runs { f, t, s, a, b })
    }
    fn simulate(&self, program: &isa::Program, named: &[(String, Tensor)]) -> Option<Vec<(String, Tensor)>> {
        let setup = &self.case.setup;
        let inputs: Vec<(String, Vec<u8>)> = named.iter().map(|(n, t)| (n.clone(), t.bytes.to_vec())).collect();
        let options = sim::Options { max_instructions: setup.max_instructions, ..sim::Options::default() };
        guarded(|| {
            let mut simulator = sim::Simulator::new(&setup.config, options);
            let loaded = simulator.load(program)?;
            simulator.run_loaded(&loaded, &inputs).map(|r| typed_outputs(self.c, r.outputs))
        })
    }
    /// What the machine holds after a run: the first tensor of each value counts.
    fn held(&self, run: &Run, inputs: &[Tensor]) -> BTreeMap<ValueId, Tensor> {
        let g = self.c.lowered();
        let mut held: BTreeMap<ValueId, Tensor> = g.inputs.iter().copied().zip(inputs.iter().cloned()).collect();
        for (_, group) in self.c.fused.groups.iter() {
            if let (Some(v), Some(bytes)) = (self.c.fused.tensors[group.output].value, &run.tensors[group.output]) {
                held.entry(v).or_insert_with(|| logical(self.c, group.output, bytes, v));
            }
        }
        held
    }
    fn result(&self, run: &Run, group: GroupId) -> Option<Tensor> {
        let id = self.c.fused.groups[group].output;
        Some(logical(self.c, id, run.tensors[id].as_ref()?, self.c.fused.tensors[id].value?))
    }
    /// Whether a group writes a value that an earlier one wrote: a copy.
    fn is_copy(&self, group: GroupId) -> bool {
        let value = |g: GroupId| self.c.fused.tensors[self.c.fused.groups[g].output].value;
        let g = self.c.lowered();
        value(group).is_some_and(|v| {
            g.inputs.contains(&v)
                || g.constant(v).is_some()
                || self.c.fused.groups.ids().take_while(|&x| x != group).any(|x| value(x) == Some(v))
        })
    }
    fn violation(&self, inputs: &[Tensor], r: &Runs, wanted: Option<Arrow>) -> Option<Place> {
        let want = |a: Arrow| wanted.is_none_or(|w| w == a);
        let at = |arrow: Arrow, group: GroupId| Some(Place { arrow, group: Some(group), output: None });
        let groups: Vec<GroupId> = self.c.fused.groups.ids().collect();
        if want(Arrow::Groups) {
            for &g in &groups {
                if self.group_is_wrong(inputs, r, g) == Some(true) {
                    return at(Arrow::Groups, g);
                }
            }
        }
        let pairs = [(Arrow::Tiles, Some(&r.f), r.t.as_ref()), (Arrow::Schedule, r.t.as_ref(), r.s.as_ref())];
        for (arrow, x, y) in pairs {
            let (true, Some(x), Some(y)) = (want(arrow), x, y) else { continue };
            for &g in &groups {
                let id = self.c.fused.groups[g].output;
                if x.tensors[id] != y.tensors[id] && self.c.fused.tensors[id].value.is_some() {
                    return at(arrow, g);
                }
            }
        }
        let s = r.s.as_ref().map(|s| &s.outputs);
        for (arrow, x, y) in [(Arrow::Placement, s, r.a.as_ref()), (Arrow::Encoding, r.a.as_ref(), r.b.as_ref())] {
            let (true, Some(x), Some(y)) = (want(arrow), x, y) else { continue };
            for (name, t) in x {
                if y.iter().any(|(n, u)| n == name && u.bytes != t.bytes) {
                    return Some(Place { arrow, group: self.writer(name), output: Some(name.clone()) });
                }
            }
        }
        if want(Arrow::EndToEnd)
            && let Some(a) = &r.a
        {
            let e = reference::evaluate(&self.case.graph, inputs, &self.case.setup.contract).ok()?;
            for (want, o) in e.outputs().into_iter().zip(&self.case.graph.outputs) {
                let Some((_, t)) = a.iter().find(|(n, _)| *n == o.name) else { continue };
                let Ok(t) = t.reshaped(want.dims.clone()) else { continue };
                if !want.check(&t, &self.case.setup.contract).agrees() {
                    return Some(Place { arrow: Arrow::EndToEnd, group: None, output: Some(o.name.clone()) });
                }
            }
        }
        None
    }
    fn writer(&self, output: &str) -> Option<GroupId> {
        let id = self.c.fused.outputs.iter().find(|o| o.0 == output)?.1;
        match self.c.fused.tensors[id].def {
            TensorDef::Group(g) => Some(g),
            _ => None,
        }
    }
    fn group_is_wrong(&self, inputs: &[Tensor], r: &Runs, g: GroupId) -> Option<bool> {
        let got = self.result(&r.f, g)?;
        let v = self.c.fused.tensors[self.c.fused.groups[g].output].value?;
        let held = self.held(&r.f, inputs);
        if self.is_copy(g) {
            let first = held.get(&v).or_else(|| self.c.lowered().constant(v))?;
            return Some(first.bytes != got.bytes);
        }
        let nodes = with_aliases(self.c.lowered(), &self.c.fused.groups[g].nodes, &held);
        let contract = &self.case.setup.group_contract;
        let e = reference::evaluate_nodes(self.c.lowered(), &nodes, &held, contract).ok()?;
        Some(!e.value(v)?.check(&got, contract).agrees())
    }
    /// The run whose group is wrong.
    fn blamed_run<'r>(&self, place: &Place, r: &'r Runs) -> Option<&'r Run> {
        match place.arrow {
            Arrow::Groups => Some(&r.f),
            Arrow::Tiles => r.t.as_ref(),
            _ => r.s.as_ref(),
        }
    }
    /// The scope, and which held values are its inputs.
    fn scope(&self, place: &Place, inputs: &[Tensor], r: &Runs) -> Option<(Scope, Vec<ValueId>)> {
        if place.arrow == Arrow::EndToEnd {
            let mut graph = self.case.graph.clone();
            graph.outputs.retain(|o| Some(&o.name) == place.output.as_ref());
            let (graph, contract) = (ir::rebuild::compact(&graph), self.case.setup.contract.clone());
            return Some((Scope { graph, contract, typed: false, at: "whole graph".into() }, Vec::new()));
        }
        let (g, id) = (self.c.lowered(), place.group?);
        let group = &self.c.fused.groups[id];
        let v = self.c.fused.tensors[group.output].value?;
        let at = ops_of(self.c, id);
        let contract = &self.case.setup.group_contract;
        if self.is_copy(id) {
            return Some((copy_of(g.ty(v), contract, at), vec![v]));
        }
        let held = self.read(place, inputs, r)?;
        let own: BTreeSet<ir::NodeId> = group.nodes.iter().copied().collect();
        let (graph, sources) = cut(g, &own, v, contract)?;
        // All there, or there is nothing to evaluate.
        sources.iter().all(|s| held.contains_key(s)).then_some(())?;
        Some((Scope { graph, contract: contract.clone(), typed: false, at }, sources))
    }
    /// What the machine held, and what is only an alias of it.
    fn read(&self, place: &Place, inputs: &[Tensor], r: &Runs) -> Option<BTreeMap<ValueId, Tensor>> {
        let g = self.c.lowered();
        let group = &self.c.fused.groups[place.group?];
        let mut held = self.held(self.blamed_run(place, r)?, inputs);
        let own: BTreeSet<ir::NodeId> = group.nodes.iter().copied().collect();
        let aliases: Vec<ir::NodeId> =
            with_aliases(g, &group.nodes, &held).into_iter().filter(|n| !own.contains(n)).collect();
        let e = reference::evaluate_nodes(g, &aliases, &held, &self.case.setup.group_contract).ok()?;
        for n in &aliases {
            for &o in &g.nodes[*n].outputs {
                if let Some(b) = e.value(o) {
                    held.insert(o, b.to_tensor());
                }
            }
        }
        Some(held)
    }
    fn evidence(
        &self,
        place: &Place,
        scope: &Scope,
        sources: &[ValueId],
        inputs: &[Tensor],
        r: &Runs,
    ) -> Option<Evidence> {
        let dims = scope.plain_dims();
        let named = |all: Option<&Vec<(String, Tensor)>>| {
            let name = place.output.as_ref()?;
            let t = all?.iter().find(|(n, _)| n == name)?.1.clone();
            t.reshaped(dims.clone()?).ok()
        };
        let (device, before) = match place.arrow {
            Arrow::Groups => (self.result(&r.f, place.group?)?, None),
            Arrow::Tiles => (self.result(r.t.as_ref()?, place.group?)?, self.result(&r.f, place.group?)),
            Arrow::Schedule => {
                (self.result(r.s.as_ref()?, place.group?)?, r.t.as_ref().and_then(|t| self.result(t, place.group?)))
            }
            Arrow::Placement => (named(r.a.as_ref())?, named(r.s.as_ref().map(|s| &s.outputs))),
            Arrow::Encoding => (named(r.b.as_ref())?, named(r.a.as_ref())),
            Arrow::EndToEnd => (named(r.a.as_ref())?, None),
            Arrow::Passes => return None,
        };
        let inputs = if place.arrow == Arrow::EndToEnd {
            inputs.to_vec()
        } else if self.is_copy(place.group?) {
            let held = self.held(self.blamed_run(place, r)?, inputs);
            vec![held.get(&sources[0]).or_else(|| self.c.lowered().constant(sources[0]))?.clone()]
        } else {
            let held = self.read(place, inputs, r)?;
            sources.iter().map(|s| held.get(s).cloned()).collect::<Option<_>>()?
        };
        Some(Evidence { inputs, device: Device::Bits(device), before })
    }
}

/// Outputs of the machine on one set, logical; `None` if it stops.
pub fn outputs(case: &Case, set: &[Tensor]) -> Option<Vec<(String, Tensor)>> {
    let c = &compile(case)?;
    let named: Vec<(String, Tensor)> =
        c.fused.inputs.iter().zip(set).map(|((n, _), t)| (n.clone(), t.clone())).collect();
    Looked { case, c }.simulate(&c.placed.program, &named)
}

impl Scope {
    /// Declared extents of the first output.
    fn plain_dims(&self) -> Option<Vec<usize>> {
        Some(self.graph.ty(self.graph.outputs.first()?.value).dims.clone())
    }
}
