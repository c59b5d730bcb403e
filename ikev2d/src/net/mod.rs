//! UDP for IKE: ports 500 and 4500 on each listen address, every datagram with the two addresses it travelled between.
//!
//! | file | what |
//! |---|---|
//! | `socket` | one bound, configured, non-blocking UDP socket |
//! | `pktinfo` | receive and send with our own address (IP_PKTINFO, IPV6_PKTINFO) |
//! | `route` | which local address reaches a peer |

pub(crate) mod pktinfo;
mod route;
mod socket;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use ike_proto::output::{Path, Socket as Port, Transmit};

pub use pktinfo::Received;
pub use route::source_address;
pub use socket::{Exempt, UdpSocket};

/// Most datagrams taken in one go: a flood must leave room for timers, the kernel's events and the operator.
pub const MAX_BATCH: usize = 64;

/// Octets of the receive buffer: no UDP datagram is larger, so none is cut off.
pub const RECEIVE_BUFFER: usize = 65_535;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Addresses; empty: all of both families.
    pub addresses: Vec<IpAddr>,
    /// Port of [`Port::Ike`], 500 by default.
    pub ike_port: u16,
    /// Port of [`Port::NatTraversal`], 4500 by default.
    pub nat_port: u16,
}

/// Why the sockets could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// What we wanted to bind.
    pub address: SocketAddr,
    /// What was being done.
    pub doing: &'static str,
    /// The system's answer.
    pub error: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = (self.address.ip(), self.address.port());
        match self.error.raw_os_error() {
            Some(libc::EADDRINUSE) => write!(
                f,
                "UDP port {port} on {address} is in use: is another IKE daemon running? (`ss -ulpn 'sport = :{port}'` names it)"
            ),
            Some(libc::EADDRNOTAVAIL) => {
                write!(
                    f,
                    "cannot listen on {address}: no interface has this address (see `listen` in [node])"
                )
            }
            Some(libc::EACCES) => {
                write!(f, "cannot bind UDP port {port} on {address}: CAP_NET_BIND_SERVICE is missing")
            }
            _ => write!(f, "cannot {} on {address} port {port}: {}", self.doing, self.error),
        }
    }
}

impl std::error::Error for OpenError {}

/// All UDP sockets of the daemon.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<UdpSocket>,
    /// The socket to look at first at the next wakeup, so that a busy one does not starve the others.
    first: usize,
}

impl Sockets {
    /// Binds both ports on each address.
    ///
    /// Without `listen.addresses` a host without IPv6 (or IPv4) is served on the family that it has.
    ///
    /// # Errors
    /// The first address and port that could not be bound or configured.
    pub fn open(listen: &Listen, exempt: &dyn Exempt) -> Result<Sockets, OpenError> {
        let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let everywhere = listen.addresses.is_empty();
        let addresses = if everywhere { any.as_slice() } else { listen.addresses.as_slice() };
        let mut sockets = Vec::new();
        for address in addresses {
            for (port, number) in [(Port::Ike, listen.ike_port), (Port::NatTraversal, listen.nat_port)] {
                match UdpSocket::open(SocketAddr::new(*address, number), port, exempt) {
                    Ok(socket) => sockets.push(socket),
                    Err(failure) if everywhere && family_is_absent(&failure.error) => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
        if sockets.is_empty() {
            let address = SocketAddr::new(any[0], listen.ike_port);
            let error = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
            return Err(OpenError { address, doing: "open a UDP socket", error });
        }
        Ok(Sockets { sockets, first: 0 })
    }

    /// Where we listen, for the log.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().map(UdpSocket::local)
    }

    /// Waits until a socket has a datagram; returns its number for [`Sockets::receive`].
    pub fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        let count = self.sockets.len();
        for step in 0..count {
            let index = self.first.wrapping_add(step).checked_rem(count).unwrap_or(0);
            let ready =
                self.sockets.get(index).is_some_and(|socket| socket.poll_readable(context).is_ready());
            if ready {
                self.first = index.wrapping_add(1).checked_rem(count).unwrap_or(0);
                return Poll::Ready(index);
            }
        }
        Poll::Pending
    }

    /// Takes the next datagram of a socket into `buffer`; `None` when there is none.
    pub fn receive(&self, index: usize, buffer: &mut [u8]) -> Option<io::Result<Received>> {
        self.sockets.get(index)?.receive(buffer)
    }

    /// Sends a datagram from exactly the address and port that its path names.
    ///
    /// # Errors
    /// The system's answer; `AddrNotAvailable` when no socket serves that address and port.
    pub fn send(&self, transmit: &Transmit) -> io::Result<()> {
        let socket = self.socket_for(&transmit.path).ok_or_else(|| {
            let what = format!("no socket is bound to {}", transmit.path.local);
            io::Error::new(io::ErrorKind::AddrNotAvailable, what)
        })?;
        socket.send(&transmit.octets, transmit.path.local.ip(), transmit.path.remote)
    }

    /// The address to speak from when the host routes from `routed`: that one if we listen on it, or else the first of
    /// its family that we do listen on, since the peer's answers must find a socket.
    pub fn source_for(&self, routed: IpAddr) -> IpAddr {
        let ours = || self.sockets.iter().map(|socket| socket.local().ip());
        let same_family = |address: &IpAddr| address.is_ipv4() == routed.is_ipv4();
        if ours().filter(same_family).any(|address| address == routed || address.is_unspecified()) {
            return routed;
        }
        ours().find(same_family).unwrap_or(routed)
    }

    /// The socket of a path: one bound to the very address, or else to all addresses of the family.
    fn socket_for(&self, path: &Path) -> Option<&UdpSocket> {
        let serves = |socket: &&UdpSocket| {
            socket.port() == path.socket && socket.local().is_ipv4() == path.local.is_ipv4()
        };
        let exact = self.sockets.iter().filter(serves).find(|socket| socket.local().ip() == path.local.ip());
        exact.or_else(|| {
            self.sockets.iter().filter(serves).find(|socket| socket.local().ip().is_unspecified())
        })
    }
}

/// Whether the host has no such address family at all (IPv6 switched off, for instance).
fn family_is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// A socket that nothing is done to: for tests and for the null data plane.
#[derive(Copy, Clone, Debug)]
pub struct NoExemption;

impl Exempt for NoExemption {
    fn exempt(&self, _: BorrowedFd<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn decapsulate(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }
}
