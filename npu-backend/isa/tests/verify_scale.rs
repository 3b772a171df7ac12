//! The verifier at scale: near linear, and exact against a quadratic check on random programs.

use std::collections::BTreeSet;

use touchstone_isa as isa;

use isa::random::random_program;
use isa::rng::SplitMix64;
use isa::{Engine, Instr, Limits, NpuConfig, Op, Program, TrapCode, access_sets, verify};

/// Happens-before by plain transitive closure, races by pairs, for programs whose tokens match.
fn races_by_brute_force(program: &Program, limits: &Limits) -> BTreeSet<(u32, u32)> {
    let code = &program.code;
    let n = code.len();
    let mut before = vec![vec![false; n]; n];
    let fence = |i: usize| matches!(code[i].op, Op::Fence | Op::Halt | Op::SegmentEnd { .. });
    for i in 0..n {
        for j in 0..i {
            before[j][i] = code[i].eng == code[j].eng || fence(i) || fence(j);
        }
    }
    for sem in 0..64 {
        let units = |pick: fn(&Instr) -> [Option<isa::Token>; 2]| -> Vec<usize> {
            (0..n)
                .flat_map(|i| {
                    let count =
                        pick(&code[i]).iter().flatten().filter(|t| t.sem == sem).map(|t| usize::from(t.n)).sum();
                    std::iter::repeat_n(i, count)
                })
                .collect()
        };
        for (signal, wait) in units(|i| i.signals).into_iter().zip(units(|i| i.waits)) {
            before[signal][wait] = true;
        }
    }
    for k in 0..n {
        for i in 0..n {
            if before[i][k] {
                for j in 0..n {
                    before[i][j] |= before[k][j];
                }
            }
        }
    }
    let sets: Vec<_> = code.iter().map(|i| access_sets(i, limits).expect("in bounds")).collect();
    let conflict = |a: usize, b: usize| {
        let touches = |s: &isa::AccessSets| s.all_reads().chain(&s.writes).cloned().collect::<Vec<_>>();
        let meet = |x: &[isa::Run], y: &[isa::Run]| x.iter().any(|x| y.iter().any(|y| x.overlaps(y)));
        meet(&sets[a].writes, &touches(&sets[b])) || meet(&sets[b].writes, &touches(&sets[a]))
    };
    let mut found = BTreeSet::new();
    for i in 0..n {
        for j in 0..i {
            if !before[j][i] && conflict(j, i) {
                found.insert((j as u32, i as u32));
            }
        }
    }
    found
}

#[test]
fn races_are_exactly_those_of_the_closure() {
    let (mut with, mut without) = (0, 0);
    for seed in 0..800 {
        let config = NpuConfig::tiny();
        let mut program = random_program(&config, 10, seed).program;
        let limits = Limits::new(&config, &program.region_sizes);
        // drop one pair of matching tokens: counters stay balanced, order may be lost
        let mut rng = SplitMix64::new(seed);
        let sems: BTreeSet<u8> = program.code.iter().flat_map(|i| i.signals).flatten().map(|t| t.sem).collect();
        let Some(&sem) = sems.iter().nth(rng.below(sems.len().max(1) as u64) as usize) else { continue };
        let drop_first = |slots: &mut [Option<isa::Token>; 2]| -> bool {
            let Some(k) = slots.iter().position(|t| t.is_some_and(|t| t.sem == sem)) else { return false };
            slots[k] = None;
            if k == 0 {
                slots.swap(0, 1);
            }
            true
        };
        let signal = program.code.iter_mut().any(|i| drop_first(&mut i.signals));
        let wait = program.code.iter_mut().any(|i| drop_first(&mut i.waits));
        assert!(signal && wait);
        let want = races_by_brute_force(&program, &limits);
        match verify(&program, &config) {
            Ok(_) => {
                assert!(want.is_empty(), "seed {seed}: missed {want:?}");
                without += 1;
            }
            Err(traps) => {
                assert!(traps.iter().all(|t| t.code == TrapCode::Race), "seed {seed}: {traps:?}");
                let got: BTreeSet<_> =
                    traps.iter().map(|t| (t.other_pc.expect("a pair"), t.pc.expect("a pair"))).collect();
                assert!(!want.is_empty() && got.is_subset(&want), "seed {seed}: {got:?} of {want:?}");
                with += 1;
            }
        }
    }
    assert!(with > 30 && without > 30, "{with} with races, {without} without");
}

