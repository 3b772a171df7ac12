//! Random valid instructions, memory images and small programs, from a seed.
//!
//! They feed a differential test of two executors, so the aim is coverage: every operation, function, form and memory;
//! odd addresses, negative, zero and interleaved strides, exact in-place; and data with ties, NaN, infinities, −0,
//! subnormals and extreme integers. No instruction has a load-time trap (checked before it is returned). Data may cause
//! run-time traps now and then; both executors must then report the same one.
//!
//! The same seed and configuration give the same result for ever, as long as this module does not change.

mod dma;
mod image;
mod mx;
mod program;
mod values;
mod vx;

pub use image::Image;
pub use program::{Ordering, RandomProgram, random_program};

use crate::access::Limits;
use crate::check::check_instr;
use crate::codes::{DType, Mem};
use crate::config::NpuConfig;
use crate::instr::{Instr, Op, Operand};
use crate::rng::SplitMix64;
use crate::runs::Space;

/// Bytes of SPM that one instruction uses at most: images of large machines stay cheap to prepare.
const WINDOW: u64 = 8192;

/// The mnemonics that [`random_instr`] draws from; a caller that wants one operation names it.
pub const DRAWN: &[&str] = &[
    "ew", "ew", "ew", "ew", "rq", "rq", "red", "red", "pool", "pool", "cvt", "cvt", "tr", "ga", "sc", "scan", "sort",
    "lut", "fill", "conv", "conv", "conv", "dw", "ld", "st", "ldx", "stx", "poison",
];

/// A valid instruction without tokens.
pub fn random_instr(config: &NpuConfig, limits: &Limits, seed: u64) -> Instr {
    let mut rng = SplitMix64::new(seed);
    let mnemonic = rng.pick(DRAWN);
    random_op(mnemonic, config, limits, rng.next_u64())
}

/// A valid instruction of one mnemonic of [`DRAWN`] (NOP for any other).
pub fn random_op(mnemonic: &str, config: &NpuConfig, limits: &Limits, seed: u64) -> Instr {
    let mut g = Gen::new(config, limits, seed);
    for _ in 0..400 {
        g.pick_window();
        if let Some(instr) = g.draw(mnemonic)
            && check_instr(&instr, limits).is_ok()
        {
            return instr;
        }
    }
    Instr::new(Op::Nop) // a machine too small for this operation
}

/// Source or destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Source,
    Dest,
}

/// The state of one draw.
struct Gen<'a> {
    rng: SplitMix64,
    limits: &'a Limits,
    /// Bytes of an SPM bank.
    bank: u64,
    /// The part of SPM in use.
    window: (u64, u64),
}

impl<'a> Gen<'a> {
    fn new(config: &NpuConfig, limits: &'a Limits, seed: u64) -> Self {
        Gen { rng: SplitMix64::new(seed), limits, bank: u64::from(config.bank_bytes()), window: (0, 0) }
    }

    /// Low end, high end, around a bank boundary, or anywhere.
    fn pick_window(&mut self) {
        let spm = self.limits.of(Space::Spm);
        let size = spm.min(WINDOW);
        let start = match self.rng.below(5) {
            0 => spm - size,
            1 => self.rng.below(spm - size + 1),
            2 => (self.bank * self.rng.below(spm / self.bank)).saturating_sub(size / 2).min(spm - size),
            _ => 0,
        };
        self.window = (start, start + size);
    }

    fn draw(&mut self, mnemonic: &str) -> Option<Instr> {
        match mnemonic {
            "ew" => self.ew(),
            "rq" => self.rq(),
            "red" => self.red(),
            "pool" => self.pool(),
            "cvt" => self.cvt(),
            "tr" => self.tr(),
            "ga" => self.gather(),
            "sc" => self.scatter(),
            "scan" => self.scan(),
            "sort" => self.sort(),
            "lut" => self.lut(),
            "fill" => self.fill(),
            "conv" => self.conv(false),
            "dw" => self.conv(true),
            "ld" => self.ld(),
            "st" => self.st(),
            "ldx" => self.indexed(true),
            "stx" => self.indexed(false),
            "poison" => self.poison(),
            _ => None,
        }
    }

    fn coin(&mut self) -> bool {
        self.rng.one_in(2)
    }

    /// Four loop counts, of at most `cap` elements together; the inner one is often around 16.
    fn counts(&mut self, cap: u64) -> [u16; 4] {
        let mut n = [1u16; 4];
        let mut left = cap;
        n[0] = self.rng.pick(&[1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48]).min(left as u16);
        left /= u64::from(n[0]);
        for k in 1..4 {
            if self.coin() {
                n[k] = self.rng.pick(&[1, 2, 3, 4, 5, 9]).min(left.max(1) as u16);
                left /= u64::from(n[k]);
            }
        }
        n
    }

