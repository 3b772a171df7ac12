//! `g.normalize`.

use crate::becomes;

fn norm(before: &str, after: &str) {
    becomes("g.normalize", &[], before, after);
}

#[test]
fn gemm_is_taken_apart() {
    // M12: the Transposes come from transA and transB alone. M41: C broadcasts as given, here along columns.
    norm(
        "in %0 \"a\": f32[3,3]\nin %1 \"b\": f32[3,3]\nin %2 \"c\": f32[3,1]\n%3: f32[3,3] = Gemm(%0, %1, %2) {transA=1, alpha=f0.5, beta=f2.0}\nout %3 \"y\"",
        "in %0 \"a\": f32[3,3]\nin %1 \"b\": f32[3,3]\nin %2 \"c\": f32[3,1]\nconst %3: f32[] = {0.5}\nconst %4: f32[] = {2.0}\n%5: f32[3,3] = Transpose(%0) {perm=[1, 0]}\n%6: f32[3,3] = MatMul(%5, %1)\n%7: f32[3,3] = Mul(%6, %3)\n%8: f32[3,1] = Mul(%2, %4)\n%9: f32[3,3] = Add(%7, %8)\nout %9 \"y\"",
    );
    norm(
        "in %0 \"a\": f32[2,3]\nconst %1: f32[2,3] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}\n%2: f32[2,2] = Gemm(%0, %1) {transB=1}\nout %2 \"y\"",
        "in %0 \"a\": f32[2,3]\nconst %1: f32[3,2] = {1.0, 4.0, 2.0, 5.0, 3.0, 6.0}\n%2: f32[2,2] = MatMul(%0, %1)\nout %2 \"y\"",
    );
}

#[test]
fn variadic_operators_are_chains() {
    norm(
        "in %0 \"a\": f32[2]\nin %1 \"b\": f32[1]\nin %2 \"c\": f32[2]\n%3: f32[2] = Mean(%0, %1, %2)\nout %3 \"y\"",
        "in %0 \"a\": f32[2]\nin %1 \"b\": f32[1]\nin %2 \"c\": f32[2]\nconst %3: f32[] = {3.0}\n%4: f32[2] = Add(%0, %1)\n%5: f32[2] = Add(%4, %2)\n%6: f32[2] = Div(%5, %3)\nout %6 \"y\"",
    );
    norm(
        "in %0 \"a\": bf16[2]\nin %1 \"b\": bf16[2]\nin %2 \"c\": bf16[2]\n%3: bf16[2] = Sum(%0, %1, %2)\nout %3 \"y\"",
        "in %0 \"a\": bf16[2]\nin %1 \"b\": bf16[2]\nin %2 \"c\": bf16[2]\n%3: f32[2] = Cast(%0) {to=1}\n%4: f32[2] = Cast(%1) {to=1}\n%5: f32[2] = Add(%3, %4)\n%6: f32[2] = Cast(%2) {to=1}\n%7: f32[2] = Add(%5, %6)\n%8: bf16[2] = Cast(%7) {to=16}\nout %8 \"y\"",
    );
    norm("in %0 \"a\": f32[2]\n%1: f32[2] = Max(%0)\nout %1 \"y\"", "in %0 \"a\": f32[2]\nout %0 \"y\"");
}

