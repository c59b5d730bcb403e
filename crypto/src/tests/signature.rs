//! Signatures: Wycheproof, each of the four methods both ways, and the forgeries that others believed.

use crypto_bigint::U2048;
use proptest::prelude::*;
use serde::Deserialize;

use super::{Hex, Verdict, key, read};
use crate::der;
use crate::signature::{
    AlgorithmError, AuthScheme, DigitalSignature, HashAlgorithm, HashAlgorithms, KeyType, PublicKey,
    PublicKeyError, Scheme, SignatureError, SigningKey,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key_der: Hex,
    /// Of RSASSA-PSS.
    sha: Option<String>,
    mgf_sha: Option<String>,
    s_len: Option<usize>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    msg: Hex,
    sig: Hex,
    result: Verdict,
}

fn groups(name: &str) -> Vec<Group> {
    let file: File = serde_json::from_str(&read(&format!("wycheproof/{name}_test.json"))).unwrap();
    assert_eq!(file.test_groups.iter().map(|group| group.tests.len()).sum::<usize>(), file.number_of_tests);
    file.test_groups
}

/// Accepted and refused, as Wycheproof has it. Its one "acceptable" case, a DigestInfo without NULL, we refuse:
/// RFC 8017 9.2 leaves it to the verifier, and laxness there is what forgeries are made of.
fn agrees(name: &str, key_type: KeyType, scheme: Scheme) -> (usize, usize) {
    let (mut accepted, mut refused) = (0, 0);
    for group in groups(name) {
        let key = PublicKey::from_spki(&group.public_key_der.0).unwrap();
        assert_eq!(key.key_type(), key_type);
        for case in group.tests {
            let verified = key.verify(scheme, &case.msg.0, &case.sig.0);
            assert_eq!(verified, case.result == Verdict::Valid, "{name} case {}", case.tc_id);
            if verified { accepted += 1 } else { refused += 1 }
        }
    }
    (accepted, refused)
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    assert_eq!(agrees("ed25519", KeyType::Ed25519, Scheme::Ed25519), (88, 63));
}

#[test]
fn ecdsa_agrees_with_wycheproof() {
    assert_eq!(agrees("ecdsa_secp256r1_sha256", KeyType::EcdsaP256, Scheme::EcdsaSha256), (174, 310));
    assert_eq!(agrees("ecdsa_secp384r1_sha384", KeyType::EcdsaP384, Scheme::EcdsaSha384), (194, 310));
}

#[test]
fn rsa_pkcs_1_agrees_with_wycheproof() {
    let (size, scheme) = (KeyType::Rsa, Scheme::RsaPkcs1Sha256);
    assert_eq!(agrees("rsa_signature_2048_sha256", size(2048), scheme), (9, 250));
    assert_eq!(agrees("rsa_signature_3072_sha384", size(3072), Scheme::RsaPkcs1Sha384), (7, 252));
    assert_eq!(agrees("rsa_signature_4096_sha512", size(4096), Scheme::RsaPkcs1Sha512), (7, 252));
}

#[test]
fn rsa_pss_agrees_with_wycheproof() {
    let size = KeyType::Rsa;
    assert_eq!(agrees("rsa_pss_2048_sha256_mgf1_32", size(2048), Scheme::RsaPssSha256), (63, 45));
    assert_eq!(agrees("rsa_pss_4096_sha512_mgf1_64", size(4096), Scheme::RsaPssSha512), (132, 47));
}

