//! Byte sets of the matrix engine, and of windows in general (4.3).

use crate::access::Descriptors;
use crate::codes::Init;
use crate::instr::Mx;
use crate::runs::{Descriptor, Loop, Loops, Space};

/// Positions along one axis: `count` intervals of `len` positions, `stride` apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Progression {
    pub start: u64,
    pub len: u64,
    pub count: u64,
    pub stride: u64,
}

impl Progression {
    /// The two loops over bytes, for a position stride of `bytes`.
    pub fn loops(&self, bytes: i128) -> [Loop; 2] {
        [(self.len, bytes), (self.count, i128::from(self.stride) * bytes)]
    }
}

/// The positions `i0 + o*stride + k*dilation` that lie in `0..limit`, with a rolling buffer's (length, offset) applied.
pub(crate) fn axis(
    i0: i16,
    outputs: u16,
    stride: u16,
    kernel: u16,
    dilation: u16,
    limit: u16,
    ring: Option<(u16, u16)>,
) -> Vec<Progression> {
    let size = usize::from(ring.map_or(limit, |(len, _)| len));
    let mut hit = vec![false; size];
    let (i0, stride, limit) = (i64::from(i0), i64::from(stride), i64::from(limit));
    for k in 0..i64::from(kernel) {
        let first = i0 + k * i64::from(dilation);
        let from = (-first + stride - 1).div_euclid(stride).max(0);
        let to = (limit - 1 - first).div_euclid(stride).min(i64::from(outputs) - 1);
        for o in from..=to {
            let at = usize::try_from(first + o * stride).expect("clipped to 0..limit");
            let at = ring.map_or(at, |(len, off)| (at + usize::from(off)) % usize::from(len));
            hit[at] = true;
        }
    }
    compress(&hit)
}

/// Intervals of equal length and distance become one progression.
fn compress(hit: &[bool]) -> Vec<Progression> {
    let mut out: Vec<Progression> = Vec::new();
    let mut at = 0;
    while at < hit.len() {
        if !hit[at] {
            at += 1;
            continue;
        }
        let len = hit[at..].iter().take_while(|&&h| h).count();
        push(&mut out, at as u64, len as u64);
        at += len;
    }
    out
}

fn push(out: &mut Vec<Progression>, start: u64, len: u64) {
    if let Some(last) = out.last_mut()
        && last.len == len
    {
        let distance = start - (last.start + (last.count - 1) * last.stride);
        if last.count == 1 || last.stride == distance {
            last.stride = distance;
            last.count += 1;
            return;
        }
    }
    out.push(Progression { start, len, count: 1, stride: 0 });
}

/// Byte sets of MXCONV and MXDW.
pub(crate) fn mx(m: &Mx, depthwise: bool) -> Descriptors {
    let mut out = Descriptors { reads: input(m), ..Descriptors::default() };
    out.reads.push(weights(m, depthwise));
    let channels = if depthwise { lanes(m.cg, m.clast) } else { lanes(m.ng, m.nlast) };
    let record = |rec: u64, offset: u64, len: u64, count: u64| Descriptor {
        space: Space::Prm,
        base: i128::from(16 * rec + offset),
        len,
        loops: [(count, 16)].into(),
    };
    if m.init == Init::Bias {
        out.reads.push(record(m.prm_rec.into(), 0, 4, channels));
    }
    if m.zwm {
        out.reads.push(record(m.prm_rec.into(), 14, 2, channels));
    }
    if m.zxm {
        out.reads.push(record(m.zx_rec.into(), 8, 4, 1));
    }
    let groups = if depthwise { m.cg } else { m.ng };
    let rows = Descriptor {
        space: Space::Acc,
        base: 64 * i128::from(m.acc_row),
        len: 64 * u64::from(m.oh) * u64::from(m.ow),
        loops: [(groups.into(), 64 * i128::from(m.acc_sn)), (m.batch.into(), 64 * i128::from(m.b_acc_s))].into(),
    };
    out.rmw.extend((m.init == Init::Accumulate).then(|| rows.clone()));
    out.writes.push(rows);
    out
}

