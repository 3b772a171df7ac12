//! Numbers worked out by hand from section 3: ties, NaN, −0, saturation, order of sums, windows, indices.

mod common;

use common::{dense, f32s, fill, i32s, imm, machine, read_f32, read_i32, sim, vector};
use isa::{
    AccTag, Act, Chan, DType, EwFn, Form, Init, Instr, Mem, Mx, MxType, Op, Operand, Pool, PoolFn, RedFn, Round,
    RqMode, ScFn, ScanFn, SortFn, TrapCode, Vx, VxFn,
};
use sim::Machine;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

#[track_caller]
fn step(m: &mut Machine, op: Op) {
    m.step(&Instr::new(op), 0).expect("legal");
}

#[track_caller]
fn assert_bits(got: &[f32], want: &[f32]) {
    let bits = |v: &[f32]| v.iter().map(|x| format!("{:08x}", x.to_bits())).collect::<Vec<_>>();
    assert_eq!(bits(got), bits(want));
}

/// EW on f32 vectors.
#[track_caller]
fn ew_f32(f: EwFn, a: &[f32], b: &[f32], form: Form) -> Vec<f32> {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(a));
    m.spm_mut().poke(0x400, &f32s(b));
    let b_dt = f.uses_b().then_some(DType::F32);
    let v = Vx { form, ..vector(VxFn::Ew(f), a.len() as u16, DType::F32, b_dt, DType::F32) };
    step(&mut m, Op::Ew(v));
    read_f32(&m, 0x800, a.len())
}

#[test]
fn float_elementwise() {
    let none = Form::default();
    assert_bits(&ew_f32(EwFn::Add, &[-0.0, INF, 1.0], &[0.0, -INF, 2.0], none), &[0.0, NAN, 3.0]);
    assert_bits(&ew_f32(EwFn::Max, &[-0.0, 0.0, NAN, 1.0], &[0.0, -0.0, 1.0, NAN], none), &[0.0, 0.0, NAN, NAN]);
    assert_bits(&ew_f32(EwFn::Min, &[-0.0, 0.0, NAN, 3.0], &[0.0, -0.0, 1.0, 2.0], none), &[-0.0, -0.0, NAN, 2.0]);
    assert_bits(&ew_f32(EwFn::Abs, &[-0.0, -INF, -NAN], &[], none), &[0.0, INF, NAN]);
    assert_bits(&ew_f32(EwFn::Neg, &[0.0, NAN], &[], none), &[-0.0, NAN]);
    assert_bits(&ew_f32(EwFn::Sign, &[-0.0, -3.0, 2.0, NAN], &[], none), &[-0.0, -1.0, 1.0, NAN]);
    assert_bits(&ew_f32(EwFn::Rint, &[2.5, 3.5, -0.4, -2.5], &[], none), &[2.0, 4.0, -0.0, -2.0]);
    assert_bits(&ew_f32(EwFn::Floor, &[-0.0, -0.5, 1.9], &[], none), &[-0.0, -1.0, 1.0]);
    assert_bits(&ew_f32(EwFn::Ceil, &[-0.5, 0.1], &[], none), &[-0.0, 1.0]);
    assert_bits(&ew_f32(EwFn::Rem, &[-7.0, 7.0, 5.5], &[3.0, -3.0, INF], none), &[-1.0, 1.0, 5.5]);
    assert_bits(&ew_f32(EwFn::Mod, &[-7.0, 7.0, -6.0], &[3.0, -3.0, 3.0], none), &[2.0, -2.0, -0.0]);
    assert_bits(&ew_f32(EwFn::Prelu, &[-2.0, 2.0, -0.0], &[0.5, 0.5, 0.5], none), &[-1.0, 2.0, -0.0]);
    assert_bits(&ew_f32(EwFn::Recip, &[-0.0, 4.0], &[], none), &[-INF, 0.25]);
    assert_bits(&ew_f32(EwFn::Sqrt, &[-0.0, -1.0, 2.25], &[], none), &[-0.0, NAN, 1.5]);
    let clamp = Form::Imm { imm0: 0.0_f32.to_bits(), imm1: 6.0_f32.to_bits() };
    assert_bits(&ew_f32(EwFn::Clamp, &[-1.0, 7.0, NAN, -0.0], &[], clamp), &[0.0, 6.0, NAN, 0.0]);
    // mov copies bits, payload included
    let payload = f32::from_bits(0xFFC1_2345);
    assert_bits(&ew_f32(EwFn::Mov, &[payload], &[], none), &[payload]);
}

