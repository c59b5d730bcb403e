//! Chains, anchors and CRLs, made for each test: what is believed, and one refusal for every way to be wrong.

use std::net::IpAddr;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet, CustomExtension,
    DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm,
    date_time_ymd,
};

use crate::certificate::{
    CertificateChain, CertificateError, MAX_CERTIFICATE_LEN, MAX_CERTIFICATES, PeerIdentity, RevocationLists,
    TrustAnchors, UnixSeconds, verify,
};
use crate::signature::{PublicKey, PublicKeyError};
use crate::{der, sha1};

/// 2026-06-01 00:00 UTC. Certificates are valid in 2026 unless a test says otherwise.
const NOW: UnixSeconds = UnixSeconds(1_780_272_000);
const DNS: PeerIdentity<'_> = PeerIdentity::Dns("a.example");

/// The serial number of every leaf.
const LEAF_SERIAL: u64 = 7_001;
/// The serial number of every intermediate authority.
const AUTHORITY_SERIAL: u64 = 7_002;

type Change<'a> = &'a dyn Fn(&mut CertificateParams);

fn params(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 12, 31);
    params.distinguished_name.push(DnType::OrganizationName, "Mesh");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    der: Vec<u8>,
}

impl Authority {
    fn params(name: &str, change: Change<'_>) -> CertificateParams {
        let mut params = params(name, AUTHORITY_SERIAL);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        params
    }

    fn root(name: &str, change: Change<'_>) -> Authority {
        let (params, key) = (Authority::params(name, change), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Authority { params, key, der }
    }

    fn below(&self, name: &str, change: Change<'_>) -> Authority {
        let (params, key) = (Authority::params(name, change), KeyPair::generate().unwrap());
        let der = params.signed_by(&key, &self.issuer()).unwrap().der().to_vec();
        Authority { params, key, der }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn leaf_for(&self, key: &impl PublicKeyData, change: Change<'_>) -> Vec<u8> {
        let mut params = leaf_params();
        change(&mut params);
        params.signed_by(key, &self.issuer()).unwrap().der().to_vec()
    }

    fn leaf(&self, change: Change<'_>) -> Vec<u8> {
        self.leaf_for(&KeyPair::generate().unwrap(), change)
    }

    /// A CRL of `month` 2026 with these serial numbers, due a month later.
    fn crl(&self, month: u8, serials: &[u64]) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 2, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, month, 1),
            next_update: date_time_ymd(2026, month + 1, 2),
            crl_number: SerialNumber::from(u64::from(month)),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        // rcgen refuses to sign for an issuer without cRLSign; a careless CA does not.
        let mut params = self.params.clone();
        params.key_usages.clear();
        list.signed_by(&Issuer::from_params(&params, &self.key)).unwrap().der().to_vec()
    }
}

fn leaf_params() -> CertificateParams {
    let mut params = params("node a", LEAF_SERIAL);
    params.subject_alt_names = vec![
        SanType::DnsName("a.example".try_into().unwrap()),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::Rfc822Name("admin@example".try_into().unwrap()),
    ];
    params
}

fn same(_: &mut CertificateParams) {}

fn anchors(authority: &Authority) -> TrustAnchors {
    let mut anchors = TrustAnchors::new();
    anchors.trust_authority(&authority.der).unwrap();
    anchors
}

fn chain(ders: &[&[u8]]) -> CertificateChain {
    CertificateChain::from_ders(ders).unwrap()
}

/// The verdict on `ders` below `root` with nothing revoked.
fn verdict(root: &Authority, ders: &[&[u8]]) -> Result<PublicKey, CertificateError> {
    verify(&chain(ders), &anchors(root), &RevocationLists::new(), NOW, DNS)
}

/// The verdict on a leaf straight below a root.
fn verdict_on(root: Change<'_>, leaf: Change<'_>) -> Result<(), CertificateError> {
    let root = Authority::root("root", root);
    verdict(&root, &[&root.leaf(leaf)]).map(|_| ())
}

/// The verdict on a leaf below an intermediate authority.
fn verdict_below(intermediate: Change<'_>, leaf: Change<'_>) -> Result<(), CertificateError> {
    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", intermediate);
    verdict(&root, &[&intermediate.leaf(leaf), &intermediate.der]).map(|_| ())
}

fn year(params: &mut CertificateParams, year: i32) {
    params.not_before = date_time_ymd(year, 1, 1);
    params.not_after = date_time_ymd(year, 12, 31);
}

fn assert_line(error: &CertificateError, line: &str) {
    assert_eq!(error.to_string(), line);
}

