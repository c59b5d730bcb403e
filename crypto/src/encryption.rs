//! Encryption algorithms, with the lengths that IKE and ESP need to know of them.

/// An encryption algorithm with its key length.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encryption {
    /// ENCR_AES_GCM_16 with a 128-bit key (RFC 4106, RFC 5282).
    AesGcm16_128,
    /// ENCR_AES_GCM_16 with a 256-bit key.
    AesGcm16_256,
    /// ENCR_CHACHA20_POLY1305 (RFC 7634).
    ChaCha20Poly1305,
    /// ENCR_AES_CBC with a 128-bit key (RFC 3602).
    AesCbc128,
    /// ENCR_AES_CBC with a 256-bit key.
    AesCbc256,
}

/// Octets of salt that RFC 4106 8.1 and RFC 7634 2 take from the keying material, after the key.
const AEAD_SALT_LEN: usize = 4;

/// Octets of the explicit IV of an AEAD on the wire (RFC 5282 3.1, RFC 7634 2).
const AEAD_IV_LEN: usize = 8;

/// The block of AES, hence also the IV of CBC, in octets.
pub(crate) const AES_BLOCK_LEN: usize = 16;

impl Encryption {
    /// Key length in octets, without the salt: 16 or 32.
    pub const fn key_len(self) -> usize {
        match self {
            Encryption::AesGcm16_128 | Encryption::AesCbc128 => 16,
            Encryption::AesGcm16_256 | Encryption::ChaCha20Poly1305 | Encryption::AesCbc256 => 32,
        }
    }

    /// Octets of salt that follow the key in the keying material: 4 for an AEAD, else 0.
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { AEAD_SALT_LEN } else { 0 }
    }

    /// Length of the IV that starts an encrypted packet, in octets: 8 for an AEAD, 16 for CBC.
    pub const fn iv_len(self) -> usize {
        if self.is_aead() { AEAD_IV_LEN } else { AES_BLOCK_LEN }
    }

    /// The plaintext must be a multiple of this many octets: 1 for an AEAD, 16 for CBC.
    pub const fn block_len(self) -> usize {
        if self.is_aead() { 1 } else { AES_BLOCK_LEN }
    }

    /// Whether the algorithm protects integrity too (RFC 5282), so that no [`crate::Integrity`] goes with it.
    pub const fn is_aead(self) -> bool {
        match self {
            Encryption::AesGcm16_128 | Encryption::AesGcm16_256 | Encryption::ChaCha20Poly1305 => true,
            Encryption::AesCbc128 | Encryption::AesCbc256 => false,
        }
    }
}
