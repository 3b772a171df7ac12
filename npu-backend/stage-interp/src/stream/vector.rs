//! EW, CVT, TR and FILL: element by element. NPU.md 3.4 and 4.4.

use super::memory::{At, Memory};
use super::num::{
    Extra, Num, apply, at_least, decode, dequantise, encode_float, encode_int, encode_int_as_float, quantise,
    round_to_int,
};
use crate::error::Fault;
use isa::{Act, DType, EwFn, Form, Mem, Operand, RqMode, Vx};
use lir::stream::Places;

/// The loop counters of a vector instruction, inner first, in loop order.
pub(super) fn indices(n: [u16; 4]) -> impl Iterator<Item = [u32; 4]> {
    let [n0, n1, n2, n3] = n.map(u32::from);
    (0..n3).flat_map(move |i3| {
        (0..n2).flat_map(move |i2| (0..n1).flat_map(move |i1| (0..n0).map(move |i0| [i0, i1, i2, i3])))
    })
}

/// Byte address of element i of an operand.
pub(super) fn address(o: &Operand, i: [u32; 4]) -> i64 {
    let elements: i64 = i.iter().zip(o.s).map(|(&i, s)| i64::from(i) * i64::from(s)).sum();
    i64::from(o.addr) + elements * i64::from(o.dt.size())
}

/// Requires that vector writes to ACC cover whole rows: lane 0 … 15 adjacent.
pub(super) fn check_acc_write(d: &Operand, n: [u16; 4]) -> Result<(), Fault> {
    if d.mem == Mem::Acc && (!d.addr.is_multiple_of(64) || d.s[0] != 1 || !n[0].is_multiple_of(16)) {
        return Err(Fault::Illegal("a vector write of a part of an accumulator row"));
    }
    Ok(())
}

/// Second operand: an array or an immediate.
enum Second {
    Array(At),
    Imm(Num),
    None,
}

/// Records of the form PRM of EW and CVT's relatives, with the channel applied.
struct Records<'a> {
    v: &'a Vx,
    places: &'a Places,
    ids: [Option<u16>; 3],
}

impl Records<'_> {
    fn quant(&self, m: &Memory<'_>, which: usize, i: [u32; 4]) -> Result<Option<super::memory::Quant>, Fault> {
        let Some(first) = self.ids[which] else { return Ok(None) };
        let advances = match which {
            0 => self.v.chm_a,
            1 => false,
            _ => self.v.chm_d,
        };
        let channel = if advances { self.v.chan.of(i) } else { 0 };
        m.quant(self.places.prm[which], u32::from(first) + channel).map(Some)
    }
}

pub(super) fn elementwise(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let f = v.ew().ok_or(Fault::Illegal("an EW without a function"))?;
    let d = m.resolve(v.d.mem, p.d, "d_addr")?;
    check_acc_write(&v.d, v.n)?;
    if f == EwFn::Iota {
        return iota(m, v, d);
    }
    let a = m.resolve(v.a.mem, p.a, "a_addr")?;
    let (ra, rb, rd) = v.form.records();
    let records = Records { v, places: p, ids: [ra, rb, rd] };
    let float = v.form.is_prm() || v.a.dt.is_float() || (f.uses_b() && f != EwFn::Cmov && v.b.dt.is_float());
    let b = second_operand(m, v, p, f, float)?;
    if f == EwFn::Cmov {
        return conditional_move(m, v, a, b, d);
    }
    let copies = f == EwFn::Mov && v.a.dt == v.d.dt && v.act == Act::None && !v.form.is_prm();
    for i in indices(v.n) {
        let at = address(&v.d, i);
        let bits = m.load(a, v.a.dt, address(&v.a, i))?;
        if copies {
            m.store(d, v.d.dt, at, bits)?;
            continue;
        }
        let x = operand_value(m, &records, 0, v.a.dt, bits, i, float)?;
        let y = match b {
            Second::Array(b) => {
                let bits = m.load(b, v.b.dt, address(&v.b, i))?;
                operand_value(m, &records, 1, v.b.dt, bits, i, float)?
            }
            Second::Imm(n) => n,
            Second::None => {
                if float {
                    Num::F(0.0)
                } else {
                    Num::I(0)
                }
            }
        };
        let mut extra = Extra { imm: (v.form.imm0(), v.form.imm1()), old: 0.0, dtype: v.a.dt };
        if f == EwFn::Fmac {
            extra.old = f32::from_bits(m.load(d, v.d.dt, at)? as u32);
        }
        let result = apply(f, x, y, &extra)?;
        let bits = finish(m, v, &records, f, result, i)?;
        m.store(d, v.d.dt, at, bits)?;
    }
    Ok(())
}

/// The operand's value in the instruction's class.
fn operand_value(
    m: &Memory<'_>,
    records: &Records<'_>,
    which: usize,
    dtype: DType,
    bits: u64,
    i: [u32; 4],
    float: bool,
) -> Result<Num, Fault> {
    let value = decode(dtype, bits)?;
    if !float {
        return Ok(value);
    }
    match (records.quant(m, which, i)?, value) {
        (Some(q), v) => Ok(Num::F(dequantise(v, q)?)),
        (None, Num::F(x)) => Ok(Num::F(x)),
        (None, Num::I(_)) => Err(Fault::Illegal("an integer source without a record in a float function")),
    }
}

