//! Bytes, text and values: what goes one way comes back the same, and bad input is an error, never a panic.

use touchstone_isa as isa;

use isa::random::{random_instr, random_program};
use isa::rng::SplitMix64;
use isa::{
    AttrValue, DebugEntry, Direction, HostKernel, HostSeg, HostTensor, IoEntry, Layout, Limits, NpuConfig, Program,
    QuantParams, Region, decode, encode, parse_instr, parse_program, print_instr, print_program, read_program,
    write_program,
};
use proptest::prelude::*;

const SIZES: [u64; 4] = [4096; 4];

/// A random program with something in every section.
fn rich(seed: u64) -> Program {
    let mut rng = SplitMix64::new(seed);
    let mut p = random_program(&NpuConfig::tiny(), 6, seed).program;
    p.iotab.push(IoEntry {
        name: "a \"b\"\\\n#;é".into(),
        direction: Direction::Out,
        dtype: isa::DType::Bf16,
        dims: vec![0, 3, rng.below(9)],
        layout: rng.pick(&[Layout::RowMajor, Layout::Nhwc, Layout::C16]),
        region: Region::R3,
        offset: 64,
        quant: Some(QuantParams {
            scales: vec![0x3F80_0000, 0x7FC0_0001],
            zero_points: vec![-128, i64::MIN],
            axis: rng.one_in(2).then_some(1),
        }),
        bound: Some([7; 32]),
    });
    for pc in [1, 4] {
        p.debug.push(DebugEntry {
            pc,
            nodes: vec![rng.below(99) as u32],
            provenance: "fuse > tile".into(),
            tile: vec![0, 1],
            buffers: Vec::new(),
        });
    }
    let tensor = |region, off| Some(HostTensor { region, offset: off, dtype: isa::DType::S64, dims: vec![2, 3] });
    p.host_segs.push(HostSeg {
        kernels: vec![HostKernel {
            kernel: "NonZero".into(),
            opset: 13,
            attributes: vec![
                ("a".into(), AttrValue::Int(-1)),
                ("b".into(), AttrValue::Float(0x8000_0000)),
                ("c".into(), AttrValue::Str("x, y]".into())),
                ("d".into(), AttrValue::Ints(vec![1, -2])),
                ("e".into(), AttrValue::Floats(Vec::new())),
                ("f".into(), AttrValue::Strs(vec!["p,q".into(), String::new()])),
            ],
            inputs: vec![tensor(Region::R2, 8), None],
            outputs: vec![tensor(Region::R1, 0)],
        }],
    });
    p
}

