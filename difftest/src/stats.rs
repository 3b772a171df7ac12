//! Campaign statistics (tier T3 of NUMERICS.md): the mean of the machine's residuals by kernel, which shows biased rounding that no bound
//! of a single element can show.
//!
//! *Residual*: (machine − reference) in ULP of the output type at the reference's value, on a group's own inputs; limited to ±8 ULP, so
//! that cancellation in one element cannot carry the mean. Two means are kept: of the residual, and of its component away from zero
//! (`sign(v)·residual`: truncation makes it negative). Residuals of one group share their data, so the standard error is that of groups
//! (a cluster-robust variance), not of elements.
//!
//! *Shows* a bias, never by itself a bug: legal kernels may be biased too (a mean computed as `x·round(1/N)`), hence an alarm needs an
//! effect of more than [`EFFECT`] from the kernel's own baseline **and** |z| > [`SIGMAS`]. *Cannot see* exact data, integers and elements without
//! a useful radius.
//!
//! All sums are integers: adding two is exact, and threads, shards and `--resume` change nothing.

use ir::{DType, Graph, NodeId, Op, Tensor};
use reference::{Bounded, Data, Format, round};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most elements of one group that are looked at.
const SAMPLE: usize = 256;
/// Residuals are counted in this part of an ULP.
const STEP: f64 = 64.0;
/// And limited to so many ULP.
const LIMIT: f64 = 8.0;
/// Effect size of an alarm, in ULP.
pub const EFFECT: f64 = 0.25;
/// Standard errors of an alarm.
pub const SIGMAS: f64 = 8.0;
/// Fewest groups of an alarm: with fewer, the standard error is not known.
const GROUPS: u64 = 32;

/// Sums over groups of one of the two statistics; S is a group's sum, n its number of elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Moments {
    /// Σ S.
    pub sum: i64,
    /// Σ S².
    pub squares: i64,
    /// Σ S n.
    pub weighted: i64,
}

/// Sums for one kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bias {
    /// Groups.
    pub groups: u64,
    /// Elements.
    pub elements: u64,
    /// Σ n² over groups.
    pub elements_squared: i64,
    /// Σ residual² over elements.
    pub square: i64,
    /// Of the residual.
    pub signed: Moments,
    /// Of its component away from zero.
    pub outward: Moments,
}

/// By kernel: operator and output type.
pub type Biases = BTreeMap<String, Bias>;

/// A mean with its standard error, in ULP.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Mean less baseline, in standard errors.
    pub z: f64,
}

impl Bias {
    fn push(&mut self, residuals: impl Iterator<Item = (i64, bool)>) {
        let (mut n, mut s, mut o) = (0i64, 0i64, 0i64);
        for (q, negative) in residuals {
            n += 1;
            s += q;
            o += if negative { -q } else { q };
            self.square += q * q;
        }
        if n == 0 {
            return;
        }
        self.groups += 1;
        self.elements += n as u64;
        self.elements_squared += n * n;
        for (m, s) in [(&mut self.signed, s), (&mut self.outward, o)] {
            m.sum += s;
            m.squares += s * s;
            m.weighted += s * n;
        }
    }
    /// Adds the sums of another.
    pub fn add(&mut self, o: &Bias) {
        self.groups += o.groups;
        self.elements += o.elements;
        self.elements_squared += o.elements_squared;
        self.square += o.square;
        for (m, p) in [(&mut self.signed, &o.signed), (&mut self.outward, &o.outward)] {
            m.sum += p.sum;
            m.squares += p.squares;
            m.weighted += p.weighted;
        }
    }
    fn mean(&self, m: &Moments, baseline: f64) -> Mean {
        let (n, c) = (self.elements as f64, self.groups as f64);
        if self.elements == 0 {
            return Mean { mean: 0.0, z: 0.0 };
        }
        let mu = m.sum as f64 / n;
        // Σ (S − μ n)² / N², with the small-sample factor.
        let sum = m.squares as f64 - 2.0 * mu * m.weighted as f64 + mu * mu * self.elements_squared as f64;
        let variance = sum.max(0.0) / (n * n) * c / (c - 1.0).max(1.0);
        // A standard error cannot be smaller than the resolution of the residuals.
        let error = variance.sqrt().max(0.5 / n.sqrt());
        Mean { mean: mu / STEP, z: (mu - baseline * STEP) / error }
    }
    /// Mean residual.
    pub fn signed(&self, baseline: f64) -> Mean {
        self.mean(&self.signed, baseline)
    }
    /// Mean component away from zero.
    pub fn outward(&self, baseline: f64) -> Mean {
        self.mean(&self.outward, baseline)
    }
    /// Root mean square, in ULP.
    pub fn rms(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { (self.square as f64 / self.elements as f64).sqrt() / STEP }
    }
}

