//! Convolution and pooling, 1-D and 2-D.

use super::{Row, conv as row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] =
    &[row(16, conv), row(5, max_pool), row(5, average_pool), row(3, global_pool), row(1, pool_3d)];

fn image(b: &mut Builder, rng: &mut Rng) -> Option<ValueId> {
    let v = b.pick(rng, |t| t.dtype == DType::F32 && (3..=4).contains(&t.rank()) && t.elements() > 0);
    match v {
        Some(v) if !rng.chance(1, 12) => Some(v),
        _ => {
            let mut d = b.image_dims(rng);
            if rng.chance(1, 6) {
                d.remove(2);
            }
            Some(b.input(TensorType::new(DType::F32, d)))
        }
    }
}

/// Window geometry of one node: attributes, and output extents by the ONNX formulas.
pub(crate) struct Window {
    pub attrs: Attrs,
    pub kernel: Vec<usize>,
    pub out: Vec<usize>,
}

/// Draws a window over spatial extents; `None` if it does not fit.
pub(crate) fn window(spatial: &[usize], pool: bool, rng: &mut Rng) -> Option<Window> {
    let n = spatial.len();
    let each = |rng: &mut Rng, f: fn(&mut Rng) -> i64| (0..n).map(|_| f(rng)).collect::<Vec<i64>>();
    let kernel = each(rng, |r| *r.pick(&[1, 1, 2, 3, 3, 3, 4, 5]));
    let strides = if rng.chance(1, 2) { vec![1; n] } else { each(rng, |r| *r.pick(&[1, 2, 2, 3])) };
    let dilations = if rng.chance(3, 4) { vec![1; n] } else { each(rng, |r| *r.pick(&[1, 2, 3])) };
    let mut attrs = Attrs::none().with_ints("kernel_shape", &kernel);
    if !strides.iter().all(|&s| s == 1) || rng.chance(1, 2) {
        attrs.set("strides", Attr::Ints(strides.clone()));
    }
    if !dilations.iter().all(|&s| s == 1) || rng.chance(1, 3) {
        attrs.set("dilations", Attr::Ints(dilations.clone()));
    }
    let eff: Vec<i64> = (0..n).map(|i| (kernel[i] - 1) * dilations[i] + 1).collect();
    let mut out = Vec::new();
    let mode = rng.below(6);
    if mode >= 4 {
        // auto_pad: SAME keeps ceil(in / stride), VALID has no padding.
        let name = *rng.pick(&["SAME_UPPER", "SAME_LOWER", "VALID"]);
        attrs.set("auto_pad", Attr::Str(name.into()));
        for i in 0..n {
            let x = spatial[i] as i64;
            let o = if name == "VALID" {
                (x - eff[i]).div_euclid(strides[i]) + 1
            } else {
                (x + strides[i] - 1) / strides[i]
            };
            if pool && name != "VALID" && eff[i] > kernel[i] {
                return None;
            }
            out.push(o);
        }
    } else {
        let pads: Vec<i64> = (0..2 * n)
            .map(|i| if mode == 0 { 0 } else { rng.range(0, if pool { (kernel[i % n] - 1).min(2) } else { 2 }) })
            .collect();
        let ceil = pool && rng.chance(1, 4);
        for i in 0..n {
            let room = spatial[i] as i64 + pads[i] + pads[i + n] - eff[i];
            if room < 0 {
                return None;
            }
            let mut o = room / strides[i] + 1;
            if ceil && room % strides[i] != 0 {
                // The last window must start inside the input or the padding before it.
                if o * strides[i] < spatial[i] as i64 + pads[i] {
                    o += 1;
                }
            }
            out.push(o);
        }
        if mode != 0 {
            attrs.set("pads", Attr::Ints(pads));
        }
        if ceil {
            attrs.set("ceil_mode", Attr::Int(1));
        }
    }
    if out.iter().any(|&o| o <= 0) {
        return None;
    }
    // A pooling window wholly in the padding has no defined result.
    if pool {
        let begin = attrs.ints("pads").map_or_else(|| vec![0; n], |p| p[..n].to_vec());
        let empty = |i: usize, o: i64| {
            let start = o * strides[i] - begin[i];
            (0..kernel[i]).all(|t| !(0..spatial[i] as i64).contains(&(start + t * dilations[i])))
        };
        if (0..n).any(|i| (0..out[i]).any(|o| empty(i, o))) {
            return None;
        }
    }
    Some(Window {
        attrs,
        kernel: kernel.iter().map(|&k| k as usize).collect(),
        out: out.iter().map(|&o| o as usize).collect(),
    })
}

