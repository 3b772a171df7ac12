//! One small graph for each operator and element type: legality of every form that lowering can choose.

use super::{Build, conv_attrs};
use ir::{Attrs, DType, Graph, Op, Tensor, ValueId};

const FLOATS: [DType; 3] = [DType::F32, DType::BF16, DType::F16];
const INTS: [DType; 8] = [DType::I8, DType::U8, DType::I16, DType::U16, DType::I32, DType::U32, DType::I64, DType::U64];

fn all() -> Vec<DType> {
    FLOATS.iter().chain(&INTS).copied().collect()
}

/// A constant of ones in the bits of the type (floats: 1.0 of the type).
fn ones(b: &mut Build, t: DType, dims: &[usize]) -> ValueId {
    let n: usize = dims.iter().product();
    let bits: u64 = match t {
        DType::F32 => 0x3F80_0000,
        DType::BF16 => 0x3F80,
        DType::F16 => 0x3C00,
        _ => 1,
    };
    let bytes: Vec<u8> = (0..n).flat_map(|_| bits.to_le_bytes()[..t.size()].to_vec()).collect();
    b.g.add_const(None, Tensor::new(t, dims.to_vec(), bytes).expect("fits"))
}

fn one(
    v: &mut Vec<(String, Graph)>,
    op: Op,
    attrs: Attrs,
    ins: &[(DType, &[usize])],
    consts: usize,
    t: DType,
    dims: &[usize],
) {
    let mut b = Build::default();
    let k = ins.len() - consts;
    let args: Vec<ValueId> =
        ins.iter().enumerate().map(|(i, (t, d))| if i < k { b.input(*t, d) } else { ones(&mut b, *t, d) }).collect();
    let y = b.op(op, attrs, &args, t, dims);
    let types: Vec<&str> = ins.iter().map(|(t, _)| t.name()).collect();
    v.push((format!("{op}({})->{t}", types.join(",")), b.done(&[y])));
}

/// All of them.
pub fn operators() -> Vec<(String, Graph)> {
    let mut v = Vec::new();
    elementwise(&mut v);
    reductions(&mut v);
    matrices(&mut v);
    quantisation(&mut v);
    moves(&mut v);
    v
}

