//! Scatters: each place of the result looks for the updates that name it.
//!
//! Places and updates are compared pairwise (`[lines, updates, places]`). Without a reduction the last update that hits
//! is gathered; with one, updates that do not hit are replaced by the neutral element and reduced. Values are moved and
//! selected, never multiplied by 0 or 1, so that NaN and infinities stay where they are.

use super::index::{axis, check_pairs, plus, rows, scaled, tuples};
use super::{Lowered, too_large, work_type};
use crate::fold::value;
use crate::passes::build::{Build, Res};
use crate::types;
use ir::{Attrs, DType, Node, NodeId, Op, Tensor, ValueId};

/// Data `[lines, places, inner]`, updates `[lines, updates, inner]`, and which place each update names, `[lines, updates]`
/// (a place outside of the data is none).
struct Scatter {
    x: ValueId,
    at: ValueId,
    update: ValueId,
    lines: usize,
    places: usize,
    updates: usize,
    inner: usize,
}

/// ScatterElements: lines along the axis; indices that cover fewer lines than the data are padded with no place.
pub fn elements(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, i, u) = (b.input(id, 0), b.input(id, 1), b.input(id, 2));
    let (dx, di) = (b.dims(x), b.dims(i));
    let ax = axis(n, "axis", 0, dx.len());
    let last: Vec<usize> = (0..dx.len()).filter(|&k| k != ax).chain([ax]).collect();
    let (mut at, mut update) = (scaled(b, i, dx[ax], 1)?, u);
    if (0..dx.len()).any(|k| k != ax && di[k] != dx[k]) {
        let mut pads = vec![0; 2 * dx.len()];
        for k in (0..dx.len()).filter(|&k| k != ax) {
            pads[dx.len() + k] = (dx[k] - di[k]) as i64;
        }
        let pads = b.ints(&pads);
        let none = b.whole(DType::I64, &[], &[-1]);
        at = b.index_op(Op::Pad, Attrs::none(), &[Some(at), Some(pads), Some(none)])?;
        update = b.op(Op::Pad, Attrs::none(), &[Some(update), Some(pads)])?;
    }
    let lines = last[..dx.len() - 1].iter().map(|&k| dx[k]).product();
    let (places, updates) = (dx[ax], di[ax]);
    let flat = |b: &mut Build<'_, '_>, v: ValueId, dims: &[usize]| -> Res<ValueId> {
        let v = b.transpose(v, &last)?;
        b.reshape(v, dims)
    };
    let s = Scatter {
        x: flat(b, x, &[lines, places, 1])?,
        at: flat(b, at, &[lines, updates])?,
        update: flat(b, update, &[lines, updates, 1])?,
        lines,
        places,
        updates,
        inner: 1,
    };
    let y = s.lower(b, n)?;
    let moved: Vec<usize> = last.iter().map(|&k| dx[k]).collect();
    let y = b.reshape(y, &moved)?;
    let back: Vec<usize> = (0..dx.len()).map(|k| last.iter().position(|&l| l == k).expect("a permutation")).collect();
    Ok(Some(vec![b.transpose(y, &back)?]))
}

/// ScatterND: one line of rows.
pub fn nd(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, i, u) = (b.input(id, 0), b.input(id, 1), b.input(id, 2));
    let (dx, di) = (b.dims(x), b.dims(i));
    let depth = di[di.len() - 1];
    let (places, inner) = (dx[..depth].iter().product(), dx[depth..].iter().product());
    let updates = di[..di.len() - 1].iter().product();
    let at = if depth == 0 {
        b.positions(&[1, updates], |_| 0)
    } else {
        let at = tuples(b, &dx, i, 0)?;
        b.reshape(at, &[1, updates])?
    };
    let x = b.reshape(x, &[1, places, inner])?;
    let update = b.reshape(u, &[1, updates, inner])?;
    let y = Scatter { x, at, update, lines: 1, places, updates, inner }.lower(b, n)?;
    Ok(Some(vec![b.reshape(y, &dx)?]))
}

