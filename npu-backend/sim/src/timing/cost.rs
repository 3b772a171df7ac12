//! Work of single instructions: occupancy (6.1), bank traffic (6.2), useful work (6.5).
//!
//! Times are in ticks of 1/256 cycle.

use isa::{EwFn, IndexedDma, Instr, Mem, Mx, MxType, NpuConfig, Op, Region, Vx, VxFn};

use crate::kernels::dma;
use crate::kernels::mx::Job;
use crate::kernels::pool;
use crate::kernels::view::{self, View};
use crate::runs::Runs;

/// Ticks of a cycle.
pub const TICKS: u64 = 256;

/// Cycles every MX and VX instruction takes to fill its pipeline.
const PIPELINE: u64 = 16;
/// Cycles of the issue phase of a DMA besides the latency.
const ISSUE: u64 = 8;
/// Taps of the depthwise engine.
const DW_TAPS: u64 = 4;

/// What one instruction asks of the machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Ticks of its engine; for DMA of the data phase.
    pub occupancy: u64,
    /// Ticks of the issue phase before the data phase (DMA; 0 otherwise).
    pub latency: u64,
    /// Ticks on each SPM bank that it touches: (bank, ticks).
    pub banks: Vec<(u32, u64)>,
    /// Ticks on the DRAM read channel.
    pub dram_read: u64,
    /// Ticks on the DRAM write channel.
    pub dram_write: u64,
    /// Useful MACs (active lanes of taps inside), times r.
    pub weighted_macs: u64,
    /// Useful MACs.
    pub macs: u64,
    /// Vector elements times c, in ticks of a lane.
    pub vector: u64,
    /// Bytes moved over the SPM ports.
    pub spm_bytes: u64,
    /// Bytes of the bursts moved.
    pub burst_bytes: u64,
}

/// Ticks of `bytes` on a DRAM channel, rounded up.
pub(crate) fn dram_ticks(bytes: u64, config: &NpuConfig) -> u64 {
    (u128::from(bytes) * u128::from(TICKS * TICKS)).div_ceil(u128::from(config.dram_bw_256)) as u64
}

/// Bytes of the distinct 64-byte bursts of a run.
fn burst_bytes(at: u64, len: u64) -> u64 {
    if len == 0 { 0 } else { ((at + len - 1) / 64 - at / 64 + 1) * 64 }
}

/// An operand in SPM: its byte set and its traffic in bytes (`None`: the bytes of the set).
struct Traffic {
    set: Vec<Runs>,
    bytes: Option<u64>,
}

impl Traffic {
    fn of(set: Runs) -> Self {
        Traffic { set: vec![set], bytes: None }
    }
}

