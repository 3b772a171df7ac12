//! The oracle against the simulator, bit for bit: random instructions on random memories, and random programs.
//!
//! `TOUCHSTONE_ISA_CASES` (instructions) and `TOUCHSTONE_ISA_PROGRAMS` set the number of cases; `TOUCHSTONE_ISA_SEED`
//! shifts the seeds. A failure prints the seed, the instruction and the first difference.

use std::collections::BTreeMap;

use isa::random::{Image, random_instr, random_program};
use isa::rng::SplitMix64;
use isa::{AccTag, Instr, Limits, Mem, NpuConfig, Op, Poison, Region, Space, TrapCode, access_sets, print_instr};
use sim::Machine;
use touchstone_isa_oracle::{self as isa_oracle, State};

const REGIONS: [u64; 4] = [4096; 4];

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")))
}

/// Both executors with the same memories.
struct Pair {
    oracle: State,
    sim: Machine,
}

impl Pair {
    fn new(config: &NpuConfig, image: &Image) -> Self {
        let mut oracle = State::new(config, &REGIONS);
        let mut sim = Machine::new(config);
        let dram = |r: Region| image.bytes[Space::Dram(r).index()].clone();
        sim.set_dram(dram(Region::R0), REGIONS[1] as usize, dram(Region::R2), REGIONS[3] as usize);
        for (space, bytes) in image.bytes.iter().enumerate() {
            oracle.mem[space].bytes.clone_from(bytes);
            oracle.mem[space].init.fill(true);
        }
        sim.spm_mut().poke(0, &image.bytes[Space::Spm.index()]);
        sim.prm_mut().poke(0, &image.bytes[Space::Prm.index()]);
        sim.lut_mut().poke(0, &image.bytes[Space::Lut.index()]);
        sim.dram_mut(Region::R1).poke(0, &image.bytes[Space::Dram(Region::R1).index()]);
        sim.dram_mut(Region::R3).poke(0, &image.bytes[Space::Dram(Region::R3).index()]);
        let mut pair = Pair { oracle, sim };
        for row in 0..image.tags.len() {
            pair.set_row(row, image.tags[row], [0; 16]);
        }
        pair
    }

    /// The tag of a row, and by how much its exact sums differ from its lanes.
    fn set_row(&mut self, row: usize, tag: AccTag, excess: [i64; 16]) {
        let bytes = &self.oracle.mem[Space::Acc.index()].bytes[64 * row..64 * row + 64];
        let bits: [u32; 16] =
            std::array::from_fn(|k| u32::from_le_bytes(bytes[4 * k..4 * k + 4].try_into().expect("4 bytes")));
        let exact: [i64; 16] = std::array::from_fn(|k| i64::from(bits[k].cast_signed()) + excess[k]);
        self.oracle.tags[row] = tag;
        self.oracle.shadow[16 * row..16 * row + 16].copy_from_slice(&exact);
        self.sim.acc_mut().set_row(row, tag, &bits, &exact);
    }

    /// Marks bytes uninitialised in both.
    fn poison(&mut self, space: Space, off: u64, len: u64) {
        let (mem, region) = match space {
            Space::Spm => (Mem::Spm, Region::R0),
            Space::Prm => (Mem::Prm, Region::R0),
            Space::Lut => (Mem::Lut, Region::R0),
            Space::Acc => (Mem::Acc, Region::R0),
            Space::Dram(region) if region.writable() => (Mem::Dram, region),
            Space::Dram(_) => return,
        };
        self.oracle.mem[space.index()].init[off as usize..(off + len) as usize].fill(false);
        let poison = Instr::new(Op::Poison(Poison { mem, region, off, len }));
        self.sim.step(&poison, 0).expect("POISON inside a memory does not trap");
    }

    /// The first difference of memories, tags, sums and counters.
    fn difference(&self) -> Option<String> {
        let counters = self.sim.counters();
        if (self.oracle.nan_cvt, self.oracle.sat_cvt) != (counters.nan_cvt, counters.sat_cvt) {
            let (nan, sat) = (self.oracle.nan_cvt, self.oracle.sat_cvt);
            return Some(format!("counters: oracle nan {nan} sat {sat}, sim {counters:?}"));
        }
        for region in Region::ALL {
            if let Some(text) = self.memory(Space::Dram(*region), self.sim.dram(*region)) {
                return Some(text);
            }
        }
        for (space, mem) in [(Space::Spm, Mem::Spm), (Space::Prm, Mem::Prm), (Space::Lut, Mem::Lut)] {
            if let Some(text) = self.memory(space, self.sim.local(mem).expect("a local memory")) {
                return Some(text);
            }
        }
        self.memory(Space::Acc, self.sim.acc().memory()).or_else(|| self.rows())
    }

