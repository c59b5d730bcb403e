//! Which policies a peer needs: each says that its traffic passes an SA of the peer's reqid, or not at all.
//!
//! # What the kernel makes of them
//!
//! * *Transport mode*, host to host: the policy covers traffic between **any** address of ours and the peer's, so that
//!   a packet from a second address of this host does not leave in clear; the SA's own selector decides which address
//!   is served. Template addresses are not looked at.
//! * *Tunnel mode*: the outbound template names the outer addresses. While ours is not known it is left unspecified:
//!   the kernel then takes the one that it would route from (`xfrm_tmpl_resolve_one`), and finds an SA or drops. Inbound,
//!   an unspecified source matches any SA of the reqid (`xfrm_state_addr_cmp`), which the reqid already makes the peer's.
//! * *Forwarded packets* are checked in tunnel mode only: what a transport-mode SA carries is for this host.
//! * *IPv6 neighbour discovery* goes through the policies too: the unicast advertisement that would answer a peer's
//!   solicitation needs an SA, which cannot be negotiated before the neighbour is known. [`neighbour_discovery`] lets
//!   it pass, as RFC 4301 section 5 lets any policy say BYPASS.

use std::net::IpAddr;

use ike_proto::policy::{Mode, PeerId, PeerPolicy, Selector as Traffic};
use xfrm::{Action, Family, Policy, PolicyDirection, PolicyId, Ports, Prefix, Selector, Template};

use super::PlaneError;
use super::blocks;
use super::owned::{self, PRIORITY_PASS};

/// Most policies of one peer: an operator who needs more wants prefixes instead of odd ranges.
pub(super) const MAX_POLICIES: usize = 4096;

/// ICMPv6 (RFC 4443).
const ICMPV6: u8 = 58;
/// Router solicitation and advertisement, neighbour solicitation and advertisement (RFC 4861 section 4). Not Redirect
/// (137): nothing needs it, and it diverts traffic.
const DISCOVERY: [u16; 4] = [133, 134, 135, 136];

/// The outer addresses as far as they are known.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Outer {
    /// Ours; unspecified: as the host routes.
    pub local: IpAddr,
    /// The peer's.
    pub remote: IpAddr,
}

impl Outer {
    /// What the configuration says.
    pub fn configured(policy: &PeerPolicy) -> Outer {
        let unknown = Family::of(policy.remote).unspecified();
        Outer { local: policy.local.unwrap_or(unknown), remote: policy.remote }
    }
}

/// One block of addresses and ports of one protocol, at one end.
#[derive(Copy, Clone)]
struct Block {
    prefix: Prefix,
    protocol: u8,
    ports: Ports,
}

/// The policies of a peer, outbound ones first.
///
/// # Errors
/// When there would be more than [`MAX_POLICIES`], or a selector says OPAQUE, which a kernel cannot match.
pub(super) fn of_peer(peer: PeerId, policy: &PeerPolicy, outer: Outer) -> Result<Vec<Policy>, PlaneError> {
    let any = Prefix::any(Family::of(outer.remote));
    let local = blocks_of(&policy.child.local, any)?;
    let remote = blocks_of(&policy.child.remote, Prefix::host(outer.remote))?;
    let directions = directions(policy.child.mode);
    let count = local.len().saturating_mul(remote.len()).saturating_mul(directions.len());
    if count > MAX_POLICIES {
        return Err(PlaneError(format!(
            "the traffic selectors need {count} policies, more than {MAX_POLICIES}: use fewer, or ranges that are prefixes"
        )));
    }
    let selectors: Vec<Selector> =
        local.iter().flat_map(|l| remote.iter().filter_map(move |r| selector(l, r))).collect();
    if selectors.is_empty() {
        return Err(PlaneError("no local traffic selector goes with a remote one".to_owned()));
    }
    let of_direction = |direction: &PolicyDirection| {
        let direction = *direction;
        selectors.iter().map(move |out| {
            let selector = if direction == PolicyDirection::Out { *out } else { out.reversed() };
            Policy {
                id: PolicyId::new(selector, direction),
                priority: owned::priority(&selector),
                action: Action::Allow,
                templates: vec![template(peer, policy.child.mode, outer, direction)],
            }
        })
    };
    Ok(directions.iter().flat_map(of_direction).collect())
}

