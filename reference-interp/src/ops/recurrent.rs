//! LSTM, GRU, RNN: each step is composed of the bounded operators of this crate, in the accumulator's format (a gate is a
//! linear region and an activation; the state is stored between steps).

use super::elementwise::{add, build, mul};
use super::linear::{Depth, bilinear, mat_shape, real};
use super::unary::function_at;
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid, unsupported};
use crate::value::{Bounded, Float};
use ir::{DType, Op};

/// One activation by its ONNX name (those without parameters, and the common parametric ones with their defaults).
fn activate(cx: &EvalCx<'_>, name: &str, x: &Bounded) -> OpResult<Bounded> {
    let op = match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Op::Sigmoid,
        "tanh" => Op::Tanh,
        "softplus" => Op::Softplus,
        "relu" => {
            let f = x.float()?;
            return Ok(build(cx, x.dtype, x.dims.clone(), f.value.len(), |i| {
                let y = f.value[i].max(0.0);
                (y, super::elementwise::hull_radius(y, f.lo(i).max(0.0), f.hi(i).max(0.0)), f.may_nan(i))
            }));
        }
        "affine" => return Ok(x.clone()),
        n => return unsupported(format!("activation `{n}`")),
    };
    let f = x.float()?;
    Ok(build(cx, x.dtype, x.dims.clone(), f.value.len(), |i| {
        let (v, e, nan) = function_at(cx, op, x.dtype, f.value[i], f.radius[i]);
        (v, e, nan || f.nan.as_ref().is_some_and(|n| n[i]))
    }))
}

struct Cell<'a> {
    cx: EvalCx<'a>,
    dtype: DType,
    batch: usize,
    hidden: usize,
    clip: Option<f64>,
}

impl Cell<'_> {
    fn dims(&self) -> Vec<usize> {
        vec![self.batch, self.hidden]
    }
    /// `x W^T` for one gate.
    fn product(&self, x: &Bounded, w: &Bounded) -> OpResult<Bounded> {
        let &[h, k] = &w.dims[..] else { return invalid("weights of a gate are a matrix") };
        let idx: Vec<usize> = (0..h * k).map(|i| i % h * k + i / h).collect();
        let wt = w.take(&idx, vec![k, h]);
        let s = mat_shape(&self.cx, &x.dims, &wt.dims)?;
        let raw = bilinear(&self.cx, x.float()?, wt.float()?, Depth::chain(s.mkn.1), &|p, q, sum| s.product(p, q, sum));
        Ok(self.cx.linear(self.dtype, s.out.clone(), raw))
    }
    fn add(&self, a: &Bounded, b: &Bounded) -> OpResult<Bounded> {
        let (a, b, dims) = super::elementwise::pair(&self.cx, a, b)?;
        Ok(add(&self.cx, self.dtype, dims, a.float()?, b.float()?, 1.0))
    }
    fn mul(&self, a: &Bounded, b: &Bounded) -> OpResult<Bounded> {
        let (a, b, dims) = super::elementwise::pair(&self.cx, a, b)?;
        Ok(mul(&self.cx, self.dtype, dims, a.float()?, b.float()?))
    }
    /// `1 - a`.
    fn complement(&self, a: &Bounded) -> OpResult<Bounded> {
        let one = Float::exact(vec![1.0; a.elements()]);
        Ok(add(&self.cx, self.dtype, a.dims.clone(), &one, a.float()?, -1.0))
    }
    fn clipped(&self, a: Bounded) -> OpResult<Bounded> {
        let Some(c) = self.clip else { return Ok(a) };
        let f = a.float()?;
        Ok(build(&self.cx, self.dtype, a.dims.clone(), f.value.len(), |i| {
            let y = f.value[i].clamp(-c, c);
            (y, super::elementwise::hull_radius(y, f.lo(i).clamp(-c, c), f.hi(i).clamp(-c, c)), f.may_nan(i))
        }))
    }
}

/// Rows `[from, from + n)` of one direction of a `[dirs, rows, cols]` tensor (or `[dirs, rows]`).
fn part(x: &Bounded, dir: usize, from: usize, n: usize) -> OpResult<Bounded> {
    let cols: usize = x.dims.get(2).copied().unwrap_or(1);
    let rows = *x.dims.get(1).unwrap_or(&0);
    if from + n > rows || dir >= x.dims[0] {
        return invalid(format!("a parameter of shape {:?} is too small", x.dims));
    }
    let at = (dir * rows + from) * cols;
    let dims = if x.rank() == 3 { vec![n, cols] } else { vec![n] };
    Ok(x.take(&(at..at + n * cols).collect::<Vec<_>>(), dims))
}

/// Blends by sequence length: rows whose sequence has ended keep `old`.
fn masked(new: &Bounded, old: &Bounded, len: Option<&[i64]>, t: usize) -> OpResult<Bounded> {
    let Some(len) = len else { return Ok(new.clone()) };
    let h = new.dims[1];
    if new.dims != old.dims {
        return invalid(format!("a state of shape {:?} for {:?}", old.dims, new.dims));
    }
    let pool = Bounded::pool(&[new, old])?;
    let n = new.elements();
    let idx: Vec<usize> = (0..n).map(|i| if (t as i64) < len[i / h.max(1)] { i } else { n + i }).collect();
    Ok(pool.take(&idx, new.dims.clone()))
}

