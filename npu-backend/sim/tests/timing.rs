//! Closed forms of the timing model (6.6 i): expected values are worked out here from section 6, on `edge-256` and
//! `tiny-fuzz`. Times in ticks of 1/256 cycle.

mod common;

use common::{dense, ld, sim, st};
use isa::{DType, Dma, Engine, EwFn, Form, Instr, Mem, Mx, MxType, NpuConfig, Op, Pool, Program, Region, Vx, VxFn};
use sim::timing::{Cause, IndexedRows, Resource, TICKS, TimingStats, analyse, cost};

const NONE: &IndexedRows = &[];

fn edge() -> NpuConfig {
    NpuConfig::named("edge-256").expect("a named configuration")
}

/// Times a program of `edge-256` without running it.
fn time(config: &NpuConfig, mut code: Vec<Instr>) -> TimingStats {
    code.push(Instr::new(Op::Halt));
    let program = Program::new(config.hash(), code, vec![0; 1 << 16], 1 << 16, 1 << 16, 1 << 16);
    let stats = analyse(config, &program, NONE).expect("no deadlock");
    stats.check_invariants().expect("invariants");
    stats
}

fn occupancy(config: &NpuConfig, op: Op) -> u64 {
    let c = cost(config, &Instr::new(op), None);
    assert_eq!(c.occupancy % TICKS, 0);
    c.occupancy / TICKS
}

fn conv(dtype: MxType) -> Mx {
    Mx {
        in_sx: 64,
        in_sy: 64 * 14,
        in_sc: 16,
        w_addr: 0x8000,
        kh: 3,
        kw: 3,
        oh: 14,
        ow: 14,
        ih: 14,
        iw: 14,
        iy0: -1,
        ix0: -1,
        cg: 4,
        ng: 2,
        acc_sn: 196,
        dtype,
        ..Mx::default()
    }
}

#[test]
fn matrix_occupancy() {
    let edge = edge();
    // S = 3*3*4 = 36, ceil(32/16) = 2, pixels 196 > reload 16*16/16 = 16
    assert_eq!(occupancy(&edge, Op::MxConv(conv(MxType::S8S8))), 16 + 2 * 36 * 196);
    // r: bf16 4, f32 16
    assert_eq!(occupancy(&edge, Op::MxConv(conv(MxType::Bf16))), 16 + 2 * 36 * 196 * 4);
    assert_eq!(occupancy(&edge, Op::MxConv(conv(MxType::F32))), 16 + 2 * 36 * 196 * 16);
    // GEMV: one pixel, so the reload of 256 bytes over a 16-byte port
    let gemv = Mx { cg: 4, ng: 2, in_sc: 16, ..Mx::default() };
    assert_eq!(occupancy(&edge, Op::MxConv(gemv)), 16 + 2 * 4 * 16);
    // tiny-fuzz: Kp = 4, so four steps a block; port 8
    assert_eq!(occupancy(&NpuConfig::tiny(), Op::MxConv(gemv)), 16 + 2 * 4 * 4 * 32);
    // server: Np = 128 covers both groups, Mp = 8: ceil(196/8) = 25 > ceil(16*128/512) = 4
    let server = NpuConfig::named("server-16k").expect("named");
    assert_eq!(occupancy(&server, Op::MxConv(conv(MxType::Bf16))), 16 + 36 * 25);
    // kpack: S = kh * cg; C = 3, kw = 3: 9 lanes, one group
    let kpack = Mx { kpack: true, in_sx: 3, in_sc: 0, cg: 1, clast: 9, ng: 1, ..conv(MxType::S8S8) };
    assert_eq!(occupancy(&edge, Op::MxConv(kpack)), 16 + 3 * 196);
    let dw = Mx { ng: 1, cg: 4, ..conv(MxType::S8S8) };
    // ceil(64/16) = 4 lanes, 196 pixels, ceil(9/4) = 3
    assert_eq!(occupancy(&edge, Op::MxDw(dw)), 16 + 4 * 196 * 3);
    let mobile = NpuConfig::named("mobile-512").expect("named");
    assert_eq!(occupancy(&mobile, Op::MxDw(Mx { batch: 2, ..dw })), 16 + 2 * 4 * 98 * 3);
}

