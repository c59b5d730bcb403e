//! The sockets of ESP in UDP: they share IKE's port, and the kernel tells the datagrams apart (RFC 3948 section 2.2).
//!
//! Several sockets may be bound to one address and port (SO_REUSEPORT), and a small program, run by the kernel on each
//! datagram's first octets, says which of them gets it: the first one, IKE's, if they are zero or missing, and the
//! one of ESP otherwise. So IKE never waits behind a flood of ESP, and no datagram is copied from one to the other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use ike_proto::output::Socket as Port;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::{Received, pktinfo};

/// The mark of our own packets ("IKE" and version 2), which the rule that leads into the tunnel lets pass.
pub(super) const MARK: u32 = 0x494b_4502;

/// Octets of socket buffer asked for: some milliseconds of a fast link, while the thread is not scheduled.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// A socket of ESP in UDP.
#[derive(Debug)]
pub(super) struct EspSocket {
    socket: Socket,
    local: SocketAddr,
}

impl EspSocket {
    /// Binds a second socket to the address of IKE's, which must have been [shared](share) before it was bound, and
    /// gives ESP to it.
    ///
    /// # Errors
    /// The system's answer.
    pub fn beside(ike: BorrowedFd<'_>) -> io::Result<EspSocket> {
        let ike = socket2::SockRef::from(&ike);
        let local = ike.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        mark(socket.as_fd())?;
        share(socket.as_fd())?;
        configure(&socket, local.is_ipv6())?;
        socket.bind(&local.into())?;
        steer(socket.as_fd())?;
        Ok(EspSocket { socket, local })
    }

    /// Whether packets from this address of ours go out here.
    pub fn serves(&self, local: IpAddr) -> bool {
        let ours = self.local.ip();
        ours == local || (ours.is_unspecified() && ours.is_ipv4() == local.is_ipv4())
    }

    /// Takes one datagram; `None` when none waits.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<io::Result<Received>> {
        match pktinfo::receive(self.socket.as_fd(), self.local, Port::NatTraversal, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            other => Some(other),
        }
    }

    /// Sends datagrams of `size` octets each, the last of which may be shorter, in one go.
    ///
    /// # Errors
    /// The system's answer: `EINVAL` or `EMSGSIZE` if they are longer than the path allows.
    pub fn send_train(&self, octets: &[u8], size: u16, local: IpAddr, remote: SocketAddr) -> io::Result<()> {
        pktinfo::send_train(self.socket.as_fd(), (octets, size), local, remote)
    }

    /// Sends one datagram that routers and we may fragment.
    ///
    /// # Errors
    /// The system's answer.
    pub fn send_in_fragments(&self, octets: &[u8], local: IpAddr, remote: SocketAddr) -> io::Result<()> {
        let (option, may, must_not) = if self.local.is_ipv6() {
            ((libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER), libc::IPV6_PMTUDISC_DONT, libc::IPV6_PMTUDISC_DO)
        } else {
            ((libc::IPPROTO_IP, libc::IP_MTU_DISCOVER), libc::IP_PMTUDISC_DONT, libc::IP_PMTUDISC_DO)
        };
        set_option(self.as_fd(), option, may)?;
        let sent = self.send(octets, local, remote);
        set_option(self.as_fd(), option, must_not)?;
        sent
    }

    /// Sends one datagram from `local`.
    ///
    /// # Errors
    /// The system's answer: `EMSGSIZE` if it is longer than the path allows.
    pub fn send(&self, octets: &[u8], local: IpAddr, remote: SocketAddr) -> io::Result<()> {
        pktinfo::send(self.socket.as_fd(), octets, local, remote)
    }
}

impl AsFd for EspSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Marks the socket's packets as our own.
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN.
pub(super) fn mark(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::Mark, &MARK)?)
}

/// Allows a second socket of this user on the same address and port.
///
/// # Errors
/// The system's answer.
pub(super) fn share(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::ReusePort, &true)?)
}

fn configure(socket: &Socket, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        socket.set_only_v6(true)?;
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        set_option(socket.as_fd(), (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER), libc::IPV6_PMTUDISC_DO)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        // Whoever sends packets that are too long is told so, and by us: fragments of ESP would be lost in silence.
        set_option(socket.as_fd(), (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER), libc::IP_PMTUDISC_DO)?;
    }
    // Past the system's limit, which only the privileged may exceed, as we are.
    let _ = setsockopt(socket, sockopt::RcvBufForce, &SOCKET_BUFFER);
    let _ = setsockopt(socket, sockopt::SndBufForce, &SOCKET_BUFFER);
    Ok(())
}

/// Installs the program that tells ESP from IKE for all sockets of this address and port.
fn steer(socket: BorrowedFd<'_>) -> io::Result<()> {
    let statement = |code: u32, jt: u8, jf: u8, k: u32| {
        let code = u16::try_from(code).unwrap_or(0);
        libc::sock_filter { code, jt, jf, k }
    };
    // A load beyond the datagram's end ends the program with 0: a keepalive is IKE's.
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 0),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, IKE),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, ESP),
    ];
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    Ok(setsockopt(&socket, sockopt::AttachReusePortCbpf, &program)?)
}

/// The sockets of one address and port in the order in which they were bound.
const IKE: u32 = 0;
const ESP: u32 = 1;

/// The longest packet that the path to `remote` takes now, in octets, as the kernel knows it. Nothing is sent.
///
/// # Errors
/// The system's answer: no route, for instance.
pub(super) fn path_mtu(remote: IpAddr) -> io::Result<usize> {
    /// Any port does; this one, "discard", is nobody's service.
    const PORT: u16 = 9;
    let to = SocketAddr::new(remote, PORT);
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    mark(socket.as_fd())?;
    socket.connect(&to.into())?;
    let option = if remote.is_ipv6() {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU)
    };
    let mtu = get_option(socket.as_fd(), option)?;
    usize::try_from(mtu).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// `setsockopt` of an integer option that neither `socket2` nor `nix` has.
#[allow(unsafe_code)]
fn set_option(
    socket: BorrowedFd<'_>,
    (level, option): (libc::c_int, libc::c_int),
    value: libc::c_int,
) -> io::Result<()> {
    let length =
        libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads `length` octets at the pointer, which is a live local of that size; it writes
    // nothing. The descriptor is open as long as it is borrowed.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `getsockopt` of an integer option.
#[allow(unsafe_code)]
fn get_option(
    socket: BorrowedFd<'_>,
    (level, option): (libc::c_int, libc::c_int),
) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length =
        libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel writes at most `length` octets at the pointer, a live local of that size, and the number of
    // octets to `length`. The descriptor is open as long as it is borrowed.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
