//! What a decoded instruction must satisfy beyond the widths of its fields: unused fields are 0, types and functions
//! fit each other, counts are not 0 (`E_DECODE`). Section 4 and the definitions of section 3.

use crate::codes::{Act, Chan, DType, EwFn, Init, Mem, PoolFn, Region, Round, RqMode, ScFn, ScanFn};
use crate::instr::{Dma, Form, IndexedDma, Instr, Mx, Op, Operand, Poison, Pool, Token, Vx, VxFn};

/// Result of a rule: the sentence that is false.
pub(crate) type Rule = Result<(), String>;

macro_rules! ensure {
    ($cond:expr, $($text:tt)+) => { if !$cond { return Err(format!($($text)+)); } };
}

/// Checks one instruction.
///
/// # Errors
/// The first rule that does not hold.
pub fn check(instr: &Instr) -> Rule {
    ensure!(instr.op.allows(instr.eng), "engine {} does not execute this operation", instr.eng);
    tokens(&instr.waits, "wait")?;
    tokens(&instr.signals, "signal")?;
    match &instr.op {
        Op::Nop | Op::Fence | Op::Halt | Op::SegmentEnd { .. } => Ok(()),
        Op::Poison(p) => poison(p),
        Op::Ld(d) => dma(d, true),
        Op::St(d) => dma(d, false),
        Op::Ldx(d) | Op::Stx(d) => indexed(d),
        Op::MxConv(m) => mx(m, false),
        Op::MxDw(m) => mx(m, true),
        Op::Pool(p) => pool(p),
        op => vx(op),
    }
}

fn tokens(slots: &[Option<Token>; 2], what: &str) -> Rule {
    ensure!(slots[0].is_some() || slots[1].is_none(), "second {what} without a first");
    for token in slots.iter().flatten() {
        ensure!(token.sem < 64 && (1..64).contains(&token.n), "{what} s{}:{} is out of range", token.sem, token.n);
    }
    if let [Some(a), Some(b)] = slots {
        ensure!(a.sem != b.sem, "two {what}s name s{}", a.sem);
    }
    Ok(())
}

fn poison(p: &Poison) -> Rule {
    ensure!(p.mem != Mem::Imm, "mem imm");
    ensure!(p.mem == Mem::Dram || p.region == Region::R0, "region is used with mem dram only");
    ensure!(p.len > 0, "len = 0");
    Ok(())
}

fn element_size(esz: u8) -> Rule {
    ensure!(matches!(esz, 1 | 2 | 4 | 8), "esz = {esz}");
    Ok(())
}

fn counts(n: &[u16]) -> Rule {
    ensure!(n.iter().all(|&n| n > 0), "a count is 0");
    Ok(())
}

fn dma(d: &Dma, load: bool) -> Rule {
    element_size(d.esz)?;
    counts(&d.n)?;
    ensure!(matches!(d.mem, Mem::Spm | Mem::Prm | Mem::Lut | Mem::Acc), "mem {}", d.mem);
    ensure!(d.mem == Mem::Acc || d.tag.code() == 0, "tag is used with mem acc only");
    ensure!(load || !d.padmode, "padmode is for LD only");
    if !d.padmode {
        ensure!(d.fill == 0 && d.lo == [0; 3] && d.hi == [0; 3], "fill, lo, hi are used with padmode only");
    } else if d.esz < 4 {
        ensure!(u64::from(d.fill) < 1 << (8 * d.esz), "fill has bits beyond the element");
    }
    Ok(())
}

fn indexed(d: &IndexedDma) -> Rule {
    element_size(d.esz)?;
    counts(&d.n)?;
    ensure!(matches!(d.mem, Mem::Spm | Mem::Prm | Mem::Lut), "mem {}", d.mem);
    ensure!(d.len > 0, "len = 0");
    Ok(())
}

fn mx(m: &Mx, depthwise: bool) -> Rule {
    ensure!(m.oh > 0 && m.ow > 0 && m.ih > 0 && m.iw > 0 && m.cg > 0 && m.ng > 0, "a count is 0");
    ensure!((1..=16).contains(&m.clast), "clast = {}", m.clast);
    ensure!((1..=16).contains(&m.nlast), "nlast = {}", m.nlast);
    for (name, z) in [("zx", m.zx), ("zw", m.zw)] {
        ensure!((-128..=255).contains(&z), "{name} = {z} is outside -128..=255");
    }
    if m.dtype.is_float() {
        ensure!(m.zx == 0 && m.zw == 0 && !m.zxm && !m.zwm, "zero points are for integers only");
    }
    ensure!(!m.zxm || m.zx == 0, "zx is unused with zxm");
    ensure!(!m.zwm || m.zw == 0, "zw is unused with zwm");
    ensure!(m.zxm || m.zx_rec == 0, "zx_rec is used with zxm only");
    ensure!(m.zwm || m.init == Init::Bias || m.prm_rec == 0, "prm_rec is used with init bias or zwm only");
    ensure!(m.ring_len > 0 || m.ring_off == 0, "ring_off is used with ring_len only");
    if depthwise {
        ensure!(!m.kpack, "kpack in a depthwise convolution");
        ensure!(m.ng == 1 && m.nlast == m.clast, "depthwise has ng = 1 and nlast = clast");
    }
    if m.kpack {
        kpack(m)?;
    }
    Ok(())
}