    fn memory(&self, space: Space, sim: &sim::Memory) -> Option<String> {
        let oracle = &self.oracle.mem[space.index()];
        (0..oracle.bytes.len()).find_map(|i| {
            let (a, b) = (oracle.init[i], sim.is_init(i));
            if a != b {
                return Some(format!("{space} byte {i:#x}: init oracle {a}, sim {b}"));
            }
            let differ = a && oracle.bytes[i] != sim.bytes()[i];
            let (lo, hi) = (i / 8 * 8, (i / 8 * 8 + 8).min(oracle.bytes.len()));
            differ.then(|| {
                format!("{space} byte {i:#x}: oracle {:02x?}, sim {:02x?}", &oracle.bytes[lo..hi], &sim.bytes()[lo..hi])
            })
        })
    }

    fn rows(&self) -> Option<String> {
        let init = &self.oracle.mem[Space::Acc.index()].init;
        for row in 0..self.oracle.tags.len() {
            if !init[64 * row..64 * row + 64].iter().any(|&b| b) {
                continue;
            }
            let (a, b) = (self.oracle.tags[row], self.sim.acc().tag(row));
            if a != b {
                return Some(format!("row {row}: tag oracle {a}, sim {b}"));
            }
            for lane in (0..16).filter(|_| a == AccTag::I32) {
                let (x, y) = (self.oracle.shadow[16 * row + lane], self.sim.acc().shadow(row, lane));
                if x != y {
                    return Some(format!("row {row} lane {lane}: exact sum oracle {x}, sim {y}"));
                }
            }
        }
        None
    }
}

/// Makes some of what the instruction reads uninitialised, wrongly tagged, inexact, or arbitrary bytes.
fn damage(pair: &mut Pair, instr: &Instr, limits: &Limits, rng: &mut SplitMix64) {
    let Ok(sets) = access_sets(instr, limits) else { return };
    let reads: Vec<_> = sets.all_reads().collect();
    if !reads.is_empty() && rng.one_in(12) {
        let run = rng.pick(&reads);
        let (start, end) = run.intervals().nth(rng.below(run.runs().min(50)) as usize).expect("below the count");
        let at = start + rng.below(end - start);
        pair.poison(run.space, at, 1 + rng.below(2).min(end - at - 1));
    }
    let records: Vec<u64> = reads.iter().filter(|r| r.space == Space::Prm).map(|r| r.start / 16).collect();
    if !records.is_empty() && rng.one_in(10) {
        strange_record(pair, 16 * rng.pick(&records) as usize, rng);
    }
    if rng.one_in(8) {
        for _ in 0..20 {
            let space = rng.pick(&[Space::Spm, Space::Prm, Space::Lut, Space::Acc, Space::Dram(Region::R3)]);
            let size = limits.of(space);
            let off = rng.below(size);
            pair.poison(space, off, (1 + rng.below(40)).min(size - off));
        }
    }
    if rng.one_in(10) {
        let rows = pair.oracle.tags.len();
        for row in 0..rows {
            // keeps poisoned rows as they are: writing a row initialises it
            let init = pair.oracle.mem[Space::Acc.index()].init[64 * row..64 * row + 64].iter().all(|&b| b);
            if init && rng.one_in(8) {
                let tag = if rng.one_in(4) { rng.pick(AccTag::ALL) } else { pair.oracle.tags[row] };
                let excess = std::array::from_fn(|_| if rng.one_in(20) { rng.range(-1, 1) << 32 } else { 0 });
                pair.set_row(row, tag, excess);
            }
        }
    }
}

/// A record with extreme fields: scales at the edge of the legal, zero points beyond every type, any shift and zw.
fn strange_record(pair: &mut Pair, at: usize, rng: &mut SplitMix64) {
    let scale = rng.pick(&[0x8000_0000, 0x0000_0001, 0x7F7F_FFFF, 0xFF80_0000, 0x7F80_0001, 0x8000_0001, 0x3F80_0000]);
    let random = rng.next_u64() as u32;
    let zp = rng.pick(&[i32::MIN, i32::MAX, 256, -129, 70_000, 127, random.cast_signed()]);
    let mult = if rng.one_in(3) { random } else { scale };
    let mut bytes = [0u8; 16];
    bytes[0..4].copy_from_slice(&rng.pick(&[0x8000_0000, 0xFFC0_0001, random]).to_le_bytes());
    bytes[4..8].copy_from_slice(&mult.to_le_bytes());
    bytes[8..12].copy_from_slice(&zp.to_le_bytes());
    bytes[12] = rng.next_u64() as u8;
    bytes[14..16].copy_from_slice(&(rng.range(-140, 300) as i16).to_le_bytes());
    let oracle = &mut pair.oracle.mem[Space::Prm.index()];
    oracle.bytes[at..at + 16].copy_from_slice(&bytes);
    oracle.init[at..at + 16].fill(true);
    pair.sim.prm_mut().poke(at, &bytes);
}

