//! `g.decompose`: structure for one operator, values (worked out by hand or from the operator's documentation) for the
//! others: the decomposed graph on constant inputs is folded and compared.

use crate::{becomes, graph, run_with, stays};
use ir::{DType, Graph};
use kit::Permit;

#[test]
fn softmax_along_its_own_axis() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f32[2,3,4]\n%1: f32[2,3,4] = Softmax(%0) {axis=-2}\nout %1 \"y\"",
        "in %0 \"x\": f32[2,3,4]\nconst %1: i64[1] = {1}\n%2: f32[2,1,4] = ReduceMax(%0, %1)\n%3: f32[2,3,4] = Sub(%0, %2)\n%4: f32[2,3,4] = Exp(%3)\n%5: f32[2,1,4] = ReduceSum(%4, %1)\n%6: f32[2,3,4] = Div(%4, %5)\nout %6 \"y\"",
    );
}

#[test]
fn narrow_floats_are_computed_in_f32() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f16[2]\n%1: f16[2] = Softsign(%0)\nout %1 \"y\"",
        "in %0 \"x\": f16[2]\nconst %1: f32[] = {1.0}\n%2: f32[2] = Cast(%0) {to=1}\n%3: f32[2] = Abs(%2)\n%4: f32[2] = Add(%3, %1)\n%5: f32[2] = Div(%2, %4)\n%6: f16[2] = Cast(%5) {to=10}\nout %6 \"y\"",
    );
}

/// The outputs of a graph of constants after normalisation, decomposition and folding.
pub fn values(body: &str) -> Vec<Vec<f64>> {
    let mut g: Graph = graph(body);
    for pass in ["g.normalize", "g.decompose", "g.fold-constants"] {
        g = run_with(pass, &g, Permit::All).0;
    }
    while let Some(next) = plain(&g) {
        g = run_with("g.fold-constants", &next, Permit::All).0;
    }
    let value = |o: &ir::Output| {
        let t = g.constant(o.value).unwrap_or_else(|| panic!("not folded:\n{}", ir::text::print(&g)));
        let t = opt::fold::value::numbers(t);
        let rounded =
            matches!(g.ty(o.value).dtype, DType::F32).then(|| t.iter().map(|&x| f64::from(x as f32)).collect());
        rounded.unwrap_or(t)
    };
    g.outputs.iter().map(value).collect()
}
/// The graph with the first MatMul or ArgMax of constants, which the constant evaluator leaves, computed by its definition.
fn plain(g: &Graph) -> Option<Graph> {
    let mut r = ir::Rebuild::new(g);
    let mut done = false;
    for (id, n) in g.nodes.iter() {
        let constant =
            |i: usize| n.input(i).and_then(|v| g.constant(v)).map(|t| (t.dims.clone(), opt::fold::value::numbers(t)));
        let ty = g.ty(n.outputs[0]);
        let t = match (n.op, constant(0), constant(1)) {
            (ir::Op::MatMul, Some(a), Some(b)) if !done => {
                Some(ir::Tensor::from_f64(ty.dims.clone(), &product(&a, &b)))
            }
            (ir::Op::ArgMax, Some((d, x)), _) if !done => {
                let axis = n.attrs.int("axis").expect("an axis") as usize;
                let (len, inner) = (d[axis], d[axis + 1..].iter().product::<usize>());
                let best = |l: usize| {
                    let at = |i: usize| x[(l / inner * len + i) * inner + l % inner];
                    (1..len).fold(0, |b, i| if at(i) > at(b) { i } else { b }) as i64
                };
                Some(ir::Tensor::from_i64(ty.dims.clone(), &(0..ty.elements()).map(best).collect::<Vec<_>>()))
            }
            _ => None,
        };
        match t {
            Some(t) => {
                let v = r.new.add_wide_const(None, ty.clone(), t);
                r.bind(n.outputs[0], v);
                done = true;
            }
            None => {
                r.keep(id);
            }
        }
    }
    done.then(|| r.finish())
}
/// Batches of matrix products; one side may have fewer batches, which repeat.
fn product(a: &(Vec<usize>, Vec<f64>), b: &(Vec<usize>, Vec<f64>)) -> Vec<f64> {
    let [m, k] = a.0[a.0.len() - 2..] else { panic!("a matrix") };
    let n = b.0[b.0.len() - 1];
    let batches = (a.1.len() / (m * k)).max(b.1.len() / (k * n));
    let (sa, sb) = (a.1.len() / (m * k), b.1.len() / (k * n));
    let one = |p: usize| {
        let (batch, i, j) = (p / (m * n), p / n % m, p % n);
        (0..k).map(|t| a.1[(batch % sa * m + i) * k + t] * b.1[(batch % sb * k + t) * n + j]).sum()
    };
    (0..batches * m * n).map(one).collect()
}
pub fn check(body: &str, want: &[f64]) {
    let got = &values(body)[0];
    let near = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-6 * b.abs().max(1e-3);
    assert!(got.len() == want.len() && got.iter().zip(want).all(|(&a, &b)| near(a, b)), "{body}\n{got:?}\n{want:?}");
}
/// One unary operator on (-2, -1, 0, 1, 2).
fn unary(call: &str, want: [f64; 5]) {
    check(&format!("const %0: f32[5] = {{-2.0, -1.0, 0.0, 1.0, 2.0}}\n%1: f32[5] = {call}\nout %1 \"y\""), &want);
}

