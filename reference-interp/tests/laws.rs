//! Algebraic laws, with quickcheck: of rounding, of bounds, of permutations. None needs an expected value.
mod common;
use common::{floats_of, one};
use ir::{Attrs, Op, Tensor};
use quickcheck::{Arbitrary, Gen, TestResult, quickcheck};
use reference::contract::Format;
use reference::round::{Rounding, decode, encode, round, round_mode};
use reference::{Bounded, Data, Float};
use touchstone_reference as reference;

const NARROW: [Format; 3] = [Format::F16, Format::BF16, Format::F32];
const MODES: [Rounding; 3] = [Rounding::NearestEven, Rounding::NearestAway, Rounding::TowardZero];

/// Any bits of binary64, and often numbers near the range of the narrow formats, on and beside their ties.
#[derive(Clone, Copy, Debug)]
struct Number(f64);
impl Arbitrary for Number {
    fn arbitrary(g: &mut Gen) -> Self {
        let bits = u64::arbitrary(g);
        if bool::arbitrary(g) {
            return Number(f64::from_bits(bits));
        }
        let exponent = i32::arbitrary(g).rem_euclid(320) - 160;
        // 11 to 26 significant bits: halfway cases of all three formats are frequent.
        let significand = bits >> (38 + bits % 16);
        Number(libm::ldexp(significand as f64, exponent) * if bool::arbitrary(g) { 1.0 } else { -1.0 })
    }
}

