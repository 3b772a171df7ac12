//! Injectable faults: real miscompiles (FAULTS.md) as wrong rewrites or edits at a stage boundary. One file each, one row here.

mod batchnorm_into_shared_conv;
mod compose_perm_reversed;
mod concat_axis_fixed;
mod edit;
mod gather_negative_clamped;
mod gemm_perm_unchecked;
mod int_div_floors;
mod lossy_cast_pair_dropped;
mod max_loses_nan;
mod pad_into_average_pool;
mod relu_before_quantize_dropped;
mod round_ties_up;
mod scale_through_relu;
mod slice_backwards_shifted;
mod softmax_coerced_to_matrix;
mod sub_self_is_zero;
mod zero_pad_into_max_pool;

use anyhow::{Result, anyhow};
use driver::Injection;

/// Which kind of check should speak first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detector {
    /// A structural verifier or the symbolic contents checker.
    Verifier,
    /// The simulator, or its load-time verifier.
    Trap,
    /// Bits between neighbouring stages.
    Bits,
    /// A group outside of its bound.
    Bound,
    /// A pass that breaks its claim.
    Meaning,
}

/// A fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Kebab-case, says the wrong thing it does.
    pub id: &'static str,
    /// The upstream reports that it imitates.
    pub origin: &'static str,
    /// What it does, one line.
    pub summary: &'static str,
    /// Fewest nodes of a graph on which it can fire.
    pub min_nodes: usize,
    /// Who should find it.
    pub detector: Detector,
    /// The edit.
    pub injection: Injection,
}

/// The catalogue.
pub const FAULTS: &[Fault] = &[
    compose_perm_reversed::FAULT,
    concat_axis_fixed::FAULT,
    gemm_perm_unchecked::FAULT,
    zero_pad_into_max_pool::FAULT,
    pad_into_average_pool::FAULT,
    scale_through_relu::FAULT,
    sub_self_is_zero::FAULT,
    int_div_floors::FAULT,
    slice_backwards_shifted::FAULT,
    gather_negative_clamped::FAULT,
    batchnorm_into_shared_conv::FAULT,
    relu_before_quantize_dropped::FAULT,
    max_loses_nan::FAULT,
    softmax_coerced_to_matrix::FAULT,
    round_ties_up::FAULT,
    lossy_cast_pair_dropped::FAULT,
];

/// The fault of an id.
pub fn find(id: &str) -> Result<&'static Fault> {
    FAULTS.iter().find(|f| f.id == id).ok_or_else(|| anyhow!("no fault `{id}`; `touchstone faults list` shows them"))
}

/// The injections of some ids.
pub fn injections(ids: &[String]) -> Result<Vec<Injection>> {
    ids.iter().map(|id| find(id).map(|f| f.injection)).collect()
}

/// The ids of some injections.
pub fn ids(injections: &[Injection]) -> Vec<String> {
    injections
        .iter()
        .filter_map(|i| FAULTS.iter().find(|f| f.injection.name == i.name))
        .map(|f| f.id.to_string())
        .collect()
}
