//! Cases on which a well-known implementation is wrong (`corpora/votes`): the reference has to say which one, and another
//! party has to confirm it.
//!
//! *Proves*: of these recorded outputs, that exactly the wrong party's are outside of the bound, and that our compiler agrees.
//! *Cannot see* what the parties give elsewhere. Where the outputs come from: `ci/recipes/votes.py`.

use difftest::votes::{Ballot, Blame, Position, judge, parties};
use touchstone_suites::root;

fn ballot(name: &str) -> Ballot {
    let dir = root().join("corpora/votes").join(name);
    let (case, _) = difftest::dir::read(&dir).expect("a case directory");
    let r = difftest::check::check(&case);
    assert!(r.failure.is_none() && r.complete, "{}", difftest::dir::summary(&r));
    let parties = parties(Some(&dir), &[]).expect("archives");
    judge(&case.graph, &case.sets[0], &case.setup.contract, &parties).expect("the reference evaluates it")
}

#[test]
fn onnx_runtime_without_vnni_saturates_sums_of_pairs() {
    let b = ballot("matmulinteger-u8s8-saturates");
    assert_eq!(b.blame, Blame::Parties(vec!["onnxruntime-without-vnni".into()]));
    assert_eq!(b.confirmed_by, ["numpy", "onnx-reference", "onnxruntime"]);
    let wrong = b.votes.iter().find(|v| v.position == Position::Outside).expect("one is outside");
    assert!(wrong.outside * 10 >= wrong.elements * 8, "{} of {} are wrong", wrong.outside, wrong.elements);
}

#[test]
fn onnx_reference_normalises_with_the_statistics_of_the_batch() {
    let b = ballot("batchnorm-9-runs-in-training");
    assert_eq!(b.blame, Blame::Parties(vec!["onnx-reference".into()]));
    assert_eq!(b.confirmed_by, ["numpy-float64", "onnxruntime"]);
    assert!(b.votes.iter().all(|v| (v.position == Position::Outside) == (v.worst_ratio > 1.0)), "{}", b.table());
}
