//! The functions of the vector engine (3.4), with their codes and names.

use crate::codes::{FieldValue, code_enum};

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