#[test]
fn vector_occupancy() {
    let edge = edge(); // V = 16
    let n = [16, 10, 1, 1];
    let v =
        |func, dt| Vx { func, a: dense(0, dt, n), b: dense(0x400, dt, n), d: dense(0x800, dt, n), n, ..Vx::default() };
    let ew = |f, dt| occupancy(&edge, Op::Ew(v(VxFn::Ew(f), dt)));
    assert_eq!(ew(EwFn::Add, DType::S8), 16 + 10);
    assert_eq!(ew(EwFn::Add, DType::S64), 16 + 20);
    assert_eq!(ew(EwFn::Div, DType::F32), 16 + 40);
    assert_eq!(ew(EwFn::Div, DType::S32), 16 + 80);
    assert_eq!(ew(EwFn::Ipow, DType::S64), 16 + 320);
    assert_eq!(ew(EwFn::Exp, DType::F32), 16 + 60);
    assert_eq!(ew(EwFn::Tan, DType::F32), 16 + 120);
    assert_eq!(ew(EwFn::Rsqrt, DType::F16), 16 + 40);
    let quantised = Vx { form: Form::prm(Some(0), Some(1), Some(2)), ..v(VxFn::Ew(EwFn::Add), DType::S8) };
    assert_eq!(occupancy(&edge, Op::Ew(quantised)), 16 + 20);
    let one_source = Vx { form: Form::prm(Some(0), None, Some(2)), ..v(VxFn::Ew(EwFn::Mov), DType::S8) };
    assert_eq!(occupancy(&edge, Op::Ew(one_source)), 16 + 10);
    let plain = v(VxFn::None, DType::S8);
    assert_eq!(occupancy(&edge, Op::Tr(plain)), 16 + 10);
    assert_eq!(occupancy(&edge, Op::Tr(Vx { g0: true, ..plain })), 16 + 20);
    assert_eq!(
        occupancy(&edge, Op::Ga(Vx { b: dense(0x400, DType::S32, n), form: Form::Imm { imm0: 1, imm1: 4 }, ..plain })),
        16 + 20
    );
    // SORT: 160 elements, ceil(log2 16) = 4, c = 4
    assert_eq!(
        occupancy(&edge, Op::Sort(Vx { d: dense(0x800, DType::S32, n), form: Form::imm(16), ..plain })),
        16 + 40 * 4
    );
    // the same with 17 keys: ceil(log2 17) = 5; 170 elements * 5 / 16 = 53.1
    let n17 = [17, 10, 1, 1];
    let sort =
        Vx { n: n17, a: dense(0, DType::S8, n17), d: dense(0x800, DType::S32, n17), form: Form::imm(17), ..plain };
    assert_eq!(occupancy(&edge, Op::Sort(sort)), 16 + 54 * 4);
    let pool = Pool { oh: 5, ow: 2, ih: 10, iw: 4, n0: 16, kh: 2, kw: 2, sy: 2, sx: 2, ..Pool::default() };
    assert_eq!(occupancy(&edge, Op::Pool(pool)), 16 + 5 * 2 * 4);
}

