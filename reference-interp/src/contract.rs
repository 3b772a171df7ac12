//! The arithmetic contract: what an implementation promises, declared once instead of tolerances (NUMERICS.md 2).

use ir::DType;

/// A binary floating-point format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// IEEE binary16.
    F16,
    /// bfloat16.
    BF16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

/// `2^k` exactly; 0 below the subnormals, Inf above the range.
pub const fn exp2i(k: i32) -> f64 {
    if k > 1023 {
        f64::INFINITY
    } else if k >= -1022 {
        f64::from_bits(((k + 1023) as u64) << 52)
    } else if k >= -1074 {
        f64::from_bits(1 << (k + 1074))
    } else {
        0.0
    }
}

impl Format {
    /// The format of a float element type.
    pub fn of(d: DType) -> Option<Format> {
        match d {
            DType::F16 => Some(Format::F16),
            DType::BF16 => Some(Format::BF16),
            DType::F32 => Some(Format::F32),
            DType::F64 => Some(Format::F64),
            _ => None,
        }
    }
    /// Significand bits, the hidden one included.
    #[inline]
    pub const fn precision(self) -> i32 {
        match self {
            Format::F16 => 11,
            Format::BF16 => 8,
            Format::F32 => 24,
            Format::F64 => 53,
        }
    }
    /// Exponent of the largest binade.
    #[inline]
    pub const fn max_exp(self) -> i32 {
        match self {
            Format::F16 => 15,
            Format::BF16 | Format::F32 => 127,
            Format::F64 => 1023,
        }
    }
    /// Exponent of the smallest normal number.
    #[inline]
    pub const fn min_exp(self) -> i32 {
        1 - self.max_exp()
    }
    /// Exponent of the smallest subnormal number.
    #[inline]
    pub const fn min_subnormal_exp(self) -> i32 {
        self.min_exp() - self.precision() + 1
    }
    /// Unit roundoff `2^-p`.
    #[inline]
    pub const fn u(self) -> f64 {
        exp2i(-self.precision())
    }
    /// Largest finite number.
    #[inline]
    pub const fn max_finite(self) -> f64 {
        (2.0 - exp2i(1 - self.precision())) * exp2i(self.max_exp())
    }
    /// Smallest positive normal number.
    #[inline]
    pub const fn min_normal(self) -> f64 {
        exp2i(self.min_exp())
    }
    /// From here on a magnitude rounds to infinity (half an ULP above the largest finite number); `MAX` for binary64.
    #[inline]
    pub const fn overflow_threshold(self) -> f64 {
        if matches!(self, Format::F64) { f64::MAX } else { (2.0 - exp2i(-self.precision())) * exp2i(self.max_exp()) }
    }
    /// The more precise of two.
    pub fn wider(self, o: Format) -> Format {
        if o.precision() > self.precision() { o } else { self }
    }
    /// Parses `f16`, `bf16`, `f32`, `f64`.
    pub fn parse(s: &str) -> Option<Format> {
        Some(match s {
            "f16" => Format::F16,
            "bf16" => Format::BF16,
            "f32" => Format::F32,
            "f64" => Format::F64,
            _ => return None,
        })
    }
}

/// Where float tensors are rounded to their element type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Wherever a tensor may be materialised.
    ByDtype,
    /// Nowhere but in explicit casts: the real-number meaning of the graph.
    Real,
}

/// Format in which kernels compute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accumulator {
    /// This one, or the tensor's own where that is wider.
    Fixed(Format),
    /// The tensor's own.
    OfStorage,
}

/// Which re-association is legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reassociate {
    /// None; the bound is that of `WithinReduction`, since the order is not declared.
    None,
    /// Any order of the terms of one reduction.
    WithinReduction,
    /// Any evaluation of a linear region: across adds, scale folding, batch-norm folding.
    LinearRegion,
}

/// In which order the terms of a sum are added: how many roundings one term can meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Any: a term may pass through every addition.
    Any,
    /// Groups of 16 in a fixed tree of four levels, then the groups one after another (NPU.md 3.2): a term meets its
    /// product's rounding, four levels and at most as many additions as there are groups.
    Groups16,
}

/// Subnormal results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flush {
    /// Kept.
    Never,
    /// May become zero.
    May,
    /// Become zero.
    Must,
}

/// Max, Min, Relu, Clip and pooling of NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NanRule {
    /// NaN in, NaN out.
    Propagate,
    /// NaN loses (IEEE maxNum).
    Ignore,
    /// Either.
    Any,
}

/// Integer requantisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requant {
    /// The ONNX formula in the accumulator's float format.
    Exact,
    /// TOSA's inexact interval: `[ceil(x-b), floor(x+b)]`, `b = 0.5 + (3|x| + |x+zp|) 2^-24`.
    Interval,
}

