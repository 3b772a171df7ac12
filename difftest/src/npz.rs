//! `.npz` archives of tensors, as the command line defines them (DESIGN.md section 5): entries named as the ONNX tensor,
//! C order, little endian; bf16 and f16-free types as unsigned integers with the ONNX name under `__dtype__/NAME`.

use anyhow::{Context, Result, anyhow, bail, ensure};
use ir::{DType, Tensor};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;

/// Largest archive member that is read: hostile archives must not exhaust the memory.
const MAX_ENTRY: u64 = 1 << 30;

/// Reads an archive: tensors by name, in name order. A leading `in/` or `out/` stays; see [`lookup`].
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is not a readable .npz", path.display()))
}

/// The entry of a tensor: by its name, or under `in/` or `out/`.
pub fn lookup<'a>(entries: &'a BTreeMap<String, Tensor>, name: &str) -> Option<&'a Tensor> {
    ["", "in/", "out/"].iter().find_map(|p| entries.get(&format!("{p}{name}")))
}

/// Parses the bytes of an archive.
pub fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))?;
    let mut raw = BTreeMap::new();
    for i in 0..zip.len() {
        let f = zip.by_index(i)?;
        let name = f.name().strip_suffix(".npy").unwrap_or(f.name()).to_string();
        ensure!(f.size() <= MAX_ENTRY, "entry `{name}` is larger than {MAX_ENTRY} bytes");
        let mut data = Vec::new();
        f.take(MAX_ENTRY).read_to_end(&mut data)?;
        raw.insert(name, data);
    }
    let mut out = BTreeMap::new();
    for (name, data) in &raw {
        if name.starts_with("__dtype__/") {
            continue;
        }
        let mut t = parse_npy(data).with_context(|| format!("entry `{name}`"))?;
        if let Some(d) = raw.get(&format!("__dtype__/{name}")) {
            t = retype(&t, &dtype_name(d).with_context(|| format!("entry `__dtype__/{name}`"))?)?;
        }
        out.insert(name.clone(), t);
    }
    Ok(out)
}

/// The text of a `__dtype__` entry: a numpy string scalar (`<U…`, `|S…`) or bytes.
fn dtype_name(data: &[u8]) -> Result<String> {
    let (descr, _, body) = npy_parts(data)?;
    let text: String = if descr.starts_with("<U") {
        body.chunks_exact(4).filter_map(|c| char::from_u32(u32::from_le_bytes([c[0], c[1], c[2], c[3]]))).collect()
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    Ok(text.trim_matches('\0').to_ascii_lowercase())
}

fn retype(t: &Tensor, name: &str) -> Result<Tensor> {
    let dtype = match name {
        "bfloat16" | "bf16" => DType::BF16,
        "float16" | "f16" => DType::F16,
        other => bail!("element type `{other}` is not supported"),
    };
    Ok(Tensor::new(dtype, t.dims.clone(), t.bytes.clone())?)
}

fn npy_parts(data: &[u8]) -> Result<(String, Vec<usize>, &[u8])> {
    ensure!(data.len() >= 10 && &data[..6] == b"\x93NUMPY", "no .npy header");
    let (start, len) = match data[6] {
        1 => (10, usize::from(u16::from_le_bytes([data[8], data[9]]))),
        2 | 3 if data.len() >= 12 => (12, u32::from_le_bytes([data[8], data[9], data[10], data[11]]) as usize),
        v => bail!("unknown .npy version {v}"),
    };
    let header = data.get(start..start + len).ok_or_else(|| anyhow!("truncated header"))?;
    let header = std::str::from_utf8(header)?;
    let field = |key: &str| header.split_once(&format!("'{key}':")).map(|x| x.1.trim_start());
    let descr = field("descr").and_then(|s| s.strip_prefix('\'')?.split_once('\'')).map(|x| x.0);
    let descr = descr.ok_or_else(|| anyhow!("header has no `descr`"))?;
    let order = field("fortran_order").ok_or_else(|| anyhow!("header has no `fortran_order`"))?;
    let shape = field("shape").and_then(|s| s.strip_prefix('(')?.split_once(')')).map(|x| x.0);
    let shape = shape.ok_or_else(|| anyhow!("header has no `shape`"))?;
    let dims: Vec<usize> =
        shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
    ensure!(order.starts_with("False") || dims.len() < 2, "Fortran order is not supported; save with C order");
    Ok((descr.to_string(), dims, &data[start + len..]))
}

fn parse_npy(data: &[u8]) -> Result<Tensor> {
    let (descr, dims, body) = npy_parts(data)?;
    ensure!(!descr.starts_with('>'), "big-endian data is not supported");
    let dtype = match descr.trim_start_matches(['<', '|', '=']) {
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "b1" => DType::Bool,
        other => bail!("numpy type `{other}` is not supported"),
    };
    Ok(Tensor::new(dtype, dims, body)?)
}

/// Bytes of an archive. The same tensors give the same bytes.
pub fn to_bytes(entries: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let opts = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for (name, t) in entries {
        zip.start_file(format!("{name}.npy"), opts)?;
        zip.write_all(&npy(descr(t.dtype), &t.dims, &t.bytes))?;
        if t.dtype == DType::BF16 {
            zip.start_file(format!("__dtype__/{name}.npy"), opts)?;
            let text: Vec<u8> = "bfloat16".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            zip.write_all(&npy("<U8", &[], &text))?;
        }
    }
    Ok(zip.finish()?.into_inner())
}

/// Writes an archive.
pub fn write(path: &Path, entries: &BTreeMap<String, Tensor>) -> Result<()> {
    std::fs::write(path, to_bytes(entries)?).with_context(|| format!("cannot write {}", path.display()))
}

fn descr(d: DType) -> &'static str {
    match d {
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::BF16 | DType::U16 => "<u2",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::Bool => "|b1",
    }
}

fn npy(descr: &str, dims: &[usize], body: &[u8]) -> Vec<u8> {
    let shape: String = match dims {
        [] => "()".into(),
        [d] => format!("({d},)"),
        ds => format!("({})", ds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).expect("a header of a bounded rank is short").to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_round_trip() {
        let mut m = BTreeMap::new();
        m.insert("x".to_string(), Tensor::from_f32([2, 1], &[1.5, f32::NAN]));
        m.insert("a/b".to_string(), Tensor::from_i64([], &[-7]));
        m.insert("h".to_string(), Tensor::new(DType::BF16, vec![2], vec![0u8, 0x3f, 1, 2]).expect("four bytes"));
        m.insert("e".to_string(), Tensor::from_bool([0, 3], &[]));
        let bytes = to_bytes(&m).expect("writes");
        assert_eq!(parse(&bytes).expect("reads"), m);
        assert_eq!(bytes, to_bytes(&m).expect("writes"), "the same tensors give the same bytes");
    }

    #[test]
    fn truncated_archives_are_errors() {
        let mut m = BTreeMap::new();
        m.insert("x".to_string(), Tensor::from_f32([4], &[1.0; 4]));
        let bytes = to_bytes(&m).expect("writes");
        for n in 0..bytes.len() {
            assert!(parse(&bytes[..n]).is_err(), "{n} bytes of {}", bytes.len());
        }
    }
}
