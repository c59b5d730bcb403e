//! Traffic selectors as text: `10.1.0.0/16`, `10.1.2.3[tcp/5432]`, `dynamic[udp]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ike_proto::policy::Selector;
use ike_proto::wire::TrafficSelector;

use super::report::{Help, Problem, one_of};

/// Reads a prefix, an address or `dynamic` (the end's own address), each with an optional protocol and port.
pub(super) fn parse(text: &str) -> Result<Selector, Problem> {
    let (prefix, upper) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((prefix, upper)) => (prefix, Some(upper)),
        None => (text, None),
    };
    let (protocol, port) = upper.map_or(Ok((ANY_PROTOCOL, ANY_PORT)), parse_upper)?;
    if prefix == DYNAMIC {
        return Ok(Selector::Host { protocol, port });
    }
    let (start, end) = parse_prefix(prefix)?;
    let (start_port, end_port) = if port == ANY_PORT { (0, u16::MAX) } else { (port, port) };
    TrafficSelector::new(protocol, start_port, end_port, start, end)
        .map(Selector::Range)
        .ok_or_else(|| not(prefix))
}

/// Whether a packet can match `local` at one end and `remote` at the other; `host_is_ipv4` tells the family of the
/// hosts' own addresses.
pub(super) fn can_pair(local: &Selector, remote: &Selector, host_is_ipv4: bool) -> bool {
    let facts = |selector: &Selector| match selector {
        Selector::Host { protocol, .. } => (host_is_ipv4, *protocol),
        Selector::Range(range) => (range.start.is_ipv4(), range.protocol),
    };
    let ((family, protocol), (other_family, other_protocol)) = (facts(local), facts(remote));
    let any = protocol == ANY_PROTOCOL || other_protocol == ANY_PROTOCOL;
    family == other_family && (any || protocol == other_protocol)
}

/// Reads `tcp`, `tcp/5432`, `47`.
fn parse_upper(text: &str) -> Result<(u8, u16), Problem> {
    let (name, port) = match text.split_once('/') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let known = PROTOCOLS.iter().find(|(known, _, _)| *known == name);
    let number =
        known.map(|(_, number, _)| *number).or_else(|| name.parse().ok().filter(|number| *number != 0));
    let Some(protocol) = number else {
        let names = PROTOCOLS.map(|(name, _, _)| name);
        let help = Help::new(format!("write {} or a number from 1 to 255", one_of(&names)));
        return Err(Problem::new(format!("not an IP protocol: `{}`", name.escape_debug()), help));
    };
    let Some(port) = port else { return Ok((protocol, ANY_PORT)) };
    if !PROTOCOLS.iter().any(|(_, number, has_ports)| *number == protocol && *has_ports) {
        return Err(Problem::new(format!("the IP protocol `{name}` has no ports"), Help::NONE));
    }
    match port.parse() {
        Ok(port) if port != ANY_PORT => Ok((protocol, port)),
        Ok(_) | Err(_) => {
            let help = Help::new("write a number from 1 to 65535, or leave it out for any");
            Err(Problem::new(format!("not a port: `{}`", port.escape_debug()), help))
        }
    }
}

/// The first and the last address.
fn parse_prefix(text: &str) -> Result<(IpAddr, IpAddr), Problem> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| not(text))?;
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(length) => length.parse().ok().filter(|length| *length <= bits).ok_or_else(|| not(text))?,
    };
    let host_bits = u32::from(bits.saturating_sub(length));
    let (start, end) = match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let start = v4.to_bits() & !host;
            (IpAddr::V4(Ipv4Addr::from_bits(start)), IpAddr::V4(Ipv4Addr::from_bits(start | host)))
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let start = v6.to_bits() & !host;
            (IpAddr::V6(Ipv6Addr::from_bits(start)), IpAddr::V6(Ipv6Addr::from_bits(start | host)))
        }
    };
    if start != address {
        let message = format!("{text} has bits set in its last {host_bits}, the host's part");
        return Err(Problem::new(
            message,
            Help::new(format!("write {start}/{length}, or {address} for one host")),
        ));
    }
    Ok((start, end))
}

