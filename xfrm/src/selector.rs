//! Traffic selectors as the kernel matches them: one source prefix, one destination prefix, protocol, ports.
//!
//! An IKE traffic selector can be a range; a kernel selector cannot. Splitting ranges into prefixes is the
//! caller's part.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address family of a selector, template or socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 (`AF_INET`).
    V4,
    /// IPv6 (`AF_INET6`).
    V6,
}

impl Family {
    /// The family of `address`. An IPv4-mapped IPv6 address is IPv6.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The unspecified address (`0.0.0.0` or `::`).
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// Length of an address in bits: 32 or 128.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// Addresses that share their first `length` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// The network address. Bits past `length` are ignored by the kernel, but returned as they were given.
    pub address: IpAddr,
    /// Number of leading bits that must match: 0..=32 (IPv4) or 0..=128 (IPv6).
    pub length: u8,
}

impl Prefix {
    /// All addresses of a family.
    pub fn any(family: Family) -> Self {
        Self { address: family.unspecified(), length: 0 }
    }

    /// Exactly one address.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: Family::of(address).bits() }
    }

    /// The family of the address.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Which ports match: those for which `candidate & mask == port & mask`.
///
/// For ICMP the source "port" is the type and the destination "port" is the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ports {
    /// Port number, host byte order.
    pub port: u16,
    /// Bits that must match; 0 matches all ports, 0xffff one.
    pub mask: u16,
}

impl Ports {
    /// Every port, and packets without ports.
    pub const ANY: Self = Self { port: 0, mask: 0 };

    /// Exactly one port.
    pub const fn one(port: u16) -> Self {
        Self { port, mask: u16::MAX }
    }
}

/// Which packets a policy or a transport-mode SA is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector {
    /// Source addresses.
    pub source: Prefix,
    /// Destination addresses; same family as `source`.
    pub destination: Prefix,
    /// IP protocol number; 0 matches all.
    pub protocol: u8,
    /// Source ports (or ICMP type). Needs a protocol other than 0.
    pub source_ports: Ports,
    /// Destination ports (or ICMP code). Needs a protocol other than 0.
    pub destination_ports: Ports,
}

impl Selector {
    /// All protocols and ports between two prefixes.
    pub fn between(source: Prefix, destination: Prefix) -> Self {
        Self { source, destination, protocol: 0, source_ports: Ports::ANY, destination_ports: Ports::ANY }
    }

    /// The same traffic in the opposite direction.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            source_ports: self.destination_ports,
            destination_ports: self.source_ports,
        }
    }

    /// The family of the addresses.
    pub fn family(&self) -> Family {
        self.destination.family()
    }

    /// True when every packet of the family matches.
    pub fn is_any(&self) -> bool {
        self.source.length == 0
            && self.destination.length == 0
            && self.protocol == 0
            && self.source_ports.mask == 0
            && self.destination_ports.mask == 0
    }

    /// Why the kernel could not hold this selector, if it could not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.source.family() != self.destination.family() {
            return Err("a selector's source and destination must be of one address family");
        }
        if self.source.length > self.family().bits() || self.destination.length > self.family().bits() {
            return Err("a prefix is longer than its address");
        }
        Ok(())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source, self.destination)?;
        if self.protocol != 0 {
            write!(f, " protocol {}", self.protocol)?;
        }
        for (name, ports) in [("sport", self.source_ports), ("dport", self.destination_ports)] {
            if ports.mask == u16::MAX {
                write!(f, " {name} {}", ports.port)?;
            } else if ports.mask != 0 {
                write!(f, " {name} {}/{:#06x}", ports.port, ports.mask)?;
            }
        }
        Ok(())
    }
}
