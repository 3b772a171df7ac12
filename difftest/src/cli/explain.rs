//! `touchstone explain`: why a case fails.

use super::Outcome;
use super::common::{ModelArgs, SetupArgs, case};
use crate::campaign::quiet_panics;
use crate::check::check;
use crate::dir;
use crate::explain::{Explanation, explain};
use crate::report;
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(
    long_about = "Says why a case fails: runs the failing group or pass again, on the machine's own inputs and on fresh data, in the \
                  reference, once as it should be and once under each named mistake (a dropped tail, another channel's scale, a window \
                  one row off, ties away from zero, ...), and names the one that gives what the machine gave.",
    after_help = "Example:\n  touchstone fuzz --cases 300 --faults k-tail-dropped\n  touchstone explain target/touchstone/findings/KEY\n\n\
                  Read the first line. `of wrong` is the share of the wrong elements that a mistake reproduces; `of all` the share of all \
                  elements if it were made everywhere, so a mistake in one tile has a high first and a low second number. The certificate \
                  holds one element with its exact inputs, the value, the radius and its parts: it can be recomputed by hand.\n\
                  Exit codes: 1 the case fails (explained or not), 2 it does not fail, or cannot be read."
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    setup: SetupArgs,
}

/// Explains a failing case.
pub fn run(a: Args) -> Result<Outcome> {
    quiet_panics();
    let case = match case(&a.model, &a.setup, "edge-256", 3)? {
        Ok(c) => c,
        Err(why) => bail!("{}: unsupported: {why}", a.model.model.display()),
    };
    let r = check(&case);
    let Some(failure) = &r.failure else {
        bail!("{} does not fail: {}", a.model.model.display(), dir::summary(&r));
    };
    let x = explain(&case, failure);
    let text = format!("{}\n\n{}", dir::summary(&r), report::explanation(&x));
    Ok(Outcome::ok(text, to_json(&x, failure.verdict.name())).with_code(1))
}

/// The JSON object.
fn to_json(x: &Explanation, verdict: &str) -> Value {
    json!({ "verdict": verdict, "headline": x.headline(), "explanation": x })
}
