//! EW (3.4).

use isa::{Act, DType, EwFn, Form, Mem, TrapCode, Vx};

use crate::dma::index;
use crate::float::{canonical, fma, max, min};
use crate::pinned;
use crate::prm::{Record, channel_record, dequantise, finish};
use crate::state::{Num, State, address, indices};

/// Operand b of an element: memory or immediate.
pub(crate) fn operand_b(s: &mut State, v: &Vx, i: [u32; 4]) -> Num {
    if v.b.mem != Mem::Imm {
        return s.load_num(&v.b, address(&v.b, i));
    }
    match v.b.dt {
        DType::F32 => Num::Float(f32::from_bits(v.form.imm0())),
        DType::S64 => Num::Int(v.form.as_imm64().into()),
        DType::U64 => Num::Int(v.form.as_imm64().cast_unsigned().into()),
        _ => Num::Int(v.form.imm0().cast_signed().into()),
    }
}

pub(crate) fn execute(s: &mut State, v: &Vx) {
    let f = v.ew().expect("isa::check: EW has an EW function");
    let bit_move = f == EwFn::Mov && v.a.dt == v.d.dt && v.act == Act::None && !v.form.is_prm();
    for i in indices(v.n) {
        let d_at = address(&v.d, i);
        if bit_move {
            let bits = s.load_elem(&v.a, address(&v.a, i));
            s.store_elem(&v.d, d_at, bits);
        } else if f == EwFn::Cmov {
            let bits = s.load_elem(&v.a, address(&v.a, i));
            let chosen = s.load_num(&v.b, address(&v.b, i)) == Num::Int(1);
            s.load_elem(&v.d, d_at); // d must be initialised, chosen or not
            if chosen {
                s.store_elem(&v.d, d_at, bits);
            }
        } else {
            let bits = element(s, v, f, i);
            s.store_elem(&v.d, d_at, bits);
        }
    }
}

/// Records of a, b and d for an element.
fn records(s: &mut State, v: &Vx, i: [u32; 4]) -> [Option<Record>; 3] {
    let (a, b, d) = v.form.records();
    let channel = v.chan.of(i);
    [
        channel_record(s, a, v.chm_a, channel),
        channel_record(s, b, false, channel),
        channel_record(s, d, v.chm_d, channel),
    ]
}

fn element(s: &mut State, v: &Vx, f: EwFn, i: [u32; 4]) -> u64 {
    let [ra, rb, rd] = records(s, v, i);
    let a = if f.uses_a() { s.load_num(&v.a, address(&v.a, i)) } else { Num::Int(0) };
    let b = f.uses_b().then(|| operand_b(s, v, i));
    let is_float = |x: Num| matches!(x, Num::Float(_));
    let y = if v.form.is_prm() || is_float(a) || b.is_some_and(is_float) {
        let x = dequantise(a, ra);
        let y = b.map_or(0.0, |b| dequantise(b, rb));
        if f == EwFn::Fmac {
            let d = s.load_num(&v.d, address(&v.d, i)).float();
            Num::Float(fma(x, y, d))
        } else {
            float(f, x, y, &v.form)
        }
    } else {
        let position = v.form.as_imm64();
        match f {
            EwFn::Iota => Num::Int(i128::from(position) + i128::from(i[usize::from(v.axis)])),
            _ => Num::Int(integer(s, f, a.int(), b.map_or(0, Num::int), v)),
        }
    };
    finish(s, y, v.d.dt, rd, v.rq, v.act, &v.form)
}

