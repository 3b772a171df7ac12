//! Graphs for the structural tests, and the whole line down to a program.

pub mod operators;

use ir::{Attrs, DType, Graph, Op, Origin, Tensor, TensorType, ValueId};
use isa::NpuConfig;
use kit::{CompileError, Control, PassCx, RewriteLog};
use lir::fused::Fused;
use lir::placed::Placed;
use lir::stream::Stream;
use lir::tile::TileProgram;
use std::sync::Arc;
use touchstone_codegen::CodegenOptions;

/// A graph under construction.
#[derive(Default)]
pub struct Build {
    pub g: Graph,
}

impl Build {
    pub fn input(&mut self, t: DType, dims: &[usize]) -> ValueId {
        let name = format!("x{}", self.g.inputs.len());
        self.g.add_input(name, TensorType::new(t, dims))
    }
    /// A constant of distinct small bytes.
    pub fn weights(&mut self, t: DType, dims: &[usize]) -> ValueId {
        let n: usize = dims.iter().product();
        let tensor = match t {
            DType::F32 => Tensor::from_f32(dims, &(0..n).map(|i| (i % 13) as f32 - 6.0).collect::<Vec<_>>()),
            DType::I8 => Tensor::from_i8(dims, &(0..n).map(|i| (i % 255) as i8).collect::<Vec<_>>()),
            DType::U8 => Tensor::from_u8(dims, &(0..n).map(|i| (i % 251) as u8).collect::<Vec<_>>()),
            DType::I32 => Tensor::from_i32(dims, &(0..n).map(|i| i as i32 - 9).collect::<Vec<_>>()),
            _ => Tensor::new(t, dims.to_vec(), vec![0u8; n * t.size()]).expect("fits"),
        };
        self.g.add_const(None, tensor)
    }
    pub fn ints(&mut self, x: &[i64]) -> ValueId {
        self.g.add_const(None, Tensor::from_i64(vec![x.len()], x))
    }
    pub fn scalar(&mut self, t: Tensor) -> ValueId {
        self.g.add_const(None, t)
    }
    pub fn op(&mut self, op: Op, attrs: Attrs, inputs: &[ValueId], t: DType, dims: &[usize]) -> ValueId {
        let n = self.g.nodes.len() as u32;
        let mut all = op.defaults();
        for (k, v) in attrs.iter() {
            all.set(k, v.clone());
        }
        let inputs = inputs.iter().map(|v| Some(*v)).collect();
        let origin = Origin::new(n, format!("{op}{n}"));
        self.g.add_node(op, all, inputs, vec![(TensorType::new(t, dims), None)], origin)[0]
    }
    pub fn done(mut self, outs: &[ValueId]) -> Graph {
        for (i, v) in outs.iter().enumerate() {
            self.g.add_output(format!("y{i}"), *v);
        }
        self.g
    }
}

/// All stages of one compilation.
pub struct Line {
    pub fused: Arc<Fused>,
    pub tiles: TileProgram,
    pub stream: Arc<Stream>,
    pub placed: Placed,
}

pub fn compile(g: &Graph, cfg: &NpuConfig, options: &CodegenOptions) -> Result<Line, CompileError> {
    let (mut log, mut control) = (RewriteLog::default(), Control::production());
    let mut cx = PassCx { pass: "test", log: &mut log, control: &mut control };
    let fused = Arc::new(touchstone_codegen::lower_groups(g, options, &mut cx)?);
    let tiles = touchstone_codegen::tile(&fused, cfg, &mut cx)?;
    let stream = Arc::new(touchstone_codegen::schedule(&tiles, cfg, &mut cx)?);
    let placed = touchstone_codegen::place(&stream, cfg, options, &mut cx)?;
    Ok(Line { fused, tiles, stream, placed })
}

fn conv_attrs(pads: &[i64], strides: &[i64], dilations: &[i64], group: i64) -> Attrs {
    Attrs::none()
        .with_ints("pads", pads)
        .with_ints("strides", strides)
        .with_ints("dilations", dilations)
        .with_int("group", group)
}

