//! What policies look at in an IP packet: both ends, the protocol and its ports (RFC 4301 section 4.4.1.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ike_proto::wire::TrafficSelector;

/// Octets of an IPv4 header without options.
pub(super) const IPV4_HEADER_LEN: usize = 20;
/// Octets of an IPv6 header without extension headers.
pub(super) const IPV6_HEADER_LEN: usize = 40;

/// ICMP, TCP, UDP and ICMPv6 by their protocol numbers.
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// IPv6 extension headers (RFC 8200 section 4), by their Next Header numbers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Most extension headers that are looked past: more have no use but to hide what follows.
const MAX_EXTENSION_HEADERS: usize = 8;

/// One end of a packet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub address: IpAddr,
    /// `None` if it cannot be seen: in fragments, and in protocols without ports.
    pub port: Option<u16>,
}

/// An IP packet's addresses and what is behind its header.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub source: End,
    pub destination: End,
    /// The protocol behind all extension headers.
    pub protocol: u8,
    /// The Protocol or Next Header field of the first header, which covers `header_len` octets.
    pub next_header: u8,
    pub header_len: usize,
    /// Whether transport mode can carry it: a whole packet, without options that routers look at.
    pub is_plain: bool,
    /// Whether routers must not fragment it.
    pub dont_fragment: bool,
}

impl Packet {
    /// Reads the headers; `None` if this is no whole IP packet of just this length.
    pub fn parse(octets: &[u8]) -> Option<Packet> {
        if esp::inner_len(octets)? != octets.len() {
            return None;
        }
        match octets.first()? >> 4 {
            4 => parse_v4(octets),
            6 => parse_v6(octets),
            _ => None,
        }
    }
}

fn parse_v4(octets: &[u8]) -> Option<Packet> {
    let header = octets.first_chunk::<IPV4_HEADER_LEN>()?;
    let [first, _, _, _, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let header_len = usize::from(first & 0x0f).checked_mul(4)?;
    let flags = u16::from_be_bytes([f0, f1]);
    // More Fragments, and Fragment Offset.
    let (whole, first_fragment) = (flags & 0x3fff == 0, flags & 0x1fff == 0);
    let (source, destination) = ports(protocol, octets.get(header_len..)?, first_fragment);
    Some(Packet {
        source: End { address: Ipv4Addr::new(s0, s1, s2, s3).into(), port: source },
        destination: End { address: Ipv4Addr::new(d0, d1, d2, d3).into(), port: destination },
        protocol,
        next_header: protocol,
        header_len,
        is_plain: whole && header_len == IPV4_HEADER_LEN,
        dont_fragment: flags & 0x4000 != 0,
    })
}

fn parse_v6(octets: &[u8]) -> Option<Packet> {
    let header = octets.first_chunk::<IPV6_HEADER_LEN>()?;
    let address = |at: usize| {
        let octets: [u8; 16] = header.get(at..at.checked_add(16)?)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(octets)))
    };
    let next_header = *header.get(6)?;
    let (mut protocol, mut rest, mut is_plain) = (next_header, octets.get(IPV6_HEADER_LEN..)?, true);
    let mut first_fragment = true;
    for _ in 0..MAX_EXTENSION_HEADERS {
        let length = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                is_plain &= protocol == DESTINATION_OPTIONS;
                usize::from(*rest.get(1)?).checked_add(1)?.checked_mul(8)?
            }
            FRAGMENT => {
                is_plain = false;
                first_fragment = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]) & 0xfff8 == 0;
                8
            }
            _ => break,
        };
        protocol = *rest.first()?;
        rest = rest.get(length..)?;
        if !first_fragment {
            break;
        }
    }
    let (source, destination) = ports(protocol, rest, first_fragment);
    Some(Packet {
        source: End { address: address(8)?, port: source },
        destination: End { address: address(24)?, port: destination },
        protocol,
        next_header,
        header_len: IPV6_HEADER_LEN,
        is_plain,
        dont_fragment: true,
    })
}

/// Source and destination port; for ICMP, type and code as one number at both ends (RFC 7296 section 3.13.1).
fn ports(protocol: u8, payload: &[u8], first_fragment: bool) -> (Option<u16>, Option<u16>) {
    const DCCP: u8 = 33;
    const SCTP: u8 = 132;
    const UDP_LITE: u8 = 136;
    match (first_fragment, protocol, payload) {
        (true, TCP | UDP | DCCP | SCTP | UDP_LITE, [s0, s1, d0, d1, ..]) => {
            (Some(u16::from_be_bytes([*s0, *s1])), Some(u16::from_be_bytes([*d0, *d1])))
        }
        (true, ICMP | ICMPV6, [kind, code, ..]) => {
            let number = u16::from_be_bytes([*kind, *code]);
            (Some(number), Some(number))
        }
        _ => (None, None),
    }
}

/// The traffic of a Child SA, as negotiated.
#[derive(Clone, Debug)]
pub(super) struct Selectors {
    pub local: Vec<TrafficSelector>,
    pub remote: Vec<TrafficSelector>,
}

impl Selectors {
    /// Whether a packet between these two ends is of this traffic.
    pub fn cover(&self, protocol: u8, local: End, remote: End) -> bool {
        let covers = |selectors: &[TrafficSelector], end| selectors.iter().any(|s| covers(s, protocol, end));
        covers(&self.local, local) && covers(&self.remote, remote)
    }
}

