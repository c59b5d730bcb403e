//! What a request meets that crosses an exchange of ours (RFC 7296 section 2.25): one table.
//!
//! We start no CREATE_CHILD_SA exchange ourselves, so of the RFC's collisions those with our closing are left, and
//! those with what the peer itself has asked for before.

use super::Refusal;
use crate::ids::EspSpi;

/// What there is of the Child SA that a peer wants to rekey.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// Nothing.
    Unknown,
    /// It is being installed, or has taken another's place and is not in use yet.
    Unfinished,
    /// It is in use.
    InUse,
    /// Another one is about to take its place.
    Replaced,
}

/// Whether a Child SA may be rekeyed by the peer now.
pub(crate) fn rekey_child(old: Old, spi: EspSpi) -> Result<(), Refusal> {
    match old {
        // "If a peer receives a request to rekey a Child SA that does not exist, it SHOULD reply with
        // CHILD_SA_NOT_FOUND."
        Old::Unknown => Err(Refusal::ChildSaNotFound(spi)),
        // "when a peer receives a request that cannot be completed due to a temporary condition such as a rekeying
        // operation": some peers rekey the same SA twice before they delete it.
        Old::Unfinished | Old::Replaced => Err(Refusal::TemporaryFailure),
        Old::InUse => Ok(()),
    }
}
