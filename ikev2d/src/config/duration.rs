//! Durations as text: `500ms`, `30s`, `5m`, `4h`, `1d`.

use std::time::Duration;

use super::report::{Help, Problem};

/// Reads a whole number with its unit, and checks that it is within `allowed` (the least and the most).
pub(super) fn parse(text: &str, allowed: (Duration, Duration)) -> Result<Duration, Problem> {
    let Some(duration) = parse_any(text) else {
        let help = Help::new("write a whole number with a unit: 500ms, 30s, 5m, 4h or 1d");
        return Err(Problem::new(format!("not a duration: `{}`", text.escape_debug()), help));
    };
    let (least, most) = allowed;
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let message = format!("a duration out of range: {text}");
    Err(Problem::new(message, Help::new(format!("it can be {} to {}", show(least), show(most)))))
}

fn parse_any(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    UNITS.iter().find(|(name, _)| *name == unit)?.1.checked_mul(number).map(Duration::from_millis)
}

/// In the largest unit that leaves no remainder.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = UNITS.iter().rev().map(|(name, unit)| (name, u128::from(*unit)));
    let whole = |(name, unit): (&&str, u128)| match millis.checked_rem(unit) {
        Some(0) => millis.checked_div(unit).map(|number| format!("{number}{name}")),
        _ => None,
    };
    units.into_iter().find_map(whole).unwrap_or_default()
}

/// The units in milliseconds, from the smallest.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 3600 * 1000), ("d", 24 * 3600 * 1000)];

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (Duration, Duration) = (Duration::ZERO, Duration::MAX);

    #[test]
    fn a_number_and_a_unit_make_a_duration() {
        for (text, seconds) in
            [("0s", 0), ("2000ms", 2), ("30s", 30), ("5m", 300), ("4h", 14_400), ("1d", 86_400)]
        {
            assert_eq!(parse(text, ALL).unwrap(), Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_makes_none() {
        for text in [
            "",
            "30",
            "s",
            "1.5h",
            "-1s",
            "1 s",
            "1h30m",
            "1S",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse(text, ALL).is_err(), "{text}");
        }
    }

    #[test]
    fn both_ends_of_the_range_belong_to_it() {
        let allowed = (Duration::from_secs(1), Duration::from_secs(7200));
        assert!(parse("1s", allowed).is_ok() && parse("2h", allowed).is_ok());
        for text in ["999ms", "7201s"] {
            let problem = parse(text, allowed).unwrap_err();
            assert_eq!(problem.to_string(), format!("a duration out of range: {text}; it can be 1s to 2h"));
        }
    }
}
