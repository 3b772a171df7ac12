//! What people read: `report.md` and `repro.rs` of a case.

use crate::case::Case;
use crate::dir::CaseFile;
use ir::Graph;
use std::fmt::Write;

/// `report.md`.
pub fn markdown(f: &CaseFile, case: &Case) -> String {
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
