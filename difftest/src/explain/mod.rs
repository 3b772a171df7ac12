//! The explainer: on a mismatch the reference is run again, on the machine's own inputs, under named hypotheses, and the one that
//! reproduces what the machine gave is named (issue 4, results 6; DESIGN.md section 3).
//!
//! *Shows*: on which share of the wrong elements, and of all, a named mistake gives the machine's values; and a certificate for the worst
//! element. *Assumes* that what fails fails again on the same data. *Cannot show* causes that are not in its catalogue; then it says so.
//!
//! Each hypothesis is a [`variant::Family`]: another graph ([`rewrites`]), operands whose elements come from elsewhere ([`operands`]), a
//! hypothesis of the reference's own kernels (`reference::Hypothesis`), or a result whose elements come from elsewhere ([`results`]).
//! They are written from what operators and tiles mean; the catalogue of faults is not read here.

pub mod certificate;
pub mod expected;
pub mod observe;
pub mod operands;
pub mod results;
pub mod rewrites;
pub mod scope;
pub mod score;
pub mod symptom;
pub mod variant;

pub use certificate::Certificate;

use crate::case::Case;
use crate::data::{self, Regime};
use crate::verdict::{Arrow, Failure};
use ir::Tensor;
use reference::Hypothesis;
use score::{Match, Tally, matches};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use variant::{Family, Variant};

/// A hypothesis is named from this share of the wrong elements on.
pub const NAMED: f64 = 0.9;
/// From this share on, hypotheses count as equally good, and the simpler one goes first.
const AS_GOOD: f64 = 0.98;
/// From this share of all elements on, a hypothesis explains the whole result.
const WHOLE: f64 = 0.999;
/// How many hypotheses a report lists.
const LISTED: usize = 6;
/// Elements times variants that an explanation may cost.
const WORK: usize = 40_000_000;

/// One hypothesis, measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Score {
    /// Name.
    pub id: String,
    /// For people.
    pub phrase: String,
    /// The best variant.
    pub note: String,
    /// Share of the wrong elements that it reproduces.
    pub of_wrong: f64,
    /// Share of all elements that it reproduces where it is applied everywhere.
    pub of_all: f64,
    /// The same, to the bit.
    pub of_bits: f64,
}

/// What is known of a cause.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// The arrow at which it was looked at.
    pub arrow: Option<Arrow>,
    /// The smallest violating unit.
    pub unit: String,
    /// Elements that are evidence, over all runs.
    pub elements: u64,
    /// Those that the plain reference does not reproduce.
    pub wrong: u64,
    /// Runs.
    pub runs: usize,
    /// Share of all elements that the plain reference reproduces.
    pub plain: f64,
    /// The hypothesis that is named, by id.
    pub named: Option<String>,
    /// The best ones.
    pub hypotheses: Vec<Score>,
    /// Where the wrong elements of the failing run lie.
    pub region: Option<String>,
    /// What a verifier, the simulator or the decoder said.
    pub symptom: Option<String>,
    /// The graph before and after the blamed rewrite, or the program before and after encoding, as a unified diff.
    pub diff: Option<String>,
    /// The certificate.
    pub certificate: Option<Certificate>,
}

impl Explanation {
    /// One line.
    pub fn headline(&self) -> String {
        let best = self.hypotheses.first();
        match (best, &self.named) {
            (Some(s), Some(_)) => {
                let note = if s.note.is_empty() { String::new() } else { format!(" ({})", s.note) };
                if self.wrong == 0 {
                    return format!("{}{note}", s.phrase);
                }
                format!(
                    "{}{note}: reproduces {} of the wrong elements; the plain reference reproduces {} of all",
                    s.phrase,
                    percent(s.of_wrong),
                    percent(self.plain)
                )
            }
            (Some(s), None) => format!(
                "no hypothesis explains it; the nearest, {}, reproduces {} of the wrong elements",
                s.id,
                percent(s.of_wrong)
            ),
            (None, _) => match &self.symptom {
                Some(s) => s.clone(),
                None => "no hypothesis explains it".into(),
            },
        }
    }
}

/// A share, in per cent, without claiming 100 where something is missing.
pub fn percent(x: f64) -> String {
    if x >= 1.0 {
        "100 %".into()
    } else if x > 0.99 {
        format!("{:.2} %", (1e4 * x).floor() / 100.0)
    } else {
        format!("{:.0} %", 100.0 * x)
    }
}

