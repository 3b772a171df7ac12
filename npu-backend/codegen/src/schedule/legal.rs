//! Loop nests of any depth and extent as lists of nests that one instruction can hold.

use crate::loops::{Loop, merge};

/// Largest extent of a loop of an instruction.
const MAX_COUNT: usize = 65_535;
/// Extents above it are cut into pieces of this (a multiple of 16).
const PIECE: usize = 65_520;

/// What one instruction can hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Operands whose inner stride must be one of `inner`; the others (record numbers) are free.
    pub operands: usize,
    /// Inner strides that loop 0 may have.
    pub inner: fn(isize) -> bool,
    /// Loops besides loop 0 if there is one with inner strides.
    pub outer: usize,
    /// Loops if there is none.
    pub free: usize,
    /// Largest stride.
    pub max_stride: isize,
}

/// VX: four loops with inner strides 0, 1, −1, 2; else three loops of any strides (form g0).
pub(crate) const fn vector(operands: usize) -> Shape {
    Shape { operands, inner: |s| matches!(s, -1..=2), outer: 3, free: 3, max_stride: 524_287 }
}
/// DMA: a contiguous run and three loops.
pub(crate) const DMA: Shape = Shape { operands: 2, inner: |s| s == 1, outer: 3, free: 3, max_stride: (1 << 28) - 1 };

/// One instruction of a nest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Offset of every operand.
    pub offset: Vec<isize>,
    /// Loops, innermost first; at most 4.
    pub loops: Vec<Loop>,
    /// Loop 0 has inner strides; else the piece has no inner loop (three loops of free strides).
    pub unit: bool,
}

/// Cuts a nest (outermost loop first, `k` operands) into pieces. Pinned loops are kept as loops where possible.
pub(crate) fn legalise(loops: Vec<Loop>, k: usize, shape: &Shape, mut emit: impl FnMut(&Piece)) {
    let loops = merge(loops);
    cut(loops, vec![0; k], shape, &mut emit);
}

/// Splits loops that are too long, then distributes the rest.
fn cut(loops: Vec<Loop>, offset: Vec<isize>, shape: &Shape, emit: &mut impl FnMut(&Piece)) {
    let Some(i) = loops.iter().position(|l| l.n > MAX_COUNT && fits(l, shape)) else {
        return distribute(&loops, &offset, shape, emit);
    };
    let (whole, rest) = (loops[i].n / PIECE, loops[i].n % PIECE);
    let step: Vec<isize> = loops[i].s.iter().map(|s| s * PIECE.cast_signed()).collect();
    let mut main = loops.clone();
    main[i].n = PIECE;
    if whole > 1 {
        main.insert(i, Loop { n: whole, s: step.clone(), pinned: false });
    }
    cut(main, offset.clone(), shape, emit);
    if rest > 0 {
        let mut tail = loops;
        tail[i].n = rest;
        let tail = if rest == 1 { merge(tail) } else { tail };
        let at = offset.iter().zip(&step).map(|(o, s)| o + s * whole.cast_signed()).collect();
        cut(tail, at, shape, emit);
    }
}

fn fits(l: &Loop, shape: &Shape) -> bool {
    l.s[..shape.operands].iter().all(|s| s.abs() <= shape.max_stride)
}

