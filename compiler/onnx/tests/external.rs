//! External data: what is read, and every way out of the model's directory that is refused.

mod support;

use prost::Message;
use std::path::Path;
use support::{graph, model, node};
use touchstone_onnx::proto::{ModelProto, StringStringEntryProto, TensorProto};

fn with_external(entries: &[(&str, &str)]) -> ModelProto {
    let entry = |(k, v): &(&str, &str)| StringStringEntryProto { key: Some((*k).into()), value: Some((*v).into()) };
    let mut g = graph("x", "y", vec![node("Add", "x w", "y", vec![])]);
    g.initializer.push(TensorProto {
        name: Some("w".into()),
        data_type: Some(1),
        dims: vec![2],
        data_location: Some(1),
        external_data: entries.iter().map(entry).collect(),
        ..TensorProto::default()
    });
    model(21, g)
}

fn read(entries: &[(&str, &str)], dir: Option<&Path>) -> Result<Vec<f32>, String> {
    let m = touchstone_onnx::read(&with_external(entries).encode_to_vec(), dir).map_err(|e| e.to_string())?;
    Ok(m.initializers[0].1.to_f32().expect("the model says f32"))
}

/// A directory `outer` with a secret, and the model's directory inside it, with data.
fn place() -> tempfile::TempDir {
    let outer = tempfile::tempdir().expect("a temporary directory");
    let inside = outer.path().join("model");
    std::fs::create_dir_all(inside.join("sub")).expect("created");
    let floats: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    for f in ["model/w.bin", "model/sub/w.bin", "secret.bin"] {
        std::fs::write(outer.path().join(f), &floats).expect("written");
    }
    outer
}

#[test]
fn a_file_beside_the_model_is_read() {
    let outer = place();
    let dir = outer.path().join("model");
    assert_eq!(read(&[("location", "w.bin")], Some(&dir)), Ok(vec![1.0, 2.0]));
    assert_eq!(read(&[("location", "./sub/w.bin"), ("offset", "8"), ("length", "8")], Some(&dir)), Ok(vec![3.0, 4.0]));
}

#[test]
fn nothing_outside_the_directory_is_read() {
    let outer = place();
    let dir = outer.path().join("model");
    let absolute = outer.path().join("secret.bin");
    let inside_absolute = dir.join("w.bin");
    for location in [
        "../secret.bin",
        "sub/../../secret.bin",
        "sub/../w.bin",
        absolute.to_str().expect("UTF-8"),
        inside_absolute.to_str().expect("UTF-8"),
        "",
        "..",
        ".",
        "sub",
        "..\\secret.bin",
        "C:\\secret.bin",
        "w.bin\0",
        "no-such-file",
        "/dev/zero",
        "/etc/passwd",
    ] {
        let got = read(&[("location", location)], Some(&dir));
        let message = got.expect_err(location);
        assert!(message.starts_with("tensor `w`: external data"), "{location}: {message}");
    }
}

#[cfg(unix)]
#[test]
fn symbolic_links_and_special_files_are_no_way_out() {
    use std::os::unix::fs::symlink;
    let outer = place();
    let dir = outer.path().join("model");
    symlink(outer.path().join("secret.bin"), dir.join("link.bin")).expect("linked");
    symlink(outer.path(), dir.join("up")).expect("linked");
    symlink(dir.join("w.bin"), dir.join("inside.bin")).expect("linked");
    symlink("/dev/zero", dir.join("zero")).expect("linked");
    for location in ["link.bin", "up/secret.bin", "zero"] {
        let message = read(&[("location", location)], Some(&dir)).expect_err(location);
        assert!(message.contains("outside the model's directory"), "{location}: {message}");
    }
    assert_eq!(read(&[("location", "inside.bin")], Some(&dir)), Ok(vec![1.0, 2.0]));
    // A pipe inside the directory: opening it would wait forever.
    let made = std::process::Command::new("mkfifo").arg(dir.join("pipe")).status();
    if made.is_ok_and(|s| s.success()) {
        let message = read(&[("location", "pipe")], Some(&dir)).expect_err("a pipe");
        assert!(message.contains("no regular file"), "{message}");
    } else {
        println!("SKIPPED: no mkfifo on this machine");
    }
}

#[test]
fn offsets_and_lengths_are_checked_against_the_file() {
    let outer = place();
    let dir = outer.path().join("model");
    for (key, value, expect) in [
        ("offset", "9", "has 16 bytes, 8 from 9 are asked for"),
        ("offset", "18446744073709551615", "has 16 bytes"),
        ("offset", "99999999999999999999999", "is no number"),
        ("offset", "-1", "is no number"),
        ("length", "7", "length 7, the tensor needs 8"),
        ("length", "x", "is no number"),
    ] {
        let message = read(&[("location", "w.bin"), (key, value)], Some(&dir)).expect_err(value);
        assert!(message.contains(expect), "{key}={value}: {message}");
    }
    assert!(read(&[], Some(&dir)).expect_err("no location").contains("without a location"));
    assert!(read(&[("location", "w.bin")], None).expect_err("no directory").contains("has no directory"));
}

#[test]
fn a_large_claim_is_refused_before_memory_is_taken() {
    let outer = place();
    let dir = outer.path().join("model");
    let mut m = with_external(&[("location", "w.bin")]);
    m.graph.as_mut().expect("present").initializer[0].dims = vec![1 << 28];
    let e = touchstone_onnx::read(&m.encode_to_vec(), Some(&dir)).expect_err("too large for the file");
    assert!(e.to_string().contains("has 16 bytes"), "{e}");
}
