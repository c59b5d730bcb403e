//! The handle to the kernel: single reads and dumps (changes are in `batch.rs`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE};
use netlink_packet_xfrm::constants::{
    IPPROTO_ESP, XFRM_MSG_GETPOLICY, XFRM_MSG_GETSA, XFRM_MSG_NEWPOLICY, XFRM_MSG_NEWSA, XFRMA_PROTO,
};
use zeroize::{Zeroize, Zeroizing};

use crate::operation::NEEDS_CAPABILITY;
use crate::quirks::{DirectionSupport, XFRMA_SA_DIR};
use crate::socket::Link;
use crate::wire::frame::Message;
use crate::wire::{Request, Unread, policy, sa};
use crate::{Cause, Error, PolicyId, PolicyState, SaId, SaState, Spi};

/// How often a dump is tried when the table changes under it.
const DUMP_ATTEMPTS: usize = 8;

/// Everything of one kind that the kernel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump<T> {
    /// In the kernel's order.
    pub entries: Vec<T>,
    /// How many there are besides that this crate does not install (other protocols, modes and socket policies).
    pub foreign: usize,
}

/// A socket to the SAD and SPD of the network namespace in which it was opened.
///
/// Dropping it leaves all SAs and policies in place.
pub struct Kernel {
    pub(crate) link: Link,
    /// Of the next request.
    pub(crate) sequence: u32,
    pub(crate) direction: DirectionSupport,
    /// Dumps of SAs bring keys: wiped after each, and on drop.
    pub(crate) buffer: Zeroizing<Vec<u8>>,
}

impl Kernel {
    /// Opens the socket, and makes sure that the kernel would listen.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` when the kernel has no XFRM (the hint names the module), `EPERM` without
    /// CAP_NET_ADMIN.
    pub fn open() -> Result<Self, Error> {
        let mut kernel = Self {
            link: Link::open()?,
            sequence: 1,
            direction: DirectionSupport::Unknown,
            buffer: Zeroizing::new(Link::buffer()),
        };
        kernel.direction = kernel.direction_support()?;
        Ok(kernel)
    }

    /// All ESP SAs of the namespace, whoever installed them.
    ///
    /// # Errors
    /// [`Cause::Interrupted`] when the SAD changed during each of several attempts; what the kernel refused.
    pub fn sas(&mut self) -> Result<Dump<SaState>, Error> {
        let body = |request: &mut Request| request.attribute(XFRMA_PROTO, &[&[IPPROTO_ESP]]);
        let dump = self.dump("list SAs", (XFRM_MSG_GETSA, XFRM_MSG_NEWSA), body, sa::parse);
        self.buffer.zeroize();
        dump
    }

    /// All policies of the namespace, whoever installed them; not those of sockets.
    ///
    /// # Errors
    /// As [`Kernel::sas`].
    pub fn policies(&mut self) -> Result<Dump<PolicyState>, Error> {
        self.dump("list policies", (XFRM_MSG_GETPOLICY, XFRM_MSG_NEWPOLICY), |_| (), policy::parse)
    }

    /// One SA with its counters as they are now; `None` when there is no such SA.
    ///
    /// # Errors
    /// What the kernel refused, and [`Cause::BadAnswer`] for an SA that this crate would not install.
    pub fn sa(&mut self, id: &SaId) -> Result<Option<SaState>, Error> {
        let read = self.read(
            &format!("read SA {id}"),
            (XFRM_MSG_GETSA, XFRM_MSG_NEWSA),
            |r| sa::emit_id(r, id),
            sa::parse,
        );
        self.buffer.zeroize();
        read
    }

    /// One policy with its index; `None` when there is no such policy.
    ///
    /// # Errors
    /// As [`Kernel::sa`].
    pub fn policy(&mut self, id: &PolicyId) -> Result<Option<PolicyState>, Error> {
        let what = format!("read policy {id}");
        id.check().map_err(|why| Error::new(&what, Cause::Invalid(why)))?;
        let body = |request: &mut Request| policy::emit_id(request, id);
        self.read(&what, (XFRM_MSG_GETPOLICY, XFRM_MSG_NEWPOLICY), body, policy::parse)
    }

    /// Asks for an SA with an impossible direction: a kernel that knows directions (6.10) refuses the attribute, an
    /// older one skips it and does not find the SA. Nothing changes either way.
    fn direction_support(&mut self) -> Result<DirectionSupport, Error> {
        const WHAT: &str = "ask the kernel's XFRM";
        const NO_DIRECTION: u8 = 3;
        let any = std::net::Ipv4Addr::UNSPECIFIED.into();
        let body = |request: &mut Request| {
            sa::emit_id(request, &SaId::new(any, any, Spi(0)));
            request.attribute(XFRMA_SA_DIR, &[&[NO_DIRECTION]]);
        };
        match self.read(WHAT, (XFRM_MSG_GETSA, XFRM_MSG_NEWSA), body, sa::parse) {
            Ok(_) => Ok(DirectionSupport::Unknown),
            Err(error) => match error.errno() {
                Some(libc::ERANGE | libc::EINVAL) => Ok(DirectionSupport::Known),
                Some(libc::EPERM) => Err(error.with_hint(Some(NEEDS_CAPABILITY.into()))),
                _ => Err(error),
            },
        }
    }

