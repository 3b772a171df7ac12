//! Hand-computed values of the oracle's own arithmetic: what the comparison with the simulator cannot tell if both
//! are wrong in the same way.

use isa::{
    AccTag, DType, EwFn, Form, Init, Instr, Mem, Mx, MxType, NpuConfig, Op, Operand, RedFn, RqMode, Space, TrapCode,
    Vx, VxFn,
};
use touchstone_isa_oracle::{Format, State, execute, fma, pinned};

#[test]
fn formats_round_half_to_even_and_keep_subnormals() {
    let f16 = |x: f32| Format::F16.narrow(x);
    assert_eq!(f16(1.0), 0x3C00);
    assert_eq!(f16(1.0 + 1.0 / 2048.0), 0x3C00); // tie to even
    assert_eq!(f16(1.0 + 3.0 / 2048.0), 0x3C02);
    assert_eq!(f16(65519.0), 0x7BFF);
    assert_eq!(f16(65520.0), 0x7C00); // half way to the next: overflow
    assert_eq!(f16(-(2f32.powi(-24))), 0x8001);
    assert_eq!(f16(2f32.powi(-25)), 0); // tie to even: zero
    assert_eq!(f16(f32::from_bits(0x3300_0001)), 1); // just above 2^-25
    assert_eq!(f16(f32::NAN), 0x7E00);
    assert_eq!(Format::BF16.narrow(f32::from_bits(0x3F80_8000)), 0x3F80);
    assert_eq!(Format::BF16.narrow(f32::from_bits(0x3F81_8000)), 0x3F82);
    assert_eq!(Format::BF16.narrow(f32::MAX), 0x7F80);
    assert_eq!(Format::F32.from_int(16_777_217), 0x4B80_0000);
    assert_eq!(Format::F16.from_int(65_519), 0x7BFF);
    assert_eq!(Format::F16.widen(0x0001).to_bits(), 0x3380_0000);
    assert_eq!(Format::F16.widen(0xFBFF), -65504.0);
}

#[test]
fn every_f16_and_bf16_survives_widening_and_narrowing() {
    for format in [Format::F16, Format::BF16] {
        for bits in 0..=0xFFFFu32 {
            let wide = format.widen(bits);
            if !wide.is_nan() {
                assert_eq!(format.narrow(wide), bits);
            }
        }
    }
    for bits in 0..=0xFFFFu32 {
        let wide = f32::from_bits(bits << 16);
        assert!(wide.is_nan() || Format::BF16.widen(bits).to_bits() == wide.to_bits());
    }
}

proptest::proptest! {
    #[test]
    fn integers_round_as_the_language_rounds(x: i64, shift in 0..63u32) {
        let x = x >> shift;
        proptest::prop_assert_eq!(Format::F32.from_int(x.into()), (x as f32).to_bits());
    }

    #[test]
    fn fma_is_fused(a: u32, b: u32, c: u32, near: bool) {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        // half of the cases cancel: c is close to -a*b
        let c = if near { f32::from_bits((-(a * b)).to_bits() ^ (c & 0xF)) } else { f32::from_bits(c) };
        #[expect(clippy::disallowed_methods, reason = "the fused operation itself is under test")]
        let want = a.mul_add(b, c);
        let got = fma(a, b, c);
        proptest::prop_assert!(got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()), "{a:e} {b:e} {c:e}");
    }
}

