//! Tables: for people, and as JSON.

use crate::attained::Attained;
use crate::bugs::Class;
use crate::missed::{Seen, mean};
use crate::rules::Rule;
use crate::{Legal, Storage};
use serde_json::{Value, json};
use std::fmt::Write;

fn percent(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { 100.0 * a as f64 / b as f64 }
}

/// Everything that was judged.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Storage.
    pub storage: Storage,
    /// Seed.
    pub seed: u64,
    /// Legal executions.
    pub legal: Legal,
    /// Bugs.
    pub bugs: Vec<Seen>,
    /// Worst cases.
    pub attained: Vec<Attained>,
}

impl Judgement {
    /// Flagged legal executions, clean runs of bugs among them, and worst cases beyond the bound.
    pub fn false_alarms(&self) -> u64 {
        self.legal.flagged.len() as u64
            + self.bugs.iter().map(|b| b.false_alarms).sum::<u64>()
            + self.attained.iter().filter(|a| a.ratio > 1.0).count() as u64
    }
    /// The report for people.
    pub fn text(&self) -> String {
        let mut s = String::new();
        if self.legal.graphs > 0 {
            self.legal_text(&mut s);
        }
        if !self.bugs.is_empty() {
            self.class_text(&mut s);
            self.bug_text(&mut s);
        }
        if !self.attained.is_empty() {
            let _ = writeln!(s, "\nWorst cases, error over bound of a plain execution:");
            for a in &self.attained {
                let _ = writeln!(s, "  {:<34} {:.6}", a.what, a.ratio);
            }
        }
        s
    }
    fn legal_text(&self, s: &mut String) {
        let l = &self.legal;
        let _ = writeln!(
            s,
            "{} legal executions of {} graphs ({} distinct, {:.1} nodes), {} storage, seed {}: {} flagged.",
            l.executions,
            l.graphs,
            l.distinct.len(),
            l.nodes as f64 / l.graphs.max(1) as f64,
            self.storage.name(),
            self.seed,
            l.flagged.len()
        );
        let _ = writeln!(
            s,
            "{} groups checked on their own inputs. Of {} output elements {:.3} % are decided, {:.1} % exact; {:.1} % of the graphs are \
             exact to the bit; the median output has {} certified bits. Largest ratio end to end {:.4}.",
            l.groups,
            l.sharpness.elements,
            percent(l.sharpness.decided, l.sharpness.elements),
            percent(l.sharpness.exact, l.sharpness.elements),
            percent(l.exact_graphs, l.graphs),
            l.median_bits(),
            l.worst
        );
        let _ = write!(s, "Flagged by the rules of others:");
        for (r, n) in Rule::ALL.iter().zip(l.rules) {
            let _ = write!(s, "  {} {:.2} %", r.name(), percent(n, l.executions));
        }
        let _ = writeln!(s);
        for (why, n) in &l.skipped {
            let _ = writeln!(s, "left out ×{n}: {why}");
        }
        let _ = writeln!(s, "Largest ratio of single kernels on their own inputs:");
        for (op, r) in &l.ratios {
            let _ = writeln!(s, "  {op:<28} {r:.4}");
        }
    }
    fn class_text(&self, s: &mut String) {
        let _ = writeln!(
            s,
            "\nDetection of planted bugs, mean over bugs of the share of activated runs, {} storage:",
            self.storage.name()
        );
        let _ = write!(s, "{:<22}{:>8}{:>8}{:>8}", "class", "ours", "bound", "resync");
        Rule::ALL.iter().for_each(|r| {
            let _ = write!(s, "{:>11}", r.name());
        });
        let _ = writeln!(s);
        for class in Class::ALL.map(Some).into_iter().chain([None]) {
            let n = self.bugs.iter().filter(|b| b.activated > 0 && class.is_none_or(|c| b.bug.class == c)).count();
            if n == 0 {
                continue;
            }
            let name = class.map_or("all", Class::name);
            let _ = write!(s, "{:<22}", format!("{name} ({n})"));
            let mut put = |width: usize, f: &dyn Fn(&Seen) -> u64| {
                let _ = write!(s, "{:>width$.1}", 100.0 * mean(&self.bugs, class, f));
            };
            put(8, &|b| b.either);
            put(8, &|b| b.bound);
            put(8, &|b| b.resync);
            for i in 0..Rule::ALL.len() {
                put(11, &|b| b.rules[i]);
            }
            let _ = writeln!(s);
        }
    }
    fn bug_text(&self, s: &mut String) {
        let _ = writeln!(
            s,
            "\n{:<26}{:<15}{:>5}{:>8}{:>8}{:>8}{:>15}   {}",
            "bug",
            "class",
            "runs",
            "ours",
            "bound",
            "resync",
            "on standard",
            Rule::ALL.map(Rule::name).join(" / ")
        );
        for b in &self.bugs {
            let n = b.activated;
            if n == 0 {
                let _ = writeln!(
                    s,
                    "{:<26}{:<15}    0   never changed an output bit ({} runs)",
                    b.bug.id(),
                    b.bug.class.name(),
                    b.silent
                );
                continue;
            }
            let rules: Vec<String> = b.rules.iter().map(|&r| format!("{:.0}", percent(r, n))).collect();
            let _ = writeln!(
                s,
                "{:<26}{:<15}{:>5}{:>8.1}{:>8.1}{:>8.1}{:>15}   {}",
                b.bug.id(),
                b.bug.class.name(),
                n,
                percent(b.either, n),
                percent(b.bound, n),
                percent(b.resync, n),
                format!("{}/{}", b.standard_seen, b.standard),
                rules.join(" / ")
            );
        }
    }
    /// The report as one JSON object.
    pub fn json(&self) -> Value {
        let l = &self.legal;
        let rules = |n: &[u64; 7]| -> serde_json::Map<String, Value> {
            Rule::ALL.iter().zip(n).map(|(r, &n)| (r.name().to_string(), json!(n))).collect()
        };
        let class = |c: Option<Class>| {
            let pct = |f: &dyn Fn(&Seen) -> u64| 100.0 * mean(&self.bugs, c, f);
            let per_rule: serde_json::Map<String, Value> = Rule::ALL
                .iter()
                .enumerate()
                .map(|(i, r)| (r.name().to_string(), json!(pct(&|b| b.rules[i]))))
                .collect();
            json!({ "ours": pct(&|b| b.either), "bound": pct(&|b| b.bound), "resync": pct(&|b| b.resync), "rules": per_rule })
        };
        let classes: serde_json::Map<String, Value> = Class::ALL
            .map(Some)
            .into_iter()
            .chain([None])
            .map(|c| (c.map_or("all", Class::name).to_string(), class(c)))
            .collect();
        json!({
            "storage": self.storage.name(),
            "seed": self.seed,
            "legal": {
                "executions": l.executions, "graphs": l.graphs, "distinct_graphs": l.distinct.len(), "groups": l.groups,
                "flagged": l.flagged.len(), "elements": l.sharpness.elements, "decided": l.sharpness.decided,
                "exact": l.sharpness.exact, "exact_graphs": l.exact_graphs, "median_bits": l.median_bits(),
                "worst_ratio": l.worst, "rules": rules(&l.rules), "skipped": l.skipped, "ratios": l.ratios,
            },
            "classes": classes,
            "bugs": self.bugs.iter().map(|b| json!({
                "id": b.bug.id(), "class": b.bug.class.name(), "activated": b.activated, "seen": b.either, "bound": b.bound,
                "resync": b.resync, "standard": b.standard, "standard_seen": b.standard_seen, "silent": b.silent,
                "skipped": b.skipped, "false_alarms": b.false_alarms, "rules": rules(&b.rules),
            })).collect::<Vec<_>>(),
            "attained": self.attained.iter().map(|a| json!({ "what": a.what, "ratio": a.ratio })).collect::<Vec<_>>(),
            "false_alarms": self.false_alarms(),
        })
    }
}
