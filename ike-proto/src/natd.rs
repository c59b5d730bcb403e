//! NAT detection (RFC 7296 section 2.23).

use std::net::{IpAddr, SocketAddr};

use crypto::sha1;

use crate::message::Spis;
use crate::message::init::NatHashes;
use crate::output::Path;

/// Which ends have a NAT before them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Nat {
    /// Ours.
    pub local: bool,
    /// The peer's.
    pub remote: bool,
}

impl Nat {
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
