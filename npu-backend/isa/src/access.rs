//! Which bytes an instruction reads and writes (2.4, 4.2), from its descriptor alone.
//!
//! Exact, except for the index dimension of LDX, STX, GA and SC: there the whole range 0..len counts, and an indexed
//! write counts as a read and a write of it. Masked lanes and taps outside the window are not in the sets.

use crate::codes::{Chan, EwFn, Region, RqMode};
use crate::config::{LUT_BYTES, NpuConfig};
use crate::instr::{Dma, IndexedDma, Instr, Op, Operand, Pool, Vx, VxFn};
use crate::runs::{Descriptor, Loops, Run, Space};
use crate::traps::TrapCode;

/// Sizes of the address spaces in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// By [`Space::index`].
    pub bytes: [u64; Space::COUNT],
}

impl Limits {
    /// The limits of a machine and of the regions of a program.
    pub fn new(config: &NpuConfig, region_sizes: &[u64; 4]) -> Self {
        let local = [config.spm_bytes, config.prm_bytes(), LUT_BYTES, config.acc_bytes()].map(u64::from);
        let mut bytes = [0; Space::COUNT];
        bytes[..4].copy_from_slice(&local);
        bytes[4..].copy_from_slice(region_sizes);
        Limits { bytes }
    }
    /// Size of a space.
    pub fn of(&self, space: Space) -> u64 {
        self.bytes[space.index()]
    }
}

/// A broken rule of one instruction.
pub type Problem = (TrapCode, String);

/// Byte sets of one instruction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccessSets {
    /// Sources: operands, records, tables, indices.
    pub reads: Vec<Run>,
    /// Reads of the destination (cmov, fmac, SC, STX, acc, ACCUMULATE): part of `writes` too.
    pub rmw: Vec<Run>,
    /// Destinations.
    pub writes: Vec<Run>,
}

impl AccessSets {
    /// Sources and reads of the destination.
    pub fn all_reads(&self) -> impl Iterator<Item = &Run> {
        self.reads.iter().chain(&self.rmw)
    }
}

/// The descriptors of one instruction, before any check. Roles stay apart because the rules of `check` need them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Descriptors {
    /// Sources.
    pub reads: Vec<Descriptor>,
    /// Reads of the destination.
    pub rmw: Vec<Descriptor>,
    /// Destinations.
    pub writes: Vec<Descriptor>,
    /// Index into `reads` of VX operand a and b.
    pub a: Option<usize>,
    /// As `a`.
    pub b: Option<usize>,
}

/// The byte sets of a legal instruction.
///
/// # Errors
/// `E_BOUNDS` of the first set that does not lie in its space.
pub fn access_sets(instr: &Instr, limits: &Limits) -> Result<AccessSets, Problem> {
    let d = descriptors(&instr.op);
    let place = |list: &[Descriptor]| list.iter().map(|d| in_bounds(d, limits)).collect::<Result<Vec<_>, _>>();
    Ok(AccessSets { reads: place(&d.reads)?, rmw: place(&d.rmw)?, writes: place(&d.writes)? })
}

/// The canonical set of a descriptor that lies in its space.
pub(crate) fn in_bounds(d: &Descriptor, limits: &Limits) -> Result<Run, Problem> {
    let (lo, hi) = d.hull();
    let size = limits.of(d.space);
    if lo < 0 || hi > i128::from(size) {
        return Err((TrapCode::Bounds, format!("{} {lo:#x}..{hi:#x} of {size:#x} bytes", d.space)));
    }
    Ok(d.run())
}

pub(crate) fn descriptors(op: &Op) -> Descriptors {
    match op {
        Op::Nop | Op::Fence | Op::Halt | Op::SegmentEnd { .. } => Descriptors::default(),
        Op::Poison(p) => {
            let space = Space::local(p.mem).unwrap_or(Space::Dram(p.region));
            let whole = Descriptor { space, base: i128::from(p.off), len: p.len, loops: Loops::new() };
            Descriptors { writes: vec![whole], ..Descriptors::default() }
        }
        Op::Ld(d) => Descriptors { reads: vec![dram_box(d)], writes: vec![local_box(d)], ..Descriptors::default() },
        Op::St(d) => Descriptors { reads: vec![local_box(d)], writes: vec![dram_box(d)], ..Descriptors::default() },
        Op::Ldx(d) => {
            let [rows, index, local] = indexed(d);
            Descriptors { reads: vec![rows, index], writes: vec![local], ..Descriptors::default() }
        }
        Op::Stx(d) => {
            let [rows, index, local] = indexed(d);
            Descriptors { reads: vec![local, index], rmw: vec![rows.clone()], writes: vec![rows], ..Default::default() }
        }
        Op::MxConv(m) => crate::access_mx::mx(m, false),
        Op::MxDw(m) => crate::access_mx::mx(m, true),
        Op::Pool(p) => pool(p),
        op => op.vx().map(|v| vx(op, v)).unwrap_or_default(),
    }
}

