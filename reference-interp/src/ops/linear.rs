//! Matrix products: MatMul, Gemm, Einsum, Det.
//!
//! K products and a bias (NUMERICS.md 3.1): `v = A B + c`, `M = M_A M_B + M_c` (at the magnitude that inherited errors reach, see
//! [`perturbed`]), `eB = eB_A (|B| + e_B) + (|A| + e_A) eB_B + eB_c`, `D = D_A + D_B + K (+ D_c + 1)`, grid `min(g_A + g_B, g_c)`. All four are
//! the same bilinear map on other arrays, so each operator writes its loops once. Sums of f64 are kept in two floats ([`crate::wide`]).

use super::elementwise::perturbed;
use crate::contract::{Format, exp2i};
use crate::cx::{Args, EvalCx, Raw};
use crate::error::{OpResult, invalid, unsupported};
use crate::extreme::{self, Signed, infinite, sign_open, unbounded};
use crate::hypothesis::Hypothesis;
use crate::index::{Odometer, broadcast, broadcast_map, count, positions, strides};
use crate::round::{self, Rounding};
use crate::value::{Bounded, Float, Linear};
use crate::wide::{Wide, rounded, two_product};
use ir::DType;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How a running sum is kept: in binary64, or rounded after each step by a hypothesis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    rounding: Option<(Format, Rounding)>,
    /// Leave out the last term of each reduction.
    pub drop_last: bool,
}

impl Sum {
    /// Binary64.
    pub const EXACT: Sum = Sum { rounding: None, drop_last: false };
    /// As the active hypothesis says.
    pub fn of(cx: &EvalCx<'_>) -> Sum {
        Sum { rounding: cx.accumulate(), drop_last: cx.hyp(Hypothesis::DropLastTerm) }
    }
    /// `s + x`.
    #[inline]
    pub fn add(self, s: f64, x: f64) -> f64 {
        match self.rounding {
            None => s + x,
            Some((f, m)) => round::round_mode(s + x, f, m),
        }
    }
    /// Whether this is plain binary64 with all terms.
    pub fn is_exact(self) -> bool {
        self.rounding.is_none() && !self.drop_last
    }
    /// Number of terms to add, of `k`.
    pub fn terms(self, k: usize) -> usize {
        if self.drop_last { k.saturating_sub(1) } else { k }
    }
}

/// Infinite radii as 0: undecided elements travel as a mask, since `0 * Inf` would lose them.
pub fn clean(e: &[f64]) -> Cow<'_, [f64]> {
    if crate::value::all_finite(e) {
        return e.into();
    }
    e.iter().map(|&x| if x.is_finite() { x } else { 0.0 }).collect::<Vec<_>>().into()
}

/// Elementwise or of masks.
pub fn poison_or(a: Option<Vec<bool>>, b: Option<Vec<bool>>) -> Option<Vec<bool>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.iter().zip(&b).map(|(x, y)| *x || *y).collect()),
        (a, b) => a.or(b),
    }
}

fn mask(p: Option<Vec<bool>>, n: usize) -> Vec<f64> {
    p.map_or_else(|| vec![0.0; n], |p| p.into_iter().map(|b| f64::from(u8::from(b))).collect())
}

/// Roundings in a sum of products.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Most roundings that one product meets.
    pub path: f64,
    /// How many products there are: each may lose bits to underflow, whichever path it takes.
    pub products: f64,
}

impl Depth {
    /// One product after the other: any path may hold all.
    pub fn chain(terms: usize) -> Depth {
        Depth { path: terms as f64, products: terms as f64 }
    }
}

