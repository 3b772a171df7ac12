//! What people read: `report.md` and `repro.rs` of a case.

use crate::case::Case;
use crate::dir::CaseFile;
use crate::explain::{Certificate, Explanation, percent};
use ir::Graph;
use std::fmt::Write;

/// `report.md`.
pub fn markdown(f: &CaseFile, case: &Case, why: Option<&Explanation>) -> String {
    let (nodes, qdq) = case.graph.node_counts();
    let mut s = String::new();
    let line = |s: &mut String, k: &str, v: &str| {
        if !v.is_empty() {
            let _ = writeln!(s, "| {k} | {v} |");
        }
    };
    let title = f.verdict.map_or("case", |v| v.name());
    let _ = writeln!(s, "# {title}: {}\n", f.detail.as_deref().unwrap_or("no failure"));
    s.push_str("| | |\n|---|---|\n");
    line(&mut s, "stage", f.stage.map_or("", |a| a.name()));
    line(&mut s, "pass", f.pass.as_deref().unwrap_or(""));
    line(&mut s, "rewrites", &f.rewrites.iter().map(|r| format!("`{r}`")).collect::<Vec<_>>().join(" "));
    line(&mut s, "where", f.at.as_deref().unwrap_or(""));
    if let Some(e) = &f.element {
        line(&mut s, "first wrong element", &format!("`{}{:?}`: {} instead of {}", e.tensor, e.index, e.got, e.want));
        if let Some(r) = e.radius {
            line(
                &mut s,
                "radius",
                &format!("{r:e}{}", e.ratio.map_or(String::new(), |x| format!(", error is {x:.3} times that"))),
            );
        }
        line(&mut s, "wrong elements", &format!("{} of {}", e.wrong.0, e.wrong.1));
    }
    line(&mut s, "nodes", &format!("{nodes}{}", if qdq > 0 { format!(" and {qdq} QDQ") } else { String::new() }));
    line(&mut s, "machine", &f.config);
    line(&mut s, "contract", &f.contract);
    line(&mut s, "injected", &f.faults.join(", "));
    line(&mut s, "key", f.key.as_deref().unwrap_or(""));
    let _ = writeln!(s, "\nReplay: `{}`\n\n```\n{}```", f.replay, short_text(&case.graph));
    if let Some(x) = why {
        s.push_str("\n## Why\n\n");
        s.push_str(&explanation(x));
    }
    s
}

/// An explanation as Markdown: the headline, the hypotheses, the certificate, the diff.
pub fn explanation(x: &Explanation) -> String {
    let mut s = format!("**{}**\n", x.headline());
    if let Some(t) = &x.symptom {
        let _ = writeln!(s, "\n{t}.");
    }
    if x.wrong > 0 {
        let _ = writeln!(
            s,
            "\nThe plain reference reproduces {} of {} elements in {} runs; {} are wrong.{}\n",
            percent(x.plain),
            x.elements,
            x.runs,
            x.wrong,
            x.region.as_ref().map_or(String::new(), |r| format!(" In the failing run they lie at {r}."))
        );
    }
    if x.wrong > 0 && !x.hypotheses.is_empty() {
        s.push_str(
            "| hypothesis | of the wrong elements | of all | to the bit | what exactly |\n|---|---|---|---|---|\n",
        );
        for h in &x.hypotheses {
            let _ = writeln!(
                s,
                "| {}: {} | {} | {} | {} | {} |",
                h.id,
                h.phrase,
                percent(h.of_wrong),
                percent(h.of_all),
                percent(h.of_bits),
                h.note
            );
        }
        s.push_str(
            "\n*Of all*: applied everywhere; a mistake in one tile reproduces the wrong elements and not the others.\n",
        );
    }
    if let Some(c) = &x.certificate {
        s.push_str("\n### Certificate\n\n");
        s.push_str(&certificate(c));
    }
    if let Some(d) = x.diff.as_ref().filter(|d| !d.is_empty()) {
        let _ = writeln!(s, "\n### What changed\n\n```diff\n{}```", limited(d, 60));
    }
    s
}

