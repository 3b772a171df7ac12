//! y0[0, 16, 0, 0] is 1.3393834929770894e-39, the reference has 1.3393829840252241e-39 ± 1.5966691344193589e-46 (1 of 68 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/a/findings/1b7d20b82616aaa1`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,17,2,2]
  in %1 "x3": f32[1,2,1]
  in %2 "x4": f32[1,2,1]
  %3: f32[1,17,2,2] = RotaryEmbedding(%0, %1, %2) {interleaved=0, num_heads=0, rotary_embedding_dim=0} @0 "RotaryEmbedding_1"
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
            &["0000008050e013bf638643bd59f02c3f3248e8bf8cdbdcbeb70218bf0000003f573f95be9367f53e74741e3d03044cbfd1049d3f5b45253fb35140bf27458c3e72eaab3e000020405f6a20bf4f7ec13d2457f6be02b8d93fffff7fff589b303fffff7fff791a663f179e613d6dcd06c0c9d1dd3d8865430068b879bfcaaf08c0b54303c096bbf7be627d263d0000c07f08cba7bd4604aebf0c92653f5fd914beadf3fbbf00008080000000bff8d2dc3f8632923f0000808045cfa13e1a3fbfbfee5fc1bf1894a53f9027b1bff03babbe41b91ebf289994bf2fbf9dbe3497df3f9ae805be5702c3bec932d93ea8a35c3f35e4733e462ab73f9043a2bf7878f0be16f0f7be79931580a928783ea4c1123e", "0000000000000000", "d00b2d3fba1ac43d", ],
        ],
    }
    .assert_agrees();
}
