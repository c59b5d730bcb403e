//! IDi and IDr, the Identification payloads (RFC 7296 section 3.5).

use nom::number::complete::be_u8;

use crate::wire::error::Fault;
use crate::wire::reader::octets;
use crate::wire::registry::IdType;

/// Who one end says it is.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   ID Type     |                 RESERVED                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                   Identification Data                         ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct IdPayload<'a> {
    /// The form of the identity.
    pub id_type: IdType,
    /// Zero when sent, whatever came when received: AUTH covers these octets as they were on the wire.
    pub reserved: [u8; 3],
    /// The identity, without terminator. At most what a payload holds; its form is not checked here.
    pub data: &'a [u8],
}

impl<'a> IdPayload<'a> {
    /// An identity to send.
    pub const fn new(id_type: IdType, data: &'a [u8]) -> IdPayload<'a> {
        IdPayload { id_type, reserved: [0; 3], data }
    }

    /// What AUTH covers of this payload, as received: `RestOfInitIDPayload = IDType | RESERVED | InitIDData`
    /// and its counterpart for the responder (RFC 7296 section 2.15).
    pub fn body(&self) -> Vec<u8> {
        let [a, b, c] = self.reserved;
        let mut body = vec![self.id_type.0, a, b, c];
        body.extend_from_slice(self.data);
        body
    }

    pub(super) fn parse(body: &'a [u8]) -> Result<IdPayload<'a>, Fault> {
        let (body, id_type) = be_u8(body)?;
        let (data, reserved) = octets(body)?;
        Ok(IdPayload { id_type: IdType(id_type), reserved, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(&self.body());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_keeps_its_reserved_octets_for_auth() {
        let octets = [2, 0xf1, 0xf2, 0xf3, b'a', b'.', b'b'];
        let id = IdPayload::parse(&octets).unwrap();
        assert_eq!(id, IdPayload { id_type: IdType::FQDN, reserved: [0xf1, 0xf2, 0xf3], data: b"a.b" });
        assert_eq!(id.body(), octets);
    }

    #[test]
    fn an_identity_of_ours_sends_its_reserved_octets_as_zero() {
        let mut out = Vec::new();
        IdPayload::new(IdType::KEY_ID, b"key").emit(&mut out).unwrap();
        assert_eq!(out, [11, 0, 0, 0, b'k', b'e', b'y']);
    }

    #[test]
    fn an_identity_may_be_empty_but_not_truncated() {
        assert_eq!(IdPayload::parse(&[13, 0, 0, 0]), Ok(IdPayload::new(IdType::NULL, &[])));
        for length in 0..4 {
            assert_eq!(IdPayload::parse(&[13, 0, 0, 0][..length]), Err(Fault::Truncated));
        }
    }
}
