//! Memory images whose bytes make sense to an instruction: typed values, legal records, indices in range.

use super::values::{bits, int, multiplier};
use crate::access::{AccessSets, Limits, access_sets};
use crate::codes::{AccTag, DType, EwFn, Mem, RqMode};
use crate::instr::{Form, Instr, Op, Vx};
use crate::rng::SplitMix64;
use crate::runs::{Run, Space};

/// Contents of all memories, every byte initialised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// By [`Space::index`].
    pub bytes: [Vec<u8>; Space::COUNT],
    /// Tag of each ACC row.
    pub tags: Vec<AccTag>,
}

/// How to draw the elements of one operand.
#[derive(Clone, Copy)]
enum Draw {
    /// Any value of the type.
    Any { special: bool },
    /// Indices of a dimension of this length.
    Index(u64),
    /// Shift amounts for this width.
    Shift(u32),
    /// As Any, but not 0.
    NonZero,
    /// Small exponents.
    Small,
    /// Positive lengths.
    Positive,
}

impl Image {
    /// Random bytes everywhere, legal records in PRM.
    pub fn random(limits: &Limits, seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed);
        let bytes = limits.bytes.map(|size| {
            let words = (size as usize).div_ceil(8);
            let mut data: Vec<u8> = (0..words).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
            data.truncate(size as usize);
            data
        });
        let rows = limits.of(Space::Acc) / 64;
        let tags = (0..rows).map(|_| rng.pick(AccTag::ALL)).collect();
        let mut image = Image { bytes, tags };
        for record in 0..limits.of(Space::Prm) / 16 {
            image.record(&mut rng, record, RqMode::F32, DType::F32);
        }
        image
    }

    /// Writes data that suits an instruction at everything it reads.
    pub fn prepare(&mut self, instr: &Instr, limits: &Limits, seed: u64) {
        let mut rng = SplitMix64::new(seed);
        let Ok(sets) = access_sets(instr, limits) else { return };
        match &instr.op {
            Op::MxConv(m) | Op::MxDw(m) => {
                let special = rng.one_in(4);
                for run in &sets.reads {
                    match run.space {
                        Space::Prm => self.records(
                            &mut rng,
                            run,
                            RqMode::F32,
                            if m.dtype.is_float() { DType::F32 } else { DType::S32 },
                        ),
                        _ => self.fill(&mut rng, run, m.dtype.activation(), Draw::Any { special }),
                    }
                }
                for run in &sets.rmw {
                    let dt = if m.dtype.is_float() { DType::F32 } else { DType::S32 };
                    let special = rng.one_in(4);
                    self.fill(&mut rng, run, dt, Draw::Any { special });
                    self.tag(run, m.dtype.tag());
                }
            }
            Op::Pool(p) => {
                let special = rng.one_in(3);
                let (input, records) = sets.reads.split_at(sets.reads.len() - record_count(&p.form));
                for run in input {
                    self.fill(&mut rng, run, p.a_dt, Draw::Any { special });
                }
                for run in records {
                    self.records(&mut rng, run, RqMode::F32, p.d_dt);
                }
            }
            Op::Ldx(d) | Op::Stx(d) => {
                let index = &sets.reads[1];
                let dt = if d.idx64 { DType::S64 } else { DType::S32 };
                self.fill(&mut rng, index, dt, Draw::Index(u64::from(d.len)));
            }
            Op::St(d) if d.mem == Mem::Acc => sets.reads.iter().for_each(|run| self.tag(run, d.tag)),
            op => {
                if let Some(v) = op.vx() {
                    self.prepare_vx(&mut rng, op, v, &sets.reads, &sets.rmw);
                }
            }
        }
    }

    fn prepare_vx(&mut self, rng: &mut SplitMix64, op: &Op, v: &Vx, reads: &[Run], rmw: &[Run]) {
        let special = rng.one_in(3);
        let (uses_a, uses_b) = operands(op, v);
        let length = u64::from(v.form.imm1());
        let b_draw = match (op, v.ew()) {
            (Op::Ga(_) | Op::Sc(_), _) => Draw::Index(length),
            (_, Some(EwFn::Shl | EwFn::Shr | EwFn::ShrRound)) => Draw::Shift(v.a.dt.bits()),
            (_, Some(EwFn::Div | EwFn::Mod | EwFn::Rem)) if v.b.dt.is_int() => Draw::NonZero,
            (_, Some(EwFn::Ipow)) => Draw::Small,
            (_, Some(EwFn::Idx)) => Draw::Positive,
            _ => Draw::Any { special },
        };
        let a_draw = match v.ew() {
            Some(EwFn::Idx) if v.b.mem != Mem::Imm => Draw::Index(20),
            Some(EwFn::Idx) => Draw::Index(v.form.as_imm64().unsigned_abs().min(1 << 30)),
            _ => Draw::Any { special },
        };
        // records first: operands in PRM may lie on them and matter more
        let count = usize::from(uses_a) + usize::from(uses_b);
        for run in reads.iter().skip(count).filter(|r| r.space == Space::Prm) {
            self.records(rng, run, v.rq, v.d.dt);
        }
        for run in rmw {
            self.fill(rng, run, v.d.dt, Draw::Any { special });
        }
        let mut operand = reads.iter();
        if uses_a && let Some(run) = operand.next() {
            self.fill(rng, run, v.a.dt, a_draw);
        }
        if uses_b && let Some(run) = operand.next() {
            self.fill(rng, run, v.b.dt, b_draw);
        }
    }

    /// Writes an element in every place of a run; in ACC also the row tags.
    fn fill(&mut self, rng: &mut SplitMix64, run: &Run, dt: DType, draw: Draw) {
        let size = dt.size() as usize;
        for (start, end) in run.intervals() {
            let mut at = start as usize;
            while at + size <= end as usize {
                let value = element(rng, dt, draw).to_le_bytes();
                self.bytes[run.space.index()][at..at + size].copy_from_slice(&value[..size]);
                at += size;
            }
        }
        if run.space == Space::Acc {
            self.tag(run, if dt == DType::F32 { AccTag::F32 } else { AccTag::I32 });
        }
    }

    fn tag(&mut self, run: &Run, tag: AccTag) {
        for (start, end) in run.intervals() {
            for row in start / 64..end.div_ceil(64) {
                self.tags[row as usize] = tag;
            }
        }
    }

    fn records(&mut self, rng: &mut SplitMix64, run: &Run, rq: RqMode, d_dt: DType) {
        for (start, end) in run.intervals() {
            for record in start / 16..end.div_ceil(16) {
                self.record(rng, record, rq, d_dt);
            }
        }
    }

    /// One legal record: bias of the class of `d_dt`, scale or multiplier of `rq`, zero point, shift, zw.
    fn record(&mut self, rng: &mut SplitMix64, record: u64, rq: RqMode, d_dt: DType) {
        let bias_type = if d_dt.is_float() { DType::F32 } else { DType::S32 };
        let special = rng.one_in(8);
        let bias = bits(rng, bias_type, special) as u32;
        let (mult, shift) = multiplier(rng, rq);
        let mult = if rng.one_in(400) { rng.pick(&[0x7FC0_0000, 0x7F80_0000, 0xBF80_0000]) } else { mult };
        let zp_type = rng.pick(&[DType::S8, DType::U8, DType::U8]);
        let zp = int(rng, zp_type, true).clamp(-128, 255) as i32;
        let zw = rng.range(-128, 255) as i16;
        let at = record as usize * 16;
        let out = &mut self.bytes[Space::Prm.index()][at..at + 16];
        out[0..4].copy_from_slice(&bias.to_le_bytes());
        out[4..8].copy_from_slice(&mult.to_le_bytes());
        out[8..12].copy_from_slice(&zp.to_le_bytes());
        out[12] = shift.cast_unsigned();
        out[13] = 0;
        out[14..16].copy_from_slice(&zw.to_le_bytes());
    }
}

