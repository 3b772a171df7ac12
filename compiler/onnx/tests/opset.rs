//! Every row of the conversion table, against results written by hand from the text of the ONNX operator versions.

mod support;

use support::{f32_data, float, floats, graph, int, ints, model, node, read, show, text, value};
use touchstone_onnx::conversions;
use touchstone_onnx::proto::{AttributeProto, NodeProto};

struct Case {
    node: NodeProto,
    /// Operator sets that give the same result.
    sets: Vec<i64>,
    /// Nodes, or the beginning of the message after "error ".
    expect: Vec<&'static str>,
}

fn case(
    op: &str,
    sets: &[i64],
    inputs: &str,
    outputs: &str,
    attrs: Vec<AttributeProto>,
    expect: &[&'static str],
) -> Case {
    Case { node: node(op, inputs, outputs, attrs), sets: sets.to_vec(), expect: expect.to_vec() }
}

/// Inputs `x`, `a`, `b`, `c`, `m`, `v` are f32, `h` is f16, `i` is i64; `w1` is the constant `[3]`.
fn result(c: &Case, set: i64) -> Vec<String> {
    let outputs: Vec<String> = c.node.output.iter().filter(|o| !o.is_empty()).cloned().collect();
    let mut g = graph("x a b c m v", &outputs.join(" "), vec![c.node.clone()]);
    g.input.extend([value("h", 10), value("i", 7)]);
    g.initializer.push(f32_data("w1", &[1], &[3.0]));
    g.initializer.push(f32_data("up", &[4], &[1.0, 1.0, 2.0, 2.0]));
    g.initializer.push(f32_data("down", &[4], &[1.0, 1.0, 0.5, 2.0]));
    g.initializer.push(f32_data("empty", &[0], &[]));
    match read(&model(set, g)) {
        Ok(m) => show(&m, ""),
        Err(e) => vec![format!("error {e}")],
    }
}

fn reductions() -> Vec<Case> {
    let mut out = Vec::new();
    for op in [
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSumSquare",
        "ReduceSum",
    ] {
        let sets: &[i64] = if op == "ReduceSum" { &[7, 12] } else { &[7, 13, 17] };
        let with: &'static str = Box::leak(format!("y = {op}{{keepdims=0}}(x, [1 -1])").into_boxed_str());
        let without: &'static str = Box::leak(format!("y = {op}(x)").into_boxed_str());
        out.push(case(op, sets, "x", "y", vec![ints("axes", &[1, -1]), int("keepdims", 0)], &[with]));
        out.push(case(op, sets, "x", "y", vec![], &[without]));
        out.push(case(op, sets, "x", "y", vec![ints("axes", &[])], &[without]));
    }
    out
}

fn broadcasts() -> Vec<Case> {
    let mut out = Vec::new();
    for op in ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"] {
        let plain: &'static str = Box::leak(format!("y = {op}(a, b)").into_boxed_str());
        let last: &'static str = Box::leak(format!("y = {op}(a, t6)").into_boxed_str());
        out.push(case(op, &[6, 7], "a b", "y", vec![], &[plain]));
        out.push(case(op, &[6], "a b", "y", vec![int("broadcast", 1)], &[plain]));
        out.push(case(
            op,
            &[6],
            "a b",
            "y",
            vec![int("broadcast", 1), int("axis", 1)],
            &[
                "t0 = Shape{start=1}(a)",
                "t1 = Shape(t0)",
                "t2 = Shape(b)",
                "t3 = Shape(t2)",
                "t4 = Sub(t1, t3)",
                "t5 = ConstantOfShape{value=[1]}(t4)",
                "t7 = Concat{axis=0}(t2, t5)",
                "t6 = Reshape{allowzero=1}(b, t7)",
                last,
            ],
        ));
        out.push(case(op, &[7], "a b", "y", vec![int("axis", 1)], &["error Invalid: node `#0` (#0, "]));
    }
    out
}

