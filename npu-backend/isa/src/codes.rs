//! Closed enumerations of the instruction set, each with its code and its assembler name.
//!
//! The functions of the vector engine are in `functions`. One macro row per value: the encoder, the decoder and both directions of the text form read the same table.

pub use crate::functions::{EwFn, PoolFn, RedFn, ScFn, ScanFn, SortFn};

/// A field value of an instruction word: how it becomes a raw integer and back.
///
/// Raw integers are what the encoder shifts into place (before the `x-1` or log2 transformation of a row).
pub trait FieldValue: Sized {
    /// The raw integer.
    fn to_raw(&self) -> i64;
    /// The value of a raw integer; `None` if it is reserved or does not fit the type.
    fn from_raw(raw: i64) -> Option<Self>;
    /// Values have names in assembler text.
    const NAMED: bool = false;
    /// The name of a raw integer, for named types.
    fn name_of_raw(_raw: i64) -> Option<&'static str> {
        None
    }
    /// The raw integer of a name, for named types.
    fn raw_of_name(_name: &str) -> Option<i64> {
        None
    }
}

macro_rules! int_field {
    ($($t:ty),*) => {$(
        impl FieldValue for $t {
            fn to_raw(&self) -> i64 { i64::from(*self) }
            fn from_raw(raw: i64) -> Option<Self> { <$t>::try_from(raw).ok() }
        }
    )*};
}
int_field!(u8, u16, u32, i8, i16, i32);

impl FieldValue for u64 {
    fn to_raw(&self) -> i64 {
        i64::try_from(*self).unwrap_or(i64::MAX) // wider than any field: the encoder rejects it
    }
    fn from_raw(raw: i64) -> Option<Self> {
        u64::try_from(raw).ok()
    }
}

impl FieldValue for Option<u16> {
    /// A PRM record: none is 0xFFFF, and 0xFFFF is no record.
    fn to_raw(&self) -> i64 {
        match self {
            None => 0xFFFF,
            Some(0xFFFF) => i64::MAX, // wider than any field: the encoder rejects it
            Some(record) => i64::from(*record),
        }
    }
    fn from_raw(raw: i64) -> Option<Self> {
        let record = u16::try_from(raw).ok()?;
        Some((record != 0xFFFF).then_some(record))
    }
}

impl FieldValue for bool {
    fn to_raw(&self) -> i64 {
        i64::from(*self)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        match raw {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

macro_rules! code_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// Every value, in the order of the codes.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// The code in the instruction word.
            pub const fn code(self) -> u8 { match self { $($name::$variant => $code,)* } }
            /// The value of a code; `None` for a reserved code.
            pub const fn from_code(code: u8) -> Option<Self> { match code { $($code => Some($name::$variant),)* _ => None } }
            /// The name in assembler text.
            pub const fn name(self) -> &'static str { match self { $($name::$variant => $text,)* } }
            /// The value of an assembler name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $($text => Some($name::$variant),)* _ => None } }
        }

        impl FieldValue for $name {
            fn to_raw(&self) -> i64 { i64::from(self.code()) }
            fn from_raw(raw: i64) -> Option<Self> { Self::from_code(u8::try_from(raw).ok()?) }
            const NAMED: bool = true;
            fn name_of_raw(raw: i64) -> Option<&'static str> { Self::from_raw(raw).map(Self::name) }
            fn raw_of_name(name: &str) -> Option<i64> { Self::from_name(name).map(|v| v.to_raw()) }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.name()) }
        }
    };
}

pub(crate) use code_enum;

code_enum! {
    /// The five in-order engines (1).
    Engine {
        /// DMA in, activations.
        Lda = 0 "LDA",
        /// DMA in, weights and parameters.
        Ldw = 1 "LDW",
        /// DMA out.
        St = 2 "ST",
        /// Matrix engine.
        Mx = 3 "MX",
        /// Vector engine.
        #[default]
        Vx = 4 "VX",
    }
}

