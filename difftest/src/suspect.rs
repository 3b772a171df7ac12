//! Calibrated suspicion (tier T2 of NUMERICS.md): how large errors legal executions of *this* graph really make, instead of how large
//! they may be. Never a verdict of `mismatch`: a graph is `suspect` if the machine's outputs are outside of what legal executions
//! show, on the case's data and on fresh data twice more.
//!
//! For each output: `ρ = |result − value| / radius` of K = 8 random legal executions (`judge::legal`: orders, FMA, fusion, folding, ULP noise),
//! at least 64 elements in all; threshold `min(1, max(2 max ρ, rms(ρ) t_ν(1e-9/n)))`, `ν = (K n)^0.75`, and never below one ULP of the output.
//! *Cannot see* graphs with operators that the sampler lacks, integers, and elements without a useful radius.

use crate::case::Case;
use crate::data::{self, Regime};
use ir::Tensor;
use judge::legal::{Request, execute};
use reference::{Bounded, Data, Format, round};

/// Executions of one graph.
const K: u64 = 8;
/// Fewest elements that a threshold is drawn from.
const LEAST: usize = 64;
/// Most executions.
const MOST: u64 = 32;
/// False alarms wanted of one tensor.
const RATE: f64 = 1e-9;

/// An output outside of what legal executions show.
#[derive(Clone, PartialEq, Debug)]
pub struct Suspect {
    /// Output.
    pub output: String,
    /// Largest ρ of the machine.
    pub rho: f64,
    /// The threshold.
    pub threshold: f64,
}

/// ρ of the elements with a radius; `None` for the others.
fn rhos(want: &Bounded, got: &Tensor) -> Vec<Option<f64>> {
    let (Data::Float(f), Some(fmt)) = (&want.data, Format::of(want.dtype)) else { return Vec::new() };
    if got.dims != want.dims || got.dtype != want.dtype {
        return Vec::new();
    }
    (0..f.value.len())
        .map(|i| {
            let (v, e, g) = (f.value[i], f.radius[i], round::decode(got.bits(i), fmt));
            let fine = e > 0.0 && e.is_finite() && v.is_finite() && g.is_finite() && !f.may_nan(i);
            fine.then(|| (g - v).abs() / e)
        })
        .collect()
}

/// Largest part of a radius that one ULP of the output is, over the elements.
fn floor_of(want: &Bounded) -> f64 {
    let (Data::Float(f), Some(fmt)) = (&want.data, Format::of(want.dtype)) else { return 1.0 };
    let part = |i: usize| {
        let v = f.value[i].abs();
        let e = f.radius[i];
        if e > 0.0 && v.is_finite() { 2.0 * fmt.u() * v / e } else { 0.0 }
    };
    (0..f.value.len()).map(part).fold(0.0, f64::max)
}

/// The outputs of the machine on one set that are outside of what legal executions of the graph show. `None` if the sampler or the
/// reference lacks something.
pub fn outside(case: &Case, set: &[Tensor], machine: &[(String, Tensor)], seed: u64) -> Option<Vec<Suspect>> {
    let (g, contract) = (&case.graph, &case.setup.contract);
    let e = reference::evaluate(g, set, contract).ok()?;
    let wants = e.outputs();
    let mut legal: Vec<Vec<f64>> = vec![Vec::new(); wants.len()];
    for k in 0..MOST {
        if k >= K && legal.iter().all(|l| l.is_empty() || l.len() >= LEAST) {
            break;
        }
        let run = execute(&Request {
            graph: g,
            inputs: set,
            contract,
            seed: Some(seed.wrapping_mul(1_000_003).wrapping_add(k)),
            pinned: None,
            pinned_stores: false,
            planted: None,
        })
        .ok()?;
        for ((l, want), o) in legal.iter_mut().zip(&wants).zip(&g.outputs) {
            l.extend(rhos(want, &run.tensor(o.value)?).into_iter().flatten());
        }
    }
    let mut out = Vec::new();
    for ((l, want), o) in legal.iter().zip(&wants).zip(&g.outputs) {
        let Some((_, t)) = machine.iter().find(|(n, _)| *n == o.name) else { continue };
        let Ok(t) = t.reshaped(want.dims.clone()) else { continue };
        let mine: Vec<f64> = rhos(want, &t).into_iter().flatten().collect();
        if mine.is_empty() || l.len() < LEAST {
            continue;
        }
        let threshold = threshold(l, mine.len()).max(floor_of(want)).min(1.0);
        let rho = mine.iter().copied().fold(0.0, f64::max);
        if rho > threshold {
            out.push(Suspect { output: o.name.clone(), rho, threshold });
        }
    }
    Some(out)
}

