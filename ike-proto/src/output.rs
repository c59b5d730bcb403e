//! What goes in and out of the machine besides datagrams: commands, work and its completion, events.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crypto::{PacketKeys, Prf, Protection};

use crate::ids::{EspSpi, IkeSpi, Role};
use crate::policy::{Authentication, Esn, Identity, Mode, PeerId, PeerPolicy};
use crate::time::Time;
use crate::wire::{ExchangeType, NotifyType, TrafficSelector};

/// Which of the two UDP ports a datagram used (RFC 7296 section 2.23).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Socket {
    /// Port 500: IKE messages as they are.
    Ike,
    /// Port 4500: IKE messages behind four zero octets (the non-ESP marker), beside UDP-encapsulated ESP.
    NatTraversal,
}

/// Where a datagram came from or goes to, seen from here.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Our address and port, exactly as in the IP header.
    pub local: SocketAddr,
    /// The peer's address and port, exactly as in the IP header.
    pub remote: SocketAddr,
    /// Which socket.
    pub socket: Socket,
}

/// A datagram to send; `octets` is the whole UDP payload, non-ESP marker included.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From where to where.
    pub path: Path,
    /// The UDP payload.
    pub octets: Vec<u8>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transmit({} octets {} -> {})", self.octets.len(), self.path.local, self.path.remote)
    }
}

/// Names one piece of work, so that its completion finds the SA that waits for it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names one Child SA for as long as the daemon runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// What the machine asks of the world; drained with `Endpoint::poll_output` after every `handle_*`.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram.
    Transmit(Transmit),
    /// Do this, then call `Endpoint::handle_completion` once with the same ID.
    Work(RequestId, Work),
    /// This happened.
    Event(Event),
}

/// Anything slow, privileged, or that needs a private key, the kernel or the wall clock.
#[derive(Debug)]
pub enum Work {
    /// Which local address reaches `remote`? Completed by [`Completion::Routed`].
    Route {
        /// The peer that is to be reached.
        peer: PeerId,
        /// Its address.
        remote: IpAddr,
    },
    /// Compute our AUTH data over `octets`. Completed by [`Completion::Signed`].
    Sign {
        /// Whose key to use.
        peer: PeerId,
        /// By which method.
        authentication: Authentication,
        /// The IKE SA's PRF, which PSK authentication uses.
        prf: Prf,
        /// The octets of RFC 7296 section 2.15, secret-free.
        octets: Vec<u8>,
    },
    /// Check the peer's AUTH data over `octets`. Completed by [`Completion::Verified`].
    Verify {
        /// Whose key to use.
        peer: PeerId,
        /// By which method.
        authentication: Authentication,
        /// The IKE SA's PRF, which PSK authentication uses.
        prf: Prf,
        /// The octets of RFC 7296 section 2.15.
        octets: Vec<u8>,
        /// The AUTH payload's data as received.
        auth: Vec<u8>,
    },
    /// Install a Child SA: the inbound direction, and the outbound one as [`ChildSa::sending`] says. Completed by
    /// [`Completion::Installed`].
    InstallChild(Box<ChildSa>),
    /// Install the outbound direction of a Child SA that was installed with [`Sending::Later`]. Completed by
    /// [`Completion::Used`].
    UseChild(ChildEnd),
    /// Remove both directions. Completed by [`Completion::Removed`].
    RemoveChild(ChildEnd),
}

/// The answer to one [`Work`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The local address, or why there is none.
    Routed(Result<IpAddr, String>),
    /// The AUTH data, or why there is none.
    Signed(Result<Vec<u8>, String>),
    /// Whether the peer proved its identity.
    Verified(bool),
    /// Whether the kernel took the SAs, or its reason.
    Installed(Result<(), String>),
    /// Whether the kernel took the outbound SA, or its reason.
    Used(Result<(), String>),
    /// The SAs are gone.
    Removed,
}

/// When to send on a new Child SA.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sending {
    /// As soon as it is installed.
    AtOnce,
    /// When told by [`Work::UseChild`]: the peer cannot receive on it yet, and the SA that it replaces still works
    /// (RFC 7296 section 2.8).
    Later,
}

