//! `g.decompose` of indexing, ordering, recurrent, attention and sampling operators: values worked out by hand from the
//! operator's documentation (or its examples there). Constants fold, so the decomposition computes its own result.

use crate::decompose::{check, values};
use crate::{graph, run_with};
use kit::Permit;

const NAN: f64 = f64::NAN;

#[test]
fn gathers() {
    // The examples of ONNX's documentation; index -1 is the last.
    check(
        "const %0: f32[2,2] = {1.0, 2.0, 3.0, 4.0}\nconst %1: i64[2,2] = {0, 0, 1, 0}\n%2: f32[2,2] = GatherElements(%0, %1) {axis=1}\nout %2 \"y\"",
        &[1.0, 1.0, 4.0, 3.0],
    );
    check(
        "const %0: f32[3,3] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}\nconst %1: i32[2,3] = {-2, -1, -3, -1, -3, -3}\n%2: f32[2,3] = GatherElements(%0, %1)\nout %2 \"y\"",
        &[4.0, 8.0, 3.0, 7.0, 2.0, 3.0],
    );
    let x = "const %0: i32[2,2,2] = {0, 1, 2, 3, 4, 5, 6, 7}\n";
    check(
        &format!("{x}const %1: i64[2,2] = {{0, 1, 1, -2}}\n%2: i32[2,2] = GatherND(%0, %1)\nout %2 \"y\""),
        &[2.0, 3.0, 4.0, 5.0],
    );
    check(
        &format!("{x}const %1: i64[2,1] = {{1, 0}}\n%2: i32[2,2] = GatherND(%0, %1) {{batch_dims=1}}\nout %2 \"y\""),
        &[2.0, 3.0, 4.0, 5.0],
    );
    // Sequences of lengths 1 and 2 of three steps, time first and batch first.
    check(
        "const %0: i32[3,2] = {1, 2, 3, 4, 5, 6}\nconst %1: i64[2] = {1, 2}\n%2: i32[3,2] = ReverseSequence(%0, %1)\nout %2 \"y\"",
        &[1.0, 4.0, 3.0, 2.0, 5.0, 6.0],
    );
    check(
        "const %0: i32[2,3] = {1, 2, 3, 4, 5, 6}\nconst %1: i64[2] = {3, 2}\n%2: i32[2,3] = ReverseSequence(%0, %1) {batch_axis=0, time_axis=1}\nout %2 \"y\"",
        &[3.0, 2.0, 1.0, 5.0, 4.0, 6.0],
    );
}

#[test]
fn run_time_indices_keep_their_range_check() {
    let body =
        "in %0 \"x\": f32[2,3]\nin %1 \"i\": i64[2,2]\n%2: f32[2,2] = GatherElements(%0, %1) {axis=1}\nout %2 \"y\"";
    let got = run_with("g.decompose", &graph(body), Permit::All).0;
    // The index goes through a table of the axis' own length: what is out of range there is refused.
    let first = got.nodes.values().next().expect("a node");
    let table = first.input(0).and_then(|v| got.constant(v)).and_then(ir::Tensor::ints);
    assert_eq!((first.op, table), (ir::Op::Gather, Some(vec![0, 1, 2])), "{}", ir::text::print(&got));
}

