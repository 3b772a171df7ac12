use touchstone_judge::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == "replay" {
        println!("{}", replay::replay(a[2].as_ref()).map_or_else(|e| e, |x| x.1));
        return;
    }
    let storage = Storage::parse(&a[1]).unwrap();
    let (graphs, per_bug, seed) = (a[2].parse().unwrap(), a[3].parse().unwrap(), a[4].parse().unwrap());
    let plan = Plan { seed, storage, executions: 5, graphs, first: 0, per_bug, threads: 1 };
    let legal = false_alarms::run(&plan, &mut |_| {}).unwrap();
    for f in &legal.flagged {
        println!("{}", replay::write(f, storage, a[5].as_ref()).unwrap().display());
    }
    let bugs = if per_bug == 0 { vec![] } else { missed::run(&plan, a.get(6).map(|s| s.as_str()), &|_| {}).unwrap() };
    let j = report::Judgement { storage, seed, legal, bugs, attained: attained::all(&storage.contract()) };
    println!("{}", j.text());
}
