//! All IKE SAs of one node: inputs find their SA, news of one SA reach the others, timers and outputs are kept.

mod commands;
mod connect;
mod demux;
mod half_open;
pub mod limits;
mod peers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crypto::Entropy;

use crate::cookie::Cookies;
use crate::ids::{EspSpi, IkeSpi};
use crate::output::{Completion, Output, RequestId, Work};
use crate::policy::{IkeProposal, PeerId};
use crate::sa::Sa;
use crate::sa::context::{Context, Directory, Queue, Shared};
use crate::status::{IkeStatus, PeerStatus};
use crate::time::Time;

use connect::Connection;
use half_open::HalfOpen;
use limits::Rate;

pub use crate::natd::Encapsulation;
pub use crate::sa::context::Ports;
pub use limits::Limits;

/// What an endpoint needs to know beside its peers.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    /// UDP ports of this node.
    pub ports: Ports,
    /// What strangers may cost.
    pub limits: Limits,
    /// Which packets the data plane wants in UDP.
    pub encapsulation: Encapsulation,
    /// Proposals for an IKE_SA_INIT request from an address that no peer is configured at: a peer behind a NAT.
    /// Its own proposals are checked once it is known. Empty: strangers are refused.
    pub default_proposals: Arc<[IkeProposal]>,
}

/// The protocol machine of one node.
///
/// After each `handle_*` call [`Endpoint::poll_output`] until it is empty, then sleep until
/// [`Endpoint::poll_timeout`] at the latest.
pub struct Endpoint {
    config: EndpointConfig,
    shared: Shared,
    sas: BTreeMap<IkeSpi, Sa>,
    connections: BTreeMap<PeerId, Connection>,
    /// Which IKE SA has which Child SA, by destination address and SPI as kernels name them.
    children: BTreeMap<(IpAddr, EspSpi), IkeSpi>,
    half_open: HalfOpen,
    cookies: Cookies,
    errors: Rate,
    sa_timers: Timers<IkeSpi>,
    peer_timers: Timers<PeerId>,
    stopping: bool,
}

impl Endpoint {
    /// An endpoint without peers.
    pub fn new(config: EndpointConfig, mut entropy: Box<dyn Entropy>) -> Endpoint {
        Endpoint {
            cookies: Cookies::new(&mut *entropy),
            errors: Rate::new(config.limits.errors_per_second),
            shared: Shared {
                ports: config.ports,
                encapsulation: config.encapsulation,
                entropy,
                directory: Directory::default(),
                queue: Queue::default(),
            },
            config,
            sas: BTreeMap::new(),
            connections: BTreeMap::new(),
            children: BTreeMap::new(),
            half_open: HalfOpen::default(),
            sa_timers: Timers::default(),
            peer_timers: Timers::default(),
            stopping: false,
        }
    }

