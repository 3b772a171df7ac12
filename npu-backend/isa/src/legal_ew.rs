//! The rules of EW (3.4): which functions, types, forms and fields fit each other.

use crate::codes::{Act, DType, EwFn, Mem, RqMode};
use crate::instr::{Form, Op, Operand, Vx};
use crate::legal::{Rule, acc_type_of, activation, b_operand, channel, narrowing, no_b, prm_source, record_dest};

macro_rules! ensure {
    ($cond:expr, $($text:tt)+) => { if !$cond { return Err(format!($($text)+)); } };
}

/// The class of a vector instruction is float: a source it uses is float, or its form is PRM (3.0).
pub fn is_float_class(op: &Op) -> bool {
    if let Op::Pool(p) = op {
        return p.form.is_prm() || p.a_dt.is_float();
    }
    op.vx().is_some_and(|v| {
        let b_used = match op {
            Op::Ew(_) => v.ew().is_some_and(EwFn::uses_b),
            Op::Scan(_) => v.acc,
            _ => false,
        };
        v.form.is_prm() || v.a.dt.is_float() || (b_used && v.b.dt.is_float())
    })
}

pub(crate) fn ew(v: &Vx, f: EwFn) -> Rule {
    if f == EwFn::Iota {
        return iota(v);
    }
    acc_type_of(&v.a, "a")?;
    if f.uses_b() {
        b_operand(v)?
    } else {
        no_b(v)?
    }
    ensure!(v.act == Act::None || !(f == EwFn::Cmov || v.d.dt.is_bool()), "act on {} of {}", f, v.d.dt);
    activation(v.act, &v.form, v.d.dt)?;
    immediates(v, f)?;
    if f == EwFn::Cmov {
        return cmov(v);
    }
    if v.form.is_prm() {
        return prm(v, f);
    }
    if v.a.dt.is_float() || (f.uses_b() && v.b.dt.is_float()) { float(v, f) } else { integer(v, f) }
}

fn iota(v: &Vx) -> Rule {
    no_b(v)?;
    ensure!(v.a == Operand { dt: v.d.dt, ..Operand::default() }, "iota: a is unused and a_dt = d_dt");
    ensure!(v.d.dt.is_int() && !v.form.is_prm(), "iota writes integers, form imm");
    ensure!(v.act != Act::Clamp, "act clamp needs form prm");
    narrowing(v.rq, true)
}

/// Immediates that are not operand b.
fn immediates(v: &Vx, f: EwFn) -> Rule {
    let Form::Imm { imm0, imm1 } = v.form else {
        let needs_imm = matches!(f, EwFn::Clamp | EwFn::IsInf);
        ensure!(!needs_imm, "{f} takes immediates, form prm has none");
        return Ok(());
    };
    match f {
        EwFn::Clamp => ensure!(v.a.dt.size() < 8, "clamp of a 64-bit type"),
        EwFn::IsInf => ensure!(imm0 < 4 && imm1 == 0, "isinf: imm0 has two bits, imm1 none"),
        _ if f.uses_b() && v.b.mem == Mem::Imm => {} // checked with operand b
        _ => ensure!(imm0 == 0 && imm1 == 0, "{f} takes no immediate"),
    }
    Ok(())
}

fn cmov(v: &Vx) -> Rule {
    ensure!(!v.form.is_prm(), "cmov in form prm");
    ensure!(v.b.dt.is_bool() && v.b.mem == Mem::Spm, "cmov: b is a bool in SPM");
    ensure!(v.a.dt == v.d.dt, "cmov from {} to {}", v.a.dt, v.d.dt);
    narrowing(v.rq, false)
}

fn prm(v: &Vx, f: EwFn) -> Rule {
    ensure!(f.has_float_class() && f != EwFn::Fmac, "{f} in form prm");
    let (aprm, bprm, dprm) = v.form.records();
    ensure!(aprm.is_some() || bprm.is_some() || dprm.is_some(), "form prm without a record");
    prm_source(v.a.dt, aprm, "a")?;
    if f.uses_b() {
        prm_source(v.b.dt, bprm, "b")?;
    } else {
        ensure!(bprm.is_none(), "record b without operand b");
    }
    if f.is_test() {
        ensure!(v.d.dt.is_bool() && dprm.is_none(), "{f} writes bool, without a record");
    } else if dprm.is_some() {
        ensure!(record_dest(v.d.dt), "record d with type {}", v.d.dt);
    } else {
        ensure!(v.d.dt.is_float(), "d of type {} without a record", v.d.dt);
    }
    channel(v.chan, v.chm_a, v.chm_d, &v.form)?;
    narrowing(v.rq, false)
}

fn float(v: &Vx, f: EwFn) -> Rule {
    ensure!(f.has_float_class(), "{f} of floats");
    ensure!(v.a.dt.is_float() && (!f.uses_b() || v.b.dt.is_float()), "a float and an integer source (convert first)");
    if f.is_test() {
        ensure!(v.d.dt.is_bool(), "{f} writes bool");
    } else {
        ensure!(v.d.dt.is_float(), "{f} of floats to {}", v.d.dt);
    }
    if f == EwFn::Fmac {
        ensure!([v.a.dt, v.b.dt, v.d.dt] == [DType::F32; 3], "fmac is all f32");
    }
    narrowing(v.rq, false)
}

fn integer(v: &Vx, f: EwFn) -> Rule {
    ensure!(f.has_integer_class(), "{f} of integers");
    let (a, b, d) = (v.a.dt, v.b.dt, v.d.dt);
    if f.is_logic() {
        ensure!(a == d && (!f.uses_b() || a == b), "{f} needs one type");
        return narrowing(v.rq, false);
    }
    if f.is_compare() {
        let bools = a.is_bool() && b.is_bool() && matches!(f, EwFn::Eq | EwFn::Ne);
        ensure!(bools || (a.is_int() && b.is_int()), "{f} of {a} and {b}");
        ensure!(d.is_bool(), "{f} writes bool");
        return narrowing(v.rq, false);
    }
    if f == EwFn::Mov && a.is_bool() {
        ensure!(d.is_bool(), "mov from bool to {d} (convert)");
        return narrowing(v.rq, false);
    }
    ensure!(a.is_int() && d.is_int() && (!f.uses_b() || b.is_int()), "{f} with bool");
    ensure!(f != EwFn::Ipow || v.rq == RqMode::Wrap, "ipow is modulo 2^64: rq sat is undefined");
    narrowing(v.rq, true)
}
