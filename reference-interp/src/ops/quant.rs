//! Quantisation and integer linear algebra.
//!
//! Integers are exact; sums wrap in int32. Rounding decisions are hulls (NUMERICS.md 3.3): `y = sat(rint(x/s) + zp)`, the
//! quotient with its division error, both ends rounded. Requantisation of the QLinear operators multiplies the int32 sum by
//! `s_a s_b / s_y` in the accumulator's format: at most 5 roundings, none where all scales are powers of two and the
//! sum fits; `Requant::Interval` is TOSA's interval instead.

use super::conv::{ConvShape, channel_map};
use super::elementwise::{Division, mul, quotient};
use super::linear::mat_shape;
use crate::contract::Requant;
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid, unsupported};
use crate::hypothesis::Hypothesis;
use crate::index::{axis, count, split_at_axis};
use crate::round::{int_range, low_bit_exp, rint, round, wrap};
use crate::value::{Bounded, Float, Int};
use ir::DType;

/// For each element of `x`, the index of its scale: per tensor, per axis, or per block of `block_size` along the axis.
fn scale_map(a: &Args<'_>, x: &Bounded, s: &Bounded) -> OpResult<Vec<usize>> {
    let n = x.elements();
    if s.elements() == 1 && s.rank() <= 1 && a.int("block_size")? == 0 || a.cx.hyp(Hypothesis::FirstChannelScale) {
        return Ok(vec![0; n]);
    }
    let ax = axis(a.int("axis")?, x.rank())?;
    let (_, extent, inner) = split_at_axis(&x.dims, ax);
    if s.rank() == 1 {
        if s.dims[0] != extent {
            return invalid(format!("{} scales for an axis of {extent}", s.dims[0]));
        }
        return Ok((0..n).map(|i| i / inner % extent).collect());
    }
    let fits = s.rank() == x.rank() && (0..x.rank()).all(|k| k == ax || s.dims[k] == x.dims[k]) && s.dims[ax] > 0;
    if !fits {
        return invalid(format!("scales of shape {:?} for data of shape {:?}", s.dims, x.dims));
    }
    let block = match a.int("block_size")? {
        0 => extent.div_ceil(s.dims[ax]),
        b if b > 0 => b as usize,
        b => return invalid(format!("block size {b}")),
    };
    if extent.div_ceil(block) != s.dims[ax] {
        return invalid(format!("blocks of {block} along {extent} do not give {} scales", s.dims[ax]));
    }
    Ok((0..n).map(|i| (i / (inner * extent) * s.dims[ax] + i / inner % extent / block) * inner + i % inner).collect())
}

/// Zero points: values, and what each may be. None is 0.
struct ZeroPoints<'a>(Option<&'a Int>);

impl<'a> ZeroPoints<'a> {
    fn of(b: Option<&'a Bounded>) -> OpResult<Self> {
        let i = b.map(Bounded::int).transpose()?;
        if i.is_some_and(|i| i.value.is_empty()) { invalid("an empty zero point") } else { Ok(Self(i)) }
    }
    fn len(&self) -> usize {
        self.0.map_or(1, |i| i.value.len())
    }
    /// Zero point `k` (the only one for every `k`): its value and its range.
    fn at(&self, k: usize) -> (i128, (i128, i128)) {
        let k = if self.len() == 1 { 0 } else { k };
        self.0.map_or((0, (0, 0)), |i| i.value.get(k).map_or((0, (0, 0)), |&v| (v, i.range(k))))
    }
}

/// [`quantised`] about a zero point that may be open: the hull is that of both ends, since the result rises with it.
fn quantised_about(
    cx: &EvalCx<'_>,
    (q, e, nan): (f64, f64, bool),
    (zp, range): (i128, (i128, i128)),
    d: DType,
) -> (i128, (i128, i128)) {
    let (v, h) = quantised(cx, q, e, nan, zp, d);
    if range == (zp, zp) {
        return (v, h);
    }
    let (lo, hi) = (quantised(cx, q, e, nan, range.0, d).1.0, quantised(cx, q, e, nan, range.1, d).1.1);
    (v, (lo.min(v), hi.max(v)))
}

