//! Matrix products.

use super::{Row, row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[row(10, matmul), row(4, gemm)];

fn matrix(b: &mut Builder, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| t.dtype == DType::F32 && t.rank() >= 2 && t.elements() > 0)
}

fn columns(b: &Builder, rows: usize, rng: &mut Rng) -> usize {
    b.lattice.extent((b.profile.max_elements / rows.max(1)).clamp(1, 48), rng)
}

fn matmul(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = matrix(b, rng)?;
    let dims = b.ty(x).dims;
    let (batch, k) = (dims[..dims.len() - 2].to_vec(), dims[dims.len() - 1]);
    let m = dims[dims.len() - 2];
    let rows: usize = batch.iter().product::<usize>() * m;
    // A run-time right operand where one fits, else a constant, batched now and then.
    if rng.chance(1, 3) {
        let fits = |t: &TensorType| t.dtype == DType::F32 && t.rank() == 2 && t.dims[0] == k && t.elements() > 0;
        if let Some(y) = b.pick(rng, fits) {
            let mut out = batch;
            out.extend([m, b.ty(y).dims[1]]);
            return b.node(Op::MatMul, Attrs::none(), &[x, y], &[TensorType::new(DType::F32, out)]).map(|_| ());
        }
    }
    let n = columns(b, rows, rng);
    let mut wd =
        if rng.chance(1, 4) { batch.iter().map(|&d| if rng.chance(1, 3) { 1 } else { d }).collect() } else { vec![] };
    wd.extend([k, n]);
    if wd.iter().product::<usize>() > 4 * b.profile.max_elements {
        return None;
    }
    let w = b.weight(&wd, k, rng);
    let mut out = batch;
    out.extend([m, n]);
    b.node(Op::MatMul, Attrs::none(), &[x, w], &[TensorType::new(DType::F32, out)]).map(|_| ())
}

fn gemm(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 2 && t.elements() > 0)?;
    let d = b.ty(x).dims;
    let (ta, tb) = (rng.chance(1, 3), rng.chance(1, 2));
    let (m, k) = if ta { (d[1], d[0]) } else { (d[0], d[1]) };
    let n = columns(b, m, rng).min(4 * b.profile.max_elements / k.max(1)).max(1);
    let w = b.weight(&if tb { [n, k] } else { [k, n] }, k, rng);
    let mut attrs = Attrs::none().with_int("transA", ta.into()).with_int("transB", tb.into());
    attrs.set("alpha", Attr::float(*rng.pick(&[1.0, 1.0, 0.5, 1.25])));
    attrs.set("beta", Attr::float(*rng.pick(&[1.0, 1.0, 0.5, 0.0])));
    let c = match rng.below(5) {
        0 => None,
        1 => Some(b.weight(&[n], 1, rng)),
        2 => Some(b.weight(&[m, 1], 1, rng)),
        3 => Some(b.weight(&[m, n], 1, rng)),
        _ => Some(b.weight(&[], 1, rng)),
    };
    let mut args = vec![Some(x), Some(w)];
    args.extend(c.map(Some));
    b.node_opt(Op::Gemm, attrs, args, &[TensorType::new(DType::F32, [m, n])]).map(|_| ())
}
