//! What an IKE SA shows of itself.

use crate::ids::EspSpi;
use crate::output::ChildEnd;
use crate::status::{ChildStatus, IkeStatus};

use super::Sa;
use super::phase::{Child, ChildState};

impl Sa {
    pub fn status(&self) -> IkeStatus {
        let empty = IkeStatus {
            peer: self.peer,
            spis: self.spis(),
            role: self.role,
            phase: self.phase.name(),
            path: self.path,
            suite: None,
            nat: (false, false),
            established: None,
            children: Vec::new(),
        };
        let Some(sa) = self.established() else { return empty };
        IkeStatus {
            suite: Some((sa.suite, sa.group)),
            nat: (sa.nat.local, sa.nat.remote),
            established: Some(sa.since),
            children: sa.children.values().filter_map(child_status).collect(),
            ..empty
        }
    }

    /// Whether one of its Child SAs has this SPI, in either direction.
    pub fn has_child(&self, spi: EspSpi) -> bool {
        self.established().is_some_and(|sa| {
            sa.children.values().any(|child| child.end.inbound_spi == spi || child.end.outbound_spi == spi)
        })
    }

    /// Every Child SA, whatever its state.
    pub fn child_ends(&self) -> Vec<ChildEnd> {
        self.established().into_iter().flat_map(|sa| sa.children.values()).map(|child| child.end).collect()
    }
}

fn child_status(child: &Child) -> Option<ChildStatus> {
    let ChildState::Installed(age) = child.state else { return None };
    Some(ChildStatus {
        end: child.end,
        mode: child.mode,
        protection: child.esp.protection,
        esn: child.esp.esn,
        encapsulated: child.encapsulated,
        local_selectors: child.local.clone(),
        remote_selectors: child.remote.clone(),
        installed: age.since,
    })
}