#[test]
fn scatters() {
    let x = "const %0: f32[2,3] = {1.0, 2.0, 3.0, 4.0, 5.0, nan}\n";
    // The last update of a place wins; indices cover the first row only.
    check(
        &format!(
            "{x}const %1: i64[1,3] = {{1, -2, 0}}\nconst %2: f32[1,3] = {{10.0, 20.0, inf}}\n%3: f32[2,3] = ScatterElements(%0, %1, %2) {{axis=1}}\nout %3 \"y\""
        ),
        &[f64::INFINITY, 20.0, 3.0, 4.0, 5.0, NAN],
    );
    for (mode, want) in
        [("add", [6.0, 2.0, 3.0]), ("mul", [6.0, 2.0, 3.0]), ("max", [3.0, 2.0, 3.0]), ("min", [1.0, 2.0, 3.0])]
    {
        check(
            &format!(
                "const %0: f32[3] = {{1.0, 2.0, 3.0}}\nconst %1: i64[2] = {{0, 0}}\nconst %2: f32[2] = {{2.0, 3.0}}\n%3: f32[3] = ScatterElements(%0, %1, %2) {{reduction=\"{mode}\"}}\nout %3 \"y\""
            ),
            &want,
        );
    }
    // Integers wrap: 100 + 100 in int8.
    check(
        "const %0: i8[2] = {100, 1}\nconst %1: i64[1] = {0}\nconst %2: i8[1] = {100}\n%3: i8[2] = ScatterElements(%0, %1, %2) {reduction=\"add\"}\nout %3 \"y\"",
        &[-56.0, 1.0],
    );
    // Rows, and single elements named by pairs.
    check(
        "const %0: f32[3,2] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}\nconst %1: i64[2,1] = {2, 0}\nconst %2: f32[2,2] = {7.0, 8.0, 9.0, 10.0}\n%3: f32[3,2] = ScatterND(%0, %1, %2)\nout %3 \"y\"",
        &[9.0, 10.0, 3.0, 4.0, 7.0, 8.0],
    );
    check(
        "const %0: f32[3,2] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}\nconst %1: i64[2,2] = {2, 1, 2, -1}\nconst %2: f32[2] = {7.0, 8.0}\n%3: f32[3,2] = ScatterND(%0, %1, %2) {reduction=\"add\"}\nout %3 \"y\"",
        &[1.0, 2.0, 3.0, 4.0, 5.0, 21.0],
    );
    // A cache of three steps, written from step 2 on: around the end, or one step from 1 on.
    let cache = "const %0: i32[1,3,1] = {1, 2, 3}\nconst %1: i32[1,2,1] = {7, 8}\n";
    check(
        &format!(
            "{cache}const %2: i64[1] = {{2}}\n%3: i32[1,3,1] = TensorScatter(%0, %1, %2) {{mode=\"circular\"}}\nout %3 \"y\""
        ),
        &[8.0, 2.0, 7.0],
    );
    check(
        &format!("{cache}const %2: i64[1] = {{1}}\n%3: i32[1,3,1] = TensorScatter(%0, %1, %2)\nout %3 \"y\""),
        &[1.0, 7.0, 8.0],
    );
}

#[test]
fn run_time_scatter_compares_and_has_a_limit() {
    let body = |n: usize| {
        format!(
            "in %0 \"x\": f32[{n}]\nin %1 \"i\": i64[{n}]\nin %2 \"u\": f32[{n}]\n%3: f32[{n}] = ScatterElements(%0, %1, %2)\nout %3 \"y\""
        )
    };
    let got = run_with("g.decompose", &graph(&body(8)), Permit::All).0;
    assert!(got.nodes.values().all(|n| opt::is_core(n.op)), "{}", ir::text::print(&got));
    let pass = opt::PASSES.iter().find(|p| p.name == "g.decompose").expect("the pass");
    let (mut log, mut control) = (kit::RewriteLog::new(Permit::All), kit::Control::production());
    let mut cx = kit::PassCx { pass: pass.name, log: &mut log, control: &mut control };
    let error = (pass.run)(&graph(&body(4096)), &mut cx).expect_err("16 million pairs");
    assert!(error.to_string().contains("pairs to compare"), "{error}");
}

#[test]
fn orders() {
    // Ties go to the lower index in both directions; NaN is above everything.
    let x = "const %0: f32[5] = {2.0, 5.0, nan, 2.0, -1.0}\nconst %1: i64[1] = {4}\n";
    let top =
        |a: &str| values(&format!("{x}%2: f32[4], %3: i64[4] = TopK(%0, %1) {{{a}}}\nout %2 \"v\"\nout %3 \"i\""));
    let got = top("largest=1");
    assert!(got[0][0].is_nan() && got[0][1..] == [5.0, 2.0, 2.0], "{got:?}");
    assert_eq!(got[1], [2.0, 1.0, 0.0, 3.0]);
    let got = top("largest=0");
    assert_eq!((&got[0][..], &got[1][..]), (&[-1.0, 2.0, 2.0, 5.0][..], &[4.0, 0.0, 3.0, 1.0][..]));
    // Along the first of two axes.
    let got = values(
        "const %0: i32[2,2] = {1, 4, 3, 2}\nconst %1: i64[1] = {1}\n%2: i32[1,2], %3: i64[1,2] = TopK(%0, %1) {axis=0}\nout %2 \"v\"\nout %3 \"i\"",
    );
    assert_eq!((&got[0][..], &got[1][..]), (&[3.0, 4.0][..], &[1.0, 0.0][..]));
}

