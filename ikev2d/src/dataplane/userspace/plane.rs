//! The data plane as the daemon sees it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ike_proto::endpoint::Encapsulation;
use ike_proto::output::{ChildEnd, ChildSa, Sending};
use ike_proto::policy::{PeerId, PeerPolicy};

use super::claims::Claims;
use super::ingress::Change;
use super::shared::Note;
use super::steer::{self, EspSocket};
use super::table::Slot;
use super::{Child, LATE, Peer, UserspacePlane, guard, sas, sysctl, tun};
use crate::dataplane::{DataPlane, Leftover, PlaneError, PlaneEvent, Traffic, TrafficTable};
use crate::net::Exempt;

impl Exempt for UserspacePlane {
    fn exempt(&self, socket: BorrowedFd<'_>, _: bool) -> io::Result<()> {
        steer::mark(socket)
    }

    fn share(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        steer::share(socket)
    }

    fn decapsulate(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.sockets.borrow_mut().push(EspSocket::beside(socket)?);
        Ok(())
    }
}

impl DataPlane for UserspacePlane {
    fn name(&self) -> &'static str {
        "userspace"
    }

    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Always
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        warnings.extend(self.guarded.as_ref().err().map(|why| {
            format!("what comes IN CLEAR from the peers' addresses is NOT held back: nft: {why}")
        }));
        warnings.extend(sysctl::strict_devices().into_iter().map(|device| {
            format!(
                "net.ipv4.conf.{device}.rp_filter is 1 (strict): it may drop the peers' packets, as the way back to \
                 them leads into {}; set it to 2",
                tun::NAME
            )
        }));
        warnings
    }

    fn take_over(&mut self) -> Result<Leftover, PlaneError> {
        self.start().map_err(|error| PlaneError(format!("start the packet path: {error}")))?;
        let left = self.routing.left().map_err(|error| PlaneError(format!("read the routes: {error}")))?;
        left.iter().for_each(|prefix| self.claims.found(*prefix));
        Ok(Leftover { sas: 0, policies: self.claims.prefixes().len() })
    }

    fn protect(&mut self, peer: PeerId, policy: &PeerPolicy) -> Result<(), PlaneError> {
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            policy: policy.clone(),
            slot: Arc::new(Slot::new(peer)),
            prefixes: Vec::new(),
            told: Vec::new(),
            children: Vec::new(),
        });
        entry.policy = policy.clone();
        self.stale = true;
        self.lead(peer)
    }

    fn release(&mut self, peer: PeerId) {
        self.claims.release(peer);
        // A peer that is only changed gets its prefixes back by `protect`, and keeps its SAs.
        if let Some(entry) = self.peers.get_mut(&peer) {
            (entry.prefixes, entry.told) = (Vec::new(), Vec::new());
        }
        self.stale = true;
    }

    fn sweep(&mut self) -> Result<(), PlaneError> {
        self.peers.retain(|_, peer| !peer.prefixes.is_empty() || !peer.children.is_empty());
        self.publish();
        let orphans = self.claims.take_orphans();
        self.guard();
        self.routing.leave(&orphans).map_err(|error| PlaneError(format!("remove routes: {error}")))
    }

    fn install(&mut self, child: &ChildSa) -> Result<(), PlaneError> {
        if !child.encapsulated {
            let why = "the peer does not support NAT traversal: without the kernel's ESP, packets must travel in UDP";
            return Err(PlaneError(why.to_owned()));
        }
        if !self.peers.contains_key(&child.peer) {
            return Err(PlaneError(format!("no policy asks for an SA of peer {}", child.peer.0)));
        }
        let (inbound, outbound) = sas::of_child(child)?;
        let carried = Arc::clone(&inbound.carried);
        self.change(Change::Add(sas::spi(child.inbound_spi)?, Box::new(inbound)))?;
        let installed =
            Child { end: child.end(), outbound: Arc::new(outbound), sending: child.sending, carried };
        self.children.insert(child.child, installed);
        if let Some(peer) = self.peers.get_mut(&child.peer) {
            peer.children.push(child.child);
        }
        self.lead(child.peer)?;
        self.publish();
        self.choose(child.peer);
        Ok(())
    }

    fn use_outbound(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        let kept_back = self.children.get_mut(&child.child).filter(|child| child.sending == Sending::Later);
        let kept_back = kept_back.ok_or_else(|| PlaneError("no outbound SA was kept back".to_owned()))?;
        kept_back.sending = Sending::AtOnce;
        self.choose(child.peer);
        Ok(())
    }

    fn remove(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        let mut others = false;
        if let Some(peer) = self.peers.get_mut(&child.peer) {
            peer.children.retain(|other| *other != child.child);
            others = !peer.children.is_empty();
        }
        self.choose(child.peer);
        if self.children.remove(&child.child).is_none() {
            return Ok(());
        }
        let until = if others { Instant::now().checked_add(LATE) } else { None };
        self.change(Change::Remove(sas::spi(child.inbound_spi)?, until))
    }

    fn traffic(&mut self) -> Result<TrafficTable, PlaneError> {
        let traffic = |volume: esp::Volume| Traffic { bytes: volume.octets, packets: volume.packets };
        let rows = self.children.values().flat_map(|child| {
            let end = child.end;
            [
                ((end.local, end.inbound_spi), traffic(child.carried.read())),
                ((end.remote, end.outbound_spi), traffic(child.outbound.sa.used())),
            ]
        });
        Ok(rows.collect())
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        self.shared.drops.read()
    }

    fn resync(&mut self) -> Result<Vec<PlaneEvent>, PlaneError> {
        // Nothing here loses events: only the kernel's data plane does.
        Ok(Vec::new())
    }

    fn clear(&mut self) -> Result<(), PlaneError> {
        // SAs first: for a moment traffic is dropped, rather than sent in clear while an SA still expects it.
        self.peers.values().for_each(|peer| peer.slot.outbound.store(None));
        self.threads = None;
        self.children.clear();
        self.peers.clear();
        let failed = |what: &'static str| move |error| PlaneError(format!("{what}: {error}"));
        let prefixes = self.claims.prefixes();
        self.claims = Claims::default();
        if self.guarded.as_ref().is_ok_and(|guarded| !guarded.is_empty()) {
            guard::remove().map_err(failed("remove the nftables table"))?;
        }
        self.routing.close().map_err(failed("remove the rule"))?;
        self.routing.leave(&prefixes).map_err(failed("remove the routes"))
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<PlaneEvent> {
        loop {
            match self.notes.poll_recv(context) {
                Poll::Ready(Some(Note::Event(event))) => return Poll::Ready(event),
                Poll::Ready(Some(Note::PathChanged(peer))) => {
                    if let Err(error) = self.lead(peer) {
                        tracing::warn!("the path's new MTU is not in force: {error}");
                    }
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}
