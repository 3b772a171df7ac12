//! y0[17, 1, 0, 1] is inf, the reference has 3.32062941201383e38 ± 1.0040404290924212e33 (1 of 72 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/g/findings/a3de4a163c4a5e37`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[18,2,2,1]
  const %1: f32[18,1,2,2] = hex "0000083f0000683f0000683f0000903e0000483f00008cbf0000903e0000b0be000018bf0000a43f000038bf0000f0be0000203e000060be000038bf0000943f00009cbf0000f0be0000003d0000c0bd0000683f0000f0be0000843f0000903e000060be000018bf00009cbf000058bf0000b0be0000483f0000483f0000843f0000b0be0000683f0000203e0000083f000038bf0000c0bd0000083f0000903e0000083f000060be00009cbf000060be0000003d0000083f0000203e0000843f0000d03e0000683f00009cbf0000f0be000018bf0000843f0000903e0000c0bd0000843f0000843f0000483f0000903e0000003d0000a43f0000c0bd0000683f0000903e0000f0be00009cbf00009cbf0000203e00009cbf0000b0be0000f0be"
  %2: f32[18,2,1,2] = GridSample(%0, %1) {align_corners=0, mode="cubic", padding_mode="reflection"} @0 "GridSample_1"
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
            &["0000807f13b48c3f6e5e933d000080ffbfc5ab3d6d9ca93f6b2912bf894e7c3e2cffcf3f19634abf110c40bff8bd02bf93d1fdbeac8719bf020af4be32a574bf29bd83bfab6e2ebde006b23ef56a303f9ca6f23fffff7fff9ef82fbea0eb67bfd1ee5580141c45be000080ffef93c0bd00008080678a8c3e5500ca3f071fbfbfda56523e83634abe8f9910be58ba353f08e101c0bbf48c3b000000800700243f45d21240b0f38e3e328d213fa809923f632803bfbd212b3f8ad9cdbeffff7fff66438b3f95616c3e925e62bf000080ff8b2cc1bf17e6273f625c4bbf2122aabf2dceb43d1a291ec00919943ed1ba063f3dae01bf969f08407b09b83e000080ff44c891bf7929dbbe10f472bfffff7f7f99d5aabe9e52733fffff7f7ff217713e", ],
        ],
    }
    .assert_agrees();
}
