//! The peers in force: each with the ID that it keeps for as long as its name is configured.

use std::collections::BTreeMap;

use ike_proto::policy::PeerId;

use super::Plan;
use crate::config::Peer;
use crate::dataplane::MAX_PEER_ID;

/// The peers in force, by name and by ID.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    ids: BTreeMap<String, PeerId>,
    peers: BTreeMap<PeerId, Peer>,
    /// The next ID. None is given twice in one run: the SAs of a peer that was removed may still be closing.
    next: u32,
}

impl Roster {
    /// The peer of this name.
    pub fn by_name(&self, name: &str) -> Option<(PeerId, &Peer)> {
        let id = self.ids.get(name)?;
        Some((*id, self.peers.get(id)?))
    }

    /// The peer with this ID.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(&id)
    }

    /// A peer's name for a log line; of a peer that is gone, its number.
    pub fn name(&self, id: PeerId) -> String {
        self.peer(id).map_or_else(|| format!("#{}", id.0), |peer| peer.name.clone())
    }

    /// All peers in the order of their IDs, which is that of their first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> + '_ {
        self.peers.iter().map(|(id, peer)| (*id, peer))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Carries out a plan that was made for this roster.
    pub fn apply(&mut self, plan: &Plan) {
        for (id, name) in &plan.remove {
            self.ids.remove(name);
            self.peers.remove(id);
        }
        for (id, peer) in plan.add.iter().chain(&plan.change).chain(&plan.touch) {
            self.ids.insert(peer.name.clone(), *id);
            self.peers.insert(*id, peer.clone());
            self.next = self.next.max(id.0.saturating_add(1));
        }
    }

    /// IDs for new peers.
    pub(super) fn free_ids(&self) -> impl Iterator<Item = PeerId> + use<> {
        (self.next.max(1)..=MAX_PEER_ID).map(PeerId)
    }
}
