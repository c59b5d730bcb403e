//! What stands in a UDP datagram of port 4500 (RFC 3948 section 2).
//!
//! ```text
//! | SPI, not 0 | sequence number | ...    ESP
//! | 0 0 0 0    | IKE header      | ...    IKE, behind the non-ESP marker
//! | ff |                                  keepalive
//! ```

use crate::sa::Spi;

/// The content of a NAT-keepalive (RFC 3948 section 2.3), which keeps a NAT's mapping and says nothing else.
pub const KEEPALIVE: [u8; 1] = [0xff];

/// What stands before an IKE message, where ESP has its SPI (RFC 3948 section 2.2).
pub const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// A datagram of port 4500.
#[derive(Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A NAT-keepalive: to be ignored, and no sign of life (RFC 3948 section 4).
    Keepalive,
    /// An IKE message, without its marker.
    Ike(&'a mut [u8]),
    /// An ESP packet, SPI included.
    Esp(Spi, &'a mut [u8]),
    /// Too short for any of these.
    Invalid,
}

impl<'a> Datagram<'a> {
    /// Tells by the first octets what the datagram is. It may still be malformed.
    pub fn classify(datagram: &'a mut [u8]) -> Datagram<'a> {
        if *datagram == KEEPALIVE {
            return Datagram::Keepalive;
        }
        match datagram.first_chunk().map(|first| Spi::new(u32::from_be_bytes(*first))) {
            Some(Some(spi)) => Datagram::Esp(spi, datagram),
            Some(None) => Datagram::Ike(datagram.get_mut(NON_ESP_MARKER.len()..).unwrap_or_default()),
            None => Datagram::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_told_by_its_first_octets() {
        assert_eq!(Datagram::classify(&mut [0xff]), Datagram::Keepalive);
        assert_eq!(Datagram::classify(&mut [0, 0, 0, 0, 7, 8]), Datagram::Ike(&mut [7, 8]));
        assert_eq!(Datagram::classify(&mut [0, 0, 0, 0]), Datagram::Ike(&mut []));
        let spi = Spi::new(0xff00_0001).unwrap();
        assert_eq!(Datagram::classify(&mut [0xff, 0, 0, 1, 9]), Datagram::Esp(spi, &mut [0xff, 0, 0, 1, 9]));
    }

    #[test]
    fn what_has_no_marker_and_no_spi_is_invalid() {
        for mut datagram in [vec![], vec![0], vec![0xfe], vec![0xff, 0xff], vec![0, 0, 0]] {
            assert_eq!(Datagram::classify(&mut datagram), Datagram::Invalid);
        }
    }
}
