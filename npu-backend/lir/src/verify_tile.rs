//! Verifier of T.
//!
//! *Proves*: every operand lies in its buffer (`buffer-bounds`) or tensor (`dram-bounds`) and its buffer is of the right
//! memory (`buffer-memory`); the buffers of a group fit every memory (`capacity`); every element of a group's output is
//! stored exactly once, by its own group (`stored-once`, `store-target`); groups come in order, each once (`group-order`);
//! accumulators sum in the canonical order of NPU.md 3.2: start with zero or bias, K groups ascending, nothing twice, gaps
//! only where taps may lie outside, complete when read (`k-order`, `k-complete`).
//!
//! *Assumes*: K positions are known by following packed weights from DRAM through loads, and run-time weights through loads
//! and copies.
//!
//! *Cannot see*: whether a skipped tap really lies outside, and what is computed; the tile interpreter against the group
//! interpreter shows both.

use crate::fused::{GroupKind, TensorDef};
use crate::korder::KOrder;
use crate::report::Report;
use crate::tile::{Buf, BufId, BufMem, BufView, DramView, Operand, TileGroup, TileMx, TileOp, TileProgram};
use isa::NpuConfig;
use kit::Violation;

/// All broken rules, at most 100.
pub fn verify_tile(p: &TileProgram, config: &NpuConfig) -> Vec<Violation> {
    let mut report = Report::default();
    let order: Vec<_> = p.groups.iter().map(|g| g.group).collect();
    if order != p.fused.groups.ids().collect::<Vec<_>>() {
        report.push("group-order", "program", format!("has {} groups for {}", order.len(), p.fused.groups.len()));
    }
    for g in &p.groups {
        if p.fused.groups.get(g.group).is_some() && !report.full() {
            check_capacity(g, config, &mut report);
            Checker::new(p, g, &mut report).run();
        }
    }
    report.finish()
}

fn check_capacity(g: &TileGroup, config: &NpuConfig, report: &mut Report) {
    let limits = [
        (BufMem::Spm, config.spm_bytes, 1),
        (BufMem::Prm, config.prm_bytes(), 16),
        (BufMem::Acc, config.acc_bytes(), 64),
    ];
    for (mem, limit, unit) in limits {
        let of: Vec<&Buf> = g.bufs.values().filter(|b| b.mem == mem).collect();
        let sum: usize = of.iter().map(|b| b.bytes).sum();
        if sum > limit as usize {
            report.push("capacity", g.group, format!("{sum} bytes of {mem:?}, which has {limit}"));
        }
        if let Some(b) = of.iter().find(|b| b.bytes % unit != 0) {
            report.push("capacity", g.group, format!("a buffer of {} bytes in {mem:?}", b.bytes));
        }
    }
}

/// Lowest and highest element offset of a strided box.
fn reach(n: &[usize], strides: &[isize]) -> (i128, i128) {
    let (mut low, mut high) = (0, 0);
    for (&n, &s) in n.iter().zip(strides) {
        let r = (n as i128 - 1) * s as i128;
        if r < 0 { low += r } else { high += r }
    }
    (low, high)
}

struct Checker<'a> {
    p: &'a TileProgram,
    g: &'a TileGroup,
    report: &'a mut Report,
    at: String,
    stored: Vec<u8>,
    k: Option<KOrder<'a>>,
}

impl<'a> Checker<'a> {
    fn new(p: &'a TileProgram, g: &'a TileGroup, report: &'a mut Report) -> Self {
        let group = &p.fused.groups[g.group];
        let k = match &group.kind {
            GroupKind::Matrix(m) => group.inputs.get(1).map(|w| KOrder::new(m, *w, g)),
            _ => None,
        };
        let stored = vec![0; p.fused.tensors[group.output].elements()];
        Checker { p, g, report, at: String::new(), stored, k }
    }

    fn fail(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.report.push(rule, &self.at, detail);
    }

    fn run(mut self) {
        for (t, tile) in self.g.tiles.iter().enumerate() {
            for (i, op) in tile.ops.iter().enumerate() {
                self.at = format!("{} tile {t} op {i}", self.g.group);
                self.op(op);
                if self.report.full() {
                    return;
                }
            }
        }
        self.at = self.g.group.to_string();
        if let Some(e) = self.stored.iter().position(|&n| n != 1) {
            self.fail("stored-once", format!("element {e} is stored {} times", self.stored[e]));
        }
    }

    fn op(&mut self, op: &TileOp) {
        match op {
            TileOp::Load { n, src, dst, .. } => {
                self.dram(n, src);
                self.view(n, dst);
            }
            TileOp::Store { n, src, dst } => {
                self.view(n, src);
                self.store(n, dst);
            }
            TileOp::LoadParams { buf, records } => self.bytes(*buf, Some(BufMem::Prm), 0, records.len() * 16),
            TileOp::Mx(m) => self.matrix(m),
            TileOp::Ew { n, a, b, d, prm, .. } => {
                self.view(n, a);
                if let Some(Operand::View(b)) = b {
                    self.view(n, b);
                }
                self.view(n, d);
                for p in prm.iter().flatten() {
                    self.records(n, p);
                }
            }
            TileOp::Cvt { n, a, d, .. } | TileOp::Copy { n, a, d } => {
                self.view(n, a);
                self.view(n, d);
            }
            TileOp::Requant { n, a, d, prm, .. } => {
                self.view(n, a);
                self.view(n, d);
                self.records(n, prm);
            }
            TileOp::Red { n, a, d, .. } => {
                self.view(n, a);
                self.view(n, d);
                if d.strides.last() != Some(&0) {
                    self.fail("buffer-bounds", "the destination of a reduction moves along the reduced loop");
                }
            }
            TileOp::Pool(p) => {
                self.view(&[p.ih, p.iw, p.c], &with_channels(&p.a));
                self.view(&[p.oh, p.ow, p.c], &with_channels(&p.d));
                for r in p.prm.iter().flatten() {
                    let last = r.first + if r.axis.is_some() { p.c } else { 1 };
                    self.bytes(r.buf, Some(BufMem::Prm), r.first * 16, (last - r.first) * 16);
                }
            }
            TileOp::Fill { n, d, .. } => self.view(n, d),
            TileOp::Gather { n, a, idx, d, len } => {
                self.view(&[n[0], *len, n[2]], a);
                self.view(&n[1..2], idx);
                self.view(n, d);
            }
        }
        if let Some(k) = &mut self.k
            && let Err((rule, detail)) = k.step(op)
        {
            self.fail(rule, detail);
        }
    }

