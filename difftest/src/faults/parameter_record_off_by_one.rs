//! Parameters are read one record late. Machine-level class 11 (per-channel index). Needs a requantisation or bias.

use super::edit::{implementing, source, update_program};
use super::{Detector, Fault};
use driver::{Edit, Injection};
use isa::{Form, Init, Op};
use kit::{Claim, PassCx};
use lir::placed::Placed;

pub(super) const FAULT: Fault = Fault {
    id: "parameter-record-off-by-one",
    origin: "class 11: openvino #28193; NPU.md section 9",
    summary: "a bias or requantisation reads the next parameter record",
    min_nodes: 1,
    detector: Detector::Verifier,
    injection: Injection { name: "fault.parameter-record-off-by-one", claim: Claim::Bits, edit: Edit::Placed(edit) },
};

fn edit(p: &mut Placed, cx: &mut PassCx<'_>) {
    for (pc, s) in implementing(p) {
        let record = match &mut p.ops[pc].instr.op {
            Op::MxConv(m) | Op::MxDw(m) if m.init == Init::Bias && m.prm_rec > 0 => &mut m.prm_rec,
            Op::Rq(v) => match &mut v.form {
                Form::Prm { dprm: Some(r), .. } if *r > 0 => r,
                _ => continue,
            },
            _ => continue,
        };
        if cx.permit("record", source(&p.stream.fused, s.group)) {
            *record += 1;
        }
    }
    update_program(p);
}