/// All of that file's signatures are valid for their parameters. Ours are three; the other 147 mix hashes and salts
/// (CVE-2018-6459, CVE-2021-41990) and are valid under none of our schemes.
#[test]
fn rsa_pss_with_other_hashes_or_salts_is_refused() {
    let (mut ours, mut others) = (0, 0);
    for group in groups("rsa_pss_misc") {
        let key = PublicKey::from_spki(&group.public_key_der.0).unwrap();
        let parameters = (group.sha.as_deref(), group.mgf_sha.as_deref(), group.s_len);
        let scheme = match parameters {
            (Some("SHA-256"), Some("SHA-256"), Some(32)) => Some(Scheme::RsaPssSha256),
            (Some("SHA-384"), Some("SHA-384"), Some(48)) => Some(Scheme::RsaPssSha384),
            (Some("SHA-512"), Some("SHA-512"), Some(64)) => Some(Scheme::RsaPssSha512),
            _ => None,
        };
        for case in group.tests {
            for with in Scheme::ALL {
                let verified = key.verify(with, &case.msg.0, &case.sig.0);
                assert_eq!(verified, scheme == Some(with), "case {}, {with}", case.tc_id);
            }
            if scheme.is_some() { ours += 1 } else { others += 1 }
        }
    }
    assert_eq!((ours, others), (3, 147));
}

/// A key of each type.
fn signing_keys() -> [SigningKey; 4] {
    ["ed25519_pkcs8", "p256_pkcs8", "p384_pkcs8", "rsa2048_pkcs8"]
        .map(|name| SigningKey::from_pem(&key(name)).unwrap())
}

#[test]
fn every_scheme_of_every_key_signs_what_its_public_half_verifies() {
    let mut signed = 0;
    for key in signing_keys() {
        for scheme in Scheme::ALL {
            let Ok(data) = key.sign_auth(AuthScheme::Digital(scheme), b"octets") else {
                assert!(!key.schemes().contains(&scheme));
                continue;
            };
            let public = key.public_key();
            let all = Some(HashAlgorithms::all());
            assert_eq!(public.verify_auth(14, &data, b"octets", all), Ok(AuthScheme::Digital(scheme)));
            assert_eq!(public.verify_auth(14, &data, b"other", all), Err(SignatureError::NotAuthentic));
            let mut longer = data.clone();
            longer.push(0);
            assert_eq!(public.verify_auth(14, &longer, b"octets", all), Err(SignatureError::NotAuthentic));
            signed += 1;
        }
    }
    assert_eq!(signed, 1 + 1 + 1 + 6);
}

#[test]
fn the_old_methods_are_for_peers_that_announce_no_hashes() {
    let expected = [None, Some(AuthScheme::EcdsaP256), Some(AuthScheme::EcdsaP384), Some(AuthScheme::Rsa)];
    let lengths = [0, 64, 96, 256];
    for ((key, scheme), len) in signing_keys().iter().zip(expected).zip(lengths) {
        assert_eq!(key.choose(None), scheme);
        let Some(scheme) = scheme else { continue };
        let data = key.sign_auth(scheme, b"octets").unwrap();
        assert_eq!(data.len(), len);
        let verify = |octets: &[u8], announced| {
            key.public_key().verify_auth(scheme.method(), &data, octets, announced)
        };
        assert_eq!(verify(b"octets", None), Ok(scheme));
        assert_eq!(verify(b"other", None), Err(SignatureError::NotAuthentic));
        // RFC 7427 3: "then the authentication method specified in this Authentication payload MUST be used".
        let refused = Err(SignatureError::MethodNotAllowed(scheme.method()));
        assert_eq!(verify(b"octets", Some(HashAlgorithms::all())), refused);
    }
}

#[test]
fn method_14_needs_the_announcement_and_one_of_its_hashes() {
    let [ed25519, p256, ..] = signing_keys();
    let sha256: HashAlgorithms = [HashAlgorithm::Sha2_256].into_iter().collect();
    assert_eq!(ed25519.choose(Some(sha256)), None);
    assert_eq!(p256.choose(Some(sha256)), Some(AuthScheme::Digital(Scheme::EcdsaSha256)));
    assert_eq!(p256.choose(Some(HashAlgorithms::default())), None);

    let data = ed25519.sign_auth(AuthScheme::Digital(Scheme::Ed25519), b"octets").unwrap();
    let verify = |key: &SigningKey, announced| key.public_key().verify_auth(14, &data, b"octets", announced);
    assert_eq!(verify(&ed25519, None), Err(SignatureError::MethodNotAllowed(14)));
    assert_eq!(verify(&ed25519, Some(sha256)), Err(SignatureError::HashNotAnnounced(Scheme::Ed25519)));
    let (key, scheme) = (KeyType::EcdsaP256, AuthScheme::Digital(Scheme::Ed25519));
    assert_eq!(verify(&p256, Some(HashAlgorithms::all())), Err(SignatureError::WrongKey { key, scheme }));
    let other = p256.public_key().verify_auth(13, &data, b"octets", None);
    assert_eq!(other, Err(SignatureError::UnknownMethod(13)));
}

