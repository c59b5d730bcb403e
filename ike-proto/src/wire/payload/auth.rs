//! AUTH, the Authentication payload (RFC 7296 section 3.8).

use nom::number::complete::be_u8;

use crate::wire::error::Fault;
use crate::wire::reader::octets;
use crate::wire::registry::AuthMethod;

/// The proof that the sender is who it says.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Auth Method  |                RESERVED                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                      Authentication Data                      ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AuthPayload<'a> {
    /// How the data was made.
    pub method: AuthMethod,
    /// The MAC or the signature.
    pub data: &'a [u8],
}

impl<'a> AuthPayload<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<AuthPayload<'a>, Fault> {
        let (body, method) = be_u8(body)?;
        let (data, _reserved) = octets::<3>(body)?;
        Ok(AuthPayload { method: AuthMethod(method), data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(&[self.method.0, 0, 0, 0]);
        out.extend_from_slice(self.data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_is_method_and_data_whatever_is_reserved() {
        let auth = AuthPayload { method: AuthMethod::SHARED_KEY, data: &[0xaa, 0xbb] };
        assert_eq!(AuthPayload::parse(&[2, 0xff, 0xff, 0xff, 0xaa, 0xbb]), Ok(auth));
        let mut out = Vec::new();
        auth.emit(&mut out).unwrap();
        assert_eq!(out, [2, 0, 0, 0, 0xaa, 0xbb]);
    }

    #[test]
    fn auth_without_its_fixed_part_is_truncated() {
        for length in 0..4 {
            assert_eq!(AuthPayload::parse(&[2, 0, 0, 0][..length]), Err(Fault::Truncated));
        }
    }
}