#[test]
fn activations() {
    let (e1, e2) = (0.367_879_441_171_442_3, 0.135_335_283_236_612_7); // exp(-1), exp(-2)
    unary("HardSigmoid(%0) {alpha=f0.25, beta=f0.5}", [0.0, 0.25, 0.5, 0.75, 1.0]);
    unary("HardSwish(%0)", [-1.0 / 3.0, -1.0 / 3.0, 0.0, 2.0 / 3.0, 5.0 / 3.0]);
    unary("Elu(%0) {alpha=f2.0}", [2.0 * (e2 - 1.0), 2.0 * (e1 - 1.0), 0.0, 1.0, 2.0]);
    unary("Selu(%0) {alpha=f2.0, gamma=f3.0}", [6.0 * (e2 - 1.0), 6.0 * (e1 - 1.0), 0.0, 3.0, 6.0]);
    unary("Celu(%0) {alpha=f2.0}", [2.0 * (e1 - 1.0), 2.0 * (0.606_530_659_712_633_4 - 1.0), 0.0, 1.0, 2.0]);
    unary("Softsign(%0)", [-2.0 / 3.0, -0.5, 0.0, 0.5, 2.0 / 3.0]);
    unary("ThresholdedRelu(%0) {alpha=f1.0}", [0.0, 0.0, 0.0, 0.0, 2.0]);
    unary("Shrink(%0) {lambd=f1.0, bias=f0.5}", [-1.5, 0.0, 0.0, 0.0, 1.5]);
    unary(
        "Swish(%0) {alpha=f2.0}",
        [
            -2.0 / (1.0 + 54.598_150_033_144_24),
            -1.0 / (1.0 + 7.389_056_098_930_65),
            0.0,
            0.880_797_077_977_882_3,
            1.964_027_580_075_817,
        ],
    );
    unary(
        "Mish(%0)",
        [-0.252_501_482_836_297_7, -0.303_401_461_143_776_1, 0.0, 0.865_098_388_252_940_3, 1.943_958_957_822_594],
    );
}