/// MaxUnpool: indices are places of the output that the window alone would give, whose other elements are 0; a larger
/// `output_shape` keeps their coordinates.
pub fn max_unpool(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (u, i) = (b.input(id, 0), b.input(id, 1));
    let to = b.r.old.ty(n.outputs[0]).clone();
    let x_only = &types::args(b.r.old, n)[..2];
    let Ok(natural) = types::infer(Op::MaxUnpool, &n.attrs, x_only) else { return Ok(None) };
    let natural = natural[0].dims.clone();
    let cells = natural.iter().product::<usize>() as i64;
    if b.r.new.constant(i).and_then(Tensor::ints).is_some_and(|v| v.iter().any(|p| !(0..cells).contains(p))) {
        return Ok(None); // a place outside of the result
    }
    let mut at = i;
    if natural != to.dims {
        let st = value::strides(&to.dims);
        if natural.iter().zip(&to.dims).any(|(a, b)| a > b) {
            return Ok(None);
        }
        let table = b.positions(&natural, |c| (0..c.len()).map(|k| (c[k] * st[k]) as i64).sum());
        let table = b.reshape(table, &[natural.iter().product()])?;
        at = b.index_op(Op::Gather, Attrs::none(), &[Some(table), Some(i)])?;
    }
    let (places, updates) = (to.elements(), b.ty(u).elements());
    let x = b.r.constant(Tensor::zeros(&ir::TensorType::new(to.dtype, [1, places, 1])));
    let (at, update) = (b.reshape(at, &[1, updates])?, b.reshape(u, &[1, updates, 1])?);
    let y = Scatter { x, at, update, lines: 1, places, updates, inner: 1 }.lower(b, n)?;
    Ok(Some(vec![b.reshape(y, &to.dims)?]))
}

/// TensorScatter: place p of a sequence that is written from s on is update `p - s` (around the end if circular).
pub fn tensor(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, u) = (b.input(id, 0), b.input(id, 1));
    let (dx, du) = (b.dims(x), b.dims(u));
    let ax = axis(n, "axis", -2, dx.len());
    let (places, updates) = (dx[ax], du[ax]);
    if updates == 0 {
        return Ok(Some(vec![x]));
    }
    let iota = b.positions(&[1, places], |c| c[1] as i64);
    let mut at = match b.opt_input(id, 2) {
        None => b.positions(&[dx[0], places], |c| c[1] as i64),
        Some(start) => {
            let start = b.cast(start, DType::I64)?;
            let start = b.reshape(start, &[dx[0], 1])?;
            b.index_op(Op::Sub, Attrs::none(), &[Some(iota), Some(start)])?
        }
    };
    if n.attrs.str("mode") == Some("circular") {
        let len = b.whole(DType::I64, &[], &[places as i128]);
        at = b.index_op(Op::Mod, Attrs::none(), &[Some(at), Some(len)])?;
    }
    let (zero, end) = (b.whole(DType::I64, &[], &[0]), b.whole(DType::I64, &[], &[updates as i128]));
    let from = b.index_op(Op::GreaterOrEqual, Attrs::none(), &[Some(at), Some(zero)])?;
    let to = b.index_op(Op::Less, Attrs::none(), &[Some(at), Some(end)])?;
    let hit = b.index_op(Op::And, Attrs::none(), &[Some(from), Some(to)])?;
    let at = b.index_op(Op::Where, Attrs::none(), &[Some(hit), Some(at), Some(zero)])?;
    let base = b.positions(&[dx[0], 1], |c| (c[0] * updates) as i64);
    let at = b.index_op(Op::Add, Attrs::none(), &[Some(at), Some(base)])?;
    // Rows are the steps of the sequence: [batch, between, steps, inner] as [batch, steps, between, inner].
    let (between, inner) = (dx[1..ax].iter().product(), dx[ax + 1..].iter().product());
    let u = b.reshape(u, &[dx[0], between, updates, inner])?;
    let u = b.transpose(u, &[0, 2, 1, 3])?;
    let written = rows(b, u, at, &[between, inner])?;
    let written = b.transpose(written, &[0, 2, 1, 3])?;
    let hit = b.reshape(hit, &[dx[0], 1, places, 1])?;
    let x = b.reshape(x, &[dx[0], between, places, inner])?;
    let y = b.select(hit, written, x)?;
    Ok(Some(vec![b.reshape(y, &dx)?]))
}