fn softmaxes() -> Vec<Case> {
    let mut out = Vec::new();
    for op in ["Softmax", "LogSoftmax", "Hardmax"] {
        let middle: &'static str = Box::leak(format!("t2 = {op}{{axis=1}}(t1)").into_boxed_str());
        let direct: &'static str = Box::leak(format!("y = {op}(x)").into_boxed_str());
        let two: &[&'static str] =
            &["t0 = Shape(x)", "t1 = Flatten{axis=2}(x)", middle, "y = Reshape{allowzero=1}(t2, t0)"];
        let one: &[&'static str] = &["t0 = Shape(x)", "t1 = Flatten(x)", middle, "y = Reshape{allowzero=1}(t2, t0)"];
        out.push(case(op, &[7, 11, 12], "x", "y", vec![int("axis", 2)], two));
        out.push(case(op, &[7, 12], "x", "y", vec![], one));
        out.push(case(op, &[11, 12, 13], "x", "y", vec![int("axis", -1)], &[direct]));
        out.push(case(op, &[13], "x", "y", vec![], &[direct]));
    }
    out
}

fn attributes_to_inputs() -> Vec<Case> {
    vec![
        case("Clip", &[6, 10], "x", "y", vec![float("min", -1.0), float("max", 2.5)], &["y = Clip(x, -1.0, 2.5)"]),
        case("Clip", &[7], "x", "y", vec![float("max", 2.5)], &["y = Clip(x, _, 2.5)"]),
        case("Clip", &[7, 11], "x", "y", vec![], &["y = Clip(x)"]),
        case("Clip", &[7], "h", "y", vec![float("min", 0.0)], &["t0 = CastLike(0.0, h)", "y = Clip(h, t0)"]),
        case("Clip", &[11], "x", "y", vec![float("min", 0.0)], &["error Invalid"]),
        case("Clip", &[7], "x a", "y", vec![], &["error Invalid"]),
        case("Pad", &[2, 7, 10], "x", "y", vec![ints("pads", &[0, 1, 2, -3])], &["y = Pad(x, [0 1 2 -3])"]),
        case(
            "Pad",
            &[10],
            "x",
            "y",
            vec![ints("pads", &[1, 1]), float("value", 1.5), text("mode", "constant")],
            &["y = Pad(x, [1 1], 1.5)"],
        ),
        case(
            "Pad",
            &[10],
            "x",
            "y",
            vec![ints("pads", &[1, 1]), text("mode", "edge")],
            &["y = Pad{mode=edge}(x, [1 1])"],
        ),
        case("Pad", &[10], "x", "y", vec![], &["error Invalid"]),
        case(
            "Slice",
            &[1, 9],
            "x",
            "y",
            vec![ints("starts", &[0, -2]), ints("ends", &[9, 100]), ints("axes", &[0, 2])],
            &["y = Slice(x, [0 -2], [9 100], [0 2])"],
        ),
        case("Slice", &[9], "x", "y", vec![ints("starts", &[1]), ints("ends", &[2])], &["y = Slice(x, [1], [2])"]),
        case("Slice", &[9], "x", "y", vec![ints("starts", &[1])], &["error Invalid"]),
        case(
            "Split",
            &[2, 11, 12],
            "x",
            "y z",
            vec![ints("split", &[1, 3]), int("axis", 1)],
            &["y, z = Split{axis=1}(x, [1 3])"],
        ),
        case("Split", &[2, 12, 13, 17], "x", "y z", vec![], &["y, z = Split{num_outputs=2}(x)"]),
        case("Split", &[13, 17, 18], "x i", "y z", vec![], &["y, z = Split(x, i)"]),
        case("TopK", &[1, 9], "x", "y z", vec![int("k", 3), int("axis", 0)], &["y, z = TopK{axis=0}(x, [3])"]),
        case("TopK", &[10], "x i", "y z", vec![], &["y, z = TopK(x, i)"]),
        case("Squeeze", &[1, 11, 12], "x", "y", vec![ints("axes", &[0, 2])], &["y = Squeeze(x, [0 2])"]),
        case("Squeeze", &[1, 12, 13], "x", "y", vec![], &["y = Squeeze(x)"]),
        case("Unsqueeze", &[1, 11, 12], "x", "y", vec![ints("axes", &[0, 2])], &["y = Unsqueeze(x, [0 2])"]),
        case("Unsqueeze", &[12], "x", "y", vec![], &["error Invalid"]),
    ]
}

fn other_meanings() -> Vec<Case> {
    vec![
        case("Gemm", &[6], "a b c", "y", vec![int("broadcast", 1), int("transB", 1)], &["y = Gemm{transB=1}(a, b, c)"]),
        case("Gemm", &[6, 10], "a b", "y", vec![], &["error Invalid"]),
        case("Gemm", &[11], "a b", "y", vec![], &["y = Gemm(a, b)"]),
        case(
            "PRelu",
            &[6],
            "x a",
            "y",
            vec![],
            &[
                "t0 = Shape{start=2}(x)",
                "t1 = Shape(t0)",
                "t2 = ConstantOfShape{value=[1]}(t1)",
                "t3 = Concat{axis=0}([-1], t2)",
                "t4 = Reshape(a, t3)",
                "y = PRelu(x, t4)",
            ],
        ),
        case("PRelu", &[6], "x w1", "y", vec![], &["y = PRelu(x, [3.0])"]),
        case("PRelu", &[7], "x a", "y", vec![], &["y = PRelu(x, a)"]),
        case("ConvTranspose", &[6, 10], "x a", "y", vec![], &["y = ConvTranspose(x, a)"]),
        case("ConvTranspose", &[10], "x a", "y", vec![text("auto_pad", "SAME_UPPER")], &["error Unsupported"]),
        case("ConvTranspose", &[10], "x a", "y", vec![ints("output_shape", &[3])], &["error Unsupported"]),
        case(
            "ConvTranspose",
            &[11],
            "x a",
            "y",
            vec![ints("output_shape", &[3])],
            &["y = ConvTranspose{output_shape=[3]}(x, a)"],
        ),
        case("Dropout", &[6], "x", "y", vec![int("is_test", 1)], &["y = Dropout(x)"]),
        case("Dropout", &[6], "x", "y", vec![], &["error Unsupported"]),
        case("Dropout", &[7, 10, 11], "x", "y", vec![float("ratio", 0.25)], &["y = Dropout(x, 0.25)"]),
        case("Dropout", &[7, 12], "x", "y z", vec![], &["y, z = Dropout(x)"]),
        case(
            "BatchNormalization",
            &[6],
            "x a b m v",
            "y",
            vec![int("is_test", 1), int("spatial", 1), float("epsilon", 0.5)],
            &["y = BatchNormalization{epsilon=0.5}(x, a, b, m, v)"],
        ),
        case("BatchNormalization", &[6], "x a b m v", "y", vec![], &["error Unsupported"]),
        case(
            "BatchNormalization",
            &[7, 9, 13, 14],
            "x a b m v",
            "y",
            vec![],
            &["y = BatchNormalization(x, a, b, m, v)"],
        ),
        case("BatchNormalization", &[7, 8], "x a b m v", "y", vec![int("spatial", 0)], &["error Unsupported"]),
        case("BatchNormalization", &[9], "x a b m v", "y", vec![int("spatial", 1)], &["error Invalid"]),
        case("BatchNormalization", &[7, 13], "x a b m v", "y p q r s", vec![], &["error Unsupported"]),
        case(
            "GroupNormalization",
            &[18, 20],
            "x a b",
            "y",
            vec![int("num_groups", 2)],
            &[
                "t0 = Shape{end=2,start=1}(x)",
                "t1 = Div(t0, [2])",
                "t2 = Concat{axis=0}([2], t1)",
                "t3 = Reshape(a, [-1 1])",
                "t4 = Expand(t3, t2)",
                "t5 = Reshape(t4, [-1])",
                "t6 = Reshape(b, [-1 1])",
                "t7 = Expand(t6, t2)",
                "t8 = Reshape(t7, [-1])",
                "y = GroupNormalization{num_groups=2}(x, t5, t8)",
            ],
        ),
        case(
            "GroupNormalization",
            &[21],
            "x a b",
            "y",
            vec![int("num_groups", 2)],
            &["y = GroupNormalization{num_groups=2}(x, a, b)"],
        ),
        case(
            "OneHot",
            &[9, 10],
            "i a b",
            "y",
            vec![],
            &[
                "t0 = CastLike(0, i)",
                "t1 = Less(i, t0)",
                "t2 = Reshape(a, [])",
                "t3 = CastLike(t2, i)",
                "t4 = Where(t1, t3, i)",
                "y = OneHot(t4, a, b)",
            ],
        ),
        case("OneHot", &[11], "i a b", "y", vec![], &["y = OneHot(i, a, b)"]),
        case("Scatter", &[9, 10], "x i a", "y", vec![int("axis", 1)], &["y = ScatterElements{axis=1}(x, i, a)"]),
        case("Scatter", &[11, 28], "x i a", "y", vec![], &["error Invalid"]),
    ]
}

fn resampling() -> Vec<Case> {
    const DOWN: &str = "y = Resize{coordinate_transformation_mode=asymmetric,nearest_mode=floor}(x, _, ";
    let nearest: &'static str = Box::leak(format!("{DOWN}[1.0 1.0 2.0 2.0])").into_boxed_str());
    let dynamic: &'static str = Box::leak(format!("{DOWN}a)").into_boxed_str());
    let linear = "y = Resize{coordinate_transformation_mode=asymmetric,mode=linear}(x, _, [1.0 1.0 2.0 2.0])";
    vec![
        case("Upsample", &[7, 8], "x", "y", vec![floats("scales", &[1.0, 1.0, 2.0, 2.0])], &[nearest]),
        case(
            "Upsample",
            &[7],
            "x",
            "y",
            vec![floats("scales", &[1.0, 1.0, 2.0, 2.0]), text("mode", "linear")],
            &[linear],
        ),
        case("Upsample", &[7], "x", "y", vec![floats("scales", &[0.5])], &["error Invalid"]),
        case("Upsample", &[9], "x up", "y", vec![], &[nearest]),
        case("Upsample", &[9], "x a", "y", vec![], &[dynamic]),
        case("Upsample", &[9], "x up", "y", vec![text("mode", "cubic")], &["error Invalid"]),
        case("Upsample", &[10, 28], "x up", "y", vec![], &["error Invalid"]),
        case("Resize", &[10], "x up", "y", vec![], &[nearest]),
        case("Resize", &[10], "x up", "y", vec![text("mode", "linear")], &[linear]),
        case("Resize", &[10], "x down", "y", vec![], &["error Unsupported"]),
        case("Resize", &[11, 12, 19], "x a empty i", "y", vec![], &["y = Resize(x, a, _, i)"]),
        case("Resize", &[11, 12, 13], "x a b i", "y", vec![], &["error Invalid"]),
        case("Resize", &[11, 13], "x a up", "y", vec![], &["y = Resize(x, a, [1.0 1.0 2.0 2.0])"]),
        case(
            "RoiAlign",
            &[10, 15],
            "x a i",
            "y",
            vec![],
            &["y = RoiAlign{coordinate_transformation_mode=output_half_pixel}(x, a, i)"],
        ),
        case("RoiAlign", &[16], "x a i", "y", vec![], &["y = RoiAlign(x, a, i)"]),
        case("GridSample", &[16, 19], "x a", "y", vec![text("mode", "bicubic")], &["y = GridSample{mode=cubic}(x, a)"]),
        case("GridSample", &[16, 19, 20], "x a", "y", vec![], &["y = GridSample(x, a)"]),
        case("GridSample", &[16], "x a", "y", vec![text("mode", "linear")], &["error Invalid"]),
    ]
}

fn newest() -> Vec<Case> {
    vec![
        case("Attention", &[25], "a b c", "y", vec![int("left_window_size", -1)], &["y = Attention(a, b, c)"]),
        case(
            "Attention",
            &[25],
            "a b c",
            "y",
            vec![int("right_window_size", 4)],
            &["y = Attention{right_window_size=4}(a, b, c)"],
        ),
        case("Attention", &[24], "a b c", "y", vec![int("right_window_size", -1)], &["error Invalid"]),
        case("Range", &[27], "a b c", "y", vec![int("stash_type", 1)], &["y = Range(a, b, c)"]),
        case("Range", &[28], "a b c", "y", vec![int("stash_type", 10)], &["error Unsupported"]),
        case(
            "SpaceToDepth",
            &[28],
            "x",
            "y",
            vec![int("blocksize", 2), text("mode", "DCR")],
            &["y = SpaceToDepth{blocksize=2}(x)"],
        ),
        case(
            "SpaceToDepth",
            &[28],
            "x",
            "y",
            vec![int("blocksize", 2), text("mode", "CRD")],
            &[
                "t0 = SpaceToDepth{blocksize=2}(x)",
                "t1 = Shape{end=1}(t0)",
                "t2 = Shape{start=2}(t0)",
                "t3 = Concat{axis=0}(t1, [4 -1], t2)",
                "t4 = Reshape(t0, t3)",
                "t5 = Transpose{perm=[0, 2, 1, 3, 4]}(t4)",
                "t6 = Shape(t0)",
                "y = Reshape(t5, t6)",
            ],
        ),
        case(
            "SpaceToDepth",
            &[28],
            "x",
            "y",
            vec![int("blocksize", i64::MAX), text("mode", "CRD")],
            &["error Invalid"],
        ),
        // Operators and attributes before their time.
        case("Gelu", &[19], "x", "y", vec![], &["error Unsupported"]),
        case("Relu", &[5], "x", "y", vec![], &["error Unsupported"]),
        case("LSTM", &[6], "x a b", "y", vec![], &["error Unsupported"]),
        case("Not", &[1, 28], "x", "y", vec![], &["y = Not(x)"]),
        case("AveragePool", &[9], "x", "y", vec![ints("kernel_shape", &[2]), int("ceil_mode", 1)], &["error Invalid"]),
        case("Relu", &[29], "x", "y", vec![], &["error Unsupported: model: operator set 29 is newer than 28"]),
    ]
}

fn cases() -> Vec<Case> {
    let parts =
        [reductions(), broadcasts(), softmaxes(), attributes_to_inputs(), other_meanings(), resampling(), newest()];
    parts.into_iter().flatten().collect()
}

#[test]
fn each_conversion_gives_what_the_text_of_the_old_version_says() {
    let mut wrong = Vec::new();
    for c in cases() {
        for &set in &c.sets {
            let got = result(&c, set);
            let fits = match c.expect[..] {
                [e] if e.starts_with("error") => got[0].starts_with(e),
                _ => renumber(&got) == renumber(&c.expect),
            };
            if !fits {
                wrong.push(format!(
                    "{:?} of set {set}:\n  got      {got:#?}\n  expected {:#?}",
                    c.node.op_type, c.expect
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Temporaries are numbered by first occurrence from left to right, so that a case need not know in which order names
/// were made.
fn renumber<S: AsRef<str>>(lines: &[S]) -> Vec<String> {
    let mut map: Vec<String> = Vec::new();
    let mut out = Vec::new();
    for line in lines {
        let mut s = String::new();
        for word in line.as_ref().split_inclusive(|c: char| !c.is_alphanumeric()) {
            let id = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let temporary =
                id.strip_prefix('t').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
            if temporary {
                let k = map.iter().position(|m| m == id).unwrap_or_else(|| {
                    map.push(id.into());
                    map.len() - 1
                });
                s.push_str(&format!("t{k}{}", &word[id.len()..]));
            } else {
                s.push_str(word);
            }
        }
        out.push(s);
    }
    out
}

#[test]
fn no_row_of_the_table_is_without_a_case() {
    let cases = cases();
    for row in conversions() {
        let covered = cases.iter().any(|c| {
            c.node.op_type.as_deref() == Some(row.op)
                && c.sets.iter().any(|&s| u32::try_from(s).is_ok_and(|s| (row.from..row.to).contains(&s)))
        });
        assert!(covered, "{} {}..{} has no case", row.op, row.from, row.to);
    }
}