/// A Child SA as a data plane installs it: one SA for each direction.
pub struct ChildSa {
    /// Its name.
    pub child: ChildId,
    /// Whose it is.
    pub peer: PeerId,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Our outer address, with the UDP port if encapsulated.
    pub local: SocketAddr,
    /// The peer's outer address, with the UDP port if encapsulated.
    pub remote: SocketAddr,
    /// Whether ESP travels in UDP (RFC 3948).
    pub encapsulated: bool,
    /// The SPI that we chose: the peer puts it into packets to us.
    pub inbound_spi: EspSpi,
    /// The SPI that the peer chose.
    pub outbound_spi: EspSpi,
    /// Cipher and integrity algorithm.
    pub protection: Protection,
    /// 32- or 64-bit sequence numbers.
    pub esn: Esn,
    /// Keys of packets to us.
    pub inbound: PacketKeys,
    /// Keys of packets from us.
    pub outbound: PacketKeys,
    /// Our side's traffic, as negotiated.
    pub local_selectors: Vec<TrafficSelector>,
    /// The peer's side's traffic, as negotiated.
    pub remote_selectors: Vec<TrafficSelector>,
    /// When to send on it.
    pub sending: Sending,
}

impl ChildSa {
    /// What remains to be known of it once it is installed.
    pub fn end(&self) -> ChildEnd {
        ChildEnd {
            child: self.child,
            peer: self.peer,
            local: self.local.ip(),
            remote: self.remote.ip(),
            inbound_spi: self.inbound_spi,
            outbound_spi: self.outbound_spi,
        }
    }
}

impl fmt::Debug for ChildSa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSa")
            .field("child", &self.child)
            .field("peer", &self.peer)
            .field("mode", &self.mode)
            .field("inbound_spi", &self.inbound_spi)
            .field("outbound_spi", &self.outbound_spi)
            .finish_non_exhaustive()
    }
}

/// Enough to find both directions of a Child SA in a kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ChildEnd {
    /// Its name.
    pub child: ChildId,
    /// Whose it is.
    pub peer: PeerId,
    /// Our outer address.
    pub local: IpAddr,
    /// The peer's outer address.
    pub remote: IpAddr,
    /// The SPI of packets to us.
    pub inbound_spi: EspSpi,
    /// The SPI of packets from us.
    pub outbound_spi: EspSpi,
}

/// What the daemon tells the machine.
#[derive(Clone, Debug)]
pub enum Command {
    /// A new peer, or new policy for a known one: its SAs are kept if only timers or `connect` changed, and are
    /// replaced by new ones otherwise.
    Configure(PeerId, Arc<PeerPolicy>),
    /// The peer is gone from the configuration: delete its SAs politely and forget it.
    Remove(PeerId),
    /// Connect now, and keep connected (`ikectl up`).
    Connect(PeerId),
    /// Delete the peer's SAs politely and stay down until told otherwise; the peer may still initiate (`ikectl down`).
    Disconnect(PeerId),
    /// The kernel has a packet for this peer and no SA.
    Acquire(PeerId),
    /// The kernel says that an SA reached its soft (replace it) or hard (it is gone) limit.
    Expired {
        /// The SPI of the SA that expired, of either direction.
        spi: EspSpi,
        /// The SA's destination address.
        destination: IpAddr,
        /// Whether the kernel has removed it.
        hard: bool,
    },
    /// Delete every SA politely; the machine is done when `Endpoint::is_idle`.
    Shutdown,
}

/// Something that an operator or a metric wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An IKE SA is authenticated.
    IkeUp {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's.
        spis: (IkeSpi, IkeSpi),
        /// Our role in it.
        role: Role,
        /// The path that it uses.
        path: Path,
    },
    /// An IKE SA ended.
    IkeDown {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's.
        spis: (IkeSpi, IkeSpi),
        /// Why.
        reason: Reason,
    },
    /// An IKE SA has new keys and new SPIs; its Child SAs go on.
    IkeRekeyed {
        /// With whom.
        peer: PeerId,
        /// Our SPI and the peer's, before.
        old: (IkeSpi, IkeSpi),
        /// Our SPI and the peer's, now.
        new: (IkeSpi, IkeSpi),
    },
    /// A Child SA that we wanted to rekey stays as it is for now.
    RekeyFailed {
        /// Which.
        child: ChildEnd,
        /// Why.
        reason: Reason,
    },
    /// A Child SA is installed: traffic passes.
    ChildUp(ChildEnd),
    /// A Child SA is being removed.
    ChildDown {
        /// Which.
        child: ChildEnd,
        /// Why.
        reason: Reason,
    },
    /// An attempt of ours to connect failed.
    AttemptFailed {
        /// To whom.
        peer: PeerId,
        /// Why.
        reason: Reason,
        /// When the next attempt is due; `None` if there will be none.
        retry: Option<Time>,
    },
    /// We refused a peer, or what it asked for.
    Refused {
        /// Who it was, if known.
        peer: Option<PeerId>,
        /// Where from.
        from: SocketAddr,
        /// Why.
        reason: Reason,
    },
    /// A datagram was dropped without an answer.
    Dropped {
        /// Where from.
        from: SocketAddr,
        /// Why.
        cause: DropCause,
    },
}

