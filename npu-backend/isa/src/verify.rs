//! The load-time verifier (2.3, 2.4): no data, no simulation, near linear.
//!
//! **Proves**, for every input, every queue depth and every timing: all instructions decode and keep the static rules
//! of `check`; the program terminates; token matching is the same as in stream order (T1); no semaphore can exceed 63;
//! all are 0 at the end; any two accesses to a common byte of which one writes are ordered by happens-before. So
//! executing the stream one by one gives the memory of every timing.
//!
//! **Assumes**: engines are in order, effects of an instruction lie between its start and its completion, and the byte
//! sets of `access` are what the machine touches (the simulator counts and compares).
//!
//! **Cannot see**: values. Uninitialised bytes, row tags, overflow, run-time indices, records and bools are the
//! simulator's. An indexed access counts as its whole range, so a race may concern an element that this input does not
//! touch. A set of more than 2^20 runs counts as its hull.

use std::collections::{BTreeSet, VecDeque};

use crate::access::{AccessSets, Limits};
use crate::check::check_instr;
use crate::codes::{Engine, Region};
use crate::config::NpuConfig;
use crate::instr::{Instr, Op, Token};
use crate::program::{HostTensor, Program};
use crate::shadow::{Conflict, Shadow};
use crate::traps::{Trap, TrapCode};

/// Problems that [`verify`] reports at most.
pub const MAX_PROBLEMS: usize = 100;

/// Largest value of a semaphore.
const SEM_MAX: u64 = 63;

/// Number of engines.
const ENGINES: usize = 5;

/// What a verified program is known to need, for reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Instructions.
    pub instructions: u32,
    /// Waits that happens-before already implied (a lint: they cost nothing but a token).
    pub redundant_waits: u32,
}

/// Checks a program for a machine.
///
/// # Errors
/// All problems in order of discovery, at most [`MAX_PROBLEMS`]; an instruction that breaks a static rule takes part
/// in the token checks but not in the race check.
pub fn verify(program: &Program, config: &NpuConfig) -> Result<Verified, Vec<Trap>> {
    let mut v = Verifier::new(Limits::new(config, &program.region_sizes));
    if program.config_hash != config.hash() {
        let text = format!("made for {:016x}, this is {:016x} ({})", program.config_hash, config.hash(), config.name);
        v.report(Trap::whole(TrapCode::Config, text));
    }
    if program.region_sizes[0] != program.consts.len() as u64 {
        v.report(Trap::whole(TrapCode::Decode, "the size of R0 is not the length of CONST"));
    }
    v.halt_is_last(&program.code);
    v.io_table(program);
    for (pc, instr) in program.code.iter().enumerate() {
        if v.problems.len() >= MAX_PROBLEMS {
            break;
        }
        let Ok(pc) = u32::try_from(pc) else { break };
        v.step(pc, instr, &program.code, program);
    }
    v.problems.truncate(MAX_PROBLEMS);
    if v.problems.is_empty() { Ok(v.result) } else { Err(v.problems) }
}

/// For each engine, how many instructions of the stream are known to be complete: all its instructions below that pc.
type Clock = [u32; ENGINES];

/// A semaphore: who uses it, and what is in flight.
#[derive(Clone, Debug, Default)]
struct Semaphore {
    producer: Option<(Engine, u32)>,
    consumer: Option<(Engine, u32)>,
    /// Units signalled and consumed so far, in stream order.
    signalled: u64,
    consumed: u64,
    /// Unconsumed signals: units after it, clock at its completion, pc.
    pending: VecDeque<(u64, Clock, u32)>,
    /// Waits whose order before the latest signal is not known yet: units after it, pc.
    waits: VecDeque<(u64, u32)>,
    /// Units whose wait happens before the latest signal.
    returned: u64,
    /// A deadlock or a second user was reported: what follows from that is not.
    broken: bool,
}

struct Verifier {
    limits: Limits,
    clocks: [Clock; ENGINES],
    sems: Vec<Semaphore>,
    shadow: Shadow,
    /// Races reported so far: (earlier, later, kind), each once.
    reported: BTreeSet<(u32, u32, &'static str)>,
    problems: Vec<Trap>,
    result: Verified,
    /// Accesses since the last fence that are not in the shadow yet (all of one engine).
    window: Vec<(u32, Engine, AccessSets)>,
    /// Several engines have acted since the last fence.
    mixed: bool,
}

impl Verifier {
    fn new(limits: Limits) -> Self {
        Verifier {
            limits,
            clocks: [[0; ENGINES]; ENGINES],
            sems: vec![Semaphore::default(); 64],
            shadow: Shadow::default(),
            reported: BTreeSet::new(),
            problems: Vec::new(),
            result: Verified::default(),
            window: Vec::new(),
            mixed: false,
        }
    }

