//! Text form of a graph (`.nir`): `parse(print(g)) == g`.
//!
//! ```text
//! graph "name" {
//!   in %0 "x": f32[2,3]
//!   const %1: f32[3] = {1.0, -0.0, #7fc00001}
//!   %2 "y": f32[2,3] = Add(%0, %1) {} @3 "node name"
//!   out %2 "y"
//! }
//! ```
//! Floats are shortest decimals that read back to the same bits, or `#` and their bits in hex (NaN, f16, bf16); long constants
//! are `hex "…"`, their little-endian bytes. A constant whose tensor is f64 while its type is narrower is written `wide`.

use crate::attrs::Attr;
use crate::graph::{Def, Graph, Value};
use crate::tensor::Tensor;
use crate::types::DType;
use std::fmt::Write;

/// Constants with more elements than this are printed as hex.
const MAX_LISTED: usize = 64;

/// Prints a graph.
pub fn print(g: &Graph) -> String {
    let mut s = String::new();
    let _ = writeln!(s, "graph {} {{", quote(&g.name));
    for &v in &g.inputs {
        let _ = writeln!(s, "  in {v}{}: {}", name(&g.values[v]), g.ty(v));
    }
    for (v, value) in g.values.iter() {
        if let Def::Const(t) = &value.def {
            let wide = if t.dtype == value.ty.dtype { "" } else { " wide" };
            let _ = writeln!(s, "  const {v}{}: {} ={wide} {}", name(value), value.ty, data(t));
        }
    }
    for n in g.nodes.values() {
        s.push_str("  ");
        for (i, &o) in n.outputs.iter().enumerate() {
            let _ = write!(s, "{}{o}{}: {}", if i > 0 { ", " } else { "" }, name(&g.values[o]), g.ty(o));
        }
        let _ = write!(s, " = {}(", n.op);
        for (i, v) in n.inputs.iter().enumerate() {
            let sep = if i > 0 { ", " } else { "" };
            let _ = match v {
                Some(v) => write!(s, "{sep}{v}"),
                None => write!(s, "{sep}_"),
            };
        }
        s.push_str(") {");
        for (i, (k, a)) in n.attrs.iter().enumerate() {
            let _ = write!(s, "{}{k}={}", if i > 0 { ", " } else { "" }, attr(a));
        }
        let _ = writeln!(s, "}} @{} {}", n.origin.source, quote(&n.origin.name));
    }
    for o in &g.outputs {
        let _ = writeln!(s, "  out {} {}", o.value, quote(&o.name));
    }
    s.push_str("}\n");
    s
}

fn name(v: &Value) -> String {
    v.name.as_ref().map_or(String::new(), |n| format!(" {}", quote(n)))
}

/// A quoted string; control characters and quotes as `\u{..}` and the like.
pub(crate) fn quote(s: &str) -> String {
    format!("\"{}\"", s.escape_default())
}

fn attr(a: &Attr) -> String {
    let list = |xs: Vec<String>| format!("[{}]", xs.join(", "));
    match a {
        Attr::Int(x) => x.to_string(),
        Attr::Float(b) => format!("f{}", f32_text(*b)),
        Attr::Str(x) => quote(x),
        Attr::Ints(x) => list(x.iter().map(ToString::to_string).collect()),
        Attr::Floats(x) => format!("f{}", list(x.iter().map(|b| f32_text(*b)).collect())),
        Attr::Strs(x) => format!("s{}", list(x.iter().map(|s| quote(s)).collect())),
        Attr::Tensor(t) => format!("tensor {} {}", t.ty(), data(t)),
    }
}

fn f32_text(bits: u32) -> String {
    let x = f32::from_bits(bits);
    if x.is_nan() { format!("#{bits:x}") } else { format!("{x:?}") }
}

fn element(t: &Tensor, i: usize) -> String {
    let bits = t.bits(i);
    match t.dtype {
        DType::F32 => f32_text(bits as u32),
        DType::F64 => {
            let x = f64::from_bits(bits);
            if x.is_nan() { format!("#{bits:x}") } else { format!("{x:?}") }
        }
        DType::F16 | DType::BF16 => format!("#{bits:x}"),
        _ => t.int(i).expect("not a float").to_string(),
    }
}

/// The elements of a tensor, listed or in hex.
pub fn data(t: &Tensor) -> String {
    if t.elements() > MAX_LISTED {
        let mut s = String::with_capacity(t.bytes.len() * 2 + 8);
        s.push_str("hex \"");
        for b in t.bytes.iter() {
            let _ = write!(s, "{b:02x}");
        }
        s.push('"');
        return s;
    }
    format!("{{{}}}", (0..t.elements()).map(|i| element(t, i)).collect::<Vec<_>>().join(", "))
}
