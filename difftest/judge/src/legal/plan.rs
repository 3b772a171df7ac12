//! Choices above the single kernel: what is fused (never stored), what is folded into its producer, and which sums and
//! products are re-associated. All drawn before anything runs, from the graph and the seed alone.

use super::kernel::{Choice, Kernel};
use super::linear::{self, Folded};
use super::norm;
use super::value::{Run, Value, lacking};
use super::{Request, apply};
use ir::{DType, Graph, Node, NodeId, Op, ValueId};
use kit::Rng;

/// How a node is executed.
#[derive(Clone, PartialEq, Debug)]
enum How {
    /// By its own formula.
    Kernel,
    /// Not at all: a later node has taken it in.
    Absorbed,
    /// `sum of ±terms` in a random order, in place of a tree of Add and Sub.
    Terms(Vec<(ValueId, f64)>),
    /// `product of factors` in a random order, in place of a tree of Mul.
    Factors(Vec<ValueId>),
    /// `a c ± b c` in place of `(a ± b) c`.
    Distributed { a: ValueId, b: ValueId, sign: f64, c: ValueId },
    /// The producer (Conv, MatMul) with this node (BatchNormalization, Mul by a scalar) folded into its weights.
    Folded(NodeId),
}

/// The drawn choices of one execution.
#[derive(Clone, Debug)]
pub struct Plan {
    how: Vec<How>,
    choices: Vec<Choice>,
    /// The node's (only) result is handed on unrounded.
    unrounded: Vec<bool>,
}

fn at(n: NodeId) -> usize {
    n.0 as usize
}

impl Plan {
    /// Draws the choices.
    pub fn draw(r: &Request<'_>) -> Plan {
        let g = r.graph;
        let n = g.nodes.len();
        let Some(seed) = r.seed else {
            return Plan { how: vec![How::Kernel; n], choices: vec![Choice::plain(); n], unrounded: vec![false; n] };
        };
        let choices = (0..n).map(|i| Choice::draw(&mut Rng::stream(seed, i as u64))).collect();
        let mut plan = Plan { how: vec![How::Kernel; n], choices, unrounded: vec![false; n] };
        let mut rng = Rng::stream(seed, u64::MAX);
        let mut drawer = Drawer { g, pinned: r.pinned, alone: only_reader(g), plan: &mut plan };
        // The last nodes first, so that a tree is taken from its root.
        for id in g.nodes.ids().rev() {
            if rng.chance(1, 2) {
                drawer.reassociate(id);
            }
        }
        for id in g.nodes.ids() {
            if rng.chance(1, 4) && !(r.pinned_stores && r.pinned == Some(id)) {
                drawer.fuse(id);
            }
        }
        plan
    }
    /// The choices of a node.
    pub fn choice(&self, n: NodeId) -> &Choice {
        &self.choices[at(n)]
    }
    /// Whether a later node has taken this one in.
    pub fn is_absorbed(&self, n: NodeId) -> bool {
        self.how[at(n)] == How::Absorbed
    }
    /// Whether the result is handed on without being stored.
    pub fn is_unrounded(&self, n: NodeId) -> bool {
        self.unrounded[at(n)]
    }
    /// The choices of a node in words.
    pub fn describe(&self, n: NodeId) -> String {
        let c = self.choice(n);
        format!(
            "{:?}, sums {:?}, fma {}, bias first {}, variant {}, wide {}, handed on unrounded {}",
            self.how[at(n)],
            c.strategy,
            c.fma,
            c.bias_first,
            c.variant,
            c.wide,
            self.is_unrounded(n)
        )
    }
    /// Nodes that exchange values that are never stored.
    pub fn groups(&self, g: &Graph) -> Vec<Vec<NodeId>> {
        let mut root: Vec<usize> = (0..g.nodes.len()).collect();
        for (id, n) in g.nodes.iter() {
            for p in n.inputs.iter().flatten().filter_map(|v| g.producer(*v)) {
                if self.is_absorbed(p) || self.is_unrounded(p) {
                    let (from, to) = (root[at(p)], root[at(id)]);
                    root.iter_mut().filter(|r| **r == from).for_each(|r| *r = to);
                }
            }
        }
        let mut groups: Vec<Vec<NodeId>> = vec![Vec::new(); g.nodes.len()];
        g.nodes.ids().for_each(|id| groups[root[at(id)]].push(id));
        groups.retain(|g| !g.is_empty());
        groups
    }
    /// Executes a node as planned. `node` is the graph's, or an edited one.
    pub fn run(
        &self,
        g: &Graph,
        id: NodeId,
        node: &Node,
        k: &mut Kernel<'_>,
        values: &[Option<Value>],
    ) -> Run<Vec<Value>> {
        let get = |v: ValueId| match &values[v.0 as usize] {
            Some(x) => Ok(x),
            None => lacking(format!("{}: a value that was never made", node.op)),
        };
        let out = g.ty(node.outputs[0]);
        match &self.how[at(id)] {
            How::Kernel | How::Absorbed => {
                let ins = node.inputs.iter().map(|v| v.map(get).transpose()).collect::<Run<Vec<_>>>()?;
                apply(k, g, node, &ins)
            }
            How::Terms(terms) => {
                let xs = terms.iter().map(|t| Ok((get(t.0)?.spread(&out.dims), t.1))).collect::<Run<Vec<_>>>()?;
                combined(k, out.dtype, &out.dims, &xs, &|k, a, b| k.r(a + b))
            }
            How::Factors(factors) => {
                let xs = factors.iter().map(|&v| Ok((get(v)?.spread(&out.dims), 1.0))).collect::<Run<Vec<_>>>()?;
                combined(k, out.dtype, &out.dims, &xs, &|k, a, b| k.r(a * b))
            }
            How::Distributed { a, b, sign, c } => {
                let (a, b, c) = (get(*a)?.spread(&out.dims), get(*b)?.spread(&out.dims), get(*c)?.spread(&out.dims));
                let (a, b, c) = (a.f()?, b.f()?, c.f()?);
                // Over an infinity the law of distribution does not hold (Inf Inf − 1 Inf is NaN): a legal implementation
                // that distributes has to know better.
                let one = |i: usize| {
                    if a[i].is_finite() && b[i].is_finite() && c[i].is_finite() {
                        k.mul_add(a[i], c[i], k.r(sign * b[i] * c[i]))
                    } else {
                        k.r(k.r(a[i] + sign * b[i]) * c[i])
                    }
                };
                let y = (0..a.len()).map(one).collect();
                Ok(vec![Value::floats(out.dtype, out.dims.clone(), y)])
            }
            How::Folded(producer) => folded(g, *producer, node, k, &get),
        }
    }
}

