//! Elementwise operators: a table of steps over one broadcast loop space.

use super::{Lower, Result_, physical_order};
use crate::loops::{Loop, merge};
use ir::{Node, NodeId, Op, ValueId};
use isa::{DType, EwFn};
use kit::id::Id;
use lir::fused::{Elementwise, GroupKind, Layout, Params, Src, Step, StepFn, TensorId, View};

/// A step without records or immediates.
pub(super) fn step(f: EwFn, a: Src, b: Option<Src>, dtype: DType) -> Step {
    Step { f: StepFn::Ew(f), a, b, old: None, dtype, params: [None, None, None], imm1: None, saturate: false }
}
/// A conversion; float to integer rounds toward zero, as ONNX Cast.
pub(super) fn cvt(a: Src, dtype: DType) -> Step {
    Step { f: StepFn::Cvt { rm: 1 }, ..step(EwFn::Mov, a, None, dtype) }
}

/// Views over the output's physical loop space, before merging.
pub(super) struct Space {
    /// Logical extents of the output.
    dims: Vec<usize>,
    layout: Layout,
    inputs: Vec<TensorId>,
    /// Input number and logical strides.
    views: Vec<(usize, Vec<isize>)>,
}

impl<'a> Lower<'a, '_> {
    /// The layout of an elementwise result: channels-last if a full operand is.
    pub(super) fn space(&self, node: &Node, out: ValueId) -> Space {
        let dims = self.dims(out).to_vec();
        let follows = node.inputs.iter().flatten().any(|&v| self.dims(v) == dims && self.is_channels_last(v));
        let layout = if follows && dims.len() >= 3 { Layout::ChannelsLast } else { Layout::RowMajor };
        Space { dims, layout, inputs: vec![], views: vec![] }
    }

    /// A broadcast operand.
    pub(super) fn operand(&mut self, id: NodeId, s: &mut Space, v: ValueId) -> Result_<Src> {
        let d = self.dims(v).to_vec();
        let (tensor, strides) = if d == s.dims {
            let t = self.want(id, v, s.layout)?;
            (t, super::logical_strides(&d, s.layout))
        } else {
            self.source(id, v)?
        };
        if d.len() > s.dims.len() {
            return Err(
                self.invalid(id, format!("an operand of rank {} in a result of rank {}", d.len(), s.dims.len()))
            );
        }
        let shift = s.dims.len() - d.len();
        let full: Vec<isize> =
            (0..s.dims.len()).map(|i| if i < shift || d[i - shift] == 1 { 0 } else { strides[i - shift] }).collect();
        let input = s.inputs.iter().position(|t| *t == tensor).unwrap_or_else(|| {
            s.inputs.push(tensor);
            s.inputs.len() - 1
        });
        let view = (input, full);
        let at = s.views.iter().position(|w| *w == view).unwrap_or_else(|| {
            s.views.push(view);
            s.views.len() - 1
        });
        Ok(Src::View(at))
    }

    /// Merges the space and pushes the group. `axis`: the logical dimension along which records advance.
    pub(super) fn finish_elementwise(
        &mut self,
        nodes: Vec<NodeId>,
        s: Space,
        mut steps: Vec<Step>,
        out: ValueId,
        axis: Option<usize>,
    ) -> Result_<()> {
        let order = physical_order(s.dims.len(), s.layout);
        let phys: Vec<usize> = order.iter().map(|&i| s.dims[i]).collect();
        let dense = crate::loops::dense(&phys);
        let loops: Vec<Loop> = order
            .iter()
            .enumerate()
            .map(|(k, &i)| Loop {
                n: s.dims[i],
                s: s.views.iter().map(|(_, v)| v[i]).chain([dense[k]]).collect(),
                pinned: axis == Some(i),
            })
            .collect();
        let loops = merge(loops);
        let at = loops.iter().position(|l| l.pinned);
        for p in steps.iter_mut().flat_map(|st| st.params.iter_mut()).flatten() {
            p.axis = if p.records.len() > 1 { at } else { None };
        }
        let (space, strides) = super::split(&loops, s.views.len());
        let views = s
            .views
            .iter()
            .zip(strides)
            .map(|((input, _), strides)| View { input: *input, offset: 0, strides })
            .collect();
        let id = nodes[0];
        let t = self.out(id, out, s.layout)?;
        let name = self.name(id);
        self.push(GroupKind::Elementwise(Elementwise { space, views, steps }), s.inputs, t, nodes, name);
        Ok(())
    }

    pub(super) fn elementwise(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let mut s = self.space(node, node.outputs[0]);
        let mut steps = self.node_steps(id, node, &mut s, None)?;
        let (mut nodes, mut out) = (vec![id], node.outputs[0]);
        while let Some(user) = self.chain_user(out, steps.len()) {
            let next = &self.g.nodes[user];
            let (views, inputs) = (s.views.len(), s.inputs.len());
            let more = self.node_steps(user, next, &mut s, Some(out));
            // What the user's own lowering would refuse stays a group of its own, and is reported there.
            let Some(more) = more.ok().filter(|_| self.cx.permit("fuse-elementwise", next.origin.source)) else {
                s.views.truncate(views);
                s.inputs.truncate(inputs);
                break;
            };
            let base = steps.len();
            steps.extend(more.into_iter().map(|st| shifted(st, base)));
            nodes.push(user);
            out = next.outputs[0];
        }
        self.finish_elementwise(nodes, s, steps, out, None)
    }

    /// The steps of one node; operand `chained` is the result of the chain before it.
    fn node_steps(&mut self, id: NodeId, node: &Node, s: &mut Space, chained: Option<ValueId>) -> Result_<Vec<Step>> {
        let (mut srcs, mut types) = (Vec::new(), Vec::new());
        for v in &node.inputs {
            let src = match (v, chained) {
                (None, _) => None,
                (Some(v), Some(c)) if *v == c => Some(CHAINED),
                (Some(v), _) => Some(self.operand(id, s, *v)?),
            };
            srcs.push(src);
            types.push(v.map(|v| self.dtype(id, v)).transpose()?);
        }
        let d = self.dtype(id, node.outputs[0])?;
        steps_of(node, &srcs, &types, d).map_err(|reason| self.unsupported(id, reason))
    }

    /// The only reader of a value, if it may continue the chain: elementwise, of the same extents, its other operands
    /// defined already.
    fn chain_user(&self, v: ValueId, steps: usize) -> Option<NodeId> {
        if self.options.opt_level == 0 || steps >= MAX_CHAIN {
            return None;
        }
        let user = self.sole_user(v)?;
        let node = &self.g.nodes[user];
        let defined = |o: ValueId| {
            o == v || self.rm[o.index()].is_some() || self.cl[o.index()].is_some() || self.g.constant(o).is_some()
        };
        let fits = is_elementwise(node.op)
            && node.outputs.len() == 1
            && self.dims(node.outputs[0]) == self.dims(v)
            && node.inputs.iter().flatten().all(|o| defined(*o));
        fits.then_some(user)
    }
}

