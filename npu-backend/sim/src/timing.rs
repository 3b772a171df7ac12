//! Timing (section 6): in the next commit.

use isa::{NpuConfig, Program};

/// Cycles of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TimingStats {
    /// Total cycles in 1/256.
    pub total_256: u64,
}

/// Times a program that has been executed.
pub fn analyse(_config: &NpuConfig, _program: &Program, _bursts: &[(u32, u64)]) -> TimingStats {
    TimingStats::default()
}