    /// The next thing to do, in the order in which it became necessary.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.queue.outputs.pop_front()
    }

    /// When [`Endpoint::handle_timeout`] is due; `None` if nothing waits for time.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.sa_timers.next().into_iter().chain(self.peer_timers.next()).min()
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(spi) = self.sa_timers.pop_due(now) {
            self.step(now, spi, |sa, ctx| sa.handle_timeout(ctx));
        }
        while let Some(peer) = self.peer_timers.pop_due(now) {
            self.retry(now, peer);
        }
    }

    /// Takes in the answer to a piece of work; one that nobody waits for is ignored.
    pub fn handle_completion(&mut self, now: Time, id: RequestId, done: Completion) {
        let Some(waiter) = self.shared.queue.waiting.remove(&id) else { return };
        let installed = matches!(done, Completion::Installed(Ok(())));
        let child = waiter.installs.map(|end| end.child);
        self.step(now, waiter.sa, |sa, ctx| sa.handle_completion(done, child, ctx));
        let Some(end) = waiter.installs.filter(|_| installed) else { return };
        // The SA may be gone by the time that the kernel has installed its child.
        if !self.sas.get(&waiter.sa).is_some_and(|sa| sa.has_child(end.inbound_spi)) {
            self.shared.queue.work(waiter.sa, Work::RemoveChild(end));
        }
    }

    /// Whether no IKE SA is left that waits for anything: after `Command::Shutdown`, time to go.
    pub fn is_idle(&self) -> bool {
        self.sas.values().all(Sa::is_lingering)
    }

    /// Every IKE SA, half-open and closing ones included.
    pub fn ike_sas(&self) -> impl Iterator<Item = IkeStatus> + '_ {
        self.sas.values().map(Sa::status)
    }

    /// The IKE SAs of one peer.
    pub fn ike_sas_of(&self, peer: PeerId) -> impl Iterator<Item = IkeStatus> + '_ {
        let spis = self.connections.get(&peer).into_iter().flat_map(|connection| connection.sas.iter());
        spis.filter_map(|spi| self.sas.get(spi)).map(Sa::status)
    }

    /// Half-open IKE SAs as responder, now.
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// One peer's state.
    pub fn peer_status(&self, peer: PeerId) -> Option<PeerStatus> {
        let (connection, policy) = (self.connections.get(&peer)?, self.shared.directory.policy(peer)?);
        Some(connection.status(peer, policy))
    }

    /// Every peer's state, by handle.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus> + '_ {
        self.connections.keys().filter_map(|peer| self.peer_status(*peer))
    }

    /// Lets one SA take one input, then sees to what that means for timers and for other SAs.
    fn step(&mut self, now: Time, spi: IkeSpi, input: impl FnOnce(&mut Sa, &mut Context<'_>)) {
        self.step_alone(now, spi, input);
        self.spread_news(now);
    }

    fn step_alone(&mut self, now: Time, spi: IkeSpi, input: impl FnOnce(&mut Sa, &mut Context<'_>)) {
        let mut ctx = self.shared.context(now);
        let Some(sa) = self.sas.get_mut(&spi) else { return };
        input(sa, &mut ctx);
        // Counted against strangers until the peer is known to be none.
        if sa.is_authentic() {
            self.half_open.left(spi);
        }
        self.rearm(spi);
    }

    /// Sets the SA's timer anew, or forgets the SA if it has ended.
    fn rearm(&mut self, spi: IkeSpi) {
        let Some(sa) = self.sas.get(&spi) else { return };
        if !sa.is_ended() {
            return self.sa_timers.set(spi, sa.deadline());
        }
        self.sa_timers.set(spi, None);
        self.half_open.forget(spi);
        if let Some(connection) = sa.peer.and_then(|peer| self.connections.get_mut(&peer)) {
            connection.sas.remove(&spi);
        }
        self.sas.remove(&spi);
    }

    /// An SPI that none of our SAs has.
    fn fresh_spi(&mut self) -> IkeSpi {
        loop {
            let mut octets = [0; 8];
            self.shared.entropy.public(&mut octets);
            let spi = IkeSpi::from_bytes(octets);
            if !spi.is_zero() && !self.sas.contains_key(&spi) {
                return spi;
            }
        }
    }

    fn jitter(&mut self) -> u8 {
        let mut octet = [0];
        self.shared.entropy.public(&mut octet);
        let [octet] = octet;
        octet
    }
}

/// Deadlines, the earliest first; one for each key.
struct Timers<K> {
    order: BTreeSet<(Time, K)>,
    set: BTreeMap<K, Time>,
}

impl<K> Default for Timers<K> {
    fn default() -> Timers<K> {
        Timers { order: BTreeSet::new(), set: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Timers<K> {
    fn set(&mut self, key: K, deadline: Option<Time>) {
        if let Some(old) = self.set.remove(&key) {
            self.order.remove(&(old, key));
        }
        if let Some(deadline) = deadline {
            self.set.insert(key, deadline);
            self.order.insert((deadline, key));
        }
    }

    fn next(&self) -> Option<Time> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    fn pop_due(&mut self, now: Time) -> Option<K> {
        let (deadline, key) = self.order.first().copied().filter(|(deadline, _)| *deadline <= now)?;
        self.order.remove(&(deadline, key));
        self.set.remove(&key);
        Some(key)
    }
}
