//! Ranges as aligned blocks: IKE negotiates ranges (RFC 7296 section 3.13.1), the kernel matches prefixes and masks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xfrm::{Ports, Prefix};

/// The fewest prefixes that hold exactly the addresses from `start` to `end`; at most 254 of them for IPv6.
///
/// Empty if `end` comes first or is of another family.
pub(super) fn prefixes(start: IpAddr, end: IpAddr) -> Vec<Prefix> {
    match (start, end) {
        (IpAddr::V4(start), IpAddr::V4(end)) => blocks(start.to_bits().into(), end.to_bits().into(), 32)
            .into_iter()
            .map(|(first, length)| {
                let address = u32::try_from(first).map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from_bits);
                Prefix { address: address.into(), length }
            })
            .collect(),
        (IpAddr::V6(start), IpAddr::V6(end)) => blocks(start.to_bits(), end.to_bits(), 128)
            .into_iter()
            .map(|(first, length)| Prefix { address: Ipv6Addr::from_bits(first).into(), length })
            .collect(),
        _ => Vec::new(),
    }
}

/// The fewest masked ports that hold exactly those from `start` to `end`; at most 30.
pub(super) fn ports(start: u16, end: u16) -> Vec<Ports> {
    let ports = |(first, length): (u128, u8)| {
        let zeros = 16_u32.saturating_sub(length.into());
        Ports { port: u16::try_from(first).unwrap_or(0), mask: u16::MAX.checked_shl(zeros).unwrap_or(0) }
    };
    blocks(start.into(), end.into(), 16).into_iter().map(ports).collect()
}

/// Splits `start..=end` into blocks of a power of two, aligned to their size: first number and prefix length each.
fn blocks(start: u128, end: u128, width: u8) -> Vec<(u128, u8)> {
    let mut found = Vec::new();
    let mut next = Some(start);
    while let Some(first) = next.filter(|first| *first <= end) {
        let aligned = first.trailing_zeros().min(width.into());
        // The largest power of two that the rest holds; the whole 128-bit space has one more than a u128 can count.
        let room = end.wrapping_sub(first).checked_add(1).map_or(128, u128::ilog2);
        let bits = aligned.min(room);
        let length = width.saturating_sub(u8::try_from(bits).unwrap_or(width));
        found.push((first, length));
        next = 1_u128.checked_shl(bits).and_then(|size| first.checked_add(size));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(start: &str, end: &str) -> Vec<String> {
        prefixes(start.parse().unwrap(), end.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_prefix_stays_one() {
        assert_eq!(texts("10.0.0.0", "10.0.255.255"), ["10.0.0.0/16"]);
        assert_eq!(texts("10.0.0.7", "10.0.0.7"), ["10.0.0.7/32"]);
        assert_eq!(texts("0.0.0.0", "255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(texts("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ["::/0"]);
        assert_eq!(texts("fd00::", "fd00::ffff"), ["fd00::/112"]);
    }

    #[test]
    fn a_range_becomes_the_fewest_prefixes() {
        assert_eq!(
            texts("10.0.0.1", "10.0.0.6"),
            ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]
        );
        assert_eq!(texts("255.255.255.254", "255.255.255.255"), ["255.255.255.254/31"]);
        assert!(texts("10.0.0.2", "10.0.0.1").is_empty());
        assert!(texts("10.0.0.2", "fd00::1").is_empty());
        assert_eq!(texts("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").len(), 254);
    }

    #[test]
    fn ports_match_exactly_their_range() {
        for (start, end) in [(0, u16::MAX), (443, 443), (1, 65_534), (1024, 2047), (5, 4)] {
            let masked = ports(start, end);
            let matches = |port: u16| masked.iter().any(|p| port & p.mask == p.port & p.mask);
            let right = |port: &u16| matches(*port) == (start..=end).contains(port);
            assert_eq!((0..=u16::MAX).find(|port| !right(port)), None, "{start}-{end}");
        }
        assert_eq!(ports(0, u16::MAX), [Ports::ANY]);
    }
}
