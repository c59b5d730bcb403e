//! Policies: which packets are protected, blocked or let pass (RFC 4301 section 4.4.1).

use std::fmt;
use std::net::IpAddr;

use crate::{Family, Mark, Mode, Reqid, Selector};

/// Most templates of one policy: the kernel's `XFRM_MAX_DEPTH`.
pub const MAX_TEMPLATES: usize = 6;

/// Which packets a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyDirection {
    /// Packets to this host.
    In,
    /// Packets from this host, or forwarded, on their way out.
    Out,
    /// Packets that came for another host, before they are forwarded.
    Forward,
}

/// What happens to a packet that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It passes: through the templates' SAs, or as it is when there are none.
    Allow,
    /// It is dropped.
    Block,
}

/// What names a policy. The kernel allows one per name, whatever its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyId {
    /// Which packets.
    pub selector: Selector,
    /// On which way.
    pub direction: PolicyDirection,
    /// Only packets with this mark.
    pub mark: Option<Mark>,
    /// Only packets of this XFRM interface; 0: none.
    pub if_id: u32,
}

impl PolicyId {
    /// Names a policy without mark and interface.
    pub fn new(selector: Selector, direction: PolicyDirection) -> Self {
        Self { selector, direction, mark: None, if_id: 0 }
    }

    /// Why no policy could have this name, if none could.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.mark.is_some_and(|mark| mark.value & !mark.mask != 0) {
            return Err("a mark has bits outside its mask");
        }
        self.selector.check()
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            PolicyDirection::In => "in",
            PolicyDirection::Out => "out",
            PolicyDirection::Forward => "fwd",
        };
        write!(f, "{direction} {}", self.selector)?;
        if let Some(mark) = self.mark {
            write!(f, " mark {:#x}/{:#x}", mark.value, mark.mask)?;
        }
        if self.if_id != 0 {
            write!(f, " if_id {}", self.if_id)?;
        }
        Ok(())
    }
}

/// An SA that a packet must pass through (ESP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Template {
    /// Outer source. Transport mode: unspecified.
    pub source: IpAddr,
    /// Outer destination. Transport mode: unspecified.
    pub destination: IpAddr,
    /// Which SAs satisfy it; 0: any.
    pub reqid: Reqid,
    /// Transport or tunnel.
    pub mode: Mode,
    /// A packet may pass without it (the kernel's level `use`); inbound that means clear text is accepted.
    pub optional: bool,
}

impl Template {
    /// A required transport-mode SA with this reqid between any addresses of a family.
    pub fn transport(family: Family, reqid: Reqid) -> Self {
        let any = family.unspecified();
        Self { source: any, destination: any, reqid, mode: Mode::Transport, optional: false }
    }

    /// A required tunnel-mode SA with this reqid from `source` to `destination`.
    pub fn tunnel(source: IpAddr, destination: IpAddr, reqid: Reqid) -> Self {
        Self { source, destination, reqid, mode: Mode::Tunnel, optional: false }
    }
}

/// A policy to install.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Its name.
    pub id: PolicyId,
    /// The lowest number wins among the policies that match a packet.
    pub priority: u32,
    /// What happens.
    pub action: Action,
    /// SAs to pass, in order; at most [`MAX_TEMPLATES`].
    pub templates: Vec<Template>,
}

impl Policy {
    /// Why the kernel would refuse this policy, if it would.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.templates.len() > MAX_TEMPLATES {
            return Err("a policy has at most 6 templates");
        }
        if self.templates.iter().any(|t| Family::of(t.source) != Family::of(t.destination)) {
            return Err("a template's source and destination must be of one address family");
        }
        self.id.check()
    }
}

/// A policy as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyState {
    /// The policy.
    pub policy: Policy,
    /// The number that the kernel gave it, as in [`Acquire`](crate::Acquire).
    pub index: u32,
    /// When it was added, seconds since 1970.
    pub added: u64,
    /// When it was last used, seconds since 1970; 0: never.
    pub used: u64,
}
