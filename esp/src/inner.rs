//! How long an IP packet says that it is: by this the receiver finds where TFC padding begins (RFC 4303 section 2.7).

use crate::sa::{IPV4, IPV6};

/// Octets of an IPv4 header without options.
const IPV4_HEADER_LEN: usize = 20;
/// Octets of an IPv6 header.
const IPV6_HEADER_LEN: usize = 40;

/// The length of the IP packet that `octets` start with, by its own header, in octets.
///
/// `None` if there is no whole packet: no IP version, a length below the header's or beyond the octets. An IPv6
/// jumbogram (RFC 2675), which states no length here, is refused: no tunnel over UDP or ESP carries one.
pub fn inner_len(octets: &[u8]) -> Option<usize> {
    inner(octets).map(|(_, len)| len)
}

/// The Next Header value for the packet, and its length.
pub(crate) fn inner(octets: &[u8]) -> Option<(u8, usize)> {
    let (next_header, len, least) = match octets.first()? >> 4 {
        4 => {
            let header = octets.first_chunk::<IPV4_HEADER_LEN>()?;
            let [first, _, l0, l1, ..] = *header;
            let header_len = usize::from(first & 0x0f).checked_mul(4)?;
            if header_len < IPV4_HEADER_LEN {
                return None;
            }
            (IPV4, usize::from(u16::from_be_bytes([l0, l1])), header_len)
        }
        6 => {
            let header = octets.first_chunk::<IPV6_HEADER_LEN>()?;
            let [_, _, _, _, l0, l1, ..] = *header;
            let payload = u16::from_be_bytes([l0, l1]);
            let jumbo = payload == 0 && header.get(6) == Some(&HOP_BY_HOP);
            let len = usize::from(payload).checked_add(IPV6_HEADER_LEN)?;
            (IPV6, if jumbo { 0 } else { len }, IPV6_HEADER_LEN)
        }
        _ => return None,
    };
    (len >= least && len <= octets.len()).then_some((next_header, len))
}

/// Next Header of a hop-by-hop options header, where a jumbogram has its length.
const HOP_BY_HOP: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ipv4, ipv6};

    #[test]
    fn a_packet_states_its_length_and_what_follows_does_not_count() {
        for (packet, next_header) in [(ipv4(33), IPV4), (ipv6(53), IPV6), (ipv4(20), IPV4), (ipv6(40), IPV6)]
        {
            assert_eq!(inner(&packet), Some((next_header, packet.len())));
            assert_eq!(inner(&[packet.as_slice(), &[0; 7]].concat()), Some((next_header, packet.len())));
        }
    }

    #[test]
    fn a_truncated_packet_is_refused() {
        for packet in [ipv4(33), ipv6(53)] {
            for len in 0..packet.len() {
                assert_eq!(inner(&packet[..len]), None);
            }
        }
    }

    #[test]
    fn impossible_headers_are_refused() {
        for version in (0..16).filter(|version| ![4, 6].contains(version)) {
            assert_eq!(inner(&[version << 4; 100]), None);
        }
        let mut shorter_than_its_header = ipv4(33);
        shorter_than_its_header[3] = 19;
        assert_eq!(inner(&shorter_than_its_header), None);
        let mut options = ipv4(33);
        options[0] = 0x49;
        assert_eq!(inner(&options), None, "a header of 36 octets in a packet of 33");
        let mut no_header = ipv4(33);
        no_header[0] = 0x44;
        assert_eq!(inner(&no_header), None, "a header of 16 octets");
        let mut jumbogram = ipv6(40);
        (jumbogram[6], jumbogram[5]) = (0, 0);
        assert_eq!(inner(&jumbogram), None);
    }
}