#[test]
fn windows_are_explicit_and_two_dimensional() {
    // M57: everything differs between height and width. SAME_UPPER: (ceil(7/2)-1)*2 + 3 - 7 = 2; (ceil(5/3)-1)*3 + 4 - 5 = 2.
    norm(
        "in %0 \"x\": f32[1,1,7,5]\nin %1 \"w\": f32[1,1,3,4]\n%2: f32[1,1,4,2] = Conv(%0, %1) {auto_pad=\"SAME_UPPER\", strides=[2, 3]}\nout %2 \"y\"",
        "in %0 \"x\": f32[1,1,7,5]\nin %1 \"w\": f32[1,1,3,4]\n%2: f32[1,1,4,2] = Conv(%0, %1) {kernel_shape=[3, 4], dilations=[1, 1], pads=[1, 1, 1, 1], strides=[2, 3]}\nout %2 \"y\"",
    );
    norm(
        "in %0 \"x\": f32[1,2,8]\nin %1 \"w\": f32[2,1,3]\n%2: f32[1,2,5] = Conv(%0, %1) {group=2, dilations=[2], pads=[0, 1]}\nout %2 \"y\"",
        "in %0 \"x\": f32[1,2,8]\nin %1 \"w\": f32[2,1,3]\nconst %2: i64[4] = {1, 2, 1, 8}\nconst %3: i64[4] = {2, 1, 1, 3}\nconst %4: i64[3] = {1, 2, 5}\n%5: f32[1,2,1,8] = Reshape(%0, %2)\n%6: f32[2,1,1,3] = Reshape(%1, %3)\n%7: f32[1,2,1,5] = Conv(%5, %6) {group=2, kernel_shape=[1, 3], dilations=[1, 2], pads=[0, 0, 0, 1], strides=[1, 1]}\n%8: f32[1,2,5] = Reshape(%7, %4)\nout %8 \"y\"",
    );
}

#[test]
fn ceil_mode_is_padding_where_padding_does_not_count() {
    // Extent 6, kernel 3, stride 2, ceil: windows at 0, 2, 4; the last needs one cell more.
    norm(
        "in %0 \"x\": f32[1,1,6,6]\n%1: f32[1,1,3,3] = MaxPool(%0) {kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1}\nout %1 \"y\"",
        "in %0 \"x\": f32[1,1,6,6]\n%1: f32[1,1,3,3] = MaxPool(%0) {kernel_shape=[3, 3], strides=[2, 2], dilations=[1, 1], pads=[0, 0, 1, 1]}\nout %1 \"y\"",
    );
    // M55: counted padding ends where the declared padding ends, so the mode has to stay.
    norm(
        "in %0 \"x\": f32[1,1,6,6]\n%1: f32[1,1,3,3] = AveragePool(%0) {kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1}\nout %1 \"y\"",
        "in %0 \"x\": f32[1,1,6,6]\n%1: f32[1,1,3,3] = AveragePool(%0) {kernel_shape=[3, 3], strides=[2, 2], dilations=[1, 1], pads=[0, 0, 0, 0], ceil_mode=1, count_include_pad=1}\nout %1 \"y\"",
    );
}

#[test]
fn global_pools_are_reductions() {
    norm(
        "in %0 \"x\": f32[1,2,3,4]\n%1: f32[1,2,1,1] = GlobalAveragePool(%0)\nout %1 \"y\"",
        "in %0 \"x\": f32[1,2,3,4]\nconst %1: i64[2] = {2, 3}\n%2: f32[1,2,1,1] = ReduceMean(%0, %1)\nout %2 \"y\"",
    );
}

#[test]
fn reductions_have_sorted_axes() {
    norm(
        "in %0 \"x\": f32[2,3,4]\nconst %1: i64[2] = {-1, 0}\n%2: f32[3] = ReduceSum(%0, %1) {keepdims=0}\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3,4]\nconst %1: i64[2] = {0, 2}\n%2: f32[3] = ReduceSum(%0, %1) {keepdims=0}\nout %2 \"y\"",
    );
    norm(
        "in %0 \"x\": f32[2,3]\n%1: f32[1,1] = ReduceMax(%0)\nout %1 \"y\"",
        "in %0 \"x\": f32[2,3]\nconst %1: i64[2] = {0, 1}\n%2: f32[1,1] = ReduceMax(%0, %1)\nout %2 \"y\"",
    );
    norm(
        "in %0 \"x\": f32[2,3]\n%1: f32[2,3] = ReduceSum(%0) {noop_with_empty_axes=1}\n%2: f32[2,3] = Relu(%1)\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3]\n%1: f32[2,3] = Relu(%0)\nout %1 \"y\"",
    );
}

