//! What instructions touch, by whole buffer and tensor, after allocation: objects that share addresses inherit each
//! other's history.

use super::Dram;
use isa::Op;
use kit::IdVec;
use kit::id::Id;
use lir::fused::TensorDef;
use lir::stream::{DramPlace, Stream, StreamOp};
use lir::tile::{BufId, BufMem};
use std::collections::BTreeMap;

/// Number of the last instruction of each engine.
type Clock = [u32; 5];

/// Buffers and tensors that an instruction reads and writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    reads: Vec<Object>,
    writes: Vec<Object>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Object {
    Buf(usize),
    Tensor(usize),
}

/// What the instruction reads and writes. A destination that is read too counts as written: that orders it after both.
pub(super) fn touched(op: &StreamOp) -> Touched {
    let mut t = Touched::default();
    let p = &op.places;
    let buf = |b: Option<BufId>| b.map(|b| Object::Buf(b.index()));
    let dram = match p.dram {
        Some(DramPlace::Tensor(id)) => Some(Object::Tensor(id.index())),
        _ => None,
    };
    match op.instr.op {
        Op::Ld(_) => {
            t.reads.extend(dram);
            t.writes.extend(buf(p.a));
        }
        Op::St(_) => {
            t.reads.extend(buf(p.a));
            t.writes.extend(dram);
        }
        _ => {
            t.reads.extend([p.a, p.b, p.prm[0], p.prm[1], p.prm[2]].into_iter().filter_map(buf));
            t.writes.extend(buf(p.d));
        }
    }
    t
}

#[derive(Clone, Copy, Debug, Default)]
struct History {
    writes: Clock,
    reads: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Scratchpad, PRM, ACC, R1; 4: never shared, never both read and written across engines.
    space: usize,
    from: u64,
    to: u64,
}

/// Histories of all objects.
#[derive(Debug)]
pub(super) struct Objects {
    bufs: Vec<Place>,
    tensors: Vec<Place>,
    history: Vec<History>,
    seen: Vec<bool>,
    /// For each space, the last object of each address range: start → (end, object).
    owners: [BTreeMap<u64, (u64, usize)>; 5],
}

impl Objects {
    pub(super) fn new(s: &Stream, addr: &IdVec<BufId, u32>, dram: &Dram) -> Self {
        let bufs: Vec<Place> = s
            .bufs
            .iter()
            .map(|(id, b)| {
                let (space, unit) = match b.mem {
                    BufMem::Spm => (0, 1),
                    BufMem::Prm => (1, 16),
                    BufMem::Acc => (2, 64),
                };
                let from = u64::from(addr[id]) * unit;
                Place { space, from, to: from + b.bytes as u64 }
            })
            .collect();
        let tensors: Vec<Place> = s
            .fused
            .tensors
            .iter()
            .map(|(id, t)| {
                let a = dram.addr(DramPlace::Tensor(id));
                let shared = matches!(t.def, TensorDef::Group(_)) && a.region == 1;
                Place { space: if shared { 3 } else { 4 }, from: a.offset, to: a.offset + t.bytes() as u64 }
            })
            .collect();
        let n = bufs.len() + tensors.len();
        let owners = Default::default();
        Objects { bufs, tensors, history: vec![History::default(); n], seen: vec![false; n], owners }
    }

    fn index(&self, o: Object) -> usize {
        match o {
            Object::Buf(i) => i,
            Object::Tensor(i) => self.bufs.len() + i,
        }
    }
    fn place(&self, o: Object) -> Place {
        match o {
            Object::Buf(i) => self.bufs[i],
            Object::Tensor(i) => self.tensors[i],
        }
    }

    /// At its first use an object takes over the history of whatever lay at its addresses.
    fn claim(&mut self, o: Object) {
        let i = self.index(o);
        let p = self.place(o);
        if std::mem::replace(&mut self.seen[i], true) || p.space == 4 || p.from == p.to {
            return;
        }
        let map = &mut self.owners[p.space];
        let first = map.range(..=p.from).next_back().map_or(p.from, |(k, _)| *k);
        let hit: Vec<(u64, u64, usize)> = map
            .range(first..p.to)
            .filter(|(_, (end, _))| *end > p.from)
            .map(|(start, (end, owner))| (*start, *end, *owner))
            .collect();
        for (start, end, owner) in hit {
            map.remove(&start);
            if start < p.from {
                map.insert(start, (p.from, owner));
            }
            if end > p.to {
                map.insert(p.to, (end, owner));
            }
            let old = self.history[owner];
            let h = &mut self.history[i];
            join(&mut h.writes, &old.writes);
            join(&mut h.reads, &old.reads);
        }
        map.insert(p.from, (p.to, i));
    }

    /// For each engine, the last instruction that must be complete before one that touches these.
    pub(super) fn need(&mut self, t: &Touched) -> Clock {
        let mut need = [0; 5];
        for &o in t.reads.iter().chain(&t.writes) {
            self.claim(o);
            join(&mut need, &self.history[self.index(o)].writes);
        }
        for &o in &t.writes {
            join(&mut need, &self.history[self.index(o)].reads);
        }
        need
    }

    /// Notes that instruction `number` of an engine touched these.
    pub(super) fn record(&mut self, t: &Touched, engine: usize, number: u32) {
        for &o in &t.reads {
            let i = self.index(o);
            self.history[i].reads[engine] = number;
        }
        for &o in &t.writes {
            let i = self.index(o);
            self.history[i].writes[engine] = number;
        }
    }
}

fn join(a: &mut Clock, b: &Clock) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = (*a).max(*b);
    }
}
