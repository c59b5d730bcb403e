//! Addresses of hosts as text.

use std::net::IpAddr;

use super::report::{Help, Problem};

/// Reads an address that one host can have and that packets can be sent to without knowing more.
pub(super) fn parse(text: &str) -> Result<IpAddr, Problem> {
    let Ok(address) = text.parse::<IpAddr>() else {
        let help = match text.split_once('%') {
            Some(_) => "an address with a zone (link-local) is not supported",
            None => "write an IPv4 or IPv6 address; host names are not resolved",
        };
        return Err(Problem::new(format!("not an IP address: `{}`", text.escape_debug()), Help::new(help)));
    };
    match unusable(address) {
        None => Ok(address),
        Some(why) => {
            Err(Problem::new(format!("{address} is {why}"), Help::new("write a host's own address")))
        }
    }
}

/// Why `address` names no single reachable host.
fn unusable(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("the unspecified address");
    }
    if address.is_multicast() {
        return Some("a multicast address");
    }
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("an IPv4 address written as IPv6"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address, which needs a zone"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_address_is_taken() {
        for text in ["192.0.2.1", "127.0.0.2", "169.254.1.1", "2001:db8::1", "::1", "fd00::1"] {
            assert_eq!(parse(text).unwrap(), text.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "db-1.example.net",
            "192.0.2.1/32",
            "192.0.2.1:500",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:192.0.2.1",
            "fe80::1",
            "fe80::1%eth0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
