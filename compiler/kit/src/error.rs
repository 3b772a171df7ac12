//! Compilation errors: three blames, never mixed.

use crate::stage::Violation;

/// Why a compilation gave no program.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// The model uses something that is not supported: the model's side, a listed reason.
    #[error("unsupported: node `{node}` ({op}): {reason}")]
    Unsupported {
        /// Name of the ONNX node, or its index as `#12`.
        node: String,
        /// Operator.
        op: String,
        /// What exactly, for a person.
        reason: String,
    },
    /// The configuration of the machine is too small.
    #[error("out of resource: {what}: {need} needed, {have} available ({context})")]
    OutOfResource {
        /// Which resource.
        what: &'static str,
        /// Units needed.
        need: u64,
        /// Units that the configuration has.
        have: u64,
        /// Which node or group.
        context: String,
    },
    /// The model is wrong (types that do not fit, an attribute out of range).
    #[error("invalid model: node `{node}` ({op}): {reason}")]
    Invalid {
        /// Name of the ONNX node.
        node: String,
        /// Operator.
        op: String,
        /// What is wrong.
        reason: String,
    },
    /// We are wrong: a verifier found what a pass left behind.
    #[error("internal error after {after}: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Broken {
        /// The pass whose result broke the rules.
        after: String,
        /// The rules.
        violations: Vec<Violation>,
    },
}
