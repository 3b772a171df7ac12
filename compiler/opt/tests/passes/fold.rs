//! `g.fold-constants`: values worked out by hand.

use crate::{becomes, stays};

const P: &str = "g.fold-constants";

fn folds(body: &str, want: &str) {
    becomes(P, &["fold"], body, want);
}

#[test]
fn integer_division_is_exact_and_truncates() {
    // M02: off by one through f64 above 2^53. M07: toward zero, not down. Mod has the divisor's sign, fmod the dividend's.
    folds(
        "const %0: i64[4] = {9007199254740993, -7, 7, -7}\nconst %1: i64[4] = {1, 2, -2, -2}\n%2: i64[4] = Div(%0, %1)\nout %2 \"y\"",
        "const %0: i64[4] = {9007199254740993, -3, -3, 3}\nout %0 \"y\"",
    );
    let operands = "const %0: i32[4] = {-7, 7, -7, 6}\nconst %1: i32[4] = {3, -3, -3, 3}\n";
    folds(
        &format!("{operands}%2: i32[4] = Mod(%0, %1)\nout %2 \"y\""),
        "const %0: i32[4] = {2, -2, -1, 0}\nout %0 \"y\"",
    );
    folds(
        &format!("{operands}%2: i32[4] = Mod(%0, %1) {{fmod=1}}\nout %2 \"y\""),
        "const %0: i32[4] = {-1, 1, -1, 0}\nout %0 \"y\"",
    );
    folds(
        "const %0: f32[3] = {-7.5, 7.5, -7.5}\nconst %1: f32[3] = {2.0, -2.0, -2.0}\n%2: f32[3] = Mod(%0, %1)\nout %2 \"y\"",
        "const %0: f32[3] = {0.5, -0.5, -1.5}\nout %0 \"y\"",
    );
    stays(
        P,
        "const %0: i8[1] = {1}\nconst %1: i8[1] = {-1}\n%2: i8[1] = BitShift(%0, %1) {direction=\"LEFT\"}\nout %2 \"y\"",
    );
    // MIN / -1 wraps; a division by zero is undefined and left alone.
    folds(
        "const %0: i8[1] = {-128}\nconst %1: i8[1] = {-1}\n%2: i8[1] = Div(%0, %1)\nout %2 \"y\"",
        "const %0: i8[1] = {-128}\nout %0 \"y\"",
    );
    stays(P, "const %0: i32[1] = {1}\nconst %1: i32[1] = {0}\n%2: i32[1] = Div(%0, %1)\nout %2 \"y\"");
}

#[test]
fn casts() {
    // M03: true is 1. Integers wrap; floats truncate; NaN is true; what is out of range is undefined and stays.
    folds(
        "const %0: bool[2] = {1, 0}\n%1: i32[2] = Cast(%0) {to=6}\nout %1 \"y\"",
        "const %0: i32[2] = {1, 0}\nout %0 \"y\"",
    );
    folds(
        "const %0: i32[3] = {300, -1, 127}\n%1: i8[3] = Cast(%0) {to=3}\nout %1 \"y\"",
        "const %0: i8[3] = {44, -1, 127}\nout %0 \"y\"",
    );
    folds(
        "const %0: f32[3] = {-1.9, 1.9, -0.5}\n%1: i32[3] = Cast(%0) {to=6}\nout %1 \"y\"",
        "const %0: i32[3] = {-1, 1, 0}\nout %0 \"y\"",
    );
    folds(
        "const %0: f32[3] = {#7fc00000, -0.0, 0.5}\n%1: bool[3] = Cast(%0) {to=9}\nout %1 \"y\"",
        "const %0: bool[3] = {1, 0, 1}\nout %0 \"y\"",
    );
    stays(P, "const %0: f32[1] = {300.0}\n%1: i8[1] = Cast(%0) {to=3}\nout %1 \"y\"");
    stays(P, "const %0: f32[1] = {0.1}\n%1: bf16[1] = Cast(%0) {to=16}\nout %1 \"y\"");
    // 2^62 + 2^54 is a tie of bf16; one more, which f64 cannot hold, is above it.
    folds(
        "const %0: i64[2] = {4629700416936869888, 4629700416936869889}\n%1: bf16[2] = Cast(%0) {to=16}\nout %1 \"y\"",
        "const %0: bf16[2] = {#5e80, #5e81}\nout %0 \"y\"",
    );
    // 2^24 + 1 and 2^60 + 2^36 + 1 are above or at ties of f32: one rounding, to even resp. up.
    folds(
        "const %0: i64[2] = {16777217, 1152921573326323713}\n%1: f32[2] = Cast(%0) {to=1}\nout %1 \"y\"",
        "const %0: f32[2] = {16777216.0, 1.1529216e18}\nout %0 \"y\"",
    );
}

#[test]
fn float_results_stay_wide_and_jumps_are_not_taken_on_them() {
    let sum = f64::from(0.1f32) + f64::from(0.2f32);
    folds(
        "const %0: f32[1] = {0.1}\nconst %1: f32[1] = {0.2}\n%2: f32[1] = Add(%0, %1)\nout %2 \"y\"",
        &format!("const %0: f32[1] = wide {{{sum:?}}}\nout %0 \"y\""),
    );
    // 0.1f * 10 is 1.0 in f32 and a little more in f64: Ceil of it may not be decided by the wider type.
    let product = f64::from(0.1f32) * 10.0;
    becomes(
        P,
        &["fold"],
        "const %0: f32[1] = {0.1}\nconst %1: f32[1] = {10.0}\n%2: f32[1] = Mul(%0, %1)\n%3: f32[1] = Ceil(%2)\nout %3 \"y\"",
        &format!("const %0: f32[1] = wide {{{product:?}}}\n%1: f32[1] = Ceil(%0)\nout %1 \"y\""),
    );
    folds(
        "const %0: f32[3] = {2.5, -0.5, 3.5}\n%1: f32[3] = Round(%0)\nout %1 \"y\"",
        "const %0: f32[3] = {2.0, -0.0, 4.0}\nout %0 \"y\"",
    );
}

