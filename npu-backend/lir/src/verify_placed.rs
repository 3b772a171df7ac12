//! Verifier of A.
//!
//! *Proves*: every instruction is its stream instruction with bases added (`instr-base`); buffers lie in their memories
//! (`capacity`), packed weights on 16 bytes (`alignment`), and two buffers share bytes only if their lifetimes are disjoint
//! (`lifetime-overlap`); every DRAM place has one address in its region (`dram-place`, `dram-region`, `dram-bounds`), apart
//! from others that live at the same time (`dram-overlap`); R0 holds the constants (`const-bytes`); the program is the same
//! instructions with the right configuration, regions and I/O table (`program`), and HALT comes last and once (`halt`).
//!
//! *Assumes*: a buffer lives from the first to the last instruction that names it; a tensor in R1 likewise.
//!
//! *Cannot see*: tokens (`isa::verify` proves them), and whether the stream is right.

use crate::fused::{PrmRecord, TensorDef};
use crate::placed::{DramAddr, Placed};
use crate::report::Report;
use crate::stream::{DramPlace, Places, StreamOp};
use crate::tile::{BufId, BufMem};
use isa::{Direction, Form, Instr, Op, Region};
use kit::id::Id;
use kit::{IdVec, Violation};

/// All broken rules, at most 100.
pub fn verify_placed(a: &Placed) -> Vec<Violation> {
    let mut report = Report::default();
    let lives = Lives::of(a, &mut report);
    check_buffers(a, &lives, &mut report);
    check_dram(a, &lives, &mut report);
    check_instrs(a, &mut report);
    check_program(a, &mut report);
    report.finish()
}

type Life = Option<(usize, usize)>;

/// First and last placed instruction that names a thing.
struct Lives {
    bufs: Vec<Life>,
    tensors: Vec<Life>,
}

impl Lives {
    fn of(a: &Placed, report: &mut Report) -> Self {
        let mut lives =
            Lives { bufs: vec![None; a.stream.bufs.len()], tensors: vec![None; a.stream.fused.tensors.len()] };
        for (pc, op) in a.ops.iter().enumerate() {
            let Some(id) = op.op else { continue };
            let Some(s) = a.stream.ops.get(id) else {
                report.push("instr-base", format!("@{pc}"), format!("there is no {id}"));
                continue;
            };
            let p = &s.places;
            for b in [p.a, p.b, p.d, p.prm[0], p.prm[1], p.prm[2]].into_iter().flatten() {
                extend(lives.bufs.get_mut(b.index()), pc);
            }
            if let Some(DramPlace::Tensor(t)) = p.dram {
                extend(lives.tensors.get_mut(t.index()), pc);
            }
        }
        lives
    }
}

fn extend(life: Option<&mut Life>, pc: usize) {
    if let Some(life) = life {
        *life = Some(life.map_or((pc, pc), |l| (l.0, pc)));
    }
}

/// Something with a place in time and in a memory.
struct Item {
    name: String,
    life: (usize, usize),
    start: u64,
    end: u64,
}

/// Reports pairs that share both time and bytes. Sorted by birth; only those still alive are compared.
fn check_overlap(mut items: Vec<Item>, rule: &'static str, report: &mut Report) {
    items.sort_by_key(|i| (i.life.0, i.start));
    let mut live: Vec<&Item> = Vec::new();
    for item in &items {
        live.retain(|other| other.life.1 >= item.life.0);
        for other in &live {
            if item.start < other.end && other.start < item.end {
                let detail = format!(
                    "{:#x}..{:#x} shared with {} ({:#x}..{:#x}), both alive at @{}",
                    item.start, item.end, other.name, other.start, other.end, item.life.0
                );
                report.push(rule, &item.name, detail);
            }
        }
        live.push(item);
    }
}

