//! A configuration of any text, as TOML and as JSON: checked without touching a file, and every error shown.
#![no_main]

use ikev2d::config::{Format, check_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for format in [Format::Toml, Format::Json] {
        if let Err(errors) = check_text(text, format) {
            assert!(!errors.diagnostics.is_empty());
            assert!(!errors.to_string().is_empty());
        }
    }
});
