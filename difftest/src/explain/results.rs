//! Hypotheses about the result itself: its elements come from other places of it, were never written, or are those of an operand.

use super::variant::{Ending, Family, Variant};
use ir::{Graph, ValueId};

fn ending(note: impl Into<String>, ending: Ending) -> Variant {
    Variant { ending, ..Variant::new(note) }
}

/// All of them, for a graph with one output. `dims`: extents of the result.
pub fn families(g: &Graph, dims: &[usize]) -> Vec<Family> {
    if g.outputs.len() != 1 {
        return Vec::new();
    }
    let mut moved = Vec::new();
    let at = |idx: &[usize]| idx.iter().zip(dims).fold(0, |a, (&x, &d)| a * d + x);
    let n: usize = dims.iter().product();
    for axis in 0..dims.len() {
        let d = dims[axis];
        let mut steps: Vec<usize> = [1, 2, 4, 8, 16, 32, d / 2].into_iter().filter(|&s| s > 0 && s < d).collect();
        steps.sort_unstable();
        steps.dedup();
        for s in steps {
            for back in [false, true] {
                let map = (0..n)
                    .map(|i| {
                        let mut idx = crate::check::multi_index(i, dims);
                        idx[axis] = if back { (idx[axis] + d - s) % d } else { (idx[axis] + s) % d };
                        at(&idx)
                    })
                    .collect();
                let sign = if back { "-" } else { "" };
                moved.push(ending(format!("{sign}{s} along axis {axis}"), Ending::Moved(map)));
            }
        }
    }
    let mut turned = Vec::new();
    for i in 0..dims.len() {
        for j in i + 1..dims.len() {
            if dims[i] > 1 && dims[j] > 1 {
                let mut stored = dims.to_vec();
                stored.swap(i, j);
                let map = (0..n)
                    .map(|k| {
                        let mut idx = crate::check::multi_index(k, dims);
                        idx.swap(i, j);
                        idx.iter().zip(&stored).fold(0, |a, (&x, &d)| a * d + x)
                    })
                    .collect();
                turned.push(ending(format!("axes {i} and {j}"), Ending::Moved(map)));
            }
        }
    }
    let patterns = [(0, "zero"), (0xaaaa_aaaa_aaaa_aaaa, "0xaa"), (u64::MAX, "0xff"), (0xcdcd_cdcd_cdcd_cdcd, "0xcd")];
    let unwritten = patterns.into_iter().map(|(b, t)| ending(t, Ending::Pattern(b))).collect();
    let ty = g.outputs.first().map(|o| g.ty(o.value).clone());
    let copies = g
        .values
        .iter()
        .filter(|(v, x)| g.producer(*v).is_none() && Some(&x.ty) == ty.as_ref())
        .map(|(v, _): (ValueId, _)| ending(g.value_name(v), Ending::Copy(v)))
        .collect();
    let family = |id: &str, phrase: &str, union: bool, variants: Vec<Variant>| Family {
        id: id.into(),
        phrase: phrase.into(),
        tier: 2,
        union,
        variants,
    };
    vec![
        family("tile-misplaced", "elements lie elsewhere in the result", true, moved),
        family("result-transposed", "the result is stored in another order of its axes", false, turned),
        family("not-written", "elements were never written", false, unwritten),
        family("copy-of-operand", "the result is a copy of an operand", false, copies),
    ]
}
