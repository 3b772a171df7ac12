//! y0[0, 0, 7, 1] is -inf, the reference has -1.9434082465930566e38 ± 7.417092337182114e31 (1 of 32 elements)
//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `touchstone check /tmp/dcf/b/findings/f6e31ebe9d563079`.
//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.

const GRAPH: &str = r####"graph "generated" {
  in %0 "x0": f32[1,1,8,4]
  in %1 "x1": f32[1,8,2]
  in %2 "x2": f32[1,8,2]
  %3: f32[1,1,8,4] = RotaryEmbedding(%0, %1, %2) {interleaved=1, num_heads=0, rotary_embedding_dim=0} @0 "RotaryEmbedding_0"
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
            &["000000bf0000204011c69dbe00002040d68dc43f15301440378a073e00000000ffff7fff724e5bbf5ef0d23ece65e1bfda81a03ff9feb03f64329a3f5228bdbf180fc53f8bcc95bf29ce1ebe0000c07f0000807f4737933f03c4f23c502d2d40492bb83fe2b63b3f000020c0189cae3f919299bf73f0203f6d2c613d4c89313f", "9333433f1b662f40000020c0358789bfbd4c8dbf6513533f4dc762bf40499ebf0ec3fb3c35049f3e0ad0db3fffff7f7f280b20bd0000c07fffff7f7fd7d5bf3e", "d809d03ebf77ddbfb49e563fa5a8f33e44e6c8be8c42163f52fb60be521336bf000020c02ca894bfa1a2ba3d0000807f0000c07f59e7cabeffff7f7ff8edafbf", ],
        ],
    }
    .assert_agrees();
}
