//! `g.compose-transposes`.

use crate::{becomes, stays};

const P: &str = "g.compose-transposes";

#[test]
fn three_cycles_compose_in_the_right_order() {
    // perm [1,2,0] twice is [2,0,1]; composing the wrong way round would give the same here, so the second pair differs.
    becomes(
        P,
        &["compose"],
        "in %0 \"x\": f32[2,3,4]\n%1: f32[3,4,2] = Transpose(%0) {perm=[1, 2, 0]}\n%2: f32[4,2,3] = Transpose(%1) {perm=[1, 2, 0]}\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3,4]\n%1: f32[4,2,3] = Transpose(%0) {perm=[2, 0, 1]}\nout %1 \"y\"",
    );
    becomes(
        P,
        &["compose"],
        "in %0 \"x\": f32[2,3,4]\n%1: f32[3,4,2] = Transpose(%0) {perm=[1, 2, 0]}\n%2: f32[4,3,2] = Transpose(%1) {perm=[1, 0, 2]}\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3,4]\n%1: f32[4,3,2] = Transpose(%0) {perm=[2, 1, 0]}\nout %1 \"y\"",
    );
}

#[test]
fn identities_go() {
    becomes(
        P,
        &["identity"],
        "in %0 \"x\": f32[3,3]\n%1: f32[3,3] = Transpose(%0) {perm=[0, 1]}\nout %1 \"y\"",
        "in %0 \"x\": f32[3,3]\nout %0 \"y\"",
    );
    becomes(
        P,
        &["compose"],
        "in %0 \"x\": f32[2,3]\n%1: f32[3,2] = Transpose(%0) {perm=[1, 0]}\n%2: f32[2,3] = Transpose(%1) {perm=[1, 0]}\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3]\nout %0 \"y\"",
    );
}

#[test]
fn transposes_sink_through_elementwise_and_meet() {
    becomes(
        P,
        &["push-elementwise", "push-elementwise", "compose"],
        "in %0 \"x\": f32[2,3,4]\nconst %1: f32[2] = {5.0, 6.0}\n%2: f32[3,4,2] = Transpose(%0) {perm=[1, 2, 0]}\n%3: f32[3,4,2] = Relu(%2)\n%4: f32[3,4,2] = Add(%3, %1)\n%5: f32[2,3,4] = Transpose(%4) {perm=[2, 0, 1]}\nout %5 \"y\"",
        "in %0 \"x\": f32[2,3,4]\nconst %1: f32[2,1,1] = {5.0, 6.0}\n%2: f32[2,3,4] = Relu(%0)\n%3: f32[2,3,4] = Add(%2, %1)\nout %3 \"y\"",
    );
}

#[test]
fn concat_axis_moves_along() {
    // M13: axis 0 of the transposed values is axis 2 of the originals, not a fixed one.
    for (axis, out, inner) in [(0, "8,2,3", 2), (1, "4,4,3", 0), (-1, "4,2,6", 1)] {
        let mid = match inner {
            2 => "2,3,8",
            0 => "4,3,4",
            _ => "2,6,4",
        };
        becomes(
            P,
            &["push-concat"],
            &format!(
                "in %0 \"x\": f32[2,3,4]\nin %1 \"z\": f32[2,3,4]\n%2: f32[4,2,3] = Transpose(%0) {{perm=[2, 0, 1]}}\n%3: f32[4,2,3] = Transpose(%1) {{perm=[2, 0, 1]}}\n%4: f32[{out}] = Concat(%2, %3) {{axis={axis}}}\nout %4 \"y\""
            ),
            &format!(
                "in %0 \"x\": f32[2,3,4]\nin %1 \"z\": f32[2,3,4]\n%2: f32[{mid}] = Concat(%0, %1) {{axis={inner}}}\n%3: f32[{out}] = Transpose(%2) {{perm=[2, 0, 1]}}\nout %3 \"y\""
            ),
        );
    }
}

#[test]
fn per_axis_quantisation_maps_with_perm_not_its_inverse() {
    // M15: output axis 0 is input axis perm[0] = 1 (the inverse permutation would say 2).
    becomes(
        P,
        &["push-quantization"],
        "in %0 \"x\": u8[2,3,4]\nconst %1: f32[3] = {0.5, 0.25, 2.0}\nconst %2: u8[3] = {1, 2, 3}\n%3: u8[3,4,2] = Transpose(%0) {perm=[1, 2, 0]}\n%4: f32[3,4,2] = DequantizeLinear(%3, %1, %2) {axis=0}\nout %4 \"y\"",
        "in %0 \"x\": u8[2,3,4]\nconst %1: f32[3] = {0.5, 0.25, 2.0}\nconst %2: u8[3] = {1, 2, 3}\n%3: f32[2,3,4] = DequantizeLinear(%0, %1, %2) {axis=1}\n%4: f32[3,4,2] = Transpose(%3) {perm=[1, 2, 0]}\nout %4 \"y\"",
    );
}

#[test]
fn what_must_stay() {
    // Another reader of the Transpose; a graph output; different permutations; a run-time operand without a Transpose.
    for body in [
        "in %0 \"x\": f32[2,3]\n%1: f32[3,2] = Transpose(%0) {perm=[1, 0]}\n%2: f32[3,2] = Relu(%1)\n%3: f32[3,2] = Exp(%1)\nout %2 \"a\"\nout %3 \"b\"",
        "in %0 \"x\": f32[2,3]\n%1: f32[3,2] = Transpose(%0) {perm=[1, 0]}\n%2: f32[3,2] = Relu(%1)\nout %1 \"a\"\nout %2 \"b\"",
        "in %0 \"x\": f32[3,3,3]\nin %1 \"z\": f32[3,3,3]\n%2: f32[3,3,3] = Transpose(%0) {perm=[1, 2, 0]}\n%3: f32[3,3,3] = Transpose(%1) {perm=[2, 0, 1]}\n%4: f32[3,3,3] = Add(%2, %3)\nout %4 \"y\"",
        "in %0 \"x\": f32[3,3]\nin %1 \"z\": f32[3,3]\n%2: f32[3,3] = Transpose(%0) {perm=[1, 0]}\n%3: f32[3,3] = Add(%2, %1)\nout %3 \"y\"",
        "in %0 \"x\": f32[3,3]\n%1: f32[3,3] = Transpose(%0) {perm=[1, 0]}\n%2: f32[3,3] = Softmax(%1) {axis=1}\nout %2 \"y\"",
    ] {
        stays(P, body);
    }
}
