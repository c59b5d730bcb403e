//! What an SA may see and do while it takes one input: the time, entropy, the peers, and a queue for outputs.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crypto::Entropy;

use crate::ids::{EspSpi, IkeSpi, Role};
use crate::natd::Encapsulation;
use crate::output::{
    ChildEnd, ChildId, DropCause, Event, Output, Path, Reason, RequestId, Socket, Transmit, Work,
};
use crate::policy::{Identity, PeerId, PeerPolicy};
use crate::time::Time;

use super::Sa;

/// Four zero octets before an IKE message on the port that it shares with ESP (RFC 3948 section 2.2).
pub(crate) const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// The UDP ports of a node and, with NAT traversal, of its peers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// IKE: 500.
    pub ike: u16,
    /// IKE and ESP in UDP: 4500, here and at the peers.
    pub nat_traversal: u16,
}

impl Default for Ports {
    fn default() -> Ports {
        Ports { ike: 500, nat_traversal: 4500 }
    }
}

/// What all SAs of an endpoint share.
pub(crate) struct Shared {
    pub ports: Ports,
    pub encapsulation: Encapsulation,
    pub entropy: Box<dyn Entropy>,
    pub directory: Directory,
    pub queue: Queue,
}

impl Shared {
    /// What one SA may see and do now.
    pub fn context(&mut self, now: Time) -> Context<'_> {
        Context {
            now,
            ports: self.ports,
            encapsulation: self.encapsulation,
            entropy: &mut *self.entropy,
            directory: &self.directory,
            queue: &mut self.queue,
        }
    }
}

/// Everything outside of an SA, for the time of one input.
pub(crate) struct Context<'a> {
    pub now: Time,
    pub ports: Ports,
    pub encapsulation: Encapsulation,
    pub entropy: &'a mut dyn Entropy,
    pub directory: &'a Directory,
    pub queue: &'a mut Queue,
}

impl Context<'_> {
    pub fn policy(&self, peer: PeerId) -> Option<Arc<PeerPolicy>> {
        self.directory.policy(peer).cloned()
    }

    /// An ESP SPI that nobody can guess and that is not reserved.
    pub fn esp_spi(&mut self) -> EspSpi {
        let mut octets = [0; 4];
        self.entropy.public(&mut octets);
        EspSpi(u32::from_be_bytes(octets).max(EspSpi::FIRST_USABLE))
    }

    /// An IKE SPI of 64 random bits: that another SA of ours has it is less likely than that the kernel fails.
    pub fn ike_spi(&mut self) -> IkeSpi {
        let mut octets = [0; 8];
        self.entropy.public(&mut octets);
        octets[0] = octets[0].max(1);
        IkeSpi::from_bytes(octets)
    }

    pub fn dropped(&mut self, from: SocketAddr, cause: DropCause) {
        self.queue.event(Event::Dropped { from, cause });
    }
}

/// The configured peers, found by handle, by identity and by address in logarithmic time.
#[derive(Default)]
pub(crate) struct Directory {
    entries: BTreeMap<PeerId, Entry>,
    by_identity: BTreeMap<Identity, PeerId>,
    by_address: BTreeMap<IpAddr, PeerId>,
}

struct Entry {
    policy: Arc<PeerPolicy>,
    established: u32,
}

impl Directory {
    pub fn policy(&self, peer: PeerId) -> Option<&Arc<PeerPolicy>> {
        self.entries.get(&peer).map(|entry| &entry.policy)
    }

    pub fn by_identity(&self, identity: &Identity) -> Option<PeerId> {
        self.by_identity.get(identity).copied()
    }

    pub fn by_address(&self, address: IpAddr) -> Option<PeerId> {
        self.by_address.get(&address).copied()
    }

