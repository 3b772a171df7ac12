//! y1[0, 1, 1, 0] is NaN, the reference has 0.0 ± 1.0000001192092898e0 (8 of 28 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c5/findings/fe5169ef39759aeb`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v7": f32[1,2,7,2]
  const %3: f32[1,7,1,2] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}
  %1: f32[1,2,7,2] = Reciprocal(%0) {} @0 "Reciprocal_21"
  %2: f32[1,7,2,2] = Transpose(%1) {perm=[0, 2, 3, 1]} @1 "Transpose_23"
  %4: f32[1,7,2,2] = PRelu(%2, %3) {} @2 "PRelu_28"
  %5: f32[1,7,2,2] = Tanh(%4) {} @3 "Tanh_31"
  out %2 "y0"
  out %5 "y1"
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
            &["00000000000000000000000000000080000040400000008000000080000000c00000000000000080000080bf000000800000803f0000c07f000080bf0000803f0000803f000080bf000000800000803f00000000000000c100004040000080bf000000800000803f000000800000803f", ],
        ],
    }
    .assert_agrees();
}
