//! g.decompose claims Real, yet the meaning changed: y1[0, 1, 0, 0] is 2.0, the reference has 3.0 ± 0e0 (1 of 4 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/rs/o7/findings/34648b1082289343`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[2,2,1,2]
  %1: f32[2,2,1,1], %2: i64[2,2,1,1] = MaxPool(%0) {auto_pad="NOTSET", ceil_mode=0, kernel_shape=[1, 2], storage_order=0, strides=[1, 1]} @0 "MaxPool_3"
  out %2 "y1"
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
            &["000000c0000000c00000c07f000000c000000080000000000000004000000000", ],
        ],
    }
    .assert_agrees();
}
