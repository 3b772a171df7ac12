//! Extents from the hardware's lattice: just below, at and just above the sizes at which something changes.

use isa::NpuConfig;
use kit::Rng;

/// The interesting extents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lattice {
    boundaries: Vec<usize>,
}

impl Default for Lattice {
    fn default() -> Self {
        Self { boundaries: vec![4, 8, 16, 32, 64] }
    }
}

impl Lattice {
    /// Boundaries of a machine: lanes of 16, vector lanes, accumulator rows, bytes of a bank.
    pub fn of(config: &NpuConfig) -> Self {
        let mut boundaries = vec![4, 8, 16, 32, 64];
        boundaries.push(config.vx_lanes as usize);
        boundaries.push(config.acc_rows as usize);
        boundaries.push(config.bank_bytes() as usize / 16);
        boundaries.retain(|&b| (2..=512).contains(&b));
        boundaries.sort_unstable();
        boundaries.dedup();
        Self { boundaries }
    }
    /// An extent of at most `max` (at least 1).
    pub fn extent(&self, max: usize, rng: &mut Rng) -> usize {
        let max = max.max(1);
        let d = match rng.below(10) {
            0 => 1,
            1..=4 => rng.range(2, 12) as usize,
            _ => (*rng.pick(&self.boundaries) as i64 + rng.range(-1, 1)) as usize,
        };
        d.clamp(1, max)
    }
    /// Extents of a rank with at most `max` elements in all; an extent of 0 once in a while.
    pub fn dims(&self, rank: usize, max: usize, rng: &mut Rng) -> Vec<usize> {
        let mut left = max;
        let mut dims: Vec<usize> = (0..rank)
            .map(|i| {
                let share = if i + 1 == rank { left } else { left.min(max) };
                let d = self.extent(share, rng);
                left = (left / d).max(1);
                d
            })
            .collect();
        // The order in which the budget is spent must not favour the first axes.
        for i in (1..dims.len()).rev() {
            dims.swap(i, rng.below(i as u64 + 1) as usize);
        }
        if rank > 0 && rng.chance(1, 400) {
            let i = rng.below(rank as u64) as usize;
            dims[i] = 0;
        }
        dims
    }
}