macro_rules! funcs {
    ($($name:ident)*) => {
        /// Functions whose accuracy a contract declares in ULP.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Func { $(#[doc = stringify!($name)] $name),* }
        impl Func {
            /// All functions.
            pub const ALL: &'static [Func] = &[$(Func::$name),*];
            /// Lower-case name, as in a contract file.
            pub fn name(self) -> String { match self { $(Func::$name => stringify!($name).to_lowercase()),* } }
            /// The function of a name.
            pub fn parse(s: &str) -> Option<Func> { Func::ALL.iter().copied().find(|f| f.name() == s) }
        }
    };
}
funcs! { Div Reciprocal Sqrt Rsqrt Exp Log Tanh Sigmoid Erf Gelu Softplus Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Pow }

/// Largest error of each function in ULP of the format in which it is computed.
#[derive(Clone, PartialEq, Debug)]
pub struct UlpTable(Vec<f64>);

impl UlpTable {
    /// The same for all, but 0.5 for division, reciprocal and square root (correctly rounded).
    pub fn uniform(k: f64) -> UlpTable {
        UlpTable(
            Func::ALL
                .iter()
                .map(|f| if matches!(f, Func::Div | Func::Reciprocal | Func::Sqrt) { 0.5 } else { k })
                .collect(),
        )
    }
    /// The ULP of a function.
    #[inline]
    pub fn get(&self, f: Func) -> f64 {
        self.0[f as usize]
    }
    /// Replaces one entry.
    #[must_use]
    pub fn with(mut self, f: Func, k: f64) -> UlpTable {
        self.0[f as usize] = k;
        self
    }
}

/// A declared arithmetic.
#[derive(Clone, PartialEq, Debug)]
pub struct Contract {
    /// Name, for reports.
    pub name: String,
    /// Storage rounding.
    pub storage: Storage,
    /// Accumulator.
    pub acc: Accumulator,
    /// Re-association.
    pub reassociate: Reassociate,
    /// Order of the terms of one sum.
    pub order: Order,
    /// Whether intermediates may stay in the accumulator's format. The bounds cover both, so this only forbids
    /// treating a double rounding as a fact.
    pub may_fuse: bool,
    /// Subnormals.
    pub flush: Flush,
    /// ULP per function.
    pub ulps: UlpTable,
    /// NaN rule.
    pub nan: NanRule,
    /// Requantisation.
    pub requant: Requant,
    /// Whether −0 and +0 are told apart.
    pub signed_zero: bool,
    /// Rescalings that an online softmax may make per element.
    pub online_softmax_rescales: u32,
    /// Whether variance may be computed as E[x²] − E[x]².
    pub one_pass_variance: bool,
}

impl Contract {
    /// Names that [`Contract::named`] knows.
    pub const NAMES: &'static [&'static str] = &["anvil", "anvil-group", "f32", "bf16", "f16", "f64", "own", "onnx"];

    /// A contract by name:
    /// `anvil` (and `f32`, `bf16`, the same arithmetic): storage by element type, binary32 accumulators, 1 ULP functions, linear
    /// regions may be re-associated; `anvil-group`: one kernel of the machine, whose order of
    /// additions is fixed; `f16`: binary16 accumulators; `f64`: the real-number meaning up to binary64
    /// arithmetic, for comparing graphs; `own`: each type computes in itself, order within a reduction free; `onnx`: binary32
    /// accumulators with 4 ULP functions and either NaN rule, for vectors made with numpy.
    pub fn named(name: &str) -> Option<Contract> {
        let base = Contract {
            name: name.into(),
            storage: Storage::ByDtype,
            acc: Accumulator::Fixed(Format::F32),
            reassociate: Reassociate::LinearRegion,
            order: Order::Any,
            may_fuse: true,
            flush: Flush::Never,
            ulps: UlpTable::uniform(1.0),
            nan: NanRule::Propagate,
            requant: Requant::Exact,
            signed_zero: false,
            online_softmax_rescales: 4,
            one_pass_variance: false,
        };
        Some(match name {
            "anvil" | "f32" | "bf16" => base,
            "anvil-group" => Contract { order: Order::Groups16, ..base },
            "f16" => Contract { acc: Accumulator::Fixed(Format::F16), ..base },
            "f64" => Contract { storage: Storage::Real, acc: Accumulator::Fixed(Format::F64), ..base },
            "own" => Contract { acc: Accumulator::OfStorage, reassociate: Reassociate::WithinReduction, ..base },
            // ONNX's vectors are computed in the declared type, inside of operators too.
            "onnx" => Contract {
                acc: Accumulator::OfStorage,
                reassociate: Reassociate::WithinReduction,
                ulps: UlpTable::uniform(4.0),
                nan: NanRule::Any,
                ..base
            },
            _ => return None,
        })
    }
    /// The format in which a kernel on tensors of this type computes.
    pub fn acc_of(&self, d: DType) -> Format {
        let own = Format::of(d).unwrap_or(Format::F32);
        match self.acc {
            Accumulator::OfStorage => own,
            Accumulator::Fixed(f) => {
                if own == Format::F64 {
                    own
                } else {
                    f
                }
            }
        }
    }
    /// The format in which tensors of this type are stored, where that rounds.
    pub fn storage_of(&self, d: DType) -> Option<Format> {
        match self.storage {
            Storage::Real => None,
            Storage::ByDtype => Format::of(d),
        }
    }
}
