//! `g.fold-pad`.

use crate::{becomes, stays};

const P: &str = "g.fold-pad";
const PADS: &str = "const %1: i64[8] = {0, 0, 1, 2, 0, 0, 3, 4}\n";

fn conv(pads: &str) -> String {
    format!("{{group=1, kernel_shape=[2, 2], pads=[{pads}], strides=[1, 1], dilations=[1, 1]}}")
}
fn pool(pads: &str, more: &str) -> String {
    format!("{{kernel_shape=[5, 5], pads=[{pads}], strides=[1, 1], dilations=[1, 1]{more}}}")
}

#[test]
fn zeros_go_into_a_convolution() {
    let w = "const %2: f32[1,1,2,2] = {1.0, 2.0, 3.0, 4.0}\n";
    becomes(
        P,
        &["conv"],
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}{w}%3: f32[1,1,8,10] = Pad(%0, %1)\n%4: f32[1,1,8,11] = Conv(%3, %2) {}\nout %4 \"y\"",
            conv("1, 0, 0, 2")
        ),
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\nconst %1: f32[1,1,2,2] = {{1.0, 2.0, 3.0, 4.0}}\n%2: f32[1,1,8,11] = Conv(%0, %1) {}\nout %2 \"y\"",
            conv("2, 2, 3, 6")
        ),
    );
}

#[test]
fn what_a_convolution_does_not_pad_with_stays() {
    let w = "const %2: f32[1,1,2,2] = {1.0, 2.0, 3.0, 4.0}\n";
    let inf = "const %2: f32[1,1,2,2] = {1.0, inf, 3.0, 4.0}\n";
    let c = conv("0, 0, 0, 0");
    // Another value; another mode; the batch axis; a negative pad; an infinite weight, which meets 0 only under the Pad.
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}{w}const %3: f32[] = {{1.0}}\n%4: f32[1,1,8,10] = Pad(%0, %1, %3)\n%5: f32[1,1,7,9] = Conv(%4, %2) {c}\nout %5 \"y\""
        ),
    );
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}{w}%3: f32[1,1,8,10] = Pad(%0, %1) {{mode=\"edge\"}}\n%4: f32[1,1,7,9] = Conv(%3, %2) {c}\nout %4 \"y\""
        ),
    );
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\nconst %1: i64[8] = {{1, 0, 0, 0, 0, 0, 0, 0}}\n{w}%3: f32[2,1,4,4] = Pad(%0, %1)\n%4: f32[2,1,3,3] = Conv(%3, %2) {c}\nout %4 \"y\""
        ),
    );
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\nconst %1: i64[8] = {{0, 0, -1, 0, 0, 0, 1, 0}}\n{w}%3: f32[1,1,4,4] = Pad(%0, %1)\n%4: f32[1,1,3,3] = Conv(%3, %2) {c}\nout %4 \"y\""
        ),
    );
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}{inf}%3: f32[1,1,8,10] = Pad(%0, %1)\n%4: f32[1,1,7,9] = Conv(%3, %2) {c}\nout %4 \"y\""
        ),
    );
}

#[test]
fn max_pool_takes_minus_infinity_and_never_zero() {
    // M33
    let p = pool("0, 0, 0, 0", "");
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}%2: f32[1,1,8,10] = Pad(%0, %1)\n%3: f32[1,1,4,6] = MaxPool(%2) {p}\nout %3 \"y\""
        ),
    );
    becomes(
        P,
        &["max-pool"],
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}const %2: f32[] = {{-inf}}\n%3: f32[1,1,8,10] = Pad(%0, %1, %2)\n%4: f32[1,1,4,6] = MaxPool(%3) {p}\nout %4 \"y\""
        ),
        &format!("in %0 \"x\": f32[1,1,4,4]\n%1: f32[1,1,4,6] = MaxPool(%0) {}\nout %1 \"y\"", pool("1, 2, 3, 4", "")),
    );
}

#[test]
fn average_pool_then_counts_its_padding() {
    // M34: with padding of its own that does not count, the divisors would mix.
    becomes(
        P,
        &["average-pool"],
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}%2: f32[1,1,8,10] = Pad(%0, %1)\n%3: f32[1,1,4,6] = AveragePool(%2) {}\nout %3 \"y\"",
            pool("0, 0, 0, 0", "")
        ),
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n%1: f32[1,1,4,6] = AveragePool(%0) {}\nout %1 \"y\"",
            pool("1, 2, 3, 4", ", count_include_pad=1")
        ),
    );
    stays(
        P,
        &format!(
            "in %0 \"x\": f32[1,1,4,4]\n{PADS}%2: f32[1,1,8,10] = Pad(%0, %1)\n%3: f32[1,1,5,6] = AveragePool(%2) {}\nout %3 \"y\"",
            pool("1, 0, 0, 0", "")
        ),
    );
}
