//! Public keys as SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 7670): read strictly, and used to verify.

use std::fmt;

use data_encoding::BASE64;
use ring::signature as ring_signature;
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};

use crate::der;
use crate::signature::{Scheme, oid};

/// Bits of the smallest RSA modulus: RFC 8247 3.1.1 has less at SHOULD NOT.
const RSA_MIN_BITS: usize = 2048;
/// Bits of the largest: it bounds what a peer's key can cost to verify with (a millisecond).
const RSA_MAX_BITS: usize = 8192;
/// Bits of the largest public exponent: the provider's bound, and 65537 is what is in use.
const RSA_EXPONENT_MAX_BITS: usize = 33;
/// Octets of an Ed25519 public key (RFC 8032).
const ED25519_LEN: usize = 32;
/// First octet of an uncompressed point (SEC 1 2.3.3), the one form that RFC 5480 2.2 requires.
const UNCOMPRESSED: u8 = 4;
/// Octets of a SubjectPublicKeyInfo that is worth reading: RSA with 8192 bits has 1,062.
const SPKI_MAX_LEN: usize = 2048;

/// What a key is for, with its size.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA with a modulus of so many bits.
    Rsa(usize),
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyType::Ed25519 => f.write_str("Ed25519"),
            KeyType::EcdsaP256 => f.write_str("ECDSA P-256"),
            KeyType::EcdsaP384 => f.write_str("ECDSA P-384"),
            KeyType::Rsa(bits) => write!(f, "RSA {bits}"),
        }
    }
}