/// Terms (or factors) taken together two at a time in an order that the seed gives.
fn combined(
    k: &Kernel<'_>,
    dtype: DType,
    dims: &[usize],
    xs: &[(Value, f64)],
    f: &dyn Fn(&Kernel<'_>, f64, f64) -> f64,
) -> Run<Vec<Value>> {
    let mut rng = Rng::stream(k.ch.seed, 3);
    let mut left: Vec<Vec<f64>> =
        xs.iter().map(|(x, s)| Ok(x.f()?.iter().map(|v| s * v).collect())).collect::<Run<_>>()?;
    while left.len() > 1 {
        let a = left.swap_remove(rng.below(left.len() as u64) as usize);
        let b = left.swap_remove(rng.below(left.len() as u64) as usize);
        left.push(a.iter().zip(&b).map(|(&a, &b)| f(k, a, b)).collect());
    }
    Ok(vec![Value::floats(dtype, dims, left.swap_remove(0))])
}

fn folded<'v>(
    g: &Graph,
    producer: NodeId,
    node: &Node,
    k: &mut Kernel<'_>,
    get: &dyn Fn(ValueId) -> Run<&'v Value>,
) -> Run<Vec<Value>> {
    let p = &g.nodes[producer];
    let operand = |i: usize| p.input(i).map(get).transpose();
    let (Some(x), Some(w)) = (operand(0)?, operand(1)?) else { return lacking("a product without operands") };
    let bias = operand(2)?;
    let channels = if p.op == Op::Conv { w.dims[0] } else { w.dims[w.dims.len() - 1] };
    let f = if node.op == Op::BatchNormalization {
        let param = |i: usize| node.input(i).map(get).transpose()?.map(Value::f).transpose();
        let (Some(s), Some(b), Some(m), Some(v)) = (param(1)?, param(2)?, param(3)?, param(4)?) else {
            return lacking("a batch normalisation without parameters");
        };
        let (scale, mut shift) = norm::batch_as_affine(k, node, [s, b, m, v]);
        if let Some(c) = bias {
            let c = c.f()?;
            shift.iter_mut().enumerate().for_each(|(i, t)| *t = k.mul_add(c[i], scale[i], *t));
        }
        Folded { scale, bias: Some(shift) }
    } else {
        let scalar = node.inputs.iter().flatten().find(|v| g.producer(**v) != Some(producer));
        let s = match scalar {
            Some(v) => get(*v)?.f()?[0],
            None => return lacking("a scale that is the product itself"),
        };
        let bias = bias.map(|b| Ok(b.f()?.iter().map(|&b| k.r(b * s)).collect())).transpose()?;
        Folded { scale: vec![s; channels], bias }
    };
    let y =
        if p.op == Op::Conv { linear::conv(k, p, x, w, None, Some(&f))? } else { linear::matmul(k, x, w, Some(&f))? };
    Ok(vec![y])
}

/// For each value, the node that alone reads it (once), if it is no output.
fn only_reader(g: &Graph) -> Vec<Option<NodeId>> {
    let users = g.users();
    let one = |(v, u): (ValueId, &Vec<NodeId>)| if u.len() == 1 && !g.is_output(v) { Some(u[0]) } else { None };
    users.iter().map(one).collect()
}

