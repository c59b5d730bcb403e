//! SA, the Security Association payload (RFC 7296 section 3.3).

use super::proposal::{LAST, Proposal, check_last};
use crate::wire::error::Fault;
use crate::wire::limits::MAX_PROPOSALS;
use crate::wire::reader;
use crate::wire::writer;

/// The Last Substruc field of a proposal before the last.
const MORE_PROPOSALS: u8 = 2;

/// What the initiator offers, most preferred first, or the one proposal that the responder accepted.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                          <Proposals>                          ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaPayload {
    /// At least one, numbered one by one. That the first of an offer is number 1 is for the caller to check:
    /// an acceptance carries the number of what it accepts.
    pub proposals: Vec<Proposal>,
}

impl SaPayload {
    pub(super) fn parse(mut body: &[u8]) -> Result<SaPayload, Fault> {
        let mut proposals: Vec<Proposal> = Vec::new();
        while !body.is_empty() {
            if proposals.len() >= MAX_PROPOSALS {
                return Err(Fault::TooMany);
            }
            let (rest, ([last, _reserved], proposal)) = reader::structure(body)?;
            check_last(last, rest, MORE_PROPOSALS)?;
            proposals.push(Proposal::parse(proposal)?);
            body = rest;
        }
        check(&proposals)?;
        Ok(SaPayload { proposals })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.proposals.len() > MAX_PROPOSALS {
            return Err(Fault::TooMany);
        }
        check(&self.proposals)?;
        let mut rest = self.proposals.iter().peekable();
        while let Some(proposal) = rest.next() {
            let last = if rest.peek().is_some() { MORE_PROPOSALS } else { LAST };
            writer::structure(out, [last, 0], |out| proposal.emit(out))?;
        }
        Ok(())
    }
}

/// "subsequent proposals MUST be one more than the previous proposal" (RFC 7296 section 3.3.1); counting from
/// one, so that zero is no number.
fn check(proposals: &[Proposal]) -> Result<(), Fault> {
    let first = proposals.first().ok_or(Fault::Empty)?;
    if first.number == 0 {
        return Err(Fault::WrongNumber);
    }
    let follows = |(a, b): (&Proposal, &Proposal)| a.number.checked_add(1) == Some(b.number);
    if proposals.iter().zip(proposals.iter().skip(1)).all(follows) { Ok(()) } else { Err(Fault::WrongNumber) }
}
