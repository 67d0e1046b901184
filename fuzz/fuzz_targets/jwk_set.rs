#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::jwk_set::hold(bytes));
