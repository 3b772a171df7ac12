//! What instructions do to the memories (NPU.md section 3).
//!
//! Every kernel first checks (bounds, alignment, init, tags, exact sums, parameters, in the order of 2.5) and then
//! computes on slices.

#[rustfmt::skip]
mod constants;
pub(crate) mod dma;
pub(crate) mod mx;
mod mx_float;
mod mx_int;
pub(crate) mod params;
pub(crate) mod pool;
pub(crate) mod quant;
pub mod transcend;
pub(crate) mod view;
pub(crate) mod vx_ew;
mod vx_int;
pub(crate) mod vx_move;
pub(crate) mod vx_red;