fn elementwise(v: &mut Vec<(String, Graph)>) {
    use Op::*;
    let none = Attrs::none;
    let (d, e): (&[usize], &[usize]) = (&[2, 3, 18], &[3, 1]);
    for t in FLOATS {
        for op in [
            Floor, Ceil, Round, Sqrt, Reciprocal, Exp, Log, Tanh, Sigmoid, Erf, Softplus, Sin, Cos, Tan, Asin, Acos,
            Atan, Sinh, Cosh, Asinh, Acosh, Atanh, Gelu, LeakyRelu, Neg, Sign,
        ] {
            one(v, op, none(), &[(t, d)], 0, t, d);
        }
        one(v, Gelu, none().with_str("approximate", "tanh"), &[(t, d)], 0, t, d);
        one(v, IsNaN, none(), &[(t, d)], 0, DType::Bool, d);
        one(v, IsInf, none().with_int("detect_negative", 0), &[(t, d)], 0, DType::Bool, d);
        one(v, PRelu, none(), &[(t, d), (t, e)], 0, t, d);
        one(v, Mod, none().with_int("fmod", 1), &[(t, d), (t, e)], 1, t, d);
        for p in FLOATS.into_iter().chain([DType::I32, DType::I64]) {
            one(v, Pow, none(), &[(t, d), (p, e)], 0, t, d);
        }
    }
    for t in all() {
        one(v, Abs, none(), &[(t, d)], 0, t, d);
        one(v, Relu, none(), &[(t, d)], 0, t, d);
        for op in [Add, Sub, Mul, Min, Max] {
            one(v, op, none(), &[(t, d), (t, e)], 0, t, d);
        }
        one(v, Div, none(), &[(t, d), (t, e)], 1, t, d);
        one(v, Max, none(), &[(t, d), (t, e), (t, d)], 0, t, d);
        one(v, Clip, none(), &[(t, d), (t, &[]), (t, &[])], 2, t, d);
        for op in [Equal, Greater, GreaterOrEqual, Less, LessOrEqual] {
            one(v, op, none(), &[(t, d), (t, e)], 0, DType::Bool, d);
        }
        one(v, Where, none(), &[(DType::Bool, e), (t, d), (t, e)], 0, t, d);
        for to in all().into_iter().chain([DType::Bool]) {
            one(v, Cast, none().with_int("to", to.onnx_code().into()), &[(t, d)], 0, to, d);
        }
        one(v, Cast, none().with_int("to", t.onnx_code().into()), &[(DType::Bool, d)], 0, t, d);
    }
    for t in INTS {
        one(v, Mod, none(), &[(t, d), (t, e)], 1, t, d);
        one(v, Mod, none().with_int("fmod", 1), &[(t, d), (t, e)], 1, t, d);
        for op in [BitwiseAnd, BitwiseOr, BitwiseXor] {
            one(v, op, none(), &[(t, d), (t, e)], 0, t, d);
        }
        one(v, BitwiseNot, none(), &[(t, d)], 0, t, d);
        if matches!(t, DType::I8 | DType::I16 | DType::I32 | DType::I64) {
            continue;
        }
        one(v, BitShift, none().with_str("direction", "LEFT"), &[(t, d), (t, e)], 1, t, d);
        one(v, BitShift, none().with_str("direction", "RIGHT"), &[(t, d), (t, e)], 1, t, d);
    }
    for t in [DType::I8, DType::I32, DType::I64] {
        one(v, Neg, none(), &[(t, d)], 0, t, d);
        one(v, Sign, none(), &[(t, d)], 0, t, d);
        one(v, Pow, none(), &[(t, d), (t, e)], 1, t, d);
        one(v, Pow, none(), &[(t, d), (DType::F32, e)], 1, t, d);
    }
    for op in [And, Or, Xor, Equal] {
        one(v, op, none(), &[(DType::Bool, d), (DType::Bool, e)], 0, DType::Bool, d);
    }
    one(v, Not, none(), &[(DType::Bool, d)], 0, DType::Bool, d);
    one(v, Where, none(), &[(DType::Bool, e), (DType::Bool, d), (DType::Bool, e)], 0, DType::Bool, d);
}

fn reductions(v: &mut Vec<(String, Graph)>) {
    let keep = || Attrs::none().with_int("keepdims", 0);
    for t in all() {
        for op in [Op::ReduceSum, Op::ReduceMax, Op::ReduceMin, Op::ReduceProd, Op::ReduceMean] {
            if op == Op::ReduceMean && !t.is_float() {
                continue;
            }
            let mut b = Build::default();
            let (x, ax) = (b.input(t, &[3, 4, 40]), b.ints(&[0, -1]));
            let y = b.op(op, keep(), &[x, ax], t, &[4]);
            v.push((format!("{op} {t}"), b.done(&[y])));
        }
        for op in [Op::ArgMax, Op::ArgMin] {
            for last in [0, 1] {
                let a = keep().with_int("axis", 1).with_int("select_last_index", last);
                one(v, op, a, &[(t, &[3, 2100])], 0, DType::I64, &[3]);
            }
        }
    }
}

