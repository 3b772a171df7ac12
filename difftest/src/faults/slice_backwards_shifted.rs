//! A Slice with a negative step starts and ends one element late. Imitates iree #24584 (M27). Needs a negative step and
//! an end that is not before the first element.
//! Fires in 6 % of default cases (of 300, seed 0).

use super::edit::each;
use super::{Detector, Fault};
use driver::{Edit, Injection};
use ir::{Graph, Op, Tensor};
use kit::{Claim, PassCx};

pub(super) const FAULT: Fault = Fault {
    id: "slice-backwards-shifted",
    origin: "iree #24584 (M27)",
    summary: "a Slice with negative step is shifted by one",
    min_nodes: 1,
    detector: Detector::Meaning,
    injection: Injection {
        name: "fault.slice-backwards-shifted",
        claim: Claim::Bits,
        edit: Edit::Graph { before: "g.normalize", rewrite },
    },
};

fn rewrite(g: &Graph, cx: &mut PassCx<'_>) -> Graph {
    each(g, |r, id, n| {
        if n.op != Op::Slice {
            return None;
        }
        let list = |i: usize| g.constant(n.input(i)?)?.to_i64();
        let (mut starts, mut ends, axes, steps) = (list(1)?, list(2)?, list(3)?, list(4)?);
        let dims = &g.ty(n.input(0)?).dims;
        let mut fires = false;
        for k in 0..axes.len() {
            let axis = if axes[k] < 0 { axes[k] + dims.len() as i64 } else { axes[k] };
            let len = dims[axis as usize] as i64;
            if steps[k] < 0 && ends[k] >= 0 && (0..len - 1).contains(&starts[k]) {
                (starts[k], ends[k], fires) = (starts[k] + 1, ends[k] + 1, true);
            }
        }
        if !fires || !cx.permit("normalise-step", n.origin.source) {
            return None;
        }
        let mut inputs: Vec<_> = n.inputs.iter().map(|v| v.map(|v| r.value(v))).collect();
        inputs[1] = Some(r.constant(Tensor::from_i64([starts.len()], &starts)));
        inputs[2] = Some(r.constant(Tensor::from_i64([ends.len()], &ends)));
        r.keep_with(id, n.op, n.attrs.clone(), inputs);
        Some(())
    })
}