/// A permutation of up to five axes with small extents.
#[derive(Clone, Debug)]
struct Axes {
    perm: Vec<usize>,
    dims: Vec<usize>,
}
impl Arbitrary for Axes {
    fn arbitrary(g: &mut Gen) -> Self {
        let rank = usize::arbitrary(g) % 5 + 1;
        let mut perm: Vec<usize> = (0..rank).collect();
        for i in (1..rank).rev() {
            perm.swap(i, usize::arbitrary(g) % (i + 1));
        }
        Axes { perm, dims: (0..rank).map(|_| usize::arbitrary(g) % 4 + 1).collect() }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// A ball around `v` in the shape of one element.
fn ball(v: f64, e: f64) -> Bounded {
    let f = Float { radius: vec![e], ..Float::exact(vec![v]) };
    Bounded::from_float(ir::DType::F32, vec![1], Float { grid: None, ..f })
}

/// Value and radius of a unary operator on a ball.
fn unary(op: Op, x: &Bounded) -> (f64, f64, bool) {
    let y = one(op, Attrs::none(), &[x]);
    match y.data {
        Data::Float(f) => (f.value[0], f.radius[0], f.nan.is_some_and(|n| n[0])),
        Data::Int(_) => unreachable!("a float operator"),
    }
}

const UNARY: [Op; 14] = [
    Op::Abs,
    Op::Neg,
    Op::Relu,
    Op::Exp,
    Op::Log,
    Op::Tanh,
    Op::Sigmoid,
    Op::Erf,
    Op::Sqrt,
    Op::Reciprocal,
    Op::Floor,
    Op::Round,
    Op::Softplus,
    Op::Softsign,
];

fn transpose(t: &Tensor, perm: &[usize]) -> Tensor {
    let perm: Vec<i64> = perm.iter().map(|&p| p as i64).collect();
    one(Op::Transpose, Attrs::none().with_ints("perm", &perm), &[&Bounded::from_tensor(t)]).to_tensor()
}

quickcheck! {
    /// What is rounded stays; its bits give it back.
    fn rounding_is_idempotent_and_encodes(x: Number) -> bool {
        NARROW.iter().all(|&f| MODES.iter().all(|&m| {
            let y = round_mode(x.0, f, m);
            same(round_mode(y, f, m), y) && same(decode(encode(y, f), f), y)
        }))
    }

    /// Rounding respects order and sign.
    fn rounding_is_monotone_and_odd(a: Number, b: Number) -> TestResult {
        let (a, b) = (a.0, b.0);
        if a.is_nan() || b.is_nan() {
            return TestResult::discard();
        }
        let (lo, hi) = if a <= b { (a, b) } else { (b, a) };
        TestResult::from_bool(NARROW.iter().all(|&f| MODES.iter().all(|&m| {
            round_mode(lo, f, m) <= round_mode(hi, f, m) && same(round_mode(-a, f, m), -round_mode(a, f, m))
        })))
    }

    /// No number of the format is nearer than the rounded one; of two that are as near, its last bit is 0. Neighbours by their bits.
    fn nearest_is_nearest(x: Number) -> TestResult {
        if !x.0.is_finite() {
            return TestResult::discard();
        }
        TestResult::from_bool(NARROW.iter().all(|&f| {
            let y = round(x.0, f);
            if !y.is_finite() {
                return x.0.abs() >= f.overflow_threshold();
            }
            let bits = encode(y.abs(), f);
            let near = [bits.wrapping_sub(1), bits + 1].map(|b| if b > bits + 1 { f64::INFINITY } else { decode(b, f) });
            // Distances are exact: both numbers are multiples of the format's spacing times 2^-53 at most.
            let d = (x.0.abs() - y.abs()).abs();
            near.iter().all(|&n| {
                let other = (x.0.abs() - n).abs();
                n.is_infinite() || d < other || d == other && bits & 1 == 0
            })
        }))
    }

    /// A format that lies in a wider one rounds the same with and without a stop there, if the stop is toward zero and not at a tie: so a stop
    /// that changes the result is at a tie of the narrow format (double rounding).
    fn double_rounding_differs_at_ties_only(x: Number) -> TestResult {
        if !x.0.is_finite() {
            return TestResult::discard();
        }
        let (direct, stopped) = (round(x.0, Format::BF16), round(round(x.0, Format::F32), Format::BF16));
        if same(direct, stopped) {
            return TestResult::passed();
        }
        let via = round(x.0, Format::F32);
        let tie = (via - direct).abs() == (via - stopped).abs() || !stopped.is_finite() || !direct.is_finite();
        TestResult::from_bool(tie)
    }

    /// A value inside of a ball gives a result inside of the ball's result (the inclusion that every bound rests on).
    fn bounds_include_the_points_inside(v: f32, e: u16, at: i8, k: u8) -> TestResult {
        let v = f64::from(v);
        if !v.is_finite() || v.abs() > 1e30 {
            return TestResult::discard();
        }
        let e = v.abs().max(1.0) * f64::from(e) / 4096.0;
        let p = v + e * f64::from(at) / 128.0;
        let op = UNARY[usize::from(k) % UNARY.len()];
        let (y, r, nan) = unary(op, &ball(v, e));
        let (z, _, _) = unary(op, &ball(p, 0.0));
        TestResult::from_bool(if z.is_nan() { y.is_nan() || nan || r.is_infinite() } else { z == y || (z - y).abs() <= r })
    }

    /// A wider ball has a wider result.
    fn bounds_grow_with_the_input(v: f32, e: u16, more: u16, k: u8) -> TestResult {
        let v = f64::from(v);
        if !v.is_finite() || v.abs() > 1e30 {
            return TestResult::discard();
        }
        let unit = v.abs().max(1.0) / 4096.0;
        let (small, large) = (f64::from(e) * unit, (f64::from(e) + f64::from(more)) * unit);
        let op = UNARY[usize::from(k) % UNARY.len()];
        let (a, b) = (unary(op, &ball(v, small)), unary(op, &ball(v, large)));
        TestResult::from_bool(a.1 <= b.1 || b.2)
    }

    /// Transpositions compose like permutations, and the inverse gives back every bit.
    fn transpositions_are_a_group(a: Axes, seed: u32) -> bool {
        let t = floats_of(&a.dims, seed);
        let rank = a.perm.len();
        let mut inverse = vec![0; rank];
        for (i, &p) in a.perm.iter().enumerate() {
            inverse[p] = i;
        }
        let twice: Vec<usize> = a.perm.iter().map(|&p| a.perm[p]).collect();
        transpose(&transpose(&t, &a.perm), &inverse) == t
            && transpose(&transpose(&t, &a.perm), &a.perm) == transpose(&t, &twice)
    }
}

/// Rounding to nearest is decided wherever the ball holds no tie: of the two neighbours of a value that binary32 does not
/// hold, the farther one is outside of the radius, the nearer one inside.
#[test]
fn the_farther_neighbour_is_outside() {
    use reference::round::nearest_radius;
    let mut r = kit::Rng::new(11);
    for fmt in NARROW {
        for _ in 0..20_000 {
            let v = r.normal() * libm::exp2(r.range(-12, 12) as f64);
            let e = v.abs() * fmt.u() * r.unit() / 8.0;
            if v.abs() < 2.0 * fmt.min_normal() {
                continue;
            }
            let near = round(v, fmt);
            let ulp = libm::exp2(libm::floor(libm::log2(near.abs()))) * 2.0 * fmt.u();
            let radius = nearest_radius(v, e, fmt);
            assert!((near - v).abs() <= radius, "{v:e} {fmt:?}");
            let old = e + fmt.u() * (v.abs() + e);
            assert!(radius <= old * 1.000_001, "{v:e} {fmt:?}: never wider than the formula it replaces");
            let tie = ((near - v).abs() - ulp / 2.0).abs();
            let far = if v > near { near + ulp } else { near - ulp };
            let binade = libm::log2(near.abs()).fract() == 0.0;
            if tie > 1.01 * e && !binade && v != near {
                assert!((far - v).abs() > radius, "{v:e} {fmt:?}: {far:e} is reachable by no rounding");
            }
            // Whatever is in the ball rounds into the radius.
            let w = v + e * (2.0 * r.unit() - 1.0);
            assert!((round(w, fmt) - v).abs() <= radius && (w - v).abs() <= radius, "{v:e} {fmt:?}");
        }
    }
}