/// A bilinear map of such a depth: `f(a, b, sum)` computes it on plain arrays.
pub fn bilinear(
    cx: &EvalCx<'_>,
    a: &Float,
    b: &Float,
    depth: Depth,
    f: &dyn Fn(&[f64], &[f64], Sum) -> Vec<f64>,
) -> Raw {
    let v = f(&cx.operands(&a.value), &cx.operands(&b.value), Sum::of(cx));
    if !cx.bounds {
        return Raw { v, ..Raw::default() };
    }
    let (ea, eb) = (clean(a.eb()), clean(b.eb()));
    let wide = |x: &Float| -> Vec<f64> {
        clean(&x.value).iter().zip(clean(&x.radius).iter()).map(|(v, e)| v.abs() + e).collect()
    };
    let mut inherited = Vec::new();
    for (err, other, first) in [(&ea, b, true), (&eb, a, false)] {
        if err.iter().all(|&x| x == 0.0) {
            continue;
        }
        let w = wide(other);
        let part = if first { f(err, &w, Sum::EXACT) } else { f(&w, err, Sum::EXACT) };
        inherited = if inherited.is_empty() { part } else { part.iter().zip(&inherited).map(|(x, y)| x + y).collect() };
    }
    let mut m = f(&a.m(), &b.m(), Sum::EXACT);
    if !inherited.is_empty() {
        let reach = |x: &Float, e: &[f64]| -> Vec<f64> { x.m().iter().zip(e).map(|(m, e)| m + e).collect() };
        let top = f(&reach(a, &ea), &reach(b, &eb), Sum::EXACT);
        m.iter_mut().zip(&inherited).zip(top).for_each(|((m, e), top)| *m = perturbed(top, *e, *m));
    }
    let special = unbounded(a) || unbounded(b);
    let (pa, pb) = (a.poison(), b.poison());
    let mut poison: Option<Vec<bool>> = (pa.is_some() || pb.is_some()).then(|| {
        let x = f(&mask(pa, a.value.len()), &vec![1.0; b.value.len()], Sum::EXACT);
        let y = f(&vec![1.0; a.value.len()], &mask(pb, b.value.len()), Sum::EXACT);
        x.iter().zip(&y).map(|(p, q)| p + q > 0.0).collect()
    });
    if special {
        let x = f(&extreme::count(&infinite(a)), &extreme::count(&sign_open(b)), Sum::EXACT);
        let y = f(&extreme::count(&sign_open(a)), &extreme::count(&infinite(b)), Sum::EXACT);
        poison = poison_or(poison, Some(x.iter().zip(&y).map(|(p, q)| p + q > 0.0).collect()));
    }
    Raw {
        v,
        eb: inherited,
        m,
        d: a.d() + b.d() + depth.path,
        underflows: (depth.products - depth.path).max(0.0),
        grid: a.grid.zip(b.grid).map(|(g, h)| g.saturating_add(h)),
        poison,
        signed: special.then(|| Signed::bilinear(a, b, &|p, q| f(p, q, Sum::EXACT))),
        wide: false,
    }
}

/// [`bilinear`] for tensors of a type; `wide` computes the same map in two floats, for f64.
pub fn bilinear_of(
    cx: &EvalCx<'_>,
    dtype: DType,
    a: &Float,
    b: &Float,
    depth: Depth,
    f: &dyn Fn(&[f64], &[f64], Sum) -> Vec<f64>,
    wide: &dyn Fn(&[f64], &[f64]) -> Vec<Wide>,
) -> Raw {
    let mut raw = bilinear(cx, a, b, depth, f);
    if cx.wide(dtype) {
        let (v, own) = rounded(&wide(&a.value, &b.value));
        // Two floats do not know infinities: what is not finite stays as it was.
        raw.v.iter_mut().zip(v).filter(|(old, _)| old.is_finite()).for_each(|(old, v)| *old = v);
        raw.charge(&own);
        raw.wide = true;
        // What the reference itself rounded further up in the region is not in `eb`.
        raw.d += a.d() + b.d();
    }
    raw
}

