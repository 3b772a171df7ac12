//! Third parties as votes: the outputs of other implementations, recorded or fresh, held against the reference's bound.
//!
//! *Proves* of each party whether its outputs can be the result of a legal execution under the contract. *Assumes* the
//! reference. That assumption is weighed, too: if all parties are outside, and what they give is the same, then it is they against
//! the reference, and nobody is blamed ([`Blame::Reference`]). *Cannot see* errors that all parties share with the reference.

use anyhow::{Context, Result, anyhow, bail};
use ir::{Graph, Tensor};
use reference::{Bounded, Contract};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Outputs by name, as an archive has them.
pub type Outputs = BTreeMap<String, Tensor>;

/// Where a party stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Position {
    /// Every element is inside of its bound, and at least nine in ten bounds are useful.
    Inside,
    /// Some element is outside: no legal execution gives it.
    Outside,
    /// Inside, but the bounds say too little.
    Undecided,
}

impl Position {
    /// Name in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Position::Inside => "inside",
            Position::Outside => "outside",
            Position::Undecided => "undecided",
        }
    }
}

/// One party's result.
#[derive(Clone, PartialEq, Debug)]
pub struct Vote {
    /// Who.
    pub name: String,
    /// Position.
    pub position: Position,
    /// Elements of all outputs.
    pub elements: usize,
    /// Elements outside of their bound.
    pub outside: usize,
    /// Largest |got − want| / radius; infinite where an exact element differs.
    pub worst_ratio: f64,
    /// The first element outside, or what else is wrong (type, shape, a missing output).
    pub detail: String,
}

/// Who is to blame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blame {
    /// Nobody is outside.
    Nobody,
    /// These parties, by name; another party, or none, confirms the reference.
    Parties(Vec<String>),
    /// Two or more parties agree with each other and not with the reference: suspect.
    Reference,
}

/// All votes and what follows.
#[derive(Clone, PartialEq, Debug)]
pub struct Ballot {
    /// In the order in which the parties were given.
    pub votes: Vec<Vote>,
    /// Conclusion.
    pub blame: Blame,
    /// Parties that are inside: they confirm the reference.
    pub confirmed_by: Vec<String>,
}

/// Judges the outputs of all parties.
///
/// # Errors
/// The reference's own, if it cannot evaluate the graph on these inputs.
pub fn judge(graph: &Graph, inputs: &[Tensor], contract: &Contract, parties: &[(String, Outputs)]) -> Result<Ballot> {
    let e = reference::evaluate(graph, inputs, contract)?;
    let wanted: Vec<(&str, &Bounded)> = graph.outputs.iter().map(|o| o.name.as_str()).zip(e.outputs()).collect();
    let votes: Vec<Vote> = parties.iter().map(|(name, got)| vote(name, &wanted, got, contract)).collect();
    let named = |p: Position| votes.iter().filter(|v| v.position == p).map(|v| v.name.clone()).collect::<Vec<_>>();
    let (outside, confirmed_by) = (named(Position::Outside), named(Position::Inside));
    let blame = if outside.is_empty() {
        Blame::Nobody
    } else if confirmed_by.is_empty() && outside.len() >= 2 && unanimous(&wanted, parties, &outside) {
        Blame::Reference
    } else {
        Blame::Parties(outside)
    };
    Ok(Ballot { votes, blame, confirmed_by })
}

fn vote(name: &str, wanted: &[(&str, &Bounded)], got: &Outputs, contract: &Contract) -> Vote {
    let mut v = Vote {
        name: name.into(),
        position: Position::Inside,
        elements: 0,
        outside: 0,
        worst_ratio: 0.0,
        detail: String::new(),
    };
    let mut decided = 0;
    for (output, b) in wanted {
        v.elements += b.elements();
        let Some(t) = crate::npz::lookup(got, output) else {
            return v.wrong(b.elements(), format!("output `{output}` is missing"));
        };
        let r = b.check(t, contract);
        if let Some(why) = r.type_mismatch {
            return v.wrong(b.elements(), format!("output `{output}`: {why}"));
        }
        decided += r.decided;
        v.outside += r.outside_count;
        v.worst_ratio = v.worst_ratio.max(r.worst_ratio);
        if let (Some(x), true) = (r.outside.first(), v.detail.is_empty()) {
            v.detail = format!("{output}[{}] is {}, not {} ± {}", x.index, x.got, x.want, x.radius);
        }
    }
    v.position = match v.outside {
        0 if decided * 10 < v.elements * 9 => Position::Undecided,
        0 => Position::Inside,
        _ => Position::Outside,
    };
    v
}

