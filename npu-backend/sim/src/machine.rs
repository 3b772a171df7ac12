//! The machine state and the execution of one instruction.

use isa::{Instr, Mem, NpuConfig, Op, Region, Trap, TrapCode};

use crate::kernels;
use crate::mem::{Acc, Check, Fault, Memory};

/// Sticky counters; they never trap (2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// NaNs converted to an integer (as 0).
    pub nan_cvt: u64,
    /// CVT results that saturated.
    pub sat_cvt: u64,
}

/// Buffers that kernels reuse from one instruction to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub weights_i16: Vec<i16>,
    pub pixels_i16: Vec<i16>,
    pub weights_f32: Vec<f32>,
    pub pixels_f32: Vec<f32>,
    pub masks: Vec<u16>,
}

/// All memories of one NPU with its DRAM.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) spm: Memory,
    pub(crate) prm: Memory,
    pub(crate) lut: Memory,
    pub(crate) acc: Acc,
    pub(crate) dram: [Memory; 4],
    /// Checked mode: init bits, accumulator tags and exact sums. Bounds are always checked.
    pub(crate) check: bool,
    pub(crate) counters: Counters,
    pub(crate) scratch: Scratch,
    /// DRAM rows that the last LDX or STX really moved, as (address, bytes), for the timing model (6.1).
    pub(crate) last_rows: Vec<(u64, u64)>,
}

impl Machine {
    /// Empty memories; DRAM regions of size 0.
    pub fn new(config: &NpuConfig) -> Self {
        Machine {
            spm: Memory::new("SPM", config.spm_bytes as usize),
            prm: Memory::new("PRM", config.prm_bytes() as usize),
            lut: Memory::new("LUT", isa::config::LUT_BYTES as usize),
            acc: Acc::new(config.acc_rows as usize),
            dram: [
                Memory::constant("R0", Vec::new()),
                Memory::new("R1", 0),
                Memory::constant("R2", Vec::new()),
                Memory::new("R3", 0),
            ],
            check: true,
            counters: Counters::default(),
            scratch: Scratch::default(),
            last_rows: Vec::new(),
        }
    }

    /// Checked mode on or off (on at first).
    pub fn set_check(&mut self, check: bool) {
        self.check = check;
    }

    /// Sets the four regions: contents of R0 and R2, sizes of R1 and R3 (nothing of which is initialised).
    pub fn set_dram(&mut self, r0: Vec<u8>, r1: usize, r2: Vec<u8>, r3: usize) {
        self.dram[0] = Memory::constant("R0", r0);
        self.dram[2] = Memory::constant("R2", r2);
        self.size_writable(r1, r3);
    }

    /// As [`Machine::set_dram`] with a copy of R0 in the buffer of the last program; `sizes` are those of R1, R2, R3. R2
    /// is all zeros, for the caller to fill.
    pub(crate) fn lay_out_dram(&mut self, r0: &[u8], sizes: [usize; 3]) {
        self.dram[0].data.clear();
        self.dram[0].data.extend_from_slice(r0);
        self.dram[2].data.clear();
        self.dram[2].data.resize(sizes[1], 0);
        self.size_writable(sizes[0], sizes[2]);
    }

    /// R1 and R3 of these sizes, nothing of which is initialised.
    fn size_writable(&mut self, r1: usize, r3: usize) {
        for (index, name, len) in [(1, "R1", r1), (3, "R3", r3)] {
            if self.dram[index].len() == len {
                self.dram[index].reset();
            } else {
                self.dram[index] = Memory::new(name, len);
            }
        }
    }

    /// Forgets everything in the local memories and the counters; clears only what was touched.
    pub fn reset_local(&mut self) {
        self.spm.reset();
        self.prm.reset();
        self.lut.reset();
        self.acc.reset();
        self.counters = Counters::default();
    }