/// Records that a form names.
fn record_count(form: &Form) -> usize {
    let (a, b, d) = form.records();
    [a, b, d].iter().flatten().count()
}

/// The reads of an instruction that trap on unsuitable data: records, indices, divisors, shifts, bools.
pub(super) fn fragile(instr: &Instr, sets: &AccessSets) -> Vec<Run> {
    let reads = &sets.reads;
    match &instr.op {
        Op::MxConv(_) | Op::MxDw(_) => reads.iter().filter(|r| r.space == Space::Prm).cloned().collect(),
        Op::Pool(p) => reads[reads.len() - record_count(&p.form)..].to_vec(),
        Op::Ldx(_) | Op::Stx(_) => vec![reads[1].clone()],
        op => op.vx().map(|v| fragile_vx(op, v, sets)).unwrap_or_default(),
    }
}

fn fragile_vx(op: &Op, v: &Vx, sets: &AccessSets) -> Vec<Run> {
    let (uses_a, uses_b) = operands(op, v);
    let mut out = Vec::new();
    let mut reads = sets.reads.iter();
    if uses_a && let Some(a) = reads.next() {
        out.extend((v.a.dt.is_bool() || v.ew() == Some(EwFn::Idx)).then(|| a.clone()));
    }
    if uses_b && let Some(b) = reads.next() {
        let divides = v.b.dt.is_int() && matches!(v.ew(), Some(EwFn::Div | EwFn::Mod | EwFn::Rem));
        let indexes = matches!(op, Op::Ga(_) | Op::Sc(_)) || matches!(v.ew(), Some(EwFn::Idx | EwFn::Ipow));
        let suits = divides || indexes || v.b.dt.is_bool() || v.ew().is_some_and(EwFn::is_shift);
        out.extend(suits.then(|| b.clone()));
    }
    out.extend(reads.filter(|r| r.space == Space::Prm).cloned());
    if v.d.dt.is_bool() {
        out.extend(sets.rmw.iter().cloned());
    }
    out
}

/// Whether operands a and b are read from memory.
fn operands(op: &Op, v: &Vx) -> (bool, bool) {
    let uses_a = !matches!(op, Op::Fill(_)) && v.ew().is_none_or(EwFn::uses_a);
    let uses_b = match op {
        Op::Ew(_) => v.ew().is_some_and(EwFn::uses_b),
        Op::Ga(_) | Op::Sc(_) => true,
        Op::Scan(_) => v.acc,
        _ => false,
    };
    (uses_a, uses_b && v.b.mem != Mem::Imm)
}

/// One element, as little-endian bits.
fn element(rng: &mut SplitMix64, dt: DType, draw: Draw) -> u64 {
    let rare = rng.one_in(2000); // a run-time trap now and then
    match draw {
        Draw::Any { .. } if dt.is_bool() && rare => 2,
        Draw::Any { special } => bits(rng, dt, special),
        Draw::Index(len) => {
            let len = len.cast_signed();
            let lowest = if dt.is_signed_int() { -len } else { 0 };
            let value = if rare || len == 0 { len } else { rng.range(lowest, len - 1) };
            value.cast_unsigned()
        }
        Draw::Shift(width) => rng.below(u64::from(width) + u64::from(rare)),
        Draw::NonZero if rare => 0,
        Draw::NonZero => {
            let value = bits(rng, dt, true);
            if value == 0 { 1 } else { value }
        }
        Draw::Small => rng.below(12),
        Draw::Positive => 20 + rng.below(80),
    }
}
