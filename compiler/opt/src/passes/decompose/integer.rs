//! Shifts by distances that may leave the width.

use super::{Lowered, scalar_like};
use crate::fold::value;
use crate::passes::build::Build;
use ir::{Node, NodeId, Op};

/// BitShift whose distances are not constants within `[0, width)`, the range of the machine. By the width or more, or by a
/// negative distance, all bits are shifted out: to the left and of unsigned numbers 0, else the sign.
pub fn shift(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, y) = (b.input(id, 0), b.input(id, 1));
    let d = b.ty(x).dtype;
    let bits = 8 * d.size() as i128;
    let known = b.r.new.constant(y).and_then(value::ints);
    if known.is_some_and(|v| v.iter().all(|y| (0..bits).contains(y))) || !d.is_int() {
        return Ok(None);
    }
    let width = scalar_like(b, y, bits as f64);
    let mut inside = b.bin(Op::Less, y, width)?;
    if d.is_signed_int() {
        let zero = scalar_like(b, y, 0.0);
        let not_negative = b.bin(Op::GreaterOrEqual, y, zero)?;
        inside = b.bin(Op::And, inside, not_negative)?;
    }
    let sign = d.is_signed_int() && n.attrs.str("direction") == Some("RIGHT");
    let else_by = scalar_like(b, y, if sign { (bits - 1) as f64 } else { 0.0 });
    let by = b.select(inside, y, else_by)?;
    let s = b.op(Op::BitShift, n.attrs.clone(), &[Some(x), Some(by)])?;
    if sign {
        return Ok(Some(vec![s]));
    }
    let zero = scalar_like(b, x, 0.0);
    Ok(Some(vec![b.select(inside, s, zero)?]))
}