fn conv(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = image(b, rng)?;
    let d = b.ty(x).dims;
    let c = d[1];
    let w = window(&d[2..], false, rng)?;
    let room = (b.profile.max_elements / (d[0] * w.out.iter().product::<usize>()).max(1)).max(1);
    let (group, oc) = match rng.below(6) {
        0 | 1 => (c, c * if rng.chance(1, 5) { 2 } else { 1 }),
        2 if c.is_multiple_of(2) => (2, 2 * b.lattice.extent((room / 2).clamp(1, 17), rng)),
        _ => (1, b.lattice.extent(room.clamp(1, 40), rng)),
    };
    let mut wd = vec![oc, c / group];
    wd.extend(&w.kernel);
    let fan_in: usize = wd[1..].iter().product();
    if wd.iter().product::<usize>() > 4 * b.profile.max_elements {
        return None;
    }
    let weight = b.weight(&wd, fan_in, rng);
    let mut args = vec![x, weight];
    match rng.below(12) {
        0..8 => args.push(b.weight(&[oc], 1, rng)),
        8 => args.push(b.input(TensorType::new(DType::F32, [oc]))),
        _ => {}
    }
    let mut out = vec![d[0], oc];
    out.extend(&w.out);
    b.node(Op::Conv, w.attrs.with_int("group", group as i64), &args, &[TensorType::new(DType::F32, out)]).map(|_| ())
}

fn pool(b: &mut Builder, op: Op, rng: &mut Rng) -> Option<()> {
    let x = image(b, rng)?;
    let d = b.ty(x).dims;
    let w = window(&d[2..], true, rng)?;
    let mut out = vec![d[0], d[1]];
    out.extend(&w.out);
    let mut attrs = w.attrs;
    if op == Op::AveragePool && rng.chance(1, 2) {
        attrs.set("count_include_pad", Attr::Int(1));
    }
    b.node(op, attrs, &[x], &[TensorType::new(DType::F32, out)]).map(|_| ())
}

fn max_pool(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    pool(b, Op::MaxPool, rng)
}

fn average_pool(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    pool(b, Op::AveragePool, rng)
}

/// A pool over three axes.
fn pool_3d(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let spatial: Vec<usize> = (0..3).map(|_| rng.range(1, 6) as usize).collect();
    let mut d = vec![1, rng.range(1, 5) as usize];
    d.extend(&spatial);
    let x = b.input(TensorType::new(DType::F32, d.clone()));
    let w = window(&spatial, true, rng)?;
    let mut attrs = w.attrs;
    let op = *rng.pick(&[Op::MaxPool, Op::AveragePool]);
    if op == Op::AveragePool && rng.chance(1, 2) {
        attrs.set("count_include_pad", Attr::Int(1));
    }
    let out = [&d[..2], &w.out].concat();
    b.node(op, attrs, &[x], &[TensorType::new(DType::F32, out)]).map(|_| ())
}

fn global_pool(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = image(b, rng)?;
    let mut d = b.ty(x).dims;
    d[2..].iter_mut().for_each(|s| *s = 1);
    let op = *rng.pick(&[Op::GlobalAveragePool, Op::GlobalMaxPool]);
    b.node(op, Attrs::none(), &[x], &[TensorType::new(DType::F32, d)]).map(|_| ())
}