/// Work of one instruction. `rows` are the DRAM rows that an LDX or STX really moved; without them (a program that
/// was not executed) every row counts as one of its own.
pub fn cost(config: &NpuConfig, instr: &Instr, rows: Option<&[(u64, u64)]>) -> Cost {
    let mut c = Cost::default();
    let mut traffic = Vec::new();
    match &instr.op {
        Op::Fence | Op::Halt | Op::SegmentEnd { .. } | Op::Poison(_) => {}
        Op::Nop => c.occupancy = TICKS,
        Op::Ld(d) | Op::St(d) => {
            let g = dma::geometry(d);
            let mut bursts = 0;
            let _complete = g.dram.each(|at, len| {
                bursts += burst_bytes(at as u64, len as u64);
                Ok(())
            });
            dma_cost(config, &mut c, bursts, 0, matches!(instr.op, Op::St(_)));
            if d.mem == Mem::Spm {
                traffic.push(Traffic::of(g.local));
            }
        }
        Op::Ldx(d) | Op::Stx(d) => {
            let bursts = match rows {
                Some(rows) => rows.iter().map(|&(at, len)| burst_bytes(at, len)).sum(),
                None => unknown_rows(d),
            };
            let indices = u64::from(d.n[1]) * u64::from(d.n[2]);
            dma_cost(config, &mut c, bursts, indices, matches!(instr.op, Op::Stx(_)));
            traffic.push(Traffic::of(dma::index_runs(d)));
            if d.mem == Mem::Spm {
                traffic.push(Traffic::of(dma::indexed_local(d)));
            }
        }
        Op::MxConv(m) => matrix(config, m, false, &mut c, &mut traffic),
        Op::MxDw(m) => matrix(config, m, true, &mut c, &mut traffic),
        Op::Pool(p) => {
            let elems = [p.oh, p.ow, p.n0, p.kh, p.kw].iter().map(|&n| u64::from(n)).product();
            let wide = p.a_dt.size() == 8 || p.d_dt.size() == 8;
            vector(config, &mut c, elems, 1, wide);
            let (boxes, (a, d), n) = pool::views(p);
            if a.mem == Mem::Spm {
                let set = boxes.iter().map(|(v, n)| v.runs(n)).collect();
                traffic.push(Traffic { set, bytes: Some(elems * u64::from(p.a_dt.size())) });
            }
            if d.mem == Mem::Spm {
                traffic.push(Traffic::of(d.runs(&n)));
            }
        }
        op => {
            if let Some(v) = op.vx() {
                vx(config, op, v, &mut c, &mut traffic);
            }
        }
    }
    bank_work(config, &traffic, &mut c);
    c
}

fn unknown_rows(d: &IndexedDma) -> u64 {
    let rows: u64 = d.n[1..].iter().map(|&n| u64::from(n)).product();
    rows * burst_bytes(d.dram_off, u64::from(d.n[0]) * u64::from(d.esz))
}

fn dma_cost(config: &NpuConfig, c: &mut Cost, bursts: u64, indices: u64, write: bool) {
    let data = dram_ticks(bursts, config);
    c.burst_bytes = bursts;
    c.latency = (ISSUE + u64::from(config.dram_latency)) * TICKS;
    c.occupancy = data + indices * TICKS;
    if write {
        c.dram_write = data;
    } else {
        c.dram_read = data;
    }
}

/// Cycles per int8 cycle.
pub(crate) fn rate(config: &NpuConfig, dtype: MxType) -> u64 {
    match dtype {
        MxType::Bf16 | MxType::F16 => u64::from(config.rate_half),
        MxType::F32 => u64::from(config.rate_f32),
        MxType::S8S8 | MxType::S8U8 | MxType::U8S8 | MxType::U8U8 => 1,
    }
}

fn matrix(config: &NpuConfig, m: &Mx, depthwise: bool, c: &mut Cost, traffic: &mut Vec<Traffic>) {
    let Ok(job) = Job::new(m, depthwise) else { return };
    let wide = |v: u32| u64::from(v);
    let (batch, ng, cg) = (u64::from(m.batch), u64::from(m.ng), u64::from(m.cg));
    let taps = u64::from(m.kh) * u64::from(m.kw);
    let pixels = u64::from(m.oh) * u64::from(m.ow);
    let (r, esz) = (rate(config, m.dtype), u64::from(m.dtype.size()));
    let cycles = if depthwise {
        let lanes = (16 * cg).div_ceil(wide(config.dw_lanes));
        batch * lanes * pixels.div_ceil(wide(config.dw_pixels)) * taps.div_ceil(DW_TAPS) * r
    } else {
        let np = wide(config.mx_channels);
        let reload = (16 * np * esz).div_ceil(wide(config.wport));
        let per_block = (pixels.div_ceil(wide(config.mx_pixels)) * r).max(reload);
        batch * (16 * ng).div_ceil(np) * job.blocks as u64 * (16 / wide(config.mx_depth)) * per_block
    };
    c.occupancy = (PIPELINE + cycles) * TICKS;
    let steps = if depthwise {
        batch * cg * taps
    } else {
        batch * (16 * ng).div_ceil(wide(config.mx_channels)) * job.blocks as u64
    };
    traffic.push(Traffic { set: job.input_runs(), bytes: Some(steps * pixels * 16 * esz) });
    let weights = if depthwise { None } else { Some(batch * ng * job.blocks as u64 * 256 * esz) };
    traffic.push(Traffic { set: vec![job.weight_runs()], bytes: weights });
    c.macs = useful_macs(m, &job);
    c.weighted_macs = c.macs * r;
}

