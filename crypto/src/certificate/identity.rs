//! Who a certificate is for: the names in it against the identity that the peer claims (RFC 4945 3.1).
//!
//! Names are compared whole: "Substring, wildcard, or regular expression matching MUST NOT be performed for this
//! comparison" (RFC 4945 3.1.2). The common name is nobody's DNS name.

use std::fmt;
use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::certificate::CertificateError;
use crate::certificate::parsed::{Certificate, one_line};
use crate::der::{self, Reader};

/// SET, constructed.
const SET: u8 = 0x31;
/// The string types whose values RFC 5280 7.1 compares as text.
const TEXT: [u8; 2] = [0x0c, 0x13]; // UTF8String, PrintableString
/// Names of a certificate that a message lists.
const NAMES_TOLD: usize = 4;

/// An identity of RFC 7296 3.5 that a certificate can be bound to. ID_KEY_ID is none of them: nothing in a
/// certificate is comparable with it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PeerIdentity<'a> {
    /// ID_FQDN: a dNSName of the SubjectAltName, without regard to case.
    Dns(&'a str),
    /// ID_IPV4_ADDR or ID_IPV6_ADDR: an iPAddress of the SubjectAltName.
    Ip(IpAddr),
    /// ID_RFC822_ADDR: an rfc822Name of the SubjectAltName, without regard to case (RFC 4945 3.1.3).
    Email(&'a str),
    /// ID_DER_ASN1_DN: the subject, a Name in DER. Text is compared as RFC 5280 7.1 has it for ASCII: without
    /// regard to case, to surplus spaces, and to whether it is a UTF8String or a PrintableString.
    Dn(&'a [u8]),
}

impl fmt::Display for PeerIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerIdentity::Dns(name) | PeerIdentity::Email(name) => f.write_str(&one_line(name)),
            PeerIdentity::Ip(address) => address.fmt(f),
            PeerIdentity::Dn(name) => match x509_parser::x509::X509Name::from_der(name) {
                Ok((_, name)) => f.write_str(&one_line(&name.to_string())),
                Err(_) => f.write_str("(a malformed name)"),
            },
        }
    }
}

/// Whether `leaf` is for `expected`.
pub(super) fn check(leaf: &Certificate, expected: PeerIdentity<'_>) -> Result<(), CertificateError> {
    let (_, certificate) = X509Certificate::from_der(&leaf.der).map_err(|_| CertificateError::Malformed)?;
    let extension = certificate.subject_alternative_name().map_err(|_| CertificateError::Malformed)?;
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let matches = match expected {
        PeerIdentity::Dn(name) => equal_names(&leaf.subject, name),
        PeerIdentity::Dns(_) | PeerIdentity::Ip(_) | PeerIdentity::Email(_) => {
            names.iter().any(|name| equals(name, expected))
        }
    };
    if matches {
        return Ok(());
    }
    let alternative = names.iter().take(NAMES_TOLD).map(text);
    let found = std::iter::once(leaf.name.clone()).chain(alternative).collect::<Vec<_>>().join(", ");
    Err(CertificateError::WrongIdentity { expected: expected.to_string(), found })
}

/// A name for messages.
fn text(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(text) | GeneralName::RFC822Name(text) = name {
        return one_line(text);
    }
    if let GeneralName::IPAddress(octets) = name {
        let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
        if let Ok(address) = v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)) {
            return address.to_string();
        }
    }
    one_line(&name.to_string())
}

fn equals(name: &GeneralName<'_>, expected: PeerIdentity<'_>) -> bool {
    match (name, expected) {
        (GeneralName::DNSName(found), PeerIdentity::Dns(wanted)) => {
            !wanted.is_empty() && !found.contains('*') && found.eq_ignore_ascii_case(wanted)
        }
        (GeneralName::RFC822Name(found), PeerIdentity::Email(wanted)) => {
            !wanted.is_empty() && found.eq_ignore_ascii_case(wanted)
        }
        (GeneralName::IPAddress(found), PeerIdentity::Ip(IpAddr::V4(wanted))) => **found == wanted.octets(),
        (GeneralName::IPAddress(found), PeerIdentity::Ip(IpAddr::V6(wanted))) => **found == wanted.octets(),
        _ => false,
    }
}

