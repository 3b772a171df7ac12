//! `touchstone disasm`, `asm`, `verify`.

use super::Outcome;
use super::common::config;
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `disasm`.
#[derive(clap::Args, Debug)]
pub struct DisasmArgs {
    /// A program.
    #[arg(value_name = "P.anpu")]
    program: PathBuf,
}

/// Arguments of `asm`.
#[derive(clap::Args, Debug)]
pub struct AsmArgs {
    /// Assembler text.
    #[arg(value_name = "TEXT")]
    text: PathBuf,
    /// The program.
    #[arg(short, value_name = "P.anpu")]
    out: PathBuf,
}

/// Arguments of `verify`.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// A program.
    #[arg(value_name = "P.anpu")]
    program: PathBuf,
    /// Machine it was compiled for.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "edge-256")]
    config: String,
}

fn program(path: &Path) -> Result<isa::Program> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    isa::container::read_program(&bytes).map_err(|e| anyhow!("{}: {e}", path.display()))
}

/// Prints a program.
pub fn disasm(a: DisasmArgs) -> Result<Outcome> {
    let p = program(&a.program)?;
    let text = isa::disasm::print_program(&p);
    Ok(Outcome::ok(text.clone(), json!({ "instructions": p.code.len(), "text": text })))
}

/// Assembles a program.
pub fn asm(a: AsmArgs) -> Result<Outcome> {
    let text = std::fs::read_to_string(&a.text).with_context(|| format!("cannot read {}", a.text.display()))?;
    let p = isa::asm::parse_program(&text).map_err(|e| anyhow!("{}: {e}", a.text.display()))?;
    let bytes = isa::container::write_program(&p)?;
    std::fs::write(&a.out, &bytes).with_context(|| format!("cannot write {}", a.out.display()))?;
    Ok(Outcome::ok(
        format!("{}: {} instructions, {} bytes", a.out.display(), p.code.len(), bytes.len()),
        json!({ "instructions": p.code.len(), "bytes": bytes.len() }),
    ))
}

/// Verifies a program.
pub fn verify(a: VerifyArgs) -> Result<Outcome> {
    let p = program(&a.program)?;
    let traps = isa::verify(&p, &config(&a.config)?).err().unwrap_or_default();
    let rows: Vec<_> =
        traps.iter().map(|t| json!({ "trap": t.code.name(), "pc": t.pc, "detail": t.to_string() })).collect();
    let text = if traps.is_empty() {
        format!("{}: {} instructions, no race, no deadlock, nothing out of bounds", a.program.display(), p.code.len())
    } else {
        traps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let json = json!({ "instructions": p.code.len(), "traps": rows });
    Ok(Outcome::ok(text, json).with_code(u8::from(!traps.is_empty())))
}
