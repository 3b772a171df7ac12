//! Functions of the model, and branches of an `If` with a constant condition (or one that follows from the
//! declared shapes of the inputs): their bodies take the node's place.

use crate::control::Flow;
use crate::error::{At, Problem, short};
use crate::opset::Legacy;
use crate::proto::{AttributeProto, FunctionProto, GraphProto};
use crate::read::{Importer, normal_domain};
use crate::scope::{Found, Scope, Versions};
use ir::Attrs;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Deepest nesting of functions and branches; a recursive function gets here.
pub const MAX_DEPTH: usize = 24;
/// Most nodes that inlining may add, and most bytes of their messages: functions that call functions grow exponentially.
const MAX_NODES: usize = 200_000;
/// See [`MAX_NODES`].
const MAX_BYTES: usize = 64 << 20;

/// A function, ready to be inlined.
#[derive(Debug)]
pub struct Function {
    proto: FunctionProto,
    versions: Versions,
    /// Bytes of the body's messages.
    size: usize,
}

/// The functions of a model by domain, name and overload.
#[derive(Debug, Default)]
pub struct Functions {
    by_key: BTreeMap<(String, String, String), Arc<Function>>,
    nodes: usize,
    bytes: usize,
}

impl Functions {
    /// The function that a node calls, if it calls one.
    pub fn get(&self, key: &(String, String, String)) -> Option<Arc<Function>> {
        if self.by_key.is_empty() { None } else { self.by_key.get(key).cloned() }
    }

    fn charge(&mut self, nodes: usize, bytes: usize) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > MAX_NODES || self.bytes > MAX_BYTES {
            return Err(Problem::unsupported(format!(
                "inlining functions gives more than {MAX_NODES} nodes or {} MiB",
                MAX_BYTES >> 20
            )));
        }
        Ok(())
    }
}

impl Importer {
    /// Takes the functions of a model.
    pub fn functions_of(&mut self, protos: Vec<FunctionProto>) -> Functions {
        let mut out = Functions::default();
        for mut proto in protos {
            let domain = normal_domain(proto.domain.as_deref().unwrap_or("")).to_owned();
            let name = proto.name.clone().unwrap_or_default();
            let at = At::Function(short(&name).into());
            let versions = self.versions(&std::mem::take(&mut proto.opset_import), &at);
            let key = (domain, name, proto.overload.clone().unwrap_or_default());
            let size = proto.encoded_len();
            if out.by_key.insert(key, Arc::new(Function { proto, versions, size })).is_some() {
                self.report(Problem::invalid("is defined twice"), at);
            }
        }
        out
    }

