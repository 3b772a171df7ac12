//! Scalar oracle of the Anvil instruction set: one instruction, or a whole program in stream order.
//!
//! Slow on purpose: plain loops over elements, 128-bit integers narrowed once, binary32 operations in the written
//! order. It is written from `npu-backend/SPEC.md` (numbers in parentheses are its sections), apart from the simulator,
//! and shares no arithmetic with it; the two are compared bit by bit (`tests/against_sim.rs`).
//!
//! Static rules (`E_DECODE`, overlap, double writes, races, tokens) are the verifier's (`isa::verify`) and are not
//! repeated by [`execute`]; bounds and region permissions are, byte by byte.
#![deny(missing_docs)]

mod dma;
mod ew;
mod float;
mod mx;
pub mod pinned;
mod pool;
mod prm;
mod reduce;
mod run;
mod state;
mod vx;

pub use float::{Format, fma};
pub use run::{RunError, run};
pub use state::{Memory, State};

use isa::{Instr, Op, Trap};

/// Executes one instruction; tokens are ignored (sequential meaning, 0.2), and SEGMENT_END does nothing here.
///
/// # Errors
/// Of all traps that apply, the first of the catalogue (2.5). The state is then what it was before the instruction.
pub fn execute(state: &mut State, instr: &Instr, pc: u32) -> Result<(), Trap> {
    state.begin();
    match &instr.op {
        Op::Nop | Op::Fence | Op::Halt | Op::SegmentEnd { .. } => {}
        Op::Poison(p) => dma::poison(state, p),
        Op::Ld(d) => dma::ld(state, d),
        Op::St(d) => dma::st(state, d),
        Op::Ldx(d) => dma::indexed(state, d, true),
        Op::Stx(d) => dma::indexed(state, d, false),
        Op::MxConv(m) => mx::execute(state, m, false),
        Op::MxDw(m) => mx::execute(state, m, true),
        Op::Rq(v) => prm::rq(state, v),
        Op::Ew(v) => ew::execute(state, v),
        Op::Lut(v) => vx::lut(state, v),
        Op::Red(v) => reduce::red(state, v),
        Op::Pool(p) => pool::execute(state, p),
        Op::Cvt(v) => vx::cvt(state, v),
        Op::Tr(v) => vx::tr(state, v),
        Op::Fill(v) => vx::fill(state, v),
        Op::Ga(v) => vx::ga(state, v),
        Op::Sc(v) => vx::sc(state, v),
        Op::Scan(v) => reduce::scan(state, v),
        Op::Sort(v) => reduce::sort(state, v),
    }
    state.end(pc)
}
