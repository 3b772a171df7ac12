//! y0[0, 0, 1, 3] is NaN, the reference has 1.0 ± 1.1920928977282585e-7 (1 of 32 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check c1/findings/1b1525f54b536f95`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v4": f32[1,1,2,4]
  in %1 "v39": f32[1,4,1,1]
  const %2: f32[] = {1.0}
  const %3: u8[] = {41}
  const %6: f32[] = {1.0}
  const %7: u8[] = {235}
  const %10: f32[] = {1.0}
  %4: u8[1,1,2,4] = QuantizeLinear(%0, %2, %3) {axis=1, block_size=0, output_dtype=0, precision=0, saturate=1} @0 "QuantizeLinear_4"
  %5: f32[1,1,2,4] = DequantizeLinear(%4, %2) {axis=1, block_size=0, output_dtype=0} @1 "DequantizeLinear_5"
  %8: u8[1,1,2,4] = QuantizeLinear(%5, %6, %7) {axis=1, block_size=0, output_dtype=0, precision=0, saturate=1} @2 "QuantizeLinear_10"
  %9: f32[1,1,2,4] = DequantizeLinear(%8, %6, %7) {axis=1, block_size=0, output_dtype=0} @3 "DequantizeLinear_11"
  %11: u8[1,1,2,4] = QuantizeLinear(%9, %10) {axis=1, block_size=0, output_dtype=0, precision=0, saturate=1} @4 "QuantizeLinear_14"
  %12: f32[1,1,2,4] = DequantizeLinear(%11, %10) {axis=1, block_size=0, output_dtype=0} @5 "DequantizeLinear_15"
  %13: f32[1,4,2,4] = Pow(%1, %12) {} @6 "Pow_21"
  out %13 "y0"
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
            &["000000800000000000000080000000800000008000000080000000000000c07f", "0000c07f000080ff000080ff0000807f", ],
        ],
    }
    .assert_agrees();
}
