//! What can be generated: one table a family, one row a kind of node.

mod conv;
mod dynamic;
mod elementwise;
mod index;
mod layout;
mod linear;
mod norm;
mod qlinear;
mod quant;
mod sequence;

use crate::Builder;
use kit::Rng;

/// A kind of node.
pub(crate) struct Row {
    /// Relative frequency.
    pub weight: u32,
    /// Adds the node and its helpers; `None` if nothing in the pool fits.
    pub build: fn(&mut Builder, &mut Rng) -> Option<()>,
    /// Needs [`crate::Profile::conv`].
    pub conv: bool,
    /// Needs [`crate::Profile::integers`].
    pub integers: bool,
}

const fn row(weight: u32, build: fn(&mut Builder, &mut Rng) -> Option<()>) -> Row {
    Row { weight, build, conv: false, integers: false }
}
const fn conv(weight: u32, build: fn(&mut Builder, &mut Rng) -> Option<()>) -> Row {
    Row { weight, build, conv: true, integers: false }
}
const fn integer(weight: u32, build: fn(&mut Builder, &mut Rng) -> Option<()>) -> Row {
    Row { weight, build, conv: false, integers: true }
}

/// All families.
pub(crate) const FAMILIES: &[&[Row]] = &[
    elementwise::ROWS,
    linear::ROWS,
    conv::ROWS,
    norm::ROWS,
    layout::ROWS,
    quant::ROWS,
    dynamic::ROWS,
    qlinear::ROWS,
    index::ROWS,
    sequence::ROWS,
];

/// Families of operators that become many core ones: what [`crate::Profile::composites`] multiplies.
pub(crate) const COMPOSITES: usize = FAMILIES.len() - 4;

/// A random axis of a rank, in the positive or the negative spelling, and its index.
pub(crate) fn axis(rank: usize, rng: &mut Rng) -> (i64, usize) {
    let i = rng.below(rank as u64) as usize;
    let spelled = if rng.chance(1, 3) { i as i64 - rank as i64 } else { i as i64 };
    (spelled, i)
}