/// Adds a bias, `c[map[i]]` to element `i`.
pub fn add_bias(cx: &EvalCx<'_>, raw: &mut Raw, c: &Float, map: &[usize]) {
    let times = cx.hypothesis.map_or(1.0, Hypothesis::bias);
    let s = Sum::of(cx);
    let before = if cx.bounds && raw.signed.is_none() && unbounded(c) { raw.v.clone() } else { Vec::new() };
    if raw.wide {
        let own: Vec<f64> = raw.v.iter().zip(map).map(|(v, &j)| Wide::of(*v).plus(c.value[j]).rounded().1).collect();
        raw.charge(&own);
    }
    for (v, &j) in raw.v.iter_mut().zip(map) {
        *v = s.add(*v, times * c.value[j]);
    }
    if !cx.bounds {
        return;
    }
    if raw.signed.is_some() || unbounded(c) {
        let mut s = raw.signed.take().unwrap_or_else(|| {
            Signed::of(&Float {
                value: before,
                radius: Vec::new(),
                linear: Some(Linear { eb: Vec::new(), m: raw.m.clone(), d: 0.0 }),
                nan: None,
                grid: None,
            })
        });
        s.add(&Signed::of(c), |i| map[i], false);
        raw.signed = Some(s);
    }
    let (m, eb) = (c.m(), clean(c.eb()));
    for (x, &j) in raw.m.iter_mut().zip(map) {
        *x += m[j];
    }
    if eb.iter().any(|&x| x != 0.0) {
        raw.eb.resize(raw.v.len(), 0.0);
        for (x, &j) in raw.eb.iter_mut().zip(map) {
            *x += eb[j];
        }
    }
    if let Some(p) = c.poison() {
        raw.poison = poison_or(raw.poison.take(), Some(map.iter().map(|&j| p[j]).collect()));
    }
    raw.d += c.d() * if raw.wide { 2.0 } else { 1.0 } + 1.0;
    raw.grid = raw.grid.zip(c.grid).map(|(g, h)| g.min(h));
}

/// Extents of a (batched) matrix product.
#[derive(Clone, Debug)]
pub struct MatShape {
    /// Result extents.
    pub out: Vec<usize>,
    /// Rows, terms, columns.
    pub mkn: (usize, usize, usize),
    /// For each batch, the first element of its matrix in A and in B.
    pub batches: Vec<(usize, usize)>,
    /// The terms that are added, under a hypothesis.
    part: Option<std::ops::Range<usize>>,
}

/// Shapes of numpy's `matmul`: vectors are promoted, leading extents broadcast.
pub fn mat_shape(cx: &EvalCx<'_>, a: &[usize], b: &[usize]) -> OpResult<MatShape> {
    if a.is_empty() || b.is_empty() {
        return invalid("a matrix product of a scalar");
    }
    let (va, vb) = (a.len() == 1, b.len() == 1);
    let a2 = if va { vec![1, a[0]] } else { a.to_vec() };
    let b2 = if vb { vec![b[0], 1] } else { b.to_vec() };
    let (ra, rb) = (a2.len() - 2, b2.len() - 2);
    let (m, k, n) = (a2[ra], a2[ra + 1], b2[rb + 1]);
    if b2[rb] != k {
        return invalid(format!("inner extents of {a:?} and {b:?} differ"));
    }
    let batch = broadcast(&[&a2[..ra], &b2[..rb]])?;
    let mut out = batch.clone();
    if !va {
        out.push(m);
    }
    if !vb {
        out.push(n);
    }
    cx.alloc(&out)?;
    cx.alloc(&batch)?;
    let ia = broadcast_map(&a2[..ra], &batch);
    let ib = broadcast_map(&b2[..rb], &batch);
    let batches = ia.iter().zip(&ib).map(|(x, y)| (x * m * k, y * k * n)).collect();
    Ok(MatShape { out, mkn: (m, k, n), batches, part: cx.hypothesis.and_then(Hypothesis::terms) })
}

