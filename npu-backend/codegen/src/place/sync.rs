//! Ordering between engines: a FENCE between all instructions (level 0), or semaphores on producer→consumer edges.
//!
//! Level 1 and up: engines are in order, so an instruction needs to wait only for the *last* instruction of every other
//! engine that touches what it touches. A vector clock for each instruction says what is known to be complete; an edge
//! that is implied by another is left out. One semaphore for each pair of engines: edges of a pair are in order on both
//! sides, so the k-th wait takes the k-th signal. Where slots are short or a counter could pass 63, a FENCE stands in.

use super::access::{Objects, touched};
use crate::CodegenOptions;
use isa::{Engine, Instr, Op};
use kit::id::Id;
use lir::placed::PlacedOp;
use lir::stream::{InstrId, Stream};

/// Engines.
const N: usize = 5;
/// The largest value of a semaphore.
const MAX_UNITS: usize = 63;

/// How many later instructions are looked at for a free slot.
const SEARCH: u32 = 8;

/// For each engine, the number of its instructions that are known to be complete.
type Clock = [u32; N];

/// The instructions with what orders them.
pub(super) fn order(stream: &Stream, instrs: Vec<Instr>, objects: Objects, options: &CodegenOptions) -> Vec<PlacedOp> {
    if options.opt_level == 0 {
        return fenced(instrs);
    }
    let mut s = Sync::new(objects, instrs.len());
    for (i, instr) in instrs.into_iter().enumerate() {
        s.add(stream, InstrId::new(i), instr);
    }
    s.out
}

fn fenced(instrs: Vec<Instr>) -> Vec<PlacedOp> {
    let mut out = Vec::with_capacity(2 * instrs.len() + 1);
    for (i, instr) in instrs.into_iter().enumerate() {
        if i > 0 {
            out.push(PlacedOp { instr: Instr::new(Op::Fence), op: None });
        }
        out.push(PlacedOp { instr, op: Some(InstrId::new(i)) });
    }
    out
}

struct Sync {
    objects: Objects,
    out: Vec<PlacedOp>,
    /// For each engine, the position in `out` and the clock of each of its instructions; number k is entry k−1.
    done: [Vec<(usize, Clock)>; N],
    /// What each engine knows.
    known: [Clock; N],
    /// For each (producer, consumer), the consumer's number at every wait.
    waits: [[Vec<u32>; N]; N],
}

impl Sync {
    fn new(objects: Objects, n: usize) -> Self {
        Sync {
            objects,
            out: Vec::with_capacity(n + n / 4),
            done: Default::default(),
            known: [[0; N]; N],
            waits: Default::default(),
        }
    }

    fn add(&mut self, stream: &Stream, id: InstrId, instr: Instr) {
        let e = usize::from(instr.eng.code());
        let t = touched(&stream.ops[id]);
        let need = self.objects.need(&t);
        let mut edges: Vec<usize> = (0..N).filter(|&f| f != e && need[f] > self.known[e][f]).collect();
        // Leave out what another edge's producer already waited for.
        let implied = |f: usize, by: usize| by != f && self.clock(by, need[by])[f] >= need[f];
        let mut k = 0;
        while k < edges.len() {
            let f = edges[k];
            if edges.iter().any(|&by| implied(f, by)) {
                edges.remove(k);
            } else {
                k += 1;
            }
        }
        let mut need = need;
        for &f in &edges {
            match self.signaller(f, e, need[f]) {
                Some(number) => need[f] = number,
                None => {
                    self.fence();
                    edges.clear();
                    break;
                }
            }
        }
        // At most two waits an instruction: the others stand on a NOP of the same engine before it.
        while edges.len() > 2 {
            let two = [edges.remove(0), edges.remove(0)];
            let nop = Instr::new(Op::Nop).on(engine(e));
            self.push(nop, None, e, &two, &need);
        }
        self.push(instr, Some(id), e, &edges, &need);
        let number = self.done[e].len() as u32;
        self.objects.record(&t, e, number);
    }

    fn clock(&self, f: usize, number: u32) -> Clock {
        self.done[f][number as usize - 1].1
    }

    /// An instruction of engine `f`, not before number `from`, that can signal to `e`: the first with a free slot, or a
    /// new NOP.
    fn signaller(&mut self, f: usize, e: usize, from: u32) -> Option<u32> {
        let last = self.done[f].len() as u32;
        if let Some(number) = (from..=last.min(from + SEARCH)).find(|&k| self.can_signal(f, e, k)) {
            return Some(number);
        }
        self.push(Instr::new(Op::Nop).on(engine(f)), None, f, &[], &[0; N]);
        let number = last + 1;
        self.can_signal(f, e, number).then_some(number)
    }

    /// Whether instruction `number` of engine `f` has a free slot for a signal to `e` that cannot overflow.
    fn can_signal(&self, f: usize, e: usize, number: u32) -> bool {
        let (at, clock) = self.done[f][number as usize - 1];
        let waits = &self.waits[f][e];
        let taken = waits.partition_point(|w| *w <= clock[e]);
        self.out[at].instr.signals[1].is_none() && waits.len() + 1 - taken <= MAX_UNITS
    }

    fn push(&mut self, mut instr: Instr, op: Option<InstrId>, e: usize, edges: &[usize], need: &Clock) {
        let number = self.done[e].len() as u32 + 1;
        for &f in edges {
            let (at, clock) = self.done[f][need[f] as usize - 1];
            let sem = (f * N + e) as u8;
            let signalled = self.out[at].instr.add_signal(sem, 1);
            let waited = instr.add_wait(sem, 1);
            assert!(signalled && waited, "slots were counted");
            self.waits[f][e].push(number);
            for (k, c) in self.known[e].iter_mut().zip(clock) {
                *k = (*k).max(c);
            }
        }
        self.known[e][e] = number;
        self.done[e].push((self.out.len(), self.known[e]));
        self.out.push(PlacedOp { instr, op });
    }

    fn fence(&mut self) {
        self.out.push(PlacedOp { instr: Instr::new(Op::Fence), op: None });
        let all: Clock = std::array::from_fn(|f| self.done[f].len() as u32);
        self.known = [all; N];
    }
}

fn engine(code: usize) -> Engine {
    u8::try_from(code).ok().and_then(Engine::from_code).expect("five engines")
}