#[test]
fn fmac_rounds_once() {
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24; minus (1 + 2^-11) leaves 2^-24, which a rounded product would lose.
    let mut m = machine(&[]);
    let x = 1.0 + 2.0_f32.powi(-12);
    m.spm_mut().poke(0, &f32s(&[x]));
    m.spm_mut().poke(0x400, &f32s(&[x]));
    m.spm_mut().poke(0x800, &f32s(&[-(1.0 + 2.0_f32.powi(-11))]));
    step(&mut m, Op::Ew(vector(VxFn::Ew(EwFn::Fmac), 1, DType::F32, Some(DType::F32), DType::F32)));
    assert_bits(&read_f32(&m, 0x800, 1), &[2.0_f32.powi(-24)]);
}

/// EW on bytes, b immediate or vector.
fn ew_s8(f: EwFn, a: &[i8], b: &[i8], rq: RqMode) -> Vec<i8> {
    let mut m = machine(&[]);
    let bytes = |v: &[i8]| v.iter().map(|x| x.cast_unsigned()).collect::<Vec<_>>();
    m.spm_mut().poke(0, &bytes(a));
    m.spm_mut().poke(0x400, &bytes(b));
    let v = Vx { rq, ..vector(VxFn::Ew(f), a.len() as u16, DType::S8, f.uses_b().then_some(DType::S8), DType::S8) };
    step(&mut m, Op::Ew(v));
    m.spm().bytes()[0x800..0x800 + a.len()].iter().map(|x| x.cast_signed()).collect()
}

#[test]
fn integer_elementwise() {
    assert_eq!(ew_s8(EwFn::Add, &[127, -128], &[1, -1], RqMode::Wrap), [-128, 127]);
    assert_eq!(ew_s8(EwFn::Add, &[127, -128], &[1, -1], RqMode::Sat), [127, -128]);
    assert_eq!(ew_s8(EwFn::Abs, &[-128], &[], RqMode::Wrap), [-128]);
    assert_eq!(ew_s8(EwFn::Abs, &[-128], &[], RqMode::Sat), [127]);
    assert_eq!(ew_s8(EwFn::Div, &[-7, 7, -128], &[2, -2, -1], RqMode::Wrap), [-3, -3, -128]);
    assert_eq!(ew_s8(EwFn::Mod, &[-7, 7], &[3, -3], RqMode::Wrap), [2, -2]);
    assert_eq!(ew_s8(EwFn::Rem, &[-7, 7], &[3, -3], RqMode::Wrap), [-1, 1]);
    assert_eq!(ew_s8(EwFn::Shr, &[-5, 5], &[1, 1], RqMode::Wrap), [-3, 2]);
    assert_eq!(ew_s8(EwFn::ShrRound, &[-5, 5, -6, 7], &[1, 1, 2, 0], RqMode::Wrap), [-2, 3, -1, 7]);
    assert_eq!(ew_s8(EwFn::Shl, &[3, 3], &[6, 6], RqMode::Sat), [127, 127]);
    assert_eq!(ew_s8(EwFn::Shl, &[3], &[6], RqMode::Wrap), [-64]);
    assert_eq!(ew_s8(EwFn::Ipow, &[-2, 2, -1, 1, 3], &[7, 8, -3, -9, -1], RqMode::Wrap), [-128, 0, -1, 1, 0]);
    assert_eq!(ew_s8(EwFn::Not, &[0, -1], &[], RqMode::Wrap), [-1, 0]);
    assert_eq!(ew_s8(EwFn::Idx, &[-1, 2], &[5, 5], RqMode::Wrap), [4, 2]);
}

#[test]
fn comparisons_are_by_value_across_signedness() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &i32s(&[-1, 5]));
    m.spm_mut().poke(0x400, &i32s(&[-1, 4])); // as u32: 4294967295, 4
    step(&mut m, Op::Ew(vector(VxFn::Ew(EwFn::Lt), 2, DType::S32, Some(DType::U32), DType::Bool)));
    assert_eq!(m.spm().bytes()[0x800..0x802], [1, 0]);
    m.spm_mut().poke(0, &f32s(&[NAN, 1.0]));
    m.spm_mut().poke(0x400, &f32s(&[NAN, 1.0]));
    for (f, want) in [(EwFn::Eq, [0, 1]), (EwFn::Ne, [1, 0]), (EwFn::Ge, [0, 1]), (EwFn::Lt, [0, 0])] {
        step(&mut m, Op::Ew(vector(VxFn::Ew(f), 2, DType::F32, Some(DType::F32), DType::Bool)));
        assert_eq!(m.spm().bytes()[0x800..0x802], want, "{f}");
    }
}

