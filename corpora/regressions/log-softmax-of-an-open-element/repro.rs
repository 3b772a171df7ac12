//! y1[1, 0, 0, 0] is -1.3862943649291992, the reference has -1.0986122886681096 ± 7.34114317479917e-4 (3 of 12 elements)
//! Copy to `tests/suites/` of the Touchstone workspace, or run `touchstone check /tmp/o12/findings/a31f8c2231431975`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v15": f32[3,1,3,1]
  in %1 "v24": f32[3,1,3,1]
  in %2 "v34": f32[3,1,1,1]
  const %3: f32[] = {1.0}
  const %4: i8[] = {-128}
  %5: i8[3,1,3,1] = QuantizeLinear(%0, %3, %4) {axis=1, block_size=0, output_dtype=0, precision=0, saturate=1} @0 "QuantizeLinear_9"
  %6: f32[3,1,3,1] = DequantizeLinear(%5, %3, %4) {axis=1, block_size=0, output_dtype=0} @1 "DequantizeLinear_10"
  %7: f32[3,1,3,1] = Mul(%6, %1) {} @2 "Mul_14"
  %8: f32[3,1,4,1] = Concat(%2, %7) {axis=-2} @3 "Concat_18"
  %9: f32[3,1,4,1] = LogSoftmax(%8) {axis=2} @4 "LogSoftmax_23"
  out %9 "y1"
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
            &["000080bf000000c0000080bf000080bf000000c00000c07f000080bf000080bf000080bf", "0000008000000080000000800000008000000080000000c1000000800000008000000080", "000000000000000000000000", ],
        ],
    }
    .assert_agrees();
}
