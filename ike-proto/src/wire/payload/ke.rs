//! KE, the Key Exchange payload (RFC 7296 section 3.4).

use nom::number::complete::be_u16;

use crate::wire::error::Fault;
use crate::wire::reader::octets;
use crate::wire::registry::TransformId;

/// One end's public value.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Diffie-Hellman Group Num    |           RESERVED            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                       Key Exchange Data                       ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct KePayload<'a> {
    /// The key exchange method, one of [`ke`](crate::wire::ke).
    pub group: TransformId,
    /// The public value; whether its length fits the group is checked by the key exchange.
    pub data: &'a [u8],
}

impl<'a> KePayload<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<KePayload<'a>, Fault> {
        let (body, group) = be_u16(body)?;
        let (data, _reserved) = octets::<2>(body)?;
        Ok(KePayload { group: TransformId(group), data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(&self.group.0.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(self.data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ke;

    #[test]
    fn ke_is_group_and_data_whatever_is_reserved() {
        let parsed = KePayload { group: ke::X25519, data: &[1, 2, 3] };
        assert_eq!(KePayload::parse(&[0, 31, 0xff, 0xff, 1, 2, 3]), Ok(parsed));
        let mut out = Vec::new();
        parsed.emit(&mut out).unwrap();
        assert_eq!(out, [0, 31, 0, 0, 1, 2, 3]);
    }

    #[test]
    fn ke_without_its_fixed_part_is_truncated() {
        for length in 0..4 {
            assert_eq!(KePayload::parse(&[0, 31, 0, 0][..length]), Err(Fault::Truncated));
        }
    }
}
