//! Set 6 and odds and ends: limited broadcasting, operators that were renamed or removed, attributes without effect.

use super::{Cx, Legacy};
use crate::error::Problem;
use ir::{Attr, Attrs, Op, Tensor};

/// Before set 7, the second operand broadcasts only with `broadcast=1`, and `axis` says where its shape begins in that
/// of the first (the end is aligned without it). NumPy's rule is wider, so only `axis` needs work:
/// `b` is reshaped to its own shape followed by one for each dimension of `a` behind it.
pub fn broadcast(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let broadcast = n.take_int("broadcast")?.unwrap_or(0);
    let axis = n.take_int("axis")?;
    let (Some(axis), true) = (axis, broadcast != 0) else { return Ok(n) };
    let (a, b) = (n.required(0)?, n.required(1)?);
    // Ranks as one-element tensors: rank(a) - axis and rank(b).
    let behind = cx.emit(Op::Shape, Attrs::none().with_int("start", axis), &[&a]);
    let behind = cx.emit(Op::Shape, Attrs::none(), &[&behind]);
    let shape = cx.emit(Op::Shape, Attrs::none(), &[&b]);
    let rank = cx.emit(Op::Shape, Attrs::none(), &[&shape]);
    let missing = cx.emit(Op::Sub, Attrs::none(), &[&behind, &rank]);
    let ones = ones(cx, &missing);
    let shape = cx.emit(Op::Concat, Attrs::none().with_int("axis", 0), &[&shape, &ones]);
    n.inputs[1] = Some(cx.emit(Op::Reshape, Attrs::none().with_int("allowzero", 1), &[&b, &shape]));
    Ok(n)
}

/// A list of `count` ones, `count` being a value with one element.
fn ones(cx: &mut Cx<'_>, count: &str) -> String {
    let one = Attr::Tensor(Tensor::from_i64([1], &[1]));
    cx.emit(Op::ConstantOfShape, Attrs::none().with("value", one), &[count])
}

/// `broadcast` of `Gemm` permits what is always permitted since set 7.
pub fn gemm_broadcast(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.take_int("broadcast")?;
    Ok(n)
}

/// `C` of `Gemm` is optional only since set 11.
pub fn gemm_needs_c(_: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    n.required(2)?;
    Ok(n)
}

/// Before set 7, a slope of more than one element belongs to the channels (dimension 1); since then its shape is
/// aligned at the end. The slope is reshaped to `[-1, 1, 1, ..]` with one `1` for each dimension behind the channels.
/// A slope of one element keeps its meaning that way, too.
pub fn prelu_channels(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let (x, slope) = (n.required(0)?, n.required(1)?);
    if cx.constant(&slope).is_some_and(|t| t.elements() == 1) {
        return Ok(n);
    }
    let behind = cx.emit(Op::Shape, Attrs::none().with_int("start", 2), &[&x]);
    let count = cx.emit(Op::Shape, Attrs::none(), &[&behind]);
    let ones = ones(cx, &count);
    let first = cx.add_ints("first", &[-1]);
    let shape = cx.emit(Op::Concat, Attrs::none().with_int("axis", 0), &[&first, &ones]);
    n.inputs[1] = Some(cx.emit(Op::Reshape, Attrs::none(), &[&slope, &shape]));
    Ok(n)
}

/// Before set 11, the text of `ConvTranspose` gave the larger part of an odd padding to the other side than now where
/// `auto_pad` or `output_shape` decide; which one a producer meant cannot be seen.
pub fn conv_transpose_auto_pad(_: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    let same = matches!(n.attrs.str("auto_pad"), Some("SAME_UPPER" | "SAME_LOWER"));
    if same || n.attrs.has("output_shape") {
        return Err(Problem::unsupported(
            "ConvTranspose with SAME padding or output_shape before operator set 11, whose side of odd padding is ambiguous",
        ));
    }
    Ok(n)
}

/// `Scatter` is the old name of `ScatterElements`.
pub fn scatter(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.op = Op::ScatterElements.name().into();
    Ok(n)
}

/// The operator was removed from ONNX before the model's operator set.
pub fn removed(_: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    Err(Problem::invalid(format!("{} was removed from ONNX before the model's operator set", n.op)))
}

/// Attributes that the graph does not have are dropped where they say nothing. Should the graph get them, they stay.
fn drop_int(n: &mut Legacy, name: &str, default: i64) -> Result<(), Problem> {
    if n.op.parse::<Op>().is_ok_and(|op| op.attr(name).is_some()) {
        return Ok(());
    }
    match n.take_int(name)? {
        None => Ok(()),
        Some(x) if x == default => Ok(()),
        Some(x) => Err(Problem::unsupported(format!("attribute `{name}` = {x} is not supported"))),
    }
}

/// Accumulation type of `Range` for f16 and bf16; 1 is f32.
pub fn range_stash(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    drop_int(&mut n, "stash_type", 1)?;
    Ok(n)
}

/// Since set 28, `SpaceToDepth` has a `mode`. `DCR`, the default, puts the position inside the block before the channel;
/// `CRD` puts it behind: the result of `DCR` with its channels `[block^2, C]` regrouped to `[C, block^2]`.
pub fn space_to_depth_mode(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    match n.attrs.remove("mode") {
        None => return Ok(n),
        Some(Attr::Str(s)) if s == "DCR" => return Ok(n),
        Some(Attr::Str(s)) if s == "CRD" => {}
        Some(_) => return Err(Problem::invalid("attribute `mode` is neither DCR nor CRD")),
    }
    let block =
        n.attrs.int("blocksize").ok_or_else(|| Problem::invalid("required attribute `blocksize` is missing"))?;
    let positions = block.checked_mul(block).ok_or_else(|| Problem::invalid("attribute `blocksize` is too large"))?;
    let y = n.outputs.first().cloned().flatten().ok_or_else(|| Problem::invalid("has no output"))?;
    let dcr = cx.fresh("dcr");
    n.outputs[0] = Some(dcr.clone());
    let batch = cx.emit_after(Op::Shape, Attrs::none().with_int("start", 0).with_int("end", 1), &[&dcr]);
    let plane = cx.emit_after(Op::Shape, Attrs::none().with_int("start", 2), &[&dcr]);
    let split = cx.add_ints("split", &[positions, -1]);
    let shape = cx.emit_after(Op::Concat, Attrs::none().with_int("axis", 0), &[&batch, &split, &plane]);
    let grouped = cx.emit_after(Op::Reshape, Attrs::none(), &[&dcr, &shape]);
    let swapped = cx.emit_after(Op::Transpose, Attrs::none().with_ints("perm", &[0, 2, 1, 3, 4]), &[&grouped]);
    let whole = cx.emit_after(Op::Shape, Attrs::none(), &[&dcr]);
    cx.after.push(Legacy {
        op: Op::Reshape.name().into(),
        attrs: Attrs::none(),
        inputs: vec![Some(swapped), Some(whole)],
        outputs: vec![Some(y)],
    });
    Ok(n)
}