    fn report(&mut self, trap: Trap) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(trap);
        }
    }

    fn halt_is_last(&mut self, code: &[Instr]) {
        let halts = code.iter().filter(|i| matches!(i.op, Op::Halt)).count();
        if halts != 1 || !matches!(code.last(), Some(Instr { op: Op::Halt, .. })) {
            let text = format!("HALT must be the last instruction, once; there are {halts}");
            self.report(Trap::whole(TrapCode::Decode, text));
        }
    }

    fn io_table(&mut self, program: &Program) {
        for entry in &program.iotab {
            let end = entry.bytes().and_then(|bytes| bytes.checked_add(entry.offset));
            if end.is_none_or(|end| end > program.region_sizes[entry.region.index()]) {
                let text = format!("`{}` at {}+{:#x} does not fit its region", entry.name, entry.region, entry.offset);
                self.report(Trap::whole(TrapCode::Bounds, text));
            }
        }
    }

    fn step(&mut self, pc: u32, instr: &Instr, code: &[Instr], program: &Program) {
        self.result.instructions += 1;
        let sets = match check_instr(instr, &self.limits) {
            Ok(sets) => sets,
            Err(problems) => {
                let undecodable = problems.iter().any(|p| p.0 == TrapCode::Decode);
                for (trap, text) in problems {
                    self.report(Trap::at(trap, pc, text));
                }
                if undecodable {
                    // its tokens mean nothing, and what is missing because of them is not reported again
                    for token in instr.waits.iter().chain(&instr.signals).flatten().filter(|t| t.sem < 64) {
                        self.sems[usize::from(token.sem)].broken = true;
                    }
                    return;
                }
                AccessSets::default()
            }
        };
        let eng = usize::from(instr.eng.code());
        for &token in instr.waits.iter().flatten() {
            self.wait(pc, instr.eng, token);
        }
        if matches!(instr.op, Op::Fence | Op::Halt | Op::SegmentEnd { .. }) {
            self.fence(pc);
        }
        self.access(pc, instr.eng, sets, code);
        self.clocks[eng][eng] = pc + 1;
        for &token in instr.signals.iter().flatten() {
            self.signal(pc, instr.eng, token);
        }
        match instr.op {
            Op::Halt => self.leaks(pc),
            Op::SegmentEnd { seg } => {
                self.leaks(pc);
                self.host_segment(pc, seg, program);
            }
            _ => {}
        }
    }

    fn wait(&mut self, pc: u32, eng: Engine, Token { sem, n }: Token) {
        let s = &mut self.sems[usize::from(sem)];
        let first = *s.consumer.get_or_insert((eng, pc));
        if first.0 != eng {
            s.broken = true;
            let text = format!("s{sem} is waited for by {} and {eng}", first.0);
            self.problems.push(Trap::at(TrapCode::SemSpsc, pc, text).with_other(first.1));
            return;
        }
        let available = s.signalled - s.consumed;
        if available < u64::from(n) && s.broken {
            s.consumed = s.signalled;
            return;
        }
        if available < u64::from(n) {
            s.broken = true;
            let text = format!("waits for s{sem}:{n}, earlier instructions leave {available}");
            self.problems.push(Trap::at(TrapCode::Deadlock, pc, text));
            s.consumed = s.signalled;
            s.pending.clear();
            return;
        }
        s.consumed += u64::from(n);
        s.waits.push_back((s.consumed, pc));
        // the signal that brings the last unit: signals of one engine are ordered, so its clock covers the others
        while s.pending.front().is_some_and(|p| p.0 < s.consumed) {
            s.pending.pop_front();
        }
        let Some(&(total, clock, _)) = s.pending.front() else { return };
        if total == s.consumed {
            s.pending.pop_front();
        }
        let mine = &mut self.clocks[usize::from(eng.code())];
        let mut learned = false;
        for (known, new) in mine.iter_mut().zip(clock) {
            learned |= new > *known;
            *known = (*known).max(new);
        }
        self.result.redundant_waits += u32::from(!learned);
    }

    fn signal(&mut self, pc: u32, eng: Engine, Token { sem, n }: Token) {
        let clock = self.clocks[usize::from(eng.code())];
        let s = &mut self.sems[usize::from(sem)];
        let first = *s.producer.get_or_insert((eng, pc));
        if first.0 != eng {
            s.broken = true;
            let text = format!("s{sem} is signalled by {} and {eng}", first.0);
            self.problems.push(Trap::at(TrapCode::SemSpsc, pc, text).with_other(first.1));
            return;
        }
        s.signalled += u64::from(n);
        s.pending.push_back((s.signalled, clock, pc));
        // waits that happen before this signal completes have surely subtracted their units
        if let Some((consumer, _)) = s.consumer {
            let known = clock[usize::from(consumer.code())];
            while s.waits.front().is_some_and(|w| w.1 < known) {
                s.returned = s.waits.pop_front().map_or(s.returned, |w| w.0);
            }
        }
        let bound = s.signalled - s.returned;
        if bound > SEM_MAX && !s.broken {
            let text = format!("s{sem} can reach {bound}");
            self.problems.push(Trap::at(TrapCode::SemOverflow, pc, text));
        }
    }

    /// FENCE, SEGMENT_END, HALT: every engine learns that everything before is complete.
    fn fence(&mut self, pc: u32) {
        // the fence itself completes before anything later starts
        self.clocks = [[pc + 1; ENGINES]; ENGINES];
        self.shadow.clear();
        self.window.clear();
        self.mixed = false;
    }

    fn leaks(&mut self, pc: u32) {
        for sem in 0..self.sems.len() {
            let s = &mut self.sems[sem];
            let left = s.signalled - s.consumed;
            let last = s.pending.back().map(|p| p.2);
            s.consumed = s.signalled;
            s.pending.clear();
            if left > 0 && !std::mem::replace(&mut s.broken, true) {
                let trap = Trap::at(TrapCode::SemLeak, pc, format!("s{sem} is {left}, not 0"));
                self.report(Trap { other_pc: last, ..trap });
            }
        }
    }

    /// Defers recording while only one engine has acted since the last fence: its accesses are ordered.
    fn access(&mut self, pc: u32, eng: Engine, sets: AccessSets, code: &[Instr]) {
        if sets.writes.is_empty() && sets.reads.is_empty() {
            return;
        }
        if !self.mixed && self.window.last().is_none_or(|w| w.1 == eng) {
            self.window.push((pc, eng, sets));
            return;
        }
        self.mixed = true;
        for (earlier, engine, sets) in std::mem::take(&mut self.window) {
            self.record(earlier, engine, &sets, code); // ordered among themselves: finds nothing
        }
        self.record(pc, eng, &sets, code);
    }

    fn record(&mut self, pc: u32, eng: Engine, sets: &AccessSets, code: &[Instr]) {
        let mine = self.clocks[usize::from(eng.code())];
        let ordered = |earlier: u32| {
            let other = code[earlier as usize].eng;
            other == eng || earlier < mine[usize::from(other.code())]
        };
        let index = usize::from(eng.code());
        let mut found: Vec<(Conflict, bool, crate::runs::Space)> = Vec::new();
        let mut conflicts = Vec::new();
        for run in sets.all_reads() {
            self.shadow.read(run, pc, index, &ordered, &mut conflicts);
            found.extend(conflicts.drain(..).map(|c| (c, false, run.space)));
        }
        for run in &sets.writes {
            self.shadow.write(run, pc, &ordered, &mut conflicts);
            found.extend(conflicts.drain(..).map(|c| (c, true, run.space)));
        }
        for (c, writes, space) in found {
            let kind = match (c.earlier_writes, writes) {
                (true, false) => "RAW",
                (true, true) => "WAW",
                (false, _) => "WAR",
            };
            if self.reported.insert((c.earlier, pc, kind)) {
                let text = format!("{kind} {space}:{:#x}", c.addr);
                self.report(Trap::at(TrapCode::Race, pc, text).with_other(c.earlier));
            }
        }
    }

    /// The host segment exists and its tensors lie in regions the host may use so.
    fn host_segment(&mut self, pc: u32, seg: u32, program: &Program) {
        let Some(segment) = program.host_segs.get(seg as usize) else {
            self.report(Trap::at(TrapCode::Decode, pc, format!("there is no host segment {seg}")));
            return;
        };
        let mut problems = Vec::new();
        for kernel in &segment.kernels {
            let name = &kernel.kernel;
            for tensor in kernel.inputs.iter().flatten() {
                host_tensor(tensor, tensor.region != Region::R3, name, &program.region_sizes, &mut problems);
            }
            for tensor in kernel.outputs.iter().flatten() {
                host_tensor(tensor, tensor.region.writable(), name, &program.region_sizes, &mut problems);
            }
        }
        for (code, text) in problems {
            self.report(Trap::at(code, pc, text));
        }
    }
}