fn not(text: &str) -> Problem {
    let help = Help::new(
        "write an address or a prefix such as 10.1.0.0/16, or `dynamic` for the host's own address",
    );
    Problem::new(format!("not a traffic selector: `{}`", text.escape_debug()), help)
}

/// The end's own address, whatever it is: strongSwan's word.
const DYNAMIC: &str = "dynamic";

/// Protocol number for any (RFC 7296 section 3.13.1).
const ANY_PROTOCOL: u8 = 0;

/// Port number for any.
const ANY_PORT: u16 = 0;

/// Protocols that can be named (IANA), and whether they have ports.
const PROTOCOLS: [(&str, u8, bool); 8] = [
    ("icmp", 1, false),
    ("tcp", 6, true),
    ("udp", 17, true),
    ("dccp", 33, true),
    ("gre", 47, false),
    ("icmpv6", 58, false),
    ("sctp", 132, true),
    ("udplite", 136, true),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> (u8, u16, u16, String, String) {
        let Selector::Range(ts) = parse(text).unwrap() else { panic!("{text}") };
        (ts.protocol, ts.start_port, ts.end_port, ts.start.to_string(), ts.end.to_string())
    }

    #[test]
    fn prefixes_and_addresses_are_ranges() {
        let any = |start: &str, end: &str| (0, 0, 65535, start.to_owned(), end.to_owned());
        assert_eq!(range("10.1.0.0/16"), any("10.1.0.0", "10.1.255.255"));
        assert_eq!(range("0.0.0.0/0"), any("0.0.0.0", "255.255.255.255"));
        assert_eq!(range("10.1.2.3"), any("10.1.2.3", "10.1.2.3"));
        assert_eq!(range("10.1.2.3/32"), any("10.1.2.3", "10.1.2.3"));
        assert_eq!(range("2001:db8::/33"), any("2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
        assert_eq!(range("::/0"), any("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    }

    #[test]
    fn protocol_and_port_narrow_them() {
        assert_eq!(range("10.0.0.0/8[tcp/5432]").0..=range("10.0.0.0/8[tcp/5432]").0, 6..=6);
        assert_eq!(range("10.0.0.0/8[tcp/5432]").1, 5432);
        assert_eq!(range("10.0.0.0/8[tcp/5432]").2, 5432);
        assert_eq!((range("::1[58]").0, range("::1[58]").2), (58, 65535));
        assert_eq!(parse("dynamic").unwrap(), Selector::HOST);
        assert_eq!(parse("dynamic[udp/53]").unwrap(), Selector::Host { protocol: 17, port: 53 });
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "10.1.0.0/33",
            "10.1.0.1/16",
            "2001:db8::1/64",
            "10.1.0.0/",
            "10.1.0.0/16[",
            "10.1.0.0/16]",
            "10.1.0.0/16[]",
            "10.1.0.0/16[tcp/]",
            "10.1.0.0/16[tcp/0]",
            "10.1.0.0/16[tcp/65536]",
            "10.1.0.0/16[icmp/8]",
            "10.1.0.0/16[0]",
            "10.1.0.0/16[256]",
            "10.1.0.0/16[foo]",
            "any",
            "-1/8",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_with_host_bits_is_corrected() {
        assert_eq!(
            parse("10.1.2.3/16").unwrap_err().to_string(),
            "10.1.2.3/16 has bits set in its last 16, the host's part; write 10.1.0.0/16, or 10.1.2.3 for one host"
        );
    }

    #[test]
    fn selectors_pair_by_family_and_protocol() {
        let pair = |a: &str, b: &str, v4| can_pair(&parse(a).unwrap(), &parse(b).unwrap(), v4);
        assert!(pair("10.0.0.0/8", "10.1.0.0/16[tcp]", false));
        assert!(pair("dynamic", "10.1.0.0/16", true));
        assert!(!pair("dynamic", "10.1.0.0/16", false));
        assert!(!pair("::/0", "0.0.0.0/0", true));
        assert!(!pair("dynamic[udp]", "dynamic[tcp]", true));
    }
}