#[test]
fn a_chain_gives_the_key_of_its_leaf() {
    let root = Authority::root("root", &same);
    let (first, key) = (root.below("first", &same), KeyPair::generate().unwrap());
    let second = first.below("second", &same);
    let leaf = second.leaf_for(&key, &same);
    let expected = PublicKey::from_spki(&key.subject_public_key_info()).unwrap();
    // In any order, with and without the root, and with others that do not matter.
    let other = Authority::root("other", &same);
    for ders in [
        &[&leaf[..], &second.der, &first.der][..],
        &[&leaf, &first.der, &second.der, &root.der],
        &[&leaf, &root.der, &other.der, &first.der, &first.der, &second.der],
    ] {
        assert_eq!(verdict(&root, ders).as_ref(), Ok(&expected));
    }
    assert_eq!(verdict(&second, &[&leaf]).as_ref(), Ok(&expected)); // an anchor that is not self-signed
    assert_eq!(verdict(&root, &[&leaf, &first.der]), Err(CertificateError::UnknownIssuer));
    assert_eq!(verdict(&root, &[&leaf]), Err(CertificateError::UnknownIssuer));
}

#[test]
fn expired_and_not_yet_valid_certificates_are_refused_by_name() {
    let error = verdict_on(&same, &|leaf| year(leaf, 2025)).unwrap_err();
    assert_line(&error, "the certificate of CN=node a, O=Mesh expired on Dec 31 00:00:00 2025 +00:00");
    let error = verdict_on(&same, &|leaf| year(leaf, 2027)).unwrap_err();
    assert_line(
        &error,
        "the certificate of CN=node a, O=Mesh is not valid before Jan  1 00:00:00 2027 +00:00",
    );
    let error = verdict_below(&|authority| year(authority, 2025), &same).unwrap_err();
    assert_line(&error, "the certificate of CN=intermediate, O=Mesh expired on Dec 31 00:00:00 2025 +00:00");
    let error = verdict_on(&|root| year(root, 2025), &same).unwrap_err();
    assert_line(&error, "the certificate of CN=root, O=Mesh expired on Dec 31 00:00:00 2025 +00:00");
    assert!(matches!(verdict_on(&|root| year(root, 2027), &same), Err(CertificateError::NotYetValid { .. })));
}

#[test]
fn a_clock_that_jumps_changes_the_verdict_and_nothing_else() {
    let root = Authority::root("root", &same);
    let chain = chain(&[&root.leaf(&same)]);
    let not_after = chain.not_after();
    let at = |now| verify(&chain, &anchors(&root), &RevocationLists::new(), UnixSeconds(now), DNS);
    assert!(at(not_after.0).is_ok() && at(NOW.0).is_ok());
    assert!(matches!(at(not_after.0 + 1), Err(CertificateError::Expired { .. })));
    for far in [u64::MAX, u64::MAX / 2, 0] {
        assert!(at(far).is_err());
    }
}

#[test]
fn an_expired_anchor_does_not_hide_its_successor_with_the_same_key() {
    let old = Authority::root("root", &|root| year(root, 2025));
    let mut params = old.params.clone();
    year(&mut params, 2026);
    let renewed = params.self_signed(&old.key).unwrap();
    let leaf = chain(&[&old.leaf(&same)]);
    let mut both = anchors(&old);
    let nothing_revoked = RevocationLists::new();
    assert!(matches!(
        verify(&leaf, &both, &nothing_revoked, NOW, DNS),
        Err(CertificateError::Expired { .. })
    ));
    both.trust_authority(renewed.der()).unwrap();
    assert!(verify(&leaf, &both, &nothing_revoked, NOW, DNS).is_ok());
}

fn lists(ders: &[&[u8]]) -> RevocationLists {
    let mut lists = RevocationLists::new();
    ders.iter().for_each(|der| lists.add(der).unwrap());
    lists
}

#[test]
fn revoked_certificates_are_refused() {
    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", &same);
    let chain = chain(&[&intermediate.leaf(&same), &intermediate.der]);
    let verdict = |crls: &[&[u8]]| verify(&chain, &anchors(&root), &lists(crls), NOW, DNS).map(|_| ());
    let (clean, revoked) = (intermediate.crl(5, &[]), intermediate.crl(5, &[1, LEAF_SERIAL]));
    assert_eq!(verdict(&[&clean, &root.crl(5, &[LEAF_SERIAL])]), Ok(())); // the root's list is for the intermediate
    assert_eq!(verdict(&[&revoked]), Err(CertificateError::Revoked));
    assert_eq!(verdict(&[&root.crl(5, &[AUTHORITY_SERIAL]), &clean]), Err(CertificateError::Revoked));
    assert_line(&CertificateError::Revoked, "the certificate, or one of its issuers', is revoked");
    // The newest list counts, in whatever order they come.
    let (older, newer) = (intermediate.crl(4, &[]), revoked);
    assert_eq!(verdict(&[&older, &newer]), Err(CertificateError::Revoked));
    assert_eq!(verdict(&[&newer, &older]), Err(CertificateError::Revoked));
}

