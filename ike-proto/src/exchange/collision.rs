//! What a request meets that crosses an exchange of ours (RFC 7296 section 2.25): one table.
//!
//! We never rekey an IKE SA ourselves (we replace it whole), so of the RFC's collisions those of Child SAs are left.

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
    /// We are deleting it.
    Closing,
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
        // "If a peer receives a request to rekey a Child SA that it is currently trying to close, it SHOULD reply with
        // TEMPORARY_FAILURE."
        Old::Closing => Err(Refusal::TemporaryFailure),
        // "If a peer receives a request to rekey a Child SA that it is currently rekeying, it SHOULD reply as usual, and
        // SHOULD prepare to close redundant SAs later based on the nonces"
        Old::InUse => Ok(()),
    }
}

/// After both ends have rekeyed the same Child SA at once: which SA our end deletes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    /// The one that was rekeyed.
    Old,
    /// The one that our exchange made.
    Ours,
}

/// "If redundant SAs are created through such a collision, the SA created with the lowest of the four nonces used in the
/// two exchanges SHOULD be closed by the endpoint that created it." (2.8.1) The other end deletes the old one.
pub(crate) fn after_crossing(our_lowest: &[u8], crossed: Option<&[u8]>) -> Goes {
    match crossed {
        Some(theirs) if our_lowest < theirs => Goes::Ours,
        Some(_) | None => Goes::Old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_nonce_loses_octet_by_octet() {
        assert_eq!(after_crossing(&[1, 9, 9], None), Goes::Old);
        assert_eq!(after_crossing(&[1, 9, 9], Some(&[2])), Goes::Ours);
        assert_eq!(after_crossing(&[2], Some(&[1, 9, 9])), Goes::Old);
    }
}