#[test]
fn one_load_takes_fetch_latency_and_bursts() {
    let edge = edge();
    // fetch 8, issue 8 + 500, 1,024 bytes = 16 bursts / 3.75 = 273.07 cycles -> ticks 69,905.07, rounded up
    let stats = time(&edge, vec![ld(Region::R2, 0, Mem::Spm, 0, 1024)]);
    let data = (1024 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.total, (8 + 8 + 500) * TICKS + data);
    assert_eq!(stats.engines[0].busy, 508 * TICKS + data);
    assert_eq!(stats.engines[0].fetch, 8 * TICKS);
    assert_eq!(stats.roofs.t_dram, 1024 * TICKS * 4 / 15);
    assert_eq!(stats.dram_read_bytes, 1024);
    // an unaligned run of 64 bytes is two bursts
    let stats = time(&edge, vec![ld(Region::R2, 60, Mem::Spm, 0, 64)]);
    assert_eq!(stats.total, 516 * TICKS + (128 * TICKS * 4u64).div_ceil(15));
    // eight elements with a stride are eight runs of one burst each
    let d = Dma { region: Region::R2, n: [1, 8, 1, 1], dram_s: [128, 0, 0], loc_s: [1, 0, 0], ..Dma::default() };
    assert_eq!(cost(&edge, &Instr::new(Op::Ld(d)), None).burst_bytes, 512);
}

#[test]
fn saturated_dma_hides_the_latency() {
    // Data phases of 4,096 bytes take 1,092.27 cycles > 508: four in flight hide all but the first latency.
    let edge = edge();
    let loads: Vec<Instr> = (0..10).map(|i| ld(Region::R2, i * 4096, Mem::Spm, i as u32 * 4096, 4096)).collect();
    let stats = time(&edge, loads);
    let data = (4096 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.total, 516 * TICKS + 10 * data);
    // Small ones do not: each waits for the completion of the fourth before it. Data phases of one burst take 17.07
    // cycles, so with fetches of 8 the first four issue at 8, 16, 24, 32.
    let loads: Vec<Instr> = (0..5).map(|i| ld(Region::R2, i * 64, Mem::Spm, i as u32 * 64, 64)).collect();
    let stats = time(&edge, loads);
    let burst = (64 * TICKS * 4u64).div_ceil(15);
    let first_end = 516 * TICKS + burst;
    assert_eq!(stats.instructions[0].end, first_end);
    assert_eq!(stats.instructions[3].issued, 32 * TICKS);
    assert_eq!(stats.instructions[4].issued, first_end);
    assert_eq!(stats.total, first_end + 508 * TICKS + burst);
}

#[test]
fn loads_of_two_engines_share_the_read_channel() {
    let edge = edge();
    let code = vec![ld(Region::R2, 0, Mem::Spm, 0, 4096), ld(Region::R0, 0, Mem::Spm, 4096, 4096).on(Engine::Ldw)];
    let stats = time(&edge, code);
    let data = (4096 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.total, 516 * TICKS + 2 * data);
    let ldw = &stats.engines[1];
    assert_eq!(ldw.by_resource, [(Resource::DramRead, data - 8 * TICKS)]); // it started 8 cycles later
    assert_eq!(stats.instructions[1].end, stats.total);
    let path: Vec<_> = stats.critical_path.iter().map(|s| s.pc).collect();
    assert_eq!(path, [0, 1, 2]);
    assert_eq!(stats.critical_path[1].cause, Cause::Resource(Resource::DramRead, 0));
}

#[test]
fn banks_serialise_and_different_banks_do_not() {
    let edge = edge(); // 32 KiB a bank, 16 B a cycle
    // EW.mov of 1,024 f32 elements: occupancy 16 + 64; traffic 4,096 B in and out: 256 cycles each
    let n = [1024, 1, 1, 1];
    let mov = |a, d| {
        Instr::new(Op::Ew(Vx {
            func: VxFn::Ew(EwFn::Neg),
            a: dense(a, DType::F32, n),
            d: dense(d, DType::F32, n),
            n,
            ..Vx::default()
        }))
    };
    assert_eq!(time(&edge, vec![mov(0, 0x2000)]).total, (8 + 512) * TICKS); // one bank, twice
    assert_eq!(time(&edge, vec![mov(0, 0x8000)]).total, (8 + 256) * TICKS); // two banks
    // an operand across two banks in the ratio 3:1: 192 and 64 cycles
    let c = cost(&edge, &mov(0x7400, 0x10000), None);
    assert_eq!(c.banks, [(0, 192 * TICKS), (1, 64 * TICKS), (2, 256 * TICKS)]);
    // matrix input: every tap is read again: 2 groups * 36 blocks * 196 pixels * 16 bytes over 16 bytes a cycle
    let c = cost(&edge, &Instr::new(Op::MxConv(conv(MxType::S8S8))), None);
    assert_eq!(c.banks, [(0, 2 * 36 * 196 * TICKS), (1, 2 * 36 * 256 * TICKS / 16)]);
}

