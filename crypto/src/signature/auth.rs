//! Signatures in the AUTH payload: methods 1, 9, 10 and 14 (RFC 7296 3.8, RFC 4754, RFC 7427 3).

use std::fmt;

use crate::signature::{
    AlgorithmError, HashAlgorithms, KeyType, PublicKey, Scheme, SignatureError, SigningKey,
};

const RSA_DIGITAL_SIGNATURE: u8 = 1;
const ECDSA_P256: u8 = 9;
const ECDSA_P384: u8 = 10;
const DIGITAL_SIGNATURE: u8 = 14;

/// What method 1 may be by RFC 7296 3.8, which binds it to no hash. SHA-1, its default there, is neither made nor
/// believed: RFC 8247 3.2 has it as MUST NOT for signatures that say so, and it is no better in one that does not.
/// A peer that knows nothing else has to use another method.
const METHOD_1: [Scheme; 3] = [Scheme::RsaPkcs1Sha256, Scheme::RsaPkcs1Sha384, Scheme::RsaPkcs1Sha512];

/// An authentication method by signature, with what it leaves open.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthScheme {
    /// Method 1, RSA Digital Signature: RSASSA-PKCS1-v1_5. We sign with SHA-256 and believe SHA-2 only.
    Rsa,
    /// Method 9: ECDSA with SHA-256 on P-256, raw `r | s` in 64 octets.
    EcdsaP256,
    /// Method 10: ECDSA with SHA-384 on P-384, raw `r | s` in 96 octets.
    EcdsaP384,
    /// Method 14, Digital Signature.
    Digital(Scheme),
}

impl AuthScheme {
    /// The Auth Method of RFC 7296 3.8.
    pub fn method(self) -> u8 {
        match self {
            AuthScheme::Rsa => RSA_DIGITAL_SIGNATURE,
            AuthScheme::EcdsaP256 => ECDSA_P256,
            AuthScheme::EcdsaP384 => ECDSA_P384,
            AuthScheme::Digital(_) => DIGITAL_SIGNATURE,
        }
    }
}

impl fmt::Display for AuthScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthScheme::Rsa => f.write_str("RSA (method 1)"),
            AuthScheme::EcdsaP256 => f.write_str("ECDSA P-256 (method 9)"),
            AuthScheme::EcdsaP384 => f.write_str("ECDSA P-384 (method 10)"),
            AuthScheme::Digital(scheme) => scheme.fmt(f),
        }
    }
}

/// The Authentication Data of method 14.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | ASN.1 Length  | AlgorithmIdentifier ASN.1 object              ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                        Signature Value                        ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DigitalSignature<'a> {
    /// What the AlgorithmIdentifier names.
    pub scheme: Scheme,
    /// The signature, unchecked.
    pub signature: &'a [u8],
}

impl<'a> DigitalSignature<'a> {
    /// Reads Authentication Data.
    ///
    /// # Errors
    /// [`AlgorithmError`].
    pub fn parse(data: &'a [u8]) -> Result<DigitalSignature<'a>, AlgorithmError> {
        let (len, rest) = data.split_first().ok_or(AlgorithmError::Truncated)?;
        let (algorithm, signature) =
            rest.split_at_checked(usize::from(*len)).ok_or(AlgorithmError::Truncated)?;
        if signature.is_empty() {
            return Err(AlgorithmError::Truncated);
        }
        Ok(DigitalSignature { scheme: Scheme::from_algorithm_identifier(algorithm)?, signature })
    }

    /// The Authentication Data.
    pub fn emit(&self) -> Vec<u8> {
        let algorithm = self.scheme.algorithm_identifier();
        // None is longer than 67 octets.
        let len = u8::try_from(algorithm.len()).unwrap_or(u8::MAX);
        [&[len], algorithm, self.signature].concat()
    }
}

impl SigningKey {
    /// How to sign for a peer that announced the hashes `peer`, or none at all, so that an old method is due.
    ///
    /// `peer` must be `None` too if we did not announce ours: method 14 needs both (RFC 7427 3). No answer means
    /// that this key cannot authenticate us to this peer.
    pub fn choose(&self, peer: Option<HashAlgorithms>) -> Option<AuthScheme> {
        match (peer, self.public_key().key_type()) {
            (Some(hashes), _) => self.scheme_for(hashes).map(AuthScheme::Digital),
            (None, KeyType::Rsa(_)) => Some(AuthScheme::Rsa),
            (None, KeyType::EcdsaP256) => Some(AuthScheme::EcdsaP256),
            (None, KeyType::EcdsaP384) => Some(AuthScheme::EcdsaP384),
            (None, KeyType::Ed25519) => None,
        }
    }

