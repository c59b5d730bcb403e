//! Traffic selectors (RFC 7296 section 2.9): narrowing, and checking what a peer narrowed to.

use std::net::IpAddr;

use crate::policy::{MAX_SELECTORS, Selector};
use crate::wire::TrafficSelector;

/// Ports of a selector that means "any".
const ANY_PORT: (u16, u16) = (0, u16::MAX);

/// Our policy's selectors with the addresses of this path filled in.
pub(crate) fn resolve(selectors: &[Selector], host: IpAddr) -> Vec<TrafficSelector> {
    selectors
        .iter()
        .filter_map(|selector| match *selector {
            Selector::Range(range) => Some(range),
            Selector::Host { protocol, port } => {
                let (start, end) = if port == 0 { ANY_PORT } else { (port, port) };
                TrafficSelector::new(protocol, start, end, host, host)
            }
        })
        .collect()
}

/// What both sides want, in the order of the proposal: its "first Traffic Selector" (which an initiator may make
/// from the packet that waits) leads the result if it is acceptable at all.
pub(crate) fn narrow(ours: &[TrafficSelector], proposed: &[TrafficSelector]) -> Vec<TrafficSelector> {
    let mut common: Vec<TrafficSelector> = Vec::new();
    for theirs in proposed {
        for ours in ours {
            if common.len() >= MAX_SELECTORS {
                return common; // a part of it is an answer too
            }
            match intersection(ours, theirs) {
                Some(both) if !common.iter().any(|wider| contains(wider, &both)) => common.push(both),
                Some(_) | None => {}
            }
        }
    }
    common
}

/// "the responder narrows": whether every selector of the answer lies inside one of ours.
pub(crate) fn is_subset(answer: &[TrafficSelector], ours: &[TrafficSelector]) -> bool {
    !answer.is_empty() && answer.iter().all(|inner| ours.iter().any(|outer| contains(outer, inner)))
}

fn contains(outer: &TrafficSelector, inner: &TrafficSelector) -> bool {
    intersection(outer, inner) == Some(*inner)
}

fn intersection(a: &TrafficSelector, b: &TrafficSelector) -> Option<TrafficSelector> {
    if a.start.is_ipv4() != b.start.is_ipv4() {
        return None;
    }
    let protocol = match (a.protocol, b.protocol) {
        (0, other) | (other, 0) => other,
        (ours, theirs) if ours == theirs => ours,
        _ => return None,
    };
    let ports = port_intersection((a.start_port, a.end_port), (b.start_port, b.end_port))?;
    TrafficSelector::new(protocol, ports.0, ports.1, a.start.max(b.start), a.end.min(b.end))
}

/// OPAQUE ports (start 65535, end 0: section 3.13.1) agree with "any" and with themselves.
fn port_intersection(a: (u16, u16), b: (u16, u16)) -> Option<(u16, u16)> {
    const OPAQUE: (u16, u16) = (u16::MAX, 0);
    match (a, b) {
        (OPAQUE, ANY_PORT | OPAQUE) | (ANY_PORT, OPAQUE) => Some(OPAQUE),
        (OPAQUE, _) | (_, OPAQUE) => None,
        _ => {
            let both = (a.0.max(b.0), a.1.min(b.1));
            (both.0 <= both.1).then_some(both)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(protocol: u8, ports: (u16, u16), start: [u8; 4], end: [u8; 4]) -> TrafficSelector {
        TrafficSelector::new(protocol, ports.0, ports.1, start.into(), end.into()).unwrap()
    }

    #[test]
    fn the_wider_side_is_narrowed_to_the_other() {
        let net = range(0, ANY_PORT, [10, 0, 0, 0], [10, 0, 255, 255]);
        let host_tcp = range(6, (443, 443), [10, 0, 1, 1], [10, 0, 1, 1]);
        assert_eq!(narrow(&[net], &[host_tcp]), [host_tcp]);
        assert_eq!(narrow(&[host_tcp], &[net]), [host_tcp]);
        assert!(is_subset(&[host_tcp], &[net]));
        assert!(!is_subset(&[net], &[host_tcp]));
        assert!(!is_subset(&[], &[net]));
    }

    #[test]
    fn nothing_in_common_is_nothing() {
        let a = range(0, ANY_PORT, [10, 0, 0, 0], [10, 0, 0, 255]);
        let b = range(0, ANY_PORT, [10, 0, 1, 0], [10, 0, 1, 255]);
        assert!(narrow(&[a], &[b]).is_empty());
        let v6 = TrafficSelector::new(0, 0, u16::MAX, "::".parse().unwrap(), "::1".parse().unwrap()).unwrap();
        assert!(narrow(&[a], &[v6]).is_empty());
        let tcp = range(6, ANY_PORT, [10, 0, 0, 0], [10, 0, 0, 255]);
        let udp = range(17, ANY_PORT, [10, 0, 0, 0], [10, 0, 0, 255]);
        assert!(narrow(&[tcp], &[udp]).is_empty());
    }

    #[test]
    fn the_first_proposed_selector_stays_first() {
        let net = range(0, ANY_PORT, [10, 0, 0, 0], [10, 0, 255, 255]);
        let packet = range(6, (5432, 5432), [10, 0, 0, 7], [10, 0, 0, 7]);
        assert_eq!(narrow(&[net], &[packet, net]), [packet, net]);
    }

    #[test]
    fn opaque_ports_match_any_and_themselves() {
        let opaque = range(132, (u16::MAX, 0), [10, 0, 0, 1], [10, 0, 0, 1]);
        let any = range(0, ANY_PORT, [10, 0, 0, 1], [10, 0, 0, 1]);
        let one = range(132, (80, 80), [10, 0, 0, 1], [10, 0, 0, 1]);
        assert_eq!(narrow(&[any], &[opaque]), [opaque]);
        assert!(narrow(&[one], &[opaque]).is_empty());
    }
}
