//! The list that a verifier fills: all violations, up to a limit that keeps a broken program readable.

use kit::Violation;

/// Most violations of one verifier.
pub(crate) const LIMIT: usize = 100;

/// Collects violations.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: Vec<Violation>,
}

impl Report {
    pub(crate) fn push(&mut self, rule: &'static str, at: impl std::fmt::Display, detail: impl Into<String>) {
        if self.found.len() < LIMIT {
            self.found.push(Violation { rule, at: at.to_string(), detail: detail.into() });
        }
    }
    pub(crate) fn full(&self) -> bool {
        self.found.len() >= LIMIT
    }
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }
    pub(crate) fn finish(self) -> Vec<Violation> {
        self.found
    }
}
