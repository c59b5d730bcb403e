//! The IKE header (RFC 7296 section 3.1).

use nom::number::complete::{be_u8, be_u32};

use super::error::{Fault, WireError};
use super::reader::{Read, octets};
use super::registry::{ExchangeType, PayloadType};
use crate::ids::{IkeSpi, MessageId};

/// The first 28 octets of every message.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       IKE SA Initiator's SPI                  |
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       IKE SA Responder's SPI                  |
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Message ID                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                            Length                             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The SPI of the end that began the IKE SA. Zero is not refused here: the one-way INVALID_SPI message of
    /// RFC 7296 section 1.5 may carry it.
    pub initiator_spi: IkeSpi,
    /// The other end's SPI, zero before it has chosen.
    pub responder_spi: IkeSpi,
    /// The type of the payload that follows the header.
    pub next_payload: PayloadType,
    /// Major version; always 2 in what [`Header::parse`] returns and in what is emitted.
    pub major: u8,
    /// Minor version as received, to be ignored; always emitted as 0.
    pub minor: u8,
    /// The exchange that the message belongs to.
    pub exchange: ExchangeType,
    /// Who sent the message, and whether it answers one.
    pub flags: Flags,
    /// The number that pairs requests with responses.
    pub message_id: MessageId,
    /// Octets of the whole message, this header included.
    pub length: u32,
}

/// The two flags that mean something to a version 2 implementation.
///
/// ```text
/// +-+-+-+-+-+-+-+-+
/// |X|X|R|V|I|X|X|X|
/// +-+-+-+-+-+-+-+-+
/// ```
///
/// X and V are sent as zero and ignored on receipt.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// I: sent by the original initiator of this IKE SA.
    pub initiator: bool,
    /// R: a response.
    pub response: bool,
}

impl Flags {
    const INITIATOR: u8 = 0x08;
    const RESPONSE: u8 = 0x20;

    fn from_octet(octet: u8) -> Flags {
        Flags { initiator: octet & Flags::INITIATOR != 0, response: octet & Flags::RESPONSE != 0 }
    }

    fn to_octet(self) -> u8 {
        (if self.initiator { Flags::INITIATOR } else { 0 })
            | (if self.response { Flags::RESPONSE } else { 0 })
    }
}

impl Header {
    /// Octets of a header.
    pub const LEN: usize = 28;

    /// The version that this crate speaks.
    pub const MAJOR: u8 = 2;

    /// Where the Length field, the header's last, begins.
    const LENGTH_AT: usize = 24;

    /// Reads the header of a whole message (without the non-ESP marker of port 4500).
    ///
    /// Fails when the datagram is too short, the major version is not 2 or the length is not the datagram's,
    /// in this order.
    pub fn parse(datagram: &[u8]) -> Result<Header, WireError> {
        let header = Header::parse_any_version(datagram)?;
        if header.major != Header::MAJOR {
            return Err(WireError::UnsupportedMajorVersion { major: header.major });
        }
        if usize::try_from(header.length) != Ok(datagram.len()) {
            return Err(WireError::WrongLength { stated: header.length, actual: datagram.len() });
        }
        Ok(header)
    }

    /// Reads the header fields of any version and trusts none: for the INVALID_MAJOR_VERSION answer alone,
    /// which repeats the SPIs, the exchange type and the message ID.
    pub fn parse_any_version(datagram: &[u8]) -> Result<Header, WireError> {
        match fields(datagram) {
            Ok((_, header)) => Ok(header),
            Err(_) => Err(WireError::NoHeader { length: datagram.len() }),
        }
    }

    /// Appends the header as version 2.0, with `length` as it stands; see [`patch_length`].
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.initiator_spi.to_bytes());
        out.extend_from_slice(&self.responder_spi.to_bytes());
        out.push(self.next_payload.0);
        out.push(Header::MAJOR << 4);
        out.push(self.exchange.0);
        out.push(self.flags.to_octet());
        out.extend_from_slice(&self.message_id.0.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
    }
}

fn fields(input: &[u8]) -> Read<'_, Header> {
    let (input, initiator_spi) = octets(input)?;
    let (input, responder_spi) = octets(input)?;
    let (input, next_payload) = be_u8(input)?;
    let (input, version) = be_u8(input)?;
    let (input, exchange) = be_u8(input)?;
    let (input, flags) = be_u8(input)?;
    let (input, message_id) = be_u32(input)?;
    let (input, length) = be_u32::<_, Fault>(input)?;
    let header = Header {
        initiator_spi: IkeSpi::from_bytes(initiator_spi),
        responder_spi: IkeSpi::from_bytes(responder_spi),
        next_payload: PayloadType(next_payload),
        major: version >> 4,
        minor: version & 0x0f,
        exchange: ExchangeType(exchange),
        flags: Flags::from_octet(flags),
        message_id: MessageId(message_id),
        length,
    };
    Ok((input, header))
}

/// Sets the Length field of a complete message to the length of `message`. Does nothing to less than a header.
pub fn patch_length(message: &mut [u8]) {
    // A message longer than the field is longer than any datagram: it could only be refused by the socket.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    if let Some(field) = message.get_mut(Header::LENGTH_AT..Header::LEN) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}
