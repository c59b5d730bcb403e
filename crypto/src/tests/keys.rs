//! Key files and public keys: what OpenSSL writes is read, and what cannot be used says why.

use proptest::prelude::*;

use super::{key, silence::assert_silent};
use crate::signature::{KeyError, KeyType, PublicKey, PublicKeyError, SigningKey};
use crate::{SeededEntropy, der, pem};

#[test]
fn every_form_of_private_key_is_read() {
    for (name, key_type) in [
        ("ed25519_pkcs8", KeyType::Ed25519),
        ("p256_pkcs8", KeyType::EcdsaP256),
        ("p256_sec1", KeyType::EcdsaP256), // with a section of EC PARAMETERS before it
        ("p384_pkcs8", KeyType::EcdsaP384),
        ("p384_sec1", KeyType::EcdsaP384),
        ("rsa2048_pkcs8", KeyType::Rsa(2048)),
        ("rsa2048_pkcs1", KeyType::Rsa(2048)),
        ("rsa4096_pkcs8", KeyType::Rsa(4096)),
    ] {
        let read = SigningKey::from_pem(&key(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.public_key().key_type(), key_type, "{name}");
        let line = read.public_key().to_base64();
        assert!(!line.contains('\n'));
        assert_eq!(PublicKey::from_base64(&line).as_ref(), Ok(read.public_key()));
        assert_eq!(read.public_key().to_string(), format!("{key_type} {line}"));
    }
    for (a, b) in [("p384_pkcs8", "p384_sec1"), ("rsa2048_pkcs8", "rsa2048_pkcs1")] {
        let [a, b] = [a, b].map(|name| SigningKey::from_pem(&key(name)).unwrap());
        assert_eq!(a.public_key(), b.public_key());
    }
}

#[test]
fn a_key_that_cannot_be_used_says_why() {
    for (name, said) in [
        ("refused_rsa1024", "the RSA key has 1024 bits, not 2048 to 8192"),
        ("refused_rsa8192", "the RSA private key has 8192 bits; at most 4096 can sign"),
        ("refused_p521", "the private key is ECDSA P-521, which is not supported"),
        ("refused_ed448", "the private key is Ed448, which is not supported"),
        (
            "refused_x25519",
            "the private key is X25519 (for key exchange, not for signatures), which is not supported",
        ),
        ("refused_pss", "the private key is RSA restricted to PSS, which is not supported"),
        ("refused_explicit", "the private key does not name its curve"),
        ("refused_encrypted_pkcs8", "the private key is encrypted; remove its passphrase"),
        ("refused_encrypted_pkcs1", "the private key is encrypted; remove its passphrase"),
        ("refused_no_public", "the ECDSA private key lacks its public key; `openssl ec` adds it"),
        ("refused_public", "no private key here, but a \"PUBLIC KEY\""),
    ] {
        assert_eq!(SigningKey::from_pem(&key(name)).unwrap_err().to_string(), said, "{name}");
    }
    let ed25519 = key("ed25519_pkcs8");
    let read = |text: &str| SigningKey::from_pem(text).map(|_| ());
    assert_eq!(read(""), Err(KeyError::NoPrivateKey { found: None }));
    assert_eq!(read(&ed25519.repeat(2)), Err(KeyError::Several));
    assert_eq!(read(&ed25519[..60]), Err(KeyError::Truncated));
    assert_eq!(read(&ed25519.replacen('\n', "\n!", 1)), Err(KeyError::NotBase64));
}

#[test]
fn every_truncation_of_every_key_is_an_error() {
    for name in ["ed25519_pkcs8", "p256_sec1", "p384_pkcs8", "rsa2048_pkcs1", "rsa2048_pkcs8"] {
        let text = key(name);
        let der = pem::sections(&text).last().unwrap().unwrap().octets;
        assert!(SigningKey::from_der(&der).is_ok());
        for len in 0..der.len() {
            assert!(SigningKey::from_der(&der[..len]).is_err(), "{name} {len}");
        }
        let spki = SigningKey::from_der(&der).unwrap().public_key().spki().to_vec();
        for len in 0..spki.len() {
            assert_eq!(PublicKey::from_spki(&spki[..len]), Err(PublicKeyError::Malformed), "{name} {len}");
        }
        assert_eq!(PublicKey::from_spki(&[&spki[..], &[0]].concat()), Err(PublicKeyError::Malformed));
    }
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    for name in ["p256_sec1", "p384_pkcs8", "rsa2048_pkcs1"] {
        let text = key(name);
        let mut der = pem::sections(&text).last().unwrap().unwrap().octets;
        // The public point of an ECDSA key, or RSA's coefficient.
        *der.last_mut().unwrap() ^= 1;
        assert!(matches!(SigningKey::from_der(&der), Err(KeyError::Inconsistent(_))), "{name}");
    }
}

#[test]
fn a_generated_key_is_written_as_openssl_writes_it() {
    let (made, text) = SigningKey::generate_ed25519(&mut SeededEntropy::new(5)).unwrap();
    let text = std::str::from_utf8(text.expose()).unwrap();
    assert_eq!(text.len(), key("ed25519_pkcs8").len());
    assert_eq!(SigningKey::from_pem(text).unwrap().public_key(), made.public_key());
    let (other, _) = SigningKey::generate_ed25519(&mut SeededEntropy::new(6)).unwrap();
    assert_ne!(made.public_key(), other.public_key());
}

#[test]
fn signing_keys_are_silent() {
    for name in ["ed25519_pkcs8", "p256_sec1", "rsa2048_pkcs1"] {
        let text = key(name);
        let key = SigningKey::from_pem(&text).unwrap();
        let der = pem::sections(&text).last().unwrap().unwrap().octets;
        assert_silent(&key, &der);
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey {{ key_type: {:?}, .. }}", key.public_key().key_type())
        );
    }
}

