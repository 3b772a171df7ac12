//! Convolution and pooling: explicit attributes, two spatial axes.

use super::super::build::{Build, Res};
use crate::types::{Window, window};
use ir::{Attrs, Node, NodeId, Op, ValueId};

fn ints(v: &[usize]) -> Vec<i64> {
    v.iter().map(|&x| x as i64).collect()
}
/// Writes a window into attributes.
fn explicit(mut a: Attrs, w: &Window) -> Attrs {
    a = a.with_str("auto_pad", "NOTSET").with_ints("kernel_shape", &ints(&w.kernel));
    a = a.with_ints("strides", &ints(&w.strides)).with_ints("dilations", &ints(&w.dilations));
    a.with_ints("pads", &ints(&[w.begin.clone(), w.end.clone()].concat()))
}
/// A one-dimensional window as a two-dimensional one of height 1.
fn lifted(w: &Window) -> Window {
    let one = |v: &[usize], x: usize| [&[x], v].concat();
    Window {
        kernel: one(&w.kernel, 1),
        strides: one(&w.strides, 1),
        dilations: one(&w.dilations, 1),
        begin: one(&w.begin, 0),
        end: one(&w.end, 0),
        out: one(&w.out, 1),
    }
}
fn lift_dims(d: &[usize]) -> Vec<usize> {
    vec![d[0], d[1], 1, d[2]]
}

/// Conv, ConvInteger, QLinearConv; the weights are input `weights`.
pub fn conv(b: &mut Build<'_, '_>, id: NodeId, n: &Node, weights: usize) -> Res<Option<Vec<ValueId>>> {
    let (x, w) = (b.input(id, 0), b.input(id, weights));
    let (dx, dw) = (b.dims(x), b.dims(w));
    let Ok(win) = window(&n.attrs, &dx[2..], &dw[2..], false) else { return Ok(None) };
    let mut inputs: Vec<_> = (0..n.inputs.len()).map(|i| b.opt_input(id, i)).collect();
    if dx.len() != 3 {
        let attrs = explicit(n.attrs.clone(), &win);
        return if attrs == n.attrs { Ok(None) } else { Ok(Some(vec![b.op(n.op, attrs, &inputs)?])) };
    }
    inputs[0] = Some(b.reshape(x, &lift_dims(&dx))?);
    inputs[weights] = Some(b.reshape(w, &lift_dims(&dw))?);
    let y = b.op(n.op, explicit(n.attrs.clone(), &lifted(&win)), &inputs)?;
    let dims = b.r.old.ty(n.outputs[0]).dims.clone();
    Ok(Some(vec![b.reshape(y, &dims)?]))
}

/// MaxPool and AveragePool. `ceil_mode` becomes padding at the end wherever padding does not count.
pub fn pool(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let x = b.input(id, 0);
    let dx = b.dims(x);
    let kernel: Vec<usize> = n.attrs.ints("kernel_shape").unwrap_or(&[]).iter().map(|&k| k as usize).collect();
    let ceil = n.attrs.flag("ceil_mode");
    let Ok(mut win) = window(&n.attrs, &dx[2..], &kernel, ceil) else { return Ok(None) };
    let mut attrs = n.attrs.clone();
    if ceil && !(n.op == Op::AveragePool && n.attrs.flag("count_include_pad")) {
        for i in 0..kernel.len() {
            let reach = (win.kernel[i] - 1) * win.dilations[i] + 1;
            let last = win.out[i].saturating_sub(1) * win.strides[i] + reach;
            win.end[i] = win.end[i].max(last.saturating_sub(dx[2 + i] + win.begin[i]));
        }
        // Rounded down, the larger padding must give the same extent; else the node stays as it is.
        let floor = explicit(n.attrs.clone(), &win);
        if window(&floor, &dx[2..], &kernel, false).is_ok_and(|w| w.out == win.out) {
            attrs.set("ceil_mode", ir::Attr::Int(0));
        }
    }
    if n.outputs.len() > 1 {
        return Ok(None);
    }
    if dx.len() != 3 {
        let attrs = explicit(attrs, &win);
        return if attrs == n.attrs { Ok(None) } else { Ok(Some(vec![b.op(n.op, attrs, &[Some(x)])?])) };
    }
    let x4 = b.reshape(x, &lift_dims(&dx))?;
    let y = b.op(n.op, explicit(attrs, &lifted(&win)), &[Some(x4)])?;
    let dims = b.r.old.ty(n.outputs[0]).dims.clone();
    Ok(Some(vec![b.reshape(y, &dims)?]))
}

/// Global pooling as a reduction over all spatial axes.
pub fn global(b: &mut Build<'_, '_>, id: NodeId, op: Op) -> Res<Option<Vec<ValueId>>> {
    let x = b.input(id, 0);
    let axes: Vec<usize> = (2..b.ty(x).rank()).collect();
    Ok(Some(vec![b.reduce(op, x, &axes, true)?]))
}
/// GlobalLpPool for p of 1 and 2.
pub fn global_lp(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    match n.attrs.int("p") {
        Some(1) => global(b, id, Op::ReduceL1),
        Some(2) => global(b, id, Op::ReduceL2),
        _ => Ok(None),
    }
}
