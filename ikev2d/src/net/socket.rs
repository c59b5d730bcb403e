//! One UDP socket: bound, set up for IKE, non-blocking under tokio.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use ike_proto::output::Socket as Port;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::OpenError;
use super::pktinfo::{self, Received};

/// Octets of socket buffer asked for: a reconnecting mesh of 5,000 peers sends as many messages of some 500 octets
/// within a moment, and the kernel counts about 1,280 octets for each.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// What a data plane does to the sockets that carry IKE.
pub trait Exempt {
    /// Lets the socket's own packets pass all policies; the socket carries one family, IPv6 if `ipv6`.
    ///
    /// # Errors
    /// The system's answer: `EPERM` without CAP_NET_ADMIN.
    fn exempt(&self, socket: BorrowedFd<'_>, ipv6: bool) -> io::Result<()>;

    /// Prepares the socket that ESP in UDP will come to, before it is bound.
    ///
    /// # Errors
    /// The system's answer.
    fn share(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Has ESP taken out of the datagrams of this socket (RFC 3948); it is bound.
    ///
    /// # Errors
    /// The system's answer.
    fn decapsulate(&self, socket: BorrowedFd<'_>) -> io::Result<()>;
}

/// A UDP socket that knows its port's role.
#[derive(Debug)]
pub struct UdpSocket {
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    port: Port,
}

impl UdpSocket {
    /// Binds and configures the socket.
    ///
    /// # Errors
    /// What could not be done, with the address.
    pub fn open(address: SocketAddr, port: Port, exempt: &dyn Exempt) -> Result<UdpSocket, OpenError> {
        let failed = |doing| move |error| OpenError { address, doing, error };
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("open a UDP socket"))?;
        configure(&socket, address.is_ipv6()).map_err(failed("configure the UDP socket"))?;
        // Before bind: from its first moment the socket takes nothing that a policy would have to let pass.
        exempt
            .exempt(socket.as_fd(), address.is_ipv6())
            .map_err(failed("let IKE's socket pass the policies"))?;
        if port == Port::NatTraversal {
            exempt.share(socket.as_fd()).map_err(failed("share the UDP socket's port with ESP"))?;
        }
        socket.bind(&address.into()).map_err(failed("bind a UDP socket"))?;
        if port == Port::NatTraversal {
            exempt.decapsulate(socket.as_fd()).map_err(failed("receive ESP in UDP"))?;
        }
        let local = socket.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(address);
        let socket =
            tokio::net::UdpSocket::from_std(socket.into()).map_err(failed("watch the UDP socket"))?;
        Ok(UdpSocket { socket, local, port })
    }

    /// The bound address, unspecified for all addresses.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Which port it is.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Ready when a datagram may be waiting.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        // An error here means that the runtime is gone; `receive` then finds nothing.
        self.socket.poll_recv_ready(context).map(|_| ())
    }

    /// Takes one datagram; `None` when none waits.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<io::Result<Received>> {
        let taken = self.socket.try_io(tokio::io::Interest::READABLE, || {
            pktinfo::receive(self.socket.as_fd(), self.local, self.port, buffer)
        });
        match taken {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            other => Some(other),
        }
    }

    /// Sends one datagram from `local`, without waiting.
    ///
    /// # Errors
    /// The system's answer; `WouldBlock` when the send buffer is full, which is a lost datagram like any other.
    pub fn send(&self, octets: &[u8], local: IpAddr, remote: SocketAddr) -> io::Result<()> {
        pktinfo::send(self.socket.as_fd(), octets, local, remote)
    }
}

fn configure(socket: &Socket, ipv6: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if ipv6 {
        socket.set_only_v6(true)?;
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        // A large IKE_AUTH must go out in fragments, not fail with EMSGSIZE.
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
    }
    // Past the system's limit when privileged, as much as it allows otherwise.
    if setsockopt(socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    }
    if setsockopt(socket, sockopt::SndBufForce, &SOCKET_BUFFER).is_err() {
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
    }
    Ok(())
}

/// `setsockopt` of an integer option that neither `socket2` nor `nix` has.
#[allow(unsafe_code)]
fn set_option(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let length =
        libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads `length` octets at the pointer, which is a live local of that size; it writes
    // nothing. The descriptor is open as long as `socket` is borrowed.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
