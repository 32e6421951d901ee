//! libFuzzer on records.
#![no_main]

libfuzzer_sys::fuzz_target!(init: olocus_fuzz::limit_memory(), |data: &[u8]| olocus_fuzz::decode::run(data));