/// A public key for signatures.
///
/// Two keys are equal when their SubjectPublicKeyInfo is. `Display` is one line: the type and the base64 of the
/// SubjectPublicKeyInfo.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    key_type: KeyType,
    spki: Vec<u8>,
    /// What the provider takes: the point, or PKCS #1's RSAPublicKey.
    key: Vec<u8>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER, all of `spki`.
    ///
    /// ECDSA keys are uncompressed points on a curve that is named by its OID. Whether the point is on the curve
    /// is found out by [`PublicKey::verify`], which then fails.
    ///
    /// # Errors
    /// [`PublicKeyError`] says what is wrong, and what type the key has if it is one that we lack.
    pub fn from_spki(spki: &[u8]) -> Result<PublicKey, PublicKeyError> {
        let (oid, parameters, key) = split(spki).ok_or(PublicKeyError::Malformed)?;
        let key_type = match oid {
            oid::ED25519 => ed25519(parameters, key)?,
            oid::EC_PUBLIC_KEY => ecdsa(parameters, key)?,
            oid::RSA => rsa(parameters, key)?,
            _ => return Err(PublicKeyError::Unsupported(oid::name_of_unsupported(oid))),
        };
        Ok(PublicKey { key_type, spki: spki.to_vec(), key: key.to_vec() })
    }

    /// Reads the base64 of a SubjectPublicKeyInfo (RFC 4648 4, padded, no line breaks).
    ///
    /// # Errors
    /// As [`PublicKey::from_spki`], and [`PublicKeyError::NotBase64`].
    pub fn from_base64(line: &str) -> Result<PublicKey, PublicKeyError> {
        let spki = BASE64.decode(line.as_bytes()).map_err(|_| PublicKeyError::NotBase64)?;
        PublicKey::from_spki(&spki)
    }

    /// Builds the SubjectPublicKeyInfo of a key in the provider's form.
    pub(crate) fn from_parts(key_type: KeyType, key: &[u8]) -> Result<PublicKey, PublicKeyError> {
        let algorithm = match key_type {
            KeyType::Ed25519 => vec![der::wrap(der::OID, &[oid::ED25519])],
            KeyType::EcdsaP256 => {
                vec![der::wrap(der::OID, &[oid::EC_PUBLIC_KEY]), der::wrap(der::OID, &[oid::P256])]
            }
            KeyType::EcdsaP384 => {
                vec![der::wrap(der::OID, &[oid::EC_PUBLIC_KEY]), der::wrap(der::OID, &[oid::P384])]
            }
            KeyType::Rsa(_) => vec![der::wrap(der::OID, &[oid::RSA]), der::wrap(der::NULL, &[])],
        };
        let algorithm = der::wrap(der::SEQUENCE, &[&algorithm.concat()]);
        let bits = der::wrap(der::BIT_STRING, &[&[0], key]);
        PublicKey::from_spki(&der::wrap(der::SEQUENCE, &[&algorithm, &bits]))
    }

    /// The type and size.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The SubjectPublicKeyInfo in DER: what a CERT payload with encoding 15 carries (RFC 7670 3).
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The base64 of [`PublicKey::spki`] on one line: what a peer file lists.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.spki)
    }

    /// Whether `scheme` goes with this key. RFC 7427 lets either hash go with either curve.
    pub fn supports(&self, scheme: Scheme) -> bool {
        self.algorithm(scheme).is_some()
    }

    /// Whether `signature` (of ECDSA: the DER of Ecdsa-Sig-Value, RFC 3279 2.2.3) is this key's over `message`.
    ///
    /// False too if `scheme` does not go with the key.
    #[must_use]
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.algorithm(scheme).is_some_and(|algorithm| self.verify_with(algorithm, message, signature))
    }

    /// Whether `signature` is raw `r | s` by ECDSA over `message`, as RFC 4754 has it: of P-256 with SHA-256, of
    /// P-384 with SHA-384. False for other keys.
    pub(super) fn verify_ecdsa_fixed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.key_type {
            KeyType::EcdsaP256 => {
                self.verify_with(&ring_signature::ECDSA_P256_SHA256_FIXED, message, signature)
            }
            KeyType::EcdsaP384 => {
                self.verify_with(&ring_signature::ECDSA_P384_SHA384_FIXED, message, signature)
            }
            KeyType::Ed25519 | KeyType::Rsa(_) => false,
        }
    }

    fn verify_with(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        UnparsedPublicKey::new(algorithm, &self.key).verify(message, signature).is_ok()
    }

    fn algorithm(&self, scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
        let algorithm: &'static dyn VerificationAlgorithm = match (self.key_type, scheme) {
            (KeyType::Ed25519, Scheme::Ed25519) => &ring_signature::ED25519,
            (KeyType::EcdsaP256, Scheme::EcdsaSha256) => &ring_signature::ECDSA_P256_SHA256_ASN1,
            (KeyType::EcdsaP256, Scheme::EcdsaSha384) => &ring_signature::ECDSA_P256_SHA384_ASN1,
            (KeyType::EcdsaP384, Scheme::EcdsaSha256) => &ring_signature::ECDSA_P384_SHA256_ASN1,
            (KeyType::EcdsaP384, Scheme::EcdsaSha384) => &ring_signature::ECDSA_P384_SHA384_ASN1,
            (KeyType::Rsa(_), Scheme::RsaPssSha256) => &ring_signature::RSA_PSS_2048_8192_SHA256,
            (KeyType::Rsa(_), Scheme::RsaPssSha384) => &ring_signature::RSA_PSS_2048_8192_SHA384,
            (KeyType::Rsa(_), Scheme::RsaPssSha512) => &ring_signature::RSA_PSS_2048_8192_SHA512,
            (KeyType::Rsa(_), Scheme::RsaPkcs1Sha256) => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
            (KeyType::Rsa(_), Scheme::RsaPkcs1Sha384) => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
            (KeyType::Rsa(_), Scheme::RsaPkcs1Sha512) => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
            (KeyType::Ed25519 | KeyType::EcdsaP256 | KeyType::EcdsaP384 | KeyType::Rsa(_), _) => return None,
        };
        Some(algorithm)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key_type, self.to_base64())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// `SubjectPublicKeyInfo ::= SEQUENCE { SEQUENCE { OID, parameters }, BIT STRING }` as OID, parameters and key.
fn split(spki: &[u8]) -> Option<(&[u8], der::Reader<'_>, &[u8])> {
    if spki.len() > SPKI_MAX_LEN {
        return None;
    }
    let mut fields = der::only(spki, der::SEQUENCE)?;
    let mut algorithm = fields.nested(der::SEQUENCE)?;
    let key = fields.whole_bits()?;
    fields.is_empty().then_some((algorithm.value(der::OID)?, algorithm, key))
}

/// RFC 8410 3: the parameters must be absent.
fn ed25519(parameters: der::Reader<'_>, key: &[u8]) -> Result<KeyType, PublicKeyError> {
    if !parameters.is_empty() {
        return Err(PublicKeyError::Parameters);
    }
    if key.len() == ED25519_LEN { Ok(KeyType::Ed25519) } else { Err(PublicKeyError::Length) }
}

