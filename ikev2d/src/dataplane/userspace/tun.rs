//! The TUN device: IP packets that the kernel routes to us, and those that we hand back (tun.rst of the kernel).

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use super::offload::{OFFLOAD_LEN, Offload};
use crate::dataplane::PlaneError;

/// The device's name: one daemon has the policies of a network namespace.
pub(super) const NAME: &str = "ikev2d0";

const DEVICE: &str = "/dev/net/tun";

/// One open device; it is gone, with its routes, when the last handle is closed.
#[derive(Debug)]
pub(super) struct Tun {
    file: File,
    index: u32,
}

impl Tun {
    /// Makes the device, in the network namespace of the calling thread. It is down.
    ///
    /// # Errors
    /// No TUN in the kernel, no CAP_NET_ADMIN, or another daemon has it; the text says which.
    pub fn open() -> Result<Tun, PlaneError> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE);
        let file = file.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV) => {
                PlaneError(format!("{DEVICE} is not there: the kernel has no TUN (module \"tun\")"))
            }
            _ => PlaneError(format!("open {DEVICE}: {error}")),
        })?;
        attach(&file).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM) => PlaneError("a TUN device needs CAP_NET_ADMIN".to_owned()),
            Some(libc::EBUSY) => {
                PlaneError(format!("the TUN device {NAME} is in use: is another ikev2d running?"))
            }
            _ => PlaneError(format!("make the TUN device {NAME}: {error}")),
        })?;
        let index = nix::net::if_::if_nametoindex(NAME)
            .map_err(|error| PlaneError(format!("find the TUN device {NAME}: {error}")))?;
        Ok(Tun { file, index })
    }

    /// The device's number in the kernel.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Takes the next packet into `buffer`; its length and what is left to do, or `None` when there is none.
    ///
    /// # Errors
    /// The system's: the device is down or gone.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Offload)>> {
        let mut header = [0; OFFLOAD_LEN];
        let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(buffer)];
        match (&self.file).read_vectored(&mut parts) {
            Ok(length) => Ok(length.checked_sub(OFFLOAD_LEN).map(|length| (length, Offload::read(header)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a packet to the kernel, as if it had come from a network.
    ///
    /// # Errors
    /// The system's: the device is down, or this is no IP packet.
    pub fn send(&self, offload: Offload, packet: &[u8]) -> io::Result<()> {
        (&self.file).write_vectored(&[IoSlice::new(&offload.octets()), IoSlice::new(packet)]).map(|_| ())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Ties the open file to the device [`NAME`].
#[allow(unsafe_code)]
fn attach(file: &File) -> io::Result<()> {
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(NAME.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    let flags = libc::c_short::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
    let request =
        libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which the pointer refers to for the whole call; the name ends
    // in a zero, being shorter than the array; the descriptor is open as long as `file` is borrowed.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let left_to_us = libc::c_ulong::from(libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6);
    // SAFETY: TUNSETOFFLOAD takes a number and touches no memory of ours.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, left_to_us) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
