//! Model bytes to [`ir::Model`].

use crate::error::{At, ErrorKind, ImportError, ImportErrors, Problem, short};
use crate::external::External;
use crate::inline::Functions;
use crate::order;
use crate::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto, ValueInfoProto, tensor_shape_proto::dimension,
    type_proto,
};
use crate::scope::{Found, Names, Scope, Versions};
use crate::tensor;
use ir::{DType, Dim, Model, ModelValue, Op, Tensor};
use prost::Message;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Oldest IR version with operator sets.
const MIN_IR: i64 = 3;
/// Most problems that are listed.
const MAX_ERRORS: usize = 10_000;
/// Newest IR version known here.
const MAX_IR: i64 = 14;

/// Reads a serialised `ModelProto`. External data are looked for below `dir`, and refused without one.
///
/// Nodes come out as operators of the newest set with every default attribute present; `Constant` nodes become
/// initializers; functions and branches of constant `If` are inlined; other control flow stays.
pub fn read(bytes: &[u8], dir: Option<&Path>) -> Result<Model, ImportErrors> {
    crate::scan::check(bytes).map_err(|p| p.at(At::Model))?;
    let proto = ModelProto::decode(bytes)
        .map_err(|e| ImportError::new(ErrorKind::Malformed, At::Model, format!("not an ONNX model: {e}")))?;
    let mut importer = Importer::new(dir);
    importer.read(proto);
    if importer.errors.is_empty() { Ok(importer.model) } else { Err(ImportErrors { errors: importer.errors }) }
}

/// State of an import.
#[derive(Debug)]
pub struct Importer {
    /// What was found wrong so far.
    pub errors: Vec<ImportError>,
    /// What was read so far.
    pub model: Model,
    /// Source of external data.
    pub external: External,
    /// Names in the model.
    pub names: Names,
    /// Element types that are known: inputs, initializers, `value_info`, and what follows from these.
    pub dtypes: BTreeMap<String, DType>,
    /// Initializer number by name.
    pub constants: BTreeMap<String, usize>,
    /// Fully declared shapes of inputs.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Small values that follow from shapes and constants.
    pub folded: BTreeMap<String, Tensor>,
    /// Functions of the model.
    pub functions: Functions,
    /// Operators by name.
    pub ops: BTreeMap<&'static str, Op>,
}

impl Importer {
    fn new(dir: Option<&Path>) -> Self {
        Self {
            errors: Vec::new(),
            model: Model::default(),
            external: External::new(dir),
            names: Names::default(),
            dtypes: BTreeMap::new(),
            constants: BTreeMap::new(),
            shapes: BTreeMap::new(),
            folded: BTreeMap::new(),
            functions: Functions::default(),
            ops: Op::ALL.iter().map(|&o| (o.name(), o)).collect(),
        }
    }

    /// Notes a problem. Names are shortened, and after [`MAX_ERRORS`] there are no more notes, so that hostile models
    /// cannot make gigabytes of text.
    pub fn report(&mut self, p: Problem, at: At) {
        match self.errors.len().cmp(&MAX_ERRORS) {
            Ordering::Less => self.errors.push(p.at(at.shortened())),
            Ordering::Equal => {
                self.errors.push(ImportError::new(p.kind, At::Model, "further problems are not listed"));
            }
            Ordering::Greater => {}
        }
    }

    fn read(&mut self, p: ModelProto) {
        match p.ir_version {
            None => return self.report(Problem::malformed("not an ONNX model: no ir_version"), At::Model),
            Some(v) if v < MIN_IR => {
                self.report(Problem::unsupported(format!("IR version {v} is older than {MIN_IR}")), At::Model);
            }
            Some(v) if v > MAX_IR => {
                self.report(Problem::unsupported(format!("IR version {v} is newer than {MAX_IR}")), At::Model);
            }
            Some(_) => {}
        }
        if !p.training_info.is_empty() {
            self.report(Problem::unsupported("training information is not supported"), At::Model);
        }
        let versions = self.versions(&p.opset_import, &At::Model);
        let functions = self.functions_of(p.functions);
        self.functions = functions;
        match p.graph {
            Some(g) => self.graph(g, &versions),
            None => self.report(Problem::malformed("the model has no graph"), At::Model),
        }
    }

    /// Operator sets of a model or function; wrong ones are reported.
    pub fn versions(&mut self, imports: &[OperatorSetIdProto], at: &At) -> Versions {
        let mut out = Versions::new();
        for o in imports {
            let domain = normal_domain(o.domain.as_deref().unwrap_or(""));
            let version = o.version.unwrap_or(0);
            if domain.is_empty() && version > i64::from(crate::opset::NEWEST) {
                let message = format!("operator set {version} is newer than {}", crate::opset::NEWEST);
                self.report(Problem::unsupported(message), at.clone());
            }
            if version < 1 {
                let message = format!("operator set {version} of domain `{}` does not exist", short(domain));
                self.report(Problem::invalid(message), at.clone());
            }
            if out.insert(domain.into(), version).is_some_and(|v| v != version) {
                let message = format!("two versions of operator set `{}` are imported", short(domain));
                self.report(Problem::invalid(message), at.clone());
            }
        }
        out
    }

