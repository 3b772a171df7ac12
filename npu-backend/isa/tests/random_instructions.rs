//! What the random generator must deliver: validity, coverage, and encodings that round-trip.

use touchstone_isa as isa;

use std::collections::{BTreeMap, BTreeSet};

use isa::random::{DRAWN, Image, Ordering, random_instr, random_op, random_program};
use isa::{Limits, NpuConfig, Op, check_instr, decode, encode, layout, verify};

const SIZES: [u64; 4] = [4096, 4096, 4096, 4096];

fn limits(config: &NpuConfig) -> Limits {
    Limits::new(config, &SIZES)
}

#[test]
fn random_instructions_are_valid_and_round_trip() {
    let mut nops = 0;
    for seed in 0..30_000u64 {
        let config = if seed % 4 == 0 { NpuConfig::random(seed) } else { NpuConfig::tiny() };
        let limits = limits(&config);
        let instr = random_instr(&config, &limits, seed);
        nops += u32::from(matches!(instr.op, Op::Nop));
        check_instr(&instr, &limits).expect("valid by construction");
        let bytes = encode(&instr).expect("has an encoding");
        assert_eq!(decode(&bytes), Ok(instr), "seed {seed}");
    }
    assert!(nops < 300, "{nops} of 30,000 draws gave up");
}

/// Every field of every operation takes a value other than its default, every function and every enumeration value
/// occurs: a field that no instruction uses would be a mistake of the table.
#[test]
fn every_field_of_every_operation_is_used() {
    let config = NpuConfig::tiny();
    let limits = limits(&config);
    let mut seen: BTreeMap<(&str, &str, u8, u8), BTreeSet<i64>> = BTreeMap::new();
    for mnemonic in DRAWN {
        for seed in 0..3000 {
            let instr = random_op(mnemonic, &config, &limits, seed);
            let info = layout::of(&instr.op);
            for row in info.rows().filter(|row| row.exists(&instr.op)) {
                let values = seen.entry((info.mnemonic, row.key, row.word, row.lo)).or_default();
                if values.len() < 100 {
                    values.insert(row.value(&instr.op));
                }
            }
        }
    }
    // fields that an operation shares with its family and must leave at 0 (legality says which)
    let constant: Vec<_> = seen.iter().filter(|(_, values)| values.len() < 2).map(|(k, _)| (k.0, k.1)).collect();
    let used_somewhere: BTreeSet<(&str, u8, u8)> =
        seen.iter().filter(|(_, values)| values.len() > 1).map(|(k, _)| (k.1, k.2, k.3)).collect();
    let unused: BTreeSet<_> =
        seen.keys().map(|k| (k.1, k.2, k.3)).filter(|field| !used_somewhere.contains(field)).collect();
    assert!(unused.is_empty(), "fields that no operation uses: {unused:?}");
    // operations with fields of their own use all of them
    for (mnemonic, key) in constant {
        let family = matches!(
            mnemonic,
            "ew" | "rq" | "red" | "cvt" | "tr" | "ga" | "sc" | "scan" | "sort" | "lut" | "fill" | "dw" | "st"
        );
        let pool_b = mnemonic == "pool" && key == "bprm";
        let stx_region = mnemonic == "stx" && key == "region"; // R1 is the only region it may read and write
        assert!(family || pool_b || stx_region, "{mnemonic}.{key} never varies");
    }
    let functions = |op: &str| seen[&(op, "fn", 5, 12)].len();
    assert_eq!(
        [functions("ew"), functions("red"), functions("scan"), functions("sc"), functions("sort"), functions("pool")],
        [63, 6, 4, 5, 2, 6]
    );
}

#[test]
fn random_programs_verify_and_use_every_ordering() {
    let mut orderings = BTreeSet::new();
    for seed in 0..300 {
        let config = if seed % 3 == 0 { NpuConfig::random(seed) } else { NpuConfig::tiny() };
        let random = random_program(&config, 12, seed);
        orderings.insert(random.ordering);
        if let Err(problems) = verify(&random.program, &config) {
            panic!("seed {seed}: {problems:#?}");
        }
        let tokens = random.program.code.iter().flat_map(|i| i.waits).flatten().count();
        assert_eq!(tokens == 0, random.ordering == Ordering::Fences, "seed {seed}");
    }
    assert_eq!(orderings.len(), 3);
}

#[test]
fn images_hold_special_values_where_operands_lie() {
    let config = NpuConfig::tiny();
    let limits = limits(&config);
    let mut image = Image::random(&limits, 1);
    let (mut nan, mut inf, mut negative_zero, mut subnormal) = (0, 0, 0, 0);
    for seed in 0..8000 {
        let instr = random_op("ew", &config, &limits, seed);
        image.prepare(&instr, &limits, seed);
        let Op::Ew(v) = instr.op else { continue };
        if v.a.dt != isa::DType::F32 || v.a.mem != isa::Mem::Spm || v.ew() == Some(isa::EwFn::Iota) {
            continue;
        }
        let at = v.a.addr as usize;
        let x = f32::from_le_bytes(image.bytes[0][at..at + 4].try_into().expect("4 bytes"));
        nan += u32::from(x.is_nan());
        inf += u32::from(x.is_infinite());
        negative_zero += u32::from(x == 0.0 && x.is_sign_negative());
        subnormal += u32::from(x.is_subnormal());
    }
    assert!(nan > 2 && inf > 2 && negative_zero > 0 && subnormal > 0, "{nan} {inf} {negative_zero} {subnormal}");
}
