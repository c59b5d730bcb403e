//! A data plane that protects nothing and only remembers: for machines without ESP, and for tests of many daemons.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use ike_proto::output::{ChildEnd, ChildId, ChildSa};
use ike_proto::policy::{PeerId, PeerPolicy};

use super::{DataPlane, Leftover, PlaneError, PlaneEvent, Traffic, TrafficTable};
use crate::net::Exempt;

/// Accepts everything. IKE runs, traffic stays as it is.
#[derive(Debug, Default)]
pub struct NullPlane {
    protected: HashSet<PeerId>,
    children: HashMap<ChildId, ChildEnd>,
}

impl Exempt for NullPlane {
    fn exempt(&self, _: BorrowedFd<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn decapsulate(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl DataPlane for NullPlane {
    fn name(&self) -> &'static str {
        "null"
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "the data plane is \"null\": IKE runs, but NO TRAFFIC IS ENCRYPTED and none is held back"
                .to_owned(),
        ]
    }

    fn take_over(&mut self) -> Result<Leftover, PlaneError> {
        Ok(Leftover::default())
    }

    fn protect(&mut self, peer: PeerId, _: &PeerPolicy) -> Result<(), PlaneError> {
        self.protected.insert(peer);
        Ok(())
    }

    fn release(&mut self, peer: PeerId) {
        self.protected.remove(&peer);
    }

    fn sweep(&mut self) -> Result<(), PlaneError> {
        Ok(())
    }

    fn install(&mut self, child: &ChildSa) -> Result<(), PlaneError> {
        if !self.protected.contains(&child.peer) {
            return Err(PlaneError(format!("no policy asks for an SA of peer {}", child.peer.0)));
        }
        self.children.insert(child.child, child.end());
        Ok(())
    }

    fn use_outbound(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        let known = self.children.contains_key(&child.child);
        if known { Ok(()) } else { Err(PlaneError("the Child SA is not installed".to_owned())) }
    }

    fn remove(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        self.children.remove(&child.child);
        Ok(())
    }

    fn traffic(&mut self) -> Result<TrafficTable, PlaneError> {
        let ends = self
            .children
            .values()
            .flat_map(|child| [(child.local, child.inbound_spi), (child.remote, child.outbound_spi)]);
        Ok(ends.map(|end| (end, Traffic::default())).collect())
    }

    fn resync(&mut self) -> Result<Vec<PlaneEvent>, PlaneError> {
        Ok(Vec::new())
    }

    fn clear(&mut self) -> Result<(), PlaneError> {
        self.protected.clear();
        self.children.clear();
        Ok(())
    }

    fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<PlaneEvent> {
        Poll::Pending
    }
}