    /// Bytes `offset..offset+len` of a buffer, of a memory if one is asked for.
    fn bytes(&mut self, b: BufId, mem: Option<BufMem>, offset: usize, len: usize) {
        let Some(buf) = self.g.bufs.get(b) else {
            self.fail("buffer-bounds", format!("there is no {b}"));
            return;
        };
        if mem.is_some_and(|m| m != buf.mem) {
            self.fail("buffer-memory", format!("{b} is in {:?}", buf.mem));
        }
        if offset + len > buf.bytes {
            self.fail("buffer-bounds", format!("bytes {offset}..{} of {b}, which has {}", offset + len, buf.bytes));
        }
    }

    fn view(&mut self, n: &[usize], v: &BufView) {
        let Some(buf) = self.g.bufs.get(v.buf) else {
            self.fail("buffer-bounds", format!("there is no {}", v.buf));
            return;
        };
        if n.len() != v.strides.len() {
            self.fail("buffer-bounds", format!("{} strides for {} loops", v.strides.len(), n.len()));
            return;
        }
        if n.contains(&0) {
            return;
        }
        let size = i128::from(v.dtype.size());
        let (low, high) = reach(n, &v.strides);
        let (first, last) = (v.offset as i128 + low * size, v.offset as i128 + (high + 1) * size);
        if first < 0 || last > buf.bytes as i128 {
            self.fail("buffer-bounds", format!("bytes {first}..{last} of {}, which has {}", v.buf, buf.bytes));
        }
    }

    fn records(&mut self, n: &[usize], p: &crate::tile::PrmView) {
        let count = match p.axis {
            None => 1,
            Some(a) => n.get(a).copied().unwrap_or(usize::MAX / 32),
        };
        self.bytes(p.buf, Some(BufMem::Prm), p.first * 16, count * 16);
    }

    fn matrix(&mut self, m: &TileMx) {
        let size = m.mx.size() as usize;
        self.view(&[m.ih, m.iw, m.c], &with_channels(&m.a));
        let groups = if m.kpack { (m.kw * m.c).div_ceil(16) } else { m.kw * m.c.div_ceil(16) };
        let one = if m.depthwise { m.kh * m.kw * 16 } else { m.kh * groups * 256 };
        let ng = m.n.div_ceil(16);
        self.bytes(m.w.0, Some(BufMem::Spm), m.w.1, ng * one * size);
        let rows = m.acc_row + ng.saturating_sub(1) * m.acc_sn + m.oh * m.ow;
        self.bytes(m.acc, Some(BufMem::Acc), m.acc_row * 64, (rows - m.acc_row) * 64);
        if let Some((b, first)) = m.prm {
            self.bytes(b, Some(BufMem::Prm), first * 16, m.n * 16);
        }
    }

    fn dram(&mut self, n: &[usize], v: &DramView) {
        let Some(t) = self.p.fused.tensors.get(v.tensor) else {
            self.fail("dram-bounds", format!("there is no {}", v.tensor));
            return;
        };
        if n.len() != v.strides.len() {
            self.fail("dram-bounds", format!("{} strides for {} loops", v.strides.len(), n.len()));
            return;
        }
        if n.contains(&0) {
            return;
        }
        let (low, high) = reach(n, &v.strides);
        let (first, last) = (v.offset as i128 + low, v.offset as i128 + high);
        if first < 0 || last >= t.elements() as i128 {
            self.fail("dram-bounds", format!("elements {first}..={last} of {}, which has {}", v.tensor, t.elements()));
        }
    }

    fn store(&mut self, n: &[usize], v: &DramView) {
        let before = self.report_len();
        self.dram(n, v);
        let own = self.p.fused.groups[self.g.group].output;
        if v.tensor != own || self.p.fused.tensors[own].def != TensorDef::Group(self.g.group) {
            self.fail("store-target", format!("stores into {}, writes {own}", v.tensor));
        }
        if self.report_len() == before {
            mark(&mut self.stored, n, v.offset as isize, &v.strides);
        }
    }

    fn report_len(&self) -> usize {
        self.report.len()
    }
}

/// The view with its adjacent channels as a loop.
fn with_channels(v: &BufView) -> BufView {
    let mut v = v.clone();
    v.strides.push(1);
    v
}

/// Counts one store of every element of a box that lies in the tensor.
fn mark(stored: &mut [u8], n: &[usize], at: isize, strides: &[isize]) {
    match (n.split_first(), strides.split_first()) {
        (Some((&n, rest)), Some((&s, strides))) => {
            for i in 0..n as isize {
                mark(stored, rest, at + i * s, strides);
            }
        }
        _ => {
            let slot = &mut stored[at as usize];
            *slot = slot.saturating_add(1);
        }
    }
}
