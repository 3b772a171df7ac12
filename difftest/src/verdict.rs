//! Verdicts, stage arrows, and what a failure looks like.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Verdict of a case (DESIGN.md section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// At least 90 % of the elements of every group are decided, and all agree.
    Agree,
    /// Bounds or bits violated.
    Mismatch,
    /// The simulator trapped.
    Trap,
    /// A verifier said no.
    Invalid,
    /// A panic.
    Crash,
    /// Over the limit of instructions.
    Timeout,
    /// A listed reason.
    Unsupported,
    /// Too few elements decided in some group.
    Undecided,
    /// Statistics only; never a finding by itself.
    Suspect,
}

impl Verdict {
    /// All verdicts, in the order in which reports list them.
    pub const ALL: [Verdict; 9] = [
        Verdict::Agree,
        Verdict::Mismatch,
        Verdict::Trap,
        Verdict::Invalid,
        Verdict::Crash,
        Verdict::Timeout,
        Verdict::Unsupported,
        Verdict::Undecided,
        Verdict::Suspect,
    ];
    /// Whether it is a finding (exit code 1).
    pub fn is_finding(self) -> bool {
        matches!(self, Verdict::Mismatch | Verdict::Trap | Verdict::Invalid | Verdict::Crash | Verdict::Timeout)
    }
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Agree => "agree",
            Verdict::Mismatch => "mismatch",
            Verdict::Trap => "trap",
            Verdict::Invalid => "invalid",
            Verdict::Crash => "crash",
            Verdict::Timeout => "timeout",
            Verdict::Unsupported => "unsupported",
            Verdict::Undecided => "undecided",
            Verdict::Suspect => "suspect",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A comparison between two neighbouring stages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Arrow {
    /// G against G': each pass, f64 against f64 under its claim.
    #[serde(rename = "G->G'")]
    Passes,
    /// G' against F: bounds, per group, on the machine's own inputs.
    #[serde(rename = "G'->F")]
    Groups,
    /// F against T: bits.
    #[serde(rename = "F->T")]
    Tiles,
    /// T against S: bits.
    #[serde(rename = "T->S")]
    Schedule,
    /// S against A: bits, traps, symbolic contents.
    #[serde(rename = "S->A")]
    Placement,
    /// A against B: decode(encode(x)) = x, and the scalar oracle's bits.
    #[serde(rename = "A->B")]
    Encoding,
    /// The whole line against the reference, where the bound is not vacuous.
    #[serde(rename = "G->B")]
    EndToEnd,
}

impl Arrow {
    /// All, in lowering order; the end-to-end comparison last.
    pub const ALL: [Arrow; 7] = [
        Arrow::Passes,
        Arrow::Groups,
        Arrow::Tiles,
        Arrow::Schedule,
        Arrow::Placement,
        Arrow::Encoding,
        Arrow::EndToEnd,
    ];
    /// The name in JSON and reports.
    pub fn name(self) -> &'static str {
        match self {
            Arrow::Passes => "G->G'",
            Arrow::Groups => "G'->F",
            Arrow::Tiles => "F->T",
            Arrow::Schedule => "T->S",
            Arrow::Placement => "S->A",
            Arrow::Encoding => "A->B",
            Arrow::EndToEnd => "G->B",
        }
    }
    /// The pass that makes the right-hand side of the arrow, where that is one pass.
    pub fn lowering(self) -> &'static str {
        match self {
            Arrow::Passes => "g.*",
            Arrow::Groups => "g.lower-groups",
            Arrow::Tiles => "f.tile",
            Arrow::Schedule => "t.schedule",
            Arrow::Placement => "s.place",
            Arrow::Encoding => "a.encode",
            Arrow::EndToEnd => "",
        }
    }
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Comparisons made and failed on an arrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Count {
    /// Made.
    pub checked: u64,
    /// Failed.
    pub failed: u64,
}

/// Comparisons by arrow.
pub type Counts = BTreeMap<Arrow, Count>;

/// The first wrong element of a tensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Element {
    /// Name of the tensor (ONNX name, or the id of the value).
    pub tensor: String,
    /// Multi-index.
    pub index: Vec<usize>,
    /// What the later stage has.
    pub got: String,
    /// What the earlier stage has.
    pub want: String,
    /// Radius, where a bound was the rule.
    pub radius: Option<f64>,
    /// Error in units of the bound.
    pub ratio: Option<f64>,
    /// How many elements of the tensor are wrong, and how many there are.
    pub wrong: (usize, usize),
}

/// What went wrong, first in stage order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Its verdict.
    pub verdict: Verdict,
    /// Where.
    pub arrow: Arrow,
    /// The pass, lowering or injected edit that is to blame as far as this check alone can tell.
    pub pass: String,
    /// Class for duplicates: `bits`, `bound`, `meaning`, `verify:RULE`, `trap:E_X`, `panic`.
    pub class: String,
    /// Nodes of G' concerned (operator names), for the group or pass.
    pub at: String,
    /// The element.
    pub element: Option<Element>,
    /// For a person.
    pub detail: String,
    /// Index of the input set.
    pub set: usize,
}

/// What a check of one case found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Verdict; `None` while the check runs.
    pub verdict: Option<Verdict>,
    /// The first failure.
    pub failure: Option<Failure>,
    /// A pass that claims the same bits gave others: the failure, if nothing else is found.
    pub broken_claim: Option<Failure>,
    /// Why it is unsupported.
    pub reason: Option<String>,
    /// Comparisons by arrow.
    pub counts: Counts,
    /// Groups compared with the reference on the machine's own inputs.
    pub groups_checked: u64,
    /// Groups outside of their bound.
    pub groups_failed: u64,
    /// Groups with under 90 % of their elements decided on every input set.
    pub undecided_groups: u64,
    /// Which these are.
    pub undecided: Vec<String>,
    /// Decided share of each group on its best input set.
    pub best_decided: BTreeMap<u32, f64>,
    /// Rewrites that the compilation applied, in order.
    pub rewrites: Vec<kit::RewriteId>,
    /// Elements of group outputs, and those decided, and those with radius 0.
    pub elements: u64,
    /// See `elements`.
    pub decided: u64,
    /// See `elements`.
    pub exact: u64,
    /// Largest error in units of the bound over all groups.
    pub worst_ratio: f64,
    /// Outputs outside of what legal executions show, where that was asked for.
    pub suspects: Vec<String>,
    /// Residuals by kernel.
    pub biases: crate::stats::Biases,
    /// Groups with more than one tile, and groups.
    pub multi_tile: (u64, u64),
    /// Instructions.
    pub instructions: u64,
    /// Nodes left to the host.
    pub host_ops: u64,
    /// Modeled cycles of the first input set.
    pub cycles: Option<u64>,
    /// Whether every stage to B ran.
    pub complete: bool,
}

impl Report {
    /// Counts a comparison; gives `ok` back.
    pub fn count(&mut self, arrow: Arrow, ok: bool) -> bool {
        let c = self.counts.entry(arrow).or_default();
        c.checked += 1;
        c.failed += u64::from(!ok);
        ok
    }
    /// Keeps the first failure in stage order.
    pub fn fail(&mut self, f: Failure) {
        if self.failure.as_ref().is_none_or(|old| f.arrow < old.arrow) {
            self.failure = Some(f);
        }
    }
}
