//! N, the Notify payload (RFC 7296 section 3.10).

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::wire::error::Fault;
use crate::wire::registry::{NotifyType, Protocol};
use crate::wire::writer;

/// An error or a status.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Protocol ID  |   SPI Size    |      Notify Message Type      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                Security Parameter Index (SPI)                 ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                       Notification Data                       ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NotifyPayload<'a> {
    /// What the SPI is of; to be ignored when there is none.
    pub protocol: Protocol,
    /// The SA that the notification is about: empty for the IKE SA, four octets for ESP and AH. Any size is
    /// kept; what it must be depends on the kind.
    pub spi: &'a [u8],
    /// What it says.
    pub kind: NotifyType,
    /// What the kind defines.
    pub data: &'a [u8],
}

impl<'a> NotifyPayload<'a> {
    /// A notification about the IKE SA: no protocol, no SPI.
    pub const fn new(kind: NotifyType, data: &'a [u8]) -> NotifyPayload<'a> {
        NotifyPayload { protocol: Protocol::NONE, spi: &[], kind, data }
    }

    pub(super) fn parse(body: &'a [u8]) -> Result<NotifyPayload<'a>, Fault> {
        let (body, protocol) = be_u8(body)?;
        let (body, spi_size) = be_u8(body)?;
        let (body, kind) = be_u16(body)?;
        let (data, spi) = take(spi_size)(body)?;
        Ok(NotifyPayload { protocol: Protocol(protocol), spi, kind: NotifyType(kind), data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.push(self.protocol.0);
        out.push(writer::spi_size(self.spi.len())?);
        out.extend_from_slice(&self.kind.0.to_be_bytes());
        out.extend_from_slice(self.spi);
        out.extend_from_slice(self.data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notify_of_rfc_7634_is_read_and_written() {
        // RFC 7634 Appendix B: SET_WINDOW_SIZE, 10.
        let octets = [0x00, 0x00, 0x40, 0x01, 0x00, 0x00, 0x00, 0x0a];
        let notify = NotifyPayload::new(NotifyType::SET_WINDOW_SIZE, &[0, 0, 0, 10]);
        assert_eq!(NotifyPayload::parse(&octets), Ok(notify));
        let mut out = Vec::new();
        notify.emit(&mut out).unwrap();
        assert_eq!(out, octets);
    }

    #[test]
    fn a_notify_about_a_child_sa_carries_its_spi() {
        let notify = NotifyPayload {
            protocol: Protocol::ESP,
            spi: &[1, 2, 3, 4],
            kind: NotifyType::REKEY_SA,
            data: &[],
        };
        assert_eq!(NotifyPayload::parse(&[3, 4, 0x40, 0x09, 1, 2, 3, 4]), Ok(notify));
    }

    #[test]
    fn an_spi_of_any_size_is_kept_and_one_past_the_end_is_truncated() {
        let mut octets = vec![255, 255, 0, 44];
        octets.resize(4 + 255, 9);
        assert_eq!(NotifyPayload::parse(&octets).map(|notify| notify.spi.len()), Ok(255));
        octets.pop();
        assert_eq!(NotifyPayload::parse(&octets), Err(Fault::Truncated));
    }

    #[test]
    fn an_spi_longer_than_its_size_field_is_not_sent() {
        let spi = [0; 256];
        let notify = NotifyPayload { spi: &spi, ..NotifyPayload::new(NotifyType::REKEY_SA, &[]) };
        assert_eq!(notify.emit(&mut Vec::new()), Err(Fault::TooLong));
    }
}
