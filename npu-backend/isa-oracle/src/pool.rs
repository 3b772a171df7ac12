//! POOL (3.4, 4.4).

use isa::{Act, Operand, Pool, PoolFn, RedFn, TrapCode};

use crate::float::int_to_f32;
use crate::prm::{Record, channel_record, dequantise, element_bits, finish};
use crate::reduce::{apply, extreme};
use crate::state::{Num, State};

pub(crate) fn execute(s: &mut State, p: &Pool) {
    let a = Operand { addr: p.a_addr, mem: p.a_mem, dt: p.a_dt, ..Operand::default() };
    let d = Operand { addr: p.d_addr, mem: p.d_mem, dt: p.d_dt, ..Operand::default() };
    let (aprm, _, dprm) = p.form.records();
    for oy in 0..i64::from(p.oh) {
        for ox in 0..i64::from(p.ow) {
            for c in 0..p.n0 {
                let ra = channel_record(s, aprm, p.chm_a, c.into());
                let rd = channel_record(s, dprm, p.chm_d, c.into());
                let (taps, counted) = window(s, p, &a, (oy, ox), c.into(), ra);
                let position = oy * i64::from(p.d_sy) + ox * i64::from(p.d_sx) + i64::from(c);
                let at = i64::from(p.d_addr) + position * i64::from(p.d_dt.size());
                let bits = result(s, p, &taps, counted, rd);
                s.store_elem(&d, at, bits);
            }
        }
    }
}

/// A tap inside the input: its place, value and bits.
type Tap = (i64, i64, Num, u64);

/// The taps inside, in window order, and how many taps AvgPad counts.
fn window(
    s: &mut State,
    p: &Pool,
    a: &Operand,
    (oy, ox): (i64, i64),
    c: i64,
    record: Option<Record>,
) -> (Vec<Tap>, i128) {
    let (mut taps, mut counted) = (Vec::new(), 0);
    let (ih, iw) = (i64::from(p.ih), i64::from(p.iw));
    for ky in 0..i64::from(p.kh) {
        for kx in 0..i64::from(p.kw) {
            let iy = i64::from(p.iy0) + oy * i64::from(p.sy) + ky * i64::from(p.dy);
            let ix = i64::from(p.ix0) + ox * i64::from(p.sx) + kx * i64::from(p.dx);
            counted += i128::from(iy < ih + i64::from(p.pb) && ix < iw + i64::from(p.pr));
            if (0..ih).contains(&iy) && (0..iw).contains(&ix) {
                let position = iy * i64::from(p.a_sy) + ix * i64::from(p.a_sx) + c;
                let bits = s.load_elem(a, i64::from(p.a_addr) + position * i64::from(p.a_dt.size()));
                let x = s.number(p.a_dt, bits);
                let x = if p.form.is_prm() { Num::Float(dequantise(x, record)) } else { x };
                taps.push((iy, ix, x, bits));
            }
        }
    }
    (taps, counted)
}

fn result(s: &mut State, p: &Pool, taps: &[Tap], counted: i128, record: Option<Record>) -> u64 {
    let values: Vec<Num> = taps.iter().map(|t| t.2).collect();
    let needs_tap = !matches!(p.func, PoolFn::Sum | PoolFn::AvgPad);
    if (needs_tap && taps.is_empty()) || (p.func == PoolFn::AvgPad && counted == 0) {
        s.trap(TrapCode::Pad, "a window without a tap inside".into());
        return 0;
    }
    if p.func.is_arg() {
        let (iy, ix, ..) = taps[extreme(&values, true, false)];
        let (ih, iw) = (i64::from(p.ih), i64::from(p.iw));
        let position = if p.func == PoolFn::ArgMaxYx { iy * iw + ix } else { ix * ih + iy };
        return element_bits(i128::from(position) + i128::from(p.form.as_imm64()), p.d_dt);
    }
    let moves = matches!(p.func, PoolFn::Max | PoolFn::Sum) && p.act == Act::None && !p.form.is_prm();
    if let [(_, _, _, bits)] = taps
        && moves
        && p.a_dt == p.d_dt
    {
        return *bits; // nothing is combined or converted
    }
    let float = p.form.is_prm() || p.a_dt.is_float();
    let zero = if float { Num::Float(0.0) } else { Num::Int(0) };
    let op = if p.func == PoolFn::Max { RedFn::Max } else { RedFn::Sum };
    let total = values.into_iter().reduce(|a, b| apply(op, a, b)).unwrap_or(zero);
    let y = match p.func {
        PoolFn::Avg => Num::Float(total.float() / int_to_f32(taps.len() as i128)),
        PoolFn::AvgPad => Num::Float(total.float() / int_to_f32(counted)),
        _ => total,
    };
    finish(s, y, p.d_dt, record, p.rq, p.act, &p.form)
}
