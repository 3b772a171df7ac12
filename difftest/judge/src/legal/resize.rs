//! Resize by scales: nearest and linear, axis by axis.

use super::kernel::Kernel;
use super::value::{Run, Value, count, lacking};
use ir::Node;

/// Position in the input of output `o`, rounded step by step as a binary32 implementation does.
fn position(k: &Kernel<'_>, mode: &str, o: usize, (input, output, scale): (usize, usize, f64)) -> Run<f64> {
    let x = o as f64;
    Ok(match mode {
        "half_pixel" => k.r(k.r(k.r(x + 0.5) / scale) - 0.5),
        "pytorch_half_pixel" if output > 1 => k.r(k.r(k.r(x + 0.5) / scale) - 0.5),
        "asymmetric" => k.r(x / scale),
        "align_corners" if output > 1 => k.r(k.r(x * (input as f64 - 1.0)) / (output as f64 - 1.0)),
        "align_corners" | "pytorch_half_pixel" => 0.0,
        m => return lacking(format!("Resize by {m}")),
    })
}

/// Resize.
pub fn resize(k: &Kernel<'_>, node: &Node, x: &Value, scales: Option<&Value>) -> Run<Value> {
    let Some(scales) = scales else { return lacking("Resize without scales") };
    let scales = scales.f()?;
    let mode = node.attrs.str("mode").unwrap_or("nearest");
    let coordinates = node.attrs.str("coordinate_transformation_mode").unwrap_or("half_pixel");
    if scales.len() != x.dims.len() || node.attrs.flag("antialias") || node.attrs.flag("exclude_outside") {
        return lacking("Resize of part of the axes, antialiased or with outside excluded");
    }
    let mut y = x.clone();
    // Which axis comes first is free.
    let mut order: Vec<usize> = (0..x.dims.len()).filter(|&d| scales[d] != 1.0).collect();
    if k.ch.fma {
        order.reverse();
    }
    for d in order {
        y = along(k, node, &y, d, scales[d], (mode, coordinates))?;
    }
    Ok(y)
}

fn along(k: &Kernel<'_>, node: &Node, x: &Value, ax: usize, scale: f64, (mode, coord): (&str, &str)) -> Run<Value> {
    let n = x.dims[ax];
    let out = (n as f64 * scale).floor() as usize;
    let (outer, inner, xs) = (count(&x.dims[..ax]), count(&x.dims[ax + 1..]), x.f()?);
    let clamp = |i: f64| i.clamp(0.0, n as f64 - 1.0) as usize;
    let mut taps = Vec::with_capacity(out);
    for o in 0..out {
        let p = position(k, coord, o, (n, out, scale))?;
        taps.push(match mode {
            "nearest" => (clamp(nearest(node, p)?), 0, 0.0),
            "linear" => {
                let f = p.floor();
                (clamp(f), clamp(f + 1.0), k.r(p - f))
            }
            m => return lacking(format!("Resize by {m}")),
        });
    }
    let mut y = Vec::with_capacity(outer * out * inner);
    for o in 0..outer {
        for &(a, b, t) in &taps {
            for i in 0..inner {
                let at = |j: usize| xs[(o * n + j) * inner + i];
                y.push(if mode == "nearest" { at(a) } else { between(k, at(a), at(b), t) });
            }
        }
    }
    let mut dims = x.dims.clone();
    dims[ax] = out;
    Ok(Value::floats(x.dtype, dims, y))
}

/// `a (1-t) + b t`.
fn between(k: &Kernel<'_>, a: f64, b: f64, t: f64) -> f64 {
    k.mul_add(b, t, k.r(a * k.r(1.0 - t)))
}

fn nearest(node: &Node, p: f64) -> Run<f64> {
    Ok(match node.attrs.str("nearest_mode").unwrap_or("round_prefer_floor") {
        "round_prefer_floor" => (p - 0.5).ceil(),
        "round_prefer_ceil" => (p + 0.5).floor(),
        "floor" => p.floor(),
        "ceil" => p.ceil(),
        m => return lacking(format!("nearest mode {m}")),
    })
}