/// Unified diff of two texts; empty if they are equal.
pub fn diff(before: &str, after: &str, left: &str, right: &str) -> String {
    let d = similar::TextDiff::from_lines(before, after);
    d.unified_diff().context_radius(2).header(left, right).to_string()
}

/// Explains a failing case. Never panics: what the code under test does to the explainer is no explanation.
pub fn explain(case: &Case, failure: &Failure) -> Explanation {
    let base = Explanation { symptom: symptom::of(failure), unit: failure.at.clone(), ..Explanation::default() };
    catch_unwind(AssertUnwindSafe(|| look(case, failure, base.clone()))).unwrap_or_else(|_| {
        eprintln!("explain: the explainer itself panicked; the symptom stands without a hypothesis");
        base
    })
}

/// The explanation, and the inputs of the violating unit as tensors (for those that are too long for the certificate).
pub fn with_operands(case: &Case, failure: &Failure) -> (Explanation, Vec<(String, Tensor)>) {
    let x = explain(case, failure);
    let long = x.certificate.as_ref().is_some_and(|c| c.inputs.iter().any(|i| i.hex.is_none()));
    if !long {
        return (x, Vec::new());
    }
    let o = catch_unwind(AssertUnwindSafe(|| observe::observe(case, failure, &sets(case, failure)))).ok().flatten();
    let operands = o.and_then(|o| o.evidence.first().map(|e| certificate::named(&o.scope, e)));
    (x, operands.unwrap_or_default())
}

fn look(case: &Case, failure: &Failure, mut x: Explanation) -> Explanation {
    if failure.arrow == Arrow::Passes
        && let Some(b) = observe::blamed(case, failure)
    {
        let text = |g: &ir::Graph| crate::report::short_text(g);
        x.diff = Some(diff(&text(&b.before), &text(&b.after), "before", &failure.pass)).filter(|d| !d.is_empty());
    }
    if failure.class == "encoding"
        && let Some(e) = observe::compile(case).and_then(|c| symptom::encoded(&c))
    {
        x.diff = (!e.diff.is_empty()).then_some(e.diff);
        x.arrow = Some(Arrow::Encoding);
        if e.id != "encoding-differs" {
            x.named = Some(e.id.into());
        }
        let score =
            Score { id: e.id.into(), phrase: e.phrase, note: String::new(), of_wrong: 1.0, of_all: 1.0, of_bits: 1.0 };
        x.hypotheses.push(score);
    }
    let Some(o) = seen(case, failure) else {
        if let Some(b) = observe::blamed(case, failure) {
            structure(&b, &mut x);
        }
        return x;
    };
    let decoded = std::mem::take(&mut x.hypotheses);
    judge(&o, &mut x);
    if !decoded.is_empty() {
        // The program itself shows it: nothing that only looks at values can say it better.
        x.hypotheses.splice(0..0, decoded);
        x.named = Some(x.hypotheses[0].id.clone()).filter(|i| i != "encoding-differs");
    }
    x
}

/// What the machine makes of the case; with telling weights, where that fails in the same way: a reduced case has ones and zeros
/// for weights, under which one mistake looks like another.
fn seen(case: &Case, failure: &Failure) -> Option<observe::Observed> {
    let plain = observe::observe(case, failure, &sets(case, failure));
    let at = plain.as_ref().map_or(failure.arrow, |o| o.arrow);
    if let Some(rich) = telling(case)
        && let Some(mut o) = observe::observe(&rich, failure, &sets(&rich, failure))
        && o.arrow == at
        && wrong(&o) > plain.as_ref().map_or(0, wrong) / 2
    {
        // The certificate is that of the case itself.
        o.certified = plain.as_ref().and_then(|p| p.evidence.iter().find_map(|e| certificate::certify(&p.scope, e)));
        return Some(o);
    }
    plain
}

/// Wrong elements.
fn wrong(o: &observe::Observed) -> usize {
    let count = |e: &scope::Evidence| {
        let m = o.scope.plain(&e.inputs).map(|p| matches(&p, &e.device));
        m.map_or(1, |m| m.iter().filter(|m| **m == Match::No).count())
    };
    o.evidence.iter().map(count).sum()
}