#[test]
fn a_token_makes_the_consumer_wait() {
    let edge = edge();
    let mut load = ld(Region::R2, 0, Mem::Spm, 0, 1024);
    assert!(load.add_signal(3, 1));
    let n = [16, 1, 1, 1];
    let mut ew = Instr::new(Op::Ew(Vx {
        func: VxFn::Ew(EwFn::Neg),
        a: dense(0, DType::S8, n),
        d: dense(0x8000, DType::S8, n),
        n,
        ..Vx::default()
    }));
    assert!(ew.add_wait(3, 1));
    let stats = time(&edge, vec![load, ew]);
    let loaded = 516 * TICKS + (1024 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.instructions[1].start, loaded);
    assert_eq!(stats.total, loaded + 17 * TICKS);
    let vx = &stats.engines[4];
    assert_eq!(vx.wait_token, loaded - 16 * TICKS); // its fetch ends at 16
    assert_eq!((vx.by_token[0].0.sem, vx.by_token[0].0.producer), (Some(3), 0));
    assert!(stats.critical_path.iter().map(|s| (s.pc, s.slack)).eq([(0, 0), (1, 0), (2, 0)]));
}

#[test]
fn ping_pong_overlaps_loads_with_work() {
    // Two buffers, six tiles: LD of 4,096 bytes (1,092.27 cycles) and a convolution of 16 + 36*2*49 = 3,544 cycles.
    // The matrix engine is the bottleneck: first load, then six convolutions back to back.
    let edge = edge();
    let mut code = Vec::new();
    for tile in 0..6u32 {
        let buffer = tile % 2;
        let mut load = ld(Region::R2, u64::from(tile) * 4096, Mem::Spm, 0x20000 + buffer * 0x8000, 4096);
        if tile >= 2 {
            assert!(load.add_wait(2 + buffer as u8, 1));
        }
        assert!(load.add_signal(buffer as u8, 1));
        code.push(load);
        let mx =
            Mx { in_addr: 0x20000 + buffer * 0x8000, oh: 7, ow: 7, ih: 8, iw: 8, in_sy: 512, ..conv(MxType::S8S8) };
        let mut conv = Instr::new(Op::MxConv(mx));
        assert!(conv.add_wait(buffer as u8, 1));
        if tile < 4 {
            assert!(conv.add_signal(2 + buffer as u8, 1));
        }
        code.push(conv);
    }
    let stats = time(&edge, code);
    let load = (4096 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.total, 516 * TICKS + load + 6 * 3544 * TICKS);
}

#[test]
fn a_full_queue_stalls_the_front_end() {
    // Q = 16: the 17th NOP of an engine that is stuck behind a long one waits for a slot.
    let edge = NpuConfig { queue_depth: 2, ..edge() };
    let n = [1600, 1, 1, 1];
    let long = Instr::new(Op::Ew(Vx {
        func: VxFn::Ew(EwFn::Exp),
        a: dense(0, DType::F32, n),
        d: dense(0x8000, DType::F32, n),
        n,
        ..Vx::default()
    }));
    let nop = Instr::new(Op::Nop);
    // long issues at 8 and ends at 8 + 16 + 600; NOPs 1 and 2 fill the queue; NOP 3 is pushed when NOP 1 issues
    let stats = time(&edge, vec![long, nop, nop, nop, ld(Region::R2, 0, Mem::Spm, 0, 64)]);
    let end = (8 + 616) * TICKS;
    assert_eq!(stats.instructions[1].issued, end);
    assert_eq!(stats.instructions[3].pushed, end);
    assert_eq!(stats.instructions[4].pushed, end + 8 * TICKS); // the load is stuck behind it
}

