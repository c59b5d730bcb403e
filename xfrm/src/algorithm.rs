//! The algorithms of ESP under the kernel's names, with their key lengths.
//!
//! | name here | kernel name | key octets | ICV bits | RFC |
//! |---|---|---|---|---|
//! | `Aead::AesGcm16` | `rfc4106(gcm(aes))` | 16, 24 or 32, and 4 of salt | 128 | 4106 |
//! | `Aead::ChaCha20Poly1305` | `rfc7539esp(chacha20,poly1305)` | 32, and 4 of salt | 128 | 7634 |
//! | `Cipher::AesCbc` | `cbc(aes)` | 16, 24 or 32 | | 3602 |
//! | `Integrity::HmacSha256_128` | `hmac(sha256)` | 32 | 128 | 4868 |
//! | `Integrity::HmacSha384_192` | `hmac(sha384)` | 48 | 192 | 4868 |
//! | `Integrity::HmacSha512_256` | `hmac(sha512)` | 64 | 256 | 4868 |

use std::fmt;

use crate::Secret;

/// Salt octets that follow the key of an AEAD (RFC 4106 section 8.1, RFC 7634 section 2).
const SALT: usize = 4;
/// AES key lengths in octets.
const AES_KEYS: &[usize] = &[16, 24, 32];

/// An algorithm that encrypts and authenticates in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aead {
    /// AES-GCM with a 16-octet ICV.
    AesGcm16,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// An algorithm that only encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES in CBC mode.
    AesCbc,
}

/// An algorithm that only authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// HMAC-SHA2-256 truncated to 128 bits.
    HmacSha256_128,
    /// HMAC-SHA2-384 truncated to 192 bits.
    HmacSha384_192,
    /// HMAC-SHA2-512 truncated to 256 bits.
    HmacSha512_256,
}

impl Aead {
    const ALL: [Self; 2] = [Self::AesGcm16, Self::ChaCha20Poly1305];

    pub(crate) fn kernel_name(self) -> &'static str {
        match self {
            Self::AesGcm16 => "rfc4106(gcm(aes))",
            Self::ChaCha20Poly1305 => "rfc7539esp(chacha20,poly1305)",
        }
    }

    pub(crate) fn icv_bits(self) -> u32 {
        match self {
            Self::AesGcm16 | Self::ChaCha20Poly1305 => 128,
        }
    }

    /// Allowed key lengths in octets, the salt not counted.
    fn key_lengths(self) -> &'static [usize] {
        match self {
            Self::AesGcm16 => AES_KEYS,
            Self::ChaCha20Poly1305 => &[32],
        }
    }

    pub(crate) fn from_kernel(name: &str, icv_bits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.kernel_name() == name && a.icv_bits() == icv_bits)
    }
}

impl Cipher {
    pub(crate) fn kernel_name(self) -> &'static str {
        match self {
            Self::AesCbc => "cbc(aes)",
        }
    }

    fn key_lengths(self) -> &'static [usize] {
        match self {
            Self::AesCbc => AES_KEYS,
        }
    }

    pub(crate) fn from_kernel(name: &str) -> Option<Self> {
        [Self::AesCbc].into_iter().find(|a| a.kernel_name() == name)
    }
}

impl Integrity {
    const ALL: [Self; 3] = [Self::HmacSha256_128, Self::HmacSha384_192, Self::HmacSha512_256];

    pub(crate) fn kernel_name(self) -> &'static str {
        match self {
            Self::HmacSha256_128 => "hmac(sha256)",
            Self::HmacSha384_192 => "hmac(sha384)",
            Self::HmacSha512_256 => "hmac(sha512)",
        }
    }

    pub(crate) fn icv_bits(self) -> u32 {
        match self {
            Self::HmacSha256_128 => 128,
            Self::HmacSha384_192 => 192,
            Self::HmacSha512_256 => 256,
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::HmacSha256_128 => 32,
            Self::HmacSha384_192 => 48,
            Self::HmacSha512_256 => 64,
        }
    }

    pub(crate) fn from_kernel(name: &str, icv_bits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.kernel_name() == name && a.icv_bits() == icv_bits)
    }
}

/// A key that does not fit its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLength {
    /// The algorithm's name in the kernel.
    pub algorithm: &'static str,
    /// Octets given (salt included).
    pub octets: usize,
}

impl fmt::Display for KeyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets are no key for {}", self.octets, self.algorithm)
    }
}

impl std::error::Error for KeyLength {}

/// How an SA protects its packets: algorithms with their keys, lengths already checked.
#[derive(Debug)]
pub struct Protection(Keyed);

#[derive(Debug)]
pub(crate) enum Keyed {
    Aead { aead: Aead, key: Secret },
    Separate { cipher: Cipher, key: Secret, integrity: Integrity, integrity_key: Secret },
}

impl Protection {
    /// An AEAD; `key` is the cipher key followed by the 4 octets of salt, as they lie in KEYMAT.
    ///
    /// # Errors
    /// When the length of `key` is not one of the algorithm's.
    pub fn aead(aead: Aead, key: Secret) -> Result<Self, KeyLength> {
        let fits = key.len().checked_sub(SALT).is_some_and(|n| aead.key_lengths().contains(&n));
        if !fits {
            return Err(KeyLength { algorithm: aead.kernel_name(), octets: key.len() });
        }
        Ok(Self(Keyed::Aead { aead, key }))
    }