/// Float class.
fn float(f: EwFn, a: f32, b: f32, form: &Form) -> Num {
    let test = |y: bool| Num::Int(y.into());
    let (imm0, imm1) = (form.imm0(), form.imm1());
    let y = match f {
        EwFn::Mov => a,
        EwFn::Add => a + b,
        EwFn::Sub => a - b,
        EwFn::Mul => a * b,
        EwFn::Min => min(a, b),
        EwFn::Max => max(a, b),
        EwFn::Abs => f32::from_bits(a.to_bits() & 0x7FFF_FFFF),
        EwFn::Neg => f32::from_bits(a.to_bits() ^ 0x8000_0000),
        EwFn::Sign if a == 0.0 || a.is_nan() => a,
        EwFn::Sign => 1f32.copysign(a),
        EwFn::Clamp => min(max(a, f32::from_bits(imm0)), f32::from_bits(imm1)),
        EwFn::Prelu => {
            if a < 0.0 {
                a * b
            } else {
                a
            }
        }
        EwFn::Eq => return test(a == b),
        EwFn::Ne => return test(a != b),
        EwFn::Lt => return test(a < b),
        EwFn::Le => return test(a <= b),
        EwFn::Gt => return test(a > b),
        EwFn::Ge => return test(a >= b),
        EwFn::IsNan => return test(a.is_nan()),
        EwFn::IsInf => {
            return test((a == f32::INFINITY && imm0 & 1 != 0) || (a == f32::NEG_INFINITY && imm0 & 2 != 0));
        }
        EwFn::Div => a / b,
        EwFn::Rem => a % b, // exact fmod
        EwFn::Mod => {
            let r = a % b;
            if r != 0.0 && r.is_sign_negative() != b.is_sign_negative() { r + b } else { r }
        }
        EwFn::Floor => a.floor(),
        EwFn::Ceil => a.ceil(),
        EwFn::Rint => a.round_ties_even(),
        EwFn::Trunc => a.trunc(),
        EwFn::Sqrt => a.sqrt(),
        EwFn::Recip => 1.0 / a,
        _ => pinned::evaluate(f, a, b).expect("isa::check: the function has a float class"),
    };
    Num::Float(canonical(y))
}

/// Integer class, exact (products of u64 wrap modulo 2^128, or saturate where that decides).
fn integer(s: &mut State, f: EwFn, a: i128, b: i128, v: &Vx) -> i128 {
    let truth = i128::from;
    let imm = |x: u32| i128::from(x.cast_signed());
    match f {
        EwFn::Mov => a,
        EwFn::Add => a + b,
        EwFn::Sub => a - b,
        EwFn::Mul if v.rq == isa::RqMode::Sat => a.saturating_mul(b),
        EwFn::Mul => a.wrapping_mul(b),
        EwFn::Min => a.min(b),
        EwFn::Max => a.max(b),
        EwFn::Abs => a.abs(),
        EwFn::Neg => -a,
        EwFn::Sign => a.signum(),
        EwFn::Clamp => a.max(imm(v.form.imm0())).min(imm(v.form.imm1())),
        EwFn::Eq => truth(a == b),
        EwFn::Ne => truth(a != b),
        EwFn::Lt => truth(a < b),
        EwFn::Le => truth(a <= b),
        EwFn::Gt => truth(a > b),
        EwFn::Ge => truth(a >= b),
        EwFn::And => a & b,
        EwFn::Or => a | b,
        EwFn::Xor => a ^ b,
        EwFn::Not if v.a.dt.is_bool() => 1 - a,
        EwFn::Not => !a,
        EwFn::Shl | EwFn::Shr | EwFn::ShrRound => shift(s, f, a, b, v.a.dt),
        EwFn::Div | EwFn::Mod | EwFn::Rem => quotient(s, f, a, b),
        EwFn::Ipow => ipow(s, a, b),
        EwFn::Idx => index(s, a, b).unwrap_or(0),
        _ => unreachable!("isa::check: {f} has no integer class"),
    }
}

fn shift(s: &mut State, f: EwFn, a: i128, b: i128, dt: DType) -> i128 {
    if !(0..i128::from(dt.bits())).contains(&b) {
        s.trap(TrapCode::ShiftRange, format!("shift of {dt} by {b}"));
        return 0;
    }
    match f {
        EwFn::Shl => a << b,
        EwFn::ShrRound if b > 0 => (a + (1 << (b - 1))) >> b,
        _ => a >> b,
    }
}

fn quotient(s: &mut State, f: EwFn, a: i128, b: i128) -> i128 {
    if b == 0 {
        s.trap(TrapCode::Div0, format!("{f} of {a} by 0"));
        return 0;
    }
    let r = a % b;
    match f {
        EwFn::Div => a / b,
        EwFn::Mod if r != 0 && (r < 0) != (b < 0) => r + b,
        _ => r,
    }
}

/// a^b mod 2^64.
fn ipow(s: &mut State, a: i128, b: i128) -> i128 {
    if b >= 0 {
        let (mut result, mut square, mut rest) = (1u64, a as u64, b);
        while rest > 0 {
            if rest & 1 == 1 {
                result = result.wrapping_mul(square);
            }
            square = square.wrapping_mul(square);
            rest >>= 1;
        }
        return result.into();
    }
    match a {
        1 => 1,
        -1 if b % 2 == 0 => 1,
        -1 => -1,
        0 => {
            s.trap(TrapCode::Div0, format!("0 to the power {b}"));
            0
        }
        _ => 0,
    }
}