#[test]
fn u64_products_saturate_and_wrap() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &u64::MAX.to_le_bytes());
    m.spm_mut().poke(0x400, &u64::MAX.to_le_bytes());
    for (rq, want) in [(RqMode::Wrap, 1), (RqMode::Sat, u64::MAX)] {
        let v = Vx { rq, ..vector(VxFn::Ew(EwFn::Mul), 1, DType::U64, Some(DType::U64), DType::U64) };
        step(&mut m, Op::Ew(v));
        assert_eq!(m.spm().bytes()[0x800..0x808], want.to_le_bytes());
    }
    // a wide difference, narrowed once
    let v = Vx { rq: RqMode::Sat, ..vector(VxFn::Ew(EwFn::Sub), 1, DType::U64, Some(DType::S64), DType::S32) };
    step(&mut m, Op::Ew(v)); // 2^64-1 - (-1) = 2^64
    assert_eq!(read_i32(&m, 0x800, 1), [i32::MAX]);
}

/// A record in PRM.
fn record(m: &mut Machine, at: usize, bias: u32, mult: u32, zp: i32, shift: i8, zw: i16) {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&bias.to_le_bytes());
    bytes[4..8].copy_from_slice(&mult.to_le_bytes());
    bytes[8..12].copy_from_slice(&zp.to_le_bytes());
    bytes[12] = shift.cast_unsigned();
    bytes[14..].copy_from_slice(&zw.to_le_bytes());
    m.prm_mut().poke(at * 16, &bytes);
}

#[test]
fn form_prm_is_dequantise_then_quantise() {
    let mut m = machine(&[]);
    record(&mut m, 0, 0, 0.5_f32.to_bits(), 1, 0, 0); // a: (x - 1) / 2
    record(&mut m, 1, 0, 0.25_f32.to_bits(), -2, 0, 0); // b: (x + 2) / 4
    record(&mut m, 2, 0, 0.5_f32.to_bits(), 3, 0, 0); // d: v * 2 + 3
    m.spm_mut().poke(0, &[5, 0x80, 127, 1]);
    m.spm_mut().poke(0x400, &[0, 0x80, 127, 0xFF]);
    let v = Vx {
        form: Form::prm(Some(0), Some(1), Some(2)),
        ..vector(VxFn::Ew(EwFn::Add), 4, DType::S8, Some(DType::S8), DType::S8)
    };
    step(&mut m, Op::Ew(v));
    // 2 + 0.5 = 2.5 -> 5 + 3 = 8. -64.5 - 31.5 = -96 -> -192 + 3 saturates. 63 + 32.25 -> saturates.
    // 0 + 0.25 -> 0.5: tie to even 0, + 3.
    assert_eq!(m.spm().bytes()[0x800..0x804], [8, 0x80, 127, 3]);
    // relu: max(y, zp); clamp to bytes
    step(&mut m, Op::Ew(Vx { act: Act::Relu, ..v }));
    assert_eq!(m.spm().bytes()[0x800..0x804], [8, 3, 127, 3]);
    let clamp = Form::Prm { aprm: Some(0), bprm: Some(1), dprm: Some(2), clo: 0xFE, chi: 6 };
    step(&mut m, Op::Ew(Vx { act: Act::Clamp, form: clamp, ..v }));
    assert_eq!(m.spm().bytes()[0x800..0x804], [6, 0xFE, 6, 3]);
    // 0/0 counts as 0 and is counted
    record(&mut m, 3, 0, 0, 7, 0, 0);
    m.spm_mut().poke(0, &f32s(&[0.0, 1.0, -1.0, NAN]));
    step(
        &mut m,
        Op::Ew(Vx {
            form: Form::prm(None, None, Some(3)),
            ..vector(VxFn::Ew(EwFn::Mov), 4, DType::F32, None, DType::S8)
        }),
    );
    assert_eq!(m.spm().bytes()[0x800..0x804], [7, 127, 0x80, 7]);
    assert_eq!(m.counters().nan_cvt, 2);
}

