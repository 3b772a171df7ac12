//! Random small programs: everything is loaded, a chain of random instructions runs, everything is stored.

use super::image::Image;
use super::random_instr;
use crate::access::{AccessSets, Limits, access_sets};
use crate::codes::{AccTag, DType, Engine, Mem, Region};
use crate::config::NpuConfig;
use crate::instr::{Dma, Instr, Op};
use crate::program::{Direction, IoEntry, Program};
use crate::rng::SplitMix64;
use crate::runs::Space;

/// How the instructions of a random program are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Ordering {
    /// FENCE between all.
    Fences,
    /// Each instruction waits for the one before.
    Chain,
    /// Tokens only where bytes conflict: engines really overlap.
    Sparse,
}

/// A program with the bytes of R2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RandomProgram {
    /// The program: one input `x` (all of R2) and one output `y` (all of R3), both u8 vectors.
    pub program: Program,
    /// Contents of R2.
    pub input: Vec<u8>,
    /// How it is ordered.
    pub ordering: Ordering,
}

/// Bytes of R1 and of R2.
const REGION: u64 = 4096;

/// A valid program of about `length` random instructions.
pub fn random_program(config: &NpuConfig, length: usize, seed: u64) -> RandomProgram {
    let mut rng = SplitMix64::new(seed);
    // programs use the low part of each memory, so that loading and storing all of it stays small
    let local = [config.spm_bytes, config.prm_bytes(), crate::config::LUT_BYTES, config.acc_bytes()];
    let [spm, prm, lut, acc] = local.map(|bytes| u64::from(bytes).min(8192));
    let arena = REGION.min(spm);
    let sizes = [spm + prm + lut + acc, arena, REGION, spm + prm + lut];
    let mut limits = Limits::new(config, &sizes);
    limits.bytes[..4].copy_from_slice(&[spm, prm, lut, acc]);

    let poison = rng.one_in(16);
    let mut body: Vec<Instr> = Vec::new();
    while body.len() < length {
        let instr = random_instr(config, &limits, rng.next_u64());
        if poison || !matches!(instr.op, Op::Poison(_) | Op::Nop) {
            body.push(instr);
        }
    }
    let mut image = Image::random(&limits, rng.next_u64());
    for instr in body.iter().rev() {
        image.prepare(instr, &limits, rng.next_u64());
    }
    let consts = image.bytes[..4].concat();
    let mut code = prologue(&image, arena);
    code.extend(body);
    code.extend(epilogue([spm, prm, lut]));
    let ordering = rng.pick(&[Ordering::Fences, Ordering::Chain, Ordering::Sparse, Ordering::Sparse]);
    let code = order(code, ordering, &limits);
    let mut program = Program::new(config.hash(), code, consts, arena, REGION, sizes[3]);
    program.iotab = vec![io("x", Direction::In, Region::R2, REGION), io("y", Direction::Out, Region::R3, sizes[3])];
    RandomProgram { program, input: image.bytes[Space::Dram(Region::R2).index()].clone(), ordering }
}

fn io(name: &str, direction: Direction, region: Region, bytes: u64) -> IoEntry {
    IoEntry { name: name.into(), direction, dtype: DType::U8, dims: vec![bytes], region, ..IoEntry::default() }
}

/// A contiguous LD or ST of up to 65,535 bytes.
fn copy(region: Region, dram_off: u64, mem: Mem, loc_addr: u64, bytes: u64, tag: AccTag) -> Dma {
    let small = |value: u64| u32::try_from(value).expect("memories of a random program have at most 8 KiB");
    let n0 = small(bytes) as u16;
    Dma { region, dram_off, mem, loc_addr: small(loc_addr), n: [n0, 1, 1, 1], tag, ..Dma::default() }
}

