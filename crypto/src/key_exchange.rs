//! Key exchange methods (RFC 7296 2.12 and 3.4): one ephemeral secret, used once.

use std::fmt;

use ring::rand::SystemRandom;

use crate::entropy::Entropy;
use crate::secret::Secret;
use crate::{ecp, modp, x25519};

/// A key exchange method.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeGroup {
    /// Curve25519, method 31 (RFC 8031).
    X25519,
    /// 256-bit random ECP group, method 19 (RFC 5903).
    P256,
    /// 384-bit random ECP group, method 20 (RFC 5903).
    P384,
    /// 2048-bit MODP group, method 14 (RFC 3526).
    Modp2048,
    /// 3072-bit MODP group, method 15 (RFC 3526).
    Modp3072,
    /// 4096-bit MODP group, method 16 (RFC 3526).
    Modp4096,
}

/// The method, by the file that implements it.
enum Method {
    X25519,
    Ecp(ecp::Curve),
    Modp(modp::Group),
}

impl KeGroup {
    fn method(self) -> Method {
        match self {
            KeGroup::X25519 => Method::X25519,
            KeGroup::P256 => Method::Ecp(ecp::Curve::P256),
            KeGroup::P384 => Method::Ecp(ecp::Curve::P384),
            KeGroup::Modp2048 => Method::Modp(modp::Group::Modp2048),
            KeGroup::Modp3072 => Method::Modp(modp::Group::Modp3072),
            KeGroup::Modp4096 => Method::Modp(modp::Group::Modp4096),
        }
    }

    /// Octets of the Key Exchange Data: 32 for X25519, `x | y` for ECP, the modulus's length for MODP.
    pub fn public_len(self) -> usize {
        match self.method() {
            Method::X25519 => x25519::PUBLIC_LEN,
            Method::Ecp(curve) => curve.public_len(),
            Method::Modp(group) => group.modulus_len(),
        }
    }

    /// A new ephemeral secret.
    ///
    /// A MODP exponent comes from `entropy`. For X25519 and ECP the provider takes only its own generator, the
    /// operating system's, and `entropy` is not read. A simulation replays all the same: lengths are fixed and no
    /// decision anywhere depends on the octets of a public value.
    ///
    /// # Errors
    /// [`KeError::Failed`] if the provider has no randomness to give.
    pub fn generate(self, entropy: &mut dyn Entropy) -> Result<KeSecret, KeError> {
        let (private, public) = match self.method() {
            Method::X25519 => {
                let (scalar, public) = x25519::Scalar::generate(&SystemRandom::new())?;
                (Private::X25519(scalar), public)
            }
            Method::Ecp(curve) => {
                let (scalar, public) = ecp::Scalar::generate(curve, &SystemRandom::new())?;
                (Private::Ecp(scalar), public)
            }
            Method::Modp(group) => {
                let (exponent, public) = modp::Exponent::generate(group, entropy)?;
                (Private::Modp(exponent), public)
            }
        };
        Ok(KeSecret { group: self, public, private })
    }
}

/// Our half of one key exchange: a private value, with the public value to send.
///
/// Not `Clone`, and consumed by [`KeSecret::agree`]: no Diffie-Hellman exponential is ever reused
/// (RFC 7296 2.12).
pub struct KeSecret {
    group: KeGroup,
    public: Vec<u8>,
    private: Private,
}

enum Private {
    X25519(x25519::Scalar),
    Ecp(ecp::Scalar),
    Modp(modp::Exponent),
}

impl KeSecret {
    /// The method that this secret is for.
    pub fn group(&self) -> KeGroup {
        self.group
    }

    /// The Key Exchange Data to send, of [`KeGroup::public_len`] octets.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The shared secret g^ir: 32 octets for X25519, the x coordinate for ECP (RFC 5903 7), the modulus's length,
    /// padded with zeros on the left, for MODP (RFC 7296 2.14).
    ///
    /// # Errors
    /// [`KeError::WrongLength`] and [`KeError::InvalidPublicValue`], both the peer's fault.
    pub fn agree(self, peer_public: &[u8]) -> Result<Secret, KeError> {
        match self.private {
            Private::X25519(scalar) => scalar.agree(peer_public),
            Private::Ecp(scalar) => scalar.agree(peer_public),
            Private::Modp(exponent) => exponent.agree(peer_public),
        }
    }
}

impl fmt::Debug for KeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeSecret").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Why a key exchange gave no shared secret.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum KeError {
    /// The peer's value does not have [`KeGroup::public_len`] octets.
    WrongLength,
    /// The peer's value fails the tests of RFC 6989 2, or gives an all-zero secret (RFC 7748 6.1).
    InvalidPublicValue,
    /// The provider failed; the peer is not at fault.
    Failed,
}

impl fmt::Display for KeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeError::WrongLength => "the peer's public value has the wrong length",
            KeError::InvalidPublicValue => "the peer's public value is not valid in this group",
            KeError::Failed => "the key exchange failed for want of randomness",
        })
    }
}

impl std::error::Error for KeError {}