/// kpack: cg and clast count the packed order q = kx*C + c.
fn kpack(m: &Mx) -> Rule {
    let esz = m.dtype.size();
    ensure!(m.dx == 1, "kpack needs dx = 1");
    ensure!(m.in_sc == 0, "in_sc is unused with kpack");
    ensure!(m.in_sx > 0 && m.in_sx.is_multiple_of(esz), "kpack: in_sx is not a number of channels");
    let lanes = u64::from(m.kw) * u64::from(m.in_sx / esz);
    let (cg, clast) = (lanes.div_ceil(16), (lanes - 1) % 16 + 1);
    ensure!(u64::from(m.cg) == cg && u64::from(m.clast) == clast, "kpack: cg, clast must be {cg}, {clast}");
    Ok(())
}

/// Which immediates a function uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ImmUse {
    None,
    Low,
    Both,
}

fn immediates(form: &Form, used: ImmUse) -> Rule {
    if let Form::Imm { imm0, imm1 } = *form {
        ensure!(used != ImmUse::None || imm0 == 0, "imm0 is unused");
        ensure!(used == ImmUse::Both || imm1 == 0, "imm1 is unused");
    }
    Ok(())
}

pub(crate) fn acc_type_of(o: &Operand, name: &str) -> Rule {
    operand(o, name)
}

fn operand(o: &Operand, name: &str) -> Rule {
    ensure!(matches!(o.mem, Mem::Spm | Mem::Prm | Mem::Lut | Mem::Acc), "{name}_mem {}", o.mem);
    acc_type(o.mem, o.dt, name)
}

fn acc_type(mem: Mem, dt: DType, name: &str) -> Rule {
    ensure!(mem != Mem::Acc || matches!(dt, DType::S32 | DType::F32), "{name} in ACC has type {dt}, not s32 or f32");
    Ok(())
}

/// Everything that the operations with `Vx` fields share; then the rules of each.
fn vx(op: &Op) -> Rule {
    let Some(v) = op.vx() else { return Ok(()) };
    counts(&v.n)?;
    if v.g0 {
        ensure!(v.n[3] == 1, "g0 needs n3 = 1");
        ensure!([v.a.s[3], v.b.s[3], v.d.s[3]] == [0; 3], "g0 has no stride of dimension 3");
    }
    operand(&v.d, "d")?;
    unused_flags(op, v)?;
    let prm_allowed = matches!(op, Op::Rq(_) | Op::Ew(_));
    ensure!(prm_allowed || !v.form.is_prm(), "form prm is for RQ, EW and POOL only");
    let fn_matches = match op {
        Op::Ew(_) => matches!(v.func, VxFn::Ew(_)),
        Op::Red(_) => matches!(v.func, VxFn::Red(_)),
        Op::Sc(_) => matches!(v.func, VxFn::Sc(_)),
        Op::Scan(_) => matches!(v.func, VxFn::Scan(_)),
        Op::Sort(_) => matches!(v.func, VxFn::Sort(_)),
        _ => v.func == VxFn::None,
    };
    ensure!(fn_matches, "fn {:?} does not belong to this operation", v.func);
    match op {
        Op::Rq(_) => rq(v),
        Op::Ew(_) => v.ew().map_or(Ok(()), |f| crate::legal_ew::ew(v, f)),
        Op::Lut(_) => lut(v),
        Op::Red(_) => red(v),
        Op::Cvt(_) => cvt(v),
        Op::Tr(_) => tr(v),
        Op::Fill(_) => fill(v),
        Op::Ga(_) => gather(v),
        Op::Sc(_) => scatter(v),
        Op::Scan(_) => scan(v),
        Op::Sort(_) => sort(v),
        _ => Ok(()),
    }
}

