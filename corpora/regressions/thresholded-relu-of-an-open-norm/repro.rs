//! y1[0, 0, 0, 0] is inf, the reference has 0.0 ± 0e0 (1 of 1 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c1/findings/7892a707775c387c`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,1,1,12]
  %1: f32[1,1,1,8] = AveragePool(%0) {auto_pad="NOTSET", ceil_mode=0, count_include_pad=0, dilations=[1, 1], kernel_shape=[1, 5], pads=[0, 0, 0, 0]} @0 "AveragePool_0"
  %2: f32[1,1,1,1] = ReduceL2(%1) {keepdims=1, noop_with_empty_axes=0} @1 "ReduceL2_1"
  %3: f32[1,1,1,1] = ThresholdedRelu(%2) {alpha=f1.0} @2 "ThresholdedRelu_10"
  out %3 "y1"
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
            &["83fe283f3ee72440960c003ff2951b3d02dd69bfbe2d8dbf64bfc9be1c63b1be64023bbe99d00dbfb20d48beffff7f7f", ],
        ],
    }
    .assert_agrees();
}
