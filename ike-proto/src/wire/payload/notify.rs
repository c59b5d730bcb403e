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