/// Bytes of a unit of addressing.
fn unit(mem: BufMem) -> u64 {
    match mem {
        BufMem::Spm => 1,
        BufMem::Prm => 16,
        BufMem::Acc => 64,
    }
}

fn check_buffers(a: &Placed, lives: &Lives, report: &mut Report) {
    if a.buf_addr.len() != a.stream.bufs.len() {
        report.push("capacity", "buffers", format!("{} addresses for {}", a.buf_addr.len(), a.stream.bufs.len()));
        return;
    }
    let limits = [
        (BufMem::Spm, u64::from(a.config.spm_bytes)),
        (BufMem::Prm, u64::from(a.config.prm_bytes())),
        (BufMem::Acc, u64::from(a.config.acc_bytes())),
    ];
    for (mem, limit) in limits {
        let mut items = Vec::new();
        for (id, b) in a.stream.bufs.iter().filter(|(_, b)| b.mem == mem) {
            let Some(life) = lives.bufs[id.index()] else { continue };
            let start = u64::from(a.buf_addr[id]) * unit(mem);
            let end = start + b.bytes as u64;
            if end > limit {
                report.push("capacity", id, format!("{start:#x}..{end:#x} in {mem:?} of {limit:#x} bytes"));
            }
            items.push(Item { name: id.to_string(), life, start, end });
        }
        check_overlap(items, "lifetime-overlap", report);
    }
}

fn bytes_of(a: &Placed, place: DramPlace) -> u64 {
    match place {
        DramPlace::Tensor(t) => a.stream.fused.tensors.get(t).map_or(0, |t| t.bytes() as u64),
        DramPlace::Params(p) => a.stream.params.get(p).map_or(0, |r| r.len() as u64 * 16),
    }
}

fn name_of(place: DramPlace) -> String {
    match place {
        DramPlace::Tensor(t) => t.to_string(),
        DramPlace::Params(p) => p.to_string(),
    }
}

/// The region that a place belongs to.
fn region_of(a: &Placed, place: DramPlace) -> Region {
    let DramPlace::Tensor(t) = place else { return Region::R0 };
    match a.stream.fused.tensors[t].def {
        TensorDef::Const(_) => Region::R0,
        TensorDef::Input(_) => Region::R2,
        TensorDef::Group(_) if a.stream.fused.outputs.iter().any(|(_, o)| *o == t) => Region::R3,
        TensorDef::Group(_) => Region::R1,
    }
}

fn all_places(a: &Placed) -> impl Iterator<Item = DramPlace> {
    let tensors = a.stream.fused.tensors.ids().map(DramPlace::Tensor);
    tensors.chain(a.stream.params.ids().map(DramPlace::Params))
}

fn address(a: &Placed, place: DramPlace) -> Option<DramAddr> {
    a.dram.iter().find(|(p, _)| *p == place).map(|(_, at)| *at)
}

fn check_dram(a: &Placed, lives: &Lives, report: &mut Report) {
    let mut items: [Vec<Item>; 4] = std::array::from_fn(|_| Vec::new());
    for place in all_places(a) {
        let (name, bytes) = (name_of(place), bytes_of(a, place));
        let life = match place {
            DramPlace::Tensor(t) => lives.tensors[t.index()],
            DramPlace::Params(_) => None,
        };
        let mut at = a.dram.iter().filter(|(p, _)| *p == place).map(|(_, at)| *at);
        let found = (at.next(), at.next());
        let (Some(at), None) = found else {
            // A tensor that nothing touches needs no address.
            if found.1.is_some() || life.is_some() {
                report.push("dram-place", name, "needs exactly one address");
            }
            continue;
        };
        let want = region_of(a, place);
        if at.region != want.code() {
            report.push("dram-region", name, format!("lies in R{}, belongs in {want}", at.region));
            continue;
        }
        let size = a.program.region_sizes[want.index()];
        let end = at.offset.saturating_add(bytes);
        if end > size {
            report.push("dram-bounds", name, format!("{:#x}..{end:#x} in {want} of {size:#x} bytes", at.offset));
            continue;
        }
        if bytes == 0 {
            continue;
        }
        if want == Region::R0 {
            check_const(a, place, at.offset as usize, report);
        }
        // Inputs, outputs and constants live for the whole program.
        let life = if want == Region::R1 { life } else { Some((0, usize::MAX)) };
        if let Some(life) = life {
            items[want.index()].push(Item { name, life, start: at.offset, end });
        }
    }
    for list in items {
        check_overlap(list, "dram-overlap", report);
    }
}

