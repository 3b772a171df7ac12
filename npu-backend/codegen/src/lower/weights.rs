//! Weights of a convolution that are computed at run time: packed in DRAM by a `Move` of copies and zero fills.

use super::{Lower, Result_, make_copy};
use crate::loops::{merge, nest};
use crate::pack::PackShape;
use ir::{NodeId, ValueId};
use lir::fused::{Copy, FTensor, Fill, GroupKind, Layout, Move, TensorDef, TensorId};

/// Groups of 16 of a length: (first group, groups, lanes) of the whole ones and of the partial one.
fn parts(len: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let whole = (len / 16 > 0).then_some((0, len / 16, 16));
    let rest = (!len.is_multiple_of(16)).then_some((len / 16, 1, len % 16));
    whole.into_iter().chain(rest)
}

/// A list of (extent, source stride, destination stride), outermost first.
type Dims = Vec<(usize, usize, usize)>;

fn copy(dims: &Dims, src: usize, dst: usize) -> Copy {
    let n: Vec<usize> = dims.iter().map(|d| d.0).collect();
    let s: Vec<isize> = dims.iter().map(|d| d.1.cast_signed()).collect();
    let d: Vec<isize> = dims.iter().map(|d| d.2.cast_signed()).collect();
    make_copy(&n, 0, src, &s, dst, &d)
}

fn zeros(dims: &[(usize, usize)], offset: usize) -> Fill {
    let n: Vec<usize> = dims.iter().map(|d| d.0).collect();
    let s: Vec<isize> = dims.iter().map(|d| d.1.cast_signed()).collect();
    let (n, s) = super::split(&merge(nest(&n, &[&s])), 1);
    Fill { n, offset, strides: s[0].clone(), bits: 0 }
}

/// Copies and fills that pack `groups` weights of this shape from `[o][c][ky][kx]` order; together they write every
/// packed element once.
pub(crate) fn packing(s: &PackShape, groups: usize) -> Move {
    let taps = s.kh * s.kw;
    let (per_n, per_group) = (s.c * taps, s.n * s.c * taps);
    let outer = (groups, per_group, s.elems());
    let (mut copies, mut fills) = (Vec::new(), Vec::new());
    if s.depthwise {
        for (g0, gn, lanes) in parts(s.n) {
            let dims = vec![outer, (gn, 16 * taps, taps * 16), (taps, 1, 16), (lanes, taps, 1)];
            copies.push(copy(&dims, g0 * 16 * taps, g0 * taps * 16));
            if lanes < 16 {
                fills.push(zeros(&[(groups, s.elems()), (taps, 16), (16 - lanes, 1)], g0 * taps * 16 + lanes));
            }
        }
        return Move { copies, fills };
    }
    // Blocks of 256: `blocks` of them in a group of 16 outputs, `kg` for each run of summed lanes.
    let (kg, block_group) = (s.k_groups(), s.group_elems());
    let (rows, lanes_all) = if s.kpack { (s.kh, s.kw * s.c) } else { (taps, s.c) };
    for (g0, gn, nl) in parts(s.n) {
        let (src, dst) = (g0 * 16 * per_n, g0 * block_group);
        let head = |v: Dims| -> Dims { [outer, (gn, 16 * per_n, block_group)].into_iter().chain(v).collect() };
        if s.kpack {
            for q in 0..lanes_all {
                let (kx, c) = (q / s.c, q % s.c);
                let dims = head(vec![(s.kh, s.kw, kg * 256), (nl, per_n, 16)]);
                copies.push(copy(&dims, src + c * taps + kx, dst + q / 16 * 256 + q % 16));
            }
        } else {
            for (c0, cn, cl) in parts(s.c) {
                let dims = head(vec![(taps, 1, kg * 256), (cn, 16 * taps, 256), (nl, per_n, 16), (cl, taps, 1)]);
                copies.push(copy(&dims, src + c0 * 16 * taps, dst + c0 * 256));
            }
        }
        if !lanes_all.is_multiple_of(16) {
            let at = dst + (kg - 1) * 256 + lanes_all % 16;
            let dims = [(groups, s.elems()), (gn, block_group), (rows, kg * 256), (nl, 16), (16 - lanes_all % 16, 1)];
            fills.push(zeros(&dims, at));
        }
        if nl < 16 {
            fills.push(zeros(&[(groups, s.elems()), (rows * kg, 256), ((16 - nl) * 16, 1)], dst + nl * 16));
        }
    }
    Move { copies, fills }
}

impl Lower<'_, '_> {
    /// The packed form of run-time weights, as a tensor of its own.
    pub(super) fn packed_at_run_time(
        &mut self,
        id: NodeId,
        w: ValueId,
        shape: &PackShape,
        groups: usize,
    ) -> Result_<TensorId> {
        let from = self.want(id, w, Layout::RowMajor)?;
        let dtype = self.dtype(id, w)?;
        let def = TensorDef::Group(self.f.groups.next_id());
        let dims = vec![groups * shape.elems()];
        let out = self.f.tensors.push(FTensor { dtype, dims, layout: Layout::Packed, def, value: None });
        let name = format!("{} (weights)", self.name(id));
        self.push(GroupKind::Move(packing(shape, groups)), vec![from], out, vec![], name);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All positions of a strided box.
    fn positions(n: &[usize], s: &[isize], offset: usize) -> Vec<usize> {
        let mut at = vec![offset];
        for (n, s) in n.iter().zip(s) {
            at = at.iter().flat_map(|o| (0..*n).map(move |i| o + i * s.unsigned_abs())).collect();
        }
        at
    }

    proptest! {
        #[test]
        fn the_move_packs_as_the_packer_does(n in 1usize..36, c in 1usize..36, kh in 1usize..4, kw in 1usize..4, order in 0u8..3, groups in 1usize..4) {
            let s = PackShape { n, c: if order == 2 { 1 } else { c }, kh, kw, kpack: order == 1, depthwise: order == 2 };
            let groups = if s.depthwise { 1 } else { groups };
            let m = packing(&s, groups);
            let mut got = vec![None; groups * s.elems()];
            for c in &m.copies {
                let from = positions(&c.n, &c.src.strides, c.src.offset);
                for (a, b) in from.iter().zip(positions(&c.n, &c.strides, c.offset)) {
                    prop_assert_eq!(got[b].replace(Some(*a)), None);
                }
            }
            for f in &m.fills {
                for b in positions(&f.n, &f.strides, f.offset) {
                    prop_assert_eq!(got[b].replace(None), None);
                }
            }
            let mut want = vec![Some(None); groups * s.elems()];
            for g in 0..groups { for o in 0..n { for ch in 0..s.c { for ky in 0..kh { for kx in 0..kw {
                want[g * s.elems() + s.index(o, ch, ky, kx)] = Some(Some((((g * n + o) * s.c + ch) * kh + ky) * kw + kx));
            }}}}}
            prop_assert_eq!(got, want);
        }
    }
}
