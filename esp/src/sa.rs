//! What both ends of an SA agree on, and the header by which its packets are told (RFC 4303 sections 2.1 and 2.2).

use std::fmt;
use std::num::NonZeroU32;

use crypto::Protection;

use crate::limits::Limits;

/// Octets of the SPI and the sequence number.
pub(crate) const HEADER_LEN: usize = 8;

/// Next Header of an IPv4 packet (tunnel mode).
pub(crate) const IPV4: u8 = 4;
/// Next Header of an IPv6 packet (tunnel mode).
pub(crate) const IPV6: u8 = 41;
/// Next Header of a dummy packet (RFC 4303 section 2.6).
pub(crate) const NO_NEXT_HEADER: u8 = 59;

/// A Security Parameters Index; never 0, which RFC 3948 section 2.2 takes for IKE.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spi(NonZeroU32);

impl Spi {
    /// `None` for 0.
    pub const fn new(spi: u32) -> Option<Spi> {
        match NonZeroU32::new(spi) {
            Some(spi) => Some(Spi(spi)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Whether sequence numbers have 64 bits, of which the lower 32 are sent (RFC 4303 section 2.2.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Esn {
    /// 32-bit sequence numbers.
    No,
    /// 64-bit sequence numbers.
    Yes,
}

impl Esn {
    /// The last number that a packet may have: numbers never cycle (RFC 4303 section 3.3.3).
    pub const fn last(self) -> u64 {
        match self {
            Esn::No => 0xffff_ffff,
            Esn::Yes => u64::MAX,
        }
    }

    /// The half of `number` that is authenticated and not sent.
    pub(crate) fn high(self, number: u64) -> Option<u32> {
        match self {
            Esn::No => None,
            Esn::Yes => Some(halves(number).0),
        }
    }
}

/// The upper and the lower 32 bits.
pub(crate) fn halves(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// The number with these upper and lower 32 bits.
pub(crate) fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// What an SA carries (RFC 4303 section 3.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What follows the IP header between the two ends' own addresses.
    Transport,
    /// Whole IP packets.
    Tunnel,
}

/// What an SA is made of, beside its keys, in either direction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The receiver's choice, in every packet.
    pub spi: Spi,
    /// The algorithms.
    pub protection: Protection,
    /// The size of sequence numbers, as negotiated.
    pub esn: Esn,
    /// How much the keys may protect.
    pub limits: Limits,
}

/// The part of an ESP packet that is in clear.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tells the receiver the SA.
    pub spi: Spi,
    /// The lower 32 bits of the sequence number.
    pub sequence_number: u32,
}

impl Header {
    /// The header of an ESP packet; `None` if it is too short or its SPI is 0. Nothing is authenticated yet.
    pub fn parse(packet: &[u8]) -> Option<Header> {
        let (spi, rest) = packet.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        let spi = Spi::new(u32::from_be_bytes(*spi))?;
        Some(Header { spi, sequence_number: u32::from_be_bytes(*number) })
    }

    /// The 8 octets on the wire.
    pub(crate) fn octets(self) -> [u8; HEADER_LEN] {
        joined(self.spi.get(), self.sequence_number).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_spi_and_sequence_number() {
        let header = Header { spi: Spi::new(0x0102_0304).unwrap(), sequence_number: 5 };
        assert_eq!(header.octets(), [1, 2, 3, 4, 0, 0, 0, 5]);
        assert_eq!(Header::parse(&[1, 2, 3, 4, 0, 0, 0, 5, 9]), Some(header));
        assert_eq!(header.spi.to_string(), "01020304");
    }

    #[test]
    fn a_short_header_and_an_spi_of_zero_are_refused() {
        for len in 0..HEADER_LEN {
            assert_eq!(Header::parse(&[1; HEADER_LEN][..len]), None);
        }
        assert_eq!(Header::parse(&[0, 0, 0, 0, 0, 0, 0, 1]), None);
    }

    #[test]
    fn halves_join_to_the_number() {
        assert_eq!(halves(0x0123_4567_89ab_cdef), (0x0123_4567, 0x89ab_cdef));
        assert_eq!(joined(0x0123_4567, 0x89ab_cdef), 0x0123_4567_89ab_cdef);
        assert_eq!((Esn::No.high(7), Esn::Yes.high(1 << 33)), (None, Some(2)));
    }
}