/// The case with random numbers for plain float constants of matrix operators; `None` if it has none.
fn telling(case: &Case) -> Option<Case> {
    use ir::{DType, Def, Op};
    let mut c = case.clone();
    let mut changed = false;
    let operands: Vec<(ir::ValueId, usize)> = case
        .graph
        .nodes
        .values()
        .filter(|n| matches!(n.op, Op::Conv | Op::ConvTranspose | Op::MatMul | Op::Gemm))
        .flat_map(|n| n.inputs.iter().flatten().copied().enumerate().map(|(i, v)| (v, i)))
        .collect();
    for (v, operand) in operands {
        let value = &mut c.graph.values[v];
        if let Def::Const(t) = &value.def
            && matches!(t.dtype, DType::F32)
            && operand > 0
            && t.elements() > 1
            && t.to_f32().is_some_and(|x| x.iter().all(|x| x.fract() == 0.0))
        {
            let mut rng = kit::Rng::stream(0xe1a1, u64::from(v.0));
            value.def = Def::Const(data::tensor(&value.ty, Regime::Normal, None, &mut rng));
            changed = true;
        }
    }
    changed.then_some(c)
}

/// Where the graphs cannot be evaluated (their types are wrong): the hypothesis that makes the very graph that the pass made.
fn structure(b: &observe::Blamed, x: &mut Explanation) {
    let made = ir::hash::canonical(&ir::rebuild::compact(&b.after));
    for f in rewrites::families(&b.before) {
        let same = |v: &&Variant| {
            let g = v.graph.as_ref().map(ir::rebuild::compact);
            g.is_some_and(|g| ir::hash::canonical(&g) == made)
        };
        if let Some(v) = f.variants.iter().find(same) {
            x.arrow = Some(Arrow::Passes);
            x.named = Some(f.id.clone());
            let (id, phrase, note) = (f.id.clone(), f.phrase.clone(), v.note.clone());
            x.hypotheses.push(Score { id, phrase, note, of_wrong: 1.0, of_all: 1.0, of_bits: 1.0 });
            return;
        }
    }
}

/// The failing set, the others, and fresh data.
fn sets(case: &Case, failure: &Failure) -> Vec<Vec<Tensor>> {
    let mut out: Vec<Vec<Tensor>> = case.sets.get(failure.set).cloned().into_iter().collect();
    out.extend(case.sets.iter().enumerate().filter(|(i, _)| *i != failure.set).map(|x| x.1.clone()));
    for seed in 1..4 {
        for r in [Regime::Normal, Regime::Grid, Regime::Special] {
            out.push(data::inputs(&case.graph, 0xe1a1_0000 + seed, r));
        }
    }
    out
}

/// All families for a scope, in the order in which ties are broken.
fn catalogue(o: &observe::Observed, dims: &[usize]) -> Vec<Family> {
    let g = &o.scope.graph;
    let mut all: Vec<Family> = Hypothesis::ALL
        .iter()
        .map(|&h| Family {
            id: h.id(),
            phrase: h.describe().into(),
            tier: 0,
            union: false,
            variants: vec![Variant { hypothesis: Some(h), ..Variant::new("") }],
        })
        .collect();
    all.extend(rewrites::families(g));
    all.extend(operands::families(g));
    all.extend(results::families(g, dims));
    all.retain(|f| !f.variants.is_empty());
    all
}

struct Measured {
    family: usize,
    tier: u8,
    union: Tally,
    best: Tally,
    variant: usize,
}

