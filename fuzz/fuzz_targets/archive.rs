//! See `annals_sim::fuzz::archive`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_sim::fuzz::archive(bytes));
