//! Whole programs: inputs and their errors, limits, host segments, the observer, reuse of a simulator.

mod common;

use common::{ld, program, sim, st, tiny};
use isa::{
    DType, Direction, HostKernel, HostSeg, HostTensor, Instr, IoEntry, Mem, NpuConfig, Op, Program, Region, TrapCode,
};
use sim::{Fill, HostKernels, Machine, Options, RunError, Simulator};

/// y = x, 16 bytes, through SPM.
fn copy() -> Program {
    let code = vec![
        ld(Region::R2, 0, Mem::Spm, 0, 16),
        Instr::new(Op::Fence),
        st(Mem::Spm, 0, Region::R3, 0, 16),
        Instr::new(Op::Halt),
    ];
    let mut p = program(code, Vec::new(), 16);
    p.region_sizes[2] = 16;
    p.iotab.push(IoEntry {
        name: "x".into(),
        direction: Direction::In,
        dtype: DType::U8,
        dims: vec![16],
        region: Region::R2,
        ..IoEntry::default()
    });
    p
}

fn x(bytes: usize) -> (String, Vec<u8>) {
    ("x".into(), (0..bytes as u8).collect())
}

#[test]
fn inputs_are_checked() {
    let mut s = Simulator::new(&tiny(), Options::default());
    assert_eq!(s.run(&copy(), &[x(16)]).expect("runs").outputs, [("y".to_owned(), x(16).1)]);
    let cases: [(&[(String, Vec<u8>)], &str); 4] = [
        (&[], "missing"),
        (&[x(15)], "15 bytes"),
        (&[x(16), x(16)], "twice"),
        (&[x(16), ("z".into(), vec![])], "no such input"),
    ];
    for (inputs, word) in cases {
        let error = s.run(&copy(), inputs).expect_err(word);
        assert!(matches!(error, RunError::Input { .. }) && error.to_string().contains(word), "{error}");
    }
}

#[test]
fn hostile_programs_give_typed_errors() {
    let mut s = Simulator::new(&tiny(), Options::default());
    for check in [true, false] {
        s.set_options(Options { check, max_dram: 1 << 20, ..Options::default() });
        let mut p = copy();
        p.region_sizes[1] = u64::MAX;
        assert!(matches!(s.run(&p, &[x(16)]), Err(RunError::Memory { .. } | RunError::Trap(_))));
        let mut p = copy();
        p.iotab[1].offset = u64::MAX;
        assert!(s.run(&p, &[x(16)]).is_err());
        let mut p = copy();
        p.iotab[0].dims = vec![u64::MAX, u64::MAX];
        assert!(s.run(&p, &[x(16)]).is_err());
        let mut p = copy();
        p.region_sizes[0] = 5;
        assert!(s.run(&p, &[x(16)]).is_err());
        let mut p = copy();
        p.config_hash ^= 1;
        let error = s.run(&p, &[x(16)]).expect_err("another machine");
        assert_eq!(error.trap().map(|t| t.code), Some(TrapCode::Config));
        let mut p = copy();
        p.code[0] = Instr::new(Op::SegmentEnd { seg: 7 });
        assert!(s.run(&p, &[x(16)]).is_err());
        let mut p = copy();
        p.code[0] = ld(Region::R2, 1, Mem::Spm, 0, 16);
        let error = s.run(&p, &[x(16)]).expect_err("beyond R2");
        assert_eq!(error.trap().map(|t| t.code), Some(TrapCode::Bounds));
    }
}

/// y = x + 1 on bytes.
struct AddOne {
    runs: usize,
}

impl HostKernels for AddOne {
    fn run(&mut self, kernel: &HostKernel, inputs: &[Option<&[u8]>]) -> Result<Vec<Option<Vec<u8>>>, String> {
        self.runs += 1;
        match (kernel.kernel.as_str(), inputs) {
            ("AddOne", [Some(x)]) => Ok(vec![Some(x.iter().map(|b| b + 1).collect())]),
            ("Short", [Some(_)]) => Ok(vec![Some(vec![0])]),
            _ => Err("unknown".into()),
        }
    }
}

fn tensor(region: Region) -> Option<HostTensor> {
    Some(HostTensor { region, offset: 0, dtype: DType::U8, dims: vec![16] })
}

