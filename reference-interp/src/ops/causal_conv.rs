//! CausalConvWithState: a depthwise convolution along time over a carried state and new positions.

use super::conv::{channel_map, check_bias};
use super::linear::{Depth, add_bias, bilinear};
use super::unary::silu;
use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::value::Bounded;

/// `p = past ++ x` along time (zeros without a past), `y[t] = sum_j w[j] p[t + j] + bias`, and `silu(y)` if asked for; the new state
/// is the last `k - 1` positions of `p`.
///
/// The sum is linear (k products and a bias), the activation closes the region.
pub fn causal_conv(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let (x, w) = (a.x(0)?, a.x(1)?);
    let (&[b, c, n], &[wc, 1, k]) = (&x.dims[..], &w.dims[..]) else {
        return invalid(format!("data of shape {:?} and weights of shape {:?}", x.dims, w.dims));
    };
    if wc != c || k == 0 {
        return invalid(format!("weights of shape {:?} for {c} channels", w.dims));
    }
    let state = [b, c, k - 1];
    let past = match a.opt(3) {
        Some(p) if p.dims == state => p.clone(),
        Some(p) => return invalid(format!("a state of shape {:?}, {state:?} is needed", p.dims)),
        None => {
            let size = a.cx.alloc(&state)?;
            Bounded::zero(x.dtype).take(&vec![0; size], state.to_vec())
        }
    };
    let padded = joined(a, &past, x)?;
    let len = n + k - 1;
    let run = |p: &[f64], q: &[f64], sum: super::linear::Sum| -> Vec<f64> {
        let mut out = Vec::with_capacity(b * c * n);
        for plane in 0..b * c {
            for t in 0..n {
                let at = plane * len + t;
                let taps = 0..sum.terms(k);
                out.push(taps.fold(0.0, |s, j| sum.add(s, p[at + j] * q[plane % c * k + j])));
            }
        }
        out
    };
    let depth = Depth { path: a.cx.depth(k as f64, k.div_ceil(16) as f64), products: k as f64 };
    let mut raw = bilinear(a.cx, padded.float()?, w.float()?, depth, &run);
    if let Some(bias) = a.opt(2) {
        check_bias(bias, c)?;
        add_bias(a.cx, &mut raw, bias.float()?, &channel_map(&x.dims));
    }
    let y = a.cx.linear(x.dtype, x.dims.clone(), raw);
    let y = match a.str("activation")? {
        "none" => y,
        "silu" | "swish" => silu(a.cx, &y)?,
        other => return invalid(format!("activation `{other}`")),
    };
    let last: Vec<usize> = (0..b * c).flat_map(|plane| plane * len + n..(plane + 1) * len).collect();
    Ok(vec![y, padded.take(&last, state.to_vec())])
}

/// Two tensors of equal leading extents, one after the other along the last axis.
fn joined(a: &Args<'_>, first: &Bounded, second: &Bounded) -> OpResult<Bounded> {
    let (p, q) = (first.dims[2], second.dims[2]);
    let (b, c) = (second.dims[0], second.dims[1]);
    a.cx.alloc(&[b, c, p + q])?;
    let pool = Bounded::pool(&[first, second])?;
    let idx: Vec<usize> =
        (0..b * c).flat_map(|i| (i * p..(i + 1) * p).chain(b * c * p + i * q..b * c * p + (i + 1) * q)).collect();
    Ok(pool.take(&idx, vec![b, c, p + q]))
}