    /// Scratchpad.
    pub fn spm(&self) -> &Memory {
        &self.spm
    }
    /// Scratchpad.
    pub fn spm_mut(&mut self) -> &mut Memory {
        &mut self.spm
    }
    /// Parameter records.
    pub fn prm(&self) -> &Memory {
        &self.prm
    }
    /// Parameter records.
    pub fn prm_mut(&mut self) -> &mut Memory {
        &mut self.prm
    }
    /// Look-up tables.
    pub fn lut(&self) -> &Memory {
        &self.lut
    }
    /// Look-up tables.
    pub fn lut_mut(&mut self) -> &mut Memory {
        &mut self.lut
    }
    /// Accumulators.
    pub fn acc(&self) -> &Acc {
        &self.acc
    }
    /// Accumulators.
    pub fn acc_mut(&mut self) -> &mut Acc {
        &mut self.acc
    }
    /// A DRAM region.
    pub fn dram(&self, region: Region) -> &Memory {
        &self.dram[region.index()]
    }
    /// A DRAM region.
    pub fn dram_mut(&mut self, region: Region) -> &mut Memory {
        &mut self.dram[region.index()]
    }
    /// Sticky counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// A local memory; `None` for `Dram` and `Imm`.
    pub fn local(&self, mem: Mem) -> Option<&Memory> {
        match mem {
            Mem::Spm => Some(&self.spm),
            Mem::Prm => Some(&self.prm),
            Mem::Lut => Some(&self.lut),
            Mem::Acc => Some(&self.acc.mem),
            Mem::Dram | Mem::Imm => None,
        }
    }

    pub(crate) fn mem(&self, mem: Mem) -> Result<&Memory, Fault> {
        self.local(mem).ok_or_else(|| Fault::new(TrapCode::Decode, format!("{mem} is not a local memory")))
    }

    pub(crate) fn mem_mut(&mut self, mem: Mem) -> Result<&mut Memory, Fault> {
        match mem {
            Mem::Spm => Ok(&mut self.spm),
            Mem::Prm => Ok(&mut self.prm),
            Mem::Lut => Ok(&mut self.lut),
            Mem::Acc => Ok(&mut self.acc.mem),
            Mem::Dram | Mem::Imm => Err(Fault::new(TrapCode::Decode, format!("{mem} is not a local memory"))),
        }
    }

    /// Executes one instruction. Tokens are ignored (the sequential meaning is the reference, 0.2); host segments are
    /// the caller's. After a trap the memories are in an unspecified state between before and after.
    ///
    /// Static conditions that belong to the load-time verifier (overlap, double writes, races) are not repeated here;
    /// whatever the instruction, the result is a trap or an effect inside the memories.
    ///
    /// # Errors
    /// The trap of the highest precedence (2.5).
    pub fn step(&mut self, instr: &Instr, pc: u32) -> Result<(), Trap> {
        // without engine and tokens, which are no concern of the machine
        isa::legal::check(&Instr::new(instr.op)).map_err(|rule| Trap::at(TrapCode::Decode, pc, rule))?;
        self.step_legal(instr, pc)
    }

    /// As [`Machine::step`] for an instruction that `isa::legal::check` has passed, as all of a loaded program have.
    pub(crate) fn step_legal(&mut self, instr: &Instr, pc: u32) -> Result<(), Trap> {
        self.execute(&instr.op).map_err(|fault| Trap::at(fault.code, pc, fault.detail))
    }

    /// Kernels rely on counts that are not 0 and on types that fit the function.
    fn execute(&mut self, op: &Op) -> Check {
        match op {
            Op::Nop | Op::Fence | Op::Halt | Op::SegmentEnd { .. } => Ok(()),
            Op::Poison(p) => kernels::dma::poison(self, p),
            Op::Ld(d) => kernels::dma::load(self, d),
            Op::St(d) => kernels::dma::store(self, d),
            Op::Ldx(d) => kernels::dma::load_indexed(self, d),
            Op::Stx(d) => kernels::dma::store_indexed(self, d),
            Op::MxConv(m) => kernels::mx::conv(self, m),
            Op::MxDw(m) => kernels::mx::depthwise(self, m),
            Op::Rq(v) => kernels::quant::requantise(self, v),
            Op::Ew(v) => kernels::vx_ew::elementwise(self, v),
            Op::Lut(v) => kernels::vx_move::lookup(self, v),
            Op::Red(v) => kernels::vx_red::reduce(self, v),
            Op::Pool(p) => kernels::pool::pool(self, p),
            Op::Cvt(v) => kernels::vx_move::convert(self, v),
            Op::Tr(v) => kernels::vx_move::transfer(self, v),
            Op::Fill(v) => kernels::vx_move::fill(self, v),
            Op::Ga(v) => kernels::vx_move::gather(self, v),
            Op::Sc(v) => kernels::vx_move::scatter(self, v),
            Op::Scan(v) => kernels::vx_red::scan(self, v),
            Op::Sort(v) => kernels::vx_red::sort(self, v),
        }
    }
}