fn dram_box(d: &Dma) -> Descriptor {
    let loops = (0..3).map(|k| (u64::from(d.n[k + 1]), i128::from(d.dram_s[k]))).collect();
    let len = u64::from(d.n[0]) * u64::from(d.esz);
    Descriptor { space: Space::Dram(d.region), base: i128::from(d.dram_off), len, loops }
}

fn local_box(d: &Dma) -> Descriptor {
    let padded = |k: usize| u64::from(d.n[k]) + u64::from(d.lo[k]) + u64::from(d.hi[k]);
    let counts = [padded(1), padded(2), u64::from(d.n[3])];
    let loops = counts.iter().zip(d.loc_s).map(|(&c, s)| (c, i128::from(s))).collect();
    let space = Space::local(d.mem).unwrap_or(Space::Spm); // legality excludes other memories
    Descriptor { space, base: i128::from(d.loc_addr), len: padded(0) * u64::from(d.esz), loops }
}

/// [DRAM rows over the whole index range, indices, local rows].
fn indexed(d: &IndexedDma) -> [Descriptor; 3] {
    let [n0, n1, n2, n3] = d.n.map(u64::from);
    let len = n0 * u64::from(d.esz);
    let rows = Descriptor {
        space: Space::Dram(d.region),
        base: i128::from(d.dram_off),
        len,
        loops: [(u64::from(d.len), d.row_s.into()), (n2, d.dram_s2.into()), (n3, d.dram_s3.into())].into(),
    };
    let size = if d.idx64 { 8 } else { 4 };
    let index = Descriptor {
        space: Space::Spm,
        base: i128::from(d.idx_addr),
        len: size,
        loops: [(n1, i128::from(size)), (n2, i128::from(size) * i128::from(d.idx_s2))].into(),
    };
    let loops = [n1, n2, n3].iter().zip(d.loc_s).map(|(&c, s)| (c, i128::from(s))).collect();
    let space = Space::local(d.mem).unwrap_or(Space::Spm); // legality excludes other memories
    [rows, index, Descriptor { space, base: i128::from(d.loc_addr), len, loops }]
}

/// An operand's elements over loop counts.
fn operand(o: &Operand, n: [u64; 4]) -> Option<Descriptor> {
    let size = i128::from(o.dt.size());
    let loops = n.iter().zip(o.s).map(|(&c, s)| (c, size * i128::from(s))).collect();
    let space = Space::local(o.mem)?;
    Some(Descriptor { space, base: i128::from(o.addr), len: u64::from(o.dt.size()), loops })
}

/// Bytes of PRM records `rec + channel` that an instruction reads: `offset..offset+len` of each.
fn records(rec: u16, offset: u64, len: u64, loops: Loops) -> Descriptor {
    Descriptor { space: Space::Prm, base: i128::from(16 * u64::from(rec) + offset), len, loops }
}

/// Steps of the record number over the loops, in bytes.
fn channel_loops(chan: Chan, n: [u64; 4]) -> Loops {
    let one = |k: usize| Loops::from([(n[k], 16)]);
    let two = |k: usize| Loops::from([(n[0], 16), (n[k], 256)]);
    match chan {
        Chan::None => Loops::new(),
        Chan::I0 => one(0),
        Chan::I1 => one(1),
        Chan::I2 => one(2),
        Chan::I3 => one(3),
        Chan::I0I1 => two(1),
        Chan::I0I2 => two(2),
        Chan::I0I3 => two(3),
    }
}

/// Scale and zero point of a record; RQ_SINGLE and RQ_DOUBLE also read the shift.
fn push_records(out: &mut Vec<Descriptor>, op: &Op, v: &Vx, n: [u64; 4]) {
    let (a, b, d) = v.form.records();
    let len = if matches!(op, Op::Rq(_)) && matches!(v.rq, RqMode::Single | RqMode::Double) { 9 } else { 8 };
    let advance = |on: bool| if on { channel_loops(v.chan, n) } else { Loops::new() };
    out.extend(a.map(|rec| records(rec, 4, 8, advance(v.chm_a))));
    out.extend(b.map(|rec| records(rec, 4, 8, Loops::new())));
    out.extend(d.map(|rec| records(rec, 4, len, advance(v.chm_d || matches!(op, Op::Rq(_))))));
}

