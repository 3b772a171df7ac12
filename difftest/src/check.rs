//! The oracle of one case: compiles, runs every stage, and holds neighbours against each other.
//!
//! *Proves* nothing; *finds*, on the given data: passes that break their claim (f64 against f64), groups outside of their bound on
//! the machine's own inputs, any bit that differs between F, T, S and A, traps, verifier violations, panics, encodings that
//! do not decode to themselves, and bits on which simulator and scalar oracle differ. *Cannot see* errors below the radius of a
//! group's bound (statistics may), or what the data do not exercise.

use crate::case::{Case, Setup};
use crate::verdict::{Arrow, Element, Failure, Report, Verdict};
use driver::{Compilation, Edit, Snapshot};
use ir::{Graph, Tensor, ValueId};
use kit::{Claim, CompileError, Rounding};
use lir::fused::{GroupId, TensorDef, TensorId};
use reference::{BoundReport, Bounded, Contract, EvalError, Session};
use stage_interp::{Run, StageError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Share of a group's elements that must be decided.
const DECIDED: f64 = 0.9;

/// Checks a case. Never panics: a panic of the compiler or of an executor is a verdict.
pub fn check(case: &Case) -> Report {
    check_observed(case, &mut |_| {})
}

/// As [`check`]; `phase` is told what comes next (for progress and profiles).
pub fn check_observed(case: &Case, phase: &mut dyn FnMut(&'static str)) -> Report {
    let mut r = Report::default();
    phase("compile");
    let mut log = Vec::new();
    let compiled =
        catch_unwind(AssertUnwindSafe(|| driver::compile(&case.graph, &case.setup.options(), &mut log, &mut |_| {})));
    let c = match compiled {
        Ok(Ok(c)) => c,
        Ok(Err(e)) => {
            compile_error(&e, &case.setup, &mut r);
            r.rewrites = log;
            return r;
        }
        Err(p) => {
            crash(&mut r, Arrow::Passes, "compile", &panic_text(&p), 0);
            return r;
        }
    };
    r.instructions = c.placed.program.code.len() as u64;
    for g in &c.tiles.groups {
        r.multi_tile.0 += u64::from(g.tiles.len() > 1);
        r.multi_tile.1 += 1;
    }
    encoding(&c, &mut r);
    let machine = Machine::new(case, &c);
    let mut sessions = Sessions::default();
    for set in 0..case.sets.len() {
        // The first failing set is enough: later arrows of the same set are still compared, so that the stage is right.
        if r.failure.is_some() {
            break;
        }
        if let Err(p) =
            catch_unwind(AssertUnwindSafe(|| check_set(case, &c, &machine, set, &mut sessions, &mut r, phase)))
        {
            crash(&mut r, Arrow::Placement, "execute", &panic_text(&p), set);
        }
        sessions.forget_inputs();
    }
    // What also shows over the reals says more about what is wrong; it may show on a later set.
    if r.failure.is_none() {
        r.failure = r.broken_claim.take();
    }
    r.complete = r.verdict.is_none();
    if let Some(f) = &r.failure {
        r.verdict = Some(f.verdict);
    }
    r.rewrites = log;
    r.undecided = r
        .best_decided
        .iter()
        .filter(|(_, d)| **d < DECIDED)
        .map(|(g, d)| format!("{}: {:.0} % decided", ops_of(&c, GroupId(*g)), 100.0 * d))
        .collect();
    r.undecided_groups = r.undecided.len() as u64;
    if r.verdict.is_none() {
        r.verdict = Some(if !r.suspects.is_empty() {
            Verdict::Suspect
        } else if r.undecided_groups > 0 {
            Verdict::Undecided
        } else {
            Verdict::Agree
        });
    }
    r
}

fn panic_text(p: &Box<dyn std::any::Any + Send>) -> String {
    p.downcast_ref::<String>()
        .cloned()
        .or_else(|| p.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default()
}

fn crash(r: &mut Report, arrow: Arrow, pass: &str, detail: &str, set: usize) {
    r.count(arrow, false);
    r.fail(Failure {
        verdict: Verdict::Crash,
        arrow,
        pass: pass.into(),
        class: "panic".into(),
        at: String::new(),
        element: None,
        detail: detail.lines().next().unwrap_or_default().to_string(),
        set,
    });
    r.verdict = Some(Verdict::Crash);
}

/// The arrow that a pass, lowering or injected edit belongs to.
pub fn arrow_of(pass: &str, setup: &Setup) -> Arrow {
    if let Some(i) = setup.injections.iter().find(|i| i.name == pass) {
        return match i.edit {
            Edit::Graph { .. } => Arrow::Passes,
            Edit::Fused(_) => Arrow::Groups,
            Edit::Tile(_) => Arrow::Tiles,
            Edit::Stream(_) => Arrow::Schedule,
            Edit::Placed(_) => Arrow::Placement,
            Edit::Binary(_) => Arrow::Encoding,
        };
    }
    let lowerings = [Arrow::Groups, Arrow::Tiles, Arrow::Schedule, Arrow::Placement, Arrow::Encoding];
    lowerings.into_iter().find(|a| a.lowering() == pass).unwrap_or(Arrow::Passes)
}

fn compile_error(e: &CompileError, setup: &Setup, r: &mut Report) {
    match e {
        CompileError::Unsupported { .. } | CompileError::OutOfResource { .. } | CompileError::Invalid { .. } => {
            r.verdict = Some(Verdict::Unsupported);
            r.reason = Some(e.to_string());
        }
        CompileError::Broken { after, violations } => {
            let arrow = arrow_of(after, setup);
            r.count(arrow, false);
            r.fail(Failure {
                verdict: Verdict::Invalid,
                arrow,
                pass: after.clone(),
                class: format!("verify:{}", violations.first().map_or("", |v| v.rule)),
                at: violations.first().map(|v| v.at.clone()).unwrap_or_default(),
                element: None,
                detail: violations.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join("; "),
                set: 0,
            });
            r.verdict = Some(Verdict::Invalid);
        }
    }
}

/// A→B: the bytes decode to the placed program.
fn encoding(c: &Compilation, r: &mut Report) {
    let decoded = isa::container::read_program(&c.binary);
    let (ok, detail) = match &decoded {
        Ok(p) if *p == c.placed.program => (true, String::new()),
        Ok(p) => {
            let pc = p.code.iter().zip(&c.placed.program.code).position(|(a, b)| a != b);
            (false, format!("decode(encode(x)) differs from x, first at pc {pc:?}"))
        }
        Err(e) => (false, format!("the container does not decode: {e}")),
    };
    if !r.count(Arrow::Encoding, ok) {
        r.fail(Failure {
            verdict: Verdict::Mismatch,
            arrow: Arrow::Encoding,
            pass: Arrow::Encoding.lowering().into(),
            class: "encoding".into(),
            at: String::new(),
            element: None,
            detail,
            set: 0,
        });
    }
}

fn check_set(
    case: &Case,
    c: &Compilation,
    machine: &Machine<'_>,
    set: usize,
    sessions: &mut Sessions,
    r: &mut Report,
    phase: &mut dyn FnMut(&'static str),
) {
    let inputs = &case.sets[set];
    phase("passes");
    passes(&case.setup, c, inputs, set, sessions, r);
    let named: Vec<(String, Tensor)> =
        c.fused.inputs.iter().zip(inputs).map(|((n, _), t)| (n.clone(), t.clone())).collect();
    phase("groups");
    let Some(f) = stage(stage_interp::group::run_fused(&c.fused, &named), Arrow::Groups, set, r) else { return };
    groups(&case.setup, c, inputs, &f, set, sessions, r);
    phase("tiles");
    let Some(t) = stage(stage_interp::tile::run_tiles(&c.tiles, &named), Arrow::Tiles, set, r) else { return };
    bits(c, &f, &t, Arrow::Tiles, set, r);
    phase("stream");
    let Some(s) = stage(stage_interp::stream::run_stream(&c.stream, &named), Arrow::Schedule, set, r) else { return };
    bits(c, &t, &s, Arrow::Schedule, set, r);
    phase("simulate");
    let Some(a) = simulate(c, machine, &named, set, r) else { return };
    outputs(c, &s.outputs, &a, Arrow::Placement, set, r);
    phase("oracle");
    scalar_oracle(case, c, &named, &a, set, r);
    phase("end to end");
    end_to_end(case, &a, set, sessions, r);
    if case.setup.suspect && set == 0 && r.failure.is_none() {
        phase("calibrated");
        calibrated(case, c, machine, &a, r);
    }
}

fn stage(run: Result<Run, StageError>, arrow: Arrow, set: usize, r: &mut Report) -> Option<Run> {
    match run {
        Ok(run) => Some(run),
        Err(e) => {
            r.count(arrow, false);
            r.fail(Failure {
                verdict: Verdict::Invalid,
                arrow,
                pass: arrow.lowering().into(),
                class: "stage-error".into(),
                at: String::new(),
                element: None,
                detail: e.to_string(),
                set,
            });
            None
        }
    }
}

// ---------------------------------------------------------------------------------------------- G → G'

/// The contract under which a claim is checked.
pub(crate) fn claim_contract(claim: Claim, setup: &Setup) -> Contract {
    let name = match claim {
        Claim::Bits | Claim::Real | Claim::RealExceptNan | Claim::Rounds(Rounding::NewConstants) => "f64",
        Claim::Rounds(Rounding::QdqToInteger) => return setup.contract.clone(),
        Claim::Rounds(Rounding::Precision) => "bf16",
    };
    Contract::named(name).expect("a built-in contract")
}

/// The graph with its wide constants rounded once, by the reference's own rounding: what `Rounds(NewConstants)` may do and no more.
pub(crate) fn rounded_constants(g: &Graph) -> Graph {
    let mut g = g.clone();
    for v in g.values.values_mut() {
        if let ir::Def::Const(t) = &v.def
            && t.dtype != v.ty.dtype
        {
            let mut b = Bounded::from_tensor(t);
            b.dtype = v.ty.dtype;
            v.def = ir::Def::Const(b.to_tensor());
        }
    }
    g
}

/// Whether a pass added casts between float types.
pub(crate) fn more_float_casts(before: &Graph, after: &Graph) -> bool {
    let casts = |g: &Graph| {
        let float = |v: ValueId| g.ty(v).dtype.is_float();
        let is = |n: &&ir::Node| n.op == ir::Op::Cast && n.input(0).is_some_and(float) && float(n.outputs[0]);
        g.nodes.values().filter(is).count()
    };
    casts(after) > casts(before)
}

/// The reference under each contract that a case needs: graphs before and after a pass share what the pass left alone, groups and
/// input sets share the constants.
#[derive(Default)]
struct Sessions(Vec<Session>);

impl Sessions {
    /// With bounds under a contract.
    fn under(&mut self, contract: &Contract) -> &mut Session {
        self.find(contract, false)
    }
    /// In the types' own arithmetic.
    fn typed(&mut self, contract: &Contract) -> &mut Session {
        self.find(contract, true)
    }
    fn find(&mut self, contract: &Contract, typed: bool) -> &mut Session {
        let at = self.0.iter().position(|s| s.is_typed() == typed && s.contract() == contract).unwrap_or_else(|| {
            self.0.push(if typed { Session::typed(contract) } else { Session::new(contract) });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
    fn forget_inputs(&mut self) {
        self.0.iter_mut().for_each(Session::forget_inputs);
    }
}

fn passes(setup: &Setup, c: &Compilation, inputs: &[Tensor], set: usize, sessions: &mut Sessions, r: &mut Report) {
    let mut memo: BTreeMap<(usize, String), Result<Vec<Arc<Bounded>>, EvalError>> = BTreeMap::new();
    for i in 1..c.graphs.len() {
        let after = &c.graphs[i];
        let contract = if more_float_casts(&c.graphs[i - 1].graph, &after.graph) {
            // The pass computes 16-bit composites in f32 and rounds once at the end: that rounding is the types' own, which `f64` does not know.
            setup.contract.clone()
        } else {
            claim_contract(after.claim, setup)
        };
        let key = |i: usize| (i, contract.name.clone());
        let session = sessions.under(&contract);
        let mut outputs_of = |g: &Graph| session.evaluate(g, inputs).map(|e| e.shared_outputs());
        let lhs = if after.claim == Claim::Rounds(Rounding::NewConstants) {
            outputs_of(&rounded_constants(&c.graphs[i - 1].graph))
        } else {
            memo.remove(&key(i - 1)).unwrap_or_else(|| outputs_of(&c.graphs[i - 1].graph))
        };
        let rhs = outputs_of(&after.graph);
        match (&lhs, &rhs) {
            (Ok(a), Ok(b)) => {
                compare_pass(after, a, b, set, r);
                if after.claim == Claim::Bits {
                    same_bits(&c.graphs[i - 1], after, inputs, sessions.typed(&setup.contract), set, r);
                }
            }
            (Err(EvalError::Unsupported { reason, .. }), _) | (_, Err(EvalError::Unsupported { reason, .. })) => {
                r.verdict = Some(Verdict::Unsupported);
                r.reason = Some(format!("the reference has no kernel: {reason}"));
            }
            (Err(e), _) | (_, Err(e)) => {
                pass_failure(after, Verdict::Invalid, "reference", e.to_string(), None, set, r);
            }
        }
        memo.insert(key(i), rhs);
    }
}

fn compare_pass(after: &Snapshot, a: &[Arc<Bounded>], b: &[Arc<Bounded>], set: usize, r: &mut Report) {
    let mut bad = None;
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        let mut rep = x.check_meaning(y);
        if after.claim == Claim::RealExceptNan {
            rep.outside.retain(|o| !o.want.is_nan());
            if rep.outside.is_empty() {
                rep.outside_count = 0;
            }
        }
        if !rep.agrees() && bad.is_none() {
            bad = Some((k, rep, x.dims.clone()));
        }
    }
    r.count(Arrow::Passes, bad.is_none());
    if let Some((k, rep, dims)) = bad {
        let e = element(&after.graph.outputs[k].name, &dims, &rep);
        let detail =
            format!("{} claims {:?}, yet the meaning changed: {}", after.pass, after.claim, describe(&e, &rep));
        pass_failure(after, Verdict::Mismatch, "meaning", detail, e, set, r);
    }
}

/// `Claim::Bits` in the types' own arithmetic, beside the comparison over the reals: a sum in another order, or −0 for +0, is no difference
/// there, and a difference of 1e-9 is none here.
fn same_bits(
    before: &Snapshot,
    after: &Snapshot,
    inputs: &[Tensor],
    session: &mut Session,
    set: usize,
    r: &mut Report,
) {
    let mut typed = |s: &Snapshot| -> Result<Vec<Tensor>, EvalError> {
        Ok(session.evaluate(&s.graph, inputs)?.outputs().into_iter().map(Bounded::to_tensor).collect())
    };
    // What cannot be evaluated was said by the comparison over the reals.
    let (Ok(a), Ok(b)) = (typed(before), typed(after)) else { return };
    let bad = a.iter().zip(&b).enumerate().find(|(_, (x, y))| x != y);
    r.count(Arrow::Passes, bad.is_none());
    if let Some((k, (x, y))) = bad {
        let e = differing(&after.graph.outputs[k].name, &x.dims, x.dtype.size(), &x.bytes, &y.bytes);
        let detail = format!("{} claims Bits, yet: {}", after.pass, bit_detail(&e));
        r.broken_claim.get_or_insert(Failure {
            verdict: Verdict::Mismatch,
            arrow: Arrow::Passes,
            pass: after.pass.into(),
            class: "bits".into(),
            at: String::new(),
            element: e,
            detail,
            set,
        });
    }
}

fn pass_failure(
    after: &Snapshot,
    verdict: Verdict,
    class: &str,
    detail: String,
    element: Option<Element>,
    set: usize,
    r: &mut Report,
) {
    if r.failure.as_ref().is_some_and(|f| f.arrow == Arrow::Passes) {
        return;
    }
    r.fail(Failure {
        verdict,
        arrow: Arrow::Passes,
        pass: after.pass.into(),
        class: class.into(),
        at: String::new(),
        element,
        detail,
        set,
    });
}

/// Splits a linear index.
pub fn multi_index(mut i: usize, dims: &[usize]) -> Vec<usize> {
    let mut out = vec![0; dims.len()];
    for (o, &d) in out.iter_mut().zip(dims).rev() {
        *o = i % d.max(1);
        i /= d.max(1);
    }
    out
}

fn element(tensor: &str, dims: &[usize], rep: &BoundReport) -> Option<Element> {
    let o = rep.outside.first()?;
    Some(Element {
        tensor: tensor.into(),
        index: multi_index(o.index, dims),
        got: format!("{:?}", o.got),
        want: format!("{:?}", o.want),
        radius: Some(o.radius),
        ratio: (o.radius > 0.0).then(|| (o.got - o.want).abs() / o.radius),
        wrong: (rep.outside_count, rep.elements),
    })
}

fn describe(e: &Option<Element>, rep: &BoundReport) -> String {
    match e {
        Some(e) => format!(
            "{}{:?} is {}, the reference has {} ± {:e} ({} of {} elements)",
            e.tensor,
            e.index,
            e.got,
            e.want,
            e.radius.unwrap_or(0.0),
            e.wrong.0,
            e.wrong.1
        ),
        None => rep.type_mismatch.clone().unwrap_or_default(),
    }
}

// ---------------------------------------------------------------------------------------------- G' → F

/// The logical tensor, with the value's own extents (a reshape may be an alias).
pub(crate) fn logical(c: &Compilation, id: TensorId, bytes: &[u8], v: ValueId) -> Tensor {
    let t = stage_interp::relayout::to_logical(&c.fused.tensors[id], bytes);
    let dims = c.lowered().ty(v).dims.clone();
    t.reshaped(dims).unwrap_or(t)
}

fn groups(
    setup: &Setup,
    c: &Compilation,
    inputs: &[Tensor],
    run: &Run,
    set: usize,
    sessions: &mut Sessions,
    r: &mut Report,
) {
    let g = c.lowered();
    // A value keeps the content that its first tensor has; groups run in order, so what a group reads is there.
    let mut given: BTreeMap<ValueId, Tensor> = g.inputs.iter().copied().zip(inputs.iter().cloned()).collect();
    // Values that are pure reshapes of others have no tensor of their own: the reference computes them as part of the group.
    for (id, group) in c.fused.groups.iter() {
        let (Some(v), Some(bytes)) = (c.fused.tensors[group.output].value, &run.tensors[group.output]) else {
            continue;
        };
        let got = logical(c, group.output, bytes, v);
        if let Some(first) = given.get(&v).or_else(|| g.constant(v)) {
            // A copy in another layout, or for an output: its own test, or a wrong copy would agree with itself further on.
            if !r.count(Arrow::Groups, first.bytes == got.bytes) {
                let e = differing(&g.value_name(v), &first.dims, first.dtype.size(), &first.bytes, &got.bytes);
                let detail = format!("a copy differs from its source: {}", bit_detail(&e));
                r.groups_failed += 1;
                group_failure(c, id, "copy", detail, e, set, r);
            }
            continue;
        }
        let nodes = with_aliases(g, &group.nodes, &given);
        let read: BTreeMap<ValueId, Tensor> = nodes
            .iter()
            .flat_map(|&n| g.nodes[n].inputs.iter().flatten())
            .filter_map(|v| Some((*v, given.get(v)?.clone())))
            .collect();
        let e = match sessions.under(&setup.group_contract).evaluate_nodes(g, &nodes, &read) {
            Ok(e) => e,
            Err(EvalError::Unsupported { reason, .. }) => {
                r.verdict = Some(Verdict::Unsupported);
                r.reason = Some(format!("the reference has no kernel: {reason}"));
                return;
            }
            Err(err) => {
                group_failure(c, id, "reference", err.to_string(), None, set, r);
                continue;
            }
        };
        let Some(want) = e.value(v) else { continue };
        let rep = want.check(&got, &setup.group_contract);
        r.groups_checked += 1;
        r.elements += rep.elements as u64;
        r.decided += rep.decided as u64;
        r.exact += rep.exact as u64;
        if rep.worst_ratio.is_finite() {
            r.worst_ratio = r.worst_ratio.max(rep.worst_ratio);
        }
        let kernel = || crate::stats::kernel(g, &group.nodes, got.dtype);
        crate::stats::observe(&mut r.biases, kernel, want, &got);
        // Data with NaN and infinities leave elements undecided by design: a group counts by its best input set.
        let best = r.best_decided.entry(id.0).or_insert(0.0);
        *best = best.max(rep.decided_fraction());
        if !r.count(Arrow::Groups, rep.agrees()) {
            r.groups_failed += 1;
            let e = element(&g.value_name(v), &want.dims, &rep);
            let detail = describe(&e, &rep);
            group_failure(c, id, "bound", detail, e, set, r);
        }
        given.insert(v, got);
    }
}

/// The group's nodes, and the nodes before them that only rename or reshape what the machine holds.
pub(crate) fn with_aliases(g: &Graph, nodes: &[ir::NodeId], given: &BTreeMap<ValueId, Tensor>) -> Vec<ir::NodeId> {
    let mut out = nodes.to_vec();
    let mut stack = nodes.to_vec();
    while let Some(n) = stack.pop() {
        for v in g.nodes[n].inputs.iter().flatten() {
            if let Some(p) = g.producer(*v)
                && !given.contains_key(v)
                && !out.contains(&p)
            {
                out.push(p);
                stack.push(p);
            }
        }
    }
    out.sort_unstable();
    out
}

pub(crate) fn ops_of(c: &Compilation, id: GroupId) -> String {
    let g = c.lowered();
    let group = &c.fused.groups[id];
    let ops: Vec<&str> = group.nodes.iter().map(|&n| g.nodes[n].op.name()).collect();
    format!("{id} `{}` ({})", group.name, ops.join(", "))
}

fn group_failure(
    c: &Compilation,
    id: GroupId,
    class: &str,
    detail: String,
    element: Option<Element>,
    set: usize,
    r: &mut Report,
) {
    if r.failure.as_ref().is_some_and(|f| f.arrow <= Arrow::Groups) {
        return;
    }
    r.fail(Failure {
        verdict: Verdict::Mismatch,
        arrow: Arrow::Groups,
        pass: Arrow::Groups.lowering().into(),
        class: class.into(),
        at: ops_of(c, id),
        element,
        detail,
        set,
    });
}

// ---------------------------------------------------------------------------------------------- bits

fn bits(c: &Compilation, a: &Run, b: &Run, arrow: Arrow, set: usize, r: &mut Report) {
    for (id, t) in c.fused.tensors.iter() {
        let TensorDef::Group(group) = t.def else { continue };
        let (x, y) = (&a.tensors[id], &b.tensors[id]);
        if r.count(arrow, x == y) {
            continue;
        }
        let size = t.dtype.size() as usize;
        let (Some(x), Some(y)) = (x, y) else {
            bit_failure(c, Some(group), arrow, None, format!("{id} was not written"), set, r);
            continue;
        };
        let e =
            differing(&t.value.map_or(id.to_string(), |v| c.lowered().value_name(v)), &t.physical_dims(), size, x, y);
        let detail = bit_detail(&e);
        bit_failure(c, Some(group), arrow, e, detail, set, r);
    }
}

fn differing(name: &str, dims: &[usize], size: usize, x: &[u8], y: &[u8]) -> Option<Element> {
    let (xs, ys) = (x.chunks(size), y.chunks(size));
    let total = xs.len();
    let wrong: Vec<usize> = xs.zip(ys).enumerate().filter(|(_, (p, q))| p != q).map(|(i, _)| i).collect();
    let first = *wrong.first()?;
    let hex =
        |b: &[u8]| b[first * size..(first + 1) * size].iter().rev().map(|v| format!("{v:02x}")).collect::<String>();
    Some(Element {
        tensor: name.into(),
        index: multi_index(first, dims),
        got: format!("0x{}", hex(y)),
        want: format!("0x{}", hex(x)),
        radius: None,
        ratio: None,
        wrong: (wrong.len(), total),
    })
}

fn bit_detail(e: &Option<Element>) -> String {
    e.as_ref().map_or("sizes differ".into(), |e| {
        format!(
            "{}{:?} is {}, before {} ({} of {} elements differ)",
            e.tensor, e.index, e.got, e.want, e.wrong.0, e.wrong.1
        )
    })
}

fn bit_failure(
    c: &Compilation,
    group: Option<GroupId>,
    arrow: Arrow,
    element: Option<Element>,
    detail: String,
    set: usize,
    r: &mut Report,
) {
    if r.failure.as_ref().is_some_and(|f| f.arrow <= arrow) {
        return;
    }
    r.fail(Failure {
        verdict: Verdict::Mismatch,
        arrow,
        pass: arrow.lowering().into(),
        class: "bits".into(),
        at: group.map_or(String::new(), |g| ops_of(c, g)),
        element,
        detail,
        set,
    });
}

// ---------------------------------------------------------------------------------------------- S → A → B

fn trap(t: &isa::Trap, pass: &str, arrow: Arrow, set: usize, c: &Compilation, r: &mut Report) {
    r.count(arrow, false);
    let op = t.pc.and_then(|pc| c.placed.ops.get(pc as usize)).and_then(|o| o.op);
    let at = op.map_or(String::new(), |i| ops_of(c, c.stream.ops[i].group));
    r.fail(Failure {
        verdict: if t.code == isa::TrapCode::InstrLimit { Verdict::Timeout } else { Verdict::Trap },
        arrow,
        pass: pass.into(),
        class: format!("trap:{}", t.code.name()),
        at,
        element: None,
        detail: t.to_string(),
        set,
    });
}

/// The program, loaded when the first set needs it, and what the load-time checks said: once for all sets of a case.
struct Machine<'c> {
    case: &'c Case,
    program: &'c isa::Program,
    state: RefCell<Option<(sim::Simulator, Result<sim::Loaded<'c>, sim::RunError>)>>,
}

impl<'c> Machine<'c> {
    fn new(case: &'c Case, c: &'c Compilation) -> Self {
        Machine { case, program: &c.placed.program, state: RefCell::new(None) }
    }

    /// Runs one set from empty memories; only the first is timed.
    fn run(&self, set: usize, inputs: &[(String, Vec<u8>)]) -> Result<sim::RunResult, sim::RunError> {
        let setup = &self.case.setup;
        let options = sim::Options {
            max_instructions: setup.max_instructions,
            timing: setup.timing && set == 0,
            // Which bytes an instruction touches hardly depends on data.
            self_check: set == 0,
            ..sim::Options::default()
        };
        let mut state = self.state.borrow_mut();
        let (simulator, loaded) = state.get_or_insert_with(|| {
            let simulator = sim::Simulator::new(&setup.config, options);
            let loaded = simulator.load(self.program);
            (simulator, loaded)
        });
        simulator.set_options(options);
        let loaded = loaded.clone()?;
        simulator.run_loaded(&loaded, inputs)
    }
}

fn simulate(
    c: &Compilation,
    machine: &Machine<'_>,
    named: &[(String, Tensor)],
    set: usize,
    r: &mut Report,
) -> Option<Vec<(String, Tensor)>> {
    let inputs: Vec<(String, Vec<u8>)> = named.iter().map(|(n, t)| (n.clone(), t.bytes.to_vec())).collect();
    match machine.run(set, &inputs) {
        Ok(run) => {
            if let Some(t) = &run.stats {
                r.cycles = Some(t.cycles());
            }
            Some(typed_outputs(c, run.outputs))
        }
        Err(sim::RunError::Trap(t)) => {
            trap(&t, Arrow::Placement.lowering(), Arrow::Placement, set, c, r);
            None
        }
        Err(e) => {
            r.count(Arrow::Placement, false);
            bit_failure(c, None, Arrow::Placement, None, e.to_string(), set, r);
            None
        }
    }
}

/// Longest program that the scalar oracle runs: it is slow, and short programs use every instruction.
const ORACLE_INSTRUCTIONS: usize = 400;

/// A→B: the scalar ISA oracle, written apart from the simulator, gives the same bits on the first set.
fn scalar_oracle(
    case: &Case,
    c: &Compilation,
    named: &[(String, Tensor)],
    simulated: &[(String, Tensor)],
    set: usize,
    r: &mut Report,
) {
    let program = &c.placed.program;
    if !case.setup.oracle || set != 0 || program.code.len() > ORACLE_INSTRUCTIONS {
        return;
    }
    let inputs: Vec<(String, Vec<u8>)> = named.iter().map(|(n, t)| (n.clone(), t.bytes.to_vec())).collect();
    match isa_oracle::run(&case.setup.config, program, &inputs) {
        Ok(raw) => outputs(c, simulated, &typed_outputs(c, raw), Arrow::Encoding, set, r),
        Err(isa_oracle::RunError::Trap(t)) => trap(&t, "isa-oracle", Arrow::Encoding, set, c, r),
        Err(e) => {
            r.count(Arrow::Encoding, false);
            bit_failure(c, None, Arrow::Encoding, None, format!("the scalar oracle: {e:?}"), set, r);
        }
    }
}

pub(crate) fn typed_outputs(c: &Compilation, raw: Vec<(String, Vec<u8>)>) -> Vec<(String, Tensor)> {
    let by_name: BTreeMap<String, Vec<u8>> = raw.into_iter().collect();
    c.fused
        .outputs
        .iter()
        .filter_map(|(n, id)| {
            let bytes = by_name.get(n)?;
            Some((n.clone(), stage_interp::relayout::to_logical(&c.fused.tensors[*id], bytes)))
        })
        .collect()
}

fn outputs(
    c: &Compilation,
    want: &[(String, Tensor)],
    got: &[(String, Tensor)],
    arrow: Arrow,
    set: usize,
    r: &mut Report,
) {
    for (name, x) in want {
        let y = got.iter().find(|(n, _)| n == name).map(|p| &p.1);
        let ok = y.is_some_and(|y| y.bytes == x.bytes);
        if r.count(arrow, ok) {
            continue;
        }
        let group = c.fused.outputs.iter().find(|o| o.0 == *name).and_then(|o| match c.fused.tensors[o.1].def {
            TensorDef::Group(g) => Some(g),
            _ => None,
        });
        let e = y.and_then(|y| differing(name, &x.dims, x.dtype.size(), &x.bytes, &y.bytes));
        let detail = bit_detail(&e);
        bit_failure(c, group, arrow, e, detail, set, r);
    }
}

// ---------------------------------------------------------------------------------------------- calibrated

/// Tier T2: outputs outside of what legal executions show, on this set and on fresh data twice more. The machine runs again, from a
/// loaded program of its own.
fn calibrated(case: &Case, c: &Compilation, machine: &Machine<'_>, first: &[(String, Tensor)], r: &mut Report) {
    let seed = u64::try_from(ir::hash::canonical(&case.graph) & u128::from(u64::MAX)).unwrap_or(0);
    let Some(found) = crate::suspect::outside(case, &case.sets[0], first, seed) else { return };
    let Some(one) = found.first() else { return };
    let run = |set: &[Tensor]| {
        let inputs: Vec<(String, Vec<u8>)> =
            c.fused.inputs.iter().zip(set).map(|((n, _), t)| (n.clone(), t.bytes.to_vec())).collect();
        machine.run(1, &inputs).ok().map(|run| typed_outputs(c, run.outputs))
    };
    if crate::suspect::repeats(case, seed, &run) {
        r.suspects
            .push(format!("{}: {:.3} of the bound, legal executions show {:.3}", one.output, one.rho, one.threshold));
    }
}

// ---------------------------------------------------------------------------------------------- end to end

fn end_to_end(case: &Case, got: &[(String, Tensor)], set: usize, sessions: &mut Sessions, r: &mut Report) {
    let Ok(e) = sessions.under(&case.setup.contract).evaluate(&case.graph, &case.sets[set]) else { return };
    for (want, o) in e.outputs().into_iter().zip(&case.graph.outputs) {
        let Some((_, t)) = got.iter().find(|(n, _)| *n == o.name) else { continue };
        let Ok(t) = t.reshaped(want.dims.clone()) else { continue };
        let rep = want.check(&t, &case.setup.contract);
        if !r.count(Arrow::EndToEnd, rep.agrees()) {
            let e = element(&o.name, &want.dims, &rep);
            let detail = describe(&e, &rep);
            r.fail(Failure {
                verdict: Verdict::Mismatch,
                arrow: Arrow::EndToEnd,
                pass: String::new(),
                class: "bound".into(),
                at: String::new(),
                element: e,
                detail,
                set,
            });
        }
    }
}