impl MatShape {
    /// Roundings that a product meets.
    pub fn depth(&self, cx: &EvalCx<'_>) -> Depth {
        let k = self.mkn.1;
        Depth { path: cx.depth(k as f64, k.div_ceil(16) as f64), products: k as f64 }
    }
    /// The terms that are added, of the first `k`.
    fn added(&self, k: usize) -> std::ops::Range<usize> {
        self.part.clone().map_or(0..k, |r| r.start.min(k)..r.end.min(k))
    }
    /// The product on plain arrays.
    pub fn product(&self, a: &[f64], b: &[f64], s: Sum) -> Vec<f64> {
        let (m, k, n) = self.mkn;
        let mut out = vec![0.0; self.batches.len() * m * n];
        for (t, &(pa, pb)) in self.batches.iter().enumerate() {
            for i in 0..m {
                let row = &mut out[(t * m + i) * n..][..n];
                for p in self.added(s.terms(k)) {
                    let x = a[pa + i * k + p];
                    let col = &b[pb + p * n..][..n];
                    if s.is_exact() {
                        row.iter_mut().zip(col).for_each(|(r, y)| *r += x * y);
                    } else {
                        row.iter_mut().zip(col).for_each(|(r, y)| *r = s.add(*r, x * y));
                    }
                }
            }
        }
        out
    }
    /// The product in two floats.
    pub fn product_wide(&self, a: &[f64], b: &[f64]) -> Vec<Wide> {
        let (m, k, n) = self.mkn;
        let mut out = vec![Wide::default(); self.batches.len() * m * n];
        for (t, &(pa, pb)) in self.batches.iter().enumerate() {
            for i in 0..m {
                let row = &mut out[(t * m + i) * n..][..n];
                for p in 0..k {
                    let x = a[pa + i * k + p];
                    row.iter_mut().zip(&b[pb + p * n..][..n]).for_each(|(r, y)| *r = r.plus_product(x, *y));
                }
            }
        }
        out
    }
    /// The product on integers; exact.
    pub fn product_int(&self, a: &[i128], b: &[i128]) -> Vec<i128> {
        let (m, k, n) = self.mkn;
        let mut out = vec![0i128; self.batches.len() * m * n];
        for (t, &(pa, pb)) in self.batches.iter().enumerate() {
            for i in 0..m {
                for p in self.added(k) {
                    let x = a[pa + i * k + p];
                    for j in 0..n {
                        let o = &mut out[(t * m + i) * n + j];
                        *o = o.wrapping_add(x.wrapping_mul(b[pb + p * n + j]));
                    }
                }
            }
        }
        out
    }
}

/// MatMul, as numpy's.
pub fn matmul(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y) = (a.x(0)?, a.x(1)?);
    same_type(x, y)?;
    let s = mat_shape(a.cx, &x.dims, &y.dims)?;
    if let (Ok(p), Ok(q)) = (x.int(), y.int()) {
        if p.hull.is_some() || q.hull.is_some() {
            return unsupported("an integer matrix product of undecided values");
        }
        let v = s.product_int(&p.value, &q.value).into_iter().map(|v| round::wrap(v, x.dtype)).collect();
        return Ok(Bounded::from_int(x.dtype, s.out, crate::value::Int::exact(v)));
    }
    let (f, wide) =
        (|p: &[f64], q: &[f64], sum: Sum| s.product(p, q, sum), |p: &[f64], q: &[f64]| s.product_wide(p, q));
    let raw = bilinear_of(a.cx, x.dtype, x.float()?, y.float()?, s.depth(a.cx), &f, &wide);
    Ok(a.cx.linear(x.dtype, s.out.clone(), raw))
}

fn same_type(x: &Bounded, y: &Bounded) -> OpResult<()> {
    if x.dtype == y.dtype { Ok(()) } else { invalid(format!("operand types differ: {} and {}", x.dtype, y.dtype)) }
}

fn transposed(x: &Bounded, t: bool) -> OpResult<Bounded> {
    let &[r, c] = &x.dims[..] else { return invalid(format!("a matrix is needed, found {:?}", x.dims)) };
    if !t {
        return Ok(x.clone());
    }
    Ok(x.moved(&positions(&[r, c])?.reversed_axes().view()))
}

