//! Windows of convolution and pooling, from ONNX's formulas for `pads`, `auto_pad` and `ceil_mode`.

use super::kernel::Kernel;
use super::value::{Run, Value, count, lacking, strides};
use crate::bugs::Flaw;
use ir::{Node, Op};

/// One spatial axis of a window operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Axis {
    /// Extent of the input.
    pub input: usize,
    /// Extent of the output.
    pub out: usize,
    /// Extent of the kernel.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Step between taps.
    pub dilation: usize,
    /// Padding before.
    pub begin: i64,
    /// Padding after.
    pub end: i64,
}

impl Axis {
    /// Input position of a tap; outside of `0..input` it is padding.
    pub fn position(&self, out: usize, tap: usize) -> i64 {
        (out * self.stride + tap * self.dilation) as i64 - self.begin
    }
}

/// The axes of a node.
pub fn geometry(node: &Node, spatial: &[usize], kernel: &[usize]) -> Run<Vec<Axis>> {
    let n = spatial.len();
    let list = |name: &str| node.attrs.ints(name).map_or_else(|| vec![1; n], <[i64]>::to_vec);
    let (strides, dilations) = (list("strides"), list("dilations"));
    let pads = node.attrs.ints("pads").map_or_else(|| vec![0; 2 * n], <[i64]>::to_vec);
    let auto = node.attrs.str("auto_pad").unwrap_or("NOTSET");
    let ceil = node.attrs.flag("ceil_mode");
    if kernel.len() != n || strides.len() != n || dilations.len() != n || pads.len() != 2 * n {
        return lacking("window attributes of another rank");
    }
    (0..n)
        .map(|i| {
            let (x, s, k) = (spatial[i] as i64, strides[i], (kernel[i] as i64 - 1) * dilations[i] + 1);
            let (begin, end, out) = match auto {
                "NOTSET" | "VALID" => {
                    let (b, e) = if auto == "VALID" { (0, 0) } else { (pads[i], pads[i + n]) };
                    let room = x + b + e - k;
                    let mut o = room.div_euclid(s) + 1;
                    // A last partial window counts unless it would start in the padding at the end.
                    if ceil && room.rem_euclid(s) != 0 && o * s < x + b {
                        o += 1;
                    }
                    (b, e, o)
                }
                "SAME_UPPER" | "SAME_LOWER" => {
                    let o = (x + s - 1).div_euclid(s);
                    let total = ((o - 1) * s + k - x).max(0);
                    let b = if auto == "SAME_UPPER" { total / 2 } else { total - total / 2 };
                    (b, total - b, o)
                }
                other => return lacking(format!("auto_pad {other}")),
            };
            let (stride, dilation) = (s as usize, dilations[i] as usize);
            Ok(Axis { input: spatial[i], out: out.max(0) as usize, kernel: kernel[i], stride, dilation, begin, end })
        })
        .collect()
}

/// MaxPool and AveragePool (first outputs), and their global forms.
pub fn pool(k: &mut Kernel<'_>, node: &Node, x: &Value) -> Run<Value> {
    let spatial = x.dims[2..].to_vec();
    let global = matches!(node.op, Op::GlobalAveragePool | Op::GlobalMaxPool);
    let kernel: Vec<usize> = if global {
        spatial.clone()
    } else {
        node.attrs.ints("kernel_shape").unwrap_or_default().iter().map(|&d| d as usize).collect()
    };
    let axes = if global { whole(&spatial) } else { geometry(node, &spatial, &kernel)? };
    let max = matches!(node.op, Op::MaxPool | Op::GlobalMaxPool);
    let include = node.attrs.flag("count_include_pad");
    let outs: Vec<usize> = axes.iter().map(|a| a.out).collect();
    let (st, so, sk) = (strides(&spatial), strides(&outs), strides(&kernel));
    let xs = x.f()?;
    let (planes, image) = (x.dims[0] * x.dims[1], count(&spatial));
    let mut out = Vec::with_capacity(planes * count(&outs));
    for plane in 0..planes {
        for o in 0..count(&outs) {
            let (mut terms, mut counted, mut padded) = (Vec::new(), 0, false);
            for t in 0..count(&kernel) {
                let (mut p, mut inside, mut reached) = (0, true, true);
                for (d, a) in axes.iter().enumerate() {
                    let i = a.position(o / so[d] % outs[d], t / sk[d] % kernel[d]);
                    inside &= (0..a.input as i64).contains(&i);
                    // What lies beyond the padding (a partial window of ceil_mode) never counts.
                    reached &= (-a.begin..a.input as i64 + a.end).contains(&i);
                    p += i.max(0) as usize * st[d];
                }
                padded |= !inside;
                counted += usize::from(inside || include && reached);
                if inside {
                    terms.push(xs[plane * image + p]);
                } else if k.ch.add_zeros && !max {
                    terms.push(0.0);
                }
            }
            out.push(if max { largest(k, &terms, padded) } else { average(k, &terms, counted) });
        }
    }
    let mut dims = x.dims[..2].to_vec();
    dims.extend(outs);
    Ok(Value::floats(x.dtype, dims, out))
}

fn whole(spatial: &[usize]) -> Vec<Axis> {
    let one = |&d: &usize| Axis { input: d, out: 1, kernel: d, stride: 1, dilation: 1, begin: 0, end: 0 };
    spatial.iter().map(one).collect()
}

fn largest(k: &Kernel<'_>, terms: &[f64], padded: bool) -> f64 {
    let start = if k.has(Flaw::InitZero) && padded { 0.0 } else { f64::NEG_INFINITY };
    terms.iter().fold(start, |a, &b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

fn average(k: &mut Kernel<'_>, terms: &[f64], n: usize) -> f64 {
    let s = k.sum(terms);
    super::elementwise::mean_of(k, s, n)
}
