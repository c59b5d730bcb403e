//! Socket options that neither `std` nor `netlink-sys` has. The only `unsafe` of this crate.

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_xfrm::constants::{XFRM_POLICY_ALLOW, XFRM_POLICY_IN, XFRM_POLICY_OUT};
use netlink_packet_xfrm::{UserPolicyInfo, XFRM_USER_POLICY_INFO_LEN};

use crate::wire::address_family;
use crate::{Error, Family};

/// `UDP_ENCAP` (linux/udp.h).
const UDP_ENCAP: libc::c_int = 100;
/// `UDP_ENCAP_ESPINUDP`: ESP in UDP as of RFC 3948.
const UDP_ENCAP_ESPINUDP: libc::c_int = 2;

/// Lets all packets of a socket pass, in both directions, whatever the SPD says.
///
/// This is for the sockets that carry IKE. The policy belongs to the socket and dies with it; it covers the
/// family of the socket, so an IPv6 socket must not carry IPv4 too (`IPV6_V6ONLY`).
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN; `ENOPROTOOPT` or `EOPNOTSUPP` without XFRM, or when the family is not the socket's.
pub fn bypass_socket(socket: BorrowedFd<'_>, family: Family) -> Result<(), Error> {
    let (level, option) = match family {
        Family::V4 => (libc::IPPROTO_IP, libc::IP_XFRM_POLICY),
        Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_XFRM_POLICY),
    };
    for direction in [XFRM_POLICY_IN, XFRM_POLICY_OUT] {
        let mut policy = UserPolicyInfo { action: XFRM_POLICY_ALLOW, direction, ..UserPolicyInfo::default() };
        policy.selector.family = address_family(family);
        let mut bytes = [0; XFRM_USER_POLICY_INFO_LEN];
        policy.emit(&mut bytes);
        set(socket, level, option, &bytes).map_err(|error| {
            Error::call("let IKE's socket pass the policies", "setsockopt", &error).with_hint(
                (error.raw_os_error() == Some(libc::EPERM))
                    .then(|| crate::operation::NEEDS_CAPABILITY.into()),
            )
        })?;
    }
    Ok(())
}

/// Makes the kernel take ESP out of the UDP packets that this socket receives (RFC 3948).
///
/// Packets with four octets of zeros in front (the non-ESP marker) still come to the socket.
///
/// # Errors
/// `ENOPROTOOPT` when the kernel was built without XFRM, or the socket is not UDP.
pub fn enable_udp_encapsulation(socket: BorrowedFd<'_>) -> Result<(), Error> {
    set(socket, libc::IPPROTO_UDP, UDP_ENCAP, &UDP_ENCAP_ESPINUDP.to_ne_bytes())
        .map_err(|error| Error::call("receive ESP in UDP", "setsockopt", &error))
}

/// Gives the socket buffers of this many bytes, past the system's limit when privileged; best effort.
pub(crate) fn enlarge_buffers(socket: BorrowedFd<'_>, send: i32, receive: i32) {
    for (forced, plain, size) in
        [(libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send), (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive)]
    {
        if set(socket, libc::SOL_SOCKET, forced, &size.to_ne_bytes()).is_err() {
            let _ = set(socket, libc::SOL_SOCKET, plain, &size.to_ne_bytes());
        }
    }
}

/// Bounds the time that a read blocks.
pub(crate) fn set_read_timeout(socket: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let seconds = libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX);
    let mut bytes = seconds.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&libc::suseconds_t::default().to_ne_bytes());
    set(socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &bytes)
}

/// `setsockopt` with the value's octets as they lie in memory.
#[allow(unsafe_code)]
fn set(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(value)).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads `length` octets at the pointer, which are those of `value`, alive and
    // initialised during the call; it writes nothing. The descriptor is open as long as `socket` is borrowed.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
