//! The timing model (section 6): event driven, integer ticks of 1/256 cycle, the same result on every host.
//!
//! Choices where the specification leaves one (they are listed in SPEC.md):
//! FENCE, SEGMENT_END and HALT are fetched and wait but take no time; contiguous rows of a DMA are one run; a
//! function that 6.1 does not name costs 1 cycle; the read and the write channel are two resources, so `T_dram` is
//! the larger of the two sides; MACs count taps inside the window only.

mod cost;
mod roof;
mod schedule;

use isa::{NpuConfig, Program, Trap};

pub use cost::{Cost, TICKS, cost};
pub use roof::{Energy, GroupStats, Roofs};
pub use schedule::{Cause, InstrTime};

/// DRAM rows that the indexed transfers of a run really moved: (pc, [(address, bytes)]), by ascending pc.
pub type IndexedRows = [(u32, Vec<(u64, u64)>)];

/// A shared resource (6.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Resource {
    /// An SPM bank.
    Bank(u32),
    /// The DRAM read channel.
    DramRead,
    /// The DRAM write channel.
    DramWrite,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Resource::Bank(b) => write!(f, "bank {b}"),
            Resource::DramRead => f.write_str("DRAM read"),
            Resource::DramWrite => f.write_str("DRAM write"),
        }
    }
}

/// Why an engine waited for a token: the semaphore (`None`: FENCE, SEGMENT_END or HALT) and the instruction it came
/// from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TokenWait {
    /// The semaphore.
    pub sem: Option<u8>,
    /// The signalling instruction.
    pub producer: u32,
}

/// Where the time of one engine went; the parts sum to the total (6.4). Ticks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EngineStats {
    /// Instructions executed.
    pub instructions: u64,
    /// Occupied, and for DMA the part of the issue phase that nothing hides.
    pub busy: u64,
    /// The head of the queue waited for tokens or a fence.
    pub wait_token: u64,
    /// The end was delayed by a bank or a DRAM channel.
    pub wait_resource: u64,
    /// Nothing in the queue, because the front end was behind or the engine had no more work.
    pub queue_empty: u64,
    /// The next instruction was being fetched.
    pub fetch: u64,
    /// `wait_token` by cause, ascending.
    pub by_token: Vec<(TokenWait, u64)>,
    /// `wait_resource` by cause, ascending.
    pub by_resource: Vec<(Resource, u64)>,
}

impl EngineStats {
    /// The sum of all parts.
    pub fn sum(&self) -> u64 {
        self.busy + self.wait_token + self.wait_resource + self.queue_empty + self.fetch
    }
}

/// One step of the critical path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CriticalStep {
    /// The instruction.
    pub pc: u32,
    /// Ticks by which it could end later without making the program longer (tokens, engine order and fences only).
    pub slack: u64,
    /// What determined its start.
    pub cause: Cause,
}

/// Times, counters and rooflines of one run. All times in ticks of 1/256 cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimingStats {
    /// Completion of the last instruction, T.
    pub total: u64,
    /// By engine code: LDA LDW ST MX VX.
    pub engines: [EngineStats; 5],
    /// By pc (POISON without tokens is absent).
    pub instructions: Vec<InstrTime>,
    /// From the first instruction to the last one.
    pub critical_path: Vec<CriticalStep>,
    /// Work and bounds.
    pub roofs: Roofs,
    /// Bytes of DRAM bursts read.
    pub dram_read_bytes: u64,
    /// Bytes of DRAM bursts written.
    pub dram_write_bytes: u64,
    /// Useful MACs.
    pub macs: u64,
    /// By set of graph nodes (DEBUG), in order of first appearance.
    pub groups: Vec<GroupStats>,
    /// A simple energy model.
    pub energy: Energy,
}

impl TimingStats {
    /// T in cycles, rounded up.
    pub fn cycles(&self) -> u64 {
        self.total.div_ceil(TICKS)
    }

    /// net roof / T.
    pub fn fraction(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.roofs.net as f64 / self.total as f64 }
    }

    /// The invariants of 6.4 and 6.5: `T >= net roof`, `T >= work of every engine and resource`,
    /// `T <= sum of serial times + fetch`, the counters of every engine sum to T.
    ///
    /// # Errors
    /// The first that does not hold, with its numbers.
    pub fn check_invariants(&self) -> Result<(), String> {
        let r = &self.roofs;
        if self.total < r.net {
            return Err(format!("T = {} < net roof {}", self.total, r.net));
        }
        for (name, work) in &r.work {
            if self.total < *work {
                return Err(format!("T = {} < work {work} of {name}", self.total));
            }
        }
        if self.total > r.serial {
            return Err(format!("T = {} > serial sum {}", self.total, r.serial));
        }
        for (engine, stats) in isa::Engine::ALL.iter().zip(&self.engines) {
            if stats.sum() != self.total {
                return Err(format!("counters of {engine} sum to {}, T = {}", stats.sum(), self.total));
            }
        }
        Ok(())
    }
}

/// Times a program. `rows` come from its execution; without them every index of an LDX or STX counts as a row of its
/// own.
///
/// # Errors
/// `E_DEADLOCK` if a wait can never be satisfied (a program that the verifier accepts has none).
pub fn analyse(config: &NpuConfig, program: &Program, rows: &IndexedRows) -> Result<TimingStats, Trap> {
    let rows_of = |pc: u32| rows.binary_search_by_key(&pc, |r| r.0).ok().map(|i| rows[i].1.as_slice());
    let costs: Vec<Cost> = (0..).zip(&program.code).map(|(pc, instr)| cost::cost(config, instr, rows_of(pc))).collect();
    let schedule = schedule::run(config, &program.code, &costs)?;
    let roofs = roof::roofs(config, program, &costs, &rows_of);
    let groups = roof::groups(config, program, &costs, &rows_of);
    Ok(TimingStats {
        total: schedule.total,
        engines: schedule.engines,
        instructions: schedule.times,
        critical_path: schedule.critical,
        dram_read_bytes: costs.iter().filter(|c| c.dram_read > 0).map(|c| c.burst_bytes).sum(),
        dram_write_bytes: costs.iter().filter(|c| c.dram_write > 0).map(|c| c.burst_bytes).sum(),
        macs: costs.iter().map(|c| c.macs).sum(),
        energy: roof::energy(&costs),
        roofs,
        groups,
    })
}
