//! The checking simulator of the Anvil NPU (`npu-backend/SPEC.md`; numbers in parentheses are its sections).
//!
//! Three independent switches: the functional result (always), checked mode (init bits, accumulator tags, exact
//! sums, the load-time verifier) and timing. Executing the stream one instruction at a time in stream order is the
//! reference semantics; a program that passes the static verifier gives the same memory under every legal timing.
#![deny(missing_docs)]

mod kernels;
mod machine;
mod mem;
mod num;
mod runs;
mod sim;
pub mod timing;
mod touched;
pub mod trace;

pub use kernels::transcend;
pub use machine::{Counters, Machine};
pub use mem::{Acc, Bits, Memory};
pub use sim::{Fill, HostKernels, Loaded, Observer, Options, RunError, RunResult, Simulator};
pub use timing::TimingStats;
