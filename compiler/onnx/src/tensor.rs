//! `TensorProto` and `SparseTensorProto` to [`Tensor`] and back.

use crate::error::Problem;
use crate::external::External;
use crate::proto::{SparseTensorProto, TensorProto, tensor_proto::DataLocation};
use ir::{DType, Tensor};
use prost::Message;

/// Why the bytes of a `TensorProto` gave no tensor.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TensorError {
    /// A correct message that holds what we do not have: another element type, a sequence, external data.
    #[error("unsupported tensor: {0}")]
    Unsupported(String),
    /// Not the message of a correct tensor.
    #[error("bad tensor: {0}")]
    Bad(String),
}

/// Reads a serialised `TensorProto` (the `.pb` files of conformance directories); gives its name (empty if it has
/// none) and the tensor. External data are refused.
pub fn read_tensor(bytes: &[u8]) -> Result<(String, Tensor), TensorError> {
    let proto = TensorProto::decode(bytes).map_err(|e| TensorError::Bad(e.to_string()))?;
    let name = proto.name.clone().unwrap_or_default();
    match dense(proto, &mut External::new(None)) {
        Ok(t) => Ok((name, t)),
        Err(Problem { kind: crate::ErrorKind::Unsupported, message }) => Err(TensorError::Unsupported(message)),
        Err(Problem { message, .. }) => Err(TensorError::Bad(message)),
    }
}

/// A serialised `TensorProto` with `raw_data`.
pub fn write_tensor(name: &str, t: &Tensor) -> Vec<u8> {
    to_proto(name, t).encode_to_vec()
}

/// The message of a tensor, with `raw_data`.
pub fn to_proto(name: &str, t: &Tensor) -> TensorProto {
    TensorProto {
        dims: t.dims.iter().map(|&d| i64::try_from(d).expect("a tensor in memory has extents below 2^63")).collect(),
        data_type: Some(t.dtype.onnx_code()),
        raw_data: Some(t.bytes.to_vec()),
        name: Some(name.into()),
        ..TensorProto::default()
    }
}

/// The element type of an ONNX code.
pub fn dtype(code: i32) -> Result<DType, Problem> {
    use crate::proto::tensor_proto::DataType;
    match (DType::from_onnx_code(code), DataType::try_from(code)) {
        (Some(d), _) => Ok(d),
        (None, Ok(DataType::Undefined)) => Err(Problem::invalid("the element type is undefined")),
        (None, Ok(d)) => Err(Problem::unsupported(format!("element type {} is not supported", d.as_str_name()))),
        (None, Err(_)) => Err(Problem::invalid(format!("{code} is no element type"))),
    }
}

/// Extents as `usize`, and the bytes of a dense tensor: checked, nothing is allocated.
fn extents(dims: &[i64], dtype: DType) -> Result<(Vec<usize>, usize), Problem> {
    if dims.len() > MAX_RANK {
        return Err(Problem::unsupported(format!("rank {} is more than {MAX_RANK}", dims.len())));
    }
    let mut out = Vec::with_capacity(dims.len());
    for &d in dims {
        out.push(usize::try_from(d).map_err(|_| Problem::invalid(format!("extent {d} is negative")))?);
    }
    let bytes = out
        .iter()
        .try_fold(dtype.size(), |a, &d| a.checked_mul(d))
        .filter(|&n| n <= MAX_BYTES)
        .ok_or_else(|| Problem::invalid(format!("extents {dims:?} are too large")))?;
    Ok((out, bytes))
}

/// Ranks beyond this have no use and make shapes of hostile size.
const MAX_RANK: usize = 64;
/// Most bytes of one tensor (the size of a protobuf message is bounded by the same number).
const MAX_BYTES: usize = (1 << 31) - 1;

/// The tensor of a message, whatever its encoding.
pub fn dense(mut p: TensorProto, external: &mut External) -> Result<Tensor, Problem> {
    let dtype = dtype(p.data_type.unwrap_or(0))?;
    let (dims, need) = extents(&p.dims, dtype)?;
    if p.segment.is_some() {
        return Err(Problem::unsupported("segmented tensors are not supported"));
    }
    let location = p.data_location.unwrap_or(0);
    let bytes = if location == i32::from(DataLocation::External) {
        if p.raw_data.is_some() || typed_len(&p) > 0 {
            return Err(Problem::invalid("external data and data in the file at the same time"));
        }
        external.read(&p.external_data, need)?
    } else if location != 0 {
        return Err(Problem::invalid(format!("{location} is no data location")));
    } else if let Some(raw) = p.raw_data.take() {
        if typed_len(&p) > 0 {
            return Err(Problem::invalid("raw_data and a typed field at the same time"));
        }
        raw
    } else {
        typed(&p, dtype, need / dtype.size())?
    };
    if bytes.len() != need {
        return Err(Problem::invalid(format!("extents {dims:?} of {dtype} need {need} bytes, found {}", bytes.len())));
    }
    if dtype == DType::Bool && bytes.iter().any(|&b| b > 1) {
        return Err(Problem::invalid("a bool element is neither 0 nor 1"));
    }
    Tensor::new(dtype, dims, bytes).map_err(|e| Problem::invalid(e.to_string()))
}

fn typed_len(p: &TensorProto) -> usize {
    p.float_data.len()
        + p.int32_data.len()
        + p.int64_data.len()
        + p.double_data.len()
        + p.uint64_data.len()
        + p.string_data.len()
}

