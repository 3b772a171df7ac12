//! The apparatus: cases, oracles, attribution, reduction, faults, campaigns, reports, and the command line.

pub mod attribute;
pub mod campaign;
pub mod case;
pub mod check;
pub mod cli;
pub mod conformance;
pub mod data;
pub mod dir;
pub mod explain;
pub mod faults;
pub mod guard;
pub mod moves;
pub mod mutants;
pub mod mutate;
pub mod npz;
pub mod passing;
pub mod reduce;
pub mod report;
pub mod stats;
pub mod suspect;
pub mod targets;
pub mod verdict;
pub mod votes;

pub use case::{Case, Setup};
pub use verdict::{Arrow, Failure, Report, Verdict};
