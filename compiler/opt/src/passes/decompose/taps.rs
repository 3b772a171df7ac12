//! MaxPool with indices and Col2Im: windows written out by Gathers with constant indices.

use super::index::check_pairs;
use super::{Lowered, done, scalar_like, work_type};
use crate::fold::value;
use crate::passes::build::Build;
use crate::types;
use ir::{Attrs, DType, Node, NodeId, Op, Tensor};

/// Flat elements of the input under every window, one list an output element; taps in the padding are left out.
fn members(w: &types::Window, input: &[usize]) -> Vec<Vec<usize>> {
    let (so, sk, si) = (value::strides(&w.out), value::strides(&w.kernel), value::strides(input));
    let taps = w.kernel.iter().product::<usize>();
    let one = |o: usize, t: usize| -> Option<usize> {
        let mut at = 0;
        for k in 0..input.len() {
            let p = o / so[k] % w.out[k] * w.strides[k] + t / sk[k] % w.kernel[k] * w.dilations[k];
            at += p.checked_sub(w.begin[k]).filter(|&p| p < input[k])? * si[k];
        }
        Some(at)
    };
    (0..w.out.iter().product()).map(|o| (0..taps).filter_map(|t| one(o, t)).collect()).collect()
}

/// MaxPool with its second output: the first maximum of each window, as a place in the whole tensor. Without that output
/// the pool is a core operator. A tap in the padding is replaced by the window's first, which changes no maximum and no
/// first place.
pub fn max_pool(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if n.outputs.len() < 2 {
        return Ok(None);
    }
    let x = b.input(id, 0);
    let dx = b.dims(x);
    let spatial = &dx[2..];
    let kernel: Vec<usize> = n.attrs.ints("kernel_shape").unwrap_or(&[]).iter().map(|&k| k as usize).collect();
    let Ok(w) = types::window(&n.attrs, spatial, &kernel, n.attrs.flag("ceil_mode")) else { return Ok(None) };
    // Before the windows are written out: a kernel in a file may have 2^31 taps.
    let most = |d: &[usize]| d.iter().fold(1usize, |a, &n| a.saturating_mul(n));
    check_pairs(b, n, &[most(&dx[..2]).max(1), most(&w.out).max(1), most(&kernel)])?;
    let lists = members(&w, spatial);
    if lists.iter().any(Vec::is_empty) {
        return Ok(None); // a window wholly in the padding has no place
    }
    let (planes, area, taps) = (dx[0] * dx[1], spatial.iter().product::<usize>(), kernel.iter().product::<usize>());
    let places: Vec<i64> = lists.iter().flat_map(|l| (0..taps).map(|t| *l.get(t).unwrap_or(&l[0]) as i64)).collect();
    let flat = b.reshape(x, &[planes, area])?;
    let at = b.r.constant(Tensor::from_i64([lists.len(), taps], &places));
    let all = b.op(Op::Gather, Attrs::none().with_int("axis", 1), &[Some(flat), Some(at)])?;
    let y = b.reduce(Op::ReduceMax, all, &[2], false)?;
    let best = Attrs::none().with_int("axis", 2).with_int("keepdims", 0);
    let best = b.op(Op::ArgMax, best, &[Some(all)])?;
    let row = b.positions(&[1, lists.len()], |c| (c[1] * taps) as i64);
    let best = b.bin(Op::Add, best, row)?;
    let spelled: Vec<i64> = if n.attrs.flag("storage_order") {
        places.iter().map(|&p| column_major(p as usize, spatial) as i64).collect()
    } else {
        places
    };
    let spelled = b.ints(&spelled);
    let index = b.bin(Op::Gather, spelled, best)?;
    let base = b.positions(&[planes, 1], |c| (c[0] * area) as i64);
    let index = b.bin(Op::Add, index, base)?;
    let out = b.r.old.ty(n.outputs[0]).dims.clone();
    Ok(Some(vec![b.reshape(y, &out)?, b.reshape(index, &out)?]))
}
fn column_major(p: usize, dims: &[usize]) -> usize {
    let st = value::strides(dims);
    let (mut at, mut step) = (0, 1);
    for k in 0..dims.len() {
        at += p / st[k] % dims[k] * step;
        step *= dims[k];
    }
    at
}

/// Col2Im: every pixel is the sum over the taps of the blocks that cover it. A tap without a block reads a zero that is put
/// behind the columns.
pub fn col2im(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let list = |b: &Build<'_, '_>, i: usize| -> Option<Vec<usize>> {
        let v = n.input(i).and_then(|v| b.r.old.constant(v)).and_then(Tensor::ints)?;
        v.iter().map(|&d| usize::try_from(d).ok()).collect()
    };
    let (Some(image), Some(block)) = (list(b, 1), list(b, 2)) else { return Ok(None) };
    let x = b.input(id, 0);
    let own = b.ty(x).dtype;
    if !own.is_float() && !matches!(own, DType::I32 | DType::I64 | DType::U32 | DType::U64) {
        return Ok(None);
    }
    let dx = b.dims(x);
    let window = Attrs::none();
    let window = ["dilations", "pads", "strides"].iter().fold(window, |a, &k| match n.attrs.ints(k) {
        Some(v) => a.with_ints(k, v),
        None => a,
    });
    let Ok(w) = types::window(&window, &image, &block, false) else { return Ok(None) };
    check_pairs(b, n, &block)?;
    check_pairs(b, n, &image)?;
    let (taps, blocks, pixels) = (block.iter().product::<usize>(), dx[2], image.iter().product::<usize>());
    let planes = dx[0] * dx[1] / taps;
    check_pairs(b, n, &[planes, taps, pixels])?;
    // The column behind the last is the zero.
    let mut source = vec![(taps * blocks) as i64; taps * pixels];
    let (so, sk, si) = (value::strides(&w.out), value::strides(&block), value::strides(&image));
    for t in 0..taps {
        for o in 0..blocks {
            let place = (0..image.len()).try_fold(0, |at, k| {
                let p = o / so[k] % w.out[k] * w.strides[k] + t / sk[k] % block[k] * w.dilations[k];
                Some(at + p.checked_sub(w.begin[k]).filter(|&p| p < image[k])? * si[k])
            });
            if let Some(p) = place {
                source[t * pixels + p] = (t * blocks + o) as i64;
            }
        }
    }
    let work = work_type(own);
    let x = b.cast(x, work)?;
    let x = b.reshape(x, &[planes, taps * blocks])?;
    let zero = scalar_like(b, x, 0.0);
    let zero = b.expand(zero, &[planes, 1])?;
    let x = b.concat(&[x, zero], 1)?;
    let source = b.r.constant(Tensor::from_i64([taps, pixels], &source));
    let y = b.op(Op::Gather, Attrs::none().with_int("axis", 1), &[Some(x), Some(source)])?;
    let y = b.reduce(Op::ReduceSum, y, &[1], false)?;
    let out = b.r.old.ty(n.outputs[0]).dims.clone();
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}
