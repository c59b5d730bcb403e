//! The network: datagrams, completions and timers in one queue, ordered by time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crypto::{Entropy, SeededEntropy};
use ike_proto::endpoint::EndpointConfig;
use ike_proto::output::{Command, Completion, Event, Output, Path, RequestId, Transmit};
use ike_proto::policy::{PeerId, PeerPolicy};
use ike_proto::status::PeerState;
use ike_proto::time::Time;

use crate::kernel::Kernel;
use crate::node::Node;
use crate::policies::{Setup, address, ike_proposal};
use crate::watch::Watch;

/// How bad the network is; chances are in thousandths.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Least time of a datagram on the way.
    pub latency: Duration,
    /// Up to so much more, at random: datagrams overtake each other.
    pub jitter: Duration,
    /// Chance that a datagram is lost.
    pub loss: u16,
    /// Chance that a datagram arrives twice.
    pub duplicate: u16,
    /// Work takes up to so long.
    pub work: Duration,
}

impl Conditions {
    /// Nothing is lost, everything takes a millisecond.
    pub fn good() -> Conditions {
        Conditions {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: 0,
            duplicate: 0,
            work: Duration::ZERO,
        }
    }

    /// A tenth lost, a tenth doubled, everything out of order, slow signers.
    pub fn bad() -> Conditions {
        Conditions {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(400),
            loss: 100,
            duplicate: 100,
            work: Duration::from_millis(50),
        }
    }
}

/// A datagram with the index of its sender.
pub type Sent = (usize, Transmit);

/// How far a simulated NAT moves ports.
pub const NAT_PORTS: u16 = 10_000;

/// Decides whether a sender's datagram is dropped.
pub type Censor = Box<dyn FnMut(usize, &Transmit) -> bool>;

enum Happening {
    Arrives(usize, Path, Vec<u8>),
    Done(usize, RequestId, Completion),
}

/// Nodes and the wire between them.
pub struct World {
    /// Now.
    pub now: Time,
    /// The nodes, by index.
    pub nodes: Vec<Node>,
    /// The weather, open to change at any time.
    pub conditions: Conditions,
    /// Every datagram that was sent, with its sender, whether or not it arrived.
    pub wire: Vec<Sent>,
    /// Nodes behind a NAT, by index: the address that the others see, with ports moved by [`NAT_PORTS`].
    pub nat: BTreeMap<usize, IpAddr>,
    /// Drops a datagram of this sender if it says so.
    pub censor: Option<Censor>,
    /// Asserts after each step that what a node sends can be received: on for good networks.
    pub no_black_hole: bool,
    seed: u64,
    dice: SeededEntropy,
    queue: BTreeMap<(Time, u64), Happening>,
    order: u64,
    watches: Vec<Watch>,
}

impl World {
    /// `count` nodes that know nobody.
    pub fn new(count: usize, conditions: Conditions, seed: u64) -> World {
        let mut world = World {
            now: Time::ZERO,
            nodes: Vec::new(),
            conditions,
            wire: Vec::new(),
            nat: BTreeMap::new(),
            censor: None,
            no_black_hole: false,
            seed,
            dice: SeededEntropy::new(seed),
            queue: BTreeMap::new(),
            order: 0,
            watches: Vec::new(),
        };
        for index in 0..count {
            world.nodes.push(world.fresh_node(index, 0));
            world.watches.push(Watch::default());
        }
        world
    }

    /// Two nodes by a [`Setup`], with the same PSK.
    pub fn pair(setup: &Setup, conditions: Conditions, seed: u64) -> World {
        let mut world = World::new(2, conditions, seed);
        world.introduce(0, 1, setup.initiator.clone());
        world.introduce(1, 0, setup.responder.clone());
        world
    }

    fn fresh_node(&self, index: usize, life: u64) -> Node {
        let config =
            EndpointConfig { default_proposals: Arc::from([ike_proposal()]), ..EndpointConfig::default() };
        let seed = self.seed.wrapping_mul(1_000_003) ^ (life << 32) ^ index as u64;
        Node::new(address(index), config, seed)
    }

