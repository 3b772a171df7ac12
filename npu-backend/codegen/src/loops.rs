//! Loop nests: extents with one stride per operand; merging, dense strides, local boxes.

/// One loop: extent and the stride of every operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// Extent.
    pub n: usize,
    /// Stride of each operand, in that operand's unit.
    pub s: Vec<isize>,
    /// Must stay a loop of its own (a reduced axis, the channel of PRM records).
    pub pinned: bool,
}

/// The loops of a nest, outermost first; `s[k]` are the strides of operand k.
pub(crate) fn nest(n: &[usize], s: &[&[isize]]) -> Vec<Loop> {
    (0..n.len()).map(|i| Loop { n: n[i], s: s.iter().map(|x| x[i]).collect(), pinned: false }).collect()
}

/// Drops loops of extent 1 and merges neighbours whose strides fit for every operand.
pub(crate) fn merge(loops: Vec<Loop>) -> Vec<Loop> {
    let mut out: Vec<Loop> = Vec::with_capacity(loops.len());
    for l in loops {
        if l.n == 1 {
            continue;
        }
        if let Some(o) = out.last_mut()
            && !o.pinned
            && !l.pinned
            && o.s.iter().zip(&l.s).all(|(a, b)| *a == *b * l.n.cast_signed())
        {
            o.n *= l.n;
            o.s = l.s;
            continue;
        }
        out.push(l);
    }
    out
}

/// Row-major strides.
pub(crate) fn dense(dims: &[usize]) -> Vec<isize> {
    let mut s = vec![0; dims.len()];
    let mut p = 1isize;
    for (i, d) in dims.iter().enumerate().rev() {
        s[i] = p;
        p *= (*d).max(1).cast_signed();
    }
    s
}

/// How the box of a view lies in a local buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalBox {
    /// Elements per step of each loop; 0 where the view broadcasts.
    pub strides: Vec<isize>,
    /// Element of index 0.
    pub offset: usize,
    /// Elements of the box.
    pub elems: usize,
}

/// Lays a box out so that the loops with the smallest stride in DRAM are innermost: loads then run over contiguous bytes.
/// A negative stride keeps its sign, so that bytes ascend together.
pub(crate) fn local_box(ext: &[usize], strides: &[isize]) -> LocalBox {
    let mut order: Vec<usize> = (0..ext.len()).filter(|&i| strides[i] != 0 && ext[i] > 1).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(strides[i].unsigned_abs()));
    let mut out = LocalBox { strides: vec![0; ext.len()], offset: 0, elems: 1 };
    for &i in order.iter().rev() {
        let s = out.elems;
        out.strides[i] = if strides[i] < 0 { -s.cast_signed() } else { s.cast_signed() };
        if strides[i] < 0 {
            out.offset += (ext[i] - 1) * s;
        }
        out.elems *= ext[i];
    }
    out
}

/// Elements of a view's box.
pub(crate) fn box_elems(ext: &[usize], strides: &[isize]) -> usize {
    ext.iter().zip(strides).filter(|(_, s)| **s != 0).map(|(e, _)| *e).product()
}

/// The start of a box: offset plus `Σ start·stride`.
pub(crate) fn start(offset: usize, strides: &[isize], at: &[usize]) -> usize {
    let o = strides.iter().zip(at).fold(offset.cast_signed(), |o, (s, i)| o + s * i.cast_signed());
    usize::try_from(o).expect("a view stays inside its tensor")
}

/// The largest box within `space` that `fits`, grown loop by loop in the given order; `None` if `from` does not fit.
/// `fits` must be monotone. Extents are balanced, so that the last tile is not a sliver.
pub(crate) fn grow(
    space: &[usize],
    from: Vec<usize>,
    order: impl Iterator<Item = usize>,
    fits: impl Fn(&[usize]) -> bool,
) -> Option<Vec<usize>> {
    let mut ext = from;
    if !fits(&ext) {
        return None;
    }
    for i in order {
        let (mut lo, mut hi) = (ext[i], space[i].max(ext[i]));
        while lo < hi {
            let mid = lo + (hi - lo).div_ceil(2);
            ext[i] = mid;
            if fits(&ext) { lo = mid } else { hi = mid - 1 }
        }
        ext[i] = space[i].div_ceil(space[i].div_ceil(lo).max(1)).max(1);
    }
    Some(ext)
}

/// Visits every tile of a space in row-major order: start, extents, coordinates.
pub(crate) fn for_tiles<E>(
    space: &[usize],
    ext: &[usize],
    mut f: impl FnMut(&[usize], &[usize], &[u32]) -> Result<(), E>,
) -> Result<(), E> {
    if space.contains(&0) {
        return Ok(());
    }
    let mut at = vec![0usize; space.len()];
    let mut coords = vec![0u32; space.len()];
    loop {
        let size: Vec<usize> = (0..space.len()).map(|i| ext[i].min(space[i] - at[i])).collect();
        f(&at, &size, &coords)?;
        let mut i = space.len();
        loop {
            if i == 0 {
                return Ok(());
            }
            i -= 1;
            at[i] += ext[i];
            coords[i] += 1;
            if at[i] < space[i] {
                break;
            }
            at[i] = 0;
            coords[i] = 0;
        }
    }
}

/// Number of tiles along each loop.
pub(crate) fn grid_of(space: &[usize], ext: &[usize]) -> Vec<u32> {
    space.iter().zip(ext).map(|(s, e)| u32::try_from(s.div_ceil(*e)).unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_the_visited_offsets_in_order() {
        let n = [2, 3, 1, 4, 5];
        let a = [60isize, 20, 7, 5, 1];
        let b = [0isize, 20, 9, 5, 1];
        let loops = merge(nest(&n, &[&a, &b]));
        assert_eq!(loops.iter().map(|l| l.n).collect::<Vec<_>>(), vec![2, 60]);
        let mut seen = Vec::new();
        for i in 0..2isize {
            for j in 0..60isize {
                seen.push([i * loops[0].s[0] + j * loops[1].s[0], i * loops[0].s[1] + j * loops[1].s[1]]);
            }
        }
        let mut want = Vec::new();
        for i in 0..2isize {
            for j in 0..3isize {
                for k in 0..4isize {
                    for l in 0..5isize {
                        want.push([i * 60 + j * 20 + k * 5 + l, j * 20 + k * 5 + l]);
                    }
                }
            }
        }
        assert_eq!(seen, want);
    }

    #[test]
    fn a_local_box_holds_each_element_once() {
        let ext = [3, 4, 2, 5];
        let b = local_box(&ext, &[-1, 0, 100, 7]);
        assert_eq!(b.elems, 30);
        let mut seen = [0; 30];
        for i in 0..3isize {
            for k in 0..2isize {
                for l in 0..5isize {
                    let e = b.offset.cast_signed() + i * b.strides[0] + k * b.strides[2] + l * b.strides[3];
                    seen[usize::try_from(e).expect("inside")] += 1;
                }
            }
        }
        assert!(seen.iter().all(|&c| c == 1));
        assert_eq!((b.strides[0], b.strides[1]), (-1, 0));
    }

    #[test]
    fn tiles_cover_a_space_once() {
        let mut seen = [0; 7 * 5];
        for_tiles::<()>(&[7, 5], &[3, 2], |at, size, _| {
            for i in 0..size[0] {
                for j in 0..size[1] {
                    seen[(at[0] + i) * 5 + at[1] + j] += 1;
                }
            }
            Ok(())
        })
        .expect("no error");
        assert!(seen.iter().all(|&c| c == 1));
    }
}