/// binary64 values of CPython's `math` (glibc), rounded to binary32; none is near a tie.
#[test]
#[expect(clippy::approx_constant, reason = "the values are of one origin; named constants would hide that")]
fn pinned_functions_have_known_values() {
    let cases: &[(EwFn, f32, f64)] = &[
        (EwFn::Exp, 1.0, 2.718281828459045),
        (EwFn::Exp, -87.5, 9.982350930569248e-39),
        (EwFn::Exp, -104.0, 0.0),
        (EwFn::Exp, 89.0, f64::INFINITY),
        (EwFn::Log, 2.0, 0.6931471805599453),
        (EwFn::Log, 10.0, 2.302585092994046),
        (EwFn::Log1p, 1.0, 0.6931471805599453),
        (EwFn::Log1p, -0.5, -0.6931471805599453),
        (EwFn::Tanh, 1.0, 0.7615941559557649),
        (EwFn::Sigmoid, -3.0, 0.04742587317756678),
        (EwFn::Erf, 0.5, 0.5204998778130465),
        (EwFn::Erf, 2.0, 0.9953222650189527),
        (EwFn::Erfc, 3.0, 2.2090496998585438e-05),
        (EwFn::GeluErf, 1.0, 0.841344746068543),
        (EwFn::GeluTanh, 1.0, 0.8411919906082768),
        (EwFn::Softplus, 1.0, 1.3132616875182228),
        (EwFn::Rsqrt, 2.0, 0.7071067811865476),
        (EwFn::Sin, 1.0, 0.8414709848078965),
        (EwFn::Cos, 1.0, 0.5403023058681398),
        (EwFn::Tan, 1.0, 1.5574077246549023),
        (EwFn::Sin, std::f32::consts::PI, -8.742278000372475e-08),
        (EwFn::Sin, 1e22, -0.7340815352961015),
        (EwFn::Cos, 1e22, 0.679061337095051),
        (EwFn::Asin, 0.75, 0.848062078981481),
        (EwFn::Asin, 1.0, 1.5707963267948966),
        (EwFn::Acos, -1.0, 3.141592653589793),
        (EwFn::Acos, 0.5, 1.0471975511965979),
        (EwFn::Atan, 3.0, 1.2490457723982544),
        (EwFn::Sinh, 1.0, 1.1752011936438014),
        (EwFn::Cosh, 1.0, 1.5430806348152437),
        (EwFn::Asinh, 1.0, 0.881373587019543),
        (EwFn::Acosh, 2.0, 1.3169578969248166),
        (EwFn::Atanh, 0.5, 0.5493061443340548),
    ];
    for &(f, x, want) in cases {
        let got = pinned::evaluate(f, x, 0.0).expect("a function of section 11");
        assert_eq!(got.to_bits(), (want as f32).to_bits(), "{f}({x}) = {got}, not {want}");
    }
    let pow = |x: f32, y: f32| pinned::evaluate(EwFn::Pow, x, y).expect("pow");
    assert_eq!(pow(2.0, 10.0), 1024.0);
    assert_eq!(pow(-2.0, 3.0), -8.0);
    assert_eq!(pow(1.0, f32::NAN), 1.0);
    assert_eq!(pow(-0.0, -3.0), f32::NEG_INFINITY);
    assert!(pow(-2.0, 0.5).is_nan());
    assert_eq!(pow(0.5, f32::NEG_INFINITY), f32::INFINITY);
}

/// Large arguments of sin and cos, by an identity that does not depend on the reduction.
#[test]
fn large_angles_lie_on_the_unit_circle_and_double_correctly() {
    for x in [1.048576e6f32, 1.5e9, 3.0e18, 1e22, 7.7e37, 1.7e38] {
        let at = |f: EwFn, x: f32| f64::from(pinned::evaluate(f, x, 0.0).expect("sin or cos"));
        let (s, c) = (at(EwFn::Sin, x), at(EwFn::Cos, x));
        assert!((s * s + c * c - 1.0).abs() < 1e-6, "{x}");
        assert!((at(EwFn::Sin, 2.0 * x) - 2.0 * s * c).abs() < 1e-6, "{x}");
        assert!((at(EwFn::Cos, 2.0 * x) - (c * c - s * s)).abs() < 1e-6, "{x}");
    }
}

fn machine() -> State {
    State::new(&NpuConfig::tiny(), &[64; 4])
}

fn put(s: &mut State, space: Space, at: usize, bytes: &[u8]) {
    let memory = &mut s.mem[space.index()];
    memory.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    memory.init[at..at + bytes.len()].fill(true);
}

fn operand(addr: u32, dt: DType) -> Operand {
    Operand { addr, s: [1, 0, 0, 0], mem: Mem::Spm, dt }
}

/// One element through an instruction: s32 accumulator to s32.
fn requantised(acc: i32, rq: RqMode, mult: u32, shift: i8, zp: i32) -> Result<i32, TrapCode> {
    let mut s = machine();
    put(&mut s, Space::Spm, 0, &acc.to_le_bytes());
    let imm1 = u32::from(shift.cast_unsigned()) | zp.cast_unsigned() << 8;
    let form = Form::Imm { imm0: mult, imm1 };
    let v = Vx { a: operand(0, DType::S32), d: operand(16, DType::S32), form, rq, ..Vx::default() };
    execute(&mut s, &Instr::new(Op::Rq(v)), 0).map_err(|t| t.code)?;
    Ok(i32::from_le_bytes(s.mem[0].bytes[16..20].try_into().expect("4 bytes")))
}

