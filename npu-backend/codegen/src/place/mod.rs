//! S→A: addresses for buffers and tensors, ordering between engines, and the complete program.

mod access;
mod alloc;
mod dram;
mod sync;

use crate::CodegenOptions;
use alloc::first_fit;
use isa::{DebugEntry, Direction, Instr, IoEntry, Layout, Mem, NpuConfig, Op, Poison, Program};
use kit::id::Id;
use kit::{CompileError, IdVec, PassCx};
use lir::placed::{DramAddr, Placed, PlacedOp};
use lir::stream::{DramPlace, Places, Stream, StreamOp};
use lir::tile::{BufId, BufMem};
use std::sync::Arc;

pub(crate) use dram::Dram;

/// Assigns addresses and tokens (pass `s.place`).
///
/// Level 0 puts a FENCE between all instructions; higher levels order engines by semaphores where the producer of
/// everything an instruction needs is known, and keep FENCE elsewhere.
///
/// # Errors
/// `OutOfResource` if the live buffers do not fit a memory.
pub fn place(
    stream: &Arc<Stream>,
    config: &NpuConfig,
    options: &CodegenOptions,
    _cx: &mut PassCx<'_>,
) -> Result<Placed, CompileError> {
    let lives = lifetimes(stream);
    let buf_addr = buffers(stream, &lives, config)?;
    let dram = Dram::new(stream);
    let mut instrs: Vec<Instr> = Vec::with_capacity(stream.ops.len());
    for op in stream.ops.values() {
        instrs.push(resolve(op, &buf_addr, &dram, stream));
    }
    let objects = access::Objects::new(stream, &buf_addr, &dram);
    let mut ops = sync::order(stream, instrs, objects, options);
    if options.debug_poison {
        ops = poison(stream, &lives, &buf_addr, ops);
    }
    ops.push(PlacedOp { instr: Instr::new(Op::Halt), op: None });
    let program = program(stream, config, &dram, &ops);
    Ok(Placed { config: config.clone(), stream: stream.clone(), buf_addr, dram: dram.places(), ops, program })
}

/// The buffers that an instruction names.
pub(crate) fn named(p: &Places) -> impl Iterator<Item = BufId> {
    [p.a, p.b, p.d, p.prm[0], p.prm[1], p.prm[2]].into_iter().flatten()
}

/// First and last instruction of every buffer; `None` if it is never used.
fn lifetimes(s: &Stream) -> IdVec<BufId, Option<(usize, usize)>> {
    let mut lives: IdVec<BufId, Option<(usize, usize)>> = s.bufs.values().map(|_| None).collect();
    for (i, op) in s.ops.values().enumerate() {
        for b in named(&op.places) {
            let life = lives[b].get_or_insert((i, i));
            life.1 = i;
        }
    }
    lives
}

fn buffers(
    s: &Stream,
    lives: &IdVec<BufId, Option<(usize, usize)>>,
    cfg: &NpuConfig,
) -> Result<IdVec<BufId, u32>, CompileError> {
    let mut addr: IdVec<BufId, u32> = s.bufs.values().map(|_| 0).collect();
    for (mem, unit, capacity, what) in [
        (BufMem::Spm, 1usize, cfg.spm_bytes, "scratchpad bytes"),
        (BufMem::Prm, 16, cfg.prm_records, "parameter records"),
        (BufMem::Acc, 64, cfg.acc_rows, "accumulator rows"),
    ] {
        let ids: Vec<BufId> = s.bufs.ids().filter(|b| s.bufs[*b].mem == mem && lives[*b].is_some()).collect();
        let items: Vec<(usize, usize, usize)> = ids
            .iter()
            .map(|b| {
                let (from, to) = lives[*b].expect("filtered");
                (from, to, s.bufs[*b].bytes.div_ceil(unit))
            })
            .collect();
        let align = if mem == BufMem::Spm { 16 } else { 1 };
        let at = first_fit(&items, align, capacity as usize).map_err(|(i, need)| {
            let group = s.ops.as_slice()[items[i].0].group;
            CompileError::OutOfResource {
                what,
                need: need as u64,
                have: u64::from(capacity),
                context: format!("{group} `{}`", s.fused.groups[group].name),
            }
        })?;
        for (b, a) in ids.iter().zip(at) {
            addr[*b] = u32::try_from(a).expect("below the capacity");
        }
    }
    Ok(addr)
}

