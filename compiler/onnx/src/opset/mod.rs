//! Older operator versions, converted to the newest: a table of (operator, from, to, rewrite).
//!
//! A row applies to a node whose operator set version lies in `from..to`. Rows of an operator apply one after the
//! other, in table order, each to the result of the one before.

mod axes;
mod elementwise;
mod legacy;
mod norm;
mod resize;
mod table;

use crate::error::Problem;
use crate::read::Importer;
use crate::scope::Names;
use ir::{Attr, Attrs, DType, Op, Tensor};

pub use table::{NEWEST, OLDEST};

/// A node between file and graph: attributes as they stand, operator by name.
#[derive(Clone, PartialEq, Debug)]
pub struct Legacy {
    /// `op_type`.
    pub op: String,
    /// Attributes as given.
    pub attrs: Attrs,
    /// Names in the model.
    pub inputs: Vec<Option<String>>,
    /// Names in the model.
    pub outputs: Vec<Option<String>>,
}

impl Legacy {
    /// Input `i`, if present.
    pub fn input(&self, i: usize) -> Option<&str> {
        self.inputs.get(i).and_then(|x| x.as_deref())
    }
    /// Input `i`, which the operator demands.
    pub fn required(&self, i: usize) -> Result<String, Problem> {
        self.input(i).map(str::to_owned).ok_or_else(|| Problem::invalid(format!("required input {i} is missing")))
    }
    /// Puts a name at input `i`, after omitted ones if need be.
    pub fn set_input(&mut self, i: usize, name: String) {
        if self.inputs.len() <= i {
            self.inputs.resize(i + 1, None);
        }
        self.inputs[i] = Some(name);
    }
    /// Refuses inputs that the older version does not have.
    pub fn at_most(&self, n: usize) -> Result<(), Problem> {
        if self.inputs.len() > n {
            return Err(Problem::invalid(format!("has {} inputs, this version takes at most {n}", self.inputs.len())));
        }
        Ok(())
    }
    /// Takes an integer list attribute.
    pub fn take_ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        match self.attrs.remove(name) {
            None => Ok(None),
            Some(Attr::Ints(x)) => Ok(Some(x)),
            Some(_) => Err(Problem::invalid(format!("attribute `{name}` is no list of integers"))),
        }
    }
    /// Takes an integer attribute.
    pub fn take_int(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        match self.attrs.remove(name) {
            None => Ok(None),
            Some(Attr::Int(x)) => Ok(Some(x)),
            Some(_) => Err(Problem::invalid(format!("attribute `{name}` is no integer"))),
        }
    }
    /// Takes a float attribute.
    pub fn take_float(&mut self, name: &str) -> Result<Option<f32>, Problem> {
        match self.attrs.remove(name) {
            None => Ok(None),
            Some(Attr::Float(x)) => Ok(Some(f32::from_bits(x))),
            Some(_) => Err(Problem::invalid(format!("attribute `{name}` is no float"))),
        }
    }
}

/// What a rewrite may look at and add.
#[derive(Debug)]
pub struct Cx<'a> {
    names: &'a mut Names,
    known: Known<'a>,
    hint: String,
    /// Nodes before the converted one, in order.
    pub before: Vec<Legacy>,
    /// Nodes after it, in order.
    pub after: Vec<Legacy>,
    /// New initializers.
    pub constants: Vec<(String, Tensor)>,
}

/// What is known of values.
#[derive(Debug)]
struct Known<'a> {
    dtypes: &'a std::collections::BTreeMap<String, DType>,
    constants: &'a std::collections::BTreeMap<String, usize>,
    initializers: &'a [(String, Tensor)],
}

