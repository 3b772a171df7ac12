//! Properties over random valid instructions and programs: the bytes that the simulator touches are those of
//! `isa::access_sets`, unread bytes do not matter, unchecked mode gives the same bytes, nothing panics.

mod common;

use common::sim;
use isa::random::{Image, random_instr, random_program};
use isa::rng::SplitMix64;
use isa::{AccTag, Instr, Limits, Mem, NpuConfig, Op, Poison, Region, Run, Space, TrapCode, access_sets};
use sim::{Machine, Memory, Options, Simulator};

const SIZES: [u64; 4] = [4096, 4096, 4096, 4096];

fn load(config: &NpuConfig, image: &Image) -> Machine {
    let mut m = Machine::new(config);
    let b = &image.bytes;
    m.set_dram(b[4].clone(), b[5].len(), b[6].clone(), b[7].len());
    m.spm_mut().poke(0, &b[0]);
    m.prm_mut().poke(0, &b[1]);
    m.lut_mut().poke(0, &b[2]);
    for (row, tag) in image.tags.iter().enumerate() {
        let bits: [u32; 16] = std::array::from_fn(|i| {
            u32::from_le_bytes(b[3][row * 64 + 4 * i..row * 64 + 4 * i + 4].try_into().expect("four"))
        });
        m.acc_mut().set_row(row, *tag, &bits, &bits.map(|b| i64::from(b.cast_signed())));
    }
    m.dram_mut(Region::R1).poke(0, &b[5]);
    m.dram_mut(Region::R3).poke(0, &b[7]);
    m
}

fn memory(m: &Machine, space: Space) -> &Memory {
    match space {
        Space::Spm => m.spm(),
        Space::Prm => m.prm(),
        Space::Lut => m.lut(),
        Space::Acc => m.acc().memory(),
        Space::Dram(r) => m.dram(r),
    }
}

const SPACES: [Space; 8] = [
    Space::Spm,
    Space::Prm,
    Space::Lut,
    Space::Acc,
    Space::Dram(Region::R0),
    Space::Dram(Region::R1),
    Space::Dram(Region::R2),
    Space::Dram(Region::R3),
];

/// A flag per byte of each space.
fn flags<'a>(runs: impl Iterator<Item = &'a Run>, limits: &Limits) -> [Vec<bool>; 8] {
    let mut all = limits.bytes.map(|n| vec![false; n as usize]);
    for run in runs {
        for (lo, hi) in run.intervals() {
            all[run.space.index()][lo as usize..hi as usize].fill(true);
        }
    }
    all
}

fn poison(m: &mut Machine, space: Space, at: usize) {
    let (mem, region) = match space {
        Space::Spm => (Mem::Spm, Region::R0),
        Space::Prm => (Mem::Prm, Region::R0),
        Space::Lut => (Mem::Lut, Region::R0),
        Space::Acc => (Mem::Acc, Region::R0),
        Space::Dram(r) => (Mem::Dram, r),
    };
    m.step(&Instr::new(Op::Poison(Poison { mem, region, off: at as u64, len: 1 })), 0).expect("in range");
}

fn indexed(op: &Op) -> bool {
    matches!(op, Op::Ldx(_) | Op::Stx(_) | Op::Ga(_) | Op::Sc(_))
}

/// One random instruction against its access sets. Returns whether it trapped.
fn check_one(config: &NpuConfig, seed: u64) -> bool {
    let limits = Limits::new(config, &SIZES);
    let instr = random_instr(config, &limits, seed);
    let mut image = Image::random(&limits, seed ^ 1);
    image.prepare(&instr, &limits, seed ^ 2);
    let before = load(config, &image);
    let mut after = before.clone();
    if let Err(trap) = after.step(&instr, 7) {
        assert_eq!(trap.pc, Some(7));
        let run_time = trap.code.when() != isa::When::Load;
        assert!(run_time, "seed {seed}: {trap} of a valid instruction {instr:?}");
        return true;
    }
    let sets = access_sets(&instr, &limits).expect("valid");
    let reads = flags(sets.all_reads(), &limits);
    let writes = flags(sets.writes.iter(), &limits);
    for space in SPACES {
        let (old, new) = (memory(&before, space).bytes(), memory(&after, space).bytes());
        for at in (0..old.len()).filter(|&at| old[at] != new[at]) {
            assert!(writes[space.index()][at], "seed {seed}: {space} byte {at:#x} changed: {instr:?}");
        }
    }
    unread_bytes_do_not_matter(&instr, seed, &before, &after, &reads, &writes);
    every_read_byte_is_checked(&instr, seed, &before, &reads);
    false
}

