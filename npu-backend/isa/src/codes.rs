//! Closed enumerations of the instruction set, each with its code and its assembler name.
//!
//! One macro row per value: the encoder, the decoder and both directions of the text form read the same table.

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

code_enum! {
    /// Functions of EW (3.4).
    EwFn {
        /// a.
        #[default]
        Mov = 0x00 "mov",
        /// a + b.
        Add = 0x01 "add",
        /// a - b.
        Sub = 0x02 "sub",
        /// a * b.
        Mul = 0x03 "mul",
        /// Minimum; NaN if any NaN, -0 < +0.
        Min = 0x04 "min",
        /// Maximum; NaN if any NaN, -0 < +0.
        Max = 0x05 "max",
        /// Magnitude.
        Abs = 0x06 "abs",
        /// Negation.
        Neg = 0x07 "neg",
        /// Sign; sign(-0) = -0, sign(NaN) = NaN.
        Sign = 0x08 "sign",
        /// Where b is 1: d := a; elsewhere d unchanged (reads d).
        Cmov = 0x09 "cmov",
        /// min(max(a, imm0), imm1).
        Clamp = 0x0A "clamp",
        /// d := fma(a, b, d), all f32 (reads d).
        Fmac = 0x0B "fmac",
        /// a < 0 ? a*b : a.
        Prelu = 0x0D "prelu",
        /// a == b.
        Eq = 0x10 "eq",
        /// a != b.
        Ne = 0x11 "ne",
        /// a < b.
        Lt = 0x12 "lt",
        /// a <= b.
        Le = 0x13 "le",
        /// a > b.
        Gt = 0x14 "gt",
        /// a >= b.
        Ge = 0x15 "ge",
        /// Bitwise and; logical on bool.
        And = 0x18 "and",
        /// Bitwise or; logical on bool.
        Or = 0x19 "or",
        /// Bitwise exclusive or; logical on bool.
        Xor = 0x1A "xor",
        /// Bitwise complement; logical on bool.
        Not = 0x1B "not",
        /// a * 2^b.
        Shl = 0x1C "shl",
        /// floor(a / 2^b).
        Shr = 0x1D "shr",
        /// floor((a + 2^(b-1)) / 2^b); b = 0: a.
        ShrRound = 0x1E "shr_round",
        /// Truncated quotient (I), IEEE division (F).
        Div = 0x20 "div",
        /// Remainder with the divisor's sign.
        Mod = 0x21 "mod",
        /// Remainder with the dividend's sign; exact fmod (F).
        Rem = 0x22 "rem",
        /// a^b mod 2^64.
        Ipow = 0x23 "ipow",
        /// a < 0 ? a + L : a, with L = b and a check.
        Idx = 0x24 "idx",
        /// Floor.
        Floor = 0x28 "floor",
        /// Ceiling.
        Ceil = 0x29 "ceil",
        /// Round half to even.
        Rint = 0x2A "rint",
        /// Truncate.
        Trunc = 0x2B "trunc",
        /// Square root, correctly rounded.
        Sqrt = 0x2C "sqrt",
        /// RNE32(1/a).
        Recip = 0x2D "recip",
        /// a is NaN.
        IsNan = 0x2E "isnan",
        /// a is infinite: imm0 bit 0 counts +Inf, bit 1 -Inf.
        IsInf = 0x2F "isinf",
        /// imm64 + index along `axis`.
        Iota = 0x30 "iota",
        /// e^a (section 11, as all below).
        Exp = 0x40 "exp",
        /// Natural logarithm.
        Log = 0x41 "log",
        /// log(1 + a).
        Log1p = 0x42 "log1p",
        /// Hyperbolic tangent.
        Tanh = 0x43 "tanh",
        /// 1/(1 + e^-a).
        Sigmoid = 0x44 "sigmoid",
        /// Error function.
        Erf = 0x45 "erf",
        /// GELU by erf.
        GeluErf = 0x46 "gelu_erf",
        /// GELU by tanh.
        GeluTanh = 0x47 "gelu_tanh",
        /// log(1 + e^a).
        Softplus = 0x48 "softplus",
        /// 1/sqrt(a).
        Rsqrt = 0x49 "rsqrt",
        /// Sine.
        Sin = 0x4A "sin",
        /// Cosine.
        Cos = 0x4B "cos",
        /// Tangent.
        Tan = 0x4C "tan",
        /// Arc sine.
        Asin = 0x4D "asin",
        /// Arc cosine.
        Acos = 0x4E "acos",
        /// Arc tangent.
        Atan = 0x4F "atan",
        /// Hyperbolic sine.
        Sinh = 0x50 "sinh",
        /// Hyperbolic cosine.
        Cosh = 0x51 "cosh",
        /// Inverse hyperbolic sine.
        Asinh = 0x52 "asinh",
        /// Inverse hyperbolic cosine.
        Acosh = 0x53 "acosh",
        /// Inverse hyperbolic tangent.
        Atanh = 0x54 "atanh",
        /// a^b.
        Pow = 0x55 "pow",
        /// Complementary error function.
        Erfc = 0x56 "erfc",
    }
}

