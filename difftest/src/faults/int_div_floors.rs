//! Integer Div rounds down instead of toward zero. Imitates onnxruntime #26997 (M07). Needs operands of different signs
//! that do not divide.
//! Fires in 4 % of default cases (of 300, seed 0).

use super::edit::{each, typed};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Attrs, Graph, Op};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "int-div-floors",
    origin: "onnxruntime #26997, onnx #4016 (M07)",
    summary: "integer Div rounds down instead of toward zero",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.int-div-floors",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.algebraic", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        let (a, b) = (n.input(0)?, n.input(1)?);
        let fires = n.op == Op::Div && g.ty(a).dtype.is_signed_int();
        if !fires || !cx.permit("floor-div", n.origin.source) {
            return None;
        }
        // (a - a mod b) / b is exact; ONNX's integer Mod has the sign of the divisor.
        let (a, b) = (r.value(a), r.value(b));
        let rest = typed(r, id, Op::Mod, Attrs::none(), &[a, b])?;
        let whole = typed(r, id, Op::Sub, Attrs::none(), &[a, rest])?;
        let y = typed(r, id, Op::Div, Attrs::none(), &[whole, b])?;
        r.bind(n.outputs[0], y);
        Some(())
    })
}
