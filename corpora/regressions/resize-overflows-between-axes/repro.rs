//! y0[0, 5, 5, 0] is -inf, the reference has -3.9004531676462246e37 ± 1.5699089446493154e32 (3 of 144 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/b/findings/10242005e303d6af`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x2": f32[1,6,4,2]
  const %1: i64[2] = {6, 4}
  %2: f32[1,6,6,4] = Resize(%0, _, _, %1) {antialias=0, axes=[2, 3], coordinate_transformation_mode="half_pixel", cubic_coeff_a=f-0.75, exclude_outside=0, extrapolation_value=f0.0, keep_aspect_ratio_policy="stretch", mode="cubic", nearest_mode="round_prefer_floor"} @0 "Resize_4"
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
            &["1c1f3bbff19c5c3d8423c53fd5ddadbf716e293eb2c725bf6bcfa23fb24e9bbfbb49b1be00008000caab1f3f739b95bf07d0f73e08b76abf2a97bfbd3402c93d3838213f4e3563bf50c002bff7f053bf98a580be2ab975bf0000003fa97f583f67eee53f42065c3f7136c5bed77162bfd424133eebc48a3f01657fbeb229d2be000020404f8b443fa0c4333e9a4bd13e6569c9bffa6ca3bd1beecfbf0000003f2ce3bebef67791bf22c0383ec5d2cebe9af6d6bf2ac69abf1e4086beffff7f7f", ],
        ],
    }
    .assert_agrees();
}