#[test]
fn records_advance_with_the_channel() {
    let mut m = machine(&[]);
    for c in 0..3 {
        record(&mut m, 4 + c, 0, (c as f32 + 1.0).to_bits(), c as i32, 0, 0);
    }
    m.spm_mut().poke(0, &[10, 10, 10, 20, 20, 20]);
    let n = [3, 2, 1, 1];
    let v = Vx {
        func: VxFn::Ew(EwFn::Mov),
        a: dense(0, DType::U8, n),
        d: dense(0x800, DType::F32, n),
        n,
        form: Form::prm(Some(4), None, None),
        chan: Chan::I0,
        chm_a: true,
        ..Vx::default()
    };
    step(&mut m, Op::Ew(v));
    assert_bits(&read_f32(&m, 0x800, 6), &[10.0, 18.0, 24.0, 20.0, 38.0, 54.0]);
    step(&mut m, Op::Ew(Vx { chan: Chan::I1, ..v }));
    assert_bits(&read_f32(&m, 0x800, 6), &[10.0, 10.0, 10.0, 38.0, 38.0, 38.0]);
}

/// RQ of accumulators in ACC row 0 to s8.
fn rq(values: &[i32], rule: RqMode, mult: u32, zp: i32, shift: i8) -> Vec<i8> {
    let mut m = machine(&[]);
    let mut bits = [0u32; 16];
    for (b, v) in bits.iter_mut().zip(values) {
        *b = v.cast_unsigned();
    }
    m.acc_mut().set_row(0, AccTag::I32, &bits, &bits.map(|b| i64::from(b.cast_signed())));
    let imm1 = (zp.cast_unsigned() << 8) | u32::from(shift.cast_unsigned());
    let n = [values.len() as u16, 1, 1, 1];
    let v = Vx {
        a: Operand { mem: Mem::Acc, ..dense(0, DType::S32, n) },
        d: dense(0x800, DType::S8, n),
        n,
        rq: rule,
        form: Form::Imm { imm0: mult, imm1 },
        ..Vx::default()
    };
    step(&mut m, Op::Rq(v));
    m.spm().bytes()[0x800..0x800 + values.len()].iter().map(|b| b.cast_signed()).collect()
}

#[test]
fn requantise_rules_differ_at_ties() {
    let values = [1, 3, 5, -1, -3, -5, 1000, -1000];
    // acc / 2 + zp 10: half to even
    assert_eq!(rq(&values, RqMode::F32, 0.5_f32.to_bits(), 10, 0), [10, 12, 12, 10, 8, 8, 127, -128]);
    assert_eq!(rq(&values, RqMode::Div, 2.0_f32.to_bits(), 10, 0), [10, 12, 12, 10, 8, 8, 127, -128]);
    // mult 2^30, shift 31: half up
    assert_eq!(rq(&values, RqMode::Single, 1 << 30, 10, 31), [11, 12, 13, 10, 9, 8, 127, -128]);
    // SRDHM by 2^30 (the half itself): nudge then truncation; positive ties up, negative toward zero
    assert_eq!(rq(&values, RqMode::Double, 1 << 30, 10, 0), [11, 12, 13, 10, 9, 8, 127, -128]);
    // 2*acc * 2^30 / 2^31 = acc exactly, then RDBYPOT by 1: half away from zero
    assert_eq!(rq(&[2, 6, -2, -6], RqMode::Double, 1 << 30, 0, -1), [1, 2, -1, -2]);
    assert_eq!(rq(&[1], RqMode::Double, 1 << 30, 0, 1), [1]);
    // RNE32(acc) first: 2^24 + 1 becomes 2^24
    assert_eq!(rq(&[16_777_217], RqMode::F32, 2.0_f32.powi(-24).to_bits(), 0, 0), [1]);
}

