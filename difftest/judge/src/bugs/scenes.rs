//! The judge's own directed generator: small graphs around one node of the kind that a bug needs, with data that can show
//! it. Drawn from the seed alone; no verdict is looked at.

use super::Bug;
use crate::data::{self, Regime};
use crate::legal::num::pow2;
use ir::{Attrs, DType, Graph, Op, Origin, Tensor, TensorType, ValueId};
use kit::Rng;

/// A graph with its inputs.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    /// Graph.
    pub graph: Graph,
    /// Inputs in graph order.
    pub inputs: Vec<Tensor>,
    /// Regime of the data.
    pub regime: Regime,
}

struct Stage<'r> {
    g: Graph,
    inputs: Vec<Tensor>,
    regime: Regime,
    rng: &'r mut Rng,
}

/// All kinds, for the campaign of legal executions.
pub const KINDS: &[&str] = &[
    "matmul",
    "conv",
    "bn",
    "layernorm",
    "softmax",
    "gelu",
    "tanh",
    "sigmoid",
    "exp",
    "sqrt",
    "div",
    "sub",
    "mul",
    "relu",
    "clip",
    "reduce_mean",
    "reduce_sum",
    "reduce_max",
    "var",
    "maxpool",
    "avgpool",
    "resize",
    "floor",
    "round",
    "quant",
    "castbf16",
    "greater",
    "where",
    "argmax",
    "transpose",
    "slice",
    "concat",
    "add",
];

/// Regimes that can show a bug: ties, epsilons, cancellation, subnormals, swamped sums, saturation; else the standard ones.
fn regimes(bug: &Bug) -> &'static [Regime] {
    use Regime::{Bend, Far, Gauss, Int, Large, Small, Swamp, Ties, Tiny, Wide};
    match (bug.kind, bug.name) {
        (_, "trunc_acc") => &[Swamp],
        (_, "onepass") => &[Far],
        ("layernorm", "eps10" | "eps1000" | "eps_outside") => &[Small],
        ("mul", "ftz") => &[Tiny],
        ("round" | "quant", "half_away" | "half_up") | ("greater" | "argmax", _) => &[Ties, Int],
        ("quant", "wrap" | "sat127") | ("relu" | "clip", _) => &[Large],
        ("gelu" | "tanh" | "sigmoid", _) => &[Bend, Gauss],
        ("castbf16", _) => &[Gauss, Wide],
        ("softmax", _) => &[Gauss, Bend, Int],
        ("layernorm", "rsqrt12") => &[Gauss, Wide],
        _ => &Regime::STANDARD,
    }
}

/// A scene for a bug.
pub fn scene(bug: &Bug, rng: &mut Rng) -> Scene {
    let regime = *rng.pick(regimes(bug));
    of_kind(bug.kind, regime, rng)
}

/// A scene of any kind with standard data, for legal executions.
pub fn any_scene(rng: &mut Rng) -> Scene {
    let kind = *rng.pick(KINDS);
    let special = [Regime::Small, Regime::Far, Regime::Tiny, Regime::Swamp, Regime::Ties, Regime::Bend, Regime::Large];
    let regime = if rng.chance(1, 2) { *rng.pick(&Regime::STANDARD) } else { *rng.pick(&special) };
    of_kind(kind, regime, rng)
}

fn of_kind(kind: &str, regime: Regime, rng: &mut Rng) -> Scene {
    let graph = Graph { name: format!("scene {kind}"), ..Graph::default() };
    let mut s = Stage { g: graph, inputs: Vec::new(), regime, rng };
    let y = s.kind(kind);
    let mut outs: Vec<ValueId> = y;
    for v in &mut outs {
        *v = s.suffix(*v);
    }
    for (i, v) in outs.into_iter().enumerate() {
        s.g.add_output(format!("y{i}"), v);
    }
    Scene { graph: s.g, inputs: s.inputs, regime }
}

