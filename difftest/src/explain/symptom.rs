//! What a verifier, the simulator or the decoder said, in words: their class names the cause already.

use crate::verdict::Failure;
use driver::Compilation;

/// In words, what the failure class means; `None` for plain mismatches.
pub fn of(failure: &Failure) -> Option<String> {
    let (kind, rest) = failure.class.split_once(':').unwrap_or((&failure.class, ""));
    match kind {
        "trap" => isa::TrapCode::from_name(rest).map(|t| format!("the simulator stopped with {rest}: {}", t.meaning())),
        "verify" => Some(format!("a verifier refused the result of {}: rule `{rest}`", failure.pass)),
        "panic" => Some("the code under test panicked".into()),
        "stage-error" => Some("a stage's artefact could not be executed".into()),
        _ => None,
    }
}

/// A cause that shows in the encoded program itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Encoded {
    /// `field-truncated`, `constants-cut` or `encoding-differs`.
    pub id: &'static str,
    /// For people.
    pub phrase: String,
    /// The instructions that differ, before and after, as a diff.
    pub diff: String,
}

/// Compares the placed program with what its bytes decode to.
pub fn encoded(c: &Compilation) -> Option<Encoded> {
    let back = match isa::container::read_program(&c.binary) {
        Ok(p) if p == c.placed.program => return None,
        Ok(p) => p,
        Err(e) => {
            let phrase = format!("the container does not decode: {e}");
            return Some(Encoded { id: "encoding-differs", phrase, diff: String::new() });
        }
    };
    let (x, y) = (&c.placed.program, &back);
    if x.code == y.code && x.consts != y.consts {
        let first =
            x.consts.iter().zip(&y.consts).position(|(a, b)| a != b).unwrap_or(x.consts.len().min(y.consts.len()));
        let tail = x.consts.len() - first;
        let phrase = format!("the last {tail} of {} bytes of the constants are lost", x.consts.len());
        let id = if tail <= 64 || x.consts.len() != y.consts.len() { "constants-cut" } else { "encoding-differs" };
        return Some(Encoded { id, phrase, diff: String::new() });
    }
    let text = |p: &isa::Program| isa::disasm::print_program(p);
    let diff = super::diff(&text(x), &text(y), "placed", "decoded");
    let fields = truncated(&text(x), &text(y));
    Some(match fields {
        Some(f) => Encoded {
            id: "field-truncated",
            phrase: format!("a field of an instruction is encoded with too few bits: {f}"),
            diff,
        },
        None => Encoded { id: "encoding-differs", phrase: "the bytes do not decode to the program".into(), diff },
    })
}

/// The first pair of numbers in which two texts differ by a multiple of a power of two, if all pairs do.
fn truncated(x: &str, y: &str) -> Option<String> {
    let words = |s: &str| -> Vec<String> {
        s.split(|c: char| c.is_whitespace() || "=,()[]".contains(c))
            .filter(|w| !w.is_empty())
            .map(String::from)
            .collect()
    };
    let (a, b) = (words(x), words(y));
    if a.len() != b.len() {
        return None;
    }
    let mut first = None;
    for (p, q) in a.iter().zip(&b).filter(|(p, q)| p != q) {
        let (p, q): (i64, i64) = (p.parse().ok()?, q.parse().ok()?);
        let d = (p - q).unsigned_abs();
        if !(d.is_power_of_two() && d >= 8) {
            return None;
        }
        first.get_or_insert_with(|| format!("{p} becomes {q}, {d} apart"));
    }
    first
}