/// Elements from the typed field that ONNX prescribes for the element type.
fn typed(p: &TensorProto, dtype: DType, elements: usize) -> Result<Vec<u8>, Problem> {
    let found = match dtype {
        DType::F32 => p.float_data.len(),
        DType::F64 => p.double_data.len(),
        DType::I64 => p.int64_data.len(),
        DType::U32 | DType::U64 => p.uint64_data.len(),
        DType::I8 | DType::I16 | DType::I32 | DType::U8 | DType::U16 | DType::Bool | DType::F16 | DType::BF16 => {
            p.int32_data.len()
        }
    };
    if found != typed_len(p) {
        return Err(Problem::invalid(format!("elements of {dtype} are in a field of another type")));
    }
    if found != elements {
        return Err(Problem::invalid(format!("extents {:?} need {elements} elements, found {found}", p.dims)));
    }
    let narrow = |what: &dyn Fn(i32) -> Option<Vec<u8>>| -> Result<Vec<u8>, Problem> {
        let mut out = Vec::with_capacity(elements * dtype.size());
        for &x in &p.int32_data {
            out.extend(what(x).ok_or_else(|| Problem::invalid(format!("{x} does not fit {dtype}")))?);
        }
        Ok(out)
    };
    match dtype {
        DType::F32 => Ok(p.float_data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        DType::F64 => Ok(p.double_data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        DType::I64 => Ok(p.int64_data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        DType::U64 => Ok(p.uint64_data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        DType::U32 => {
            let mut out = Vec::with_capacity(elements * 4);
            for &x in &p.uint64_data {
                let x = u32::try_from(x).map_err(|_| Problem::invalid(format!("{x} does not fit u32")))?;
                out.extend(x.to_le_bytes());
            }
            Ok(out)
        }
        DType::I32 => Ok(p.int32_data.iter().flat_map(|x| x.to_le_bytes()).collect()),
        DType::I8 => narrow(&|x| i8::try_from(x).ok().map(|v| v.to_le_bytes().to_vec())),
        DType::I16 => narrow(&|x| i16::try_from(x).ok().map(|v| v.to_le_bytes().to_vec())),
        DType::U8 | DType::Bool => narrow(&|x| u8::try_from(x).ok().map(|v| vec![v])),
        // The 16 bits of a half float lie in the low half of the integer.
        DType::U16 | DType::F16 | DType::BF16 => narrow(&|x| u16::try_from(x).ok().map(|v| v.to_le_bytes().to_vec())),
    }
}

/// Name and dense form of a sparse tensor (COO; indices of shape `[nnz]`, linear, or `[nnz, rank]`). The indices have to
/// ascend without repetition, as ONNX demands.
pub fn sparse(p: SparseTensorProto, external: &mut External) -> Result<Tensor, Problem> {
    let values = p.values.ok_or_else(|| Problem::invalid("a sparse tensor without values"))?;
    let values = dense(values, external)?;
    let (dims, need) = extents(&p.dims, values.dtype)?;
    if need > MAX_SPARSE_BYTES {
        return Err(Problem::unsupported(format!("a sparse tensor of {need} bytes when dense")));
    }
    external.charge(need)?;
    let [nnz] = values.dims[..] else { return Err(Problem::invalid("values of a sparse tensor are not 1-D")) };
    let mut bytes = vec![0u8; need];
    if nnz > 0 {
        let indices = p.indices.ok_or_else(|| Problem::invalid("a sparse tensor without indices"))?;
        let indices = dense(indices, external)?;
        let at = linear_indices(&indices, &dims, nnz)?;
        let size = values.dtype.size();
        for (i, &k) in at.iter().enumerate() {
            bytes[k * size..(k + 1) * size].copy_from_slice(&values.bytes[i * size..(i + 1) * size]);
        }
    }
    Tensor::new(values.dtype, dims, bytes).map_err(|e| Problem::invalid(e.to_string()))
}

/// Most bytes of one sparse tensor when dense: a few bytes of file may not become gigabytes.
const MAX_SPARSE_BYTES: usize = 64 << 20;

fn linear_indices(indices: &Tensor, dims: &[usize], nnz: usize) -> Result<Vec<usize>, Problem> {
    let raw = indices.to_i64().ok_or_else(|| Problem::invalid("indices of a sparse tensor are not i64"))?;
    let bad = |i: usize| Problem::invalid(format!("index {i} of a sparse tensor is out of range"));
    let total: usize = dims.iter().product();
    let mut out = Vec::with_capacity(nnz);
    match indices.dims[..] {
        [n] if n == nnz => {
            for (i, &x) in raw.iter().enumerate() {
                out.push(usize::try_from(x).ok().filter(|&k| k < total).ok_or_else(|| bad(i))?);
            }
        }
        [n, rank] if n == nnz && rank == dims.len() && rank > 0 => {
            for (i, row) in raw.chunks(rank).enumerate() {
                let mut k = 0;
                for (&x, &d) in row.iter().zip(dims) {
                    k = k * d + usize::try_from(x).ok().filter(|&x| x < d).ok_or_else(|| bad(i))?;
                }
                out.push(k);
            }
        }
        _ => return Err(Problem::invalid(format!("indices {} do not fit {nnz} values", indices.ty()))),
    }
    if out.windows(2).any(|w| w[0] >= w[1]) {
        return Err(Problem::invalid("indices of a sparse tensor do not ascend"));
    }
    Ok(out)
}