/// The instruction with absolute addresses.
fn resolve(op: &StreamOp, addr: &IdVec<BufId, u32>, dram: &Dram, s: &Stream) -> Instr {
    let mut i = op.instr;
    let p = &op.places;
    // Byte address of a buffer in its memory.
    let bytes = |b: Option<BufId>| {
        b.map_or(0, |b| match s.bufs[b].mem {
            BufMem::Spm => addr[b],
            BufMem::Prm => addr[b] * 16,
            BufMem::Acc => addr[b] * 64,
        })
    };
    let units = |b: Option<BufId>| b.map_or(0, |b| addr[b]);
    let record = |r: Option<u16>, b: Option<BufId>| r.map(|r| r + u16::try_from(units(b)).expect("a record number"));
    match &mut i.op {
        Op::Ld(d) | Op::St(d) => {
            d.loc_addr += bytes(p.a);
            if let Some(place) = p.dram {
                let a = dram.addr(place);
                d.region = isa::Region::from_code(a.region).expect("regions 0 to 3");
                d.dram_off += a.offset;
            }
        }
        Op::MxConv(m) | Op::MxDw(m) => {
            m.in_addr += bytes(p.a);
            m.w_addr += bytes(p.b);
            m.acc_row += u16::try_from(units(p.d)).expect("an accumulator row");
            m.prm_rec += u16::try_from(units(p.prm[2])).expect("a record number");
        }
        Op::Pool(q) => {
            q.a_addr += bytes(p.a);
            q.d_addr += bytes(p.d);
        }
        other => {
            if let Some(v) = other.vx_mut() {
                v.a.addr += bytes(p.a);
                v.b.addr += bytes(p.b);
                v.d.addr += bytes(p.d);
                if let isa::Form::Prm { aprm, bprm, dprm, .. } = &mut v.form {
                    *aprm = record(*aprm, p.prm[0]);
                    *bprm = record(*bprm, p.prm[1]);
                    *dprm = record(*dprm, p.prm[2]);
                }
            }
        }
    }
    i
}

/// POISON after the last instruction of every scratchpad buffer, behind a FENCE.
fn poison(
    s: &Stream,
    lives: &IdVec<BufId, Option<(usize, usize)>>,
    addr: &IdVec<BufId, u32>,
    ops: Vec<PlacedOp>,
) -> Vec<PlacedOp> {
    let mut ends: Vec<Vec<BufId>> = vec![Vec::new(); s.ops.len()];
    for (b, life) in lives.iter() {
        if let (Some((_, to)), BufMem::Spm) = (life, s.bufs[b].mem) {
            ends[*to].push(b);
        }
    }
    let mut out = Vec::with_capacity(ops.len());
    for op in ops {
        let dead = op.op.map(|i| std::mem::take(&mut ends[i.index()])).unwrap_or_default();
        out.push(op);
        if dead.is_empty() {
            continue;
        }
        out.push(PlacedOp { instr: Instr::new(Op::Fence), op: None });
        for b in dead {
            let p = Poison { mem: Mem::Spm, off: addr[b].into(), len: s.bufs[b].bytes as u64, ..Poison::default() };
            out.push(PlacedOp { instr: Instr::new(Op::Poison(p)), op: None });
        }
        out.push(PlacedOp { instr: Instr::new(Op::Fence), op: None });
    }
    out
}

fn program(s: &Stream, cfg: &NpuConfig, dram: &Dram, ops: &[PlacedOp]) -> Program {
    let code = ops.iter().map(|o| o.instr).collect();
    let [_, arena, inputs, outputs] = dram.sizes;
    let mut p = Program::new(cfg.hash(), code, dram.consts(s), arena, inputs, outputs);
    let io = |direction, list: &[(String, lir::fused::TensorId)]| -> Vec<IoEntry> {
        list.iter()
            .map(|(name, t)| {
                let (ft, a) = (&s.fused.tensors[*t], dram.addr(DramPlace::Tensor(*t)));
                IoEntry {
                    name: name.clone(),
                    direction,
                    dtype: ft.dtype,
                    dims: ft.dims.iter().map(|d| *d as u64).collect(),
                    layout: Layout::RowMajor,
                    region: isa::Region::from_code(a.region).expect("regions 0 to 3"),
                    offset: a.offset,
                    quant: None,
                    bound: None,
                }
            })
            .collect()
    };
    p.iotab = io(Direction::In, &s.fused.inputs);
    p.iotab.extend(io(Direction::Out, &s.fused.outputs));
    for (pc, op) in ops.iter().enumerate() {
        let Some(id) = op.op else { continue };
        let so = &s.ops[id];
        let group = &s.fused.groups[so.group];
        p.debug.push(DebugEntry {
            pc: u32::try_from(pc).expect("fewer than 2^32 instructions"),
            nodes: group.nodes.iter().map(|n| n.0).collect(),
            provenance: format!("{} {}", so.group, group.name),
            tile: vec![so.tile],
            buffers: named(&so.places).map(|b| b.0).collect(),
        });
    }
    p
}

/// Where a DRAM place lies.
pub(crate) fn dram_addr(region: u8, offset: u64) -> DramAddr {
    DramAddr { region, offset }
}
