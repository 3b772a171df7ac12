//! Integer sums of products whose zero points come from run time.
//!
//! The matrix engine subtracts constant zero points. Any other one leaves the sum, exactly, in int32 (which wraps, so that
//! intermediate results may leave its range): with `x' = x - zx` where zx is constant and `x' = x` otherwise,
//! `sum (x - zx)(w - zw) = sum x' w' - [zx] sum (w - zw) - [zw] sum x'`, where brackets hold run-time zero points only.
//! A padded tap contributes to none of the sums.

use super::quant::{per_channel, rows_or_columns};
use crate::fold::value;
use crate::passes::build::{Build, Res};
use crate::types::window;
use ir::{Attrs, DType, NodeId, Op, ValueId};

/// Operands of an integer product, as new values.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    x: ValueId,
    w: ValueId,
    xz: Option<ValueId>,
    wz: Option<ValueId>,
}

/// A zero point, split into what the matrix engine takes and what is left.
#[derive(Clone, Copy, Debug)]
struct Zero {
    constant: Option<ValueId>,
    runtime: Option<ValueId>,
}

impl Operands {
    /// From the inputs with the given numbers: x, w, zero point of x, zero point of w.
    pub fn of(b: &mut Build<'_, '_>, id: NodeId, [x, w, xz, wz]: [usize; 4]) -> Self {
        Self { x: b.input(id, x), w: b.input(id, w), xz: b.opt_input(id, xz), wz: b.opt_input(id, wz) }
    }
    /// The zero point of x: constant only if there is one for all of x.
    fn of_x(&self, b: &Build<'_, '_>) -> Zero {
        split(b, self.xz, true)
    }
    /// The zero point of w: the engine takes one for each output channel, in one dimension.
    fn of_w(&self, b: &Build<'_, '_>) -> Zero {
        split(b, self.wz, false)
    }
}

fn split(b: &Build<'_, '_>, z: Option<ValueId>, one: bool) -> Zero {
    let fits = |v: ValueId| {
        let t = b.ty(v);
        b.r.new.constant(v).is_some() && (t.elements() == 1 || !one && t.rank() == 1)
    };
    match z {
        Some(v) if !fits(v) => Zero { constant: None, runtime: Some(v) },
        other => Zero { constant: other, runtime: None },
    }
}

fn plain(
    b: &mut Build<'_, '_>,
    op: Op,
    a: Attrs,
    p: &Operands,
    xz: Option<ValueId>,
    wz: Option<ValueId>,
) -> Res<ValueId> {
    // A zero point of the weights needs the place of that of x.
    let xz = match (xz, wz) {
        (None, Some(_)) => {
            let d = b.ty(p.x).dtype;
            Some(b.r.constant(value::from_ints(d, &[], &[0])))
        }
        other => other.0,
    };
    let mut inputs = vec![Some(p.x), Some(p.w)];
    inputs.extend([xz, wz].into_iter().flatten().map(Some));
    b.op(op, a, &inputs)
}

/// `v - z` in int32; `v` alone without z.
fn centred(b: &mut Build<'_, '_>, v: ValueId, z: Option<ValueId>) -> Res<ValueId> {
    let v = b.cast(v, DType::I32)?;
    let Some(z) = z else { return Ok(v) };
    let z = b.cast(z, DType::I32)?;
    b.bin(Op::Sub, v, z)
}

/// `base - z t` in int32.
fn less(b: &mut Build<'_, '_>, base: ValueId, z: ValueId, t: ValueId) -> Res<ValueId> {
    let z = b.cast(z, DType::I32)?;
    let p = b.bin(Op::Mul, z, t)?;
    b.bin(Op::Sub, base, p)
}

/// The sum of MatMulInteger; operands of rank 2 at least.
pub fn matmul_sum(b: &mut Build<'_, '_>, p: &Operands) -> Res<ValueId> {
    let (xz, wz) = (p.of_x(b), p.of_w(b));
    let mut y = plain(b, Op::MatMulInteger, Attrs::none(), p, xz.constant, wz.constant)?;
    if let Some(z) = xz.runtime {
        let zw = p.wz.map(|z| rows_or_columns(b, z, false)).transpose()?;
        let w = centred(b, p.w, zw)?;
        let k = b.ty(w).rank() - 2;
        let t = b.reduce(Op::ReduceSum, w, &[k], true)?;
        let z = rows_or_columns(b, z, true)?;
        y = less(b, y, z, t)?;
    }
    if let Some(z) = wz.runtime {
        let x = centred(b, p.x, xz.constant)?;
        let k = b.ty(x).rank() - 1;
        let t = b.reduce(Op::ReduceSum, x, &[k], true)?;
        let z = rows_or_columns(b, z, false)?;
        y = less(b, y, z, t)?;
    }
    Ok(y)
}

