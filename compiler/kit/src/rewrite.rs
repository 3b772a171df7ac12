//! Numbered rewrite applications: every optional rewrite asks for permission first, so that a compilation can be
//! replayed with any subset of them (`--only-rewrites`, `--stop-at`, attribution by delta debugging).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Identity of one application of a rewrite. Switching one off does not rename the others, since the id counts
/// applications per (pass, rule, source node), not globally.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RewriteId {
    /// Pass name, e.g. `g.compose-transposes`.
    pub pass: String,
    /// Rule name, unique in its pass.
    pub rule: String,
    /// Index of the ONNX node that the rewritten node came from.
    pub source: u32,
    /// Counts applications of this rule at this source.
    pub nth: u32,
}

impl fmt::Display for RewriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.pass, self.rule, self.source)?;
        if self.nth > 0 { write!(f, "#{}", self.nth) } else { Ok(()) }
    }
}

impl FromStr for RewriteId {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || format!("rewrite id `{s}` is not of the form pass/rule@source[#nth]");
        let (pass, rest) = s.split_once('/').ok_or_else(bad)?;
        let (rule, rest) = rest.split_once('@').ok_or_else(bad)?;
        let (source, nth) = rest.split_once('#').unwrap_or((rest, "0"));
        let (source, nth) = (source.parse().map_err(|_| bad())?, nth.parse().map_err(|_| bad())?);
        if pass.is_empty() || rule.is_empty() {
            return Err(bad());
        }
        Ok(Self { pass: pass.into(), rule: rule.into(), source, nth })
    }
}

/// Which rewrite applications may happen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Permit {
    /// All of them.
    #[default]
    All,
    /// The first `n` that ask, in order.
    First(u32),
    /// Exactly these.
    Only(BTreeSet<RewriteId>),
    /// All but these (pass, rule) pairs: the reducer's guard against sliding into another bug.
    ExceptRules(BTreeSet<(String, String)>),
}

/// The rewrites applied so far, in order, and the counters that name the next one.
#[derive(Clone, Debug, Default)]
pub struct RewriteLog {
    /// Applied, in order of application.
    pub applied: Vec<RewriteId>,
    asked: BTreeMap<(String, String, u32), u32>,
    /// The switch.
    pub permit: Permit,
}

impl RewriteLog {
    /// A log with a switch.
    pub fn new(permit: Permit) -> Self {
        Self { permit, ..Self::default() }
    }
    /// Asks whether `rule` of `pass` may rewrite the node that came from `source`; logs it if so.
    pub fn permit(&mut self, pass: &str, rule: &str, source: u32) -> bool {
        let nth = self.asked.entry((pass.into(), rule.into(), source)).or_insert(0);
        let id = RewriteId { pass: pass.into(), rule: rule.into(), source, nth: *nth };
        *nth += 1;
        let yes = match &self.permit {
            Permit::All => true,
            Permit::First(n) => self.applied.len() < *n as usize,
            Permit::Only(set) => set.contains(&id),
            Permit::ExceptRules(rules) => !rules.contains(&(id.pass.clone(), id.rule.clone())),
        };
        if yes {
            self.applied.push(id);
        }
        yes
    }
}