#[test]
fn cumulative() {
    let x = "const %0: f32[5] = {1.0, 2.0, 3.0, 4.0, inf}\nconst %1: i64[] = {0}\n";
    let sum = |a: &str, want: &[f64]| check(&format!("{x}%2: f32[5] = CumSum(%0, %1) {{{a}}}\nout %2 \"y\""), want);
    let inf = f64::INFINITY;
    // An infinity does not reach the elements before it.
    sum("exclusive=0", &[1.0, 3.0, 6.0, 10.0, inf]);
    sum("exclusive=1", &[0.0, 1.0, 3.0, 6.0, 10.0]);
    sum("reverse=1", &[inf, inf, inf, inf, inf]);
    sum("reverse=1, exclusive=1", &[inf, inf, inf, inf, 0.0]);
    check(
        "const %0: f32[2,3] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}\nconst %1: i64[] = {-1}\n%2: f32[2,3] = CumProd(%0, %1) {exclusive=1, reverse=1}\nout %2 \"y\"",
        &[6.0, 3.0, 1.0, 30.0, 6.0, 1.0],
    );
    check(
        "const %0: i32[1] = {7}\nconst %1: i64[] = {0}\n%2: i32[1] = CumSum(%0, %1) {exclusive=1}\nout %2 \"y\"",
        &[0.0],
    );
}

#[test]
fn recurrent() {
    // ReLU: h1 = 1, h2 = 2 + 0.5 * 1, h3 = 4 + 0.5 * 2.5; the second sequence ends after one step.
    let x = "const %0: f32[3,2,1] = {1.0, 1.0, 2.0, 2.0, 4.0, 4.0}\nconst %1: f32[1,1,1] = {1.0}\nconst %2: f32[1,1,1] = {0.5}\n";
    let got = values(&format!(
        "{x}const %3: i32[2] = {{3, 1}}\n%4: f32[3,1,2,1], %5: f32[1,2,1] = RNN(%0, %1, %2, _, %3) {{activations=s[\"Relu\"], hidden_size=1}}\nout %4 \"y\"\nout %5 \"h\""
    ));
    assert_eq!((&got[0][..], &got[1][..]), (&[1.0, 1.0, 2.5, 0.0, 5.25, 0.0][..], &[5.25, 1.0][..]));
    // Backwards the sequence of length 1 begins at its own end: 4, 2 + 2, 1 + 2; and 1.
    let got = values(&format!(
        "{x}const %3: i32[2] = {{3, 1}}\n%4: f32[3,1,2,1], %5: f32[1,2,1] = RNN(%0, %1, %2, _, %3) {{activations=s[\"Relu\"], hidden_size=1, direction=\"reverse\"}}\nout %4 \"y\"\nout %5 \"h\""
    ));
    assert_eq!((&got[0][..], &got[1][..]), (&[3.0, 1.0, 4.0, 0.0, 4.0, 0.0][..], &[3.0, 1.0][..]));
    // Weights of 0: all gates are 1/2 and the candidate is 0, so C = C0 / 2 and H = tanh(C) / 2.
    let zero =
        "const %0: f32[1,1,1] = {3.0}\nconst %1: f32[1,4,1] = {0.0, 0.0, 0.0, 0.0}\nconst %2: f32[1,1,1] = {2.0}\n";
    check(
        &format!(
            "{zero}%3: f32[1,1,1,1], %4: f32[1,1,1], %5: f32[1,1,1] = LSTM(%0, %1, %1, _, _, _, %2) {{hidden_size=1}}\nout %4 \"h\""
        ),
        &[0.380_797_077_977_882_4],
    );
    // The update gate of 1/2 halves the state; the candidate is tanh(0) = 0.
    check(
        "const %0: f32[1,1,1] = {3.0}\nconst %1: f32[1,3,1] = {0.0, 0.0, 0.0}\nconst %2: f32[1,1,1] = {2.0}\n%3: f32[1,1,1,1], %4: f32[1,1,1] = GRU(%0, %1, %1, _, _, %2) {hidden_size=1}\nout %4 \"h\"",
        &[1.0],
    );
}

