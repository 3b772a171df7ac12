//! What a sampled execution holds: floats as binary64 carriers (numbers of their type where stored), integers as i64.

use super::num;
use ir::{DType, Tensor};

/// Elements.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// f32, bf16, f16.
    F(Vec<f64>),
    /// Integers and bool.
    I(Vec<i64>),
}

/// A tensor of an execution; row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub dims: Vec<usize>,
    /// Elements.
    pub data: Data,
}

/// Why a graph is not sampled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Lacking(pub String);

/// Result of a kernel.
pub type Run<T> = Result<T, Lacking>;

/// A refusal.
pub fn lacking<T>(what: impl Into<String>) -> Run<T> {
    Err(Lacking(what.into()))
}

impl Value {
    /// Floats.
    pub fn floats(dtype: DType, dims: impl Into<Vec<usize>>, xs: Vec<f64>) -> Value {
        Value { dtype, dims: dims.into(), data: Data::F(xs) }
    }
    /// Integers.
    pub fn ints(dtype: DType, dims: impl Into<Vec<usize>>, xs: Vec<i64>) -> Value {
        Value { dtype, dims: dims.into(), data: Data::I(xs) }
    }
    /// From a graph's tensor.
    pub fn of(t: &Tensor) -> Run<Value> {
        let n = t.elements();
        let data = if let Some(xs) = t.to_f32() {
            Data::F(xs.into_iter().map(f64::from).collect())
        } else if t.dtype == DType::BF16 {
            Data::F((0..n).map(|i| f64::from(f32::from_bits((t.bits(i) as u32) << 16))).collect())
        } else if let Some(xs) = t.ints() {
            Data::I(xs)
        } else {
            return lacking(format!("tensors of {}", t.dtype));
        };
        Ok(Value { dtype: t.dtype, dims: t.dims.clone(), data })
    }
    /// As a tensor: floats rounded to the type (stored ones already are), NaN as the quiet one without payload.
    pub fn tensor(&self) -> Tensor {
        let size = self.dtype.size();
        let mut bytes = Vec::with_capacity(self.len() * size);
        match &self.data {
            Data::F(xs) => xs.iter().for_each(|&x| bytes.extend(&float_bits(x, self.dtype).to_le_bytes()[..size])),
            Data::I(xs) => xs.iter().for_each(|x| bytes.extend(&x.to_le_bytes()[..size])),
        }
        Tensor::new(self.dtype, self.dims.clone(), bytes).expect("one element was written per element of the extents")
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::F(x) => x.len(),
            Data::I(x) => x.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The floats.
    pub fn f(&self) -> Run<&[f64]> {
        match &self.data {
            Data::F(x) => Ok(x),
            Data::I(_) => lacking(format!("a float kernel on {}", self.dtype)),
        }
    }
    /// The integers.
    pub fn i(&self) -> Run<&[i64]> {
        match &self.data {
            Data::I(x) => Ok(x),
            Data::F(_) => lacking(format!("an integer kernel on {}", self.dtype)),
        }
    }
    /// Elements at positions, under new extents.
    pub fn take(&self, at: &[usize], dims: impl Into<Vec<usize>>) -> Value {
        let data = match &self.data {
            Data::F(x) => Data::F(at.iter().map(|&i| x[i]).collect()),
            Data::I(x) => Data::I(at.iter().map(|&i| x[i]).collect()),
        };
        Value { dtype: self.dtype, dims: dims.into(), data }
    }
    /// Repeated to a shape by numpy's rules.
    pub fn spread(&self, dims: &[usize]) -> Value {
        if self.dims == dims { self.clone() } else { self.take(&broadcast_index(&self.dims, dims), dims) }
    }
}

fn float_bits(x: f64, d: DType) -> u64 {
    match d {
        DType::BF16 if x.is_nan() => 0x7fc0,
        DType::BF16 => u64::from((num::round(x, num::BF16) as f32).to_bits() >> 16),
        DType::F16 => f16_bits(num::round(x, num::F16)),
        _ if x.is_nan() => 0x7fc0_0000,
        _ => u64::from((x as f32).to_bits()),
    }
}

/// Bits of a binary16 number (IEEE 754 table 3.5).
fn f16_bits(x: f64) -> u64 {
    let sign = (x.to_bits() >> 63) << 15;
    if x.is_nan() {
        0x7e00
    } else if x.is_infinite() {
        sign | 0x7c00
    } else if x.abs() < num::pow2(-14) {
        sign | (x.abs() * num::pow2(24)) as u64
    } else {
        let e = num::exponent(x);
        sign | (((e + 15) as u64) << 10) | ((x.to_bits() >> 42) & 0x3ff)
    }
}

/// Row-major strides.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut s = vec![1; dims.len()];
    for i in (0..dims.len().saturating_sub(1)).rev() {
        s[i] = s[i + 1] * dims[i + 1];
    }
    s
}

/// For each element of `to`, the element of `from` that broadcasting puts there.
pub fn broadcast_index(from: &[usize], to: &[usize]) -> Vec<usize> {
    let (lead, st) = (to.len().saturating_sub(from.len()), strides(from));
    let step: Vec<usize> =
        (0..to.len()).map(|k| if k < lead || from[k - lead] == 1 { 0 } else { st[k - lead] }).collect();
    walk(to, 0, &step)
}

/// Linear positions `base + sum i_k step_k` over all indices of `dims` in row-major order.
pub fn walk(dims: &[usize], base: usize, step: &[usize]) -> Vec<usize> {
    let mut at = vec![base];
    for (&d, &s) in dims.iter().zip(step) {
        at = at.iter().flat_map(|&p| (0..d).map(move |i| p + i * s)).collect();
    }
    at
}

/// Product of extents.
pub fn count(dims: &[usize]) -> usize {
    dims.iter().product()
}
