//! Follows weights through a group's tiles to know which part of K each matrix operation sums.

use crate::fused::{Matrix, TensorId, Weights};
use crate::tile::{BufId, BufMem, BufView, Operand, TileGroup, TileInit, TileMx, TileOp};
use kit::id::Id;

/// Rule and detail of a violation.
type Broken = (&'static str, String);

/// Bit of a row's count: no tap of the last operation on it was inside.
const OUTSIDE: u32 = 1 << 30;

/// No known content.
const UNKNOWN: u32 = u32::MAX;

/// State of one group.
#[derive(Debug)]
pub(crate) struct KOrder<'a> {
    m: &'a Matrix,
    weights: TensorId,
    size: usize,
    /// Element of the weight tensor behind each element of each scratchpad buffer.
    source: Vec<Vec<u32>>,
    /// Next K group of each accumulator row; 0: nothing summed yet; `UNKNOWN`: not written.
    rows: Vec<Vec<u32>>,
    starts: Vec<usize>,
}

impl<'a> KOrder<'a> {
    pub(crate) fn new(m: &'a Matrix, weights: TensorId, g: &TileGroup) -> Self {
        let size = m.mx.size() as usize;
        let rows = |b: &crate::tile::Buf| if b.mem == BufMem::Acc { b.bytes / 64 } else { 0 };
        let unit = if matches!(m.weights, Weights::Packed { .. }) { size } else { 1 };
        let mut starts: Vec<usize> = m.problems.iter().map(|p| p.w / unit).collect();
        starts.sort_unstable();
        starts.dedup();
        KOrder {
            m,
            weights,
            size,
            source: g.bufs.values().map(|_| Vec::new()).collect(),
            rows: g.bufs.values().map(|b| vec![UNKNOWN; rows(b)]).collect(),
            starts,
        }
    }

    /// K groups of the whole matrix, and of one tap (1 where taps share groups).
    fn groups(&self) -> (usize, usize) {
        let m = self.m;
        if m.depthwise {
            ((m.kh * m.kw).div_ceil(16), 1)
        } else if m.kpack {
            let row = (m.kw * m.c).div_ceil(16);
            (m.kh * row, row)
        } else {
            let tap = m.c.div_ceil(16);
            (m.kh * m.kw * tap, tap)
        }
    }

    pub(crate) fn step(&mut self, op: &TileOp) -> Result<(), Broken> {
        match op {
            TileOp::Load { n, src, dst, .. } if src.tensor == self.weights => {
                let from = offsets(n, src.offset as isize, &src.strides);
                self.put(n, dst, from.into_iter().map(|e| e as u32).collect());
            }
            TileOp::Copy { n, a, d } if self.is_known(a.buf) && dense(a) => {
                let from = offsets(n, (a.offset / self.size) as isize, &a.strides);
                let values = from.into_iter().map(|e| self.get(a.buf, e as usize)).collect();
                self.put(n, d, values);
            }
            TileOp::Load { n, dst, .. } => self.put_unknown(n, dst),
            TileOp::Mx(m) => return self.matrix(m),
            TileOp::Fill { n, d, .. } => self.put_unknown(n, d),
            TileOp::Ew { n, a, b, .. } => {
                self.drained(n, a)?;
                if let Some(Operand::View(b)) = b {
                    self.drained(n, b)?;
                }
            }
            TileOp::Copy { n, a, d } => {
                self.drained(n, a)?;
                self.put_unknown(n, d);
            }
            TileOp::Requant { n, a, .. } | TileOp::Cvt { n, a, .. } => self.drained(n, a)?,
            TileOp::Store { n, src, .. } => self.drained(n, src)?,
            TileOp::LoadParams { .. } | TileOp::Red { .. } | TileOp::Pool(_) | TileOp::Gather { .. } => {}
        }
        Ok(())
    }

    fn is_known(&self, b: BufId) -> bool {
        self.source.get(b.index()).is_some_and(|s| !s.is_empty())
    }

    fn get(&self, b: BufId, element: usize) -> u32 {
        self.source.get(b.index()).and_then(|s| s.get(element)).copied().unwrap_or(UNKNOWN)
    }

    fn put(&mut self, n: &[usize], d: &BufView, values: Vec<u32>) {
        if d.dtype.size() as usize != self.size || !d.offset.is_multiple_of(self.size) {
            return;
        }
        let to = offsets(n, (d.offset / self.size) as isize, &d.strides);
        let Some(source) = self.source.get_mut(d.buf.index()) else { return };
        for (to, value) in to.into_iter().zip(values) {
            let Ok(to) = usize::try_from(to) else { continue };
            if source.len() <= to {
                source.resize(to + 1, UNKNOWN);
            }
            source[to] = value;
        }
    }

    /// Forgets what a box held.
    fn put_unknown(&mut self, n: &[usize], d: &BufView) {
        if self.is_known(d.buf) && dense(d) {
            self.put(n, d, vec![UNKNOWN; n.iter().product()]);
        }
    }

    /// Element of lane (first k, first n) of K group `j` of output group `g`, and the K group it is in the whole matrix.
    fn k_group(&self, m: &TileMx, g: usize, j: usize, per_group: usize) -> Option<usize> {
        let first = m.w.1 / self.size;
        let at = if m.depthwise { first + (g * m.kh * m.kw + j * 16) * 16 } else { first + (g * per_group + j) * 256 };
        let source = self.get(m.w.0, at);
        if source == UNKNOWN {
            return None;
        }
        let source = source as usize;
        let start = *self.starts.iter().rev().find(|s| **s <= source)?;
        let offset = source - start;
        match self.m.weights {
            Weights::Packed { .. } if self.m.depthwise => {
                let tap = offset / 16 % (self.m.kh * self.m.kw);
                tap.is_multiple_of(16).then_some(tap / 16)
            }
            Weights::Packed { .. } => offset.is_multiple_of(256).then_some(offset / 256 % self.groups().0),
            Weights::Runtime { k_stride, n_stride } => {
                let k =
                    if k_stride > n_stride { offset / k_stride } else { offset % n_stride.max(1) / k_stride.max(1) };
                k.is_multiple_of(16).then_some(k / 16)
            }
        }
    }

