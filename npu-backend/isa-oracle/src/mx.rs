//! The matrix engine (3.1, 3.2, 4.3).

use isa::{DType, Init, Mx, Space, TrapCode};

use crate::float::{canonical, tree};
use crate::state::{Num, State};

/// MXCONV, or MXDW if `depthwise`.
pub(crate) fn execute(s: &mut State, m: &Mx, depthwise: bool) {
    let weights = Weights::new(m, depthwise);
    for b in 0..i64::from(m.batch) {
        weights.read_whole(s, m, b);
    }
    let zx = activation_zero(s, m);
    let groups = if depthwise { m.cg } else { m.ng };
    let last = if depthwise { m.clast } else { m.nlast };
    for g in 0..i64::from(groups) {
        let lanes = if g + 1 == i64::from(groups) { i64::from(last) } else { 16 };
        for lane in 0..16 {
            let n = 16 * g + lane;
            let zw = if lane < lanes { weight_zero(s, m, n) } else { 0 };
            for b in 0..i64::from(m.batch) {
                for oy in 0..i64::from(m.oh) {
                    for ox in 0..i64::from(m.ow) {
                        let row = i64::from(m.acc_row) + b * i64::from(m.b_acc_s) + g * i64::from(m.acc_sn);
                        let at = 64 * (row + oy * i64::from(m.ow) + ox) + 4 * lane;
                        let init = initial(s, m, at, (lane < lanes).then_some(n));
                        if lane >= lanes {
                            s.store_lane(at, 0, 0, m.dtype.tag());
                            continue;
                        }
                        let place = Place { b, g, lane, oy, ox };
                        let groups = terms(s, m, &weights, place);
                        finish(s, m, at, init, &groups, (zx, zw));
                    }
                }
            }
        }
    }
}

/// An output: batch, output group and lane (depthwise: the channel), position.
#[derive(Clone, Copy)]
struct Place {
    b: i64,
    g: i64,
    lane: i64,
    oy: i64,
    ox: i64,
}

/// A group of 16 terms (activation, weight); masked lanes are `None`.
type Group = [Option<(Num, Num)>; 16];

/// The start value of a lane: exact sum or float. Masked lanes (`n` is `None`) still read what ACCUMULATE reads.
fn initial(s: &mut State, m: &Mx, at: i64, n: Option<i64>) -> Num {
    let bits = match (m.init, n) {
        (Init::Accumulate, _) => {
            let bits = s.load(Space::Acc, at, 4);
            s.require_tag(at, m.dtype.tag());
            bits
        }
        (Init::Bias, Some(n)) => s.load(Space::Prm, 16 * (i64::from(m.prm_rec) + n), 4),
        _ => 0,
    };
    if !m.dtype.is_float() {
        let sext = i64::from((bits as u32).cast_signed());
        return Num::Int(i128::from(if m.init == Init::Accumulate { s.exact(at) } else { sext }));
    }
    let x = canonical(f32::from_bits(bits as u32));
    Num::Float(if x == 0.0 { 0.0 } else { x })
}

fn activation_zero(s: &mut State, m: &Mx) -> i128 {
    if !m.zxm {
        return m.zx.into();
    }
    let bits = s.load(Space::Prm, 16 * i64::from(m.zx_rec) + 8, 4);
    let zp = s.number(DType::S32, bits).int();
    in_range(s, zp, "zx")
}

fn weight_zero(s: &mut State, m: &Mx, n: i64) -> i128 {
    if !m.zwm {
        return m.zw.into();
    }
    let bits = s.load(Space::Prm, 16 * (i64::from(m.prm_rec) + n) + 14, 2);
    let zw = s.number(DType::S16, bits).int();
    in_range(s, zw, "zw")
}

fn in_range(s: &mut State, z: i128, name: &str) -> i128 {
    if !(-128..=255).contains(&z) {
        s.trap(TrapCode::Param, format!("{name} = {z}"));
    }
    z
}

/// Where the packed weights are.
struct Weights {
    depthwise: bool,
    dt: DType,
    /// Bytes of one batch's weights.
    bytes: i64,
}

impl Weights {
    fn new(m: &Mx, depthwise: bool) -> Self {
        let dt = m.dtype.weight();
        let [kh, kw, cg, ng] = [m.kh, m.kw, m.cg, m.ng].map(i64::from);
        let elements = match (depthwise, m.kpack) {
            (true, _) => cg * kh * kw * 16,
            (false, true) => ng * kh * cg * 256,
            (false, false) => ng * kh * kw * cg * 256,
        };
        Weights { depthwise, dt, bytes: elements * i64::from(dt.size()) }
    }

