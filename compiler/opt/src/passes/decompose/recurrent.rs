//! LSTM, GRU and RNN, unrolled over their static number of steps.
//!
//! The products with the input need no state: they are one MatMul over all steps for each direction. A step then adds the
//! product with the state. Sequences that have ended keep their state and give zeros.

use super::{Lowered, done_all, too_large, work_type};
use crate::passes::build::{Build, Res};
use ir::{Attr, Attrs, DType, Node, NodeId, Op, ValueId};

/// More steps (times directions) than this are left: each is a dozen nodes and more.
pub const MAX_STEPS: usize = 512;

/// One direction.
struct Direction {
    op: Op,
    batch: usize,
    hidden: usize,
    gates: usize,
    /// `R^T`, `[hidden, gates * hidden]`.
    r: ValueId,
    /// The recurrent bias of GRU's hidden gate, `[hidden]`, which `linear_before_reset` multiplies.
    hidden_bias: Option<ValueId>,
    /// Peepholes i, o, f, `[hidden]` each.
    peepholes: Option<[ValueId; 3]>,
    activations: Vec<String>,
    clip: Option<f64>,
    input_forget: bool,
    linear_before_reset: bool,
}

/// Lowers a recurrent operator.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (gates, inputs) = match n.op {
        Op::LSTM => (4, 8),
        Op::GRU => (3, 6),
        _ => (1, 6),
    };
    let mut x = b.input(id, 0);
    let work = work_type(b.ty(x).dtype);
    let mut given: Vec<Option<ValueId>> = Vec::new();
    for i in 0..inputs {
        let v = b.opt_input(id, i);
        given.push(match v {
            Some(v) if i != 4 => Some(b.cast(v, work)?),
            v => v,
        });
    }
    let batch_first = n.attrs.flag("layout");
    x = given[0].expect("X is required");
    if batch_first {
        x = b.transpose(x, &[1, 0, 2])?;
    }
    let dx = b.dims(x);
    let (steps, batch) = (dx[0], dx[1]);
    let r = given[2].expect("R is required");
    let (dirs, hidden) = (b.dims(r)[0], b.dims(r)[2]);
    let names = activations(n, dirs);
    if names.iter().any(|a| !matches!(a.as_str(), "sigmoid" | "tanh" | "relu" | "softplus"))
        || names.len() != dirs * names_per(n.op)
        || hidden == 0
    {
        return Ok(None);
    }
    if steps * dirs > MAX_STEPS {
        return Err(too_large(b, n, format!("{steps} steps in {dirs} directions, at most {MAX_STEPS} are unrolled")));
    }
    let clip = n.attrs.f32("clip").map(f64::from);
    let (mut all, mut last_h, mut last_c) = (Vec::new(), Vec::new(), Vec::new());
    for d in 0..dirs {
        let (cell, weights) = direction(b, n, &given, d, gates, hidden)?;
        let cell = Direction { activations: names[d * names_per(n.op)..][..names_per(n.op)].to_vec(), clip, ..cell };
        let projected = project(b, x, weights, &cell)?;
        let mut h = state(b, given[5], d, batch_first, [batch, hidden], work)?;
        let mut c = state(b, given.get(6).copied().flatten(), d, batch_first, [batch, hidden], work)?;
        let backward = n.attrs.str("direction") == Some("reverse") || d == 1;
        let mut ys = vec![h; steps];
        for s in 0..steps {
            let t = if backward { steps - 1 - s } else { s };
            let xt = b.slice_axis(projected, 0, t, t + 1)?;
            let xt = b.reshape(xt, &[batch, gates * hidden])?;
            let (h2, c2) = cell.step(b, xt, h, c)?;
            (h, c, ys[t]) = match given[4] {
                None => (h2, c2, h2),
                Some(len) => ended(b, len, t, (h2, c2), (h, c))?,
            };
        }
        all.push(ys);
        last_h.push(h);
        last_c.push(c);
    }
    let y = sequence(b, &all, batch_first, [steps, batch, hidden], work)?;
    let mut out = vec![y, states(b, &last_h, batch_first, [batch, hidden])?];
    if n.op == Op::LSTM {
        out.push(states(b, &last_c, batch_first, [batch, hidden])?);
    }
    done_all(b, n, out)
}

