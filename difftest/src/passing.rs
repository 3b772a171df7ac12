//! The nearest passing relative of a failing case: what a person compares it with.

use crate::case::Case;
use crate::check::check;
use crate::moves;
use crate::verdict::Verdict;
use ir::Graph;

/// Most checks.
const LIMIT: usize = 48;

/// The graph one reduction move away that agrees, nearest first: another attribute, an operand less, plainer constants, an extent less,
/// a node less. `None` if there is none among the first moves.
pub fn nearest(case: &Case) -> Option<Graph> {
    let same_data = |c: &Case| c.sets == case.sets;
    let candidates = moves::simpler_attributes(case)
        .into_iter()
        .chain(moves::fewer_operands(case))
        .chain(moves::plainer_values(case).into_iter().filter(same_data))
        .chain(moves::smaller_extents(case))
        .chain(moves::bypasses(case))
        .chain(moves::fewer_outputs(case));
    let passes = |c: &Case| {
        let r = check(c);
        r.complete && r.verdict == Some(Verdict::Agree)
    };
    candidates.take(LIMIT).find(passes).map(|c| c.graph)
}