/// Mnemonic, function and class, for the coverage table.
fn kind(instr: &Instr) -> String {
    let name = match &instr.op {
        Op::Ld(_) => "ld",
        Op::St(_) => "st",
        Op::Ldx(_) => "ldx",
        Op::Stx(_) => "stx",
        Op::MxConv(m) => return format!("conv {}{}", m.dtype, if m.kpack { " kpack" } else { "" }),
        Op::MxDw(m) => return format!("dw {}", m.dtype),
        Op::Poison(_) => "poison",
        Op::Nop => "nop",
        Op::Pool(p) => return format!("pool {}{}", p.func, class(instr)),
        Op::Rq(v) => return format!("rq {}{}", v.rq, if v.form.is_prm() { " prm" } else { "" }),
        Op::Ew(v) => return format!("ew {}{}", v.ew().expect("EW"), class(instr)),
        Op::Lut(v) => return format!("lut {}", v.a.dt),
        Op::Red(v) => return format!("red {:?}{}", v.func, class(instr)),
        Op::Scan(v) => return format!("scan {:?}{}", v.func, class(instr)),
        Op::Sc(v) => return format!("sc {:?}{}", v.func, class(instr)),
        Op::Sort(v) => return format!("sort {:?}{}", v.func, class(instr)),
        Op::Cvt(v) => return format!("cvt {} {}", v.a.dt, v.d.dt),
        Op::Tr(_) => "tr",
        Op::Fill(_) => "fill",
        Op::Ga(_) => "ga",
        Op::Fence | Op::Halt | Op::SegmentEnd { .. } => "control",
    };
    name.to_owned()
}

fn class(instr: &Instr) -> &'static str {
    let prm = match &instr.op {
        Op::Pool(p) => p.form.is_prm(),
        op => op.vx().is_some_and(|v| v.form.is_prm()),
    };
    match (prm, isa::is_float_class(&instr.op)) {
        (true, _) => " prm",
        (_, true) => " float",
        _ => " int",
    }
}

#[derive(Default)]
struct Tally {
    /// Executed without trap, by kind.
    done: BTreeMap<String, u64>,
    traps: BTreeMap<TrapCode, u64>,
    failures: u64,
    /// Count and first case of each sort of difference, by kind.
    by_kind: BTreeMap<String, (u64, String)>,
}

fn one_case(seed: u64, tally: &mut Tally) {
    let mut rng = SplitMix64::new(seed ^ 0x5EED_0F0A);
    let config = if rng.one_in(300) { NpuConfig::random(rng.next_u64()) } else { NpuConfig::tiny() };
    let limits = Limits::new(&config, &REGIONS);
    let instr = random_instr(&config, &limits, rng.next_u64());
    let mut image = Image::random(&limits, rng.next_u64());
    if !rng.one_in(12) {
        image.prepare(&instr, &limits, rng.next_u64()); // else arbitrary bytes
    }
    let mut pair = Pair::new(&config, &image);
    damage(&mut pair, &instr, &limits, &mut rng);
    let before = pair.oracle.clone();
    let oracle = isa_oracle::execute(&mut pair.oracle, &instr, 7).map_err(|t| (t.code, t.detail));
    let sim = pair.sim.step(&instr, 7).map_err(|t| (t.code, t.detail));
    let difference = match (&oracle, &sim) {
        (Ok(()), Ok(())) => {
            *tally.done.entry(kind(&instr)).or_default() += 1;
            pair.difference()
        }
        (Err(a), Err(b)) if a.0 == b.0 => {
            *tally.traps.entry(a.0).or_default() += 1;
            assert!(pair.oracle.mem == before.mem, "seed {seed}: the oracle changes memory and traps");
            None
        }
        _ => Some(format!("oracle {oracle:?}, sim {sim:?}")),
    };
    if let Some(text) = difference {
        tally.failures += 1;
        let text = format!("seed {seed}: {}\n    {instr:?}\n    {text}", print_instr(&instr));
        let sort = match (&oracle, &sim) {
            (Ok(()), Ok(())) => "bits".to_owned(),
            (a, b) => {
                let name = |r: &Result<(), (TrapCode, String)>| r.as_ref().map_or_else(|t| t.0.name(), |()| "none");
                format!("{} for {}", name(b), name(a))
            }
        };
        let key = format!("{} ({sort})", kind(&instr));
        tally.by_kind.entry(key).or_insert((0, text)).0 += 1;
    }
}

