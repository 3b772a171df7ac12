//! Upsample, Resize, RoiAlign, GridSample.

use super::{Cx, Legacy};
use crate::error::Problem;
use ir::{Attr, Op, Tensor};

/// Sets 7 and 8: `scales` is an attribute.
pub fn upsample_attribute(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(1)?;
    let Some(Attr::Floats(scales)) = n.attrs.remove("scales") else {
        return Err(Problem::invalid("required attribute `scales` is missing or no list of floats"));
    };
    let scales: Vec<f32> = scales.into_iter().map(f32::from_bits).collect();
    if scales.iter().any(|&s| s.is_nan() || s < 1.0) {
        return Err(Problem::invalid("Upsample with a scale below 1"));
    }
    let scales = cx.add("scales", Tensor::from_f32([scales.len()], &scales));
    as_resize(n, scales)
}

/// Set 9: `scales` is input 1. Upsample only enlarges, so rounding down is what nearest means.
pub fn upsample(cx: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(2)?;
    let scales = n.required(1)?;
    if cx.constant(&scales).and_then(Tensor::to_f32).is_some_and(|s| s.iter().any(|&s| s.is_nan() || s < 1.0)) {
        return Err(Problem::invalid("Upsample with a scale below 1"));
    }
    as_resize(n, scales)
}

/// Set 10: `scales` is input 1, coordinates are `x / scale`. ONNX does not say how nearest rounds; its version converter
/// takes the floor, and its test vector for scales below 1 and ONNX Runtime the ceiling. So enlarging is converted and
/// shrinking to the nearest is refused, rather than guessed.
pub fn resize_10(cx: &mut Cx<'_>, n: Legacy) -> Result<Legacy, Problem> {
    n.at_most(2)?;
    let scales = n.required(1)?;
    let nearest = n.attrs.str("mode").is_none_or(|m| m == "nearest");
    let shrinks = cx.constant(&scales).and_then(Tensor::to_f32).is_some_and(|s| s.iter().any(|&s| s < 1.0));
    if nearest && shrinks {
        return Err(Problem::unsupported(
            "Resize of operator set 10 to the nearest with a scale below 1, whose rounding ONNX leaves open",
        ));
    }
    as_resize(n, scales)
}

fn as_resize(mut n: Legacy, scales: String) -> Result<Legacy, Problem> {
    n.op = Op::Resize.name().into();
    match n.attrs.str("mode").unwrap_or("nearest") {
        "nearest" => n.attrs.set("nearest_mode", Attr::Str("floor".into())),
        "linear" => {}
        other => {
            return Err(Problem::invalid(format!(
                "mode `{}` is neither nearest nor linear",
                crate::error::short(other)
            )));
        }
    }
    n.attrs.set("coordinate_transformation_mode", Attr::Str("asymmetric".into()));
    n.inputs.truncate(1);
    n.set_input(2, scales);
    Ok(n)
}

/// Sets 11 and 12 want an empty `scales` tensor where `sizes` is given, and exporters went on writing it: omitted.
pub fn empty_scales(cx: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    if n.input(3).is_some()
        && let Some(scales) = n.input(2)
    {
        match cx.constant(scales) {
            Some(t) if t.elements() == 0 => n.inputs[2] = None,
            _ => return Err(Problem::invalid("Resize with both scales and sizes")),
        }
    }
    Ok(n)
}

/// Before set 16, coordinates are not shifted by half a pixel.
pub fn roi_align(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    n.attrs.set("coordinate_transformation_mode", Attr::Str("output_half_pixel".into()));
    Ok(n)
}

/// Before set 20, the modes were called `bilinear` (the default) and `bicubic`.
pub fn grid_sample(_: &mut Cx<'_>, mut n: Legacy) -> Result<Legacy, Problem> {
    let mode = match n.attrs.str("mode") {
        None | Some("bilinear") => "linear",
        Some("bicubic") => "cubic",
        Some("nearest") => "nearest",
        Some(other) => {
            return Err(Problem::invalid(format!("mode `{}` does not exist", crate::error::short(other))));
        }
    };
    n.attrs.set("mode", Attr::Str(mode.into()));
    Ok(n)
}
