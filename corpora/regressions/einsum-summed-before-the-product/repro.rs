//! y0[0, 0, 0] is NaN, the reference has 0.0 ± 0e0 (1 of 1 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/b/findings/1733c9846acbcc62`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,6,1]
  in %1 "x1": f32[1,1,1,1]
  const %2: f32[1,1] = {0.0}
  %3: f32[1,1,1] = Einsum(%0, %2) {equation="abc,cz->zca"} @0 "Einsum_0"
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
            &["0000003f084643bfffff7f7f4d5251bfa4e9103effff7f7f", "00000000", ],
        ],
    }
    .assert_agrees();
}
