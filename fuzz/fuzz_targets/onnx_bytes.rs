#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| difftest::targets::onnx_bytes(data));
