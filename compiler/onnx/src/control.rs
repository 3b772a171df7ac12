//! Control flow that is not decided on import: `If`, `Loop` and `Scan` with their bodies, and operators on sequences. Names in bodies
//! become unique in the model.

use crate::error::{At, Problem, short};
use crate::inline::MAX_DEPTH;
use crate::opset::Legacy;
use crate::proto::{GraphProto, SparseTensorProto, TensorProto, TypeProto, type_proto};
use crate::read::{Importer, element_type};
use crate::scope::{Found, Scope};
use ir::{Attrs, ControlKind, ModelBody, ModelControl, Op, SequenceOp, Tensor};
use std::collections::BTreeMap;

/// A control-flow node with its names resolved.
#[derive(Debug)]
pub struct Flow<'a> {
    /// Attributes that are no graphs.
    pub attrs: Attrs,
    /// Bodies by attribute name.
    pub graphs: BTreeMap<String, Box<GraphProto>>,
    /// Operands.
    pub inputs: &'a [Option<String>],
    /// Results.
    pub outputs: &'a [Option<String>],
    /// Place.
    pub at: &'a At,
}

impl Flow<'_> {
    fn graph(&mut self, name: &str) -> Result<GraphProto, Problem> {
        let g = self.graphs.remove(name);
        g.map(|g| *g).ok_or_else(|| Problem::invalid(format!("required attribute `{name}` is missing")))
    }
    fn ints(&self, name: &str, n: usize) -> Result<Vec<i64>, Problem> {
        match self.attrs.ints(name) {
            None => Ok(vec![0; n]),
            Some(v) if v.len() == n => Ok(v.to_vec()),
            Some(v) => Err(Problem::invalid(format!("attribute `{name}` has {} entries, {n} expected", v.len()))),
        }
    }
    /// Axes and directions of scanned operands or stacked results.
    fn axes(&self, axes: &str, directions: &str, n: usize) -> Result<Vec<(i64, bool)>, Problem> {
        let (axes, directions) = (self.ints(axes, n)?, self.ints(directions, n)?);
        if directions.iter().any(|d| !matches!(d, 0 | 1)) {
            return Err(Problem::invalid("a direction of a Scan is neither 0 nor 1"));
        }
        Ok(axes.into_iter().zip(directions.into_iter().map(|d| d == 1)).collect())
    }
}

impl Importer {
    /// An `If` whose condition is not known yet.
    pub fn undecided(&mut self, mut flow: Flow<'_>, scope: &Scope<'_>) -> Result<(), Problem> {
        let (then, other) = (flow.graph("then_branch")?, flow.graph("else_branch")?);
        let bodies = vec![self.control_body(then, flow.at, scope)?, self.control_body(other, flow.at, scope)?];
        if bodies.iter().any(|b| !b.inputs.is_empty() || b.outputs.len() < flow.outputs.len()) {
            return Err(Problem::invalid("the inputs or outputs of a branch do not fit"));
        }
        self.push_control(ControlKind::If, &flow, bodies)
    }

    /// An operator on sequences; `None` if it is another one.
    pub fn sequence(&mut self, op: &str, flow: &Flow<'_>) -> Option<Result<(), Problem>> {
        let int = |name: &str, default: i64| flow.attrs.int(name).unwrap_or(default);
        let (op, least, most) = match op {
            "SequenceEmpty" => (SequenceOp::Empty, 0, 0),
            "SequenceConstruct" => (SequenceOp::Construct, 1, usize::MAX),
            "SequenceInsert" => (SequenceOp::Insert, 2, 3),
            "SequenceErase" => (SequenceOp::Erase, 1, 2),
            "SequenceAt" => (SequenceOp::At, 2, 2),
            "SequenceLength" => (SequenceOp::Length, 1, 1),
            "ConcatFromSequence" => {
                (SequenceOp::Concat { axis: int("axis", 0), new_axis: int("new_axis", 0) != 0 }, 1, 1)
            }
            "SplitToSequence" => (SequenceOp::Split { axis: int("axis", 0), keepdims: int("keepdims", 1) != 0 }, 1, 2),
            _ => return None,
        };
        let given = flow.inputs.len();
        if given < least || given > most || flow.inputs.iter().any(Option::is_none) || flow.outputs.len() != 1 {
            let message = format!("has {given} inputs and {} outputs", flow.outputs.len());
            return Some(Err(Problem::invalid(message)));
        }
        if let (SequenceOp::Length, [Some(name)]) = (op, flow.outputs) {
            self.dtypes.insert(name.clone(), ir::DType::I64);
        }
        Some(self.push_control(ControlKind::Sequence(op), flow, Vec::new()))
    }

