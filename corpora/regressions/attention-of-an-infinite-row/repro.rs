//! g.decompose claims Real, yet the meaning changed: y0[1, 0, 0, 0] is NaN, the reference has 0.0 ± 5e-324 (1 of 2 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/a/findings/65ed26846e1a4186`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[2,1,1,1]
  in %1 "x3": f32[2,1,1,1]
  in %2 "x4": f32[2,1,1,1]
  %3: f32[2,1,1,1], %4: f32[2,1,1,1], %5: f32[2,1,1,1] = Attention(%0, %1, %2) {is_causal=0, left_window_size=-1, qk_matmul_output_mode=0, right_window_size=-1, softcap=f0.0} @0 "Attention_4"
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
            &["0000803f0000803f", "0000803f000080ff", "0000000000000000", ],
        ],
    }
    .assert_agrees();
}