#[test]
fn attention() {
    // One query of two keys: scores 0 and ln 3, so weights 1/4 and 3/4.
    let qkv = "const %0: f32[1,1,1,1] = {1.0}\nconst %1: f32[1,1,2,1] = {0.0, 1.0986123}\nconst %2: f32[1,1,2,1] = {4.0, 8.0}\n";
    check(&format!("{qkv}%3: f32[1,1,1,1] = Attention(%0, %1, %2)\nout %3 \"y\""), &[7.0]);
    // A mask over both keys gives 0, over the second only the first value; causal: query 0 sees key 0.
    check(
        &format!("{qkv}const %3: bool[1,2] = {{0, 0}}\n%4: f32[1,1,1,1] = Attention(%0, %1, %2, %3)\nout %4 \"y\""),
        &[0.0],
    );
    check(
        &format!("{qkv}const %3: bool[1,2] = {{1, 0}}\n%4: f32[1,1,1,1] = Attention(%0, %1, %2, %3)\nout %4 \"y\""),
        &[4.0],
    );
    check(&format!("{qkv}%3: f32[1,1,1,1] = Attention(%0, %1, %2) {{is_causal=1}}\nout %3 \"y\""), &[4.0]);
    // A quarter turn of (1, 2): halves, and neighbours with a pair that stays.
    check(
        "const %0: f32[1,1,1,2] = {1.0, 2.0}\nconst %1: f32[1,1,1] = {0.0}\nconst %2: f32[1,1,1] = {1.0}\n%3: f32[1,1,1,2] = RotaryEmbedding(%0, %1, %2)\nout %3 \"y\"",
        &[-2.0, 1.0],
    );
    check(
        "const %0: f32[1,1,1,4] = {1.0, 2.0, 3.0, 4.0}\nconst %1: f32[1,1,1] = {0.0}\nconst %2: f32[1,1,1] = {1.0}\n%3: f32[1,1,1,4] = RotaryEmbedding(%0, %1, %2) {interleaved=1, rotary_embedding_dim=2}\nout %3 \"y\"",
        &[-2.0, 1.0, 3.0, 4.0],
    );
}

#[test]
fn sampling() {
    // Three points of a row of two pixels: centre of the first, the middle, half a pixel outside.
    let x = "const %0: f32[1,1,1,2] = {2.0, 4.0}\nconst %1: f32[1,1,3,2] = {-0.5, 0.0, 0.0, 0.0, 1.5, 0.0}\n";
    let call = |a: &str, want: [f64; 3]| {
        check(&format!("{x}%2: f32[1,1,1,3] = GridSample(%0, %1) {{{a}}}\nout %2 \"y\""), &want)
    };
    call("mode=\"linear\"", [2.0, 3.0, 0.0]);
    call("mode=\"linear\", padding_mode=\"border\"", [2.0, 3.0, 4.0]);
    // 1.5 is position 2: reflected at the edge 1.5 it is 1.
    call("mode=\"linear\", padding_mode=\"reflection\"", [2.0, 3.0, 4.0]);
    // Corners aligned: -0.5 is 1/4, 0 is 1/2, 1.5 is 5/4, reflected at 1 to 3/4.
    call("mode=\"linear\", padding_mode=\"reflection\", align_corners=1", [2.5, 3.0, 3.5]);
    // Ties to even: 0.5 is pixel 0.
    call("mode=\"nearest\"", [2.0, 2.0, 0.0]);
    // The identity on two pixels.
    check(
        "const %0: f32[1,2,3] = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}\nconst %1: i64[4] = {1, 1, 1, 2}\n%2: f32[1,1,2,2] = AffineGrid(%0, %1)\nout %2 \"y\"",
        &[-0.5, 0.0, 0.5, 0.0],
    );
    // A region over the whole image of four pixels, one bin with one sample in its middle.
    check(
        "const %0: f32[1,1,2,2] = {1.0, 2.0, 3.0, 4.0}\nconst %1: f32[1,4] = {0.0, 0.0, 2.0, 2.0}\nconst %2: i64[1] = {0}\n%3: f32[1,1,1,1] = RoiAlign(%0, %1, %2) {sampling_ratio=1}\nout %3 \"y\"",
        &[2.5],
    );
    // An offset of half a pixel to the right: the mean of neighbours, and half of the last (0 outside).
    check(
        "const %0: f32[1,1,1,2] = {2.0, 4.0}\nconst %1: f32[1,1,1,1] = {1.0}\nconst %2: f32[1,2,1,2] = {0.0, 0.0, 0.5, 0.5}\n%3: f32[1,1,1,2] = DeformConv(%0, %1, %2)\nout %3 \"y\"",
        &[3.0, 2.0],
    );
}