    /// Whether an established IKE SA with the peer exists: then a further one is no initial contact.
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.entries.get(&peer).is_some_and(|entry| entry.established > 0)
    }

    /// Adds or replaces a peer; returns its old policy.
    pub fn set(&mut self, peer: PeerId, policy: Arc<PeerPolicy>) -> Option<Arc<PeerPolicy>> {
        let established = self.entries.get(&peer).map_or(0, |entry| entry.established);
        self.unindex(peer);
        self.by_identity.insert(policy.remote_identity.clone(), peer);
        self.by_address.insert(policy.remote, peer);
        self.entries.insert(peer, Entry { policy, established }).map(|entry| entry.policy)
    }

    pub fn remove(&mut self, peer: PeerId) {
        self.unindex(peer);
        self.entries.remove(&peer);
    }

    fn unindex(&mut self, peer: PeerId) {
        let Some(entry) = self.entries.get(&peer) else { return };
        // A reload that swaps two peers' addresses may already have given these to the other one.
        if self.by_identity.get(&entry.policy.remote_identity) == Some(&peer) {
            self.by_identity.remove(&entry.policy.remote_identity);
        }
        if self.by_address.get(&entry.policy.remote) == Some(&peer) {
            self.by_address.remove(&entry.policy.remote);
        }
    }

    /// Counts one more established IKE SA.
    pub fn connected(&mut self, peer: PeerId) {
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.established = entry.established.saturating_add(1);
        }
    }

    /// Counts one less.
    pub fn disconnected(&mut self, peer: PeerId) {
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.established = entry.established.saturating_sub(1);
        }
    }
}

/// What an SA tells the endpoint beside its outputs.
pub(crate) enum News {
    /// Both ends are authenticated.
    Established {
        /// The peer said that it knows no other IKE SA with us.
        initial_contact: bool,
    },
    /// A Child SA is installed.
    ChildUp(ChildEnd),
    /// A Child SA is gone.
    ChildDown(ChildEnd),
    /// We refused the peer, or its Child SA.
    Refused(Reason),
    /// The peer rekeyed the IKE SA: this one has its Child SAs now.
    Rekeyed(Box<Sa>),
    /// It is time to make a new IKE SA in its place.
    Aging,
    /// The attempt failed, or the IKE SA is no longer of use.
    Down {
        reason: Reason,
        /// Whether it was established before.
        established: bool,
    },
}

/// Which SA news are of, as it was when it told them.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Origin {
    pub spi: IkeSpi,
    pub peer: Option<PeerId>,
    pub role: Role,
    /// Whether it ever carried traffic.
    pub carried: bool,
}

/// Who waits for a piece of work.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Waiter {
    pub sa: IkeSpi,
    /// A Child SA that is being installed or put to use: to be removed again if the SA is gone by then.
    pub installs: Option<ChildEnd>,
}

/// Outputs in order, and the names given to work and Child SAs.
#[derive(Default)]
pub(crate) struct Queue {
    pub outputs: VecDeque<Output>,
    pub waiting: BTreeMap<RequestId, Waiter>,
    pub news: VecDeque<(Origin, News)>,
    requests: u64,
    children: u64,
}

impl Queue {
    pub fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub fn news(&mut self, origin: Origin, news: News) {
        self.news.push_back((origin, news));
    }

    /// Sends an IKE message, behind the non-ESP marker where the port asks for one.
    pub fn transmit(&mut self, path: Path, message: &[u8]) {
        let octets = match path.socket {
            Socket::Ike => message.to_vec(),
            Socket::NatTraversal => [&NON_ESP_MARKER, message].concat(),
        };
        self.outputs.push_back(Output::Transmit(Transmit { path, octets }));
    }

    /// Sends octets as they are: the NAT keepalive.
    pub fn transmit_raw(&mut self, path: Path, octets: &[u8]) {
        self.outputs.push_back(Output::Transmit(Transmit { path, octets: octets.to_vec() }));
    }

    /// Asks the world for something on behalf of an SA.
    pub fn work(&mut self, sa: IkeSpi, work: Work) -> RequestId {
        let id = RequestId(self.requests);
        self.requests = self.requests.wrapping_add(1);
        let installs = match &work {
            Work::InstallChild(child) => Some(child.end()),
            Work::UseChild(end) => Some(*end),
            Work::Route { .. } | Work::Sign { .. } | Work::Verify { .. } | Work::RemoveChild(_) => None,
        };
        self.waiting.insert(id, Waiter { sa, installs });
        self.outputs.push_back(Output::Work(id, work));
        id
    }

    /// A name for a new Child SA.
    pub fn child_id(&mut self) -> ChildId {
        self.children = self.children.wrapping_add(1);
        ChildId(self.children)
    }
}
