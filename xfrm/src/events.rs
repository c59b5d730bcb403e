//! What the kernel tells unasked: traffic without an SA, lifetimes, peers behind a NAT that moved.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use netlink_packet_xfrm::constants::{XFRMNLGRP_ACQUIRE, XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING};

use crate::socket::Link;
use crate::wire::frame::Message;
use crate::wire::{Unread, event};
use crate::{Counters, Error, Reqid, SaId, Selector, Template};

/// Which events to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// [`Event::Acquire`].
    Acquire,
    /// [`Event::Expire`].
    Expire,
    /// [`Event::Mapping`].
    Mapping,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Acquire, Self::Expire, Self::Mapping];

    fn number(self) -> u32 {
        match self {
            Self::Acquire => XFRMNLGRP_ACQUIRE,
            Self::Expire => XFRMNLGRP_EXPIRE,
            Self::Mapping => XFRMNLGRP_MAPPING,
        }
    }
}

/// A packet met a policy for which there is no SA.
///
/// The kernel drops the packet and tells of it once, and again only after `net.core.xfrm_acq_expires` seconds (30):
/// until then a placeholder stands in the SAD ([`Algorithms::Larval`](crate::Algorithms::Larval)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquire {
    /// Outer source of the wanted SA.
    pub source: IpAddr,
    /// Outer destination of the wanted SA.
    pub destination: IpAddr,
    /// The packet: addresses, protocol, ports.
    pub selector: Selector,
    /// The policy's number, as in [`PolicyState`](crate::PolicyState).
    pub policy_index: u32,
    /// The policy's selector.
    pub policy_selector: Selector,
    /// The policy's priority.
    pub priority: u32,
    /// The policy's templates; their reqid tells which peer this is for.
    pub templates: Vec<Template>,
    /// The policy's mark.
    pub mark: Option<crate::Mark>,
    /// The policy's XFRM interface.
    pub if_id: u32,
    /// The kernel's number for this request.
    pub sequence: u32,
}

/// An SA has reached a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// Which SA. An SPI of 0 is the placeholder of an [`Acquire`] that nobody served in time.
    pub id: SaId,
    /// False: the soft limit, the SA goes on. True: the hard limit, the SA is gone.
    pub hard: bool,
    /// Its reqid.
    pub reqid: Reqid,
    /// Its XFRM interface.
    pub if_id: u32,
    /// What it has done.
    pub counters: Counters,
}

/// ESP in UDP has come, and was verified, from another address or port than the SA's: the peer's NAT has changed.
///
/// The kernel goes on sending to the old one until the outbound SA is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The inbound SA, under its old source (its mark is not told).
    pub id: SaId,
    /// Its reqid.
    pub reqid: Reqid,
    /// Where the packet came from.
    pub new_source: IpAddr,
    /// The SA's source port until now.
    pub old_source_port: u16,
    /// The packet's source port.
    pub new_source_port: u16,
}

/// Something that the kernel told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An SA is wanted.
    Acquire(Acquire),
    /// An SA has reached a limit.
    Expire(Expire),
    /// A peer has moved.
    Mapping(Mapping),
    /// The kernel had more to tell than the socket's buffer holds: events were lost. Compare
    /// [`Kernel::sas`](crate::Kernel::sas) with what should be there; acquires repeat by themselves.
    Overrun,
}

/// How many messages gave no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ignored {
    /// Not as long as their type says, or with impossible numbers.
    pub malformed: u64,
    /// Of other types or protocols (policies that expire, AH, ...).
    pub foreign: u64,
}

/// A socket that hears events. Never blocks; readable when there is something to hear.
pub struct Events {
    link: Link,
    buffer: Vec<u8>,
    ready: VecDeque<Event>,
    ignored: Ignored,
}

impl Events {
    /// Starts to hear; events from before are not told.
    ///
    /// # Errors
    /// As [`Kernel::open`](crate::Kernel::open).
    pub fn open(groups: &[Group]) -> Result<Self, Error> {
        Ok(Self {
            link: Link::listen(groups.iter().map(|group| group.number()))?,
            buffer: Link::buffer(),
            ready: VecDeque::new(),
            ignored: Ignored::default(),
        })
    }

    /// The next event; `None` when there is none now (wait until the descriptor is readable).
    ///
    /// # Errors
    /// A system call's, other than `EAGAIN` and `ENOBUFS`: the socket is of no more use.
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            match self.link.receive(&mut self.buffer) {
                Ok(()) => self.read_packet(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.ignored.count(Unread::Malformed)
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Some(Event::Overrun)),
                Err(error) => return Err(Error::call("hear XFRM events", "recvfrom", &error)),
            }
        }
    }

    /// How many messages were not understood.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    fn read_packet(&mut self) {
        let mut packet = self.buffer.as_slice();
        while let Some(message) = Message::next(&mut packet) {
            match message.and_then(|message| event::parse(&message)) {
                Ok(event) => self.ready.push_back(event),
                Err(why) => self.ignored.count(why),
            }
        }
    }
}

impl Ignored {
    fn count(&mut self, why: Unread) {
        match why {
            Unread::Malformed => self.malformed = self.malformed.saturating_add(1),
            Unread::Foreign => self.foreign = self.foreign.saturating_add(1),
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.link.as_raw_fd()
    }
}
