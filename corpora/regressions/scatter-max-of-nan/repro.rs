//! g.decompose claims Real, yet the meaning changed: y0[0, 0, 0, 0] is NaN, the reference has 0.0 ± 0e0 (1 of 1 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/a/findings/a335e3a7909218b6`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x8": f32[1,1,1]
  in %1 "v14": f32[1,1,1,1]
  const %2: i64[1] = {-1}
  %3: f32[1,1,1,1] = ScatterND(%1, %2, %0) {reduction="min"} @0 "ScatterND_5"
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
            &["00000000", "0000c07f", ],
        ],
    }
    .assert_agrees();
}
