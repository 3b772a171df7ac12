//! Values with bounds: what the interpreter computes for each tensor.
//!
//! Float state per element (NUMERICS.md 3): value `v`, radius `e` of what may be stored, and inside a linear region the
//! inherited error `eB`, the value `M` on absolute values, and per tensor the number of roundings `D` on a path and a
//! grid `2^g` of which all values are multiples.

use crate::contract::Format;
use crate::error::{OpResult, invalid, unsupported};
use crate::round;
use ir::{DType, Tensor};
use ndarray::ArrayViewD;
use std::borrow::Cow;

/// The open linear region that a value belongs to.
#[derive(Clone, PartialEq, Debug)]
pub struct Linear {
    /// Error inherited from outside of the region, per element.
    pub eb: Vec<f64>,
    /// The region evaluated on absolute values of its finite terms, per element.
    pub m: Vec<f64>,
    /// Roundings on a path under any re-association, in units of the accumulator's roundoff.
    pub d: f64,
}

/// Float elements.
#[derive(Clone, PartialEq, Debug)]
pub struct Float {
    /// Values; unrounded, so a value need not be a number of its element type unless its radius is 0.
    pub value: Vec<f64>,
    /// Radii: 0 = equal (up to −0 and NaN payloads), infinite = undecided.
    pub radius: Vec<f64>,
    /// Open linear region; `None` = collapsed (`eB` = radius, `M` = |value|, `D` = 0).
    pub linear: Option<Linear>,
    /// Elements for which NaN is reachable although the value is none; `None` = nowhere. Sticky through saturating functions.
    pub nan: Option<Vec<bool>>,
    /// All values (whatever their radii admit) are multiples of `2^grid`.
    pub grid: Option<i32>,
}

/// Integer and bool elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Int {
    /// Exact values (bool: 0 or 1).
    pub value: Vec<i128>,
    /// Inclusive range of reachable values per element; `None` = all decided.
    pub hull: Option<Vec<(i128, i128)>>,
}

/// Elements of a tensor.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// f16, bf16, f32, f64.
    Float(Float),
    /// Integers and bool.
    Int(Int),
}

/// A tensor with bounds; row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Bounded {
    /// Element type.
    pub dtype: DType,
    /// Extents, outermost first.
    pub dims: Vec<usize>,
    /// Elements.
    pub data: Data,
}

/// Grid of data that are all zero: every grid fits.
pub const GRID_OF_ZERO: i32 = 1000;

