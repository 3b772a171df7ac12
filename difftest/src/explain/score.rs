//! How much of what the machine gave a hypothesis reproduces, element by element.
//!
//! An element is *reproduced* if the machine's value lies within the radius around the hypothesis' value, and reproduced *to the bit*
//! if it is that value, correctly rounded. An element that the plain reference leaves open is no evidence.

use super::scope::Device;
use reference::{Bounded, Data, Format, round};

/// How one element compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Match {
    /// Outside of the radius.
    No,
    /// Inside.
    Ball,
    /// The same bits.
    Bits,
    /// Anything is legal: no evidence.
    Open,
}

/// Compares all elements of all outputs, one after another. An output of another type or shape is wrong in all elements.
pub fn matches(reference: &[Bounded], device: &Device) -> Vec<Match> {
    match device {
        Device::Bits(t) => {
            let m = reference.first().and_then(|r| bits(r, t));
            m.unwrap_or_else(|| vec![Match::No; t.elements()])
        }
        Device::Meaning(all) => all
            .iter()
            .enumerate()
            .flat_map(|(k, b)| {
                let m = reference.get(k).and_then(|r| meanings(r, b));
                m.unwrap_or_else(|| vec![Match::No; b.elements()])
            })
            .collect(),
    }
}

/// `None` if type or shape differ.
fn bits(reference: &Bounded, t: &ir::Tensor) -> Option<Vec<Match>> {
    if t.dtype != reference.dtype || t.dims != reference.dims {
        return None;
    }
    let n = reference.elements();
    Some(match &reference.data {
        Data::Float(f) => {
            let fmt = Format::of(reference.dtype)?;
            (0..n).map(|i| float(f, i, round::decode(t.bits(i), fmt), fmt)).collect()
        }
        Data::Int(v) => (0..n).map(|i| t.int(i).map_or(Match::No, |x| int(v.range(i), x))).collect(),
    })
}

/// `None` if kind or shape differ.
fn meanings(reference: &Bounded, b: &Bounded) -> Option<Vec<Match>> {
    if b.dims != reference.dims {
        return None;
    }
    match (&reference.data, &b.data) {
        (Data::Float(x), Data::Float(y)) => Some((0..b.elements()).map(|i| meaning(x, y, i)).collect()),
        (Data::Int(x), Data::Int(y)) => {
            let one = |i| {
                let ((al, ah), (bl, bh)) = (x.range(i), y.range(i));
                if al > bh || bl > ah {
                    Match::No
                } else if al == ah && bl == bh {
                    Match::Bits
                } else {
                    Match::Ball
                }
            };
            Some((0..b.elements()).map(one).collect())
        }
        _ => None,
    }
}

fn float(f: &reference::Float, i: usize, got: f64, fmt: Format) -> Match {
    let (v, e) = (f.value[i], f.radius[i]);
    if f.open(i) || got.is_nan() && f.may_nan(i) && !v.is_nan() {
        return Match::Open;
    }
    if v.is_nan() || got.is_nan() {
        return if v.is_nan() && got.is_nan() { Match::Bits } else { Match::No };
    }
    if round::round(v, fmt) == got {
        return Match::Bits;
    }
    if got.is_infinite() && v.is_finite() {
        let reaches = v.abs() + e >= fmt.overflow_threshold() && (got > 0.0) == (v > 0.0);
        return if reaches { Match::Ball } else { Match::No };
    }
    // The same slack as in the check itself.
    if v.is_finite() && (got - v).abs() <= e * (1.0 + libm_slack()) { Match::Ball } else { Match::No }
}

/// 2^-40: the difference itself is rounded in binary64.
fn libm_slack() -> f64 {
    f64::from_bits(0x3d70_0000_0000_0000)
}

fn int((lo, hi): (i128, i128), got: i128) -> Match {
    if got < lo || got > hi {
        Match::No
    } else if lo == hi {
        Match::Bits
    } else {
        Match::Ball
    }
}

fn meaning(x: &reference::Float, y: &reference::Float, i: usize) -> Match {
    let (a, b) = (x.value[i], y.value[i]);
    if x.open(i) || y.open(i) || a.is_nan() && !b.is_nan() && y.may_nan(i) || b.is_nan() && !a.is_nan() && x.may_nan(i)
    {
        return Match::Open;
    }
    if a == b || a.is_nan() && b.is_nan() {
        return Match::Bits;
    }
    let e = x.radius[i] + y.radius[i];
    if a.is_finite() && b.is_finite() && (a - b).abs() <= e { Match::Ball } else { Match::No }
}

/// Counts over elements and runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Elements that are evidence.
    pub elements: u64,
    /// Those that the plain reference does not reproduce.
    pub wrong: u64,
    /// Of `elements`, reproduced.
    pub all: u64,
    /// Of `elements`, reproduced to the bit.
    pub bits: u64,
    /// Of `wrong`, reproduced.
    pub hit: u64,
}

impl Tally {
    /// Adds one run: the plain reference's matches and the hypothesis'. `None` for the latter: nothing is reproduced.
    pub fn add(&mut self, plain: &[Match], mine: Option<&[Match]>) {
        for (i, &p) in plain.iter().enumerate() {
            if p == Match::Open {
                continue;
            }
            let m = mine.and_then(|m| m.get(i).copied()).unwrap_or(Match::No);
            let hit = matches!(m, Match::Ball | Match::Bits);
            self.elements += 1;
            self.all += u64::from(hit);
            self.bits += u64::from(m == Match::Bits);
            if p == Match::No {
                self.wrong += 1;
                self.hit += u64::from(hit);
            }
        }
    }
    /// Share of the wrong elements.
    pub fn of_wrong(&self) -> f64 {
        share(self.hit, self.wrong)
    }
    /// Share of all elements.
    pub fn of_all(&self) -> f64 {
        share(self.all, self.elements)
    }
    /// Share of all elements, to the bit.
    pub fn of_bits(&self) -> f64 {
        share(self.bits, self.elements)
    }
}

fn share(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}
