//! Graphs with data: `graphgen` under a guard, and the directed scenes.

use crate::bugs::{Scene, any_scene};
use crate::data::{self, Regime, to_bf16};
use graphgen::{Lattice, Profile};
use ir::{Graph, NodeId, Tensor, ValueId};
use kit::Rng;
use reference::Contract;
use std::collections::BTreeMap;

/// Storage of the graphs under judgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// binary32.
    F32,
    /// bfloat16 with binary32 accumulators.
    BF16,
}

impl Storage {
    /// `f32` or `bf16`.
    pub fn parse(s: &str) -> Option<Storage> {
        match s {
            "f32" => Some(Storage::F32),
            "bf16" => Some(Storage::BF16),
            _ => None,
        }
    }
    /// Name on the command line, and of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Storage::F32 => "f32",
            Storage::BF16 => "bf16",
        }
    }
    /// The contract.
    pub fn contract(self) -> Contract {
        Contract::named(self.name()).expect("both names are listed by the reference")
    }
    /// A scene in this storage.
    pub fn apply(self, mut s: Scene) -> Scene {
        if self == Storage::BF16 {
            s.graph = to_bf16(&s.graph);
            for (t, &v) in s.inputs.iter_mut().zip(&s.graph.inputs) {
                let ty = s.graph.ty(v);
                if t.dtype != ty.dtype {
                    let xs = t.to_f32().unwrap_or_default().into_iter().map(f64::from).collect();
                    *t = crate::legal::Value::floats(ty.dtype, ty.dims.clone(), xs).tensor();
                }
            }
        }
        s
    }
}

/// Share of a new node's elements that must be decided.
const USEFUL: f64 = 0.7;

/// Small graphs: many of them are worth more than large ones.
fn profile() -> Profile {
    Profile { name: "judge", nodes: (3, 14), max_elements: 160, integers: false, conv: true, composites: 0 }
}

/// A graph of the standard generator with data of a random standard regime. The guard refuses nodes with a useless bound
/// on these data.
pub fn standard(seed: u64, storage: Storage, contract: &Contract) -> Scene {
    let mut rng = Rng::stream(seed, 11);
    let regime = *rng.pick(&Regime::STANDARD);
    let data_seed = rng.next_u64();
    let mut known: BTreeMap<ValueId, Tensor> = BTreeMap::new();
    let graph = graphgen::from_seed(rng.next_u64(), &profile(), &Lattice::default(), &mut |g, new| match storage {
        Storage::F32 => accept(g, new, (regime, data_seed), contract, &mut known),
        Storage::BF16 => accept(&to_bf16(g), new, (regime, data_seed), contract, &mut known),
    });
    let inputs = data::inputs(&graph, regime, data_seed);
    storage.apply(Scene { graph, inputs, regime })
}

/// The case of an index of the campaign of legal executions: three standard graphs to one scene.
pub fn legal_case(seed: u64, index: u64, storage: Storage, contract: &Contract) -> Scene {
    let mut rng = Rng::stream(seed, index);
    if rng.chance(1, 4) { storage.apply(any_scene(&mut rng)) } else { standard(rng.next_u64(), storage, contract) }
}

fn accept(
    g: &Graph,
    new: &[NodeId],
    (regime, seed): (Regime, u64),
    contract: &Contract,
    known: &mut BTreeMap<ValueId, Tensor>,
) -> bool {
    let mut given = BTreeMap::new();
    let mut fresh = Vec::new();
    for v in new.iter().flat_map(|&n| g.nodes[n].inputs.iter().copied().flatten()) {
        if let Some(t) = known.get(&v) {
            given.insert(v, t.clone());
        } else if let Some(i) = g.inputs.iter().position(|&x| x == v) {
            let t = data::input(g, i, regime, seed);
            given.insert(v, t.clone());
            fresh.push((v, t));
        }
    }
    let Ok(e) = reference::evaluate_nodes(g, new, &given, contract) else { return false };
    let mut results = Vec::new();
    for &o in new.iter().flat_map(|&n| &g.nodes[n].outputs) {
        let Some(b) = e.value(o) else { return false };
        let (decided, _) = b.decided_and_exact();
        if (decided as f64) < USEFUL * b.elements() as f64 {
            return false;
        }
        results.push((o, b.to_tensor()));
    }
    known.extend(fresh);
    known.extend(results);
    true
}
