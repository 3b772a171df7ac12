//! Random small programs: everything is loaded, a chain of random instructions runs, everything is stored.

use super::image::{Image, fragile};
use super::random_instr;
use crate::access::{AccessSets, Limits, access_sets};
use crate::codes::{AccTag, DType, Engine, EwFn, Mem, Region};
use crate::config::NpuConfig;
use crate::instr::{Dma, Instr, Op};
use crate::program::{Direction, IoEntry, Program};
use crate::rng::SplitMix64;
use crate::runs::{Run, Space};

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

/// A valid program of at most `length` random instructions, most of which run to their end.
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
    let mut state = Touched::new(&limits);
    let mut body: Vec<Instr> = Vec::new();
    for _ in 0..40 * length {
        let instr = random_instr(config, &limits, rng.next_u64());
        let drawn = poison || !matches!(instr.op, Op::Poison(_) | Op::Nop);
        if drawn && body.len() < length && state.accept(&instr, &limits, rng.one_in(60)) {
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

/// What the instructions so far have touched: a new one must find suitable data where unsuitable data would trap, and
/// rows of its tag, so that most programs run to their end.
struct Touched {
    sets: Vec<AccessSets>,
    /// Tag of an ACC row, once an instruction needs or sets it.
    tags: Vec<Option<AccTag>>,
}

impl Touched {
    fn new(limits: &Limits) -> Self {
        Touched { sets: Vec::new(), tags: vec![None; limits.of(Space::Acc) as usize / 64] }
    }

    /// Takes an instruction in, or says that it would probably trap. `anyway`: take it all the same.
    fn accept(&mut self, instr: &Instr, limits: &Limits, anyway: bool) -> bool {
        let Ok(sets) = access_sets(instr, limits) else { return false };
        let fragile = fragile(instr, &sets);
        let spoilt = self.sets.iter().any(|earlier| {
            let mut touched = earlier.all_reads().chain(&earlier.writes);
            touched.any(|run| fragile.iter().any(|f| f.overlaps(run)))
        });
        let (read, written) = tags(instr);
        let rows = |runs: &[Run]| -> Vec<usize> {
            let acc = runs.iter().filter(|r| r.space == Space::Acc);
            acc.flat_map(|r| r.intervals().flat_map(|(s, e)| s / 64..e.div_ceil(64)).map(|row| row as usize)).collect()
        };
        let needed: Vec<(usize, AccTag)> = rows(&sets.rmw)
            .into_iter()
            .map(|row| (row, written))
            .chain(
                sets.reads
                    .iter()
                    .zip(read)
                    .flat_map(|(run, tag)| rows(std::slice::from_ref(run)).into_iter().map(move |row| (row, tag))),
            )
            .collect();
        let clash = needed.iter().any(|&(row, tag)| self.tags[row].is_some_and(|t| t != tag));
        if (spoilt || clash) && !anyway {
            return false;
        }
        needed.into_iter().for_each(|(row, tag)| self.tags[row] = Some(tag));
        rows(&sets.writes).into_iter().for_each(|row| self.tags[row] = Some(written));
        self.sets.push(sets);
        true
    }
}

/// The tags that an instruction needs in the ACC rows of its reads (in their order), and the one that it writes.
fn tags(instr: &Instr) -> (Vec<AccTag>, AccTag) {
    let of = |dt: DType| if dt == DType::F32 { AccTag::F32 } else { AccTag::I32 };
    match &instr.op {
        Op::Ld(d) => (Vec::new(), d.tag),
        Op::St(d) => (vec![d.tag], d.tag),
        Op::MxConv(m) | Op::MxDw(m) => (Vec::new(), m.dtype.tag()),
        Op::Pool(p) => (vec![of(p.a_dt); 64], of(p.d_dt)),
        op => op.vx().map_or((Vec::new(), AccTag::I32), |v| {
            let uses_a = !matches!(op, Op::Fill(_)) && v.ew().is_none_or(EwFn::uses_a);
            let first = if uses_a { vec![of(v.a.dt)] } else { Vec::new() };
            ([first, vec![of(v.b.dt)]].concat(), of(v.d.dt))
        }),
    }
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