/// Whether two Names in DER are equal. The empty one equals nothing: it would be everybody's.
fn equal_names(a: &[u8], b: &[u8]) -> bool {
    let (Some(mut a), Some(mut b)) = (der::only(a, der::SEQUENCE), der::only(b, der::SEQUENCE)) else {
        return false;
    };
    if a.is_empty() {
        return false;
    }
    while !a.is_empty() && !b.is_empty() {
        match (a.nested(SET), b.nested(SET)) {
            (Some(a), Some(b)) if equal_relative_names(a, b) == Some(true) => (),
            _ => return false,
        }
    }
    a.is_empty() && b.is_empty()
}

/// `RelativeDistinguishedName ::= SET OF SEQUENCE { type, value }`, in the order that DER gives both.
fn equal_relative_names(mut a: Reader<'_>, mut b: Reader<'_>) -> Option<bool> {
    while !a.is_empty() {
        let (mut a, mut b) = (a.nested(der::SEQUENCE)?, b.nested(der::SEQUENCE)?);
        let same_type = a.value(der::OID)? == b.value(der::OID)?;
        let ((tag_a, value_a), (tag_b, value_b)) = (a.any()?, b.any()?);
        let both_text = TEXT.contains(&tag_a) && TEXT.contains(&tag_b);
        let same_value =
            (tag_a, value_a) == (tag_b, value_b) || both_text && folded(value_a) == folded(value_b);
        if !same_type || !same_value || !a.is_empty() || !b.is_empty() {
            return Some(false);
        }
    }
    Some(b.is_empty())
}

/// Text with its insignificant spaces removed, in lower case (RFC 4518 2.6.1, for ASCII).
fn folded(text: &[u8]) -> Vec<u8> {
    let words = text.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    words.map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Name of one attribute, an organisation.
    fn name(tag: u8, text: &str) -> Vec<u8> {
        let oid = der::wrap(der::OID, &[&[0x55, 0x04, 0x0a]]);
        let attribute = der::wrap(der::SEQUENCE, &[&oid, &der::wrap(tag, &[text.as_bytes()])]);
        der::wrap(der::SEQUENCE, &[&der::wrap(SET, &[&attribute])])
    }

    #[test]
    fn names_are_equal_but_for_case_spaces_and_the_type_of_string() {
        let ours = name(0x0c, "Example Mesh");
        for same in [name(0x0c, "Example Mesh"), name(0x13, "example  mesh"), name(0x13, " EXAMPLE MESH ")] {
            assert!(equal_names(&ours, &same));
        }
        for other in [
            name(0x0c, "ExampleMesh"),
            name(0x16, "example mesh"),
            name(0x0c, "Example Mesh\0"),
            name(0x0c, ""),
        ] {
            assert!(!equal_names(&ours, &other));
        }
    }

    #[test]
    fn a_name_with_more_or_fewer_parts_is_another() {
        let one = name(0x0c, "a");
        let two = der::wrap(der::SEQUENCE, &[&one[2..], &one[2..]]);
        let joined = der::wrap(der::SEQUENCE, &[&der::wrap(SET, &[&one[4..], &one[4..]])]);
        for (a, b) in [(&one, &two), (&one, &joined), (&two, &joined)] {
            assert!(!equal_names(a, b) && !equal_names(b, a));
            assert!(equal_names(a, a) && equal_names(b, b));
        }
    }

    /// CVE-2013-6075: the comparison of a truncated name with a whole one.
    #[test]
    fn cve_2013_6075_a_truncated_or_empty_name_equals_nothing() {
        let whole = name(0x0c, "a");
        for len in 0..whole.len() {
            assert!(!equal_names(&whole, &whole[..len]) && !equal_names(&whole[..len], &whole));
            assert!(!equal_names(&whole[..len], &whole[..len]));
        }
        let empty = [der::SEQUENCE, 0];
        assert!(!equal_names(&empty, &empty) && !equal_names(&empty, &whole));
    }
}
