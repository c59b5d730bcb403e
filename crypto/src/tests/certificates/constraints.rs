//! What a certificate may be used for: constraints, usages, extensions, and its key.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, PublicKeyData, SignatureAlgorithm,
};

use super::{Authority, params, same, verdict, verdict_below, verdict_on};
use crate::certificate::{CertificateError, TrustAnchors};
use crate::der;
use crate::signature::PublicKeyError;

#[test]
fn only_authorities_issue_certificates() {
    let refused = Err(CertificateError::NotAuthority);
    assert_eq!(verdict_below(&|not_ca| not_ca.is_ca = IsCa::NoCa, &same), refused);
    assert_eq!(verdict_below(&|not_ca| not_ca.is_ca = IsCa::ExplicitNoCa, &same), refused);
    let usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    assert_eq!(verdict_below(&|authority| authority.key_usages = usages.clone(), &same), refused);
    let mut trusted = TrustAnchors::new();
    let not_ca = Authority::root("root", &|root| root.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(trusted.trust_authority(&not_ca.der), Err(CertificateError::NotAuthority));
    let no_usage = Authority::root("root", &|root| root.key_usages = usages.clone());
    assert_eq!(trusted.trust_authority(&no_usage.der), Err(CertificateError::NotAuthority));
    assert!(trusted.is_empty());
}

#[test]
fn an_authority_is_not_a_peer() {
    let root = Authority::root("root", &same);
    let authority = root.below("authority", &same);
    assert_eq!(verdict(&root, &[&authority.der]), Err(CertificateError::LeafIsAuthority));
}

#[test]
fn path_lengths_bind_intermediates_and_anchors() {
    let limit =
        |most: u8| move |ca: &mut CertificateParams| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
    for (of_root, of_first, expected) in [
        (Some(2), Some(1), Ok(())),
        (None, Some(0), Err(CertificateError::PathLength)),
        (Some(1), None, Err(CertificateError::PathLength)),
        (Some(0), None, Err(CertificateError::PathLength)),
    ] {
        let change =
            |most: Option<u8>| move |ca: &mut CertificateParams| most.into_iter().for_each(|n| limit(n)(ca));
        let root = Authority::root("root", &change(of_root));
        let first = root.below("first", &change(of_first));
        let second = first.below("second", &same);
        let result = verdict(&root, &[&second.leaf(&same), &second.der, &first.der]).map(|_| ());
        assert_eq!(result, expected, "{of_root:?} {of_first:?}");
    }
}

fn constrain(ca: &mut CertificateParams, permitted: &[GeneralSubtree], excluded: &[GeneralSubtree]) {
    let constraints =
        NameConstraints { permitted_subtrees: permitted.to_vec(), excluded_subtrees: excluded.to_vec() };
    ca.name_constraints = Some(constraints);
}

#[test]
fn name_constraints_bind_the_names_below() {
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let net = |octet| GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, octet, 0], 24));
    let net6 = GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        32,
    ));
    let mail = GeneralSubtree::Rfc822Name("example".to_owned());
    let directory = GeneralSubtree::DirectoryName(params("x", 1).distinguished_name);
    let refused = Err(CertificateError::NameConstraints);
    for (permitted, excluded, expected) in [
        (vec![dns("example")], vec![], Ok(())),
        (vec![dns("example.com")], vec![], refused.clone()),
        (vec![], vec![dns("a.example")], refused.clone()),
        (vec![], vec![dns("b.example")], Ok(())),
        (vec![net(2), net6.clone()], vec![], Ok(())),
        (vec![net(3), net6], vec![], refused.clone()),
        (vec![], vec![net(2)], refused.clone()),
        // CVE-2026-35331: what is not understood refuses (see `certificate`).
        (vec![mail.clone()], vec![], refused.clone()),
        (vec![], vec![mail], refused.clone()),
        (vec![directory.clone()], vec![], refused.clone()),
        (vec![], vec![directory], refused.clone()),
    ] {
        let change = |ca: &mut CertificateParams| constrain(ca, &permitted, &excluded);
        assert_eq!(verdict_below(&change, &same), expected, "{permitted:?} {excluded:?}");
        assert_eq!(verdict_on(&change, &same), expected, "of the anchor: {permitted:?} {excluded:?}");
    }
}

