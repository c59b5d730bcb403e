//! Checks against vectors that no one here wrote, from `tests/vectors` at the top of the repository, and the
//! properties that hold for every algorithm. Each check asserts how many cases ran: an empty file is a failure.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is what it should do"
)]

mod aead;
mod cbc;
mod certificates;
mod ecdh;
mod esp;
mod hmac;
mod kdf;
mod keys;
mod modp;
mod openssl;
mod sealer;
mod signature;
mod silence;

use serde::Deserialize;
use serde_json::Value;

use crate::{Encryption, Integrity, PacketKeys, Protection, Sealer, Secret};

/// Every protection that can be negotiated.
fn protections() -> Vec<Protection> {
    let aeads = [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
    let macs = [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];
    let mut all: Vec<_> = aeads.into_iter().filter_map(Protection::aead).collect();
    for cbc in [Encryption::AesCbc128, Encryption::AesCbc256] {
        all.extend(macs.into_iter().filter_map(|mac| Protection::cbc(cbc, mac)));
    }
    assert_eq!(all.len(), 9);
    all
}

/// Keys of the right lengths whose octets are all `octet`.
fn keys(protection: Protection, octet: u8) -> PacketKeys {
    PacketKeys {
        encryption: Secret::new(vec![octet; protection.encryption_key_len()]),
        integrity: Secret::new(vec![octet; protection.integrity_key_len()]),
    }
}

fn sealer(protection: Protection, octet: u8) -> Sealer {
    Sealer::new(protection, &keys(protection, octet)).unwrap()
}

/// A file of `tests/vectors`.
fn read(name: &str) -> String {
    let path = format!("{}/../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A private key in PEM.
fn key(name: &str) -> String {
    read(&format!("keys/{name}.pem"))
}

/// Octets from hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "odd number of digits: {digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The octets of a member of a JSON object.
fn octets(object: &Value, name: &str) -> Vec<u8> {
    hex(object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}")))
}

/// One section of the vectors that RFCs print.
fn rfc(section: &str) -> Value {
    let all: Value = serde_json::from_str(&read("rfc/rfc_vectors.json")).unwrap();
    all[section].clone()
}

/// What Wycheproof says of a case.
#[derive(Copy, Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Valid,
    /// A matter of taste; the checks say what ours is.
    Acceptable,
    Invalid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wycheproof<T> {
    number_of_tests: usize,
    test_groups: Vec<Group<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<T> {
    /// Bits.
    #[serde(default)]
    key_size: usize,
    /// Bits.
    #[serde(default)]
    iv_size: usize,
    /// Bits.
    #[serde(default)]
    tag_size: usize,
    tests: Vec<T>,
}

/// The groups of a Wycheproof file, all of its cases present.
fn wycheproof<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<Group<T>> {
    let file: Wycheproof<T> = serde_json::from_str(&read(&format!("wycheproof/{name}.json"))).unwrap();
    assert_eq!(file.test_groups.iter().map(|group| group.tests.len()).sum::<usize>(), file.number_of_tests);
    file.test_groups
}

/// Octets written in hexadecimal.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct Hex(Vec<u8>);

impl From<String> for Hex {
    fn from(digits: String) -> Hex {
        Hex(hex(&digits))
    }
}