fn matrices(v: &mut Vec<(String, Graph)>) {
    let none = Attrs::none;
    for t in FLOATS {
        one(v, Op::MatMul, none(), &[(t, &[5, 40]), (t, &[40, 17])], 1, t, &[5, 17]);
        one(v, Op::MatMul, none(), &[(t, &[2, 5, 40]), (t, &[2, 40, 17])], 0, t, &[2, 5, 17]);
        one(v, Op::MatMul, none(), &[(t, &[2, 5, 40]), (t, &[40])], 0, t, &[2, 5]);
        let a = || conv_attrs(&[1, 1, 0, 2], &[2, 1], &[1, 2], 1);
        one(v, Op::Conv, a(), &[(t, &[2, 5, 9, 8]), (t, &[18, 5, 3, 3]), (t, &[18])], 2, t, &[2, 18, 4, 7]);
        let dw = conv_attrs(&[2, 2, 2, 2], &[1, 1], &[1, 1], 19);
        one(v, Op::Conv, dw, &[(t, &[1, 19, 7, 6]), (t, &[19, 1, 5, 5])], 1, t, &[1, 19, 7, 6]);
        let pool =
            || none().with_ints("kernel_shape", &[3, 2]).with_ints("strides", &[2, 1]).with_ints("pads", &[1, 0, 1, 1]);
        one(v, Op::AveragePool, pool(), &[(t, &[2, 19, 9, 8])], 0, t, &[2, 19, 5, 8]);
        one(v, Op::MaxPool, pool(), &[(t, &[2, 19, 9, 8])], 0, t, &[2, 19, 5, 8]);
        let one_d = none().with_ints("kernel_shape", &[3]).with_ints("strides", &[2]);
        one(v, Op::MaxPool, one_d, &[(t, &[2, 3, 9])], 0, t, &[2, 3, 4]);
    }
    for (a, w) in [(DType::U8, DType::I8), (DType::I8, DType::I8), (DType::U8, DType::U8), (DType::I8, DType::U8)] {
        one(v, Op::MatMulInteger, none(), &[(a, &[5, 40]), (w, &[40, 17])], 0, DType::I32, &[5, 17]);
        one(
            v,
            Op::MatMulInteger,
            none(),
            &[(a, &[5, 40]), (w, &[40, 17]), (a, &[]), (w, &[17])],
            3,
            DType::I32,
            &[5, 17],
        );
        let c = conv_attrs(&[1, 1, 1, 1], &[1, 1], &[1, 1], 3);
        one(v, Op::ConvInteger, c, &[(a, &[2, 6, 5, 4]), (w, &[9, 2, 3, 3]), (a, &[])], 2, DType::I32, &[2, 9, 5, 4]);
        let f = DType::F32;
        one(
            v,
            Op::QLinearMatMul,
            none(),
            &[(a, &[5, 40]), (f, &[]), (a, &[]), (w, &[40, 17]), (f, &[]), (w, &[]), (f, &[]), (a, &[])],
            7,
            a,
            &[5, 17],
        );
        one(v, Op::MaxPool, none().with_ints("kernel_shape", &[2, 2]), &[(a, &[1, 7, 5, 6])], 0, a, &[1, 7, 4, 5]);
    }
}

fn quantisation(v: &mut Vec<(String, Graph)>) {
    for q in [DType::U8, DType::I8, DType::U16, DType::I16] {
        for (scales, axis) in [(vec![], 1), (vec![37], 1), (vec![3], -1)] {
            let a = Attrs::none().with_int("axis", axis);
            let d: &[usize] = &[2, 37, 3];
            let s = scales.as_slice();
            for x in FLOATS.into_iter().chain([DType::I32]) {
                one(v, Op::QuantizeLinear, a.clone(), &[(x, d), (DType::F32, s), (q, s)], 2, q, d);
            }
            for y in FLOATS {
                one(v, Op::DequantizeLinear, a.clone(), &[(q, d), (y, s), (q, s)], 2, y, d);
            }
        }
    }
    one(v, Op::DequantizeLinear, Attrs::none(), &[(DType::I32, &[9]), (DType::F32, &[])], 1, DType::F32, &[9]);
}

fn moves(v: &mut Vec<(String, Graph)>) {
    for t in all().into_iter().chain([DType::Bool]) {
        one(v, Op::Transpose, Attrs::none(), &[(t, &[4, 70, 3])], 0, t, &[3, 70, 4]);
        one(v, Op::Concat, Attrs::none().with_int("axis", -1), &[(t, &[4, 3]), (t, &[4, 5])], 0, t, &[4, 8]);
        let mut b = Build::default();
        let (x, i) = (b.input(t, &[4, 20, 6]), b.input(DType::I64, &[7]));
        let g = b.op(Op::Gather, Attrs::none().with_int("axis", 1), &[x, i], t, &[4, 7, 6]);
        let p = b.ints(&[1, 0, 2, 0, 3, 1]);
        let pad = b.op(Op::Pad, Attrs::none(), &[x, p], t, &[5, 23, 9]);
        v.push((format!("Gather, Pad {t}"), b.done(&[g, pad])));
    }
}