fn names_per(op: Op) -> usize {
    match op {
        Op::LSTM => 3,
        Op::GRU => 2,
        _ => 1,
    }
}
/// Names of the activations of all directions, in lower case.
fn activations(n: &Node, dirs: usize) -> Vec<String> {
    if let Some(Attr::Strs(s)) = n.attrs.get("activations") {
        return s.iter().map(|s| s.to_ascii_lowercase()).collect();
    }
    let one: &[&str] = match n.op {
        Op::LSTM => &["sigmoid", "tanh", "tanh"],
        Op::GRU => &["sigmoid", "tanh"],
        _ => &["tanh"],
    };
    one.repeat(dirs).into_iter().map(String::from).collect()
}

/// One direction of a parameter `[dirs, …]`.
fn part(b: &mut Build<'_, '_>, v: ValueId, d: usize) -> Res<ValueId> {
    let dims = b.dims(v)[1..].to_vec();
    let v = b.slice_axis(v, 0, d, d + 1)?;
    b.reshape(v, &dims)
}

/// The cell of a direction; with it `W^T` and the bias that every step adds.
fn direction(
    b: &mut Build<'_, '_>,
    n: &Node,
    given: &[Option<ValueId>],
    d: usize,
    gates: usize,
    hidden: usize,
) -> Res<(Direction, (ValueId, Option<ValueId>))> {
    let (w, r) = (part(b, given[1].expect("W is required"), d)?, part(b, given[2].expect("R is required"), d)?);
    let (w, r) = (b.transpose(w, &[1, 0])?, b.transpose(r, &[1, 0])?);
    let linear_before_reset = n.attrs.flag("linear_before_reset");
    let (mut bias, mut hidden_bias) = (None, None);
    if let Some(v) = given[3] {
        let (v, rows) = (part(b, v, d)?, gates * hidden);
        let (input, recurrent) = (b.slice_axis(v, 0, 0, rows)?, b.slice_axis(v, 0, rows, 2 * rows)?);
        bias = Some(if n.op == Op::GRU && linear_before_reset {
            // The recurrent bias of the hidden gate is multiplied by the reset gate: it is added apart.
            let (common, own) =
                (b.slice_axis(recurrent, 0, 0, 2 * hidden)?, b.slice_axis(recurrent, 0, 2 * hidden, rows)?);
            hidden_bias = Some(own);
            let (lead, rest) = (b.slice_axis(input, 0, 0, 2 * hidden)?, b.slice_axis(input, 0, 2 * hidden, rows)?);
            let lead = b.bin(Op::Add, lead, common)?;
            b.concat(&[lead, rest], 0)?
        } else {
            b.bin(Op::Add, input, recurrent)?
        });
    }
    let peepholes = match given.get(7).copied().flatten() {
        None => None,
        Some(p) => {
            let p = part(b, p, d)?;
            let mut one = |k: usize| b.slice_axis(p, 0, k * hidden, (k + 1) * hidden);
            Some([one(0)?, one(1)?, one(2)?])
        }
    };
    let batch = given[0].map_or(0, |x| b.dims(x)[usize::from(!n.attrs.flag("layout"))]);
    let cell = Direction {
        op: n.op,
        batch,
        hidden,
        gates,
        r,
        hidden_bias,
        peepholes,
        activations: vec![],
        clip: None,
        input_forget: n.attrs.flag("input_forget"),
        linear_before_reset,
    };
    Ok((cell, (w, bias)))
}
/// `X W^T + bias` for all steps: `[steps, batch, gates * hidden]`.
fn project(b: &mut Build<'_, '_>, x: ValueId, (w, bias): (ValueId, Option<ValueId>), cell: &Direction) -> Res<ValueId> {
    let d = b.dims(x);
    let flat = b.reshape(x, &[d[0] * d[1], d[2]])?;
    let mut y = b.bin(Op::MatMul, flat, w)?;
    if let Some(bias) = bias {
        y = b.bin(Op::Add, y, bias)?;
    }
    b.reshape(y, &[d[0], d[1], cell.gates * cell.hidden])
}
/// The initial state of a direction; zeros where it is not given.
fn state(
    b: &mut Build<'_, '_>,
    given: Option<ValueId>,
    d: usize,
    batch_first: bool,
    dims: [usize; 2],
    work: DType,
) -> Res<ValueId> {
    let Some(v) = given else {
        let zeros = vec![0.0; dims[0] * dims[1]];
        return Ok(b.floats(work, &dims, &zeros));
    };
    let v = if batch_first { b.transpose(v, &[1, 0, 2])? } else { v };
    part(b, v, d)
}
/// Final states `[dirs, batch, hidden]` (`[batch, dirs, hidden]`).
fn states(b: &mut Build<'_, '_>, v: &[ValueId], batch_first: bool, [batch, hidden]: [usize; 2]) -> Res<ValueId> {
    let mut parts = Vec::new();
    for &h in v {
        parts.push(b.reshape(h, &[1, batch, hidden])?);
    }
    let y = b.concat(&parts, 0)?;
    if batch_first { b.transpose(y, &[1, 0, 2]) } else { Ok(y) }
}
/// All outputs `[steps, dirs, batch, hidden]` (`[batch, steps, dirs, hidden]`).
fn sequence(
    b: &mut Build<'_, '_>,
    all: &[Vec<ValueId>],
    batch_first: bool,
    [steps, batch, hidden]: [usize; 3],
    work: DType,
) -> Res<ValueId> {
    let mut parts = Vec::new();
    for t in 0..steps {
        for ys in all {
            parts.push(b.reshape(ys[t], &[1, batch, hidden])?);
        }
    }
    if parts.is_empty() {
        return Ok(b.floats(work, &[0, all.len(), batch, hidden], &[]));
    }
    let y = b.concat(&parts, 0)?;
    let y = b.reshape(y, &[steps, all.len(), batch, hidden])?;
    if batch_first { b.transpose(y, &[2, 0, 1, 3]) } else { Ok(y) }
}
/// State and output at step `t` where sequences have their own lengths.
fn ended(
    b: &mut Build<'_, '_>,
    len: ValueId,
    t: usize,
    new: (ValueId, ValueId),
    old: (ValueId, ValueId),
) -> Res<(ValueId, ValueId, ValueId)> {
    let len = b.cast(len, DType::I64)?;
    let batch = b.dims(len)[0];
    let len = b.reshape(len, &[batch, 1])?;
    let at = b.whole(DType::I64, &[], &[t as i128]);
    let runs = b.index_op(Op::Less, Attrs::none(), &[Some(at), Some(len)])?;
    let zero = super::scalar_like(b, new.0, 0.0);
    let (h, y) = (b.select(runs, new.0, old.0)?, b.select(runs, new.0, zero)?);
    let c = if new.1 == old.1 { new.1 } else { b.select(runs, new.1, old.1)? };
    Ok((h, c, y))
}

