//! A long TCP packet, which the kernel has left whole, in the segments that the path takes.
//!
//! One such packet is as much work for the kernel as one segment; so is the train of datagrams that they become.

use std::net::IpAddr;

use super::ip::{Packet, TCP};
use super::offload::Offload;
use super::transport::sum;

/// Octets of a TCP header without options.
const TCP_HEADER_LEN: usize = 20;
/// Flags that the last segment alone has: FIN and PSH (RFC 9293 section 3.1).
const LAST_FLAGS: u8 = 0x09;
/// The flag that the first segment alone has: CWR (RFC 3168 section 6.1.2).
const FIRST_FLAGS: u8 = 0x80;

/// A long packet, and how it is cut.
pub(super) struct Segments<'a> {
    octets: &'a [u8],
    addresses: (IpAddr, IpAddr),
    /// Octets of the IP header.
    ip_len: usize,
    /// Octets of both headers.
    headers_len: usize,
    /// Most octets of payload in a segment.
    size: usize,
}

impl<'a> Segments<'a> {
    /// `None` if the packet is no plain TCP packet, or cannot be cut.
    pub fn of(octets: &'a [u8], packet: &Packet, offload: Offload) -> Option<Segments<'a>> {
        let ip_len = packet.header_len;
        let tcp = octets.get(ip_len..)?.first_chunk::<TCP_HEADER_LEN>()?;
        let [_, _, _, _, _, _, _, _, _, _, _, _, offset, ..] = *tcp;
        let tcp_len = usize::from(offset >> 4).checked_mul(4)?;
        let headers_len = ip_len.checked_add(tcp_len)?;
        let size = usize::from(offload.gso_size);
        let fits = tcp_len >= TCP_HEADER_LEN && headers_len < octets.len() && size > 0;
        let addresses = (packet.source.address, packet.destination.address);
        (fits && packet.is_plain && packet.next_header == TCP).then_some(Segments {
            octets,
            addresses,
            ip_len,
            headers_len,
            size,
        })
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.octets.len().saturating_sub(self.headers_len).div_ceil(self.size)
    }

    /// Writes one segment without its first `skip` octets, which are none or the IP header; its length.
    pub fn write(&self, index: usize, skip: usize, out: &mut [u8]) -> Option<usize> {
        let start = self.size.checked_mul(index)?;
        let payload = self.octets.get(self.headers_len..)?.get(start..)?;
        let payload = payload.get(..self.size.min(payload.len()))?;
        let headers = self.octets.get(skip..self.headers_len)?;
        let length = headers.len().checked_add(payload.len())?;
        let out = out.get_mut(..length)?;
        let (to, rest) = out.split_at_mut_checked(headers.len())?;
        to.copy_from_slice(headers);
        rest.copy_from_slice(payload);
        let tcp_at = self.ip_len.checked_sub(skip)?;
        let (ip, tcp) = out.split_at_mut_checked(tcp_at)?;
        if skip == 0 {
            write_ip(ip, index, length)?;
        }
        self.write_tcp(tcp, index, start)?;
        Some(length)
    }

    /// Sequence number, flags and checksum.
    fn write_tcp(&self, tcp: &mut [u8], index: usize, start: usize) -> Option<()> {
        let length = u32::try_from(tcp.len()).ok()?;
        let header = tcp.first_chunk_mut::<TCP_HEADER_LEN>()?;
        let [_, _, _, _, n0, n1, n2, n3, _, _, _, _, _, flags, _, _, c0, c1, _, _] = header;
        let number = u32::from_be_bytes([*n0, *n1, *n2, *n3]).wrapping_add(u32::try_from(start).ok()?);
        [*n0, *n1, *n2, *n3] = number.to_be_bytes();
        if index > 0 {
            *flags &= !FIRST_FLAGS;
        }
        if index.checked_add(1)? < self.count() {
            *flags &= !LAST_FLAGS;
        }
        (*c0, *c1) = (0, 0);
        let checksum = !sum(pseudo_header(self.addresses, length, TCP), tcp);
        tcp.get_mut(16..)?.first_chunk_mut::<2>()?.copy_from_slice(&checksum.to_be_bytes());
        Some(())
    }
}

/// Length, identification and checksum of an IP header, if it is IPv4's; else the length.
fn write_ip(ip: &mut [u8], index: usize, length: usize) -> Option<()> {
    if ip.first()? >> 4 == 6 {
        let payload = u16::try_from(length.checked_sub(ip.len())?).ok()?;
        ip.get_mut(4..)?.first_chunk_mut::<2>()?.copy_from_slice(&payload.to_be_bytes());
        return Some(());
    }
    let [_, _, l0, l1, i0, i1, _, _, _, _, c0, c1, ..] = ip else { return None };
    [*l0, *l1] = u16::try_from(length).ok()?.to_be_bytes();
    let identification = u16::from_be_bytes([*i0, *i1]).wrapping_add(u16::try_from(index).ok()?);
    [*i0, *i1] = identification.to_be_bytes();
    (*c0, *c1) = (0, 0);
    let checksum = !sum(0, ip);
    ip.get_mut(10..)?.first_chunk_mut::<2>()?.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// The pseudo-header's sum (RFC 9293 section 3.1, RFC 8200 section 8.1).
pub(super) fn pseudo_header(addresses: (IpAddr, IpAddr), length: u32, protocol: u8) -> u16 {
    let start = sum(sum(0, &length.to_be_bytes()), &[0, protocol]);
    [addresses.0, addresses.1].into_iter().fold(start, |total, address| match address {
        IpAddr::V4(v4) => sum(total, &v4.octets()),
        IpAddr::V6(v6) => sum(total, &v6.octets()),
    })
}

/// Completes the checksum that the kernel has only begun.
///
/// `None` if the header's places are not in the packet.
pub(super) fn complete_checksum(octets: &mut [u8], offload: Offload) -> Option<()> {
    let covered = octets.get_mut(usize::from(offload.checksum_start)..)?;
    let checksum = match !sum(0, covered) {
        // Zero says that there is none (RFC 768).
        0 => u16::MAX,
        checksum => checksum,
    };
    let place = covered.get_mut(usize::from(offload.checksum_offset)..)?.first_chunk_mut::<2>()?;
    *place = checksum.to_be_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::ip::tests::{v4, v6};
    use super::super::transport::renew_checksum;
    use super::*;

    fn tcp(payload: &[u8]) -> Vec<u8> {
        // Sequence number 0xffffff00; 24 octets of header; CWR, ACK, PSH and FIN.
        let header = [0, 80, 1, 2, 255, 255, 255, 0, 0, 0, 0, 1, 0x60, 0x99, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0];
        [header.as_slice(), payload].concat()
    }

    #[test]
    fn segments_carry_the_whole_payload_with_right_headers() {
        let payload: Vec<u8> = (0..2501_u32).map(|n| n.to_le_bytes()[0]).collect();
        for long in
            [v4("10.0.0.1", "10.0.0.2", TCP, &tcp(&payload)), v6("fd00::1", "fd00::2", TCP, &tcp(&payload))]
        {
            let packet = Packet::parse(&long).unwrap();
            let offload = Offload { gso_size: 1000, ..Offload::default() };
            let segments = Segments::of(&long, &packet, offload).unwrap();
            assert_eq!(segments.count(), 3);
            let (mut joined, mut out) = (Vec::new(), vec![0; 1100]);
            for index in 0..3 {
                let length = segments.write(index, 0, &mut out).unwrap();
                let read = Packet::parse(&out[..length]).unwrap();
                let tcp = &out[read.header_len..length];
                joined.extend_from_slice(&tcp[24..]);
                let addresses = (read.source.address, read.destination.address);
                let length = u32::try_from(tcp.len()).unwrap();
                assert_eq!(sum(pseudo_header(addresses, length, TCP), tcp), 0xffff);
                assert_eq!(read.header_len == 20, sum(0, &out[..20]) == 0xffff);
                assert_eq!(tcp[13], [0x90, 0x10, 0x19][index]);
                let number = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
                assert_eq!(number, [0xffff_ff00, 0x2e8, 0x6d0][index]);
                let whole = tcp.to_vec();
                assert_eq!(segments.write(index, read.header_len, &mut out), Some(whole.len()));
                assert_eq!(out[..whole.len()], whole);
            }
            assert_eq!(joined, payload);
        }
    }

    #[test]
    fn what_is_no_long_tcp_packet_is_not_cut() {
        let offload = Offload { gso_size: 1000, ..Offload::default() };
        let cut =
            |octets: &[u8], offload| Segments::of(octets, &Packet::parse(octets).unwrap(), offload).is_some();
        assert!(cut(&v4("10.0.0.1", "10.0.0.2", TCP, &tcp(&[1])), offload));
        assert!(!cut(&v4("10.0.0.1", "10.0.0.2", TCP, &tcp(&[])), offload), "no payload");
        assert!(!cut(&v4("10.0.0.1", "10.0.0.2", 17, &tcp(&[1])), offload), "not TCP");
        assert!(!cut(&v4("10.0.0.1", "10.0.0.2", TCP, &tcp(&[1])), Offload::default()), "no size");
        let mut short = tcp(&[1]);
        short[12] = 0x40;
        assert!(!cut(&v4("10.0.0.1", "10.0.0.2", TCP, &short), offload), "a header of 16 octets");
    }

    #[test]
    fn a_checksum_that_was_begun_is_completed() {
        let addresses = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut packet = v4("10.0.0.1", "10.0.0.2", TCP, &tcp(b"odd"));
        let offload = renew_checksum(&mut packet, addresses, TCP);
        complete_checksum(&mut packet, offload).unwrap();
        assert_eq!(sum(pseudo_header(addresses, 27, TCP), &packet[20..]), 0xffff);
        assert_eq!(complete_checksum(&mut [0; 10], offload), None);
    }
}
