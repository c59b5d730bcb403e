//! TSi and TSr, the Traffic Selector payloads (RFC 7296 section 3.13).

use std::net::IpAddr;

use nom::number::complete::{be_u8, be_u16};

use crate::wire::error::Fault;
use crate::wire::limits::MAX_SELECTORS;
use crate::wire::reader::{self, Read, end, octets};
use crate::wire::writer;

/// TS_IPV4_ADDR_RANGE.
const IPV4_ADDR_RANGE: u8 = 7;

/// TS_IPV6_ADDR_RANGE.
const IPV6_ADDR_RANGE: u8 = 8;

/// One end of the traffic that a Child SA carries.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Number of TSs |                 RESERVED                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                       <Traffic Selectors>                     ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsPayload {
    /// Those of a known type, in order; a packet matches if it matches one of them. At least one when sent.
    /// Empty after parsing if the peer sent only types that are unknown here: nothing can be chosen from it.
    pub selectors: Vec<TrafficSelector>,
}

/// A range of addresses and ports, and a protocol.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   TS Type     |IP Protocol ID |       Selector Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Start Port          |           End Port            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                         Starting Address                      ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ~                         Ending Address                        ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficSelector {
    /// IP protocol number; zero for any.
    pub protocol: u8,
    /// Smallest port; for ICMP, type and code as one number.
    pub start_port: u16,
    /// Largest port. 0 to 65535 is any port; 65535 to 0 is OPAQUE: packets whose port cannot be seen.
    pub end_port: u16,
    /// Smallest address.
    pub start: IpAddr,
    /// Largest address, of the same family.
    pub end: IpAddr,
}

impl TrafficSelector {
    /// A selector; `None` if an end comes before its start or is of another family. OPAQUE ports are allowed.
    pub fn new(
        protocol: u8,
        start_port: u16,
        end_port: u16,
        start: IpAddr,
        end: IpAddr,
    ) -> Option<TrafficSelector> {
        let selector = TrafficSelector { protocol, start_port, end_port, start, end };
        selector.is_possible().then_some(selector)
    }

    /// Whether the ports are OPAQUE and not a range.
    pub const fn has_opaque_port(&self) -> bool {
        self.start_port == u16::MAX && self.end_port == 0
    }

    fn is_possible(&self) -> bool {
        self.start.is_ipv4() == self.end.is_ipv4()
            && self.start <= self.end
            && (self.start_port <= self.end_port || self.has_opaque_port())
    }

    /// Reads what follows the length, of a type whose addresses `address` reads.
    fn parse<'a>(
        protocol: u8,
        body: &'a [u8],
        address: impl Fn(&'a [u8]) -> Read<'a, IpAddr>,
    ) -> Result<TrafficSelector, Fault> {
        let (body, start_port) = be_u16(body)?;
        let (body, end_port) = be_u16(body)?;
        let (body, start) = address(body)?;
        let (body, finish) = address(body)?;
        end(body)?;
        TrafficSelector::new(protocol, start_port, end_port, start, finish).ok_or(Fault::BadRange)
    }

    fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.is_possible() {
            return Err(Fault::BadRange);
        }
        let kind = if self.start.is_ipv4() { IPV4_ADDR_RANGE } else { IPV6_ADDR_RANGE };
        writer::structure(out, [kind, self.protocol], |out| {
            out.extend_from_slice(&self.start_port.to_be_bytes());
            out.extend_from_slice(&self.end_port.to_be_bytes());
            for address in [self.start, self.end] {
                match address {
                    IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
                    IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
                }
            }
            Ok(())
        })
    }
}

impl TsPayload {
    pub(super) fn parse(body: &[u8]) -> Result<TsPayload, Fault> {
        let (body, number) = be_u8(body)?;
        let (mut body, _reserved) = octets::<3>(body)?;
        if number == 0 {
            return Err(Fault::Empty);
        }
        let mut selectors = Vec::new();
        // MAX_SELECTORS is all that the count can say.
        for _ in 0..number {
            let (rest, ([kind, protocol], selector)) = reader::structure(body)?;
            match kind {
                IPV4_ADDR_RANGE => selectors.push(TrafficSelector::parse(protocol, selector, ipv4)?),
                IPV6_ADDR_RANGE => selectors.push(TrafficSelector::parse(protocol, selector, ipv6)?),
                _ => {}
            }
            body = rest;
        }
        end(body).map_err(|_| Fault::WrongCount)?;
        Ok(TsPayload { selectors })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.selectors.is_empty() {
            return Err(Fault::Empty);
        }
        if self.selectors.len() > MAX_SELECTORS {
            return Err(Fault::TooMany);
        }
        out.extend_from_slice(&[writer::count(self.selectors.len())?, 0, 0, 0]);
        self.selectors.iter().try_for_each(|selector| selector.emit(out))
    }
}

fn ipv4(input: &[u8]) -> Read<'_, IpAddr> {
    octets::<4>(input).map(|(rest, address)| (rest, IpAddr::from(address)))
}