fn hosted(kernel: &str, input: Region) -> Program {
    let mut p = copy();
    p.code = vec![Instr::new(Op::SegmentEnd { seg: 0 }), Instr::new(Op::Halt)];
    let kernel = HostKernel {
        kernel: kernel.into(),
        opset: 1,
        inputs: vec![tensor(input)],
        outputs: vec![tensor(Region::R3)],
        ..HostKernel::default()
    };
    p.host_segs = vec![HostSeg { kernels: vec![kernel] }];
    p
}

#[test]
fn host_segments_run_and_are_checked() {
    let mut s = Simulator::new(&tiny(), Options::default());
    let mut host = AddOne { runs: 0 };
    let result = s.run_with(&hosted("AddOne", Region::R2), &[x(16)], Some(&mut host), None).expect("runs");
    assert_eq!(result.outputs[0].1, (1..17).collect::<Vec<u8>>());
    assert_eq!((result.host_kernels, host.runs), (1, 1));
    // R1 was never written
    let error = s.run_with(&hosted("AddOne", Region::R1), &[x(16)], Some(&mut host), None).expect_err("uninitialised");
    assert_eq!(error.trap().map(|t| (t.code, t.pc)), Some((TrapCode::Uninit, Some(0))));
    for name in ["Short", "Other"] {
        let error = s.run_with(&hosted(name, Region::R2), &[x(16)], Some(&mut host), None).expect_err(name);
        assert!(matches!(error, RunError::Host { .. }), "{error}");
    }
    let error = s.run(&hosted("AddOne", Region::R2), &[x(16)]).expect_err("nobody to run it");
    assert!(matches!(error, RunError::Host { .. }), "{error}");
}

#[test]
fn the_observer_sees_every_instruction() {
    let mut s = Simulator::new(&tiny(), Options { fill: Fill::Random(5), ..Options::default() });
    let mut seen = Vec::new();
    let mut observe = |pc: u32, m: &Machine| seen.push((pc, m.spm().is_init(15), m.spm().is_init(16)));
    s.run_with(&copy(), &[x(16)], None, Some(&mut observe)).expect("runs");
    assert_eq!(seen, [(0, true, false), (1, true, false), (2, true, false), (3, true, false)]);
}

#[test]
fn a_run_leaves_nothing_behind_for_the_next() {
    // the second program reads what only the first one wrote
    let mut s = Simulator::new(&tiny(), Options::default());
    s.run(&copy(), &[x(16)]).expect("runs");
    let mut p = copy();
    p.code.remove(0);
    let error = s.run(&p, &[x(16)]).expect_err("uninitialised");
    assert_eq!(error.trap().map(|t| t.code), Some(TrapCode::Uninit));
    let server = NpuConfig::named("server-16k").expect("named");
    let mut p = copy();
    p.config_hash = server.hash();
    let mut s = Simulator::new(&server, Options { timing: true, ..Options::default() });
    assert_eq!(s.run(&p, &[x(16)]).expect("runs").outputs[0].1, x(16).1);
}

#[test]
fn a_loaded_program_runs_many_times_and_is_checked_where_it_was_not() {
    let mut s = Simulator::new(&tiny(), Options::default());
    let p = copy();
    let loaded = s.load(&p).expect("legal");
    for value in [3u8, 200] {
        let input = ("x".to_owned(), vec![value; 16]);
        let outputs = s.run_loaded(&loaded, &[input]).expect("runs").outputs;
        assert_eq!(outputs, [("y".to_owned(), vec![value; 16])]);
    }
    // without the FENCE the store races with the load: loading finds it in checked mode, a later checked run too
    let mut racy = copy();
    racy.code.remove(1);
    let race = |e: RunError| e.trap().map(|t| t.code) == Some(TrapCode::Race);
    assert!(race(s.load(&racy).expect_err("a race")));
    s.set_options(Options { check: false, ..Options::default() });
    let unchecked = s.load(&racy).expect("not looked for");
    assert_eq!(s.run_loaded(&unchecked, &[x(16)]).expect("runs in stream order").outputs, [("y".to_owned(), x(16).1)]);
    s.set_options(Options::default());
    assert!(race(s.run_loaded(&unchecked, &[x(16)]).expect_err("a race")));
    let mut other = Simulator::new(&NpuConfig::named("edge-256").expect("listed"), Options::default());
    let error = other.run_loaded(&loaded, &[x(16)]).expect_err("another machine");
    assert_eq!(error.trap().map(|t| t.code), Some(TrapCode::Config));
}
