#![no_main]
//! The whole oracle on one graph; a finding is written as a case below `target/touchstone` before the target panics.
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| difftest::targets::graph_gen(data, std::path::Path::new("target/touchstone")));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match difftest::mutate::mutate(&data[..size], max_size, seed.into()) {
        Some(new) => {
            data[..new.len()].copy_from_slice(&new);
            new.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
