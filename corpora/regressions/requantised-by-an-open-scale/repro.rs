//! y0[0, 0, 0, 0] is 0.0, the reference has -128.0 ± 0e0 (24 of 24 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/cg/f1/findings/00979abdf823ccb6`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v5": f32[1,2,12,1]
  const %4: i8[1,1] = {0}
  const %5: f32[] = {0.0}
  const %6: i8[] = {0}
  const %7: f32[] = {1.0}
  const %8: i8[] = {-128}
  %1: u8[1,2,12,1], %2: f32[], %3: u8[] = DynamicQuantizeLinear(%0) {} @0 "DynamicQuantizeLinear_2"
  %9: i8[1,2,12,1] = QLinearMatMul(%1, %2, %3, %4, %5, %6, %7, %8) {} @1 "QLinearMatMul_3"
  out %9 "y0"
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
            &["000080bf000080bf000080bf000080bf00000080000000000000008000000000000080bf000080bf00000080000000000000803f0000803f00000000000080bf000000800000803f0000803f000000800000803f000080bf0000c07f00000000", ],
        ],
    }
    .assert_agrees();
}
