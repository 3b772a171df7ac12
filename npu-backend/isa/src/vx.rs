//! Fields of the vector instructions (4.4).

use crate::codes::{Act, Chan, DType, EwFn, Mem, PoolFn, RedFn, Round, RqMode, ScFn, ScanFn, SortFn};

/// An operand of a vector instruction: element (i0..i3) is at `addr + size(dt) * sum(i*s)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Operand {
    /// Byte address, 24 bits.
    pub addr: u32,
    /// Strides in elements, inner first. Without `g0`: s[0] is 0, 1, -1 or 2 and the others are s20.
    /// With `g0`: s[0] is s20 too, and s[3] = 0.
    pub s: [i32; 4],
    /// Memory.
    pub mem: Mem,
    /// Element type.
    pub dt: DType,
}

/// The function of a vector instruction; must be of the kind of the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum VxFn {
    /// RQ, LUT, CVT, TR, FILL, GA.
    #[default]
    None,
    /// EW.
    Ew(EwFn),
    /// RED.
    Red(RedFn),
    /// SC.
    Sc(ScFn),
    /// SCAN.
    Scan(ScanFn),
    /// SORT.
    Sort(SortFn),
}

/// Word 6 of a vector instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Form {
    /// Immediates; 0 where the function uses none.
    Imm {
        /// Low word.
        imm0: u32,
        /// High word.
        imm1: u32,
    },
    /// Quantisation records in PRM (3.3). At least one is named. `None` is stored as 0xFFFF.
    Prm {
        /// Record of operand a.
        aprm: Option<u16>,
        /// Record of operand b (never advances).
        bprm: Option<u16>,
        /// Record of the destination.
        dprm: Option<u16>,
        /// Low bound of act clamp, read as d_dt.
        clo: u8,
        /// High bound of act clamp, read as d_dt.
        chi: u8,
    },
}

impl Default for Form {
    fn default() -> Self {
        Form::Imm { imm0: 0, imm1: 0 }
    }
}

impl Form {
    /// A 64-bit immediate.
    pub fn imm64(value: i64) -> Self {
        let bits = value.cast_unsigned();
        Form::Imm { imm0: bits as u32, imm1: (bits >> 32) as u32 }
    }
    /// A 32-bit immediate.
    pub fn imm(imm0: u32) -> Self {
        Form::Imm { imm0, imm1: 0 }
    }
    /// A binary32 immediate.
    pub fn float(value: f32) -> Self {
        Form::imm(value.to_bits())
    }
    /// Records of a, b and d.
    pub fn prm(aprm: Option<u16>, bprm: Option<u16>, dprm: Option<u16>) -> Self {
        Form::Prm { aprm, bprm, dprm, clo: 0, chi: 0 }
    }
    /// Both immediates as one 64-bit value; 0 in form PRM.
    pub fn as_imm64(&self) -> i64 {
        match *self {
            Form::Imm { imm0, imm1 } => (u64::from(imm0) | u64::from(imm1) << 32).cast_signed(),
            Form::Prm { .. } => 0,
        }
    }
    /// imm0; 0 in form PRM.
    pub fn imm0(&self) -> u32 {
        match *self {
            Form::Imm { imm0, .. } => imm0,
            Form::Prm { .. } => 0,
        }
    }
    /// imm1; 0 in form PRM.
    pub fn imm1(&self) -> u32 {
        match *self {
            Form::Imm { imm1, .. } => imm1,
            Form::Prm { .. } => 0,
        }
    }
    /// The form is PRM.
    pub fn is_prm(&self) -> bool {
        matches!(self, Form::Prm { .. })
    }
    /// Records (a, b, d); none in form IMM.
    pub fn records(&self) -> (Option<u16>, Option<u16>, Option<u16>) {
        match *self {
            Form::Prm { aprm, bprm, dprm, .. } => (aprm, bprm, dprm),
            Form::Imm { .. } => (None, None, None),
        }
    }
}

