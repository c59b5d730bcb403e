//! SKF, the Encrypted Fragment payload (RFC 7383 section 2.5).

use nom::number::complete::be_u16;

use crate::wire::error::Fault;
use crate::wire::registry::PayloadType;

/// A piece of an SK payload, sealed by itself.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |        Fragment Number        |        Total Fragments        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~       IV, encrypted content, padding, checksum: as in SK      ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct FragmentPayload<'a> {
    /// In fragment 1, the type of the first payload inside; to be sent as NONE in the others.
    pub first: PayloadType,
    /// Which fragment this is: 1 to `total`.
    pub number: u16,
    /// How many there are.
    pub total: u16,
    /// IV, ciphertext and checksum.
    pub body: &'a [u8],
}

impl<'a> FragmentPayload<'a> {
    pub(super) fn parse(first: PayloadType, body: &'a [u8]) -> Result<FragmentPayload<'a>, Fault> {
        let (body, number) = be_u16(body)?;
        let (body, total) = be_u16(body)?;
        check(number, total)?;
        Ok(FragmentPayload { first, number, total, body })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        check(self.number, self.total)?;
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.total.to_be_bytes());
        out.extend_from_slice(self.body);
        Ok(())
    }
}

/// "This field MUST be less than or equal to the next field (Total Fragments).  This field MUST NOT be zero."
fn check(number: u16, total: u16) -> Result<(), Fault> {
    if number == 0 || number > total { Err(Fault::BadFragmentNumber) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_number_total_and_body() {
        let fragment =
            FragmentPayload { first: PayloadType::ID_INITIATOR, number: 1, total: 513, body: &[7, 8] };
        let octets = [0, 1, 2, 1, 7, 8];
        assert_eq!(FragmentPayload::parse(PayloadType::ID_INITIATOR, &octets), Ok(fragment));
        let mut out = Vec::new();
        fragment.emit(&mut out).unwrap();
        assert_eq!(out, octets);
    }

    #[test]
    fn a_fragment_number_is_one_to_the_total() {
        for (number, total) in [(0, 0), (0, 1), (1, 0), (2, 1)] {
            assert_eq!(check(number, total), Err(Fault::BadFragmentNumber));
        }
        for (number, total) in [(1, 1), (1, u16::MAX), (u16::MAX, u16::MAX)] {
            assert_eq!(check(number, total), Ok(()));
        }
    }
}
