//! The judge in small: no legal execution is flagged, every bug is seen at least as often as its floor, worst cases are attained,
//! threads change nothing, and what is flagged can be replayed.
use judge::bugs::{BUGS, Scene};
use judge::report::Judgement;
use judge::{Plan, Storage, attained, false_alarms, missed, replay, tiers};
use touchstone_judge as judge;

fn plan(storage: Storage, graphs: u64, per_bug: u64) -> Plan {
    Plan { seed: 2024, storage, executions: 4, graphs, first: 0, per_bug, threads: 2 }
}

fn no_false_alarm(storage: Storage) {
    let legal = false_alarms::run(&plan(storage, 250, 0), &mut |_| {}).expect("two threads start");
    let first = legal.flagged.first().map(|f| (f.index, &f.outlier, &f.choices));
    assert!(legal.flagged.is_empty(), "{} flagged, the first: {first:#?}", legal.flagged.len());
    assert!(
        legal.executions >= 900 && legal.groups >= 1000,
        "{} executions, {} groups",
        legal.executions,
        legal.groups
    );
    assert!(legal.skipped.is_empty(), "{:?}", legal.skipped);
    let s = legal.sharpness;
    assert!(s.decided * 100 >= s.elements * 90, "a judge that decides nothing flags nothing: {s:?}");
}

#[test]
fn no_legal_execution_is_flagged() {
    no_false_alarm(Storage::F32);
}

#[test]
fn no_legal_execution_in_bf16_is_flagged() {
    no_false_alarm(Storage::BF16);
}

#[test]
fn every_bug_is_seen_as_often_as_its_floor() {
    let rows = missed::run(&plan(Storage::F32, 0, 10), None, &|_| {}).expect("the catalogue is not empty");
    assert_eq!(rows.len(), BUGS.len());
    for r in &rows {
        assert_eq!(r.false_alarms, 0, "{}: a clean run was flagged", r.bug.id());
        assert!(r.activated >= 5, "{}: changed an output bit in {} runs only", r.bug.id(), r.activated);
        let percent = 100.0 * r.share().expect("activated");
        assert!(percent >= f64::from(r.bug.floor), "{}: {percent:.0} %, floor {}", r.bug.id(), r.bug.floor);
    }
    let mean = missed::mean(&rows, None, &|r| r.either);
    assert!(mean >= 0.95, "mean {mean}");
}

#[test]
fn bugs_in_bf16_are_seen() {
    let rows = missed::run(&plan(Storage::BF16, 0, 6), None, &|_| {}).expect("the catalogue is not empty");
    assert!(rows.iter().all(|r| r.false_alarms == 0));
    let mean = missed::mean(&rows, None, &|r| r.either);
    assert!(mean >= 0.85, "mean {mean}");
}

#[test]
fn worst_cases_reach_the_bound_and_stay_inside() {
    let rows = attained::all(&Storage::F32.contract());
    assert!(rows.len() >= 15, "{} rows", rows.len());
    for a in &rows {
        assert!(a.ratio <= 1.0 && a.ratio >= a.least, "{}: {} (at least {})", a.what, a.ratio, a.least);
    }
}

#[test]
fn threads_change_nothing() {
    let judged = |threads: usize| {
        let p = Plan { threads, ..plan(Storage::F32, 40, 2) };
        let legal = false_alarms::run(&p, &mut |_| {}).expect("threads start");
        let bugs = missed::run(&p, Some("matmul"), &|_| {}).expect("a kind of the catalogue");
        Judgement { storage: p.storage, seed: p.seed, legal, bugs, attained: Vec::new() }.json().to_string()
    };
    assert_eq!(judged(1), judged(3));
}

#[test]
fn a_bug_that_does_not_exist_is_named() {
    let e = missed::run(&plan(Storage::F32, 0, 1), Some("matmul/nothing"), &|_| {});
    assert!(e.is_err_and(|e| e.contains("matmul/nothing")));
}

/// A flagged execution on disk replays: here a sound one, written as if it had been flagged.
#[test]
fn replay_reads_what_was_written() {
    let contract = Storage::F32.contract();
    let scene: Scene = judge::generate::legal_case(7, 3, Storage::F32, &contract);
    let outlier = tiers::Outlier { tier: "bound", value: "y0".into(), element: None, ratio: 2.0, mismatch: None };
    let f = false_alarms::Flagged { index: 3, seed: 9, scene, outlier, choices: vec!["n0".into()] };
    let dir = std::env::temp_dir().join(format!("touchstone-judge-{}", std::process::id()));
    let at = replay::write(&f, Storage::F32, &dir).expect("the temporary directory can be written");
    let (flagged, text) = replay::replay(&at).expect("what was written can be read");
    assert!(!flagged && text.contains("inside"), "{text}");
    std::fs::remove_dir_all(&dir).expect("it was made here");
    assert!(replay::replay(&at).is_err());
}
