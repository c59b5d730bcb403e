//! The algorithms that we have, by their IANA numbers (RFC 7296 section 3.3.2, RFC 8247, RFC 8221).

use crypto::{Encryption, Integrity, KeGroup, Prf};

use crate::wire::{TransformId, encr, integ, ke, prf};

/// An encryption algorithm's transform ID and Key Length attribute in bits.
///
/// RFC 7296 section 3.3.5: the attribute "MUST NOT be used with transforms that use a fixed-length key".
pub(crate) fn encryption_number(encryption: Encryption) -> (TransformId, Option<u16>) {
    match encryption {
        Encryption::AesGcm16_128 => (encr::AES_GCM_16, Some(128)),
        Encryption::AesGcm16_256 => (encr::AES_GCM_16, Some(256)),
        Encryption::ChaCha20Poly1305 => (encr::CHACHA20_POLY1305, None),
        Encryption::AesCbc128 => (encr::AES_CBC, Some(128)),
        Encryption::AesCbc256 => (encr::AES_CBC, Some(256)),
    }
}

/// A pseudorandom function's transform ID.
pub(crate) fn prf_number(function: Prf) -> TransformId {
    match function {
        Prf::HmacSha2_256 => prf::HMAC_SHA2_256,
        Prf::HmacSha2_384 => prf::HMAC_SHA2_384,
        Prf::HmacSha2_512 => prf::HMAC_SHA2_512,
    }
}

/// An integrity algorithm's transform ID.
pub(crate) fn integrity_number(integrity: Integrity) -> TransformId {
    match integrity {
        Integrity::HmacSha2_256_128 => integ::HMAC_SHA2_256_128,
        Integrity::HmacSha2_384_192 => integ::HMAC_SHA2_384_192,
        Integrity::HmacSha2_512_256 => integ::HMAC_SHA2_512_256,
    }
}

/// Every group that we have, the cheapest first.
pub(crate) const GROUPS: [KeGroup; 6] =
    [KeGroup::X25519, KeGroup::P256, KeGroup::P384, KeGroup::Modp2048, KeGroup::Modp3072, KeGroup::Modp4096];

/// A key exchange group's transform ID.
pub(crate) fn group_number(group: KeGroup) -> TransformId {
    match group {
        KeGroup::X25519 => ke::X25519,
        KeGroup::P256 => ke::ECP_256,
        KeGroup::P384 => ke::ECP_384,
        KeGroup::Modp2048 => ke::MODP_2048,
        KeGroup::Modp3072 => ke::MODP_3072,
        KeGroup::Modp4096 => ke::MODP_4096,
    }
}