fn host_tensor(t: &HostTensor, allowed: bool, kernel: &str, sizes: &[u64; 4], out: &mut Vec<(TrapCode, String)>) {
    if !allowed {
        out.push((TrapCode::RegionPerm, format!("host kernel {kernel}: {}", t.region)));
    }
    let end = t.bytes().and_then(|bytes| bytes.checked_add(t.offset));
    if end.is_none_or(|end| end > sizes[t.region.index()]) {
        out.push((TrapCode::Bounds, format!("host kernel {kernel}: {} {:#x}", t.region, t.offset)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{DType, EwFn, Mem};
    use crate::instr::{Dma, Operand, Vx, VxFn};

    fn load(addr: u32, bytes: u16) -> Instr {
        Instr::new(Op::Ld(Dma { region: Region::R2, loc_addr: addr, n: [bytes, 1, 1, 1], ..Dma::default() }))
    }

    fn relu(from: u32, to: u32, n: u16) -> Instr {
        let operand = |addr| Operand { addr, s: [1, 0, 0, 0], mem: Mem::Spm, dt: DType::U8 };
        let v = Vx { func: VxFn::Ew(EwFn::Abs), a: operand(from), d: operand(to), n: [n, 1, 1, 1], ..Vx::default() };
        Instr::new(Op::Ew(v))
    }

    fn store(addr: u32, bytes: u16) -> Instr {
        Instr::new(Op::St(Dma { region: Region::R3, loc_addr: addr, n: [bytes, 1, 1, 1], ..Dma::default() }))
    }

    fn with(mut instr: Instr, wait: Option<u8>, signal: Option<u8>) -> Instr {
        if let Some(sem) = wait {
            assert!(instr.add_wait(sem, 1));
        }
        if let Some(sem) = signal {
            assert!(instr.add_signal(sem, 1));
        }
        instr
    }

    fn run(mut code: Vec<Instr>) -> Result<Verified, Vec<Trap>> {
        code.push(Instr::new(Op::Halt));
        let config = NpuConfig::tiny();
        verify(&Program::new(config.hash(), code, Vec::new(), 4096, 4096, 4096), &config)
    }

    fn only(result: Result<Verified, Vec<Trap>>) -> (TrapCode, Option<u32>, Option<u32>) {
        let traps = result.expect_err("a problem");
        assert_eq!(traps.len(), 1, "{traps:?}");
        (traps[0].code, traps[0].pc, traps[0].other_pc)
    }

    #[test]
    fn tokens_order_a_chain_and_each_missing_one_is_a_race() {
        let chain = |a, b, c, d| {
            run(vec![with(load(0, 64), None, a), with(relu(0, 64, 64), b, c), with(store(64, 64), d, None)])
        };
        assert!(chain(Some(1), Some(1), Some(2), Some(2)).is_ok());
        assert_eq!(only(chain(None, None, Some(2), Some(2))), (TrapCode::Race, Some(1), Some(0)));
        assert_eq!(only(chain(Some(1), Some(1), None, None)), (TrapCode::Race, Some(2), Some(1)));
        let leak = chain(Some(1), Some(1), Some(2), None).expect_err("a race and a leak");
        assert_eq!(leak.iter().map(|t| t.code).collect::<Vec<_>>(), [TrapCode::Race, TrapCode::SemLeak]);
    }

    #[test]
    fn a_buffer_reused_too_early_is_war_and_a_byte_apart_is_none() {
        let code = |to: u32| vec![with(load(0, 16), None, Some(1)), with(relu(0, 64, 16), Some(1), None), load(to, 16)];
        let traps = run(code(15)).expect_err("one byte in common");
        assert!(traps.len() == 1 && traps[0].detail.starts_with("WAR spm:0xf"), "{traps:?}");
        assert!(run(code(16)).is_ok());
    }

    #[test]
    fn interleaved_bytes_do_not_conflict() {
        let strided = |addr, eng| {
            let d = Dma { region: Region::R2, loc_addr: addr, n: [4, 8, 1, 1], loc_s: [8, 0, 0], ..Dma::default() };
            Instr::new(Op::Ld(d)).on(eng)
        };
        assert!(run(vec![strided(0, Engine::Lda), strided(4, Engine::Ldw)]).is_ok());
        let traps = run(vec![strided(0, Engine::Lda), strided(3, Engine::Ldw)]).expect_err("byte 3");
        assert!(traps[0].detail.starts_with("WAW spm:0x3"), "{traps:?}");
    }

    #[test]
    fn fences_order_everything() {
        let fence = Instr::new(Op::Fence);
        assert!(run(vec![load(0, 64), fence, relu(0, 64, 64), fence, store(64, 64), fence, load(64, 64)]).is_ok());
        assert!(run(vec![load(0, 64), fence, relu(0, 64, 64), store(64, 64)]).is_err());
    }

    #[test]
    fn order_is_transitive_through_a_third_engine() {
        // LDA -> VX -> ST, then ST -> LDA: the load may overwrite what VX read
        let code = |back: Option<u8>| {
            vec![
                with(load(0, 16), None, Some(1)),
                with(relu(0, 64, 16), Some(1), Some(2)),
                with(store(64, 16), Some(2), back),
                with(load(0, 16), back, None),
            ]
        };
        assert!(run(code(Some(3))).is_ok());
        assert_eq!(only(run(code(None))), (TrapCode::Race, Some(3), Some(1)));
    }

    #[test]
    fn token_rules() {
        let nop = |eng, wait, signal| with(Instr::new(Op::Nop).on(eng), wait, signal);
        use Engine::{Lda, Mx, Vx};
        assert_eq!(only(run(vec![nop(Lda, Some(4), None)])).0, TrapCode::Deadlock);
        let after = vec![nop(Lda, Some(4), None), nop(Vx, None, Some(4))];
        assert_eq!(only(run(after)).0, TrapCode::Deadlock);
        assert_eq!(only(run(vec![nop(Lda, None, Some(4))])), (TrapCode::SemLeak, Some(1), Some(0)));
        let two = vec![nop(Lda, None, Some(4)), nop(Mx, None, Some(4)), nop(Vx, Some(4), None)];
        assert_eq!(only(run(two)), (TrapCode::SemSpsc, Some(1), Some(0)));
        let two =
            vec![nop(Lda, None, Some(4)), nop(Lda, None, Some(4)), nop(Vx, Some(4), None), nop(Mx, Some(4), None)];
        assert_eq!(run(two).expect_err("two consumers")[0].code, TrapCode::SemSpsc);
    }

    #[test]
    fn overflow_is_found_under_every_timing_not_in_stream_order() {
        let lda = |n| {
            let mut i = Instr::new(Op::Nop).on(Engine::Lda);
            assert!(i.add_signal(1, n));
            i
        };
        let vx = |back: Option<u8>| {
            let mut i = with(Instr::new(Op::Nop), None, back);
            assert!(i.add_wait(1, 40));
            i
        };
        // in stream order the counter never exceeds 40, but LDA may run ahead of VX
        assert_eq!(only(run(vec![lda(40), vx(None), lda(40), vx(None)])), (TrapCode::SemOverflow, Some(2), None));
        // with a token back it cannot
        let mut second = lda(40);
        assert!(second.add_wait(2, 1));
        assert!(run(vec![lda(40), vx(Some(2)), second, vx(None)]).is_ok());
    }

    #[test]
    fn halt_config_and_undecodable() {
        let config = NpuConfig::tiny();
        let program = |code| Program::new(config.hash(), code, Vec::new(), 64, 64, 64);
        let code_of = |p: &Program, c: &NpuConfig| verify(p, c).expect_err("a problem")[0].code;
        assert_eq!(code_of(&program(vec![]), &config), TrapCode::Decode);
        let halt = Instr::new(Op::Halt);
        assert_eq!(code_of(&program(vec![halt, halt]), &config), TrapCode::Decode);
        let edge = NpuConfig::named("edge-256").expect("listed");
        assert_eq!(code_of(&program(vec![halt]), &edge), TrapCode::Config);
        assert_eq!(code_of(&program(vec![load(0, 0), halt]), &config), TrapCode::Decode);
    }
}