/// Gemm: `alpha A' B' + beta C`; two more roundings for alpha and beta where they are not 1.
pub fn gemm(a: &Args<'_>) -> OpResult<Bounded> {
    same_type(a.x(0)?, a.x(1)?)?;
    let x = transposed(a.x(0)?, a.flag("transA")?)?;
    let y = transposed(a.x(1)?, a.flag("transB")?)?;
    let dtype = x.dtype;
    let s = mat_shape(a.cx, &x.dims, &y.dims)?;
    let (alpha, beta) = (a.f64("alpha")?, a.f64("beta")?);
    let Ok(xf) = x.float() else { return integer_gemm(a, &x, &y, &s, alpha, beta) };
    let (f, wide) =
        (|p: &[f64], q: &[f64], sum: Sum| s.product(p, q, sum), |p: &[f64], q: &[f64]| s.product_wide(p, q));
    let mut raw = bilinear_of(a.cx, dtype, xf, y.float()?, s.depth(a.cx), &f, &wide);
    if a.cx.bounds && alpha != 1.0 {
        // The sum may overflow before it is scaled.
        let gamma = a.cx.gamma(raw.d, a.cx.u(dtype));
        let open = (0..raw.v.len()).map(|i| a.cx.sum_open(&raw, i, gamma, a.cx.acc(dtype))).collect();
        raw.poison = poison_or(raw.poison.take(), Some(open));
    }
    if a.cx.bounds && alpha.abs() > 1.0 {
        // Bits that the products lost to underflow are scaled too; `linear` charges them once, unscaled.
        let acc = a.cx.acc(dtype);
        let lost = raw.d * a.cx.eta(acc) * (alpha.abs() - 1.0) / alpha.abs();
        raw.eb.resize(raw.v.len(), 0.0);
        for (e, m) in raw.eb.iter_mut().zip(&raw.m) {
            if *m > 0.0 && *m < acc.min_normal() * exp2i(46) {
                *e += lost;
            }
        }
    }
    multiply(&mut raw, alpha);
    if let Some(c) = a.opt(2) {
        same_type(&x, c)?;
        if broadcast(&[&c.dims, &s.out])? != s.out {
            return invalid(format!("C of shape {:?} does not broadcast to {:?}", c.dims, s.out));
        }
        let map = broadcast_map(&c.dims, &s.out);
        if beta == 1.0 {
            add_bias(a.cx, &mut raw, c.float()?, &map);
        } else if beta != 0.0 {
            let by = Float::exact(vec![beta; c.elements()]);
            let scaled = super::elementwise::mul(&real(a.cx), dtype, c.dims.clone(), c.float()?, &by);
            add_bias(a.cx, &mut raw, scaled.float()?, &map);
        }
    }
    Ok(a.cx.linear(dtype, s.out.clone(), raw))
}

/// The same settings; intermediate results of one kernel are not stored, so hypotheses about stores do not apply to them.
pub fn real<'a>(cx: &EvalCx<'a>) -> EvalCx<'a> {
    EvalCx { hypothesis: None, ..*cx }
}

fn integer_gemm(a: &Args<'_>, x: &Bounded, y: &Bounded, s: &MatShape, alpha: f64, beta: f64) -> OpResult<Bounded> {
    let (p, q) = (x.int()?, y.int()?);
    let c = a.opt(2).map(|c| Ok::<_, crate::OpError>((c.int()?, broadcast_map(&c.dims, &s.out)))).transpose()?;
    let open = p.hull.is_some() || q.hull.is_some() || c.as_ref().is_some_and(|(c, _)| c.hull.is_some());
    if alpha != 1.0 || beta != 1.0 || open {
        return unsupported("an integer Gemm with alpha or beta other than 1, or of undecided values");
    }
    let mut v = s.product_int(&p.value, &q.value);
    if let Some((c, map)) = c {
        v.iter_mut().zip(&map).for_each(|(v, &j)| *v = v.wrapping_add(c.value[j]));
    }
    let v = v.into_iter().map(|v| round::wrap(v, x.dtype)).collect();
    Ok(Bounded::from_int(x.dtype, s.out.clone(), crate::value::Int::exact(v)))
}

/// Multiplies a linear state by an exact constant: one more rounding unless it is a power of two.
pub fn multiply(raw: &mut Raw, c: f64) {
    if c == 1.0 {
        return;
    }
    let own: Vec<f64> = if raw.wide {
        raw.v.iter().map(|x| two_product(*x, c).1.abs()).map(|e| if e.is_finite() { e } else { 0.0 }).collect()
    } else {
        Vec::new()
    };
    raw.v.iter_mut().for_each(|x| *x *= c);
    raw.eb.iter_mut().for_each(|x| *x *= c.abs());
    raw.charge(&own);
    raw.m.iter_mut().for_each(|x| *x *= c.abs());
    if let Some(s) = &mut raw.signed {
        s.scale(|_| c);
    }
    raw.d += 1.0;
    raw.grid = raw.grid.zip(round::low_bit_exp(c)).map(|(g, h)| g + h);
}