    /// Gives node `index` a peer; its handle is the other node's index.
    pub fn introduce(&mut self, index: usize, peer: usize, policy: PeerPolicy) {
        let id = peer_id(peer);
        let pair = (index.min(peer), index.max(peer));
        self.nodes[index].psks.insert(id, format!("the secret of {pair:?}").into_bytes());
        self.command(index, Command::Configure(id, Arc::new(policy)));
    }

    /// The machine stops without a word and starts again with nothing.
    pub fn restart(&mut self, index: usize, life: u64, peers: &[(usize, PeerPolicy)]) {
        self.queue.retain(|_, happening| !matches!(happening, Happening::Done(node, ..) if *node == index));
        let mut node = self.fresh_node(index, life);
        std::mem::swap(&mut node, &mut self.nodes[index]);
        self.watches[index] = Watch::default();
        for (peer, policy) in peers {
            self.introduce(index, *peer, policy.clone());
        }
    }

    /// Tells a node something.
    pub fn command(&mut self, index: usize, command: Command) {
        let now = self.now;
        self.nodes[index].endpoint.handle_command(now, command);
        self.drain(index);
    }

    /// Puts octets into a node as if they had come from the wire.
    pub fn inject(&mut self, index: usize, path: Path, octets: &[u8]) {
        let mut octets = octets.to_vec();
        self.nodes[index].endpoint.handle_datagram(self.now, path, &mut octets);
        self.drain(index);
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until the condition holds; panics if it does not within the time.
    pub fn run_until(&mut self, within: Duration, what: &str, mut holds: impl FnMut(&World) -> bool) {
        let end = self.now + within;
        while !holds(self) {
            assert!(self.step(end), "seed {}: not within {within:?}: {what}", self.seed);
        }
    }

    /// The next thing happens, if anything does before `end`.
    fn step(&mut self, end: Time) -> bool {
        let arrival = self.queue.first_key_value().map(|((time, _), _)| *time);
        let timer = self.nodes.iter().filter_map(|node| node.endpoint.poll_timeout()).min();
        let Some(next) = arrival.into_iter().chain(timer).min().filter(|next| *next <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        if self.no_black_hole {
            self.assert_no_black_hole();
        }
        match self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            Some(entry) => {
                let happening = entry.remove();
                self.happen(happening);
            }
            None => {
                for index in 0..self.nodes.len() {
                    if self.nodes[index].endpoint.poll_timeout().is_some_and(|due| due <= self.now) {
                        self.nodes[index].endpoint.handle_timeout(self.now);
                        self.drain(index);
                        Watch::settled(&self.nodes[index], self.now);
                    }
                }
            }
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives(index, path, mut octets) => {
                self.nodes[index].endpoint.handle_datagram(self.now, path, &mut octets);
                self.drain(index);
            }
            Happening::Done(index, id, completion) => {
                self.nodes[index].endpoint.handle_completion(self.now, id, completion);
                self.drain(index);
            }
        }
    }

    /// Carries out what a node wants, in order.
    fn drain(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].endpoint.poll_output() {
            self.watches[index].output(&output);
            match output {
                Output::Event(event) => self.nodes[index].events.push(event),
                Output::Transmit(transmit) => self.transmit(index, transmit),
                Output::Work(id, work) => {
                    // The work is done at once and its completion comes later: the order of a real kernel.
                    let done = self.nodes[index].work(work);
                    let most = self.conditions.work;
                    let when = self.now + self.part_of(most);
                    self.enqueue(when, Happening::Done(index, id, done));
                }
            }
        }
    }

    fn transmit(&mut self, index: usize, transmit: Transmit) {
        let censored = self.censor.as_mut().is_some_and(|censor| censor(index, &transmit));
        if !censored && !self.chance(self.conditions.loss) {
            self.deliver(index, &transmit);
            if self.chance(self.conditions.duplicate) {
                self.deliver(index, &transmit);
            }
        }
        self.wire.push((index, transmit));
    }