#[test]
fn curves_are_named_and_points_uncompressed() {
    let p256 = SigningKey::from_pem(&key("p256_sec1")).unwrap().public_key().spki().to_vec();
    let point = &p256[p256.len() - 65..];
    let ec = der::wrap(der::OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]]);
    let spki = |curve: &[u8], point: &[u8]| {
        let algorithm = der::wrap(der::SEQUENCE, &[&ec, curve]);
        let bits = der::wrap(der::BIT_STRING, &[&[0], point]);
        PublicKey::from_spki(&der::wrap(der::SEQUENCE, &[&algorithm, &bits]))
    };
    let named = der::wrap(der::OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]]);
    assert_eq!(spki(&named, point).unwrap().spki(), p256);
    assert_eq!(spki(&[], point), Err(PublicKeyError::Parameters));
    assert_eq!(spki(&der::wrap(der::NULL, &[]), point), Err(PublicKeyError::Parameters));
    assert_eq!(spki(&der::wrap(der::SEQUENCE, &[&named]), point), Err(PublicKeyError::Parameters));
    assert_eq!(spki(&[&named[..], &[5, 0]].concat(), point), Err(PublicKeyError::Parameters));
    let p521 = der::wrap(der::OID, &[&[0x2b, 0x81, 0x04, 0x00, 0x23]]);
    assert_eq!(spki(&p521, point), Err(PublicKeyError::Unsupported("ECDSA P-521")));
    let compressed = [&[2], &point[1..33]].concat();
    for bad in [&compressed[..], &point[..64], &[6; 65], &[]] {
        assert_eq!(spki(&named, bad), Err(PublicKeyError::Length));
    }
}

#[test]
fn base64_is_canonical() {
    let line = SigningKey::from_pem(&key("ed25519_pkcs8")).unwrap().public_key().to_base64();
    for bad in [format!("{line}\n"), format!(" {line}"), line[..line.len() - 1].to_owned(), "é".into()] {
        assert_eq!(PublicKey::from_base64(&bad), Err(PublicKeyError::NotBase64));
    }
    assert_eq!(PublicKey::from_base64(""), Err(PublicKeyError::Malformed));
}

proptest! {
    #[test]
    fn arbitrary_octets_are_no_key(octets: Vec<u8>, text: String) {
        prop_assert!(SigningKey::from_der(&octets).is_err());
        prop_assert!(PublicKey::from_spki(&octets).is_err());
        prop_assert!(SigningKey::from_pem(&text).is_err());
        prop_assert!(PublicKey::from_base64(&text).is_err());
    }

    #[test]
    fn a_key_with_changed_octets_is_read_or_refused(which in 0usize..3, at: prop::sample::Index, octet: u8) {
        let text = key(["ed25519_pkcs8", "p256_sec1", "rsa2048_pkcs8"][which]);
        let mut der = pem::sections(&text).last().unwrap().unwrap().octets;
        let at = at.index(der.len());
        der[at] = octet;
        let _ = SigningKey::from_der(&der);
        let mut spki = SigningKey::from_pem(&text).unwrap().public_key().spki().to_vec();
        let at = at % spki.len();
        spki[at] = octet;
        let _ = PublicKey::from_spki(&spki);
    }
}
