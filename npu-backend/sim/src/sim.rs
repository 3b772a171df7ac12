//! Running whole programs.

use isa::rng::SplitMix64;
use isa::{Direction, HostKernel, HostTensor, Instr, IoEntry, Limits, NpuConfig, Op, Program, Region, Trap, TrapCode};

use crate::machine::{Counters, Machine};
use crate::timing::{self, TimingStats};
use crate::touched;
use sha2::{Digest, Sha256};

/// What local memories and R1 hold before the first write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fill {
    /// Zero bytes (uninitialised in checked mode).
    #[default]
    Zero,
    /// Bytes of this seed, also uninitialised: outputs must not depend on them.
    Random(u64),
}

/// Three independent switches and the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Init bits, tags, exact accumulators, outputs written, and the load-time verifier. Bounds are always checked.
    pub check: bool,
    /// In checked mode, count the bytes that every instruction touches and hold them against `isa::access_sets`
    /// (`E_ACCESS_MISMATCH`): a check of this simulator and of the sets that the verifier's proofs rest on, not of the program.
    pub self_check: bool,
    /// Compute [`TimingStats`].
    pub timing: bool,
    /// More executed instructions trap `E_INSTR_LIMIT`.
    pub max_instructions: u64,
    /// Memory before the first write.
    pub fill: Fill,
    /// Largest R0 + R1 + R2 + R3 in bytes; a larger program is refused.
    pub max_dram: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            check: true,
            self_check: false,
            timing: false,
            max_instructions: u64::MAX,
            fill: Fill::Zero,
            max_dram: 4 << 30,
        }
    }
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// (name, bytes) of every output, in IOTAB order, in its layout.
    pub outputs: Vec<(String, Vec<u8>)>,
    /// Sticky counters.
    pub counters: Counters,
    /// Instructions executed.
    pub instructions: u64,
    /// Host kernels executed.
    pub host_kernels: u64,
    /// Present if [`Options::timing`] is set.
    pub stats: Option<TimingStats>,
}

/// Why a run did not finish.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// The program did something undefined.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// The inputs do not fit the program.
    #[error("input `{name}`: {what}")]
    Input {
        /// Its name.
        name: String,
        /// Missing, unknown, twice, or a wrong size.
        what: String,
    },
    /// Tables of the program that contradict each other (regions, IOTAB, HOSTSEG).
    #[error("malformed program: {0}")]
    Program(String),
    /// More DRAM than [`Options::max_dram`].
    #[error("the program needs {need} bytes of DRAM, the limit is {limit}")]
    Memory {
        /// Bytes of all regions.
        need: u64,
        /// The limit.
        limit: u64,
    },
    /// A host kernel failed, or there is nobody to run it.
    #[error("host kernel {kernel} at @{pc}: {what}")]
    Host {
        /// The SEGMENT_END.
        pc: u32,
        /// The operator.
        kernel: String,
        /// The reason.
        what: String,
    },
}

impl RunError {
    /// The trap, if it is one.
    pub fn trap(&self) -> Option<&Trap> {
        match self {
            RunError::Trap(trap) => Some(trap),
            _ => None,
        }
    }
}

/// Executes the kernels of host segments (4.6).
pub trait HostKernels {
    /// Computes one kernel from dense row-major inputs (`None`: omitted) and returns one buffer per entry of
    /// `kernel.outputs`, dense row major, of exactly the stated size (`None` where the entry is `None`).
    ///
    /// # Errors
    /// A reason, if the kernel is unknown or its operands are illegal.
    fn run(&mut self, kernel: &HostKernel, inputs: &[Option<&[u8]>]) -> Result<Vec<Option<Vec<u8>>>, String>;
}

/// A program that has passed the load-time checks of a [`Simulator`]: see [`Simulator::load`].
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'p> {
    program: &'p Program,
    config_hash: u64,
    /// The load-time verifier has run.
    checked: bool,
}

/// Called after every instruction.
pub type Observer<'a> = &'a mut dyn FnMut(u32, &Machine);

/// One NPU, reused from run to run.
#[derive(Clone, Debug)]
pub struct Simulator {
    config: NpuConfig,
    config_hash: u64,
    options: Options,
    machine: Machine,
}

