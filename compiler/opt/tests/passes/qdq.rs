//! `g.qdq-to-integer`.

use crate::{becomes, stays};

const P: &str = "g.qdq-to-integer";

/// Conv between DQ and Q: x scale 0.5, w scale 0.25, bias scale `sb`, y zero point `yz`, `mid` between Conv and Q.
fn conv(sb: &str, yz: u8, mid: &str) -> String {
    let (v, mid) =
        if mid.is_empty() { ("%11", String::new()) } else { ("%13", format!("%13: f32[1,1,2,2] = {mid}\n")) };
    format!(
        "in %0 \"x\": u8[1,1,2,2]\nconst %1: f32[] = {{0.5}}\nconst %2: u8[] = {{7}}\nconst %3: i8[1,1,1,1] = {{-3}}\nconst %4: f32[] = {{0.25}}\nconst %5: i32[1] = {{9}}\nconst %6: f32[] = {{{sb}}}\nconst %7: u8[] = {{{yz}}}\n%8: f32[1,1,2,2] = DequantizeLinear(%0, %1, %2)\n%9: f32[1,1,1,1] = DequantizeLinear(%3, %4)\n%10: f32[1] = DequantizeLinear(%5, %6)\n%11: f32[1,1,2,2] = Conv(%8, %9, %10)\n{mid}%12: u8[1,1,2,2] = QuantizeLinear({v}, %1, %7)\nout %12 \"y\""
    )
}
fn integer(yz: u8) -> String {
    format!(
        "in %0 \"x\": u8[1,1,2,2]\nconst %1: f32[] = {{0.5}}\nconst %2: u8[] = {{7}}\nconst %3: i8[1,1,1,1] = {{-3}}\nconst %4: f32[] = {{0.25}}\nconst %5: i32[1] = {{9}}\nconst %6: u8[] = {{{yz}}}\nconst %7: i8[] = {{0}}\n%8: u8[1,1,2,2] = QLinearConv(%0, %1, %2, %3, %4, %7, %1, %6, %5)\nout %8 \"y\""
    )
}

#[test]
fn a_convolution_with_a_quantised_bias() {
    becomes(P, &["conv"], &conv("0.125", 7, ""), &integer(7));
}

#[test]
fn a_bias_of_another_scale_stays() {
    stays(P, &conv("0.25", 7, ""));
}

#[test]
fn an_activation_goes_only_where_saturation_does_the_same() {
    becomes(P, &["conv"], &conv("0.125", 0, "Relu(%11)"), &integer(0));
    // M43: with another zero point negative results are representable.
    stays(P, &conv("0.125", 7, "Relu(%11)"));
    // Clip to [0, 6] with scale 0.5 and 8 bits: values up to 127.5 are representable.
    let clip = conv("0.125", 0, "Clip(%11, %14, %15)")
        .replace("out ", "const %14: f32[] = {0.0}\nconst %15: f32[] = {6.0}\nout ");
    stays(P, &clip);
    let wide = clip.replace("{6.0}", "{127.5}");
    becomes(P, &["conv"], &wide, &integer(0));
}

#[test]
fn a_result_that_others_read_stays() {
    stays(P, &conv("0.125", 7, "").replace("out %12 \"y\"", "out %12 \"y\"\nout %11 \"f\""));
    let two =
        conv("0.125", 7, "").replace("out %12 \"y\"", "%13: f32[1,1,2,2] = Relu(%11)\nout %12 \"y\"\nout %13 \"f\"");
    stays(P, &two);
}

#[test]
fn an_accumulator_that_may_overflow_stays() {
    // K of 70,000 products of up to 255 * 255 exceeds int32 (run-time operands), 20,000 do not.
    let matmul = |k: usize| {
        format!(
            "in %0 \"x\": u8[1,{k}]\nin %1 \"w\": u8[{k},1]\nconst %2: f32[] = {{0.5}}\n%3: f32[1,{k}] = DequantizeLinear(%0, %2)\n%4: f32[{k},1] = DequantizeLinear(%1, %2)\n%5: f32[1,1] = MatMul(%3, %4)\n%6: u8[1,1] = QuantizeLinear(%5, %2)\nout %6 \"y\""
        )
    };
    stays(P, &matmul(70_000));
    becomes(
        P,
        &["matmul"],
        &matmul(20_000),
        "in %0 \"x\": u8[1,20000]\nin %1 \"w\": u8[20000,1]\nconst %2: f32[] = {0.5}\nconst %3: u8[] = {0}\n%4: u8[1,1] = QLinearMatMul(%0, %2, %3, %1, %2, %3, %2, %3)\nout %4 \"y\"",
    );
}

#[test]
fn gemm_becomes_a_convolution_of_pixels() {
    becomes(
        P,
        &["gemm"],
        "in %0 \"x\": u8[2,3]\nconst %1: f32[] = {0.5}\nconst %2: u8[] = {0}\nconst %3: i8[3,2] = {1, 2, 3, 4, 5, 6}\nconst %4: f32[2] = {0.25, 0.125}\nconst %5: i8[2] = {0, 0}\nconst %6: i32[2] = {10, 20}\nconst %7: f32[2] = {0.125, 0.0625}\n%8: f32[2,3] = DequantizeLinear(%0, %1, %2)\n%9: f32[3,2] = DequantizeLinear(%3, %4, %5) {axis=1}\n%10: f32[2] = DequantizeLinear(%6, %7) {axis=0}\n%11: f32[2,2] = Gemm(%8, %9, %10)\n%12: u8[2,2] = QuantizeLinear(%11, %1, %2)\nout %12 \"y\"",
        "in %0 \"x\": u8[2,3]\nconst %1: f32[] = {0.5}\nconst %2: u8[] = {0}\nconst %3: i8[2,3,1,1] = {1, 3, 5, 2, 4, 6}\nconst %4: f32[2] = {0.25, 0.125}\nconst %5: i8[2] = {0, 0}\nconst %6: i32[2] = {10, 20}\nconst %7: i64[4] = {2, 3, 1, 1}\nconst %8: i64[2] = {2, 2}\n%9: u8[2,3,1,1] = Reshape(%0, %7)\n%10: u8[2,2,1,1] = QLinearConv(%9, %1, %2, %3, %4, %5, %1, %2, %6)\n%11: u8[2,2] = Reshape(%10, %8)\nout %11 \"y\"",
    );
}
