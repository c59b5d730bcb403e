//! Datagrams with both of their addresses: what IP_PKTINFO (ip(7)) and IPV6_PKTINFO (RFC 3542) add to UDP.
//!
//! A socket bound to all addresses does not say which one a datagram came to, and the kernel picks the source of an
//! answer by its routes. On a host with several addresses the peer would get an answer from an address that it
//! never asked.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use ike_proto::output::{Path, Socket as Port};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg};

/// One datagram's size and way.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Octets of the UDP payload at the start of the buffer.
    pub length: usize,
    /// From where, to where, on which of our ports.
    pub path: Path,
}

/// Receives one datagram on a socket that is bound to `bound`.
///
/// # Errors
/// The system's answer; `WouldBlock` when none waits; `InvalidData` when the kernel gave no usable address.
pub fn receive(
    socket: BorrowedFd<'_>,
    bound: SocketAddr,
    port: Port,
    buffer: &mut [u8],
) -> io::Result<Received> {
    let mut space = nix::cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let remote = message.address.as_ref().and_then(socket_address).ok_or(io::ErrorKind::InvalidData)?;
    let local = message.cmsgs()?.find_map(|control| local_address(&control)).unwrap_or(bound.ip());
    let path = Path { local: SocketAddr::new(local, bound.port()), remote, socket: port };
    Ok(Received { length: message.bytes, path })
}

/// Sends one datagram from `local` (unspecified: as the host routes) to `remote`.
///
/// # Errors
/// The system's answer.
pub fn send(socket: BorrowedFd<'_>, octets: &[u8], local: IpAddr, remote: SocketAddr) -> io::Result<()> {
    send_with(socket, octets, (local, remote), &[])
}

/// Sends datagrams of `size` octets each, the last of which may be shorter, in one go (UDP_SEGMENT).
///
/// # Errors
/// The system's answer.
pub fn send_train(
    socket: BorrowedFd<'_>,
    (octets, size): (&[u8], u16),
    local: IpAddr,
    remote: SocketAddr,
) -> io::Result<()> {
    send_with(socket, octets, (local, remote), &[ControlMessage::UdpGsoSegments(&size)])
}

fn send_with(
    socket: BorrowedFd<'_>,
    octets: &[u8],
    (local, remote): (IpAddr, SocketAddr),
    more: &[ControlMessage<'_>],
) -> io::Result<()> {
    let slices = [IoSlice::new(octets)];
    let to = SockaddrStorage::from(remote);
    let flags = MsgFlags::MSG_DONTWAIT;
    let with = |info| [[info].as_slice(), more].concat();
    match local {
        IpAddr::V4(v4) => {
            let source = libc::in_addr { s_addr: u32::from_ne_bytes(v4.octets()) };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: source,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            sendmsg(
                socket.as_raw_fd(),
                &slices,
                &with(ControlMessage::Ipv4PacketInfo(&info)),
                flags,
                Some(&to),
            )?;
        }
        IpAddr::V6(v6) => {
            // A link-local peer is reached through its own link only: the scope of the address names it.
            let link = match remote {
                SocketAddr::V6(remote) => remote.scope_id(),
                SocketAddr::V4(_) => 0,
            };
            let info =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: v6.octets() }, ipi6_ifindex: link };
            sendmsg(
                socket.as_raw_fd(),
                &slices,
                &with(ControlMessage::Ipv6PacketInfo(&info)),
                flags,
                Some(&to),
            )?;
        }
    }
    Ok(())
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}

fn local_address(control: &ControlMessageOwned) -> Option<IpAddr> {
    if let ControlMessageOwned::Ipv4PacketInfo(info) = control {
        return Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
    }
    if let ControlMessageOwned::Ipv6PacketInfo(info) = control {
        return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
    }
    None
}