code_enum! {
    /// Element types (3.0).
    DType {
        /// Signed 8 bits.
        #[default]
        S8 = 0 "s8",
        /// Unsigned 8 bits.
        U8 = 1 "u8",
        /// Signed 16 bits.
        S16 = 2 "s16",
        /// Unsigned 16 bits.
        U16 = 3 "u16",
        /// Signed 32 bits.
        S32 = 4 "s32",
        /// Unsigned 32 bits.
        U32 = 5 "u32",
        /// Signed 64 bits.
        S64 = 6 "s64",
        /// Unsigned 64 bits.
        U64 = 7 "u64",
        /// IEEE binary16.
        F16 = 8 "f16",
        /// bfloat16.
        Bf16 = 9 "bf16",
        /// IEEE binary32.
        F32 = 10 "f32",
        /// One byte, 0 or 1.
        Bool = 11 "bool",
    }
}

impl DType {
    /// Bytes of an element.
    pub const fn size(self) -> u32 {
        match self {
            DType::S8 | DType::U8 | DType::Bool => 1,
            DType::S16 | DType::U16 | DType::F16 | DType::Bf16 => 2,
            DType::S32 | DType::U32 | DType::F32 => 4,
            DType::S64 | DType::U64 => 8,
        }
    }
    /// Bits of an element.
    pub const fn bits(self) -> u32 {
        self.size() * 8
    }
    /// f16, bf16 or f32.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::Bf16 | DType::F32)
    }
    /// One of the eight integer types (bool is neither integer nor float here).
    pub const fn is_int(self) -> bool {
        !self.is_float() && !self.is_bool()
    }
    /// The bool type.
    pub const fn is_bool(self) -> bool {
        matches!(self, DType::Bool)
    }
    /// A signed integer type.
    pub const fn is_signed_int(self) -> bool {
        matches!(self, DType::S8 | DType::S16 | DType::S32 | DType::S64)
    }
    /// Smallest and largest value of an integer type; (0, 1) for bool; `None` for floats.
    pub const fn int_range(self) -> Option<(i128, i128)> {
        let bits = self.bits();
        match self {
            DType::F16 | DType::Bf16 | DType::F32 => None,
            DType::Bool => Some((0, 1)),
            _ if self.is_signed_int() => Some((-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)),
            _ => Some((0, (1i128 << bits) - 1)),
        }
    }
}

code_enum! {
    /// Memories. `Imm` is the code 1 of a VX b operand; `Dram` is for POISON only.
    Mem {
        /// Scratchpad.
        #[default]
        Spm = 0 "spm",
        /// Per-channel parameter records of 16 bytes.
        Prm = 1 "prm",
        /// Look-up tables: 4 of 2 KiB.
        Lut = 2 "lut",
        /// Accumulator rows of 64 bytes; addresses are bytes, 64*row + 4*lane.
        Acc = 3 "acc",
        /// One of the four DRAM regions.
        Dram = 4 "dram",
        /// The immediate (operand b of VX only).
        Imm = 5 "imm",
    }
}

code_enum! {
    /// DRAM regions.
    Region {
        /// Constants, read only.
        #[default]
        R0 = 0 "R0",
        /// Arena, read and write.
        R1 = 1 "R1",
        /// Inputs, read only.
        R2 = 2 "R2",
        /// Outputs, write only.
        R3 = 3 "R3",
    }
}

impl Region {
    /// Instructions may read the region.
    pub const fn readable(self) -> bool {
        !matches!(self, Region::R3)
    }
    /// Instructions may write the region.
    pub const fn writable(self) -> bool {
        matches!(self, Region::R1 | Region::R3)
    }
    /// Index 0..4.
    pub const fn index(self) -> usize {
        self.code() as usize
    }
}

code_enum! {
    /// Type tag of an accumulator row.
    AccTag {
        /// i32.
        #[default]
        I32 = 0 "i32",
        /// f32.
        F32 = 1 "f32",
    }
}

code_enum! {
    /// Operand types of the matrix engine, activation then weight (4.3).
    MxType {
        /// s8 x s8 -> i32.
        #[default]
        S8S8 = 0 "s8s8",
        /// s8 x u8 -> i32.
        S8U8 = 1 "s8u8",
        /// u8 x s8 -> i32.
        U8S8 = 2 "u8s8",
        /// u8 x u8 -> i32.
        U8U8 = 3 "u8u8",
        /// bf16 x bf16 -> f32.
        Bf16 = 4 "bf16",
        /// f16 x f16 -> f32.
        F16 = 5 "f16",
        /// f32 x f32 -> f32.
        F32 = 6 "f32",
    }
}

