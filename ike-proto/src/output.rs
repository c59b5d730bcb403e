//! What goes in and out of the machine besides datagrams: commands, work and its completion.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crypto::{PacketKeys, Prf, Protection};

pub use crate::event::{DropCause, Event, Reason};
use crate::ids::EspSpi;
use crate::policy::{Authentication, Esn, Mode, PeerId, PeerPolicy};
use crate::wire::TrafficSelector;

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