fn lanes(groups: u16, last: u8) -> u64 {
    16 * (u64::from(groups) - 1) + u64::from(last)
}

/// Activations of taps inside the window; lanes beyond clast are not read.
fn input(m: &Mx) -> Vec<Descriptor> {
    let ring = (m.ring_len > 0).then_some((m.ring_len, m.ring_off));
    let rows = axis(m.iy0, m.oh, m.sy, m.kh, m.dy.into(), m.ih, ring);
    let cols = axis(m.ix0, m.ow, m.sx, m.kw, m.dx.into(), m.iw, None);
    let size = u64::from(m.dtype.size());
    // (first group, groups, bytes of a lane block)
    let whole = if m.kpack { 0 } else { u64::from(m.cg) - u64::from(m.clast < 16) };
    let mut blocks = Vec::new();
    if m.kpack {
        blocks.push((0, 1, u64::from(m.in_sx)));
    } else if whole > 0 {
        blocks.push((0, whole, 16 * size));
    }
    if !m.kpack && m.clast < 16 {
        blocks.push((whole, 1, u64::from(m.clast) * size));
    }
    let mut out = Vec::new();
    for y in &rows {
        for x in &cols {
            for &(first, groups, len) in &blocks {
                let base = u64::from(m.in_addr)
                    + y.start * u64::from(m.in_sy)
                    + x.start * u64::from(m.in_sx)
                    + first * u64::from(m.in_sc);
                let mut loops: Loops = y.loops(m.in_sy.into()).into_iter().chain(x.loops(m.in_sx.into())).collect();
                loops.extend([(groups, i128::from(m.in_sc)), (m.batch.into(), i128::from(m.b_in_s))]);
                out.push(Descriptor { space: Space::Spm, base: base.into(), len, loops });
            }
        }
    }
    out
}

/// Packed weight blocks, read whole.
fn weights(m: &Mx, depthwise: bool) -> Descriptor {
    let size = u64::from(m.dtype.size());
    let [kh, kw, cg, ng] = [m.kh, m.kw, m.cg, m.ng].map(u64::from);
    let len = match (depthwise, m.kpack) {
        (true, _) => cg * kh * kw * 16 * size,
        (false, true) => ng * kh * cg * 256 * size,
        (false, false) => ng * kh * kw * cg * 256 * size,
    };
    Descriptor { space: Space::Spm, base: m.w_addr.into(), len, loops: [(m.batch.into(), m.b_w_s.into())].into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_the_positions_that_plain_loops_touch() {
        for (i0, outputs, stride, kernel, dilation, limit, ring) in [
            (-1i16, 14u16, 1u16, 3u16, 1u16, 14u16, None),
            (-3, 7, 2, 7, 1, 14, None),
            (0, 5, 4, 2, 1, 20, None),
            (0, 6, 3, 1, 1, 18, Some((7u16, 3u16))),
            (-5, 9, 2, 3, 4, 11, Some((16, 15))),
            (40, 3, 1, 1, 1, 30, None),
        ] {
            let mut want = vec![false; usize::from(ring.map_or(limit, |r| r.0))];
            for o in 0..outputs {
                for k in 0..kernel {
                    let at = i32::from(i0) + i32::from(o) * i32::from(stride) + i32::from(k) * i32::from(dilation);
                    if at >= 0 && at < i32::from(limit) {
                        let at = at as usize;
                        want[ring.map_or(at, |(len, off)| (at + usize::from(off)) % usize::from(len))] = true;
                    }
                }
            }
            let mut got = vec![false; want.len()];
            for p in axis(i0, outputs, stride, kernel, dilation, limit, ring) {
                for c in 0..p.count {
                    for i in 0..p.len {
                        got[(p.start + c * p.stride + i) as usize] = true;
                    }
                }
            }
            assert_eq!(got, want);
        }
        assert_eq!(axis(-1, 14, 1, 3, 1, 14, None).len(), 1);
        assert_eq!(axis(0, 5, 4, 2, 1, 20, None), [Progression { start: 0, len: 2, count: 5, stride: 4 }]);
    }
}
