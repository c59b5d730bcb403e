//! Private keys as files have them: PKCS #8 (RFC 5958), SEC 1 (RFC 5915), PKCS #1 (RFC 8017 A.1.2); PEM or DER.

use std::fmt;

use zeroize::Zeroizing;

use crate::der::{self, Reader};
use crate::pem::{self, PemError};
use crate::signature::{PublicKeyError, oid};

/// Octets of an Ed25519 seed (RFC 8032 5.1.5).
const ED25519_SEED_LEN: usize = 32;
/// `[0] parameters` and `[1] publicKey` of an ECPrivateKey (RFC 5915 3).
const EC_PARAMETERS: u8 = 0xa0;
const EC_PUBLIC: u8 = 0xa1;
/// The label of a PKCS #8 section that is encrypted (RFC 7468 11).
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// A private key, taken apart and not yet checked.
pub(super) enum KeyParts<'a> {
    Ed25519(&'a [u8]),
    EcdsaP256 {
        private: &'a [u8],
        public: &'a [u8],
    },
    EcdsaP384 {
        private: &'a [u8],
        public: &'a [u8],
    },
    /// PKCS #1's RSAPrivateKey.
    Rsa(&'a [u8]),
}

/// The DER of the one private key in `text`. Other sections (EC PARAMETERS, certificates) may stand around it.
pub(super) fn private_key_der(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut found = None;
    let mut other = None;
    for section in pem::sections(text) {
        let section = section.map_err(|error| match error {
            PemError::Truncated => KeyError::Truncated,
            PemError::NotBase64 => KeyError::NotBase64,
            PemError::Encrypted => KeyError::Encrypted,
        })?;
        if section.label == ENCRYPTED {
            return Err(KeyError::Encrypted);
        } else if !section.label.ends_with("PRIVATE KEY") {
            other = Some(section.label.to_owned());
        } else if found.replace(section.octets).is_some() {
            return Err(KeyError::Several);
        }
    }
    found.ok_or(KeyError::NoPrivateKey { found: other })
}

/// Takes `der` apart. Which of the three forms it has shows in what follows its version.
pub(super) fn take_apart(der: &[u8]) -> Result<KeyParts<'_>, KeyError> {
    let mut fields = der::only(der, der::SEQUENCE).ok_or(KeyError::Malformed)?;
    // An encrypted PKCS #8 has no version: it begins with an AlgorithmIdentifier.
    if fields.peek() == Some(der::SEQUENCE) {
        return Err(KeyError::Encrypted);
    }
    fields.unsigned().ok_or(KeyError::Malformed)?;
    match fields.peek() {
        Some(der::SEQUENCE) => pkcs8(fields),
        Some(der::OCTET_STRING) => sec1(der, None),
        Some(der::INTEGER) => Ok(KeyParts::Rsa(der)),
        _ => Err(KeyError::Malformed),
    }
}

