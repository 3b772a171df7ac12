//! Element offsets of a strided view, with one bounds check before the walk.

use crate::error::{Fault, PlaceName};

/// Checks that every element of `offset + Σ i·stride` lies in `0..elements`.
pub(super) fn check(
    extents: &[usize],
    offset: usize,
    strides: &[isize],
    elements: usize,
    place: PlaceName,
) -> Result<(), Fault> {
    if extents.len() != strides.len() {
        return Err(Fault::Illegal("a view's strides and loops differ in number"));
    }
    if extents.contains(&0) {
        return Ok(());
    }
    let (mut low, mut high) = (offset as i128, offset as i128);
    for (&n, &s) in extents.iter().zip(strides) {
        let reach = (n as i128 - 1) * s as i128;
        if reach < 0 { low += reach } else { high += reach }
    }
    if low < 0 || high >= elements as i128 {
        let bad = if low < 0 { low } else { high };
        return Err(Fault::Bounds { place, offset: bad, len: 1, size: elements });
    }
    Ok(())
}

/// All element offsets in loop order, outermost loop slowest. Call [`check`] first.
pub(super) fn offsets(extents: &[usize], offset: usize, strides: &[isize]) -> Vec<usize> {
    let mut all = vec![offset];
    for (&n, &s) in extents.iter().zip(strides) {
        let mut next = Vec::with_capacity(all.len() * n);
        for &base in &all {
            next.extend((0..n).map(|i| base.wrapping_add_signed(i as isize * s)));
        }
        all = next;
    }
    all
}
