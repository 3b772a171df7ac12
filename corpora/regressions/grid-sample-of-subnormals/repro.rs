//! y0[0, 9, 1, 3] is -2.1001820604221763e-40, the reference has -2.1001856731447797e-40 ± 1.0014470474737787e-46 (2 of 160 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/a/findings/477632785833901a`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,10,8,2]
  const %1: f32[1,4,4,2] = {0.90625, -0.09375, -0.21875, -0.46875, -0.96875, -1.09375, 0.53125, 0.90625, 1.03125, 0.03125, 0.65625, -0.71875, 1.28125, 1.15625, -0.96875, 0.53125, -0.84375, 1.03125, -0.46875, -0.71875, 0.28125, -0.21875, -0.84375, -0.96875, -0.09375, -0.21875, -1.09375, 0.40625, -0.46875, -0.09375, -0.09375, -0.21875}
  %2: f32[1,10,4,4] = GridSample(%0, %1) {align_corners=0, mode="linear", padding_mode="zeros"} @0 "GridSample_0"
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
            &["e68dce3f0000807fb5bccc3f00000080c7f30dc0a5d5363fb835a1bf3b08df3fc85904be114468bf000080ff4aa995bf2f908ebe3784babfd2283cbfe90aa4bf8edb163f0000008033a3633e6da520bf9b637ebe9b426cbf000020c099d9e53e702e5dbe4b9ff53ef1e09f3f49dc2dbfb016d33e8cd8ed3e000020c004267ebfec15ab3f187767bf0a70293f627aa1bf00008000a64c403fffff7fff20fdf53f441b5cbfbf4eec3e000080800000c07f52ac293ee68fd33fddb53ebf000000bf668c21bfe191743d0000000058b2433e63ca26bf54c2543fd4ce96bfcbe02e3d996e593fc1a4cbbe9d3399bfb5a859bfc1e9a1be000080001ad33abfc8fc483e120575bf2cab84be0000c07fc72e1a3f5cdd18c0000080ff0719db3dddf3ca3f777f3e3f6c98df3c73aefebe38f66ebf3169e03ff72263bf84f850be31947e3e3f6bcbbed62864bfb1e570bed55b163f9b6dd23b2129263f7e37a93fb72fbd3f816991bd6fcb9dbf3ef735c0ff4e56be36f2d5bfb2867ebf8a9fbebca70f543ed87288bfffff7fff8bdeebbf930fc23f7630b13efdaf41bf7bde0b3f77f6b6bfcbc90ebe1cef993e736d013f3ff82140b705253f00008080a53ec0bfbe1be3beeeb0b0bee6eca4bfbff718bf1bb0aebe3ab014401c5fbb3f59e7683ff52f0fbfdf2bbbbf975ad93ddb740f4022a11d400bd91e3fea55dc3d3949833fbeff6fbeaf35183ed3cd93be5cc5823edefa22002d6b0dbf0000c07fc95691bf3c2e0fbf4312433f811d88bdf52d9e3e2d8087be292562bfce8a5a3d89e9aebc8bce3abf751050bfc831e5bf8c62a43f5b1596bd000080800000c07f45181cbe917d963f771761bfecf607bfb67a0b8086ab6a3f00000000ab62a4bf57cd673e321fb33e", ],
        ],
    }
    .assert_agrees();
}