impl EwFn {
    /// A comparison or test: d is bool whatever the class.
    pub const fn is_test(self) -> bool {
        self.is_compare() || matches!(self, EwFn::IsNan | EwFn::IsInf)
    }
    /// eq ne lt le gt ge.
    pub const fn is_compare(self) -> bool {
        matches!(self.code(), 0x10..=0x15)
    }
    /// and or xor not.
    pub const fn is_logic(self) -> bool {
        matches!(self.code(), 0x18..=0x1B)
    }
    /// shl shr shr_round.
    pub const fn is_shift(self) -> bool {
        matches!(self.code(), 0x1C..=0x1E)
    }
    /// A function of section 11.
    pub const fn is_transcendental(self) -> bool {
        self.code() >= 0x40
    }
    /// Operand a is used (all but iota).
    pub const fn uses_a(self) -> bool {
        !matches!(self, EwFn::Iota)
    }
    /// Operand b is used.
    pub const fn uses_b(self) -> bool {
        use EwFn::{Add, Cmov, Div, Fmac, Idx, Ipow, Max, Min, Mod, Mul, Not, Pow, Prelu, Rem, Sub};
        self.is_compare()
            || (self.is_logic() && !matches!(self, Not))
            || self.is_shift()
            || matches!(self, Add | Sub | Mul | Min | Max | Cmov | Fmac | Prelu | Div | Mod | Rem | Ipow | Idx | Pow)
    }
    /// The integer class is defined.
    pub const fn has_integer_class(self) -> bool {
        !self.float_only() && !matches!(self, EwFn::Cmov)
    }
    /// The float class is defined.
    pub const fn has_float_class(self) -> bool {
        use EwFn::{Cmov, Idx, Iota, Ipow};
        !(self.is_logic() || self.is_shift() || matches!(self, Ipow | Idx | Iota | Cmov))
    }
    const fn float_only(self) -> bool {
        use EwFn::{Fmac, Prelu};
        matches!(self, Fmac | Prelu) || matches!(self.code(), 0x28..=0x2F) || self.is_transcendental()
    }
    /// d is read before it is written (cmov, fmac).
    pub const fn reads_d(self) -> bool {
        matches!(self, EwFn::Cmov | EwFn::Fmac)
    }
}

code_enum! {
    /// Functions of RED.
    RedFn {
        /// Sum.
        #[default]
        Sum = 0 "sum",
        /// Product.
        Prod = 1 "prod",
        /// Maximum.
        Max = 2 "max",
        /// Minimum.
        Min = 3 "min",
        /// Position of the maximum, plus imm64.
        ArgMax = 4 "argmax",
        /// Position of the minimum, plus imm64.
        ArgMin = 5 "argmin",
    }
}

impl RedFn {
    /// argmax or argmin.
    pub const fn is_arg(self) -> bool {
        matches!(self, RedFn::ArgMax | RedFn::ArgMin)
    }
}

code_enum! {
    /// Functions of SCAN.
    ScanFn {
        /// Running sum.
        #[default]
        Sum = 0 "sum",
        /// Running product.
        Prod = 1 "prod",
        /// Running maximum.
        Max = 2 "max",
        /// Running minimum.
        Min = 3 "min",
    }
}

code_enum! {
    /// Functions of SC.
    ScFn {
        /// d := a.
        #[default]
        Set = 0 "set",
        /// d := d + a.
        Add = 1 "add",
        /// d := d * a.
        Mul = 2 "mul",
        /// d := max(d, a).
        Max = 3 "max",
        /// d := min(d, a).
        Min = 4 "min",
    }
}

code_enum! {
    /// Order of SORT.
    SortFn {
        /// Ascending.
        #[default]
        Ascending = 0 "asc",
        /// Descending.
        Descending = 1 "desc",
    }
}

code_enum! {
    /// Functions of POOL.
    PoolFn {
        /// Maximum.
        #[default]
        Max = 0 "max",
        /// Mean over the taps inside.
        Avg = 1 "avg",
        /// Mean counting padding (pb, pr).
        AvgPad = 2 "avgpad",
        /// Sum over the taps inside.
        Sum = 3 "sum",
        /// Index iy*IW + ix of the maximum, plus imm64.
        ArgMaxYx = 4 "argmax_yx",
        /// Index ix*IH + iy of the maximum, plus imm64.
        ArgMaxXy = 5 "argmax_xy",
    }
}

impl PoolFn {
    /// An index function.
    pub const fn is_arg(self) -> bool {
        matches!(self, PoolFn::ArgMaxYx | PoolFn::ArgMaxXy)
    }
    /// A mean.
    pub const fn is_avg(self) -> bool {
        matches!(self, PoolFn::Avg | PoolFn::AvgPad)
    }
}