    /// Asks for one object; `None` when the kernel says that there is none.
    fn read<T>(
        &mut self,
        what: &str,
        (ask, answer): (u16, u16),
        body: impl FnOnce(&mut Request),
        parse: impl Fn(&[u8]) -> Result<T, Unread>,
    ) -> Result<Option<T>, Error> {
        let sequence = self.send(what, ask, NLM_F_REQUEST, body)?;
        loop {
            self.receive(what)?;
            let mut packet = self.buffer.as_slice();
            while let Some(message) = Message::next(&mut packet) {
                let message = message.map_err(|_| Error::new(what, Cause::BadAnswer))?;
                if message.sequence != sequence {
                    continue;
                }
                match message.verdict() {
                    Some(Err((libc::ESRCH | libc::ENOENT, _))) => return Ok(None),
                    Some(Err((errno, message))) => {
                        return Err(Error::new(what, Cause::Refused { errno, message }));
                    }
                    None if message.kind == answer => {
                        return parse(message.payload)
                            .map(Some)
                            .map_err(|_| Error::new(what, Cause::BadAnswer));
                    }
                    Some(Ok(())) | None => {}
                }
            }
        }
    }

    /// Asks for all objects until the kernel says that the answer is consistent.
    fn dump<T>(
        &mut self,
        what: &str,
        (ask, answer): (u16, u16),
        body: impl Fn(&mut Request),
        parse: impl Fn(&[u8]) -> Result<T, Unread>,
    ) -> Result<Dump<T>, Error> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.send(what, ask, NLM_F_REQUEST | NLM_F_DUMP, &body)?;
            let mut dump = Dump { entries: Vec::new(), foreign: 0 };
            match self.collect_dump(what, sequence, answer, |payload| dump.push(parse(payload)))? {
                Consistency::Whole => return Ok(dump),
                Consistency::Interrupted => {}
            }
        }
        Err(Error::new(what, Cause::Interrupted))
    }

    /// Reads the entries of one dump to its end: one that is left in the middle makes the next fail with `EBUSY`.
    fn collect_dump(
        &mut self,
        what: &str,
        sequence: u32,
        answer: u16,
        mut entry: impl FnMut(&[u8]) -> Result<(), Unread>,
    ) -> Result<Consistency, Error> {
        let mut outcome = Ok(Consistency::Whole);
        loop {
            self.receive(what)?;
            let mut packet = self.buffer.as_slice();
            while let Some(message) = Message::next(&mut packet) {
                let Ok(message) = message else {
                    outcome = Err(Error::new(what, Cause::BadAnswer));
                    continue;
                };
                if message.sequence != sequence {
                    continue;
                }
                if let Some(Err((errno, message))) = message.verdict() {
                    return Err(Error::new(what, Cause::Refused { errno, message }));
                }
                if message.flags & NLM_F_DUMP_INTR != 0 && outcome.is_ok() {
                    outcome = Ok(Consistency::Interrupted);
                }
                if message.kind == NLMSG_DONE {
                    return outcome;
                }
                if message.kind == answer && entry(message.payload).is_err() {
                    outcome = Err(Error::new(what, Cause::BadAnswer));
                }
            }
        }
    }

    fn send(
        &mut self,
        what: &str,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Request),
    ) -> Result<u32, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = Request::with_capacity(Request::MAX_MESSAGE);
        request.message(kind, flags, self.sequence, body);
        self.link.send(request.bytes()).map_err(|error| Error::new(what, lost("sendto", &error)))?;
        Ok(self.sequence)
    }

    fn receive(&mut self, what: &str) -> Result<(), Error> {
        self.link.receive(&mut self.buffer).map_err(|error| Error::new(what, lost("recvfrom", &error)))
    }
}

impl AsFd for Kernel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// Whether a table stayed the same while it was dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consistency {
    Whole,
    Interrupted,
}

impl<T> Dump<T> {
    fn push(&mut self, entry: Result<T, Unread>) -> Result<(), Unread> {
        match entry {
            Ok(entry) => self.entries.push(entry),
            Err(Unread::Foreign) => self.foreign = self.foreign.saturating_add(1),
            Err(Unread::Malformed) => return Err(Unread::Malformed),
        }
        Ok(())
    }
}

/// The cause behind a failed system call: a time-out and an overrun mean that an answer was lost.
pub(crate) fn lost(call: &'static str, error: &io::Error) -> Cause {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::WouldBlock, _) => Cause::NoAnswer,
        (_, Some(libc::ENOBUFS)) if call == "recvfrom" => Cause::NoAnswer,
        (_, Some(errno)) => Cause::Call { call, errno },
        (_, None) => Cause::BadAnswer,
    }
}