impl Vote {
    fn wrong(self, outside: usize, detail: String) -> Vote {
        Vote {
            position: Position::Outside,
            outside: self.outside + outside,
            worst_ratio: f64::INFINITY,
            detail,
            ..self
        }
    }
}

/// Whether the parties that are outside give the same: integers equal, floats no further apart than two radii.
fn unanimous(wanted: &[(&str, &Bounded)], parties: &[(String, Outputs)], outside: &[String]) -> bool {
    let tensors = |output: &str| {
        let of = |(name, got): &'_ (String, Outputs)| {
            outside.contains(name).then(|| crate::npz::lookup(got, output).cloned())
        };
        parties.iter().filter_map(of).collect::<Option<Vec<_>>>()
    };
    wanted.iter().all(|(output, b)| {
        let Some(all) = tensors(output) else { return false };
        let (_, radius) = crate::dir::values_and_radii(b);
        all.windows(2).all(|w| same(&w[0], &w[1], &radius))
    })
}

fn same(a: &Tensor, b: &Tensor, radius: &[f64]) -> bool {
    if a.ty() != b.ty() || a.elements() != radius.len() {
        return false;
    }
    let (Some(x), Some(y)) = (numbers(a), numbers(b)) else { return a.bytes == b.bytes };
    x.iter().zip(&y).zip(radius).all(|((x, y), r)| x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= 2.0 * r)
}

/// Floats as f64; `None` for integers.
fn numbers(t: &Tensor) -> Option<Vec<f64>> {
    t.dtype.is_float().then(|| reference::Bounded::from_tensor(t)).and_then(|b| b.float().ok().map(|f| f.value.clone()))
}

impl Ballot {
    /// A table for people.
    pub fn table(&self) -> String {
        let width = self.votes.iter().map(|v| v.name.chars().count()).max().unwrap_or(0).max("party".len());
        let mut s =
            format!("  {:<width$}  {:<9}  {:>17}  {:>12}\n", "party", "position", "elements outside", "error/bound");
        for v in &self.votes {
            let outside = format!("{}/{}", v.outside, v.elements);
            let _ = write!(s, "  {:<width$}  {:<9}  {outside:>17}  {:>12.3}", v.name, v.position.name(), v.worst_ratio);
            let _ = writeln!(s, "{}{}", if v.detail.is_empty() { "" } else { "  " }, v.detail);
        }
        let confirmed = match &self.confirmed_by[..] {
            [] => "no party confirms the reference".to_string(),
            names => format!("the reference is confirmed by {}", names.join(", ")),
        };
        let blame = match &self.blame {
            Blame::Nobody => "nobody is outside of the bound".to_string(),
            Blame::Parties(names) => format!("to blame: {}; {confirmed}", names.join(", ")),
            Blame::Reference => {
                "all parties agree with each other and not with the reference: it is suspect".to_string()
            }
        };
        let _ = writeln!(s, "  {blame}");
        s
    }
    /// The object of `check --json`.
    pub fn json(&self) -> serde_json::Value {
        let votes: Vec<_> = self
            .votes
            .iter()
            .map(|v| {
                serde_json::json!({ "party": v.name, "position": v.position.name(), "elements": v.elements,
                    "outside": v.outside, "worst_error_over_bound": v.worst_ratio, "detail": v.detail })
            })
            .collect();
        let blame = match &self.blame {
            Blame::Nobody => vec![],
            Blame::Parties(names) => names.clone(),
            Blame::Reference => vec!["reference".to_string()],
        };
        serde_json::json!({ "votes": votes, "blame": blame, "confirmed_by": self.confirmed_by })
    }
}