/// Steps of one group: more would make small tiles on small scratchpads.
const MAX_CHAIN: usize = 6;
/// Stands for the last step of the chain before this node.
const CHAINED: Src = Src::Step(usize::MAX);

/// A node's steps behind `base` others.
fn shifted(mut st: Step, base: usize) -> Step {
    st.a = shifted_src(st.a, base);
    st.b = st.b.map(|s| shifted_src(s, base));
    st.old = st.old.map(|k| base + k);
    st
}

fn shifted_src(s: Src, base: usize) -> Src {
    match s {
        CHAINED => Src::Step(base - 1),
        Src::Step(k) => Src::Step(base + k),
        other => other,
    }
}

/// Whether an operator is computed element by element.
pub(super) fn is_elementwise(op: Op) -> bool {
    use Op::{BitShift, Cast, Clip, Gelu, IsInf, LeakyRelu, Max, Min, Mod, Pow, Relu, Sum, Where};
    let others = [BitShift, Cast, Clip, Gelu, IsInf, LeakyRelu, Max, Min, Mod, Pow, Relu, Sum, Where];
    unary(op).is_some() || binary(op).is_some() || others.contains(&op)
}

/// Plain one-operand functions, and whether they are of the float class only.
fn unary(op: Op) -> Option<(EwFn, bool)> {
    Some(match op {
        Op::Abs => (EwFn::Abs, false),
        Op::Neg => (EwFn::Neg, false),
        Op::Sign => (EwFn::Sign, false),
        Op::Not | Op::BitwiseNot => (EwFn::Not, false),
        Op::Floor => (EwFn::Floor, true),
        Op::Ceil => (EwFn::Ceil, true),
        Op::Round => (EwFn::Rint, true),
        Op::Sqrt => (EwFn::Sqrt, true),
        Op::Reciprocal => (EwFn::Recip, true),
        Op::IsNaN => (EwFn::IsNan, true),
        Op::Exp => (EwFn::Exp, true),
        Op::Log => (EwFn::Log, true),
        Op::Tanh => (EwFn::Tanh, true),
        Op::Sigmoid => (EwFn::Sigmoid, true),
        Op::Erf => (EwFn::Erf, true),
        Op::Softplus => (EwFn::Softplus, true),
        Op::Sin => (EwFn::Sin, true),
        Op::Cos => (EwFn::Cos, true),
        Op::Tan => (EwFn::Tan, true),
        Op::Asin => (EwFn::Asin, true),
        Op::Acos => (EwFn::Acos, true),
        Op::Atan => (EwFn::Atan, true),
        Op::Sinh => (EwFn::Sinh, true),
        Op::Cosh => (EwFn::Cosh, true),
        Op::Asinh => (EwFn::Asinh, true),
        Op::Acosh => (EwFn::Acosh, true),
        Op::Atanh => (EwFn::Atanh, true),
        _ => return None,
    })
}