#[test]
fn slices_splits_and_pads() {
    norm(
        "in %0 \"x\": f32[5,4]\nconst %1: i64[1] = {-2}\nconst %2: i64[1] = {-9223372036854775808}\nconst %3: i64[1] = {-2}\nconst %4: i64[1] = {-2}\n%5: f32[2,4] = Slice(%0, %1, %2, %3, %4)\nout %5 \"y\"",
        "in %0 \"x\": f32[5,4]\nconst %1: i64[1] = {3}\nconst %2: i64[1] = {0}\nconst %3: i64[1] = {0}\nconst %4: i64[1] = {-2}\n%5: f32[2,4] = Slice(%0, %1, %2, %3, %4)\nout %5 \"y\"",
    );
    // Down to element 0: the end is written as -(n + 1).
    norm(
        "in %0 \"x\": f32[3]\nconst %1: i64[1] = {-1}\nconst %2: i64[1] = {-9}\nconst %3: i64[1] = {0}\nconst %4: i64[1] = {-1}\n%5: f32[3] = Slice(%0, %1, %2, %3, %4)\nout %5 \"y\"",
        "in %0 \"x\": f32[3]\nconst %1: i64[1] = {2}\nconst %2: i64[1] = {-4}\nconst %3: i64[1] = {0}\nconst %4: i64[1] = {-1}\n%5: f32[3] = Slice(%0, %1, %2, %3, %4)\nout %5 \"y\"",
    );
    norm(
        "in %0 \"x\": f32[5]\n%1: f32[3], %2: f32[2] = Split(%0) {num_outputs=2}\nout %1 \"a\"\nout %2 \"b\"",
        "in %0 \"x\": f32[5]\nconst %1: i64[1] = {0}\nconst %2: i64[1] = {3}\nconst %3: i64[1] = {5}\nconst %4: i64[1] = {1}\n%5: f32[3] = Slice(%0, %1, %2, %1, %4)\n%6: f32[2] = Slice(%0, %2, %3, %1, %4)\nout %5 \"a\"\nout %6 \"b\"",
    );
    norm(
        "in %0 \"x\": f32[4]\nconst %1: i64[2] = {-1, 2}\n%2: f32[5] = Pad(%0, %1) {mode=\"reflect\"}\nout %2 \"y\"",
        "in %0 \"x\": f32[4]\nconst %1: i64[1] = {1}\nconst %2: i64[1] = {4}\nconst %3: i64[1] = {0}\nconst %4: i64[1] = {1}\nconst %5: i64[5] = {0, 1, 2, 1, 0}\n%6: f32[3] = Slice(%0, %1, %2, %3, %4)\n%7: f32[5] = Gather(%6, %5)\nout %7 \"y\"",
    );
}

#[test]
fn shapes_and_removals() {
    norm(
        "in %0 \"x\": f32[2,3]\nconst %1: i64[1] = {0}\n%2: f32[2,3] = Identity(%0)\n%3: f32[1,2,3] = Unsqueeze(%2, %1)\n%4: f32[1,2,3], %5: bool[1,2,3] = Dropout(%3)\n%6: i64[3] = Shape(%4)\nout %4 \"y\"\nout %6 \"s\"",
        "in %0 \"x\": f32[2,3]\nconst %1: i64[3] = {1, 2, 3}\n%2: f32[1,2,3] = Reshape(%0, %1)\nout %2 \"y\"\nout %1 \"s\"",
    );
    norm(
        "in %0 \"x\": f32[3]\nin %1 \"w\": f32[3]\n%2: f32[] = MatMul(%0, %1)\nout %2 \"y\"",
        "in %0 \"x\": f32[3]\nin %1 \"w\": f32[3]\nconst %2: i64[2] = {1, 3}\nconst %3: i64[2] = {3, 1}\nconst %4: i64[0] = {}\n%5: f32[1,3] = Reshape(%0, %2)\n%6: f32[3,1] = Reshape(%1, %3)\n%7: f32[1,1] = MatMul(%5, %6)\n%8: f32[] = Reshape(%7, %4)\nout %8 \"y\"",
    );
    norm(
        "in %0 \"x\": f32[2,3]\nconst %1: f32[3] = {1.0, 2.0, 4.0}\n%2: u8[2,3] = QuantizeLinear(%0, %1) {axis=-1}\nout %2 \"y\"",
        "in %0 \"x\": f32[2,3]\nconst %1: f32[3] = {1.0, 2.0, 4.0}\nconst %2: u8[3] = {0, 0, 0}\n%3: u8[2,3] = QuantizeLinear(%0, %1, %2) {axis=1}\nout %3 \"y\"",
    );
}