    /// The Authentication Data over `octets` (RFC 7296 2.15), to be sent with [`AuthScheme::method`].
    ///
    /// # Errors
    /// [`SignatureError::WrongKey`] or [`SignatureError::Failed`].
    pub fn sign_auth(&self, scheme: AuthScheme, octets: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let key = self.public_key().key_type();
        let raw_ecdsa = || self.sign_ecdsa_fixed(octets).ok_or(SignatureError::Failed);
        let sign = |with: Scheme| {
            if !self.schemes().contains(&with) {
                return Err(SignatureError::WrongKey { key, scheme });
            }
            self.sign(with, octets).ok_or(SignatureError::Failed)
        };
        match (scheme, key) {
            (AuthScheme::Digital(with), _) => {
                Ok(DigitalSignature { scheme: with, signature: &sign(with)? }.emit())
            }
            (AuthScheme::Rsa, _) => sign(Scheme::RsaPkcs1Sha256),
            (AuthScheme::EcdsaP256, KeyType::EcdsaP256) | (AuthScheme::EcdsaP384, KeyType::EcdsaP384) => {
                raw_ecdsa()
            }
            (AuthScheme::EcdsaP256 | AuthScheme::EcdsaP384, _) => {
                Err(SignatureError::WrongKey { key, scheme })
            }
        }
    }
}

impl PublicKey {
    /// Checks Authentication Data `data` of `method` over `octets`, and says how it was signed.
    ///
    /// `announced` is what we announced in SIGNATURE_HASH_ALGORITHMS if both ends did; then method 14 is due with
    /// one of those hashes, and no other method. It is `None` if either end did not; then method 14 is not allowed
    /// (RFC 7427 3).
    ///
    /// # Errors
    /// [`SignatureError`]; all of them are AUTHENTICATION_FAILED to the peer.
    pub fn verify_auth(
        &self,
        method: u8,
        data: &[u8],
        octets: &[u8],
        announced: Option<HashAlgorithms>,
    ) -> Result<AuthScheme, SignatureError> {
        let scheme = match (method, announced) {
            (DIGITAL_SIGNATURE, Some(hashes)) => return self.verify_digital(data, octets, hashes),
            (RSA_DIGITAL_SIGNATURE, None) => AuthScheme::Rsa,
            (ECDSA_P256, None) => AuthScheme::EcdsaP256,
            (ECDSA_P384, None) => AuthScheme::EcdsaP384,
            (RSA_DIGITAL_SIGNATURE | ECDSA_P256 | ECDSA_P384, Some(_)) | (DIGITAL_SIGNATURE, None) => {
                return Err(SignatureError::MethodNotAllowed(method));
            }
            (other, _) => return Err(SignatureError::UnknownMethod(other)),
        };
        let valid = match (scheme, self.key_type()) {
            (AuthScheme::Rsa, KeyType::Rsa(_)) => {
                METHOD_1.into_iter().any(|with| self.verify(with, octets, data))
            }
            (AuthScheme::EcdsaP256, KeyType::EcdsaP256) | (AuthScheme::EcdsaP384, KeyType::EcdsaP384) => {
                self.verify_ecdsa_fixed(octets, data)
            }
            (_, key) => return Err(SignatureError::WrongKey { key, scheme }),
        };
        if valid { Ok(scheme) } else { Err(SignatureError::NotAuthentic) }
    }

    fn verify_digital(
        &self,
        data: &[u8],
        octets: &[u8],
        announced: HashAlgorithms,
    ) -> Result<AuthScheme, SignatureError> {
        let DigitalSignature { scheme, signature } =
            DigitalSignature::parse(data).map_err(SignatureError::Algorithm)?;
        let key = self.key_type();
        if !self.supports(scheme) {
            return Err(SignatureError::WrongKey { key, scheme: AuthScheme::Digital(scheme) });
        }
        if !announced.contains(scheme.hash()) {
            return Err(SignatureError::HashNotAnnounced(scheme));
        }
        if self.verify(scheme, octets, signature) {
            Ok(AuthScheme::Digital(scheme))
        } else {
            Err(SignatureError::NotAuthentic)
        }
    }
}
