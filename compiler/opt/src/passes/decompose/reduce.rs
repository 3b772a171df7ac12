//! Composite reductions and dynamic quantisation.

use super::quant::quantized;
use super::{Lowered, done, input, scalar_like, with_scalar};
use crate::passes::build::{Build, Res};
use crate::types;
use ir::{Attrs, DType, Node, NodeId, Op, ValueId};

/// L1, L2, LogSum, LogSumExp, SumSquare by their formulas. The roots and logarithms of integers stay (no defined rounding).
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let Ok(Some(axes)) = types::reduce_axes(&n.attrs, &types::args(b.r.old, n)) else { return Ok(None) };
    let keep = n.attrs.flag("keepdims");
    let x = input(b, id, 0)?;
    let float = b.ty(x).dtype.is_float();
    let y = match n.op {
        Op::ReduceL1 => {
            let a = b.un(Op::Abs, x)?;
            b.reduce(Op::ReduceSum, a, &axes, keep)?
        }
        Op::ReduceSumSquare => {
            let s = b.bin(Op::Mul, x, x)?;
            b.reduce(Op::ReduceSum, s, &axes, keep)?
        }
        Op::ReduceL2 if float => {
            let s = b.bin(Op::Mul, x, x)?;
            let s = b.reduce(Op::ReduceSum, s, &axes, keep)?;
            b.un(Op::Sqrt, s)?
        }
        Op::ReduceLogSum if float => {
            let s = b.reduce(Op::ReduceSum, x, &axes, keep)?;
            b.un(Op::Log, s)?
        }
        Op::ReduceLogSumExp if float => {
            let y = log_sum_exp(b, x, &axes)?;
            let dims = b.r.old.ty(n.outputs[0]).dims.clone();
            b.reshape(y, &dims)?
        }
        _ => return Ok(None),
    };
    done(b, id, y)
}
/// `log(sum(exp(x - m))) + m`, with m the maximum, or 0 where that is infinite (so that no infinity meets its like).
fn log_sum_exp(b: &mut Build<'_, '_>, x: ValueId, axes: &[usize]) -> Res<ValueId> {
    let m = b.reduce(Op::ReduceMax, x, axes, true)?;
    let inf = b.un(Op::IsInf, m)?;
    let zero = scalar_like(b, x, 0.0);
    let m = b.select(inf, zero, m)?;
    let d = b.bin(Op::Sub, x, m)?;
    let e = b.un(Op::Exp, d)?;
    let s = b.reduce(Op::ReduceSum, e, axes, true)?;
    let l = b.un(Op::Log, s)?;
    b.bin(Op::Add, l, m)
}
/// DynamicQuantizeLinear: range with 0 inside, scale = range / 255, zero point = clamp(rint(-min / scale)).
/// A range of 0 gives scale 0, zero point 0 and zeros.
pub fn dynamic_quantize(b: &mut Build<'_, '_>, id: NodeId) -> Lowered {
    let x = b.input(id, 0);
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let axes: Vec<usize> = (0..b.ty(x).rank()).collect();
    let hi = b.reduce(Op::ReduceMax, x, &axes, false)?;
    let hi = with_scalar(b, Op::Max, hi, 0.0)?;
    let lo = b.reduce(Op::ReduceMin, x, &axes, false)?;
    let lo = with_scalar(b, Op::Min, lo, 0.0)?;
    let range = b.bin(Op::Sub, hi, lo)?;
    let scale = with_scalar(b, Op::Div, range, 255.0)?;
    let empty = with_scalar(b, Op::Equal, scale, 0.0)?;
    let one = scalar_like(b, x, 1.0);
    let divisor = b.select(empty, one, scale)?;
    let zero = scalar_like(b, x, 0.0);
    let minus = b.bin(Op::Sub, zero, lo)?;
    let z = b.bin(Op::Div, minus, divisor)?;
    let z = b.un(Op::Round, z)?;
    let top = scalar_like(b, x, 255.0);
    let z = b.op(Op::Clip, Attrs::none(), &[Some(z), Some(zero), Some(top)])?;
    let z = b.cast(z, DType::U8)?;
    let y = quantized(b, x, divisor, Some(z), DType::U8)?;
    Ok(Some(vec![y, scale, z]))
}
/// ReduceMax and ReduceMin of bool: of 0 and 1.
pub fn of_bool(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    if b.ty(x).dtype != DType::Bool {
        return Ok(None);
    }
    let x = b.cast(x, DType::U8)?;
    let axes = b.opt_input(id, 1);
    let y = b.op(n.op, n.attrs.clone(), &[Some(x), axes])?;
    done(b, id, y)
}