/// The named test graphs.
pub fn graphs() -> Vec<(&'static str, Graph)> {
    let mut v = Vec::new();
    v.push(("add-relu", {
        let mut b = Build::default();
        let (x, y) = (b.input(DType::F32, &[3, 50, 40]), b.input(DType::F32, &[50, 1]));
        let s = b.op(Op::Add, Attrs::none(), &[x, y], DType::F32, &[3, 50, 40]);
        let r = b.op(Op::Relu, Attrs::none(), &[s], DType::F32, &[3, 50, 40]);
        b.done(&[r, s])
    }));
    v.push(("matmul-const", {
        let mut b = Build::default();
        let (x, w) = (b.input(DType::F32, &[2, 33, 70]), b.weights(DType::F32, &[70, 37]));
        let m = b.op(Op::MatMul, Attrs::none(), &[x, w], DType::F32, &[2, 33, 37]);
        let c = b.weights(DType::F32, &[37]);
        let a = b.op(Op::Add, Attrs::none(), &[m, c], DType::F32, &[2, 33, 37]);
        let r = b.op(Op::Relu, Attrs::none(), &[a], DType::F32, &[2, 33, 37]);
        b.done(&[r])
    }));
    v.push(("matmul-runtime-batched", {
        let mut b = Build::default();
        let (x, w) = (b.input(DType::BF16, &[3, 1, 19, 40]), b.input(DType::BF16, &[2, 40, 21]));
        let m = b.op(Op::MatMul, Attrs::none(), &[x, w], DType::BF16, &[3, 2, 19, 21]);
        b.done(&[m])
    }));
    v.push(("matmul-vector", {
        let mut b = Build::default();
        let (x, w) = (b.input(DType::F32, &[1000]), b.input(DType::F32, &[1000, 5]));
        let m = b.op(Op::MatMul, Attrs::none(), &[x, w], DType::F32, &[5]);
        b.done(&[m])
    }));
    v.push(("matmul-square", {
        let mut b = Build::default();
        let x = b.input(DType::F32, &[20, 20]);
        let m = b.op(Op::MatMul, Attrs::none(), &[x, x], DType::F32, &[20, 20]);
        b.done(&[m])
    }));
    v.push(("transpose-reshape", {
        let mut b = Build::default();
        let x = b.input(DType::F32, &[5, 17, 33, 3]);
        let perm = Attrs::none().with_ints("perm", &[2, 0, 3, 1]);
        let t = b.op(Op::Transpose, perm, &[x], DType::F32, &[33, 5, 3, 17]);
        let s = b.ints(&[165, 51]);
        let r = b.op(Op::Reshape, Attrs::none(), &[t, s], DType::F32, &[165, 51]);
        b.done(&[r, t, x])
    }));
    v.push(("convs", convs()));
    v.push(("convs-runtime", convs_runtime()));
    v.push(("conv-int8", conv_int8()));
    v.push(("pools", pools()));
    v.push(("reductions", reductions()));
    v.push(("movement", movement()));
    v.push(("elementwise", elementwise()));
    v.push(("empty", empty()));
    v
}

fn convs() -> Graph {
    let mut b = Build::default();
    let x = b.input(DType::F32, &[2, 3, 23, 19]);
    let w = b.weights(DType::F32, &[20, 3, 7, 7]);
    let bias = b.weights(DType::F32, &[20]);
    let a = conv_attrs(&[3, 3, 3, 3], &[2, 2], &[1, 1], 1);
    let c1 = b.op(Op::Conv, a, &[x, w, bias], DType::F32, &[2, 20, 12, 10]);
    let r1 = b.op(Op::Relu, Attrs::none(), &[c1], DType::F32, &[2, 20, 12, 10]);
    let w = b.weights(DType::F32, &[20, 1, 3, 3]);
    let c2 = b.op(Op::Conv, conv_attrs(&[1, 1, 1, 1], &[1, 1], &[1, 1], 20), &[r1, w], DType::F32, &[2, 20, 12, 10]);
    let w = b.weights(DType::F32, &[36, 10, 3, 3]);
    let c3 = b.op(Op::Conv, conv_attrs(&[2, 2, 2, 2], &[1, 1], &[2, 2], 2), &[c2, w], DType::F32, &[2, 36, 12, 10]);
    let w = b.weights(DType::F32, &[7, 36, 1, 1]);
    let c4 = b.op(Op::Conv, conv_attrs(&[0; 4], &[2, 2], &[1, 1], 1), &[c3, w], DType::F32, &[2, 7, 6, 5]);
    let w = b.weights(DType::F32, &[5, 7, 3, 1]);
    let wide = conv_attrs(&[100, 0, 100, 0], &[1, 1], &[100, 1], 1);
    let c5 = b.op(Op::Conv, wide, &[c4, w], DType::F32, &[2, 5, 6, 5]);
    b.done(&[c5, c3])
}

