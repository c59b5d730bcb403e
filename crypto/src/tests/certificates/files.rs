//! Certificates as octets and as text: PEM, hashes, dates, and what is broken.

use proptest::prelude::*;
use rcgen::{PublicKeyData, date_time_ymd};

use super::{Authority, DNS, LEAF_SERIAL, NOW, anchors, chain, same};
use crate::certificate::{CertificateChain, CertificateError, RevocationLists, TrustAnchors, verify};
use crate::sha1;

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