impl Direction {
    /// Columns of one gate.
    fn gate(&self, b: &mut Build<'_, '_>, v: ValueId, k: usize) -> Res<ValueId> {
        b.slice_axis(v, 1, k * self.hidden, (k + 1) * self.hidden)
    }
    fn activate(&self, b: &mut Build<'_, '_>, which: usize, x: ValueId) -> Res<ValueId> {
        let op = match self.activations[which].as_str() {
            "sigmoid" => Op::Sigmoid,
            "relu" => Op::Relu,
            "softplus" => Op::Softplus,
            _ => Op::Tanh,
        };
        b.un(op, x)
    }
    /// The activation of a clipped gate.
    fn closed(&self, b: &mut Build<'_, '_>, which: usize, x: ValueId) -> Res<ValueId> {
        let x = match self.clip {
            None => x,
            Some(c) => {
                let (lo, hi) = (super::scalar_like(b, x, -c), super::scalar_like(b, x, c));
                b.op(Op::Clip, Attrs::none(), &[Some(x), Some(lo), Some(hi)])?
            }
        };
        self.activate(b, which, x)
    }
    /// `1 - x`.
    fn complement(&self, b: &mut Build<'_, '_>, x: ValueId) -> Res<ValueId> {
        let one = super::scalar_like(b, x, 1.0);
        b.bin(Op::Sub, one, x)
    }
    /// `g + s * p` with a peephole.
    fn peep(&self, b: &mut Build<'_, '_>, g: ValueId, k: usize, s: ValueId) -> Res<ValueId> {
        let Some(p) = self.peepholes else { return Ok(g) };
        let t = b.bin(Op::Mul, s, p[k])?;
        b.bin(Op::Add, g, t)
    }
    fn step(&self, b: &mut Build<'_, '_>, xt: ValueId, h: ValueId, c: ValueId) -> Res<(ValueId, ValueId)> {
        debug_assert_eq!(b.dims(h), [self.batch, self.hidden], "a state of the batch");
        match self.op {
            Op::LSTM => self.lstm(b, xt, h, c),
            Op::GRU => Ok((self.gru(b, xt, h)?, c)),
            _ => {
                let r = b.bin(Op::MatMul, h, self.r)?;
                let g = b.bin(Op::Add, xt, r)?;
                Ok((self.closed(b, 0, g)?, c))
            }
        }
    }
    /// Gates i, o, f, c: `C = f C + i c`, `H = o h(C)`.
    fn lstm(&self, b: &mut Build<'_, '_>, xt: ValueId, h: ValueId, c: ValueId) -> Res<(ValueId, ValueId)> {
        let r = b.bin(Op::MatMul, h, self.r)?;
        let g = b.bin(Op::Add, xt, r)?;
        let i = self.gate(b, g, 0)?;
        let i = self.peep(b, i, 0, c)?;
        let i = self.closed(b, 0, i)?;
        let keep = if self.input_forget {
            self.complement(b, i)?
        } else {
            let k = self.gate(b, g, 2)?;
            let k = self.peep(b, k, 2, c)?;
            self.closed(b, 0, k)?
        };
        let new = self.gate(b, g, 3)?;
        let new = self.closed(b, 1, new)?;
        let (kept, added) = (b.bin(Op::Mul, keep, c)?, b.bin(Op::Mul, i, new)?);
        let c = b.bin(Op::Add, kept, added)?;
        let o = self.gate(b, g, 1)?;
        let o = self.peep(b, o, 1, c)?;
        let o = self.closed(b, 0, o)?;
        let t = self.activate(b, 2, c)?;
        Ok((b.bin(Op::Mul, o, t)?, c))
    }
    /// Gates z, r, h: `H = (1 - z) G + z H = G + z (H - G)`.
    fn gru(&self, b: &mut Build<'_, '_>, xt: ValueId, h: ValueId) -> Res<ValueId> {
        let n = self.hidden;
        let (lead, last) = (b.slice_axis(self.r, 1, 0, 2 * n)?, b.slice_axis(self.r, 1, 2 * n, 3 * n)?);
        let r = b.bin(Op::MatMul, h, lead)?;
        let x = b.slice_axis(xt, 1, 0, 2 * n)?;
        let g = b.bin(Op::Add, x, r)?;
        let (z, r) = (self.gate(b, g, 0)?, self.gate(b, g, 1)?);
        let (z, r) = (self.closed(b, 0, z)?, self.closed(b, 0, r)?);
        let inner = if self.linear_before_reset {
            let mut t = b.bin(Op::MatMul, h, last)?;
            if let Some(bias) = self.hidden_bias {
                t = b.bin(Op::Add, t, bias)?;
            }
            b.bin(Op::Mul, r, t)?
        } else {
            let t = b.bin(Op::Mul, r, h)?;
            b.bin(Op::MatMul, t, last)?
        };
        let x = self.gate(b, xt, 2)?;
        let g = b.bin(Op::Add, x, inner)?;
        let g = self.closed(b, 1, g)?;
        if matches!(self.activations[1].as_str(), "tanh" | "sigmoid") {
            // A bounded G: one operation less, and no difference of nearly equal numbers where z is nearly 1.
            let d = b.bin(Op::Sub, h, g)?;
            let d = b.bin(Op::Mul, z, d)?;
            return b.bin(Op::Add, g, d);
        }
        let left = self.complement(b, z)?;
        let (new, old) = (b.bin(Op::Mul, left, g)?, b.bin(Op::Mul, z, h)?);
        b.bin(Op::Add, new, old)
    }
}
