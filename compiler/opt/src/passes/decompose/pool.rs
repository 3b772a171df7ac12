//! LpPool by its average.

use super::{Lowered, done, input, window, with_scalar};
use crate::passes::build::Build;
use ir::{Attr, Node, NodeId, Op};

/// `(sum |x|^p)^(1/p)`, the sum as an average that counts its padding (of zeros) times the number of taps. Under
/// `ceil_mode` the windows may leave the padding, and the number of taps counted differs: left.
pub fn lp(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if n.attrs.flag("ceil_mode") || n.attrs.str("auto_pad") != Some("NOTSET") {
        return Ok(None);
    }
    let x = input(b, id, 0)?;
    let p = n.attrs.int("p").unwrap_or(2);
    let t = match p {
        1 => b.un(Op::Abs, x)?,
        2 => b.bin(Op::Mul, x, x)?,
        _ => {
            let a = b.un(Op::Abs, x)?;
            with_scalar(b, Op::Pow, a, p as f64)?
        }
    };
    let mut attrs = n.attrs.clone();
    attrs.remove("p");
    attrs.set("count_include_pad", Attr::Int(1));
    let taps: i64 = n.attrs.ints("kernel_shape").unwrap_or(&[]).iter().product();
    let mean = window::windows(b, Op::AveragePool, &attrs, t)?;
    let sum = with_scalar(b, Op::Mul, mean, taps as f64)?;
    let y = match p {
        1 => sum,
        2 => b.un(Op::Sqrt, sum)?,
        _ => with_scalar(b, Op::Pow, sum, 1.0 / p as f64)?,
    };
    done(b, id, y)
}