    /// Replaces a call by the function's body.
    pub fn call(
        &mut self,
        f: &Function,
        inputs: &[Option<String>],
        attributes: Vec<AttributeProto>,
        outputs: &[Option<String>],
        at: &At,
        scope: &Scope<'_>,
    ) {
        match self.prepare_call(f, inputs, attributes, outputs, scope) {
            Err(p) => self.report(p, at.clone()),
            Ok((attrs, names, alias)) => {
                let At::Node { name, index, .. } = at else { return };
                let mut inner = Scope {
                    parent: None,
                    names,
                    alias,
                    versions: &f.versions,
                    attrs: Some(&attrs),
                    outer: Some(name),
                    depth: scope.depth + 1,
                };
                self.body(f.proto.node.clone(), &mut inner, Some(*index));
                self.connect(&f.proto.output, outputs, &inner, at);
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "the three tables of a scope")]
    fn prepare_call(
        &mut self,
        f: &Function,
        inputs: &[Option<String>],
        attributes: Vec<AttributeProto>,
        outputs: &[Option<String>],
        scope: &Scope<'_>,
    ) -> Result<(BTreeMap<String, AttributeProto>, BTreeMap<String, Option<String>>, BTreeMap<String, String>), Problem>
    {
        if scope.depth >= MAX_DEPTH {
            return Err(Problem::invalid(format!("functions nest deeper than {MAX_DEPTH} (a recursion?)")));
        }
        self.functions.charge(f.proto.node.len(), f.size)?;
        if inputs.len() > f.proto.input.len() || outputs.len() > f.proto.output.len() {
            return Err(Problem::invalid(format!(
                "the function has {} inputs and {} outputs, the call {} and {}",
                f.proto.input.len(),
                f.proto.output.len(),
                inputs.len(),
                outputs.len()
            )));
        }
        let mut attrs = BTreeMap::new();
        for a in &f.proto.attribute_proto {
            attrs.insert(a.name.clone().unwrap_or_default(), a.clone());
        }
        for a in attributes {
            let name = a.name.clone().unwrap_or_default();
            if !f.proto.attribute.contains(&name) && !attrs.contains_key(&name) {
                return Err(Problem::invalid(format!("the function has no attribute `{}`", short(&name))));
            }
            attrs.insert(name, a);
        }
        let mut names = BTreeMap::new();
        for (i, formal) in f.proto.input.iter().enumerate() {
            if names.insert(formal.clone(), inputs.get(i).cloned().flatten()).is_some() {
                return Err(Problem::invalid(format!("the function has two inputs `{}`", short(formal))));
            }
        }
        Ok((attrs, names, aliases(&f.proto.output, outputs)))
    }

    /// Replaces an `If` whose condition is a constant by the branch taken; others stay.
    pub fn branch(
        &mut self,
        mut graphs: BTreeMap<String, Box<GraphProto>>,
        inputs: &[Option<String>],
        outputs: &[Option<String>],
        at: &At,
        scope: &Scope<'_>,
    ) -> Result<(), Problem> {
        let condition = match inputs {
            [Some(name)] => self.folded.get(name).or_else(|| self.constant(name)).cloned(),
            _ => return Err(Problem::invalid("an If has one input")),
        };
        let Some(condition) = condition else {
            let flow = Flow { attrs: Attrs::none(), graphs, inputs, outputs, at };
            return self.undecided(flow, scope);
        };
        if condition.dtype != ir::DType::Bool || condition.elements() != 1 {
            return Err(Problem::invalid(format!("the condition of an If is {}", condition.ty())));
        }
        let taken = if condition.bytes.first() == Some(&1) { "then_branch" } else { "else_branch" };
        let Some(graph) = graphs.remove(taken) else {
            return Err(Problem::invalid(format!("required attribute `{taken}` is missing")));
        };
        if scope.depth >= MAX_DEPTH {
            return Err(Problem::invalid(format!("branches nest deeper than {MAX_DEPTH}")));
        }
        let results: Vec<String> = graph.output.iter().map(|o| o.name.clone().unwrap_or_default()).collect();
        if results.len() < outputs.len() || !graph.input.is_empty() {
            return Err(Problem::invalid(format!("the inputs or outputs of `{taken}` do not fit")));
        }
        let At::Node { name, index, .. } = at else { return Ok(()) };
        let mut inner = Scope {
            parent: Some(scope),
            names: BTreeMap::new(),
            alias: aliases(&results, outputs),
            versions: scope.versions,
            attrs: scope.attrs,
            outer: Some(name),
            depth: scope.depth + 1,
        };
        self.initializers(&mut inner, graph.initializer, graph.sparse_initializer);
        self.body(graph.node, &mut inner, Some(*index));
        self.connect(&results, outputs, &inner, at);
        Ok(())
    }

    /// Results that are not defined under the outer name already (inputs, repeated results) go through an `Identity`.
    fn connect(&mut self, results: &[String], outputs: &[Option<String>], inner: &Scope<'_>, at: &At) {
        for (result, outer) in results.iter().zip(outputs) {
            let Some(outer) = outer else { continue };
            match inner.lookup(result) {
                Found::Value(v) if v == outer => {}
                Found::Value(v) => {
                    let identity = Legacy {
                        op: "Identity".into(),
                        attrs: Attrs::none(),
                        inputs: vec![Some(v.to_owned())],
                        outputs: vec![Some(outer.clone())],
                    };
                    match self.finish(identity, at) {
                        Ok(n) => self.model.nodes.push(n),
                        Err(p) => self.report(p, at.clone()),
                    }
                }
                Found::Omitted | Found::Undefined => {
                    let message = format!("result `{}` of the body is not defined", short(result));
                    self.report(Problem::invalid(message), at.clone());
                }
            }
        }
    }
}

/// Which inner definitions take an outer name.
fn aliases(results: &[String], outputs: &[Option<String>]) -> BTreeMap<String, String> {
    let mut alias = BTreeMap::new();
    for (result, outer) in results.iter().zip(outputs) {
        if let Some(outer) = outer {
            alias.entry(result.clone()).or_insert_with(|| outer.clone());
        }
    }
    alias
}
