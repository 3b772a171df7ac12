//! Random vector instructions.

use super::{Gen, Role};
use crate::codes::{Act, Chan, DType, EwFn, Mem, PoolFn, RedFn, Round, RqMode, ScFn, ScanFn, SortFn};
use crate::instr::{Form, Instr, Op, Operand, Pool, Vx, VxFn};

const INTS: &[DType] = &[DType::S8, DType::U8, DType::S16, DType::U16, DType::S32, DType::U32, DType::S64, DType::U64];
const FLOATS: &[DType] = &[DType::F32, DType::F32, DType::F16, DType::Bf16];
const RECORD_SOURCES: &[DType] = &[DType::S8, DType::U8, DType::S16, DType::U16, DType::S32];
const RECORD_DESTS: &[DType] = &[DType::S8, DType::U8, DType::S16, DType::U16];

impl Gen<'_> {
    fn narrowing(&mut self) -> RqMode {
        self.rng.pick(&[RqMode::Wrap, RqMode::Sat])
    }

    fn any_type(&mut self) -> DType {
        self.rng.pick(DType::ALL)
    }

    /// Loop counts for a destination memory: whole rows in ACC.
    fn shape(&mut self, d_mem: Mem, cap: u64) -> ([u16; 4], bool) {
        let mut n = self.counts(cap);
        let g0 = self.rng.one_in(5) && d_mem != Mem::Acc;
        if d_mem == Mem::Acc {
            n = self.counts(cap / 4);
            n[0] = self.rng.pick(&[16, 16, 32]);
            n[1] = n[1].min(3);
            n[2] = n[2].min(2);
            n[3] = 1;
        }
        if g0 {
            n[3] = 1;
        }
        (n, g0)
    }

    /// d in a zone, or exactly in place of `like` where sizes and strides allow.
    fn dest(
        &mut self,
        mem: Mem,
        dt: DType,
        n: [u16; 4],
        g0: bool,
        zone: u64,
        like: Option<Operand>,
    ) -> Option<Operand> {
        if let Some(o) = like
            && o.dt.size() == dt.size()
            && self.rng.one_in(5)
        {
            return Some(Operand { dt, ..o });
        }
        self.operand(mem, dt, n, Role::Dest, g0, zone)
    }

    /// Bits of an immediate for a type: small, or extreme.
    fn immediate(&mut self, dt: DType) -> Form {
        if dt.is_float() {
            return Form::imm(self.float_bits());
        }
        if dt.is_bool() {
            return Form::imm(self.rng.below(2) as u32);
        }
        let (lo, hi) = dt.int_range().unwrap_or((0, 1));
        if dt.size() == 8 {
            return Form::imm64(self.int_value(dt));
        }
        let lo = lo.max(i128::from(i32::MIN)) as i64;
        let hi = hi.min(i128::from(i32::MAX)) as i64;
        let value = match self.rng.below(4) {
            0 => lo,
            1 => hi,
            2 => self.rng.range(lo.max(-5), hi.min(5)),
            _ => self.rng.range(lo, hi),
        };
        Form::imm((value as i32).cast_unsigned())
    }

    /// Operand b in memory, or as an immediate with its form.
    fn b(&mut self, dt: DType, n: [u16; 4], g0: bool, zone: u64, imm_ok: bool) -> Option<(Operand, Form)> {
        let imm_type = !matches!(dt, DType::F16 | DType::Bf16);
        if imm_ok && imm_type && self.rng.one_in(4) {
            let form = self.immediate(dt);
            return Some((Operand { mem: Mem::Imm, dt, ..Operand::default() }, form));
        }
        let acc = matches!(dt, DType::S32 | DType::F32) && self.rng.one_in(6);
        let mem = if acc { Mem::Acc } else { Mem::Spm };
        Some((self.operand(mem, dt, n, Role::Source, g0, zone)?, Form::default()))
    }

    pub(super) fn ew(&mut self) -> Option<Instr> {
        let f = self.rng.pick(EwFn::ALL);
        match f {
            EwFn::Iota => return self.iota(),
            EwFn::Cmov => return self.cmov(),
            _ => {}
        }
        let prm_ok = f.has_float_class() && !matches!(f, EwFn::Fmac | EwFn::Clamp | EwFn::IsInf);
        if prm_ok && self.rng.one_in(4) {
            return self.ew_prm(f);
        }
        let float = !f.has_integer_class() || (f.has_float_class() && self.coin());
        let (a_dt, b_dt, d_dt) = if float { self.float_types(f) } else { self.int_types(f) };
        let d_mem = self.memory(d_dt);
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let a_mem = self.memory(a_dt);
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let mut v = Vx { func: VxFn::Ew(f), a, n, g0, ..Vx::default() };
        if f.uses_b() {
            (v.b, v.form) = self.b(b_dt, n, g0, zones[1], true)?;
            if f.is_shift() && v.b.mem == Mem::Imm {
                v.form = Form::imm64(self.rng.below(u64::from(a_dt.bits())).cast_signed());
            } else if f == EwFn::Idx && v.b.mem == Mem::Imm {
                v.form = Form::imm(1 + self.rng.below(100) as u32);
            }
        }
        if f == EwFn::Clamp {
            let (lo, hi) = (self.immediate(shrink(a_dt)).imm0(), self.immediate(shrink(a_dt)).imm0());
            v.form = Form::Imm { imm0: lo, imm1: hi };
        } else if f == EwFn::IsInf {
            v.form = Form::imm(self.rng.below(4) as u32);
        }
        v.d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(a))?;
        let integer_result = !float && d_dt.is_int() && !f.is_logic() && !f.is_test() && f != EwFn::Ipow;
        if integer_result {
            v.rq = self.narrowing();
        }
        if !d_dt.is_bool() && self.rng.one_in(5) {
            v.act = Act::Relu;
        }
        Some(Instr::new(Op::Ew(v)))
    }

    fn float_types(&mut self, f: EwFn) -> (DType, DType, DType) {
        if f == EwFn::Fmac {
            return (DType::F32, DType::F32, DType::F32);
        }
        let d = if f.is_test() { DType::Bool } else { self.rng.pick(FLOATS) };
        (self.rng.pick(FLOATS), self.rng.pick(FLOATS), d)
    }

    fn int_types(&mut self, f: EwFn) -> (DType, DType, DType) {
        let (a, b, d) = (self.rng.pick(INTS), self.rng.pick(INTS), self.rng.pick(INTS));
        if f.is_logic() {
            let dt = if self.rng.one_in(4) { DType::Bool } else { a };
            return (dt, dt, dt);
        }
        if f.is_compare() {
            let bools = matches!(f, EwFn::Eq | EwFn::Ne) && self.rng.one_in(4);
            return if bools { (DType::Bool, DType::Bool, DType::Bool) } else { (a, b, DType::Bool) };
        }
        if f == EwFn::Mov && self.rng.one_in(8) {
            return (DType::Bool, b, DType::Bool);
        }
        if f == EwFn::Clamp {
            return (shrink(a), b, d);
        }
        (a, b, d)
    }

    fn ew_prm(&mut self, f: EwFn) -> Option<Instr> {
        let quantised = [self.coin(), self.coin(), self.coin()];
        let source = |g: &mut Self, q: bool| if q { g.rng.pick(RECORD_SOURCES) } else { g.rng.pick(FLOATS) };
        let (a_dt, b_dt) = (source(self, quantised[0]), source(self, quantised[1]));
        let d_dt = match (f.is_test(), quantised[2]) {
            (true, _) => DType::Bool,
            (false, true) => self.rng.pick(RECORD_DESTS),
            (false, false) => self.rng.pick(FLOATS),
        };
        let d_mem = self.memory(d_dt);
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let chan = self.rng.pick(Chan::ALL);
        let channels = self.channels(chan, n);
        let rec = |g: &mut Self, on: bool| if on { g.record(channels).map(Some) } else { Some(None) };
        let (aprm, bprm) = (rec(self, quantised[0])?, rec(self, quantised[1] && f.uses_b())?);
        let dprm = rec(self, quantised[2] && !f.is_test())?;
        let (chm_a, chm_d) = (aprm.is_some() && self.coin(), dprm.is_some() && self.coin());
        let a_mem = self.memory(a_dt);
        let mut v = Vx { func: VxFn::Ew(f), n, g0, ..Vx::default() };
        v.a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        if f.uses_b() {
            v.b = self.b(b_dt, n, g0, zones[1], false)?.0;
        }
        v.form = Form::prm(aprm, bprm, dprm);
        if chm_a || chm_d {
            (v.chan, v.chm_a, v.chm_d) = if chan == Chan::None { (chan, false, false) } else { (chan, chm_a, chm_d) };
        }
        let like = v.a;
        v.d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(like))?;
        if !d_dt.is_bool() {
            v.act = self.act(d_dt, &mut v.form);
        }
        Some(Instr::new(Op::Ew(v)))
    }

    /// An activation for form PRM or RQ; sets the bounds of clamp.
    fn act(&mut self, d_dt: DType, form: &mut Form) -> Act {
        match self.rng.below(4) {
            0 => Act::Relu,
            1 if matches!(d_dt, DType::S8 | DType::U8) => {
                let Form::Prm { clo, chi, .. } = form else { return Act::None };
                let (x, y) = (self.rng.below(256) as u8, self.rng.below(256) as u8);
                let swap = if d_dt == DType::S8 { x.cast_signed() > y.cast_signed() } else { x > y };
                (*clo, *chi) = if swap { (y, x) } else { (x, y) };
                Act::Clamp
            }
            _ => Act::None,
        }
    }

    /// Records that a channel choice can reach.
    fn channels(&self, chan: Chan, n: [u16; 4]) -> u64 {
        u64::from(chan.of(n.map(|n| u32::from(n) - 1))) + 1
    }

    fn iota(&mut self) -> Option<Instr> {
        let dt = self.rng.pick(INTS);
        let d_mem = self.memory(dt);
        let (n, g0) = self.shape(d_mem, 96);
        let d = self.operand(d_mem, dt, n, Role::Dest, g0, 3)?;
        let form = Form::imm64(self.int_value(DType::S64));
        let act = if self.rng.one_in(5) { Act::Relu } else { Act::None };
        let (rq, axis) = (self.narrowing(), self.rng.below(4) as u8);
        let a = Operand { dt, ..Operand::default() };
        Some(Instr::new(Op::Ew(Vx { func: VxFn::Ew(EwFn::Iota), a, d, n, g0, form, rq, axis, act, ..Vx::default() })))
    }

    fn cmov(&mut self) -> Option<Instr> {
        let dt = self.any_type();
        let (a_mem, d_mem) = (self.memory(dt), self.memory(dt));
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let a = self.operand(a_mem, dt, n, Role::Source, g0, zones[0])?;
        let b = self.operand(Mem::Spm, DType::Bool, n, Role::Source, g0, zones[1])?;
        let d = self.operand(d_mem, dt, n, Role::Dest, g0, zones[2])?;
        Some(Instr::new(Op::Ew(Vx { func: VxFn::Ew(EwFn::Cmov), a, b, d, n, g0, ..Vx::default() })))
    }

    pub(super) fn rq(&mut self) -> Option<Instr> {
        let rq = self.rng.pick(&[RqMode::F32, RqMode::Single, RqMode::Double, RqMode::Div]);
        let by_float = matches!(rq, RqMode::F32 | RqMode::Div);
        let a_dt = if by_float && self.rng.one_in(4) { DType::S64 } else { DType::S32 };
        let d_dt = self.rng.pick(RECORD_SOURCES);
        let a_mem = if a_dt == DType::S32 && self.coin() { Mem::Acc } else { Mem::Spm };
        let d_mem = self.memory(d_dt);
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let mut v = Vx { a, n, g0, rq, ..Vx::default() };
        v.d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(a))?;
        if self.coin() {
            v.chan = self.rng.pick(Chan::ALL);
            let channels = self.channels(v.chan, n);
            v.form = Form::prm(None, None, Some(self.record(channels)?));
        } else {
            let (mult, shift) = self.multiplier(rq);
            let zp = self.zero_point(d_dt);
            v.form = Form::Imm { imm0: mult, imm1: u32::from(shift.cast_unsigned()) | (zp.cast_unsigned() << 8) };
        }
        v.act = self.act(d_dt, &mut v.form);
        Some(Instr::new(Op::Rq(v)))
    }

    pub(super) fn red(&mut self) -> Option<Instr> {
        let f = self.rng.pick(RedFn::ALL);
        let (a_dt, d_dt) = if f.is_arg() {
            let a = if self.coin() { self.rng.pick(FLOATS) } else { self.rng.pick(INTS) };
            (a, self.rng.pick(&[DType::S32, DType::S64]))
        } else if matches!(f, RedFn::Max | RedFn::Min) && self.rng.one_in(8) {
            (DType::Bool, DType::Bool)
        } else if self.coin() {
            (self.rng.pick(FLOATS), self.rng.pick(FLOATS))
        } else {
            (self.rng.pick(INTS), self.rng.pick(INTS))
        };
        let d_mem = self.memory(d_dt);
        let (mut n, g0) = self.shape(d_mem, 400);
        let mut axis = self.rng.below(if g0 { 3 } else { 4 }) as u8;
        if d_mem == Mem::Acc {
            axis = 1 + self.rng.below(3) as u8;
            n[usize::from(axis)] = self.rng.pick(&[1, 2, 5, 17]);
        }
        let zones = self.zones();
        let a_mem = self.memory(a_dt);
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let mut kept = n;
        kept[usize::from(axis)] = 1;
        let mut s = self.strides(kept, Role::Dest, g0, d_mem == Mem::Acc);
        s[usize::from(axis)] = 0;
        let d = self.placed(d_mem, d_dt, kept, s, Role::Dest, zones[2])?;
        let mut v = Vx { func: VxFn::Red(f), a, d, n, g0, axis, ..Vx::default() };
        if f.is_arg() {
            v.last = self.coin();
            v.form = Form::imm64(self.rng.pick(&[0, 1, 1000, -7, i64::from(i32::MAX) - 8]));
        } else {
            v.acc = self.rng.one_in(3);
            v.rq = if d_dt.is_int() && f != RedFn::Prod { self.narrowing() } else { RqMode::Wrap };
        }
        Some(Instr::new(Op::Red(v)))
    }

    pub(super) fn scan(&mut self) -> Option<Instr> {
        let f = self.rng.pick(ScanFn::ALL);
        let class: &[DType] = if self.coin() { FLOATS } else { INTS };
        let (a_dt, b_dt, d_dt) = (self.rng.pick(class), self.rng.pick(class), self.rng.pick(class));
        let d_mem = self.memory(d_dt);
        let (n, g0) = self.shape(d_mem, 200);
        let axis = self.rng.below(if g0 { 3 } else { 4 }) as u8;
        let zones = self.zones();
        let a_mem = self.memory(a_dt);
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let mut v = Vx { func: VxFn::Scan(f), a, n, g0, axis, acc: self.coin(), excl: self.coin(), ..Vx::default() };
        v.excl &= v.acc || matches!(f, ScanFn::Sum | ScanFn::Prod);
        if v.acc {
            (v.b, v.form) = self.b(b_dt, n, g0, zones[1], true)?;
            v.b.s[usize::from(axis)] = 0; // the hull only shrinks towards element 0 of that axis
        }
        v.d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(a))?;
        v.rq = if d_dt.is_int() && f != ScanFn::Prod { self.narrowing() } else { RqMode::Wrap };
        Some(Instr::new(Op::Scan(v)))
    }

    pub(super) fn cvt(&mut self) -> Option<Instr> {
        let (a_dt, d_dt) = (self.any_type(), self.any_type());
        let (a_mem, d_mem) = (self.memory(a_dt), self.memory(d_dt));
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(a))?;
        let mut v = Vx { a, d, n, g0, ..Vx::default() };
        if a_dt.is_int() && d_dt.is_int() {
            v.rq = self.narrowing();
        } else if a_dt.is_float() && d_dt.is_int() {
            v.rm = self.rng.pick(Round::ALL);
        }
        Some(Instr::new(Op::Cvt(v)))
    }

    pub(super) fn tr(&mut self) -> Option<Instr> {
        let dt = self.any_type();
        let (a_mem, d_mem) = (self.memory(dt), self.memory(dt));
        let (n, g0) = self.shape(d_mem, 128);
        let zones = self.zones();
        let a = self.operand(a_mem, dt, n, Role::Source, g0, zones[0])?;
        let d = self.operand(d_mem, dt, n, Role::Dest, g0, zones[2])?;
        Some(Instr::new(Op::Tr(Vx { a, d, n, g0, ..Vx::default() })))
    }

    pub(super) fn fill(&mut self) -> Option<Instr> {
        let dt = self.any_type();
        let d_mem = self.memory(dt);
        let (n, g0) = self.shape(d_mem, 128);
        let d = self.operand(d_mem, dt, n, Role::Dest, g0, 3)?;
        let bits = self.value_bits(dt, true);
        Some(Instr::new(Op::Fill(Vx { d, n, g0, form: Form::imm64(bits.cast_signed()), ..Vx::default() })))
    }

    pub(super) fn lut(&mut self) -> Option<Instr> {
        let bytes = [DType::S8, DType::U8];
        let (a_dt, d_dt) =
            if self.coin() { (DType::S16, DType::S16) } else { (self.rng.pick(&bytes), self.rng.pick(&bytes)) };
        let (a_mem, d_mem) = (self.memory(a_dt), self.memory(d_dt));
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let a = self.operand(a_mem, a_dt, n, Role::Source, g0, zones[0])?;
        let d = self.dest(d_mem, d_dt, n, g0, zones[2], Some(a))?;
        Some(Instr::new(Op::Lut(Vx { a, d, n, g0, lut: self.rng.below(4) as u8, ..Vx::default() })))
    }

    pub(super) fn sort(&mut self) -> Option<Instr> {
        let a_dt = if self.coin() { self.rng.pick(FLOATS) } else { self.rng.pick(INTS) };
        let d_dt = self.rng.pick(&[DType::S32, DType::S64]);
        let (n, g0) = self.shape(Mem::Spm, 120);
        let zones = self.zones();
        let k = 1 + self.rng.below(u64::from(n[0])) as u16;
        let a = self.operand(Mem::Spm, a_dt, n, Role::Source, g0, zones[0])?;
        let d = self.operand(Mem::Spm, d_dt, [k, n[1], n[2], n[3]], Role::Dest, g0, zones[2])?;
        let func = VxFn::Sort(self.rng.pick(SortFn::ALL));
        Some(Instr::new(Op::Sort(Vx { func, a, d, n, g0, form: Form::imm(u32::from(k)), ..Vx::default() })))
    }

    /// (imm0, imm1) and the hull of the indexed dimension in elements.
    fn index_dimension(&mut self) -> (Form, [i64; 2]) {
        let len = 1 + self.rng.below(7);
        let step = self.rng.range(-4, 12);
        let reach = step * (len.cast_signed() - 1);
        (Form::Imm { imm0: (step as i32).cast_unsigned(), imm1: len as u32 }, [reach.min(0), reach.max(0)])
    }

    /// An operand with an indexed dimension: strides may be 0 where the index replaces them.
    fn indexed_operand(
        &mut self,
        mem: Mem,
        dt: DType,
        n: [u16; 4],
        g0: bool,
        reach: [i64; 2],
        zone: u64,
    ) -> Option<Operand> {
        let mut s = self.strides(n, Role::Source, g0, false);
        s[self.rng.below(3) as usize] = 0;
        let size = i64::from(dt.size());
        let (mut lo, mut hi) = (reach[0] * size, (reach[1] + 1) * size);
        for k in 0..4 {
            let r = size * i64::from(s[k]) * (i64::from(n[k]) - 1);
            lo += r.min(0);
            hi += r.max(0);
        }
        let align = if mem == Mem::Acc { 4 } else { 1 };
        Some(Operand { addr: self.place(mem, zone, (lo, hi), align)?, s, mem, dt })
    }

    pub(super) fn gather(&mut self) -> Option<Instr> {
        let dt = self.any_type();
        let (a_mem, d_mem) = (self.memory(dt), self.memory(dt));
        let (n, g0) = self.shape(d_mem, 96);
        let zones = self.zones();
        let (form, reach) = self.index_dimension();
        let a = self.indexed_operand(a_mem, dt, n, g0, reach, zones[0])?;
        let b_dt = self.rng.pick(&[DType::S32, DType::S64]);
        let b = self.b(b_dt, n, g0, zones[1], false)?.0;
        let d = self.operand(d_mem, dt, n, Role::Dest, g0, zones[2])?;
        Some(Instr::new(Op::Ga(Vx { a, b, d, n, g0, form, ..Vx::default() })))
    }

    pub(super) fn scatter(&mut self) -> Option<Instr> {
        let f = self.rng.pick(ScFn::ALL);
        let dt = if f == ScFn::Set { self.any_type() } else { self.rng.pick(&[FLOATS, INTS].concat()) };
        let a_mem = self.memory(dt);
        let (n, g0) = self.shape(Mem::Spm, 96);
        let zones = self.zones();
        let (form, reach) = self.index_dimension();
        let a = self.operand(a_mem, dt, n, Role::Source, g0, zones[0])?;
        let b_dt = self.rng.pick(&[DType::S32, DType::S64]);
        let b = self.b(b_dt, n, g0, zones[1], false)?.0;
        let d_mem = self.rng.pick(&[Mem::Spm, Mem::Spm, Mem::Prm, Mem::Lut]);
        let d = self.indexed_operand(d_mem, dt, n, g0, reach, zones[2])?;
        Some(Instr::new(Op::Sc(Vx { func: VxFn::Sc(f), a, b, d, n, g0, form, ..Vx::default() })))
    }

    pub(super) fn pool(&mut self) -> Option<Instr> {
        let mut p = Pool { func: self.rng.pick(PoolFn::ALL), ..Pool::default() };
        let quantised = [self.coin(), self.coin()];
        let prm = !p.func.is_arg() && (quantised[0] || quantised[1]) && self.coin();
        p.n0 = self.rng.pick(&[1, 3, 8, 16, 17]);
        if prm {
            p.a_dt = if quantised[0] { self.rng.pick(RECORD_SOURCES) } else { self.rng.pick(FLOATS) };
            p.d_dt = if quantised[1] { self.rng.pick(RECORD_DESTS) } else { self.rng.pick(FLOATS) };
            let channels = u64::from(p.n0);
            let rec = |g: &mut Self, on: bool| if on { g.record(channels).map(Some) } else { Some(None) };
            let (a, d) = (rec(self, quantised[0])?, rec(self, quantised[1])?);
            p.form = Form::prm(a, None, d);
            (p.chm_a, p.chm_d) = (a.is_some() && self.coin(), d.is_some() && self.coin());
            p.chan = if p.chm_a || p.chm_d { Chan::I0 } else { Chan::None };
        } else {
            let class: &[DType] = if p.func.is_avg() || self.coin() { FLOATS } else { INTS };
            (p.a_dt, p.d_dt) = (self.rng.pick(class), self.rng.pick(class));
            if p.func.is_arg() {
                p.d_dt = self.rng.pick(&[DType::S32, DType::S64]);
                p.form = Form::imm64(self.rng.pick(&[0, 5, -9, 1 << 40]));
            } else if p.d_dt.is_int() {
                p.rq = self.narrowing();
            }
        }
        if !p.func.is_arg() {
            p.act = self.act(p.d_dt, &mut p.form);
        }
        self.pool_geometry(&mut p);
        self.pool_places(&mut p)?;
        Some(Instr::new(Op::Pool(p)))
    }

    fn pool_geometry(&mut self, p: &mut Pool) {
        let dim = |g: &mut Self| g.rng.pick(&[1u16, 2, 3, 4, 5]);
        (p.oh, p.ow, p.ih, p.iw) = (dim(self), dim(self), 1 + dim(self), 1 + dim(self));
        (p.kh, p.kw) = (dim(self).min(3), dim(self).min(4));
        (p.sy, p.sx) = (self.rng.pick(&[1, 1, 2, 3]), self.rng.pick(&[1, 1, 2, 3]));
        (p.dy, p.dx) = (self.rng.pick(&[1, 1, 2]), self.rng.pick(&[1, 1, 2]));
        (p.iy0, p.ix0) = (self.rng.range(-2, 1) as i16, self.rng.range(-2, 1) as i16);
        if p.func == PoolFn::AvgPad {
            (p.pb, p.pr) = (self.rng.below(3) as u8, self.rng.below(3) as u8);
        }
    }

    fn pool_places(&mut self, p: &mut Pool) -> Option<()> {
        let zones = self.zones();
        (p.a_mem, p.d_mem) = (self.memory(p.a_dt), self.memory(p.d_dt));
        if p.d_mem == Mem::Acc {
            p.n0 = 16;
            if p.chan == Chan::I0 {
                p.form = match p.form {
                    Form::Prm { aprm, dprm, clo, chi, .. } => {
                        let room = |rec: Option<u16>| rec.map(|r| r.saturating_sub(16));
                        Form::Prm { aprm: room(aprm), bprm: None, dprm: room(dprm), clo, chi }
                    }
                    form => form,
                };
            }
        }
        let gap = if p.d_mem == Mem::Acc { 0 } else { self.rng.below(3) as i32 };
        let n0 = i32::from(p.n0);
        (p.d_sx, p.d_sy) = (n0 + gap, (n0 + gap) * i32::from(p.ow));
        (p.a_sx, p.a_sy) = (n0 + gap, (n0 + gap) * i32::from(p.iw));
        if self.rng.one_in(6) {
            (p.a_sx, p.a_sy) = (self.rng.range(-3, 9) as i32, self.rng.range(-9, 20) as i32);
        }
        let n = |h: u16, w: u16| [p.n0, w, h, 1];
        let (n_a, n_d) = (n(p.ih, p.iw), n(p.oh, p.ow));
        let (s_a, s_d) = ([1, p.a_sx, p.a_sy, 0], [1, p.d_sx, p.d_sy, 0]);
        p.a_addr = self.placed(p.a_mem, p.a_dt, n_a, s_a, Role::Source, zones[0])?.addr;
        p.d_addr = self.placed(p.d_mem, p.d_dt, n_d, s_d, Role::Dest, zones[2])?.addr;
        Some(())
    }
}

/// A type that clamp may have.
fn shrink(dt: DType) -> DType {
    match dt {
        DType::S64 => DType::S32,
        DType::U64 => DType::U32,
        other => other,
    }
}
