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

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of the message in RFC 7634 Appendix B, as if nothing followed it.
    const RFC_7634: [u8; 28] = [
        0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0x2e,
        0x20, 0x25, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x1c,
    ];

    fn parsed() -> Header {
        Header {
            initiator_spi: IkeSpi::from_bytes([0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]),
            responder_spi: IkeSpi::from_bytes([0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7]),
            next_payload: PayloadType::ENCRYPTED,
            major: 2,
            minor: 0,
            exchange: ExchangeType::INFORMATIONAL,
            flags: Flags { initiator: false, response: false },
            message_id: MessageId(9),
            length: 28,
        }
    }

    fn with(at: usize, octet: u8) -> [u8; 28] {
        let mut message = RFC_7634;
        message[at] = octet;
        message
    }

    #[test]
    fn the_header_of_rfc_7634_is_read_and_written() {
        assert_eq!(Header::parse(&RFC_7634), Ok(parsed()));
        let mut out = Vec::new();
        parsed().emit(&mut out);
        assert_eq!(out, RFC_7634);
    }

    #[test]
    fn only_the_i_and_r_flags_mean_something() {
        for octet in 0..=u8::MAX {
            let header = Header::parse(&with(19, octet)).unwrap();
            let flags = Flags { initiator: octet & 0x08 != 0, response: octet & 0x20 != 0 };
            assert_eq!(header, Header { flags, ..parsed() });
            let mut out = Vec::new();
            header.emit(&mut out);
            assert_eq!(out[19], octet & 0x28);
        }
    }

    #[test]
    fn the_minor_version_is_ignored_and_sent_as_zero() {
        let header = Header::parse(&with(17, 0x2f)).unwrap();
        assert_eq!(header, Header { minor: 15, ..parsed() });
        let mut out = Vec::new();
        header.emit(&mut out);
        assert_eq!(out[17], 0x20);
    }

    #[test]
    fn another_major_version_is_told_apart_and_its_fields_can_still_be_read() {
        for major in [0, 1, 3, 15] {
            let mut message = with(17, major << 4);
            message[27] = 99;
            assert_eq!(Header::parse(&message), Err(WireError::UnsupportedMajorVersion { major }));
            let header = Header::parse_any_version(&message).unwrap();
            assert_eq!(header, Header { major, length: 99, ..parsed() });
        }
    }

    #[test]
    fn a_length_that_is_not_the_datagrams_is_refused() {
        for length in [0, 27, 29, 255] {
            let error = Header::parse(&with(27, length)).unwrap_err();
            assert_eq!(error, WireError::WrongLength { stated: length.into(), actual: 28 });
        }
        let error = Header::parse(&with(24, 0xff)).unwrap_err();
        assert_eq!(error, WireError::WrongLength { stated: 0xff00_001c, actual: 28 });
    }

    #[test]
    fn less_than_a_header_is_refused() {
        for length in 0..Header::LEN {
            assert_eq!(Header::parse(&RFC_7634[..length]), Err(WireError::NoHeader { length }));
        }
    }

    #[test]
    fn a_message_gets_its_own_length() {
        let mut message = with(27, 0).to_vec();
        message.resize(300, 0);
        patch_length(&mut message);
        assert_eq!(Header::parse(&message).map(|header| header.length), Ok(300));
        let mut stub = [7; 27];
        patch_length(&mut stub);
        assert_eq!(stub, [7; 27]);
    }
}
