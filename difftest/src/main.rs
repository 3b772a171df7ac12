//! The `touchstone` command line.

fn main() -> std::process::ExitCode {
    difftest::cli::main()
}
