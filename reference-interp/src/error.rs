//! Errors: of one operator ([`OpError`]) and with the node that raised it ([`EvalError`]).

/// Why an operator has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpError {
    /// The operator, or this use of it, is not implemented (or its result depends on something that is not defined).
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The node is wrong: types, shapes or attributes that do not fit.
    #[error("invalid: {0}")]
    Invalid(String),
}

/// Result of an operator.
pub type OpResult<T> = Result<T, OpError>;

/// `Err(Invalid)` with a message.
pub fn invalid<T>(msg: impl Into<String>) -> OpResult<T> {
    Err(OpError::Invalid(msg.into()))
}
/// `Err(Unsupported)` with a message.
pub fn unsupported<T>(msg: impl Into<String>) -> OpResult<T> {
    Err(OpError::Unsupported(msg.into()))
}

/// Why an evaluation has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EvalError {
    /// Something that is not supported.
    #[error("unsupported: node `{node}` ({op}): {reason}")]
    Unsupported {
        /// Name of the ONNX node.
        node: String,
        /// Operator.
        op: String,
        /// What exactly.
        reason: String,
    },
    /// The graph or its inputs are wrong. `node` is empty where the fault lies with an input.
    #[error("invalid: node `{node}` ({op}): {reason}")]
    Invalid {
        /// Name of the ONNX node.
        node: String,
        /// Operator.
        op: String,
        /// What is wrong.
        reason: String,
    },
}
