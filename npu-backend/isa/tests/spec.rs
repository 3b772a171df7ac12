//! `SPEC.md` says what the code has: traps, functions, keys, and an example that assembles.

use std::collections::BTreeSet;

use touchstone_isa::{EwFn, TrapCode, layout, parse_program, print_program};

fn spec() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../SPEC.md");
    std::fs::read_to_string(path).expect("the specification lies beside the crate")
}

#[test]
fn every_trap_and_every_function_is_in_the_specification() {
    let text = spec();
    for trap in TrapCode::ALL {
        let family = trap.name().starts_with("E_SEM_") && text.contains("`E_SEM_*`");
        assert!(
            text.contains(&format!("`{}`", trap.name())) || family || text.contains(&format!("`{}{{", trap.name())),
            "{trap}"
        );
    }
    let functions = &text[text.find("**EW**").expect("3.4")..text.find("**CVT**").expect("3.4")];
    let words: BTreeSet<&str> = functions.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for f in EwFn::ALL {
        assert!(words.contains(f.name()), "{f}");
    }
}

#[test]
fn the_key_table_of_4_7_is_the_field_table() {
    let text = spec();
    for (row, mnemonics) in [
        ("| ld st |", &["ld", "st"][..]),
        ("| ldx stx |", &["ldx", "stx"]),
        ("| conv dw |", &["conv", "dw"]),
        ("| pool |", &["pool"]),
        ("| VX but pool |", &["ew"]),
    ] {
        let line = text.lines().find(|l| l.starts_with(row)).expect(row);
        let keys: BTreeSet<&str> = line[row.len()..]
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty() && *w != "or")
            .collect();
        for mnemonic in mnemonics {
            let info = layout::by_mnemonic(mnemonic).expect("listed");
            let have: BTreeSet<&str> = info.rows().map(|r| r.key).collect();
            assert_eq!(keys, have, "{mnemonic}");
        }
    }
}

#[test]
fn the_example_of_4_7_assembles_and_prints_back() {
    let text = spec();
    let block = &text[text.find("```\n.anpu 2").expect("the example") + 4..];
    let block = &block[..block.find("```").expect("its end")];
    let program = parse_program(block).expect("legal text");
    assert_eq!(program.code.len(), 5);
    assert_eq!(parse_program(&print_program(&program)).expect("own text"), program);
}
