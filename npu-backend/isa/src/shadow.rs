//! Access history by byte interval: the last write and the last read of each engine (FastTrack, on exact bytes).

use std::collections::BTreeMap;

use crate::runs::{Run, Space};

/// No instruction.
pub(crate) const NONE: u32 = u32::MAX;

/// History of a byte interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Segment {
    end: u64,
    write: u32,
    reads: [u32; 5],
}

/// A conflicting earlier access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Conflict {
    /// The earlier instruction.
    pub earlier: u32,
    /// The earlier access was a write.
    pub earlier_writes: bool,
    /// First byte in common.
    pub addr: u64,
}

/// History of all spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadow {
    spaces: [BTreeMap<u64, Segment>; Space::COUNT],
}

impl Shadow {
    /// Forgets everything (what lies before is ordered before all that follows).
    pub fn clear(&mut self) {
        self.spaces.iter_mut().for_each(BTreeMap::clear);
    }

    /// Records a read by `pc` on engine `eng`; `ordered(earlier)` says whether an instruction is before this one.
    pub fn read(&mut self, run: &Run, pc: u32, eng: usize, ordered: &dyn Fn(u32) -> bool, out: &mut Vec<Conflict>) {
        let map = &mut self.spaces[run.space.index()];
        for (start, end) in intervals(run) {
            cut(map, start);
            cut(map, end);
            let mut at = start;
            let mut gaps = Vec::new();
            for (&s, segment) in map.range_mut(start..end) {
                if s > at {
                    gaps.push((at, s));
                }
                at = segment.end;
                if segment.write != NONE && !ordered(segment.write) {
                    out.push(Conflict { earlier: segment.write, earlier_writes: true, addr: s });
                }
                segment.reads[eng] = pc;
            }
            if at < end {
                gaps.push((at, end));
            }
            for (s, e) in gaps {
                let mut reads = [NONE; 5];
                reads[eng] = pc;
                map.insert(s, Segment { end: e, write: NONE, reads });
            }
        }
    }

    /// Records a write: everything known about these bytes is replaced by it.
    pub fn write(&mut self, run: &Run, pc: u32, ordered: &dyn Fn(u32) -> bool, out: &mut Vec<Conflict>) {
        let map = &mut self.spaces[run.space.index()];
        let mut stale = Vec::new();
        for (start, end) in intervals(run) {
            cut(map, start);
            cut(map, end);
            stale.clear();
            for (&s, segment) in map.range(start..end) {
                stale.push(s);
                if segment.write != NONE && !ordered(segment.write) {
                    out.push(Conflict { earlier: segment.write, earlier_writes: true, addr: s });
                }
                for &reader in segment.reads.iter().filter(|&&r| r != NONE && !ordered(r)) {
                    out.push(Conflict { earlier: reader, earlier_writes: false, addr: s });
                }
            }
            // the first piece keeps its place in the tree
            for s in stale.iter().skip_while(|&&s| s == start) {
                map.remove(s);
            }
            map.insert(start, Segment { end, write: pc, reads: [NONE; 5] });
        }
    }
}

/// Runs beyond this many per set are taken by their hull (only hostile descriptors have so many).
const MAX_RUNS: u64 = 1 << 20;

fn intervals(run: &Run) -> impl Iterator<Item = (u64, u64)> + '_ {
    let (hull, runs) = if run.runs() > MAX_RUNS { (1, 0) } else { (0, usize::MAX) };
    std::iter::once((run.start, run.end())).take(hull).chain(run.intervals().take(runs))
}

/// Splits the segment that holds `at` in its inside.
fn cut(map: &mut BTreeMap<u64, Segment>, at: u64) {
    if let Some((_, segment)) = map.range_mut(..at).next_back()
        && segment.end > at
    {
        let tail = *segment;
        segment.end = at;
        map.insert(at, tail);
    }
}