impl Stage<'_> {
    fn input(&mut self, dims: &[usize]) -> ValueId {
        let ty = TensorType::new(DType::F32, dims);
        self.inputs.push(data::tensor(&ty, self.regime, 1, self.rng));
        self.g.add_input(format!("x{}", self.inputs.len() - 1), ty)
    }
    fn floats(&mut self, dims: &[usize], xs: &[f32]) -> ValueId {
        self.g.add_const(None, Tensor::from_f32(dims, xs))
    }
    /// Normal numbers times a scale, on a coarse grid where the data are.
    fn weight(&mut self, dims: &[usize], scale: f64) -> ValueId {
        let n: usize = dims.iter().product();
        let xs: Vec<f32> = match self.regime {
            // A swamp stays one only under weights of one.
            Regime::Swamp => vec![1.0; n],
            Regime::Int | Regime::Ties => (0..n).map(|_| (self.rng.range(-4, 4) as f64 * pow2(-1)) as f32).collect(),
            _ => (0..n).map(|_| (self.rng.normal() * scale) as f32).collect(),
        };
        self.floats(dims, &xs)
    }
    fn positive(&mut self, n: usize, lo: f64, hi: f64) -> ValueId {
        let xs: Vec<f32> = (0..n).map(|_| (lo + (hi - lo) * self.rng.unit()) as f32).collect();
        self.floats(&[n], &xs)
    }
    fn ints(&mut self, xs: &[i64]) -> ValueId {
        self.g.add_const(None, Tensor::from_i64([xs.len()], xs))
    }
    fn node(&mut self, op: Op, attrs: Attrs, ins: &[ValueId], dims: &[usize]) -> ValueId {
        self.typed(op, attrs, ins.iter().map(|&v| Some(v)).collect(), &[TensorType::new(DType::F32, dims)])[0]
    }
    fn typed(&mut self, op: Op, attrs: Attrs, ins: Vec<Option<ValueId>>, outs: &[TensorType]) -> Vec<ValueId> {
        let i = self.g.nodes.len();
        let mut all = op.defaults();
        attrs.iter().for_each(|(k, v)| all.set(k, v.clone()));
        let outs = outs.iter().map(|t| (t.clone(), None)).collect();
        self.g.add_node(op, all, ins, outs, Origin::new(i as u32, format!("{}_{i}", op.name())))
    }
    fn size(&mut self, lo: i64, hi: i64) -> usize {
        self.rng.range(lo, hi) as usize
    }
    fn dims(&mut self) -> Vec<usize> {
        match self.rng.below(3) {
            0 => vec![self.size(3, 40)],
            1 => vec![self.size(2, 6), self.size(3, 12)],
            _ => vec![self.size(1, 3), self.size(2, 4), self.size(2, 6)],
        }
    }
    fn image(&mut self, channels: usize) -> Vec<usize> {
        vec![self.size(1, 2), channels, self.size(3, 7), self.size(3, 7)]
    }
    /// Up to two more nodes on the way to the output.
    fn suffix(&mut self, mut v: ValueId) -> ValueId {
        if self.g.ty(v).dtype != DType::F32 {
            return v;
        }
        for _ in 0..self.rng.below(3) {
            let dims = self.g.ty(v).dims.clone();
            v = match self.rng.below(4) {
                0 => self.node(Op::Neg, Attrs::none(), &[v], &dims),
                1 => {
                    let c = self.weight(&dims, 1.0);
                    self.node(Op::Add, Attrs::none(), &[v, c], &dims)
                }
                2 => {
                    let c = self.weight(&[], 1.0);
                    self.node(Op::Mul, Attrs::none(), &[v, c], &dims)
                }
                _ => {
                    let n = dims.iter().product::<usize>();
                    let s = self.ints(&[n as i64]);
                    self.node(Op::Reshape, Attrs::none(), &[v, s], &[n])
                }
            };
        }
        v
    }
    fn kind(&mut self, kind: &str) -> Vec<ValueId> {
        let one = match kind {
            "matmul" => self.matmul(),
            "conv" => self.conv(),
            "bn" => self.batch_norm(),
            "layernorm" => self.layer_norm(),
            "softmax" => {
                let d = [self.size(2, 8), self.size(2, 12)];
                let x = self.input(&d);
                let a = self.rng.range(0, 1);
                self.node(Op::Softmax, Attrs::none().with_int("axis", a), &[x], &d)
            }
            "gelu" => self.unary(Op::Gelu),
            "tanh" => self.unary(Op::Tanh),
            "sigmoid" => self.unary(Op::Sigmoid),
            "exp" => self.unary(Op::Exp),
            "floor" => self.unary(Op::Floor),
            "round" => self.unary(Op::Round),
            "relu" => self.unary(Op::Relu),
            "sqrt" => {
                let d = self.dims();
                let x = self.input(&d);
                let a = self.node(Op::Abs, Attrs::none(), &[x], &d);
                self.node(Op::Sqrt, Attrs::none(), &[a], &d)
            }
            "div" => {
                let d = self.dims();
                let (x, n) = (self.input(&d), d.iter().product());
                let y = self.positive(n, 0.5, 4.0);
                let s = self.ints(&d.iter().map(|&d| d as i64).collect::<Vec<_>>());
                let y = self.node(Op::Reshape, Attrs::none(), &[y, s], &d);
                self.node(Op::Div, Attrs::none(), &[x, y], &d)
            }
            "sub" => self.binary(Op::Sub),
            "mul" => self.binary(Op::Mul),
            "add" => self.binary(Op::Add),
            "clip" => {
                let d = self.dims();
                let x = self.input(&d);
                let (lo, hi) = (self.floats(&[], &[-1.0]), self.floats(&[], &[2.5]));
                self.node(Op::Clip, Attrs::none(), &[x, lo, hi], &d)
            }
            "reduce_mean" => self.reduce(Op::ReduceMean),
            "reduce_sum" => self.reduce(Op::ReduceSum),
            "reduce_max" => self.reduce(Op::ReduceMax),
            "var" => return self.variance(),
            "maxpool" => self.pool(Op::MaxPool),
            "avgpool" => self.pool(Op::AveragePool),
            "resize" => self.resize(),
            "quant" => self.quant(),
            "castbf16" => {
                let d = self.dims();
                let x = self.input(&d);
                let to = |d: DType| Attrs::none().with_int("to", i64::from(d.onnx_code()));
                let narrow = TensorType::new(DType::BF16, d.clone());
                let y = self.typed(Op::Cast, to(DType::BF16), vec![Some(x)], &[narrow])[0];
                self.node(Op::Cast, to(DType::F32), &[y], &d)
            }
            "greater" | "where" => {
                let d = self.dims();
                let (x, y) = (self.input(&d), self.input(&d));
                let bool_ty = TensorType::new(DType::Bool, d.clone());
                let c = self.typed(Op::Greater, Attrs::none(), vec![Some(x), Some(y)], &[bool_ty])[0];
                let z = self.input(&d);
                self.node(Op::Where, Attrs::none(), &[c, x, z], &d)
            }
            "argmax" => {
                let d = [self.size(2, 6), self.size(4, 24)];
                let x = self.input(&d);
                let last = self.rng.range(0, 1);
                let attrs =
                    Attrs::none().with_int("axis", 1).with_int("keepdims", 0).with_int("select_last_index", last);
                let ty = TensorType::new(DType::I64, [d[0]]);
                self.typed(Op::ArgMax, attrs, vec![Some(x)], &[ty])[0]
            }
            "transpose" => {
                let d = [self.size(2, 8), self.size(2, 8)];
                let x = self.input(&d);
                self.node(Op::Transpose, Attrs::none().with_ints("perm", &[1, 0]), &[x], &[d[1], d[0]])
            }
            "slice" => {
                let d = [self.size(3, 12), self.size(2, 6)];
                let x = self.input(&d);
                let n = self.size(1, d[0] as i64 - 1);
                let (s, e, a) = (self.ints(&[0]), self.ints(&[n as i64]), self.ints(&[0]));
                self.node(Op::Slice, Attrs::none(), &[x, s, e, a], &[n, d[1]])
            }
            _ => {
                let d = [self.size(2, 8), self.size(2, 8)];
                let (x, y) = (self.input(&d), self.input(&d));
                self.node(Op::Concat, Attrs::none().with_int("axis", 0), &[x, y], &[2 * d[0], d[1]])
            }
        };
        vec![one]
    }
    fn unary(&mut self, op: Op) -> ValueId {
        let d = self.dims();
        let x = self.input(&d);
        self.node(op, Attrs::none(), &[x], &d)
    }
    fn binary(&mut self, op: Op) -> ValueId {
        let d = self.dims();
        let (x, y) = (self.input(&d), self.input(&d));
        self.node(op, Attrs::none(), &[x, y], &d)
    }
    fn matmul(&mut self) -> ValueId {
        let (m, k) = (self.size(1, 6), self.size(8, 48));
        // Square now and then, so that a transposed weight has the right shape.
        let n = if self.rng.chance(1, 3) { k } else { self.size(1, 12) };
        let x = self.input(&[m, k]);
        let w = self.weight(&[k, n], 1.0 / (k as f64).sqrt());
        if self.rng.chance(1, 2) {
            let c =
                if self.regime == Regime::Swamp { self.floats(&[n], &vec![0.0; n]) } else { self.weight(&[n], 1.0) };
            return self.node(Op::Gemm, Attrs::none(), &[x, w, c], &[m, n]);
        }
        self.node(Op::MatMul, Attrs::none(), &[x, w], &[m, n])
    }
    fn conv(&mut self) -> ValueId {
        let swamp = self.regime == Regime::Swamp;
        let c = if swamp { 1 } else { self.size(2, 8) };
        let oc = self.size(1, 6);
        // One row, so that a window starts with its large element.
        let d = if swamp { vec![1, c, 1, 24] } else { self.image(c) };
        let (kh, kw) = if swamp { (1, 16) } else { (self.size(1, 3), self.size(2, 3)) };
        let p = if swamp { 0 } else { self.size(0, 1) };
        let x = self.input(&d);
        let w = self.weight(&[oc, c, kh, kw], 1.0 / ((c * kh * kw) as f64).sqrt());
        let mut ins = vec![x, w];
        if self.rng.chance(2, 3) {
            let b = if swamp { self.floats(&[oc], &vec![0.0; oc]) } else { self.weight(&[oc], 1.0) };
            ins.push(b);
        }
        let out = [d[0], oc, d[2] + 2 * p - kh + 1, d[3] + 2 * p - kw + 1];
        let attrs = Attrs::none()
            .with_ints("kernel_shape", &[kh as i64, kw as i64])
            .with_ints("pads", &[p as i64; 4])
            .with_int("group", 1);
        self.node(Op::Conv, attrs, &ins, &out)
    }
    fn batch_norm(&mut self) -> ValueId {
        let c = self.size(1, 6);
        let d = self.image(c);
        let x = self.input(&d);
        let (s, b, m) = (self.positive(c, 0.5, 1.5), self.weight(&[c], 1.0), self.weight(&[c], 1.0));
        // Variances of the order of a thousandth: where an epsilon counts.
        let v = if self.rng.chance(1, 2) { self.positive(c, 1e-3, 1e-2) } else { self.positive(c, 0.5, 1.5) };
        let eps = *self.rng.pick(&[1e-5, 1e-3]);
        self.node(Op::BatchNormalization, Attrs::none().with_float("epsilon", eps), &[x, s, b, m, v], &d)
    }
    fn layer_norm(&mut self) -> ValueId {
        let d = [self.size(2, 6), self.size(4, 32)];
        let x = self.input(&d);
        let (s, b) = (self.positive(d[1], 0.5, 1.5), self.weight(&[d[1]], 1.0));
        self.node(Op::LayerNormalization, Attrs::none().with_int("axis", 1), &[x, s, b], &d)
    }
    fn variance(&mut self) -> Vec<ValueId> {
        let c = self.size(1, 4);
        let d = self.image(c);
        let x = self.input(&d);
        let (s, b) = (self.positive(c, 0.5, 1.5), self.weight(&[c], 1.0));
        let (m, v) = (self.weight(&[c], 1.0), self.positive(c, 0.5, 1.5));
        // Momentum 0: the running variance is the batch's.
        let attrs = Attrs::none().with_int("training_mode", 1).with_float("momentum", 0.0);
        let (full, stat) = (TensorType::new(DType::F32, d), TensorType::new(DType::F32, [c]));
        let ins = [x, s, b, m, v].map(Some).to_vec();
        self.typed(Op::BatchNormalization, attrs, ins, &[full, stat.clone(), stat])
    }
    /// Now and then nothing but negative numbers: what a maximum that starts from 0 gets wrong.
    fn negative(&mut self, x: ValueId) -> ValueId {
        if self.rng.chance(1, 2) {
            return x;
        }
        let d = self.g.ty(x).dims.clone();
        let a = self.node(Op::Abs, Attrs::none(), &[x], &d);
        // 0 − |x|, not −|x|: a maximum of −0 and 0 would differ in nothing but the sign.
        let zero = self.floats(&[], &[0.0]);
        self.node(Op::Sub, Attrs::none(), &[zero, a], &d)
    }
    fn reduce(&mut self, op: Op) -> ValueId {
        let d = [self.size(1, 6), self.size(5, 40)];
        let mut x = self.input(&d);
        if op == Op::ReduceMax {
            x = self.negative(x);
        }
        let a = self.ints(&[1]);
        self.node(op, Attrs::none().with_int("keepdims", 0), &[x, a], &[d[0]])
    }
    fn pool(&mut self, op: Op) -> ValueId {
        let c = self.size(1, 4);
        let d = self.image(c);
        let mut x = self.input(&d);
        if op == Op::MaxPool {
            x = self.negative(x);
        }
        let attrs = Attrs::none().with_ints("kernel_shape", &[3, 3]).with_ints("pads", &[1, 1, 1, 1]);
        self.node(op, attrs, &[x], &d)
    }
    fn resize(&mut self) -> ValueId {
        let c = self.size(1, 3);
        let d = self.image(c);
        let x = self.input(&d);
        let (sh, sw) = (*self.rng.pick(&[2.0f32, 1.5, 3.0, 0.75]), *self.rng.pick(&[2.0f32, 1.25, 1.0]));
        let out = [d[0], c, (d[2] as f32 * sh).floor() as usize, (d[3] as f32 * sw).floor() as usize];
        let scales = self.floats(&[4], &[1.0, 1.0, sh, sw]);
        let attrs = Attrs::none().with_str("mode", "linear");
        self.typed(Op::Resize, attrs, vec![Some(x), None, Some(scales)], &[TensorType::new(DType::F32, out)])[0]
    }
    fn quant(&mut self) -> ValueId {
        let d = self.dims();
        let x = self.input(&d);
        let scale = match self.regime {
            Regime::Large => 0.05 + 0.1 * self.rng.unit(),
            Regime::Ties | Regime::Int => *self.rng.pick(&[1.0, 0.5, 0.25]),
            _ => 0.02 + 0.1 * self.rng.unit(),
        };
        let dtype = *self.rng.pick(&[DType::I8, DType::I8, DType::U8]);
        let z = if dtype == DType::I8 {
            Tensor::from_i8([], &[self.rng.range(-20, 20) as i8])
        } else {
            Tensor::from_u8([], &[self.rng.range(100, 150) as u8])
        };
        let (s, z) = (self.floats(&[], &[scale as f32]), self.g.add_const(None, z));
        let ins = [x, s, z].map(Some).to_vec();
        let q = self.typed(Op::QuantizeLinear, Attrs::none(), ins, &[TensorType::new(dtype, d.clone())])[0];
        if self.rng.chance(1, 2) {
            return q;
        }
        self.node(Op::DequantizeLinear, Attrs::none(), &[q, s, z], &d)
    }
}