#[test]
fn the_order_of_matrix_sums_is_the_tree_of_16() {
    // One output: k = 17 lanes in two groups; x = 1, w as below. Sequential order and tree give different bits.
    let big = 16_777_216.0_f32; // 2^24
    let mut w = [0.0_f32; 32];
    (w[0], w[1], w[2], w[3]) = (big, 1.0, 1.0, 1.0); // tree: (big + 1) + (1 + 1) = big + 2; sequential: big
    w[16] = 1.0; // second group: big + 2 + 1 = big + 3, a tie of spacing 2: even is big + 4
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(&[1.0; 17]));
    let mut packed = vec![0.0_f32; 512];
    packed[..16].copy_from_slice(&w[..16]);
    packed[256..272].copy_from_slice(&w[16..]);
    packed[257..272].fill(NAN); // masked lanes: not multiplied, whatever they hold
    m.spm_mut().poke(0x400, &f32s(&packed));
    let mx = Mx {
        in_sx: 68,
        in_sy: 68,
        in_sc: 64,
        w_addr: 0x400,
        cg: 2,
        clast: 1,
        nlast: 1,
        acc_sn: 1,
        dtype: MxType::F32,
        ..Mx::default()
    };
    step(&mut m, Op::MxConv(mx));
    let lane = |m: &Machine, i: usize| {
        f32::from_le_bytes(m.acc().memory().bytes()[4 * i..4 * i + 4].try_into().expect("four"))
    };
    assert_bits(&[lane(&m, 0), lane(&m, 1)], &[big + 4.0, 0.0]);
    assert_eq!(m.acc().tag(0), AccTag::F32);
    // ACCUMULATE onto -0.0: taken as +0.0; a zero sum stays +0.0
    m.acc_mut().set_row(0, AccTag::F32, &[0x8000_0000; 16], &[0; 16]);
    m.spm_mut().poke(0, &f32s(&[-0.0; 17]));
    step(&mut m, Op::MxConv(Mx { init: Init::Accumulate, cg: 1, clast: 4, ..mx }));
    assert_bits(&[lane(&m, 0)], &[0.0]);
    // an active lane follows IEEE: 0 * Inf
    m.spm_mut().poke(0, &f32s(&[INF, 0.0, 0.0, 0.0]));
    m.spm_mut().poke(0x400, &f32s(&[0.0]));
    step(&mut m, Op::MxConv(Mx { cg: 1, clast: 1, ..mx }));
    assert_bits(&[lane(&m, 0)], &[NAN]);
}

#[test]
fn integer_convolution_with_padding_and_zero_points() {
    // 2x2 input of one channel, 3x3 kernel of ones (w - zw = 3 - 1 = 2), zx = 5, pad 1: outside taps give 0.
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &[6, 7, 8, 9]); // minus zx: 1 2 3 4
    let mut w = vec![1u8; 9 * 256]; // other lanes: w - zw = 0
    for tap in 0..9 {
        w[tap * 256] = 3;
    }
    m.spm_mut().poke(0x400, &w);
    record(&mut m, 2, 100, 0, 0, 0, 0);
    let mx = Mx {
        in_sx: 1,
        in_sy: 2,
        in_sc: 1,
        w_addr: 0x400,
        kh: 3,
        kw: 3,
        oh: 2,
        ow: 2,
        ih: 2,
        iw: 2,
        iy0: -1,
        ix0: -1,
        clast: 1,
        nlast: 1,
        acc_sn: 4,
        dtype: MxType::U8U8,
        init: Init::Bias,
        prm_rec: 2,
        zx: 5,
        zw: 1,
        ..Mx::default()
    };
    step(&mut m, Op::MxConv(mx));
    for row in 0..4 {
        assert_eq!(m.acc().shadow(row, 0), 100 + 2 * 10); // every window sees all four
        assert_eq!(m.acc().shadow(row, 1), 0); // beyond nlast
    }
    // a rolling buffer of two rows rotated by one swaps the rows: one tap at (0, 0)
    step(
        &mut m,
        Op::MxConv(Mx { kh: 1, kw: 1, iy0: 0, ix0: 0, ring_len: 2, ring_off: 1, init: Init::Zero, prm_rec: 0, ..mx }),
    );
    assert_eq!([0, 1, 2, 3].map(|row| m.acc().shadow(row, 0)), [6, 8, 2, 4]);
}