    /// A cipher and a MAC (encrypt-then-MAC, as ESP does).
    ///
    /// # Errors
    /// When the length of a key is not one of its algorithm's.
    pub fn separate(
        cipher: Cipher,
        key: Secret,
        integrity: Integrity,
        integrity_key: Secret,
    ) -> Result<Self, KeyLength> {
        if !cipher.key_lengths().contains(&key.len()) {
            return Err(KeyLength { algorithm: cipher.kernel_name(), octets: key.len() });
        }
        if integrity_key.len() != integrity.key_length() {
            return Err(KeyLength { algorithm: integrity.kernel_name(), octets: integrity_key.len() });
        }
        Ok(Self(Keyed::Separate { cipher, key, integrity, integrity_key }))
    }

    /// The algorithms without the keys: what a dump returns for this SA.
    pub fn algorithms(&self) -> Algorithms {
        match &self.0 {
            Keyed::Aead { aead, key } => {
                Algorithms::Aead { aead: *aead, key_bits: bits(key.len().saturating_sub(SALT)) }
            }
            Keyed::Separate { cipher, key, integrity, .. } => {
                Algorithms::Separate { cipher: *cipher, key_bits: bits(key.len()), integrity: *integrity }
            }
        }
    }

    pub(crate) fn keyed(&self) -> &Keyed {
        &self.0
    }
}

/// Octets to bits; the lengths of keys are far below the limit.
fn bits(octets: usize) -> u32 {
    u32::try_from(octets.saturating_mul(8)).unwrap_or(u32::MAX)
}

/// Algorithms of an SA, without keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Algorithms {
    /// An AEAD; `key_bits` without the salt.
    Aead {
        /// The algorithm.
        aead: Aead,
        /// Length of the key in bits, salt not counted.
        key_bits: u32,
    },
    /// A cipher and a MAC.
    Separate {
        /// The cipher.
        cipher: Cipher,
        /// Length of the cipher's key in bits.
        key_bits: u32,
        /// The MAC.
        integrity: Integrity,
    },
    /// None: a *larval* SA, which the kernel keeps for the packet that caused an acquire.
    Larval,
    /// Others than this crate installs: the kernel's names, separated by `+`.
    Other(String),
}

impl Algorithms {
    /// The salt's length in bits, as the kernel counts it into an AEAD's key.
    pub(crate) const SALT_BITS: u32 = 32;

    /// The kernel modules without which an SA of these algorithms cannot be added.
    pub(crate) fn modules(&self) -> &'static str {
        match self {
            Self::Aead { aead: Aead::AesGcm16, .. } => "gcm, aes and seqiv (CONFIG_CRYPTO_GCM)",
            Self::Aead { aead: Aead::ChaCha20Poly1305, .. } => {
                "chacha20poly1305 and seqiv (CONFIG_CRYPTO_CHACHA20POLY1305)"
            }
            Self::Separate { integrity: Integrity::HmacSha256_128, .. } => {
                "authenc, echainiv, cbc, hmac and sha256"
            }
            Self::Separate { integrity: Integrity::HmacSha384_192 | Integrity::HmacSha512_256, .. } => {
                "authenc, echainiv, cbc, hmac and sha512"
            }
            Self::Larval | Self::Other(_) => "of the algorithm",
        }
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aead { aead, key_bits } => write!(f, "{} {key_bits}", aead.kernel_name()),
            Self::Separate { cipher, key_bits, integrity } => {
                write!(f, "{} {key_bits} + {}", cipher.kernel_name(), integrity.kernel_name())
            }
            Self::Larval => f.write_str("larval"),
            Self::Other(names) => f.write_str(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(octets: usize) -> Secret {
        Secret::copy_from(&vec![7; octets])
    }

    #[test]
    fn only_the_key_lengths_of_the_rfcs_are_accepted() {
        let gcm =
            (0..80).filter(|n| Protection::aead(Aead::AesGcm16, secret(*n)).is_ok()).collect::<Vec<_>>();
        assert_eq!(gcm, [20, 28, 36]);
        let chacha = (0..80)
            .filter(|n| Protection::aead(Aead::ChaCha20Poly1305, secret(*n)).is_ok())
            .collect::<Vec<_>>();
        assert_eq!(chacha, [36]);
        for (integrity, octets) in [
            (Integrity::HmacSha256_128, 32),
            (Integrity::HmacSha384_192, 48),
            (Integrity::HmacSha512_256, 64),
        ] {
            let fits =
                |n: &usize| Protection::separate(Cipher::AesCbc, secret(16), integrity, secret(*n)).is_ok();
            assert_eq!((0..80).filter(fits).collect::<Vec<_>>(), [octets]);
        }
    }

    #[test]
    fn debug_of_a_protection_holds_no_key() {
        let debug = format!("{:?}", Protection::aead(Aead::AesGcm16, Secret::copy_from(&[0x5a; 20])));
        assert!(!debug.contains("90") && !debug.to_lowercase().contains("5a"), "{debug}");
    }
}