#[test]
fn windows() {
    // Places count over the whole tensor; the padded corner window holds one element. Column-major: 3 columns of 2.
    let x = "const %0: f32[1,1,2,3] = {1.0, 5.0, 2.0, 7.0, 3.0, 7.0}\n";
    for (order, want) in [(0, [3.0, 5.0]), (1, [1.0, 5.0])] {
        let got = values(&format!(
            "{x}%1: f32[1,1,1,2], %2: i64[1,1,1,2] = MaxPool(%0) {{kernel_shape=[2, 2], storage_order={order}}}\nout %1 \"y\"\nout %2 \"i\""
        ));
        assert_eq!((&got[0][..], &got[1][..]), (&[7.0, 7.0][..], &want[..]));
    }
    check(
        "const %0: f32[1,1,1,2] = {5.0, 6.0}\nconst %1: i64[1,1,1,2] = {1, 2}\n%2: f32[1,1,1,4] = MaxUnpool(%0, %1) {kernel_shape=[1, 2], strides=[1, 2]}\nout %2 \"y\"",
        &[0.0, 5.0, 6.0, 0.0],
    );
    // Two blocks of two on a row of three: the middle is in both.
    check(
        "const %0: f32[1,2,2] = {1.0, 2.0, 3.0, 4.0}\nconst %1: i64[2] = {1, 3}\nconst %2: i64[2] = {1, 2}\n%3: f32[1,1,1,3] = Col2Im(%0, %1, %2)\nout %3 \"y\"",
        &[1.0, 5.0, 4.0],
    );
}

#[test]
fn linear_algebra() {
    let ab = "const %0: f32[2,2] = {1.0, 2.0, 3.0, 4.0}\nconst %1: f32[2] = {10.0, 100.0}\n";
    for (equation, dims, want) in [
        ("ij,j->i", "2", &[210.0, 430.0][..]),
        ("ij,i->j", "2", &[310.0, 420.0]),
        ("ij,j->ij", "2,2", &[10.0, 200.0, 30.0, 400.0]),
        ("ij,k->ki", "2,2", &[30.0, 70.0, 300.0, 700.0]),
    ] {
        check(&format!("{ab}%2: f32[{dims}] = Einsum(%0, %1) {{equation=\"{equation}\"}}\nout %2 \"y\""), want);
    }
    check(&format!("{ab}%2: f32[2,2] = Einsum(%0) {{equation=\"...ij->...ji\"}}\nout %2 \"y\""), &[1.0, 3.0, 2.0, 4.0]);
    check(&format!("{ab}%2: f32[2] = Einsum(%0) {{equation=\"ii->i\"}}\nout %2 \"y\""), &[1.0, 4.0]);
    check(
        "const %0: f32[3,3] = {2.0, 0.0, 1.0, 1.0, 3.0, 2.0, 1.0, 1.0, 4.0}\n%1: f32[] = Det(%0)\nout %1 \"y\"",
        &[18.0],
    );
}

