//! The data plane of production: Linux XFRM.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use ike_proto::ids::EspSpi;
use ike_proto::output::{ChildEnd, ChildId, ChildSa, Sending};
use ike_proto::policy::{PeerId, PeerPolicy};
use tokio::io::unix::AsyncFd;
use xfrm::{Error, Event, Events, Family, Group, Kernel, Operation, Policy, PolicyId, Sa};

use super::book::{Book, Owner};
use super::policies::Outer;
use super::{DataPlane, Leftover, PlaneError, PlaneEvent, Traffic, TrafficTable, owned, policies, sas};
use crate::net::Exempt;

/// Policies, SAs and events of the kernel, in the network namespace where it was opened.
pub struct KernelPlane {
    kernel: Kernel,
    events: AsyncFd<Events>,
    book: Book,
    peers: HashMap<PeerId, PeerPolicy>,
    children: HashMap<ChildId, ChildEnd>,
    /// Outbound SAs that are not to be used yet.
    kept_back: HashMap<ChildId, Sa>,
    warnings: Vec<String>,
}

impl KernelPlane {
    /// Opens the kernel, and makes sure that it can protect traffic of these families (of peers' addresses).
    ///
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// No CAP_NET_ADMIN; a kernel without XFRM, or without ESP for one of the families: the text names the module.
    pub fn open(families: &[Family]) -> Result<KernelPlane, PlaneError> {
        let mut kernel = Kernel::open().map_err(told)?;
        let warnings = check(&mut kernel, families)?;
        let events = Events::open(&Group::ALL).map_err(told)?;
        Ok(KernelPlane {
            kernel,
            events: watch(events).map_err(|e| PlaneError(format!("hear XFRM events: {e}")))?,
            book: Book::default(),
            peers: HashMap::new(),
            children: HashMap::new(),
            kept_back: HashMap::new(),
            warnings,
        })
    }

    /// Makes `wanted` all that `owner` has, in the kernel too.
    fn want(&mut self, owner: Owner, wanted: Vec<Policy>) -> Result<(), PlaneError> {
        let (changed, conflicts) = self.book.want(owner, wanted);
        let ids: Vec<PolicyId> = changed.iter().map(|policy| policy.id).collect();
        let operations: Vec<Operation> = changed.into_iter().map(Operation::UpdatePolicy).collect();
        let mut first = None;
        for (id, result) in ids.iter().zip(self.kernel.apply(&operations)) {
            if let Err(error) = result {
                self.book.strike(id);
                first.get_or_insert_with(|| told(error));
            }
        }
        let conflict = conflicts.first().map(|conflict| {
            PlaneError(format!("traffic {} is another peer's already ({:?})", conflict.id, conflict.owner))
        });
        first.or(conflict).map_or(Ok(()), Err)
    }

    /// The policies of a peer between its configured addresses, and between those in use if they differ.
    fn protect_between(&mut self, peer: PeerId, policy: &PeerPolicy, used: Outer) -> Result<(), PlaneError> {
        let configured = Outer { local: used.local, ..Outer::configured(policy) };
        let mut wanted = policies::of_peer(peer, policy, configured)?;
        if used.remote != configured.remote && Family::of(used.remote) == Family::of(configured.remote) {
            // Behind a NAT the peer has another address. Those in use go first: of two for the same packets one counts.
            let mut all = policies::of_peer(peer, policy, used)?;
            let taken: HashSet<PolicyId> = all.iter().map(|policy| policy.id).collect();
            all.extend(wanted.into_iter().filter(|policy| !taken.contains(&policy.id)));
            wanted = all;
        }
        if wanted.iter().any(|policy| policy.id.selector.family() == Family::V6) {
            self.want(Owner::Node, policies::neighbour_discovery())?;
        }
        self.want(Owner::Peer(peer), wanted)
    }

    /// Deletes; what is gone already is no error.
    fn delete(&mut self, operations: &[Operation]) -> Result<(), PlaneError> {
        let failed = |result: Result<(), Error>| result.err().filter(|error| !error.is_not_there());
        self.kernel.apply(operations).into_iter().find_map(failed).map_or(Ok(()), |error| Err(told(error)))
    }

    fn our_sas(&mut self) -> Result<Vec<xfrm::SaState>, PlaneError> {
        Ok(self.kernel.sas().map_err(told)?.entries.into_iter().filter(owned::is_our_sa).collect())
    }

