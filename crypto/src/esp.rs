//! ESP packets in place (RFC 4303), with a sequence number whose upper half may be left out of the packet.
//!
//! ```text
//! | SPI 4 | sequence number 4 | IV iv_len | plaintext or ciphertext | ICV icv_len |   high half 4, not sent
//! ```
//!
//! What is authenticated beside the ciphertext: an AEAD takes the SPI and the whole sequence number, high half
//! first (RFC 4106 section 5, RFC 7634 section 2.1); an HMAC takes the packet up to the ICV, then the high half
//! (RFC 4303 section 3.3.2.1).

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use ring::aead::Aad;
use ring::hmac;

use crate::protection::{PacketKeys, Protection};
use crate::sealer::{Keys, OpenError, SealError, Sealer, WrongKeyLength, nonce};

/// Octets of the SPI and of the sequence number, which start the packet.
const HEADER_LEN: usize = 8;
/// Octets of SPI and extended sequence number.
const EXTENDED_LEN: usize = 12;

impl Sealer {
    /// Encrypts an ESP packet in place and fills in its integrity check value. Allocates nothing.
    ///
    /// On entry `packet` is `SPI | sequence number | IV | plaintext | room for the ICV`, the plaintext with padding,
    /// pad length and next header. The IV is the caller's choice, as in [`Sealer::seal`]: see [`EspIv`].
    /// `high` is the half of an extended sequence number that is not sent, `None` for a 32-bit one.
    ///
    /// # Errors
    /// [`SealError`]; the packet's content is then undefined and must not be sent.
    pub fn seal_esp(&self, packet: &mut [u8], high: Option<u32>) -> Result<(), SealError> {
        let icv_start = packet.len().checked_sub(self.icv_len()).ok_or(SealError::TooShort)?;
        let (covered, icv) = packet.split_at_mut_checked(icv_start).ok_or(SealError::TooShort)?;
        let (header, iv, text) = self.parts(covered).ok_or(SealError::TooShort)?;
        match &self.keys {
            Keys::Aead { key, salt } => {
                let nonce = nonce(salt, iv).ok_or(SealError::Failed)?;
                let associated = Associated::new(header, high);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(associated.octets()), text)
                    .map_err(|_| SealError::Failed)?;
                icv.copy_from_slice(tag.as_ref());
            }
            Keys::Cbc(cbc) => {
                cbc.encrypt(iv, text).ok_or(SealError::NotBlockAligned)?;
                let computed = cbc.icv_with(covered, high);
                icv.copy_from_slice(cbc.truncate(&computed));
            }
        }
        Ok(())
    }

    /// Verifies an ESP packet, then decrypts it in place. Allocates nothing.
    ///
    /// `packet` is `SPI | sequence number | IV | ciphertext | ICV`; `high` as in [`Sealer::seal_esp`]. Afterwards the
    /// plaintext stands where the ciphertext was. Under CBC nothing is decrypted before the HMAC has been compared.
    ///
    /// # Errors
    /// [`OpenError`]; the packet's content is then undefined and must not be used.
    pub fn open_esp(&self, packet: &mut [u8], high: Option<u32>) -> Result<(), OpenError> {
        let icv_start = packet.len().checked_sub(self.icv_len()).ok_or(OpenError::TooShort)?;
        let (covered, icv) = packet.split_at_mut_checked(icv_start).ok_or(OpenError::TooShort)?;
        let (header, iv, text) = self.parts(covered).ok_or(OpenError::TooShort)?;
        if !text.len().is_multiple_of(self.block_len()) {
            return Err(OpenError::NotBlockAligned);
        }
        match &self.keys {
            Keys::Aead { key, salt } => {
                let nonce = nonce(salt, iv).ok_or(OpenError::TooShort)?;
                let associated = Associated::new(header, high);
                let tag = (&*icv).try_into().map_err(|_| OpenError::TooShort)?;
                key.open_in_place_separate_tag(nonce, Aad::from(associated.octets()), tag, text, 0..)
                    .map_err(|_| OpenError::NotAuthentic)?;
            }
            Keys::Cbc(cbc) => {
                if !cbc.verify_with(covered, high, icv) {
                    return Err(OpenError::NotAuthentic);
                }
                let (_, iv, text) = self.parts(covered).ok_or(OpenError::TooShort)?;
                cbc.decrypt(iv, text).ok_or(OpenError::NotBlockAligned)?;
            }
        }
        Ok(())
    }

    /// Header, IV and a text of at least one octet.
    fn parts<'a>(&self, covered: &'a mut [u8]) -> Option<(&'a [u8; HEADER_LEN], &'a [u8], &'a mut [u8])> {
        let (header, rest) = covered.split_first_chunk_mut()?;
        let (iv, text) = rest.split_at_mut_checked(self.iv_len())?;
        (!text.is_empty()).then_some((&*header, &*iv, text))
    }
}

