//! The back half of the compiler: graph to groups, tiles, stream, placed program, bytes (NPU.md section 7).
//!
//! Each arrow is a function from one IR to the next: [`lower_groups`] (G→F), [`tile`] (F→T), [`schedule`] (T→S),
//! [`place`] (S→A), [`encode`] (A→B). The order of accumulation is fixed by the first and carried by the others.
#![deny(missing_docs)]

mod loops;
mod lower;
pub mod pack;
mod place;
mod schedule;
mod tile;

pub use lower::lower_groups;
pub use place::place;
pub use schedule::schedule;
pub use tile::tile;

/// The container of a placed program (A→B).
///
/// # Errors
/// A field that does not fit its encoding, with the instruction: an error of this compiler.
pub fn encode(placed: &lir::placed::Placed) -> Result<Vec<u8>, isa::container::ContainerError> {
    isa::container::write_program(&placed.program)
}

/// What the user may choose; the program's meaning does not depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodegenOptions {
    /// 0: no fusion but an operator's own bias, a FENCE between all instructions. 1 and up: fusion.
    pub opt_level: u8,
    /// POISON at the end of life of every scratchpad buffer.
    pub debug_poison: bool,
}

impl Default for CodegenOptions {
    fn default() -> Self {
        Self { opt_level: 2, debug_poison: false }
    }
}