/// R0 to all local memories (ACC in stretches of one tag), then the arena from SPM.
fn prologue(image: &Image, arena: u64) -> Vec<Instr> {
    let mut code = Vec::new();
    let mut off = 0;
    for mem in [Mem::Spm, Mem::Prm, Mem::Lut] {
        let bytes = image.bytes[usize::from(mem.code())].len() as u64;
        code.push(Instr::new(Op::Ld(copy(Region::R0, off, mem, 0, bytes, AccTag::I32))));
        off += bytes;
    }
    let mut row = 0;
    while row < image.tags.len() {
        let tag = image.tags[row];
        let rows = image.tags[row..].iter().take_while(|&&t| t == tag).count() as u64;
        let at = 64 * row as u64;
        code.push(Instr::new(Op::Ld(copy(Region::R0, off + at, Mem::Acc, at, 64 * rows, tag))).on(Engine::Ldw));
        row += rows as usize;
    }
    code.push(Instr::new(Op::St(copy(Region::R1, 0, Mem::Spm, 0, arena, AccTag::I32))));
    code
}

/// SPM, PRM and LUT to R3.
fn epilogue(sizes: [u64; 3]) -> Vec<Instr> {
    let mut off = 0;
    let mut code = Vec::new();
    for (mem, bytes) in [Mem::Spm, Mem::Prm, Mem::Lut].into_iter().zip(sizes) {
        code.push(Instr::new(Op::St(copy(Region::R3, off, mem, 0, bytes, AccTag::I32))));
        off += bytes;
    }
    code
}

fn order(code: Vec<Instr>, ordering: Ordering, limits: &Limits) -> Vec<Instr> {
    let fence = Instr::new(Op::Fence);
    let mut out: Vec<Instr> = match ordering {
        Ordering::Fences => code.into_iter().flat_map(|i| [i, fence]).collect(),
        Ordering::Chain => chain(code),
        Ordering::Sparse => sparse(code, limits),
    };
    out.push(Instr::new(Op::Halt));
    out
}

/// One semaphore for each pair of engines.
fn channel(from: Engine, to: Engine) -> u8 {
    5 * from.code() + to.code()
}

fn chain(mut code: Vec<Instr>) -> Vec<Instr> {
    for i in 1..code.len() {
        let (from, to) = (code[i - 1].eng, code[i].eng);
        if from != to {
            code[i - 1].add_signal(channel(from, to), 1);
            code[i].add_wait(channel(from, to), 1);
        }
    }
    code
}

/// The accesses conflict: a common byte, and one writes.
fn conflict(a: &AccessSets, b: &AccessSets) -> bool {
    let meets = |writes: &AccessSets, other: &AccessSets| {
        writes.writes.iter().any(|w| other.all_reads().chain(&other.writes).any(|r| w.overlaps(r)))
    };
    meets(a, b) || meets(b, a)
}

fn sparse(code: Vec<Instr>, limits: &Limits) -> Vec<Instr> {
    let mut out: Vec<Instr> = Vec::new();
    let mut sets: Vec<AccessSets> = Vec::new();
    // first instruction of `out` after the latest fence; latest producer position that each pair has waited for
    let mut fenced = 0;
    let mut waited = [[None::<usize>; 5]; 5];
    for instr in code {
        let mine = access_sets(&instr, limits).unwrap_or_default();
        let mut needed: Vec<usize> = Vec::new();
        for eng in Engine::ALL.iter().filter(|&&e| e != instr.eng) {
            let seen = waited[usize::from(eng.code())][usize::from(instr.eng.code())];
            let latest = (fenced..out.len()).rev().find(|&j| out[j].eng == *eng && conflict(&sets[j], &mine));
            needed.extend(latest.filter(|&j| seen.is_none_or(|s| j > s)));
        }
        let free = |j: &usize| out[*j].signals.iter().any(Option::is_none);
        if needed.len() > 2 || !needed.iter().all(free) {
            out.push(Instr::new(Op::Fence));
            sets.push(AccessSets::default());
            fenced = out.len();
            needed.clear();
        }
        let mut instr = instr;
        for j in needed {
            let sem = channel(out[j].eng, instr.eng);
            out[j].add_signal(sem, 1);
            instr.add_wait(sem, 1);
            waited[usize::from(out[j].eng.code())][usize::from(instr.eng.code())] = Some(j);
        }
        out.push(instr);
        sets.push(mine);
    }
    out
}