#[test]
fn a_fence_waits_and_blocks() {
    let edge = edge();
    let stats = time(
        &edge,
        vec![ld(Region::R2, 0, Mem::Spm, 0, 64), Instr::new(Op::Fence), ld(Region::R2, 64, Mem::Spm, 64, 64)],
    );
    let one = 508 * TICKS + (64 * TICKS * 4u64).div_ceil(15);
    assert_eq!(stats.total, 8 * TICKS + 2 * one);
    // the fence waits for the first load (since its own fetch at 16), HALT for the second
    let waits: Vec<_> = stats.engines[4].by_token.iter().map(|(w, t)| (w.sem, w.producer, *t)).collect();
    assert_eq!(waits, [(None, 0, one + 8 * TICKS - 16 * TICKS), (None, 2, one)]);
}

#[test]
fn poison_costs_nothing() {
    let edge = edge();
    let code = vec![ld(Region::R2, 0, Mem::Spm, 0, 64), st(Mem::Spm, 0x40, Region::R3, 0, 64)];
    let poison = Instr::new(Op::Poison(isa::Poison { len: 64, ..isa::Poison::default() })).on(Engine::Lda);
    let with = code.iter().flat_map(|&i| [i, poison]).collect();
    let (release, debug) = (time(&edge, code), time(&edge, with));
    assert_eq!(release.total, debug.total);
    for (mut a, mut b) in release.engines.into_iter().zip(debug.engines) {
        a.by_token.clear(); // these name pcs, which differ
        b.by_token.clear();
        assert_eq!(a, b);
    }
}

#[test]
fn roofs_and_groups() {
    let edge = edge();
    let mut m = conv(MxType::S8S8);
    (m.in_addr, m.w_addr) = (0x20000, 0x8000);
    let mut load = ld(Region::R0, 0, Mem::Spm, 0x8000, 0x4000);
    assert!(load.add_signal(0, 1));
    let mut mx = Instr::new(Op::MxConv(m));
    assert!(mx.add_wait(0, 1));
    let stats = time(&edge, vec![load, mx]);
    // rows with taps inside: 3*14 - 2 = 40; the same for columns
    assert_eq!(stats.macs, 40 * 40 * 64 * 32);
    assert_eq!(stats.roofs.t_mac, stats.macs * TICKS / 256);
    assert_eq!(stats.roofs.t_dram, 0x4000 * TICKS * 4 / 15);
    assert_eq!(stats.roofs.net, stats.roofs.t_mac.max(stats.roofs.t_dram));
    assert_eq!(stats.roofs.layer, stats.roofs.net);
    assert_eq!(stats.roofs.array, (16 + 2 * 36 * 196) * TICKS);
    assert_eq!(stats.roofs.bound_by(), "MX");
    assert_eq!((stats.groups.len(), stats.groups[0].const_bytes), (1, 0x4000));
    let trace =
        sim::trace::chrome_json(&Program::new(0, vec![load, mx, Instr::new(Op::Halt)], vec![], 0, 0, 0), &stats);
    assert_eq!(trace.matches("\"ph\":\"X\"").count(), 3);
    assert!(trace.starts_with('{') && trace.ends_with("]}\n"));
}

#[test]
fn a_wait_without_a_signal_is_a_deadlock() {
    let edge = edge();
    let mut nop = Instr::new(Op::Nop);
    assert!(nop.add_wait(1, 1));
    let program = Program::new(edge.hash(), vec![nop, Instr::new(Op::Halt)], vec![], 0, 0, 0);
    let trap = analyse(&edge, &program, NONE).expect_err("nobody signals");
    assert_eq!((trap.code, trap.pc), (isa::TrapCode::Deadlock, Some(0)));
}