/// Mean residual and mean component away from zero that a kernel legally has, in ULP: those that a clean campaign measures beyond a
/// tenth of an ULP (`touchstone fuzz --cases 3000`), by the machine's own definition of the function (SPEC.md section 11).
const BASELINES: &[(&str, f64, f64)] = &[];

/// The baseline of a kernel.
pub fn baseline(kernel: &str) -> (f64, f64) {
    BASELINES.iter().find(|b| b.0 == kernel).map_or((0.0, 0.0), |b| (b.1, b.2))
}

/// An alarm: kernel, which statistic, and the mean.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Alarm {
    /// Kernel.
    pub kernel: String,
    /// `signed` or `outward`.
    pub statistic: &'static str,
    /// The mean.
    #[serde(flatten)]
    pub mean: Mean,
}

/// The alarms of a campaign.
pub fn alarms(all: &Biases) -> Vec<Alarm> {
    let mut out = Vec::new();
    for (kernel, b) in all.iter().filter(|(_, b)| b.groups >= GROUPS) {
        let (s, o) = baseline(kernel);
        for (statistic, mean, base) in [("signed", b.signed(s), s), ("outward", b.outward(o), o)] {
            if (mean.mean - base).abs() > EFFECT && mean.z.abs() > SIGMAS {
                out.push(Alarm { kernel: kernel.clone(), statistic, mean });
            }
        }
    }
    out
}

/// The kernel that a group is counted under: the operator that adds up, or its only operator; chains of elementwise operators together.
pub fn kernel(g: &Graph, nodes: &[NodeId], d: DType) -> String {
    let ops: Vec<Op> = nodes.iter().filter_map(|&n| g.nodes.get(n)).map(|n| n.op).collect();
    let family = |op: &Op| op.schema().family;
    let anchor = ops.iter().find(|o| {
        matches!(
            family(o),
            ir::Family::Linear | ir::Family::Conv | ir::Family::Pool | ir::Family::Reduce | ir::Family::Norm
        )
    });
    match (anchor, &ops[..]) {
        (Some(o), _) | (None, [o]) => format!("{o} {d}"),
        _ => format!("chain {d}"),
    }
}

/// Adds the residuals of one group's result.
pub fn observe(all: &mut Biases, kernel: impl FnOnce() -> String, want: &Bounded, got: &Tensor) {
    let (Data::Float(f), Some(fmt)) = (&want.data, Format::of(want.dtype)) else { return };
    let n = f.value.len();
    if got.dims != want.dims || f.radius.iter().all(|&e| e == 0.0) {
        return;
    }
    let stride = n.div_ceil(SAMPLE).max(1);
    let one = |i: usize| {
        let (v, e) = (f.value[i], f.radius[i]);
        if e == 0.0 || !e.is_finite() || !v.is_finite() || v == 0.0 || f.may_nan(i) {
            return None;
        }
        let g = round::decode(got.bits(i), fmt);
        g.is_finite().then(|| {
            let r = ((g - v) / ulp(v, fmt)).clamp(-LIMIT, LIMIT);
            ((r * STEP).round_ties_even() as i64, v < 0.0)
        })
    };
    let residuals = (0..n).step_by(stride).filter_map(one);
    all.entry(kernel()).or_default().push(residuals);
}

