//! Each pass on small graphs: what it makes of them, and (the classic miscompiles) what it must leave alone.
//!
//! Results are compared by canonical hash, so that the expected text may number and name values as it likes; constants,
//! attributes and types count. After every pass the structural verifier and the type rules run.

extern crate touchstone_opt as opt;

mod algebraic;
mod composite;
mod decompose;
mod fold;
mod fold_batchnorm;
mod fold_pad;
mod normalize;
mod pipeline;
mod qdq;
mod rounding;
mod transposes;

use ir::Graph;
use kit::{Control, PassCx, Permit, RewriteLog};

/// Parses the body of a graph; a node may leave out `{}`, attributes with defaults and its origin.
pub fn graph(body: &str) -> Graph {
    let mut text = String::from("graph \"t\" {\n");
    for (i, line) in body.lines().enumerate() {
        let line = line.trim_end();
        let is_node = line.contains(") ") && line.contains(" = ") || line.ends_with(')');
        let attrs = if is_node && !line.ends_with('}') { " {}" } else { "" };
        let origin = if is_node { format!(" @{i} \"n\"") } else { String::new() };
        text.push_str(&format!("{line}{attrs}{origin}\n"));
    }
    text.push('}');
    let mut g = ir::parse::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    for n in g.nodes.values_mut() {
        let mut all = n.op.defaults();
        for (k, a) in n.attrs.iter() {
            all.set(k, a.clone());
        }
        n.attrs = all;
    }
    sound(&g, "the input");
    g
}

/// Panics unless a graph is well formed and well typed.
pub fn sound(g: &Graph, what: &str) {
    let bad: Vec<String> = ir::verify::verify(g).iter().chain(&opt::check_types(g)).map(ToString::to_string).collect();
    assert!(bad.is_empty(), "{what}: {bad:#?}\n{}", ir::text::print(g));
}

/// Runs one pass with a permit; gives the result and the rules applied.
pub fn run_with(name: &str, g: &Graph, permit: Permit) -> (Graph, Vec<String>) {
    let pass = opt::PASSES.iter().find(|p| p.name == name).expect("the pass exists");
    let (mut log, mut control) = (RewriteLog::new(permit), Control::production());
    let mut cx = PassCx { pass: pass.name, log: &mut log, control: &mut control };
    let out = (pass.run)(g, &mut cx).unwrap_or_else(|e| panic!("{e}"));
    sound(&out, name);
    let rules: Vec<String> = log.applied.iter().map(|r| r.rule.clone()).collect();
    assert!(rules.iter().all(|r| pass.rules.contains(&r.as_str())), "{name} applies undeclared rules: {rules:?}");
    (out, rules)
}

/// Asserts that a pass applies exactly these rules and gives the expected graph; and that without permission it changes nothing.
pub fn becomes(name: &str, rules: &[&str], before: &str, after: &str) {
    let (g, want) = (graph(before), graph(after));
    let (got, applied) = run_with(name, &g, Permit::All);
    assert_eq!(applied, rules, "{}", ir::text::print(&got));
    same(&got, &want);
    if !rules.is_empty() {
        same(&run_with(name, &g, Permit::First(0)).0, &g);
    }
}

/// Asserts that a pass changes nothing.
pub fn stays(name: &str, body: &str) {
    let g = graph(body);
    let (got, applied) = run_with(name, &g, Permit::All);
    assert!(applied.is_empty(), "{applied:?}\n{}", ir::text::print(&got));
    same(&got, &g);
}

/// Asserts that two graphs compute the same in the same way.
pub fn same(got: &Graph, want: &Graph) {
    let equal = ir::hash::canonical(got) == ir::hash::canonical(want);
    assert!(equal, "got\n{}\nwant\n{}", ir::text::print(got), ir::text::print(want));
}