#[test]
fn a_revocation_list_is_current_and_by_the_issuer() {
    let root = Authority::root("root", &same);
    let chain = chain(&[&root.leaf(&same)]);
    let verdict = |crl: &[u8]| verify(&chain, &anchors(&root), &lists(&[crl]), NOW, DNS).map(|_| ());
    assert_eq!(verdict(&root.crl(5, &[])), Ok(()));
    assert!(matches!(verdict(&root.crl(3, &[])), Err(CertificateError::RevocationListExpired(_))));
    let namesake = Authority::root("root", &same);
    assert_eq!(verdict(&namesake.crl(5, &[])), Err(CertificateError::RevocationListNotByIssuer));
    let other = Authority::root("other", &same);
    assert_eq!(verdict(&other.crl(5, &[LEAF_SERIAL])), Ok(()));
}

#[test]
fn a_revocation_list_needs_an_issuer_with_crl_sign() {
    let only_certificates: Change<'_> =
        &|authority| authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = Authority::root("root", only_certificates);
    let refused = Err(CertificateError::RevocationListNotByIssuer);
    let leaf = chain(&[&root.leaf(&same)]);
    assert_eq!(verify(&leaf, &anchors(&root), &lists(&[&root.crl(5, &[])]), NOW, DNS), refused);

    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", only_certificates);
    let leaf = chain(&[&intermediate.leaf(&same), &intermediate.der]);
    assert_eq!(verify(&leaf, &anchors(&root), &lists(&[&intermediate.crl(5, &[])]), NOW, DNS), refused);
    assert!(verify(&leaf, &anchors(&root), &RevocationLists::new(), NOW, DNS).is_ok());
}

#[test]
fn revocation_lists_come_in_files() {
    let root = Authority::root("root", &same);
    let (one, two) = (root.crl(4, &[]), root.crl(5, &[]));
    let pem = [crate::pem::encode("X509 CRL", &one), crate::pem::encode("X509 CRL", &two)]
        .map(|text| text.to_vec());
    let mut lists = RevocationLists::new();
    assert_eq!((lists.add_file(&one), lists.add_file(&pem.concat()), lists.len()), (Ok(1), Ok(2), 3));
    let certificate = crate::pem::encode("CERTIFICATE", &root.der);
    for bad in [&b"no list"[..], &one[1..], &certificate, &pem[0][..60], &[]] {
        assert!(lists.add_file(bad).is_err());
    }
    assert_eq!(lists.len(), 3);
}

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

#[test]
fn a_chain_of_another_authority_is_refused() {
    let (ours, theirs) = (Authority::root("root", &same), Authority::root("other", &same));
    let leaf = theirs.leaf(&same);
    assert_eq!(verdict(&ours, &[&leaf]), Err(CertificateError::UnknownIssuer));
    assert_eq!(verdict(&ours, &[&leaf, &theirs.der]), Err(CertificateError::UnknownIssuer));
    let nobody = TrustAnchors::new();
    assert!(nobody.is_empty());
    let refused = verify(&chain(&[&leaf, &theirs.der]), &nobody, &RevocationLists::new(), NOW, DNS);
    assert_eq!(refused, Err(CertificateError::UnknownIssuer));
    let namesake = Authority::root("root", &same);
    assert_eq!(verdict(&ours, &[&namesake.leaf(&same)]), Err(CertificateError::BadSignature));
}

#[test]
fn looped_chains_end() {
    let (a, b) = (Authority::root("a", &same), Authority::root("b", &same));
    let a_by_b = a.params.signed_by(&a.key, &b.issuer()).unwrap();
    let b_by_a = b.params.signed_by(&b.key, &a.issuer()).unwrap();
    let leaf = a.leaf(&same);
    let root = Authority::root("root", &same);
    let looped: [&[u8]; 3] = [&leaf, a_by_b.der(), b_by_a.der()];
    assert_eq!(verdict(&root, &looped), Err(CertificateError::UnknownIssuer));
    assert!(verdict(&b, &looped).is_ok());
    // The leaf itself, again and again, and a root that is its own issuer.
    assert_eq!(verdict(&root, &[&leaf, &leaf, &leaf]), Err(CertificateError::UnknownIssuer));
    assert_eq!(verdict(&root, &[&leaf, &a.der, &a.der]), Err(CertificateError::UnknownIssuer));
}

