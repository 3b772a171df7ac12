//! Activation functions.

use super::{Lowered, done, f, input, scalar_like, with_scalar};
use crate::passes::build::{Build, Res};
use ir::{Attrs, Node, NodeId, Op, ValueId};

/// Lowers one activation by its ONNX formula.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let y = match n.op {
        Op::HardSigmoid => hard_sigmoid(b, x, f(n, "alpha"), f(n, "beta"))?,
        Op::HardSwish => {
            let s = hard_sigmoid(b, x, 1.0 / 6.0, 0.5)?;
            b.bin(Op::Mul, x, s)?
        }
        Op::Elu => {
            let e = exp_branch(b, x, 1.0, f(n, "alpha"))?;
            where_negative(b, x, e)?
        }
        Op::Selu => {
            let e = exp_branch(b, x, 1.0, f(n, "alpha"))?;
            let y = where_negative(b, x, e)?;
            with_scalar(b, Op::Mul, y, f(n, "gamma"))?
        }
        Op::Celu => {
            let e = exp_branch(b, x, f(n, "alpha"), f(n, "alpha"))?;
            where_negative(b, x, e)?
        }
        Op::Mish => {
            let s = b.un(Op::Softplus, x)?;
            let t = b.un(Op::Tanh, s)?;
            b.bin(Op::Mul, x, t)?
        }
        Op::Softsign => {
            let a = b.un(Op::Abs, x)?;
            let d = with_scalar(b, Op::Add, a, 1.0)?;
            b.bin(Op::Div, x, d)?
        }
        Op::Swish => {
            let alpha = f(n, "alpha");
            let scaled = if alpha == 1.0 { x } else { with_scalar(b, Op::Mul, x, alpha)? };
            let s = b.un(Op::Sigmoid, scaled)?;
            b.bin(Op::Mul, x, s)?
        }
        Op::ThresholdedRelu => {
            let c = with_scalar(b, Op::Greater, x, f(n, "alpha"))?;
            let zero = scalar_like(b, x, 0.0);
            b.select(c, x, zero)?
        }
        Op::Shrink if b.ty(x).dtype.is_float() => shrink(b, x, f(n, "lambd"), f(n, "bias"))?,
        _ => return Ok(None),
    };
    done(b, id, y)
}
/// `max(0, min(1, alpha x + beta))`.
fn hard_sigmoid(b: &mut Build<'_, '_>, x: ValueId, alpha: f64, beta: f64) -> Res<ValueId> {
    let y = with_scalar(b, Op::Mul, x, alpha)?;
    let y = with_scalar(b, Op::Add, y, beta)?;
    let (lo, hi) = (scalar_like(b, x, 0.0), scalar_like(b, x, 1.0));
    b.op(Op::Clip, Attrs::none(), &[Some(y), Some(lo), Some(hi)])
}
/// `scale (exp(x / inner) - 1)`.
fn exp_branch(b: &mut Build<'_, '_>, x: ValueId, inner: f64, scale: f64) -> Res<ValueId> {
    let t = if inner == 1.0 { x } else { with_scalar(b, Op::Div, x, inner)? };
    let e = b.un(Op::Exp, t)?;
    let e = with_scalar(b, Op::Sub, e, 1.0)?;
    if scale == 1.0 { Ok(e) } else { with_scalar(b, Op::Mul, e, scale) }
}
/// `y` where x < 0, else `x`; an overflow of `y` elsewhere does no harm, NaN stays.
fn where_negative(b: &mut Build<'_, '_>, x: ValueId, y: ValueId) -> Res<ValueId> {
    let c = with_scalar(b, Op::Less, x, 0.0)?;
    b.select(c, y, x)
}
fn shrink(b: &mut Build<'_, '_>, x: ValueId, lambd: f64, bias: f64) -> Res<ValueId> {
    let low = with_scalar(b, Op::Less, x, -lambd)?;
    let high = with_scalar(b, Op::Greater, x, lambd)?;
    let (up, down) = (with_scalar(b, Op::Add, x, bias)?, with_scalar(b, Op::Sub, x, bias)?);
    let zero = scalar_like(b, x, 0.0);
    let rest = b.select(high, down, zero)?;
    b.select(low, up, rest)
}
