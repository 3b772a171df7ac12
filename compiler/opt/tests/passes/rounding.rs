//! `g.round-constants` and `g.precision`.

use crate::{becomes, graph, run_with, same};
use kit::Permit;

#[test]
fn wide_constants_round_once_to_even() {
    // 1 + 2^-8 is a tie of bf16 and goes to 1; a little more, less than f32 can hold, goes up. 1 + 2^-24 is a tie of f32.
    let (tie, above) = (1.0 + 2f64.powi(-8), 1.0 + 2f64.powi(-8) + 2f64.powi(-40));
    let single = 1.0 + 2f64.powi(-24);
    let g = graph(&format!(
        "const %0: bf16[2] = wide {{{tie:?}, {above:?}}}\nconst %1: f32[3] = wide {{{single:?}, 0.1, -0.0}}\nconst %2: f16[1] = wide {{65520.0}}\nout %0 \"a\"\nout %1 \"b\"\nout %2 \"c\""
    ));
    let want = graph(
        "const %0: bf16[2] = {#3f80, #3f81}\nconst %1: f32[3] = {1.0, 0.1, -0.0}\nconst %2: f16[1] = {#7c00}\nout %0 \"a\"\nout %1 \"b\"\nout %2 \"c\"",
    );
    same(&run_with("g.round-constants", &g, Permit::First(0)).0, &want);
}

#[test]
fn matrix_operands_become_bf16() {
    becomes(
        "g.precision",
        &[],
        "in %0 \"x\": f32[2,2]\nconst %1: f32[2,2] = {1.0, 0.1, 3.0, 4.0}\n%2: f32[2,2] = MatMul(%0, %1)\n%3: f32[2,2] = Relu(%2)\nout %3 \"y\"",
        &format!(
            "in %0 \"x\": f32[2,2]\nconst %1: bf16[2,2] = wide {{1.0, {:?}, 3.0, 4.0}}\n%2: bf16[2,2] = Cast(%0) {{to=16}}\n%3: bf16[2,2] = MatMul(%2, %1)\n%4: f32[2,2] = Cast(%3) {{to=1}}\n%5: f32[2,2] = Relu(%4)\nout %5 \"y\"",
            f64::from(0.1f32)
        ),
    );
}
