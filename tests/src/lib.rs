//! What the suites share: where the repository and the tests' inputs are, and how a missing input is said aloud.

use std::path::PathBuf;

/// Root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("`tests` lies in the root").to_path_buf()
}

/// `$TOUCHSTONE_INPUTS`, by default `target/inputs`; filled by `ci/inputs`.
pub fn inputs() -> PathBuf {
    std::env::var_os("TOUCHSTONE_INPUTS").map_or_else(|| root().join("target/inputs"), PathBuf::from)
}

/// A subdirectory of the inputs; `None`, said aloud, if it is not there. With `TOUCHSTONE_REQUIRE_INPUTS=1` that is a panic.
pub fn input_dir(name: &str) -> Option<PathBuf> {
    let dir = inputs().join(name);
    if dir.is_dir() {
        return Some(dir);
    }
    let text = format!("SKIPPED: {} is not there; `ci/inputs` makes it", dir.display());
    assert!(std::env::var_os("TOUCHSTONE_REQUIRE_INPUTS").is_none(), "{text}");
    eprintln!("{text}");
    None
}
