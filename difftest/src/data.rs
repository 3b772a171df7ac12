//! Input data from a seed: regimes that make bugs visible (NUMERICS.md section 5, DESIGN.md section 6).
//!
//! The same (graph, seed, regime) gives the same data on every machine: no transcendental functions, no clock.

use ir::{DType, Graph, Op, Tensor, TensorType, ValueId};
use kit::Rng;

/// What the data look like.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Regime {
    /// Small integers times a power of two: sums are exact, so the comparison is too; ties are frequent.
    Grid,
    /// About normal, scale 1: well conditioned.
    Normal,
    /// Magnitudes over many binades, with offsets.
    Wide,
    /// As `Normal`, with NaN, infinities, −0, subnormals, extremes and exact .5 ties strewn in.
    Special,
    /// Magnitudes of 2^-6 to 2^-10: what is added to keep a division finite (epsilon) shows.
    Small,
}

impl Regime {
    /// All of them.
    pub const ALL: [Regime; 5] = [Regime::Grid, Regime::Normal, Regime::Wide, Regime::Special, Regime::Small];
}

/// Inputs for a graph.
pub fn inputs(g: &Graph, seed: u64, regime: Regime) -> Vec<Tensor> {
    let limits = index_limits(g);
    g.inputs
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let mut rng = Rng::stream(seed, (i as u64) << 8 | regime as u64);
            tensor(g.ty(v), regime, limits[v.0 as usize], &mut rng)
        })
        .collect()
}

/// For values that are indices, the extent that they index.
fn index_limits(g: &Graph) -> Vec<Option<usize>> {
    let mut limits = vec![None; g.values.len()];
    let mut limit = |v: Option<ValueId>, len: usize| {
        if let Some(v) = v {
            let l: &mut Option<usize> = &mut limits[v.0 as usize];
            *l = Some(l.map_or(len, |old| old.min(len)));
        }
    };
    // Consumers first, so that limits flow backwards through reshapes and casts.
    for n in g.nodes.values().rev() {
        if let (Op::GatherND | Op::ScatterND, Some(x), Some(i)) = (n.op, n.input(0), n.input(1)) {
            // One range for all components: that of the shortest axis.
            let batch = n.attrs.int("batch_dims").unwrap_or(0).max(0) as usize;
            let depth = g.ty(i).dims.last().copied().unwrap_or(0);
            let axes = g.ty(x).dims.iter().skip(batch).take(depth);
            limit(Some(i), axes.min().copied().unwrap_or(1));
        }
        if let (Op::Gather | Op::GatherElements | Op::ScatterElements, Some(x)) = (n.op, n.input(0)) {
            let dims = &g.ty(x).dims;
            let axis = n.attrs.int("axis").unwrap_or(0);
            let axis = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
            limit(n.input(1), dims.get(axis).copied().unwrap_or(1));
        }
    }
    limits
}

/// One tensor of a regime. `index`: integers lie in `-index..index`.
pub fn tensor(ty: &TensorType, regime: Regime, index: Option<usize>, rng: &mut Rng) -> Tensor {
    let n = ty.elements();
    let exponent = rng.range(-3, 2) as i32;
    let offset = if rng.chance(1, 3) { rng.range(-30, 30) as f64 } else { 0.0 };
    let mut bytes = Vec::with_capacity(n * ty.dtype.size());
    for _ in 0..n {
        let bits = match (ty.dtype, index) {
            (DType::Bool, _) => rng.below(2),
            (d, Some(len)) if d.is_int() => {
                let len = len.max(1) as i64;
                let lo = if d.is_signed_int() { -len } else { 0 };
                rng.range(lo, len - 1) as u64
            }
            (d, _) if d.is_float() => float_bits(d, float(regime, exponent, offset, rng), regime, rng),
            (d, _) => int(d, regime, rng),
        };
        bytes.extend(&bits.to_le_bytes()[..ty.dtype.size()]);
    }
    Tensor::new(ty.dtype, ty.dims.clone(), bytes).expect("n elements were made")
}

fn float(regime: Regime, exponent: i32, offset: f64, rng: &mut Rng) -> f64 {
    match regime {
        Regime::Grid => rng.range(-8, 8) as f64 * pow2(exponent),
        Regime::Normal | Regime::Special => rng.normal(),
        Regime::Wide => rng.normal() * pow2(rng.range(-10, 6) as i32) + offset,
        Regime::Small => rng.normal() * pow2(rng.range(-10, -6) as i32),
    }
}

fn pow2(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

fn float_bits(d: DType, x: f64, regime: Regime, rng: &mut Rng) -> u64 {
    let special = regime == Regime::Special && rng.chance(1, 6);
    // (exponent bits, fraction bits)
    let (e, f) = match d {
        DType::F16 => (5, 10),
        DType::BF16 => (8, 7),
        DType::F64 => (11, 52),
        _ => (8, 23),
    };
    let bias = (1i64 << (e - 1)) - 1;
    let sign = rng.below(2) << (e + f);
    if special {
        return sign
            | match rng.below(8) {
                0 => ((1u64 << e) - 1) << f,                    // infinity
                1 => ((1u64 << e) - 1) << f | 1 << (f - 1),     // NaN
                2 => 0,                                         // zero of either sign
                3 => rng.below(1 << f),                         // subnormal
                4 => (((1u64 << e) - 2) << f) | ((1 << f) - 1), // largest finite
                5 => 1 << f,                                    // smallest normal
                6 => ((bias as u64) - 1) << f,                  // 0.5
                _ => ((bias as u64) + 1) << f | 1 << (f - 2),   // 2.5
            };
    }
    match d {
        DType::F64 => x.to_bits(),
        // Any representable value near x will do: data are inputs, not results, so truncation is as good as rounding.
        DType::BF16 => u64::from((x as f32).to_bits() >> 16),
        DType::F16 => u64::from(half::f16::from_f32(x as f32).to_bits()),
        _ => u64::from((x as f32).to_bits()),
    }
}

fn int(d: DType, regime: Regime, rng: &mut Rng) -> u64 {
    let bits = 8 * d.size() as u32;
    match regime {
        Regime::Grid => rng.range(if d.is_signed_int() { -8 } else { 0 }, 8) as u64,
        Regime::Normal | Regime::Small if bits > 16 => {
            rng.range(if d.is_signed_int() { -1000 } else { 0 }, 1000) as u64
        }
        Regime::Special if rng.chance(1, 6) => *rng.pick(&[0, 1, u64::MAX, 1 << (bits - 1), (1 << (bits - 1)) - 1]),
        Regime::Wide if bits > 16 => rng.next_u64() >> rng.below(64),
        _ => rng.next_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regimes_differ_and_repeat() {
        let ty = TensorType::new(DType::F32, [64]);
        let make = |r| tensor(&ty, r, None, &mut Rng::new(7));
        assert_eq!(make(Regime::Special), make(Regime::Special));
        let xs = make(Regime::Special).to_f32().expect("f32");
        assert!(xs.iter().any(|x| x.is_nan() || x.is_infinite()) && xs.iter().any(|x| x.is_normal()));
        assert!(make(Regime::Grid).to_f32().expect("f32").iter().all(|x| (x * 8.0).fract() == 0.0 && x.abs() <= 32.0));
    }
}