fn ipv6(input: &[u8]) -> Read<'_, IpAddr> {
    octets::<16>(input).map(|(rest, address)| (rest, IpAddr::from(address)))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// TCP port 443 of 192.0.2.0 to 192.0.2.255.
    const IPV4: [u8; 16] = [7, 6, 0, 16, 1, 187, 1, 187, 192, 0, 2, 0, 192, 0, 2, 255];

    fn ipv4() -> TrafficSelector {
        let [start, end] = [0, 255].map(|last| Ipv4Addr::new(192, 0, 2, last).into());
        TrafficSelector::new(6, 443, 443, start, end).unwrap()
    }

    fn ipv6() -> TrafficSelector {
        let [start, end] = [0, u128::MAX].map(|address: u128| Ipv6Addr::from(address).into());
        TrafficSelector::new(0, 0, 65535, start, end).unwrap()
    }

    fn parse(number: u8, selectors: &[&[u8]]) -> Result<Vec<TrafficSelector>, Fault> {
        let body = [&[number, 0xff, 0xff, 0xff], selectors.concat().as_slice()].concat();
        TsPayload::parse(&body).map(|ts| ts.selectors)
    }

    fn with(at: usize, octet: u8) -> [u8; 16] {
        let mut octets = IPV4;
        octets[at] = octet;
        octets
    }

    #[test]
    fn selectors_of_both_families_are_read_and_written() {
        let ts = TsPayload { selectors: vec![ipv4(), ipv6()] };
        let mut out = Vec::new();
        ts.emit(&mut out).unwrap();
        let ipv6 = [&[8, 0, 0, 40, 0, 0, 255, 255][..], &[0; 16], &[255; 16]].concat();
        assert_eq!(out, [&[2, 0, 0, 0][..], &IPV4, &ipv6].concat());
        assert_eq!(parse(2, &[&IPV4, &ipv6]), Ok(ts.selectors));
    }

    #[test]
    fn the_number_of_selectors_must_be_what_is_there() {
        assert_eq!(parse(0, &[]), Err(Fault::Empty));
        assert_eq!(parse(0, &[&IPV4]), Err(Fault::Empty));
        assert_eq!(parse(2, &[&IPV4]), Err(Fault::Truncated));
        assert_eq!(parse(1, &[&IPV4, &IPV4]), Err(Fault::WrongCount));
        assert_eq!(TsPayload { selectors: vec![] }.emit(&mut Vec::new()), Err(Fault::Empty));
    }

    #[test]
    fn selectors_of_unknown_types_are_skipped_and_counted() {
        let unknown = [9, 0, 0, 6, 1, 2];
        assert_eq!(parse(3, &[&unknown, &IPV4, &unknown]), Ok(vec![ipv4()]));
        assert_eq!(parse(1, &[&unknown]), Ok(vec![]));
        assert_eq!(parse(1, &[&unknown, &IPV4]), Err(Fault::WrongCount));
    }

    #[test]
    fn a_selector_length_must_be_that_of_its_type() {
        assert_eq!(parse(1, &[&with(3, 0)]), Err(Fault::LengthTooSmall));
        assert_eq!(parse(1, &[&with(3, 15)]), Err(Fault::Truncated));
        assert_eq!(parse(1, &[&with(3, 17), &[0]]), Err(Fault::Trailing));
        assert_eq!(parse(1, &[&with(0, 8)]), Err(Fault::Truncated));
        let zero: [&[u8]; 255] = [&[9, 0, 0, 0]; 255];
        assert_eq!(parse(255, &zero), Err(Fault::LengthTooSmall));
    }

    #[test]
    fn a_selector_that_starts_after_its_end_is_refused() {
        assert_eq!(parse(1, &[&with(8, 193)]), Err(Fault::BadRange));
        assert_eq!(parse(1, &[&with(4, 2)]), Err(Fault::BadRange));
        let reversed = TrafficSelector { start: ipv4().end, end: ipv4().start, ..ipv4() };
        assert_eq!(TsPayload { selectors: vec![reversed] }.emit(&mut Vec::new()), Err(Fault::BadRange));
    }

    #[test]
    fn the_ends_of_a_selector_are_of_one_family() {
        let (v4, v6) = (ipv4(), ipv6());
        assert_eq!(TrafficSelector::new(0, 0, 65535, v4.start, v6.end), None);
        let mixed = TrafficSelector { start: v4.start, ..v6 };
        assert_eq!(TsPayload { selectors: vec![mixed] }.emit(&mut Vec::new()), Err(Fault::BadRange));
    }

    #[test]
    fn opaque_ports_are_no_reversed_range() {
        let opaque = TrafficSelector::new(6, 65535, 0, ipv4().start, ipv4().end).unwrap();
        assert!(opaque.has_opaque_port());
        let mut out = Vec::new();
        TsPayload { selectors: vec![opaque] }.emit(&mut out).unwrap();
        assert_eq!(TsPayload::parse(&out), Ok(TsPayload { selectors: vec![opaque] }));
        assert_eq!(TrafficSelector::new(6, 65535, 1, ipv4().start, ipv4().end), None);
    }

    #[test]
    fn a_payload_holds_as_many_selectors_as_it_can_count() {
        let full = TsPayload { selectors: vec![ipv6(); MAX_SELECTORS] };
        let mut out = Vec::new();
        full.emit(&mut out).unwrap();
        assert_eq!(TsPayload::parse(&out), Ok(full));
        let over = TsPayload { selectors: vec![ipv6(); MAX_SELECTORS + 1] };
        assert_eq!(over.emit(&mut Vec::new()), Err(Fault::TooMany));
    }
}
