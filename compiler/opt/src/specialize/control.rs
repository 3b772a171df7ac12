//! Control flow: the branch of an `If` that is taken is inlined, `Loop` and `Scan` are unrolled. Conditions and trip counts have
//! to be known, and there is a limit, so that no model of a few bytes fills the memory.

use super::{Builder, Item};
use ir::{Attrs, ControlKind, ModelBody, ModelControl, Op, Origin, Tensor, ValueId};
use kit::CompileError;

/// Most nodes that inlined and unrolled bodies may add to a graph.
pub const MAX_UNROLLED: usize = 100_000;

/// The bodies that are being inlined.
#[derive(Default)]
pub struct Bodies {
    /// For each body around the current node: the names that it defined, and the number of the iteration.
    open: Vec<(Vec<String>, usize)>,
    /// Nodes that bodies added so far.
    nodes: usize,
}

impl Bodies {
    /// Notes a definition.
    pub fn defined(&mut self, name: &str) {
        if let Some((names, _)) = self.open.last_mut() {
            names.push(name.into());
        }
    }
    /// The name of a value in the graph: with its iterations, since a body defines it anew in each.
    pub fn name_of(&self, name: &str) -> String {
        self.open.iter().filter(|(_, i)| *i > 0).fold(name.to_string(), |s, (_, i)| format!("{s}@{i}"))
    }
}

/// Values of a body after one execution; `None` if something was reported.
pub(super) type Results = Option<Vec<Item>>;

