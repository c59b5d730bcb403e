//! `xfrm_selector` and `xfrm_address_t`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_xfrm::constants::{AF_INET, AF_INET6};
use netlink_packet_xfrm::{Address, Selector as RawSelector};

use super::{Unread, address_family};
use crate::{Ports, Prefix, Selector};

/// 16 octets, of which IPv4 uses the first four.
pub(crate) fn address(address: IpAddr) -> Address {
    Address::from_ip(&address)
}

/// Reads an address of a family that is told elsewhere in the message.
pub(crate) fn address_of(raw: &Address, family: u16) -> Result<IpAddr, Unread> {
    let [a, b, c, d, ..] = raw.addr;
    match family {
        AF_INET => Ok(Ipv4Addr::new(a, b, c, d).into()),
        AF_INET6 => Ok(Ipv6Addr::from(raw.addr).into()),
        _ => Err(Unread::Malformed),
    }
}

pub(crate) fn emit(selector: &Selector) -> RawSelector {
    RawSelector {
        daddr: address(selector.destination.address),
        saddr: address(selector.source.address),
        dport: selector.destination_ports.port,
        dport_mask: selector.destination_ports.mask,
        sport: selector.source_ports.port,
        sport_mask: selector.source_ports.mask,
        family: address_family(selector.family()),
        prefixlen_d: selector.destination.length,
        prefixlen_s: selector.source.length,
        proto: selector.protocol,
        ..RawSelector::default()
    }
}

pub(crate) fn parse(raw: &RawSelector) -> Result<Selector, Unread> {
    Ok(Selector {
        source: Prefix { address: address_of(&raw.saddr, raw.family)?, length: raw.prefixlen_s },
        destination: Prefix { address: address_of(&raw.daddr, raw.family)?, length: raw.prefixlen_d },
        protocol: raw.proto,
        source_ports: Ports { port: raw.sport, mask: raw.sport_mask },
        destination_ports: Ports { port: raw.dport, mask: raw.dport_mask },
    })
}
