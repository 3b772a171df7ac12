use super::*;

/// Distance in units of the last place of `want`'s binary32 neighbourhood.
fn ulps(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if rounded.is_infinite() {
        return if got == rounded { 0.0 } else { f64::INFINITY };
    }
    let spacing = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
    (f64::from(got) - want).abs() / spacing
}

/// Values from published tables (Abramowitz and Stegun; exact to the digits written), not from this code.
#[test]
fn known_values() {
    let cases: &[(EwFn, f32, f64)] = &[
        (EwFn::Exp, 1.0, std::f64::consts::E),
        (EwFn::Exp, -2.0, 0.135_335_283_236_612_7),
        (EwFn::Log, 2.0, std::f64::consts::LN_2),
        (EwFn::Log, 10.0, std::f64::consts::LN_10),
        (EwFn::Log1p, 1.0, std::f64::consts::LN_2),
        (EwFn::Tanh, 1.0, 0.761_594_155_955_764_9),
        (EwFn::Sigmoid, 1.0, 0.731_058_578_630_004_9),
        (EwFn::Erf, 1.0, 0.842_700_792_949_714_9),
        (EwFn::Erf, 0.5, 0.520_499_877_813_046_5),
        (EwFn::Erfc, 2.0, 0.004_677_734_981_047_266),
        (EwFn::GeluErf, 1.0, 0.841_344_746_068_542_9),
        (EwFn::GeluTanh, 1.0, 0.841_191_990_608_276_2),
        (EwFn::Softplus, 0.0, std::f64::consts::LN_2),
        (EwFn::Rsqrt, 4.0, 0.5),
        (EwFn::Sin, 1.0, 0.841_470_984_807_896_5),
        (EwFn::Cos, 1.0, 0.540_302_305_868_139_7),
        (EwFn::Tan, 1.0, 1.557_407_724_654_902_3),
        (EwFn::Sin, 1e22, -0.734_081_535_296_101_5), // sine of the binary32 nearest 1e22, computed with 60 digits
        (EwFn::Asin, 0.5, std::f64::consts::FRAC_PI_6),
        (EwFn::Acos, 0.5, std::f64::consts::FRAC_PI_3),
        (EwFn::Acos, -1.0, std::f64::consts::PI),
        (EwFn::Atan, 1.0, std::f64::consts::FRAC_PI_4),
        (EwFn::Sinh, 1.0, 1.175_201_193_643_801_4),
        (EwFn::Cosh, 1.0, 1.543_080_634_815_243_7),
        (EwFn::Asinh, 1.0, 0.881_373_587_019_543),
        (EwFn::Acosh, 2.0, 1.316_957_896_924_816_6),
        (EwFn::Atanh, 0.5, 0.549_306_144_334_054_8),
    ];
    for &(f, x, want) in cases {
        let got = unary(f, x).unwrap();
        assert!(ulps(got, want) <= 0.5 + 1.0 / 4096.0, "{f}({x}) = {got}, want {want}");
    }
}

#[test]
fn specials() {
    let inf = f32::INFINITY;
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits();
    assert!(same(unary(EwFn::Exp, -inf).unwrap(), 0.0));
    assert!(same(unary(EwFn::Exp, inf).unwrap(), inf));
    assert!(same(unary(EwFn::Log, -0.0).unwrap(), -inf));
    assert!(same(unary(EwFn::Log, -1.0).unwrap(), NAN));
    assert!(same(unary(EwFn::Sin, -0.0).unwrap(), -0.0));
    assert!(same(unary(EwFn::Sin, inf).unwrap(), NAN));
    assert!(same(unary(EwFn::GeluErf, -inf).unwrap(), -0.0));
    assert!(same(unary(EwFn::Rsqrt, -0.0).unwrap(), -inf));
    assert!(same(unary(EwFn::Atanh, -1.0).unwrap(), -inf));
    assert!(same(unary(EwFn::Tanh, f32::from_bits(0xFFC0_0001)).unwrap(), NAN));
    assert!(unary(EwFn::Add, 1.0).is_none());
}

#[test]
fn pow_follows_the_table() {
    let inf = f32::INFINITY;
    let cases = [
        (2.0, 10.0, 1024.0),
        (-2.0, 3.0, -8.0),
        (f32::NAN, 0.0, 1.0),
        (1.0, f32::NAN, 1.0),
        (-1.0, inf, 1.0),
        (0.5, inf, 0.0),
        (0.5, -inf, inf),
        (-0.0, 3.0, -0.0),
        (-0.0, -3.0, -inf),
        (0.0, -2.0, inf),
        (-inf, 3.0, -inf),
        (-inf, -3.0, -0.0),
    ];
    for (x, y, want) in cases {
        assert_eq!(pow(x, y).to_bits(), f32::to_bits(want), "pow({x}, {y})");
    }
    assert!(pow(-2.0, 0.5).is_nan());
}
