//! How much of anything one message may hold, each with its reason.
//!
//! Everything parsed is also bounded by the datagram (65,507 octets): no count field makes memory by itself.

use std::ops::RangeInclusive;

/// Payloads in one chain. strongSwan takes at most 20 each of N, D, CERTREQ and V and 8 CERT; with the dozen
/// that occur once this is room for all of them and stops a message of thousands of 4-octet payloads.
pub const MAX_PAYLOADS: usize = 128;

/// Proposals in an SA payload: as many as the one-octet Proposal Num field can number.
pub const MAX_PROPOSALS: usize = 255;

/// Transforms in a proposal: as many as the one-octet Num Transforms field can count.
pub const MAX_TRANSFORMS: usize = 255;

/// Selectors in a TS payload: as many as the one-octet Number of TSs field can count.
pub const MAX_SELECTORS: usize = 255;

/// SPIs in a Delete payload. The field could count 65,535; a peer with more Child SAs than this on one IKE SA
/// sends several payloads. Bounds the work that one message can ask for.
pub const MAX_DELETE_SPIS: usize = 1024;

/// Octets of a nonce: "The size of the Nonce Data MUST be between 16 and 256 octets, inclusive."
/// (RFC 7296 section 3.9).
pub const NONCE: RangeInclusive<usize> = 16..=256;