    /// The bytes of a memory that third `zone` (0, 1, 2) may use; 3 is all of it.
    fn zone(&self, mem: Mem, zone: u64) -> Option<(u64, u64)> {
        let space = Space::local(mem)?;
        let (lo, hi) = if space == Space::Spm { self.window } else { (0, self.limits.of(space).min(WINDOW)) };
        if zone == 3 {
            return Some((lo, hi));
        }
        let third = (hi - lo) / 3 / 64 * 64;
        Some((lo + zone * third, lo + (zone + 1) * third))
    }

    /// An address such that bytes `lo..hi` relative to it lie in a zone; often at its very end.
    fn place(&mut self, mem: Mem, zone: u64, (lo, hi): (i64, i64), align: i64) -> Option<u32> {
        let (from, to) = self.zone(mem, zone)?;
        let first = from.cast_signed() - lo;
        let last = to.cast_signed() - hi;
        if first > last || last < 0 {
            return None;
        }
        let at = match self.rng.below(4) {
            0 => first,
            1 => last,
            _ => self.rng.range(first, last),
        };
        let aligned = at.div_euclid(align) * align;
        let at = if aligned < first { aligned + align } else { aligned };
        if at > last { None } else { u32::try_from(at).ok() }
    }

    /// A memory for an operand of a type.
    fn memory(&mut self, dt: DType) -> Mem {
        let acc = matches!(dt, DType::S32 | DType::F32);
        match self.rng.below(12) {
            0 => Mem::Prm,
            1 => Mem::Lut,
            2 | 3 if acc => Mem::Acc,
            _ => Mem::Spm,
        }
    }

    /// Strides in elements, inner first; `None` if the inner one has no code (without g0).
    fn strides(&mut self, n: [u16; 4], role: Role, g0: bool, whole_rows: bool) -> [i32; 4] {
        let mut order = [0, 1, 2, 3];
        if g0 {
            for k in 0..2 {
                order.swap(k, k + self.rng.below(3 - k as u64) as usize);
            }
        } else if self.rng.one_in(4) {
            order.swap(1, 1 + self.rng.below(3) as usize);
        }
        let mut s = [0i32; 4];
        let mut extent = 1i32;
        for (place, &k) in order.iter().enumerate() {
            let mut stride = extent;
            if !whole_rows && self.rng.one_in(3) {
                stride += if place == 0 { 1 } else { self.rng.below(5) as i32 };
            } else if whole_rows && place > 0 && self.rng.one_in(4) {
                stride += 16;
            }
            if place == 0 && self.rng.one_in(4) {
                stride = 1; // the common case
            }
            if !g0 && k == 0 {
                stride = stride.min(2);
            }
            extent = stride * (i32::from(n[k]) - 1) + extent.max(1);
            // the inner stride has codes for 0, 1, -1 and 2 only
            let codable = g0 || k > 0 || stride == 1;
            let sign = if !whole_rows && codable && self.rng.one_in(6) { -1 } else { 1 };
            s[k] = stride * sign;
            if role == Role::Source && self.rng.one_in(6) {
                s[k] = 0;
            }
        }
        if role == Role::Source && self.rng.one_in(10) {
            let k = 1 + self.rng.below(2) as usize;
            s[k] = self.rng.range(-3, 3) as i32; // overlapping windows
        }
        if g0 {
            s[3] = 0;
        }
        s
    }

    /// An operand over loop counts, in a zone of its memory.
    fn operand(&mut self, mem: Mem, dt: DType, n: [u16; 4], role: Role, g0: bool, zone: u64) -> Option<Operand> {
        let whole_rows = mem == Mem::Acc && role == Role::Dest;
        let s = self.strides(n, role, g0, whole_rows);
        self.placed(mem, dt, n, s, role, zone)
    }

    /// As `operand`, with given strides.
    fn placed(&mut self, mem: Mem, dt: DType, n: [u16; 4], s: [i32; 4], role: Role, zone: u64) -> Option<Operand> {
        let size = i64::from(dt.size());
        let (mut lo, mut hi) = (0i64, size);
        for k in 0..4 {
            let reach = size * i64::from(s[k]) * (i64::from(n[k]) - 1);
            lo += reach.min(0);
            hi += reach.max(0);
        }
        let align = match (mem, role) {
            (Mem::Acc, Role::Dest) => 64,
            (Mem::Acc, Role::Source) => 4,
            _ if self.rng.one_in(4) => 1,
            _ => size,
        };
        let addr = self.place(mem, zone, (lo, hi), align)?;
        Some(Operand { addr, s, mem, dt })
    }

    /// Three zones in random order; now and then the whole memory for one.
    fn zones(&mut self) -> [u64; 3] {
        let mut zones = [0, 1, 2];
        for k in 0..2 {
            zones.swap(k, k + self.rng.below(3 - k as u64) as usize);
        }
        if self.rng.one_in(8) {
            zones[self.rng.below(3) as usize] = 3;
        }
        zones
    }

    /// A PRM record number such that `channels` records lie in PRM.
    fn record(&mut self, channels: u64) -> Option<u16> {
        let records = self.limits.of(Space::Prm) / 16;
        let room = records.checked_sub(channels)?;
        u16::try_from(self.rng.below(room.min(300) + 1)).ok()
    }
}