impl Float {
    /// Exact values: radius 0, the grid measured.
    pub fn exact(value: Vec<f64>) -> Float {
        let mut grid = Some(GRID_OF_ZERO);
        for &x in &value {
            match round::low_bit_exp(x) {
                Some(k) => grid = grid.map(|g| g.min(k)),
                None if x == 0.0 => {}
                None => {
                    grid = None;
                    break;
                }
            }
        }
        Float { radius: vec![0.0; value.len()], value, linear: None, nan: None, grid }
    }
    /// Smallest value that the radius admits (Inf values are exact).
    pub fn lo(&self, i: usize) -> f64 {
        match self.radius[i] {
            0.0 => self.value[i],
            f64::INFINITY => f64::NEG_INFINITY,
            e => self.value[i] - e,
        }
    }
    /// Largest value that the radius admits.
    pub fn hi(&self, i: usize) -> f64 {
        match self.radius[i] {
            0.0 => self.value[i],
            f64::INFINITY => f64::INFINITY,
            e => self.value[i] + e,
        }
    }
    /// Whether NaN is reachable (or certain).
    pub fn may_nan(&self, i: usize) -> bool {
        self.value[i].is_nan() || self.nan.as_ref().is_some_and(|n| n[i])
    }
    /// Whether anything is reachable: an infinite radius, or a NaN value that is flagged as merely reachable (an
    /// undecided NaN that passed through an operator without a radius).
    pub fn open(&self, i: usize) -> bool {
        self.radius[i].is_infinite() || self.value[i].is_nan() && self.nan.as_ref().is_some_and(|n| n[i])
    }
    /// Gives undecided elements one form: the value is a number, the radius infinite, NaN flagged if it is reachable. A value that is
    /// NaN or infinite is certain then (up to the flag beside an infinity), and kernels need not ask what else is reachable:
    /// an undecided NaN that a kernel takes for a certain one was behind every false alarm of the first campaigns.
    fn settle(&mut self) {
        if all_finite(&self.value) {
            return;
        }
        for i in 0..self.value.len() {
            let v = self.value[i];
            if v.is_finite() || !self.open(i) {
                continue;
            }
            if v.is_nan() {
                let n = self.value.len();
                self.nan.get_or_insert_with(|| vec![false; n])[i] = true;
            }
            self.value[i] = 0.0;
            self.radius[i] = f64::INFINITY;
        }
    }
    /// Inherited error `eB`.
    pub fn eb(&self) -> &[f64] {
        self.linear.as_ref().map_or(&self.radius, |l| &l.eb)
    }
    /// `M`: infinite and NaN terms count 0, the value shows them.
    pub fn m(&self) -> Cow<'_, [f64]> {
        match &self.linear {
            Some(l) => Cow::Borrowed(&l.m),
            None => Cow::Owned(self.value.iter().map(|x| if x.is_finite() { x.abs() } else { 0.0 }).collect()),
        }
    }
    /// `D`.
    pub fn d(&self) -> f64 {
        self.linear.as_ref().map_or(0.0, |l| l.d)
    }
    /// Which elements are undecided altogether (infinite radius or NaN reachable); `None` if none is.
    pub fn poison(&self) -> Option<Vec<bool>> {
        let bad = |i: usize| self.radius[i].is_infinite() || self.nan.as_ref().is_some_and(|n| n[i]);
        let any = self.nan.is_some() || !all_finite(&self.radius);
        any.then(|| (0..self.value.len()).map(bad).collect())
    }
    fn map_index(&self, idx: &[usize]) -> Float {
        let pick = |x: &[f64]| idx.iter().map(|&i| x[i]).collect::<Vec<_>>();
        Float {
            value: pick(&self.value),
            radius: pick(&self.radius),
            linear: self.linear.as_ref().map(|l| Linear { eb: pick(&l.eb), m: pick(&l.m), d: l.d }),
            nan: self.nan.as_ref().map(|n| idx.iter().map(|&i| n[i]).collect()),
            grid: self.grid,
        }
    }
    fn concat(parts: &[&Float]) -> Float {
        let all = |f: &dyn Fn(&Float) -> Vec<f64>| parts.iter().flat_map(|p| f(p)).collect::<Vec<_>>();
        let linear = parts.iter().any(|p| p.linear.is_some()).then(|| Linear {
            eb: all(&|p| p.eb().to_vec()),
            m: all(&|p| p.m().into_owned()),
            d: parts.iter().map(|p| p.d()).fold(0.0, f64::max),
        });
        let nan = parts
            .iter()
            .any(|p| p.nan.is_some())
            .then(|| parts.iter().flat_map(|p| p.nan.clone().unwrap_or_else(|| vec![false; p.value.len()])).collect());
        let grid = parts.iter().try_fold(GRID_OF_ZERO, |g, p| p.grid.map(|k| k.min(g)));
        Float { value: all(&|p| p.value.clone()), radius: all(&|p| p.radius.clone()), linear, nan, grid }
    }
}

impl Int {
    /// Decided values.
    pub fn exact(value: Vec<i128>) -> Int {
        Int { value, hull: None }
    }
    /// Values with hulls; `hull` is dropped where everything is decided.
    pub fn with_hull(value: Vec<i128>, hull: Vec<(i128, i128)>) -> Int {
        let open = hull.iter().any(|(a, b)| a != b);
        Int { value, hull: open.then_some(hull) }
    }
    /// From (value, reachable range), element by element. A hull is kept from the first undecided element on: what is decided is
    /// its own hull.
    pub fn collect(it: impl Iterator<Item = (i128, (i128, i128))>) -> Int {
        let mut value = Vec::with_capacity(it.size_hint().0);
        let mut hull: Option<Vec<(i128, i128)>> = None;
        for (v, range) in it {
            match &mut hull {
                Some(h) => h.push(range),
                None if range.0 != range.1 => {
                    hull = Some(value.iter().map(|&v| (v, v)).chain([range]).collect());
                }
                None => {}
            }
            value.push(v);
        }
        Int { value, hull }
    }
    /// Values of a type of which those that `open` names may be anything.
    pub fn with_open(value: Vec<i128>, dtype: DType, open: impl Fn(usize) -> bool) -> Int {
        let full = round::int_range(dtype).unwrap_or((0, 0));
        let hull = value.iter().enumerate().map(|(i, &v)| if open(i) { full } else { (v, v) }).collect();
        Int::with_hull(value, hull)
    }
    /// Whether element `i` may have more than one value.
    pub fn open(&self, i: usize) -> bool {
        self.range(i).0 != self.range(i).1
    }
    /// Reachable range of element `i`.
    pub fn range(&self, i: usize) -> (i128, i128) {
        self.hull.as_ref().map_or((self.value[i], self.value[i]), |h| h[i])
    }
}

/// The elements of a float tensor; exact.
pub(crate) fn floats(t: &Tensor, fmt: Format) -> Vec<f64> {
    let halves = || t.bytes.as_chunks::<2>().0.iter().map(|c| u64::from(u16::from_le_bytes(*c)));
    match fmt {
        Format::F64 => t.bytes.as_chunks::<8>().0.iter().map(|c| f64::from_le_bytes(*c)).collect(),
        Format::F32 => t.bytes.as_chunks::<4>().0.iter().map(|c| f64::from(f32::from_le_bytes(*c))).collect(),
        Format::F16 | Format::BF16 => halves().map(|bits| round::decode(bits, fmt)).collect(),
    }
}