#[test]
fn namesakes_that_multiply_paths_are_looked_at_within_bounds() {
    let root = Authority::root("root", &same);
    // Seven authorities of one name, all of which might have issued each other.
    let namesakes: Vec<_> = (0..7).map(|_| Authority::root("name", &same)).collect();
    let crossed: Vec<Vec<u8>> = namesakes
        .iter()
        .map(|each| each.params.signed_by(&each.key, &namesakes[0].issuer()).unwrap().der().to_vec())
        .collect();
    let leaf = namesakes[6].leaf(&same);
    let ders: Vec<&[u8]> = std::iter::once(&leaf).chain(&crossed).map(Vec::as_slice).collect();
    assert!(matches!(
        verdict(&root, &ders),
        Err(CertificateError::UnknownIssuer | CertificateError::TooComplex)
    ));
}

#[test]
fn enormous_chains_are_refused() {
    let root = Authority::root("root", &same);
    let mut path = vec![root.below("0", &same)];
    for depth in 1..8 {
        path.push(path[depth - 1].below(&depth.to_string(), &same));
    }
    let with_leaf = |depth: usize| {
        let leaf = path[depth - 1].leaf(&same);
        std::iter::once(leaf)
            .chain(path[..depth].iter().map(|authority| authority.der.clone()))
            .collect::<Vec<_>>()
    };
    let result = |ders: Vec<Vec<u8>>| {
        CertificateChain::from_ders(&ders)
            .and_then(|chain| verify(&chain, &anchors(&root), &RevocationLists::new(), NOW, DNS))
            .map(|_| ())
    };
    assert_eq!(result(with_leaf(6)), Ok(()));
    assert_eq!(result(with_leaf(7)), Err(CertificateError::TooComplex));
    assert_eq!(result(with_leaf(8)), Err(CertificateError::TooMany(MAX_CERTIFICATES + 1)));
    assert_eq!(result(vec![]), Err(CertificateError::Empty));

    let huge = root.leaf(&|leaf| {
        leaf.custom_extensions
            .push(CustomExtension::from_oid_content(&[1, 2, 3], vec![4; MAX_CERTIFICATE_LEN]));
    });
    assert_eq!(result(vec![huge.clone()]), Err(CertificateError::TooLong(huge.len())));
}

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

#[test]
fn a_self_signed_certificate_is_trusted_only_by_itself() {
    let key = KeyPair::generate().unwrap();
    let mine = leaf_params().self_signed(&key).unwrap().der().to_vec();
    let root = Authority::root("root", &same);
    assert_eq!(verdict(&root, &[&mine]), Err(CertificateError::UnknownIssuer));

    let mut trusted = anchors(&root);
    trusted.trust_leaf(&mine).unwrap();
    let verdict = |ders: &[&[u8]], now, expected| {
        verify(&chain(ders), &trusted, &RevocationLists::new(), now, expected)
    };
    let expected = PublicKey::from_spki(&key.subject_public_key_info()).unwrap();
    assert_eq!(verdict(&[&mine], NOW, DNS).as_ref(), Ok(&expected));
    // Nothing below it, no other with its key and name, not after its time, not for others.
    let below = leaf_params()
        .signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&leaf_params(), &key))
        .unwrap();
    let twin = leaf_params().self_signed(&key).unwrap();
    assert_eq!(verdict(&[below.der(), &mine], NOW, DNS), Err(CertificateError::NotAuthority));
    assert_eq!(verdict(&[below.der()], NOW, DNS), Err(CertificateError::UnknownIssuer));
    assert_eq!(verdict(&[twin.der()], NOW, DNS), Err(CertificateError::UnknownIssuer));
    let later = UnixSeconds(NOW.0 + 366 * 86_400);
    assert!(matches!(verdict(&[&mine], later, DNS), Err(CertificateError::Expired { .. })));
    let other = verdict(&[&mine], NOW, PeerIdentity::Dns("b.example"));
    assert!(matches!(other, Err(CertificateError::WrongIdentity { .. })));
    assert_eq!(trusted.trust_leaf(&root.der), Err(CertificateError::LeafIsAuthority));
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

#[test]
fn certificate_requests_name_authorities_by_the_hash_of_their_key() {
    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", &same);
    let hash = |authority: &Authority| sha1(&[&authority.key.subject_public_key_info()]);
    assert_eq!(anchors(&root).authority_hashes(), [hash(&root)]);
    let chain = chain(&[&intermediate.leaf(&same), &intermediate.der, &root.der]);
    assert_eq!(chain.authority_hashes(), [hash(&intermediate), hash(&root)]);
}

