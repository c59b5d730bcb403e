//! Private keys for signatures.

use std::fmt;

use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::secret::Secret;
use crate::signature::key_file::{self, KeyParts};
use crate::signature::{HashAlgorithms, KeyError, KeyType, PublicKey, Scheme};
use crate::{der, pem};

/// What PKCS #8 has before the 32 octets of an Ed25519 seed (RFC 8410 7).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const ED25519_SEED_LEN: usize = 32;
/// Bits of the largest RSA key that the provider signs with.
const RSA_MAX_SIGNING_BITS: usize = 4096;

/// A private key with its public half.
///
/// Not `Clone`, and silent in `Debug`. What this crate holds of the key while it reads it is wiped; the copy inside
/// the provider lives until this value is dropped and is not wiped then (see the crate's documentation).
pub struct SigningKey {
    public: PublicKey,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    /// Signs in the form `r | s` of RFC 4754.
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<rsa::KeyPair>),
}

impl SigningKey {
    /// The one private key in `text`: PKCS #8, SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`KeyError`]: what is wrong, and which type the key has if it is one that we lack.
    pub fn from_pem(text: &str) -> Result<SigningKey, KeyError> {
        SigningKey::from_der(&key_file::private_key_der(text)?)
    }

    /// A private key in DER, in any of the three forms. Its halves are checked against each other.
    ///
    /// # Errors
    /// As [`SigningKey::from_pem`].
    pub fn from_der(der: &[u8]) -> Result<SigningKey, KeyError> {
        match key_file::take_apart(der)? {
            KeyParts::Ed25519(seed) => ed25519(seed),
            KeyParts::EcdsaP256 { private, public } => {
                ecdsa(KeyType::EcdsaP256, &ECDSA_P256_SHA256_FIXED_SIGNING, private, public)
            }
            KeyParts::EcdsaP384 { private, public } => {
                ecdsa(KeyType::EcdsaP384, &ECDSA_P384_SHA384_FIXED_SIGNING, private, public)
            }
            KeyParts::Rsa(key) => rsa(key),
        }
    }

    /// A new Ed25519 key, and its PKCS #8 in PEM to be written to a file: octets of ASCII.
    ///
    /// # Errors
    /// [`KeyError::Inconsistent`] if the provider refuses the seed, which it has no reason for.
    pub fn generate_ed25519(entropy: &mut dyn Entropy) -> Result<(SigningKey, Secret), KeyError> {
        let mut seed = Zeroizing::new([0; ED25519_SEED_LEN]);
        entropy.secret(seed.as_mut_slice());
        let pkcs8 = Zeroizing::new([ED25519_PKCS8.as_slice(), seed.as_slice()].concat());
        let mut text = pem::encode("PRIVATE KEY", &pkcs8);
        Ok((ed25519(seed.as_slice())?, Secret::new(std::mem::take(&mut *text))))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// What this key signs with, the preferred one first. RSASSA-PSS with SHA-256 is RFC 8247 3.2's MUST.
    pub fn schemes(&self) -> &'static [Scheme] {
        match self.public.key_type() {
            KeyType::Ed25519 => &[Scheme::Ed25519],
            KeyType::EcdsaP256 => &[Scheme::EcdsaSha256],
            KeyType::EcdsaP384 => &[Scheme::EcdsaSha384],
            KeyType::Rsa(_) => &[
                Scheme::RsaPssSha256,
                Scheme::RsaPssSha512,
                Scheme::RsaPssSha384,
                Scheme::RsaPkcs1Sha256,
                Scheme::RsaPkcs1Sha512,
                Scheme::RsaPkcs1Sha384,
            ],
        }
    }

    /// The preferred scheme among those whose hash `peer` announced: "a peer MUST pick one algorithm sent by the
    /// other peer" (RFC 7427 4).
    pub fn scheme_for(&self, peer: HashAlgorithms) -> Option<Scheme> {
        self.schemes().iter().copied().find(|scheme| peer.contains(scheme.hash()))
    }