/// Rounds a real number with a radius to an integer of `d`: value and hull.
fn quantised(cx: &EvalCx<'_>, q: f64, e: f64, nan: bool, zp: i128, d: DType) -> (i128, (i128, i128)) {
    let (lo, hi) = int_range(d).unwrap_or((0, 0));
    if nan || q.is_nan() || e.is_infinite() {
        return (0i128.clamp(lo, hi), (lo, hi));
    }
    // Integers below 2^63 need no 128-bit conversion, which is a slow call.
    let whole = |r: f64| if r.abs() < 9e18 { i128::from(r as i64) } else { r.clamp(-1e30, 1e30) as i128 };
    let sat = |r: f64| (whole(r) + zp).clamp(lo, hi);
    if cx.hypothesis.is_none() {
        let (a, b) = (rint(q - e), rint(q + e));
        // Rounding is monotone: between equal ends there is nothing to decide.
        let v = sat(if a == b { a } else { rint(q) });
        return (v, if a == b { (v, v) } else { (sat(a), sat(b)) });
    }
    let v = match cx.hypothesis {
        Some(Hypothesis::QuantizeHalfUp) => sat(libm::floor(q + 0.5)),
        Some(Hypothesis::QuantizeTruncates) => sat(libm::trunc(q)),
        Some(Hypothesis::NoZeroPoint) => (rint(q.clamp(-1e30, 1e30)) as i128).clamp(lo, hi),
        Some(Hypothesis::ZeroPointUnsigned) if d.is_signed_int() => {
            let unsigned = zp & ((1i128 << (8 * d.size())) - 1);
            (rint(q.clamp(-1e30, 1e30)) as i128 + unsigned).clamp(lo, hi)
        }
        Some(Hypothesis::WrapForSaturate) => wrap(rint(q.clamp(-1e30, 1e30)) as i128 + zp, d),
        _ => sat(rint(q)),
    };
    (v, (sat(rint(q - e)), sat(rint(q + e))))
}

/// QuantizeLinear: scale per tensor, axis or block; saturation; half to even.
pub fn quantize(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, s) = (a.x(0)?, a.x(1)?);
    let map = scale_map(a, x, s)?;
    let d = match a.opt(2) {
        Some(z) => z.dtype,
        None => match i32::try_from(a.int("output_dtype")?).ok().filter(|&c| c != 0) {
            Some(c) => DType::from_onnx_code(c).ok_or_else(|| crate::OpError::Unsupported(format!("type code {c}")))?,
            None => DType::U8,
        },
    };
    if !d.is_int() {
        return unsupported(format!("quantisation to {d}"));
    }
    let zp = ZeroPoints::of(a.opt(2))?;
    let sf = s.float()?;
    let cast = (!x.dtype.is_float()).then(|| super::cast::cast_to(a.cx, x, s.dtype));
    let x = cast.as_ref().unwrap_or(x);
    let f = x.float()?;
    let n = x.elements();
    let by = Division::new(a.cx, x.dtype);
    let one = |i: usize| {
        let k = map[i];
        let (q, e, nan) = by.quotient((f.value[i], f.radius[i]), (sf.value[k], sf.radius[k]));
        let nan = nan || f.may_nan(i) || sf.may_nan(k);
        quantised_about(a.cx, (q, e, nan), zp.at(k), d)
    };
    Ok(Bounded::from_int(d, x.dims.clone(), Int::collect((0..n).map(one))))
}