/// Keeps the loops that save most instructions and unrolls the others.
fn distribute(loops: &[Loop], offset: &[isize], shape: &Shape, emit: &mut impl FnMut(&Piece)) {
    let unit = |l: &Loop| fits(l, shape) && l.s[..shape.operands].iter().all(|s| (shape.inner)(*s));
    let inner = (0..loops.len()).filter(|&i| unit(&loops[i])).max_by_key(|&i| loops[i].n);
    let mut others: Vec<usize> = (0..loops.len()).filter(|&i| Some(i) != inner && fits(&loops[i], shape)).collect();
    others.sort_by_key(|&i| (!loops[i].pinned, std::cmp::Reverse(loops[i].n)));
    others.truncate(if inner.is_some() { shape.outer } else { shape.free });
    others.sort_unstable_by_key(|&i| std::cmp::Reverse(i));
    let kept: Vec<Loop> = inner.into_iter().chain(others.iter().copied()).map(|i| loops[i].clone()).collect();
    let unrolled: Vec<&Loop> =
        (0..loops.len()).filter(|i| Some(*i) != inner && !others.contains(i)).map(|i| &loops[i]).collect();
    let mut piece = Piece { offset: offset.to_vec(), loops: kept, unit: inner.is_some() };
    let mut at = vec![0usize; unrolled.len()];
    loop {
        emit(&piece);
        let mut d = unrolled.len();
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            at[d] += 1;
            if at[d] < unrolled[d].n {
                add(&mut piece.offset, &unrolled[d].s, 1);
                break;
            }
            add(&mut piece.offset, &unrolled[d].s, 1 - unrolled[d].n.cast_signed());
            at[d] = 0;
        }
    }
}

fn add(offset: &mut [isize], s: &[isize], times: isize) {
    for (o, s) in offset.iter_mut().zip(s) {
        *o += s * times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All operand positions of a nest, in any order.
    fn positions(loops: &[Loop], base: &[isize]) -> Vec<Vec<isize>> {
        let mut out = vec![base.to_vec()];
        for l in loops {
            let mut next = Vec::with_capacity(out.len() * l.n);
            for o in &out {
                for i in 0..l.n {
                    next.push(o.iter().zip(&l.s).map(|(o, s)| o + s * i.cast_signed()).collect());
                }
            }
            out = next;
        }
        out
    }

    fn check(loops: &[Loop], shape: &Shape) -> Result<usize, TestCaseError> {
        let mut want = positions(loops, &[0, 0]);
        let (mut got, mut pieces) = (Vec::new(), 0);
        let mut bad = Vec::new();
        legalise(loops.to_vec(), 2, shape, |p| {
            pieces += 1;
            let most = if p.unit { 1 + shape.outer } else { shape.free };
            if p.loops.len() > most || p.loops.iter().any(|l| l.n > MAX_COUNT || !fits(l, shape)) {
                bad.push(p.clone());
            }
            if p.unit && !p.loops[0].s.iter().all(|s| (shape.inner)(*s)) {
                bad.push(p.clone());
            }
            got.extend(positions(&p.loops, &p.offset));
        });
        prop_assert!(bad.is_empty(), "{bad:?}");
        want.sort_unstable();
        got.sort_unstable();
        prop_assert!(got == want, "the pieces visit other elements");
        Ok(pieces)
    }

    proptest! {
        #[test]
        fn every_element_is_visited_once(
            n in prop::collection::vec(1usize..6, 1..7),
            s in prop::collection::vec((prop::sample::select(vec![-3isize, -1, 0, 1, 2, 5, 40, 600_000]), prop::sample::select(vec![-7isize, -1, 0, 1, 2, 9, 700_000])), 7),
            dma in any::<bool>(),
        ) {
            let loops: Vec<Loop> = n.iter().zip(&s).map(|(&n, &(a, b))| Loop { n, s: vec![a, b], pinned: false }).collect();
            check(&loops, if dma { &DMA } else { &const { vector(2) } })?;
        }
    }

    #[test]
    fn long_loops_are_cut() {
        for (n, want) in [(65_535, 1), (65_536, 2), (131_040, 1), (200_003, 2)] {
            let loops = vec![Loop { n, s: vec![1, 1], pinned: false }];
            let pieces = check(&loops, &DMA).expect("holds");
            assert_eq!(pieces, want, "{n}");
        }
    }

    #[test]
    fn dense_nests_take_one_instruction() {
        let loops = crate::loops::nest(&[7, 5, 4, 3, 2], &[&[120, 24, 6, 2, 1], &[120, 24, 6, 2, 1]]);
        assert_eq!(check(&loops, &DMA).expect("holds"), 1);
    }
}
