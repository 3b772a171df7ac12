//! The image of the constants holds garbage behind its last whole word of 8 bytes. Imitates apache/tvm PR #15104 (M70: a size not rounded up). Needs an
//! image that is not a multiple.
//! Fires in 5 % of default cases (of 300, seed 0).

use super::{Detector, Fault};
use driver::{Edit, Injection};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "constants-cut-to-words",
    origin: "apache/tvm PR #15104 (M70)",
    summary: "the last bytes of the constants are lost",
    min_nodes: 1,
    detector: Detector::Bits,
    injection: Injection { name: "fault.constants-cut-to-words", claim: Claim::Bits, edit: Edit::Binary(edit) },
};

fn edit(bytes: &mut Vec<u8>, cx: &mut PassCx<'_>) {
    let Ok(mut p) = isa::read_program(bytes) else { return };
    let rest = p.consts.len() % 8;
    let source = p.debug.first().and_then(|d| d.nodes.first().copied()).unwrap_or(0);
    if rest > 0 && cx.permit("image", source) {
        let keep = p.consts.len() - rest;
        p.consts[keep..].fill(0xAA);
    }
    if let Ok(b) = isa::write_program(&p) {
        *bytes = b;
    }
}
