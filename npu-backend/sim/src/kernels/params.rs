//! PRM records as operands of vector instructions (3.3).

use isa::{Chan, DType, TrapCode};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::num;

use super::view::Dims;

/// What of a record an instruction reads: bytes 4..12 (scale, zp), or 4..13 with the shift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fields {
    ScaleZp,
    MultZpShift,
}

/// Records by channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    /// `mult` as bits: a binary32 scale or an integer multiplier.
    pub mult: Vec<u32>,
    pub zp: Vec<i32>,
    pub shift: Vec<i8>,
    /// The channel advances the record (else there is one entry).
    pub chan: Chan,
}

impl Params {
    pub(crate) fn immediate(mult: u32, zp: i32, shift: i8) -> Self {
        Params { mult: vec![mult], zp: vec![zp], shift: vec![shift], chan: Chan::None }
    }

    /// Index of the entry of element (0, i1, i2, i3), and whether i0 advances it.
    #[inline]
    pub(crate) fn row(&self, i1: usize, i2: usize, i3: usize) -> (usize, bool) {
        match self.chan {
            Chan::None => (0, false),
            Chan::I0 => (0, true),
            Chan::I1 => (i1, false),
            Chan::I2 => (i2, false),
            Chan::I3 => (i3, false),
            Chan::I0I1 => (16 * i1, true),
            Chan::I0I2 => (16 * i2, true),
            Chan::I0I3 => (16 * i3, true),
        }
    }

    #[inline]
    pub(crate) fn scale(&self, i: usize) -> f32 {
        f32::from_bits(self.mult[i])
    }

    /// E_PARAM unless every scale that is used is finite and not negative.
    pub(crate) fn check_scales(&self, n: &Dims) -> Check {
        for c in channels(self.chan, n) {
            let scale = self.scale(c);
            if !scale.is_finite() || scale < 0.0 {
                return Err(Fault::new(TrapCode::Param, format!("scale {scale} of channel {c}")));
            }
        }
        Ok(())
    }
}

/// The channels that occur.
fn channels(chan: Chan, n: &Dims) -> impl Iterator<Item = usize> {
    let (inner, outer) = match chan {
        Chan::None => (1, 1),
        Chan::I0 => (n[0], 1),
        Chan::I1 => (n[1], 1),
        Chan::I2 => (n[2], 1),
        Chan::I3 => (n[3], 1),
        Chan::I0I1 => (n[0], n[1]),
        Chan::I0I2 => (n[0], n[2]),
        Chan::I0I3 => (n[0], n[3]),
    };
    (0..outer).flat_map(move |o| (0..inner).map(move |i| i + 16 * o))
}

impl Machine {
    /// Bounds of the records that an operand uses.
    pub(crate) fn records_bounds(&self, rec: u16, chan: Chan, n: &Dims) -> Check {
        let last = channels(chan, n).last().unwrap_or(0);
        self.prm.bounds(i64::from(rec) * 16, (last as u64 + 1) * 16)
    }

    /// The fields read are initialised.
    pub(crate) fn records_inited(&self, rec: u16, chan: Chan, n: &Dims, fields: Fields) -> Check {
        if self.check {
            let len = if fields == Fields::ScaleZp { 8 } else { 9 };
            for c in channels(chan, n) {
                self.prm.inited((i64::from(rec) + c as i64) * 16 + 4, len)?;
            }
        }
        Ok(())
    }

    /// Reads records; in bounds by [`Machine::records_bounds`].
    pub(crate) fn records(&self, rec: u16, chan: Chan, n: &Dims) -> Params {
        let count = channels(chan, n).last().unwrap_or(0) + 1;
        let mut p = Params { chan, ..Params::default() };
        for c in 0..count {
            let at = (usize::from(rec) + c) * 16;
            let word = |o: usize| self.prm.data[at + o..at + o + 4].try_into().expect("four bytes");
            p.mult.push(u32::from_le_bytes(word(4)));
            p.zp.push(i32::from_le_bytes(word(8)));
            p.shift.push(self.prm.data[at + 12] as i8);
        }
        p
    }
}

/// DequantizeLinear: RNE32(RNE32(x - zp) * scale), x - zp exact.
#[inline(always)]
pub(crate) fn dequantise(x: i64, scale: f32, zp: i32) -> f32 {
    num::canon((x - i64::from(zp)) as f32 * scale)
}

/// QuantizeLinear before saturation: RNE_int(RNE32(v / scale)) + zp; a NaN quotient counts as 0 and is counted.
#[inline(always)]
pub(crate) fn quantise(v: f32, scale: f32, zp: i32, nans: &mut u64) -> i64 {
    round_quotient(v / scale, zp, nans)
}

/// RNE_int(q) + zp; NaN counts as 0 and is counted. Infinities and huge values become large integers.
#[inline(always)]
pub(crate) fn round_quotient(q: f32, zp: i32, nans: &mut u64) -> i64 {
    *nans += u64::from(q.is_nan());
    // 2^40 is beyond every destination even after adding any zp.
    let limit = 1_099_511_627_776.0_f32;
    let bounded = if q.is_nan() { 0.0 } else { q.clamp(-limit, limit) };
    num::rint(bounded) as i64 + i64::from(zp)
}

/// The bounds of act clamp: bytes read as the 8-bit destination type.
pub(crate) fn clamp_bounds(clo: u8, chi: u8, dt: DType) -> (i64, i64) {
    if dt == DType::S8 {
        (i64::from(clo.cast_signed()), i64::from(chi.cast_signed()))
    } else {
        (i64::from(clo), i64::from(chi))
    }
}
