//! The self-check of checked mode: the bytes that an instruction touched while it ran, held against `isa::access_sets`.
//!
//! The verifier proves the absence of races from the static sets; a kernel that touches another byte makes that proof
//! worthless. Reads are counted where checked mode asks for init bits, writes where it sets them.

use crate::machine::Machine;
use crate::mem::Memory;
use isa::{AccessSets, Instr, Limits, Op, Run, Space, Trap, TrapCode, access_sets};
use std::cell::RefCell;

/// Byte ranges `lo..hi`, in the order in which they were touched.
type Ranges = Vec<(u64, u64)>;

/// What one instruction touched in one memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    /// Behind a cell because reads are checked on a shared memory.
    reads: RefCell<Ranges>,
    writes: Ranges,
}

/// Adds a range; consecutive runs grow the last one, so that a box of whole rows stays one entry.
fn push(list: &mut Ranges, lo: u64, hi: u64) {
    match list.last_mut() {
        _ if lo >= hi => {}
        Some(last) if last.1 == lo => last.1 = hi,
        _ => list.push((lo, hi)),
    }
}

impl Touched {
    pub(crate) fn read(&self, at: u64, len: u64) {
        push(&mut self.reads.borrow_mut(), at, at + len);
    }
    pub(crate) fn write(&mut self, at: u64, len: u64) {
        push(&mut self.writes, at, at + len);
    }
    fn clear(&mut self) {
        self.reads.get_mut().clear();
        self.writes.clear();
    }
}

/// Sorted, with overlapping and adjacent ranges joined: equal sets give equal lists.
fn canonical(mut list: Ranges) -> Ranges {
    list.sort_unstable();
    let mut out = Ranges::new();
    for (lo, hi) in list {
        match out.last_mut() {
            Some(last) if lo <= last.1 => last.1 = last.1.max(hi),
            _ => out.push((lo, hi)),
        }
    }
    out
}

fn declared<'a>(runs: impl Iterator<Item = &'a Run>, space: Space) -> Ranges {
    canonical(runs.filter(|r| r.space == space).flat_map(Run::intervals).collect())
}

/// The first byte of `a` that `b` lacks; both canonical.
fn first_extra(a: &Ranges, b: &Ranges) -> Option<u64> {
    a.iter().find_map(|&(lo, hi)| {
        let cover = b.iter().find(|&&(l, h)| l <= lo && lo < h);
        match cover {
            None => Some(lo),
            Some(&(_, h)) if h < hi => Some(h),
            Some(_) => None,
        }
    })
}

/// Forgets what was touched, and counts from now on.
pub(crate) fn start(m: &mut Machine) {
    for memory in memories(m) {
        memory.touched.get_or_insert_default().clear();
    }
}

/// Counts no more.
pub(crate) fn stop(m: &mut Machine) {
    for memory in memories(m) {
        memory.touched = None;
    }
}

fn memories(m: &mut Machine) -> impl Iterator<Item = &mut Memory> {
    [&mut m.spm, &mut m.prm, &mut m.lut, &mut m.acc.mem].into_iter().chain(&mut m.dram)
}

/// Compares what `instr` touched since [`start`] with its access sets. Where the address is data (LDX, STX, GA, SC) the sets
/// hold the whole range of the index, of which the instruction may touch less.
pub(crate) fn compare(m: &Machine, instr: &Instr, limits: &Limits, pc: u32) -> Result<(), Trap> {
    let sets = access_sets(instr, limits).map_err(|(code, detail)| Trap::at(code, pc, detail))?;
    differences(m, instr, &sets).map_or(Ok(()), |detail| Err(Trap::at(TrapCode::AccessMismatch, pc, detail)))
}

fn differences(m: &Machine, instr: &Instr, sets: &AccessSets) -> Option<String> {
    let indexed = matches!(instr.op, Op::Ldx(_) | Op::Stx(_) | Op::Ga(_) | Op::Sc(_));
    let spaces = [Space::Spm, Space::Prm, Space::Lut, Space::Acc]
        .into_iter()
        .chain(isa::Region::ALL.iter().map(|&region| Space::Dram(region)));
    for space in spaces {
        let memory = match space {
            Space::Spm => &m.spm,
            Space::Prm => &m.prm,
            Space::Lut => &m.lut,
            Space::Acc => &m.acc.mem,
            Space::Dram(region) => m.dram(region),
        };
        let Some(touched) = &memory.touched else { continue };
        let pairs = [
            ("reads", canonical(touched.reads.borrow().clone()), declared(sets.all_reads(), space)),
            ("writes", canonical(touched.writes.clone()), declared(sets.writes.iter(), space)),
        ];
        for (verb, got, want) in pairs {
            if let Some(at) = first_extra(&got, &want) {
                return Some(format!("{verb} byte {at:#x} of {space}, which its access sets do not hold"));
            }
            if let Some(at) = first_extra(&want, &got).filter(|_| !indexed) {
                return Some(format!("its access sets say that it {verb} byte {at:#x} of {space}, it does not"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::{NpuConfig, parse_program};

    /// The instructions of a program of two copies, which load the same bytes to neighbouring places.
    fn two_loads() -> Vec<Instr> {
        let text = include_str!("../tests/self_check.asm");
        parse_program(text).expect("a program").code
    }

    /// No program can make a right kernel touch a wrong byte; so a right kernel is held against the sets of another instruction.
    #[test]
    fn another_instructions_sets_are_a_mismatch() {
        let config = NpuConfig::tiny();
        let sizes = [0, 0, 64, 0];
        let limits = Limits::new(&config, &sizes);
        let code = two_loads();
        let mut m = Machine::new(&config);
        m.set_dram(Vec::new(), 0, vec![0; 64], 0);
        for (ran, declared, verb) in [(0, 1, "writes"), (0, 2, "reads"), (2, 0, "reads")] {
            start(&mut m);
            m.step(&code[ran], 0).expect("runs");
            compare(&m, &code[ran], &limits, 0).expect("its own sets");
            let trap = compare(&m, &code[declared], &limits, 0).expect_err("another's sets");
            assert_eq!(trap.code, TrapCode::AccessMismatch, "{trap}");
            assert!(trap.detail.contains(verb), "{trap}");
        }
    }

    #[test]
    fn ranges_join_and_the_first_extra_byte_is_found() {
        let a = canonical(vec![(8, 12), (0, 4), (4, 6), (10, 16)]);
        assert_eq!(a, [(0, 6), (8, 16)]);
        assert_eq!(first_extra(&a, &vec![(0, 6), (8, 16)]), None);
        assert_eq!(first_extra(&a, &vec![(0, 16)]), None);
        assert_eq!(first_extra(&a, &vec![(0, 6), (8, 15)]), Some(15));
        assert_eq!(first_extra(&a, &vec![(8, 16)]), Some(0));
    }
}