/// LSTM (gates i o f c, peepholes, `input_forget`), GRU (gates z r h, `linear_before_reset`), RNN; directions, sequence lengths,
/// clipping, `layout`.
pub fn recurrent(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let layout = a.int("layout")? == 1;
    let swap = |b: &Bounded| -> OpResult<Bounded> {
        if b.rank() < 2 || !layout {
            return Ok(b.clone());
        }
        swap_leading(b)
    };
    let x = swap(a.x(0)?)?;
    let (w, r) = (a.x(1)?, a.x(2)?);
    let &[steps, batch, _] = &x.dims[..] else { return invalid("input of rank 3 is needed") };
    let (dirs, hidden) = match r.dims[..] {
        [d, _, h] => (d, h),
        _ => return invalid("recurrent weights of rank 3 are needed"),
    };
    let lstm = a.node.op == Op::LSTM;
    let names: Vec<String> = match a.node.attrs.get("activations") {
        Some(ir::Attr::Strs(s)) => s.clone(),
        _ => match a.node.op {
            Op::LSTM => ["Sigmoid", "Tanh", "Tanh"].repeat(dirs).into_iter().map(String::from).collect(),
            Op::GRU => ["Sigmoid", "Tanh"].repeat(dirs).into_iter().map(String::from).collect(),
            _ => vec!["Tanh".to_string(); dirs],
        },
    };
    let per = names.len() / dirs.max(1);
    let need = if lstm {
        3
    } else if a.node.op == Op::GRU {
        2
    } else {
        1
    };
    if per != need || w.rank() != 3 || w.dims[0] != dirs {
        return invalid("activations or weights do not fit the directions");
    }
    let len = a.opt_ints(4)?;
    if len.as_ref().is_some_and(|l| l.len() != batch) {
        return invalid("one sequence length per batch is needed");
    }
    let clip = a.node.attrs.f32("clip").map(f64::from);
    let cell = Cell { cx: real(a.cx), dtype: x.dtype, batch, hidden, clip };
    let direction = a.str("direction")?;
    let zero = Bounded::zero(x.dtype).take(&vec![0; batch * hidden], cell.dims());
    let state = |i: usize, d: usize| -> OpResult<Bounded> {
        a.opt(i).map_or(Ok(zero.clone()), |h| part(&swap(h)?, d, 0, batch))
    };
    let (mut ys, mut last_h, mut last_c) = (vec![Vec::new(); dirs], Vec::new(), Vec::new());
    for d in 0..dirs {
        let backward = direction == "reverse" || d == 1;
        let p = Gates { a, w, r, d, hidden, act: &names[d * per..(d + 1) * per] };
        let (mut h, mut c) = (state(5, d)?, if lstm { state(6, d)? } else { zero.clone() });
        let mut out = vec![zero.clone(); steps];
        for s in 0..steps {
            let t = if backward { steps - 1 - s } else { s };
            let row = x.dims[1] * x.dims[2];
            let xt = x.take(&(t * row..(t + 1) * row).collect::<Vec<_>>(), vec![batch, x.dims[2]]);
            let (h2, c2) = match a.node.op {
                Op::LSTM => p.lstm(&cell, &xt, &h, &c)?,
                Op::GRU => (p.gru(&cell, &xt, &h)?, c.clone()),
                _ => (p.rnn(&cell, &xt, &h)?, c.clone()),
            };
            out[t] = masked(&h2, &zero, len.as_deref(), t)?;
            h = masked(&h2, &h, len.as_deref(), t)?;
            c = masked(&c2, &c, len.as_deref(), t)?;
        }
        ys[d] = out;
        last_h.push(h);
        last_c.push(c);
    }
    let order: Vec<&Bounded> = (0..steps).flat_map(|t| ys.iter().map(move |y| &y[t])).collect();
    let mut y = if order.is_empty() { Bounded::zero(x.dtype).take(&[], vec![0]) } else { Bounded::pool(&order)? };
    y.dims = vec![steps, dirs, batch, hidden];
    let stack = |v: &[Bounded]| -> OpResult<Bounded> {
        let mut s = Bounded::pool(&v.iter().collect::<Vec<_>>())?;
        s.dims = vec![dirs, batch, hidden];
        swap(&s)
    };
    let y = if layout { batch_first(&y) } else { y };
    let mut outs = vec![y, stack(&last_h)?];
    if lstm {
        outs.push(stack(&last_c)?);
    }
    Ok(outs)
}

