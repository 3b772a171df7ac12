//! Attributes that became inputs: axes, pads, starts and ends, lengths.

use super::{Cx, Legacy};
use crate::error::Problem;
use ir::{Attr, Tensor};

/// `axes` becomes input 1; without it (or empty) all axes are meant, in the old form and in the new.
pub fn axes_to_input(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    if let Some(axes) = n.take_ints("axes")?
        && !axes.is_empty()
    {
        let axes = cx.add_ints("axes", &axes);
        n.set_input(1, axes);
    }
    Ok(n)
}

/// `axes` becomes input 1; it has to be there.
pub fn required_axes_to_input(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    let axes = n.take_ints("axes")?.ok_or_else(|| Problem::invalid("required attribute `axes` is missing"))?;
    let axes = cx.add_ints("axes", &axes);
    n.set_input(1, axes);
    Ok(n)
}

/// `pads` and `value` become inputs 1 and 2.
pub fn pad(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    let data = n.required(0)?;
    let pads = n.take_ints("pads")?.ok_or_else(|| Problem::invalid("required attribute `pads` is missing"))?;
    let value = n.take_float("value")?.unwrap_or(0.0);
    let pads = cx.add_ints("pads", &pads);
    n.set_input(1, pads);
    // A padding of +0 is the default of the input form; -0 is another value.
    if value.to_bits() != 0 {
        let value = cx.scalar_like("value", value, &data);
        n.set_input(2, value);
    }
    Ok(n)
}

/// `starts`, `ends` and `axes` become inputs 1 to 3.
pub fn slice(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    for (i, name) in [(1, "starts"), (2, "ends"), (3, "axes")] {
        match n.take_ints(name)? {
            Some(x) => {
                let x = cx.add_ints(name, &x);
                n.set_input(i, x);
            }
            None if i == 3 => {}
            None => return Err(Problem::invalid(format!("required attribute `{name}` is missing"))),
        }
    }
    Ok(n)
}

/// `split` becomes input 1; without it the parts are equal.
pub fn split(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    match n.take_ints("split")? {
        Some(split) => {
            let split = cx.add_ints("split", &split);
            n.set_input(1, split);
            Ok(n)
        }
        None => split_equally(cx, n),
    }
}

/// Since set 18, equal parts are asked for by `num_outputs`.
pub fn split_equally(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    if n.input(1).is_none() {
        let parts = i64::try_from(n.outputs.len()).map_err(|_| Problem::invalid("too many outputs"))?;
        n.attrs.set("num_outputs", Attr::Int(parts));
    }
    Ok(n)
}

/// `k` becomes input 1.
pub fn top_k(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    let k = n.take_int("k")?.ok_or_else(|| Problem::invalid("required attribute `k` is missing"))?;
    let k = cx.add("k", Tensor::from_i64([1], &[k]));
    n.set_input(1, k);
    Ok(n)
}
