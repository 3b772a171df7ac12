//! y0[0, 16] is 3.1038480725101833e-40, the reference has 3.103832818781597e-40 ± 1.438299039360143e-45 (1 of 17 elements)
//! Copy to `tests/suites/` of the Touchstone workspace, or run `touchstone check target/touchstone/findings/48fd3c501f1dce93`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "v12": f32[1,1]
  const %1: f32[17,1] = {-2.9728866, 0.16979681, 0.8908233, -0.8829241, 0.2869089, 0.20204875, -1.1464944, 0.82130456, -0.03939785, -1.404159, -0.30868208, -0.46232322, -0.6506748, 1.1350832, -1.5182036, -0.5064839, 0.20655161}
  %2: f32[1,17] = Gemm(%0, %1) {alpha=f1.25, beta=f1.0, transA=0, transB=1} @0 "Gemm_6"
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
            &["1d170d00", ],
        ],
    }
    .assert_agrees();
}