impl<'a> Cx<'a> {
    /// For one node.
    pub fn new(importer: &'a mut Importer) -> Self {
        let known = Known {
            dtypes: &importer.dtypes,
            constants: &importer.constants,
            initializers: &importer.model.initializers,
        };
        let (before, after, constants) = (Vec::new(), Vec::new(), Vec::new());
        Self { names: &mut importer.names, known, hint: String::new(), before, after, constants }
    }
    /// The element type of a value, if it is known.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.known.dtypes.get(name).copied()
    }
    /// The value of an initializer.
    pub fn constant(&self, name: &str) -> Option<&Tensor> {
        self.known.constants.get(name).and_then(|&i| self.known.initializers.get(i)).map(|(_, t)| t)
    }
    /// A new name.
    pub fn fresh(&mut self, what: &str) -> String {
        self.names.fresh(&format!("{}/{what}", self.hint))
    }
    /// Adds an initializer; gives its name.
    pub fn add(&mut self, what: &str, t: Tensor) -> String {
        let name = self.fresh(what);
        self.constants.push((name.clone(), t));
        name
    }
    /// Adds a list of integers.
    pub fn add_ints(&mut self, what: &str, x: &[i64]) -> String {
        self.add(what, Tensor::from_i64([x.len()], x))
    }
    /// Adds a single-output node in front; gives its output.
    pub fn emit(&mut self, op: Op, attrs: Attrs, inputs: &[&str]) -> String {
        let (node, out) = self.make(op, attrs, inputs);
        self.before.push(node);
        out
    }
    /// Adds a single-output node behind; gives its output.
    pub fn emit_after(&mut self, op: Op, attrs: Attrs, inputs: &[&str]) -> String {
        let (node, out) = self.make(op, attrs, inputs);
        self.after.push(node);
        out
    }
    fn make(&mut self, op: Op, attrs: Attrs, inputs: &[&str]) -> (Legacy, String) {
        let out = self.fresh(op.name());
        let inputs = inputs.iter().map(|s| Some((*s).to_owned())).collect();
        (Legacy { op: op.name().into(), attrs, inputs, outputs: vec![Some(out.clone())] }, out)
    }
    /// A float scalar of the element type of `like`: a constant where that is known to be f32, else cast at run time.
    pub fn scalar_like(&mut self, what: &str, x: f32, like: &str) -> String {
        let name = self.add(what, Tensor::from_f32([], &[x]));
        if self.dtype(like) == Some(DType::F32) { name } else { self.emit(Op::CastLike, Attrs::none(), &[&name, like]) }
    }
}

/// A rewrite of one node.
pub type Rewrite = fn(&mut Cx<'_>, Legacy) -> Result<Legacy, Problem>;

/// A row of the conversion table.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// Operator as named in the file.
    pub op: &'static str,
    /// First version of the operator set that the row applies to.
    pub from: u32,
    /// First version that it does not apply to.
    pub to: u32,
    rewrite: Rewrite,
}

/// All rows.
pub fn conversions() -> &'static [Conversion] {
    table::CONVERSIONS
}

/// A node of operator set `version` as a node of the newest; the context holds what has to stand around it.
pub fn convert(cx: &mut Cx<'_>, mut node: Legacy, version: u32) -> Result<Legacy, Problem> {
    if let Some(&(_, first)) = table::FIRST.iter().find(|(op, _)| *op == node.op)
        && version < first
    {
        return Err(Problem::unsupported(format!("{} of operator set {version} is not supported", node.op)));
    }
    for (_, name, since) in table::NEWER_ATTRIBUTES.iter().filter(|(op, _, _)| *op == node.op) {
        if version < *since && node.attrs.has(name) {
            let message =
                format!("attribute `{name}` does not exist before operator set {since}, the model has {version}");
            return Err(Problem::invalid(message));
        }
    }
    cx.hint = node.outputs.iter().flatten().next().cloned().unwrap_or_default();
    let first = node.op.clone();
    for row in table::CONVERSIONS.iter().filter(|r| r.op == first && (r.from..r.to).contains(&version)) {
        node = (row.rewrite)(cx, node)?;
    }
    Ok(node)
}

/// Whether an operator makes, changes or reads a sequence of tensors.
pub fn on_sequences(op: &str) -> bool {
    table::ON_SEQUENCES.contains(&op)
}

/// An operator that the graph does not have.
pub fn unknown(op: &str) -> Problem {
    if table::KNOWN_UNSUPPORTED.contains(&op) {
        Problem::unsupported(format!("operator {op} is not supported"))
    } else {
        Problem::invalid(format!("ONNX has no operator `{}`", crate::error::short(op)))
    }
}
