//! `g.round-constants`: every wide constant is rounded to its type.
//!
//! Claim `rounds(new constants)`: f64 goes to the final type in one rounding, to nearest even; nothing else is touched.

use super::GraphPass;
use super::build::Res;
use crate::fold::value::rounded;
use ir::{Def, Graph};
use kit::pass::Rounding;
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass =
    GraphPass { name: "g.round-constants", claim: Claim::Rounds(Rounding::NewConstants), rules: &[], run };

fn run(g: &Graph, _cx: &mut PassCx<'_>) -> Res<Graph> {
    // Only the bytes of constants change, so the copy keeps all ids.
    let mut out = g.clone();
    for v in out.values.values_mut() {
        if let Def::Const(t) = &v.def
            && t.dtype != v.ty.dtype
        {
            v.def = Def::Const(rounded(t, v.ty.dtype));
        }
    }
    Ok(out)
}