/// The associated data of an AEAD: `SPI | sequence number`, or `SPI | high half | low half`.
struct Associated {
    octets: [u8; EXTENDED_LEN],
    len: usize,
}

impl Associated {
    fn new(header: &[u8; HEADER_LEN], high: Option<u32>) -> Associated {
        let [s0, s1, s2, s3, n0, n1, n2, n3] = *header;
        match high.map(u32::to_be_bytes) {
            None => Associated { octets: [s0, s1, s2, s3, n0, n1, n2, n3, 0, 0, 0, 0], len: HEADER_LEN },
            Some([h0, h1, h2, h3]) => {
                Associated { octets: [s0, s1, s2, s3, h0, h1, h2, h3, n0, n1, n2, n3], len: EXTENDED_LEN }
            }
        }
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// Makes the IVs of one outbound SA from a counter: never the same twice, and under CBC unpredictable too.
pub struct EspIv(Option<Aes128>);

/// What the integrity key signs to make the key of CBC's IVs. Shorter than any ESP packet, so no ICV on the wire
/// is a part of the same HMAC.
const IV_KEY_LABEL: &[u8] = b"IV key";

/// Octets of an AES-128 key.
const IV_KEY_LEN: usize = 16;

impl EspIv {
    /// The IVs for `keys`.
    ///
    /// An AEAD's IV is the counter (RFC 4106 section 3.1, RFC 7634 section 2). That of CBC must be unpredictable
    /// (RFC 3602 section 3): it is the counter, encrypted under a key that the integrity key gives and that serves
    /// nothing else.
    ///
    /// # Errors
    /// [`WrongKeyLength`], as from [`Sealer::new`].
    pub fn new(protection: Protection, keys: &PacketKeys) -> Result<EspIv, WrongKeyLength> {
        let Some(integrity) = protection.integrity() else { return Ok(EspIv(None)) };
        if keys.integrity.len() != integrity.key_len() {
            return Err(WrongKeyLength);
        }
        let hmac = hmac::Key::new(integrity.algorithm(), keys.integrity.expose());
        let tag = hmac::sign(&hmac, IV_KEY_LABEL);
        let key = tag.as_ref().get(..IV_KEY_LEN).ok_or(WrongKeyLength)?;
        Ok(EspIv(Some(Aes128::new_from_slice(key).map_err(|_| WrongKeyLength)?)))
    }

    /// Writes the IV for `counter` into `iv`, which has [`crate::Encryption::iv_len`] octets.
    ///
    /// Under one set of keys, never use a counter twice.
    pub fn write(&self, counter: u64, iv: &mut [u8]) {
        match &self.0 {
            None => fill(iv, &counter.to_be_bytes()),
            Some(aes) => {
                let mut block = Block::default();
                fill(&mut block, &counter.to_be_bytes());
                aes.encrypt_block(&mut block);
                fill(iv, &block);
            }
        }
    }
}

/// Copies into the beginning, in one store: the cipher reads it back at once.
fn fill(to: &mut [u8], from: &[u8]) {
    if let Some(beginning) = to.get_mut(..from.len()) {
        beginning.copy_from_slice(from);
    }
}

impl fmt::Debug for EspIv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EspIv").finish_non_exhaustive()
    }
}
