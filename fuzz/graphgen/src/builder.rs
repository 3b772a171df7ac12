//! The growing graph: a pool of values, helpers to take operands and to add nodes, and roll-back of refused nodes.

use crate::families::{COMPOSITES, FAMILIES, Row};
use crate::{Guard, Lattice, Profile};
use ir::{Attrs, DType, Graph, NodeId, Op, Origin, Tensor, TensorType, ValueId};
use kit::Rng;

/// A graph under construction.
#[derive(Debug)]
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    /// The profile.
    pub profile: Profile,
    /// Where extents come from.
    pub lattice: Lattice,
    pool: Vec<ValueId>,
}

impl Builder {
    /// An empty graph.
    pub fn new(profile: Profile, lattice: Lattice) -> Self {
        Self { graph: Graph { name: "generated".into(), ..Graph::default() }, profile, lattice, pool: Vec::new() }
    }
    /// Nodes so far.
    pub fn node_count(&self) -> usize {
        self.graph.nodes.len()
    }
    /// One or two inputs of useful shapes.
    pub(crate) fn seed_inputs(&mut self, rng: &mut Rng) {
        let conv = self.profile.conv && rng.chance(1, 2);
        let rank = if conv { 4 } else { rng.range(1, 4) as usize };
        let max = self.profile.max_elements;
        let dims = if conv { self.image_dims(rng) } else { self.lattice.dims(rank, max, rng) };
        self.input(TensorType::new(DType::F32, dims));
        if rng.chance(1, 2) {
            let dims = self.lattice.dims(rng.range(1, 4) as usize, max, rng);
            self.input(TensorType::new(DType::F32, dims));
        }
        if self.profile.integers && rng.chance(1, 4) {
            let d = *rng.pick(&[DType::I32, DType::I64, DType::I8, DType::U8]);
            let dims = self.lattice.dims(rng.range(1, 3) as usize, max / 4, rng);
            self.input(TensorType::new(d, dims));
        }
    }
    /// Extents of a small image [N, C, H, W].
    pub fn image_dims(&self, rng: &mut Rng) -> Vec<usize> {
        let n = if rng.chance(1, 5) { 2 } else { 1 };
        let c = *rng.pick(&[1, 2, 3, 4, 8, 15, 16, 17, 24, 32]);
        let hw = (self.profile.max_elements / (n * c)).max(4);
        let h = rng.range(2, 14).min(hw as i64 / 2) as usize;
        let w = (rng.range(2, 17) as usize).min((hw / h.max(1)).max(1));
        vec![n, c, h.max(1), w]
    }
    /// A new graph input.
    pub fn input(&mut self, ty: TensorType) -> ValueId {
        let name = format!("x{}", self.graph.inputs.len());
        let v = self.graph.add_input(name, ty);
        self.pool.push(v);
        v
    }
    /// A constant with data that suit a weight: scaled by the number of terms `fan_in`.
    pub fn weight(&mut self, dims: &[usize], fan_in: usize, rng: &mut Rng) -> ValueId {
        let n: usize = dims.iter().product();
        // A power of two near 1/sqrt(fan_in): keeps magnitudes level and integer weights on a grid.
        let scale = 1.0 / f64::from(1u32 << ((fan_in.max(1).ilog2() / 2).min(20)));
        let grid = rng.chance(1, 3);
        let xs: Vec<f32> =
            (0..n).map(|_| if grid { rng.range(-4, 4) as f64 * scale } else { rng.normal() * scale } as f32).collect();
        self.graph.add_const(None, Tensor::from_f32(dims.to_vec(), &xs))
    }
    /// A constant of given floats.
    pub fn floats(&mut self, dims: &[usize], xs: &[f32]) -> ValueId {
        self.graph.add_const(None, Tensor::from_f32(dims.to_vec(), xs))
    }
    /// A 1-D int64 constant (axes, shapes, pads …).
    pub fn ints(&mut self, xs: &[i64]) -> ValueId {
        self.graph.add_const(None, Tensor::from_i64([xs.len()], xs))
    }
    /// Type of a value.
    pub fn ty(&self, v: ValueId) -> TensorType {
        self.graph.ty(v).clone()
    }
    /// A value of the pool that satisfies a predicate; recent ones are likelier.
    pub fn pick(&self, rng: &mut Rng, want: impl Fn(&TensorType) -> bool) -> Option<ValueId> {
        let fits: Vec<ValueId> = self.pool.iter().copied().filter(|&v| want(self.graph.ty(v))).collect();
        if fits.is_empty() {
            return None;
        }
        let n = fits.len() as u64;
        let i = if rng.chance(2, 3) { n - 1 - rng.below(n.min(3)) } else { rng.below(n) };
        Some(fits[i as usize])
    }
    /// A float value of the pool, or a new input.
    pub fn pick_float(&mut self, rng: &mut Rng) -> ValueId {
        match self.pick(rng, |t| t.dtype == DType::F32) {
            Some(v) if !rng.chance(1, 40) => v,
            _ => {
                let rank = rng.range(1, 4) as usize;
                let dims = self.lattice.dims(rank, self.profile.max_elements, rng);
                self.input(TensorType::new(DType::F32, dims))
            }
        }
    }
    /// Adds a node; its first output joins the pool. Refuses (`None`) results that are too large.
    pub fn node(&mut self, op: Op, attrs: Attrs, inputs: &[ValueId], outs: &[TensorType]) -> Option<Vec<ValueId>> {
        self.node_opt(op, attrs, inputs.iter().map(|&v| Some(v)).collect(), outs)
    }
    /// As [`Builder::node`], with omitted inputs.
    pub fn node_opt(
        &mut self,
        op: Op,
        attrs: Attrs,
        inputs: Vec<Option<ValueId>>,
        outs: &[TensorType],
    ) -> Option<Vec<ValueId>> {
        if outs.iter().any(|t| t.elements() > 4 * self.profile.max_elements || t.rank() > 6) {
            return None;
        }
        let i = self.graph.nodes.len();
        let origin = Origin::new(i as u32, format!("{}_{i}", op.name()));
        let mut all = op.defaults();
        for (k, v) in attrs.iter() {
            all.set(k, v.clone());
        }
        let outs = outs.iter().map(|t| (t.clone(), None)).collect();
        let vs = self.graph.add_node(op, all, inputs, outs, origin);
        self.pool.extend(&vs);
        Some(vs)
    }
    /// Adds one node (with its helpers) chosen by `rng`; `false` if nothing applied or the guard refused it.
    pub(crate) fn grow(&mut self, rng: &mut Rng, guard: &mut Guard<'_>) -> bool {
        let before = (self.graph.clone(), self.pool.clone());
        // A composite becomes dozens of small groups: as often as the others it would leave little else in a graph.
        let factor = |family: usize| if family >= COMPOSITES { self.profile.composites } else { 24 };
        let rows: Vec<(u64, &Row)> = FAMILIES
            .iter()
            .enumerate()
            .flat_map(|(k, f)| f.iter().map(move |r| (u64::from(r.weight * factor(k)), r)))
            .filter(|(_, r)| (self.profile.conv || !r.conv) && (self.profile.integers || !r.integers))
            .collect();
        let mut ticket = rng.below(rows.iter().map(|r| r.0).sum());
        let row = rows.iter().find(|r| {
            let hit = ticket < r.0;
            ticket = ticket.saturating_sub(r.0);
            hit
        });
        let built = row.is_some_and(|(_, r)| (r.build)(self, rng).is_some());
        let new: Vec<NodeId> = self.graph.nodes.ids().skip(before.0.nodes.len()).collect();
        if built && !new.is_empty() && guard(&self.graph, &new) {
            return true;
        }
        (self.graph, self.pool) = before;
        false
    }
    /// Chooses the outputs: everything that nobody reads, and now and then an intermediate that others read too.
    pub(crate) fn finish(mut self, rng: &mut Rng) -> Graph {
        let users = self.graph.users();
        let mut k = 0;
        for (_, n) in self.graph.nodes.clone().iter() {
            for (i, &v) in n.outputs.iter().enumerate() {
                if (users[v].is_empty() && i == 0) || (!users[v].is_empty() && rng.chance(1, 12)) {
                    self.graph.add_output(format!("y{k}"), v);
                    k += 1;
                }
            }
        }
        if k == 0 {
            // No node was accepted: an input is the output, which is a case of its own.
            let v = self.graph.inputs[0];
            self.graph.add_output("y0", v);
        }
        ir::rebuild::compact(&self.graph)
    }
}