/// The sum of ConvInteger over two spatial axes; `attrs` are explicit.
pub fn conv_sum(b: &mut Build<'_, '_>, p: &Operands, attrs: &Attrs) -> Res<ValueId> {
    let (xz, wz) = (p.of_x(b), p.of_w(b));
    let mut y = plain(b, Op::ConvInteger, attrs.clone(), p, xz.constant, wz.constant)?;
    if let Some(z) = xz.runtime {
        let z = b.reshape(z, &[])?;
        let t = weight_sums(b, p, attrs)?;
        y = less(b, y, z, t)?;
    }
    if let Some(z) = wz.runtime {
        y = less_input_sums(b, y, p, xz.constant, z, attrs)?;
    }
    Ok(y)
}

/// A tensor of ones of a type.
fn ones(b: &mut Build<'_, '_>, d: DType, dims: &[usize]) -> ValueId {
    let n = dims.iter().product();
    b.r.constant(value::from_ints(d, dims, &vec![1; n]))
}

/// `sum (w - zw)` over the taps inside of the image, for every output place (or one for all where they agree).
fn weight_sums(b: &mut Build<'_, '_>, p: &Operands, attrs: &Attrs) -> Res<ValueId> {
    if let Some(v) = constant_weight_sums(b, p, attrs) {
        return Ok(v);
    }
    let (d, mut dims) = (b.ty(p.x).dtype, b.dims(p.x));
    dims[0] = 1;
    let image = Operands { x: ones(b, d, &dims), w: p.w, xz: None, wz: p.wz };
    conv_sum(b, &image, attrs)
}

/// [`weight_sums`] of constants, computed here.
fn constant_weight_sums(b: &mut Build<'_, '_>, p: &Operands, attrs: &Attrs) -> Option<ValueId> {
    let w = value::ints(b.r.new.constant(p.w)?)?;
    let z = match p.wz {
        None => vec![0],
        Some(z) => value::ints(b.r.new.constant(z)?)?,
    };
    let (dx, dw) = (b.dims(p.x), b.dims(p.w));
    let win = window(attrs, &dx[2..], &dw[2..], false).ok()?;
    let taps = dw[2] * dw[3];
    // Sum over the channels, for each output channel and tap.
    let mut by_tap = vec![0i128; dw[0] * taps];
    for (i, &v) in w.iter().enumerate() {
        let (o, tap) = (i / (dw[1] * taps), i % taps);
        by_tap[o * taps + tap] += v - if z.len() == 1 { z[0] } else { *z.get(o)? };
    }
    let inside = |axis: usize, o: usize, k: usize| {
        let at = (o * win.strides[axis] + k * win.dilations[axis]).checked_sub(win.begin[axis]);
        at.is_some_and(|at| at < dx[2 + axis])
    };
    let rows: Vec<Vec<usize>> = (0..win.out[0]).map(|o| (0..dw[2]).filter(|&k| inside(0, o, k)).collect()).collect();
    let cols: Vec<Vec<usize>> = (0..win.out[1]).map(|o| (0..dw[3]).filter(|&k| inside(1, o, k)).collect()).collect();
    let whole = rows.iter().all(|r| r.len() == dw[2]) && cols.iter().all(|c| c.len() == dw[3]);
    let (rows, cols) =
        if whole { (&rows[..rows.len().min(1)], &cols[..cols.len().min(1)]) } else { (&rows[..], &cols[..]) };
    let mut sums = Vec::with_capacity(dw[0] * rows.len() * cols.len());
    for t in by_tap.chunks(taps.max(1)) {
        for r in rows {
            for c in cols {
                sums.push(r.iter().map(|y| c.iter().map(|x| t[y * dw[3] + x]).sum::<i128>()).sum());
            }
        }
    }
    let dims = [1, dw[0], rows.len(), cols.len()];
    Some(b.r.constant(value::from_ints(DType::I32, &dims, &sums)))
}

/// `y - zw sum (x - zx)`, the sums over each group's channels by a convolution with ones.
fn less_input_sums(
    b: &mut Build<'_, '_>,
    y: ValueId,
    p: &Operands,
    xz: Option<ValueId>,
    z: ValueId,
    attrs: &Attrs,
) -> Res<ValueId> {
    let groups = usize::try_from(attrs.int("group").unwrap_or(1)).unwrap_or(1).max(1);
    let (d, mut dims) = (b.ty(p.w).dtype, b.dims(p.w));
    dims[0] = groups;
    let sums = Operands { x: p.x, w: ones(b, d, &dims), xz: None, wz: None };
    let t = plain(b, Op::ConvInteger, attrs.clone(), &sums, xz, None)?;
    let z = per_channel(b, z)?;
    if groups == 1 {
        return less(b, y, z, t);
    }
    let (own, of_t) = (b.dims(y), b.dims(t));
    let each = own[1] / groups;
    let y = b.reshape(y, &[own[0], groups, each, own[2], own[3]])?;
    let t = b.reshape(t, &[of_t[0], groups, 1, own[2], own[3]])?;
    let z = if b.ty(z).elements() == 1 { z } else { b.reshape(z, &[1, groups, each, 1, 1])? };
    let y = less(b, y, z, t)?;
    b.reshape(y, &own)
}
