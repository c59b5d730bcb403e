//! Network namespaces for tests: each test thread gets its own, and with it an empty SAD and SPD.

#![allow(dead_code)] // not every test binary uses all of it

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::time::{Duration, Instant};

use xfrm::{Event, Events, Kernel};

/// Longest wait for something that the kernel should tell.
const PATIENCE: Duration = Duration::from_secs(20);

/// A network namespace that lives as long as this.
pub struct Namespace(File);

impl Namespace {
    /// Makes a namespace and moves the calling thread into it; without the right to, prints so and gives `None`.
    #[allow(unsafe_code)]
    pub fn enter_new() -> Option<Self> {
        // SAFETY: a plain system call; it changes the namespace of the calling thread only.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            eprintln!("skipped: no network namespace: {}", std::io::Error::last_os_error());
            return None;
        }
        ip("link set lo up");
        Some(Self(File::open("/proc/thread-self/ns/net").unwrap()))
    }

    /// Moves the calling thread back into this namespace.
    #[allow(unsafe_code)]
    pub fn enter(&self) {
        // SAFETY: a plain system call on a descriptor that is open.
        let result = unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// A name for iproute2.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Opens the kernel in a new namespace; `None`, with the reason printed, without root or XFRM.
pub fn kernel() -> Option<(Namespace, Kernel)> {
    let namespace = Namespace::enter_new()?;
    match Kernel::open() {
        Ok(kernel) => Some((namespace, kernel)),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Runs `ip` with these arguments in the namespace of the calling thread.
pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2 is needed");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A network device with this address, and a peer behind it that never answers.
pub fn device_to_nowhere(address: &str) {
    ip("link add v0 type veth peer name v1");
    ip("link set v1 up");
    ip("link set v0 up");
    ip(&format!("address add {address} dev v0"));
}

pub fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Waits for the first event that `wanted` takes.
#[allow(unsafe_code)]
pub fn wait_for<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        while let Some(event) = events.poll_event().unwrap() {
            if let Some(found) = wanted(event) {
                return found;
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "no such event within {PATIENCE:?}");
        let mut poll = libc::pollfd { fd: events.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is one initialised pollfd, alive during the call.
        unsafe { libc::poll(&raw mut poll, 1, i32::try_from(left.as_millis()).unwrap()) };
    }
}
