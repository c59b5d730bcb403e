//! A valid pair of encryption and integrity, with its keys for one direction.

use crate::encryption::Encryption;
use crate::integrity::Integrity;
use crate::secret::Secret;

/// Octets of the authentication tag of every AEAD offered here (RFC 5282 3.2, RFC 7634 2).
pub(crate) const AEAD_ICV_LEN: usize = 16;

/// How packets of an SA are protected: an AEAD alone, or CBC with an integrity algorithm.
///
/// Other pairs cannot be built: no integrity transform goes with an AEAD (RFC 5282 8), and CBC without one would
/// protect nothing against change.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protection {
    encryption: Encryption,
    integrity: Option<Integrity>,
}

impl Protection {
    /// Protection by an AEAD; `None` if `encryption` is not one.
    pub const fn aead(encryption: Encryption) -> Option<Protection> {
        if encryption.is_aead() { Some(Protection { encryption, integrity: None }) } else { None }
    }

    /// Encryption in CBC mode, then a MAC; `None` if `encryption` is an AEAD.
    pub const fn cbc(encryption: Encryption, integrity: Integrity) -> Option<Protection> {
        if encryption.is_aead() { None } else { Some(Protection { encryption, integrity: Some(integrity) }) }
    }

    /// The encryption algorithm.
    pub const fn encryption(self) -> Encryption {
        self.encryption
    }

    /// The integrity algorithm; `None` with an AEAD.
    pub const fn integrity(self) -> Option<Integrity> {
        self.integrity
    }

    /// Octets of keying material for encryption in one direction: the key and the salt. The length of SK_ei.
    pub const fn encryption_key_len(self) -> usize {
        self.encryption.key_len().saturating_add(self.encryption.salt_len())
    }

    /// Octets of keying material for integrity in one direction; 0 with an AEAD. The length of SK_ai.
    pub const fn integrity_key_len(self) -> usize {
        match self.integrity {
            Some(integrity) => integrity.key_len(),
            None => 0,
        }
    }

    /// Octets of the integrity check value that ends a packet.
    pub const fn icv_len(self) -> usize {
        match self.integrity {
            Some(integrity) => integrity.icv_len(),
            None => AEAD_ICV_LEN,
        }
    }
}

/// The keys of one direction of an SA.
#[derive(Debug, PartialEq, Eq)]
pub struct PacketKeys {
    /// The encryption key; for an AEAD followed by the salt, as the kernel wants it too.
    pub encryption: Secret,
    /// The integrity key; empty for an AEAD.
    pub integrity: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aead_takes_no_integrity_and_cbc_needs_one() {
        for aead in [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305] {
            assert!(Protection::aead(aead).is_some());
            assert_eq!(Protection::cbc(aead, Integrity::HmacSha2_256_128), None);
        }
        for cbc in [Encryption::AesCbc128, Encryption::AesCbc256] {
            assert_eq!(Protection::aead(cbc), None);
            assert!(Protection::cbc(cbc, Integrity::HmacSha2_256_128).is_some());
        }
    }

    #[test]
    fn key_lengths_are_those_of_the_rfcs() {
        let gcm = Protection::aead(Encryption::AesGcm16_128).unwrap();
        assert_eq!((gcm.encryption_key_len(), gcm.integrity_key_len(), gcm.icv_len()), (20, 0, 16));
        let chacha = Protection::aead(Encryption::ChaCha20Poly1305).unwrap();
        assert_eq!((chacha.encryption_key_len(), chacha.integrity_key_len(), chacha.icv_len()), (36, 0, 16));
        let cbc = Protection::cbc(Encryption::AesCbc256, Integrity::HmacSha2_512_256).unwrap();
        assert_eq!((cbc.encryption_key_len(), cbc.integrity_key_len(), cbc.icv_len()), (32, 64, 32));
    }
}
