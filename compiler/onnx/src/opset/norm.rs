//! Softmax and normalisations.

use super::{Cx, Legacy};
use crate::error::Problem;
use ir::{Attr, Attrs, Op};

/// Before set 13, Softmax, LogSoftmax and Hardmax see their input as a matrix: dimensions from `axis` (default 1) on are
/// one. `Flatten -> op(axis = 1) -> Reshape` to the old shape; `axis = -1` means the same in both forms.
pub fn coerce_to_2d(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let axis = n.take_int("axis")?.unwrap_or(1);
    if axis == -1 {
        n.attrs.set("axis", Attr::Int(-1));
        return Ok(n);
    }
    let x = n.required(0)?;
    let y = n.outputs.first().cloned().flatten().ok_or_else(|| Problem::invalid("has no output"))?;
    let shape = cx.emit(Op::Shape, Attrs::none(), &[&x]);
    let flat = cx.emit(Op::Flatten, Attrs::none().with_int("axis", axis), &[&x]);
    let result = cx.fresh(&n.op);
    n.attrs.set("axis", Attr::Int(1));
    n.inputs[0] = Some(flat);
    n.outputs[0] = Some(result.clone());
    cx.after.push(Legacy {
        op: Op::Reshape.name().into(),
        // Extents of 0 are meant as they stand.
        attrs: Attrs::none().with_int("allowzero", 1),
        inputs: vec![Some(result), Some(shape)],
        outputs: vec![Some(y)],
    });
    Ok(n)
}

/// `spatial = 0` (statistics for each activation) exists only up to set 8.
pub fn batch_spatial(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    match n.take_int("spatial")?.unwrap_or(1) {
        0 => Err(Problem::unsupported("BatchNormalization with spatial = 0 is not supported")),
        _ => Ok(n),
    }
}

/// Before set 14, the number of outputs decides: one is inference, five are training.
pub fn batch_inference(_: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    if n.outputs.len() != 1 {
        return Err(Problem::unsupported(format!(
            "BatchNormalization with {} outputs (training) is not supported",
            n.outputs.len()
        )));
    }
    Ok(n)
}

/// Before set 21, scale and bias have an element for each group, now for each channel: each is repeated `C / groups`
/// times.
pub fn group_scale_per_channel(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let x = n.required(0)?;
    let groups =
        n.attrs.int("num_groups").ok_or_else(|| Problem::invalid("required attribute `num_groups` is missing"))?;
    let channels = cx.emit(Op::Shape, Attrs::none().with_int("start", 1).with_int("end", 2), &[&x]);
    let groups = cx.add_ints("groups", &[groups]);
    let repeat = cx.emit(Op::Div, Attrs::none(), &[&channels, &groups]);
    let shape = cx.emit(Op::Concat, Attrs::none().with_int("axis", 0), &[&groups, &repeat]);
    let column = cx.add_ints("column", &[-1, 1]);
    let list = cx.add_ints("list", &[-1]);
    for i in [1, 2] {
        let per_group = n.required(i)?;
        let per_group = cx.emit(Op::Reshape, Attrs::none(), &[&per_group, &column]);
        let repeated = cx.emit(Op::Expand, Attrs::none(), &[&per_group, &shape]);
        n.inputs[i] = Some(cx.emit(Op::Reshape, Attrs::none(), &[&repeated, &list]));
    }
    Ok(n)
}