/// DequantizeLinear: `(x - zp) s` in the scale's type; one rounding, linear.
pub fn dequantize(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, s) = (a.x(0)?, a.x(1)?);
    let map = scale_map(a, x, s)?;
    let zp = ZeroPoints::of(a.opt(2))?;
    let v = centred(x, &zp, &|i, _| map[i])?;
    let mut f = Float::exact(v.v.iter().map(|&v| v as f64).collect());
    if v.r.iter().any(|&r| r != 0) {
        f.radius = v.r.iter().map(|&r| r as f64).collect();
        f.grid = Some(0);
    }
    let s_all = s.take(&map, x.dims.clone());
    let d = match i32::try_from(a.int("output_dtype")?).ok().filter(|&c| c != 0) {
        Some(c) => DType::from_onnx_code(c).ok_or_else(|| crate::OpError::Unsupported(format!("type code {c}")))?,
        None => s.dtype,
    };
    // A difference beyond the significand is rounded before it is multiplied.
    let p = a.cx.acc(d).precision();
    let wide = f.value.iter().any(|x| x.abs() > libm::ldexp(1.0, p));
    if wide {
        let u = a.cx.u(d);
        f.radius.iter_mut().zip(&f.value).for_each(|(e, v)| *e += u * v.abs());
        f.grid = None;
    }
    Ok(mul(a.cx, d, x.dims.clone(), &f, s_all.float()?))
}

/// DynamicQuantizeLinear: uint8, scale and zero point from the data's range (which includes 0).
///
/// `scale = (max(0,max) - min(0,min))/255`, `zp = sat(rint(-min/scale))`. From exact data with correctly rounded division the
/// scale is one definite number; otherwise it carries `3u`. Data that are all zero leave everything undecided but the scale.
pub fn dynamic_quantize(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let f = x.float()?;
    let n = x.elements();
    let hull = |g: &dyn Fn(usize) -> f64, max: bool| {
        (0..n).map(g).fold(0.0f64, |m, v| {
            if v.is_nan() {
                f64::NAN
            } else if max {
                m.max(v)
            } else {
                m.min(v)
            }
        })
    };
    let (max, min) = (hull(&|i| f.value[i], true), hull(&|i| f.value[i], false));
    let e = f.radius.iter().copied().fold(0.0, f64::max);
    let acc = a.cx.acc(x.dtype);
    // The range may overflow where both ends do not.
    let reach = (max - min) + 2.0 * e;
    let nan = (0..n).any(|i| f.may_nan(i)) || !reach.is_finite() || reach >= acc.overflow_threshold();
    let u = a.cx.u(x.dtype);
    let definite = e == 0.0 && a.cx.contract.ulps.get(crate::Func::Div) <= 0.5;
    let (s, es) = if definite {
        (round(round(max - min, acc) / 255.0, acc), 0.0)
    } else {
        let s = (max - min) / 255.0;
        (s, 2.0 * e / 255.0 + (u + a.cx.func(crate::Func::Div, x.dtype)) * (s + 2.0 * e))
    };
    let (q, eq, bad) = quotient(a.cx, x.dtype, (0.0 - min, e), (s, es));
    let (zp, zh) = quantised(a.cx, q, eq, bad || nan || s == 0.0, 0, DType::U8);
    let (mut value, mut hulls) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for i in 0..n {
        let (q, e, bad) = quotient(a.cx, x.dtype, (f.value[i], f.radius[i]), (s, es));
        let undecided = bad || nan || s == 0.0;
        let (v, h) = quantised(a.cx, q, e, undecided, zp, DType::U8);
        let (_, lo) = quantised(a.cx, q, e, undecided, zh.0, DType::U8);
        let (_, hi) = quantised(a.cx, q, e, undecided, zh.1, DType::U8);
        value.push(v);
        hulls.push((h.0.min(lo.0), h.1.max(hi.1)));
    }
    let scale = Float { value: vec![s], radius: vec![es], linear: None, nan: nan.then(|| vec![true]), grid: None };
    Ok(vec![
        Bounded::from_int(DType::U8, x.dims.clone(), Int::with_hull(value, hulls)),
        Bounded::from_float(x.dtype, Vec::new(), scale),
        Bounded::from_int(DType::U8, Vec::new(), Int::with_hull(vec![zp], vec![zh])),
    ])
}