#[test]
fn normalisations() {
    // Along rows (1, 3) the mean is 2 and the variance 1; eps 3 makes the deviation 2.
    let x = "const %0: f32[2,2] = {1.0, 3.0, 11.0, 13.0}\n";
    let scale = "const %1: f32[2] = {10.0, 20.0}\nconst %2: f32[2] = {0.5, 0.25}\n";
    check(
        &format!("{x}{scale}%3: f32[2,2] = LayerNormalization(%0, %1, %2) {{epsilon=f3.0}}\nout %3 \"y\""),
        &[-4.5, 10.25, -4.5, 10.25],
    );
    // M39: axis 0 normalises over both: mean 7, variance (36 + 16 + 16 + 36) / 4 = 26; eps 10 makes the deviation 6.
    check(
        &format!("{x}{scale}%3: f32[2,2] = LayerNormalization(%0, %1, %2) {{epsilon=f10.0, axis=0}}\nout %3 \"y\""),
        &[-9.5, -4.0 / 6.0 * 20.0 + 0.25, 4.0 / 6.0 * 10.0 + 0.5, 20.25],
    );
    // Mean of squares 5 and 145; eps 4 and -1 would give 9 and 144: use one row.
    check(
        "const %0: f32[1,2] = {1.0, 3.0}\nconst %1: f32[2] = {10.0, 20.0}\n%2: f32[1,2] = RMSNormalization(%0, %1) {epsilon=f4.0}\nout %2 \"y\"",
        &[10.0 / 3.0, 20.0],
    );
    let x = "const %0: f32[1,2,2] = {1.0, 3.0, 11.0, 15.0}\n";
    // Channel 0: mean 2, variance 1; channel 1: mean 13, variance 4. eps 0.
    check(
        &format!("{x}{scale}%3: f32[1,2,2] = InstanceNormalization(%0, %1, %2) {{epsilon=f0.0}}\nout %3 \"y\""),
        &[-9.5, 10.5, -19.75, 20.25],
    );
    // One group: mean 7.5, variance (42.25 + 20.25 + 12.25 + 56.25) / 4 = 32.75; eps 3.25 makes the deviation 6.
    check(
        &format!(
            "{x}{scale}%3: f32[1,2,2] = GroupNormalization(%0, %1, %2) {{epsilon=f3.25, num_groups=1}}\nout %3 \"y\""
        ),
        &[-6.5 / 6.0 * 10.0 + 0.5, -4.5 / 6.0 * 10.0 + 0.5, 3.5 / 6.0 * 20.0 + 0.25, 7.5 / 6.0 * 20.0 + 0.25],
    );
    check(
        &format!(
            "{x}{scale}const %3: f32[2] = {{1.0, 3.0}}\n%4: f32[1,2,2] = BatchNormalization(%0, %1, %2, %2, %3) {{epsilon=f0.0}}\nout %4 \"y\""
        ),
        &[(1.0 - 0.5) * 10.0 + 0.5, 25.5, 10.75 * 20.0 / 3f64.sqrt() + 0.25, 14.75 * 20.0 / 3f64.sqrt() + 0.25],
    );
    check("const %0: f32[1,2] = {3.0, -4.0}\n%1: f32[1,2] = LpNormalization(%0)\nout %1 \"y\"", &[0.6, -0.8]);
    check(
        "const %0: f32[1,2] = {3.0, -4.0}\n%1: f32[1,2] = LpNormalization(%0) {p=1}\nout %1 \"y\"",
        &[3.0 / 7.0, -4.0 / 7.0],
    );
    check(
        "const %0: f32[1,2] = {1.0, 3.0}\n%1: f32[1,2] = MeanVarianceNormalization(%0) {axes=[1]}\nout %1 \"y\"",
        &[-1.0, 1.0],
    );
    // Window 2 over channels: c and c + 1. bias 1, alpha 2, beta 1: x / (1 + sum of squares).
    check(
        "const %0: f32[1,3,1] = {1.0, 2.0, 3.0}\n%1: f32[1,3,1] = LRN(%0) {size=2, alpha=f2.0, beta=f1.0, bias=f1.0}\nout %1 \"y\"",
        &[1.0 / 6.0, 2.0 / 14.0, 0.3],
    );
}

#[test]
fn softmax_values() {
    check("const %0: f32[1,2] = {0.0, 1.0986123}\n%1: f32[1,2] = Softmax(%0)\nout %1 \"y\"", &[0.25, 0.75]);
    check(
        "const %0: f32[1,2] = {1000.0, 1000.0}\n%1: f32[1,2] = LogSoftmax(%0)\nout %1 \"y\"",
        &[-std::f64::consts::LN_2, -std::f64::consts::LN_2],
    );
}

#[test]
fn reductions() {
    let x = "const %0: f32[2,2] = {1.0, -3.0, 2.0, 4.0}\nconst %1: i64[1] = {1}\n";
    for (op, want) in
        [("ReduceL1", [4.0, 6.0]), ("ReduceSumSquare", [10.0, 20.0]), ("ReduceL2", [10f64.sqrt(), 20f64.sqrt()])]
    {
        check(&format!("{x}%2: f32[2] = {op}(%0, %1) {{keepdims=0}}\nout %2 \"y\""), &want);
    }
    check("const %0: f32[2] = {3.0, 4.389056}\n%1: f32[1] = ReduceLogSum(%0)\nout %1 \"y\"", &[2.0]);
    check(
        "const %0: f32[2] = {1000.0, 1000.0}\n%1: f32[] = ReduceLogSumExp(%0) {keepdims=0}\nout %1 \"y\"",
        &[1000.0 + std::f64::consts::LN_2],
    );
    // Infinities: no Inf - Inf.
    check(
        "const %0: f32[2] = {inf, 0.0}\n%1: f32[] = ReduceLogSumExp(%0) {keepdims=0}\nout %1 \"y\"",
        &[f64::INFINITY],
    );
    check(
        "const %0: f32[2] = {-inf, -inf}\n%1: f32[] = ReduceLogSumExp(%0) {keepdims=0}\nout %1 \"y\"",
        &[f64::NEG_INFINITY],
    );
}

