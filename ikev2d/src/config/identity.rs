//! Identities as text (RFC 7296 section 3.5), in the syntax that strongSwan's users know.

use std::net::IpAddr;

use ike_proto::policy::Identity;

use super::report::{Help, Problem};

/// Reads an identity:
///
/// | text                              | type           |
/// |-----------------------------------|----------------|
/// | an IPv4 or IPv6 address           | ID_IPV4_ADDR or ID_IPV6_ADDR |
/// | `keyid:0x` and hexadecimal digits | ID_KEY_ID      |
/// | `keyid:` and text                 | ID_KEY_ID      |
/// | `user@example.net`                | ID_RFC822_ADDR |
/// | `db-1.example.net`                | ID_FQDN        |
/// | `@` and text that looks otherwise | ID_FQDN        |
pub(super) fn parse(text: &str) -> Result<Identity, Problem> {
    if text.is_empty() {
        return Err(Problem::new("an identity cannot be empty", Help::NONE));
    }
    if text.len() > MAX_IDENTITY {
        let message = format!("an identity of more than {MAX_IDENTITY} octets");
        return Err(Problem::new(message, Help::NONE));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Identity::address(address));
    }
    if let Some(key_id) = text.strip_prefix("keyid:") {
        return parse_key_id(key_id);
    }
    match text.split_once('@') {
        Some(("", name)) => parse_name(name, text).map(Identity::fqdn),
        Some((user, domain)) => {
            parse_name(user, text)?;
            parse_name(domain, text)?;
            Ok(Identity::email(text))
        }
        None => parse_name(text, text).map(Identity::fqdn),
    }
}

fn parse_key_id(text: &str) -> Result<Identity, Problem> {
    let octets = match text.strip_prefix("0x") {
        Some(digits) => super::psk::hex(digits),
        None => Some(text.as_bytes().to_vec()),
    };
    match octets {
        Some(octets) if !octets.is_empty() => Ok(Identity::key_id(&octets)),
        Some(_) => Err(Problem::new("a key ID cannot be empty", Help::NONE)),
        None => Err(Problem::new(
            "a key ID in hexadecimal that is not pairs of digits",
            Help::new("write two of 0-9 and a-f for each octet: `keyid:0x00ff`"),
        )),
    }
}

/// `name` if it consists of what stands in domain names and in local parts of e-mail addresses.
fn parse_name<'t>(name: &'t str, whole: &str) -> Result<&'t str, Problem> {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    if !name.is_empty() && name.chars().all(usual) {
        return Ok(name);
    }
    let help = match whole.contains('=') {
        true => {
            "distinguished names are not supported; a peer with a pre-shared key can have any other identity"
        }
        false => "write a host name, user@host, an IP address, or `keyid:` before anything else",
    };
    Err(Problem::new(format!("not an identity: `{}`", whole.escape_debug()), Help::new(help)))
}

/// Longest identity in octets: as much as a domain name has (RFC 1035 section 2.3.4), and an IKE_AUTH stays small.
const MAX_IDENTITY: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_syntax() {
        for (text, expected) in [
            ("192.0.2.1", Identity::address("192.0.2.1".parse().unwrap())),
            ("2001:db8::1", Identity::address("2001:db8:0::1".parse().unwrap())),
            ("db-1.example.net", Identity::fqdn("db-1.example.net")),
            ("db_1", Identity::fqdn("db_1")),
            ("@192.0.2.1", Identity::fqdn("192.0.2.1")),
            ("ops+vpn@example.net", Identity::email("ops+vpn@example.net")),
            ("keyid:0x00fF", Identity::key_id(&[0, 255])),
            ("keyid:any text = 1", Identity::key_id(b"any text = 1")),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "@",
            "a b",
            "user@",
            "a@b@c",
            "@@a",
            "C=DE, CN=db-1",
            "keyid:",
            "keyid:0x",
            "keyid:0x1",
            "keyid:0xgg",
            "dömain",
            "a\nb",
            "*.example.net",
            &"x".repeat(256),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
