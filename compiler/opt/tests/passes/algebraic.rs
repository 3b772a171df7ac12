//! `g.algebraic` and `g.cse-dce`.

use crate::{becomes, stays};

const P: &str = "g.algebraic";

#[test]
fn neutral_operands_go() {
    for (op, c) in [("Add", "-0.0"), ("Sub", "0.0"), ("Mul", "1.0"), ("Div", "1.0")] {
        let before = format!(
            "in %0 \"x\": f32[2,3]\nconst %1: f32[3] = {{{c}, {c}, {c}}}\n%2: f32[2,3] = {op}(%0, %1)\n%3: f32[2,3] = Relu(%2)\nout %3 \"y\""
        );
        becomes(P, &["neutral-operand"], &before, "in %0 \"x\": f32[2,3]\n%1: f32[2,3] = Relu(%0)\nout %1 \"y\"");
    }
    becomes(
        P,
        &["neutral-operand"],
        "in %0 \"x\": i32[2]\nconst %1: i32[] = {0}\n%2: i32[2] = Add(%1, %0)\nout %2 \"y\"",
        "in %0 \"x\": i32[2]\nout %0 \"y\"",
    );
}

#[test]
fn near_misses_of_neutral_operands_stay() {
    // x + (+0) turns -0 into +0; x * 0 and x - x lose NaN and infinities (M04); 0 - x, 1 / x have the constant on the left.
    for (op, a, b, c) in [
        ("Add", "%0", "%1", "0.0"),
        ("Sub", "%0", "%1", "-0.0"),
        ("Mul", "%0", "%1", "0.0"),
        ("Sub", "%0", "%0", "0.0"),
        ("Sub", "%1", "%0", "0.0"),
        ("Div", "%1", "%0", "1.0"),
        ("Div", "%0", "%0", "1.0"),
    ] {
        stays(P, &format!("in %0 \"x\": f32[2]\nconst %1: f32[] = {{{c}}}\n%2: f32[2] = {op}({a}, {b})\nout %2 \"y\""));
    }
    // One element of the constant differs; the constant enlarges the result.
    stays(P, "in %0 \"x\": f32[2]\nconst %1: f32[2] = {1.0, 2.0}\n%2: f32[2] = Mul(%0, %1)\nout %2 \"y\"");
    stays(P, "in %0 \"x\": f32[1]\nconst %1: f32[2] = {1.0, 1.0}\n%2: f32[2] = Mul(%0, %1)\nout %2 \"y\"");
}

#[test]
fn negation_twice_and_idempotent_functions() {
    becomes(
        P,
        &["double-negation"],
        "in %0 \"x\": f32[2]\n%1: f32[2] = Neg(%0)\n%2: f32[2] = Neg(%1)\nout %2 \"y\"",
        "in %0 \"x\": f32[2]\nout %0 \"y\"",
    );
    becomes(
        P,
        &["idempotent"],
        "in %0 \"x\": f32[2]\n%1: f32[2] = Relu(%0)\n%2: f32[2] = Relu(%1)\nout %1 \"a\"\nout %2 \"b\"",
        "in %0 \"x\": f32[2]\n%1: f32[2] = Relu(%0)\nout %1 \"a\"\nout %1 \"b\"",
    );
    // Reciprocal is no involution in floats.
    stays(P, "in %0 \"x\": f32[2]\n%1: f32[2] = Reciprocal(%0)\n%2: f32[2] = Reciprocal(%1)\nout %2 \"y\"");
}

#[test]
fn reshapes_merge_with_zero_extents_kept() {
    becomes(
        P,
        &["reshape-reshape"],
        "in %0 \"x\": f32[2,6]\nconst %1: i64[2] = {3, 4}\nconst %2: i64[1] = {12}\n%3: f32[3,4] = Reshape(%0, %1)\n%4: f32[12] = Reshape(%3, %2)\nout %4 \"y\"",
        "in %0 \"x\": f32[2,6]\nconst %1: i64[1] = {12}\n%2: f32[12] = Reshape(%0, %1)\nout %2 \"y\"",
    );
    // M21: the merged Reshape keeps allowzero, without which 0 would copy the 5.
    becomes(
        P,
        &["reshape-reshape"],
        "in %0 \"x\": f32[5,0]\nconst %1: i64[1] = {0}\nconst %2: i64[2] = {0, 7}\n%3: f32[0] = Reshape(%0, %1) {allowzero=1}\n%4: f32[0,7] = Reshape(%3, %2) {allowzero=1}\nout %4 \"y\"",
        "in %0 \"x\": f32[5,0]\nconst %1: i64[2] = {0, 7}\n%2: f32[0,7] = Reshape(%0, %1) {allowzero=1}\nout %2 \"y\"",
    );
    // M22: a 0 in the second shape copies from the middle value, not from the first input.
    becomes(
        P,
        &["reshape-reshape"],
        "in %0 \"x\": f32[2,6]\nconst %1: i64[2] = {3, 4}\nconst %2: i64[2] = {0, -1}\n%3: f32[3,4] = Reshape(%0, %1)\n%4: f32[3,4] = Reshape(%3, %2)\nout %4 \"y\"",
        "in %0 \"x\": f32[2,6]\nconst %1: i64[2] = {3, 4}\n%2: f32[3,4] = Reshape(%0, %1)\nout %2 \"y\"",
    );
}