fn judge(o: &observe::Observed, x: &mut Explanation) {
    x.arrow = Some(o.arrow);
    x.unit.clone_from(&o.scope.at);
    let plain: Vec<_> = o.evidence.iter().map(|e| o.scope.plain(&e.inputs)).collect();
    let Some(Some(first)) = plain.first() else { return };
    let dims = first.first().map(|b| b.dims.clone()).unwrap_or_default();
    let families = catalogue(o, &dims);
    let elements: usize = o.scope.graph.values.values().map(|v| v.ty.elements()).sum::<usize>().max(1);
    let variants: usize = families.iter().map(|f| f.variants.len()).sum::<usize>().max(1);
    let runs = o.evidence.len().min((WORK / elements / variants).max(1));
    let evidence: Vec<(&scope::Evidence, Vec<Match>)> =
        o.evidence[..runs].iter().zip(&plain).filter_map(|(e, p)| Some((e, matches(p.as_ref()?, &e.device)))).collect();
    let mut total = Tally::default();
    for (_, m) in &evidence {
        total.add(m, Some(m));
    }
    (x.elements, x.wrong, x.runs, x.plain) = (total.elements, total.wrong, evidence.len(), total.of_all());
    x.certificate = o.certified.clone().or_else(|| o.evidence.iter().find_map(|e| certificate::certify(&o.scope, e)));
    x.region = evidence.iter().find(|e| e.1.contains(&Match::No)).and_then(|e| region(&e.1, &dims));
    if total.wrong == 0 {
        within_bounds(o, x);
        return;
    }
    let mut measured: Vec<Measured> =
        families.iter().enumerate().filter_map(|(i, f)| measure(o, &evidence, i, f)).collect();
    let good = |m: &Measured| m.union.of_wrong() >= AS_GOOD;
    measured.sort_by(|a, b| {
        let key = |m: &Measured| {
            // What explains the right elements too, applied everywhere, beats what explains only the wrong ones.
            let whole = m.best.of_all() >= WHOLE;
            let t = if good(m) { (0, u8::from(!whole), m.tier) } else { (1, 0, 0) };
            let s = |v: f64| -((v * 1e6) as i64);
            let wrong = if good(m) { 0 } else { s(m.union.of_wrong()) };
            (t, wrong, s(m.best.of_wrong()), s(m.best.of_bits()), s(m.best.of_all()), m.family)
        };
        key(a).cmp(&key(b))
    });
    x.hypotheses = measured
        .iter()
        .take(LISTED)
        .map(|m| {
            let f = &families[m.family];
            Score {
                id: f.id.clone(),
                phrase: f.phrase.clone(),
                note: f.variants[m.variant].note.clone(),
                of_wrong: m.union.of_wrong(),
                of_all: m.best.of_all(),
                of_bits: m.best.of_bits(),
            }
        })
        .collect();
    x.named = x.hypotheses.first().filter(|s| s.of_wrong >= NAMED).map(|s| s.id.clone());
}

/// Bits differ from the stage before, and both are inside of the bound.
fn within_bounds(o: &observe::Observed, x: &mut Explanation) {
    let differs = o.evidence.iter().any(|e| match (&e.device, &e.before) {
        (scope::Device::Bits(t), Some(b)) => t.bytes != b.bytes,
        _ => false,
    });
    if differs {
        x.named = Some("another-order".into());
        x.hypotheses.push(Score {
            id: "another-order".into(),
            phrase: "both stages are within the bound: roundings are made elsewhere or in another order".into(),
            note: String::new(),
            of_wrong: 1.0,
            of_all: 1.0,
            of_bits: 0.0,
        });
    }
}

/// Measures a family; `None` if it reproduces nothing that is wrong.
fn measure(
    o: &observe::Observed,
    evidence: &[(&scope::Evidence, Vec<Match>)],
    index: usize,
    f: &Family,
) -> Option<Measured> {
    let mut alive: Vec<usize> = (0..f.variants.len()).collect();
    let mut tallies = vec![Tally::default(); f.variants.len()];
    let mut union = Tally::default();
    for (e, plain) in evidence {
        let wrong = plain.contains(&Match::No);
        let mut best: Vec<Match> = vec![Match::No; plain.len()];
        alive.retain(|&k| {
            let m = f.variants[k].evaluate(&o.scope, e).map(|b| matches(&b, &e.device));
            tallies[k].add(plain, m.as_deref());
            for (x, y) in best.iter_mut().zip(m.iter().flatten()) {
                if *y != Match::Open {
                    *x = (*x).max(*y);
                }
            }
            // What reproduces nothing where something is wrong is not tried again.
            !wrong || tallies[k].hit > 0
        });
        union.add(plain, Some(&best));
    }
    let k = (0..tallies.len()).max_by(|&a, &b| {
        let key = |t: &Tally| (t.hit, t.bits, t.all);
        key(&tallies[a]).cmp(&key(&tallies[b])).then(b.cmp(&a))
    })?;
    let best = tallies[k];
    let union = if f.union { union } else { best };
    (best.hit > 0).then_some(Measured { family: index, tier: f.tier, union, best, variant: k })
}

/// The box of the wrong elements, where it is smaller than the whole.
fn region(m: &[Match], dims: &[usize]) -> Option<String> {
    if dims.iter().product::<usize>() != m.len() || dims.is_empty() {
        return None;
    }
    let (mut lo, mut hi) = (dims.to_vec(), vec![0; dims.len()]);
    for i in (0..m.len()).filter(|&i| m[i] == Match::No) {
        for (k, x) in crate::check::multi_index(i, dims).into_iter().enumerate() {
            lo[k] = lo[k].min(x);
            hi[k] = hi[k].max(x);
        }
    }
    let parts: Vec<String> = (0..dims.len())
        .filter(|&k| lo[k] > 0 || hi[k] + 1 < dims[k])
        .map(|k| format!("axis {k}: {}..={} of 0..{}", lo[k], hi[k], dims[k]))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