/// RFC 5480 2.1.1: the curve is named; explicit and implicit parameters "MUST NOT be used".
fn ecdsa(mut parameters: der::Reader<'_>, key: &[u8]) -> Result<KeyType, PublicKeyError> {
    let curve =
        parameters.value(der::OID).filter(|_| parameters.is_empty()).ok_or(PublicKeyError::Parameters)?;
    let (key_type, point_len) = match curve {
        oid::P256 => (KeyType::EcdsaP256, 65),
        oid::P384 => (KeyType::EcdsaP384, 97),
        _ => return Err(PublicKeyError::Unsupported(oid::name_of_unsupported(curve))),
    };
    if key.len() == point_len && key.first() == Some(&UNCOMPRESSED) {
        Ok(key_type)
    } else {
        Err(PublicKeyError::Length)
    }
}

/// RFC 3279 2.3.1: parameters are NULL, the key is `SEQUENCE { modulus, publicExponent }`.
fn rsa(mut parameters: der::Reader<'_>, key: &[u8]) -> Result<KeyType, PublicKeyError> {
    if parameters.value(der::NULL) != Some(&[]) || !parameters.is_empty() {
        return Err(PublicKeyError::Parameters);
    }
    let (modulus, exponent) = rsa_numbers(key).ok_or(PublicKeyError::Malformed)?;
    rsa_type(modulus, exponent)
}

fn rsa_numbers(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut numbers = der::only(key, der::SEQUENCE)?;
    let (modulus, exponent) = (numbers.unsigned()?, numbers.unsigned()?);
    numbers.is_empty().then_some((modulus, exponent))
}

/// What strongSwan crashed on (CVE-2017-9022) and libreswan asserted on (CVE-2026-14957): zero, one and even
/// numbers, and sizes out of bounds.
pub(super) fn rsa_type(modulus: &[u8], exponent: &[u8]) -> Result<KeyType, PublicKeyError> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|octet| octet % 2 == 1);
    if !is_odd(exponent) || exponent == [1] || bits(exponent) > RSA_EXPONENT_MAX_BITS {
        return Err(PublicKeyError::RsaExponent);
    }
    let bits = bits(modulus);
    if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
        return Err(PublicKeyError::RsaSize(bits));
    }
    if is_odd(modulus) { Ok(KeyType::Rsa(bits)) } else { Err(PublicKeyError::RsaModulus) }
}

/// Bits of an unsigned number without leading zero octets.
fn bits(magnitude: &[u8]) -> usize {
    let leading = magnitude.first().map_or(0, |octet| octet.leading_zeros());
    magnitude.len().saturating_mul(8).saturating_sub(usize::try_from(leading).unwrap_or(0))
}

/// Why octets are no public key that we verify with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// Not canonical, padded base64 on one line.
    NotBase64,
    /// Not a SubjectPublicKeyInfo in DER, or something after it.
    Malformed,
    /// A type of key that we do not have, by name.
    Unsupported(&'static str),
    /// Parameters that the type does not have: a curve spelt out, for instance.
    Parameters,
    /// A key of the wrong length for its type, or a compressed point.
    Length,
    /// An RSA modulus of so many bits: less than 2048 or more than 8192.
    RsaSize(usize),
    /// An even RSA modulus.
    RsaModulus,
    /// An RSA exponent that is zero, one, even, or longer than 33 bits.
    RsaExponent,
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublicKeyError::NotBase64 => f.write_str("the public key is not base64"),
            PublicKeyError::Malformed => f.write_str("the public key is not a SubjectPublicKeyInfo in DER"),
            PublicKeyError::Unsupported(name) => {
                write!(f, "the public key is {name}, which is not supported")
            }
            PublicKeyError::Parameters => f.write_str(
                "the public key has parameters that its type does not have (a curve must be named)",
            ),
            PublicKeyError::Length => f.write_str("the public key has the wrong length, or is compressed"),
            PublicKeyError::RsaSize(bits) => {
                write!(f, "the RSA key has {bits} bits, not {RSA_MIN_BITS} to {RSA_MAX_BITS}")
            }
            PublicKeyError::RsaModulus => f.write_str("the RSA modulus is even"),
            PublicKeyError::RsaExponent => {
                f.write_str("the RSA exponent is zero, one, even or longer than 33 bits")
            }
        }
    }
}

impl std::error::Error for PublicKeyError {}