#[test]
fn extremes_keep_nan_and_order_the_zeros() {
    // M54
    let operands = "const %0: f32[3] = {#7fc00000, 1.0, -0.0}\nconst %1: f32[3] = {1.0, #7fc00000, 0.0}\n";
    folds(
        &format!("{operands}%2: f32[3] = Max(%0, %1)\nout %2 \"y\""),
        "const %0: f32[3] = {#7fc00000, #7fc00000, 0.0}\nout %0 \"y\"",
    );
    folds(
        &format!("{operands}%2: f32[3] = Min(%0, %1)\nout %2 \"y\""),
        "const %0: f32[3] = {#7fc00000, #7fc00000, -0.0}\nout %0 \"y\"",
    );
    folds(
        "const %0: f32[2] = {#7fc00000, -1.0}\n%1: f32[2] = Relu(%0)\nout %1 \"y\"",
        "const %0: f32[2] = {#7fc00000, 0.0}\nout %0 \"y\"",
    );
}

fn slice(start: i64, end: i64, step: i64, len: usize, want: &str) {
    folds(
        &format!(
            "const %0: i32[5] = {{10, 11, 12, 13, 14}}\nconst %1: i64[1] = {{{start}}}\nconst %2: i64[1] = {{{end}}}\nconst %3: i64[1] = {{0}}\nconst %4: i64[1] = {{{step}}}\n%5: i32[{len}] = Slice(%0, %1, %2, %3, %4)\nout %5 \"y\""
        ),
        &format!("const %0: i32[{len}] = {{{want}}}\nout %0 \"y\""),
    );
}

#[test]
fn slices() {
    slice(1, 4, 2, 2, "11, 13");
    slice(-3, 9223372036854775807, 1, 3, "12, 13, 14"); // M29
    slice(4, 9223372036854775807, -1, 0, ""); // M26: an end beyond the start, backwards
    slice(4, 1, -2, 2, "14, 12"); // M27
    slice(9223372036854775807, -9223372036854775808, -1, 5, "14, 13, 12, 11, 10");
    slice(0, 5, 9223372036854775807, 1, "10");
    slice(3, 2, 1, 0, "");
}

#[test]
fn gathers_pads_and_tiles() {
    // M31: negative indices count from the end.
    folds(
        "const %0: i32[2,3] = {1, 2, 3, 4, 5, 6}\nconst %1: i64[2] = {-1, 0}\n%2: i32[2,2] = Gather(%0, %1) {axis=1}\nout %2 \"y\"",
        "const %0: i32[2,2] = {3, 1, 6, 4}\nout %0 \"y\"",
    );
    folds(
        "const %0: i32[2] = {1, 2}\nconst %1: i64[2] = {-1, 2}\nconst %2: i32[] = {9}\n%3: i32[3] = Pad(%0, %1, %2)\nout %3 \"y\"",
        "const %0: i32[3] = {2, 9, 9}\nout %0 \"y\"",
    );
    folds(
        "const %0: i32[1,2] = {1, 2}\nconst %1: i64[2] = {2, 2}\n%2: i32[2,4] = Tile(%0, %1)\nout %2 \"y\"",
        "const %0: i32[2,4] = {1, 2, 1, 2, 1, 2, 1, 2}\nout %0 \"y\"",
    );
}

#[test]
fn quantisation_and_reduction() {
    folds(
        "const %0: i8[2,2] = {-128, 4, 0, 6}\nconst %1: f32[2] = {0.5, 2.0}\nconst %2: i8[2] = {0, 1}\n%3: f32[2,2] = DequantizeLinear(%0, %1, %2) {axis=1}\nout %3 \"y\"",
        "const %0: f32[2,2] = {-64.0, 6.0, 0.0, 10.0}\nout %0 \"y\"",
    );
    // M49: 0.5 and 1.5 and 2.5 steps go to even.
    folds(
        "const %0: f32[4] = {1.0, 3.0, 5.0, 1000.0}\nconst %1: f32[] = {2.0}\nconst %2: u8[] = {10}\n%3: u8[4] = QuantizeLinear(%0, %1, %2)\nout %3 \"y\"",
        "const %0: u8[4] = {10, 12, 12, 255}\nout %0 \"y\"",
    );
    folds(
        "const %0: f32[2,2] = {1.0, 2.0, 3.0, 5.0}\nconst %1: i64[1] = {-1}\n%2: f32[2,1] = ReduceMean(%0, %1)\nout %2 \"y\"",
        "const %0: f32[2,1] = {1.5, 4.0}\nout %0 \"y\"",
    );
}

#[test]
fn a_constant_may_not_grow_much() {
    stays(
        P,
        "const %0: f32[] = {1.0}\nconst %1: i64[2] = {1000, 1000}\n%2: f32[1000,1000] = Expand(%0, %1)\nout %2 \"y\"",
    );
}