impl Scatter {
    fn lower(&self, b: &mut Build<'_, '_>, n: &Node) -> Res<ValueId> {
        if self.updates == 0 {
            return Ok(self.x);
        }
        match n.attrs.str("reduction") {
            None | Some("none") => self.last(b, n),
            Some(mode) => self.reduced(b, n, mode),
        }
    }
    /// Whether update j names place p: `[lines, updates, places]`.
    fn hits(&self, b: &mut Build<'_, '_>) -> Res<ValueId> {
        let at = b.cast(self.at, DType::I64)?;
        let at = b.reshape(at, &[self.lines, self.updates, 1])?;
        let iota = b.positions(&[1, 1, self.places], |c| c[2] as i64);
        b.index_op(Op::Equal, Attrs::none(), &[Some(at), Some(iota)])
    }
    /// One plus the number of the last update that names each place, or 0: `[lines, places]`.
    fn winners(&self, b: &mut Build<'_, '_>, n: &Node) -> Res<ValueId> {
        if let Some(at) = b.r.new.constant(self.at).and_then(Tensor::ints) {
            let mut last = vec![0i128; self.lines * self.places];
            for (k, &p) in at.iter().enumerate() {
                if let Some(p) = usize::try_from(p).ok().filter(|&p| p < self.places) {
                    last[k / self.updates * self.places + p] = (k % self.updates) as i128 + 1;
                }
            }
            return Ok(b.whole(DType::I32, &[self.lines, self.places], &last));
        }
        check_pairs(b, n, &[self.lines, self.updates, self.places])?;
        let hit = self.hits(b)?;
        let order: Vec<i128> = (1..=self.updates as i128).collect();
        let (order, zero) = (b.whole(DType::I32, &[self.updates, 1], &order), b.whole(DType::I32, &[], &[0]));
        let order = b.select(hit, order, zero)?;
        b.reduce(Op::ReduceMax, order, &[1], false)
    }
    fn last(&self, b: &mut Build<'_, '_>, n: &Node) -> Res<ValueId> {
        let last = self.winners(b, n)?;
        let (zero, one) = (b.whole(DType::I32, &[], &[0]), b.whole(DType::I32, &[], &[1]));
        let hit = b.index_op(Op::Greater, Attrs::none(), &[Some(last), Some(zero)])?;
        let at = b.index_op(Op::Sub, Attrs::none(), &[Some(last), Some(one)])?;
        let at = b.index_op(Op::Max, Attrs::none(), &[Some(at), Some(zero)])?;
        let base: Vec<i128> = (0..self.lines).map(|l| (l * self.updates) as i128).collect();
        let base = b.whole(DType::I32, &[self.lines, 1], &base);
        let at = plus(b, at, base)?;
        let update = rows(b, self.update, at, &[self.inner])?;
        let hit = b.reshape(hit, &[self.lines, self.places, 1])?;
        b.select(hit, update, self.x)
    }
    fn reduced(&self, b: &mut Build<'_, '_>, n: &Node, mode: &str) -> Res<ValueId> {
        check_pairs(b, n, &[self.lines, self.updates, self.places, self.inner])?;
        let own = b.ty(self.x).dtype;
        if own == DType::Bool {
            return Err(too_large(b, n, format!("reduction `{mode}` of bool")));
        }
        let work = if matches!(mode, "add" | "mul") { wide_type(own) } else { own };
        let (x, update) = (b.cast(self.x, work)?, b.cast(self.update, work)?);
        let (neutral, reduce, join) = match mode {
            "add" => (b.scalar(work, 0.0), Op::ReduceSum, Op::Add),
            "mul" => (b.scalar(work, 1.0), Op::ReduceProd, Op::Mul),
            "max" => (extreme(b, work, false), Op::ReduceMax, Op::Max),
            _ => (extreme(b, work, true), Op::ReduceMin, Op::Min),
        };
        let hit = self.hits(b)?;
        let hit = b.reshape(hit, &[self.lines, self.updates, self.places, 1])?;
        let update = b.reshape(update, &[self.lines, self.updates, 1, self.inner])?;
        let update = b.select(hit, update, neutral)?;
        let all = b.reduce(reduce, update, &[1], false)?;
        let y = b.bin(join, x, all)?;
        b.cast(y, own)
    }
}

/// The type to add and multiply in: f32 for narrow floats, 32 bits for narrow integers (sums wrap alike).
fn wide_type(d: DType) -> DType {
    match d {
        DType::I8 | DType::I16 => DType::I32,
        DType::U8 | DType::U16 => DType::U32,
        d => work_type(d),
    }
}
/// The greatest or least value of a type.
fn extreme(b: &mut Build<'_, '_>, d: DType, greatest: bool) -> ValueId {
    if d.is_float() {
        return b.floats(d, &[], &[if greatest { f64::INFINITY } else { f64::NEG_INFINITY }]);
    }
    let bits = 8 * d.size() as u32;
    let (lo, hi) =
        if d.is_signed_int() { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
    b.whole(d, &[], &[if greatest { hi } else { lo }])
}