fn covers(selector: &TrafficSelector, protocol: u8, end: End) -> bool {
    let any_port = selector.start_port == 0 && selector.end_port == u16::MAX;
    let port = match end.port {
        _ if any_port => true,
        Some(port) => (selector.start_port..=selector.end_port).contains(&port),
        None => selector.has_opaque_port(),
    };
    port && (selector.protocol == 0 || selector.protocol == protocol)
        && (selector.start..=selector.end).contains(&end.address)
        && selector.start.is_ipv4() == end.address.is_ipv4()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An IPv4 packet with this payload and a right header checksum.
    pub fn v4(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        super::super::transport::write_header(
            &mut packet,
            (source.parse().unwrap(), destination.parse().unwrap()),
            protocol,
            payload.len(),
        )
        .unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    /// An IPv6 packet.
    pub fn v6(source: &str, destination: &str, next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        super::super::transport::write_header(
            &mut packet,
            (source.parse().unwrap(), destination.parse().unwrap()),
            next_header,
            payload.len(),
        )
        .unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    fn end(address: &str, port: Option<u16>) -> End {
        End { address: address.parse().unwrap(), port }
    }

    #[test]
    fn both_families_show_their_ends() {
        let tcp = [0x30, 0x39, 0x01, 0xbb, 0, 0, 0, 0];
        for packet in [v4("10.0.0.1", "10.0.0.2", TCP, &tcp), v6("fd00::1", "fd00::2", TCP, &tcp)] {
            let read = Packet::parse(&packet).unwrap();
            assert_eq!((read.source.port, read.destination.port), (Some(12_345), Some(443)));
            assert_eq!((read.protocol, read.next_header, read.is_plain), (TCP, TCP, true));
            assert_eq!(read.header_len, packet.len() - 8);
        }
        let ping = v4("10.0.0.1", "10.0.0.2", ICMP, &[8, 0, 1, 2]);
        assert_eq!(Packet::parse(&ping).unwrap().source, end("10.0.0.1", Some(0x0800)));
    }

    #[test]
    fn fragments_have_no_ports_and_no_place_in_transport_mode() {
        let mut first = v4("10.0.0.1", "10.0.0.2", UDP, &[0, 1, 0, 2, 0, 0, 0, 0]);
        first[6] = 0x20;
        let read = Packet::parse(&first).unwrap();
        assert_eq!((read.source.port, read.is_plain), (Some(1), false));
        first[7] = 1;
        let read = Packet::parse(&first).unwrap();
        assert_eq!((read.source.port, read.is_plain), (None, false));
        let later = [UDP, 0, 0, 9, 0, 0, 0, 0, 0, 1, 0, 2];
        let read = Packet::parse(&v6("fd00::1", "fd00::2", FRAGMENT, &later)).unwrap();
        assert_eq!((read.protocol, read.source.port, read.is_plain), (UDP, None, false));
    }

    #[test]
    fn extension_headers_do_not_hide_the_protocol() {
        let options = [UDP, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 2];
        for (kind, plain) in [(HOP_BY_HOP, false), (ROUTING, false), (DESTINATION_OPTIONS, true)] {
            let read = Packet::parse(&v6("fd00::1", "fd00::2", kind, &options)).unwrap();
            assert_eq!((read.protocol, read.destination.port, read.is_plain), (UDP, Some(2), plain));
            assert_eq!((read.next_header, read.header_len), (kind, 40));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_packet() {
        for packet in
            [v4("10.0.0.1", "10.0.0.2", TCP, &[0; 8]), v6("fd00::1", "fd00::2", ROUTING, &[6, 9, 0, 0])]
        {
            assert!((0..packet.len()).all(|length| Packet::parse(&packet[..length]).is_none()));
        }
        assert_eq!(Packet::parse(&v6("fd00::1", "fd00::2", ROUTING, &[6, 9, 0, 0])), None);
    }

    #[test]
    fn traffic_is_covered_by_range_protocol_and_port_together() {
        let ts = |protocol, ports: (u16, u16), start: &str, end: &str| {
            let (start, end) = (start.parse().unwrap(), end.parse().unwrap());
            TrafficSelector { protocol, start_port: ports.0, end_port: ports.1, start, end }
        };
        let all = (0, u16::MAX);
        let selectors = Selectors {
            local: vec![ts(0, all, "10.1.0.0", "10.1.0.255")],
            remote: vec![
                ts(TCP, (443, 443), "10.2.0.0", "10.2.0.255"),
                ts(UDP, (u16::MAX, 0), "10.2.0.9", "10.2.0.9"),
            ],
        };
        let local = end("10.1.0.7", Some(999));
        assert!(selectors.cover(TCP, local, end("10.2.0.255", Some(443))));
        for (protocol, local, remote) in [
            (UDP, local, end("10.2.0.1", Some(443))),
            (TCP, local, end("10.2.0.1", Some(444))),
            (TCP, local, end("10.2.0.1", None)),
            (TCP, local, end("10.2.1.0", Some(443))),
            (TCP, end("10.1.1.0", Some(999)), end("10.2.0.1", Some(443))),
            (TCP, end("fd00::1", Some(999)), end("10.2.0.1", Some(443))),
            (UDP, local, end("10.2.0.9", Some(5))),
        ] {
            assert!(!selectors.cover(protocol, local, remote), "{protocol} {local:?} {remote:?}");
        }
        assert!(selectors.cover(UDP, local, end("10.2.0.9", None)), "OPAQUE: ports that cannot be seen");
    }
}
