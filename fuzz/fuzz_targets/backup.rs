//! See `annals_sim::fuzz::backup`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_sim::fuzz::backup(bytes));