/// The policies that let IPv6 neighbour discovery pass, for the whole node.
pub(super) fn neighbour_discovery() -> Vec<Policy> {
    let any = Prefix::any(Family::V6);
    let pass = |direction| {
        DISCOVERY.map(|kind| Policy {
            id: PolicyId::new(
                Selector {
                    protocol: ICMPV6,
                    // The kernel keeps the ICMP type where the source port is.
                    source_ports: Ports::one(kind),
                    ..Selector::between(any, any)
                },
                direction,
            ),
            priority: PRIORITY_PASS,
            action: Action::Allow,
            templates: Vec::new(),
        })
    };
    [PolicyDirection::Out, PolicyDirection::In].into_iter().flat_map(pass).collect()
}

/// The kernel's selector of the SAs of a Child SA, outbound, if its traffic is exactly one pair of blocks.
pub(super) fn single_selector(
    local: &[ike_proto::wire::TrafficSelector],
    remote: &[ike_proto::wire::TrafficSelector],
) -> Option<Selector> {
    let (&[local], &[remote]) = (local, remote) else { return None };
    let (local, remote) = (range_blocks(&local).ok()?, range_blocks(&remote).ok()?);
    let ([local], [remote]) = (local.as_slice(), remote.as_slice()) else { return None };
    selector(local, remote)
}

fn directions(mode: Mode) -> &'static [PolicyDirection] {
    match mode {
        Mode::Transport => &[PolicyDirection::Out, PolicyDirection::In],
        Mode::Tunnel => &[PolicyDirection::Out, PolicyDirection::In, PolicyDirection::Forward],
    }
}

fn template(peer: PeerId, mode: Mode, outer: Outer, direction: PolicyDirection) -> Template {
    let (family, reqid) = (Family::of(outer.remote), owned::reqid(peer));
    let unknown = family.unspecified();
    match (mode, direction) {
        (Mode::Transport, _) => Template::transport(family, reqid),
        (Mode::Tunnel, PolicyDirection::Out) => Template::tunnel(outer.local, outer.remote, reqid),
        (Mode::Tunnel, PolicyDirection::In | PolicyDirection::Forward) => {
            Template::tunnel(unknown, unknown, reqid)
        }
    }
}

/// The outbound selector of two blocks; `None` if they have no packet in common.
fn selector(local: &Block, remote: &Block) -> Option<Selector> {
    let protocol = match (local.protocol, remote.protocol) {
        (one, 0) => one,
        (0, other) => other,
        (one, other) => (one == other).then_some(one)?,
    };
    (local.prefix.family() == remote.prefix.family()).then_some(Selector {
        source: local.prefix,
        destination: remote.prefix,
        protocol,
        source_ports: local.ports,
        destination_ports: remote.ports,
    })
}

fn blocks_of(traffic: &[Traffic], host: Prefix) -> Result<Vec<Block>, PlaneError> {
    let mut all = Vec::new();
    for one in traffic {
        match one {
            Traffic::Host { protocol, port } => {
                let ports = if *port == 0 { Ports::ANY } else { Ports::one(*port) };
                all.push(Block { prefix: host, protocol: *protocol, ports });
            }
            Traffic::Range(range) => all.append(&mut range_blocks(range)?),
        }
    }
    Ok(all)
}

fn range_blocks(range: &ike_proto::wire::TrafficSelector) -> Result<Vec<Block>, PlaneError> {
    if range.has_opaque_port() {
        return Err(PlaneError("the kernel cannot match OPAQUE ports".to_owned()));
    }
    let ports = blocks::ports(range.start_port, range.end_port);
    let block = |prefix| {
        let protocol = range.protocol;
        ports.iter().map(move |ports| Block { prefix, protocol, ports: *ports })
    };
    Ok(blocks::prefixes(range.start, range.end).into_iter().flat_map(block).collect())
}
