//! Element types and tensor types.

use std::fmt;
use std::str::FromStr;

macro_rules! dtypes {
    ($($variant:ident $text:literal $size:literal $onnx:literal),* $(,)?) => {
        /// Element type of a tensor.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum DType { $(#[doc = concat!("`", $text, "`")] $variant),* }
        impl DType {
            /// All element types.
            pub const ALL: &'static [DType] = &[$(DType::$variant),*];
            /// Short name as in the text form.
            pub fn name(self) -> &'static str { match self { $(DType::$variant => $text),* } }
            /// Bytes of one element.
            pub fn size(self) -> usize { match self { $(DType::$variant => $size),* } }
            /// ONNX `TensorProto.DataType` code.
            pub fn onnx_code(self) -> i32 { match self { $(DType::$variant => $onnx),* } }
            /// The type of an ONNX code, if it is one of ours.
            pub fn from_onnx_code(c: i32) -> Option<DType> { match c { $($onnx => Some(DType::$variant),)* _ => None } }
        }
    };
}

dtypes! {
    F32 "f32" 4 1, U8 "u8" 1 2, I8 "i8" 1 3, U16 "u16" 2 4, I16 "i16" 2 5, I32 "i32" 4 6, I64 "i64" 8 7,
    Bool "bool" 1 9, F16 "f16" 2 10, F64 "f64" 8 11, U32 "u32" 4 12, U64 "u64" 8 13, BF16 "bf16" 2 16,
}

impl DType {
    /// f16, bf16, f32 or f64.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }
    /// A signed or unsigned integer; bool is none.
    pub fn is_int(self) -> bool {
        !self.is_float() && self != DType::Bool
    }
    /// A signed integer.
    pub fn is_signed_int(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl FromStr for DType {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        DType::ALL.iter().copied().find(|d| d.name() == s).ok_or_else(|| format!("unknown element type `{s}`"))
    }
}

/// Element type and static dimensions; row-major (C) order wherever a linear order matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Extents, outermost first; empty for a scalar; an extent may be 0.
    pub dims: Vec<usize>,
}

impl TensorType {
    /// A type from its parts.
    pub fn new(dtype: DType, dims: impl Into<Vec<usize>>) -> Self {
        Self { dtype, dims: dims.into() }
    }
    /// Number of elements; saturates, and the verifier refuses graphs where it would.
    pub fn elements(&self) -> usize {
        self.dims.iter().fold(1usize, |a, &d| a.saturating_mul(d))
    }
    /// Bytes of a dense tensor of this type.
    pub fn bytes(&self) -> usize {
        self.elements().saturating_mul(self.dtype.size())
    }
    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, d) in self.dims.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { "," } else { "" })?;
        }
        f.write_str("]")
    }
}
