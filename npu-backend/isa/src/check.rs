//! The static rules of single instructions (2.5): bounds, permissions, alignment, overlap, double writes, pool windows,
//! immediate shifts. Needs no data and no other instruction.

use crate::access::{AccessSets, Descriptors, Limits, Problem, descriptors, in_bounds, region};
use crate::codes::{EwFn, Mem, PoolFn, RqMode};
use crate::encode::encode_words;
use crate::instr::{Form, Instr, Mx, Op, Operand, Pool, Vx};
use crate::runs::{Run, Space};
use crate::traps::TrapCode;

/// Checks one instruction and returns its byte sets.
///
/// # Errors
/// All broken rules, in the order of the trap catalogue. After `E_DECODE` nothing else is looked at; the rules about
/// bytes are skipped for sets that are out of bounds.
pub fn check_instr(instr: &Instr, limits: &Limits) -> Result<AccessSets, Vec<Problem>> {
    if let Err(e) = encode_words(instr) {
        return Err(vec![(TrapCode::Decode, e.to_string())]);
    }
    let d = descriptors(&instr.op);
    let mut problems = Vec::new();
    let mut place = |list: &[crate::runs::Descriptor]| -> Vec<Option<Run>> {
        list.iter()
            .map(|d| match in_bounds(d, limits) {
                Ok(run) => Some(run),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            })
            .collect()
    };
    let (reads, rmw, writes) = (place(&d.reads), place(&d.rmw), place(&d.writes));
    permissions(&d, &instr.op, &mut problems);
    alignment(&instr.op, &reads, &writes, &mut problems);
    overlap(&instr.op, &d, &reads, &writes, &mut problems);
    double_writes(&instr.op, &d, &writes, &mut problems);
    if let Op::Pool(p) = &instr.op {
        windows(p, &mut problems);
    }
    shifts(&instr.op, &mut problems);
    if problems.is_empty() {
        let all = |list: Vec<Option<Run>>| list.into_iter().flatten().collect();
        Ok(AccessSets { reads: all(reads), rmw: all(rmw), writes: all(writes) })
    } else {
        problems.sort_by_key(|p| p.0);
        problems.dedup();
        Err(problems)
    }
}

fn permissions(d: &Descriptors, op: &Op, out: &mut Vec<Problem>) {
    for r in d.reads.iter().chain(&d.rmw).filter_map(region).filter(|r| !r.readable()) {
        out.push((TrapCode::RegionPerm, format!("read of {r}")));
    }
    for r in d.writes.iter().filter_map(region).filter(|r| !r.writable()) {
        let what = if matches!(op, Op::Poison(_)) { "poison" } else { "write" };
        out.push((TrapCode::RegionPerm, format!("{what} of {r}")));
    }
}

fn alignment(op: &Op, reads: &[Option<Run>], writes: &[Option<Run>], out: &mut Vec<Problem>) {
    let partial =
        |runs: &[Option<Run>]| runs.iter().flatten().any(|run| run.space == Space::Acc && !run.whole_blocks(64));
    match op {
        Op::Poison(_) => {}
        Op::MxConv(m) | Op::MxDw(m) => weight_alignment(m, out),
        Op::Ld(_) if partial(writes) => out.push((TrapCode::Align, "LD of a part of an ACC row".into())),
        Op::St(_) if partial(reads) => out.push((TrapCode::Align, "ST of a part of an ACC row".into())),
        _ if partial(writes) => out.push((TrapCode::Align, "write of a part of an ACC row".into())),
        _ => {}
    }
    let lanes: &[(Mem, u32)] = &match op {
        Op::Pool(p) => [(p.a_mem, p.a_addr), (Mem::Spm, 0), (p.d_mem, p.d_addr)],
        op => op.vx().map_or([(Mem::Spm, 0); 3], |v| [v.a, v.b, v.d].map(|o| (o.mem, o.addr))),
    };
    for &(_, addr) in lanes.iter().filter(|&&(mem, addr)| mem == Mem::Acc && addr % 4 != 0) {
        out.push((TrapCode::Align, format!("ACC address {addr:#x} is not a lane")));
    }
}

fn weight_alignment(m: &Mx, out: &mut Vec<Problem>) {
    if !m.w_addr.is_multiple_of(16) || (m.batch > 1 && !m.b_w_s.is_multiple_of(16)) {
        out.push((TrapCode::Align, format!("weights at {:#x} + b*{:#x}", m.w_addr, m.b_w_s)));
    }
}

