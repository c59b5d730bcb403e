//! CERT, the Certificate payload (RFC 7296 section 3.6).

use nom::number::complete::be_u8;

use crate::wire::error::Fault;
use crate::wire::registry::CertEncoding;

/// A certificate, or what stands for one.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Cert Encoding |                                               |
/// +-+-+-+-+-+-+-+-+                                               |
/// ~                       Certificate Data                        ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CertPayload<'a> {
    /// The form of the data.
    pub encoding: CertEncoding,
    /// The certificate as the encoding has it.
    pub data: &'a [u8],
}

impl<'a> CertPayload<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<CertPayload<'a>, Fault> {
        let (data, encoding) = be_u8(body)?;
        Ok(CertPayload { encoding: CertEncoding(encoding), data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.push(self.encoding.0);
        out.extend_from_slice(self.data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_encoding_and_data() {
        let parsed = CertPayload { encoding: CertEncoding::X509_SIGNATURE, data: &[0x30, 0x82] };
        assert_eq!(CertPayload::parse(&[4, 0x30, 0x82]), Ok(parsed));
        let mut out = Vec::new();
        parsed.emit(&mut out).unwrap();
        assert_eq!(out, [4, 0x30, 0x82]);
    }

    #[test]
    fn a_certificate_without_an_encoding_is_truncated() {
        assert_eq!(CertPayload::parse(&[]), Err(Fault::Truncated));
    }
}
