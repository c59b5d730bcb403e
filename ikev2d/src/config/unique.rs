//! What no two peers can have in common: name, address, identity, and the traffic of a tunnel.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use ike_proto::policy::{Identity, Selector};
use ike_proto::wire::TrafficSelector;

use super::check::Check;
use super::diagnostic::Location;
use super::peer::PeerDraft;
use super::report::Help;
use super::source::Span;

/// What the peers so far have, each with the number of the peer that has it.
#[derive(Default)]
pub(super) struct Taken {
    names: HashMap<String, usize>,
    addresses: HashMap<IpAddr, usize>,
    identities: HashMap<Identity, usize>,
    tunnels: HashMap<(Side, Side), usize>,
    peers: Vec<(String, Location)>,
}

/// One side of a tunnel: a range, or the host's own address with a protocol and a port.
#[derive(PartialEq, Eq, Hash)]
enum Side {
    Range(TrafficSelector),
    Host { address: Option<IpAddr>, protocol: u8, port: u16 },
}

impl Taken {
    /// Adds `peer`, and reports what it has in common with an earlier one.
    pub(super) fn add(&mut self, check: &mut Check<'_>, peer: &PeerDraft) {
        let number = self.peers.len();
        self.peers.push((peer.name.value.clone(), peer.source.clone()));
        let first = claim(&mut self.names, peer.name.value.clone(), number);
        self.refuse(check, first, &peer.name.span, || {
            format!("two peers have the name `{}`", peer.name.value)
        });
        let first = claim(&mut self.addresses, peer.address.value, number);
        self.refuse(check, first, &peer.address.span, || {
            format!("two peers have the address {}", peer.address.value)
        });
        let first = claim(&mut self.identities, peer.id.value.clone(), number);
        // An identity that was taken from the address is reported as the address.
        let first = first.filter(|_| peer.id.span != peer.address.span);
        self.refuse(check, first, &peer.id.span, || format!("two peers have the identity {}", peer.id.value));
        let first = self.claim_tunnels(peer, number);
        self.refuse(check, first, &peer.name.span, || {
            format!("the tunnel of `{}` is for the same traffic as another peer's", peer.name.value)
        });
    }

    fn claim_tunnels(&mut self, peer: &PeerDraft, number: usize) -> Option<usize> {
        let child = &peer.policy.child;
        let mut first = None;
        let ranges = child.remote.iter().filter(|remote| matches!(remote, Selector::Range(_)));
        for remote in ranges {
            for local in &child.local {
                let tunnel = (side(local, peer.policy.local), side(remote, None));
                let owner = claim(&mut self.tunnels, tunnel, number).filter(|owner| *owner != number);
                first = first.or(owner);
            }
        }
        first
    }

    fn refuse(&self, check: &mut Check<'_>, first: Option<usize>, span: &Span, message: impl Fn() -> String) {
        if let Some((name, location)) = first.and_then(|first| self.peers.get(first)) {
            check.error(span, message(), Help::new(format!("the other one is `{name}` at {location}")));
        }
    }
}

/// The number of the peer that has `value` already; else it is `number`'s from now on.
fn claim<T: Eq + Hash>(taken: &mut HashMap<T, usize>, value: T, number: usize) -> Option<usize> {
    let first = taken.get(&value).copied();
    if first.is_none() {
        taken.insert(value, number);
    }
    first
}

fn side(selector: &Selector, address: Option<IpAddr>) -> Side {
    match selector {
        Selector::Range(range) => Side::Range(*range),
        Selector::Host { protocol, port } => Side::Host { address, protocol: *protocol, port: *port },
    }
}