fn binary(op: Op) -> Option<EwFn> {
    Some(match op {
        Op::Add => EwFn::Add,
        Op::Sub => EwFn::Sub,
        Op::Mul => EwFn::Mul,
        Op::Div => EwFn::Div,
        Op::And | Op::BitwiseAnd => EwFn::And,
        Op::Or | Op::BitwiseOr => EwFn::Or,
        Op::Xor | Op::BitwiseXor => EwFn::Xor,
        Op::Equal => EwFn::Eq,
        Op::Greater => EwFn::Gt,
        Op::GreaterOrEqual => EwFn::Ge,
        Op::Less => EwFn::Lt,
        Op::LessOrEqual => EwFn::Le,
        Op::PRelu => EwFn::Prelu,
        _ => return None,
    })
}

/// The steps of an elementwise operator (NPU.md 12), or why there are none.
fn steps_of(node: &Node, srcs: &[Option<Src>], types: &[Option<DType>], d: DType) -> Result<Vec<Step>, String> {
    let src = |i: usize| srcs.get(i).copied().flatten().ok_or_else(|| format!("input {i} is missing"));
    let ty = |i: usize| types.get(i).copied().flatten().unwrap_or(d);
    let a = src(0)?;
    if let Some((f, float)) = unary(node.op) {
        if float && !ty(0).is_float() {
            return Err(format!("of {}", ty(0)));
        }
        return Ok(vec![step(f, a, None, d)]);
    }
    if node.op == Op::Equal && ty(0).is_bool() {
        let x = step(EwFn::Xor, a, Some(src(1)?), d);
        return Ok(vec![x, step(EwFn::Not, Src::Step(0), None, d)]);
    }
    if let Some(f) = binary(node.op) {
        if ty(0) != ty(1) || (f == EwFn::Prelu && !d.is_float()) {
            return Err(format!("of {} and {}", ty(0), ty(1)));
        }
        return Ok(vec![step(f, a, Some(src(1)?), d)]);
    }
    Ok(match node.op {
        Op::Relu => vec![step(EwFn::Max, a, Some(Src::Imm(0)), d)],
        Op::Cast if ty(0) == d => vec![step(EwFn::Mov, a, None, d)],
        Op::Cast => vec![cvt(a, d)],
        Op::Gelu => {
            let tanh = node.attrs.str("approximate") == Some("tanh");
            vec![step(if tanh { EwFn::GeluTanh } else { EwFn::GeluErf }, a, None, d)]
        }
        Op::LeakyRelu => {
            let alpha = node.attrs.f32("alpha").unwrap_or(0.01);
            vec![step(EwFn::Prelu, a, Some(Src::Imm(i64::from(alpha.to_bits()))), d)]
        }
        Op::IsInf => {
            let mask = i64::from(node.attrs.int("detect_positive").unwrap_or(1) != 0)
                | i64::from(node.attrs.int("detect_negative").unwrap_or(1) != 0) << 1;
            vec![step(EwFn::IsInf, a, Some(Src::Imm(mask)), d)]
        }
        Op::Clip => clip(a, srcs, d),
        Op::Where => {
            let mov = step(EwFn::Mov, src(2)?, None, d);
            vec![mov, Step { old: Some(0), ..step(EwFn::Cmov, src(1)?, Some(a), d) }]
        }
        Op::Mod => {
            let f = if node.attrs.flag("fmod") { EwFn::Rem } else { EwFn::Mod };
            vec![step(f, a, Some(src(1)?), d)]
        }
        Op::BitShift => {
            let f = if node.attrs.str("direction") == Some("LEFT") { EwFn::Shl } else { EwFn::Shr };
            vec![step(f, a, Some(src(1)?), d)]
        }
        Op::Pow => pow(a, src(1)?, ty(0), ty(1), d),
        Op::Min => fold(EwFn::Min, srcs, d)?,
        Op::Max => fold(EwFn::Max, srcs, d)?,
        Op::Sum => fold(EwFn::Add, srcs, d)?,
        _ => return Err("not a core operator of this compiler".into()),
    })
}

