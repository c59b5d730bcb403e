//! How the kernel's SAs and policies are recognised as ours: by reqid and priority, which outlive a crash.
//!
//! A reqid ties a peer's policies to its SAs. Ours are `0x1D` and 24 bits of peer ID; other IKE daemons count theirs
//! up from small numbers. A policy without a template has no reqid, and is known by a priority of its own.

use ike_proto::policy::PeerId;
use xfrm::{Algorithms, Policy, Reqid, SaState, Selector};

/// The highest octet of our reqids.
const REQID_BASE: u32 = 0x1D00_0000;
/// The bits of a reqid that hold the peer's ID.
const REQID_PEER: u32 = 0x00FF_FFFF;

/// The largest peer ID that fits a reqid.
pub const MAX_PEER_ID: u32 = REQID_PEER;

/// Priority of the policies that let neighbour discovery pass: before all others of ours.
pub(super) const PRIORITY_PASS: u32 = REQID_BASE;
/// Where the priorities of the peers' policies begin. Lower numbers win, so any policy that an operator or another
/// daemon sets without such a large number goes before ours.
const PRIORITY_PEER: u32 = REQID_BASE | 0x100;
/// Priorities span this many numbers: twice the bits of two IPv6 prefixes, and one for the protocol.
const PRIORITY_SPAN: u32 = 2 * 256 + 2;

/// The reqid of a peer's policies and SAs.
pub fn reqid(peer: PeerId) -> Reqid {
    Reqid(REQID_BASE | (peer.0 & REQID_PEER))
}

/// Whose reqid it is, if ours.
pub(super) fn peer_of(reqid: Reqid) -> Option<PeerId> {
    (reqid.0 & !REQID_PEER == REQID_BASE).then_some(PeerId(reqid.0 & REQID_PEER))
}

/// The priority of a peer's policy: the narrower its selector, the sooner it is looked at.
pub(super) fn priority(selector: &Selector) -> u32 {
    let bits = u32::from(selector.source.length).saturating_add(u32::from(selector.destination.length));
    let wide = 256_u32.saturating_sub(bits).saturating_mul(2);
    PRIORITY_PEER.saturating_add(wide).saturating_add(u32::from(selector.protocol == 0))
}

/// Whether a policy in the kernel is ours.
pub(super) fn is_our_policy(policy: &Policy) -> bool {
    let peers = PRIORITY_PEER..PRIORITY_PEER.saturating_add(PRIORITY_SPAN);
    match policy.templates.as_slice() {
        [] => policy.priority == PRIORITY_PASS,
        templates => peers.contains(&policy.priority) && templates.iter().all(|t| peer_of(t.reqid).is_some()),
    }
}

/// Whether an SA in the kernel is ours. The placeholders of acquires are the kernel's own.
pub(super) fn is_our_sa(sa: &SaState) -> bool {
    peer_of(sa.parameters.reqid).is_some() && sa.algorithms != Algorithms::Larval
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfrm::{Action, Family, PolicyDirection, PolicyId, Prefix, Template};

    fn policy(priority: u32, templates: Vec<Template>) -> Policy {
        let selector = Selector::between(Prefix::any(Family::V4), Prefix::any(Family::V4));
        let id = PolicyId::new(selector, PolicyDirection::Out);
        Policy { id, priority, action: Action::Allow, templates }
    }

    #[test]
    fn a_reqid_leads_back_to_its_peer() {
        for id in [0, 1, 4242, MAX_PEER_ID] {
            assert_eq!(peer_of(reqid(PeerId(id))), Some(PeerId(id)));
        }
        for foreign in [0, 1, 16_384, 0x1C00_0001, 0x1E00_0001, u32::MAX] {
            assert_eq!(peer_of(Reqid(foreign)), None);
        }
    }

    #[test]
    fn the_policies_of_other_daemons_and_of_the_operator_are_not_ours() {
        let ours = Template::transport(Family::V4, reqid(PeerId(3)));
        let theirs = Template::transport(Family::V4, Reqid(3));
        let widest = priority(&policy(0, vec![]).id.selector);
        assert!(is_our_policy(&policy(widest, vec![ours])));
        assert!(is_our_policy(&policy(PRIORITY_PASS, vec![])));
        assert!(!is_our_policy(&policy(widest, vec![theirs])));
        assert!(!is_our_policy(&policy(widest, vec![ours, theirs])));
        assert!(!is_our_policy(&policy(widest, vec![])));
        assert!(!is_our_policy(&policy(1000, vec![ours])));
        assert!(!is_our_policy(&policy(0, vec![])));
    }

    #[test]
    fn narrower_selectors_go_first() {
        let host = Prefix::host("10.0.0.2".parse().unwrap());
        let net = Prefix { address: "10.0.0.0".parse().unwrap(), length: 8 };
        let any = Prefix::any(Family::V4);
        let tcp = Selector { protocol: 6, ..Selector::between(any, host) };
        let order =
            [tcp, Selector::between(any, host), Selector::between(any, net), Selector::between(any, any)];
        assert!(order.is_sorted_by_key(priority), "{order:?}");
        assert!(order.iter().all(|selector| priority(selector) > PRIORITY_PASS));
    }
}