    /// A `Loop`.
    pub fn for_loop(&mut self, mut flow: Flow<'_>, scope: &Scope<'_>) -> Result<(), Problem> {
        let body = flow.graph("body")?;
        let body = self.control_body(body, flow.at, scope)?;
        let carried = flow.inputs.len().saturating_sub(2);
        if body.inputs.len() != 2 + carried || body.outputs.len() <= carried {
            return Err(Problem::invalid(format!(
                "the body has {} inputs and {} outputs for {carried} carried values",
                body.inputs.len(),
                body.outputs.len()
            )));
        }
        self.push_control(ControlKind::Loop, &flow, vec![body])
    }

    /// A `Scan`. Before set 9 it has a batch dimension: it becomes a `Loop` over the batch around a `Scan` of today.
    pub fn scan(&mut self, mut flow: Flow<'_>, scope: &Scope<'_>) -> Result<(), Problem> {
        let count = flow.attrs.int("num_scan_inputs").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let count = count.ok_or_else(|| Problem::invalid("attribute `num_scan_inputs` is not positive"))?;
        let body = flow.graph("body")?;
        let body = self.control_body(body, flow.at, scope)?;
        let batched = scope.versions.get("").is_some_and(|v| *v < 9);
        if batched && flow.inputs.first().is_some_and(Option::is_some) {
            return Err(Problem::unsupported("Scan with sequence lengths is not supported"));
        }
        let operands = &flow.inputs[usize::from(batched).min(flow.inputs.len())..];
        let Some(states) = operands.len().checked_sub(count).filter(|n| *n <= body.outputs.len()) else {
            return Err(Problem::invalid("the operands of a Scan do not fit its body"));
        };
        if body.inputs.len() != operands.len() || operands.iter().any(Option::is_none) {
            return Err(Problem::invalid(format!(
                "the body has {} inputs, {} given",
                body.inputs.len(),
                operands.len()
            )));
        }
        let stacked = body.outputs.len() - states;
        let kind = if batched {
            ControlKind::Scan { inputs: flow.axes("no_axes", "directions", count)?, outputs: vec![(0, false); stacked] }
        } else {
            ControlKind::Scan {
                inputs: flow.axes("scan_input_axes", "scan_input_directions", count)?,
                outputs: flow.axes("scan_output_axes", "scan_output_directions", stacked)?,
            }
        };
        if flow.outputs.len() > body.outputs.len() {
            return Err(Problem::invalid(format!(
                "has {} outputs, its body {}",
                flow.outputs.len(),
                body.outputs.len()
            )));
        }
        let operands = operands.to_vec();
        if batched { self.over_batch(kind, &flow, &operands, body) } else { self.push_control(kind, &flow, vec![body]) }
    }

    /// `Loop` over the first dimension of all operands, around the scan of one sequence.
    fn over_batch(
        &mut self,
        kind: ControlKind,
        flow: &Flow<'_>,
        operands: &[Option<String>],
        body: ModelBody,
    ) -> Result<(), Problem> {
        let At::Node { name, index, .. } = flow.at else { return Err(Problem::invalid("a node outside the graph")) };
        let mut fresh = |what: &str| self.names.fresh(&format!("{}/{what}", crate::error::prefix(name, 40)));
        let (shape, zero, trips) = (fresh("shape"), fresh("zero"), fresh("batch"));
        let (number, condition) = (fresh("number"), fresh("condition"));
        let slices: Vec<String> = operands.iter().map(|_| fresh("sequence")).collect();
        let results: Vec<String> = body.outputs.iter().map(|_| fresh("result")).collect();
        let node = |op: Op, attrs: Attrs, inputs: &[&str], output: &str| Legacy {
            op: op.name().into(),
            attrs,
            inputs: inputs.iter().map(|s| Some((*s).to_owned())).collect(),
            outputs: vec![Some(output.to_owned())],
        };
        let axis = || Attrs::none().with_int("axis", 0);
        self.add_constant(zero.clone(), Tensor::from_i64([], &[0]));
        let operands: Vec<&str> = operands.iter().flatten().map(String::as_str).collect();
        let first = operands.first().copied().unwrap_or_default();
        for n in [node(Op::Shape, Attrs::none(), &[first], &shape), node(Op::Gather, axis(), &[&shape, &zero], &trips)]
        {
            let n = self.finish(n, flow.at)?;
            self.model.nodes.push(n);
        }
        let mut nodes = Vec::new();
        for (x, slice) in operands.iter().zip(&slices) {
            nodes.push(self.finish(node(Op::Gather, axis(), &[x, &number], slice), flow.at)?);
        }
        let some = |v: &[String]| v.iter().cloned().map(Some).collect::<Vec<_>>();
        let scan = ModelControl {
            before: nodes.len(),
            kind,
            inputs: some(&slices),
            outputs: some(&results),
            bodies: vec![body],
            name: name.clone(),
            source: *index,
        };
        let outputs = [condition.clone()].into_iter().chain(results).collect();
        let outer = ModelBody { inputs: vec![number, condition], outputs, nodes, control: vec![scan] };
        let flow = Flow { inputs: &[Some(trips)], attrs: Attrs::none(), graphs: BTreeMap::new(), ..*flow };
        self.push_control(ControlKind::Loop, &flow, vec![outer])
    }

