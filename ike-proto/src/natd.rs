//! NAT detection (RFC 7296 section 2.23).

use std::net::{IpAddr, SocketAddr};

use crypto::sha1;

use crate::message::Spis;
use crate::message::init::NatHashes;
use crate::output::Path;

/// Which packets travel in UDP (RFC 3948).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Encapsulation {
    /// ESP in UDP where a NAT is found.
    #[default]
    BehindNat,
    /// ESP in UDP always: we look as if we had a NAT before us. For a data plane that has UDP sockets only.
    Always,
}

/// Which ends have a NAT before them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Nat {
    /// Ours.
    pub local: bool,
    /// The peer's.
    pub remote: bool,
}

impl Nat {
    /// What we act on: a NAT that we feign counts as one before us.
    pub(crate) fn or_feigned(self, encapsulation: Encapsulation) -> Nat {
        Nat { local: self.local || encapsulation == Encapsulation::Always, ..self }
    }

    /// Whether ESP must be encapsulated in UDP.
    pub fn any(self) -> bool {
        self.local || self.remote
    }
}

/// SHA-1 of (SPIi | SPIr | address | port), the SPIs as in the header of the message that carries it.
pub(crate) fn hash(spis: Spis, address: SocketAddr) -> [u8; 20] {
    let port = address.port().to_be_bytes();
    let (initiator, responder) = (spis.initiator.to_bytes(), spis.responder.to_bytes());
    match address.ip() {
        IpAddr::V4(v4) => sha1(&[&initiator, &responder, &v4.octets(), &port]),
        IpAddr::V6(v6) => sha1(&[&initiator, &responder, &v6.octets(), &port]),
    }
}

/// The hash of our own address, or one that no address has: then the peer finds a NAT before us.
pub(crate) fn source_hash(spis: Spis, local: SocketAddr, encapsulation: Encapsulation) -> [u8; 20] {
    match encapsulation {
        Encapsulation::BehindNat => hash(spis, local),
        Encapsulation::Always => hash(spis, SocketAddr::new(IpAddr::from([0_u8; 4]), 0)),
    }
}

/// Compares what the peer sees with what we see. A peer that sends no hashes does not support NAT traversal:
/// then no NAT is assumed.
pub(crate) fn detect(hashes: &NatHashes<'_>, spis: Spis, path: Path) -> Nat {
    let Some(destination) = hashes.destination else {
        return Nat::default();
    };
    if hashes.sources.is_empty() {
        return Nat::default();
    }
    let (ours, theirs) = (hash(spis, path.local), hash(spis, path.remote));
    Nat { local: destination != ours.as_slice(), remote: !hashes.sources.contains(&theirs.as_slice()) }
}