/// Einsum of one or two operands without ellipsis subtleties: letters, repeated letters (diagonals), explicit or implicit
/// output, `...` as leading broadcast extents. More operands are contracted from the left.
pub fn einsum(a: &Args<'_>) -> OpResult<Bounded> {
    let eq: String = a.str("equation")?.chars().filter(|c| !c.is_whitespace()).collect();
    let all = a.all();
    let (lhs, rhs) = match eq.split_once("->") {
        Some((l, r)) => (l.to_string(), Some(r.to_string())),
        None => (eq.clone(), None),
    };
    let terms: Vec<&str> = lhs.split(',').collect();
    if terms.len() != all.len() || all.len() > 2 {
        return unsupported("an einsum of more than two operands, or with another number of terms than operands");
    }
    let ell =
        all.iter().zip(&terms).map(|(x, t)| x.rank().saturating_sub(t.replace("...", "").len())).max().unwrap_or(0);
    let labels = terms.iter().zip(&all).map(|(t, x)| label(t, x.rank(), ell)).collect::<OpResult<Vec<_>>>()?;
    let mut size: BTreeMap<char, usize> = BTreeMap::new();
    for (l, x) in labels.iter().zip(&all) {
        for (&c, &d) in l.iter().zip(&x.dims) {
            let s = size.entry(c).or_insert(1);
            if *s != d && *s != 1 && d != 1 {
                return invalid(format!("label `{c}` has extents {s} and {d}"));
            }
            *s = (*s).max(d);
        }
    }
    let out = match rhs {
        Some(r) => label(&r, r.replace("...", "").len() + if r.contains("...") { ell } else { 0 }, ell)?,
        None => implicit(&labels),
    };
    if out.iter().any(|c| !size.contains_key(c)) {
        return invalid("an output label is in no operand");
    }
    let summed: Vec<char> = size.keys().copied().filter(|c| !out.contains(c)).collect();
    let extent = |ls: &[char]| ls.iter().map(|c| size[c]).collect::<Vec<_>>();
    let dims = extent(&out);
    a.cx.alloc(&dims)?;
    let loops: Vec<char> = out.iter().chain(&summed).copied().collect();
    let inner = extent(&summed);
    let steps: Vec<Vec<usize>> = labels.iter().zip(&all).map(|(l, x)| steps(l, &x.dims, &loops)).collect();
    let (no, ni) = (count(&dims), count(&inner));
    a.cx.alloc(&[no, ni])?;
    let run = |p: &[f64], q: &[f64], s: Sum| {
        let mut r = vec![0.0; no];
        let mut odo = Odometer::new(&extent(&loops));
        let mut at = 0;
        while let Some(c) = odo.next() {
            let idx = |k: usize| c.iter().zip(&steps[k]).map(|(x, y)| x * y).sum::<usize>();
            if !(s.drop_last && at % ni == ni - 1) {
                let y = if all.len() == 2 { q[idx(1)] } else { 1.0 };
                r[at / ni] = s.add(r[at / ni], p[idx(0)] * y);
            }
            at += 1;
        }
        r
    };
    let one = Float::exact(vec![1.0]);
    let second = if all.len() == 2 { all[1].float()? } else { &one };
    let first = all[0].float()?;
    let mut raw = bilinear(a.cx, first, second, Depth::chain(ni.max(1)), &run);
    if all.len() == 2 && ni > 1 {
        // An operand may be summed over a label of its own before the product: what overflows then is an infinity, whatever
        // the other factor is.
        let wide = |f: &Float| -> Vec<f64> {
            (0..f.value.len())
                .map(|i| f.value[i].abs() + f.radius[i])
                .map(|m| if m.is_finite() { m.max(1.0) } else { 1.0 })
                .collect()
        };
        let most = run(&wide(first), &wide(second), Sum::EXACT);
        if most.iter().any(|&m| a.cx.may_overflow(m, ni as f64, all[0].dtype)) {
            let p = raw.poison.get_or_insert_with(|| vec![false; no]);
            p.iter_mut().zip(&most).for_each(|(p, &m)| *p |= a.cx.may_overflow(m, ni as f64, all[0].dtype));
        }
    }
    Ok(a.cx.linear(all[0].dtype, dims, raw))
}

