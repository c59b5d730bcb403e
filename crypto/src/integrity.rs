//! Integrity algorithms: HMAC-SHA2 with a truncated output (RFC 4868).

use ring::hmac;

/// An integrity algorithm, for use with a cipher that is not an AEAD.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Integrity {
    /// AUTH_HMAC_SHA2_256_128.
    HmacSha2_256_128,
    /// AUTH_HMAC_SHA2_384_192.
    HmacSha2_384_192,
    /// AUTH_HMAC_SHA2_512_256.
    HmacSha2_512_256,
}

impl Integrity {
    /// Key length in octets: the hash's output, 32, 48 or 64 (RFC 4868 2.1.1).
    pub const fn key_len(self) -> usize {
        match self {
            Integrity::HmacSha2_256_128 => 32,
            Integrity::HmacSha2_384_192 => 48,
            Integrity::HmacSha2_512_256 => 64,
        }
    }

    /// Length of the integrity check value in octets: half of the hash's output, 16, 24 or 32.
    pub const fn icv_len(self) -> usize {
        match self {
            Integrity::HmacSha2_256_128 => 16,
            Integrity::HmacSha2_384_192 => 24,
            Integrity::HmacSha2_512_256 => 32,
        }
    }

    pub(crate) fn algorithm(self) -> hmac::Algorithm {
        match self {
            Integrity::HmacSha2_256_128 => hmac::HMAC_SHA256,
            Integrity::HmacSha2_384_192 => hmac::HMAC_SHA384,
            Integrity::HmacSha2_512_256 => hmac::HMAC_SHA512,
        }
    }
}
