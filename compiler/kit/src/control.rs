//! Legal choices of the compiler that a fuzzer may perturb (after Cranelift's `ControlPlane`): any answer must be
//! correct, the default is production's. The answers are recorded, so that a case can be repeated and reduced.

use crate::rng::Rng;

/// A source of legal choices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    seed: Option<u64>,
    counter: u64,
    /// Number of choices left before every further one takes its default; reduction lowers it.
    pub fuel: Option<u64>,
}

impl Control {
    /// Every choice takes its default.
    pub fn production() -> Self {
        Self::default()
    }
    /// Choices drawn from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }
    /// The seed, if choices are drawn.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }
    /// Chooses one of `n` alternatives at a named site; `default` is production's answer.
    pub fn choose(&mut self, site: &str, default: usize, n: usize) -> usize {
        let Some(seed) = self.seed else { return default };
        if n <= 1 || self.fuel.is_some_and(|f| self.counter >= f) {
            return default;
        }
        let tag = site.bytes().fold(seed ^ self.counter, |h, b| h.wrapping_mul(0x0100_0000_01b3) ^ u64::from(b));
        self.counter += 1;
        Rng::new(tag).below(n as u64) as usize
    }
}
