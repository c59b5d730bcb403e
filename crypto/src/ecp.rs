//! Key exchange in the ECP groups P-256 and P-384 (RFC 5903).

use ring::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral,
};
use ring::rand::SecureRandom;

use crate::key_exchange::KeError;
use crate::secret::Secret;

/// First octet of an uncompressed point in SEC 1; RFC 5903 7 sends the coordinates without it.
const UNCOMPRESSED: u8 = 4;

/// A curve of RFC 5903.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

/// A private scalar, used once.
pub(crate) struct Scalar {
    curve: Curve,
    key: EphemeralPrivateKey,
}

impl Curve {
    /// Octets of one coordinate.
    const fn coordinate_len(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }

    /// Octets of a public value: `x | y`.
    pub(crate) const fn public_len(self) -> usize {
        self.coordinate_len().saturating_mul(2)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Curve::P256 => &ECDH_P256,
            Curve::P384 => &ECDH_P384,
        }
    }
}

impl Scalar {
    /// A new private scalar with its public value `x | y`.
    pub(crate) fn generate(curve: Curve, rng: &dyn SecureRandom) -> Result<(Scalar, Vec<u8>), KeError> {
        let key = EphemeralPrivateKey::generate(curve.algorithm(), rng).map_err(|_| KeError::Failed)?;
        let point = key.compute_public_key().map_err(|_| KeError::Failed)?;
        let public = point.as_ref().strip_prefix(&[UNCOMPRESSED]).ok_or(KeError::Failed)?.to_vec();
        Ok((Scalar { curve, key }, public))
    }

    /// The x coordinate of the shared point (RFC 5903 7).
    ///
    /// # Errors
    /// `InvalidPublicValue` if the point is not on the curve (RFC 6989 2.3).
    pub(crate) fn agree(self, peer_public: &[u8]) -> Result<Secret, KeError> {
        if peer_public.len() != self.curve.public_len() {
            return Err(KeError::WrongLength);
        }
        let point = [&[UNCOMPRESSED], peer_public].concat();
        let peer = UnparsedPublicKey::new(self.curve.algorithm(), point);
        agree_ephemeral(self.key, &peer, Secret::copy_from).map_err(|_| KeError::InvalidPublicValue)
    }
}