impl MxType {
    /// The activations' type.
    pub const fn activation(self) -> DType {
        match self {
            MxType::S8S8 | MxType::S8U8 => DType::S8,
            MxType::U8S8 | MxType::U8U8 => DType::U8,
            MxType::Bf16 => DType::Bf16,
            MxType::F16 => DType::F16,
            MxType::F32 => DType::F32,
        }
    }
    /// The weights' type.
    pub const fn weight(self) -> DType {
        match self {
            MxType::S8S8 | MxType::U8S8 => DType::S8,
            MxType::S8U8 | MxType::U8U8 => DType::U8,
            MxType::Bf16 => DType::Bf16,
            MxType::F16 => DType::F16,
            MxType::F32 => DType::F32,
        }
    }
    /// Bytes of an element (equal for both operands).
    pub const fn size(self) -> u32 {
        self.activation().size()
    }
    /// The sum is f32 (else i32).
    pub const fn is_float(self) -> bool {
        self.activation().is_float()
    }
    /// Tag of the rows written.
    pub const fn tag(self) -> AccTag {
        if self.is_float() { AccTag::F32 } else { AccTag::I32 }
    }
}

code_enum! {
    /// Start value of a matrix accumulation.
    Init {
        /// 0 or +0.0.
        #[default]
        Zero = 0 "zero",
        /// The bias of PRM record prm_rec + n.
        Bias = 1 "bias",
        /// The row itself; its tag must agree.
        Accumulate = 2 "acc",
    }
}

code_enum! {
    /// Field `rq`: narrowing of integer results (0, 1) or the requantise rule of RQ (2, 3, 4, 6).
    RqMode {
        /// Modulo 2^bits.
        #[default]
        Wrap = 0 "wrap",
        /// Saturate.
        Sat = 1 "sat",
        /// RQ_F32: RNE_int(RNE32(RNE32(acc) * scale)).
        F32 = 2 "f32",
        /// RQ_SINGLE: one rounding shift.
        Single = 3 "single",
        /// RQ_DOUBLE: SRDHM, then RDBYPOT.
        Double = 4 "double",
        /// RQ_DIV: as F32 with a division.
        Div = 6 "div",
    }
}

code_enum! {
    /// Rounding of CVT from float to integer.
    Round {
        /// Half to even.
        #[default]
        HalfEven = 0 "even",
        /// Toward zero (ONNX Cast).
        TowardZero = 1 "zero",
        /// Toward minus infinity.
        Floor = 2 "floor",
        /// Toward plus infinity.
        Ceil = 3 "ceil",
        /// Half away from zero.
        HalfAway = 4 "away",
    }
}

code_enum! {
    /// Activation after RQ, EW and POOL.
    Act {
        /// None.
        #[default]
        None = 0 "none",
        /// max(y, zp) with a destination record or in RQ; else max(y, +0), NaN stays NaN.
        Relu = 1 "relu",
        /// Clamp to bytes [clo, chi] read as d_dt (form PRM, 8-bit d only).
        Clamp = 2 "clamp",
    }
}

code_enum! {
    /// Which loop index is the channel that advances PRM record numbers.
    Chan {
        /// No advance.
        #[default]
        None = 0 "none",
        /// i0.
        I0 = 1 "i0",
        /// i1.
        I1 = 2 "i1",
        /// i2.
        I2 = 3 "i2",
        /// i3.
        I3 = 4 "i3",
        /// i0 + 16*i1.
        I0I1 = 5 "i0+16*i1",
        /// i0 + 16*i2.
        I0I2 = 6 "i0+16*i2",
        /// i0 + 16*i3.
        I0I3 = 7 "i0+16*i3",
    }
}

impl Chan {
    /// The channel of element (i0, i1, i2, i3).
    pub fn of(self, i: [u32; 4]) -> u32 {
        match self {
            Chan::None => 0,
            Chan::I0 => i[0],
            Chan::I1 => i[1],
            Chan::I2 => i[2],
            Chan::I3 => i[3],
            Chan::I0I1 => i[0] + 16 * i[1],
            Chan::I0I2 => i[0] + 16 * i[2],
            Chan::I0I3 => i[0] + 16 * i[3],
        }
    }
}
