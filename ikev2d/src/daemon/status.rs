//! The status as the control protocol shows it.

use ike_proto::policy::PeerId;
use ike_proto::status::{ChildStatus, IkeStatus, PeerStatus};

use super::{Daemon, VERSION, names};
use crate::config::Peer;
use crate::control::{ChildReport, FailureReport, IkeReport, PeerReport, StatusReport};
use crate::dataplane::{TrafficTable, reqid};

impl Daemon {
    /// The whole status, or that of one peer.
    pub(super) fn status(&mut self, only: Option<PeerId>) -> StatusReport {
        let (traffic, unread) = match self.plane.traffic() {
            Ok(traffic) => (traffic, None),
            Err(error) => (TrafficTable::new(), Some(format!("the SAs' counters cannot be read: {error}"))),
        };
        let wanted = self.roster.iter().filter(|(id, _)| only.is_none_or(|only| only == *id));
        let counted = |(cause, count): (_, &u64)| (names::drop_cause(cause).to_owned(), *count);
        StatusReport {
            daemon: VERSION.to_owned(),
            node: self.node.id.to_string(),
            data_plane: self.plane.name().to_owned(),
            data_plane_reason: self.plane_reason.clone(),
            warnings: self.plane.warnings().into_iter().chain(unread).collect(),
            uptime_seconds: self.clock.now().elapsed().as_secs(),
            listen: self.sockets.addresses().map(|address| address.to_string()).collect(),
            half_open: self.endpoint.half_open(),
            drops: self.journal.drops.iter().map(|(cause, count)| counted((*cause, count))).collect(),
            packet_drops: self.plane.drops(),
            send_errors: self.journal.send_errors.clone(),
            peers: wanted.map(|(id, peer)| self.peer_report(id, peer, &traffic)).collect(),
        }
    }

    fn peer_report(&self, id: PeerId, peer: &Peer, traffic: &TrafficTable) -> PeerReport {
        let status = self.endpoint.peer_status(id);
        let of = |value: fn(&PeerStatus) -> u64| status.as_ref().map_or(0, value);
        let failure = status.as_ref().and_then(|status| status.last_failure.as_ref());
        PeerReport {
            name: peer.name.clone(),
            id: peer.policy.remote_identity.to_string(),
            address: peer.policy.remote.to_string(),
            mode: names::mode(peer.policy.child.mode).to_owned(),
            connect: names::connect(status.as_ref().map_or(peer.policy.connect, |s| s.connect)).to_owned(),
            reqid: reqid(id).0,
            state: status.as_ref().map_or("idle", |status| names::state(status.state)).to_owned(),
            since_seconds: status.as_ref().map_or(0, |status| self.clock.seconds_since(status.since)),
            attempts: u32::try_from(of(|status| status.attempts.into())).unwrap_or(u32::MAX),
            retry_seconds: status.as_ref().and_then(|s| s.retry).map(|time| self.clock.seconds_until(time)),
            last_failure: failure.map(|(time, reason)| FailureReport {
                reason: names::printable(&reason.to_string()),
                seconds_ago: self.clock.seconds_since(*time),
                time: self.clock.unix_seconds(*time),
            }),
            policy_error: self.policy_errors.get(&id).cloned(),
            ike_sas: self.endpoint.ike_sas_of(id).map(|sa| self.ike_report(&sa, traffic)).collect(),
        }
    }

    fn ike_report(&self, sa: &IkeStatus, traffic: &TrafficTable) -> IkeReport {
        IkeReport {
            local_spi: sa.spis.0.to_string(),
            remote_spi: sa.spis.1.to_string(),
            role: names::role(sa.role).to_owned(),
            phase: sa.phase.to_owned(),
            local: sa.path.local.to_string(),
            remote: sa.path.remote.to_string(),
            algorithms: sa.suite.as_ref().map(|(suite, group)| names::ike_suite(suite, *group)),
            nat_local: sa.nat.0,
            nat_remote: sa.nat.1,
            established_seconds: sa.established.map(|time| self.clock.seconds_since(time)),
            children: sa.children.iter().map(|child| self.child_report(child, traffic)).collect(),
        }
    }

    fn child_report(&self, child: &ChildStatus, traffic: &TrafficTable) -> ChildReport {
        let end = child.end;
        let inbound = traffic.get(&(end.local, end.inbound_spi)).copied().unwrap_or_default();
        let outbound = traffic.get(&(end.remote, end.outbound_spi)).copied().unwrap_or_default();
        ChildReport {
            inbound_spi: names::spi(end.inbound_spi),
            outbound_spi: names::spi(end.outbound_spi),
            mode: names::mode(child.mode).to_owned(),
            algorithms: names::protection(&child.protection),
            esn: child.esn == ike_proto::policy::Esn::Yes,
            encapsulated: child.encapsulated,
            local: child.local_selectors.iter().map(names::selector).collect(),
            remote: child.remote_selectors.iter().map(names::selector).collect(),
            age_seconds: self.clock.seconds_since(child.installed),
            bytes_in: inbound.bytes,
            packets_in: inbound.packets,
            bytes_out: outbound.bytes,
            packets_out: outbound.packets,
        }
    }
}
