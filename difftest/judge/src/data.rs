//! Input data by regime (NUMERICS.md section 4), and the directed ones that make one class of bug visible.

use crate::legal::Value;
use crate::legal::num::pow2;
use ir::{DType, Graph, Op, Tensor, TensorType};
use kit::Rng;

/// What float data look like.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Regime {
    /// About normal.
    Gauss,
    /// Magnitudes from 2^-10 to 2^6.
    Wide,
    /// About normal around 0, 30 or 300.
    Offset,
    /// Small integers times 1, 1/2 or 1/4: sums are exact, ties are frequent.
    Int,
    /// Rows scaled by 2^-6 to 2^-10: an epsilon counts.
    Small,
    /// Deviations of 1 around 300 to 3000: a one-pass variance cancels.
    Far,
    /// About 2^-70: products are subnormal or near.
    Tiny,
    /// Rows that start with 1 and 2^-8, the rest just below an ULP of binary32: a truncating sum loses each of them.
    Swamp,
    /// Multiples of a half, integers among them.
    Ties,
    /// Uniform in [-3, 3]: where activations bend.
    Bend,
    /// Normal times 16: beyond what saturates.
    Large,
}

impl Regime {
    /// The four of the standard campaign.
    pub const STANDARD: [Regime; 4] = [Regime::Gauss, Regime::Wide, Regime::Offset, Regime::Int];
}

/// Floats of a regime; the last axis makes rows.
pub fn floats(dims: &[usize], regime: Regime, rng: &mut Rng) -> Vec<f64> {
    let n: usize = dims.iter().product();
    let row = dims.last().copied().unwrap_or(1).max(1);
    let unit = pow2(-(rng.range(0, 2) as i32));
    let offset = match regime {
        Regime::Offset => *rng.pick(&[0.0, 30.0, 300.0]),
        Regime::Far => 300.0 + 2700.0 * rng.unit(),
        _ => 0.0,
    };
    let mut scale = 1.0;
    (0..n)
        .map(|i| {
            if i % row == 0 {
                scale = pow2(rng.range(-10, -6) as i32);
            }
            match regime {
                Regime::Gauss => rng.normal(),
                Regime::Wide => rng.normal() * pow2(rng.range(-10, 6) as i32),
                Regime::Offset | Regime::Far => rng.normal() + offset,
                Regime::Int => rng.range(-8, 8) as f64 * unit,
                Regime::Small => rng.normal() * scale,
                Regime::Tiny => rng.normal() * pow2(-70 + rng.range(-4, 4) as i32),
                Regime::Swamp => match i % row {
                    0 => 1.0,
                    1 => pow2(-8),
                    _ => 1.984_375 * pow2(-24),
                },
                Regime::Ties => rng.range(-12, 12) as f64 / 2.0,
                Regime::Bend => 6.0 * rng.unit() - 3.0,
                Regime::Large => rng.normal() * 16.0,
            }
        })
        .collect()
}

/// A tensor of a regime; integers (indices) lie in `-index..index`.
pub fn tensor(ty: &TensorType, regime: Regime, index: i64, rng: &mut Rng) -> Tensor {
    if ty.dtype.is_float() {
        return Value::floats(ty.dtype, ty.dims.clone(), floats(&ty.dims, regime, rng)).tensor();
    }
    let xs = (0..ty.elements())
        .map(|_| if ty.dtype == DType::Bool { rng.range(0, 1) } else { rng.range(-index, index - 1) });
    Value::ints(ty.dtype, ty.dims.clone(), xs.collect()).tensor()
}

/// Input `i` of a graph: indices stay inside of the axis that they index.
pub fn input(g: &Graph, i: usize, regime: Regime, seed: u64) -> Tensor {
    let v = g.inputs[i];
    let axis = |n: &ir::Node| {
        let dims = &g.ty(n.input(0)?).dims;
        let a = n.attrs.int("axis").unwrap_or(0);
        dims.get((if a < 0 { a + dims.len() as i64 } else { a }) as usize).copied()
    };
    let gathers = g.nodes.values().filter(|n| n.op == Op::Gather && n.input(1) == Some(v));
    let index = gathers.filter_map(axis).min().unwrap_or(1);
    tensor(g.ty(v), regime, index as i64, &mut Rng::stream(seed, i as u64))
}

/// Inputs of a graph.
pub fn inputs(g: &Graph, regime: Regime, seed: u64) -> Vec<Tensor> {
    (0..g.inputs.len()).map(|i| input(g, i, regime, seed)).collect()
}

/// The same graph with bfloat16 storage: every binary32 value and constant becomes bfloat16, but Resize's scales (which
/// ONNX has in binary32).
pub fn to_bf16(g: &Graph) -> Graph {
    let mut h = g.clone();
    let kept: Vec<_> = g.nodes.values().filter(|n| n.op == Op::Resize).filter_map(|n| n.input(2)).collect();
    let ids: Vec<_> = g.values.ids().filter(|v| !kept.contains(v)).collect();
    for v in ids {
        let value = &mut h.values[v];
        if value.ty.dtype != DType::F32 {
            continue;
        }
        value.ty.dtype = DType::BF16;
        if let ir::Def::Const(t) = &mut value.def {
            let xs = t.to_f32().unwrap_or_default().into_iter().map(f64::from).collect();
            *t = Value::floats(DType::BF16, t.dims.clone(), xs).tensor();
        }
    }
    let ids: Vec<_> = h.nodes.ids().collect();
    for id in ids {
        if h.nodes[id].op == Op::Cast {
            let to = h.ty(h.nodes[id].outputs[0]).dtype.onnx_code();
            h.nodes[id].attrs.set("to", ir::Attr::Int(i64::from(to)));
        }
    }
    h
}
