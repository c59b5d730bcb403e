//! The keeper of the keys: the only place where a peer's key is used (RFC 7296 section 2.15).
//!
//! A keeper never changes: reading the configuration again makes a new one, which takes the old one's place as a
//! whole, so that no exchange sees half of the old keys and half of the new.

use std::collections::HashMap;
use std::sync::Arc;

use crypto::{Prf, Secret, auth_equal, psk_auth};
use ike_proto::output::Completion;
use ike_proto::policy::{Authentication, PeerId};

/// The pre-shared keys of all peers.
#[derive(Debug, Default)]
pub struct Keeper {
    keys: HashMap<PeerId, Arc<Secret>>,
}

impl Keeper {
    /// Takes each peer's key. A key that several peers share is held once.
    pub fn new(keys: impl IntoIterator<Item = (PeerId, Arc<Secret>)>) -> Keeper {
        Keeper { keys: keys.into_iter().collect() }
    }

    /// Does `Work::Sign`: our AUTH data over `octets`.
    pub fn sign(&self, peer: PeerId, authentication: Authentication, prf: Prf, octets: &[u8]) -> Completion {
        let Authentication::Psk = authentication;
        Completion::Signed(match self.keys.get(&peer) {
            Some(key) => Ok(psk_auth(prf, key, &[octets]).expose().to_vec()),
            None => Err("the peer has no pre-shared key".to_owned()),
        })
    }

    /// Does `Work::Verify`: whether `auth` is what the peer's key makes of `octets`, compared in constant time.
    pub fn verify(
        &self,
        peer: PeerId,
        authentication: Authentication,
        prf: Prf,
        octets: &[u8],
        auth: &[u8],
    ) -> Completion {
        let Authentication::Psk = authentication;
        let key = self.keys.get(&peer);
        Completion::Verified(key.is_some_and(|key| auth_equal(psk_auth(prf, key, &[octets]).expose(), auth)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId(7);
    const STRANGER: PeerId = PeerId(8);

    fn keeper(key: &[u8]) -> Keeper {
        Keeper::new([(PEER, Arc::new(Secret::copy_from(key)))])
    }

    fn auth(keeper: &Keeper, prf: Prf) -> Vec<u8> {
        let signed = keeper.sign(PEER, Authentication::Psk, prf, b"octets");
        let Completion::Signed(Ok(auth)) = signed else { panic!("{signed:?}") };
        auth
    }

    #[test]
    fn what_one_end_signs_the_other_verifies() {
        for prf in [Prf::HmacSha2_256, Prf::HmacSha2_384, Prf::HmacSha2_512] {
            let (ours, theirs) = (keeper(b"a key in common"), keeper(b"a key in common"));
            let auth = auth(&ours, prf);
            assert_eq!(auth.len(), prf.output_len());
            let verify = |octets| theirs.verify(PEER, Authentication::Psk, prf, octets, &auth);
            assert_eq!(verify(b"octets".as_slice()), Completion::Verified(true));
            assert_eq!(verify(b"other octets".as_slice()), Completion::Verified(false));
        }
    }

    #[test]
    fn another_key_a_cut_or_no_auth_proves_nothing() {
        let theirs = keeper(b"another key");
        let auth = auth(&keeper(b"a key in common"), Prf::HmacSha2_256);
        for auth in [&auth[..], &auth[..31], &[]] {
            let verified = theirs.verify(PEER, Authentication::Psk, Prf::HmacSha2_256, b"octets", auth);
            assert_eq!(verified, Completion::Verified(false));
        }
    }

    #[test]
    fn a_peer_without_a_key_neither_signs_nor_verifies() {
        let keeper = keeper(b"a key in common");
        assert_eq!(
            keeper.sign(STRANGER, Authentication::Psk, Prf::HmacSha2_256, b"octets"),
            Completion::Signed(Err("the peer has no pre-shared key".to_owned()))
        );
        let auth = auth(&keeper, Prf::HmacSha2_256);
        assert_eq!(
            keeper.verify(STRANGER, Authentication::Psk, Prf::HmacSha2_256, b"octets", &auth),
            Completion::Verified(false)
        );
    }

    #[test]
    fn a_keeper_prints_no_key() {
        let text = format!("{:?}", keeper(b"hunter2hunter2"));
        assert!(!text.contains("hunter2"), "{text}");
    }
}
