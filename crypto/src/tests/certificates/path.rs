//! Paths: who issued whom, when they are valid, and how far a search goes.

use rcgen::{CertificateParams, CustomExtension, Issuer, KeyPair, PublicKeyData, date_time_ymd};

use super::{Authority, DNS, NOW, anchors, chain, leaf_params, same, verdict, verdict_below, verdict_on};
use crate::certificate::{
    CertificateChain, CertificateError, MAX_CERTIFICATE_LEN, MAX_CERTIFICATES, PeerIdentity, RevocationLists,
    TrustAnchors, UnixSeconds, verify,
};
use crate::signature::PublicKey;

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
