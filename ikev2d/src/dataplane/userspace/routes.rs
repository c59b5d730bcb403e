//! Routes into the tunnel, and what stands behind them when the tunnel is gone.
//!
//! ```text
//! ip rule    not from all fwmark MARK lookup TABLE      all packets but our own
//! TABLE      PREFIX dev ikev2d0 mtu .. src ..           metric 1: into the tunnel
//!            prohibit PREFIX                            if there is no tunnel: the daemon died, and nothing leaks
//! ```
//!
//! The table and the rule are recognised by their numbers, which outlive a crash.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use xfrm::{Family, Prefix};

use super::netlink::{Netlink, Request};
use super::steer::MARK;

/// Our routing table.
const TABLE: u32 = 0x1D00;
/// Where our rule stands: behind the table of local addresses (0), before the main one (32766).
const RULE_PRIORITY: u32 = 0x1D00;
/// The metric of the routes into the tunnel.
const METRIC_TUNNEL: u32 = 1;
/// The metric of the routes behind them: worse than any other.
const METRIC_PROHIBIT: u32 = 0x7FFF_FFFF;
/// The device's MTU: the longest that there is, as each route has its own.
const DEVICE_MTU: u32 = 65_535;

/// A route into the tunnel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub prefix: Prefix,
    /// The longest packet inside, in octets, once it is known.
    pub mtu: Option<u32>,
    /// The address that our packets leave from, once it is known.
    pub source: Option<IpAddr>,
}

/// The kernel's routing, as far as it is ours.
#[derive(Debug)]
pub(super) struct Routing {
    netlink: Netlink,
    device: u32,
    ruled: Vec<Family>,
}

impl Routing {
    /// Brings the device up.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(device: u32) -> io::Result<Routing> {
        let netlink = Netlink::open()?;
        let mut message = LinkMessage::default();
        message.header.index = device;
        (message.header.flags, message.header.change_mask) = (LinkFlags::Up, LinkFlags::Up);
        message.attributes.push(LinkAttribute::Mtu(DEVICE_MTU));
        netlink.one((RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST | NLM_F_ACK))?;
        Ok(Routing { netlink, device, ruled: Vec::new() })
    }

    /// The prefixes in our table, of an earlier run.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn left(&self) -> io::Result<Vec<Prefix>> {
        let mut found = Vec::new();
        for family in [Family::V4, Family::V6] {
            let mut message = RouteMessage::default();
            message.header.address_family = address_family(family);
            let dump = (RouteNetlinkMessage::GetRoute(message), NLM_F_REQUEST | NLM_F_DUMP);
            for answer in self.netlink.one(dump)? {
                if let RouteNetlinkMessage::NewRoute(route) = answer {
                    found.extend(prefix_of(&route, family));
                }
            }
        }
        Ok(found)
    }

    /// Leads packets for these prefixes into the tunnel, or changes how; the first refusal, if any.
    ///
    /// # Errors
    /// The kernel's answer; the others are in force.
    pub fn lead(&mut self, routes: &[Route]) -> io::Result<()> {
        let into = |route: &Route| [self.prohibit(route.prefix), self.tunnel(route)];
        let replace = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        let message = |route| (RouteNetlinkMessage::NewRoute(route), replace);
        let requests: Vec<Request> = routes.iter().flat_map(into).map(message).collect();
        let first = self.netlink.all(requests).into_iter().find_map(Result::err);
        for route in routes {
            self.rule(Family::of(route.prefix.address))?;
        }
        first.map_or(Ok(()), Err)
    }

    /// Leaves these prefixes to the host's other routes again.
    ///
    /// # Errors
    /// The first that could not be removed; that one is not there is no error.
    pub fn leave(&self, prefixes: &[Prefix]) -> io::Result<()> {
        let out_of = |prefix: &Prefix| {
            let route = Route { prefix: *prefix, mtu: None, source: None };
            [self.tunnel(&route), self.prohibit(*prefix)]
        };
        let message = |route| (RouteNetlinkMessage::DelRoute(route), NLM_F_REQUEST | NLM_F_ACK);
        let requests: Vec<Request> = prefixes.iter().flat_map(out_of).map(message).collect();
        let failed = |answer: super::netlink::Answer| answer.err().filter(|error| !is_not_there(error));
        self.netlink.all(requests).into_iter().find_map(failed).map_or(Ok(()), Err)
    }

    /// Removes the rules.
    ///
    /// # Errors
    /// The kernel's answer; that one is not there is no error.
    pub fn close(&mut self) -> io::Result<()> {
        self.ruled.clear();
        for family in [Family::V4, Family::V6] {
            let delete = (RouteNetlinkMessage::DelRule(rule(family)), NLM_F_REQUEST | NLM_F_ACK);
            match self.netlink.one(delete) {
                Err(error) if !is_not_there(&error) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Has all packets of a family but our own look into our table first.
    fn rule(&mut self, family: Family) -> io::Result<()> {
        if self.ruled.contains(&family) {
            return Ok(());
        }
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        match self.netlink.one((RouteNetlinkMessage::NewRule(rule(family)), flags)) {
            // An earlier run left it.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.ruled.push(family);
        Ok(())
    }

    fn tunnel(&self, route: &Route) -> RouteMessage {
        let mut message = in_table(route.prefix, METRIC_TUNNEL);
        (message.header.kind, message.header.scope) = (RouteType::Unicast, RouteScope::Link);
        message.attributes.push(RouteAttribute::Oif(self.device));
        let mtu = route.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]));
        let source = route.source.map(|source| RouteAttribute::PrefSource(RouteAddress::from(source)));
        message.attributes.extend(mtu.into_iter().chain(source));
        message
    }

    fn prohibit(&self, prefix: Prefix) -> RouteMessage {
        let mut message = in_table(prefix, METRIC_PROHIBIT);
        message.header.kind = RouteType::Prohibit;
        message
    }
}

/// A route of our table for this prefix.
fn in_table(prefix: Prefix, metric: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = address_family(Family::of(prefix.address));
    message.header.destination_prefix_length = prefix.length;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.attributes.push(RouteAttribute::Table(TABLE));
    message.attributes.push(RouteAttribute::Priority(metric));
    if prefix.length > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::from(prefix.address)));
    }
    message
}

/// The prefix of a route, if it stands in our table.
fn prefix_of(route: &RouteMessage, family: Family) -> Option<Prefix> {
    let ours = route.attributes.iter().any(|a| matches!(a, RouteAttribute::Table(table) if *table == TABLE));
    let destination = route.attributes.iter().find_map(|attribute| {
        let RouteAttribute::Destination(destination) = attribute else { return None };
        if let RouteAddress::Inet(v4) = destination {
            Some(IpAddr::from(*v4))
        } else if let RouteAddress::Inet6(v6) = destination {
            Some(IpAddr::from(*v6))
        } else {
            None
        }
    });
    let length = route.header.destination_prefix_length;
    ours.then_some(Prefix { address: destination.unwrap_or(family.unspecified()), length })
}

/// The rule: what has not our mark looks into our table.
fn rule(family: Family) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = address_family(family);
    message.header.action = RuleAction::ToTable;
    message.header.flags = RuleFlags::Invert;
    message.attributes = vec![
        RuleAttribute::Priority(RULE_PRIORITY),
        RuleAttribute::FwMark(MARK),
        RuleAttribute::FwMask(u32::MAX),
        RuleAttribute::Table(TABLE),
    ];
    message
}

fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// Whether there was nothing to delete, or no such address family at all.
fn is_not_there(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP))
}