/// Fields that belong to single operations.
fn unused_flags(op: &Op, v: &Vx) -> Rule {
    let uses_axis = matches!(op, Op::Red(_) | Op::Scan(_)) || v.ew() == Some(EwFn::Iota);
    ensure!(uses_axis || v.axis == 0, "axis is unused");
    ensure!(v.axis < 4 && v.lut < 4, "axis and lut have 2 bits");
    ensure!(matches!(op, Op::Lut(_)) || v.lut == 0, "lut is unused");
    ensure!(matches!(op, Op::Red(_) | Op::Scan(_)) || !v.acc, "acc is unused");
    ensure!(matches!(v.func, VxFn::Red(f) if f.is_arg()) || !v.last, "last is unused");
    ensure!(matches!(op, Op::Scan(_)) || !v.excl, "excl is unused");
    ensure!(matches!(op, Op::Cvt(_)) || v.rm == Round::HalfEven, "rm is unused");
    let has_act = matches!(op, Op::Rq(_) | Op::Ew(_));
    ensure!(has_act || v.act == Act::None, "act is unused");
    let has_chan = has_act && v.form.is_prm();
    ensure!(has_chan || (v.chan == Chan::None && !v.chm_a && !v.chm_d), "chan and chm are used with form prm only");
    ensure!(!matches!(op, Op::Rq(_)) || (!v.chm_a && !v.chm_d), "RQ has no chm: d always advances with chan");
    Ok(())
}

pub(crate) fn no_b(v: &Vx) -> Rule {
    ensure!(v.b == Operand::default(), "operand b is unused");
    Ok(())
}

/// act and its bounds.
pub(crate) fn activation(act: Act, form: &Form, d: DType) -> Rule {
    let (clo, chi) = match *form {
        Form::Prm { clo, chi, .. } => (clo, chi),
        Form::Imm { .. } => (0, 0),
    };
    if act != Act::Clamp {
        ensure!(clo == 0 && chi == 0, "clo and chi are used with act clamp only");
        return Ok(());
    }
    ensure!(form.is_prm() && matches!(d, DType::S8 | DType::U8), "act clamp needs form prm and an 8-bit d");
    let ordered = if d == DType::S8 { clo.cast_signed() <= chi.cast_signed() } else { clo <= chi };
    ensure!(ordered, "clo > chi");
    Ok(())
}

fn rq(v: &Vx) -> Rule {
    no_b(v)?;
    ensure!(matches!(v.a.mem, Mem::Spm | Mem::Acc), "RQ reads SPM or ACC");
    acc_type(v.a.mem, v.a.dt, "a")?;
    ensure!(matches!(v.rq, RqMode::F32 | RqMode::Single | RqMode::Double | RqMode::Div), "rq {} is not for RQ", v.rq);
    let by_float = matches!(v.rq, RqMode::F32 | RqMode::Div);
    let source = v.a.dt == DType::S32 || (v.a.dt == DType::S64 && by_float);
    ensure!(source, "RQ {} of {}", v.rq, v.a.dt);
    let dest = matches!(v.d.dt, DType::S8 | DType::U8 | DType::S16 | DType::U16 | DType::S32);
    ensure!(dest, "RQ to {}", v.d.dt);
    activation(v.act, &v.form, v.d.dt)?;
    match v.form {
        Form::Prm { aprm, bprm, dprm, .. } => {
            ensure!(dprm.is_some() && aprm.is_none() && bprm.is_none(), "RQ names record d and no other");
        }
        Form::Imm { imm0, imm1 } if by_float => {
            let scale = f32::from_bits(imm0);
            ensure!(scale.is_finite() && (scale >= 0.0) && imm0 != 0x8000_0000, "scale {scale} is not a scale");
            ensure!(imm1 & 0xFF == 0, "shift is unused in {}", v.rq);
        }
        Form::Imm { .. } => {}
    }
    Ok(())
}

fn lut(v: &Vx) -> Rule {
    no_b(v)?;
    operand(&v.a, "a")?;
    immediates(&v.form, ImmUse::None)?;
    ensure!(v.rq == RqMode::Wrap, "rq is unused");
    let bytes = matches!((v.a.dt, v.d.dt), (DType::S8 | DType::U8, DType::S8 | DType::U8));
    ensure!(bytes || (v.a.dt, v.d.dt) == (DType::S16, DType::S16), "LUT from {} to {}", v.a.dt, v.d.dt);
    Ok(())
}

/// Narrowing is defined for integer results only.
pub(crate) fn narrowing(rq: RqMode, integer_result: bool) -> Rule {
    ensure!(rq == RqMode::Wrap || (integer_result && rq == RqMode::Sat), "rq {rq} is unused or undefined here");
    Ok(())
}