    /// Signs `message`; ECDSA gives the DER of Ecdsa-Sig-Value.
    ///
    /// `None` if `scheme` is not one of [`SigningKey::schemes`], or if the provider fails.
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Option<Vec<u8>> {
        if !self.schemes().contains(&scheme) {
            return None;
        }
        match &self.pair {
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::Ecdsa(_) => self.sign_ecdsa_fixed(message).map(|fixed| ecdsa_sig_value(&fixed)),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let encoding = rsa_encoding(scheme)?;
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }

    /// Signs `message` with ECDSA, in the form `r | s` of RFC 4754. `None` for other keys.
    pub(super) fn sign_ecdsa_fixed(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa(pair) => Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(_) | Pair::Rsa(_) => None,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_type", &self.public.key_type()).finish_non_exhaustive()
    }
}

fn ed25519(seed: &[u8]) -> Result<SigningKey, KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| inconsistent(&error))?;
    let public = PublicKey::from_parts(KeyType::Ed25519, pair.public_key().as_ref())?;
    Ok(SigningKey { public, pair: Pair::Ed25519(pair) })
}

/// SEC 1 lets writers drop leading zeros of the scalar; RFC 5915 3 does not, and OpenSSL keeps them.
fn ecdsa(
    key_type: KeyType,
    algorithm: &'static EcdsaSigningAlgorithm,
    private: &[u8],
    point: &[u8],
) -> Result<SigningKey, KeyError> {
    let public = PublicKey::from_parts(key_type, point)?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, point, &SystemRandom::new())
        .map_err(|error| inconsistent(&error))?;
    Ok(SigningKey { public, pair: Pair::Ecdsa(pair) })
}

fn rsa(pkcs1: &[u8]) -> Result<SigningKey, KeyError> {
    let public = PublicKey::from_parts(KeyType::Rsa(0), &rsa_public(pkcs1).ok_or(KeyError::Malformed)?)?;
    if let KeyType::Rsa(bits) = public.key_type()
        && bits > RSA_MAX_SIGNING_BITS
    {
        return Err(KeyError::RsaSize(bits));
    }
    let pair = rsa::KeyPair::from_der(pkcs1).map_err(|error| inconsistent(&error))?;
    Ok(SigningKey { public, pair: Pair::Rsa(Box::new(pair)) })
}

/// RSAPublicKey out of RSAPrivateKey: the first two numbers after the version.
fn rsa_public(pkcs1: &[u8]) -> Option<Vec<u8>> {
    let mut numbers = der::only(pkcs1, der::SEQUENCE)?;
    numbers.unsigned()?;
    let (modulus, exponent) = (numbers.unsigned()?, numbers.unsigned()?);
    Some(der::wrap(der::SEQUENCE, &[&der::unsigned(modulus), &der::unsigned(exponent)]))
}

fn inconsistent(error: &ring::error::KeyRejected) -> KeyError {
    KeyError::Inconsistent(error.to_string())
}

fn rsa_encoding(scheme: Scheme) -> Option<&'static dyn RsaEncoding> {
    match scheme {
        Scheme::RsaPssSha256 => Some(&RSA_PSS_SHA256),
        Scheme::RsaPssSha384 => Some(&RSA_PSS_SHA384),
        Scheme::RsaPssSha512 => Some(&RSA_PSS_SHA512),
        Scheme::RsaPkcs1Sha256 => Some(&RSA_PKCS1_SHA256),
        Scheme::RsaPkcs1Sha384 => Some(&RSA_PKCS1_SHA384),
        Scheme::RsaPkcs1Sha512 => Some(&RSA_PKCS1_SHA512),
        Scheme::Ed25519 | Scheme::EcdsaSha256 | Scheme::EcdsaSha384 => None,
    }
}

/// `Ecdsa-Sig-Value ::= SEQUENCE { r, s }` (RFC 3279 2.2.3) of `r | s`.
fn ecdsa_sig_value(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    der::wrap(der::SEQUENCE, &[&der::unsigned(r), &der::unsigned(s)])
}
