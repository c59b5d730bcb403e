//! What a peer may do: plain data from the daemon, without file syntax and without keys.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crypto::{Encryption, Integrity, KeGroup, Prf};

use crate::wire::{IdType, TrafficSelector};

/// The daemon's handle of one configured peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// An identity of RFC 7296 section 3.5, owned and compared octet by octet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// What kind of name it is.
    pub id_type: IdType,
    /// The name without a terminator: 4 or 16 octets of address, or text, or opaque octets.
    pub data: Vec<u8>,
}

impl Identity {
    /// A fully qualified domain name (ID_FQDN).
    pub fn fqdn(name: &str) -> Identity {
        Identity { id_type: IdType::FQDN, data: name.as_bytes().to_vec() }
    }

    /// An e-mail address (ID_RFC822_ADDR).
    pub fn email(address: &str) -> Identity {
        Identity { id_type: IdType::RFC822_ADDR, data: address.as_bytes().to_vec() }
    }

    /// Opaque octets (ID_KEY_ID).
    pub fn key_id(octets: &[u8]) -> Identity {
        Identity { id_type: IdType::KEY_ID, data: octets.to_vec() }
    }

    /// An address (ID_IPV4_ADDR or ID_IPV6_ADDR).
    pub fn address(address: IpAddr) -> Identity {
        match address {
            IpAddr::V4(v4) => Identity { id_type: IdType::IPV4_ADDR, data: v4.octets().to_vec() },
            IpAddr::V6(v6) => Identity { id_type: IdType::IPV6_ADDR, data: v6.octets().to_vec() },
        }
    }
}

impl fmt::Display for Identity {
    /// The name as an operator writes it; whatever a peer sends is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v4 = <[u8; 4]>::try_from(self.data.as_slice());
        let v6 = <[u8; 16]>::try_from(self.data.as_slice());
        match (self.id_type, v4, v6) {
            (IdType::IPV4_ADDR, Ok(octets), _) => write!(f, "{}", Ipv4Addr::from(octets)),
            (IdType::IPV6_ADDR, _, Ok(octets)) => write!(f, "{}", Ipv6Addr::from(octets)),
            (IdType::FQDN | IdType::RFC822_ADDR, _, _) => write!(f, "{}", self.data.escape_ascii()),
            (IdType::KEY_ID, _, _) => write!(f, "keyid:{}", self.data.escape_ascii()),
            _ => write!(f, "{}:{}", self.id_type, self.data.escape_ascii()),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How an end proves who it is (RFC 7296 section 2.15). The key itself stays with the daemon's keeper.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Shared Key Message Integrity Code (method 2).
    Psk,
}

/// One proposal for an IKE SA: alternatives of each type, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IkeProposal {
    /// Ciphers: all AEAD or none (RFC 7296 section 2.7: for both, "then two proposals are needed").
    pub encryption: Vec<Encryption>,
    /// Integrity algorithms: empty with AEAD ciphers, at least one otherwise.
    pub integrity: Vec<Integrity>,
    /// Pseudorandom functions, at least one.
    pub prf: Vec<Prf>,
    /// Key exchange groups, at least one; the first is the one that we send a KE payload for.
    pub groups: Vec<KeGroup>,
}

/// Whether extended (64-bit) sequence numbers are used (RFC 7296 section 3.3.2, transform type 5).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Esn {
    /// 32-bit sequence numbers.
    No,
    /// 64-bit sequence numbers.
    Yes,
}

/// One proposal for ESP: alternatives of each type, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspProposal {
    /// Ciphers: all AEAD or none.
    pub encryption: Vec<Encryption>,
    /// Integrity algorithms: empty with AEAD ciphers, at least one otherwise.
    pub integrity: Vec<Integrity>,
    /// Groups for a fresh key exchange when the Child SA is rekeyed; not sent in IKE_AUTH.
    pub groups: Vec<KeGroup>,
    /// Sequence number sizes that are acceptable, at least one.
    pub esn: Vec<Esn>,
}