/// Weights that are inputs: plain, grouped, few channels, depthwise.
fn convs_runtime() -> Graph {
    let mut b = Build::default();
    let mut outs = Vec::new();
    for (c, n, k, g) in [(20, 18, 3, 1), (6, 10, 3, 2), (3, 5, 5, 1), (18, 18, 3, 18)] {
        let (x, w) = (b.input(DType::F32, &[1, c, 6, 5]), b.input(DType::F32, &[n, c / g, k, k]));
        let p = (k / 2) as i64;
        let a = conv_attrs(&[p; 4], &[1, 1], &[1, 1], g as i64);
        outs.push(b.op(Op::Conv, a, &[x, w], DType::F32, &[1, n, 6, 5]));
    }
    b.done(&outs)
}

fn conv_int8() -> Graph {
    let mut b = Build::default();
    let x = b.input(DType::U8, &[1, 19, 9, 11]);
    let f = |b: &mut Build, x: f32| b.scalar(Tensor::from_f32(vec![], &[x]));
    let (xs, ys) = (f(&mut b, 0.1), f(&mut b, 0.37));
    let xz = b.scalar(Tensor::from_u8(vec![], &[7]));
    let yz = b.scalar(Tensor::from_u8(vec![], &[3]));
    let w = b.weights(DType::I8, &[21, 19, 3, 3]);
    let ws = b.g.add_const(None, Tensor::from_f32(vec![21], &[0.02; 21]));
    let wz = b.g.add_const(None, Tensor::from_i8(vec![21], &(0..21).map(|i| i as i8).collect::<Vec<_>>()));
    let bias = b.weights(DType::I32, &[21]);
    let a = conv_attrs(&[1, 1, 1, 1], &[1, 1], &[1, 1], 1);
    let y = b.op(Op::QLinearConv, a, &[x, xs, xz, w, ws, wz, ys, yz, bias], DType::U8, &[1, 21, 9, 11]);
    let d = b.op(Op::DequantizeLinear, Attrs::none(), &[y, ys, yz], DType::F32, &[1, 21, 9, 11]);
    let qs = b.g.add_const(None, Tensor::from_f32(vec![21], &[0.5; 21]));
    let qz = b.g.add_const(None, Tensor::from_i8(vec![21], &[1; 21]));
    let q = b.op(Op::QuantizeLinear, Attrs::none().with_int("axis", 1), &[d, qs, qz], DType::I8, &[1, 21, 9, 11]);
    b.done(&[q])
}

fn pools() -> Graph {
    let mut b = Build::default();
    let x = b.input(DType::F32, &[2, 37, 21, 18]);
    let a = |k: &[i64], s: &[i64], p: &[i64]| {
        Attrs::none().with_ints("kernel_shape", k).with_ints("strides", s).with_ints("pads", p)
    };
    let m = b.op(Op::MaxPool, a(&[3, 3], &[2, 2], &[1, 1, 1, 1]), &[x], DType::F32, &[2, 37, 11, 9]);
    let g = b.op(Op::AveragePool, a(&[11, 9], &[1, 1], &[0; 4]), &[m], DType::F32, &[2, 37, 1, 1]);
    let p = a(&[2, 3], &[1, 2], &[0, 1, 1, 1]).with_int("count_include_pad", 1);
    let q = b.op(Op::AveragePool, p, &[m], DType::F32, &[2, 37, 11, 5]);
    b.done(&[g, q])
}

fn reductions() -> Graph {
    let mut b = Build::default();
    let x = b.input(DType::F32, &[3, 7, 400, 5]);
    let mut outs = Vec::new();
    for (axes, dims) in [
        (vec![3i64], vec![3usize, 7, 400]),
        (vec![2], vec![3, 7, 5]),
        (vec![0, 2], vec![7, 5]),
        (vec![0, 1, 2, 3], vec![]),
        (vec![1, 3], vec![3, 400]),
    ] {
        let ax = b.ints(&axes);
        let op = if axes.len() == 2 { Op::ReduceMean } else { Op::ReduceMax };
        outs.push(b.op(op, Attrs::none().with_int("keepdims", 0), &[x, ax], DType::F32, &dims));
    }
    let h = b.input(DType::F16, &[40, 30]);
    let ax = b.ints(&[0]);
    outs.push(b.op(Op::ReduceSum, Attrs::none(), &[h, ax], DType::F16, &[1, 30]));
    let wide = b.input(DType::F32, &[3, 5000]);
    outs.push(b.op(Op::ArgMax, Attrs::none().with_int("axis", 1), &[wide], DType::I64, &[3, 1]));
    let z = b.input(DType::I32, &[2, 3, 2, 3, 2]);
    let ax = b.ints(&[0, 2, 4]);
    outs.push(b.op(Op::ReduceSum, Attrs::none().with_int("keepdims", 0), &[z, ax], DType::I32, &[3, 3]));
    b.done(&outs)
}

