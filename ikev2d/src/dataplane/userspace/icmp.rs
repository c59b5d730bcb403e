//! ICMP errors to whoever sent a packet that does not fit the path (RFC 1191 section 4, RFC 4443 section 3.2).

use super::ip::{ICMP, ICMPV6, IPV6_HEADER_LEN, Packet};
use super::transport::{header_len, sum, write_header};

/// Octets of the packet that the error quotes: all that RFC 792 asks for behind a header with options, and the ports
/// and numbers by which the kernel finds the socket behind IPv6's.
const QUOTED: usize = 88;

/// Octets of an ICMP header.
const ICMP_HEADER_LEN: usize = 8;

/// The beginning of a packet, kept while the packet is encrypted in place.
pub(super) struct Quote([u8; QUOTED]);

impl Quote {
    /// The first octets, filled with zeros.
    pub fn of(packet: &[u8]) -> Quote {
        let mut quote = [0; QUOTED];
        quote.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        Quote(quote)
    }
}

/// The error that says that packets may have `mtu` octets; `None` if the packet may be fragmented, or no error may
/// answer it: an ICMP error, or a fragment other than the first (RFC 1122 section 3.2.2).
pub(super) fn too_big(packet: &Packet, quote: &Quote, mtu: usize) -> Option<Vec<u8>> {
    let (kind, code, protocol) = match packet.source.address {
        std::net::IpAddr::V4(_) => (3, 4, ICMP),
        std::net::IpAddr::V6(_) => (2, 0, ICMPV6),
    };
    if !packet.dont_fragment || is_error(packet) {
        return None;
    }
    // From where the packet was going to: that is where the kernel remembers the MTU for.
    let addresses = (packet.destination.address, packet.source.address);
    let payload_len = ICMP_HEADER_LEN.saturating_add(QUOTED);
    let mut error = vec![0; header_len(packet.source.address)];
    write_header(&mut error, addresses, protocol, payload_len)?;
    let header = error.len();
    error.extend_from_slice(&[kind, code, 0, 0]);
    // IPv4 has the MTU in the last two of these octets, IPv6 in all four.
    error.extend_from_slice(&u32::from(u16::try_from(mtu).ok()?).to_be_bytes());
    error.extend_from_slice(&quote.0);
    let pseudo = match protocol {
        ICMPV6 => {
            let ends = sum(0, error.get(8..IPV6_HEADER_LEN)?);
            sum(sum(ends, &u32::try_from(payload_len).ok()?.to_be_bytes()), &[0, ICMPV6])
        }
        _ => 0,
    };
    let checksum = !sum(pseudo, error.get(header..)?);
    error.get_mut(header.checked_add(2)?..)?.first_chunk_mut::<2>()?.copy_from_slice(&checksum.to_be_bytes());
    Some(error)
}

/// Whether the packet is an ICMP error itself, by its type.
fn is_error(packet: &Packet) -> bool {
    let kind = packet.source.port.map(|number| number >> 8);
    match packet.protocol {
        // Unreachable, quench, redirect, time exceeded, parameter problem.
        ICMP => matches!(kind, None | Some(3 | 4 | 5 | 11 | 12)),
        ICMPV6 => kind.is_none_or(|kind| kind < 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ip::tests::{v4, v6};
    use super::super::ip::{IPV4_HEADER_LEN, TCP, UDP};
    use super::*;

    #[test]
    fn the_error_goes_back_with_right_checksums() {
        for (sent, header) in [
            (v4("10.0.0.1", "10.0.0.2", TCP, &[7; 1400]), IPV4_HEADER_LEN),
            (v6("fd00::1", "fd00::2", UDP, &[7; 1400]), IPV6_HEADER_LEN),
        ] {
            let packet = Packet::parse(&sent).unwrap();
            let error = too_big(&packet, &Quote::of(&sent), 1372).unwrap();
            let read = Packet::parse(&error).unwrap();
            assert_eq!(read.source.address, packet.destination.address);
            assert_eq!(read.destination.address, packet.source.address);
            assert_eq!(error[header + 4..header + 8], 1372_u32.to_be_bytes());
            assert_eq!(error[header + 8..], sent[..QUOTED]);
            if header == IPV4_HEADER_LEN {
                assert_eq!((sum(0, &error[..20]), sum(0, &error[20..])), (0xffff, 0xffff));
            } else {
                let pseudo = [&error[8..40], &[0, 0, 0, 96, 0, 0, 0, ICMPV6]].concat();
                assert_eq!(sum(sum(0, &pseudo), &error[40..]), 0xffff);
            }
        }
    }

    #[test]
    fn no_error_answers_an_error_or_what_may_be_fragmented() {
        let mut may = v4("10.0.0.1", "10.0.0.2", TCP, &[7; 1400]);
        may[6] = 0;
        let unreachable = v4("10.0.0.1", "10.0.0.2", ICMP, &[3; 1400]);
        let too_big_v6 = v6("fd00::1", "fd00::2", ICMPV6, &[2; 1400]);
        for sent in [may, unreachable, too_big_v6] {
            assert_eq!(too_big(&Packet::parse(&sent).unwrap(), &Quote::of(&sent), 1372), None);
        }
        let ping = v4("10.0.0.1", "10.0.0.2", ICMP, &[8; 1400]);
        assert!(too_big(&Packet::parse(&ping).unwrap(), &Quote::of(&ping), 1372).is_some());
    }
}
