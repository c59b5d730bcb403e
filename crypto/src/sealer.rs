//! Protection of the packets of one direction: the SK payload of RFC 7296 3.14, with an AEAD as in RFC 5282.

use std::fmt;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};

use crate::cbc_hmac::CbcHmac;
use crate::encryption::Encryption;
use crate::protection::{PacketKeys, Protection};

/// Seals and opens packets under the keys of one direction.
///
/// ```text
///  aad_len        iv_len      multiple of block_len     icv_len
/// +--------------+-----------+-------------------------+-------+
/// | associated   | IV        | ciphertext              | ICV   |
/// | data, clear  |           | (body, padding, length) |       |
/// +--------------+-----------+-------------------------+-------+
/// ```
///
/// With an AEAD the associated data is authenticated and the nonce is `salt | IV` (RFC 5282 4, 5.1). With CBC the
/// HMAC covers all that stands before it, IV included (RFC 7296 3.14).
pub struct Sealer {
    protection: Protection,
    pub(crate) keys: Keys,
}

pub(crate) enum Keys {
    Aead { key: Box<LessSafeKey>, salt: [u8; SALT_LEN] },
    Cbc(Box<CbcHmac>),
}

/// Octets of salt in an AEAD's nonce, before the IV.
pub(crate) const SALT_LEN: usize = 4;

impl Sealer {
    /// A sealer for one direction. The keys are copied; wipe yours by dropping them.
    ///
    /// # Errors
    /// [`WrongKeyLength`] unless both keys have exactly the lengths that `protection` states.
    pub fn new(protection: Protection, keys: &PacketKeys) -> Result<Sealer, WrongKeyLength> {
        if keys.encryption.len() != protection.encryption_key_len()
            || keys.integrity.len() != protection.integrity_key_len()
        {
            return Err(WrongKeyLength);
        }
        let algorithm = match protection.encryption() {
            Encryption::AesGcm16_128 => &AES_128_GCM,
            Encryption::AesGcm16_256 => &AES_256_GCM,
            Encryption::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Encryption::AesCbc128 | Encryption::AesCbc256 => {
                let keys = Keys::Cbc(Box::new(CbcHmac::new(protection, keys)?));
                return Ok(Sealer { protection, keys });
            }
        };
        let (key, salt) = keys.encryption.expose().split_last_chunk().ok_or(WrongKeyLength)?;
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| WrongKeyLength)?);
        Ok(Sealer { protection, keys: Keys::Aead { key: Box::new(key), salt: *salt } })
    }

    /// Octets of the IV that the caller puts between associated data and plaintext.
    pub fn iv_len(&self) -> usize {
        self.protection.encryption().iv_len()
    }

    /// Octets that [`Sealer::seal`] appends.
    pub fn icv_len(&self) -> usize {
        self.protection.icv_len()
    }

    /// The plaintext, with padding and pad length, must be a multiple of this many octets.
    pub fn block_len(&self) -> usize {
        self.protection.encryption().block_len()
    }

    /// Encrypts the packet in place and appends the integrity check value.
    ///
    /// On entry `packet` is `associated data | IV | plaintext`, the plaintext padded by the caller, its pad length
    /// octet included. The caller chooses the IV: **never the same twice under one key** for an AEAD (a counter
    /// is right), unpredictable for CBC (RFC 7296 3.14).
    ///
    /// # Errors
    /// [`SealError`]; the packet is then unchanged, or, with [`SealError::Failed`], of undefined content. It must
    /// not be sent.
    pub fn seal(&self, packet: &mut Vec<u8>, aad_len: usize) -> Result<(), SealError> {
        let (aad, rest) = packet.split_at_mut_checked(aad_len).ok_or(SealError::TooShort)?;
        let (iv, plaintext) = rest.split_at_mut_checked(self.iv_len()).ok_or(SealError::TooShort)?;
        if plaintext.is_empty() {
            return Err(SealError::TooShort);
        }
        match &self.keys {
            Keys::Aead { key, salt } => {
                let nonce = nonce(salt, iv).ok_or(SealError::Failed)?;
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*aad), plaintext)
                    .map_err(|_| SealError::Failed)?;
                packet.extend_from_slice(tag.as_ref());
            }
            Keys::Cbc(cbc) => {
                cbc.encrypt(iv, plaintext).ok_or(SealError::NotBlockAligned)?;
                let icv = cbc.icv(packet);
                packet.extend_from_slice(cbc.truncate(&icv));
            }
        }
        Ok(())
    }

    /// Verifies the packet, then decrypts it in place, and returns the plaintext with its padding.
    ///
    /// On entry `packet` is `associated data | IV | ciphertext | ICV`. Nothing is decrypted under CBC before the
    /// HMAC has been compared, in constant time. A plaintext has at least one octet: the pad length.
    ///
    /// # Errors
    /// [`OpenError`]; the packet's content is then undefined and must not be used.
    pub fn open<'a>(&self, packet: &'a mut [u8], aad_len: usize) -> Result<&'a mut [u8], OpenError> {
        let icv_start = packet.len().checked_sub(self.icv_len()).ok_or(OpenError::TooShort)?;
        let body_start = aad_len.checked_add(self.iv_len()).ok_or(OpenError::TooShort)?;
        let ciphertext_len = icv_start.checked_sub(body_start).ok_or(OpenError::TooShort)?;
        if ciphertext_len == 0 {
            return Err(OpenError::TooShort);
        }
        if !ciphertext_len.is_multiple_of(self.block_len()) {
            return Err(OpenError::NotBlockAligned);
        }
        match &self.keys {
            Keys::Aead { key, salt } => {
                let (aad, rest) = packet.split_at_mut_checked(aad_len).ok_or(OpenError::TooShort)?;
                let (iv, sealed) = rest.split_at_mut_checked(self.iv_len()).ok_or(OpenError::TooShort)?;
                let nonce = nonce(salt, iv).ok_or(OpenError::TooShort)?;
                key.open_in_place(nonce, Aad::from(&*aad), sealed).map_err(|_| OpenError::NotAuthentic)
            }
            Keys::Cbc(cbc) => {
                let (covered, icv) = packet.split_at_mut_checked(icv_start).ok_or(OpenError::TooShort)?;
                if !cbc.verify(covered, icv) {
                    return Err(OpenError::NotAuthentic);
                }
                let (_, rest) = covered.split_at_mut_checked(aad_len).ok_or(OpenError::TooShort)?;
                let (iv, ciphertext) = rest.split_at_mut_checked(self.iv_len()).ok_or(OpenError::TooShort)?;
                cbc.decrypt(iv, ciphertext).ok_or(OpenError::NotBlockAligned)
            }
        }
    }
}