/// Transport or tunnel mode (RFC 7296 section 1.3.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Between the two hosts' own addresses; asked for by USE_TRANSPORT_MODE.
    Transport,
    /// Between prefixes, inside an outer header.
    Tunnel,
}

/// What traffic one side of a Child SA carries.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The end's own address on the path, whatever it turns out to be, with this IP protocol (0: any) and port (0: any).
    Host {
        /// IP protocol number, 0 for any.
        protocol: u8,
        /// Port, 0 for any.
        port: u16,
    },
    /// Exactly this range.
    Range(TrafficSelector),
}

impl Selector {
    /// Everything to or from the end's own address.
    pub const HOST: Selector = Selector::Host { protocol: 0, port: 0 };
}

/// The Child SA that a peer shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildPolicy {
    /// Transport or tunnel; the other one is refused.
    pub mode: Mode,
    /// Traffic of our side, at least one, at most [`MAX_SELECTORS`].
    pub local: Vec<Selector>,
    /// Traffic of the peer's side, at least one, at most [`MAX_SELECTORS`].
    pub remote: Vec<Selector>,
    /// ESP proposals in order of preference, at least one.
    pub proposals: Arc<[EspProposal]>,
}

/// Most traffic selectors of one side: what fits an IKE_AUTH message comfortably.
pub const MAX_SELECTORS: usize = 32;

/// Who begins.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Connect {
    /// We keep the peer connected: initiate, and initiate again for ever when it is down.
    Always,
    /// We only answer.
    Passive,
}

/// The protocol's timers; see each default for its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// First retransmission of a request after this long; each next one waits [`Timing::BACKOFF`] longer.
    pub retransmit: Duration,
    /// Retransmissions of one request before the SA is given up.
    pub retransmissions: u32,
    /// Probe the peer when nothing authenticated came in for this long (RFC 7296 section 2.4).
    pub liveness: Duration,
    /// An IKE SA, and all that it carries, ends after this long; a new one takes its place at 80 to 97 hundredths.
    pub ike_lifetime: Duration,
    /// A Child SA ends after this long; it is rekeyed at 80 to 97 hundredths.
    pub child_lifetime: Duration,
    /// A peer that is down is tried again after this long at first, doubled each time.
    pub retry_first: Duration,
    /// Longest pause between two tries.
    pub retry_most: Duration,
}

impl Timing {
    /// Each retransmission waits 1.8 times longer than the one before, in tenths (strongSwan's default base).
    pub const BACKOFF_TENTHS: u32 = 18;
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            // 1 + 1.8 + 3.2 + 5.8 + 10.5 + 18.9 s: given up after 41 s, near the half-minute the RFC suggests (2.4).
            retransmit: Duration::from_secs(1),
            retransmissions: 5,
            liveness: Duration::from_secs(30),
            ike_lifetime: Duration::from_secs(4 * 3600),
            child_lifetime: Duration::from_secs(3600),
            retry_first: Duration::from_secs(2),
            retry_most: Duration::from_secs(60),
        }
    }
}

/// Everything the protocol needs to know about one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPolicy {
    /// Our address towards this peer; `None`: as the host routes (asked for by `Work::Route` at each attempt).
    pub local: Option<IpAddr>,
    /// The peer's address.
    pub remote: IpAddr,
    /// The UDP port that IKE_SA_INIT goes to (500 by default).
    pub port: u16,
    /// Who we say we are.
    pub local_identity: Identity,
    /// Who the peer must prove to be.
    pub remote_identity: Identity,
    /// How we prove it.
    pub local_authentication: Authentication,
    /// How the peer must prove it.
    pub remote_authentication: Authentication,
    /// IKE proposals in order of preference, at least one; shared by the peers that have the same.
    pub proposals: Arc<[IkeProposal]>,
    /// The Child SA to have.
    pub child: ChildPolicy,
    /// Who begins.
    pub connect: Connect,
    /// Timers, shared by the peers that have the same.
    pub timing: Arc<Timing>,
}
