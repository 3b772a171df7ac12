//! Small integer values that follow from declared input shapes and constants: enough to decide an `If` on import.
//!
//! Only shapes of inputs and initializers are used, never `value_info`, which nothing guarantees. Nothing in the model
//! is replaced; folding proper is a pass of the compiler.

use ir::{DType, ModelNode, Op, Tensor};

/// Longest list that is kept.
const MAX_ELEMENTS: usize = 64;

/// The value of a node's first output, if it is a small integer or bool tensor that follows from what is known:
/// `value` gives known operands, `shape` known shapes, by name.
pub fn fold(
    n: &ModelNode,
    value: impl Fn(&str) -> Option<Tensor>,
    shape: impl Fn(&str) -> Option<Vec<usize>>,
) -> Option<Tensor> {
    let name = |i: usize| n.inputs.get(i)?.as_deref();
    let input = |i: usize| name(i).and_then(&value).filter(|t| t.elements() <= MAX_ELEMENTS);
    match n.op {
        Op::Shape => {
            let dims = shape(name(0)?).filter(|d| d.len() <= MAX_ELEMENTS)?;
            let rank = i64::try_from(dims.len()).ok()?;
            let place = |x: i64| usize::try_from(if x < 0 { x.saturating_add(rank) } else { x }.clamp(0, rank)).ok();
            let (start, end) = (place(n.attrs.int("start")?)?, place(n.attrs.int("end").unwrap_or(rank))?);
            list(dims.get(start..end.max(start))?)
        }
        Op::Size => {
            let dims = shape(name(0)?)?;
            let size = dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d))?;
            Some(Tensor::from_i64([], &[i64::try_from(size).ok()?]))
        }
        Op::Identity => input(0).filter(|t| !t.dtype.is_float()),
        Op::Gather => {
            let (data, at) = (input(0)?, input(1)?);
            let (list, at_dims) = (data.to_i64().filter(|_| data.dims.len() == 1)?, at.dims.clone());
            let [at] = at.ints()?[..] else { return None };
            let length = i64::try_from(list.len()).ok()?;
            let at = usize::try_from(if at < 0 { at.checked_add(length)? } else { at }).ok()?;
            Some(Tensor::from_i64(at_dims, &[*list.get(at)?]))
        }
        Op::Not => scalar(&input(0)?).map(|(x, dims)| Tensor::from_bool(dims, &[x == 0])),
        Op::Equal | Op::Less | Op::Greater | Op::LessOrEqual | Op::GreaterOrEqual | Op::And | Op::Or | Op::Xor => {
            let (a, b) = (input(0)?, input(1)?);
            if a.dtype != b.dtype {
                return None;
            }
            let ((a, a_dims), (b, b_dims)) = (scalar(&a)?, scalar(&b)?);
            let dims = if a_dims.len() >= b_dims.len() { a_dims } else { b_dims };
            let truth = match n.op {
                Op::Equal => a == b,
                Op::Less => a < b,
                Op::Greater => a > b,
                Op::LessOrEqual => a <= b,
                Op::GreaterOrEqual => a >= b,
                Op::And => a != 0 && b != 0,
                Op::Or => a != 0 || b != 0,
                _ => (a != 0) != (b != 0),
            };
            Some(Tensor::from_bool(dims, &[truth]))
        }
        Op::Cast => {
            let (x, dims) = scalar(&input(0)?)?;
            let to = i32::try_from(n.attrs.int("to")?).ok().and_then(DType::from_onnx_code)?;
            match to {
                DType::Bool => Some(Tensor::from_bool(dims, &[x != 0])),
                DType::I64 => Some(Tensor::from_i64(dims, &[x])),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The only element of an integer or bool tensor, and its extents (all 1).
fn scalar(t: &Tensor) -> Option<(i64, Vec<usize>)> {
    match t.ints()?[..] {
        [x] => Some((x, t.dims.clone())),
        _ => None,
    }
}

fn list(dims: &[usize]) -> Option<Tensor> {
    let x = dims.iter().map(|&d| i64::try_from(d).ok()).collect::<Option<Vec<_>>>()?;
    Some(Tensor::from_i64([x.len()], &x))
}