    fn our_policies(&mut self) -> Result<Vec<Policy>, PlaneError> {
        let all = self.kernel.policies().map_err(told)?.entries.into_iter().map(|state| state.policy);
        Ok(all.filter(owned::is_our_policy).collect())
    }
}

impl Exempt for KernelPlane {
    fn exempt(&self, socket: BorrowedFd<'_>, ipv6: bool) -> io::Result<()> {
        let family = if ipv6 { Family::V6 } else { Family::V4 };
        xfrm::bypass_socket(socket, family).map_err(io::Error::other)
    }

    fn decapsulate(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        xfrm::enable_udp_encapsulation(socket).map_err(io::Error::other)
    }
}

impl DataPlane for KernelPlane {
    fn name(&self) -> &'static str {
        "xfrm"
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn take_over(&mut self) -> Result<Leftover, PlaneError> {
        let ours = self.our_policies()?;
        let stale: Vec<Operation> =
            self.our_sas()?.iter().map(|sa| Operation::DeleteSa(sa.parameters.id)).collect();
        self.delete(&stale)?;
        let leftover = Leftover { sas: stale.len(), policies: ours.len() };
        for policy in ours {
            self.book.found(policy);
        }
        Ok(leftover)
    }

    fn protect(&mut self, peer: PeerId, policy: &PeerPolicy) -> Result<(), PlaneError> {
        self.peers.insert(peer, policy.clone());
        self.protect_between(peer, policy, Outer::configured(policy))
    }

    fn release(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.book.release(Owner::Peer(peer));
    }