fn swap_leading(b: &Bounded) -> OpResult<Bounded> {
    let (p, q) = (b.dims[0], b.dims[1]);
    let inner: usize = b.dims[2..].iter().product();
    let mut dims = b.dims.clone();
    dims.swap(0, 1);
    let idx: Vec<usize> =
        (0..q).flat_map(|j| (0..p).flat_map(move |i| (i * q + j) * inner..(i * q + j + 1) * inner)).collect();
    Ok(b.take(&idx, dims))
}

/// `[steps, dirs, batch, hidden]` to `[batch, steps, dirs, hidden]`.
fn batch_first(y: &Bounded) -> Bounded {
    let (s, d, b, h) = (y.dims[0], y.dims[1], y.dims[2], y.dims[3]);
    let mut idx = Vec::with_capacity(y.elements());
    for i in 0..b {
        for t in 0..s {
            for k in 0..d {
                idx.extend(((t * d + k) * b + i) * h..((t * d + k) * b + i + 1) * h);
            }
        }
    }
    y.take(&idx, vec![b, s, d, h])
}

struct Gates<'a> {
    a: &'a Args<'a>,
    w: &'a Bounded,
    r: &'a Bounded,
    d: usize,
    hidden: usize,
    act: &'a [String],
}

impl Gates<'_> {
    fn wx(&self, c: &Cell<'_>, x: &Bounded, gate: usize) -> OpResult<Bounded> {
        c.product(x, &part(self.w, self.d, gate * self.hidden, self.hidden)?)
    }
    fn rh(&self, c: &Cell<'_>, h: &Bounded, gate: usize) -> OpResult<Bounded> {
        c.product(h, &part(self.r, self.d, gate * self.hidden, self.hidden)?)
    }
    /// Bias number `k` (input biases first, then recurrent ones), if there is one.
    fn bias(&self, k: usize) -> OpResult<Option<Bounded>> {
        self.a.opt(3).map(|b| part(b, self.d, k * self.hidden, self.hidden)).transpose()
    }
    fn plus(&self, c: &Cell<'_>, x: Bounded, bias: usize) -> OpResult<Bounded> {
        match self.bias(bias)? {
            Some(b) => c.add(&x, &b),
            None => Ok(x),
        }
    }
    /// `x W + h R + Wb + Rb` for a gate of `gates`.
    fn gate(&self, c: &Cell<'_>, x: &Bounded, h: &Bounded, gate: usize, gates: usize) -> OpResult<Bounded> {
        let s = c.add(&self.wx(c, x, gate)?, &self.rh(c, h, gate)?)?;
        let s = self.plus(c, s, gate)?;
        self.plus(c, s, gates + gate)
    }
    fn rnn(&self, c: &Cell<'_>, x: &Bounded, h: &Bounded) -> OpResult<Bounded> {
        activate(&c.cx, &self.act[0], &c.clipped(self.gate(c, x, h, 0, 1)?)?)
    }
    fn gru(&self, c: &Cell<'_>, x: &Bounded, h: &Bounded) -> OpResult<Bounded> {
        let z = activate(&c.cx, &self.act[0], &c.clipped(self.gate(c, x, h, 0, 3)?)?)?;
        let r = activate(&c.cx, &self.act[0], &c.clipped(self.gate(c, x, h, 1, 3)?)?)?;
        let wx = self.plus(c, self.wx(c, x, 2)?, 2)?;
        let inner = if self.a.flag("linear_before_reset")? {
            c.mul(&self.plus(c, self.rh(c, h, 2)?, 5)?, &r)?
        } else {
            self.plus(c, self.rh(c, &c.mul(&r, h)?, 2)?, 5)?
        };
        let n = activate(&c.cx, &self.act[1], &c.clipped(c.add(&wx, &inner)?)?)?;
        c.add(&c.mul(&c.complement(&z)?, &n)?, &c.mul(&z, h)?)
    }
    fn lstm(&self, c: &Cell<'_>, x: &Bounded, h: &Bounded, s: &Bounded) -> OpResult<(Bounded, Bounded)> {
        let peep = |g: Bounded, k: usize, s: &Bounded| -> OpResult<Bounded> {
            match self.a.opt(7) {
                Some(p) => c.add(&g, &c.mul(s, &part(p, self.d, k * self.hidden, self.hidden)?)?),
                None => Ok(g),
            }
        };
        let f_ = |g: Bounded| activate(&c.cx, &self.act[0], &c.clipped(g)?);
        let i = f_(peep(self.gate(c, x, h, 0, 4)?, 0, s)?)?;
        let f =
            if self.a.flag("input_forget")? { c.complement(&i)? } else { f_(peep(self.gate(c, x, h, 2, 4)?, 2, s)?)? };
        let g = activate(&c.cx, &self.act[1], &c.clipped(self.gate(c, x, h, 3, 4)?)?)?;
        let s2 = c.add(&c.mul(&f, s)?, &c.mul(&i, &g)?)?;
        let o = f_(peep(self.gate(c, x, h, 1, 4)?, 1, &s2)?)?;
        let h2 = c.mul(&o, &activate(&c.cx, &self.act[2], &s2)?)?;
        Ok((h2, s2))
    }
}
