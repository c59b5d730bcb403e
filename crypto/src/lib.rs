//! The cryptography of IKEv2 and ESP behind IKE's own names.
//!
//! ```text
//! Secret ── Entropy                    what must not leak, and where it comes from
//! Prf ── prf+ ── schedule, psk         RFC 7296 2.13 to 2.18: keys out of secrets
//! Encryption ─┬─ Protection ── Sealer  RFC 7296 3.14, RFC 5282: the SK payload
//! Integrity  ─┘              └── EspIv   RFC 4303: ESP packets
//! KeGroup ── KeSecret                  RFC 7296 2.12: x25519, ecp, modp
//! signature: SigningKey, PublicKey     RFC 7427, RFC 8420: who signed the AUTH payload
//! certificate: chains, anchors, CRLs    RFC 5280, RFC 4945: whose key it is
//! ```
//!
//! Layer rule: this crate knows no IKE message, no socket and no clock, and imports no other crate of the
//! workspace. The primitives are those of *ring*, of `aes` and `cbc`, and of `crypto-bigint`; no type of theirs
//! appears in the public interface, so that a provider can be replaced here alone.
//!
//! Key material lives in [`Secret`], which has one owner, wipes itself and never prints. Two things are outside
//! that promise: *ring* does not wipe the expanded keys inside a [`Sealer`] or an ephemeral key, and no library
//! can wipe what the compiler spilled to the stack.

#![forbid(unsafe_code)]

mod cbc_hmac;
pub mod certificate;
mod der;
mod ecp;
mod encryption;
mod entropy;
mod esp;
mod integrity;
mod key_exchange;
mod modp;
mod pem;
mod prf;
mod protection;
mod psk;
mod schedule;
mod sealer;
mod secret;
pub mod signature;
mod x25519;

#[cfg(test)]
mod tests;

pub use encryption::Encryption;
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use esp::EspIv;
pub use integrity::Integrity;
pub use key_exchange::{KeError, KeGroup, KeSecret};
pub use prf::{Prf, PrfPlusTooLong, sha1, sha256};
pub use protection::{PacketKeys, Protection};
pub use psk::{auth_equal, psk_auth};
pub use schedule::{
    ChildKeys, IkeContext, IkeKeyMaterial, IkeKeys, IkeSuite, KeyScheduleError, child_keys, ike_key_material,
    ike_keys, skeyseed, skeyseed_rekeyed,
};
pub use sealer::{OpenError, SealError, Sealer, WrongKeyLength};
pub use secret::Secret;
