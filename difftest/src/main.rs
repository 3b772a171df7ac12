//! The `touchstone` command line.

fn main() -> std::process::ExitCode {
    touchstone_difftest::cli::main()
}