/// Why something ended, failed or was refused: one line for the operator, one label for a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer did not answer all retransmissions of a request of this exchange.
    NoAnswer(ExchangeType),
    /// The host has no route or address towards the peer.
    NoRoute(String),
    /// The peer refused with this error notify in this exchange.
    PeerRefused(ExchangeType, NotifyType),
    /// The peer's message broke the protocol.
    Protocol(String),
    /// The peer's AUTH does not prove its identity: wrong key.
    AuthenticationFailed,
    /// The peer says that it is somebody else than configured.
    WrongIdentity(Identity),
    /// Nobody in the configuration has this identity.
    UnknownIdentity(Identity),
    /// No proposal of the peer's is acceptable.
    NoProposalChosen,
    /// No traffic of the peer's selectors is acceptable.
    TrafficSelectors,
    /// The peer wants the other mode.
    WrongMode(Mode),
    /// We could not sign: key missing or unusable.
    NoKey(String),
    /// The kernel refused the SAs.
    Kernel(String),
    /// The peer deleted it.
    DeletedByPeer,
    /// We deleted it: told to by the operator.
    Operator,
    /// We deleted it: removed from the configuration, or its configuration changed.
    Configuration,
    /// A newer SA took its place.
    Replaced,
    /// It was rekeyed: another Child SA with the same traffic took its place.
    Rekeyed,
    /// The peer restarted (INITIAL_CONTACT).
    InitialContact,
    /// It reached the end of its lifetime.
    Expired,
    /// We are stopping.
    Shutdown,
}

/// Why a datagram was dropped; each is a counter.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropCause {
    /// Not an IKE message, or malformed outside protection.
    Malformed,
    /// An SPI that we do not know.
    UnknownSpi,
    /// A major version above 2.
    Version,
    /// The integrity check failed.
    Integrity,
    /// An exchange or role that makes no sense in the SA's phase.
    Unexpected,
    /// A message ID outside the window.
    MessageId,
    /// More half-open SAs than the limit, or a cookie was demanded.
    HalfOpenLimit,
    /// Nobody is configured at that address and strangers are refused.
    UnknownPeer,
    /// A response that matches no request.
    UnknownResponse,
    /// An invalid key exchange value in IKE_SA_INIT (RFC 6989).
    InvalidKeyExchange,
    /// An unauthenticated error notify, which changes nothing (RFC 7296 section 2.4).
    UnauthenticatedNotify,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoAnswer(exchange) => write!(f, "no answer to {exchange}"),
            Reason::NoRoute(why) => write!(f, "no route: {why}"),
            Reason::PeerRefused(exchange, notify) => write!(f, "the peer answered {notify} to {exchange}"),
            Reason::Protocol(what) => write!(f, "protocol error: {what}"),
            Reason::AuthenticationFailed => {
                f.write_str("AUTHENTICATION_FAILED: the peer's AUTH does not match its key")
            }
            Reason::WrongIdentity(id) => write!(f, "AUTHENTICATION_FAILED: the peer says that it is {id}"),
            Reason::UnknownIdentity(id) => write!(f, "AUTHENTICATION_FAILED: no peer has the identity {id}"),
            Reason::NoProposalChosen => f.write_str("NO_PROPOSAL_CHOSEN: no common proposal"),
            Reason::TrafficSelectors => f.write_str("TS_UNACCEPTABLE: no common traffic selectors"),
            Reason::WrongMode(Mode::Transport) => {
                f.write_str("the peer wants transport mode, we want tunnel")
            }
            Reason::WrongMode(Mode::Tunnel) => f.write_str("the peer wants tunnel mode, we want transport"),
            Reason::NoKey(why) => write!(f, "no key: {why}"),
            Reason::Kernel(why) => write!(f, "the kernel refused the SAs: {why}"),
            Reason::DeletedByPeer => f.write_str("deleted by the peer"),
            Reason::Operator => f.write_str("deleted by the operator"),
            Reason::Configuration => f.write_str("configuration changed"),
            Reason::Replaced => f.write_str("replaced by a newer SA"),
            Reason::Rekeyed => f.write_str("rekeyed"),
            Reason::InitialContact => f.write_str("the peer restarted (INITIAL_CONTACT)"),
            Reason::Expired => f.write_str("lifetime reached"),
            Reason::Shutdown => f.write_str("shutting down"),
        }
    }
}
