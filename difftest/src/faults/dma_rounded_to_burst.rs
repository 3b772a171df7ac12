//! A store of one piece is rounded up to whole bursts of 64 bytes. Machine-level class 6 (DMA overrun). Needs an output of more than one
//! burst of which 4 bytes remain.

use super::edit::{implementing, source, update_program};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::{Op, Region};
use kit::{Claim, PassCx};
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "dma-rounded-to-burst",
    origin: "class 6: tt-metal #51213, tt-mlir #8815",
    summary: "a store is rounded up to whole bursts",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.dma-rounded-to-burst", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    for (pc, s) in implementing(p) {
        let Op::St(d) = &p.ops[pc].instr.op else { continue };
        let bytes = u32::from(d.n[0]) * u32::from(d.esz);
        let one = d.n[1..] == [1; 3] && bytes > 64 && bytes % 64 == 4 && d.region == Region::R3;
        let rounded = u16::try_from(bytes.next_multiple_of(64) / u32::from(d.esz));
        if let (true, Ok(n)) = (one, rounded)
            && cx.permit("burst", source(&p.stream.fused, s.group))
            && let Op::St(d) = &mut p.ops[pc].instr.op
        {
            d.n[0] = n;
        }
    }
    update_program(p);
}
