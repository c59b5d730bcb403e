//! AES-CBC, then HMAC over the ciphertext (RFC 3602, RFC 4868): the parts from which `Sealer` makes a packet.

use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes256, Block};
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::encryption::Encryption;
use crate::protection::{PacketKeys, Protection};
use crate::sealer::WrongKeyLength;

/// The keys of one direction under CBC with HMAC.
pub(crate) struct CbcHmac {
    cipher: Cipher,
    hmac: hmac::Key,
    icv_len: usize,
}

enum Cipher {
    Aes128(Aes128),
    Aes256(Aes256),
}

impl CbcHmac {
    pub(crate) fn new(protection: Protection, keys: &PacketKeys) -> Result<CbcHmac, WrongKeyLength> {
        let key = keys.encryption.expose();
        let cipher = match protection.encryption() {
            Encryption::AesCbc128 => Cipher::Aes128(Aes128::new_from_slice(key).map_err(|_| WrongKeyLength)?),
            Encryption::AesCbc256 => Cipher::Aes256(Aes256::new_from_slice(key).map_err(|_| WrongKeyLength)?),
            Encryption::AesGcm16_128 | Encryption::AesGcm16_256 | Encryption::ChaCha20Poly1305 => {
                return Err(WrongKeyLength);
            }
        };
        let integrity = protection.integrity().ok_or(WrongKeyLength)?;
        let hmac = hmac::Key::new(integrity.algorithm(), keys.integrity.expose());
        Ok(CbcHmac { cipher, hmac, icv_len: integrity.icv_len() })
    }

    /// Encrypts in place; `None`, and nothing changed, if `text` is not whole blocks or `iv` is not one.
    pub(crate) fn encrypt(&self, iv: &[u8], text: &mut [u8]) -> Option<()> {
        let iv = Block::try_from(iv).ok()?;
        let blocks = whole_blocks(text)?;
        match &self.cipher {
            Cipher::Aes128(aes) => cbc::Encryptor::inner_iv_init(aes, &iv).encrypt_blocks(blocks),
            Cipher::Aes256(aes) => cbc::Encryptor::inner_iv_init(aes, &iv).encrypt_blocks(blocks),
        }
        Some(())
    }

    /// Decrypts in place and returns the text; `None`, and nothing changed, as in [`CbcHmac::encrypt`].
    pub(crate) fn decrypt<'a>(&self, iv: &[u8], text: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let iv = Block::try_from(iv).ok()?;
        let blocks = whole_blocks(text)?;
        match &self.cipher {
            Cipher::Aes128(aes) => cbc::Decryptor::inner_iv_init(aes, &iv).decrypt_blocks(blocks),
            Cipher::Aes256(aes) => cbc::Decryptor::inner_iv_init(aes, &iv).decrypt_blocks(blocks),
        }
        Some(text)
    }

    /// The whole HMAC over `covered`.
    pub(crate) fn icv(&self, covered: &[u8]) -> hmac::Tag {
        hmac::sign(&self.hmac, covered)
    }

    /// The whole HMAC over `covered`, then over the half of an extended sequence number that an ESP packet does
    /// not carry (RFC 4303 section 3.3.2.1).
    pub(crate) fn icv_with(&self, covered: &[u8], high: Option<u32>) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(covered);
        if let Some(high) = high {
            context.update(&high.to_be_bytes());
        }
        context.sign()
    }

    /// The part of the HMAC that goes on the wire (RFC 4868 2.1.1: the first half).
    pub(crate) fn truncate<'a>(&self, icv: &'a hmac::Tag) -> &'a [u8] {
        icv.as_ref().get(..self.icv_len).unwrap_or_default()
    }

    /// Whether `icv` is that of `covered`, compared in constant time.
    pub(crate) fn verify(&self, covered: &[u8], icv: &[u8]) -> bool {
        self.equals(&self.icv(covered), icv)
    }

    /// Whether `icv` is that of `covered` and `high`, compared in constant time.
    pub(crate) fn verify_with(&self, covered: &[u8], high: Option<u32>, icv: &[u8]) -> bool {
        self.equals(&self.icv_with(covered, high), icv)
    }

    fn equals(&self, expected: &hmac::Tag, icv: &[u8]) -> bool {
        self.icv_len == icv.len() && self.truncate(expected).ct_eq(icv).into()
    }
}

fn whole_blocks(text: &mut [u8]) -> Option<&mut [Block]> {
    let (blocks, rest) = Array::slice_as_chunks_mut(text);
    rest.is_empty().then_some(blocks)
}