/// The distance of neighbours in the format at a value.
fn ulp(v: f64, fmt: Format) -> f64 {
    // The exponent field of the double: exact for what is normal there, which all values of the narrower formats are.
    let e = ((v.abs().to_bits() >> 52) as i32 - 1023).clamp(fmt.min_exp(), fmt.max_exp());
    reference::contract::exp2i(e + 1 - fmt.precision())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::{Attrs, Origin, TensorType};
    use reference::{Contract, Hypothesis, Options, evaluate, evaluate_with};

    fn product() -> Graph {
        let mut g = Graph::default();
        let a = g.add_input("a", TensorType::new(DType::F32, [6, 24]));
        let b = g.add_input("b", TensorType::new(DType::F32, [24, 5]));
        let ty = TensorType::new(DType::F32, [6, 5]);
        let y = g.add_node(Op::MatMul, Attrs::none(), vec![Some(a), Some(b)], vec![(ty, None)], Origin::new(0, "m"))[0];
        g.add_output("y", y);
        g
    }

    fn sum() -> Graph {
        let mut g = Graph::default();
        let ty = TensorType::new(DType::F32, [30]);
        let a = g.add_input("a", ty.clone());
        let b = g.add_input("b", ty.clone());
        let y = g.add_node(Op::Add, Attrs::none(), vec![Some(a), Some(b)], vec![(ty, None)], Origin::new(0, "a"))[0];
        g.add_output("y", y);
        g
    }

    /// Statistics of `runs` runs of a device.
    fn collect(g: &Graph, runs: u64, device: &dyn Fn(&[Tensor]) -> Tensor) -> Biases {
        let contract = Contract::named("anvil").expect("built in");
        let mut all = Biases::new();
        for seed in 0..runs {
            let inputs = crate::data::inputs(g, seed, crate::data::Regime::Normal);
            let e = evaluate(g, &inputs, &contract).expect("it evaluates");
            observe(&mut all, || "k".into(), e.outputs()[0], &device(&inputs));
        }
        all
    }

    fn under(g: &Graph, inputs: &[Tensor], h: Hypothesis) -> Tensor {
        let contract = Contract::named("anvil").expect("built in");
        let o = Options { hypothesis: Some(h), ..Options::new(&contract) };
        evaluate_with(g, inputs, &o).expect("it evaluates").outputs()[0].to_tensor()
    }

    /// A legal device: f32 products, added in f32 from left to right.
    fn sequential(inputs: &[Tensor]) -> Tensor {
        let (a, b) = (inputs[0].to_f32().expect("f32"), inputs[1].to_f32().expect("f32"));
        let y: Vec<f32> =
            (0..30).map(|i| (0..24).fold(0f32, |s, k| s + a[i / 5 * 24 + k] * b[k * 5 + i % 5])).collect();
        Tensor::from_f32([6, 5], &y)
    }

    #[test]
    fn a_legal_sum_raises_no_alarm() {
        let all = collect(&product(), 400, &sequential);
        assert!(alarms(&all).is_empty(), "{all:?}");
        assert!(all["k"].rms() > 0.3, "the residuals are there: {}", all["k"].rms());
    }

    #[test]
    fn a_truncating_accumulator_raises_one() {
        let g = product();
        let all = collect(&g, 100, &|x| under(&g, x, Hypothesis::AccumulatorTruncates));
        assert!(
            alarms(&all).iter().any(|a| a.statistic == "outward" && a.mean.mean < -EFFECT),
            "{:?}",
            all["k"].outward(0.0)
        );
    }

    #[test]
    fn a_truncating_store_raises_one() {
        let g = sum();
        let legal = collect(&g, 100, &|x| {
            let (a, b) = (x[0].to_f32().expect("f32"), x[1].to_f32().expect("f32"));
            Tensor::from_f32([30], &a.iter().zip(&b).map(|(a, b)| a + b).collect::<Vec<_>>())
        });
        assert!(alarms(&legal).is_empty(), "{legal:?}");
        let all = collect(&g, 100, &|x| under(&g, x, Hypothesis::Truncation));
        assert!(
            alarms(&all).iter().any(|a| a.statistic == "outward" && a.mean.mean < -EFFECT),
            "{:?}",
            all["k"].outward(0.0)
        );
    }

    #[test]
    fn sums_add_up() {
        let g = product();
        let whole = collect(&g, 20, &sequential);
        let mut parts = Bias::default();
        let contract = Contract::named("anvil").expect("built in");
        for seed in (0..20).rev() {
            let inputs = crate::data::inputs(&g, seed, crate::data::Regime::Normal);
            let e = evaluate(&g, &inputs, &contract).expect("it evaluates");
            let mut one = Biases::new();
            observe(&mut one, || "k".into(), e.outputs()[0], &sequential(&inputs));
            parts.add(&one["k"]);
        }
        assert_eq!(whole["k"], parts);
    }
}
