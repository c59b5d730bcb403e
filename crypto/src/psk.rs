//! The AUTH payload of a pre-shared key (RFC 7296 2.15).

use subtle::ConstantTimeEq;

use crate::prf::Prf;
use crate::secret::Secret;

/// "17 ASCII characters without null termination", so that a daemon may keep the inner prf's value in place of a
/// password (RFC 7296 2.15).
const KEY_PAD: &[u8] = b"Key Pad for IKEv2";

/// `AUTH = prf( prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets>)`, the octets given in parts.
///
/// `prf` is the negotiated PRF of the IKE SA. A pre-shared key longer than the hash's block is hashed first, as
/// HMAC does with any key.
pub fn psk_auth(prf: Prf, psk: &Secret, signed_octets: &[&[u8]]) -> Secret {
    let key = prf.compute(psk.expose(), &[KEY_PAD]);
    prf.compute(key.expose(), signed_octets)
}

/// Compares two AUTH values in a time that depends on their lengths alone.
pub fn auth_equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_longer_than_the_block_is_hashed_first() {
        let long = Secret::new(vec![b'x'; 65]);
        let hashed = Secret::copy_from(&crate::sha256(&[long.expose()]));
        let octets: &[&[u8]] = &[b"message", b"nonce"];
        assert_eq!(psk_auth(Prf::HmacSha2_256, &long, octets), psk_auth(Prf::HmacSha2_256, &hashed, octets));
        let block = Secret::new(vec![b'x'; 64]);
        assert_ne!(psk_auth(Prf::HmacSha2_256, &block, octets), psk_auth(Prf::HmacSha2_256, &long, octets));
    }

    #[test]
    fn auth_values_of_different_length_or_content_differ() {
        assert!(auth_equal(b"abc", b"abc"));
        assert!(!auth_equal(b"abc", b"abd"));
        assert!(!auth_equal(b"abc", b"ab"));
        assert!(auth_equal(b"", b""));
    }
}
