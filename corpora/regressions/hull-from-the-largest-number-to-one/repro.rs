//! y0[0, 0, 3, 0] is 0.7615941762924194, the reference has -1.0 ± 1.0000002384185795e0 (1 of 28 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c3/findings/d0fd0be3cead49e7`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,1,2,14]
  const %3: f32[] = {1.0}
  %1: f32[1,1,1,1] = ReduceProd(%0) {keepdims=1, noop_with_empty_axes=0} @0 "ReduceProd_0"
  %2: bool[1,1,2,14] = Less(%0, %1) {} @1 "Less_1"
  %4: f32[1,1,2,14] = Where(%2, %0, %3) {} @2 "Where_2"
  %5: f32[1,2,14,1] = Transpose(%4) {perm=[1, 2, 3, 0]} @3 "Transpose_11"
  %6: f32[1,2,14,1] = Tanh(%5) {} @4 "Tanh_22"
  out %6 "y0"
}
"####;

#[test]
fn repro() {
    difftest::dir::Repro {
        graph: GRAPH,
        config: r####"name = "tiny-fuzz"
mx_pixels = 1
mx_channels = 16
mx_depth = 4
rate_half = 4
rate_f32 = 16
clock_mhz = 1000
spm_bytes = 8192
spm_banks = 4
bank_port = 16
acc_rows = 32
prm_records = 64
vx_lanes = 8
dw_lanes = 16
dw_pixels = 1
wport = 8
dram_bw_256 = 512
dram_latency = 20
queue_depth = 16
fetch_port = 8
dma_in_flight = 4
"####,
        opt_level: 2,
        contract: "anvil",
        precision: "as-is",
        control: None,
        faults: &[],
        inputs: &[
            &["53e42f3f000080ff8f6cc93effff7fff00008080b6dcbcbd46aa833f6b03a3bf050de23e97f7c43f34d86bbf9d97c83c855a6c3f5641d43f2ce2bbbd000080800091443f8d413cbf17d6bfbd293b5abf6f61b1bf920df3beffff7f7ff09c863f1d61583fd452eb3ed64e4fbd000000bf", ],
        ],
    }
    .assert_agrees();
}
