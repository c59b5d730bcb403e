//! The handle to the kernel: changes in batches, dumps, single reads.
//!
//! A batch is one `sendto` with an ACK asked for the last request only. The kernel handles the requests in
//! order and answers each that it refuses, so silence before the last answer means success. Measured on one core:
//! 1.5 to 2 us per policy in batches, against 7 to 9 us one by one; an SA costs 5 to 20 us more, for its keys' set-up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE};
use netlink_packet_xfrm::constants::{
    IPPROTO_ESP, XFRM_MSG_DELPOLICY, XFRM_MSG_DELSA, XFRM_MSG_GETPOLICY, XFRM_MSG_GETSA, XFRM_MSG_NEWPOLICY,
    XFRM_MSG_NEWSA, XFRM_MSG_UPDPOLICY, XFRM_MSG_UPDSA, XFRMA_PROTO,
};
use zeroize::{Zeroize, Zeroizing};

use crate::operation::NEEDS_CAPABILITY;
use crate::quirks::{DirectionSupport, XFRMA_SA_DIR};
use crate::socket::Link;
use crate::wire::frame::Message;
use crate::wire::{Request, Unread, policy, sa};
use crate::{Cause, Error, Operation, PolicyId, PolicyState, SaId, SaState, Spi};

/// Most requests of one system call. The kernel holds its configuration lock meanwhile; more gains nothing.
pub const MAX_PER_SEND: usize = 128;
/// Octets of one system call: below the default SO_SNDBUF (212,992), should the buffer not be ours to enlarge.
const MAX_OCTETS_PER_SEND: usize = 128 * 1024;
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
pub struct Kernel {
    link: Link,
    /// Of the next request.
    sequence: u32,
    direction: DirectionSupport,
    /// Dumps of SAs bring keys: wiped after each, and on drop.
    buffer: Zeroizing<Vec<u8>>,
}

impl Kernel {
    /// Opens the socket, and makes sure that the kernel would listen.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` when the kernel has no XFRM (the hint names the module), `EPERM` without CAP_NET_ADMIN.
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