    fn matrix(&mut self, m: &TileMx) -> Result<(), Broken> {
        let per_group = if m.depthwise {
            (m.kh * m.kw).div_ceil(16)
        } else if m.kpack {
            m.kh * (m.kw * m.c).div_ceil(16)
        } else {
            m.kh * m.kw * m.c.div_ceil(16)
        };
        let (total, tap) = self.groups();
        let outside = self.may_skip() && !reaches(m);
        let pixels = m.oh * m.ow;
        for g in 0..m.n.div_ceil(16) {
            let list: Vec<Option<usize>> = (0..per_group).map(|j| self.k_group(m, g, j, per_group)).collect();
            let Some(list) = list.into_iter().collect::<Option<Vec<usize>>>() else {
                return Err((
                    "k-order",
                    format!("the weights of output group {g} are not whole K groups of the operand"),
                ));
            };
            let (Some(&first), Some(&last)) = (list.first(), list.last()) else { continue };
            if let Some(w) = list.windows(2).find(|w| w[1] <= w[0] || !self.gap(w[0] + 1, w[1], tap)) {
                return Err(("k-order", format!("K group {} follows {}", w[1], w[0])));
            }
            let begin = m.acc_row + g * m.acc_sn;
            let gaps_allowed = self.may_skip();
            let Some(rows) = self.rows.get_mut(m.acc.index()).and_then(|r| r.get_mut(begin..begin + pixels)) else {
                continue; // outside: the bounds rule says so
            };
            for row in rows {
                let next = match m.init {
                    TileInit::Zero | TileInit::Bias => 0,
                    TileInit::Accumulate if *row == UNKNOWN => {
                        return Err(("k-order", format!("output group {g} adds to a row that nothing started")));
                    }
                    TileInit::Accumulate => (*row & !OUTSIDE) as usize,
                };
                let whole_taps = next.is_multiple_of(tap) && first.is_multiple_of(tap) && gaps_allowed;
                if first < next || (first > next && !whole_taps) {
                    return Err(("k-order", format!("K group {first} comes after {next} groups of {total}")));
                }
                *row = (last as u32 + 1) | if outside { OUTSIDE } else { 0 };
            }
        }
        Ok(())
    }

    /// Whether K groups `from..to` may be left out.
    fn gap(&self, from: usize, to: usize, tap: usize) -> bool {
        from == to || (from.is_multiple_of(tap) && to.is_multiple_of(tap) && self.may_skip())
    }

    /// Whether some tap of some output can lie outside the input.
    fn may_skip(&self) -> bool {
        let m = self.m;
        let below = m.iy0 + ((m.oh - 1) * m.sy + (m.kh - 1) * m.dy) as isize >= m.ih as isize;
        let right = m.ix0 + ((m.ow - 1) * m.sx + (m.kw - 1) * m.dx) as isize >= m.iw as isize;
        m.iy0 < 0 || m.ix0 < 0 || below || right
    }

    /// Rows that are read must have been summed to the end.
    fn drained(&self, n: &[usize], v: &BufView) -> Result<(), Broken> {
        let Some(rows) = self.rows.get(v.buf.index()).filter(|r| !r.is_empty()) else { return Ok(()) };
        let (total, tap) = self.groups();
        let size = v.dtype.size() as isize;
        for e in offsets(n, 0, &v.strides) {
            let row = (v.offset as isize + e * size) / 64;
            let Some(&next) = usize::try_from(row).ok().and_then(|r| rows.get(r)) else { continue };
            // After an operation none of whose taps is inside, the rest of its tap contributes nothing either.
            let (next, outside) = if next == UNKNOWN { (next, false) } else { (next & !OUTSIDE, next & OUTSIDE != 0) };
            let complete =
                outside || next as usize == total || (self.may_skip() && (next as usize).is_multiple_of(tap));
            if next == UNKNOWN || !complete {
                return Err(("k-complete", format!("row {row} is read after {next} of {total} K groups")));
            }
        }
        Ok(())
    }
}

/// Whether a view's elements are whole elements of its buffer.
fn dense(v: &BufView) -> bool {
    v.offset.is_multiple_of(v.dtype.size() as usize)
}

/// Element offsets of a box in loop order.
fn offsets(n: &[usize], first: isize, strides: &[isize]) -> Vec<isize> {
    let mut all = vec![first];
    for (&n, &s) in n.iter().zip(strides) {
        all = all.iter().flat_map(|&b| (0..n as isize).map(move |i| b + i * s)).collect();
    }
    all
}

/// Whether some tap of some output of an operation lies inside its input.
fn reaches(m: &TileMx) -> bool {
    let along = |start: isize, outs: usize, s: usize, taps: usize, d: usize, len: usize| {
        (0..outs).any(|o| (0..taps).any(|t| (0..len as isize).contains(&(start + (o * s + t * d) as isize))))
    };
    along(m.iy0, m.oh, m.sy, m.kh, m.dy, m.ih) && along(m.ix0, m.ow, m.sx, m.kw, m.dx, m.iw)
}