fn overlap(op: &Op, d: &Descriptors, reads: &[Option<Run>], writes: &[Option<Run>], out: &mut Vec<Problem>) {
    for dest in writes.iter().flatten() {
        for (i, source) in reads.iter().enumerate() {
            let Some(source) = source else { continue };
            let in_place = op.vx().is_some_and(|v| {
                (d.a == Some(i) && exact_in_place(op, v, &v.a)) || (d.b == Some(i) && exact_in_place(op, v, &v.b))
            });
            if !in_place && source.overlaps(dest) {
                let text = format!("{}: source {:#x}.. and destination {:#x}..", dest.space, source.start, dest.start);
                out.push((TrapCode::Overlap, text));
            }
        }
    }
}

/// d equals the operand in address, strides, element size and memory, and the operation allows it.
fn exact_in_place(op: &Op, v: &Vx, o: &Operand) -> bool {
    let allowed = matches!(op, Op::Rq(_) | Op::Ew(_) | Op::Lut(_) | Op::Cvt(_) | Op::Scan(_));
    let strides = (0..4).all(|k| v.n[k] == 1 || o.s[k] == v.d.s[k]);
    allowed && strides && o.mem == v.d.mem && o.addr == v.d.addr && o.dt.size() == v.d.dt.size()
}

fn double_writes(op: &Op, d: &Descriptors, writes: &[Option<Run>], out: &mut Vec<Problem>) {
    if matches!(op, Op::Stx(_) | Op::Sc(_)) {
        return;
    }
    for (descriptor, run) in d.writes.iter().zip(writes) {
        if run.is_some() && descriptor.writes_twice() {
            let text = format!("{} {:#x}.. is written twice", descriptor.space, descriptor.base);
            out.push((TrapCode::DupWrite, text));
        }
    }
}

/// Every window of max, avg and the index functions has a tap inside; avgpad a tap that counts (taps before the input
/// count, so only windows wholly beyond the counted padding are empty).
fn windows(p: &Pool, out: &mut Vec<Problem>) {
    if p.func == PoolFn::Sum {
        return;
    }
    let padded = p.func == PoolFn::AvgPad;
    let rows = (p.iy0, p.oh, p.sy, p.kh, p.dy, u32::from(p.ih) + u32::from(p.pb), "row");
    let cols = (p.ix0, p.ow, p.sx, p.kw, p.dx, u32::from(p.iw) + u32::from(p.pr), "column");
    for (i0, outputs, stride, kernel, dilation, limit, name) in [rows, cols] {
        let empty = (0..i64::from(outputs)).find(|o| {
            let first = i64::from(i0) + o * i64::from(stride);
            // taps to skip before the first one that is not before the input
            let skip = if padded { 0 } else { (-first + i64::from(dilation) - 1).div_euclid(dilation.into()).max(0) };
            skip >= i64::from(kernel) || first + skip * i64::from(dilation) >= i64::from(limit)
        });
        if let Some(o) = empty {
            out.push((TrapCode::Pad, format!("the window of output {name} {o} has no tap inside")));
        }
    }
}

fn shifts(op: &Op, out: &mut Vec<Problem>) {
    let Some(v) = op.vx() else { return };
    let Form::Imm { imm0, imm1 } = v.form else { return };
    if matches!(op, Op::Rq(_)) {
        let shift = (imm1 as u8).cast_signed();
        let fits = match v.rq {
            RqMode::Single => (2..=62).contains(&shift) && imm0 < 1 << 31,
            RqMode::Double => (-31..=30).contains(&shift),
            _ => true,
        };
        if !fits {
            out.push((TrapCode::ShiftRange, format!("RQ {} with mult {imm0:#x}, shift {shift}", v.rq)));
        }
    }
    if v.ew().is_some_and(EwFn::is_shift) && v.b.mem == Mem::Imm {
        let amount = if v.b.dt.size() == 8 { i128::from(v.form.as_imm64()) } else { i128::from(imm0.cast_signed()) };
        if amount < 0 || amount >= i128::from(v.a.dt.bits()) {
            out.push((TrapCode::ShiftRange, format!("shift of {} by {amount}", v.a.dt)));
        }
    }
}
