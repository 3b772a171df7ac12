//! The command line (DESIGN.md section 5). Every command gives one [`Outcome`]: what people read, one JSON object, an exit code.

mod check;
mod common;
mod compile;
mod conformance;
mod corpus;
mod explain;
mod faults;
mod findings;
mod fuzz;
mod isa_tools;
mod judge;
mod small;

use clap::{Parser, Subcommand};
use serde_json::Value;
use std::process::ExitCode;

/// What a command has to say.
#[derive(Debug)]
pub struct Outcome {
    /// For people, on standard output.
    pub text: String,
    /// With `--json`, on standard output and nothing else.
    pub json: Value,
    /// 0 fine, 1 finding, 2 bad input, 3 internal error.
    pub code: u8,
}

impl Outcome {
    fn ok(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: 0 }
    }
    fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

#[derive(Parser, Debug)]
#[command(
    name = "touchstone",
    version,
    about = "Compiles ONNX models to the Anvil NPU, and checks every stage of doing so.",
    after_help = "Start with `touchstone fuzz --seconds 60`, or `touchstone check MODEL.onnx`.\n\
                  Exit codes: 0 agree, undecided or unsupported; 1 a finding; 2 bad input or usage; 3 internal error."
)]
struct Cli {
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a campaign: generate graphs, check all stages, attribute, reduce and deduplicate what fails.
    Fuzz(fuzz::Args),
    /// Check all stages of one model or case directory.
    Check(check::Args),
    /// Compile a model to a program, or print any stage as text.
    Compile(compile::Args),
    /// Simulate a program.
    Run(compile::RunArgs),
    /// Run the reference interpreter alone.
    Interp(small::InterpArgs),
    /// Run ONNX backend test directories.
    Conformance(conformance::Args),
    /// Attribute a failing case: stage, pass, minimal set of rewrites.
    Bisect(check::BisectArgs),
    /// Reduce a failing case or model.
    Reduce(check::ReduceArgs),
    /// Why a case fails: the named mistake that gives what the machine gave, and a certificate.
    Explain(explain::Args),
    /// Overview of a campaign's findings, grouped by cause.
    Report(findings::ReportArgs),
    /// Which findings are the same bug, and how other implementations vote.
    Triage(findings::TriageArgs),
    /// The catalogue of injectable faults, and whether each is found.
    Faults(faults::Args),
    /// Judge our own numeric verdicts: false alarms on legal executions, detection of planted bugs.
    Judge(judge::Args),
    /// Print a program as assembler text.
    Disasm(isa_tools::DisasmArgs),
    /// Assemble text to a program.
    Asm(isa_tools::AsmArgs),
    /// Run the load-time verifier on a program.
    Verify(isa_tools::VerifyArgs),
    /// Generate graphs alone.
    Gen(small::GenArgs),
    /// Convert between serialised graphs and ONNX.
    Corpus(corpus::CorpusArgs),
    /// List numeric contracts.
    Contract(small::ContractArgs),
}

/// Parses the arguments, runs the command, prints the outcome.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(c) => c,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    // Deep graphs recurse nowhere, but debug builds have large frames.
    let json = cli.json;
    let run = std::thread::Builder::new().stack_size(256 << 20).spawn(move || dispatch(cli));
    let outcome = match run.map(std::thread::JoinHandle::join) {
        Ok(Ok(o)) => o,
        Ok(Err(_)) => {
            eprintln!("internal error: a panic escaped; please report it with the command line");
            return ExitCode::from(3);
        }
        Err(e) => {
            eprintln!("cannot start: {e}");
            return ExitCode::from(3);
        }
    };
    match outcome {
        Ok(o) => {
            let text = if json { format!("{}\n", o.json) } else { o.text };
            if !text.is_empty() {
                use std::io::Write;
                let end = if text.ends_with('\n') { "" } else { "\n" };
                // A closed pipe is the reader's choice, not an error.
                let _ = write!(std::io::stdout(), "{text}{end}");
            }
            ExitCode::from(o.code)
        }
        Err(e) => {
            if json {
                println!("{}", serde_json::json!({ "error": format!("{e:#}") }));
            }
            eprintln!("error: {e:#}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::Fuzz(a) => fuzz::run(a, cli.json),
        Command::Check(a) => check::run(a),
        Command::Compile(a) => compile::compile(a),
        Command::Run(a) => compile::run(a),
        Command::Interp(a) => small::interp(a),
        Command::Conformance(a) => conformance::run(a),
        Command::Bisect(a) => check::bisect(a),
        Command::Reduce(a) => check::reduce_command(a),
        Command::Explain(a) => explain::run(a),
        Command::Report(a) => findings::report(a),
        Command::Triage(a) => findings::triage(a),
        Command::Faults(a) => faults::run(a),
        Command::Judge(a) => judge::run(a, cli.json),
        Command::Disasm(a) => isa_tools::disasm(a),
        Command::Asm(a) => isa_tools::asm(a),
        Command::Verify(a) => isa_tools::verify(a),
        Command::Gen(a) => small::generate(a),
        Command::Corpus(a) => corpus::corpus(a),
        Command::Contract(a) => small::contract(a),
    }
}