/// Double-buffered load, compute, store with tokens: `count` instructions in one window without a fence.
fn pipeline(count: usize, config: &NpuConfig) -> Program {
    let mut code = Vec::new();
    let mut text = Vec::new();
    for k in 0..4u32 {
        let half = k % 2 * 0x8000;
        text.push([
            format!("LDA.ld region=R2 loc={:#x} n=[64,16,16,1] ds=[64,1024,0] ls=[64,1024,0] ; wait s{} sig s{}", half, 4 + k % 2, k % 2),
            format!("MX.conv in={half:#x} in_sy=1024 in_sx=64 in_sc=16 w=0x40000 kh=3 kw=3 oh=8 ow=8 ih=16 iw=16 cg=4 clast=16 ng=1 nlast=16 acc_row={} acc_sn=64 ; wait s{},s{} sig s{},s{}", k % 2 * 64, k % 2, 8 + k % 2, 2 + k % 2, 4 + k % 2),
            format!("VX.rq a_mem=acc a={:#x} a_dt=s32 a_s=[1,16,0,0] d={:#x} d_s=[1,32,0,0] n=[16,64,1,1] rq=f32 imm0=0x1p-4 ; wait s{},s{} sig s{},s{}", k % 2 * 4096, 0x20000 + half, 2 + k % 2, 10 + k % 2, 8 + k % 2, 6 + k % 2),
            format!("ST.st region=R3 loc={:#x} n=[16,64,1,1] ds=[16,0,0] ls=[32,0,0] ; wait s{} sig s{}", 0x20000 + half, 6 + k % 2, 10 + k % 2),
        ]);
    }
    let parse = |t: &String| isa::parse_instr(t).expect("legal");
    for round in 0..count / 4 {
        for (slot, t) in text[round % 2].iter().enumerate() {
            let mut instr = parse(t);
            if round < 2 && slot < 3 {
                // the first use of each buffer has nobody to wait for
                let back = |t: Option<isa::Token>| t.filter(|t| t.sem < 4);
                instr.waits = instr.waits.map(back);
            }
            code.push(instr);
        }
    }
    // take what is left
    let mut left = [0i32; 64];
    for i in &code {
        i.signals.iter().flatten().for_each(|t| left[usize::from(t.sem)] += i32::from(t.n));
        i.waits.iter().flatten().for_each(|t| left[usize::from(t.sem)] -= i32::from(t.n));
    }
    let consumer = |sem: usize| {
        [
            Engine::Mx,
            Engine::Mx,
            Engine::Vx,
            Engine::Vx,
            Engine::Lda,
            Engine::Lda,
            Engine::St,
            Engine::St,
            Engine::Mx,
            Engine::Mx,
            Engine::Vx,
            Engine::Vx,
        ][sem]
    };
    for (sem, &n) in left.iter().enumerate().filter(|x| *x.1 > 0) {
        let mut nop = Instr::new(Op::Nop).on(consumer(sem));
        assert!(nop.add_wait(sem as u8, n as u8));
        code.push(nop);
    }
    code.push(Instr::new(Op::Halt));
    Program::new(config.hash(), code, Vec::new(), 0, 1 << 16, 1 << 16)
}

/// `ISA_VERIFY_COUNT=100000` makes it the measurement of NPU scale (about a second in a development build).
#[test]
fn a_long_pipeline_verifies() {
    let config = NpuConfig::named("edge-256").expect("listed");
    let count = std::env::var("ISA_VERIFY_COUNT").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let program = pipeline(count, &config);
    let verified = verify(&program, &config).expect("a legal program");
    assert!(verified.instructions as usize >= count);
}

#[test]
fn fences_everywhere_verify() {
    let config = NpuConfig::named("edge-256").expect("listed");
    let mut program = pipeline(4000, &config);
    let fence = Instr::new(Op::Fence);
    let bare = |i: &Instr| Instr { waits: [None; 2], signals: [None; 2], ..*i };
    program.code = program.code.iter().flat_map(|i| [fence, bare(i)]).collect();
    verify(&program, &config).expect("a legal program");
}

/// Decodable instructions with random bits, random tokens and regions of a terabyte: no panic, no hang.
#[test]
fn hostile_programs_are_verified_in_bounded_time() {
    let config = NpuConfig::named("server-16k").expect("listed");
    let limits = Limits::new(&config, &[4096; 4]);
    let mut rng = SplitMix64::new(11);
    let (mut decoded, mut clean) = (0, 0);
    for _ in 0..400 {
        let mut code: Vec<Instr> = Vec::new();
        while code.len() < 6 {
            let mut bytes = isa::encode(&isa::random::random_instr(&config, &limits, rng.next_u64())).expect("valid");
            for _ in 0..rng.below(6) {
                let bit = rng.below(512) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            if let Ok(instr) = isa::decode(&bytes) {
                code.push(instr);
                decoded += 1;
            }
        }
        code.push(Instr::new(Op::Halt));
        let mut program = Program::new(config.hash(), code, Vec::new(), 1 << 40, 1 << 40, 1 << 40);
        program.region_sizes[0] = 1 << 40; // one more lie
        clean += u32::from(verify(&program, &config).is_ok());
        program.region_sizes[0] = 0;
        clean += u32::from(verify(&program, &config).is_ok());
    }
    assert!(decoded > 2000 && clean > 0, "{decoded} {clean}");
}
