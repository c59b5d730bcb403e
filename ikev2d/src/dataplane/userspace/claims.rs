//! Which prefixes lead into the tunnel, and for whom: none is ever left out while it changes hands.

use std::collections::{BTreeMap, BTreeSet};

use ike_proto::policy::PeerId;
use xfrm::Prefix;

/// The prefixes in the kernel, each with the peers that want it; nobody: up for adoption.
#[derive(Debug, Default)]
pub(super) struct Claims {
    entries: BTreeMap<Prefix, BTreeSet<PeerId>>,
    by_peer: BTreeMap<PeerId, Vec<Prefix>>,
}

impl Claims {
    /// Enters a prefix that an earlier run left: in force, and nobody's.
    pub fn found(&mut self, prefix: Prefix) {
        self.entries.entry(prefix).or_default();
    }

    /// Makes `prefixes` all that `peer` has.
    pub fn want(&mut self, peer: PeerId, prefixes: &[Prefix]) {
        self.release(peer);
        for prefix in prefixes {
            self.entries.entry(*prefix).or_default().insert(peer);
        }
        self.by_peer.insert(peer, prefixes.to_vec());
    }

    /// Puts a peer's prefixes up for adoption, unless others have them too.
    pub fn release(&mut self, peer: PeerId) {
        for prefix in self.by_peer.remove(&peer).unwrap_or_default() {
            if let Some(peers) = self.entries.get_mut(&prefix) {
                peers.remove(&peer);
            }
        }
    }

    /// Strikes out what is nobody's: to be removed from the kernel.
    pub fn take_orphans(&mut self) -> Vec<Prefix> {
        let orphans: Vec<Prefix> =
            self.entries.iter().filter(|(_, peers)| peers.is_empty()).map(|(prefix, _)| *prefix).collect();
        self.entries.retain(|_, peers| !peers.is_empty());
        orphans
    }

    /// Every prefix in the kernel.
    pub fn prefixes(&self) -> Vec<Prefix> {
        self.entries.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> Prefix {
        Prefix::host(std::net::Ipv4Addr::new(10, 0, 0, last).into())
    }

    #[test]
    fn what_changes_hands_is_never_an_orphan() {
        let (a, b) = (PeerId(1), PeerId(2));
        let mut claims = Claims::default();
        claims.found(host(9));
        claims.want(a, &[host(1), host(2)]);
        claims.want(b, &[host(2)]);
        claims.release(a);
        claims.want(b, &[host(1), host(2)]);
        assert_eq!(claims.take_orphans(), [host(9)]);
        assert!(claims.take_orphans().is_empty());
        claims.want(b, &[host(2)]);
        assert_eq!(claims.take_orphans(), [host(1)]);
        assert_eq!(claims.prefixes(), [host(2)]);
    }
}