/// Source and result of a reduction or scan: both integer, both float, or (max, min) both bool.
fn same_class(a: DType, d: DType, bool_ok: bool) -> Rule {
    let fits = (a.is_int() && d.is_int()) || (a.is_float() && d.is_float()) || (bool_ok && a.is_bool() && d.is_bool());
    ensure!(fits, "from {a} to {d}");
    Ok(())
}

fn red(v: &Vx) -> Rule {
    use crate::codes::RedFn::{Max, Min, Prod};
    let VxFn::Red(f) = v.func else { return Ok(()) };
    no_b(v)?;
    operand(&v.a, "a")?;
    ensure!(v.d.s[usize::from(v.axis)] == 0, "d has a stride along the axis");
    immediates(&v.form, if f.is_arg() { ImmUse::Both } else { ImmUse::None })?;
    if f.is_arg() {
        ensure!(!v.acc, "acc with an arg function");
        ensure!(matches!(v.d.dt, DType::S32 | DType::S64), "positions of type {}", v.d.dt);
        ensure!(!v.a.dt.is_bool(), "arg function of bool");
        return narrowing(v.rq, false);
    }
    same_class(v.a.dt, v.d.dt, matches!(f, Max | Min))?;
    narrowing(v.rq, v.d.dt.is_int() && f != Prod)
}

fn cvt(v: &Vx) -> Rule {
    no_b(v)?;
    operand(&v.a, "a")?;
    immediates(&v.form, ImmUse::None)?;
    let (a, d) = (v.a.dt, v.d.dt);
    narrowing(v.rq, a.is_int() && d.is_int())?;
    ensure!(v.rm == Round::HalfEven || (a.is_float() && d.is_int()), "rm is for float to integer only");
    Ok(())
}

fn tr(v: &Vx) -> Rule {
    no_b(v)?;
    operand(&v.a, "a")?;
    immediates(&v.form, ImmUse::None)?;
    ensure!(v.rq == RqMode::Wrap, "rq is unused");
    ensure!(v.a.dt == v.d.dt, "TR from {} to {}", v.a.dt, v.d.dt);
    Ok(())
}

fn fill(v: &Vx) -> Rule {
    no_b(v)?;
    ensure!(v.a == Operand::default(), "operand a is unused");
    ensure!(v.rq == RqMode::Wrap, "rq is unused");
    let bits = v.form.as_imm64().cast_unsigned();
    ensure!(v.d.dt.size() == 8 || bits >> v.d.dt.bits() == 0, "the immediate has bits beyond the element");
    Ok(())
}

/// GA and SC: types, index operand, length.
fn index_operand(v: &Vx) -> Rule {
    operand(&v.a, "a")?;
    ensure!(matches!(v.b.mem, Mem::Spm | Mem::Acc), "indices in {}", v.b.mem);
    acc_type(v.b.mem, v.b.dt, "b")?;
    ensure!(matches!(v.b.dt, DType::S32 | DType::S64), "indices of type {}", v.b.dt);
    ensure!(v.a.dt == v.d.dt, "from {} to {}", v.a.dt, v.d.dt);
    ensure!(v.form.imm1() > 0, "length (imm1) is 0");
    ensure!(v.rq == RqMode::Wrap, "rq is unused");
    Ok(())
}

fn gather(v: &Vx) -> Rule {
    index_operand(v)
}

fn scatter(v: &Vx) -> Rule {
    index_operand(v)?;
    ensure!(v.d.mem != Mem::Acc, "SC cannot write whole ACC rows");
    ensure!(v.func == VxFn::Sc(ScFn::Set) || !v.d.dt.is_bool(), "arithmetic on bool");
    Ok(())
}

fn scan(v: &Vx) -> Rule {
    let VxFn::Scan(f) = v.func else { return Ok(()) };
    operand(&v.a, "a")?;
    same_class(v.a.dt, v.d.dt, false)?;
    narrowing(v.rq, v.d.dt.is_int() && f != ScanFn::Prod)?;
    ensure!(v.acc || !v.excl || matches!(f, ScanFn::Sum | ScanFn::Prod), "exclusive {f} without carry-in");
    if !v.acc {
        immediates(&v.form, ImmUse::None)?;
        return no_b(v);
    }
    ensure!(v.b.s[usize::from(v.axis)] == 0, "b has a stride along the axis");
    same_class(v.b.dt, v.d.dt, false)?;
    b_operand(v)?;
    if v.b.mem == Mem::Imm { Ok(()) } else { immediates(&v.form, ImmUse::None) }
}

