//! What can be wrong with a model: every problem with its place and its blame.

use std::fmt;

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ErrorKind {
    /// A correct model that uses what we do not have: verdict `unsupported`.
    Unsupported,
    /// Well-formed protobuf that is no correct ONNX model: exit code 2.
    Invalid,
    /// Not the protobuf of a model at all, or bytes are missing: exit code 2.
    Malformed,
}

/// Where a problem is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum At {
    /// The model as a whole.
    Model,
    /// A declared input or output, or an initializer.
    Tensor(String),
    /// A node.
    Node {
        /// Its name, or `#index` where it has none; nodes of functions and branches are prefixed by the outer node.
        name: String,
        /// Index in the main graph.
        index: u32,
        /// Its `op_type`, prefixed by the domain if it is not the default one.
        op: String,
    },
    /// A function of the model.
    Function(String),
}

impl At {
    /// With names cut for messages.
    pub(crate) fn shortened(self) -> Self {
        let cut = |s: String| if s.len() > SHORT { short(&s).to_owned() } else { s };
        match self {
            At::Model => At::Model,
            At::Tensor(name) => At::Tensor(cut(name)),
            At::Node { name, index, op } => At::Node { name: cut(name), index, op: cut(op) },
            At::Function(name) => At::Function(cut(name)),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Model => f.write_str("model"),
            At::Tensor(name) => write!(f, "tensor `{}`", short(name)),
            At::Node { name, index, op } => write!(f, "node `{}` (#{index}, {})", short(name), short(op)),
            At::Function(name) => write!(f, "function `{}`", short(name)),
        }
    }
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {message}")]
pub struct ImportError {
    /// Blame.
    pub kind: ErrorKind,
    /// Place.
    pub at: At,
    /// What is wrong, for a person.
    pub message: String,
}

impl ImportError {
    /// A problem from its parts.
    pub fn new(kind: ErrorKind, at: At, message: impl Into<String>) -> Self {
        Self { kind, at, message: message.into() }
    }
}

/// All problems of a model, in the order in which they were found; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportErrors {
    /// The problems.
    pub errors: Vec<ImportError>,
}

impl ImportErrors {
    /// The worst blame: `Malformed` before `Invalid` before `Unsupported`.
    pub fn kind(&self) -> ErrorKind {
        self.errors.iter().map(|e| e.kind).max().unwrap_or(ErrorKind::Malformed)
    }
    /// Whether every problem is an unsupported feature: the verdict `unsupported` rather than bad input.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }
}

impl From<ImportError> for ImportErrors {
    fn from(e: ImportError) -> Self {
        Self { errors: vec![e] }
    }
}

/// Problems that are printed one by one; the rest is counted.
const PRINTED: usize = 50;

impl fmt::Display for ImportErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.errors.iter().take(PRINTED).enumerate() {
            write!(f, "{}{e}", if i > 0 { "\n" } else { "" })?;
        }
        if self.errors.len() > PRINTED {
            write!(f, "\nand {} more problems", self.errors.len() - PRINTED)?;
        }
        Ok(())
    }
}
impl std::error::Error for ImportErrors {}

/// A problem without its place: what helpers give back and the caller completes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Blame.
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// The model is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.into() }
    }
    /// We do not have it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }
    /// Bytes are missing or make no sense.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Malformed, message: message.into() }
    }
    /// With its place.
    pub fn at(self, at: At) -> ImportError {
        ImportError { kind: self.kind, at, message: self.message }
    }
}

/// Bytes of a name in a message: hostile names do not multiply.
const SHORT: usize = 120;

/// A name for messages.
pub fn short(s: &str) -> &str {
    prefix(s, SHORT)
}

/// The longest prefix of at most `n` bytes that ends between characters.
pub fn prefix(s: &str, n: usize) -> &str {
    if s.len() <= n {
        return s;
    }
    let end = (0..=n).rev().find(|&i| s.is_char_boundary(i)).unwrap_or(0);
    &s[..end]
}
