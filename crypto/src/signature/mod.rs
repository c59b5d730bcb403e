//! Signatures of the AUTH payload (RFC 7296 2.15, RFC 7427, RFC 8420, RFC 4754) with raw keys or certificates.
//!
//! ```text
//! SigningKey ── choose ──▶ AuthScheme ── sign_auth ──▶ method, Authentication Data
//! PublicKey  ◀─ SubjectPublicKeyInfo (RFC 7670), or certificate
//! PublicKey  ── verify_auth(method, data) ──▶ AuthScheme, or SignatureError
//! ```

mod auth;
mod hashes;
mod key_file;
mod oid;
mod public_key;
mod scheme;
mod signing_key;

pub use auth::{AuthScheme, DigitalSignature};
pub use hashes::{HashAlgorithm, HashAlgorithms};
pub use key_file::KeyError;
pub use public_key::{KeyType, PublicKey, PublicKeyError};
pub use scheme::{AlgorithmError, Scheme};
pub use signing_key::SigningKey;

use std::fmt;

/// Why a signature was not made, or not believed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The method is not one of signatures, or not one that this crate knows (RFC 7296 3.8).
    UnknownMethod(u8),
    /// Both ends sent SIGNATURE_HASH_ALGORITHMS, so that method 14 must be used (RFC 7427 3), or one end did not,
    /// so that it must not.
    MethodNotAllowed(u8),
    /// The AlgorithmIdentifier of method 14.
    Algorithm(AlgorithmError),
    /// The hash is not one that the verifier announced.
    HashNotAnnounced(Scheme),
    /// The algorithm does not go with a key of this type.
    WrongKey {
        /// The key at hand.
        key: KeyType,
        /// What the signature says it was made with.
        scheme: AuthScheme,
    },
    /// The signature is not of this key over these octets.
    NotAuthentic,
    /// The provider failed to sign; the peer is not at fault.
    Failed,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::UnknownMethod(method) => write!(f, "unknown authentication method {method}"),
            SignatureError::MethodNotAllowed(method) => {
                write!(f, "authentication method {method} does not agree with SIGNATURE_HASH_ALGORITHMS")
            }
            SignatureError::Algorithm(error) => error.fmt(f),
            SignatureError::HashNotAnnounced(scheme) => {
                write!(f, "the hash of {scheme} was not in our SIGNATURE_HASH_ALGORITHMS")
            }
            SignatureError::WrongKey { key, scheme } => {
                write!(f, "a signature by {scheme}, but the key is {key}")
            }
            SignatureError::NotAuthentic => f.write_str("the signature is not valid"),
            SignatureError::Failed => f.write_str("signing failed"),
        }
    }
}

impl std::error::Error for SignatureError {}
