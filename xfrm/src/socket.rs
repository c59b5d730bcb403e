//! The netlink socket of the XFRM family.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_XFRM;

use crate::operation::NEEDS_CAPABILITY;
use crate::{Error, sockopt};

/// Octets that one read may bring: the kernel builds dump packets of at most 32 KiB, all others are smaller.
const READ: usize = 64 * 1024;
/// Send buffer in octets: the kernel charges a whole batch to it.
const SEND_BUFFER: i32 = 1024 * 1024;
/// Receive buffer in octets: room for the refusals of a batch, or for some thousands of events in a burst.
const RECEIVE_BUFFER: i32 = 4 * 1024 * 1024;
/// The kernel answers before `sendto` returns; a longer wait means that the answer is lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A bound socket.
pub(crate) struct Link {
    socket: Socket,
}

impl Link {
    /// Opens a socket that waits for answers.
    pub(crate) fn open() -> Result<Self, Error> {
        const WHAT: &str = "open netlink XFRM";
        let mut socket = Socket::new(NETLINK_XFRM).map_err(|error| {
            let hint = match error.raw_os_error() {
                Some(libc::EPROTONOSUPPORT) => {
                    Some("the kernel has no XFRM over netlink: load the module xfrm_user (CONFIG_XFRM_USER)")
                }
                Some(libc::EAFNOSUPPORT) => Some("the kernel has no netlink sockets"),
                Some(libc::EPERM | libc::EACCES) => Some(NEEDS_CAPABILITY),
                _ => None,
            };
            Error::call(WHAT, "socket", &error).with_hint(hint.map(Into::into))
        })?;
        socket.bind_auto().map_err(|error| Error::call(WHAT, "bind", &error))?;
        sockopt::enlarge_buffers(socket.as_fd(), SEND_BUFFER, RECEIVE_BUFFER);
        sockopt::set_read_timeout(socket.as_fd(), ANSWER_TIMEOUT)
            .map_err(|error| Error::call(WHAT, "setsockopt", &error))?;
        // Both only shape the answers: refusals without a copy of the request (which holds keys), and with the
        // kernel's own words.
        socket.set_cap_ack(true).map_err(|error| Error::call(WHAT, "setsockopt", &error))?;
        socket.set_ext_ack(true).map_err(|error| Error::call(WHAT, "setsockopt", &error))?;
        Ok(Self { socket })
    }

    /// Opens a socket that never waits and hears the given multicast groups.
    pub(crate) fn listen(groups: impl Iterator<Item = u32>) -> Result<Self, Error> {
        const WHAT: &str = "listen to XFRM events";
        let link = Self::open()?;
        link.socket.set_non_blocking(true).map_err(|error| Error::call(WHAT, "fcntl", &error))?;
        for group in groups {
            link.socket.add_membership(group).map_err(|error| {
                let hint = (error.raw_os_error() == Some(libc::EPERM)).then(|| NEEDS_CAPABILITY.into());
                Error::call(WHAT, "setsockopt", &error).with_hint(hint)
            })?;
        }
        Ok(link)
    }

    /// A buffer that holds any packet that the kernel sends.
    pub(crate) fn buffer() -> Vec<u8> {
        Vec::with_capacity(READ)
    }

    /// Sends requests to the kernel, which has handled them when this returns.
    pub(crate) fn send(&self, requests: &[u8]) -> io::Result<()> {
        retry(|| self.socket.send(requests, 0)).map(drop)
    }

    /// Replaces the content of `buffer` (one of [`Link::buffer`]) by the next packet from the kernel.
    ///
    /// Packets that come from other processes or do not fit give `InvalidData`; the buffer is then empty.
    pub(crate) fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let (length, sender) = retry(|| self.socket.recv_from(buffer, libc::MSG_TRUNC))?;
        if length > buffer.len() || sender.port_number() != KERNEL {
            buffer.clear();
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}

/// The netlink port of the kernel.
const KERNEL: u32 = 0;

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Link {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Repeats a system call that a signal interrupted.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
