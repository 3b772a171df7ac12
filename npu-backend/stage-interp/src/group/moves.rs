//! Copies, fills and gathers: bits move, nothing is computed.

use super::walk::{check, offsets};
use super::{Input, column, input};
use crate::bytes::{get, put_at};
use crate::error::{Fault, PlaceName};
use isa::DType;
use lir::fused::{Gather, Move};

/// Runs a `Move`; every output element must be written.
pub(super) fn run(m: &Move, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    let size = dtype.size() as usize;
    let mut out = vec![0; elements * size];
    let mut written = vec![false; elements];
    for c in &m.copies {
        let src = input(inputs, c.src.input)?;
        if src.dtype.size() != dtype.size() {
            return Err(Fault::Illegal("a copy between element sizes"));
        }
        let place = PlaceName::Operand(c.src.input);
        check(&c.n, c.src.offset, &c.src.strides, src.bytes.len() / size, place)?;
        check(&c.n, c.offset, &c.strides, elements, PlaceName::Output)?;
        let from = offsets(&c.n, c.src.offset, &c.src.strides);
        for (from, to) in from.into_iter().zip(offsets(&c.n, c.offset, &c.strides)) {
            put_at(&mut out, size, to * size, get(src.bytes, size, from));
            written[to] = true;
        }
    }
    for f in &m.fills {
        check(&f.n, f.offset, &f.strides, elements, PlaceName::Output)?;
        for to in offsets(&f.n, f.offset, &f.strides) {
            put_at(&mut out, size, to * size, f.bits);
            written[to] = true;
        }
    }
    match written.iter().position(|w| !w) {
        Some(element) => Err(Fault::Unwritten(element)),
        None => Ok(out),
    }
}

/// Runs a `Gather`: `out[o, j, i] = x[o, idx(j), i]`.
pub(super) fn gather(g: &Gather, inputs: &[Input<'_>], dtype: DType, elements: usize) -> Result<Vec<u8>, Fault> {
    let (x, idx) = (input(inputs, 0)?, input(inputs, 1)?);
    let size = dtype.size() as usize;
    let index_size = idx.dtype.size() as usize;
    let fits = x.bytes.len() == g.outer * g.len * g.inner * size
        && idx.bytes.len() == g.indices * index_size
        && elements == g.outer * g.indices * g.inner
        && matches!(idx.dtype, DType::S32 | DType::S64);
    if !fits {
        return Err(Fault::Illegal("extents of a gather"));
    }
    let row = g.inner * size;
    let mut out = Vec::with_capacity(elements * size);
    for o in 0..g.outer {
        for j in 0..g.indices {
            let index = column::int(idx.dtype, get(idx.bytes, index_size, j))?;
            let len = g.len as i128;
            let k = if index < 0 { index + len } else { index };
            if k < 0 || k >= len {
                return Err(Fault::Index { index, len: g.len as u64 });
            }
            let start = (o * g.len + k as usize) * row;
            out.extend_from_slice(&x.bytes[start..start + row]);
        }
    }
    Ok(out)
}