fn record_bytes(r: &PrmRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    out.extend_from_slice(&r.bias.to_le_bytes());
    out.extend_from_slice(&r.mult.to_le_bytes());
    out.extend_from_slice(&r.zp.to_le_bytes());
    out.extend_from_slice(&[r.shift.cast_unsigned(), 0]);
    out.extend_from_slice(&r.zw.to_le_bytes());
    out
}

fn check_const(a: &Placed, place: DramPlace, at: usize, report: &mut Report) {
    let records;
    let want: &[u8] = match place {
        DramPlace::Tensor(t) => match &a.stream.fused.tensors[t].def {
            TensorDef::Const(c) => &c.bytes,
            TensorDef::Input(_) | TensorDef::Group(_) => return,
        },
        DramPlace::Params(p) => {
            records = a.stream.params[p].iter().flat_map(record_bytes).collect::<Vec<u8>>();
            &records
        }
    };
    if a.program.consts.get(at..at + want.len()) != Some(want) {
        report.push("const-bytes", name_of(place), format!("R0+{at:#x} holds other bytes"));
    }
}

/// Adds the bases of an instruction's places; `None` if a place has no address or a sum does not fit its field.
fn relocate(a: &Placed, s: &StreamOp) -> Option<Instr> {
    let mut i = s.instr;
    let p: &Places = &s.places;
    let base = |b: Option<BufId>| -> Option<u64> { Some(b.map_or(0, |b| u64::from(a.buf_addr[b]))) };
    let mem = |b: BufId, bufs: &IdVec<BufId, crate::tile::Buf>| unit(bufs[b].mem);
    let bytes = |b: Option<BufId>| -> Option<u32> {
        match b {
            None => Some(0),
            Some(b) => u32::try_from(u64::from(*a.buf_addr.get(b)?) * mem(b, &a.stream.bufs)).ok(),
        }
    };
    let record = |r: Option<u16>, b: Option<BufId>| -> Option<Option<u16>> {
        match r {
            None => Some(None),
            Some(r) => Some(Some(u16::try_from(u64::from(r) + base(b)?).ok()?)),
        }
    };
    let dram = |offset: u64| -> Option<(Region, u64)> {
        let at = address(a, p.dram?)?;
        Some((Region::from_code(at.region)?, offset + at.offset))
    };
    match &mut i.op {
        Op::Ld(d) | Op::St(d) => {
            d.loc_addr += bytes(p.a)?;
            (d.region, d.dram_off) = dram(d.dram_off)?;
        }
        Op::Ldx(d) | Op::Stx(d) => {
            d.loc_addr += bytes(p.a)?;
            d.idx_addr += bytes(p.b)?;
            (d.region, d.dram_off) = dram(d.dram_off)?;
        }
        Op::MxConv(m) | Op::MxDw(m) => {
            m.in_addr += bytes(p.a)?;
            m.w_addr += bytes(p.b)?;
            m.acc_row = u16::try_from(u64::from(m.acc_row) + base(p.d)?).ok()?;
            m.prm_rec = u16::try_from(u64::from(m.prm_rec) + base(p.prm[2])?).ok()?;
            m.zx_rec = u8::try_from(u64::from(m.zx_rec) + base(p.prm[0])?).ok()?;
        }
        Op::Pool(q) => {
            q.a_addr += bytes(p.a)?;
            q.d_addr += bytes(p.d)?;
            if let Form::Prm { aprm, dprm, .. } = &mut q.form {
                (*aprm, *dprm) = (record(*aprm, p.prm[0])?, record(*dprm, p.prm[2])?);
            }
        }
        other => {
            if let Some(v) = other.vx_mut() {
                v.a.addr += bytes(p.a)?;
                v.b.addr += bytes(p.b)?;
                v.d.addr += bytes(p.d)?;
                if let Form::Prm { aprm, bprm, dprm, .. } = &mut v.form {
                    *aprm = record(*aprm, p.prm[0])?;
                    *bprm = record(*bprm, p.prm[1])?;
                    *dprm = record(*dprm, p.prm[2])?;
                }
            }
        }
    }
    Some(i)
}

