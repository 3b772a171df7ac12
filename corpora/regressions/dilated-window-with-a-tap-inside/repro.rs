//! built-type: a window lies wholly in the padding (axis 1: kernel reach 5, pads 2 and 2) at new AveragePool for `AveragePool_22`
//! Copy to `tests/suites/` of the Touchstone workspace, or run `touchstone check /tmp/o9/findings/9bbd76fbd29f518a`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v37": f32[3,1,1]
  %1: f32[3,1,1] = AveragePool(%0) {auto_pad="NOTSET", ceil_mode=0, count_include_pad=1, dilations=[2], kernel_shape=[3], pads=[2, 2], strides=[2]} @0 "AveragePool_22"
  out %1 "y0"
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
            &["000000000000000000000000", ],
        ],
    }
    .assert_agrees();
}