fn second_operand(m: &Memory<'_>, v: &Vx, p: &Places, f: EwFn, float: bool) -> Result<Second, Fault> {
    if !f.uses_b() {
        return Ok(Second::None);
    }
    if v.b.mem != Mem::Imm {
        return Ok(Second::Array(m.resolve(v.b.mem, p.b, "b_addr")?));
    }
    let Form::Imm { imm0, .. } = v.form else { return Err(Fault::Illegal("an immediate beside records")) };
    Ok(Second::Imm(if float {
        Num::F(f32::from_bits(imm0))
    } else if v.b.dt == DType::U64 {
        Num::I(i128::from(v.form.as_imm64().cast_unsigned()))
    } else if v.b.dt == DType::S64 {
        Num::I(i128::from(v.form.as_imm64()))
    } else {
        Num::I(i128::from(imm0.cast_signed()))
    }))
}

/// Encodes a result for d: quantised, rounded or narrowed, then activated.
fn finish(m: &Memory<'_>, v: &Vx, records: &Records<'_>, f: EwFn, result: Num, i: [u32; 4]) -> Result<u64, Fault> {
    let dt = v.d.dt;
    if f.is_test() || (dt.is_bool() && f.is_logic() && v.a.dt.is_bool()) {
        let Num::I(hit) = result else { return Err(Fault::Illegal("result of a test")) };
        return if dt.is_bool() { Ok(hit as u64) } else { Err(Fault::Illegal("a test writes bool")) };
    }
    let record = records.quant(m, 2, i)?;
    let bits = match (result, record) {
        (Num::F(x), Some(q)) => quantise(dt, x, q, false)?,
        (Num::F(x), None) => encode_float(dt, x)?,
        (Num::I(x), _) => encode_int(dt, x, v.rq == RqMode::Sat)?,
    };
    activate(v.act, &v.form, dt, bits, record.map_or(0, |q| q.zp))
}

/// `act` on an encoded result.
pub(super) fn activate(act: Act, form: &Form, dt: DType, bits: u64, zero: i32) -> Result<u64, Fault> {
    match act {
        Act::None => Ok(bits),
        Act::Relu => at_least(dt, bits, i128::from(zero)),
        Act::Clamp => {
            let Form::Prm { clo, chi, .. } = *form else { return Err(Fault::Illegal("a clamp without records")) };
            match (decode(dt, bits)?, decode(dt, u64::from(clo))?, decode(dt, u64::from(chi))?) {
                (Num::I(y), Num::I(low), Num::I(high)) if dt.size() == 1 => encode_int(dt, y.max(low).min(high), true),
                _ => Err(Fault::Illegal("a clamp of a type of more than 8 bits")),
            }
        }
    }
}

fn iota(m: &mut Memory<'_>, v: &Vx, d: At) -> Result<(), Fault> {
    for i in indices(v.n) {
        let k = i.get(usize::from(v.axis)).copied().ok_or(Fault::Illegal("axis"))?;
        let value = i128::from(v.form.as_imm64()) + i128::from(k);
        m.store(d, v.d.dt, address(&v.d, i), encode_int(v.d.dt, value, v.rq == RqMode::Sat)?)?;
    }
    Ok(())
}

fn conditional_move(m: &mut Memory<'_>, v: &Vx, a: At, b: Second, d: At) -> Result<(), Fault> {
    let Second::Array(b) = b else { return Err(Fault::Illegal("the condition of a cmov")) };
    if !v.b.dt.is_bool() || v.a.dt.size() != v.d.dt.size() {
        return Err(Fault::Illegal("types of a cmov"));
    }
    for i in indices(v.n) {
        let at = address(&v.d, i);
        let old = m.load(d, v.d.dt, at)?;
        let new = m.load(a, v.a.dt, address(&v.a, i))?;
        let bits = match decode(DType::Bool, m.load(b, DType::Bool, address(&v.b, i))?)? {
            Num::I(1) => new,
            _ => old,
        };
        m.store(d, v.d.dt, at, bits)?;
    }
    Ok(())
}

pub(super) fn convert(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    check_acc_write(&v.d, v.n)?;
    let to = v.d.dt;
    for i in indices(v.n) {
        let bits = match decode(v.a.dt, m.load(a, v.a.dt, address(&v.a, i))?)? {
            Num::F(x) if to.is_bool() => u64::from(x != 0.0),
            Num::I(x) if to.is_bool() => u64::from(x != 0),
            Num::F(x) if to.is_float() => encode_float(to, x)?,
            Num::F(x) => encode_int(to, round_to_int(x, v.rm), true)?,
            Num::I(x) if to.is_float() => encode_int_as_float(to, x)?,
            Num::I(x) => encode_int(to, x, v.rq == RqMode::Sat)?,
        };
        m.store(d, to, address(&v.d, i), bits)?;
    }
    Ok(())
}

pub(super) fn transfer(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let (a, d) = (m.resolve(v.a.mem, p.a, "a_addr")?, m.resolve(v.d.mem, p.d, "d_addr")?);
    check_acc_write(&v.d, v.n)?;
    if v.a.dt.size() != v.d.dt.size() {
        return Err(Fault::Illegal("a transfer between element sizes"));
    }
    for i in indices(v.n) {
        let bits = m.load(a, v.a.dt, address(&v.a, i))?;
        m.store(d, v.d.dt, address(&v.d, i), bits)?;
    }
    Ok(())
}

pub(super) fn fill(m: &mut Memory<'_>, v: &Vx, p: &Places) -> Result<(), Fault> {
    let d = m.resolve(v.d.mem, p.d, "d_addr")?;
    check_acc_write(&v.d, v.n)?;
    let bits = v.form.as_imm64().cast_unsigned();
    for i in indices(v.n) {
        m.store(d, v.d.dt, address(&v.d, i), bits)?;
    }
    Ok(())
}
