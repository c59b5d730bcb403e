//! Security associations: what is installed, and what the kernel tells of one (RFC 4301 section 4.4.2).

use std::fmt;
use std::net::IpAddr;
use std::ops::BitOr;

use crate::{Algorithms, Family, Protection, Selector};

/// Largest replay window in packets: the kernel's `XFRMA_REPLAY_ESN_MAX`.
pub const MAX_REPLAY_WINDOW: u32 = 4096;

/// Security parameters index: the number in an ESP packet that names the SA at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spi(pub u32);

impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Ties SAs to the policy templates that ask for them. 0: any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Reqid(pub u32);

/// A firewall mark that packets must carry: `packet mark & mask == value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// Wanted value of the masked bits; one with bits outside `mask` is refused, as no packet could match it.
    pub value: u32,
    /// Bits that are looked at.
    pub mask: u32,
}

/// What is protected (RFC 4301 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The payload of a packet between the two hosts.
    Transport,
    /// A whole packet, inside a new one between the two hosts.
    Tunnel,
}

/// Which way packets pass through an SA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SaDirection {
    /// From the peer: the SA decrypts, and checks for replays.
    In,
    /// To the peer: the SA encrypts.
    Out,
}

/// What names an SA. The kernel finds it by destination, SPI and mark (the protocol is always ESP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SaId {
    /// Sender of the ESP packets. Not looked at when an SA is deleted or read.
    pub source: IpAddr,
    /// Receiver of the ESP packets.
    pub destination: IpAddr,
    /// The receiver's SPI.
    pub spi: Spi,
    /// Mark with which the SA was added.
    pub mark: Option<Mark>,
}

impl SaId {
    /// Names an SA without a mark.
    pub fn new(source: IpAddr, destination: IpAddr, spi: Spi) -> Self {
        Self { source, destination, spi, mark: None }
    }

    /// The family of the outer addresses.
    pub fn family(&self) -> Family {
        Family::of(self.destination)
    }
}

impl fmt::Display for SaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} spi {}", self.source, self.destination, self.spi)?;
        match self.mark {
            Some(mark) => write!(f, " mark {:#x}/{:#x}", mark.value, mark.mask),
            None => Ok(()),
        }
    }
}

/// ESP in UDP (RFC 3948): the ports of the packets that this SA sends or receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encapsulation {
    /// Source port, host byte order.
    pub source_port: u16,
    /// Destination port, host byte order.
    pub destination_port: u16,
}

/// When the kernel reports (soft) or deletes (hard) an SA. `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// Seconds since the SA was added; `Some(0)` is refused (the kernel takes 0 as never).
    pub seconds: Option<u64>,
    /// Octets of protected payload.
    pub bytes: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
}

/// Behaviours of an SA that are off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SaFlags(pub(crate) u8);

impl SaFlags {
    /// Tunnel: do not copy the ECN field between inner and outer header (`noecn`).
    pub const NO_ECN: Self = Self(1);
    /// Tunnel, inbound: copy the outer DSCP to the inner header (`decap-dscp`).
    pub const DECAP_DSCP: Self = Self(2);
    /// Tunnel, outbound: do not set the outer DF bit (`nopmtudisc`).
    pub const NO_PMTU_DISCOVERY: Self = Self(4);
    /// Inbound: accept the ICMP errors of flows that the policy covers (`icmp`).
    pub const ICMP: Self = Self(16);
    /// Tunnel: carry inner packets of either address family (`af-unspec`). Implied when there is no selector.
    pub const AF_UNSPEC: Self = Self(32);
    /// All that a caller may set, and a dump returns.
    const SETTABLE: u8 = 1 | 2 | 4 | 16 | 32;

    /// True when every flag of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn from_kernel(flags: u8) -> Self {
        Self(flags & Self::SETTABLE)
    }
}