#[test]
fn depthwise_and_kpack() {
    let mut m = machine(&[]);
    // two pixels of three channels; kernel 1x2
    m.spm_mut().poke(0, &[1, 2, 3, 4, 5, 6]);
    let mut w = vec![0u8; 32];
    w[..3].copy_from_slice(&[1, 2, 3]);
    w[16..19].copy_from_slice(&[10, 20, 30]);
    m.spm_mut().poke(0x400, &w);
    let mx = Mx {
        in_sx: 3,
        in_sy: 6,
        in_sc: 16,
        w_addr: 0x400,
        kw: 2,
        iw: 2,
        clast: 3,
        nlast: 3,
        acc_sn: 1,
        ..Mx::default()
    };
    step(&mut m, Op::MxDw(mx));
    assert_eq!([0, 1, 2, 3].map(|c| m.acc().shadow(0, c)), [1 + 40, 4 + 100, 9 + 180, 0]);
    // kpack: q = kx*3 + c, six lanes in one group
    let mut w = vec![0u8; 256];
    w[..6].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
    m.spm_mut().poke(0x400, &w);
    step(&mut m, Op::MxConv(Mx { kpack: true, in_sc: 0, clast: 6, nlast: 1, ..mx }));
    assert_eq!(m.acc().shadow(0, 0), 1 + 4 + 9 + 16 + 25 + 36);
}

#[test]
fn conversions() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(&[2.5, -2.5, 300.0, NAN, -INF]));
    let cvt = |rm, d| Vx { rm, ..vector(VxFn::None, 5, DType::F32, None, d) };
    for (rm, want) in [
        (Round::HalfEven, [2, -2, 127, 0, -128]),
        (Round::TowardZero, [2, -2, 127, 0, -128]),
        (Round::Floor, [2, -3, 127, 0, -128]),
        (Round::Ceil, [3, -2, 127, 0, -128]),
        (Round::HalfAway, [3, -3, 127, 0, -128]),
    ] {
        step(&mut m, Op::Cvt(cvt(rm, DType::S8)));
        let got: Vec<i8> = m.spm().bytes()[0x800..0x805].iter().map(|b| b.cast_signed()).collect();
        assert_eq!(got, want, "{rm}");
    }
    assert_eq!((m.counters().nan_cvt, m.counters().sat_cvt), (5, 10));
    step(&mut m, Op::Cvt(cvt(Round::HalfEven, DType::Bool)));
    assert_eq!(m.spm().bytes()[0x800..0x805], [1, 1, 1, 1, 1]); // NaN is true
    m.spm_mut().poke(0, &i32s(&[16_777_217, -1]));
    step(&mut m, Op::Cvt(vector(VxFn::None, 2, DType::S32, None, DType::F32)));
    assert_bits(&read_f32(&m, 0x800, 2), &[16_777_216.0, -1.0]);
    step(&mut m, Op::Cvt(vector(VxFn::None, 2, DType::S32, None, DType::U8)));
    assert_eq!(m.spm().bytes()[0x800..0x802], [1, 255]);
    step(&mut m, Op::Cvt(Vx { rq: RqMode::Sat, ..vector(VxFn::None, 2, DType::S32, None, DType::U8) }));
    assert_eq!(m.spm().bytes()[0x800..0x802], [255, 0]);
}

/// RED along axis 0 of one f32 row.
fn red(f: RedFn, values: &[f32], last: bool) -> (Vec<f32>, i32) {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(values));
    let d_dt = if f.is_arg() { DType::S32 } else { DType::F32 };
    let mut v = Vx { last, ..vector(VxFn::Red(f), values.len() as u16, DType::F32, None, d_dt) };
    v.d.s = [0; 4];
    step(&mut m, Op::Red(v));
    (read_f32(&m, 0x800, 1), read_i32(&m, 0x800, 1)[0])
}

#[test]
fn reductions() {
    let big = 16_777_216.0_f32;
    assert_bits(&red(RedFn::Sum, &[big, 1.0, 1.0, 1.0], false).0, &[big + 2.0]);
    let mut long = vec![0.0; 16];
    long.push(-0.0);
    assert_bits(&red(RedFn::Sum, &long, false).0, &[0.0]);
    assert_bits(&red(RedFn::Sum, &[-0.0], false).0, &[-0.0]);
    assert_bits(&red(RedFn::Sum, &[-0.0, -0.0], false).0, &[-0.0]);
    assert_bits(&red(RedFn::Prod, &[2.0, 3.0, -1.0], false).0, &[-6.0]);
    assert_bits(&red(RedFn::Max, &[-0.0, 0.0, -3.0], false).0, &[0.0]);
    assert_bits(&red(RedFn::Min, &[1.0, NAN], false).0, &[NAN]);
    assert_eq!(red(RedFn::ArgMax, &[1.0, 5.0, 5.0], false).1, 1);
    assert_eq!(red(RedFn::ArgMax, &[1.0, 5.0, 5.0], true).1, 2);
    assert_eq!(red(RedFn::ArgMin, &[NAN, 0.0, NAN], false).1, 0);
    assert_eq!(red(RedFn::ArgMax, &[3.0, NAN, NAN], true).1, 2);
    // a split at a multiple of 16 gives the same bits
    let values: Vec<f32> = (0..40).map(|i| 1.0 / (i as f32 + 3.0)).collect();
    let whole = red(RedFn::Sum, &values, false).0;
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(&values));
    let mut v = vector(VxFn::Red(RedFn::Sum), 16, DType::F32, None, DType::F32);
    v.d.s = [0; 4];
    step(&mut m, Op::Red(v));
    v.acc = true;
    (v.a.addr, v.n[0]) = (64, 24);
    step(&mut m, Op::Red(v));
    assert_bits(&read_f32(&m, 0x800, 1), &whole);
}