fn check_instrs(a: &Placed, report: &mut Report) {
    for (pc, op) in a.ops.iter().enumerate() {
        let at = format!("@{pc}");
        let Some(id) = op.op else {
            if !matches!(op.instr.op, Op::Nop | Op::Fence | Op::Halt | Op::Poison(_) | Op::SegmentEnd { .. }) {
                report.push("instr-base", at, "does work but implements no stream instruction");
            }
            continue;
        };
        let Some(s) = a.stream.ops.get(id) else { continue };
        let mut bare = op.instr;
        (bare.waits, bare.signals) = ([None; 2], [None; 2]);
        match relocate(a, s) {
            None => report.push("instr-base", at, format!("{id}: a place has no address, or a field overflows")),
            Some(want) if want != bare => {
                report.push("instr-base", at, format!("is {bare:?}; {id} with its bases is {want:?}"));
            }
            Some(_) => {}
        }
        if let Op::MxConv(m) | Op::MxDw(m) = &op.instr.op
            && m.w_addr % 16 != 0
        {
            report.push("alignment", format!("@{pc}"), format!("weights at {:#x}", m.w_addr));
        }
    }
    let halts: Vec<usize> =
        a.ops.iter().enumerate().filter(|(_, o)| o.instr.op == Op::Halt).map(|(pc, _)| pc).collect();
    if halts != [a.ops.len().wrapping_sub(1)] {
        report.push("halt", "end", format!("HALT at {halts:?} of {}", a.ops.len()));
    }
}

fn check_program(a: &Placed, report: &mut Report) {
    let p = &a.program;
    if p.config_hash != a.config.hash() {
        report.push("program", "config", "made for another configuration");
    }
    if p.code.len() != a.ops.len() || p.code.iter().zip(&a.ops).any(|(c, o)| *c != o.instr) {
        report.push("program", "code", "is not the placed instructions");
    }
    if p.region_sizes[0] != p.consts.len() as u64 {
        report.push("program", "R0", format!("{} bytes, image of {}", p.region_sizes[0], p.consts.len()));
    }
    let f = &a.stream.fused;
    for (direction, list) in [(Direction::In, &f.inputs), (Direction::Out, &f.outputs)] {
        for (name, id) in list {
            let t = &f.tensors[*id];
            let entry = p.iotab.iter().find(|e| e.direction == direction && e.name == *name);
            let dims: Vec<u64> = t.dims.iter().map(|&d| d as u64).collect();
            let fits = entry.is_some_and(|e| {
                let at = address(a, DramPlace::Tensor(*id));
                let placed = t.bytes() == 0 || at == Some(DramAddr { region: e.region.code(), offset: e.offset });
                placed && e.dtype == t.dtype && e.dims == dims && e.layout == isa::Layout::RowMajor
            });
            if !fits {
                report.push("program", id, format!("I/O table has {entry:?} for {direction:?} `{name}`"));
            }
        }
    }
    if p.iotab.len() != f.inputs.len() + f.outputs.len() {
        report.push("program", "iotab", format!("{} entries", p.iotab.len()));
    }
}