/// Fields of all VX operations but POOL (4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Vx {
    /// The function.
    pub func: VxFn,
    /// First source; default if unused (iota, FILL; iota: a.dt = d.dt).
    pub a: Operand,
    /// Second source; default if unused. `mem` is Spm, Imm or Acc.
    pub b: Operand,
    /// Destination.
    pub d: Operand,
    /// Loop counts 1..=65535, inner first.
    pub n: [u16; 4],
    /// Inner strides are free s20 values, and n[3] = 1.
    pub g0: bool,
    /// Immediates or records.
    pub form: Form,
    /// Narrowing or requantise rule.
    pub rq: RqMode,
    /// Rounding of CVT float to integer.
    pub rm: Round,
    /// Activation.
    pub act: Act,
    /// The channel index (form PRM).
    pub chan: Chan,
    /// a's record number advances with the channel (EW; `chm` bit 0).
    pub chm_a: bool,
    /// d's record number advances with the channel (EW; `chm` bit 1). In RQ it always does, and this is false.
    pub chm_d: bool,
    /// Axis of RED, SCAN, iota.
    pub axis: u8,
    /// Table of LUT.
    pub lut: u8,
    /// RED: start from d. SCAN: carry-in from b.
    pub acc: bool,
    /// RED arg functions: the last extreme.
    pub last: bool,
    /// SCAN: exclusive.
    pub excl: bool,
}

impl Default for Vx {
    fn default() -> Self {
        Vx {
            func: VxFn::None,
            a: Operand::default(),
            b: Operand::default(),
            d: Operand::default(),
            n: [1; 4],
            g0: false,
            form: Form::default(),
            rq: RqMode::Wrap,
            rm: Round::HalfEven,
            act: Act::None,
            chan: Chan::None,
            chm_a: false,
            chm_d: false,
            axis: 0,
            lut: 0,
            acc: false,
            last: false,
            excl: false,
        }
    }
}

impl Vx {
    /// The EW function, if `func` is one.
    pub fn ew(&self) -> Option<EwFn> {
        match self.func {
            VxFn::Ew(f) => Some(f),
            _ => None,
        }
    }
    /// n0*n1*n2*n3.
    pub fn elems(&self) -> u64 {
        self.n.iter().map(|&n| u64::from(n)).product()
    }
}

/// Fields of POOL: one image, n0 channels contiguous on both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Pool {
    /// The function.
    pub func: PoolFn,
    /// Address of input (iy, ix) = (0, 0).
    pub a_addr: u32,
    /// Input column stride in elements, s20.
    pub a_sx: i32,
    /// Input row stride in elements, s20.
    pub a_sy: i32,
    /// Input memory.
    pub a_mem: Mem,
    /// Input type.
    pub a_dt: DType,
    /// Address of output (0, 0).
    pub d_addr: u32,
    /// Output column stride in elements, s20.
    pub d_sx: i32,
    /// Output row stride in elements, s20.
    pub d_sy: i32,
    /// Output memory.
    pub d_mem: Mem,
    /// Output type.
    pub d_dt: DType,
    /// Output rows.
    pub oh: u16,
    /// Output columns.
    pub ow: u16,
    /// Input rows.
    pub ih: u16,
    /// Input columns.
    pub iw: u16,
    /// Channels.
    pub n0: u16,
    /// Window rows 1..=256.
    pub kh: u16,
    /// Window columns 1..=256.
    pub kw: u16,
    /// Row of tap 0 of output 0, -512..=511.
    pub iy0: i16,
    /// Column of tap 0 of output 0, -512..=511.
    pub ix0: i16,
    /// Row stride 1..=64.
    pub sy: u8,
    /// Column stride 1..=64.
    pub sx: u8,
    /// Counted padding rows below (AvgPad only).
    pub pb: u8,
    /// Counted padding columns to the right (AvgPad only).
    pub pr: u8,
    /// Row dilation 1..=64.
    pub dy: u8,
    /// Column dilation 1..=64.
    pub dx: u8,
    /// imm64 (index functions) or records.
    pub form: Form,
    /// Narrowing of integer results.
    pub rq: RqMode,
    /// Activation (not for index functions).
    pub act: Act,
    /// The channel index: none or i0 (form PRM).
    pub chan: Chan,
    /// a's record number advances with the channel.
    pub chm_a: bool,
    /// d's record number advances with the channel.
    pub chm_d: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            func: PoolFn::Max,
            a_addr: 0,
            a_sx: 0,
            a_sy: 0,
            a_mem: Mem::Spm,
            a_dt: DType::S8,
            d_addr: 0,
            d_sx: 0,
            d_sy: 0,
            d_mem: Mem::Spm,
            d_dt: DType::S8,
            oh: 1,
            ow: 1,
            ih: 1,
            iw: 1,
            n0: 1,
            kh: 1,
            kw: 1,
            iy0: 0,
            ix0: 0,
            sy: 1,
            sx: 1,
            pb: 0,
            pr: 0,
            dy: 1,
            dx: 1,
            form: Form::default(),
            rq: RqMode::Wrap,
            act: Act::None,
            chan: Chan::None,
            chm_a: false,
            chm_d: false,
        }
    }
}
