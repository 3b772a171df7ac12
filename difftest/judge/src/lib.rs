//! The judge of our numeric verdicts (NUMERICS.md sections 4 and 5): is the reference's bound ever wrong about a legal
//! execution, and which planted bugs does it see?
//!
//! *Legal executions* are sampled ([`legal`]) and must never be flagged. *Bugs* ([`bugs`]) are planted in such executions,
//! and the share that the verdict tiers flag is measured, beside the [`rules`] of others in the same run. [`attained`]
//! worst cases show that bounds are not slack. Everything is a function of a seed: threads change nothing but the time.
#![deny(missing_docs)]

pub mod attained;
pub mod bugs;
pub mod data;
pub mod false_alarms;
pub mod generate;
pub mod legal;
pub mod missed;
pub mod replay;
pub mod report;
pub mod rules;
pub mod tiers;

pub use bugs::{BUGS, Bug, Class};
pub use false_alarms::Legal;
pub use generate::Storage;
pub use missed::Seen;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of everything.
    pub seed: u64,
    /// Storage format.
    pub storage: Storage,
    /// Executions of each graph.
    pub executions: u64,
    /// Graphs of the campaign of legal executions.
    pub graphs: u64,
    /// First graph index.
    pub first: u64,
    /// Activated runs wanted of each bug.
    pub per_bug: u64,
    /// Threads.
    pub threads: usize,
}

/// A pool of the plan's threads.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(16 << 20)
        .build()
        .map_err(|e| format!("cannot start {threads} threads: {e}"))
}
