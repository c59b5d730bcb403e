//! Which of our addresses reaches a peer, as the kernel's routes say now.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::Exempt;

/// The source address that the kernel would use towards `remote`. Nothing is sent.
///
/// The socket passes the policies like IKE's own: otherwise the look-up itself would meet the policy that protects
/// traffic to this peer, and fail as long as there is no SA.
///
/// # Errors
/// The system's answer: `NetworkUnreachable` when there is no route.
pub fn source_address(remote: IpAddr, exempt: &dyn Exempt) -> io::Result<IpAddr> {
    /// Any port does; this one, "discard", is nobody's service.
    const PORT: u16 = 9;
    let to = SocketAddr::new(remote, PORT);
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    exempt.exempt(socket.as_fd(), remote.is_ipv6())?;
    socket.connect(&to.into())?;
    let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(local.ip())
}