impl Simulator {
    /// A simulator of a configuration (which the caller has validated).
    pub fn new(config: &NpuConfig, options: Options) -> Self {
        Simulator { config: config.clone(), config_hash: config.hash(), options, machine: Machine::new(config) }
    }

    /// The configuration.
    pub fn config(&self) -> &NpuConfig {
        &self.config
    }
    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }
    /// Changes the options of later runs.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }
    /// The memories as the last run left them.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Loads and runs a program without host segments.
    ///
    /// # Errors
    /// See [`Simulator::load`] and [`Simulator::run_loaded_with`].
    pub fn run(&mut self, program: &Program, inputs: &[(String, Vec<u8>)]) -> Result<RunResult, RunError> {
        self.run_with(program, inputs, None, None)
    }

    /// Loads and runs a program; see [`Simulator::run_loaded_with`].
    ///
    /// # Errors
    /// See [`Simulator::load`] and [`Simulator::run_loaded_with`].
    pub fn run_with(
        &mut self,
        program: &Program,
        inputs: &[(String, Vec<u8>)],
        host: Option<&mut dyn HostKernels>,
        observer: Option<Observer<'_>>,
    ) -> Result<RunResult, RunError> {
        let loaded = self.load(program)?;
        self.run_loaded_with(&loaded, inputs, host, observer)
    }

    /// Makes all load-time checks of a program, once for any number of runs: the configuration, the load-time verifier
    /// in checked mode (else only that every instruction is legal), the size of R0 and the need of memory.
    ///
    /// # Errors
    /// The first load-time trap, contradictory tables, or more DRAM than [`Options::max_dram`].
    pub fn load<'p>(&self, program: &'p Program) -> Result<Loaded<'p>, RunError> {
        if program.config_hash != self.config_hash {
            let detail = format!("made for {:016x}, this is {:016x}", program.config_hash, self.config_hash);
            return Err(Trap::whole(TrapCode::Config, detail).into());
        }
        self.load_time_traps(program)?;
        let sizes = program.region_sizes;
        if sizes[0] != program.consts.len() as u64 {
            return Err(RunError::Program(format!("R0 has {} bytes, its size is {}", program.consts.len(), sizes[0])));
        }
        let need = sizes.iter().fold(0u64, |sum, &s| sum.saturating_add(s));
        if need > self.options.max_dram {
            return Err(RunError::Memory { need, limit: self.options.max_dram });
        }
        Ok(Loaded { program, config_hash: self.config_hash, checked: self.options.check })
    }

    fn load_time_traps(&self, program: &Program) -> Result<(), RunError> {
        if self.options.check {
            return match isa::verify(program, &self.config) {
                Err(traps) => traps.into_iter().next().map_or(Ok(()), |first| Err(first.into())),
                Ok(_) => Ok(()),
            };
        }
        for (index, instr) in program.code.iter().enumerate() {
            // without engine and tokens, which mean nothing to a sequential run
            isa::legal::check(&Instr::new(instr.op)).map_err(|rule| Trap::at(TrapCode::Decode, index as u32, rule))?;
        }
        Ok(())
    }

    /// Runs a loaded program without host segments.
    ///
    /// # Errors
    /// See [`Simulator::run_loaded_with`].
    pub fn run_loaded(&mut self, loaded: &Loaded<'_>, inputs: &[(String, Vec<u8>)]) -> Result<RunResult, RunError> {
        self.run_loaded_with(loaded, inputs, None, None)
    }

    /// Runs a loaded program from empty memories. `host` executes host segments; `observer` sees the machine after every
    /// instruction. Inputs are (name, bytes in the layout of the IOTAB entry), each input exactly once.
    ///
    /// # Errors
    /// The first trap, or a typed error about inputs, tables, memory or host kernels. A program that was loaded for
    /// another configuration, or without checks for a checked run, is loaded again.
    pub fn run_loaded_with(
        &mut self,
        loaded: &Loaded<'_>,
        inputs: &[(String, Vec<u8>)],
        mut host: Option<&mut dyn HostKernels>,
        mut observer: Option<Observer<'_>>,
    ) -> Result<RunResult, RunError> {
        let program = loaded.program;
        if loaded.config_hash != self.config_hash || (self.options.check && !loaded.checked) {
            self.load(program)?;
        }
        self.prepare(program, inputs)?;
        let checked = self.options.check && self.options.self_check;
        let self_check = checked.then(|| Limits::new(&self.config, &program.region_sizes));
        let mut host_kernels = 0;
        let mut rows = Vec::new();
        for (index, instr) in program.code.iter().enumerate() {
            let pc = index as u32;
            if index as u64 >= self.options.max_instructions {
                return Err(
                    Trap::at(TrapCode::InstrLimit, pc, format!("limit {}", self.options.max_instructions)).into()
                );
            }
            match &self_check {
                Some(limits) => {
                    touched::start(&mut self.machine);
                    self.machine.step_legal(instr, pc)?;
                    touched::compare(&self.machine, instr, limits, pc)?;
                }
                None => self.machine.step_legal(instr, pc)?,
            }
            match instr.op {
                Op::SegmentEnd { seg } => {
                    host_kernels += self.segment(program, seg, pc, &mut host)?;
                }
                Op::Ldx(_) | Op::Stx(_) if self.options.timing => {
                    rows.push((pc, std::mem::take(&mut self.machine.last_rows)));
                }
                _ => {}
            }
            if let Some(observer) = &mut observer {
                observer(pc, &self.machine);
            }
        }
        if self.options.check
            && let Some(at) = self.machine.dram(Region::R3).first_unwritten()
        {
            return Err(Trap::whole(TrapCode::OutputUnwritten, format!("R3 byte {at:#x}")).into());
        }
        let stats = if self.options.timing { Some(timing::analyse(&self.config, program, &rows)?) } else { None };
        Ok(RunResult {
            outputs: self.outputs(program)?,
            counters: self.machine.counters(),
            instructions: program.code.len() as u64,
            host_kernels,
            stats,
        })
    }

    /// Empty memories, then regions and inputs.
    fn prepare(&mut self, program: &Program, inputs: &[(String, Vec<u8>)]) -> Result<(), RunError> {
        let m = &mut self.machine;
        touched::stop(m); // a run that trapped may have left it on
        m.set_check(self.options.check);
        m.reset_local();
        let [_, r1, r2, r3] = program.region_sizes.map(|size| size as usize);
        m.lay_out_dram(&program.consts, [r1, r2, r3]);
        input_image(program, inputs, &mut m.dram[2].data)?;
        if let Fill::Random(seed) = self.options.fill {
            let mut rng = SplitMix64::new(seed);
            for memory in [&mut m.spm, &mut m.prm, &mut m.lut, &mut m.acc.mem, &mut m.dram[1]] {
                memory.fill_with(|| rng.next_u64());
            }
        }
        Ok(())
    }

    fn outputs(&self, program: &Program) -> Result<Vec<(String, Vec<u8>)>, RunError> {
        let outs = program.iotab.iter().filter(|e| e.direction == Direction::Out);
        outs.map(|e| {
            let range = entry_range(e, program.region_sizes)?;
            Ok((e.name.clone(), self.machine.dram(e.region).bytes()[range].to_vec()))
        })
        .collect()
    }

    /// Runs the kernels of one host segment.
    fn segment(
        &mut self,
        program: &Program,
        seg: u32,
        pc: u32,
        host: &mut Option<&mut dyn HostKernels>,
    ) -> Result<u64, RunError> {
        let Some(segment) = program.host_segs.get(seg as usize) else {
            return Err(Trap::at(TrapCode::Decode, pc, format!("host segment {seg} does not exist")).into());
        };
        for kernel in &segment.kernels {
            let fail = |what: String| RunError::Host { pc, kernel: kernel.kernel.clone(), what };
            let Some(host) = host.as_deref_mut() else { return Err(fail("no host kernels were given".into())) };
            let mut inputs = Vec::with_capacity(kernel.inputs.len());
            for tensor in &kernel.inputs {
                inputs.push(match tensor {
                    Some(t) => Some(self.host_input(t, pc)?),
                    None => None,
                });
            }
            let outputs = host.run(kernel, &inputs).map_err(fail)?;
            if outputs.len() != kernel.outputs.len() {
                return Err(fail(format!("{} outputs, {} expected", outputs.len(), kernel.outputs.len())));
            }
            for (index, (tensor, bytes)) in kernel.outputs.iter().zip(outputs).enumerate() {
                match (tensor, bytes) {
                    (Some(t), Some(bytes)) if t.bytes() == Some(bytes.len() as u64) => {
                        self.host_output(t, &bytes, pc)?;
                    }
                    (None, None) => {}
                    _ => return Err(fail(format!("output {index} is missing, unexpected or of another size"))),
                }
            }
        }
        Ok(segment.kernels.len() as u64)
    }

    fn host_input(&self, t: &HostTensor, pc: u32) -> Result<&[u8], RunError> {
        let trap = |code, detail: String| RunError::Trap(Trap::at(code, pc, detail));
        let range = self.host_range(t, pc)?;
        if !t.region.readable() {
            return Err(trap(TrapCode::RegionPerm, format!("host kernel reads {}", t.region)));
        }
        let memory = self.machine.dram(t.region);
        if self.options.check {
            memory.inited(range.start as i64, range.len()).map_err(|f| trap(f.code, f.detail))?;
        }
        Ok(&memory.bytes()[range])
    }

    fn host_output(&mut self, t: &HostTensor, bytes: &[u8], pc: u32) -> Result<(), RunError> {
        let range = self.host_range(t, pc)?;
        if !t.region.writable() {
            let detail = format!("host kernel writes {}", t.region);
            return Err(Trap::at(TrapCode::RegionPerm, pc, detail).into());
        }
        self.machine.dram_mut(t.region).poke(range.start, bytes);
        Ok(())
    }

    fn host_range(&self, t: &HostTensor, pc: u32) -> Result<std::ops::Range<usize>, RunError> {
        let size = self.machine.dram(t.region).len() as u64;
        match t.bytes().and_then(|len| t.offset.checked_add(len)) {
            Some(end) if end <= size => Ok(t.offset as usize..end as usize),
            _ => {
                let detail = format!("host tensor at {}+{} outside 0..{size}", t.region, t.offset);
                Err(Trap::at(TrapCode::Bounds, pc, detail).into())
            }
        }
    }
}