/// ONNX codes: 1 f32, 2 u8, 3 i8, 6 i32, 7 i64, 9 bool, 10 f16, 11 f64, 16 bf16.
fn casts(from: &str, mid: (&str, i32), to: (&str, i32)) -> String {
    format!(
        "in %0 \"x\": {from}[2]\n%1: {}[2] = Cast(%0) {{to={}}}\n%2: {}[2] = Cast(%1) {{to={}}}\nout %2 \"y\"",
        mid.0, mid.1, to.0, to.1
    )
}

#[test]
fn cast_pairs_go_only_without_loss() {
    let none = |t: &str| format!("in %0 \"x\": {t}[2]\nout %0 \"y\"");
    becomes(P, &["cast-pair"], &casts("f16", ("f32", 1), ("f16", 10)), &none("f16"));
    becomes(P, &["cast-pair"], &casts("i8", ("i32", 6), ("i8", 3)), &none("i8"));
    becomes(P, &["cast-pair"], &casts("u8", ("bf16", 16), ("u8", 2)), &none("u8"));
    becomes(P, &["cast-pair"], &casts("bool", ("f32", 1), ("bool", 9)), &none("bool"));
    let one = |from: &str, to: (&str, i32)| {
        format!("in %0 \"x\": {from}[2]\n%1: {}[2] = Cast(%0) {{to={}}}\nout %1 \"y\"", to.0, to.1)
    };
    becomes(P, &["cast-pair"], &casts("f16", ("f32", 1), ("bf16", 16)), &one("f16", ("bf16", 16)));
    becomes(P, &["cast-pair"], &casts("i8", ("i64", 7), ("i32", 6)), &one("i8", ("i32", 6)));
    // M10: the middle type loses values, or the last conversion treats the other class differently.
    for (a, m, c) in [
        ("f64", ("f32", 1), ("f64", 11)),
        ("f32", ("i32", 6), ("f32", 1)),
        ("i32", ("f32", 1), ("i32", 6)),
        ("i8", ("u8", 2), ("i8", 3)),
        ("i64", ("i32", 6), ("i64", 7)),
        ("f32", ("bf16", 16), ("f32", 1)),
        ("f16", ("bf16", 16), ("f16", 10)),
        ("i32", ("f64", 11), ("i8", 3)),
        ("f32", ("bool", 9), ("f32", 1)),
        ("i32", ("bool", 9), ("i32", 6)),
    ] {
        stays(P, &casts(a, m, c));
    }
}

#[test]
fn equal_nodes_merge() {
    becomes(
        "g.cse-dce",
        &["merge", "merge"],
        "in %0 \"x\": f32[2]\nconst %1: f32[] = {2.0}\nconst %2: f32[] = {2.0}\n%3: f32[2] = Mul(%0, %1)\n%4: f32[2] = Mul(%0, %2)\n%5: f32[2] = Exp(%3)\n%6: f32[2] = Exp(%4)\n%7: f32[2] = Add(%5, %6)\nout %7 \"y\"",
        "in %0 \"x\": f32[2]\nconst %1: f32[] = {2.0}\n%2: f32[2] = Mul(%0, %1)\n%3: f32[2] = Exp(%2)\n%4: f32[2] = Add(%3, %3)\nout %4 \"y\"",
    );
}

#[test]
fn nodes_that_differ_in_anything_do_not_merge() {
    // Attributes; the order of operands; constants of the same bytes and other types; +0 and -0.
    for body in [
        "in %0 \"x\": f32[2]\n%1: f32[2] = LeakyRelu(%0) {alpha=f0.1}\n%2: f32[2] = LeakyRelu(%0) {alpha=f0.2}\nout %1 \"a\"\nout %2 \"b\"",
        "in %0 \"x\": f32[2]\nin %1 \"z\": f32[2]\n%2: f32[2] = Sub(%0, %1)\n%3: f32[2] = Sub(%1, %0)\nout %2 \"a\"\nout %3 \"b\"",
        "const %0: f32[2] = {1.0, 2.0}\nconst %1: i32[2] = {1065353216, 1073741824}\n%2: f64[2] = Cast(%0) {to=11}\n%3: f64[2] = Cast(%1) {to=11}\nout %2 \"a\"\nout %3 \"b\"",
        "in %0 \"x\": f32[1]\nconst %1: f32[1] = {0.0}\nconst %2: f32[1] = {-0.0}\n%3: f32[1] = Add(%0, %1)\n%4: f32[1] = Add(%0, %2)\nout %3 \"a\"\nout %4 \"b\"",
        "in %0 \"x\": f32[4]\nconst %1: i64[2] = {2, 2}\nconst %2: i64[1] = {4}\n%3: f32[2,2] = Reshape(%0, %1)\n%4: f32[4] = Reshape(%0, %2)\nout %3 \"a\"\nout %4 \"b\"",
    ] {
        stays("g.cse-dce", body);
    }
}
