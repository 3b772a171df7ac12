//! The certificate of a mismatch: why it is wrong rather than merely less precise. One element with its exact inputs, the reference's
//! value, the radius and its parts, and the contract; whoever doubts it can recompute it by hand.

use super::scope::{Device, Evidence, Scope};
use crate::check::multi_index;
use ir::{NodeId, Tensor};
use reference::{Bounded, Contract, Data, Format, Storage, round};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Inputs up to this many bytes are written out.
const HEX_LIMIT: usize = 4096;

/// An input of the violating unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Operand {
    /// Name.
    pub name: String,
    /// Type, as in `f32[2,3]`.
    pub r#type: String,
    /// Its bytes, little endian, in hex; `None` if they are too many (then they are in `certificate.npz`).
    pub hex: Option<String>,
}

/// The parts of a radius: they add up to it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Parts {
    /// From the errors that the last operator's operands may carry.
    pub inherited: f64,
    /// From the last operator's own arithmetic.
    pub local: f64,
    /// From rounding to the element type.
    pub storage: f64,
}

/// A certificate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// The smallest violating unit: a group with its operators, or a pass.
    pub unit: String,
    /// Operators of the unit.
    pub operators: String,
    /// Contract by name.
    pub contract: String,
    /// Index of the element.
    pub index: Vec<usize>,
    /// What the machine gave.
    pub got: String,
    /// The same, as bits in hex.
    pub got_bits: Option<String>,
    /// The reference's value.
    pub value: String,
    /// Radius; `None` if infinite.
    pub radius: Option<f64>,
    /// Its parts.
    pub parts: Parts,
    /// Error over radius; `None` if infinite (radius 0).
    pub ratio: Option<f64>,
    /// Exact inputs.
    pub inputs: Vec<Operand>,
}

/// The certificate of the worst element of one run; `None` if every element is inside of its bound.
pub fn certify(scope: &Scope, e: &Evidence) -> Option<Certificate> {
    let all = scope.plain(&e.inputs)?;
    let (output, (i, got, ratio)) = (0..all.len()).find_map(|k| Some((k, worst(&all, k, &e.device)?)))?;
    let plain = &all[output];
    let (value, radius) = at(plain, i);
    let got_bits = match &e.device {
        Device::Bits(t) => Some(format!("{:0width$x}", t.bits(i), width = 2 * t.dtype.size())),
        Device::Meaning(_) => None,
    };
    Some(Certificate {
        unit: scope.at.clone(),
        operators: scope.operators(),
        contract: scope.contract.name.clone(),
        index: multi_index(i, &plain.dims),
        got,
        got_bits,
        value,
        radius: radius.is_finite().then_some(radius),
        parts: parts(scope, output, e, i, radius).unwrap_or_default(),
        ratio: ratio.is_finite().then_some(ratio),
        inputs: operands(scope, e),
    })
}

fn at(b: &Bounded, i: usize) -> (String, f64) {
    match &b.data {
        Data::Float(f) => (format!("{:?}", f.value[i]), f.radius[i]),
        Data::Int(v) => {
            let (lo, hi) = v.range(i);
            (v.value[i].to_string(), (hi - lo) as f64 / 2.0)
        }
    }
}

/// Index, value and ratio of the element of one output that is furthest outside. None where type or shape differ.
fn worst(all: &[Bounded], output: usize, device: &Device) -> Option<(usize, String, f64)> {
    let plain = all.get(output)?;
    let same = match device {
        Device::Bits(t) => output == 0 && t.dims == plain.dims && t.dtype == plain.dtype,
        Device::Meaning(b) => b.get(output).is_some_and(|b| b.dims == plain.dims),
    };
    if !same {
        return None;
    }
    let one = match device {
        Device::Meaning(b) => Device::Meaning(vec![b[output].clone()]),
        Device::Bits(t) => Device::Bits(t.clone()),
    };
    let m = super::score::matches(std::slice::from_ref(plain), &one);
    let mut best: Option<(usize, String, f64)> = None;
    for i in (0..m.len()).filter(|&i| m[i] == super::score::Match::No) {
        let (got, distance) = match (device, &plain.data) {
            (Device::Bits(t), Data::Float(f)) => {
                let g = Format::of(t.dtype).map_or(f64::NAN, |fmt| round::decode(t.bits(i), fmt));
                (format!("{g:?}"), (g - f.value[i]).abs())
            }
            (Device::Bits(t), Data::Int(v)) => {
                let g = t.int(i).unwrap_or(0);
                (g.to_string(), (g - v.value[i]).abs() as f64)
            }
            (Device::Meaning(all), _) => {
                let b = &all[output];
                let (x, _) = at(b, i);
                let d = match (&b.data, &plain.data) {
                    (Data::Float(y), Data::Float(f)) => (y.value[i] - f.value[i]).abs(),
                    (Data::Int(y), Data::Int(f)) => (y.value[i] - f.value[i]).abs() as f64,
                    _ => f64::INFINITY,
                };
                (x, d)
            }
        };
        let (_, e) = at(plain, i);
        let ratio = if e > 0.0 && distance.is_finite() { distance / e } else { f64::INFINITY };
        if best.as_ref().is_none_or(|b| ratio > b.2) {
            best = Some((i, got, ratio));
        }
    }
    best
}

/// The last operator alone, from exact operands, with and without storage rounding: what is missing to the whole is inherited.
fn parts(scope: &Scope, output: usize, e: &Evidence, i: usize, whole: f64) -> Option<Parts> {
    let g = &scope.graph;
    let target = g.outputs.get(output)?.value;
    let last: NodeId = g.producer(target)?;
    let all = reference::evaluate(g, &e.inputs, &scope.contract).ok()?;
    let given: BTreeMap<ir::ValueId, Tensor> =
        g.nodes[last].inputs.iter().flatten().filter_map(|v| Some((*v, all.value(*v)?.to_tensor()))).collect();
    let radius = |c: &Contract| -> Option<f64> {
        let r = reference::evaluate_nodes(g, &[last], &given, c).ok()?;
        Some(at(r.value(target)?, i).1)
    };
    let own = radius(&scope.contract)?.min(whole);
    let bare = radius(&Contract { storage: Storage::Real, ..scope.contract.clone() })?.min(own);
    Some(Parts { inherited: whole - own, local: bare, storage: own - bare })
}

/// Inputs and constants that the unit reads.
fn operands(scope: &Scope, e: &Evidence) -> Vec<Operand> {
    named(scope, e)
        .into_iter()
        .map(|(name, t)| {
            let small = t.bytes.len() <= HEX_LIMIT;
            let hex = small.then(|| t.bytes.iter().map(|b| format!("{b:02x}")).collect());
            Operand { name, r#type: t.ty().to_string(), hex }
        })
        .collect()
}

/// The same as tensors, by name.
pub fn named(scope: &Scope, e: &Evidence) -> Vec<(String, Tensor)> {
    let g = &scope.graph;
    let mut out: Vec<(String, Tensor)> =
        g.inputs.iter().zip(&e.inputs).map(|(&v, t)| (g.value_name(v), t.clone())).collect();
    for (id, v) in g.values.iter() {
        if let ir::Def::Const(t) = &v.def {
            out.push((format!("const {}", v.name.clone().unwrap_or_else(|| id.to_string())), t.clone()));
        }
    }
    out
}