/// An integer operand less its zero point: values and half-widths of the hulls.
struct Centred {
    v: Vec<i128>,
    r: Vec<i128>,
}

/// `x - zp`, element `k` with the zero point that `map` gives for it (and for the number of zero points).
fn centred(x: &Bounded, zp: &ZeroPoints<'_>, map: &dyn Fn(usize, usize) -> usize) -> OpResult<Centred> {
    let i = x.int()?;
    let n = i.value.len();
    let wide = |v: i128, (lo, hi): (i128, i128)| (hi - v).max(v - lo);
    let (mut v, mut r) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for k in 0..n {
        let (z, range) = zp.at(map(k, zp.len()).min(zp.len() - 1));
        v.push(i.value[k] - z);
        r.push(wide(i.value[k], i.range(k)) + wide(z, range));
    }
    Ok(Centred { v, r })
}

/// An integer bilinear map with hulls: `|delta| <= f(r_a, |b| + r_b) + f(|a|, r_b)`.
fn sums(a: &Centred, b: &Centred, f: &dyn Fn(&[i128], &[i128]) -> Vec<i128>) -> (Vec<i128>, Vec<i128>) {
    let v = f(&a.v, &b.v);
    if a.r.iter().chain(&b.r).all(|&r| r == 0) {
        let n = v.len();
        return (v, vec![0; n]);
    }
    let wide: Vec<i128> = b.v.iter().zip(&b.r).map(|(v, r)| v.abs() + r).collect();
    let abs: Vec<i128> = a.v.iter().map(|v| v.abs()).collect();
    let r = f(&a.r, &wide).iter().zip(f(&abs, &b.r)).map(|(x, y)| x + y).collect();
    (v, r)
}

fn int32(v: Vec<i128>, r: Vec<i128>, dims: Vec<usize>) -> Bounded {
    let d = DType::I32;
    let hull = v.iter().zip(&r).map(|(&v, &r)| super::integer::wrap_range(v - r, v + r, d)).collect();
    let v = v.into_iter().map(|x| wrap(x, d)).collect();
    Bounded::from_int(d, dims, Int::with_hull(v, hull))
}

/// MatMulInteger: int32, zero points per tensor, per row of A, per column of B.
pub fn matmul_integer(a: &Args<'_>) -> OpResult<Bounded> {
    let (dims, v, r) = matmul_sums(a, a.x(0)?, a.opt(2), a.x(1)?, a.opt(3))?;
    Ok(int32(v, r, dims))
}

fn matmul_sums(
    a: &Args<'_>,
    x: &Bounded,
    xz: Option<&Bounded>,
    y: &Bounded,
    yz: Option<&Bounded>,
) -> OpResult<(Vec<usize>, Vec<i128>, Vec<i128>)> {
    let s = mat_shape(a.cx, &x.dims, &y.dims)?;
    let (m, k, n) = s.mkn;
    // Zero points: one, one per row (column), or one per row (column) of each matrix.
    let p = centred(x, &ZeroPoints::of(xz)?, &|i, z| if z == m { i / k.max(1) % m.max(1) } else { i / k.max(1) })?;
    let q = centred(y, &ZeroPoints::of(yz)?, &|i, z| {
        if z == n { i % n.max(1) } else { i / (k * n).max(1) * n + i % n.max(1) }
    })?;
    let (v, r) = sums(&p, &q, &|p, q| s.product_int(p, q));
    Ok((s.out, v, r))
}

/// One factor of a requantisation.
struct Rescale<'a> {
    scales: [&'a Float; 3],
    zp: (i128, (i128, i128)),
    dtype: DType,
}

