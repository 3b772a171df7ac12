//! External data: tensors whose bytes lie in files beside the model. Nothing outside the model's directory is read.

use crate::error::{Problem, short};
use crate::proto::StringStringEntryProto;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Most bytes that external and sparse tensors of one model may take together.
const MAX_TOTAL: usize = 512 << 20;

/// Where external data may come from, and how much is still allowed.
#[derive(Debug)]
pub struct External {
    dir: Option<PathBuf>,
    left: usize,
}

impl External {
    /// Files below `dir`; none at all without one.
    pub fn new(dir: Option<&Path>) -> Self {
        Self { dir: dir.map(Path::to_path_buf), left: MAX_TOTAL }
    }

    /// Takes `n` bytes from the budget that all tensors made from little file share.
    pub fn charge(&mut self, n: usize) -> Result<(), Problem> {
        self.left = self.left.checked_sub(n).ok_or_else(|| {
            Problem::unsupported(format!("external and sparse tensors of more than {} MiB", MAX_TOTAL >> 20))
        })?;
        Ok(())
    }

    /// The `need` bytes that an `external_data` list describes.
    pub fn read(&mut self, entries: &[StringStringEntryProto], need: usize) -> Result<Vec<u8>, Problem> {
        let get = |key: &str| entries.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.as_deref());
        let number = |key: &str| match get(key) {
            None => Ok(None),
            Some(s) => s
                .parse::<u64>()
                .map(Some)
                .map_err(|_| Problem::invalid(format!("external data: `{key}` is no number: `{}`", short(s)))),
        };
        let location = get("location").ok_or_else(|| Problem::invalid("external data without a location"))?;
        let offset = number("offset")?.unwrap_or(0);
        let need64 = u64::try_from(need).map_err(|_| Problem::invalid("external data of more than 2^64 bytes"))?;
        if let Some(length) = number("length")?
            && length != need64
        {
            return Err(Problem::invalid(format!("external data have length {length}, the tensor needs {need}")));
        }
        let path = self.resolve(location)?;
        let fail = |e: std::io::Error| Problem::invalid(format!("external data `{}`: {e}", short(location)));
        // Looked at before it is opened: opening a pipe would wait for a writer.
        if !std::fs::metadata(&path).map_err(fail)?.is_file() {
            return Err(Problem::invalid(format!("external data `{}` is no regular file", short(location))));
        }
        let mut file = File::open(&path).map_err(fail)?;
        let size = file.metadata().map_err(fail)?.len();
        if offset.checked_add(need64).is_none_or(|end| end > size) {
            return Err(Problem::invalid(format!(
                "external data `{}` has {size} bytes, {need} from {offset} are asked for",
                short(location)
            )));
        }
        self.charge(need)?;
        file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        let mut bytes = vec![0; need];
        file.read_exact(&mut bytes).map_err(fail)?;
        Ok(bytes)
    }

    /// The file of a location: relative, without `..`, and inside the directory after symbolic links are followed.
    fn resolve(&self, location: &str) -> Result<PathBuf, Problem> {
        let shown = short(location);
        let Some(dir) = &self.dir else {
            return Err(Problem::invalid(format!("external data `{shown}` of a model that has no directory")));
        };
        let relative = Path::new(location);
        let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        // A backslash or a drive letter would be a separator or a root on another platform.
        if location.is_empty() || location.contains(['\\', ':', '\0']) || !relative.components().all(plain) {
            return Err(Problem::invalid(format!("external data `{shown}`: only relative paths without `..`")));
        }
        let fail = |e: std::io::Error| Problem::invalid(format!("external data `{shown}`: {e}"));
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir.as_path() };
        let root = dir.canonicalize().map_err(fail)?;
        let path = root.join(relative).canonicalize().map_err(fail)?;
        if !path.starts_with(&root) {
            return Err(Problem::invalid(format!("external data `{shown}` lies outside the model's directory")));
        }
        Ok(path)
    }
}