/// Operand b in memory or as an immediate that its type can hold.
pub(crate) fn b_operand(v: &Vx) -> Rule {
    if v.b.mem != Mem::Imm {
        ensure!(matches!(v.b.mem, Mem::Spm | Mem::Acc), "b_mem {}", v.b.mem);
        return acc_type(v.b.mem, v.b.dt, "b");
    }
    ensure!(!v.form.is_prm(), "an immediate b has no place in form prm");
    ensure!(v.b.addr == 0 && v.b.s == [0; 4], "address and strides of an immediate");
    if v.b.dt.size() == 8 {
        return Ok(());
    }
    immediates(&v.form, ImmUse::Low)?;
    let value = i128::from(v.form.imm0().cast_signed());
    match v.b.dt.int_range() {
        None => ensure!(v.b.dt == DType::F32, "a float immediate has type f32, not {}", v.b.dt),
        Some((lo, hi)) => ensure!((lo..=hi).contains(&value), "immediate {value} is not a {}", v.b.dt),
    }
    Ok(())
}

fn sort(v: &Vx) -> Rule {
    no_b(v)?;
    operand(&v.a, "a")?;
    ensure!(!v.a.dt.is_bool(), "SORT of bool");
    ensure!(matches!(v.d.dt, DType::S32 | DType::S64), "positions of type {}", v.d.dt);
    ensure!(v.rq == RqMode::Wrap, "rq is unused");
    immediates(&v.form, ImmUse::Low)?;
    ensure!((1..=u32::from(v.n[0])).contains(&v.form.imm0()), "k = {} of n0 = {}", v.form.imm0(), v.n[0]);
    Ok(())
}

/// Types that a source with a record may have (s32 for accumulators).
pub(crate) fn record_source(dt: DType) -> bool {
    matches!(dt, DType::S8 | DType::U8 | DType::S16 | DType::U16 | DType::S32)
}

/// Types that a destination with a record may have.
pub(crate) fn record_dest(dt: DType) -> bool {
    matches!(dt, DType::S8 | DType::U8 | DType::S16 | DType::U16)
}

/// A source in form PRM: an integer with a record or a float without.
pub(crate) fn prm_source(dt: DType, record: Option<u16>, name: &str) -> Rule {
    let fits = if record.is_some() { record_source(dt) } else { dt.is_float() };
    ensure!(fits, "{name} of type {dt} {} a record", if record.is_some() { "with" } else { "without" });
    Ok(())
}

/// chan and chm agree with each other and with the records.
pub(crate) fn channel(chan: Chan, chm_a: bool, chm_d: bool, form: &Form) -> Rule {
    let (aprm, _, dprm) = form.records();
    ensure!((chan != Chan::None) == (chm_a || chm_d), "chan and chm: one without the other");
    ensure!(!chm_a || aprm.is_some(), "chm_a without record a");
    ensure!(!chm_d || dprm.is_some(), "chm_d without record d");
    Ok(())
}

fn pool(p: &Pool) -> Rule {
    counts(&[p.oh, p.ow, p.ih, p.iw, p.n0])?;
    for (mem, dt, name) in [(p.a_mem, p.a_dt, "a"), (p.d_mem, p.d_dt, "d")] {
        operand(&Operand { mem, dt, ..Operand::default() }, name)?;
    }
    ensure!(p.func == PoolFn::AvgPad || (p.pb == 0 && p.pr == 0), "pb and pr are used by avgpad only");
    ensure!(matches!(p.chan, Chan::None | Chan::I0), "the channel of POOL is i0");
    channel(p.chan, p.chm_a, p.chm_d, &p.form)?;
    activation(p.act, &p.form, p.d_dt)?;
    if p.func.is_arg() {
        ensure!(matches!(p.d_dt, DType::S32 | DType::S64), "indices of type {}", p.d_dt);
        ensure!(!p.form.is_prm() && p.act == Act::None && p.rq == RqMode::Wrap, "index function with prm, act or rq");
        ensure!(!p.a_dt.is_bool(), "POOL of bool");
        return Ok(());
    }
    if let Form::Prm { aprm, bprm, dprm, .. } = p.form {
        ensure!(aprm.is_some() || dprm.is_some(), "form prm without a record");
        ensure!(bprm.is_none(), "POOL has no operand b");
        prm_source(p.a_dt, aprm, "a")?;
        let dest = if dprm.is_some() { record_dest(p.d_dt) } else { p.d_dt.is_float() };
        ensure!(dest, "d of type {} does not fit its record", p.d_dt);
        return narrowing(p.rq, false);
    }
    immediates(&p.form, ImmUse::None)?;
    ensure!(!p.func.is_avg() || p.a_dt.is_float(), "a mean of integers needs form prm");
    same_class(p.a_dt, p.d_dt, false)?;
    narrowing(p.rq, p.d_dt.is_int())
}