#[test]
fn an_rsa_key_signs_with_pss_first_and_with_the_hash_that_the_peer_has() {
    let [.., rsa] = signing_keys();
    for (hash, scheme) in [
        (HashAlgorithm::Sha2_256, Some(Scheme::RsaPssSha256)),
        (HashAlgorithm::Sha2_384, Some(Scheme::RsaPssSha384)),
        (HashAlgorithm::Sha2_512, Some(Scheme::RsaPssSha512)),
        (HashAlgorithm::Identity, None),
    ] {
        assert_eq!(rsa.scheme_for([hash].into_iter().collect()), scheme);
    }
    assert_eq!(rsa.scheme_for(HashAlgorithms::all()), Some(Scheme::RsaPssSha256));
}

/// RFC 7427 B.1, with a hash that is not SHA-1.
#[test]
fn authentication_data_is_length_algorithm_signature() {
    let signature = DigitalSignature { scheme: Scheme::RsaPkcs1Sha256, signature: &[0xaa, 0xbb] };
    let data = signature.emit();
    assert_eq!(data, super::hex("0f300d06092a864886f70d01010b0500aabb"));
    assert_eq!(DigitalSignature::parse(&data), Ok(signature));
    for len in 0..=16 {
        assert_eq!(DigitalSignature::parse(&data[..len]), Err(AlgorithmError::Truncated), "{len}");
    }
    let sha1 = super::hex("0f300d06092a864886f70d0101050500aabb");
    assert_eq!(DigitalSignature::parse(&sha1), Err(AlgorithmError::Unknown));
}

/// A public key with exponent 3, whose signatures anyone can make if the verifier does not look at every octet.
/// Nobody knows its private half, and nobody needs it.
fn exponent_3() -> PublicKey {
    let modulus = der::unsigned(&[0xff; 256]);
    let key = der::wrap(der::SEQUENCE, &[&modulus, &der::unsigned(&[3])]);
    PublicKey::from_parts(KeyType::Rsa(2048), &key).unwrap()
}

/// The signature whose cube begins with `start`: its cube root, rounded up.
fn forge(start: &[u8]) -> Vec<u8> {
    let mut target = [0; 256];
    target[..start.len()].copy_from_slice(start);
    let target = U2048::from_be_slice(&target);
    let cube = |root: &U2048| root.wrapping_mul(root).wrapping_mul(root);
    let mut root = U2048::ZERO;
    for bit in (0..682).rev() {
        let higher = root.wrapping_add(&U2048::ONE.shl_vartime(bit));
        if cube(&higher) <= target {
            root = higher;
        }
    }
    let root = root.wrapping_add(&U2048::ONE);
    assert!(cube(&root).to_be_bytes().as_ref().starts_with(start), "not a forgery");
    root.to_be_bytes().as_ref().to_vec()
}

/// DigestInfo of SHA-256 up to the hash (RFC 8017 9.2).
const DIGEST_INFO: &str = "3031300d060960864801650304020105000420";

