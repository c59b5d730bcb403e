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

#[cfg(test)]
mod tests {
    use super::super::Spi;
    use super::*;
    use crate::wire::Protocol;

    fn numbered(numbers: impl IntoIterator<Item = u8>) -> SaPayload {
        let proposal =
            |number| Proposal { number, protocol: Protocol::IKE, spi: Spi::None, transforms: vec![] };
        SaPayload { proposals: numbers.into_iter().map(proposal).collect() }
    }

    const TWO: [u8; 16] = [2, 0, 0, 8, 1, 1, 0, 0, 0, 0, 0, 8, 2, 1, 0, 0];

    fn with(at: usize, octet: u8) -> [u8; 16] {
        let mut octets = TWO;
        octets[at] = octet;
        octets
    }

    #[test]
    fn proposals_are_read_and_written_in_order() {
        assert_eq!(SaPayload::parse(&TWO), Ok(numbered([1, 2])));
        let mut out = Vec::new();
        numbered([1, 2]).emit(&mut out).unwrap();
        assert_eq!(out, TWO);
    }

    #[test]
    fn reserved_octets_are_ignored() {
        for at in [1, 9] {
            assert_eq!(SaPayload::parse(&with(at, 0xff)), Ok(numbered([1, 2])));
        }
    }

    #[test]
    fn the_last_proposal_says_so_and_no_other_does() {
        for (at, mark) in [(0, 0), (0, 3), (8, 2), (8, 1)] {
            assert_eq!(SaPayload::parse(&with(at, mark)), Err(Fault::WrongLastMark));
        }
    }

    #[test]
    fn a_proposal_of_no_length_is_refused() {
        assert_eq!(SaPayload::parse(&with(3, 0)), Err(Fault::LengthTooSmall));
        assert_eq!(SaPayload::parse(&with(11, 3)), Err(Fault::LengthTooSmall));
    }

    #[test]
    fn proposal_numbers_count_up_one_by_one() {
        for numbers in [&[0][..], &[1, 1], &[1, 3], &[2, 1], &[255, 0]] {
            let sa = numbered(numbers.iter().copied());
            assert_eq!(sa.emit(&mut Vec::new()), Err(Fault::WrongNumber), "{numbers:?}");
        }
        assert_eq!(SaPayload::parse(&with(12, 3)), Err(Fault::WrongNumber));
    }

    #[test]
    fn an_accepted_proposal_keeps_the_number_that_it_was_offered_with() {
        let mut out = Vec::new();
        numbered([7]).emit(&mut out).unwrap();
        assert_eq!(SaPayload::parse(&out), Ok(numbered([7])));
    }

    #[test]
    fn an_sa_without_proposals_is_refused() {
        assert_eq!(SaPayload::parse(&[]), Err(Fault::Empty));
        assert_eq!(numbered([]).emit(&mut Vec::new()), Err(Fault::Empty));
    }

    #[test]
    fn an_sa_holds_as_many_proposals_as_can_be_numbered() {
        let full = numbered(1..=255);
        assert_eq!(full.proposals.len(), MAX_PROPOSALS);
        let mut out = Vec::new();
        full.emit(&mut out).unwrap();
        assert_eq!(SaPayload::parse(&out), Ok(full));
        let more: Vec<u8> = [2, 0, 0, 8, 1, 1, 0, 0].repeat(MAX_PROPOSALS + 1);
        assert_eq!(SaPayload::parse(&more), Err(Fault::TooMany));
    }
}
