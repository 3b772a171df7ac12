//! The encoder drops the sign bit of the first column of a window. Imitates a packed field that is too narrow (machine-level class 5).
//! Needs a convolution with more than one column of padding on its left.

use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::Op;
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "sign-of-column-dropped",
    origin: "class 5: pypto #1821",
    summary: "the sign of the first input column is not encoded",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.sign-of-column-dropped", claim: Claim::Bits, edit: Edit::Binary(edit) },
};

fn edit(bytes: &mut Vec<u8>, cx: &mut PassCx<'_>) {
    let Ok(mut p) = isa::read_program(bytes) else { return };
    for pc in 0..p.code.len() {
        let source = p.debug_of(pc as u32).and_then(|d| d.nodes.first().copied()).unwrap_or(0);
        let (Op::MxConv(m) | Op::MxDw(m)) = &mut p.code[pc].op else { continue };
        if m.ix0 < -1 && cx.permit("sign", source) {
            m.ix0 &= 0x1ff;
        }
    }
    if let Ok(b) = isa::write_program(&p) {
        *bytes = b;
    }
}