#[test]
fn layouts() {
    let x: Vec<String> = (0..8).map(|i| i.to_string()).collect();
    let x = format!("const %0: i32[1,8,1,1] = {{{}}}\n", x.join(", "));
    check(
        &format!("{x}%1: i32[1,2,2,2] = DepthToSpace(%0) {{blocksize=2}}\nout %1 \"y\""),
        &[0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0],
    );
    check(
        &format!("{x}%1: i32[1,2,2,2] = DepthToSpace(%0) {{blocksize=2, mode=\"CRD\"}}\nout %1 \"y\""),
        &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    );
    check(
        "const %0: i32[1,1,2,4] = {0, 1, 2, 3, 4, 5, 6, 7}\n%1: i32[1,4,1,2] = SpaceToDepth(%0) {blocksize=2}\nout %1 \"y\"",
        &[0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0],
    );
    check(
        "const %0: i32[2,2] = {1, 2, 3, 4}\nconst %1: i64[2] = {1, 2}\n%2: i32[2,4] = Tile(%0, %1)\nout %2 \"y\"",
        &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0],
    );
    check(
        "const %0: i32[2,3] = {1, 2, 3, 4, 5, 6}\nconst %1: i64[] = {1}\n%2: i32[2,3] = Trilu(%0, %1)\nout %2 \"y\"",
        &[0.0, 2.0, 3.0, 0.0, 0.0, 6.0],
    );
    check(
        "const %0: i32[2,3] = {1, 2, 3, 4, 5, 6}\n%1: i32[2,3] = Trilu(%0) {upper=0}\nout %1 \"y\"",
        &[1.0, 0.0, 0.0, 4.0, 5.0, 0.0],
    );
    check(
        "const %0: i64[3] = {1, -1, 5}\nconst %1: i64[] = {3}\nconst %2: f32[2] = {0.5, 2.0}\n%3: f32[3,3] = OneHot(%0, %1, %2)\nout %3 \"y\"",
        &[0.5, 2.0, 0.5, 0.5, 0.5, 2.0, 0.5, 0.5, 0.5],
    );
    check(
        "const %0: i32[3] = {1, 2, 3}\nconst %1: i64[1] = {6}\n%2: i32[6] = CenterCropPad(%0, %1)\nout %2 \"y\"",
        &[0.0, 1.0, 2.0, 3.0, 0.0, 0.0],
    );
    for (mode, want) in [
        ("reflect", [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]),
        ("edge", [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]),
        ("wrap", [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]),
    ] {
        check(
            &format!(
                "const %0: i32[3] = {{1, 2, 3}}\nconst %1: i64[2] = {{2, 1}}\n%2: i32[6] = Pad(%0, %1) {{mode=\"{mode}\"}}\nout %2 \"y\""
            ),
            &want,
        );
    }
}

