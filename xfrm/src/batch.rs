//! Changes, many in one system call, each with its own outcome.
//!
//! A batch is one `sendto` with an ACK asked for the last request only. The kernel handles the requests in
//! order and answers each that it refuses, so silence before the last answer means success.

use netlink_packet_core::NLM_F_REQUEST;
use netlink_packet_xfrm::constants::{
    XFRM_MSG_DELPOLICY, XFRM_MSG_DELSA, XFRM_MSG_NEWPOLICY, XFRM_MSG_NEWSA, XFRM_MSG_UPDPOLICY,
    XFRM_MSG_UPDSA,
};

use crate::kernel::lost;
use crate::quirks::DirectionSupport;
use crate::wire::frame::Message;
use crate::wire::{Request, policy, sa};
use crate::{Cause, Error, Kernel, Operation};

/// Most requests of one system call. The kernel holds its configuration lock meanwhile; more gains nothing.
pub const MAX_PER_SEND: usize = 128;
/// Octets of one system call: below the default SO_SNDBUF (212,992), should the buffer not be ours to enlarge.
const MAX_OCTETS_PER_SEND: usize = 128 * 1024;

impl Kernel {
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