/// The threshold from the ρ of legal executions, for a tensor of `n` elements.
fn threshold(legal: &[f64], n: usize) -> f64 {
    let max = legal.iter().copied().fold(0.0, f64::max);
    let rms = (legal.iter().map(|x| x * x).sum::<f64>() / legal.len() as f64).sqrt();
    let nu = (legal.len() as f64).sqrt() * (legal.len() as f64).sqrt().sqrt();
    (2.0 * max).max(rms * student(RATE / n as f64, nu))
}

/// Two-sided quantile of Student's distribution for small `p`: the normal quantile, corrected (Abramowitz and Stegun 26.7.5).
fn student(p: f64, nu: f64) -> f64 {
    let z = normal(p / 2.0);
    z + (z.powi(3) + z) / (4.0 * nu) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * nu * nu)
}

/// Upper quantile of the normal distribution (Abramowitz and Stegun 26.2.23; error below 4.5e-4).
fn normal(p: f64) -> f64 {
    let t = (-2.0 * libm::log(p)).sqrt();
    t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}

/// Whether a suspicion repeats on fresh data, twice. `machine` runs the compiled program.
pub fn repeats(case: &Case, seed: u64, machine: &dyn Fn(&[Tensor]) -> Option<Vec<(String, Tensor)>>) -> bool {
    (1..3).all(|k| {
        let set = data::inputs(&case.graph, seed ^ (0x5eed_0000 + k), Regime::Normal);
        let found = machine(&set).and_then(|m| outside(case, &set, &m, seed.wrapping_add(k)));
        found.is_some_and(|f| !f.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Setup;
    use ir::{Attrs, DType, Graph, Op, Origin, TensorType};
    use reference::{Contract, Hypothesis, Options, evaluate_with};

    fn case() -> Case {
        let mut graph = Graph::default();
        let x = graph.add_input("x", TensorType::new(DType::F32, [8, 64]));
        let w = graph.add_input("w", TensorType::new(DType::F32, [64, 8]));
        let ty = TensorType::new(DType::F32, [8, 8]);
        let y =
            graph.add_node(Op::MatMul, Attrs::none(), vec![Some(x), Some(w)], vec![(ty, None)], Origin::new(0, "m"))[0];
        graph.add_output("y", y);
        let sets = vec![data::inputs(&graph, 1, Regime::Normal)];
        Case { graph, sets, setup: Setup::new("tiny-fuzz", isa::NpuConfig::tiny()) }
    }

    fn under(c: &Case, set: &[Tensor], h: Option<Hypothesis>) -> Vec<(String, Tensor)> {
        let contract = Contract::named("anvil").expect("built in");
        let o = Options { hypothesis: h, ..Options::new(&contract) };
        let e = evaluate_with(&c.graph, set, &o).expect("it evaluates");
        vec![("y".into(), e.outputs()[0].to_tensor())]
    }

    /// Operands in bf16 are inside of the worst-case bound of a sum of 64 terms only by chance, and far outside of what legal executions show.
    #[test]
    fn a_legal_result_is_no_suspect_and_a_coarse_one_is() {
        let c = case();
        let fine = under(&c, &c.sets[0], None);
        assert_eq!(outside(&c, &c.sets[0], &fine, 1), Some(Vec::new()));
        let coarse = under(&c, &c.sets[0], Some(Hypothesis::OperandsBf16));
        assert!(!outside(&c, &c.sets[0], &coarse, 1).expect("the sampler has MatMul").is_empty());
        assert!(repeats(&c, 3, &|s| Some(under(&c, s, Some(Hypothesis::OperandsBf16)))));
        assert!(!repeats(&c, 3, &|s| Some(under(&c, s, None))));
    }

    #[test]
    fn quantiles() {
        // Tables: z(0.025) = 1.95996, t with 10 degrees at 0.05 two-sided = 2.22814.
        assert!((normal(0.025) - 1.959_96).abs() < 1e-3);
        assert!((student(0.05, 10.0) - 2.228_14).abs() < 5e-3);
    }
}
