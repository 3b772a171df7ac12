//! The stages of DESIGN.md section 2, and what every stage's IR can do.

use std::fmt;

/// A level of the compiler. The letters are those of the design: G, F, T, S, A, B.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// G: typed SSA graph.
    Graph,
    /// F: fused groups, layouts, packed weights.
    Fused,
    /// T: tiles on virtual buffers.
    Tile,
    /// S: linear stream of machine operations on virtual buffers.
    Stream,
    /// A: addresses and tokens assigned.
    Placed,
    /// B: bytes.
    Binary,
}

impl Stage {
    /// All stages, in lowering order.
    pub const ALL: [Stage; 6] = [Stage::Graph, Stage::Fused, Stage::Tile, Stage::Stream, Stage::Placed, Stage::Binary];
    /// The one-letter name (`G`, `F`, `T`, `S`, `A`, `B`).
    pub fn letter(self) -> char {
        match self {
            Stage::Graph => 'G',
            Stage::Fused => 'F',
            Stage::Tile => 'T',
            Stage::Stream => 'S',
            Stage::Placed => 'A',
            Stage::Binary => 'B',
        }
    }
}

/// One broken rule, found by a verifier. Verifiers return all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule's name, kebab-case, unique in its verifier.
    pub rule: &'static str,
    /// The entity it concerns, printed with its prefix (`n12`, `%7`, `b4`, `i9`).
    pub at: String,
    /// What is wrong, with the numbers that show it.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at {}", self.rule, self.detail, self.at)
    }
}

/// What every stage's artefact offers.
pub trait Ir {
    /// The stage that it belongs to.
    const STAGE: Stage;
    /// All broken rules; empty promises that the next lowering neither panics nor returns `Broken`.
    fn verify(&self) -> Vec<Violation>;
    /// A text form for people and tests.
    fn text(&self) -> String;
}
