//! Instruction set of the Anvil NPU: types, encoding, text form, container, access sets and the load-time verifier.
//!
//! The specification is `npu-backend/SPEC.md`; numbers in parentheses are its sections.
#![deny(missing_docs)]

pub mod codes;
pub mod config;
pub mod instr;
pub mod program;
pub mod rng;
pub mod traps;

pub use codes::{
    AccTag, Act, Chan, DType, Engine, EwFn, Init, Mem, MxType, PoolFn, RedFn, Region, Round, RqMode, ScFn, ScanFn,
    SortFn,
};
pub use config::{ConfigError, NpuConfig};
pub use instr::{Dma, Form, IndexedDma, Instr, Mx, Op, Operand, Poison, Pool, Token, Vx, VxFn};
pub use program::{
    AttrValue, DebugEntry, Direction, HostKernel, HostSeg, HostTensor, IoEntry, Layout, Program, QuantParams,
};
pub use traps::{Trap, TrapCode, When};
