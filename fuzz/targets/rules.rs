//! libFuzzer on rule files.
#![no_main]

libfuzzer_sys::fuzz_target!(init: olocus_fuzz::limit_memory(), |data: &[u8]| olocus_fuzz::rules::run(data));