fn movement() -> Graph {
    let mut b = Build::default();
    let x = b.input(DType::F32, &[4, 30, 20]);
    let (s, e, a, st) = (b.ints(&[29, -2]), b.ints(&[-100, 0]), b.ints(&[1, 2]), b.ints(&[-3, -1]));
    let sl = b.op(Op::Slice, Attrs::none(), &[x, s, e, a, st], DType::F32, &[4, 10, 18]);
    let c = b.op(Op::Concat, Attrs::none().with_int("axis", 1), &[sl, sl], DType::F32, &[4, 20, 18]);
    let p = b.ints(&[0, 2, -1, 1, 0, 4]);
    let v = b.scalar(Tensor::from_f32(vec![], &[2.5]));
    let pad = b.op(Op::Pad, Attrs::none(), &[c, p, v], DType::F32, &[5, 22, 21]);
    let shape = b.ints(&[2, 5, 22, 21]);
    let ex = b.op(Op::Expand, Attrs::none(), &[pad, shape], DType::F32, &[2, 5, 22, 21]);
    let idx = b.input(DType::I64, &[3, 2]);
    let g = b.op(Op::Gather, Attrs::none().with_int("axis", 1), &[x, idx], DType::F32, &[4, 3, 2, 20]);
    let k = b.ints(&[1, -1]);
    let gc = b.op(Op::Gather, Attrs::none().with_int("axis", 2), &[x, k], DType::F32, &[4, 30, 2]);
    b.done(&[ex, g, gc])
}

fn elementwise() -> Graph {
    let mut b = Build::default();
    let d = [4usize, 9, 8, 5];
    let x = b.input(DType::F32, &d);
    let w = b.weights(DType::F32, &[9, 9, 1, 1]);
    let c = b.op(Op::Conv, conv_attrs(&[0; 4], &[1, 1], &[1, 1], 1), &[x, w], DType::F32, &d);
    let y = b.input(DType::F32, &[9, 1, 1]);
    let m = b.op(Op::Mul, Attrs::none(), &[c, y], DType::F32, &d);
    let a = b.op(Op::Add, Attrs::none(), &[m, x], DType::F32, &d);
    let gt = b.op(Op::Greater, Attrs::none(), &[a, y], DType::Bool, &d);
    let wh = b.op(Op::Where, Attrs::none(), &[gt, a, y], DType::F32, &d);
    let lo = b.scalar(Tensor::from_f32(vec![], &[-1.0]));
    let cl = b.op(Op::Clip, Attrs::none(), &[wh, lo, lo], DType::F32, &d);
    let i = b.op(Op::Cast, Attrs::none().with_int("to", 7), &[cl], DType::I64, &d);
    let p = b.op(Op::Pow, Attrs::none(), &[a, i], DType::F32, &d);
    let inf = b.op(Op::IsInf, Attrs::none(), &[p], DType::Bool, &d);
    let eq = b.op(Op::Equal, Attrs::none(), &[inf, gt], DType::Bool, &d);
    let r = b.op(Op::Relu, Attrs::none(), &[i], DType::I64, &d);
    let l = b.op(Op::LeakyRelu, Attrs::none(), &[p], DType::F32, &d);
    b.done(&[eq, r, l])
}

fn empty() -> Graph {
    let mut b = Build::default();
    let (x, y) = (b.input(DType::F32, &[3, 0]), b.input(DType::F32, &[0, 4]));
    let m = b.op(Op::MatMul, Attrs::none(), &[x, y], DType::F32, &[3, 4]);
    let e = b.op(Op::Relu, Attrs::none(), &[x], DType::F32, &[3, 0]);
    let ax = b.ints(&[1]);
    let s = b.op(Op::ReduceMin, Attrs::none(), &[x, ax], DType::F32, &[3, 1]);
    let k = b.weights(DType::F32, &[2]);
    b.done(&[m, e, s, k, x])
}
