//! D, the Delete payload (RFC 7296 section 3.11).

use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::ids::EspSpi;
use crate::wire::error::Fault;
use crate::wire::limits::MAX_DELETE_SPIS;
use crate::wire::reader::end;
use crate::wire::registry::Protocol;

/// Octets of an ESP or AH SPI.
const SPI_SIZE: u8 = 4;

/// SAs that the sender has deleted, all of one protocol.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Protocol ID   |   SPI Size    |          Num of SPIs          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~               Security Parameter Index(es) (SPI)              ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletePayload {
    /// IKE for the IKE SA itself, else ESP or AH.
    pub protocol: Protocol,
    /// The sender's inbound SPIs; none for IKE, whose SPIs are in the header.
    pub spis: Vec<EspSpi>,
}

impl DeletePayload {
    pub(super) fn parse(body: &[u8]) -> Result<DeletePayload, Fault> {
        let (body, protocol) = be_u8(body)?;
        let (body, spi_size) = be_u8(body)?;
        let (mut body, number) = be_u16(body)?;
        let protocol = Protocol(protocol);
        if spi_size != size_of_spi(protocol) {
            return Err(Fault::WrongSpiSize);
        }
        if protocol == Protocol::IKE && number != 0 {
            return Err(Fault::WrongCount);
        }
        if usize::from(number) > MAX_DELETE_SPIS {
            return Err(Fault::TooMany);
        }
        let mut spis = Vec::new();
        for _ in 0..number {
            let (rest, spi) = be_u32(body)?;
            spis.push(EspSpi(spi));
            body = rest;
        }
        end(body)?;
        Ok(DeletePayload { protocol, spis })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.protocol == Protocol::IKE && !self.spis.is_empty() {
            return Err(Fault::WrongCount);
        }
        if self.spis.len() > MAX_DELETE_SPIS {
            return Err(Fault::TooMany);
        }
        let number = u16::try_from(self.spis.len()).map_err(|_| Fault::TooMany)?;
        out.extend_from_slice(&[self.protocol.0, size_of_spi(self.protocol)]);
        out.extend_from_slice(&number.to_be_bytes());
        for spi in &self.spis {
            out.extend_from_slice(&spi.0.to_be_bytes());
        }
        Ok(())
    }
}

/// "It MUST be zero for IKE (SPI is in message header) or four for AH and ESP." An unknown protocol gets four
/// too: no other size could be kept.
fn size_of_spi(protocol: Protocol) -> u8 {
    if protocol == Protocol::IKE { 0 } else { SPI_SIZE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(protocol: Protocol, spis: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let spis = (256..).take(spis).map(EspSpi).collect();
        DeletePayload { protocol, spis }.emit(&mut out).map(|()| out)
    }

    #[test]
    fn a_delete_of_child_sas_lists_their_spis() {
        let octets = [3, 4, 0, 2, 0, 0, 1, 0, 0, 0, 1, 1];
        assert_eq!(emitted(Protocol::ESP, 2).unwrap(), octets);
        let delete = DeletePayload { protocol: Protocol::ESP, spis: vec![EspSpi(256), EspSpi(257)] };
        assert_eq!(DeletePayload::parse(&octets), Ok(delete));
    }

    #[test]
    fn a_delete_of_the_ike_sa_lists_nothing() {
        assert_eq!(emitted(Protocol::IKE, 0).unwrap(), [1, 0, 0, 0]);
        let delete = DeletePayload { protocol: Protocol::IKE, spis: vec![] };
        assert_eq!(DeletePayload::parse(&[1, 0, 0, 0]), Ok(delete));
        assert_eq!(emitted(Protocol::IKE, 1), Err(Fault::WrongCount));
        assert_eq!(DeletePayload::parse(&[1, 0, 0, 1]), Err(Fault::WrongCount));
    }

    #[test]
    fn an_spi_size_that_is_not_the_protocols_is_refused() {
        for octets in [[1, 8, 0, 0], [3, 0, 0, 0], [3, 8, 0, 0], [2, 3, 0, 0]] {
            assert_eq!(DeletePayload::parse(&octets), Err(Fault::WrongSpiSize));
        }
    }

    #[test]
    fn a_count_that_is_not_the_number_of_spis_is_refused() {
        assert_eq!(DeletePayload::parse(&[3, 4, 0, 2, 0, 0, 1, 0]), Err(Fault::Truncated));
        assert_eq!(DeletePayload::parse(&[3, 4, 0, 0, 0, 0, 1, 0]), Err(Fault::Trailing));
    }

    #[test]
    fn a_delete_lists_as_many_spis_as_the_limit_and_no_more() {
        let octets = emitted(Protocol::AH, MAX_DELETE_SPIS).unwrap();
        assert_eq!(DeletePayload::parse(&octets).map(|delete| delete.spis.len()), Ok(MAX_DELETE_SPIS));
        assert_eq!(emitted(Protocol::AH, MAX_DELETE_SPIS + 1), Err(Fault::TooMany));
        assert_eq!(DeletePayload::parse(&[2, 4, 0xff, 0xff]), Err(Fault::TooMany));
    }
}