#[test]
fn resize_widens_its_filter_and_leaves_out_what_is_outside() {
    let x = "const %0: f32[1,1,1,4] = {1.0, 2.0, 3.0, 4.0}\nconst %1: f32[4] = {1.0, 1.0, 1.0, 0.5}\n";
    // A triangle of width 2 around 0.5: distances 1.5, 0.5, 0.5, 1.5 weigh 1, 3, 3, 1 (of 8), the first clamped.
    check(
        &format!("{x}%2: f32[1,1,1,2] = Resize(%0, _, %1) {{mode=\"linear\", antialias=1}}\nout %2 \"y\""),
        &[(1.0 + 3.0 + 6.0 + 3.0) / 8.0, (2.0 + 9.0 + 12.0 + 4.0) / 8.0],
    );
    // Cubic weights of 1/2 without the one outside, (0.59375, 0.59375, -0.09375), over their sum.
    check(
        &format!("{x}%2: f32[1,1,1,2] = Resize(%0, _, %1) {{mode=\"cubic\", exclude_outside=1}}\nout %2 \"y\""),
        &[(3.0 * 0.59375 - 3.0 * 0.09375) / 1.09375, (7.0 * 0.59375 - 2.0 * 0.09375) / 1.09375],
    );
    // The region from 0 to 2 (of 3): its second half lies outside.
    check(
        "const %0: f32[2] = {1.0, 3.0}\nconst %1: f32[2] = {0.0, 2.0}\nconst %2: i64[1] = {3}\n%3: f32[3] = Resize(%0, %1, _, %2) {mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=f9.0}\nout %3 \"y\"",
        &[1.0, 3.0, 9.0],
    );
    // At whole positions there is one weight: an infinity next to it stays where it is.
    check(
        "const %0: f32[1,1,1,2] = {1.0, inf}\nconst %1: f32[4] = {1.0, 1.0, 1.0, 2.0}\n%2: f32[1,1,1,4] = Resize(%0, _, %1) {mode=\"linear\", coordinate_transformation_mode=\"asymmetric\"}\nout %2 \"y\"",
        &[1.0, f64::INFINITY, f64::INFINITY, f64::INFINITY],
    );
}

#[test]
fn states_that_are_carried() {
    // Outer products of 2 and 3, then of 1 and 1: S = 6, then exp(0) 6 + 1; the query 10 reads them times 1/2.
    check(
        "const %0: f32[1,2,1] = {10.0, 10.0}\nconst %1: f32[1,2,1] = {2.0, 1.0}\nconst %2: f32[1,2,1] = {3.0, 1.0}\nconst %3: f32[1,2,1] = {0.0, 0.0}\n%4: f32[1,2,1], %5: f32[1,1,1,1] = LinearAttention(%0, %1, %2, _, %3) {update_rule=\"gated\", q_num_heads=1, kv_num_heads=1, scale=f0.5}\nout %4 \"y\"",
        &[30.0, 35.0],
    );
    // Delta rule, rate 1/2: S = 6 from before, key 2 predicts 12, v = 4: S + 2 (4 - 12) / 2.
    check(
        "const %0: f32[1,1,1] = {1.0}\nconst %1: f32[1,1,1] = {2.0}\nconst %2: f32[1,1,1] = {4.0}\nconst %3: f32[1,1,1,1] = {6.0}\nconst %4: f32[1,1,1] = {0.5}\n%5: f32[1,1,1], %6: f32[1,1,1,1] = LinearAttention(%0, %1, %2, %3, _, %4) {update_rule=\"delta\", q_num_heads=1, kv_num_heads=1}\nout %6 \"s\"",
        &[-2.0],
    );
    // The carried positions come before the new ones.
    let got = run_with(
        "g.decompose",
        &graph(
            "in %0 \"x\": f32[1,1,2]\nin %1 \"p\": f32[1,1,2]\nconst %2: f32[1,1,3] = {1.0, 10.0, 100.0}\n%3: f32[1,1,2], %4: f32[1,1,2] = CausalConvWithState(%0, %2, _, %1)\nout %3 \"y\"\nout %4 \"s\"",
        ),
        Permit::All,
    );
    let ops: Vec<_> = got.0.nodes.values().map(|n| n.op).collect();
    assert!(ops.contains(&ir::Op::Conv) && ops[0] == ir::Op::Concat, "{ops:?}");
}