    fn push_control(&mut self, kind: ControlKind, flow: &Flow<'_>, bodies: Vec<ModelBody>) -> Result<(), Problem> {
        let At::Node { name, index, .. } = flow.at else { return Err(Problem::invalid("a node outside the graph")) };
        // Branches and carried values give their types to the results.
        let skip = usize::from(kind == ControlKind::Loop);
        if let Some(body) = bodies.first() {
            for (result, output) in body.outputs.iter().skip(skip).zip(flow.outputs) {
                if let (Some(d), Some(name)) = (self.dtypes.get(result).copied(), output) {
                    self.dtypes.entry(name.clone()).or_insert(d);
                }
            }
        }
        self.model.control.push(ModelControl {
            before: self.model.nodes.len(),
            kind,
            inputs: flow.inputs.to_vec(),
            outputs: flow.outputs.to_vec(),
            bodies,
            name: name.clone(),
            source: *index,
        });
        Ok(())
    }

    /// A branch or body, its nodes apart from those around it.
    fn control_body(&mut self, mut g: GraphProto, at: &At, scope: &Scope<'_>) -> Result<ModelBody, Problem> {
        if scope.depth >= MAX_DEPTH {
            return Err(Problem::invalid(format!("bodies nest deeper than {MAX_DEPTH}")));
        }
        let At::Node { name, index, .. } = at else { return Err(Problem::invalid("a node outside the graph")) };
        let mut inner = Scope {
            parent: Some(scope),
            names: BTreeMap::new(),
            alias: BTreeMap::new(),
            versions: scope.versions,
            attrs: scope.attrs,
            outer: Some(name),
            depth: scope.depth + 1,
        };
        let around = (std::mem::take(&mut self.model.nodes), std::mem::take(&mut self.model.control));
        let inputs = self.formal_inputs(&mut inner, &g, at);
        let (dense, sparse): (Vec<TensorProto>, Vec<SparseTensorProto>) =
            (std::mem::take(&mut g.initializer), std::mem::take(&mut g.sparse_initializer));
        self.initializers(&mut inner, dense, sparse);
        self.body(std::mem::take(&mut g.node), &mut inner, Some(*index));
        let outputs = self.results(&inner, &g, at);
        let nodes = std::mem::replace(&mut self.model.nodes, around.0);
        let control = std::mem::replace(&mut self.model.control, around.1);
        Ok(ModelBody { inputs, outputs, nodes, control })
    }

    fn formal_inputs(&mut self, inner: &mut Scope<'_>, g: &GraphProto, at: &At) -> Vec<String> {
        let mut inputs = Vec::with_capacity(g.input.len());
        for v in &g.input {
            let local = v.name.as_deref().unwrap_or("");
            let Some(name) = self.define(inner, local, at) else { continue };
            // Types of formal inputs may be left out, and a body may carry sequences.
            let sequence = |t: &&TypeProto| matches!(t.value, Some(type_proto::Value::SequenceType(_)));
            match v.r#type.as_ref().filter(|t| !sequence(t)).map(|t| element_type(Some(t))) {
                Some(Ok(t)) => {
                    self.dtypes.insert(name.clone(), t);
                }
                Some(Err(p)) if p.kind == crate::error::ErrorKind::Unsupported => self.report(p, at.clone()),
                Some(Err(_)) | None => {}
            }
            inputs.push(name);
        }
        inputs
    }

    fn results(&mut self, inner: &Scope<'_>, g: &GraphProto, at: &At) -> Vec<String> {
        let mut outputs = Vec::with_capacity(g.output.len());
        for v in &g.output {
            let local = v.name.as_deref().unwrap_or("");
            match inner.lookup(local) {
                Found::Value(name) => outputs.push(name.to_owned()),
                Found::Omitted | Found::Undefined => {
                    let message = format!("result `{}` of the body is not defined", short(local));
                    self.report(Problem::invalid(message), at.clone());
                }
            }
        }
        outputs
    }
}