#[test]
fn requantise_rules_round_their_ties_differently() {
    let half = 1 << 30; // 0.5 in Q31
    // 0.5 * 5 = 2.5 and 0.5 * -5 = -2.5
    assert_eq!(requantised(5, RqMode::Single, half, 31, 0), Ok(3));
    assert_eq!(requantised(-5, RqMode::Single, half, 31, 0), Ok(-2));
    assert_eq!(requantised(5, RqMode::Double, half, 0, 0), Ok(3));
    // SRDHM truncates after its nudge: -2.5 -> (-5*2^30 + 1 - 2^30) / 2^31 = -2.99 -> -2
    assert_eq!(requantised(-5, RqMode::Double, half, 0, 0), Ok(-2));
    assert_eq!(requantised(5, RqMode::F32, 0.5f32.to_bits(), 0, 10), Ok(12));
    assert_eq!(requantised(7, RqMode::Div, 2f32.to_bits(), 0, 0), Ok(4));
    // RDBYPOT rounds half away: 0.99999999953 * -6 = -6, then /4 = -1.5 -> -2
    assert_eq!(requantised(-6, RqMode::Double, i32::MAX.cast_unsigned(), -2, 0), Ok(-2));
    assert_eq!(requantised(i32::MIN, RqMode::Double, 0x8000_0000, 0, 0), Ok(i32::MAX));
    assert_eq!(requantised(1 << 20, RqMode::Double, half, 12, 0), Err(TrapCode::ShiftRange));
    assert_eq!(requantised(16_777_217, RqMode::F32, 1f32.to_bits(), 0, 0), Ok(16_777_216));
}

#[test]
fn a_sum_follows_the_tree_and_not_the_sequence() {
    // lanes 1e8, 1, -1e8, 1, then zeros: pairs first give (1e8+1) + (-1e8+1) = 1e8 + -1e8 = 0 in binary32
    let mut s = machine();
    for (k, x) in [1e8f32, 1.0, -1e8, 1.0].into_iter().enumerate() {
        put(&mut s, Space::Spm, 4 * k, &x.to_le_bytes());
    }
    let d = Operand { s: [0; 4], ..operand(64, DType::F32) };
    let func = VxFn::Red(RedFn::Sum);
    let v = Vx { func, a: operand(0, DType::F32), d, n: [4, 1, 1, 1], ..Vx::default() };
    execute(&mut s, &Instr::new(Op::Red(v)), 0).expect("no trap");
    assert_eq!(s.mem[0].bytes[64..68], 0f32.to_le_bytes());
}

#[test]
fn a_matrix_product_sums_its_taps_and_keeps_the_exact_sum() {
    let mut s = machine();
    let x: Vec<u8> = (1..=16).collect();
    put(&mut s, Space::Spm, 0, &x);
    let mut w = vec![0u8; 256];
    for c in 0..16 {
        w[c] = 2; // output lane 0: 2 everywhere
        w[16 + c] = if c == 3 { 0xFF } else { 0 }; // output lane 1: -1 at channel 3
    }
    put(&mut s, Space::Spm, 256, &w);
    let m = Mx { w_addr: 256, dtype: MxType::U8S8, nlast: 2, acc_row: 3, zx: 1, ..Mx::default() };
    execute(&mut s, &Instr::new(Op::MxConv(m)), 0).expect("no trap");
    let lane = |s: &State, k: usize| {
        i32::from_le_bytes(s.mem[Space::Acc.index()].bytes[192 + 4 * k..196 + 4 * k].try_into().expect("4 bytes"))
    };
    // sum of (x-1)*2 over 0..15 is 240; (4-1)*-1 = -3
    assert_eq!([lane(&s, 0), lane(&s, 1), lane(&s, 2)], [240, -3, 0]);
    assert_eq!(s.tags[3], AccTag::I32);
    // 2^31 - 1 + 240 does not fit: the exact sum tells
    s.shadow[48] = i64::from(i32::MAX);
    put(&mut s, Space::Acc, 192, &i32::MAX.to_le_bytes());
    execute(&mut s, &Instr::new(Op::MxConv(Mx { init: Init::Accumulate, ..m })), 0).expect("no trap yet");
    assert_eq!(lane(&s, 0), i32::MAX.wrapping_add(240));
    let a = Operand { addr: 192, s: [1, 0, 0, 0], mem: Mem::Acc, dt: DType::S32 };
    let read = Vx { a, d: operand(1024, DType::S32), ..Vx::default() };
    let trap = execute(&mut s, &Instr::new(Op::Tr(read)), 5).expect_err("overflow");
    assert_eq!((trap.code, trap.pc), (TrapCode::AccOverflow, Some(5)));
    assert!(!s.mem[0].init[1024], "a trap changes nothing");
}

#[test]
fn the_trap_that_comes_first_in_the_catalogue_is_reported() {
    let mut s = machine();
    // element 0: division by zero; element 1: uninitialised dividend
    put(&mut s, Space::Spm, 0, &[7]);
    put(&mut s, Space::Spm, 16, &[0, 1]);
    let v = Vx {
        func: VxFn::Ew(EwFn::Div),
        a: operand(0, DType::S8),
        b: operand(16, DType::S8),
        d: operand(32, DType::S8),
        n: [2, 1, 1, 1],
        ..Vx::default()
    };
    let code = execute(&mut s, &Instr::new(Op::Ew(v)), 0).map_err(|t| t.code);
    assert_eq!(code, Err(TrapCode::Uninit));
}
