//! Whole programs, one instruction at a time in stream order (0.2).

use isa::{Direction, NpuConfig, Op, Program, Region, Space, Trap, TrapCode};

use crate::{State, execute};

/// Why a program has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunError {
    /// A load-time or run-time trap.
    Trap(Trap),
    /// An input is missing, unknown, or has another size than its bytes in the region.
    Input(String),
    /// The program has host segments, which the oracle does not execute.
    HostSegment,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Trap(trap) => trap.fmt(f),
            RunError::Input(reason) => write!(f, "input {reason}"),
            RunError::HostSegment => f.write_str("host segments are not executed by the oracle"),
        }
    }
}

impl std::error::Error for RunError {}

/// Verifies a program and runs it from empty memories. Inputs and outputs are (name, bytes in the layout of IOTAB);
/// outputs come in the order of IOTAB. The digests of bound inputs are not compared.
///
/// # Errors
/// The first trap, inputs that do not fit, or a host segment.
pub fn run(
    config: &NpuConfig,
    program: &Program,
    inputs: &[(String, Vec<u8>)],
) -> Result<Vec<(String, Vec<u8>)>, RunError> {
    if program.config_hash != config.hash() {
        return Err(RunError::Trap(Trap::whole(TrapCode::Config, "made for another configuration")));
    }
    isa::verify(program, config).map_err(|traps| RunError::Trap(traps[0].clone()))?;
    let mut state = State::new(config, &program.region_sizes);
    state.mem[Space::Dram(Region::R0).index()].bytes.copy_from_slice(&program.consts);
    set_inputs(&mut state, program, inputs)?;
    for (pc, instr) in program.code.iter().enumerate() {
        if matches!(instr.op, Op::SegmentEnd { .. }) {
            return Err(RunError::HostSegment);
        }
        execute(&mut state, instr, pc as u32).map_err(RunError::Trap)?;
    }
    let r3 = &state.mem[Space::Dram(Region::R3).index()];
    if let Some(at) = r3.init.iter().position(|&b| !b) {
        return Err(RunError::Trap(Trap::whole(TrapCode::OutputUnwritten, format!("R3 byte {at:#x}"))));
    }
    program
        .iotab
        .iter()
        .filter(|e| e.direction == Direction::Out)
        .map(|e| {
            let (from, len) = place(e)?;
            let bytes = state.mem[Space::Dram(e.region).index()].bytes.get(from..from + len);
            Ok((e.name.clone(), bytes.ok_or_else(|| RunError::Input(e.name.clone()))?.to_vec()))
        })
        .collect()
}

/// Offset and length of an entry in its region.
fn place(e: &isa::IoEntry) -> Result<(usize, usize), RunError> {
    let len = e.bytes().and_then(|n| usize::try_from(n).ok());
    let from = usize::try_from(e.offset).ok();
    from.zip(len).ok_or_else(|| RunError::Input(format!("`{}` is too large", e.name)))
}

fn set_inputs(state: &mut State, program: &Program, inputs: &[(String, Vec<u8>)]) -> Result<(), RunError> {
    for (name, _) in inputs {
        if !program.iotab.iter().any(|e| e.direction == Direction::In && e.name == *name) {
            return Err(RunError::Input(format!("`{name}` is unknown")));
        }
    }
    for e in program.iotab.iter().filter(|e| e.direction == Direction::In) {
        let (from, len) = place(e)?;
        let Some((_, bytes)) = inputs.iter().find(|(name, _)| *name == e.name) else {
            return Err(RunError::Input(format!("`{}` is missing", e.name)));
        };
        let target = state.mem[Space::Dram(e.region).index()].bytes.get_mut(from..from + len);
        match target {
            Some(target) if bytes.len() == len => target.copy_from_slice(bytes),
            _ => return Err(RunError::Input(format!("`{}` has {} bytes, not {len}", e.name, bytes.len()))),
        }
    }
    Ok(())
}
