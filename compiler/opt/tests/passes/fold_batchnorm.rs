//! `g.fold-batchnorm`. The numbers: scale / sqrt(var + eps) = 3 / sqrt(0 + 0.25) = 6 and 1 / sqrt(0.75 + 0.25) = 1.

use crate::{becomes, stays};

const P: &str = "g.fold-batchnorm";
const BN: &str = "const %2: f32[2] = {3.0, 1.0}\nconst %3: f32[2] = {0.5, 0.25}\nconst %4: f32[2] = {2.0, -1.0}\nconst %5: f32[2] = {0.0, 0.75}\n";
const CONV: &str = "{group=1, kernel_shape=[1, 1], pads=[0, 0, 0, 0], strides=[1, 1], dilations=[1, 1]}";

#[test]
fn into_a_convolution_with_a_bias() {
    // w = {1, 2} * {6, 1}; b = {10, 20} * {6, 1} + {0.5 - 2 * 6, 0.25 + 1 * 1}
    becomes(
        P,
        &["conv"],
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{BN}const %6: f32[2] = {{10.0, 20.0}}\n%7: f32[1,2,3,3] = Conv(%0, %1, %6) {CONV}\n%8: f32[1,2,3,3] = BatchNormalization(%7, %2, %3, %4, %5) {{epsilon=f0.25}}\nout %8 \"y\""
        ),
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{6.0, 2.0}}\nconst %2: f32[2] = {{48.5, 21.25}}\n%3: f32[1,2,3,3] = Conv(%0, %1, %2) {CONV}\nout %3 \"y\""
        ),
    );
}

#[test]
fn inexact_constants_stay_wide() {
    // 0.1f * 6 is no f32: the product is kept in f64 until the constants are rounded.
    let w = f64::from(0.1f32) * 6.0;
    becomes(
        P,
        &["conv"],
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{0.1, 2.0}}\n{BN}%6: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%7: f32[1,2,3,3] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\nout %7 \"y\""
        ),
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = wide {{{w:?}, 2.0}}\nconst %2: f32[2] = {{-11.5, 1.25}}\n%3: f32[1,2,3,3] = Conv(%0, %1, %2) {CONV}\nout %3 \"y\""
        ),
    );
}

#[test]
fn a_convolution_that_others_read_keeps_its_weights() {
    // M36: fan-out, a graph output, weights shared with another convolution.
    let mul_add = "const %2: f32[2,1,1] = {6.0, 1.0}\nconst %3: f32[2,1,1] = {-11.5, 1.25}\n";
    becomes(
        P,
        &["mul-add"],
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{BN}%6: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%7: f32[1,2,3,3] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\n%8: f32[1,2,3,3] = Add(%7, %6)\nout %8 \"y\""
        ),
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{mul_add}%4: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%5: f32[1,2,3,3] = Mul(%4, %2)\n%6: f32[1,2,3,3] = Add(%5, %3)\n%7: f32[1,2,3,3] = Add(%6, %4)\nout %7 \"y\""
        ),
    );
    becomes(
        P,
        &["mul-add"],
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{BN}%6: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%7: f32[1,2,3,3] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\nout %7 \"y\"\nout %6 \"c\""
        ),
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{mul_add}%4: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%5: f32[1,2,3,3] = Mul(%4, %2)\n%6: f32[1,2,3,3] = Add(%5, %3)\nout %6 \"y\"\nout %4 \"c\""
        ),
    );
    becomes(
        P,
        &["conv"],
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{1.0, 2.0}}\n{BN}%6: f32[1,2,3,3] = Conv(%0, %1) {CONV}\n%7: f32[1,2,3,3] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\n%8: f32[1,2,3,3] = Conv(%0, %1) {CONV}\nout %7 \"y\"\nout %8 \"z\""
        ),
        &format!(
            "in %0 \"x\": f32[1,1,3,3]\nconst %1: f32[2,1,1,1] = {{6.0, 2.0}}\nconst %2: f32[2] = {{-11.5, 1.25}}\nconst %3: f32[2,1,1,1] = {{1.0, 2.0}}\n%4: f32[1,2,3,3] = Conv(%0, %1, %2) {CONV}\n%5: f32[1,2,3,3] = Conv(%0, %3) {CONV}\nout %4 \"y\"\nout %5 \"z\""
        ),
    );
}

#[test]
fn into_a_product_by_columns() {
    becomes(
        P,
        &["matmul"],
        &format!(
            "in %0 \"x\": f32[4,2]\nconst %1: f32[2,2] = {{1.0, 2.0, 3.0, 4.0}}\n{BN}%6: f32[4,2] = MatMul(%0, %1)\n%7: f32[4,2] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\nout %7 \"y\""
        ),
        "in %0 \"x\": f32[4,2]\nconst %1: f32[2,2] = {6.0, 2.0, 18.0, 4.0}\nconst %2: f32[2] = {-11.5, 1.25}\n%3: f32[4,2] = MatMul(%0, %1)\n%4: f32[4,2] = Add(%3, %2)\nout %4 \"y\"",
    );
    // Of rank 3 the channel is the row: no column scaling.
    becomes(
        P,
        &["mul-add"],
        &format!(
            "in %0 \"x\": f32[1,2,2]\nconst %1: f32[2,2] = {{1.0, 2.0, 3.0, 4.0}}\n{BN}%6: f32[1,2,2] = MatMul(%0, %1)\n%7: f32[1,2,2] = BatchNormalization(%6, %2, %3, %4, %5) {{epsilon=f0.25}}\nout %7 \"y\""
        ),
        "in %0 \"x\": f32[1,2,2]\nconst %1: f32[2,2] = {1.0, 2.0, 3.0, 4.0}\nconst %2: f32[2,1] = {6.0, 1.0}\nconst %3: f32[2,1] = {-11.5, 1.25}\n%4: f32[1,2,2] = MatMul(%0, %1)\n%5: f32[1,2,2] = Mul(%4, %2)\n%6: f32[1,2,2] = Add(%5, %3)\nout %6 \"y\"",
    );
}

#[test]
fn a_negative_variance_stays() {
    stays(
        P,
        "in %0 \"x\": f32[1,1,2]\nconst %1: f32[1] = {1.0}\nconst %2: f32[1] = {-1.0}\n%3: f32[1,1,2] = BatchNormalization(%0, %1, %1, %1, %2)\nout %3 \"y\"",
    );
}
