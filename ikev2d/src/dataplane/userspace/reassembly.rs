//! Whole packets out of their fragments, for transport mode: ESP goes around whole packets (RFC 4303 section 3.3.4),
//! and the kernel has fragmented what is too long for the route before it comes here.
//!
//! The fragments come from this host alone, one after the other; anything else is refused.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::ip::{FRAGMENT, IPV4_HEADER_LEN, IPV6_HEADER_LEN, Packet};
use super::shared::MAX_PACKET;
use super::transport::{header_len, write_header};

/// Most packets that are put together at a time: a local sender's come one after the other, of each of the CPUs.
const MAX_PARTIAL: usize = 64;

/// Octets of IPv6's fragment header.
const FRAGMENT_HEADER_LEN: usize = 8;

/// Packets of which a part is here.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// The oldest first.
    partial: VecDeque<Partial>,
}

/// What the fragments of one packet have in common (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

#[derive(Debug)]
struct Partial {
    key: Key,
    /// Room for a header, and the payload so far.
    octets: Vec<u8>,
}

/// One fragment.
struct Fragment<'a> {
    key: Key,
    offset: usize,
    is_last: bool,
    payload: &'a [u8],
}

/// What a fragment made of the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole packet, with a header as good as new.
    Whole(Vec<u8>),
    /// More is to come.
    Waiting,
    /// It is no fragment, or does not fit behind those that are here.
    Refused,
}

impl Reassembly {
    /// Takes the next fragment.
    pub fn add(&mut self, packet: &Packet, octets: &[u8]) -> Outcome {
        match Fragment::read(packet, octets).and_then(|fragment| self.join(&fragment)) {
            Some((_, false)) => Outcome::Waiting,
            Some((key, true)) => self.finish(key).map_or(Outcome::Refused, Outcome::Whole),
            None => Outcome::Refused,
        }
    }

    /// Puts the fragment behind the others of its packet; whether it was the last one.
    fn join(&mut self, fragment: &Fragment<'_>) -> Option<(Key, bool)> {
        let key = fragment.key;
        let header = header_len(key.source);
        if fragment.offset == 0 {
            self.partial.retain(|partial| partial.key != key);
            if self.partial.len() >= MAX_PARTIAL {
                self.partial.pop_front();
            }
            self.partial.push_back(Partial { key, octets: vec![0; header] });
        }
        let partial = self.partial.iter_mut().find(|partial| partial.key == key)?;
        let fits = partial.octets.len() == header.checked_add(fragment.offset)?
            && partial.octets.len().checked_add(fragment.payload.len())? <= MAX_PACKET;
        if !fits {
            self.partial.retain(|partial| partial.key != key);
            return None;
        }
        partial.octets.extend_from_slice(fragment.payload);
        Some((key, fragment.is_last))
    }

    fn finish(&mut self, key: Key) -> Option<Vec<u8>> {
        let index = self.partial.iter().position(|partial| partial.key == key)?;
        let mut octets = self.partial.remove(index)?.octets;
        let header = header_len(key.source);
        let payload = octets.len().checked_sub(header)?;
        write_header(octets.get_mut(..header)?, (key.source, key.destination), key.protocol, payload)?;
        Some(octets)
    }
}

