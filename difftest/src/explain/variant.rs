//! One way of making one mistake: an edited graph, operands whose elements come from elsewhere, a hypothesis of the reference, or a
//! result whose elements come from elsewhere.

use super::scope::{Evidence, Scope};
use ir::{Def, Graph, Tensor, ValueId};
use reference::{Bounded, Data, Float, Hypothesis, Int};

/// Where an element of an operand or of a result comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The element of this linear index.
    Element(usize),
    /// These bits.
    Bits(u64),
}

/// The elements of an input or constant of the scope come from elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The input or constant.
    pub value: ValueId,
    /// For each element, its source.
    pub map: Vec<Place>,
}

impl Edit {
    /// From a rule on multi-indices; `None` keeps the element.
    pub fn new(g: &Graph, value: ValueId, rule: &dyn Fn(&[usize]) -> Option<Source>) -> Edit {
        let dims = &g.ty(value).dims;
        let n: usize = dims.iter().product();
        let map = (0..n)
            .map(|i| match rule(&crate::check::multi_index(i, dims)) {
                None => Place::Element(i),
                Some(Source::Bits(b)) => Place::Bits(b),
                Some(Source::At(idx)) => Place::Element(idx.iter().zip(dims).fold(0, |a, (&x, &d)| a * d + x)),
            })
            .collect();
        Edit { value, map }
    }
    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        self.map.iter().enumerate().all(|(i, f)| *f == Place::Element(i))
    }
    fn apply(&self, t: &Tensor) -> Option<Tensor> {
        let size = t.dtype.size();
        let mut bytes = Vec::with_capacity(t.bytes.len());
        for f in &self.map {
            match *f {
                Place::Element(j) => bytes.extend_from_slice(t.bytes.get(j * size..(j + 1) * size)?),
                Place::Bits(b) => bytes.extend_from_slice(&b.to_le_bytes()[..size]),
            }
        }
        Tensor::new(t.dtype, t.dims.clone(), bytes).ok()
    }
}

/// Source of an element, by multi-index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Another element.
    At(Vec<usize>),
    /// Bits.
    Bits(u64),
}

/// What happens to the result.
#[derive(Clone, PartialEq, Debug)]
pub enum Ending {
    /// Nothing.
    Kept,
    /// Its elements come from other places of it.
    Moved(Vec<usize>),
    /// It holds this pattern.
    Pattern(u64),
    /// It is a copy of an input or constant.
    Copy(ValueId),
}

/// One trial.
#[derive(Clone, PartialEq, Debug)]
pub struct Variant {
    /// What exactly, for people; empty if the family says it all.
    pub note: String,
    /// Another graph with the same inputs and outputs.
    pub graph: Option<Graph>,
    /// Edited operands (ids of the scope's graph; not together with `graph`).
    pub edits: Vec<Edit>,
    /// A hypothesis of the reference.
    pub hypothesis: Option<Hypothesis>,
    /// What happens to the result.
    pub ending: Ending,
}

impl Variant {
    /// Nothing wrong yet.
    pub fn new(note: impl Into<String>) -> Variant {
        Variant { note: note.into(), graph: None, edits: Vec::new(), hypothesis: None, ending: Ending::Kept }
    }
    /// Another graph.
    pub fn graph(note: impl Into<String>, graph: Graph) -> Variant {
        Variant { graph: Some(graph), ..Variant::new(note) }
    }
    /// Edited operands.
    pub fn edits(note: impl Into<String>, edits: Vec<Edit>) -> Variant {
        Variant { edits, ..Variant::new(note) }
    }
    /// What the scope's outputs would be.
    pub fn evaluate(&self, scope: &Scope, e: &Evidence) -> Option<Vec<Bounded>> {
        match &self.ending {
            Ending::Copy(v) => return copy(scope, e, *v).map(|b| vec![b]),
            Ending::Pattern(bits) => return scope.plain(&e.inputs)?.iter().map(|b| pattern(b, *bits)).collect(),
            Ending::Kept | Ending::Moved(_) => {}
        }
        let base = self.graph.as_ref().unwrap_or(&scope.graph);
        let b = if self.edits.is_empty() {
            scope.evaluate(base, &e.inputs, self.hypothesis)?
        } else {
            let (mut graph, mut inputs) = (base.clone(), e.inputs.clone());
            for edit in &self.edits {
                apply(edit, &mut graph, &mut inputs)?;
            }
            scope.evaluate(&graph, &inputs, self.hypothesis)?
        };
        match &self.ending {
            Ending::Moved(map) => {
                let moved = |x: &Bounded| (map.len() == x.elements()).then(|| x.take(map, x.dims.clone()));
                b.iter().map(moved).collect()
            }
            _ => Some(b),
        }
    }
}

fn apply(edit: &Edit, graph: &mut Graph, inputs: &mut [Tensor]) -> Option<()> {
    if let Some(k) = graph.inputs.iter().position(|&v| v == edit.value) {
        inputs[k] = edit.apply(&inputs[k])?;
        return Some(());
    }
    let Def::Const(t) = &graph.values.get(edit.value)?.def else { return None };
    let t = edit.apply(t)?;
    graph.values[edit.value].def = Def::Const(t);
    Some(())
}

fn copy(scope: &Scope, e: &Evidence, v: ValueId) -> Option<Bounded> {
    match scope.graph.inputs.iter().position(|&i| i == v) {
        Some(k) => Some(Bounded::from_tensor(e.inputs.get(k)?)),
        None => scope.graph.constant(v).map(Bounded::from_tensor),
    }
}

fn pattern(like: &Bounded, bits: u64) -> Option<Bounded> {
    let n = like.elements();
    let size = like.dtype.size();
    let bytes: Vec<u8> = (0..n).flat_map(|_| bits.to_le_bytes()[..size].to_vec()).collect();
    let t = Tensor::new(like.dtype, like.dims.clone(), bytes).ok()?;
    let mut b = Bounded::from_tensor(&t);
    // Radii of exact data are 0 already; nothing is inherited from the plain result.
    if let Data::Float(f) = &mut b.data {
        *f = Float::exact(f.value.clone());
    } else if let Data::Int(i) = &mut b.data {
        *i = Int::exact(i.value.clone());
    }
    Some(b)
}

/// Ways of making one kind of mistake.
#[derive(Clone, PartialEq, Debug)]
pub struct Family {
    /// Kebab case.
    pub id: String,
    /// For people.
    pub phrase: String,
    /// 0: an arithmetic rule, tried as it is; 1: with parameters; 2: only where values come from. Ties go to the lower one.
    pub tier: u8,
    /// Whether each element may follow another variant (tiles differ).
    pub union: bool,
    /// The trials.
    pub variants: Vec<Variant>,
}
