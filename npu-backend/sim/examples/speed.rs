//! Measures the functional simulator: `cargo run --release -p touchstone-sim --example speed`.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a measuring program")]

use std::time::Instant;

use isa::{Instr, Mx, MxType, NpuConfig, Op};
use touchstone_sim::{Machine, Options, Simulator};

/// A 3x3 convolution, 64 -> 64 channels on 14x14 pixels of the server machine.
fn conv(dtype: MxType) -> (Mx, u64) {
    let size = dtype.size();
    let mx = Mx {
        in_addr: 0,
        in_sy: 14 * 64 * size,
        in_sx: 64 * size,
        in_sc: 16 * size,
        w_addr: 1 << 20,
        kh: 3,
        kw: 3,
        oh: 14,
        ow: 14,
        ih: 14,
        iw: 14,
        iy0: -1,
        ix0: -1,
        cg: 4,
        ng: 4,
        acc_sn: 196,
        dtype,
        ..Mx::default()
    };
    (mx, 14 * 14 * 9 * 64 * 64)
}

fn main() {
    let config = NpuConfig::named("server-16k").expect("a named configuration");
    for check in [true, false] {
        for dtype in [MxType::S8S8, MxType::Bf16, MxType::F32] {
            let mut m = Machine::new(&config);
            m.set_check(check);
            m.spm_mut().poke(0, &vec![1; 4 << 20]);
            let (mx, macs) = conv(dtype);
            let instr = Instr::new(Op::MxConv(mx));
            let start = Instant::now();
            let rounds = 20;
            for _ in 0..rounds {
                m.step(&instr, 0).expect("legal");
            }
            let seconds = start.elapsed().as_secs_f64();
            println!("{dtype} check={check}: {:.2} GMAC/s", (macs * rounds) as f64 / seconds / 1e9);
        }
        // GEMV: 1024 -> 1024
        let mut m = Machine::new(&config);
        m.set_check(check);
        m.spm_mut().poke(0, &vec![1; 4 << 20]);
        let mx =
            Mx { in_sx: 1024, in_sy: 1024, in_sc: 16, w_addr: 1 << 20, cg: 64, ng: 64, acc_sn: 1, ..Mx::default() };
        let start = Instant::now();
        for _ in 0..20 {
            m.step(&Instr::new(Op::MxConv(mx)), 0).expect("legal");
        }
        println!("s8s8 GEMV check={check}: {:.2} GMAC/s", 20.0 * 1048576.0 / start.elapsed().as_secs_f64() / 1e9);
        let seconds = vector(&mut m);
        println!(
            "RQ {:.0}, EW add s8 PRM {:.0}, EW add f32 {:.0}, max s8 {:.0} Melem/s check={check}",
            seconds[0], seconds[1], seconds[2], seconds[3]
        );
    }
    campaign();
}

/// Elements per microsecond of RQ, EW.add in form PRM, EW.add f32 and EW.max s8.
fn vector(m: &mut Machine) -> [f64; 4] {
    use isa::{AccTag, Chan, DType, EwFn, Form, Operand, RqMode, Vx, VxFn};
    m.prm_mut().poke(0, &1.0f32.to_bits().to_le_bytes().repeat(4 * 256));
    for r in 0..256 {
        m.prm_mut().poke(r * 16 + 8, &[0; 8]);
    }
    for row in 0..1024 {
        m.acc_mut().set_row(row, AccTag::I32, &[5; 16], &[5; 16]);
    }
    let n = [16, 256, 4, 1];
    let at = |addr, dt| Operand { addr, s: [1, 16, 4096, 0], dt, ..Operand::default() };
    let rq = Vx {
        a: Operand { mem: isa::Mem::Acc, ..at(0, DType::S32) },
        d: at(2 << 20, DType::S8),
        n,
        rq: RqMode::F32,
        form: Form::prm(None, None, Some(0)),
        chan: Chan::I0I2,
        ..Vx::default()
    };
    let add = Vx {
        func: VxFn::Ew(EwFn::Add),
        a: at(0, DType::S8),
        b: at(1 << 19, DType::S8),
        d: at(2 << 20, DType::S8),
        n,
        form: Form::prm(Some(0), Some(1), Some(2)),
        ..Vx::default()
    };
    let float = Vx {
        a: at(0, DType::F32),
        b: at(1 << 19, DType::F32),
        d: at(2 << 20, DType::F32),
        form: Form::default(),
        ..add
    };
    let max = Vx { func: VxFn::Ew(EwFn::Max), form: Form::default(), ..add };
    [Op::Rq(rq), Op::Ew(add), Op::Ew(float), Op::Ew(max)].map(|op| {
        let start = Instant::now();
        for _ in 0..50 {
            m.step(&Instr::new(op), 0).expect("legal");
        }
        50.0 * 16384.0 / start.elapsed().as_secs_f64() / 1e6
    })
}

/// Small random programs per second, as in a fuzz campaign.
fn campaign() {
    let config = NpuConfig::tiny();
    let programs: Vec<_> = (0..200).map(|seed| isa::random::random_program(&config, 12, seed)).collect();
    for (check, timing) in [(true, false), (false, false), (true, true)] {
        let mut simulator = Simulator::new(&config, Options { check, timing, ..Options::default() });
        let start = Instant::now();
        let mut instructions = 0;
        for p in &programs {
            let inputs = [("x".to_owned(), p.input.clone())];
            if let Ok(result) = simulator.run(&p.program, &inputs) {
                instructions += result.instructions;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "check={check} timing={timing}: {:.0} programs/s, {:.0} instructions/s",
            200.0 / seconds,
            instructions as f64 / seconds
        );
    }
    let start = Instant::now();
    for _ in 0..1000 {
        let simulator = Simulator::new(&config, Options::default());
        assert!(simulator.machine().spm().len() == 8192);
    }
    println!("Simulator::new(tiny-fuzz): {:.1} us", start.elapsed().as_secs_f64() * 1e3);
}
