//! Reading with nom: the few shapes that all payloads are made of.

use nom::IResult;
use nom::bytes::complete::take;
use nom::combinator::map_opt;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::be_u16;

use super::error::Fault;
use super::writer::STRUCTURE_HEADER;

/// What a reader of `T` returns: the octets that it left and the value.
pub(super) type Read<'a, T> = IResult<&'a [u8], T, Fault>;

impl ParseError<&[u8]> for Fault {
    /// nom's own readers fail for one reason here: there are too few octets.
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Fault {
        Fault::Truncated
    }

    fn append(_: &[u8], _: ErrorKind, other: Fault) -> Fault {
        other
    }
}

impl From<nom::Err<Fault>> for Fault {
    fn from(error: nom::Err<Fault>) -> Fault {
        match error {
            nom::Err::Incomplete(_) => Fault::Truncated,
            nom::Err::Error(fault) | nom::Err::Failure(fault) => fault,
        }
    }
}

impl From<Fault> for nom::Err<Fault> {
    fn from(fault: Fault) -> nom::Err<Fault> {
        nom::Err::Failure(fault)
    }
}

/// Exactly `N` octets.
pub(super) fn octets<const N: usize>(input: &[u8]) -> Read<'_, [u8; N]> {
    use nom::Parser;
    map_opt(take(N), |read: &[u8]| read.try_into().ok()).parse(input)
}

/// Two octets of the structure's own, its length in two octets, and then its body.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             lead              | length of all, >= 4 |   body ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Payloads, proposals, transforms and traffic selectors all have this shape. A length below four, which
/// would make no progress, is refused here once for all of them.
pub(super) fn structure(input: &[u8]) -> Read<'_, ([u8; 2], &[u8])> {
    let (input, lead) = octets(input)?;
    let (input, length) = be_u16(input)?;
    let body = usize::from(length).checked_sub(STRUCTURE_HEADER).ok_or(Fault::LengthTooSmall)?;
    let (input, body) = take(body)(input)?;
    Ok((input, (lead, body)))
}

/// Fails unless everything has been read.
pub(super) fn end(rest: &[u8]) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(Fault::Trailing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_cut_out_by_its_length() {
        let (rest, (lead, body)) = structure(&[1, 2, 0, 6, 7, 8, 9]).unwrap();
        assert_eq!((lead, body, rest), ([1, 2], &[7, 8][..], &[9][..]));
    }

    #[test]
    fn a_structure_that_would_make_no_progress_is_refused() {
        for length in 0..4 {
            let fault = Fault::from(structure(&[0, 0, 0, length, 0, 0]).unwrap_err());
            assert_eq!(fault, Fault::LengthTooSmall);
        }
    }

    #[test]
    fn a_structure_longer_than_its_input_is_truncated() {
        assert_eq!(Fault::from(structure(&[0, 0, 0, 5]).unwrap_err()), Fault::Truncated);
        assert_eq!(Fault::from(structure(&[0, 0, 0]).unwrap_err()), Fault::Truncated);
    }
}
