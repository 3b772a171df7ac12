//! Clip, Dropout, OneHot.

use super::{Cx, Legacy};
use crate::error::Problem;
use ir::{Attrs, Op, Tensor};

/// `min` and `max` become inputs 1 and 2. Absent ones mean the lowest and highest finite value in both forms.
pub fn clip(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    let x = n.required(0)?;
    for (i, name) in [(1, "min"), (2, "max")] {
        if let Some(limit) = n.take_float(name)? {
            let limit = cx.scalar_like(name, limit, &x);
            n.set_input(i, limit);
        }
    }
    Ok(n)
}

/// Set 6: `is_test` says that a node is meant for inference; its default is training.
pub fn is_test(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    match n.take_int("is_test")?.unwrap_or(0) {
        0 => Err(Problem::unsupported(format!("{} in training mode (is_test = 0) is not supported", n.op))),
        _ => Ok(n),
    }
}

/// `ratio` becomes input 1. Before set 12 there is no `training_mode`: nothing is dropped.
pub fn dropout_ratio(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    if let Some(ratio) = n.take_float("ratio")? {
        let ratio = cx.add("ratio", Tensor::from_f32([], &[ratio]));
        n.set_input(1, ratio);
    }
    Ok(n)
}

/// Before set 11, a negative index selects nothing; now it counts from the back. Negative indices become `depth`, which
/// selects nothing in both. The index type may be any number type; comparisons are made in it.
pub fn one_hot_negative(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let (indices, depth) = (n.required(0)?, n.required(1)?);
    if cx.constant(&indices).and_then(Tensor::ints).is_some_and(|x| x.iter().all(|&i| i >= 0)) {
        return Ok(n);
    }
    let zero = cx.add("zero", Tensor::from_i64([], &[0]));
    let zero = cx.emit(Op::CastLike, Attrs::none(), &[&zero, &indices]);
    let negative = cx.emit(Op::Less, Attrs::none(), &[&indices, &zero]);
    // `depth` may be a list of one element, which would add a dimension to scalar indices.
    let scalar = cx.add_ints("scalar", &[]);
    let depth = cx.emit(Op::Reshape, Attrs::none(), &[&depth, &scalar]);
    let depth = cx.emit(Op::CastLike, Attrs::none(), &[&depth, &indices]);
    n.inputs[0] = Some(cx.emit(Op::Where, Attrs::none(), &[&negative, &depth, &indices]));
    Ok(n)
}
