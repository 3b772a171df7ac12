//! y0[0, 7, 12, 0] is NaN, the reference has inf ± 0e0 (1 of 504 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/a/findings/811d298f830ac065`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x6": f32[14]
  in %1 "v12": f32[6,7,1,2]
  const %2: f32[14,1,3,2] = hex "000080bf00000040000000c000000040000080bf000000000000803f000000c0000080bf0000803f000080bf00000040000080bf000000400000803f000080bf000080bf0000803f000080bf000080bf0000803f00000000000000400000803f0000803f000080bf000080bf0000803f000000400000803f000080bf000000000000004000000040000000000000803f000000400000803f000000c00000803f000000c000000040000000c0000000c0000000c00000004000000000000080bf000000c0000000c0000000c0000000000000004000000040000080bf000000c0000080bf000080bf000000c0000080bf0000803f0000803f0000803f000080bf0000803f0000803f000000c0000000c0000080bf00000040000080bf000080bf0000803f000080bf000000c000000000000080bf0000803f00000000000000c00000803f000080bf0000000000000000"
  const %4: i64[4] = {2, 9, 14, 2}
  const %6: i64[1] = {2}
  %3: f32[6,14,2,3] = Conv(%1, %2, %0) {auto_pad="NOTSET", dilations=[1, 3], group=7, kernel_shape=[3, 2], pads=[2, 2, 1, 2], strides=[1, 1]} @0 "Conv_3"
  %5: f32[2,9,14,2] = Reshape(%3, %4) {allowzero=0} @1 "Reshape_4"
  %7: f32[2,9,14,2], %8: i64[2,9,14,2] = TopK(%5, %6) {axis=-1, largest=1, sorted=1} @2 "TopK_5"
  out %7 "y0"
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
            &["000000000000000000000000000040c00000803f000080bf000000000000803f0000807f00000000000080bf000080ff00000000000080bf", "eb66c4bf0000c07fc8811e3fbf3ea43fffff7fff29f288be21239b3f5eb5d1be0000807f301d8e3e01d9a13f000020c039b4a7be36ce07807fda963efaef903f45649e3ee468173cbae134c0455304c0b4ce4300d04ae53dce7b48c0280115be684ebc3f000000bf2e9e373f000020409b6ade3f11824abeca7ed13e3c5f00c0f4b0bb3dfff8203f088eb7bf72b0873effff7f7f218f46bfedf6e23b78caa03d471a28bee1c0afbecd70bd3f4da2473f41df523e0000003f000000808232aebfcc920ebf53bb27bfc286e3bfff039dbe1b609abfd19c7cbf72b2e13ebcec9d3f5094a4bfb13a643fffff7f7f54a7af3f830bbc3fffff7fff2f244cbfffff7fff6f2c2dbf00008000d530edbe0c16903f5edbbcbe895200be00000080ed6ea1be00008000907e84bf8afbdf3e5b6c91bf2e9c023fc362373f02e2a43dc3458bbf4dd6dabf3b879a3e00000080be76b43f", ],
        ],
    }
    .assert_agrees();
}
