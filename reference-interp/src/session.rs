//! Evaluations that share results.
//!
//! The graphs before and after a pass are mostly the same computation, the groups of a graph read the same constants, and every
//! set of inputs meets the same weights. A [`Session`] evaluates many graphs under one set of options and computes equal nodes once.
//!
//! *Why that is sound*: a result is a function of operator, attributes, operands, number of outputs and options, and of nothing else. Nodes
//! are looked up by exactly these; an operand stands for its own look-up, down to leaves, which are looked up by type and bytes.
//! Everything is compared in full: there is no hash that could collide. A result with the same bits as a kept one (value, radius,
//! state) takes its number, so what follows a harmless change is found too.

use crate::error::OpError;
use crate::eval::{Evaluation, Options, constant};
use crate::value::{Bounded, Data};
use crate::{Contract, EvalError};
use ir::{Attrs, DType, Graph, Node, NodeId, Op, Tensor, Value, ValueId};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Elements that a session keeps: at 32 bytes each about a gigabyte.
const ROOM: usize = 1 << 25;

/// A tensor under the type that its value declares (wide constants have another than their bytes).
#[derive(Debug)]
struct Leaf {
    tensor: Tensor,
    declared: DType,
}

impl Ord for Leaf {
    fn cmp(&self, o: &Self) -> Ordering {
        let head = |l: &Leaf| (l.tensor.dtype, l.declared, l.tensor.bytes.len());
        let bytes = || {
            if Arc::ptr_eq(&self.tensor.bytes, &o.tensor.bytes) {
                Ordering::Equal
            } else {
                self.tensor.bytes.cmp(&o.tensor.bytes)
            }
        };
        head(self).cmp(&head(o)).then_with(|| self.tensor.dims.cmp(&o.tensor.dims)).then_with(bytes)
    }
}
impl PartialOrd for Leaf {
    fn partial_cmp(&self, o: &Self) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl PartialEq for Leaf {
    fn eq(&self, o: &Self) -> bool {
        self.cmp(o) == Ordering::Equal
    }
}
impl Eq for Leaf {}

/// What a node computes, up to its attributes: operator, operands, number of outputs.
type Shape = (Op, Vec<Option<usize>>, usize);

/// Where to look for a value of the same bits: type, extents, and the bits of three elements.
type Look = (DType, Vec<usize>, [u64; 3]);

fn look(b: &Bounded) -> Look {
    let n = b.elements();
    let at = [0, n / 2, n.saturating_sub(1)];
    let bits = |i: usize| match &b.data {
        Data::Float(f) => f.value.get(i).map_or(0, |v| v.to_bits()),
        Data::Int(v) => v.value.get(i).map_or(0, |v| *v as u64),
    };
    (b.dtype, b.dims.clone(), at.map(bits))
}

/// A value of an evaluation, and its number in the session, if it is kept there.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) value: Arc<Bounded>,
    pub(crate) id: Option<usize>,
}

#[derive(Debug)]
struct Kept {
    value: Arc<Bounded>,
    /// Depends on constants alone.
    fixed: bool,
}

/// Results that are kept, by what they were computed from.
#[derive(Debug, Default)]
pub(crate) struct Store {
    leaves: BTreeMap<Leaf, usize>,
    nodes: BTreeMap<Shape, Vec<(Attrs, Vec<usize>)>>,
    values: Vec<Option<Kept>>,
    /// Kept values by [`look`]: a pass that computes the same by other means ends in the same number.
    equal: BTreeMap<Look, Vec<usize>>,
    room: usize,
}

