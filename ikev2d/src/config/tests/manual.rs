//! The manual page and the code say the same.

use ike_proto::policy::Timing;

use super::super::{algorithm, duration, node, peer, settings};

const PAGE: &str = include_str!("../../../man/ikev2d.toml.5");

/// Whether a heading of the page names `field`.
fn is_described(field: &str) -> bool {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix(".It Ic "));
    headings
        .map(|heading| heading.split(" No ").next().unwrap())
        .any(|names| names.split(" , ").any(|name| name == field))
}

#[test]
fn every_field_is_described() {
    for field in node::KEYS.iter().chain(&peer::KEYS).chain(&settings::SETTING_KEYS) {
        assert!(is_described(field), "{field}");
    }
    assert!(!is_described("nothing"));
}

#[test]
fn every_algorithm_of_the_page_exists() {
    let (_, proposals) = PAGE.split_once(".Ss Proposals").unwrap();
    let (proposals, _) = proposals.split_once(".Ss Key files").unwrap();
    let lines = proposals.lines().filter_map(|line| line.split_once("Li ")).map(|(_, words)| words);
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).filter(|word| word.len() > 1).collect();
    assert!(words.len() >= 20, "{words:?}");
    for word in words {
        assert!(algorithm::transform(word).is_ok(), "{word}");
    }
}

#[test]
fn the_ranges_and_defaults_of_the_page_are_the_codes() {
    let text = PAGE.replace('\n', " ");
    let Timing {
        retransmit,
        retransmissions,
        liveness,
        ike_lifetime,
        child_lifetime,
        retry_first,
        retry_most,
    } = Timing::default();
    let show = duration::show;
    let range =
        |(least, most), default| format!("{} to {}, default {}", show(least), show(most), show(default));
    let (least, most) = settings::RETRANSMISSIONS;
    for expected in [
        range(settings::RETRANSMIT, retransmit),
        range(settings::LIVENESS, liveness),
        range(settings::IKE_LIFETIME, ike_lifetime),
        range(settings::CHILD_LIFETIME, child_lifetime),
        format!("{} and {}", range(settings::RETRY, retry_first), show(retry_most)),
        format!("{least} to {most}, default {retransmissions}"),
    ] {
        assert!(text.contains(&expected), "{expected}");
    }
}
