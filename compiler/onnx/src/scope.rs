//! Names while a model is read: what a name in a body means, and names that nothing else has.

use crate::error::prefix;
use crate::proto::AttributeProto;
use std::collections::{BTreeMap, BTreeSet};

/// Operator set version by domain; `ai.onnx` is the empty domain.
pub type Versions = BTreeMap<String, i64>;

/// What the names of one body (main graph, branch of an `If`, function) stand for.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The body around a branch; a function sees none.
    pub parent: Option<&'a Scope<'a>>,
    /// Local name to name in the model; `None` for an omitted input of a function.
    pub names: BTreeMap<String, Option<String>>,
    /// Local names whose definition takes a given name in the model: the outputs of a branch or function.
    pub alias: BTreeMap<String, String>,
    /// Operator sets.
    pub versions: &'a Versions,
    /// Attributes of the call, in a function.
    pub attrs: Option<&'a BTreeMap<String, AttributeProto>>,
    /// Node name of the call or `If`; `None` in the main graph.
    pub outer: Option<&'a str>,
    /// How many bodies are around this one.
    pub depth: usize,
}

/// What a lookup found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'s> {
    /// Name in the model.
    Value(&'s str),
    /// An omitted input of a function.
    Omitted,
    /// Nothing of that name.
    Undefined,
}

impl Scope<'_> {
    /// What a name stands for, in this body or one around it.
    pub fn lookup(&self, name: &str) -> Found<'_> {
        let mut scope = Some(self);
        while let Some(s) = scope {
            match s.names.get(name) {
                Some(Some(v)) => return Found::Value(v),
                Some(None) => return Found::Omitted,
                None => scope = s.parent,
            }
        }
        Found::Undefined
    }
}

/// Makes names that occur nowhere else in the model.
#[derive(Debug, Default)]
pub struct Names {
    used: BTreeSet<String>,
    next: u64,
}

impl Names {
    /// Takes a name out of circulation.
    pub fn reserve(&mut self, name: &str) {
        self.used.insert(name.into());
    }
    /// Takes a name, if nothing has it.
    pub fn take(&mut self, name: &str) -> bool {
        self.used.insert(name.into())
    }
    /// A name that begins like `base` and is new. The counter never goes back, so all calls together are linear.
    pub fn fresh(&mut self, base: &str) -> String {
        let base = prefix(base, 80);
        loop {
            let name = format!("{base}.{}", self.next);
            self.next += 1;
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }
}
