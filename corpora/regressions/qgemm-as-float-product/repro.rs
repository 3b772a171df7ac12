//! y0[1, 0] is -5.272958755493164, the reference has -5.272956843487918 ± 6.285855158336052e-7 (1 of 2 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/cg/f1/findings/1eb88f88a7fb8f76`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v17": u8[2,2]
  const %1: f32[] = {1.0}
  const %2: u8[] = {0}
  const %3: i8[1,2] = {-81, 67}
  const %4: f32[] = {0.00468291}
  const %5: i8[] = {0}
  %6: f32[2,1] = QGemm(%0, %1, %2, %3, %4, %5) {alpha=f1.0, transA=0, transB=1} @0 "QGemm_8"
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
            &["5e505a5c", ],
        ],
    }
    .assert_agrees();
}
