//! Pseudorandom functions, prf+ (RFC 7296 2.13) and the two plain hashes that IKE uses.

use std::fmt;

use ring::{digest, hmac};

use crate::secret::Secret;

/// A pseudorandom function: HMAC with a hash of the SHA-2 family (RFC 4868).
///
/// A key of any length will do; one longer than the hash's block (64, 128, 128 octets) is hashed first, as HMAC
/// says. PRF_HMAC_SHA1 (on its way out, RFC 8247 2.2) and PRF_HMAC_MD5 (MUST NOT) are not offered.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prf {
    /// PRF_HMAC_SHA2_256.
    HmacSha2_256,
    /// PRF_HMAC_SHA2_384.
    HmacSha2_384,
    /// PRF_HMAC_SHA2_512.
    HmacSha2_512,
}

/// prf+ numbers its blocks with one octet, starting at 1: "The prf+ function is not defined beyond 255 times the
/// size of the prf function output." (RFC 7296 2.13)
const PRF_PLUS_BLOCKS: u8 = 255;

impl Prf {
    /// Length of one output in octets: 32, 48 or 64.
    pub const fn output_len(self) -> usize {
        match self {
            Prf::HmacSha2_256 => 32,
            Prf::HmacSha2_384 => 48,
            Prf::HmacSha2_512 => 64,
        }
    }

    /// Preferred key length in octets: the length of SK_d, SK_pi and SK_pr. For HMAC, the output's length.
    pub const fn key_len(self) -> usize {
        self.output_len()
    }

    /// `prf(key, parts[0] | parts[1] | ...)`.
    pub fn compute(self, key: &[u8], parts: &[&[u8]]) -> Secret {
        Secret::copy_from(tag(&hmac::Key::new(self.algorithm(), key), parts).as_ref())
    }

    /// The first `len` octets of `prf+ (key, seed[0] | seed[1] | ...)`, RFC 7296 2.13:
    ///
    /// ```text
    /// prf+ (K,S) = T1 | T2 | T3 | T4 | ...
    ///
    /// T1 = prf (K, S | 0x01)
    /// T2 = prf (K, T1 | S | 0x02)
    /// T3 = prf (K, T2 | S | 0x03)
    /// ```
    ///
    /// # Errors
    /// [`PrfPlusTooLong`] if `len` is more than 255 blocks.
    pub fn plus(self, key: &[u8], seed: &[&[u8]], len: usize) -> Result<Secret, PrfPlusTooLong> {
        let key = hmac::Key::new(self.algorithm(), key);
        let mut octets = Vec::with_capacity(len);
        let mut previous: Option<hmac::Tag> = None;
        for number in 1..=PRF_PLUS_BLOCKS {
            let missing = len.saturating_sub(octets.len());
            if missing == 0 {
                break;
            }
            let mut context = hmac::Context::with_key(&key);
            if let Some(block) = &previous {
                context.update(block.as_ref());
            }
            seed.iter().for_each(|part| context.update(part));
            context.update(&[number]);
            let block = context.sign();
            octets.extend(block.as_ref().iter().take(missing));
            previous = Some(block);
        }
        let octets = Secret::new(octets);
        if octets.len() == len { Ok(octets) } else { Err(PrfPlusTooLong) }
    }

    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Prf::HmacSha2_256 => hmac::HMAC_SHA256,
            Prf::HmacSha2_384 => hmac::HMAC_SHA384,
            Prf::HmacSha2_512 => hmac::HMAC_SHA512,
        }
    }
}

/// HMAC over the concatenation of `parts`.
pub(crate) fn tag(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

/// More keying material was asked for than prf+ defines (RFC 7296 2.13: 255 blocks).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PrfPlusTooLong;

impl fmt::Display for PrfPlusTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prf+ is not defined beyond {PRF_PLUS_BLOCKS} blocks")
    }
}

impl std::error::Error for PrfPlusTooLong {}

/// SHA-1 of the concatenation of `parts`.
///
/// For the NAT detection notifies alone (RFC 7296 2.23), where it is a fingerprint of two addresses and no
/// security rests on it.
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, parts)
}

/// SHA-256 of the concatenation of `parts`: fingerprints of messages, cookies.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    digest(&digest::SHA256, parts)
}

/// The caller's array has the algorithm's length, so the copy is complete.
fn digest<const LEN: usize>(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> [u8; LEN] {
    let mut context = digest::Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; LEN];
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Prf; 3] = [Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512];

    #[test]
    fn prf_plus_ends_after_255_blocks() {
        for prf in ALL {
            let limit = prf.output_len().checked_mul(255).unwrap();
            assert_eq!(prf.plus(b"key", &[b"seed"], limit).unwrap().len(), limit);
            assert_eq!(prf.plus(b"key", &[b"seed"], limit.saturating_add(1)), Err(PrfPlusTooLong));
        }
    }

    #[test]
    fn prf_plus_chains_its_blocks_as_the_rfc_writes_them() {
        for prf in ALL {
            let t1 = prf.compute(b"key", &[b"seed", &[1]]);
            let t2 = prf.compute(b"key", &[t1.expose(), b"seed", &[2]]);
            let t3 = prf.compute(b"key", &[t2.expose(), b"seed", &[3]]);
            let whole = [t1.expose(), t2.expose(), t3.expose()].concat();
            for len in 0..=whole.len() {
                assert!(prf.plus(b"key", &[b"se", b"ed"], len).unwrap().ct_eq(&whole[..len]));
            }
        }
    }

    #[test]
    fn hashes_take_their_input_in_parts() {
        // FIPS 180-4's example message "abc".
        assert_eq!(sha1(&[b"a", b"bc"])[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sha256(&[b"ab", b"", b"c"])[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(sha1(&[])[16..], [0xaf, 0xd8, 0x07, 0x09]);
        assert_eq!(sha256(&[])[28..], [0x78, 0x52, 0xb8, 0x55]);
    }
}