    fn deliver(&mut self, sender: usize, transmit: &Transmit) {
        let mut to = transmit.path.remote;
        let mut from = transmit.path.local;
        if let Some(public) = self.nat.get(&sender) {
            from = SocketAddr::new(*public, from.port() + NAT_PORTS);
        }
        if let Some((index, _)) = self.nat.iter().find(|(_, public)| **public == to.ip()) {
            // Only to a port that the NAT opened, from outside.
            let Some(port) = to.port().checked_sub(NAT_PORTS) else { return };
            to = SocketAddr::new(self.nodes[*index].address, port);
        }
        let Some(index) = self.nodes.iter().position(|node| node.address == to.ip()) else { return };
        let path = Path { local: to, remote: from, socket: transmit.path.socket };
        let (latency, jitter) = (self.conditions.latency, self.conditions.jitter);
        let when = self.now + latency + self.part_of(jitter);
        self.enqueue(when, Happening::Arrives(index, path, transmit.octets.clone()));
    }

    fn enqueue(&mut self, when: Time, happening: Happening) {
        self.order += 1;
        self.queue.insert((when, self.order), happening);
    }

    fn roll(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.dice.public(&mut octets);
        u32::from_be_bytes(octets)
    }

    fn chance(&mut self, thousandths: u16) -> bool {
        thousandths > 0 && self.roll() % 1000 < u32::from(thousandths)
    }

    fn part_of(&mut self, duration: Duration) -> Duration {
        if duration.is_zero() { duration } else { duration * (self.roll() % 1000) / 1000 }
    }

    /// Asserts that the Child SA that each of two nodes sends on is one that the other one has.
    fn assert_no_black_hole(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(child) = node.kernel.outbound() else {
                panic!("seed {}: node {index} has no SA", self.seed)
            };
            let other = self.nodes.iter().find(|other| other.address == child.remote.ip());
            let received = other.is_some_and(|other| other.kernel.child(child.outbound_spi).is_some());
            assert!(
                received,
                "seed {}: at {:?} node {index} sends into nothing: {child:?}",
                self.seed, self.now
            );
        }
    }

    /// Whether node `index` says that its peer is up.
    pub fn is_up(&self, index: usize, peer: usize) -> bool {
        self.nodes[index].endpoint.peer_status(peer_id(peer)).is_some_and(|p| p.state == PeerState::Up)
    }

    /// Runs until both ends say that the other is up.
    pub fn run_until_up(&mut self, within: Duration) {
        self.run_until(within, "both ends up", |world| world.is_up(0, 1) && world.is_up(1, 0));
    }

    /// The number of Child SAs that a node's endpoint lists with a peer.
    pub fn children(&self, index: usize, peer: usize) -> usize {
        self.nodes[index].endpoint.ike_sas_of(peer_id(peer)).map(|sa| sa.children.len()).sum()
    }

    /// Asserts that every node's endpoint and kernel list the same Child SAs, and that each pairs with one at the
    /// other end: nothing leaked, nothing black-holed.
    pub fn assert_agreed(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let listed: Vec<_> = node.endpoint.ike_sas().flat_map(|sa| sa.children).collect();
            assert_eq!(
                listed.len(),
                node.kernel.children().count(),
                "seed {}: node {index}: endpoint and kernel differ",
                self.seed
            );
            for child in node.kernel.children() {
                let other = self.nodes.iter().find(|other| other.address == child.remote.ip());
                let other = other.expect("a child's remote end is a node");
                assert!(
                    Kernel::pairs_with(child, &other.kernel),
                    "seed {}: node {index}: {child:?} has no partner",
                    self.seed
                );
            }
        }
    }

    /// Whether a node has seen an event like this.
    pub fn saw(&self, index: usize, like: impl Fn(&Event) -> bool) -> bool {
        self.nodes[index].events.iter().any(like)
    }
}

/// The handle by which nodes know node `index`.
pub fn peer_id(index: usize) -> PeerId {
    PeerId(u32::try_from(index).expect("few nodes"))
}