fn clip(a: Src, srcs: &[Option<Src>], d: DType) -> Vec<Step> {
    let bounds = [(EwFn::Max, srcs.get(1)), (EwFn::Min, srcs.get(2))];
    let mut steps: Vec<Step> = Vec::new();
    for (f, bound) in bounds {
        if let Some(b) = bound.copied().flatten() {
            let x = if steps.is_empty() { a } else { Src::Step(steps.len() - 1) };
            steps.push(step(f, x, Some(b), d));
        }
    }
    if steps.is_empty() {
        steps.push(step(EwFn::Mov, a, None, d));
    }
    steps
}

/// Pow takes the type of its base; an integer side of a mixed pair is converted to f32.
fn pow(a: Src, b: Src, ta: DType, tb: DType, d: DType) -> Vec<Step> {
    match (ta.is_float(), tb.is_float()) {
        (true, true) => vec![step(EwFn::Pow, a, Some(b), d)],
        (false, false) => vec![step(EwFn::Ipow, a, Some(b), d)],
        (true, false) => vec![cvt(b, DType::F32), step(EwFn::Pow, a, Some(Src::Step(0)), d)],
        (false, true) => {
            vec![cvt(a, DType::F32), step(EwFn::Pow, Src::Step(0), Some(b), DType::F32), cvt(Src::Step(1), d)]
        }
    }
}

/// A left fold over all operands.
fn fold(f: EwFn, srcs: &[Option<Src>], d: DType) -> Result<Vec<Step>, String> {
    let all: Vec<Src> = srcs.iter().copied().flatten().collect();
    let Some((&first, rest)) = all.split_first() else { return Err("no operand".into()) };
    if rest.is_empty() {
        return Ok(vec![step(EwFn::Mov, first, None, d)]);
    }
    let mut acc = first;
    let mut steps = Vec::new();
    for &b in rest {
        steps.push(step(f, acc, Some(b), d));
        acc = Src::Step(steps.len() - 1);
    }
    Ok(steps)
}

/// Parameters that all channels share, or one record a channel; the axis is set when the space is merged.
pub(super) fn params(records: Vec<lir::fused::PrmRecord>) -> Params {
    Params { records, axis: None }
}