impl BitOr for SaFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Everything about an SA but its direction and its keys. A dump returns these as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SaParameters {
    /// Its name.
    pub id: SaId,
    /// Which templates it satisfies.
    pub reqid: Reqid,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Extended (64-bit) sequence numbers (RFC 4303 section 2.2.1).
    pub esn: bool,
    /// Replay window in packets, 0..=[`MAX_REPLAY_WINDOW`]; 0 turns the check off. Inbound with ESN: at least 1.
    /// Outbound: 0 (kernels before 6.10 want, and return, 1 for an outbound SA with ESN; that is seen to here).
    pub replay_window: u32,
    /// ESP in UDP.
    pub encapsulation: Option<Encapsulation>,
    /// The XFRM interface it belongs to; 0: none.
    pub if_id: u32,
    /// Only these packets (transport mode: those of the Child SA). `None`: all; one that matches all reads back so.
    pub selector: Option<Selector>,
    /// When [`Event::Expire`](crate::Event::Expire) is sent and the SA goes on.
    pub soft: Limits,
    /// When [`Event::Expire`](crate::Event::Expire) is sent and the SA is deleted.
    pub hard: Limits,
    /// Behaviours.
    pub flags: SaFlags,
}

impl SaParameters {
    /// An SA without limits, encapsulation, selector, ESN or replay window, for the caller to fill in.
    pub fn new(id: SaId, reqid: Reqid, mode: Mode) -> Self {
        Self {
            id,
            reqid,
            mode,
            esn: false,
            replay_window: 0,
            encapsulation: None,
            if_id: 0,
            selector: None,
            soft: Limits::default(),
            hard: Limits::default(),
            flags: SaFlags::default(),
        }
    }
}

/// An SA to install. Owns its keys, so it is not `Clone`.
#[derive(Debug)]
pub struct Sa {
    /// Inbound or outbound.
    pub direction: SaDirection,
    /// What is not secret.
    pub parameters: SaParameters,
    /// Algorithms and keys.
    pub protection: Protection,
}

impl Sa {
    /// Why the kernel would refuse this SA, or take it for another one, if it would.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let SaParameters { id, replay_window, esn, selector, soft, hard, .. } = &self.parameters;
        if Family::of(id.source) != Family::of(id.destination) {
            return Err("an SA's source and destination must be of one address family");
        }
        if id.mark.is_some_and(|mark| mark.value & !mark.mask != 0) {
            return Err("a mark has bits outside its mask");
        }
        match self.direction {
            SaDirection::Out if *replay_window != 0 => return Err("an outbound SA has no replay window"),
            SaDirection::In if *esn && *replay_window == 0 => {
                return Err("an inbound SA with ESN needs a replay window");
            }
            SaDirection::In | SaDirection::Out => {}
        }
        if *replay_window > MAX_REPLAY_WINDOW {
            return Err("a replay window has at most 4096 packets");
        }
        if soft.seconds == Some(0) || hard.seconds == Some(0) {
            return Err("a lifetime of 0 seconds");
        }
        selector.as_ref().map_or(Ok(()), Selector::check)
    }
}

/// What an SA has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Octets of payload protected or verified.
    pub bytes: u64,
    /// Packets protected or verified.
    pub packets: u64,
    /// When it was added, seconds since 1970.
    pub added: u64,
    /// When it was first used, seconds since 1970; 0: never.
    pub first_used: u64,
    /// Packets outside the replay window.
    pub replay_window: u32,
    /// Packets seen before.
    pub replay: u32,
    /// Packets whose ICV was wrong.
    pub integrity_failed: u32,
}

/// An SA as the kernel has it. Its keys are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaState {
    /// `None` from kernels before 6.10, which do not know it.
    pub direction: Option<SaDirection>,
    /// What is not secret.
    pub parameters: SaParameters,
    /// Algorithms.
    pub algorithms: Algorithms,
    /// What it has done.
    pub counters: Counters,
    /// Sequence number of the last packet sent (64 bits with ESN).
    pub sent: u64,
    /// Highest sequence number received (64 bits with ESN).
    pub received: u64,
    /// When it was last used, seconds since 1970, if ever.
    pub last_used: Option<u64>,
}
