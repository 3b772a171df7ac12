//! Windows over more than two axes; biases and padding values that come from run time.

use super::{Lowered, done, input};
use crate::passes::build::{Build, Res};
use crate::types::{self, pad_amounts};
use ir::{Attrs, Node, NodeId, Op, Tensor, ValueId};

/// Conv with a bias from run time: an Add behind it.
pub fn bias(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let Some(v) = n.input(2).filter(|&v| b.r.old.constant(v).is_none()) else { return Ok(None) };
    let channels = b.r.old.ty(v).elements();
    let (x, w, c) = (input(b, id, 0)?, input(b, id, 1)?, input(b, id, 2)?);
    let y = b.op(Op::Conv, n.attrs.clone(), &[Some(x), Some(w)])?;
    let mut dims = vec![1; b.ty(y).rank()];
    dims[1] = channels;
    let c = b.reshape(c, &dims)?;
    let y = b.bin(Op::Add, y, c)?;
    done(b, id, y)
}

/// MaxPool and AveragePool over three and more axes.
pub fn pool(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    if b.ty(x).rank() <= 4 || n.outputs.len() > 1 || n.attrs.str("auto_pad") != Some("NOTSET") {
        return Ok(None);
    }
    let x = if n.op == Op::MaxPool { x } else { input(b, id, 0)? };
    let y = windows(b, n.op, &n.attrs, x)?;
    done(b, id, y)
}

/// A pool over any number of axes, with explicit attributes: over the last two, then over one more at a time, the axes
/// before counted as channels and those behind as one.
///
/// A maximum is one over each axis in turn. So is a mean, since the number of taps that count is a product of one
/// factor for each axis. The window of the whole lies in the padding just if that of an axis does.
pub fn windows(b: &mut Build<'_, '_>, op: Op, attrs: &Attrs, x: ValueId) -> Res<ValueId> {
    let dims = b.dims(x);
    let r = dims.len() - 2;
    if r <= 2 {
        return b.op(op, attrs.clone(), &[Some(x)]);
    }
    let list = |name: &str, default: i64, n: usize| attrs.ints(name).map_or(vec![default; n], <[i64]>::to_vec);
    let (k, s, d) = (list("kernel_shape", 1, r), list("strides", 1, r), list("dilations", 1, r));
    let p = list("pads", 0, 2 * r);
    let part = |own: &[usize]| {
        let pick = |v: &[i64], none: i64| own.iter().map(|&i| v.get(i).copied().unwrap_or(none)).collect::<Vec<i64>>();
        let ends: Vec<i64> = [pick(&p[..r], 0), pick(&p[r..], 0)].concat();
        attrs
            .clone()
            .with_ints("kernel_shape", &pick(&k, 1))
            .with_ints("strides", &pick(&s, 1))
            .with_ints("dilations", &pick(&d, 1))
            .with_ints("pads", &ends)
    };
    let before = |i: usize| dims[1..2 + i].iter().product::<usize>();
    let x = b.reshape(x, &[dims[0], before(r - 2), dims[r], dims[r + 1]])?;
    let mut y = b.op(op, part(&[r - 2, r - 1]), &[Some(x)])?;
    let mut behind = b.dims(y)[2..].to_vec();
    for i in (0..r - 2).rev() {
        let flat = behind.iter().product();
        y = b.reshape(y, &[dims[0], before(i), dims[2 + i], flat])?;
        // The second axis, beyond the last, is left alone.
        y = b.op(op, part(&[i, r]), &[Some(y)])?;
        behind.insert(0, b.dims(y)[2]);
    }
    let out: Vec<usize> = [&dims[..2], &behind].concat();
    b.reshape(y, &out)
}

/// Pad with a value from run time: padded with zeros, and the value put in outside.
pub fn pad(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let from_run_time = n.input(2).is_some_and(|v| b.r.old.constant(v).is_none());
    if !from_run_time || n.attrs.str("mode") != Some("constant") {
        return Ok(None);
    }
    let Ok(pads) = pad_amounts(&types::args(b.r.old, n)) else { return Ok(None) };
    if pads.iter().any(|p| p.0 < 0 || p.1 < 0) {
        return Ok(None);
    }
    let (x, fill) = (b.input(id, 0), b.input(id, 2));
    let amounts = n.input(1).map(|_| b.input(id, 1));
    let padded = b.op(Op::Pad, n.attrs.clone(), &[Some(x), amounts])?;
    // Whether a place is inside: over the padded axes only, the others broadcast.
    let from = b.dims(x);
    let dims: Vec<usize> = from
        .iter()
        .zip(&pads)
        .map(|(&d, &(s, e))| if (s, e) == (0, 0) { 1 } else { d + s as usize + e as usize })
        .collect();
    let mut inside = vec![true; dims.iter().product()];
    let mut step = inside.len();
    for (axis, &extent) in dims.iter().enumerate().filter(|d| *d.1 > 0) {
        step /= extent;
        let (s, e) = pads[axis];
        for (i, v) in inside.iter_mut().enumerate() {
            let at = (i / step % extent) as i64;
            *v &= (s, e) == (0, 0) || (s..s + from[axis] as i64).contains(&at);
        }
    }
    let mask = b.r.constant(Tensor::from_bool(dims, &inside));
    let fill = b.reshape(fill, &[])?;
    let y = b.select(mask, padded, fill)?;
    Ok(Some(vec![y]))
}
