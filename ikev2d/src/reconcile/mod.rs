//! What must change when the configuration is read again: pure, from what is in force and what is wanted to a plan.
//!
//! The daemon applies a plan in an order that leaves no gap: policies of what goes are put up for adoption, policies
//! of what comes or changes are installed, the protocol is told, and what nobody adopted is swept away.

mod roster;

use std::collections::HashSet;

use ike_proto::policy::{PeerId, PeerPolicy};

use crate::config::Peer;

pub use roster::Roster;

/// What becomes of the peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New ones: policies and protocol.
    pub add: Vec<(PeerId, Peer)>,
    /// Those that are gone: their SAs are deleted politely.
    pub remove: Vec<(PeerId, String)>,
    /// Those whose policy changed so that their SAs must be negotiated again.
    pub change: Vec<(PeerId, Peer)>,
    /// Those whose key, timers or `connect` changed: their SAs stay.
    pub touch: Vec<(PeerId, Peer)>,
    /// How many stay as they are.
    pub unchanged: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.change.is_empty() && self.touch.is_empty()
    }
}

/// There are no more peer IDs: a limit of the reqid's 24 bits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct OutOfIds;

impl std::fmt::Display for OutOfIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no peer ID is left: restart the daemon")
    }
}

/// Compares the peers in force with those wanted, by name. The time is linear in their number.
///
/// # Errors
/// [`OutOfIds`], after 16 million peers have been added in one run.
pub fn plan(current: &Roster, wanted: Vec<Peer>) -> Result<Plan, OutOfIds> {
    let mut ids = current.free_ids();
    let mut plan = Plan::default();
    let names: HashSet<String> = wanted.iter().map(|peer| peer.name.clone()).collect();
    for peer in wanted {
        match current.by_name(&peer.name) {
            None => plan.add.push((ids.next().ok_or(OutOfIds)?, peer)),
            Some((_, known)) if known.is_unchanged(&peer) => {
                plan.unchanged = plan.unchanged.saturating_add(1)
            }
            Some((id, known)) if needs_new_sa(&known.policy, &peer.policy) => plan.change.push((id, peer)),
            Some((id, _)) => plan.touch.push((id, peer)),
        }
    }
    let gone = current.iter().filter(|(_, peer)| !names.contains(&peer.name));
    plan.remove = gone.map(|(id, peer)| (id, peer.name.clone())).collect();
    Ok(plan)
}

/// Whether more than the timers and who begins has changed.
fn needs_new_sa(old: &PeerPolicy, new: &PeerPolicy) -> bool {
    let retimed = PeerPolicy { connect: new.connect, timing: new.timing.clone(), ..old.clone() };
    retimed != *new
}

#[cfg(test)]
mod tests;