/// `salt | IV`, 12 octets (RFC 5282 4).
pub(crate) fn nonce(salt: &[u8; SALT_LEN], iv: &[u8]) -> Option<Nonce> {
    let mut nonce = [0; NONCE_LEN];
    let (first, last) = nonce.split_first_chunk_mut::<SALT_LEN>()?;
    *first = *salt;
    if last.len() != iv.len() {
        return None;
    }
    last.copy_from_slice(iv);
    Some(Nonce::assume_unique_for_key(nonce))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("protection", &self.protection).finish_non_exhaustive()
    }
}

/// A key does not have the length that the [`Protection`] states.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct WrongKeyLength;

/// Why a packet could not be sealed: a mistake of the caller, never of the peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SealError {
    /// No room for associated data, IV and one octet of plaintext.
    TooShort,
    /// The plaintext is not a multiple of [`Sealer::block_len`].
    NotBlockAligned,
    /// The cipher refused, for instance a packet beyond its limit.
    Failed,
}

/// Why a packet was not opened. The peer must not learn which.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No room for associated data, IV, one octet of ciphertext and ICV.
    TooShort,
    /// The ciphertext is not a multiple of [`Sealer::block_len`].
    NotBlockAligned,
    /// The integrity check value is not that of this packet under this key.
    NotAuthentic,
}

impl fmt::Display for WrongKeyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key does not have the algorithm's length")
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SealError::TooShort => "packet too short to seal",
            SealError::NotBlockAligned => "plaintext is not a multiple of the cipher's block",
            SealError::Failed => "the cipher refused the packet",
        })
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenError::TooShort => "packet too short to open",
            OpenError::NotBlockAligned => "ciphertext is not a multiple of the cipher's block",
            OpenError::NotAuthentic => "integrity check failed",
        })
    }
}

impl std::error::Error for WrongKeyLength {}
impl std::error::Error for SealError {}
impl std::error::Error for OpenError {}
