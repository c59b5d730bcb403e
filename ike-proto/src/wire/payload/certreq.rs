//! CERTREQ, the Certificate Request payload (RFC 7296 section 3.7).

use nom::number::complete::be_u8;

use crate::wire::error::Fault;
use crate::wire::registry::CertEncoding;

/// Which certificates the sender would like.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Cert Encoding |                                               |
/// +-+-+-+-+-+-+-+-+                                               |
/// ~                    Certification Authority                    ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CertReqPayload<'a> {
    /// The form of certificate that is asked for.
    pub encoding: CertEncoding,
    /// For X.509: SHA-1 hashes of trusted CAs' public keys, 20 octets each. The length is not checked here.
    pub authorities: &'a [u8],
}

impl<'a> CertReqPayload<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<CertReqPayload<'a>, Fault> {
        let (authorities, encoding) = be_u8(body)?;
        Ok(CertReqPayload { encoding: CertEncoding(encoding), authorities })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.push(self.encoding.0);
        out.extend_from_slice(self.authorities);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_request_is_encoding_and_data() {
        let parsed = CertReqPayload { encoding: CertEncoding::X509_SIGNATURE, authorities: &[0x30, 0x82] };
        assert_eq!(CertReqPayload::parse(&[4, 0x30, 0x82]), Ok(parsed));
        let mut out = Vec::new();
        parsed.emit(&mut out).unwrap();
        assert_eq!(out, [4, 0x30, 0x82]);
    }

    #[test]
    fn a_certificate_request_without_an_encoding_is_truncated() {
        assert_eq!(CertReqPayload::parse(&[]), Err(Fault::Truncated));
    }
}