#[test]
fn scans_and_sorts() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &f32s(&[1.0, 2.0, 3.0]));
    m.spm_mut().poke(0x400, &f32s(&[10.0]));
    let scan = |excl, acc| {
        let mut v =
            Vx { excl, acc, ..vector(VxFn::Scan(ScanFn::Sum), 3, DType::F32, acc.then_some(DType::F32), DType::F32) };
        v.b.s = [0; 4];
        v
    };
    for (excl, acc, want) in [
        (false, false, [1.0, 3.0, 6.0]),
        (true, false, [0.0, 1.0, 3.0]),
        (false, true, [11.0, 13.0, 16.0]),
        (true, true, [10.0, 11.0, 13.0]),
    ] {
        step(&mut m, Op::Scan(scan(excl, acc)));
        assert_bits(&read_f32(&m, 0x800, 3), &want);
    }
    m.spm_mut().poke(0, &f32s(&[0.0, NAN, -0.0, 1.0, -1.0]));
    for (f, want) in [(SortFn::Ascending, [4, 0, 2, 3]), (SortFn::Descending, [1, 3, 0, 2])] {
        let v = Vx { form: Form::imm(4), ..vector(VxFn::Sort(f), 5, DType::F32, None, DType::S32) };
        step(&mut m, Op::Sort(v));
        assert_eq!(read_i32(&m, 0x800, 4), want, "{f}");
    }
}

#[test]
fn pools() {
    let mut m = machine(&[]);
    // 3x3 of one f32 channel, windows 2x2 stride 2 pad 1 (output 2x2)
    m.spm_mut().poke(0, &f32s(&[1.0, 2.0, 3.0, 4.0, NAN, 6.0, 7.0, 8.0, -0.0]));
    let pool = |func, d_dt| Pool {
        func,
        a_sx: 1,
        a_sy: 3,
        a_dt: DType::F32,
        d_addr: 0x800,
        d_sx: 1,
        d_sy: 2,
        d_dt,
        oh: 2,
        ow: 2,
        ih: 3,
        iw: 3,
        n0: 1,
        kh: 2,
        kw: 2,
        iy0: -1,
        ix0: -1,
        sy: 2,
        sx: 2,
        ..Pool::default()
    };
    step(&mut m, Op::Pool(pool(PoolFn::Max, DType::F32)));
    assert_bits(&read_f32(&m, 0x800, 4), &[1.0, 3.0, 7.0, NAN]);
    step(&mut m, Op::Pool(pool(PoolFn::Avg, DType::F32)));
    assert_bits(&read_f32(&m, 0x800, 3), &[1.0, 2.5, 5.5]);
    step(&mut m, Op::Pool(pool(PoolFn::AvgPad, DType::F32)));
    assert_bits(&read_f32(&m, 0x800, 3), &[0.25, 1.25, 2.75]);
    step(&mut m, Op::Pool(pool(PoolFn::ArgMaxYx, DType::S32)));
    assert_eq!(read_i32(&m, 0x800, 4), [0, 2, 6, 4]); // the NaN wins
    step(&mut m, Op::Pool(pool(PoolFn::ArgMaxXy, DType::S32)));
    assert_eq!(read_i32(&m, 0x800, 4), [0, 6, 2, 4]);
    let outside = Pool { ix0: -5, ..pool(PoolFn::Max, DType::F32) };
    assert_eq!(m.step(&Instr::new(Op::Pool(outside)), 0).expect_err("no tap").code, TrapCode::Pad);
    step(&mut m, Op::Pool(Pool { func: PoolFn::Sum, ..outside }));
    assert_bits(&read_f32(&m, 0x800, 2), &[0.0, 0.0]);
}

