//! Builders that the tests share.
#![allow(dead_code, reason = "each test binary uses a part")]

use ::isa::{
    AccTag, DType, Direction, Dma, Form, Instr, IoEntry, Mem, NpuConfig, Op, Operand, Program, Region, Vx, VxFn,
};
use sim::{Machine, Options, RunError, RunResult, Simulator};
pub use touchstone_sim as sim;

/// The fuzzing machine.
pub fn tiny() -> NpuConfig {
    NpuConfig::tiny()
}

/// A machine with R0 = `consts`, R1 of 4 KiB and R3 of 1 KiB.
pub fn machine(consts: &[u8]) -> Machine {
    let mut m = Machine::new(&tiny());
    m.set_dram(consts.to_vec(), 4096, Vec::new(), 1024);
    m
}

/// A dense operand at an SPM address: strides 1, n0, n0*n1, n0*n1*n2.
pub fn dense(addr: u32, dt: DType, n: [u16; 4]) -> Operand {
    let s1 = i32::from(n[0]);
    let s2 = s1 * i32::from(n[1]);
    Operand { addr, s: [1, s1, s2, s2 * i32::from(n[2])], mem: Mem::Spm, dt }
}

/// An immediate operand b.
pub fn imm(dt: DType) -> Operand {
    Operand { mem: Mem::Imm, dt, ..Operand::default() }
}

/// A vector instruction over `n0` elements: a at 0, b at 0x400, d at 0x800 of SPM.
pub fn vector(func: VxFn, n0: u16, a: DType, b: Option<DType>, d: DType) -> Vx {
    let n = [n0, 1, 1, 1];
    Vx {
        func,
        a: dense(0, a, n),
        b: b.map_or(Operand::default(), |dt| dense(0x400, dt, n)),
        d: dense(0x800, d, n),
        n,
        ..Vx::default()
    }
}

/// Little-endian bytes of f32 values.
pub fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect()
}

/// Little-endian bytes of i32 values.
pub fn i32s(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Binary32 bits from SPM.
pub fn read_f32(m: &Machine, at: usize, n: usize) -> Vec<f32> {
    m.spm().bytes()[at..at + 4 * n].chunks(4).map(|c| f32::from_le_bytes(c.try_into().expect("four"))).collect()
}

/// i32 values from SPM.
pub fn read_i32(m: &Machine, at: usize, n: usize) -> Vec<i32> {
    m.spm().bytes()[at..at + 4 * n].chunks(4).map(|c| i32::from_le_bytes(c.try_into().expect("four"))).collect()
}

/// LD of contiguous bytes.
pub fn ld(region: Region, off: u64, mem: Mem, addr: u32, bytes: u16) -> Instr {
    let d = Dma { region, dram_off: off, mem, loc_addr: addr, n: [bytes, 1, 1, 1], ..Dma::default() };
    Instr::new(Op::Ld(d))
}

/// ST of contiguous bytes.
pub fn st(mem: Mem, addr: u32, region: Region, off: u64, bytes: u16) -> Instr {
    let d = Dma { region, dram_off: off, mem, loc_addr: addr, n: [bytes, 1, 1, 1], ..Dma::default() };
    Instr::new(Op::St(d))
}

/// As [`st`] from ACC rows of a tag.
pub fn st_acc(row: u32, tag: AccTag, region: Region, off: u64, rows: u16) -> Instr {
    let d = Dma {
        region,
        dram_off: off,
        mem: Mem::Acc,
        loc_addr: row * 64,
        n: [rows * 64, 1, 1, 1],
        tag,
        ..Dma::default()
    };
    Instr::new(Op::St(d))
}

/// A FENCE between all instructions and a HALT.
pub fn fenced(code: Vec<Instr>) -> Vec<Instr> {
    let mut out: Vec<Instr> = code.into_iter().flat_map(|i| [i, Instr::new(Op::Fence)]).collect();
    out.push(Instr::new(Op::Halt));
    out
}

/// A program with constants, an arena of 4 KiB and an output `y` of `out` bytes.
pub fn program(code: Vec<Instr>, consts: Vec<u8>, out: u64) -> Program {
    let mut p = Program::new(tiny().hash(), code, consts, 4096, 0, out);
    if out > 0 {
        p.iotab.push(IoEntry {
            name: "y".into(),
            direction: Direction::Out,
            dtype: DType::U8,
            dims: vec![out],
            region: Region::R3,
            ..IoEntry::default()
        });
    }
    p
}

/// Runs on the fuzzing machine with checks.
pub fn run(p: &Program) -> Result<RunResult, RunError> {
    Simulator::new(&tiny(), Options { timing: true, ..Options::default() }).run(p, &[])
}

/// FILL of one dense row of SPM.
pub fn fill(addr: u32, dt: DType, n0: u16, value: i64) -> Instr {
    let n = [n0, 1, 1, 1];
    Instr::new(Op::Fill(Vx { d: dense(addr, dt, n), n, form: Form::imm64(value), ..Vx::default() }))
}