/// The parties of a case: `third/NAME.npz` of its directory in name order, then `NAME=FILE.npz` of the command line.
///
/// # Errors
/// Files that cannot be read, arguments that are no `NAME=FILE.npz`, a name that occurs twice.
pub fn parties(dir: Option<&Path>, given: &[String]) -> Result<Vec<(String, Outputs)>> {
    let mut out: Vec<(String, Outputs)> = Vec::new();
    if let Some(d) = dir.map(|d| d.join("third")).filter(|d| d.is_dir()) {
        let entries = std::fs::read_dir(&d).with_context(|| format!("cannot read {}", d.display()))?;
        let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.retain(|p| p.extension().is_some_and(|e| e == "npz"));
        files.sort();
        for f in files {
            let name = f.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            out.push((name, crate::npz::read(&f)?));
        }
    }
    for g in given {
        let (name, file) = g.split_once('=').ok_or_else(|| anyhow!("--third {g}: expected NAME=OUTPUTS.npz"))?;
        if name.is_empty() || out.iter().any(|(n, _)| n == name) {
            bail!("--third {g}: a party needs a name of its own");
        }
        out.push((name.into(), crate::npz::read(Path::new(file))?));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::{Attrs, DType, Op, Origin, TensorType};

    /// `y = a + b` on integers and `z = sqrt(x)`.
    fn graph() -> (Graph, Vec<Tensor>) {
        let mut g = Graph { name: "v".into(), ..Graph::default() };
        let a = g.add_input("a", TensorType::new(DType::I32, [2]));
        let x = g.add_input("x", TensorType::new(DType::F32, [2]));
        let i = TensorType::new(DType::I32, [2]);
        let y = g.add_node(Op::Add, Attrs::none(), vec![Some(a), Some(a)], vec![(i, None)], Origin::new(0, "n"))[0];
        let f = TensorType::new(DType::F32, [2]);
        let z = g.add_node(Op::Sqrt, Attrs::none(), vec![Some(x)], vec![(f, None)], Origin::new(1, "n"))[0];
        g.add_output("y", y);
        g.add_output("z", z);
        let bytes = [1i32, -2].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let ints = Tensor::new(DType::I32, vec![2], bytes).expect("two integers");
        (g, vec![ints, Tensor::from_f32([2], &[2.0, 9.0])])
    }
    fn outputs(y: [i32; 2], z: [f32; 2]) -> Outputs {
        let bytes = y.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let y = Tensor::new(DType::I32, vec![2], bytes).expect("two integers");
        [("y".to_string(), y), ("out/z".to_string(), Tensor::from_f32([2], &z))].into()
    }
    fn ballot(parties: &[(&str, Outputs)]) -> Ballot {
        let (g, inputs) = graph();
        let contract = Contract::named("onnx").expect("built in");
        let parties: Vec<_> = parties.iter().map(|(n, o)| (n.to_string(), o.clone())).collect();
        judge(&g, &inputs, &contract, &parties).expect("evaluates")
    }

    #[test]
    fn the_party_that_is_outside_is_blamed() {
        let right = outputs([2, -4], [std::f32::consts::SQRT_2, 3.0]);
        let wrong = outputs([2, -4], [1.4143, 3.0]);
        let b = ballot(&[("p", right.clone()), ("q", wrong.clone())]);
        assert_eq!(
            (b.blame.clone(), b.confirmed_by.clone()),
            (Blame::Parties(vec!["q".into()]), vec!["p".to_string()])
        );
        assert_eq!((b.votes[1].outside, b.votes[1].elements), (1, 4));
        assert!(b.votes[1].worst_ratio > 10.0 && b.votes[1].detail.starts_with("z[0] is 1.41429"), "{:?}", b.votes[1]);
        assert_eq!(ballot(&[("p", right)]).blame, Blame::Nobody);
        // One party alone cannot convict the reference.
        assert_eq!(ballot(&[("q", wrong)]).blame, Blame::Parties(vec!["q".into()]));
    }

    #[test]
    fn parties_that_agree_against_the_reference_make_it_suspect() {
        let wrong = outputs([3, -4], [std::f32::consts::SQRT_2, 3.0]);
        let other = outputs([5, -4], [std::f32::consts::SQRT_2, 3.0]);
        assert_eq!(ballot(&[("p", wrong.clone()), ("q", wrong.clone())]).blame, Blame::Reference);
        assert_eq!(ballot(&[("p", wrong), ("q", other)]).blame, Blame::Parties(vec!["p".into(), "q".into()]));
    }

    #[test]
    fn a_missing_output_or_another_type_is_outside() {
        let mut o = outputs([2, -4], [std::f32::consts::SQRT_2, 3.0]);
        o.insert("y".into(), Tensor::from_i64([2], &[2, -4]));
        let b = ballot(&[("p", o.clone())]);
        assert!(
            b.votes[0].position == Position::Outside && b.votes[0].detail.contains("expected i32"),
            "{:?}",
            b.votes[0]
        );
        o.remove("y");
        assert_eq!(ballot(&[("p", o)]).votes[0].detail, "output `y` is missing");
    }
}