#[test]
fn unknown_critical_extensions_are_refused() {
    let extension = |critical| {
        move |params: &mut CertificateParams| {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
            extension.set_criticality(critical);
            params.custom_extensions.push(extension);
        }
    };
    assert_eq!(verdict_on(&same, &extension(false)), Ok(()));
    assert_eq!(verdict_below(&extension(false), &same), Ok(()));
    assert_eq!(verdict_on(&same, &extension(true)), Err(CertificateError::CriticalExtension));
    assert_eq!(verdict_below(&extension(true), &same), Err(CertificateError::CriticalExtension));
}

#[test]
fn purposes_include_ike_or_tls_or_are_not_named() {
    let ike = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 17]);
    let intermediate = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 8, 2, 2]);
    let refused = Err(CertificateError::ExtendedKeyUsage);
    for (purposes, expected) in [
        (vec![], Ok(())),
        (vec![ike.clone()], Ok(())),
        (vec![intermediate], Ok(())),
        (vec![ExtendedKeyUsagePurpose::Any], Ok(())),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], Ok(())),
        (vec![ExtendedKeyUsagePurpose::ClientAuth], Ok(())),
        (vec![ExtendedKeyUsagePurpose::CodeSigning, ike], Ok(())),
        (vec![ExtendedKeyUsagePurpose::CodeSigning], refused.clone()),
        (vec![ExtendedKeyUsagePurpose::EmailProtection, ExtendedKeyUsagePurpose::OcspSigning], refused),
    ] {
        let change = |params: &mut CertificateParams| params.extended_key_usages = purposes.clone();
        assert_eq!(verdict_on(&same, &change), expected, "{purposes:?}");
        assert_eq!(verdict_below(&change, &same), expected, "of an authority: {purposes:?}");
    }
}

#[test]
fn the_key_of_a_peer_is_for_signatures() {
    for (usages, expected) in [
        (vec![KeyUsagePurpose::DigitalSignature], Ok(())),
        (vec![KeyUsagePurpose::ContentCommitment], Ok(())), // nonRepudiation
        (
            vec![KeyUsagePurpose::KeyAgreement, KeyUsagePurpose::KeyEncipherment],
            Err(CertificateError::KeyUsage),
        ),
    ] {
        assert_eq!(verdict_on(&same, &|leaf| leaf.key_usages = usages.clone()), expected);
    }
}

/// A public key that says what it likes.
struct BrokenRsa(Vec<u8>);

impl PublicKeyData for BrokenRsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

#[test]
fn cve_2026_14957_a_certificate_with_a_broken_public_key_is_an_error() {
    let root = Authority::root("root", &same);
    let key = |modulus: &[u8], exponent: &[u8]| {
        BrokenRsa(der::wrap(der::SEQUENCE, &[&der::unsigned(modulus), &der::unsigned(exponent)]))
    };
    for (key, error) in [
        (key(&[0xff; 256], &[0]), PublicKeyError::RsaExponent),
        (key(&[0xff; 256], &[1]), PublicKeyError::RsaExponent),
        (key(&[0], &[1, 0, 1]), PublicKeyError::RsaSize(0)),
        (key(&[0xff; 128], &[1, 0, 1]), PublicKeyError::RsaSize(1024)),
        (BrokenRsa(Vec::new()), PublicKeyError::Malformed),
        (BrokenRsa(vec![0x30, 0x80]), PublicKeyError::Malformed),
    ] {
        let leaf = root.leaf_for(&key, &same);
        assert_eq!(verdict(&root, &[&leaf]), Err(CertificateError::PublicKey(error)));
        let mut trusted = TrustAnchors::new();
        assert_eq!(trusted.trust_leaf(&leaf), Err(CertificateError::PublicKey(error)));
    }
}
