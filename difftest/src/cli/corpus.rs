//! `corpus`: serialised graphs to and from ONNX, union of corpora, and the seeds of the fuzz targets.

use super::Outcome;
use crate::dir::renumbered;
use crate::{Setup, guard, targets};
use anyhow::{Context, Result, anyhow, bail};
use arbitrary::Unstructured;
use graphgen::{Lattice, Profile};
use isa::NpuConfig;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Arguments of `corpus`.
#[derive(clap::Args, Debug)]
pub struct CorpusArgs {
    #[command(subcommand)]
    what: CorpusCommand,
}

#[derive(clap::Subcommand, Debug)]
enum CorpusCommand {
    /// ONNX models to serialised graphs, named by content.
    Import {
        /// Models.
        models: Vec<PathBuf>,
        /// Corpus directory.
        #[arg(long)]
        to: PathBuf,
    },
    /// Serialised graphs to ONNX models.
    Export {
        /// Corpus files.
        files: Vec<PathBuf>,
        /// Directory for the models.
        #[arg(long)]
        to: PathBuf,
    },
    /// The union of corpora, each graph once: equal up to names and numbering is equal. Other bytes are kept, each once.
    Merge {
        /// Corpus directories.
        dirs: Vec<PathBuf>,
        /// Directory of the union.
        #[arg(long)]
        to: PathBuf,
    },
    /// Small start corpora of all fuzz targets, below DIR/TARGET; the same for the same seed.
    Seeds {
        /// How many graphs (each also gives a model, a program, its instructions and its text).
        #[arg(long, default_value_t = 6)]
        cases: u64,
        /// Seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Directory, such as `corpora`.
        #[arg(long)]
        to: PathBuf,
    },
}

/// Converts corpora.
pub fn corpus(a: CorpusArgs) -> Result<Outcome> {
    let (n, to) = match a.what {
        CorpusCommand::Import { models, to } => (import(&models, &to)?, to),
        CorpusCommand::Export { files, to } => (export(&files, &to)?, to),
        CorpusCommand::Merge { dirs, to } => (merge(&dirs, &to)?, to),
        CorpusCommand::Seeds { cases, seed, to } => (seeds(cases, seed, &to)?, to),
    };
    Ok(Outcome::ok(format!("{n} files written to {}", to.display()), json!({ "files": n })))
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let at = dir.join(name);
    std::fs::write(&at, bytes).with_context(|| format!("cannot write {}", at.display()))
}

fn graph_name(g: &ir::Graph) -> String {
    format!("{:032x}", ir::hash::canonical(g))
}

fn import(models: &[PathBuf], to: &Path) -> Result<usize> {
    for m in models {
        let g = match super::common::load(m, BTreeMap::new(), BTreeMap::new())? {
            super::common::Load::Graph(g) => renumbered(&g),
            super::common::Load::Unsupported(why) => bail!("{}: unsupported: {why}", m.display()),
        };
        write(to, &graph_name(&g), &targets::serialise(&g))?;
    }
    Ok(models.len())
}

fn export(files: &[PathBuf], to: &Path) -> Result<usize> {
    let setup = Setup::new("tiny-fuzz", NpuConfig::tiny());
    for f in files {
        let bytes = std::fs::read(f).with_context(|| format!("cannot read {}", f.display()))?;
        let g = targets::graph_of(&bytes, &setup)
            .ok_or_else(|| anyhow!("{} is not a valid serialised graph", f.display()))?;
        let name = f.file_name().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        write(to, &format!("{name}.onnx"), &onnx::write_graph(&renumbered(&g)))?;
    }
    Ok(files.len())
}

fn merge(dirs: &[PathBuf], to: &Path) -> Result<usize> {
    let setup = Setup::new("tiny-fuzz", NpuConfig::tiny());
    let mut all = BTreeMap::new();
    for dir in dirs {
        let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let serialised = bytes.first() == Some(&targets::GRAPH_V1);
            let name = match serialised.then(|| targets::graph_of(&bytes, &setup)).flatten() {
                Some(g) => graph_name(&g),
                None => blake3::hash(&bytes).to_hex()[..32].to_owned(),
            };
            all.entry(name).or_insert(bytes);
        }
    }
    for (name, bytes) in &all {
        write(to, name, bytes)?;
    }
    Ok(all.len())
}

/// One guarded graph in all the forms that targets read. A graph that the compiler refuses gives no program.
fn seeds(cases: u64, seed: u64, to: &Path) -> Result<usize> {
    let setup = Setup::new("tiny-fuzz", NpuConfig::tiny());
    let (profile, lattice) = (Profile::named("small").expect("a built-in profile"), Lattice::of(&setup.config));
    let mut n = 0;
    for i in 0..cases {
        let mut rng = kit::Rng::stream(seed, i);
        let choices: Vec<u8> = (0..32).map(|_| rng.next_u64() as u8).collect();
        let g = renumbered(&guard::generate(&mut Unstructured::new(&choices), &profile, &lattice, i, &setup.contract));
        let name = graph_name(&g);
        write(&to.join("graph_gen"), &name, &targets::serialise(&g))?;
        write(&to.join("onnx_bytes"), &name, &onnx::write_graph(&g))?;
        write(&to.join("text"), &name, ir::text::print(&g).as_bytes())?;
        n += 3;
        let Ok(c) = driver::compile(&g, &setup.options(), &mut Vec::new(), &mut |_| {}) else { continue };
        write(&to.join("isa_bytes"), &name, &c.binary)?;
        let code: Vec<u8> = c.placed.program.code.iter().map(isa::encode).collect::<Result<Vec<_>, _>>()?.concat();
        write(&to.join("sim_bytes"), &name, &code)?;
        write(&to.join("text"), &format!("{name}.asm"), isa::disasm::print_program(&c.placed.program).as_bytes())?;
        n += 3;
    }
    Ok(n)
}
