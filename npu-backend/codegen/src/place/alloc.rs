//! First-fit allocation by lifetimes.

/// Addresses for items (first use, last use, size), in any order of first use; an item may take the place of another
/// whose last use lies before its first.
///
/// # Errors
/// The item that does not fit and the capacity it would need.
pub(crate) fn first_fit(
    items: &[(usize, usize, usize)],
    align: usize,
    capacity: usize,
) -> Result<Vec<usize>, (usize, usize)> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&i| items[i].0);
    let mut addr = vec![0; items.len()];
    // Live items by address.
    let mut live: Vec<usize> = Vec::new();
    for i in order {
        let (from, _, size) = items[i];
        live.retain(|&j| items[j].1 >= from);
        let (mut at, mut slot) = (0usize, 0);
        for (k, &j) in live.iter().enumerate() {
            if at + size <= addr[j] {
                break;
            }
            at = (addr[j] + items[j].2).next_multiple_of(align);
            slot = k + 1;
        }
        if at + size > capacity {
            return Err((i, at + size));
        }
        addr[i] = at;
        live.insert(slot, i);
    }
    Ok(addr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn live_items_never_overlap(raw in prop::collection::vec((0usize..40, 0usize..10, 1usize..100), 1..60)) {
            let items: Vec<_> = raw.iter().map(|&(a, l, s)| (a, a + l, s)).collect();
            let addr = first_fit(&items, 16, 1 << 20).expect("room enough");
            for i in 0..items.len() {
                prop_assert_eq!(addr[i] % 16, 0);
                for j in 0..i {
                    let times = items[i].0 <= items[j].1 && items[j].0 <= items[i].1;
                    let places = addr[i] < addr[j] + items[j].2 && addr[j] < addr[i] + items[i].2;
                    prop_assert!(!(times && places), "{} and {}", i, j);
                }
            }
        }
    }

    #[test]
    fn the_sum_of_multiples_of_the_alignment_always_fits() {
        let items = [(0, 3, 32), (1, 1, 16), (2, 9, 64), (2, 2, 16)];
        assert!(first_fit(&items, 16, 128).is_ok());
        assert_eq!(first_fit(&[(0, 1, 100), (1, 2, 100)], 16, 200), Err((1, 212)));
    }
}