struct Drawer<'a> {
    g: &'a Graph,
    pinned: Option<NodeId>,
    alone: Vec<Option<NodeId>>,
    plan: &'a mut Plan,
}

impl Drawer<'_> {
    fn free(&self, n: NodeId) -> bool {
        self.plan.how[at(n)] == How::Kernel && self.pinned != Some(n)
    }
    /// The producer of a value that nobody else reads, if it may still be taken in.
    fn inner(&self, v: ValueId, reader: NodeId) -> Option<NodeId> {
        let p = self.g.producer(v)?;
        (self.alone[v.0 as usize] == Some(reader) && self.free(p) && self.g.ty(v).dtype.is_float()).then_some(p)
    }
    /// Leaves of a tree of one kind of operator, and the nodes inside of it.
    fn leaves(&self, root: NodeId, ops: &[Op]) -> (Vec<(ValueId, f64)>, Vec<NodeId>) {
        let (mut leaves, mut inside) = (Vec::new(), Vec::new());
        let mut open = vec![(root, 1.0)];
        while let Some((n, sign)) = open.pop() {
            let node = &self.g.nodes[n];
            for (i, &v) in node.inputs.iter().flatten().enumerate() {
                let s = if node.op == Op::Sub && i == 1 { -sign } else { sign };
                match self.inner(v, n) {
                    Some(p) if ops.contains(&self.g.nodes[p].op) => {
                        open.push((p, s));
                        inside.push(p);
                    }
                    _ => leaves.push((v, s)),
                }
            }
        }
        (leaves, inside)
    }
    fn absorb(&mut self, root: NodeId, how: How, inside: &[NodeId]) {
        inside.iter().for_each(|&n| self.plan.how[at(n)] = How::Absorbed);
        self.plan.how[at(root)] = how;
    }
    fn reassociate(&mut self, id: NodeId) {
        let node = &self.g.nodes[id];
        if !self.free(id) || !self.g.ty(node.outputs[0]).dtype.is_float() {
            return;
        }
        match node.op {
            Op::Add | Op::Sub => {
                let (terms, inside) = self.leaves(id, &[Op::Add, Op::Sub]);
                if !inside.is_empty() {
                    self.absorb(id, How::Terms(terms), &inside);
                }
            }
            Op::Mul => self.product(id),
            Op::BatchNormalization if !node.attrs.flag("training_mode") && node.outputs.len() == 1 => {
                let p = node.input(0).and_then(|v| self.inner(v, id));
                let channel_last = |p: NodeId| self.g.ty(self.g.nodes[p].outputs[0]).rank() == 2;
                let plain = |p: NodeId| self.g.ty(self.g.nodes[p].inputs[1].unwrap_or(ValueId(0))).rank() == 2;
                if let Some(p) = p.filter(|&p| match self.g.nodes[p].op {
                    Op::Conv => true,
                    Op::MatMul => channel_last(p) && plain(p),
                    _ => false,
                }) {
                    self.absorb(id, How::Folded(p), &[p]);
                }
            }
            _ => {}
        }
    }
    fn product(&mut self, id: NodeId) {
        let node = &self.g.nodes[id];
        let (Some(a), Some(b)) = (node.input(0), node.input(1)) else { return };
        for (v, other) in [(a, b), (b, a)] {
            let Some(p) = self.inner(v, id) else { continue };
            let inner = &self.g.nodes[p];
            let scalar = self.g.ty(other).elements() == 1 && self.g.ty(v).dims == self.g.ty(node.outputs[0]).dims;
            match inner.op {
                Op::Add | Op::Sub => {
                    let (Some(a), Some(b)) = (inner.input(0), inner.input(1)) else { continue };
                    let sign = if inner.op == Op::Sub { -1.0 } else { 1.0 };
                    return self.absorb(id, How::Distributed { a, b, sign, c: other }, &[p]);
                }
                Op::Conv | Op::MatMul if scalar => return self.absorb(id, How::Folded(p), &[p]),
                Op::Mul => {
                    let (factors, inside) = self.leaves(id, &[Op::Mul]);
                    let factors = factors.into_iter().map(|f| f.0).collect();
                    return self.absorb(id, How::Factors(factors), &inside);
                }
                _ => {}
            }
        }
    }
    /// Hands a node's result to its only reader without storing it.
    fn fuse(&mut self, id: NodeId) {
        let node = &self.g.nodes[id];
        let [v] = node.outputs[..] else { return };
        let explicit = matches!(node.op, Op::Cast) || !self.g.ty(v).dtype.is_float();
        if explicit || self.alone[v.0 as usize].is_none() || self.plan.is_absorbed(id) {
            return;
        }
        self.plan.unrounded[at(id)] = true;
        // Unrounded altogether, or (where storage is narrower) rounded to the accumulator.
        let c = &mut self.plan.choices[at(id)];
        c.wide = !c.variant.is_multiple_of(3);
    }
}