/// Scalars with short names make the shortest entries there are; the reader's limit on counts once took them for a lie.
#[test]
fn scalars_with_short_names_round_trip() {
    let mut p = random_program(&NpuConfig::tiny(), 3, 1).program;
    let scalar = |name: &str, direction, region| IoEntry { name: name.into(), direction, region, ..IoEntry::default() };
    p.iotab = vec![scalar("x", Direction::In, Region::R2), scalar("", Direction::Out, Region::R3)];
    let bytes = write_program(&p).expect("a valid program");
    assert_eq!(read_program(&bytes).expect("the same bytes").iotab, p.iotab);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn instructions_round_trip_through_bytes_and_text(seed: u64, machine: u64) {
        let config = if machine % 2 == 0 { NpuConfig::tiny() } else { NpuConfig::random(machine) };
        let instr = random_instr(&config, &Limits::new(&config, &SIZES), seed);
        prop_assert_eq!(decode(&encode(&instr).expect("valid")), Ok(instr));
        let text = print_instr(&instr);
        prop_assert_eq!(parse_instr(&text).expect(&text), instr, "{}", text);
    }

    #[test]
    fn decoding_any_bytes_never_panics_and_what_decodes_encodes_to_the_same(bytes: [u8; 32], tail: [u8; 32], op in 0usize..23) {
        let mut words = [0u8; 64];
        words[..32].copy_from_slice(&bytes);
        words[32..].copy_from_slice(&tail);
        words[0] = isa::layout::OPS[op].code;
        if let Ok(instr) = decode(&words) {
            prop_assert_eq!(encode(&instr).expect("decoded"), words);
        }
    }

    /// Valid instructions with a few bits changed: the interesting neighbourhood of the decoder.
    #[test]
    fn flipped_bits_are_rejected_or_mean_something_else(seed: u64, flips in prop::collection::vec(0usize..512, 1..4)) {
        let config = NpuConfig::tiny();
        let limits = Limits::new(&config, &SIZES);
        let instr = random_instr(&config, &limits, seed);
        let original = encode(&instr).expect("valid");
        let mut bytes = original;
        for bit in flips {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if let Ok(other) = decode(&bytes) {
            prop_assert_eq!(encode(&other).expect("decoded"), bytes);
            prop_assert_eq!(other == instr, bytes == original);
            let _ = isa::check_instr(&other, &limits); // must not panic
            prop_assert_eq!(parse_instr(&print_instr(&other)).expect("own text"), other);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn containers_round_trip_through_text_byte_for_byte(seed: u64) {
        let program = rich(seed);
        let bytes = write_program(&program).expect("valid");
        let read = read_program(&bytes).expect("own bytes");
        prop_assert_eq!(&read, &program);
        let parsed = parse_program(&print_program(&read)).expect("own text");
        prop_assert_eq!(write_program(&parsed).expect("valid"), bytes);
    }
}

#[test]
fn every_changed_byte_of_a_container_is_noticed() {
    let bytes = write_program(&rich(1)).expect("valid");
    let mut rng = SplitMix64::new(3);
    for _ in 0..4000 {
        let mut bad = bytes.clone();
        let at = rng.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << rng.below(8);
        assert!(read_program(&bad).is_err(), "byte {at}");
    }
    for len in 0..bytes.len().min(3000) {
        assert!(read_program(&bytes[..len]).is_err());
    }
}

/// With a correct digest, so that the parsers behind it see the bytes.
#[test]
fn hostile_sections_do_not_panic_and_what_reads_is_canonical() {
    use sha2::{Digest, Sha256};
    let bytes = write_program(&rich(2)).expect("valid");
    let start = 64 * 3; // behind the header; most of CONST is skipped below
    let tail = bytes.len().saturating_sub(3000);
    let mut rng = SplitMix64::new(4);
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut bad = bytes.clone();
        let body = bad.len() - 32;
        for _ in 0..1 + rng.below(3) {
            let (lo, hi) = if round % 2 == 0 { (tail, body) } else { (0, start + 4000) };
            let at = lo + rng.below((hi - lo) as u64) as usize;
            bad[at] = if rng.one_in(2) { 0xFF } else { rng.next_u64() as u8 };
        }
        let digest = Sha256::digest(&bad[..body]);
        bad[body..].copy_from_slice(&digest);
        if let Ok(program) = read_program(&bad) {
            accepted += 1;
            assert_eq!(write_program(&program).expect("canonical"), bad);
        }
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn text_errors_have_line_and_column() {
    for (text, line, col, word) in [
        ("VX.nop\nVX.nope", 2, 1, "nope"),
        ("QX.nop", 1, 1, "engine QX"),
        ("@1 VX.nop", 1, 1, "@0"),
        ("LDA.ld off=1 off=2", 1, 14, "repeated"),
        ("LDA.ld offf=1", 1, 8, "offf"),
        ("LDA.ld n=[1,2,3]", 1, 8, "too few"),
        ("LDA.ld n=[1,2,3,4,5]", 1, 8, "takes 4"),
        ("LDA.ld n=[1,2,3,65536]", 1, 8, "cannot be 65536"),
        ("  LDA.ld esz=3", 1, 10, "cannot be 3"),
        ("LDA.ld mem=rom", 1, 8, "rom"),
        ("VX.ew fn=add imm0=0x100000000", 1, 14, "cannot be"),
        ("VX.ew fn=add dprm=1", 1, 14, "no key dprm"),
        ("VX.nop ; wait s64", 1, 15, "s64"),
        ("VX.nop ; wait s1,s2,s3", 1, 15, "two"),
        ("VX.nop ; sig s1 wait s2", 1, 17, "wait"),
        ("VX.nop ;", 1, 8, "expected"),
        (".regions r4=1", 1, 10, "r4"),
        (".config nowhere", 1, 9, "nowhere"),
        (".const 123", 1, 8, "pairs"),
        (".io in x", 1, 8, "quotes"),
        (".kernel \"X\"", 1, 1, "hostseg"),
        (".debug @0\n.debug @0", 2, 8, "has an entry"),
    ] {
        let error = parse_program(text).expect_err(text);
        assert_eq!((error.line, error.col), (line, col), "{text}: {error}");
        assert!(error.message.contains(word), "{text}: {error}");
    }
}

/// The examples of the specification, in the notation of the project.
#[test]
fn a_listing_reads_and_prints_as_written() {
    let text = "\
.anpu 2
.config 0x0000000000000001
.regions r1=0 r2=64 r3=64
@0 LDW.ld off=0x4a00 loc=0x1200 n=[256,9,1,1] ds=[256,0,0] ls=[256,0,0] ; sig s3
@1 MX.conv in=0x8000 in_sy=896 in_sx=16 in_sc=12544 w=0x1200 kh=3 kw=3 oh=14 ow=14 ih=14 iw=14 iy0=-1 ix0=-1 \
cg=4 clast=16 ng=2 nlast=16 acc_sn=196 init=bias zx=-128 ; wait s3:2,s1 sig s5
@2 VX.rq form=prm a_mem=acc a_dt=s32 a_s=[1,16,3136,0] d=0xa000 d_s=[1,32,16,0] n=[16,196,2,1] rq=f32 act=relu \
chan=i0+16*i2 dprm=0 ; wait s5 sig s1,s6
@3 VX.ew fn=mul a_dt=f32 a_s=[1,0,0,0] b_mem=imm b_dt=f32 d=0x40 d_dt=f32 d_s=[1,0,0,0] n=[16,1,1,1] imm0=0x1.8p-3
";
    let program = parse_program(text).expect("legal text");
    assert_eq!(print_program(&program), text);
}
