//! Tensors as raw bits: element type, extents, little-endian bytes in row-major order. No arithmetic.

use crate::types::{DType, TensorType};
use std::fmt;
use std::sync::Arc;

/// A constant, an input or a result. Cloning is cheap: the bytes are shared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Extents, outermost first.
    pub dims: Vec<usize>,
    /// Little-endian elements, row-major; bool is one byte, 0 or 1.
    pub bytes: Arc<[u8]>,
}

/// Bytes and type do not fit together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("tensor of type {ty} needs {need} bytes, got {have}")]
pub struct TensorSizeError {
    /// Type.
    pub ty: TensorType,
    /// Bytes needed.
    pub need: usize,
    /// Bytes given.
    pub have: usize,
}

macro_rules! typed_access {
    ($($from:ident $to:ident $t:ty, $d:ident;)*) => {
        $(
            #[doc = concat!("A tensor of `", stringify!($t), "`; panics if the number of elements differs from `dims`.")]
            pub fn $from(dims: impl Into<Vec<usize>>, xs: &[$t]) -> Tensor {
                let bytes: Vec<u8> = xs.iter().flat_map(|x| x.to_le_bytes()).collect();
                Tensor::new(DType::$d, dims.into(), bytes).expect("element count fits the extents")
            }
            #[doc = concat!("The elements, if the tensor holds `", stringify!($t), "`.")]
            pub fn $to(&self) -> Option<Vec<$t>> {
                (self.dtype == DType::$d).then(|| {
                    self.bytes.as_chunks::<{ size_of::<$t>() }>().0.iter().map(|c| <$t>::from_le_bytes(*c)).collect()
                })
            }
        )*
    };
}

impl Tensor {
    /// A tensor from its bytes.
    pub fn new(dtype: DType, dims: Vec<usize>, bytes: impl Into<Arc<[u8]>>) -> Result<Self, TensorSizeError> {
        let bytes = bytes.into();
        let ty = TensorType { dtype, dims };
        if ty.bytes() != bytes.len() {
            return Err(TensorSizeError { need: ty.bytes(), have: bytes.len(), ty });
        }
        Ok(Self { dtype, dims: ty.dims, bytes })
    }
    /// A tensor of zero bytes.
    pub fn zeros(ty: &TensorType) -> Self {
        Self { dtype: ty.dtype, dims: ty.dims.clone(), bytes: vec![0; ty.bytes()].into() }
    }
    /// Its type.
    pub fn ty(&self) -> TensorType {
        TensorType { dtype: self.dtype, dims: self.dims.clone() }
    }
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }
    /// The same bytes under other extents of equal product.
    pub fn reshaped(&self, dims: impl Into<Vec<usize>>) -> Result<Self, TensorSizeError> {
        Self::new(self.dtype, dims.into(), self.bytes.clone())
    }
    /// Raw bits of element `i`, zero-extended.
    pub fn bits(&self, i: usize) -> u64 {
        let s = self.dtype.size();
        let mut b = [0u8; 8];
        b[..s].copy_from_slice(&self.bytes[i * s..(i + 1) * s]);
        u64::from_le_bytes(b)
    }
    /// The integer value of element `i` (bool as 0 or 1); `None` for floats.
    pub fn int(&self, i: usize) -> Option<i128> {
        let b = self.bits(i);
        Some(match self.dtype {
            DType::I8 => i128::from(b as u8 as i8),
            DType::I16 => i128::from(b as u16 as i16),
            DType::I32 => i128::from(b as u32 as i32),
            DType::I64 => i128::from(b as i64),
            DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool => i128::from(b),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => return None,
        })
    }
    /// All integer values, for shapes, axes and the like; `None` for floats or values outside i64.
    pub fn ints(&self) -> Option<Vec<i64>> {
        (0..self.elements()).map(|i| self.int(i).and_then(|v| i64::try_from(v).ok())).collect()
    }
    typed_access! {
        from_f32 to_f32 f32, F32; from_f64 to_f64 f64, F64; from_i64 to_i64 i64, I64; from_i32 to_i32 i32, I32;
        from_i16 to_i16 i16, I16; from_i8 to_i8 i8, I8; from_u8 to_u8 u8, U8; from_u16 to_u16 u16, U16;
        from_u32 to_u32 u32, U32; from_u64 to_u64 u64, U64;
    }
    /// A bool tensor.
    pub fn from_bool(dims: impl Into<Vec<usize>>, xs: &[bool]) -> Tensor {
        let bytes: Vec<u8> = xs.iter().map(|&x| u8::from(x)).collect();
        Tensor::new(DType::Bool, dims.into(), bytes).expect("element count fits the extents")
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, {} bytes)", self.ty(), self.bytes.len())
    }
}