/// The loops of operand d, which RED and SORT do not run in full.
fn dest_counts(op: &Op, v: &Vx) -> [u64; 4] {
    let mut n = v.n.map(u64::from);
    match op {
        Op::Red(_) => n[usize::from(v.axis)] = 1,
        Op::Sort(_) => n[0] = u64::from(v.form.imm0()),
        _ => {}
    }
    n
}

fn vx(op: &Op, v: &Vx) -> Descriptors {
    let n = v.n.map(u64::from);
    let mut out = Descriptors::default();
    let uses_a = !matches!(op, Op::Fill(_)) && v.ew().is_none_or(EwFn::uses_a);
    let uses_b = match op {
        Op::Ew(_) => v.ew().is_some_and(EwFn::uses_b),
        Op::Ga(_) | Op::Sc(_) => true,
        Op::Scan(_) => v.acc,
        _ => false,
    };
    // the dimension that an index replaces: imm1 steps of imm0 elements
    let indexed = (u64::from(v.form.imm1()), i128::from(v.form.imm0().cast_signed()) * i128::from(v.d.dt.size()));
    if let Some(mut a) = operand(&v.a, n).filter(|_| uses_a) {
        if matches!(op, Op::Ga(_)) {
            a.loops.push(indexed);
        }
        out.a = Some(out.reads.len());
        out.reads.push(a);
    }
    if let Some(b) = operand(&v.b, n).filter(|_| uses_b) {
        out.b = Some(out.reads.len());
        out.reads.push(b);
    }
    push_records(&mut out.reads, op, v, n);
    if matches!(op, Op::Lut(_)) {
        let len = if v.a.dt.size() == 1 { 256 } else { 1026 };
        out.reads.push(Descriptor { space: Space::Lut, base: i128::from(v.lut) * 2048, len, loops: Loops::new() });
    }
    if let Some(mut d) = operand(&v.d, dest_counts(op, v)) {
        if matches!(op, Op::Sc(_)) {
            d.loops.push(indexed);
        }
        let reads_d = match v.func {
            VxFn::Ew(f) => f.reads_d(),
            VxFn::Red(_) => v.acc,
            VxFn::Sc(_) => true,
            _ => false,
        };
        out.rmw.extend(reads_d.then(|| d.clone()));
        out.writes.push(d);
    }
    out
}

fn pool(p: &Pool) -> Descriptors {
    let rows = crate::access_mx::axis(p.iy0, p.oh, p.sy.into(), p.kh, p.dy.into(), p.ih, None);
    let cols = crate::access_mx::axis(p.ix0, p.ow, p.sx.into(), p.kw, p.dx.into(), p.iw, None);
    let size = i128::from(p.a_dt.size());
    let (sy, sx) = (i128::from(p.a_sy) * size, i128::from(p.a_sx) * size);
    let mut out = Descriptors::default();
    let space = Space::local(p.a_mem).unwrap_or(Space::Spm); // legality excludes other memories
    for y in &rows {
        for x in &cols {
            out.reads.push(Descriptor {
                space,
                base: i128::from(p.a_addr) + i128::from(y.start) * sy + i128::from(x.start) * sx,
                len: u64::from(p.n0) * u64::from(p.a_dt.size()),
                loops: y.loops(sy).into_iter().chain(x.loops(sx)).collect(),
            });
        }
    }
    let (a, _, d) = p.form.records();
    let advance = |on: bool| if on { Loops::from([(u64::from(p.n0), 16)]) } else { Loops::new() };
    out.reads.extend(a.map(|rec| records(rec, 4, 8, advance(p.chm_a))));
    out.reads.extend(d.map(|rec| records(rec, 4, 8, advance(p.chm_d))));
    let size = i128::from(p.d_dt.size());
    out.writes.push(Descriptor {
        space: Space::local(p.d_mem).unwrap_or(Space::Spm),
        base: i128::from(p.d_addr),
        len: u64::from(p.n0) * u64::from(p.d_dt.size()),
        loops: [(u64::from(p.ow), i128::from(p.d_sx) * size), (u64::from(p.oh), i128::from(p.d_sy) * size)].into(),
    });
    out
}

/// The DRAM region of a descriptor.
pub(crate) fn region(d: &Descriptor) -> Option<Region> {
    match d.space {
        Space::Dram(region) => Some(region),
        _ => None,
    }
}
