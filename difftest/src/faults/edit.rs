//! What the faults build their edits with.

use ir::{Attrs, Graph, Node, NodeId, Op, Rebuild, ValueId};
use lir::fused::{Fused, GroupId};
use lir::placed::Placed;
use lir::stream::StreamOp;
use lir::tile::{BufId, BufMem};
use opt::passes::build::Build;

/// Copies a graph; nodes for which `f` gives something were replaced by it.
pub(super) fn each(g: &Graph, mut f: impl FnMut(&mut Rebuild<'_>, NodeId, &Node) -> Option<()>) -> Graph {
    let mut r = Rebuild::new(g);
    for id in g.nodes.ids() {
        if f(&mut r, id, &g.nodes[id]).is_none() {
            r.keep(id);
        }
    }
    r.finish()
}

/// A node in place of `id` with inferred type; `None` if it has none.
pub(super) fn typed(r: &mut Rebuild<'_>, id: NodeId, op: Op, attrs: Attrs, inputs: &[ValueId]) -> Option<ValueId> {
    let inputs: Vec<_> = inputs.iter().map(|&v| Some(v)).collect();
    Build::at(r, id).op(op, attrs, &inputs).ok()
}

/// Operand and value of a Pad on spatial axes before the window operator `n`, and the padding of both together.
pub(super) fn spatial_pad(g: &Graph, n: &Node) -> Option<(ValueId, f32, Vec<i64>)> {
    let pad = &g.nodes[g.producer(n.input(0)?)?];
    if pad.op != Op::Pad || pad.attrs.str("mode") != Some("constant") || pad.input(3).is_some() {
        return None;
    }
    let value = match pad.input(2) {
        None => 0.0,
        Some(v) => *g.constant(v)?.to_f32()?.first()?,
    };
    let amounts = g.constant(pad.input(1)?)?.to_i64()?;
    let rank = amounts.len() / 2;
    let outside = |k: usize| amounts[k] == 0 && amounts[rank + k] == 0;
    if n.attrs.str("auto_pad") != Some("NOTSET") || rank < 3 || !outside(0) || !outside(1) {
        return None;
    }
    let spatial = amounts[2..rank].iter().chain(&amounts[rank + 2..]);
    let own = n.attrs.ints("pads").map_or(vec![0; 2 * rank - 4], <[i64]>::to_vec);
    let sum: Vec<i64> = spatial.zip(own).map(|(a, b)| a + b).collect();
    let grows = amounts.iter().all(|&a| a >= 0) && amounts.iter().any(|&a| a > 0);
    grows.then_some((pad.input(0)?, value, sum))
}

/// Number under which an edit of a group asks for permission: its first node.
pub(super) fn source(f: &Fused, g: GroupId) -> u32 {
    f.groups[g].nodes.first().map_or(0, |n| n.0)
}

/// Placed instructions with the stream operations they implement.
pub(super) fn implementing(p: &Placed) -> Vec<(usize, StreamOp)> {
    let of = |i| p.stream.ops.get(i).cloned();
    p.ops.iter().enumerate().filter_map(|(pc, o)| Some((pc, of(o.op?)?))).collect()
}

/// Copies the instructions into the program, as placement does.
pub(super) fn update_program(p: &mut Placed) {
    p.program.code = p.ops.iter().map(|o| o.instr).collect();
}

/// Takes away what makes an instruction wait for the one before: the FENCE between them, or its first wait.
pub(super) fn unorder(p: &mut Placed, pc: usize) {
    if pc > 0 && p.ops[pc - 1].instr.op == isa::Op::Fence {
        p.ops[pc - 1].instr = isa::Instr::new(isa::Op::Nop);
    } else {
        let [_, second] = p.ops[pc].instr.waits;
        p.ops[pc].instr.waits = [second, None];
    }
    update_program(p);
}

/// Whether an instruction is ordered by something that [`unorder`] can take away.
pub(super) fn ordered(p: &Placed, pc: usize) -> bool {
    pc > 0 && p.ops[pc - 1].instr.op == isa::Op::Fence || p.ops[pc].instr.waits[0].is_some()
}

/// Moves a scratchpad buffer to another address, in the table and in all instructions.
pub(super) fn rebase(p: &mut Placed, buf: BufId, to: u32) {
    let delta = to.wrapping_sub(p.buf_addr[buf]);
    p.buf_addr[buf] = to;
    for (pc, s) in implementing(p) {
        let [a, b, d] = [s.places.a, s.places.b, s.places.d].map(|x| if x == Some(buf) { delta } else { 0 });
        match &mut p.ops[pc].instr.op {
            isa::Op::Ld(x) | isa::Op::St(x) => x.loc_addr = x.loc_addr.wrapping_add(a),
            isa::Op::MxConv(m) | isa::Op::MxDw(m) => {
                (m.in_addr, m.w_addr) = (m.in_addr.wrapping_add(a), m.w_addr.wrapping_add(b));
            }
            isa::Op::Pool(q) => (q.a_addr, q.d_addr) = (q.a_addr.wrapping_add(a), q.d_addr.wrapping_add(d)),
            other => {
                if let Some(v) = other.vx_mut() {
                    v.a.addr = v.a.addr.wrapping_add(a);
                    v.b.addr = v.b.addr.wrapping_add(b);
                    v.d.addr = v.d.addr.wrapping_add(d);
                }
            }
        }
    }
    update_program(p);
}

/// Whether a buffer lies in the scratchpad.
pub(super) fn in_spm(p: &Placed, b: BufId) -> bool {
    p.stream.bufs[b].mem == BufMem::Spm
}