impl Builder {
    pub(super) fn control(&mut self, c: &ModelControl) {
        let before = self.errors.len();
        let results = match self.items(&c.inputs, &c.name, c.kind.name()) {
            None => None,
            Some(inputs) => match &c.kind {
                ControlKind::If => self.branch(c, &inputs),
                ControlKind::Loop => self.unrolled(c, &inputs),
                ControlKind::Scan { inputs: ins, outputs: outs } => self.scan(c, &inputs, ins, outs),
                ControlKind::Sequence(op) => self.sequence(c, *op, &inputs),
            },
        };
        match results.filter(|_| self.errors.len() == before) {
            Some(values) => {
                for (name, v) in c.outputs.iter().zip(values) {
                    if let Some(name) = name {
                        self.define_item(name, Some(v), &c.name);
                    }
                }
            }
            None => self.poison(&c.outputs, &c.name),
        }
    }
    pub(super) fn unsupported(&mut self, c: &ModelControl, reason: String) -> Results {
        let (node, op) = (c.name.clone(), c.kind.name().into());
        self.errors.push(CompileError::Unsupported { node, op, reason });
        None
    }
    pub(super) fn wrong(&mut self, c: &ModelControl, reason: String) -> Results {
        self.invalid(&c.name, c.kind.name(), reason);
        None
    }
    /// Executes a body once.
    fn execute(&mut self, c: &ModelControl, body: &ModelBody, actual: &[Item], iteration: usize) -> Results {
        // Operands may be picked for it and results stacked after it: a node each.
        let added = 1 + body.nodes.len() + body.control.len() + body.inputs.len() + body.outputs.len();
        self.bodies.nodes = self.bodies.nodes.saturating_add(added);
        if self.bodies.nodes > MAX_UNROLLED {
            return self.unsupported(c, format!("unrolling gives more than {MAX_UNROLLED} nodes"));
        }
        if body.inputs.len() != actual.len() {
            let reason = format!("its body has {} inputs, {} expected", body.inputs.len(), actual.len());
            return self.wrong(c, reason);
        }
        let before = self.errors.len();
        self.bodies.open.push((Vec::new(), iteration));
        for (name, v) in body.inputs.iter().zip(actual) {
            self.define_item(name, Some(v.clone()), &c.name);
        }
        self.steps(&body.nodes, &body.control);
        let results = body.outputs.iter().map(|o| self.env.get(o).cloned().flatten()).collect::<Option<Vec<_>>>();
        for name in self.bodies.open.pop().map(|(names, _)| names).unwrap_or_default() {
            self.env.remove(&name);
        }
        if results.is_none() && self.errors.len() == before {
            return self.wrong(c, "a result of its body is not defined".into());
        }
        results.filter(|_| self.errors.len() == before)
    }
    /// The value of a condition; reports if it is not known.
    fn truth(&mut self, c: &ModelControl, v: ValueId) -> Option<bool> {
        let t = self.constant(v).and_then(|k| self.g.constant(k));
        match t {
            Some(t) if t.dtype == ir::DType::Bool && t.elements() == 1 => Some(t.bits(0) != 0),
            Some(t) => {
                let reason = format!("its condition is {}, one bool expected", t.ty());
                self.wrong(c, reason);
                None
            }
            None => {
                let reason = "control flow whose condition is not known at compile time is not supported".into();
                self.unknown(&c.name, c.kind.name(), &[v], false, reason);
                None
            }
        }
    }
    fn branch(&mut self, c: &ModelControl, inputs: &[Option<Item>]) -> Results {
        let (Some(&Some(Item::Tensor(condition))), [then, other]) = (inputs.first(), &c.bodies[..]) else {
            return self.wrong(c, "a condition and two branches are needed".into());
        };
        let taken = self.truth(c, condition)?;
        self.execute(c, if taken { then } else { other }, &[], 0)
    }
    fn unrolled(&mut self, c: &ModelControl, inputs: &[Option<Item>]) -> Results {
        let operand = |i: usize| match inputs.get(i) {
            Some(Some(Item::Tensor(v))) => Some(*v),
            _ => None,
        };
        if inputs.iter().take(2).flatten().any(|i| matches!(i, Item::Sequence(_))) {
            return self.wrong(c, "its trip count or condition is a sequence".into());
        }
        let [body] = &c.bodies[..] else { return self.wrong(c, "a body is needed".into()) };
        let Some(mut carried) = inputs.iter().skip(2).cloned().collect::<Option<Vec<_>>>() else {
            return self.wrong(c, "a carried value is omitted".into());
        };
        let trips = match operand(0) {
            None => None,
            Some(v) => Some(self.trip_count(c, v)?),
        };
        let mut condition = operand(1);
        let mut stacked: Vec<Vec<ValueId>> = Vec::new();
        let mut i = 0i64;
        while trips.is_none_or(|n| i < n) {
            if let Some(v) = condition
                && !self.truth(c, v)?
            {
                break;
            }
            let number = self.g.add_const(None, Tensor::from_i64([], &[i]));
            let go = condition.unwrap_or_else(|| self.g.add_const(None, Tensor::from_bool([], &[true])));
            let actual: Vec<Item> = [number, go].map(Item::Tensor).into_iter().chain(carried.iter().cloned()).collect();
            let results = self.execute(c, body, &actual, i as usize)?;
            let (Some(Item::Tensor(next)), Some(values)) = (results.first(), results.get(1..=carried.len())) else {
                return self.wrong(c, format!("its body has {} results, or no condition", results.len()));
            };
            condition = condition.map(|_| *next);
            self.push_stacks(c, &mut stacked, &results[1 + carried.len()..])?;
            carried = values.to_vec();
            i += 1;
        }
        self.with_stacks(c, carried, &stacked, &[])
    }
    fn trip_count(&mut self, c: &ModelControl, v: ValueId) -> Option<i64> {
        let t = self.constant(v).and_then(|k| self.g.constant(k));
        match t.map(|t| (t.ints(), t.elements(), t.ty())) {
            Some((Some(n), 1, _)) => n.first().copied(),
            Some((.., ty)) => {
                self.wrong(c, format!("its trip count is {ty}, one integer expected"));
                None
            }
            None => {
                let reason = "control flow whose trip count is not known at compile time is not supported".into();
                self.unknown(&c.name, c.kind.name(), &[v], false, reason);
                None
            }
        }
    }
    /// Notes the values that an iteration gives to be stacked.
    fn push_stacks(&mut self, c: &ModelControl, stacks: &mut Vec<Vec<ValueId>>, values: &[Item]) -> Option<()> {
        stacks.resize(values.len(), Vec::new());
        for (s, v) in stacks.iter_mut().zip(values) {
            let Item::Tensor(v) = v else {
                self.wrong(c, "a value to stack is a sequence".into());
                return None;
            };
            s.push(*v);
        }
        Some(())
    }
    fn scan(
        &mut self,
        c: &ModelControl,
        inputs: &[Option<Item>],
        ins: &[(i64, bool)],
        outs: &[(i64, bool)],
    ) -> Results {
        let [body] = &c.bodies[..] else { return self.wrong(c, "a body is needed".into()) };
        let Some(all) = inputs.iter().cloned().collect::<Option<Vec<_>>>() else {
            return self.wrong(c, "an operand is omitted".into());
        };
        if all.len() < ins.len() || ins.is_empty() {
            return self.wrong(c, format!("it has {} operands, {} of them to scan", all.len(), ins.len()));
        }
        let (states, scanned) = all.split_at(all.len() - ins.len());
        let mut carried = states.to_vec();
        let mut plan = Vec::new();
        for (v, &(axis, backwards)) in scanned.iter().zip(ins) {
            let &Item::Tensor(v) = v else { return self.wrong(c, "an operand to scan is a sequence".into()) };
            match crate::types::util::axis(axis, self.g.ty(v).rank()) {
                Ok(axis) => plan.push((v, axis, backwards, self.g.ty(v).dims[axis])),
                Err(reason) => return self.wrong(c, reason),
            }
        }
        let steps = plan[0].3;
        if plan.iter().any(|p| p.3 != steps) {
            return self.wrong(c, "its scanned operands differ in length".into());
        }
        let origin = Origin::new(c.source, c.name.clone());
        let mut stacked: Vec<Vec<ValueId>> = Vec::new();
        for t in 0..steps {
            let mut actual = carried.clone();
            for &(v, axis, backwards, n) in &plan {
                let at = if backwards { n - 1 - t } else { t };
                let index = self.g.add_const(None, Tensor::from_i64([], &[at as i64]));
                match self.emit(Op::Gather, Attrs::none().with_int("axis", axis as i64), &[v, index], &origin) {
                    Ok(v) => actual.push(Item::Tensor(v)),
                    Err(reason) => return self.wrong(c, reason),
                }
            }
            let results = self.execute(c, body, &actual, t)?;
            let Some(rest) = results.get(carried.len()..) else {
                return self.wrong(c, format!("its body has {} results", results.len()));
            };
            self.push_stacks(c, &mut stacked, rest)?;
            carried = results[..carried.len()].to_vec();
        }
        self.with_stacks(c, carried, &stacked, outs)
    }
    /// Carried values, and the values of all iterations stacked along a new axis (the first one, where nothing else is said).
    fn with_stacks(
        &mut self,
        c: &ModelControl,
        mut carried: Vec<Item>,
        stacked: &[Vec<ValueId>],
        how: &[(i64, bool)],
    ) -> Results {
        if c.outputs.len() > carried.len() + stacked.len() {
            let reason = if stacked.is_empty() {
                "stacking the results of no iteration is not supported".to_string()
            } else {
                format!("it has {} outputs, its body gives {}", c.outputs.len(), carried.len() + stacked.len())
            };
            return self.unsupported(c, reason);
        }
        let origin = Origin::new(c.source, c.name.clone());
        for (i, values) in stacked.iter().enumerate() {
            let (axis, front) = how.get(i).copied().unwrap_or((0, false));
            match self.stack(values, axis, front, &origin) {
                Ok(v) => carried.push(Item::Tensor(v)),
                Err(reason) => return self.wrong(c, reason),
            }
        }
        Some(carried)
    }
    pub(super) fn stack(
        &mut self,
        values: &[ValueId],
        axis: i64,
        front: bool,
        origin: &Origin,
    ) -> Result<ValueId, String> {
        let axes = self.g.add_const(None, Tensor::from_i64([1], &[axis]));
        let mut parts = Vec::with_capacity(values.len());
        for &v in values {
            parts.push(self.emit(Op::Unsqueeze, Attrs::none(), &[v, axes], origin)?);
        }
        if front {
            parts.reverse();
        }
        match parts[..] {
            [one] => Ok(one),
            _ => self.emit(Op::Concat, Attrs::none().with_int("axis", axis), &parts, origin),
        }
    }
}
