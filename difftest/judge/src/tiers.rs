//! The verdict tiers: the end-to-end bound on outputs, and the resynchronised check of each group on the execution's own
//! inputs.

use crate::legal::Execution;
use ir::{Graph, NodeId, Tensor};
use reference::{Bounded, Contract, Data, Evaluation, Outside};

/// A value outside of its bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Outlier {
    /// `bound` or `resync`.
    pub tier: &'static str,
    /// Name of the value.
    pub value: String,
    /// Element, its values and the radius; `None` where the type differs.
    pub element: Option<Outside>,
    /// |error| over radius.
    pub ratio: f64,
    /// Type mismatch in words.
    pub mismatch: Option<String>,
}

fn outlier(
    tier: &'static str,
    name: String,
    b: &Bounded,
    got: &Tensor,
    c: &Contract,
    worst: &mut f64,
) -> Option<Outlier> {
    let r = b.check(got, c);
    *worst = worst.max(r.worst_ratio);
    if r.agrees() {
        return None;
    }
    Some(Outlier {
        tier,
        value: name,
        element: r.outside.into_iter().next(),
        ratio: r.worst_ratio,
        mismatch: r.type_mismatch,
    })
}

/// The end-to-end tier: the first output outside of its bound, and the largest ratio.
pub fn bound(g: &Graph, e: &Evaluation, x: &Execution, c: &Contract) -> (Option<Outlier>, f64) {
    let mut worst = 0.0;
    let mut first = None;
    for (o, b) in g.outputs.iter().zip(e.outputs()) {
        match x.tensor(o.value) {
            Some(t) => {
                let found = outlier("bound", o.name.clone(), b, &t, c, &mut worst);
                first = first.or(found);
            }
            None => first = first.or(Some(missing("bound", o.name.clone()))),
        }
    }
    (first, worst)
}

fn missing(tier: &'static str, value: String) -> Outlier {
    Outlier { tier, value, element: None, ratio: f64::INFINITY, mismatch: Some("an output was not stored".into()) }
}

/// The resynchronised tier on one group; an error where the reference cannot evaluate it.
pub fn resync(g: &Graph, group: &[NodeId], x: &Execution, c: &Contract) -> Result<(Option<Outlier>, f64), String> {
    let e = reference::evaluate_nodes(g, group, &x.given(g, group), c).map_err(|e| e.to_string())?;
    let mut worst = 0.0;
    let mut first = None;
    for (&v, b) in e.output_ids().iter().zip(e.outputs()) {
        if let Some(t) = x.tensor(v) {
            let found = outlier("resync", g.value_name(v), b, &t, c, &mut worst);
            first = first.or(found);
        }
    }
    Ok((first, worst))
}

/// What a reference evaluation decides about its outputs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Sharpness {
    /// Elements of outputs.
    pub elements: u64,
    /// With a useful bound.
    pub decided: u64,
    /// With radius 0.
    pub exact: u64,
}

/// Counts over all outputs.
pub fn sharpness(e: &Evaluation) -> Sharpness {
    e.outputs().iter().fold(Sharpness::default(), |s, b| {
        let (decided, exact) = b.decided_and_exact();
        Sharpness {
            elements: s.elements + b.elements() as u64,
            decided: s.decided + decided as u64,
            exact: s.exact + exact as u64,
        }
    })
}

/// Certified bits of an output, `-log2` of its median radius over its scale; `None` where all radii are 0 or there is no scale.
pub fn certified_bits(b: &Bounded) -> Option<f64> {
    let Data::Float(f) = &b.data else { return None };
    let mut radii: Vec<f64> = f.radius.iter().copied().filter(|&e| e > 0.0).collect();
    radii.sort_by(f64::total_cmp);
    let (median, scale) = (*radii.get(radii.len() / 2)?, f.scale());
    (median.is_finite() && scale > 0.0).then(|| -libm::log2(median / scale))
}