#[test]
fn a_chain_expires_with_the_first_of_its_certificates() {
    let root = Authority::root("root", &same);
    let short = root.below("short", &|authority| authority.not_after = date_time_ymd(2026, 7, 1));
    let leaf = short.leaf(&same);
    assert_eq!(chain(&[&leaf, &short.der]).not_after().to_string(), "Jul  1 00:00:00 2026 +00:00");
    assert_eq!(chain(&[&leaf]).not_after().to_string(), "Dec 31 00:00:00 2026 +00:00");
}

#[test]
fn chains_and_anchors_come_in_pem() {
    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", &same);
    let leaf = intermediate.leaf(&same);
    let pem = |ders: &[&[u8]]| {
        let texts = ders
            .iter()
            .map(|der| String::from_utf8(crate::pem::encode("CERTIFICATE", der).to_vec()).unwrap());
        texts.collect::<String>()
    };
    let chain = CertificateChain::from_pem(&pem(&[&leaf, &intermediate.der])).unwrap();
    assert_eq!(chain.ders().collect::<Vec<_>>(), [&leaf[..], &intermediate.der]);
    assert_eq!(format!("{chain:?}"), "CertificateChain(\"CN=node a, O=Mesh\" and 1 more)");
    let mut trusted = TrustAnchors::new();
    assert_eq!(trusted.trust_authorities_in_pem(&pem(&[&root.der, &intermediate.der])), Ok(2));
    assert!(verify(&chain, &trusted, &RevocationLists::new(), NOW, DNS).is_ok());
    assert_eq!(trusted.trust_authorities_in_pem(""), Err(CertificateError::Empty));
    assert_eq!(trusted.trust_authorities_in_pem(&pem(&[&root.der])[..90]), Err(CertificateError::Pem));
    assert!(matches!(CertificateChain::from_pem("nothing"), Err(CertificateError::Empty)));
}

#[test]
fn every_truncation_is_malformed() {
    let root = Authority::root("root", &same);
    let leaf = root.leaf(&same);
    for len in 0..leaf.len() {
        assert!(matches!(CertificateChain::from_ders(&[&leaf[..len]]), Err(CertificateError::Malformed)));
    }
    let longer = [&leaf[..], &[0]].concat();
    assert!(matches!(CertificateChain::from_ders(&[longer]), Err(CertificateError::Malformed)));
}

proptest! {
    #[test]
    fn arbitrary_octets_are_no_certificate_and_no_list(octets: Vec<u8>, text: String) {
        prop_assert!(CertificateChain::from_ders(&[&octets]).is_err());
        prop_assert!(CertificateChain::from_pem(&text).is_err());
        prop_assert!(TrustAnchors::new().trust_authority(&octets).is_err());
        prop_assert!(TrustAnchors::new().trust_leaf(&octets).is_err());
        prop_assert!(RevocationLists::new().add_file(&octets).is_err());
    }
}

/// One octet changed anywhere: the signature no longer holds, and nothing panics on the way to finding out.
#[test]
fn every_changed_octet_of_a_leaf_is_noticed() {
    let root = Authority::root("root", &same);
    let leaf = root.leaf(&same);
    let trusted = anchors(&root);
    for at in 0..leaf.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut other = leaf.clone();
            other[at] ^= change;
            let result = CertificateChain::from_ders(&[&other])
                .and_then(|chain| verify(&chain, &trusted, &RevocationLists::new(), NOW, DNS));
            assert!(result.is_err(), "octet {at} ^ {change:#x}");
        }
    }
}

#[test]
fn changed_lists_and_anchors_do_not_panic() {
    let root = Authority::root("root", &same);
    let chain = chain(&[&root.leaf(&same)]);
    let crl = root.crl(5, &[LEAF_SERIAL]);
    for at in 0..crl.len() {
        let mut other = crl.clone();
        other[at] ^= 0xff;
        let mut lists = RevocationLists::new();
        if lists.add(&other).is_ok() {
            let _ = verify(&chain, &anchors(&root), &lists, NOW, DNS);
        }
    }
    for at in 0..root.der.len() {
        let mut other = root.der.clone();
        other[at] ^= 0xff;
        let mut trusted = TrustAnchors::new();
        if trusted.trust_authority(&other).is_ok() {
            let _ = verify(&chain, &trusted, &RevocationLists::new(), NOW, DNS);
        }
    }
}
