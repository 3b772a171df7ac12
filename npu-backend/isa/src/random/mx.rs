//! Random matrix instructions.

use super::Gen;
use crate::codes::{Init, MxType};
use crate::instr::{Instr, Mx, Op};
use crate::runs::Space;

impl Gen<'_> {
    pub(super) fn conv(&mut self, depthwise: bool) -> Option<Instr> {
        let mut m = Mx { dtype: self.rng.pick(MxType::ALL), ..Mx::default() };
        self.window_geometry(&mut m);
        m.kpack = !depthwise && self.rng.one_in(4);
        m.batch = self.rng.pick(&[1, 1, 1, 2, 3]);
        self.channel_groups(&mut m, depthwise);
        self.zero_points(&mut m, depthwise)?;
        if self.rng.one_in(5) {
            m.ring_len = self.rng.range(1, i64::from(m.ih) + 3) as u16;
            m.ring_off = self.rng.below(6) as u16;
        }
        self.accumulator(&mut m, depthwise)?;
        self.mx_places(&mut m, depthwise)?;
        Some(Instr::new(if depthwise { Op::MxDw(m) } else { Op::MxConv(m) }))
    }

    fn window_geometry(&mut self, m: &mut Mx) {
        let matmul = self.rng.one_in(4);
        let dim = |g: &mut Self| g.rng.pick(&[1u16, 2, 3, 4]);
        (m.oh, m.ow, m.ih, m.iw) = (dim(self), dim(self), dim(self) + 1, dim(self) + 1);
        if matmul {
            (m.oh, m.ih) = (1, 1);
            m.iw = m.ow;
            return;
        }
        (m.kh, m.kw) = (self.rng.pick(&[1, 1, 2, 3]), self.rng.pick(&[1, 2, 3, 5]));
        (m.sy, m.sx) = (self.rng.pick(&[1, 1, 2]), self.rng.pick(&[1, 1, 2, 3]));
        (m.dy, m.dx) = (self.rng.pick(&[1, 1, 2]), self.rng.pick(&[1, 1, 3]));
        (m.iy0, m.ix0) = (self.rng.range(-3, 2) as i16, self.rng.range(-3, 2) as i16);
    }

    fn channel_groups(&mut self, m: &mut Mx, depthwise: bool) {
        let last = |g: &mut Self| g.rng.pick(&[1u8, 3, 8, 15, 16, 16, 16]);
        (m.cg, m.clast) = (self.rng.pick(&[1, 1, 2, 3]), last(self));
        (m.ng, m.nlast) = (self.rng.pick(&[1, 1, 2]), last(self));
        if depthwise {
            (m.ng, m.nlast) = (1, m.clast);
        }
        if m.kpack {
            m.dx = 1;
            let channels = self.rng.pick(&[1u16, 2, 3, 4, 5, 16]);
            let lanes = m.kw * channels;
            m.in_sx = u32::from(channels) * m.dtype.size();
            (m.cg, m.clast) = (lanes.div_ceil(16), ((lanes - 1) % 16 + 1) as u8);
        }
    }

    fn zero_points(&mut self, m: &mut Mx, depthwise: bool) -> Option<()> {
        m.init = self.rng.pick(Init::ALL);
        let channels = if depthwise { u64::from(m.cg) * 16 } else { u64::from(m.ng) * 16 };
        if !m.dtype.is_float() {
            (m.zxm, m.zwm) = (self.rng.one_in(4), self.rng.one_in(4));
            let z = |g: &mut Self, on: bool| if on { g.rng.pick(&[0, -128, 255, 3, 127, -1]) } else { 0 };
            (m.zx, m.zw) = (z(self, !m.zxm), z(self, !m.zwm));
        }
        if m.init == Init::Bias || m.zwm {
            m.prm_rec = self.record(channels)?;
        }
        if m.zxm {
            m.zx_rec = self.record(1)?.min(255) as u8;
        }
        Some(())
    }

    fn accumulator(&mut self, m: &mut Mx, depthwise: bool) -> Option<()> {
        let pixels = m.oh * m.ow;
        let groups = if depthwise { m.cg } else { m.ng };
        let gap = self.rng.below(2) as u16;
        m.acc_sn = pixels + gap;
        m.b_acc_s = m.acc_sn * groups;
        if self.rng.one_in(4) && m.batch > 1 {
            // batches inside groups
            m.b_acc_s = pixels;
            m.acc_sn = pixels * m.batch;
        }
        let need = u64::from(m.b_acc_s) * u64::from(m.batch - 1) + u64::from(m.acc_sn) * u64::from(groups - 1);
        let room = (self.limits.of(Space::Acc) / 64).checked_sub(need + u64::from(pixels))?;
        m.acc_row = if self.rng.one_in(3) { room } else { self.rng.below(room + 1) }.try_into().ok()?;
        Some(())
    }

    fn mx_places(&mut self, m: &mut Mx, depthwise: bool) -> Option<()> {
        let size = m.dtype.size();
        let taps = u32::from(m.kh) * u32::from(m.kw);
        let blocks = match (depthwise, m.kpack) {
            (true, _) => u32::from(m.cg) * taps * 16,
            (false, true) => u32::from(m.ng) * u32::from(m.kh) * u32::from(m.cg) * 256,
            (false, false) => u32::from(m.ng) * taps * u32::from(m.cg) * 256,
        };
        let weight_bytes = blocks * size;
        m.b_w_s = if self.rng.one_in(3) { 0 } else { weight_bytes };
        // channels interleaved (NHWC) or in planes of 16 (C16)
        let gap = if self.coin() { 0 } else { self.rng.below(9) as u32 };
        let groups = if m.kpack { 1 } else { u32::from(m.cg) };
        let planar = self.coin();
        if !m.kpack {
            m.in_sx = if planar { 16 * size } else { 16 * size * groups } + gap;
        }
        m.in_sy = u32::from(m.iw) * m.in_sx + gap;
        let rows = u32::from(if m.ring_len > 0 { m.ring_len } else { m.ih });
        let plane = rows * m.in_sy + 16 * size;
        m.in_sc = match (m.kpack, planar) {
            (true, _) => 0,
            (false, true) => plane,
            (false, false) => 16 * size,
        };
        let image = plane + if planar { (groups - 1) * plane } else { groups * 16 * size };
        m.b_in_s = if self.rng.one_in(4) { 0 } else { image };
        let all = |one: u32, step: u32| i64::from(one) + i64::from(step) * (i64::from(m.batch) - 1);
        let (input, weights) = (all(image, m.b_in_s), all(weight_bytes, m.b_w_s));
        // input at one end of the window, weights at the other; the rules reject an overflow
        let room = i64::try_from(self.window.1 - self.window.0).ok()? - input - weights - 32;
        let slack = u64::try_from(room).ok()?;
        let start = u32::try_from(self.window.0 + self.rng.below(slack / 2 + 1)).ok()?;
        let (input, weights) = (u32::try_from(input).ok()?, u32::try_from(weights).ok()?);
        (m.in_addr, m.w_addr) = if self.coin() {
            (start, (start + input).next_multiple_of(16))
        } else {
            let at = start.next_multiple_of(16);
            (at + weights, at)
        };
        Some(())
    }
}
