//! Injectable faults: real miscompiles (FAULTS.md) as wrong rewrites or edits at a stage boundary. One file each, one row here.

mod accumulate_flag_lost;
mod activation_lost_on_second_piece;
mod average_counts_padding;
mod batch_stride_not_advanced;
mod batchnorm_into_shared_conv;
mod bias_of_first_group;
mod buffer_refilled_before_store;
mod compose_perm_reversed;
mod concat_axis_fixed;
mod constants_cut_to_words;
mod dilation_of_height;
mod dma_rounded_to_burst;
mod edit;
mod freed_after_first_read;
mod gather_negative_clamped;
mod gemm_perm_unchecked;
mod halo_of_last_rows_off_by_one;
mod int_div_floors;
mod integer_padding_is_zero;
mod k_tail_dropped;
mod last_lanes_not_masked;
mod lossy_cast_pair_dropped;
mod max_loses_nan;
mod mean_divides_by_padded_length;
mod pad_value_not_checked;
mod parameter_record_off_by_one;
mod qlinear_zero_point_of_operand;
mod records_of_second_channel_group;
mod reduction_reads_padding_lanes;
mod reduction_restarts;
mod relu_before_quantize_dropped;
mod relu_lost_with_channel_tail;
mod requant_scale_of_next_channel;
mod requant_zero_point_unsigned;
mod result_placed_on_source;
mod round_ties_up;
mod row_stride_rounded_up;
mod scale_through_relu;
mod sign_of_column_dropped;
mod slice_backwards_shifted;
mod softmax_coerced_to_matrix;
mod stale_weights;
mod store_offset_not_advanced;
mod sub_self_is_zero;
mod token_never_taken;
mod wait_for_weights_dropped;

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
    pad_value_not_checked::FAULT,
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
    integer_padding_is_zero::FAULT,
    qlinear_zero_point_of_operand::FAULT,
    requant_scale_of_next_channel::FAULT,
    requant_zero_point_unsigned::FAULT,
    bias_of_first_group::FAULT,
    batch_stride_not_advanced::FAULT,
    relu_lost_with_channel_tail::FAULT,
    dilation_of_height::FAULT,
    average_counts_padding::FAULT,
    mean_divides_by_padded_length::FAULT,
    halo_of_last_rows_off_by_one::FAULT,
    k_tail_dropped::FAULT,
    accumulate_flag_lost::FAULT,
    reduction_restarts::FAULT,
    store_offset_not_advanced::FAULT,
    records_of_second_channel_group::FAULT,
    stale_weights::FAULT,
    last_lanes_not_masked::FAULT,
    reduction_reads_padding_lanes::FAULT,
    row_stride_rounded_up::FAULT,
    activation_lost_on_second_piece::FAULT,
    result_placed_on_source::FAULT,
    freed_after_first_read::FAULT,
    wait_for_weights_dropped::FAULT,
    buffer_refilled_before_store::FAULT,
    token_never_taken::FAULT,
    dma_rounded_to_burst::FAULT,
    parameter_record_off_by_one::FAULT,
    sign_of_column_dropped::FAULT,
    constants_cut_to_words::FAULT,
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