/// Labels of a term; the ellipsis stands for the last of `ell` reserved labels.
fn label(term: &str, rank: usize, ell: usize) -> OpResult<Vec<char>> {
    let letters = term.replace("...", "");
    if rank < letters.len() || letters.contains('.') || (!term.contains("...") && rank != letters.len()) {
        return invalid(format!("term `{term}` does not fit rank {rank}"));
    }
    let mine = rank - letters.len();
    let dots = (ell - mine.min(ell)..ell).filter_map(|i| char::from_u32(0xE000 + i as u32));
    let head = term.split("...").next().unwrap_or("").chars();
    let tail = term.split("...").nth(1).unwrap_or("").chars();
    Ok(head.chain(dots).chain(tail).collect())
}

fn implicit(labels: &[Vec<char>]) -> Vec<char> {
    let flat: Vec<char> = labels.iter().flatten().copied().collect();
    let dots = flat.iter().copied().filter(|&c| c >= '\u{E000}');
    let once = flat.iter().copied().filter(|c| *c < '\u{E000}' && flat.iter().filter(|d| *d == c).count() == 1);
    let sort = |it: Vec<char>| {
        let mut v = it;
        v.sort_unstable();
        v.dedup();
        v
    };
    sort(dots.collect()).into_iter().chain(sort(once.collect())).collect()
}

/// Step of an operand for each loop label: the sum of strides of its axes with that label (diagonals), 0 where it broadcasts.
fn steps(label: &[char], dims: &[usize], loops: &[char]) -> Vec<usize> {
    let st = strides(dims);
    let step = |c: &char| (0..dims.len()).filter(|&k| label[k] == *c && dims[k] != 1).map(|k| st[k]).sum();
    loops.iter().map(step).collect()
}

/// Det of batches of square matrices, by Gaussian elimination with partial pivoting.
///
/// Bound: Hadamard's, `e = gamma_{4n} prod ||row|| + sum_i (prod of other rows' norms) ||e_row||`: backward error of elimination is
/// `gamma_n` times a growth factor (at most 2^(n-1), in practice near 1; the factor is charged).
pub fn det(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    let r = x.rank();
    if r < 2 || x.dims[r - 1] != x.dims[r - 2] {
        return invalid(format!("square matrices are needed, found {:?}", x.dims));
    }
    let n = x.dims[r - 1];
    let dims = x.dims[..r - 2].to_vec();
    let u = a.cx.u(x.dtype);
    let growth = libm::ldexp(1.0, n.min(60) as i32);
    Ok(super::elementwise::build(a.cx, x.dtype, dims.clone(), count(&dims), |b| {
        let m = &f.value[b * n * n..][..n * n];
        let e = &f.radius[b * n * n..][..n * n];
        let v = eliminate(m.to_vec(), n);
        let norm = |row: usize, with: bool| -> f64 {
            (0..n).map(|c| m[row * n + c].abs() + if with { e[row * n + c] } else { 0.0 }).sum()
        };
        let all: f64 = (0..n).map(|r| norm(r, true)).product();
        let inherited: f64 = (0..n)
            .map(|r| {
                let er: f64 = e[r * n..][..n].iter().sum();
                if er == 0.0 { 0.0 } else { er * (0..n).filter(|&q| q != r).map(|q| norm(q, true)).product::<f64>() }
            })
            .sum();
        let e = inherited + a.cx.gamma(4.0 * n as f64, u) * growth * all;
        (v, if e.is_nan() { f64::INFINITY } else { e }, !e.is_finite())
    }))
}

fn eliminate(mut m: Vec<f64>, n: usize) -> f64 {
    let mut det = 1.0;
    for c in 0..n {
        let p = (c..n).max_by(|&i, &j| m[i * n + c].abs().total_cmp(&m[j * n + c].abs())).unwrap_or(c);
        if m[p * n + c] == 0.0 {
            return 0.0;
        }
        if p != c {
            (0..n).for_each(|k| m.swap(p * n + k, c * n + k));
            det = -det;
        }
        det *= m[c * n + c];
        for r in c + 1..n {
            let t = m[r * n + c] / m[c * n + c];
            for k in c..n {
                m[r * n + k] -= t * m[c * n + k];
            }
        }
    }
    det
}