impl Store {
    fn slot(&self, id: usize) -> Option<Slot> {
        self.values.get(id)?.as_ref().map(|k| Slot { value: k.value.clone(), id: Some(id) })
    }
    /// Keeps a value if there is room; one of the same bits stands for it.
    fn keep(&mut self, value: Bounded, fixed: bool) -> Slot {
        if self.room == 0 {
            return Slot { value: Arc::new(value), id: None };
        }
        let place = look(&value);
        let same = |id: &&usize| self.values[**id].as_ref().is_some_and(|k| k.value.same_bits(&value));
        if let Some(found) = self.equal.get(&place).and_then(|l| l.iter().find(same)).and_then(|&id| self.slot(id)) {
            return found;
        }
        let value = Arc::new(value);
        let id = self.room.checked_sub(value.elements() + 1).map(|room| {
            self.room = room;
            self.values.push(Some(Kept { value: value.clone(), fixed }));
            self.equal.entry(place).or_default().push(self.values.len() - 1);
            self.values.len() - 1
        });
        Slot { value, id }
    }
    fn leaf(&mut self, tensor: &Tensor, declared: DType, fixed: bool, make: impl FnOnce() -> Bounded) -> Slot {
        if self.room == 0 {
            return Slot { value: Arc::new(make()), id: None };
        }
        let leaf = Leaf { tensor: tensor.clone(), declared };
        if let Some(found) = self.leaves.get(&leaf).and_then(|&id| self.slot(id)) {
            return found;
        }
        let made = self.keep(make(), fixed);
        if let Some(id) = made.id {
            self.leaves.insert(leaf, id);
        }
        made
    }
    /// A given tensor.
    pub(crate) fn given(&mut self, t: &Tensor) -> Slot {
        self.leaf(t, t.dtype, false, || Bounded::from_tensor(t))
    }
    /// A constant of a graph.
    pub(crate) fn constant(&mut self, v: &Value, t: &Tensor, contract: &Contract) -> Slot {
        self.leaf(t, v.ty.dtype, true, || constant(v, t, contract))
    }
    /// The results of a node on operands: found, or computed and kept.
    pub(crate) fn node(
        &mut self,
        node: &Node,
        operands: &[Option<Slot>],
        compute: impl FnOnce() -> Result<Vec<Bounded>, OpError>,
    ) -> Result<Vec<Slot>, OpError> {
        // An operand that is not kept has no number, and what was computed from it cannot be found again.
        let ids: Option<Vec<Option<usize>>> =
            operands.iter().map(|o| o.as_ref().map_or(Some(None), |s| s.id.map(Some))).collect();
        let Some(ids) = ids.filter(|_| self.room > 0) else {
            return Ok(compute()?.into_iter().map(|b| Slot { value: Arc::new(b), id: None }).collect());
        };
        let shape = (node.op, ids, node.outputs.len());
        let known = self.nodes.get(&shape).and_then(|l| l.iter().find(|(a, _)| *a == node.attrs));
        if let Some(found) = known.and_then(|(_, ids)| ids.iter().map(|&id| self.slot(id)).collect()) {
            return Ok(found);
        }
        let is_fixed = |id: &usize| self.values[*id].as_ref().is_some_and(|k| k.fixed);
        let fixed = shape.1.iter().flatten().all(is_fixed);
        let made: Vec<Slot> = compute()?.into_iter().map(|b| self.keep(b, fixed)).collect();
        if let Some(ids) = made.iter().map(|s| s.id).collect() {
            self.nodes.entry(shape).or_default().push((node.attrs.clone(), ids));
        }
        Ok(made)
    }
    fn forget_inputs(&mut self) {
        for k in &mut self.values {
            if k.as_ref().is_some_and(|k| !k.fixed) {
                self.room += k.take().map_or(0, |k| k.value.elements() + 1);
            }
        }
        let kept = |id: &usize| self.values[*id].is_some();
        self.leaves.retain(|_, id| kept(id));
        self.equal.retain(|_, ids| {
            ids.retain(kept);
            !ids.is_empty()
        });
        self.nodes.retain(|_, list| {
            list.retain(|(_, ids)| ids.iter().all(kept));
            !list.is_empty()
        });
    }
}

/// Evaluates graphs under one set of options and shares what they have in common; see the module.
#[derive(Debug)]
pub struct Session {
    contract: Contract,
    typed: bool,
    store: Store,
}

impl Session {
    /// An empty session with bounds, without a hypothesis.
    pub fn new(contract: &Contract) -> Session {
        Session { contract: contract.clone(), typed: false, store: Store { room: ROOM, ..Store::default() } }
    }
    /// An empty session for the types' own arithmetic; see [`crate::evaluate_typed`].
    pub fn typed(contract: &Contract) -> Session {
        Session { typed: true, ..Session::new(contract) }
    }
    /// The contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }
    /// Whether results are rounded to their types.
    pub fn is_typed(&self) -> bool {
        self.typed
    }
    fn options<'a>(contract: &'a Contract, typed: bool) -> Options<'a> {
        if typed { Options::typed(contract) } else { Options::new(contract) }
    }
    /// As [`crate::evaluate_with`]: the outputs of a graph; intermediate values are not listed.
    pub fn evaluate(&mut self, graph: &Graph, inputs: &[Tensor]) -> Result<Evaluation, EvalError> {
        let options = Options { keep_all: false, ..Self::options(&self.contract, self.typed) };
        crate::eval::whole(graph, inputs, &options, &mut self.store)
    }
    /// As [`crate::evaluate_nodes`].
    pub fn evaluate_nodes(
        &mut self,
        graph: &Graph,
        nodes: &[NodeId],
        given: &BTreeMap<ValueId, Tensor>,
    ) -> Result<Evaluation, EvalError> {
        let options = Self::options(&self.contract, self.typed);
        crate::eval::group(graph, nodes, given, &options, &mut self.store)
    }
    /// Drops what depends on inputs, for the next set of them; what depends on constants alone stays.
    pub fn forget_inputs(&mut self) {
        self.store.forget_inputs();
    }
}
