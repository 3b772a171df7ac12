#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| difftest::targets::isa_bytes(data));