#[test]
fn resampling() {
    let x = "const %0: f32[1,1,1,4] = {1.0, 2.0, 3.0, 4.0}\n";
    let scales = |s: &str| format!("const %1: f32[4] = {{1.0, 1.0, 1.0, {s}}}\n");
    let call = |dims: &str, a: &str| format!("%2: f32[1,1,1,{dims}] = Resize(%0, _, %1) {{{a}}}\nout %2 \"y\"");
    check(&format!("{x}{}{}", scales("2.0"), call("8", "mode=\"nearest\"")), &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    // half_pixel at 0.5: -0.0 ties: (o + 0.5) / 0.5 - 0.5 = 0.5 and 2.5; M59: ties to floor or ceil.
    check(&format!("{x}{}{}", scales("0.5"), call("2", "mode=\"nearest\"")), &[1.0, 3.0]);
    check(
        &format!("{x}{}{}", scales("0.5"), call("2", "mode=\"nearest\", nearest_mode=\"round_prefer_ceil\"")),
        &[2.0, 4.0],
    );
    check(
        &format!("{x}{}{}", scales("2.0"), call("8", "mode=\"linear\"")),
        &[1.0, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0],
    );
    check(
        &format!(
            "{x}{}{}",
            scales("1.75"),
            call("7", "mode=\"linear\", coordinate_transformation_mode=\"align_corners\"")
        ),
        &[1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0],
    );
    // Cubic at 0.5 over the middle, a = -0.75: weights of t = 0.5 are (-0.09375, 0.59375, 0.59375, -0.09375).
    check(
        &format!("{x}{}{}", scales("0.5"), call("2", "mode=\"cubic\"")),
        &[1.0 * 0.5 + 2.0 * 0.59375 - 3.0 * 0.09375, 4.0 * 0.5 + 3.0 * 0.59375 - 2.0 * 0.09375],
    );
}

#[test]
fn conv_transpose_is_a_convolution_per_phase() {
    // Extents of the kernel, strides, dilations and pads all differ between the axes; run-time weights.
    let body = "in %0 \"x\": f32[1,1,2,3]\nin %1 \"w\": f32[1,1,3,2]\n%2: f32[1,1,4,8] = ConvTranspose(%0, %1) {strides=[2, 3], pads=[0, 0, 1, 0]}\nout %2 \"y\"";
    let got = run_with("g.decompose", &graph(body), Permit::All).0;
    let convs: Vec<_> = got.nodes.values().filter(|n| n.op == ir::Op::Conv).collect();
    // Rows: phase 0 has taps 0 and 2, phase 1 tap 1. Columns: phases 0 and 1 have a tap each, phase 2 has none.
    let kernels: Vec<_> = convs.iter().map(|n| n.attrs.ints("kernel_shape").unwrap_or(&[]).to_vec()).collect();
    assert_eq!(kernels, [[2, 1], [2, 1], [1, 1], [1, 1]], "{}", ir::text::print(&got));
    assert!(got.nodes.values().all(|n| n.op != ir::Op::ConvTranspose));
}

#[test]
fn quantisation_by_a_scale_from_run_time() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f32[2,3]\nin %1 \"s\": f32[3]\nconst %2: i8[3] = {0, 1, 2}\n%3: i8[2,3] = QuantizeLinear(%0, %1, %2) {axis=1}\nout %3 \"y\"",
        "in %0 \"x\": f32[2,3]\nin %1 \"s\": f32[3]\nconst %2: i64[2] = {1, 3}\nconst %3: i8[1,3] = {0, 1, 2}\nconst %4: f32[] = {-128.0}\nconst %5: f32[] = {127.0}\n%6: f32[1,3] = Reshape(%1, %2)\n%7: f32[2,3] = Div(%0, %6)\n%8: f32[2,3] = Round(%7)\n%9: f32[1,3] = Cast(%3) {to=1}\n%10: f32[2,3] = Add(%8, %9)\n%11: f32[2,3] = Clip(%10, %4, %5)\n%12: i8[2,3] = Cast(%11) {to=3}\nout %12 \"y\"",
    );
    stays(
        "g.decompose",
        "in %0 \"x\": f32[2]\nconst %1: f32[] = {0.5}\nconst %2: i8[] = {3}\n%3: i8[2] = QuantizeLinear(%0, %1, %2)\nout %3 \"y\"",
    );
}

#[test]
fn a_zero_point_from_run_time_leaves_the_sum() {
    // Padded taps do not count: the sums of the weights differ at the border (3 at an end, 6 inside, for weights 1, 2, 3).
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": u8[1,1,1,3]\nin %1 \"z\": u8[]\nconst %2: u8[1,1,1,3] = {1, 2, 3}\n%3: i32[1,1,1,3] = ConvInteger(%0, %2, %1) {dilations=[1, 1], kernel_shape=[1, 3], pads=[0, 1, 0, 1], strides=[1, 1]}\nout %3 \"y\"",
        "in %0 \"x\": u8[1,1,1,3]\nin %1 \"z\": u8[]\nconst %2: u8[1,1,1,3] = {1, 2, 3}\nconst %3: i32[1,1,1,3] = {5, 6, 3}\n%4: i32[1,1,1,3] = ConvInteger(%0, %2) {dilations=[1, 1], kernel_shape=[1, 3], pads=[0, 1, 0, 1], strides=[1, 1]}\n%5: i32[] = Cast(%1) {to=6}\n%6: i32[1,1,1,3] = Mul(%5, %3)\n%7: i32[1,1,1,3] = Sub(%4, %6)\nout %7 \"y\"",
    );
}