/// The elements of an integer tensor.
fn integers(t: &Tensor) -> Vec<i128> {
    match t.dtype {
        DType::Bool | DType::U8 => t.bytes.iter().map(|&b| i128::from(b)).collect(),
        DType::I8 => t.bytes.iter().map(|&b| i128::from(b as i8)).collect(),
        DType::I32 => t.bytes.as_chunks::<4>().0.iter().map(|c| i128::from(i32::from_le_bytes(*c))).collect(),
        DType::I64 => t.bytes.as_chunks::<8>().0.iter().map(|c| i128::from(i64::from_le_bytes(*c))).collect(),
        _ => (0..t.elements()).map(|i| t.int(i).expect("a type that is no float is an integer")).collect(),
    }
}

/// Whether no value is infinite or NaN. (No early exit: most are finite, and this vectorises.)
pub fn all_finite(x: &[f64]) -> bool {
    x.iter().fold(true, |all, v| all & v.is_finite())
}

/// An integer as a float; rounded beyond 53 bits.
#[inline]
pub fn to_f64(x: i128) -> f64 {
    // The conversion from i64 is one instruction, that from i128 a call.
    i64::try_from(x).map_or_else(|_| x as f64, |x| x as f64)
}

fn same_floats(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
}

impl Bounded {
    /// Whether another tensor is the same in every bit: type, extents, elements, radii, region, flags.
    pub fn same_bits(&self, o: &Bounded) -> bool {
        let floats = |a: &Float, b: &Float| {
            let region = match (&a.linear, &b.linear) {
                (None, None) => true,
                (Some(p), Some(q)) => {
                    p.d.to_bits() == q.d.to_bits() && same_floats(&p.eb, &q.eb) && same_floats(&p.m, &q.m)
                }
                _ => false,
            };
            let flags = a.grid == b.grid && a.nan == b.nan;
            region && flags && same_floats(&a.value, &b.value) && same_floats(&a.radius, &b.radius)
        };
        self.dtype == o.dtype
            && self.dims == o.dims
            && match (&self.data, &o.data) {
                (Data::Float(a), Data::Float(b)) => floats(a, b),
                (Data::Int(a), Data::Int(b)) => a == b,
                _ => false,
            }
    }
    /// Exact values of a tensor.
    pub fn from_tensor(t: &Tensor) -> Bounded {
        let data = match Format::of(t.dtype) {
            Some(f) => Data::Float(Float::exact(floats(t, f))),
            None => Data::Int(Int::exact(integers(t))),
        };
        Bounded { dtype: t.dtype, dims: t.dims.clone(), data }
    }
    /// Floats of a type and shape; undecided elements are brought to their one form (see [`Float::settle`]).
    pub fn from_float(dtype: DType, dims: Vec<usize>, mut f: Float) -> Bounded {
        f.settle();
        Bounded { dtype, dims, data: Data::Float(f) }
    }
    /// The same with an infinite radius wherever NaN is flagged as reachable.
    pub fn flags_open(&self) -> Bounded {
        let mut b = self.clone();
        if let Data::Float(Float { radius, nan: Some(nan), .. }) = &mut b.data {
            radius.iter_mut().zip(nan).filter(|(_, n)| **n).for_each(|(e, _)| *e = f64::INFINITY);
        }
        b
    }
    /// Integers of a type and shape.
    pub fn from_int(dtype: DType, dims: Vec<usize>, i: Int) -> Bounded {
        Bounded { dtype, dims, data: Data::Int(i) }
    }
    /// Decided bools.
    pub fn from_bools(dims: Vec<usize>, xs: impl Iterator<Item = bool>) -> Bounded {
        Bounded::from_int(DType::Bool, dims, Int::exact(xs.map(i128::from).collect()))
    }
    /// Decided int64.
    pub fn from_i64(dims: Vec<usize>, xs: impl Iterator<Item = i64>) -> Bounded {
        Bounded::from_int(DType::I64, dims, Int::exact(xs.map(i128::from).collect()))
    }
    /// The values as a tensor of the declared type: correctly rounded floats, wrapped integers.
    pub fn to_tensor(&self) -> Tensor {
        let size = self.dtype.size();
        let mut bytes = Vec::with_capacity(self.elements() * size);
        match (&self.data, Format::of(self.dtype)) {
            (Data::Float(f), Some(fmt)) => {
                for &x in &f.value {
                    let bits = round::encode(round::round(x, fmt), fmt);
                    bytes.extend_from_slice(&bits.to_le_bytes()[..size]);
                }
            }
            (Data::Float(f), None) => {
                for &x in &f.value {
                    bytes.extend_from_slice(&(x as i64).to_le_bytes()[..size]);
                }
            }
            (Data::Int(v), _) => {
                for &x in &v.value {
                    bytes.extend_from_slice(&x.to_le_bytes()[..size]);
                }
            }
        }
        Tensor::new(self.dtype, self.dims.clone(), bytes).expect("one element was written per element of the extents")
    }
    /// Number of elements.
    pub fn elements(&self) -> usize {
        match &self.data {
            Data::Float(f) => f.value.len(),
            Data::Int(i) => i.value.len(),
        }
    }
    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }
    /// The floats, or an error that names what was found.
    pub fn float(&self) -> OpResult<&Float> {
        match &self.data {
            Data::Float(f) => Ok(f),
            Data::Int(_) => invalid(format!("a float tensor is needed, found {}", self.dtype)),
        }
    }
    /// The integers, or an error that names what was found.
    pub fn int(&self) -> OpResult<&Int> {
        match &self.data {
            Data::Int(i) => Ok(i),
            Data::Float(_) => invalid(format!("an integer or bool tensor is needed, found {}", self.dtype)),
        }
    }
    /// Decided integers within i64, for shapes, axes and the like.
    pub fn ints(&self) -> OpResult<Vec<i64>> {
        let i = self.int()?;
        if i.hull.is_some() {
            return unsupported("a shape-like operand depends on an undecided value");
        }
        i.value
            .iter()
            .map(|&x| i64::try_from(x).or_else(|_| invalid("a shape-like operand is outside of int64")))
            .collect()
    }
    /// Reachable interval of element `i` as f64 (integers beyond 2^53 are rounded; use [`Int::range`] where that matters).
    pub fn interval(&self, i: usize) -> (f64, f64) {
        match &self.data {
            Data::Float(f) => (f.lo(i), f.hi(i)),
            Data::Int(v) => {
                let (a, b) = v.range(i);
                (to_f64(a), to_f64(b))
            }
        }
    }
    /// Elements at linear indices, as a tensor of the given extents. Everything moves along: radius, region, flags.
    pub fn take(&self, idx: &[usize], dims: Vec<usize>) -> Bounded {
        let data = match &self.data {
            Data::Float(f) => Data::Float(f.map_index(idx)),
            Data::Int(v) => Data::Int(Int {
                value: idx.iter().map(|&i| v.value[i]).collect(),
                hull: v.hull.as_ref().map(|h| idx.iter().map(|&i| h[i]).collect()),
            }),
        };
        Bounded { dtype: self.dtype, dims, data }
    }
    /// The elements that a view of linear indices lists, in its shape.
    pub fn moved(&self, from: &ArrayViewD<'_, usize>) -> Bounded {
        self.take(&crate::index::listed(from), from.shape().to_vec())
    }
    /// The same elements under other extents of equal product.
    pub fn reshaped(&self, dims: Vec<usize>) -> OpResult<Bounded> {
        let n = dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d));
        if n != Some(self.elements()) {
            return invalid(format!("{} elements do not fit the shape {dims:?}", self.elements()));
        }
        Ok(Bounded { dims, ..self.clone() })
    }
    /// All elements of several tensors of one type in one flat tensor, to [`Bounded::take`] from.
    pub fn pool(parts: &[&Bounded]) -> OpResult<Bounded> {
        let Some(first) = parts.first() else { return invalid("at least one tensor is needed") };
        if let Some(p) = parts.iter().find(|p| p.dtype != first.dtype) {
            return invalid(format!("element types differ: {} and {}", first.dtype, p.dtype));
        }
        let data = match &first.data {
            Data::Float(_) => {
                let fs = parts.iter().map(|p| p.float()).collect::<OpResult<Vec<_>>>()?;
                Data::Float(Float::concat(&fs))
            }
            Data::Int(_) => {
                let is = parts.iter().map(|p| p.int()).collect::<OpResult<Vec<_>>>()?;
                let hull = is.iter().any(|i| i.hull.is_some());
                Data::Int(Int {
                    value: is.iter().flat_map(|i| i.value.iter().copied()).collect(),
                    hull: hull.then(|| is.iter().flat_map(|i| (0..i.value.len()).map(|k| i.range(k))).collect()),
                })
            }
        };
        let n = parts.iter().map(|p| p.elements()).sum();
        Ok(Bounded { dtype: first.dtype, dims: vec![n], data })
    }
    /// A scalar zero of a type.
    pub fn zero(dtype: DType) -> Bounded {
        let data = if dtype.is_float() { Data::Float(Float::exact(vec![0.0])) } else { Data::Int(Int::exact(vec![0])) };
        Bounded { dtype, dims: Vec::new(), data }
    }
}
