//! %4[1, 0] is -0.3896017074584961, the reference has -0.3896019458770752 ± 2.3222087036830037e-8 (2 of 4 elements)
//! Copy to `tests/suites/` of the Touchstone workspace, or run `touchstone check /tmp/f1/compose-perm-reversed/findings/fef99d0ced95afd3`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x1": f32[2,17]
  const %1: f32[2,17] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}
  const %2: f32[2] = {-0.38960195, 0.9009975}
  %3: f32[2,2] = Gemm(%0, %1, %2) {alpha=f1.0, beta=f1.0, transA=0, transB=1} @0 "Gemm_21"
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
            &["000080c00000004100000041000000400000004100000041000080c00000004000000000000080c000000041000000c0000000410000c04000000041000000c10000000000000000000080400000c0c0000000400000004000000041000000c100000040000080c0000000c000000000000000c000000040000000410000c0c0000000c100000041", ],
        ],
    }
    .assert_agrees();
}