#[test]
fn a_pool_over_three_axes_is_two() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f32[1,2,4,3,3]\n%1: f32[1,2,2,2,2] = MaxPool(%0) {kernel_shape=[2, 2, 2], strides=[2, 1, 1]}\nout %1 \"y\"",
        "in %0 \"x\": f32[1,2,4,3,3]\nconst %1: i64[4] = {1, 8, 3, 3}\nconst %2: i64[4] = {1, 2, 4, 4}\nconst %3: i64[5] = {1, 2, 2, 2, 2}\n%4: f32[1,8,3,3] = Reshape(%0, %1)\n%5: f32[1,8,2,2] = MaxPool(%4) {dilations=[1, 1], kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[1, 1]}\n%6: f32[1,2,4,4] = Reshape(%5, %2)\n%7: f32[1,2,2,4] = MaxPool(%6) {dilations=[1, 1], kernel_shape=[2, 1], pads=[0, 0, 0, 0], strides=[2, 1]}\n%8: f32[1,2,2,2,2] = Reshape(%7, %3)\nout %8 \"y\"",
    );
}

#[test]
fn padding_and_bias_from_run_time() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f32[2,2]\nin %1 \"v\": f32[]\nconst %2: i64[4] = {0, 1, 0, 0}\n%3: f32[2,3] = Pad(%0, %2, %1)\nout %3 \"y\"",
        "in %0 \"x\": f32[2,2]\nin %1 \"v\": f32[]\nconst %2: i64[4] = {0, 1, 0, 0}\nconst %3: bool[1,3] = {0, 1, 1}\n%4: f32[2,3] = Pad(%0, %2)\n%5: f32[2,3] = Where(%3, %4, %1)\nout %5 \"y\"",
    );
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": f32[1,2,3,3]\nin %1 \"b\": f32[2]\nconst %2: f32[2,2,1,1] = {1.0, 2.0, 3.0, 4.0}\n%3: f32[1,2,3,3] = Conv(%0, %2, %1)\nout %3 \"y\"",
        "in %0 \"x\": f32[1,2,3,3]\nin %1 \"b\": f32[2]\nconst %2: f32[2,2,1,1] = {1.0, 2.0, 3.0, 4.0}\nconst %3: i64[4] = {1, 2, 1, 1}\n%4: f32[1,2,3,3] = Conv(%0, %2)\n%5: f32[1,2,1,1] = Reshape(%1, %3)\n%6: f32[1,2,3,3] = Add(%4, %5)\nout %6 \"y\"",
    );
}

#[test]
fn shifts_beyond_the_width() {
    becomes(
        "g.decompose",
        &[],
        "in %0 \"x\": i32[2]\nin %1 \"y\": i32[2]\n%2: i32[2] = BitShift(%0, %1) {direction=\"RIGHT\"}\nout %2 \"y\"",
        "in %0 \"x\": i32[2]\nin %1 \"y\": i32[2]\nconst %2: i32[] = {32}\nconst %3: i32[] = {0}\nconst %4: i32[] = {31}\n%5: bool[2] = Less(%1, %2)\n%6: bool[2] = GreaterOrEqual(%1, %3)\n%7: bool[2] = And(%5, %6)\n%8: i32[2] = Where(%7, %1, %4)\n%9: i32[2] = BitShift(%0, %8) {direction=\"RIGHT\"}\nout %9 \"y\"",
    );
}

#[test]
fn a_qlinear_operator_is_its_definition() {
    becomes(
        "g.expand-qlinear",
        &[],
        "in %0 \"a\": u8[4]\nin %1 \"b\": u8[4]\nconst %2: f32[] = {0.5}\nconst %3: u8[] = {7}\nconst %4: f32[] = {0.25}\n%5: u8[4] = QLinearAdd(%0, %2, %3, %1, %4, %3, %4, %3)\nout %5 \"y\"",
        "in %0 \"a\": u8[4]\nin %1 \"b\": u8[4]\nconst %2: f32[] = {0.5}\nconst %3: u8[] = {7}\nconst %4: f32[] = {0.25}\n%5: f32[4] = DequantizeLinear(%0, %2, %3)\n%6: f32[4] = DequantizeLinear(%1, %4, %3)\n%7: f32[4] = Add(%5, %6)\n%8: u8[4] = QuantizeLinear(%7, %4, %3)\nout %8 \"y\"",
    );
}