impl<'a> Fragment<'a> {
    /// `None` if this is no fragment, or one with options or other extension headers before it.
    fn read(packet: &Packet, octets: &'a [u8]) -> Option<Fragment<'a>> {
        let (source, destination) = (packet.source.address, packet.destination.address);
        let key = |protocol, identification| Key { source, destination, protocol, identification };
        if source.is_ipv4() {
            let (header, payload) = octets.split_first_chunk::<IPV4_HEADER_LEN>()?;
            let [_, _, _, _, i0, i1, f0, f1, ..] = *header;
            let flags = u16::from_be_bytes([f0, f1]);
            let offset = usize::from(flags & 0x1fff).checked_mul(8)?;
            let is_last = flags & 0x2000 == 0;
            let key = key(packet.protocol, u16::from_be_bytes([i0, i1]).into());
            let is_fragment = packet.header_len == IPV4_HEADER_LEN && !(offset == 0 && is_last);
            return is_fragment.then_some(Fragment { key, offset, is_last, payload });
        }
        let (_, rest) = octets.split_at_checked(IPV6_HEADER_LEN)?;
        let (header, payload) = rest.split_first_chunk::<FRAGMENT_HEADER_LEN>()?;
        let [next_header, _, f0, f1, i0, i1, i2, i3] = *header;
        let flags = u16::from_be_bytes([f0, f1]);
        let key = key(next_header, u32::from_be_bytes([i0, i1, i2, i3]));
        let (offset, is_last) = (usize::from(flags & 0xfff8), flags & 1 == 0);
        (packet.next_header == FRAGMENT).then_some(Fragment { key, offset, is_last, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ip::UDP;
    use super::super::ip::tests::{v4, v6};
    use super::*;

    const SIZE: usize = 800;

    fn payload() -> Vec<u8> {
        (0..1723_u32).map(|n| n.to_le_bytes()[0]).collect()
    }

    /// The payload in three fragments: of twice [`SIZE`] octets, and the rest.
    fn fragments(identification: u8, is_v4: bool) -> Vec<Vec<u8>> {
        let (payload, mut made) = (payload(), Vec::new());
        for (part, eighths) in payload.chunks(SIZE).zip((0_u16..).step_by(SIZE / 8)) {
            let more = part.len() == SIZE;
            made.push(if is_v4 {
                let mut packet = v4("10.0.0.1", "10.0.0.2", UDP, part);
                packet[5] = identification;
                packet[6..8].copy_from_slice(&(eighths | if more { 0x2000 } else { 0 }).to_be_bytes());
                packet
            } else {
                let [f0, f1] = (eighths << 3 | u16::from(more)).to_be_bytes();
                let header = [UDP, 0, f0, f1, 0, 0, 0, identification];
                v6("fd00::1", "fd00::2", FRAGMENT, &[header.as_slice(), part].concat())
            });
        }
        made
    }

    fn add(reassembly: &mut Reassembly, octets: &[u8]) -> Outcome {
        reassembly.add(&Packet::parse(octets).unwrap(), octets)
    }

    #[test]
    fn fragments_of_two_packets_become_two_packets() {
        for is_v4 in [true, false] {
            let mut reassembly = Reassembly::default();
            let (one, two) = (fragments(1, is_v4), fragments(2, is_v4));
            for index in 0..2 {
                assert_eq!(add(&mut reassembly, &one[index]), Outcome::Waiting);
                assert_eq!(add(&mut reassembly, &two[index]), Outcome::Waiting);
            }
            for packet in [&one, &two] {
                let Outcome::Whole(whole) = add(&mut reassembly, &packet[2]) else { panic!() };
                let read = Packet::parse(&whole).unwrap();
                assert_eq!((read.is_plain, read.next_header), (true, UDP));
                assert_eq!(whole[read.header_len..], payload());
            }
            assert!(reassembly.partial.is_empty());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut reassembly = Reassembly::default();
        let parts = fragments(1, true);
        assert_eq!(add(&mut reassembly, &parts[1]), Outcome::Refused, "nothing before it");
        assert_eq!(add(&mut reassembly, &parts[0]), Outcome::Waiting);
        assert_eq!(add(&mut reassembly, &parts[2]), Outcome::Refused, "one is missing");
        assert_eq!(add(&mut reassembly, &parts[1]), Outcome::Refused, "all are forgotten");
        let whole = v4("10.0.0.1", "10.0.0.2", UDP, &payload());
        assert_eq!(add(&mut reassembly, &whole), Outcome::Refused, "no fragment");
    }

    #[test]
    fn beginnings_without_an_end_cost_little() {
        let mut reassembly = Reassembly::default();
        for identification in 0..=255 {
            add(&mut reassembly, &fragments(identification, true)[0]);
        }
        assert_eq!(reassembly.partial.len(), MAX_PARTIAL);
    }
}
