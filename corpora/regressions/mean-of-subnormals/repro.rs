//! y0[1, 12, 0] is -3.9270128294085106e-39, the reference has -3.926865817199534e-39 ± 3.7418936507314503e-45 (3 of 117 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c2/findings/4fa180b1cc9850c2`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v3": f32[3,13,3]
  const %1: f32[13] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}
  const %2: f32[13] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}
  %3: f32[3,13,3] = InstanceNormalization(%0, %1, %2) {epsilon=f1e-5} @0 "InstanceNormalization_5"
  out %3 "y0"
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
            &["00002040fd258e3f000000007632373e4c58a83f173f933f3deb463e000000000000000000000000000000000000000000000000f73f413e45d3733f46750040091e6b3f000000000000000000000000d3aeaa3dd64a7d3d689baf3efbdc873f00000000000000000000c07f000000000000000000000000aaef943f2a6a0d3fbb56073e0000c07f0000000000000000f21319409fa1853e697c133e0000000011be9d3fffff7f7f2c9d6e3f00000000000000000000008000000000d39d8a3f00000000d4228a3f00000000abf5303f00000000bd36743f000000000000008000000000208f9b3f1af7603e0000000000000000f404193f9a70103f0000000000000000000000007544de3e6a682f3f00000000000000002934393f0000000077d5653e1c7ae73f735eac3f0000000000000000d96700000000807f420e813ff0e6513fcb0f223eef30bb3e00000080ffff7f7fb7e5563eded28e3f09f8e73e0000000000000000000000007b8d253f000000000000000000000000000000000000003f000000009721d13f8e023b00000000009e8e8d3f000020400000000064102f3f0000000000000000000000004798a33e0000000000000080c303953f0000000000000000000000000000000000000000", ],
        ],
    }
    .assert_agrees();
}
