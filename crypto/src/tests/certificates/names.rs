//! Whom a certificate is for.

use std::net::IpAddr;

use rcgen::{DnType, SanType};

use super::{Authority, DNS, NOW, anchors, chain, same};
use crate::certificate::{CertificateError, PeerIdentity, RevocationLists, verify};

/// The subject of a certificate, in DER.
fn subject(der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::FromDer;
    x509_parser::certificate::X509Certificate::from_der(der).unwrap().1.subject().as_raw().to_vec()
}

#[test]
fn a_certificate_is_for_the_names_in_it_and_no_others() {
    let root = Authority::root("root", &same);
    let leaf = root.leaf(&|leaf| {
        leaf.subject_alt_names.push(SanType::DnsName("*.wild.example".try_into().unwrap()));
    });
    let other = Authority::root("other", &same);
    let verdict =
        |expected| verify(&chain(&[&leaf]), &anchors(&root), &RevocationLists::new(), NOW, expected);
    let ip = |text: &str| PeerIdentity::Ip(text.parse::<IpAddr>().unwrap());
    let (own, foreign) = (subject(&leaf), subject(&other.der));
    for right in [
        DNS,
        PeerIdentity::Dns("A.Example"),
        ip("192.0.2.1"),
        ip("2001:db8::1"),
        PeerIdentity::Email("Admin@example"),
        PeerIdentity::Dn(&own),
    ] {
        assert!(verdict(right).is_ok(), "{right}");
    }
    for wrong in [
        PeerIdentity::Dns("b.example"),
        PeerIdentity::Dns("a.example."),
        PeerIdentity::Dns("example"),
        PeerIdentity::Dns("x.a.example"),
        PeerIdentity::Dns("a.example\0"),
        PeerIdentity::Dns("node a"), // the common name
        PeerIdentity::Dns("host.wild.example"),
        PeerIdentity::Dns("*.wild.example"),
        PeerIdentity::Dns("admin@example"),
        PeerIdentity::Dns(""),
        PeerIdentity::Email("a.example"),
        PeerIdentity::Email("@example"),
        PeerIdentity::Email(""),
        ip("192.0.2.2"),
        ip("::ffff:192.0.2.1"),
        PeerIdentity::Dn(&foreign),
        PeerIdentity::Dn(&own[..own.len() - 1]),
        PeerIdentity::Dn(&[]),
    ] {
        assert!(matches!(verdict(wrong), Err(CertificateError::WrongIdentity { .. })), "{wrong}");
    }
    let line = "the certificate is not for b.example but for CN=node a, O=Mesh, a.example, 192.0.2.1, 2001:db8::1, \
                admin@example";
    let error = verdict(PeerIdentity::Dns("b.example")).unwrap_err().to_string();
    assert_eq!(error, line);
}

#[test]
fn names_that_a_peer_chose_are_one_bounded_line() {
    let long = format!("a\n\u{1b}[31m{}", "x".repeat(1000));
    let root = Authority::root("root", &same);
    let leaf = root.leaf(&|leaf| leaf.distinguished_name.push(DnType::OrganizationalUnitName, long.as_str()));
    let error = verify(
        &chain(&[&leaf]),
        &anchors(&root),
        &RevocationLists::new(),
        NOW,
        PeerIdentity::Dns("b.example\n"),
    );
    let line = error.unwrap_err().to_string();
    assert!(line.len() < 600 && !line.contains(char::is_control), "{line}");
}
