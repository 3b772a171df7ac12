//! y0[1, 0, 0, 7] is 0.0, the reference has NaN ± 0e0 (1 of 32 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c1/findings/1cc3f5118d15dabe`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[2,1,2,8]
  in %1 "v3": f32[2,1,2,8]
  in %2 "v12": f32[2,1,2,8]
  const %3: f32[] = {1.0}
  const %4: i8[] = {-6}
  %5: i8[2,1,2,8] = QuantizeLinear(%2, %3, %4) {axis=1, block_size=0, output_dtype=0, precision=0, saturate=1} @0 "QuantizeLinear_9"
  %6: f32[2,1,2,8] = DequantizeLinear(%5, %3) {axis=1, block_size=0, output_dtype=0} @1 "DequantizeLinear_10"
  %7: bool[2,1,2,8] = Greater(%0, %6) {} @2 "Greater_11"
  %8: f32[2,1,2,8] = Where(%7, %0, %1) {} @3 "Where_12"
  %9: f32[2,1,2,8] = Clip(%8) {} @4 "Clip_13"
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
            &["0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000", "000080bf000000c0000080bf000080bf000080bf000080bf00000000000080bf000080bf000080bf00000080000040c0000040c0000080bf000080ff00000080000080bf000080bf000000c0000000c1000080bf00000080000000800000c07f00000080000040c0000080bf000080ff000080bf000040c00000008000000080", "000080bf000000c0000080bf000080bf000080bf000080bf00000000000080bf000080bf000080bf00000080000040c0000040c0000080bf000080ff00000080000080bf000080bf000000c0000000c1000080bf00000080000000800000c07f00000080000040c0000080bf000080ff000080bf000040c00000008000000080", ],
        ],
    }
    .assert_agrees();
}