#[test]
fn cve_2026_50722_digest_info_with_a_wrong_length_or_garbage_is_refused() {
    let key = exponent_3();
    let hash = crate::sha256(&[b"octets"]);
    let padding = [&[0, 1][..], &[0xff; 8], &[0]].concat();
    let info = super::hex(DIGEST_INFO);
    let short_info = super::hex("3019300d060960864801650304020105000408");
    let empty_info = super::hex("3011300d060960864801650304020105000400");
    for block in [
        [&padding[..], &info, &hash].concat(), // garbage after the hash
        [&padding[..], &short_info, &hash[..8]].concat(), // a short hash, whose lengths agree
        [&padding[..], &info, &hash[..8]].concat(), // a short hash, whose lengths do not
        [&padding[..], &empty_info].concat(),  // no hash
        [&padding[..], &hash].concat(),        // no DigestInfo
        [&[0, 1, 0][..], &info, &hash].concat(), // no padding
    ] {
        let signature = forge(&block);
        assert!(!key.verify(Scheme::RsaPkcs1Sha256, b"octets", &signature));
        let data = DigitalSignature { scheme: Scheme::RsaPkcs1Sha256, signature: &signature }.emit();
        let all = Some(HashAlgorithms::all());
        assert_eq!(key.verify_auth(14, &data, b"octets", all), Err(SignatureError::NotAuthentic));
        assert_eq!(key.verify_auth(1, &signature, b"octets", None), Err(SignatureError::NotAuthentic));
    }
}

#[test]
fn cve_2026_14957_a_broken_public_key_is_an_error() {
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let key = der::wrap(der::SEQUENCE, &[&der::unsigned(modulus), &der::unsigned(exponent)]);
        PublicKey::from_parts(KeyType::Rsa(0), &key)
    };
    let modulus = [0xff; 256];
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(rsa(&modulus, exponent), Err(PublicKeyError::RsaExponent), "{exponent:?}");
    }
    let mut even = modulus;
    even[255] = 0xfe;
    assert_eq!(rsa(&even, &[3]), Err(PublicKeyError::RsaModulus));
    assert_eq!(rsa(&[0], &[3]), Err(PublicKeyError::RsaSize(0)));
    assert_eq!(rsa(&[0x7f; 256], &[3]), Err(PublicKeyError::RsaSize(2047)));
    assert_eq!(rsa(&[0xff; 1025], &[3]), Err(PublicKeyError::RsaSize(8200)));
    assert!(rsa(&modulus, &[1, 0, 1]).is_ok() && rsa(&modulus, &[1, 0, 0, 0, 1]).is_ok());
    assert_eq!(PublicKey::from_parts(KeyType::Rsa(0), &[]), Err(PublicKeyError::Malformed));
}

/// CVE-2020-16088 is about believing a key that is valid but somebody else's: a key verifies its own signatures.
#[test]
fn a_signature_by_another_key_is_refused() {
    let entropy = &mut crate::SeededEntropy::new(1);
    let (ours, _) = SigningKey::generate_ed25519(entropy).unwrap();
    let (theirs, _) = SigningKey::generate_ed25519(entropy).unwrap();
    let data = theirs.sign_auth(AuthScheme::Digital(Scheme::Ed25519), b"octets").unwrap();
    let verified = ours.public_key().verify_auth(14, &data, b"octets", Some(HashAlgorithms::all()));
    assert_eq!(verified, Err(SignatureError::NotAuthentic));
}

proptest! {
    #[test]
    fn arbitrary_authentication_data_is_refused(method in 0u8..16, data: Vec<u8>, announced: bool) {
        let announced = announced.then(HashAlgorithms::all);
        for key in signing_keys().iter().take(3) {
            prop_assert!(key.public_key().verify_auth(method, &data, b"octets", announced).is_err());
        }
        let _ = HashAlgorithms::parse(&data);
    }

    #[test]
    fn an_algorithm_with_arbitrary_signature_is_refused(scheme in 0..Scheme::ALL.len(), signature: Vec<u8>) {
        let data = DigitalSignature { scheme: Scheme::ALL[scheme], signature: &signature }.emit();
        for key in signing_keys() {
            let verified = key.public_key().verify_auth(14, &data, b"octets", Some(HashAlgorithms::all()));
            prop_assert!(verified.is_err());
        }
    }
}
