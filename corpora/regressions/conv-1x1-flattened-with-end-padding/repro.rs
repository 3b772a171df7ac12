//! stage F group 1: access to bytes 2..3 of operand 0, which has 1
//! Copy to `tests/suites/` of the Touchstone workspace, or run `touchstone check /tmp/o1/findings/ccee7b2a109ccbc2`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v26": f32[1,1,1]
  const %1: f32[1,1,1] = {0.0}
  %2: f32[1,1,3] = Conv(%0, %1) {auto_pad="NOTSET", group=1, kernel_shape=[1], pads=[0, 2], strides=[1]} @0 "Conv_15"
  out %2 "y0"
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
            &["00000000", ],
        ],
    }
    .assert_agrees();
}
