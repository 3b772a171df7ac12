//! What the passes build graphs with: new nodes get their types from the type rules.

use crate::fold::{self, value};
use crate::types::{Arg, infer};
use ir::{Attrs, DType, Graph, NodeId, Op, Origin, Rebuild, Tensor, TensorType, ValueId};
use kit::{CompileError, Violation};

/// Result of a build step.
pub type Res<T> = Result<T, CompileError>;

/// Runs `f` on every node, in order; nodes for which it returns `false` are copied.
pub fn each(g: &Graph, mut f: impl FnMut(&mut Rebuild<'_>, NodeId) -> Res<bool>) -> Res<Graph> {
    let mut r = Rebuild::new(g);
    for id in g.nodes.ids() {
        if !f(&mut r, id)? {
            r.keep(id);
        }
    }
    Ok(r.finish())
}

/// Adds nodes of one origin.
#[derive(Debug)]
pub struct Build<'r, 'g> {
    /// The rebuild that they go to.
    pub r: &'r mut Rebuild<'g>,
    /// Their origin.
    pub origin: Origin,
}

impl<'r, 'g> Build<'r, 'g> {
    /// For the replacement of a node of the old graph.
    pub fn at(r: &'r mut Rebuild<'g>, id: NodeId) -> Self {
        let origin = r.old.nodes[id].origin.clone();
        Self { r, origin }
    }
    /// Type of a new value.
    pub fn ty(&self, v: ValueId) -> &TensorType {
        self.r.new.ty(v)
    }
    /// Extents of a new value.
    pub fn dims(&self, v: ValueId) -> Vec<usize> {
        self.ty(v).dims.clone()
    }
    /// Input `i` of an old node as a new value; panics if absent, which the type rules exclude for required ones.
    pub fn input(&mut self, id: NodeId, i: usize) -> ValueId {
        self.opt_input(id, i).expect("a required input is present in a graph whose types check")
    }
    /// Input `i` of an old node, if present.
    pub fn opt_input(&mut self, id: NodeId, i: usize) -> Option<ValueId> {
        let v = self.r.old.nodes[id].input(i)?;
        Some(self.r.value(v))
    }
    /// A new node with one output. Missing attributes with defaults are filled in.
    ///
    /// # Errors
    /// `Broken`, if the node has no valid type: the pass is wrong.
    pub fn op(&mut self, op: Op, attrs: Attrs, inputs: &[Option<ValueId>]) -> Res<ValueId> {
        // Constants that only change order or extent stay constants, bit for bit.
        self.node(op, attrs, inputs, matches!(op, Op::Transpose | Op::Slice))
    }
    /// As [`Build::op`] on integers and bools (positions, masks): what is known at compile time is a constant, not a node.
    ///
    /// # Errors
    /// As [`Build::op`].
    pub fn index_op(&mut self, op: Op, attrs: Attrs, inputs: &[Option<ValueId>]) -> Res<ValueId> {
        self.node(op, attrs, inputs, true)
    }
    fn node(&mut self, op: Op, attrs: Attrs, inputs: &[Option<ValueId>], evaluate: bool) -> Res<ValueId> {
        let mut all = op.defaults();
        for (k, a) in attrs.iter() {
            all.set(k, a.clone());
        }
        let g = &self.r.new;
        let args: Vec<Option<Arg<'_>>> =
            inputs.iter().map(|i| i.map(|v| Arg { ty: g.ty(v), value: g.constant(v) })).collect();
        let ty = infer(op, &all, &args).map_err(|detail| {
            if detail.starts_with("the output ") && detail.contains(" has more than ") {
                // An intermediate result beyond all limits: the model is too large for this lowering, which is not wrong.
                let node = self.origin.name.clone();
                return CompileError::Unsupported { node, op: op.to_string(), reason: detail };
            }
            let at = format!("new {op} for `{}`", self.origin.name);
            CompileError::Broken { after: "g".into(), violations: vec![Violation { rule: "built-type", at, detail }] }
        })?;
        let ty = ty.into_iter().next().expect("every operator has an output");
        if evaluate
            && let Some(t) = fold::evaluate(op, &all, &args, std::slice::from_ref(&ty)).and_then(|mut v| v.pop())
        {
            return Ok(self.r.new.add_wide_const(None, ty, t));
        }
        Ok(self.r.new.add_node(op, all, inputs.to_vec(), vec![(ty, None)], self.origin.clone())[0])
    }
    /// One input, no attributes but defaults.
    pub fn un(&mut self, op: Op, x: ValueId) -> Res<ValueId> {
        self.op(op, Attrs::none(), &[Some(x)])
    }
    /// Two inputs, no attributes but defaults.
    pub fn bin(&mut self, op: Op, x: ValueId, y: ValueId) -> Res<ValueId> {
        self.op(op, Attrs::none(), &[Some(x), Some(y)])
    }
    /// `Where(c, x, y)`.
    pub fn select(&mut self, c: ValueId, x: ValueId, y: ValueId) -> Res<ValueId> {
        self.op(Op::Where, Attrs::none(), &[Some(c), Some(x), Some(y)])
    }
    /// A list of int64.
    pub fn ints(&mut self, v: &[i64]) -> ValueId {
        self.r.constant(Tensor::from_i64([v.len()], v))
    }
    /// A constant of a float type from f64: of the type itself where that is exact, wide otherwise.
    pub fn floats(&mut self, d: DType, dims: &[usize], v: &[f64]) -> ValueId {
        let ty = TensorType::new(d, dims);
        if v.iter().all(|&x| value::holds(d, x)) {
            let bits = v.iter().map(|&x| value::float_bits(d, x));
            return self.r.constant(value::from_bits(d, dims, bits));
        }
        self.r.new.add_wide_const(None, ty, value::wide(dims, v))
    }
    /// A scalar of a float type, or of an integer type that holds it.
    pub fn scalar(&mut self, d: DType, v: f64) -> ValueId {
        if d.is_float() { self.floats(d, &[], &[v]) } else { self.r.constant(value::from_ints(d, &[], &[v as i128])) }
    }
    /// Integers of any integer type, wrapped to it.
    pub fn whole(&mut self, d: DType, dims: &[usize], v: &[i128]) -> ValueId {
        self.r.constant(value::from_ints(d, dims, v))
    }
    /// An int64 constant whose element at the coordinates `c` is `f(c)`.
    pub fn positions(&mut self, dims: &[usize], f: impl Fn(&[usize]) -> i64) -> ValueId {
        let v = every(dims, f);
        self.r.constant(Tensor::from_i64(dims, &v))
    }
    /// A bool constant whose element at the coordinates `c` is `f(c)`.
    pub fn mask(&mut self, dims: &[usize], f: impl Fn(&[usize]) -> bool) -> ValueId {
        let v = every(dims, f);
        self.r.constant(Tensor::from_bool(dims, &v))
    }
    /// Concatenation along an axis; the value itself where there is one.
    pub fn concat(&mut self, xs: &[ValueId], axis: usize) -> Res<ValueId> {
        if let [x] = xs {
            return Ok(*x);
        }
        let xs: Vec<_> = xs.iter().map(|&x| Some(x)).collect();
        self.op(Op::Concat, Attrs::none().with_int("axis", axis as i64), &xs)
    }
    /// Reshape to constant extents; none if they are the same, a reshaped constant for a constant.
    pub fn reshape(&mut self, x: ValueId, dims: &[usize]) -> Res<ValueId> {
        if self.ty(x).dims == dims {
            return Ok(x);
        }
        if let Some(t) = self.r.new.constant(x) {
            let ty = TensorType::new(self.ty(x).dtype, dims);
            if let Ok(t) = t.reshaped(dims) {
                return Ok(self.r.new.add_wide_const(None, ty, t));
            }
        }
        let shape = self.ints(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>());
        let attrs = Attrs::none().with_int("allowzero", i64::from(dims.contains(&0)));
        self.op(Op::Reshape, attrs, &[Some(x), Some(shape)])
    }
    /// Transpose; none for the identity.
    pub fn transpose(&mut self, x: ValueId, perm: &[usize]) -> Res<ValueId> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(x);
        }
        let perm: Vec<i64> = perm.iter().map(|&p| p as i64).collect();
        self.op(Op::Transpose, Attrs::none().with_ints("perm", &perm), &[Some(x)])
    }
    /// Expand to exactly these extents; none if they are the same.
    pub fn expand(&mut self, x: ValueId, dims: &[usize]) -> Res<ValueId> {
        if self.ty(x).dims == dims {
            return Ok(x);
        }
        let shape = self.ints(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>());
        self.bin(Op::Expand, x, shape)
    }
    /// A reduction along non-negative axes. Without axes the value itself, as one element's sum, mean, maximum and product is.
    pub fn reduce(&mut self, op: Op, x: ValueId, axes: &[usize], keep: bool) -> Res<ValueId> {
        if axes.is_empty() {
            return Ok(x);
        }
        let mut axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
        axes.sort_unstable();
        let axes = self.ints(&axes);
        self.op(op, Attrs::none().with_int("keepdims", i64::from(keep)), &[Some(x), Some(axes)])
    }
    /// Cast; none to the same type.
    pub fn cast(&mut self, x: ValueId, to: DType) -> Res<ValueId> {
        if self.ty(x).dtype == to {
            return Ok(x);
        }
        self.op(Op::Cast, Attrs::none().with_int("to", i64::from(to.onnx_code())), &[Some(x)])
    }
    /// Elements `[start, end)` of one axis.
    pub fn slice_axis(&mut self, x: ValueId, axis: usize, start: usize, end: usize) -> Res<ValueId> {
        if start == 0 && end == self.ty(x).dims[axis] {
            return Ok(x);
        }
        let p = [start as i64, end as i64, axis as i64, 1].map(|v| self.ints(&[v]));
        self.op(Op::Slice, Attrs::none(), &[Some(x), Some(p[0]), Some(p[1]), Some(p[2]), Some(p[3])])
    }
    /// Lets a new value stand for output `i` of an old node, keeping the ONNX name of the value where it is free.
    pub fn bind(&mut self, id: NodeId, i: usize, v: ValueId) {
        let old = self.r.old.nodes[id].outputs[i];
        if self.r.new.producer(v).is_some() && self.r.new.values[v].name.is_none() {
            self.r.new.values[v].name = self.r.old.values[old].name.clone();
        }
        self.r.bind(old, v);
    }
}

/// `f` at every coordinate, row-major.
fn every<T>(dims: &[usize], f: impl Fn(&[usize]) -> T) -> Vec<T> {
    let n = dims.iter().product::<usize>();
    let mut c = vec![0; dims.len()];
    let mut out = Vec::with_capacity(n);
    for _ in 0..n {
        out.push(f(&c));
        for k in (0..dims.len()).rev() {
            c[k] += 1;
            if c[k] < dims[k] {
                break;
            }
            c[k] = 0;
        }
    }
    out
}