    fn graph(&mut self, g: GraphProto, versions: &Versions) {
        self.model.name = g.name.clone().unwrap_or_default();
        for name in own_names(&g) {
            self.names.reserve(name);
        }
        let mut scope = Scope {
            parent: None,
            names: BTreeMap::new(),
            alias: BTreeMap::new(),
            versions,
            attrs: None,
            outer: None,
            depth: 0,
        };
        self.initializers(&mut scope, g.initializer, g.sparse_initializer);
        self.inputs(&mut scope, g.input);
        for v in &g.value_info {
            if let (Some(name), Ok(t)) = (&v.name, element_type(v.r#type.as_ref())) {
                self.dtypes.entry(name.clone()).or_insert(t);
            }
        }
        self.body(g.node, &mut scope, None);
        self.outputs(&scope, g.output);
    }

    /// Dense and sparse initializers of a graph or branch. A broken one is reported, and its name counts as defined, so
    /// that its uses give no further errors.
    pub fn initializers(
        &mut self,
        scope: &mut Scope<'_>,
        dense: Vec<crate::proto::TensorProto>,
        sparse: Vec<crate::proto::SparseTensorProto>,
    ) {
        for p in dense {
            let local = p.name.clone().unwrap_or_default();
            self.initializer(scope, &local, |e| tensor::dense(p, e));
        }
        for p in sparse {
            let local = p.values.as_ref().and_then(|v| v.name.clone()).unwrap_or_default();
            self.initializer(scope, &local, |e| tensor::sparse(p, e));
        }
    }

    fn initializer(
        &mut self,
        scope: &mut Scope<'_>,
        local: &str,
        make: impl FnOnce(&mut External) -> Result<Tensor, Problem>,
    ) {
        let at = At::Tensor(short(local).into());
        if local.is_empty() {
            return self.report(Problem::invalid("an initializer has no name"), At::Model);
        }
        let Some(name) = self.define(scope, local, &at) else { return };
        match make(&mut self.external) {
            Ok(t) => self.add_constant(name, t),
            Err(p) => self.report(p, at),
        }
    }

    /// Adds an initializer to the model.
    pub fn add_constant(&mut self, name: String, t: Tensor) {
        self.dtypes.insert(name.clone(), t.dtype);
        self.constants.insert(name.clone(), self.model.initializers.len());
        self.model.initializers.push((name, t));
    }

    /// The value of an initializer.
    pub fn constant(&self, name: &str) -> Option<&Tensor> {
        self.constants.get(name).map(|&i| &self.model.initializers[i].1)
    }

    /// Defines a local name; gives its name in the model, or `None` after reporting that it is taken.
    pub fn define(&mut self, scope: &mut Scope<'_>, local: &str, at: &At) -> Option<String> {
        if scope.names.contains_key(local) {
            self.report(Problem::invalid(format!("`{}` is defined twice", short(local))), at.clone());
            return None;
        }
        let name = match (scope.alias.get(local), scope.outer) {
            (Some(name), _) => name.clone(),
            (None, None) => local.to_owned(),
            // A branch or body keeps its names where they are unique in the model.
            (None, Some(_)) if scope.parent.is_some() && self.names.take(local) => local.to_owned(),
            (None, Some(outer)) => self.names.fresh(&format!("{}/{}", crate::error::prefix(outer, 40), short(local))),
        };
        scope.names.insert(local.into(), Some(name.clone()));
        Some(name)
    }

    fn inputs(&mut self, scope: &mut Scope<'_>, inputs: Vec<ValueInfoProto>) {
        let mut seen = BTreeSet::new();
        for v in inputs {
            let name = v.name.clone().unwrap_or_default();
            let at = At::Tensor(short(&name).into());
            if name.is_empty() || !seen.insert(name.clone()) {
                let what = if name.is_empty() { "an input has no name" } else { "is declared as an input twice" };
                self.report(Problem::invalid(what), at);
                continue;
            }
            let given = self.constant(&name).map(Tensor::ty);
            let known = scope.names.contains_key(&name);
            match declared(v) {
                Ok(m) if known => {
                    if let Some(ty) = given
                        && !fits(&m, &ty)
                    {
                        let what = format!("is declared as {} but initialised with {ty}", describe(&m));
                        self.report(Problem::invalid(what), at);
                    }
                }
                Ok(m) => {
                    self.define(scope, &name, &at);
                    if let Some(dims) =
                        m.dims.as_ref().filter(|d| d.len() <= 64).and_then(|d| d.iter().map(fixed).collect())
                    {
                        self.shapes.insert(name.clone(), dims);
                    }
                    self.dtypes.insert(name, m.dtype);
                    self.model.inputs.push(m);
                }
                Err(p) => {
                    if !known {
                        self.define(scope, &name, &at);
                    }
                    self.report(p, at);
                }
            }
        }
    }

    fn outputs(&mut self, scope: &Scope<'_>, outputs: Vec<ValueInfoProto>) {
        let mut seen = BTreeSet::new();
        if outputs.is_empty() {
            self.report(Problem::invalid("the graph has no output"), At::Model);
        }
        for v in outputs {
            let name = v.name.clone().unwrap_or_default();
            let at = At::Tensor(short(&name).into());
            if !seen.insert(name.clone()) {
                self.report(Problem::invalid("is declared as an output twice"), at);
                continue;
            }
            if !matches!(scope.lookup(&name), Found::Value(_)) {
                self.report(Problem::invalid("is an output that nothing defines"), at);
                continue;
            }
            match declared(v) {
                Ok(m) => self.model.outputs.push(m),
                Err(p) => self.report(p, at),
            }
        }
    }

    /// The nodes of a graph, branch or function, in order. `source` is the node of the main graph around them.
    pub fn body(&mut self, nodes: Vec<NodeProto>, scope: &mut Scope<'_>, source: Option<u32>) {
        let mut faulty = BTreeSet::new();
        for (i, message) in order::check(&nodes, |name| scope.lookup(name) != Found::Undefined) {
            faulty.insert(i);
            let at = crate::node::place(&nodes[i], i, scope.outer, source);
            self.report(Problem::invalid(message), at);
        }
        for (i, n) in nodes.into_iter().enumerate() {
            let at = crate::node::place(&n, i, scope.outer, source);
            if faulty.contains(&i) {
                self.node_outputs(&n.output, &at, scope);
            } else {
                self.node(n, &at, scope);
            }
        }
    }
}

/// All names that the main graph defines.
fn own_names(g: &GraphProto) -> impl Iterator<Item = &str> {
    let inputs = g.input.iter().filter_map(|v| v.name.as_deref());
    let initializers = g.initializer.iter().filter_map(|t| t.name.as_deref());
    let sparse = g.sparse_initializer.iter().filter_map(|t| t.values.as_ref()?.name.as_deref());
    let outputs = g.node.iter().flat_map(|n| n.output.iter().map(String::as_str));
    inputs.chain(initializers).chain(sparse).chain(outputs)
}

/// The default domain has two names.
pub fn normal_domain(d: &str) -> &str {
    if d == "ai.onnx" { "" } else { d }
}

/// The element type of a tensor type.
pub fn element_type(t: Option<&TypeProto>) -> Result<DType, Problem> {
    use type_proto::Value;
    match t.and_then(|t| t.value.as_ref()) {
        Some(Value::TensorType(t)) => tensor::dtype(t.elem_type.unwrap_or(0)),
        Some(Value::SequenceType(_)) => Err(Problem::unsupported("sequences are not supported")),
        Some(Value::MapType(_)) => Err(Problem::unsupported("maps are not supported")),
        Some(Value::OptionalType(_)) => Err(Problem::unsupported("optional values are not supported")),
        Some(Value::SparseTensorType(_)) => Err(Problem::unsupported("sparse inputs and outputs are not supported")),
        Some(Value::OpaqueType(_)) => Err(Problem::unsupported("opaque values are not supported")),
        None => Err(Problem::invalid("no type is declared")),
    }
}

fn declared(v: ValueInfoProto) -> Result<ModelValue, Problem> {
    let dtype = element_type(v.r#type.as_ref())?;
    let shape = match v.r#type.and_then(|t| t.value) {
        Some(type_proto::Value::TensorType(t)) => t.shape,
        _ => None,
    };
    let dims = shape
        .map(|s| {
            let dim = |d: crate::proto::tensor_shape_proto::Dimension| match d.value {
                // Not in the standard, but common (Paddle exports it): unknown.
                Some(dimension::Value::DimValue(-1)) => Ok(Dim::Named(String::new())),
                Some(dimension::Value::DimValue(n)) => usize::try_from(n)
                    .map(Dim::Fixed)
                    .map_err(|_| Problem::invalid(format!("the declared extent {n} is negative"))),
                Some(dimension::Value::DimParam(s)) => Ok(Dim::Named(s)),
                None => Ok(Dim::Named(String::new())),
            };
            s.dim.into_iter().map(dim).collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    Ok(ModelValue { name: v.name.unwrap_or_default(), dtype, dims })
}

fn fixed(d: &Dim) -> Option<usize> {
    match d {
        Dim::Fixed(n) => Some(*n),
        Dim::Named(_) => None,
    }
}

fn fits(m: &ModelValue, ty: &ir::TensorType) -> bool {
    let dims = m.dims.as_ref().is_none_or(|dims| {
        dims.len() == ty.dims.len() && dims.iter().zip(&ty.dims).all(|(d, &n)| !matches!(d, Dim::Fixed(m) if *m != n))
    });
    m.dtype == ty.dtype && dims
}

fn describe(m: &ModelValue) -> String {
    let dim = |d: &Dim| match d {
        Dim::Fixed(n) => n.to_string(),
        Dim::Named(s) if s.is_empty() => "?".into(),
        Dim::Named(s) => short(s).to_owned(),
    };
    let dims = m.dims.as_ref().map(|d| d.iter().map(dim).collect::<Vec<_>>().join(","));
    format!("{}[{}]", m.dtype, dims.unwrap_or_else(|| "..".into()))
}