/// `sat(rint(acc s_a s_b / s_y) + zp)` for each element; `map` gives the indices of the three scales.
fn requantise(
    cx: &EvalCx<'_>,
    (v, r): (&[i128], &[i128]),
    k: &Rescale<'_>,
    float: DType,
    map: &dyn Fn(usize) -> [usize; 3],
) -> Int {
    let u = cx.u(float);
    let p = libm::ldexp(1.0, cx.acc(float).precision());
    let (mut value, mut hull) = (Vec::with_capacity(v.len()), Vec::with_capacity(v.len()));
    for i in 0..v.len() {
        let at = map(i);
        let (sv, se): (Vec<f64>, Vec<f64>) =
            (0..3).map(|j| (k.scales[j].value[at[j]], k.scales[j].radius[at[j]])).unzip();
        let m = sv[0] * sv[1] / sv[2];
        let x = wrap(v[i], DType::I32) as f64;
        let q = x * m;
        let rel: f64 = (0..3).map(|j| if se[j] == 0.0 { 0.0 } else { se[j] / (sv[j].abs() - se[j]).max(0.0) }).sum();
        let powers = sv.iter().all(|&s| low_bit_exp(s).is_some_and(|e| libm::ldexp(1.0, e) == s));
        let roundings = if powers && x.abs() <= p { 0.0 } else { cx.gamma(5.0, u) };
        let reach = (x.abs() + r[i] as f64) * m.abs();
        let mut e = r[i] as f64 * m.abs() + reach * (rel + roundings);
        let interval = cx.contract.requant == Requant::Interval;
        if interval {
            e += (3.0 * q.abs() + (q + k.zp.0 as f64).abs()) * libm::ldexp(1.0, -24);
        }
        // An open scale has an infinite radius, which times a sum of 0 is not a number.
        let open = (0..3).any(|j| se[j].is_infinite() || k.scales[j].may_nan(at[j]));
        let bad = open || !q.is_finite() || rel.is_nan() || e.is_nan();
        let (v, mut h) = quantised_about(cx, (q, e, bad), k.zp, k.dtype);
        if interval && !bad {
            let (lo, hi) = int_range(k.dtype).unwrap_or((0, 0));
            let sat = |r: f64, zp: i128| (r as i128 + zp).clamp(lo, hi);
            let (down, up) = (libm::ceil(q - 0.5 - e), libm::floor(q + 0.5 + e));
            h = (h.0.min(sat(down, k.zp.1.0)), h.1.max(sat(up, k.zp.1.1)));
        }
        value.push(v);
        hull.push(h);
    }
    Int::with_hull(value, hull)
}

fn one_zero_point(z: &Bounded) -> OpResult<(i128, (i128, i128))> {
    match ZeroPoints::of(Some(z))? {
        z if z.len() == 1 => Ok(z.at(0)),
        z => unsupported(format!("{} output zero points", z.len())),
    }
}

fn scales_present(all: &[&Bounded]) -> OpResult<()> {
    if all.iter().any(|s| s.elements() == 0) { invalid("an empty scale") } else { Ok(()) }
}

/// QLinearMatMul: operands a, a_scale, a_zp, b, b_scale, b_zp, y_scale, y_zp.
pub fn qlinear_matmul(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y) = (a.x(0)?, a.x(3)?);
    let (dims, v, r) = matmul_sums(a, x, a.opt(2), y, a.opt(5))?;
    let (sx, sy, so) = (a.x(1)?, a.x(4)?, a.x(6)?);
    scales_present(&[sx, sy, so])?;
    let n = if y.rank() > 1 { *dims.last().unwrap_or(&1) } else { 1 };
    let m = if x.rank() > 1 { x.dims[x.rank() - 2] } else { 1 };
    let row =
        |b: &Bounded, i: usize| if b.elements() == 1 { 0 } else { (i / n.max(1) % m.max(1)).min(b.elements() - 1) };
    let col = |b: &Bounded, i: usize| if b.elements() == 1 { 0 } else { (i % n.max(1)).min(b.elements() - 1) };
    let k =
        Rescale { scales: [sx.float()?, sy.float()?, so.float()?], zp: one_zero_point(a.x(7)?)?, dtype: a.x(7)?.dtype };
    let q = requantise(a.cx, (&v, &r), &k, so.dtype, &|i| [row(sx, i), col(sy, i), 0]);
    Ok(Bounded::from_int(k.dtype, dims, q))
}

