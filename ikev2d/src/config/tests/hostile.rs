//! Text of any kind gives a configuration or errors, and nothing else.

use proptest::prelude::*;

use super::super::{Format, check_text};
use super::{DB_1, NODE};

/// Words that a document is likely to go wrong with.
const WORDS: [&str; 36] = [
    "[node]",
    "[[peer]]",
    "[defaults]",
    "[peer]",
    "id",
    "name",
    "address",
    "psk-file",
    "ike",
    "esp",
    "listen",
    "local",
    "remote",
    "mode",
    "liveness",
    "retry-most",
    "psk",
    " = ",
    "\n",
    "\"",
    "\"192.0.2.1\"",
    "\"a.example.net\"",
    "\"aes128gcm16-prfsha256-x25519\"",
    "\"tunnel\"",
    "\"10.0.0.0/8[tcp/1]\"",
    "\"30s\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "1",
    "-0x1",
    "é",
    "#",
    ":",
];

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60).prop_map(|words| words.concat())
}

/// Checks that errors, if there are any, can be shown.
fn survive(text: &str) {
    for format in [Format::Toml, Format::Json] {
        if let Err(errors) = check_text(text, format) {
            assert!(!errors.diagnostics.is_empty());
            assert!(errors.to_string().contains("error: "));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn any_order_of_familiar_words_is_survived(text in words()) {
        survive(&text);
    }

    #[test]
    fn a_good_file_with_a_piece_replaced_is_survived(
        at in 0_usize..180,
        len in 0_usize..20,
        piece in prop::sample::select(&WORDS[..]),
    ) {
        let mut text = format!("{NODE}{DB_1}");
        let start = at.min(text.len());
        let end = start.saturating_add(len).min(text.len());
        text.replace_range(start..end, piece);
        survive(&text);
    }
}

#[test]
fn text_alone_can_be_checked() {
    assert_eq!(check_text(&format!("{NODE}{DB_1}"), Format::Toml), Ok(1));
    assert_eq!(check_text("{\"node\": {\"id\": \"a\"}}", Format::Json), Ok(0));
}