    fn sweep(&mut self) -> Result<(), PlaneError> {
        let orphans = self.book.orphans();
        let operations: Vec<Operation> = orphans.iter().copied().map(Operation::DeletePolicy).collect();
        let mut first = None;
        for (id, result) in orphans.iter().zip(self.kernel.apply(&operations)) {
            match result {
                Err(error) if !error.is_not_there() => drop(first.get_or_insert_with(|| told(error))),
                Ok(()) | Err(_) => self.book.strike(id),
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn install(&mut self, child: &ChildSa) -> Result<(), PlaneError> {
        let [inbound, outbound] = sas::of_child(child).map_err(|error| PlaneError(error.to_string()))?;
        let inbound_id = inbound.parameters.id;
        let outbound_id = outbound.parameters.id;
        let mut operations = vec![Operation::AddSa(inbound)];
        match child.sending {
            Sending::AtOnce => operations.push(Operation::AddSa(outbound)),
            Sending::Later => drop(self.kept_back.insert(child.child, outbound)),
        }
        let results = self.kernel.apply(&operations);
        let added: Vec<bool> = results.iter().map(Result::is_ok).collect();
        if let Some(error) = results.into_iter().find_map(Result::err) {
            let half = [inbound_id, outbound_id].into_iter().zip(added).filter(|(_, added)| *added);
            let undo: Vec<Operation> = half.map(|(id, _)| Operation::DeleteSa(id)).collect();
            self.kept_back.remove(&child.child);
            self.delete(&undo)?;
            return Err(told(error));
        }
        self.children.insert(child.child, child.end());
        let used = Outer { local: child.local.ip(), remote: child.remote.ip() };
        match self.peers.get(&child.peer).cloned() {
            Some(policy) => self.protect_between(child.peer, &policy, used),
            None => Ok(()),
        }
    }

    fn use_outbound(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        let kept_back = self.kept_back.remove(&child.child);
        let sa = kept_back.ok_or_else(|| PlaneError("no outbound SA was kept back".to_owned()))?;
        self.kernel.apply_one(Operation::AddSa(sa)).map_err(told)
    }

    fn remove(&mut self, child: &ChildEnd) -> Result<(), PlaneError> {
        self.children.remove(&child.child);
        self.kept_back.remove(&child.child);
        self.delete(&[
            Operation::DeleteSa(sas::outbound_id(child)),
            Operation::DeleteSa(sas::inbound_id(child)),
        ])
    }

    fn traffic(&mut self) -> Result<TrafficTable, PlaneError> {
        let row = |sa: xfrm::SaState| {
            let id = sa.parameters.id;
            let traffic = Traffic { bytes: sa.counters.bytes, packets: sa.counters.packets };
            ((id.destination, EspSpi(id.spi.0)), traffic)
        };
        Ok(self.our_sas()?.into_iter().map(row).collect())
    }

    fn resync(&mut self) -> Result<Vec<PlaneEvent>, PlaneError> {
        let there: HashSet<PolicyId> = self.our_policies()?.iter().map(|policy| policy.id).collect();
        let missing = self.book.policies().filter(|policy| !there.contains(&policy.id)).cloned();
        let repair: Vec<Operation> = missing.map(Operation::UpdatePolicy).collect();
        if let Some(error) = self.kernel.apply(&repair).into_iter().find_map(Result::err) {
            return Err(told(error));
        }
        let there: HashSet<(IpAddr, u32)> =
            self.our_sas()?.iter().map(|sa| (sa.parameters.id.destination, sa.parameters.id.spi.0)).collect();
        let kept_back = &self.kept_back;
        let ends = self.children.values().flat_map(|child| {
            let outbound = (child.remote, child.outbound_spi);
            let sent = (!kept_back.contains_key(&child.child)).then_some(outbound);
            std::iter::once((child.local, child.inbound_spi)).chain(sent)
        });
        Ok(ends
            .filter(|(destination, spi)| !there.contains(&(*destination, spi.0)))
            .map(|(destination, spi)| PlaneEvent::Expired { spi, destination, hard: true })
            .collect())
    }

    fn clear(&mut self) -> Result<(), PlaneError> {
        // SAs first: for a moment traffic is dropped, rather than sent in clear while an SA still expects it.
        let sas: Vec<Operation> =
            self.our_sas()?.iter().map(|sa| Operation::DeleteSa(sa.parameters.id)).collect();
        let of_sas = self.delete(&sas);
        let policies: Vec<Operation> =
            self.book.policies().map(|policy| Operation::DeletePolicy(policy.id)).collect();
        self.delete(&policies)?;
        self.book = Book::default();
        self.children.clear();
        of_sas
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<PlaneEvent> {
        loop {
            match self.events.get_mut().poll_event() {
                Ok(Some(event)) => match translate(&event) {
                    Some(event) => return Poll::Ready(event),
                    None => continue,
                },
                Ok(None) => {}
                // The socket is of no more use: everything that it would tell is found by looking.
                Err(_) => return Poll::Pending,
            }
            match self.events.poll_read_ready_mut(context) {
                Poll::Ready(Ok(mut guard)) => guard.clear_ready(),
                Poll::Ready(Err(_)) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// What an event of the kernel's means here; `None`: it is not about us.
fn translate(event: &Event) -> Option<PlaneEvent> {
    match event {
        Event::Acquire(acquire) => {
            let peer = acquire.templates.iter().find_map(|template| owned::peer_of(template.reqid))?;
            Some(PlaneEvent::Acquire(peer))
        }
        Event::Expire(expire) => {
            owned::peer_of(expire.reqid)?;
            // An SPI of zero is the placeholder of an acquire that found no answer in time.
            (expire.id.spi.0 != 0).then_some(PlaneEvent::Expired {
                spi: EspSpi(expire.id.spi.0),
                destination: expire.id.destination,
                hard: expire.hard,
            })
        }
        // A NAT's new mapping is followed by IKE (RFC 7296 section 2.23), which authenticates it.
        Event::Mapping(_) => None,
        Event::Overrun => Some(PlaneEvent::Overrun),
    }
}

/// Tries the kernel's ESP; what works for none of a needed family's algorithms is an error, the rest a warning.
fn check(kernel: &mut Kernel, families: &[Family]) -> Result<Vec<String>, PlaneError> {
    let support = kernel.probe();
    let mut warnings = Vec::new();
    for family in families {
        let of_family = || support.iter().filter(|support| support.family == *family);
        let works = of_family().any(|support| support.result.is_ok());
        for (algorithms, error) in of_family().filter_map(|s| Some((&s.algorithms, s.result.as_ref().err()?)))
        {
            if !works {
                return Err(told(error.clone()));
            }
            warnings.push(format!("ESP with {algorithms} is not available: {error}"));
        }
    }
    Ok(warnings)
}

/// Puts the events' socket under tokio's eyes.
#[allow(unsafe_code)]
fn watch(events: Events) -> io::Result<AsyncFd<Events>> {
    // SAFETY: `Events` owns one netlink socket from its creation to its drop and always returns that socket's
    // descriptor; the `AsyncFd` owns the `Events` and lends it out only by reference.
    let watched = unsafe { AsyncFd::register_with_interest(events, tokio::io::Interest::READABLE) };
    watched.map_err(io::Error::from)
}

fn told(error: Error) -> PlaneError {
    PlaneError(error.to_string())
}