/// MACs of active lanes: taps inside the window, channels that exist.
fn useful_macs(m: &Mx, job: &Job<'_>) -> u64 {
    let count = |outs: u16, taps: u16, inside: &dyn Fn(usize, usize) -> bool| {
        let mut n = 0u64;
        for o in 0..usize::from(outs) {
            n += (0..usize::from(taps)).filter(|&k| inside(o, k)).count() as u64;
        }
        n
    };
    let rows = count(m.oh, m.kh, &|o, k| job.row(o, k).is_some());
    let cols = count(m.ow, m.kw, &|o, k| job.col(o, k).is_some());
    let inputs = match (job.depthwise, m.kpack) {
        (true, _) => 1,
        (false, true) => job.kpack_c as u64,
        (false, false) => (u64::from(m.cg) - 1) * 16 + u64::from(m.clast),
    };
    u64::from(m.batch) * rows * cols * inputs * job.channels() as u64
}

fn vector(config: &NpuConfig, c: &mut Cost, elems: u64, per: u64, wide: bool) {
    let per = per * if wide { 2 } else { 1 };
    c.occupancy = (PIPELINE + elems.div_ceil(u64::from(config.vx_lanes)) * per) * TICKS;
    c.vector = elems * per * TICKS;
}

fn vx(config: &NpuConfig, op: &Op, v: &Vx, c: &mut Cost, traffic: &mut Vec<Traffic>) {
    let uses_a = !matches!(op, Op::Fill(_)) && v.ew().is_none_or(EwFn::uses_a);
    let uses_b = v.b.mem != Mem::Imm
        && match op {
            Op::Ew(_) => v.ew().is_some_and(EwFn::uses_b),
            Op::Ga(_) | Op::Sc(_) => true,
            Op::Scan(_) => v.acc,
            _ => false,
        };
    let elems = match op {
        Op::Sort(_) => v.elems() * u64::from(u64::from(v.n[0].max(2)).next_power_of_two().ilog2()),
        _ => v.elems(),
    };
    let wide = (uses_a && v.a.dt.size() == 8) || (uses_b && v.b.dt.size() == 8) || v.d.dt.size() == 8;
    vector(config, c, elems, cycles_per_element(op, v), wide);
    let n = view::dims(&v.n);
    let indexed = (u64::from(v.form.imm1()), i64::from(v.form.imm0().cast_signed()));
    let mut push = |o: &isa::Operand, dims: view::Dims, index: bool| {
        if o.mem != Mem::Spm {
            return;
        }
        let view = View::new(o);
        if !index {
            traffic.push(Traffic::of(view.runs(&dims)));
            return;
        }
        let size = i64::from(o.dt.size());
        let mut loops: Vec<(u64, i64)> = (0..4).map(|i| (dims[i] as u64, view.s[i])).collect();
        loops.push((indexed.0, indexed.1 * size));
        let set = vec![Runs::new(view.addr, size as u64, &loops)];
        traffic.push(Traffic { set, bytes: Some(v.elems() * size as u64) });
    };
    if uses_a {
        push(&v.a, n, matches!(op, Op::Ga(_)));
    }
    if uses_b {
        let mut dims = n;
        if matches!(op, Op::Scan(_)) {
            dims[usize::from(v.axis & 3)] = 1;
        }
        push(&v.b, dims, false);
    }
    let mut dims = n;
    match op {
        Op::Red(_) => dims[usize::from(v.axis & 3)] = 1,
        Op::Sort(_) => dims[0] = v.form.imm0() as usize,
        _ => {}
    }
    push(&v.d, dims, matches!(op, Op::Sc(_)));
    let reads_d = match v.func {
        VxFn::Ew(f) => f.reads_d(),
        VxFn::Red(_) => v.acc,
        VxFn::Sc(_) => true,
        _ => false,
    };
    if reads_d {
        push(&v.d, dims, matches!(op, Op::Sc(_)));
    }
}