    fn address(&self, m: &Mx, b: i64, element: i64) -> i64 {
        i64::from(m.w_addr) + b * i64::from(m.b_w_s) + element * i64::from(self.dt.size())
    }

    /// Blocks are read whole, masked lanes too (3.1).
    fn read_whole(&self, s: &mut State, m: &Mx, b: i64) {
        for k in 0..self.bytes {
            s.load(Space::Spm, self.address(m, b, 0) + k, 1);
        }
    }

    fn load(&self, s: &mut State, m: &Mx, b: i64, element: i64) -> Num {
        let bits = s.load(Space::Spm, self.address(m, b, element), self.dt.size());
        s.number(self.dt, bits)
    }
}

/// The input element of tap (ky, kx) and channel (`group`, `c`), if the tap is inside.
fn input(s: &mut State, m: &Mx, p: Place, (ky, kx): (i64, i64), group: i64, c: i64) -> Option<Num> {
    let iy = i64::from(m.iy0) + p.oy * i64::from(m.sy) + ky * i64::from(m.dy);
    let ix = i64::from(m.ix0) + p.ox * i64::from(m.sx) + kx * i64::from(m.dx);
    if !(0..i64::from(m.ih)).contains(&iy) || !(0..i64::from(m.iw)).contains(&ix) {
        return None;
    }
    let y = if m.ring_len > 0 { (iy + i64::from(m.ring_off)) % i64::from(m.ring_len) } else { iy };
    let dt = m.dtype.activation();
    let base = i64::from(m.in_addr) + p.b * i64::from(m.b_in_s) + y * i64::from(m.in_sy) + ix * i64::from(m.in_sx);
    let at = base + group * i64::from(m.in_sc) + c * i64::from(dt.size());
    let bits = s.load(Space::Spm, at, dt.size());
    Some(s.number(dt, bits))
}

/// All groups of an output in canonical order.
fn terms(s: &mut State, m: &Mx, w: &Weights, p: Place) -> Vec<Group> {
    let [kh, kw, cg] = [m.kh, m.kw, m.cg].map(i64::from);
    let mut out = Vec::new();
    if w.depthwise {
        // K is the taps, 16 consecutive ones a group
        for first in (0..kh * kw).step_by(16) {
            let mut group: Group = [None; 16];
            for k in first..(first + 16).min(kh * kw) {
                let element = (p.g * kh * kw + k) * 16 + p.lane;
                let x = input(s, m, p, (k / kw, k % kw), p.g, p.lane);
                group[(k - first) as usize] = x.map(|x| (x, w.load(s, m, p.b, element)));
            }
            out.push(group);
        }
        return out;
    }
    if m.kpack {
        let channels = i64::from(m.in_sx / m.dtype.size());
        for ky in 0..kh {
            for cgi in 0..cg {
                let block = (p.g * kh + ky) * cg + cgi;
                let mut group: Group = [None; 16];
                for lane in 0..16 {
                    let q = 16 * cgi + lane;
                    if q < kw * channels {
                        let x = input(s, m, p, (ky, q / channels), 0, q % channels);
                        group[lane as usize] = x.map(|x| (x, w.load(s, m, p.b, block * 256 + p.lane * 16 + lane)));
                    }
                }
                out.push(group);
            }
        }
        return out;
    }
    for ky in 0..kh {
        for kx in 0..kw {
            for cgi in 0..cg {
                let block = ((p.g * kh + ky) * kw + kx) * cg + cgi;
                let lanes = if cgi + 1 == cg { i64::from(m.clast) } else { 16 };
                let mut group: Group = [None; 16];
                for lane in 0..lanes {
                    let x = input(s, m, p, (ky, kx), cgi, lane);
                    group[lane as usize] = x.map(|x| (x, w.load(s, m, p.b, block * 256 + p.lane * 16 + lane)));
                }
                out.push(group);
            }
        }
    }
    out
}

/// Sums the groups and writes the lane.
fn finish(s: &mut State, m: &Mx, at: i64, init: Num, groups: &[Group], (zx, zw): (i128, i128)) {
    if m.dtype.is_float() {
        let mut acc = init.float();
        for group in groups {
            // a masked lane is +0.0 without a multiplication
            let products = group.map(|t| Some(t.map_or(0.0, |(x, w)| x.float() * w.float())));
            acc += tree(products, |a, b| a + b).expect("no lane is absent");
        }
        s.store_lane(at, canonical(acc).to_bits(), 0, m.dtype.tag());
    } else {
        let sum: i128 = groups.iter().flatten().flatten().map(|(x, w)| (x.int() - zx) * (w.int() - zw)).sum();
        let exact = (init.int() + sum) as i64;
        s.store_lane(at, exact as u32, exact, m.dtype.tag());
    }
}
