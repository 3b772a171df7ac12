//! LUT, CVT, TR, FILL, GA, SC (3.4, 4.4).

use isa::{DType, Operand, Round, RqMode, ScFn, Space, TrapCode, Vx, VxFn};

use crate::dma::index;
use crate::float::{Format, max, min};
use crate::prm::{element_bits, narrow, saturate};
use crate::state::{Num, State, address, indices};

pub(crate) fn tr(s: &mut State, v: &Vx) {
    for i in indices(v.n) {
        let bits = s.load_elem(&v.a, address(&v.a, i));
        s.store_elem(&v.d, address(&v.d, i), bits);
    }
}

pub(crate) fn fill(s: &mut State, v: &Vx) {
    for i in indices(v.n) {
        s.store_elem(&v.d, address(&v.d, i), v.form.as_imm64().cast_unsigned());
    }
}

pub(crate) fn lut(s: &mut State, v: &Vx) {
    let table = i64::from(v.lut) * 2048;
    let bytes = if v.a.dt == DType::S16 { 1026 } else { 256 };
    let inside = usize::try_from(table).ok().and_then(|t| s.mem[Space::Lut.index()].init.get(t..t + bytes));
    if !inside.is_some_and(|init| init.iter().all(|&b| b)) {
        s.trap(TrapCode::LutRange, format!("table {} has not {bytes} initialised bytes", v.lut));
        // the operands may still trap earlier in the catalogue
        for i in indices(v.n) {
            s.load_elem(&v.a, address(&v.a, i));
        }
        return;
    }
    // d may lie in LUT, but not on the table (E_OVERLAP)
    for i in indices(v.n) {
        let x = s.load_num(&v.a, address(&v.a, i)).int();
        let y = match v.a.dt {
            DType::S8 => s.load(Space::Lut, table + (x as i64 + 128), 1),
            DType::U8 => s.load(Space::Lut, table + x as i64, 1),
            _ => {
                let (k, f) = ((x + 32768) >> 7, (x + 32768) & 127);
                let mut entry = |k: i128| {
                    let bits = s.load(Space::Lut, table + 2 * k as i64, 2);
                    s.number(DType::S16, bits).int()
                };
                let (low, high) = (entry(k), entry(k + 1));
                element_bits(low + (((high - low) * f + 64) >> 7), DType::S16)
            }
        };
        s.store_elem(&v.d, address(&v.d, i), y);
    }
}

pub(crate) fn cvt(s: &mut State, v: &Vx) {
    for i in indices(v.n) {
        let x = s.load_num(&v.a, address(&v.a, i));
        let y = convert(s, x, v.d.dt, v.rm, v.rq);
        s.store_elem(&v.d, address(&v.d, i), y);
    }
}

fn convert(s: &mut State, x: Num, dt: DType, rm: Round, rq: RqMode) -> u64 {
    match (x, Format::of(dt)) {
        (Num::Int(x), Some(format)) => format.from_int(x).into(),
        (Num::Float(x), Some(format)) => format.narrow(x).into(),
        (Num::Int(x), None) if dt.is_bool() => u64::from(x != 0),
        (Num::Float(x), None) if dt.is_bool() => u64::from(x != 0.0),
        (Num::Int(x), None) => narrow(x, dt, rq),
        (Num::Float(x), None) if x.is_nan() => {
            s.nan_cvt += 1;
            0
        }
        (Num::Float(x), None) => {
            let rounded = match rm {
                Round::HalfEven => x.round_ties_even(),
                Round::TowardZero => x.trunc(),
                Round::Floor => x.floor(),
                Round::Ceil => x.ceil(),
                Round::HalfAway => x.round(),
            };
            let exact = rounded as i128; // saturating: 2^127 is outside every type
            let y = saturate(exact, dt);
            s.sat_cvt += u64::from(y != exact);
            element_bits(y, dt)
        }
    }
}

/// Byte distance of index j in the dimension that it replaces.
fn replaced(v: &Vx, j: i64, o: &Operand) -> i64 {
    j * i64::from(v.form.imm0().cast_signed()) * i64::from(o.dt.size())
}

/// The index of an element; `None` after `E_INDEX`.
fn element_index(s: &mut State, v: &Vx, i: [u32; 4]) -> Option<i64> {
    let b = s.load_num(&v.b, address(&v.b, i)).int();
    index(s, b, v.form.imm1().into()).map(|j| j as i64) // below imm1, which has 32 bits
}

pub(crate) fn ga(s: &mut State, v: &Vx) {
    for i in indices(v.n) {
        let Some(j) = element_index(s, v, i) else { continue };
        let bits = s.load_elem(&v.a, address(&v.a, i) + replaced(v, j, &v.a));
        s.store_elem(&v.d, address(&v.d, i), bits);
    }
}

pub(crate) fn sc(s: &mut State, v: &Vx) {
    let VxFn::Sc(f) = v.func else { unreachable!("isa::check: SC has an SC function") };
    for i in indices(v.n) {
        let j = element_index(s, v, i);
        let a = s.load_elem(&v.a, address(&v.a, i));
        let Some(j) = j else { continue };
        let at = address(&v.d, i) + replaced(v, j, &v.d);
        let d = s.load_elem(&v.d, at);
        let bits = if f == ScFn::Set {
            a
        } else {
            let (x, y) = (s.number(v.d.dt, d), s.number(v.a.dt, a));
            scatter(f, x, y, v.d.dt)
        };
        s.store_elem(&v.d, at, bits);
    }
}

fn scatter(f: ScFn, d: Num, a: Num, dt: DType) -> u64 {
    if let (Num::Int(d), Num::Int(a)) = (d, a) {
        let y = match f {
            ScFn::Set => a,
            ScFn::Add => d + a,
            ScFn::Mul => d.wrapping_mul(a),
            ScFn::Max => d.max(a),
            ScFn::Min => d.min(a),
        };
        return narrow(y, dt, RqMode::Wrap);
    }
    let (d, a) = (d.float(), a.float());
    let y = match f {
        ScFn::Set => a,
        ScFn::Add => d + a,
        ScFn::Mul => d * a,
        ScFn::Max => max(d, a),
        ScFn::Min => min(d, a),
    };
    Format::of(dt).expect("the type of d is that of a").narrow(y).into()
}
