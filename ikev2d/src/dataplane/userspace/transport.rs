//! Transport mode without a kernel: the IP header that ESP does not carry is made anew (RFC 4303 section 3.1.1).
//!
//! What the UDP datagram's addresses say becomes the packet's addresses, as RFC 3948 section 3.1.2 has it behind a
//! NAT; the transport checksum, which a NAT would have made wrong, is left to the kernel to complete.

use std::net::IpAddr;

use super::ip::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, TCP, UDP};
use super::offload::{CHECKSUM_NEEDED, Offload};
use super::segment::pseudo_header;

/// Hops that the rebuilt packet may still make, none in practice: it is for this host.
const TTL: u8 = 64;

/// Octets of the header between these addresses.
pub(super) fn header_len(address: IpAddr) -> usize {
    if address.is_ipv4() { IPV4_HEADER_LEN } else { IPV6_HEADER_LEN }
}

/// Fills `header`, which is exactly as long as [`header_len`] says, for a payload of `payload_len` octets.
///
/// `None` if the lengths do not fit or the addresses are of two families.
pub(super) fn write_header(
    header: &mut [u8],
    (source, destination): (IpAddr, IpAddr),
    next_header: u8,
    payload_len: usize,
) -> Option<()> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header: &mut [u8; IPV4_HEADER_LEN] = header.try_into().ok()?;
            let [l0, l1] = u16::try_from(payload_len.checked_add(IPV4_HEADER_LEN)?).ok()?.to_be_bytes();
            let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (source.octets(), destination.octets());
            // Don't Fragment, so that no identification is needed (RFC 6864 section 4.1).
            *header =
                [0x45, 0, l0, l1, 0, 0, 0x40, 0, TTL, next_header, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3];
            let [c0, c1] = (!sum(0, header.as_slice())).to_be_bytes();
            (header[10], header[11]) = (c0, c1);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header: &mut [u8; IPV6_HEADER_LEN] = header.try_into().ok()?;
            let [l0, l1] = u16::try_from(payload_len).ok()?.to_be_bytes();
            let (start, rest) = header.split_first_chunk_mut::<8>()?;
            *start = [0x60, 0, 0, 0, l0, l1, next_header, TTL];
            let (from, to) = rest.split_first_chunk_mut::<16>()?;
            *from = source.octets();
            to.copy_from_slice(&destination.octets());
        }
        _ => return None,
    }
    Some(())
}

/// Has the kernel complete the checksum of a TCP or UDP packet, whatever stood in it: ESP has proved the octets.
///
/// Nothing is done for other protocols, and for UDP without a checksum.
pub(super) fn renew_checksum(packet: &mut [u8], addresses: (IpAddr, IpAddr), next_header: u8) -> Offload {
    let start = header_len(addresses.0);
    match checksum_place(packet.get_mut(start..).unwrap_or_default(), addresses, next_header) {
        Some(offset) => Offload {
            flags: CHECKSUM_NEEDED,
            checksum_start: u16::try_from(start).unwrap_or(0),
            checksum_offset: offset,
            ..Offload::default()
        },
        None => Offload::default(),
    }
}

/// Writes the pseudo-header's sum where the checksum belongs, and says where that is in the payload.
fn checksum_place(payload: &mut [u8], addresses: (IpAddr, IpAddr), next_header: u8) -> Option<u16> {
    let length = u32::try_from(payload.len()).ok()?;
    let offset: u16 = match next_header {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    let place = payload.get_mut(usize::from(offset)..)?.first_chunk_mut::<2>()?;
    if next_header == UDP && *place == [0, 0] {
        return None;
    }
    *place = pseudo_header(addresses, length, next_header).to_be_bytes();
    Some(offset)
}

/// The Internet checksum's sum (RFC 1071), not yet complemented, of these octets onto `start`.
pub(super) fn sum(start: u16, octets: &[u8]) -> u16 {
    // Four octets at a time: the carries of both halves meet in the end.
    let (words, rest) = octets.as_chunks::<4>();
    let words = words.iter().map(|word| u64::from(u32::from_be_bytes(*word)));
    let mut last = [0; 4];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let rest = u64::from(u32::from_be_bytes(last));
    // No packet has so many words that this could overflow.
    let mut total = words.fold(u64::from(start).wrapping_add(rest), u64::wrapping_add);
    while total > 0xffff {
        total = (total & 0xffff).saturating_add(total >> 16);
    }
    u16::try_from(total).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_right_checksum_and_length() {
        let addresses = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut header = [0xaa; 20];
        write_header(&mut header, addresses, TCP, 1000).unwrap();
        assert_eq!(sum(0, &header), 0xffff);
        assert_eq!(header[2..4], 1020_u16.to_be_bytes());
        assert_eq!(write_header(&mut header, addresses, TCP, 65_530), None);
        assert_eq!(write_header(&mut header[1..], addresses, TCP, 1), None);
        let mut header = [0xaa; 40];
        let addresses = ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        write_header(&mut header, addresses, UDP, 1000).unwrap();
        assert_eq!(header[..8], [0x60, 0, 0, 0, 3, 0xe8, UDP, TTL]);
        assert_eq!((header[23], header[39]), (1, 2));
    }

    #[test]
    fn the_kernel_completes_what_we_begin() {
        let addresses: (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let payload = [0x12, 0x34, 0x56, 0x78, 0, 8, 0xbe, 0xef];
        let mut packet = [[0; 20].as_slice(), &payload].concat();
        let offload = renew_checksum(&mut packet, addresses, UDP);
        assert_eq!(
            (offload.flags, offload.checksum_start, offload.checksum_offset),
            (CHECKSUM_NEEDED, 20, 6)
        );
        // What the kernel does: the sum of everything from the start, complemented.
        let checksum = !sum(0, &packet[20..]);
        let mut whole = [192, 0, 2, 1, 192, 0, 2, 2, 0, UDP, 0, 8].to_vec();
        whole.extend_from_slice(&packet[20..]);
        whole[18..20].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(sum(0, &whole), 0xffff);
    }

    #[test]
    fn what_has_no_checksum_gets_none() {
        let addresses: (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut packet = vec![0; 28];
        for next_header in [UDP, 1, 58] {
            assert_eq!(renew_checksum(&mut packet, addresses, next_header), Offload::default());
        }
        assert_eq!(renew_checksum(&mut [0; 21], addresses, TCP), Offload::default());
        assert_eq!(packet, vec![0; 28]);
    }
}