    /// Carries out operations in order, and tells the outcome of each, in the same order.
    ///
    /// One that fails does not stop the others.
    ///
    /// # Errors
    /// Each result on its own: what the kernel refused, or [`Cause::Invalid`] for what was not sent.
    pub fn apply(&mut self, operations: &[Operation]) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(operations.len());
        let mut request = Request::with_capacity(
            MAX_OCTETS_PER_SEND.min(operations.len().saturating_add(1).saturating_mul(Request::MAX_MESSAGE)),
        );
        let mut rest = operations;
        while !rest.is_empty() {
            let (done, later) = rest.split_at(self.fill(&mut request, rest).min(rest.len()));
            results.append(&mut self.exchange(&request, done));
            request.clear();
            rest = later;
        }
        results
    }

    /// Carries out one operation.
    ///
    /// # Errors
    /// As [`Kernel::apply`].
    pub fn apply_one(&mut self, operation: Operation) -> Result<(), Error> {
        self.apply(&[operation]).pop().unwrap_or(Ok(()))
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

    /// Asks for an SA with an impossible direction: a kernel that knows directions refuses the attribute, an older one
    /// does not find the SA. Nothing changes either way.
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

    /// Appends the first of `operations` to `request`, as many as one system call takes, without those that are
    /// invalid; returns how many it has looked at.
    fn fill(&mut self, request: &mut Request, operations: &[Operation]) -> usize {
        let mut looked_at = 0_usize;
        for operation in operations.iter().take(MAX_PER_SEND) {
            if request.is_full() && looked_at > 0 {
                break;
            }
            looked_at = looked_at.saturating_add(1);
            if operation.check().is_ok() {
                // The sequence number is the operation's place: see `exchange`.
                let place = u32::try_from(looked_at).unwrap_or(u32::MAX);
                write_operation(request, self.sequence.wrapping_add(place), operation, self.direction);
            }
        }
        request.acknowledge_last();
        looked_at
    }

    /// Sends what [`Kernel::fill`] has written for `operations` and collects the outcome of each.
    fn exchange(&mut self, request: &Request, operations: &[Operation]) -> Vec<Result<(), Error>> {
        let first = self.sequence.wrapping_add(1);
        self.sequence =
            self.sequence.wrapping_add(u32::try_from(operations.len()).unwrap_or(u32::MAX)).wrapping_add(1);
        let mut causes: Vec<Option<Cause>> =
            operations.iter().map(|operation| operation.check().err().map(Cause::Invalid)).collect();
        let last = causes.iter().rposition(Option::is_none);
        if let Some(last) = last
            && let Err(cause) = self
                .link
                .send(request.bytes())
                .map_err(|error| lost("sendto", &error))
                .and_then(|()| self.collect(first, last, &mut causes))
        {
            // Those that were refused are known; of the others none is.
            causes.iter_mut().for_each(|slot| *slot = slot.take().or_else(|| Some(cause.clone())));
        }
        let outcome = |(operation, cause): (&Operation, Option<Cause>)| {
            cause.map_or(Ok(()), |c| Err(operation.failed(c)))
        };
        operations.iter().zip(causes).map(outcome).collect()
    }

    /// Reads answers up to that of operation number `last`; puts the reason of each refusal into its place.
    fn collect(&mut self, first: u32, last: usize, causes: &mut [Option<Cause>]) -> Result<(), Cause> {
        loop {
            self.link.receive(&mut self.buffer).map_err(|error| lost("recvfrom", &error))?;
            let mut packet = self.buffer.as_slice();
            while let Some(message) = Message::next(&mut packet) {
                let message = message.map_err(|_| Cause::BadAnswer)?;
                let place = usize::try_from(message.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                let (Some(verdict), Some(slot)) = (message.verdict(), causes.get_mut(place)) else {
                    continue;
                };
                if let Err((errno, message)) = verdict {
                    *slot = Some(Cause::Refused { errno, message });
                }
                if place == last {
                    return Ok(());
                }
            }
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
            match self.collect_dump(what, sequence, answer, |payload| dump.push(parse(payload))) {
                Ok(Consistency::Whole) => return Ok(dump),
                Ok(Consistency::Interrupted) => {}
                Err(error) => {
                    // A dump that is broken off would make the next one fail with EBUSY.
                    self.link = Link::open()?;
                    return Err(error);
                }
            }
        }
        Err(Error::new(what, Cause::Interrupted))
    }

    /// Reads the entries of one dump up to its end.
    fn collect_dump(
        &mut self,
        what: &str,
        sequence: u32,
        answer: u16,
        mut entry: impl FnMut(&[u8]) -> Result<(), Unread>,
    ) -> Result<Consistency, Error> {
        let bad = || Error::new(what, Cause::BadAnswer);
        let mut consistency = Consistency::Whole;
        loop {
            self.receive(what)?;
            let mut packet = self.buffer.as_slice();
            while let Some(message) = Message::next(&mut packet) {
                let message = message.map_err(|_| bad())?;
                if message.sequence != sequence {
                    continue;
                }
                if message.flags & NLM_F_DUMP_INTR != 0 {
                    consistency = Consistency::Interrupted;
                }
                if let Some(Err((errno, message))) = message.verdict() {
                    return Err(Error::new(what, Cause::Refused { errno, message }));
                }
                if message.kind == NLMSG_DONE {
                    return Ok(consistency);
                }
                if message.kind == answer {
                    entry(message.payload).map_err(|_| bad())?;
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
fn lost(call: &'static str, error: &io::Error) -> Cause {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::WouldBlock, _) => Cause::NoAnswer,
        (_, Some(libc::ENOBUFS)) if call == "recvfrom" => Cause::NoAnswer,
        (_, Some(errno)) => Cause::Call { call, errno },
        (_, None) => Cause::BadAnswer,
    }
}

/// Appends the request for one operation.
fn write_operation(request: &mut Request, sequence: u32, operation: &Operation, support: DirectionSupport) {
    match operation {
        Operation::AddSa(new) => {
            request.message(XFRM_MSG_NEWSA, NLM_F_REQUEST, sequence, |r| sa::emit(r, new, support));
        }
        Operation::UpdateSa(new) => {
            request.message(XFRM_MSG_UPDSA, NLM_F_REQUEST, sequence, |r| sa::emit(r, new, support));
        }
        Operation::DeleteSa(id) => {
            request.message(XFRM_MSG_DELSA, NLM_F_REQUEST, sequence, |r| sa::emit_id(r, id));
        }
        Operation::AddPolicy(new) => {
            request.message(XFRM_MSG_NEWPOLICY, NLM_F_REQUEST, sequence, |r| policy::emit(r, new));
        }
        Operation::UpdatePolicy(new) => {
            request.message(XFRM_MSG_UPDPOLICY, NLM_F_REQUEST, sequence, |r| policy::emit(r, new));
        }
        Operation::DeletePolicy(id) => {
            request.message(XFRM_MSG_DELPOLICY, NLM_F_REQUEST, sequence, |r| policy::emit_id(r, id));
        }
    }
}
