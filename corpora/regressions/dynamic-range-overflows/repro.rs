//! y3[] is 0.0, the reference has 141.0 ± 0e0 (1 of 1 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/cg/f1/findings/f84147ffcdf2fdff`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x2": f32[1,8,3,2]
  const %1: f32[8,1,3,2] = {-0.49205968, -0.0812042, 0.775829, 0.3281792, -0.046598434, 0.04656932, -0.43245667, -0.3707869, 0.23144981, -0.11730607, -0.5109247, -0.43432537, 0.20102814, 0.19508201, -0.20659779, -0.82844305, -0.7192883, -0.17880565, -0.15088683, -0.47111353, -0.3060392, 0.58317906, 0.21482156, -0.43834016, -0.59687984, -0.16842315, 0.44526184, -0.32263362, 0.020519627, 0.19756088, 0.77362585, 0.42986587, 0.6521454, -0.34342018, -0.37665, -0.16278642, -0.21913765, 0.17136438, -0.26305223, 0.1865552, 0.3175277, -0.47451964, 0.5942192, 0.6176971, -0.07646727, -0.4882037, -0.40829334, -0.04165433}
  const %3: i64[2] = {0, 0}
  const %4: i64[2] = {1, 1}
  const %5: i64[2] = {-4, 3}
  %2: f32[1,8,3,2] = Conv(%0, %1) {auto_pad="SAME_LOWER", group=8, kernel_shape=[3, 2], strides=[1, 1]} @0 "Conv_18"
  %6: f32[1,8,3,1] = Slice(%2, %3, %4, %5) {} @1 "Slice_28"
  %7: u8[1,8,3,1], %8: f32[], %9: u8[] = DynamicQuantizeLinear(%6) {} @2 "DynamicQuantizeLinear_30"
  out %9 "y3"
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
            &["be04d43ebe528ebef66c893f1ecf8ebf0dafb73f5f5305bdffff7fffe1a870bf5383febe99c4393fb1595780cd682fbf80c81340000080805aa1593f000020c0256649bfce8243beffff7fff0125a23f51bf873f979829bfad67bbbef14072be45a3313d2eaf0bc09fee3d3f00008000129bc13f000020c0333b113e753eb73f809246bff3139dbfc72ae4be4ee084be009dc93f1b3c48bee2001dbf1e747e3fcec6493f01a495be9a99a93ed049d8bf812d3d3f5401243e7e765d3feba2963f", ],
        ],
    }
    .assert_agrees();
}