fn conv_sums(
    a: &Args<'_>,
    x: &Bounded,
    xz: Option<&Bounded>,
    w: &Bounded,
    wz: Option<&Bounded>,
) -> OpResult<(Vec<usize>, Vec<i128>, Vec<i128>)> {
    let s = ConvShape::new(a, &x.dims, &w.dims)?;
    let per = count(&w.dims[1..]).max(1);
    let p = centred(x, &ZeroPoints::of(xz)?, &|_, _| 0)?;
    let q = centred(w, &ZeroPoints::of(wz)?, &|i, _| i / per)?;
    let exact = |x: &[i128], w: &[i128]| {
        // Products of 32-bit operands: sums of up to 2^31 of them fit i128; 8-bit ones fit i64, which is faster.
        let small = |v: &[i128]| v.iter().all(|x| x.abs() < 1 << 16);
        if small(x) && small(w) {
            let f = |v: &[i128]| v.iter().map(|&x| x as i64).collect::<Vec<_>>();
            let y = s.run(&f(x), &f(w), s.terms(), |d, x, k| d + x * k);
            y.into_iter().map(i128::from).collect()
        } else {
            s.run(x, w, s.terms(), |d: i128, x, k| d.wrapping_add(x.wrapping_mul(k)))
        }
    };
    let (v, r) = sums(&p, &q, &exact);
    Ok((s.dims(), v, r))
}

/// ConvInteger: int32; padding stands for the zero point.
pub fn conv_integer(a: &Args<'_>) -> OpResult<Bounded> {
    let (dims, v, r) = conv_sums(a, a.x(0)?, a.opt(2), a.x(1)?, a.opt(3))?;
    Ok(int32(v, r, dims))
}

/// QLinearConv: operands x, x_scale, x_zp, w, w_scale, w_zp, y_scale, y_zp, bias (int32 in units of x_scale w_scale).
pub fn qlinear_conv(a: &Args<'_>) -> OpResult<Bounded> {
    let (dims, mut v, mut r) = conv_sums(a, a.x(0)?, a.opt(2), a.x(3)?, a.opt(5))?;
    let channel = channel_map(&dims);
    if let Some(b) = a.opt(8) {
        super::conv::check_bias(b, dims[1])?;
        let b = b.int()?;
        for (i, &c) in channel.iter().enumerate() {
            let (lo, hi) = b.range(c);
            v[i] += b.value[c] * a.cx.hypothesis.map_or(1.0, Hypothesis::bias) as i128;
            r[i] += (hi - b.value[c]).max(b.value[c] - lo);
        }
    }
    let (sx, sw, so) = (a.x(1)?, a.x(4)?, a.x(6)?);
    scales_present(&[sx, sw, so])?;
    if sw.elements() != 1 && sw.elements() != dims[1] {
        return invalid(format!("{} weight scales for {} channels", sw.elements(), dims[1]));
    }
    let k =
        Rescale { scales: [sx.float()?, sw.float()?, so.float()?], zp: one_zero_point(a.x(7)?)?, dtype: a.x(7)?.dtype };
    let first = sw.elements() == 1 || a.cx.hyp(Hypothesis::FirstChannelScale);
    let q = requantise(a.cx, (&v, &r), &k, so.dtype, &|i| [0, if first { 0 } else { channel[i] }, 0]);
    Ok(Bounded::from_int(k.dtype, dims, q))
}