/// The bytes of an IOTAB entry in its region.
fn entry_range(e: &IoEntry, sizes: [u64; 4]) -> Result<std::ops::Range<usize>, RunError> {
    let size = sizes[e.region.index()];
    match e.bytes().and_then(|len| e.offset.checked_add(len)) {
        Some(end) if end <= size => Ok(e.offset as usize..end as usize),
        _ => Err(RunError::Program(format!("`{}` does not lie inside {} of {size} bytes", e.name, e.region))),
    }
}

/// Fills R2 from the inputs; every input of IOTAB is given exactly once with its size, and bound ones with their value.
fn input_image(program: &Program, inputs: &[(String, Vec<u8>)], image: &mut [u8]) -> Result<(), RunError> {
    let bad = |name: &str, what: String| RunError::Input { name: name.to_owned(), what };
    let wanted: Vec<&IoEntry> = program.iotab.iter().filter(|e| e.direction == Direction::In).collect();
    for (i, (name, _)) in inputs.iter().enumerate() {
        if !wanted.iter().any(|e| e.name == *name) {
            return Err(bad(name, "the program has no such input".into()));
        }
        if inputs[..i].iter().any(|(other, _)| other == name) {
            return Err(bad(name, "is given twice".into()));
        }
    }
    for e in wanted {
        let Some((_, bytes)) = inputs.iter().find(|(name, _)| *name == e.name) else {
            return Err(bad(&e.name, "is missing".into()));
        };
        let range = entry_range(e, program.region_sizes)?;
        if bytes.len() != range.len() {
            return Err(bad(&e.name, format!("{} bytes, the program wants {}", bytes.len(), range.len())));
        }
        if e.region != Region::R2 {
            return Err(RunError::Program(format!("input `{}` lies in {}", e.name, e.region)));
        }
        if e.bound.is_some_and(|digest| digest[..] != Sha256::digest(bytes)[..]) {
            let detail = format!("`{}` has another value than the one compiled for", e.name);
            return Err(Trap::whole(TrapCode::BoundInput, detail).into());
        }
        image[range].copy_from_slice(bytes);
    }
    Ok(())
}
