//! Attributes of a node: a sorted list of names and values. After import every attribute with a default is present,
//! so a consumer asks and gets; the verifier checks names and kinds against the operator's schema.

use crate::tensor::Tensor;

/// One attribute value. Floats compare by bits, so that attributes have `Eq` and `Hash`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Attr {
    /// INT
    Int(i64),
    /// FLOAT, as bits; see [`Attr::float`].
    Float(u32),
    /// STRING
    Str(String),
    /// INTS
    Ints(Vec<i64>),
    /// FLOATS, as bits.
    Floats(Vec<u32>),
    /// STRINGS
    Strs(Vec<String>),
    /// TENSOR
    Tensor(Tensor),
}

impl Attr {
    /// A float attribute.
    pub fn float(x: f32) -> Attr {
        Attr::Float(x.to_bits())
    }
    /// A float list.
    pub fn floats(xs: &[f32]) -> Attr {
        Attr::Floats(xs.iter().map(|x| x.to_bits()).collect())
    }
}

/// The attributes of a node, sorted by name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Attrs(Vec<(String, Attr)>);

impl Attrs {
    /// No attributes.
    pub fn none() -> Self {
        Self::default()
    }
    /// Adds or replaces; returns self, so that attributes are written in one expression.
    #[must_use]
    pub fn with(mut self, name: &str, a: Attr) -> Self {
        self.set(name, a);
        self
    }
    /// `with` for an integer.
    #[must_use]
    pub fn with_int(self, name: &str, x: i64) -> Self {
        self.with(name, Attr::Int(x))
    }
    /// `with` for an integer list.
    #[must_use]
    pub fn with_ints(self, name: &str, x: &[i64]) -> Self {
        self.with(name, Attr::Ints(x.to_vec()))
    }
    /// `with` for a float.
    #[must_use]
    pub fn with_float(self, name: &str, x: f32) -> Self {
        self.with(name, Attr::float(x))
    }
    /// `with` for a string.
    #[must_use]
    pub fn with_str(self, name: &str, x: &str) -> Self {
        self.with(name, Attr::Str(x.into()))
    }
    /// Adds or replaces.
    pub fn set(&mut self, name: &str, a: Attr) {
        match self.0.binary_search_by(|(n, _)| n.as_str().cmp(name)) {
            Ok(i) => self.0[i].1 = a,
            Err(i) => self.0.insert(i, (name.into(), a)),
        }
    }
    /// Removes.
    pub fn remove(&mut self, name: &str) -> Option<Attr> {
        let i = self.0.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(self.0.remove(i).1)
    }
    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.0.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok().map(|i| &self.0[i].1)
    }
    /// Whether it is present.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// An integer, if present and of that kind.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Attr::Int(x) => Some(*x),
            _ => None,
        }
    }
    /// Whether an integer attribute is present and not 0.
    pub fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|x| x != 0)
    }
    /// A float, if present and of that kind.
    pub fn f32(&self, name: &str) -> Option<f32> {
        match self.get(name)? {
            Attr::Float(x) => Some(f32::from_bits(*x)),
            _ => None,
        }
    }
    /// A string, if present and of that kind.
    pub fn str(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Attr::Str(x) => Some(x),
            _ => None,
        }
    }
    /// An integer list, if present and of that kind.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.get(name)? {
            Attr::Ints(x) => Some(x),
            _ => None,
        }
    }
    /// A float list, if present and of that kind.
    pub fn floats(&self, name: &str) -> Option<Vec<f32>> {
        match self.get(name)? {
            Attr::Floats(x) => Some(x.iter().map(|b| f32::from_bits(*b)).collect()),
            _ => None,
        }
    }
    /// A tensor, if present and of that kind.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        match self.get(name)? {
            Attr::Tensor(x) => Some(x),
            _ => None,
        }
    }
    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attr)> {
        self.0.iter().map(|(n, a)| (n.as_str(), a))
    }
    /// Number of attributes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