/// `PrivateKeyInfo ::= SEQUENCE { version, AlgorithmIdentifier, OCTET STRING, ... }` after its version. Attributes
/// and the public key of version 2 may follow; the public key is computed, not believed.
fn pkcs8(mut fields: Reader<'_>) -> Result<KeyParts<'_>, KeyError> {
    let mut algorithm = fields.nested(der::SEQUENCE).ok_or(KeyError::Malformed)?;
    let key = fields.value(der::OCTET_STRING).ok_or(KeyError::Malformed)?;
    match algorithm.value(der::OID).ok_or(KeyError::Malformed)? {
        oid::ED25519 => {
            let mut inner = Reader::new(key);
            let seed = inner.value(der::OCTET_STRING).filter(|seed| seed.len() == ED25519_SEED_LEN);
            seed.filter(|_| inner.is_empty()).map(KeyParts::Ed25519).ok_or(KeyError::Malformed)
        }
        oid::EC_PUBLIC_KEY => sec1(key, Some(algorithm.value(der::OID).ok_or(KeyError::UnnamedCurve)?)),
        oid::RSA => Ok(KeyParts::Rsa(key)),
        other => Err(KeyError::Unsupported(oid::name_of_unsupported(other))),
    }
}

/// `ECPrivateKey ::= SEQUENCE { 1, OCTET STRING, [0] curve, [1] public key }`, whose curve may stand outside.
fn sec1<'a>(key: &'a [u8], outer_curve: Option<&'a [u8]>) -> Result<KeyParts<'a>, KeyError> {
    let mut fields = der::only(key, der::SEQUENCE).ok_or(KeyError::Malformed)?;
    fields.unsigned().ok_or(KeyError::Malformed)?;
    let private = fields.value(der::OCTET_STRING).ok_or(KeyError::Malformed)?;
    let inner_curve = match fields.peek() {
        Some(EC_PARAMETERS) => {
            let mut parameters = fields.nested(EC_PARAMETERS).ok_or(KeyError::Malformed)?;
            Some(parameters.value(der::OID).ok_or(KeyError::UnnamedCurve)?)
        }
        _ => None,
    };
    let mut public = fields.nested(EC_PUBLIC).ok_or(KeyError::NoPublicKey)?;
    let public = public.whole_bits().ok_or(KeyError::Malformed)?;
    let curve = match (outer_curve, inner_curve) {
        (Some(outer), Some(inner)) if outer != inner => return Err(KeyError::Malformed),
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(KeyError::UnnamedCurve),
    };
    match curve {
        oid::P256 => Ok(KeyParts::EcdsaP256 { private, public }),
        oid::P384 => Ok(KeyParts::EcdsaP384 { private, public }),
        other => Err(KeyError::Unsupported(oid::name_of_unsupported(other))),
    }
}

/// Why a file gave no private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// PEM without a private key; what there is instead.
    NoPrivateKey {
        /// The label of the last other section.
        found: Option<String>,
    },
    /// More than one private key.
    Several,
    /// PEM without its end line.
    Truncated,
    /// PEM with something other than base64.
    NotBase64,
    /// An encrypted key: a daemon has nobody to ask for the passphrase.
    Encrypted,
    /// Not PKCS #8, SEC 1 or PKCS #1 in DER.
    Malformed,
    /// A type of key that we do not have, by name.
    Unsupported(&'static str),
    /// An elliptic curve given by its parameters or not at all.
    UnnamedCurve,
    /// An ECDSA key without its public half, which the provider needs.
    NoPublicKey,
    /// The public half is refused.
    PublicKey(PublicKeyError),
    /// An RSA key of more than 4096 bits: the provider does not sign with it.
    RsaSize(usize),
    /// Numbers that do not belong together, or are out of range. The provider's word for it.
    Inconsistent(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::NoPrivateKey { found: None } => f.write_str("no private key in PEM here"),
            KeyError::NoPrivateKey { found: Some(label) } => {
                write!(f, "no private key here, but a {label:?}")
            }
            KeyError::Several => f.write_str("more than one private key here"),
            KeyError::Truncated => f.write_str("the private key is truncated: its END line is missing"),
            KeyError::NotBase64 => f.write_str("the private key is not base64"),
            KeyError::Encrypted => f.write_str("the private key is encrypted; remove its passphrase"),
            KeyError::Malformed => f.write_str("the private key is not PKCS #8, SEC 1 or PKCS #1"),
            KeyError::Unsupported(name) => write!(f, "the private key is {name}, which is not supported"),
            KeyError::UnnamedCurve => f.write_str("the private key does not name its curve"),
            KeyError::NoPublicKey => {
                f.write_str("the ECDSA private key lacks its public key; `openssl ec` adds it")
            }
            KeyError::PublicKey(error) => error.fmt(f),
            KeyError::RsaSize(bits) => {
                write!(f, "the RSA private key has {bits} bits; at most 4096 can sign")
            }
            KeyError::Inconsistent(reason) => write!(f, "the private key is not valid: {reason}"),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<PublicKeyError> for KeyError {
    fn from(error: PublicKeyError) -> KeyError {
        KeyError::PublicKey(error)
    }
}