#[test]
fn random_instructions_give_the_same_bits_and_traps() {
    let cases = from_env("TOUCHSTONE_ISA_CASES", 20_000);
    let first = from_env("TOUCHSTONE_ISA_SEED", 0);
    let mut tally = Tally::default();
    for seed in first..first + cases {
        one_case(seed, &mut tally);
    }
    for (kind, count) in &tally.done {
        println!("{count:>8} {kind}");
    }
    for (code, count) in &tally.traps {
        println!("{count:>8} {code}");
    }
    for (kind, (count, text)) in &tally.by_kind {
        println!("{count} differences in {kind}; first: {text}");
    }
    assert_eq!(tally.failures, 0, "of {cases} cases; see above");
    if cases >= 20_000 {
        covered(&tally);
    }
}

/// Every operation and EW function was executed without a trap, and the run-time traps all occurred.
fn covered(tally: &Tally) {
    for f in isa::EwFn::ALL {
        let count = |class: &str| tally.done.get(&format!("ew {f}{class}")).copied().unwrap_or(0);
        let total: u64 = ["", " int", " float", " prm"].iter().map(|c| count(c)).sum();
        assert!(total > 0, "{f} was never executed");
    }
    for name in isa::random::DRAWN {
        let seen = tally.done.keys().any(|k| k.split(' ').next() == Some(name));
        assert!(seen, "{name} was never executed");
    }
    use TrapCode::{AccOverflow, AccType, Bool, Div0, Index, LutRange, Param, ShiftRange, Uninit};
    for code in [Uninit, AccType, AccOverflow, LutRange, ShiftRange, Param, Index, Div0, Bool] {
        assert!(tally.traps.contains_key(&code), "{code} never occurred");
    }
}

#[test]
fn random_programs_give_the_same_outputs_and_traps() {
    let cases = from_env("TOUCHSTONE_ISA_PROGRAMS", 150);
    let first = from_env("TOUCHSTONE_ISA_SEED", 0);
    let (mut finished, mut failures) = (0, 0);
    for seed in first..first + cases {
        let mut rng = SplitMix64::new(seed ^ 0x9906_4A11);
        let config = if rng.one_in(8) { NpuConfig::random(rng.next_u64()) } else { NpuConfig::tiny() };
        let length = 1 + rng.below(12) as usize;
        let p = random_program(&config, length, rng.next_u64());
        let inputs = [("x".to_owned(), p.input)];
        let oracle = match isa_oracle::run(&config, &p.program, &inputs) {
            Ok(outputs) => Ok(outputs),
            Err(isa_oracle::RunError::Trap(trap)) => Err((trap.code, trap.pc)),
            Err(e) => panic!("seed {seed}: {e}"),
        };
        let options = sim::Options { check: true, ..sim::Options::default() };
        let sim = match sim::Simulator::new(&config, options).run(&p.program, &inputs) {
            Ok(result) => Ok(result.outputs),
            Err(e) => Err(e.trap().map_or_else(|| panic!("seed {seed}: {e}"), |t| (t.code, t.pc))),
        };
        finished += u64::from(oracle.is_ok());
        if oracle != sim {
            failures += 1;
            let code: Vec<String> = p.program.code.iter().map(print_instr).collect();
            println!("seed {seed}: {}\n    {}", disagreement(&oracle, &sim), code.join("\n    "));
        }
    }
    println!("{finished} of {cases} programs without trap");
    assert_eq!(failures, 0, "of {cases} programs; see above");
    assert!(finished * 4 > cases, "only {finished} of {cases} programs finish");
}

/// Outputs by name, or the trap's code and place.
type Outcome = Result<Vec<(String, Vec<u8>)>, (TrapCode, Option<u32>)>;

fn disagreement(oracle: &Outcome, sim: &Outcome) -> String {
    match (oracle, sim) {
        (Ok(a), Ok(b)) => {
            let bytes = a.iter().zip(b).flat_map(|(a, b)| a.1.iter().zip(&b.1));
            let first = bytes.enumerate().find(|(_, (x, y))| x != y);
            format!("first different output byte (index, (oracle, sim)): {first:?}")
        }
        (Ok(_), Err(trap)) => format!("oracle finishes, sim traps {trap:?}"),
        (Err(trap), Ok(_)) => format!("oracle traps {trap:?}, sim finishes"),
        (Err(a), Err(b)) => format!("oracle traps {a:?}, sim {b:?}"),
    }
}