/// The factor c of 6.1. Functions that the table does not name cost 1.
fn cycles_per_element(op: &Op, v: &Vx) -> u64 {
    match op {
        Op::Tr(_) if v.g0 => 2,
        Op::Ga(_) | Op::Sc(_) => 2,
        Op::Scan(_) | Op::Sort(_) => 4,
        Op::Ew(_) => {
            let (a, b, _) = v.form.records();
            let quantised = u64::from(a.is_some() && b.is_some());
            v.ew().map_or(1, |f| function_cycles(f, isa::is_float_class(op))) + quantised
        }
        _ => 1,
    }
}

fn function_cycles(f: EwFn, float: bool) -> u64 {
    match f {
        EwFn::Div | EwFn::Rem | EwFn::Mod if float => 4,
        EwFn::Div | EwFn::Rem | EwFn::Mod => 8,
        EwFn::Sqrt | EwFn::Recip | EwFn::Rsqrt => 4,
        EwFn::Ipow => 16,
        EwFn::Pow | EwFn::Tan => 12,
        f if f.is_transcendental() => 6,
        _ => 1,
    }
}

/// w_b of 6.2: `ceil(t * s_b / (s * port))` cycles for each operand and bank.
fn bank_work(config: &NpuConfig, traffic: &[Traffic], c: &mut Cost) {
    let bank = u64::from(config.bank_bytes());
    let port = u64::from(config.bank_port);
    let mut cycles = vec![0u64; config.spm_banks as usize];
    let mut share = vec![0u64; config.spm_banks as usize];
    for operand in traffic {
        share.fill(0);
        for runs in &operand.set {
            let (lo, len) = runs.hull();
            let last = config.spm_banks as usize - 1;
            let (first_bank, last_bank) = ((lo as u64 / bank) as usize, ((lo as u64 + len - 1) / bank) as usize);
            if first_bank == last_bank {
                share[first_bank.min(last)] += runs.bytes();
                continue;
            }
            let _complete = runs.each(|at, len| {
                let (mut at, end) = (at as u64, at as u64 + len as u64);
                while at < end {
                    let stop = ((at / bank + 1) * bank).min(end);
                    share[((at / bank) as usize).min(last)] += stop - at;
                    at = stop;
                }
                Ok(())
            });
        }
        let total: u64 = share.iter().sum();
        if total == 0 {
            continue;
        }
        let bytes = operand.bytes.unwrap_or(total);
        c.spm_bytes += bytes;
        for (work, &part) in cycles.iter_mut().zip(&share).filter(|(_, part)| **part > 0) {
            *work += (u128::from(bytes) * u128::from(part)).div_ceil(u128::from(total) * u128::from(port)) as u64;
        }
    }
    c.banks = (0..).zip(&cycles).filter(|(_, w)| **w > 0).map(|(b, w)| (b, w * TICKS)).collect();
}

/// DRAM bytes of an instruction as (region, intervals), for the unique bytes of 6.5.
pub(crate) fn dram_intervals(op: &Op, rows: Option<&[(u64, u64)]>) -> Option<(Region, Vec<(u64, u64)>)> {
    match op {
        Op::Ld(d) | Op::St(d) => {
            let mut list = Vec::new();
            let _complete = dma::geometry(d).dram.each(|at, len| {
                list.push((at as u64, at as u64 + len as u64));
                Ok(())
            });
            Some((d.region, list))
        }
        Op::Ldx(d) | Op::Stx(d) => {
            let rows = rows.unwrap_or_default();
            Some((d.region, rows.iter().map(|&(at, len)| (at, at + len)).collect()))
        }
        _ => None,
    }
}
