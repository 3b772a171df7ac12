//! Between logical row-major tensors and the physical bytes of F; element types of the two sides.

use crate::bytes::{get, put_at};
use ir::Tensor;
use lir::fused::{FTensor, Layout};

/// The machine's element type of a graph element type; `None` for f64.
pub fn to_isa(dtype: ir::DType) -> Option<isa::DType> {
    Some(match dtype {
        ir::DType::I8 => isa::DType::S8,
        ir::DType::U8 => isa::DType::U8,
        ir::DType::I16 => isa::DType::S16,
        ir::DType::U16 => isa::DType::U16,
        ir::DType::I32 => isa::DType::S32,
        ir::DType::U32 => isa::DType::U32,
        ir::DType::I64 => isa::DType::S64,
        ir::DType::U64 => isa::DType::U64,
        ir::DType::F16 => isa::DType::F16,
        ir::DType::BF16 => isa::DType::Bf16,
        ir::DType::F32 => isa::DType::F32,
        ir::DType::Bool => isa::DType::Bool,
        ir::DType::F64 => return None,
    })
}

/// The graph's element type of a machine element type.
pub fn to_ir(dtype: isa::DType) -> ir::DType {
    match dtype {
        isa::DType::S8 => ir::DType::I8,
        isa::DType::U8 => ir::DType::U8,
        isa::DType::S16 => ir::DType::I16,
        isa::DType::U16 => ir::DType::U16,
        isa::DType::S32 => ir::DType::I32,
        isa::DType::U32 => ir::DType::U32,
        isa::DType::S64 => ir::DType::I64,
        isa::DType::U64 => ir::DType::U64,
        isa::DType::F16 => ir::DType::F16,
        isa::DType::Bf16 => ir::DType::BF16,
        isa::DType::F32 => ir::DType::F32,
        isa::DType::Bool => ir::DType::Bool,
    }
}

/// Images, channels and pixels of a channels-last tensor.
fn ncp(dims: &[usize]) -> (usize, usize, usize) {
    (dims[0], dims[1], dims[2..].iter().product())
}

/// Physical bytes of a logical row-major tensor with the extents and element size of `t`.
///
/// Panics if `x` has fewer bytes than `t`; callers compare the types first.
pub fn to_physical(t: &FTensor, x: &Tensor) -> Vec<u8> {
    if t.layout != Layout::ChannelsLast || t.dims.len() < 3 {
        return x.bytes.to_vec();
    }
    let (n, c, p) = ncp(&t.dims);
    let size = t.dtype.size() as usize;
    let mut out = vec![0; t.bytes()];
    for image in 0..n {
        for channel in 0..c {
            for pixel in 0..p {
                let bits = get(&x.bytes, size, (image * c + channel) * p + pixel);
                put_at(&mut out, size, ((image * p + pixel) * c + channel) * size, bits);
            }
        }
    }
    out
}

/// Logical row-major tensor of physical bytes; the inverse of [`to_physical`].
///
/// Panics if `bytes` is not `t.bytes()` long.
pub fn to_logical(t: &FTensor, bytes: &[u8]) -> Tensor {
    let mut out = bytes.to_vec();
    if t.layout == Layout::ChannelsLast && t.dims.len() >= 3 {
        let (n, c, p) = ncp(&t.dims);
        let size = t.dtype.size() as usize;
        for image in 0..n {
            for pixel in 0..p {
                for channel in 0..c {
                    let bits = get(bytes, size, (image * p + pixel) * c + channel);
                    put_at(&mut out, size, ((image * c + channel) * p + pixel) * size, bits);
                }
            }
        }
    }
    Tensor::new(to_ir(t.dtype), t.dims.clone(), out).expect("physical bytes have the tensor's size")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lir::fused::TensorDef;

    #[test]
    fn channels_last_moves_the_channel_inside_and_back() {
        let dims = vec![1, 2, 3];
        let t = FTensor {
            dtype: isa::DType::S16,
            dims: dims.clone(),
            layout: Layout::ChannelsLast,
            def: TensorDef::Input(0),
            value: None,
        };
        let x = Tensor::from_i16(dims, &[1, 2, 3, 4, 5, 6]);
        let physical = to_physical(&t, &x);
        let as_i16: Vec<i16> = physical.chunks(2).map(|c| i16::from_le_bytes([c[0], c[1]])).collect();
        assert_eq!(as_i16, [1, 4, 2, 5, 3, 6]);
        assert_eq!(to_logical(&t, &physical), x);
    }

    #[test]
    fn element_types_round_trip() {
        for &d in isa::DType::ALL {
            assert_eq!(to_isa(to_ir(d)), Some(d));
        }
    }
}
