//! Revocation lists.

use rcgen::KeyUsagePurpose;

use super::{AUTHORITY_SERIAL, Authority, Change, DNS, LEAF_SERIAL, NOW, anchors, chain, same};
use crate::certificate::{CertificateError, RevocationLists, verify};

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
    assert_eq!(CertificateError::Revoked.to_string(), "the certificate, or one of its issuers', is revoked");
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