/// Everything outside the read set: other values, not initialised.
fn unread_bytes_do_not_matter(
    instr: &Instr,
    seed: u64,
    before: &Machine,
    after: &Machine,
    reads: &[Vec<bool>; 8],
    writes: &[Vec<bool>; 8],
) {
    if matches!(instr.op, Op::Poison(_)) {
        return;
    }
    let mut rng = SplitMix64::new(seed ^ 3);
    let mut other = before.clone();
    for space in SPACES {
        let i = space.index();
        for at in (0..reads[i].len()).filter(|&at| !reads[i][at]) {
            let noise = [rng.next_u64() as u8];
            match space {
                Space::Spm => other.spm_mut().poke_raw(at, &noise),
                Space::Prm => other.prm_mut().poke_raw(at, &noise),
                Space::Lut => other.lut_mut().poke_raw(at, &noise),
                Space::Dram(Region::R1) => other.dram_mut(Region::R1).poke_raw(at, &noise),
                _ => continue, // ACC rows carry tags and sums; R0, R2 are constant; R3 is never read
            }
            poison(&mut other, space, at);
        }
    }
    other.step(instr, 0).unwrap_or_else(|trap| panic!("seed {seed}: {trap}: {instr:?}"));
    for space in SPACES {
        let i = space.index();
        let (want, got) = (memory(after, space), memory(&other, space));
        for at in 0..writes[i].len() {
            if writes[i][at] && (!indexed(&instr.op) || got.is_init(at)) {
                assert_eq!(want.bytes()[at], got.bytes()[at], "seed {seed}: {space} byte {at:#x}: {instr:?}");
                assert!(got.is_init(at), "seed {seed}: {space} byte {at:#x} is not initialised: {instr:?}");
            } else if !reads[i][at] && matches!(space, Space::Spm | Space::Prm | Space::Lut) {
                assert!(!got.is_init(at), "seed {seed}: {space} byte {at:#x} became initialised: {instr:?}");
            }
        }
    }
}

/// Poisoning any one byte of the read set traps (a few of them, chosen at random).
fn every_read_byte_is_checked(instr: &Instr, seed: u64, before: &Machine, reads: &[Vec<bool>; 8]) {
    if indexed(&instr.op) {
        return; // exact only for the elements really touched
    }
    let mut rng = SplitMix64::new(seed ^ 4);
    for space in [Space::Spm, Space::Prm, Space::Lut, Space::Acc, Space::Dram(Region::R1)] {
        let list: Vec<usize> = (0..reads[space.index()].len()).filter(|&at| reads[space.index()][at]).collect();
        for _ in 0..list.len().min(2) {
            let at = rng.pick(&list);
            let mut m = before.clone();
            poison(&mut m, space, at);
            let trap = m.step(instr, 0).expect_err("reads an uninitialised byte");
            let table = matches!(instr.op, Op::Lut(_)) && trap.code == TrapCode::LutRange;
            assert!(trap.code == TrapCode::Uninit || table, "seed {seed}: {trap} for {space} {at:#x}: {instr:?}");
        }
    }
}

#[test]
fn touched_bytes_are_the_access_sets() {
    let mut traps = 0;
    let tiny = NpuConfig::tiny();
    for seed in 0..6_000 {
        traps += u32::from(check_one(&tiny, seed));
    }
    assert!(traps < 600, "{traps} of 6,000 instructions trapped: the rest proves little");
}

#[test]
fn random_programs_run_and_time() {
    let mut ran = 0;
    let mut traps = std::collections::BTreeMap::<TrapCode, u32>::new();
    for seed in 0..300 {
        let config = if seed % 3 == 0 { NpuConfig::random(seed) } else { NpuConfig::tiny() };
        let random = random_program(&config, 1 + seed as usize % 8, seed);
        let inputs = [("x".to_owned(), random.input.clone())];
        let checked = Options { timing: true, ..Options::default() };
        let mut simulator = Simulator::new(&config, checked);
        let first = match simulator.run(&random.program, &inputs) {
            Ok(result) => result,
            Err(sim::RunError::Trap(trap)) => {
                assert!(trap.code.when() != isa::When::Load, "seed {seed}: {trap}");
                // everything is initialised at first, so only POISON can make a read trap
                let poisons = random.program.code.iter().any(|i| matches!(i.op, Op::Poison(_)));
                assert!(trap.code != TrapCode::Uninit || poisons, "seed {seed}: {trap}");
                *traps.entry(trap.code).or_default() += 1;
                continue;
            }
            Err(other) => panic!("seed {seed}: {other}"),
        };
        let stats = first.stats.as_ref().expect("asked for");
        ran += 1;
        stats.check_invariants().unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        assert!(!stats.critical_path.is_empty() && stats.critical_path.last().is_some_and(|s| s.slack == 0));
        // reused memories, no checks, random fill: the same bytes
        for options in [
            checked,
            Options { self_check: true, ..checked },
            Options { check: false, ..Options::default() },
            Options { fill: sim::Fill::Random(seed), ..Options::default() },
        ] {
            simulator.set_options(options);
            let again = simulator.run(&random.program, &inputs).expect("ran before");
            assert_eq!(first.outputs, again.outputs, "seed {seed} with {options:?}");
            assert_eq!(first.counters, again.counters);
        }
    }
    assert!(ran > 150, "only {ran} of 300 programs ran to the end: {traps:?}");
}

#[test]
fn tags_other_than_the_read_type_trap() {
    let config = NpuConfig::tiny();
    let limits = Limits::new(&config, &SIZES);
    let mut seen = 0;
    for seed in 0..4_000 {
        let instr = random_instr(&config, &limits, seed);
        let mut image = Image::random(&limits, seed);
        image.prepare(&instr, &limits, seed);
        let sets = access_sets(&instr, &limits).expect("valid");
        let Some(run) = sets.all_reads().find(|r| r.space == Space::Acc).filter(|_| !indexed(&instr.op)) else {
            continue;
        };
        let row = run.start as usize / 64;
        image.tags[row] = if image.tags[row] == AccTag::I32 { AccTag::F32 } else { AccTag::I32 };
        let trap = load(&config, &image).step(&instr, 0).expect_err("wrong tag");
        assert_eq!(trap.code, TrapCode::AccType, "seed {seed}: {trap}");
        seen += 1;
    }
    assert!(seen > 50, "only {seen} instructions read ACC");
}
