//! Key exchange with X25519 (RFC 8031, RFC 7748).

use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SecureRandom;

use crate::key_exchange::KeError;
use crate::secret::Secret;

/// Octets of a public value, and of the shared secret.
pub(crate) const PUBLIC_LEN: usize = 32;

/// A private scalar, used once.
pub(crate) struct Scalar(EphemeralPrivateKey);

impl Scalar {
    /// A new private scalar with its public value.
    pub(crate) fn generate(rng: &dyn SecureRandom) -> Result<(Scalar, Vec<u8>), KeError> {
        let key = EphemeralPrivateKey::generate(&X25519, rng).map_err(|_| KeError::Failed)?;
        let public = key.compute_public_key().map_err(|_| KeError::Failed)?.as_ref().to_vec();
        Ok((Scalar(key), public))
    }

    /// The shared secret, 32 octets. The top bit of the peer's value is ignored and values that are not reduced
    /// are accepted, as RFC 8031 3.2 requires.
    ///
    /// # Errors
    /// `InvalidPublicValue` if the result is all zero, which it is for every point of small order. RFC 7748 6.1
    /// makes the check optional; we do it, so that both peers contribute to every key.
    pub(crate) fn agree(self, peer_public: &[u8]) -> Result<Secret, KeError> {
        if peer_public.len() != PUBLIC_LEN {
            return Err(KeError::WrongLength);
        }
        let peer = UnparsedPublicKey::new(&X25519, peer_public);
        agree_ephemeral(self.0, &peer, Secret::copy_from).map_err(|_| KeError::InvalidPublicValue)
    }
}
