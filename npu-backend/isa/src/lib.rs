//! Instruction set of the Anvil NPU: types, encoding, text form, container, access sets and the load-time verifier.
//!
//! The specification is `npu-backend/SPEC.md`; numbers in parentheses are its sections.
#![deny(missing_docs)]

pub mod access;
mod access_mx;
pub mod asm;
pub mod check;
pub mod codes;
pub mod config;
pub mod container;
pub mod disasm;
pub mod encode;
mod functions;
pub mod instr;
pub mod layout;
pub mod legal;
mod legal_ew;
pub mod program;
pub mod random;
pub mod rng;
pub mod runs;
mod shadow;
mod text;
pub mod traps;
pub mod verify;
mod vx;

pub use access::{AccessSets, Limits, access_sets};
pub use asm::{AsmError, parse_instr, parse_program};
pub use check::check_instr;
pub use codes::{
    AccTag, Act, Chan, DType, Engine, EwFn, Init, Mem, MxType, PoolFn, RedFn, Region, Round, RqMode, ScFn, ScanFn,
    SortFn,
};
pub use config::{ConfigError, NpuConfig};
pub use container::{ContainerError, read_program, write_program};
pub use disasm::{print_instr, print_program};
pub use encode::{CodeError, INSTR_BYTES, decode, encode};
pub use instr::{Dma, Form, IndexedDma, Instr, Mx, Op, Operand, Poison, Pool, Token, Vx, VxFn};
pub use legal_ew::is_float_class;
pub use program::{
    AttrValue, DebugEntry, Direction, HostKernel, HostSeg, HostTensor, IoEntry, Layout, Program, QuantParams,
};
pub use runs::{Run, Space};
pub use traps::{Trap, TrapCode, When};
pub use verify::{Verified, verify};