#[test]
fn gather_and_scatter() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &[10, 11, 12, 13, 14, 15]);
    m.spm_mut().poke(0x400, &i32s(&[2, -3]));
    // rows of two: d[i0, i1] = a[i0 + 2*j(i1)], L = 3; -3 is row 0
    let n = [2, 2, 1, 1];
    let v = Vx {
        a: Operand { s: [1, 0, 0, 0], ..dense(0, DType::U8, n) },
        b: Operand { s: [0, 1, 0, 0], ..dense(0x400, DType::S32, n) },
        d: dense(0x800, DType::U8, n),
        n,
        form: Form::Imm { imm0: 2, imm1: 3 },
        ..Vx::default()
    };
    step(&mut m, Op::Ga(v));
    assert_eq!(m.spm().bytes()[0x800..0x804], [14, 15, 10, 11]);
    // duplicates accumulate in order
    m.spm_mut().poke(0x400, &i32s(&[1, 1, 0]));
    m.spm_mut().poke(0x800, &[250, 1]);
    let n = [3, 1, 1, 1];
    let sc = |f| Vx {
        func: VxFn::Sc(f),
        a: dense(0, DType::U8, n),
        b: dense(0x400, DType::S32, n),
        d: Operand { s: [0; 4], ..dense(0x800, DType::U8, n) },
        n,
        form: Form::Imm { imm0: 1, imm1: 2 },
        ..Vx::default()
    };
    step(&mut m, Op::Sc(sc(ScFn::Add)));
    assert_eq!(m.spm().bytes()[0x800..0x802], [6, 22]); // 250 + 12 wraps; 1 + 10 + 11
    step(&mut m, Op::Sc(sc(ScFn::Set)));
    assert_eq!(m.spm().bytes()[0x800..0x802], [12, 11]); // the later one wins
}

#[test]
fn moves_fills_tables_and_iota() {
    let mut m = machine(&[]);
    m.spm_mut().poke(0, &[1, 2, 3, 4, 5, 6]);
    // transpose 2x3 by g0 strides
    let n = [2, 3, 1, 1];
    let tr = Vx {
        a: Operand { s: [3, 1, 0, 0], ..dense(0, DType::U8, n) },
        d: Operand { s: [1, 2, 0, 0], ..dense(0x800, DType::U8, n) },
        n,
        g0: true,
        ..Vx::default()
    };
    step(&mut m, Op::Tr(tr));
    assert_eq!(m.spm().bytes()[0x800..0x806], [1, 4, 2, 5, 3, 6]);
    m.step(&fill(0x900, DType::S16, 2, 0xFFFE), 0).expect("legal");
    assert_eq!(m.spm().bytes()[0x900..0x904], [0xFE, 0xFF, 0xFE, 0xFF]);
    let table: Vec<u8> = (0..=255).collect();
    m.lut_mut().poke(2048, &table);
    m.spm_mut().poke(0, &[0, 0x80, 0x7F]);
    step(&mut m, Op::Lut(Vx { lut: 1, ..vector(VxFn::None, 3, DType::S8, None, DType::U8) }));
    assert_eq!(m.spm().bytes()[0x800..0x803], [0x80, 0, 0xFF]);
    let n = [2, 2, 1, 1];
    let iota = Vx {
        func: VxFn::Ew(EwFn::Iota),
        a: Operand { dt: DType::S32, ..Operand::default() },
        d: dense(0x800, DType::S32, n),
        n,
        axis: 1,
        form: Form::imm64(-3),
        ..Vx::default()
    };
    step(&mut m, Op::Ew(iota));
    assert_eq!(read_i32(&m, 0x800, 4), [-3, -3, -2, -2]);
    // an immediate b is sign-extended
    m.spm_mut().poke(0, &i32s(&[5]));
    let mut v = vector(VxFn::Ew(EwFn::Add), 1, DType::S32, None, DType::S32);
    (v.b, v.form) = (imm(DType::S32), Form::imm((-7_i32).cast_unsigned()));
    step(&mut m, Op::Ew(v));
    assert_eq!(read_i32(&m, 0x800, 1), [-2]);
}