/// At most `n` lines.
fn limited(text: &str, n: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut s = lines.iter().take(n).fold(String::new(), |s, l| s + l + "\n");
    if lines.len() > n {
        let _ = writeln!(s, "… {} more lines", lines.len() - n);
    }
    s
}

fn certificate(c: &Certificate) -> String {
    let mut s = String::new();
    let operators = if c.unit.ends_with(')') { String::new() } else { format!(" ({})", c.operators) };
    let _ = writeln!(s, "Smallest violating unit: {}{operators}; contract `{}`.\n", c.unit, c.contract);
    let bits = c.got_bits.as_ref().map_or(String::new(), |b| format!(" (bits 0x{b})"));
    let _ = writeln!(s, "- element {:?}: the machine has {}{bits}, the reference {}", c.index, c.got, c.value);
    let radius = c.radius.map_or("anything".into(), |r| format!("{r:e}"));
    let _ = writeln!(
        s,
        "- radius {radius} = {:e} inherited + {:e} local + {:e} storage",
        c.parts.inherited, c.parts.local, c.parts.storage
    );
    match c.ratio {
        Some(r) => drop(writeln!(s, "- the error is {r:.6} times the radius")),
        None => s.push_str("- the result is exact: any difference is wrong\n"),
    }
    for i in &c.inputs {
        let data = i.hex.as_ref().map_or("in `certificate.npz`".to_string(), |h| {
            if h.len() > 256 {
                format!("0x{}… ({} bytes, see `explanation.json`)", &h[..256], h.len() / 2)
            } else {
                format!("0x{h}")
            }
        });
        let _ = writeln!(s, "- `{}`: {} = {data}", i.name, i.r#type);
    }
    s
}

/// The graph's text without the data of long constants.
pub(crate) fn short_text(g: &Graph) -> String {
    ir::text::print(g)
        .lines()
        .map(|l| if l.chars().count() > 160 { l.chars().take(157).collect::<String>() + "..." } else { l.to_string() })
        .fold(String::new(), |s, l| s + &l + "\n")
}

/// `repro.rs`: a test that fails with the bug and passes without.
pub fn repro(f: &CaseFile, graph: &Graph, case: &Case) -> String {
    let text = ir::text::print(graph);
    let mut s = String::new();
    let _ = writeln!(s, "//! {}", f.detail.as_deref().unwrap_or("no failure").replace('\n', " "));
    let _ = writeln!(
        s,
        "//! Copy to `tests/tests/repro.rs` of the Touchstone workspace and run `cargo test -p touchstone-suites --test repro`, or run `{}`.",
        f.replay
    );
    let _ = writeln!(s, "//! Injected faults can be switched off with TOUCHSTONE_FAULTS=none.\n");
    let _ = writeln!(s, "const GRAPH: &str = r####\"{text}\"####;\n");
    let _ = writeln!(s, "#[test]\nfn repro() {{");
    let _ = writeln!(s, "    difftest::dir::Repro {{");
    let _ = writeln!(s, "        graph: GRAPH,\n        config: r####\"{}\"####,", f.config_toml);
    let _ = writeln!(
        s,
        "        opt_level: {},\n        contract: {:?},\n        precision: {:?},",
        f.opt_level, f.contract, f.precision
    );
    let _ = writeln!(s, "        control: {:?},\n        faults: &{:?},", f.control, f.faults);
    s.push_str("        inputs: &[\n");
    for set in &case.sets {
        s.push_str("            &[");
        for t in set {
            let hex: String = t.bytes.iter().map(|b| format!("{b:02x}")).collect();
            let _ = write!(s, "\"{hex}\", ");
        }
        s.push_str("],\n");
    }
    s.push_str("        ],\n    }\n    .assert_agrees();\n}\n");
    s
}
