//! Whose each policy in the kernel is, so that a policy that changes hands is never missing in between.
//!
//! The kernel knows one policy per selector and direction. When a peer is renamed, or two peers swap prefixes, the new
//! owner takes the entry over in place; only what is still nobody's at the end is removed.

use std::collections::HashMap;

use ike_proto::policy::PeerId;
use xfrm::{Policy, PolicyId};

/// Who wants a policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The node as a whole.
    Node,
    /// One peer.
    Peer(PeerId),
}

/// Two owners want different policies for the same packets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// Which packets.
    pub id: PolicyId,
    /// Who has it.
    pub owner: Owner,
}

#[derive(Debug)]
struct Entry {
    policy: Policy,
    /// `None`: up for adoption.
    owner: Option<Owner>,
}

/// The policies that are in the kernel and ours.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<PolicyId, Entry>,
    by_owner: HashMap<Owner, Vec<PolicyId>>,
}

impl Book {
    /// Enters a policy that an earlier run left: in force, and nobody's.
    pub fn found(&mut self, policy: Policy) {
        self.entries.insert(policy.id, Entry { policy, owner: None });
    }

    /// Makes `wanted` all that `owner` has; what it had besides is nobody's then. Returns what the kernel must be told,
    /// and what somebody else has.
    pub fn want(&mut self, owner: Owner, wanted: Vec<Policy>) -> (Vec<Policy>, Vec<Conflict>) {
        self.release(owner);
        let (mut changed, mut conflicts, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for policy in wanted {
            let id = policy.id;
            match self.entries.get_mut(&id) {
                Some(Entry { owner: Some(other), .. }) if *other == owner => continue,
                Some(Entry { owner: Some(other), .. }) => {
                    conflicts.push(Conflict { id, owner: *other });
                    continue;
                }
                Some(entry) => {
                    entry.owner = Some(owner);
                    if entry.policy != policy {
                        entry.policy = policy.clone();
                        changed.push(policy);
                    }
                }
                None => {
                    self.entries.insert(id, Entry { policy: policy.clone(), owner: Some(owner) });
                    changed.push(policy);
                }
            }
            ids.push(id);
        }
        self.by_owner.insert(owner, ids);
        (changed, conflicts)
    }

    /// Puts an owner's policies up for adoption.
    pub fn release(&mut self, owner: Owner) {
        for id in self.by_owner.remove(&owner).unwrap_or_default() {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.owner = None;
            }
        }
    }

    /// What is nobody's, to be removed from the kernel.
    pub fn orphans(&self) -> Vec<PolicyId> {
        let orphan = |(id, entry): (&PolicyId, &Entry)| entry.owner.is_none().then_some(*id);
        self.entries.iter().filter_map(orphan).collect()
    }

    /// Strikes out a policy that is not in the kernel (any more).
    pub fn strike(&mut self, id: &PolicyId) {
        let owner = self.entries.remove(id).and_then(|entry| entry.owner);
        if let Some(ids) = owner.and_then(|owner| self.by_owner.get_mut(&owner)) {
            ids.retain(|other| other != id);
        }
    }

    /// Every policy in the book.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> + '_ {
        self.entries.values().map(|entry| &entry.policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfrm::{Action, Family, PolicyDirection, Prefix, Selector, Template};

    const A: Owner = Owner::Peer(PeerId(1));
    const B: Owner = Owner::Peer(PeerId(2));

    fn policy(host: &str, owner: u32) -> Policy {
        let selector = Selector::between(Prefix::any(Family::V4), Prefix::host(host.parse().unwrap()));
        let template = Template::transport(Family::V4, super::super::reqid(PeerId(owner)));
        let id = PolicyId::new(selector, PolicyDirection::Out);
        Policy { id, priority: 1, action: Action::Allow, templates: vec![template] }
    }

    #[test]
    fn what_is_in_force_already_is_not_told_again() {
        let mut book = Book::default();
        let all = vec![policy("10.0.0.1", 1), policy("10.0.0.2", 1)];
        assert_eq!(book.want(A, all.clone()), (all.clone(), vec![]));
        assert_eq!(book.want(A, all), (vec![], vec![]));
        assert!(book.orphans().is_empty());
    }

    #[test]
    fn a_policy_that_changes_hands_is_changed_in_place() {
        let mut book = Book::default();
        book.want(A, vec![policy("10.0.0.1", 1)]);
        book.release(A);
        assert_eq!(book.orphans().len(), 1);
        assert_eq!(book.want(B, vec![policy("10.0.0.1", 2)]), (vec![policy("10.0.0.1", 2)], vec![]));
        assert!(book.orphans().is_empty());
    }

    #[test]
    fn two_peers_swap_their_traffic_without_a_gap() {
        let mut book = Book::default();
        book.want(A, vec![policy("10.0.0.1", 1)]);
        book.want(B, vec![policy("10.0.0.2", 2)]);
        book.release(A);
        book.release(B);
        book.want(A, vec![policy("10.0.0.2", 1)]);
        book.want(B, vec![policy("10.0.0.1", 2)]);
        assert!(book.orphans().is_empty());
    }

    #[test]
    fn what_an_earlier_run_left_is_adopted_or_removed() {
        let mut book = Book::default();
        book.found(policy("10.0.0.1", 7));
        book.found(policy("10.0.0.9", 8));
        let (changed, _) = book.want(A, vec![policy("10.0.0.1", 1)]);
        assert_eq!(changed, [policy("10.0.0.1", 1)]);
        assert_eq!(book.orphans(), [policy("10.0.0.9", 8).id]);
        book.strike(&policy("10.0.0.9", 8).id);
        assert!(book.orphans().is_empty());
    }

    #[test]
    fn a_second_peer_does_not_take_a_policy_in_use() {
        let mut book = Book::default();
        book.want(A, vec![policy("10.0.0.1", 1)]);
        let (changed, conflicts) = book.want(B, vec![policy("10.0.0.1", 2), policy("10.0.0.2", 2)]);
        assert_eq!(changed, [policy("10.0.0.2", 2)]);
        assert_eq!(conflicts, [Conflict { id: policy("10.0.0.1", 1).id, owner: A }]);
    }

    #[test]
    fn a_policy_that_was_refused_is_told_again() {
        let mut book = Book::default();
        book.want(A, vec![policy("10.0.0.1", 1)]);
        book.strike(&policy("10.0.0.1", 1).id);
        assert_eq!(book.want(A, vec![policy("10.0.0.1", 1)]).0, [policy("10.0.0.1", 1)]);
    }
}
