//! What happened, told three times: a log line for the operator, an event for monitors, a count for the status.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use ike_proto::output::{DropCause, Event, Reason};
use ike_proto::policy::PeerId;
use tokio::sync::broadcast;

use super::clock::Clock;
use super::names;
use crate::control::EventReport;
use crate::log::{RateLimit, unix_millis};
use crate::reconcile::Roster;

/// Events that wait for a slow monitor before it loses some: a mesh of 5,000 peers that reconnects makes 10,000.
const MONITOR_BACKLOG: usize = 16_384;

/// Tells what happened.
#[derive(Debug)]
pub struct Journal {
    monitors: broadcast::Sender<EventReport>,
    /// Datagrams dropped, by cause.
    pub drops: BTreeMap<DropCause, u64>,
    /// Datagrams not sent, by the system's reason.
    pub send_errors: BTreeMap<String, u64>,
    /// The reason that was logged last for each peer that is down: a peer that is tried for ever is told once.
    told: HashMap<PeerId, String>,
    refusals: RateLimit,
    dropped: RateLimit,
    unsent: RateLimit,
}

impl Default for Journal {
    fn default() -> Journal {
        let (monitors, _) = broadcast::channel(MONITOR_BACKLOG);
        Journal {
            monitors,
            drops: BTreeMap::new(),
            send_errors: BTreeMap::new(),
            told: HashMap::new(),
            refusals: RateLimit::default(),
            dropped: RateLimit::default(),
            unsent: RateLimit::default(),
        }
    }
}

/// The parts of an event's report that differ.
struct Told {
    event: &'static str,
    peer: Option<String>,
    reason: Option<String>,
    retry_seconds: Option<u64>,
    message: String,
}

impl Journal {
    /// Where monitors subscribe.
    pub fn monitors(&self) -> broadcast::Sender<EventReport> {
        self.monitors.clone()
    }

    /// Tells an event of the protocol's.
    pub fn tell(&mut self, event: &Event, roster: &Roster, clock: &Clock) {
        match event {
            Event::IkeUp { peer, spis, role, path } => {
                let (local, remote, role) = (path.local, path.remote, names::role(*role));
                let message =
                    format!("IKE SA established as {role}, {local} - {remote}, SPIs {} {}", spis.0, spis.1);
                self.inform("ike-up", roster.name(*peer), None, message);
            }
            Event::IkeRekeyed { peer, old, new } => {
                let message = format!("IKE SA rekeyed, SPIs {} {}, before {} {}", new.0, new.1, old.0, old.1);
                self.inform("ike-rekeyed", roster.name(*peer), None, message);
            }
            Event::IkeDown { peer, reason, .. } => {
                let reason = printable(reason);
                self.inform("ike-down", roster.name(*peer), Some(&reason), format!("IKE SA ended: {reason}"));
            }
            Event::RekeyFailed { child, reason } => {
                let (inbound, reason) = (names::spi(child.inbound_spi), printable(reason));
                let message = format!("Child SA with SPI in {inbound} not rekeyed yet: {reason}");
                self.inform("rekey-failed", roster.name(child.peer), Some(&reason), message);
            }
            Event::ChildUp(child) => {
                self.told.remove(&child.peer);
                let (inbound, outbound) = (names::spi(child.inbound_spi), names::spi(child.outbound_spi));
                let message = format!("up: Child SA installed, SPIs in {inbound} out {outbound}");
                self.inform("child-up", roster.name(child.peer), None, message);
            }
            Event::ChildDown { child, reason } => {
                let (inbound, reason) = (names::spi(child.inbound_spi), printable(reason));
                let message = format!("Child SA with SPI in {inbound} removed: {reason}");
                self.inform("child-down", roster.name(child.peer), Some(&reason), message);
            }
            Event::AttemptFailed { peer, reason, retry } => {
                let retry_seconds = retry.map(|time| clock.seconds_until(time));
                self.attempt_failed(*peer, roster, printable(reason), retry_seconds);
            }
            Event::Refused { peer, from, reason } => {
                self.refused(peer.map(|peer| roster.name(peer)), *from, printable(reason));
            }
            Event::Dropped { from, cause } => self.dropped(*from, *cause),
        }
    }

    /// Counts a datagram that could not be sent, and tells the operator now and then. The protocol sends again.
    pub fn unsent(&mut self, to: SocketAddr, error: &io::Error) {
        let reason = error.to_string();
        if let Some(suppressed) = self.unsent.pass(Instant::now()) {
            tracing::warn!(suppressed, "cannot send to {to}: {reason}");
        }
        let count = self.send_errors.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Tells that the configuration was read again, or why not.
    pub fn reloaded(&mut self, message: &str) {
        self.send(Told {
            event: "reloaded",
            peer: None,
            reason: None,
            retry_seconds: None,
            message: message.to_owned(),
        });
    }

    fn inform(&mut self, event: &'static str, peer: String, reason: Option<&str>, message: String) {
        tracing::info!("{peer}: {message}");
        let reason = reason.map(str::to_owned);
        self.send(Told {
            event,
            message: format!("{peer}: {message}"),
            peer: Some(peer),
            reason,
            retry_seconds: None,
        });
    }

    fn attempt_failed(&mut self, peer: PeerId, roster: &Roster, reason: String, retry_seconds: Option<u64>) {
        let name = roster.name(peer);
        let next =
            retry_seconds.map_or("no further attempt".to_owned(), |s| format!("next attempt in {s} s"));
        let message = format!("{name}: cannot connect: {reason}; {next}");
        if self.told.insert(peer, reason.clone()).as_ref() == Some(&reason) {
            tracing::debug!("{message}");
        } else {
            tracing::warn!("{message} (further attempts that fail alike are not logged)");
        }
        self.send(Told {
            event: "attempt-failed",
            peer: Some(name),
            reason: Some(reason),
            retry_seconds,
            message,
        });
    }

    fn refused(&mut self, peer: Option<String>, from: SocketAddr, reason: String) {
        let Some(suppressed) = self.refusals.pass(Instant::now()) else { return };
        let name = peer.as_deref().unwrap_or("unknown peer");
        let message = format!("{name}: refused, from {from}: {reason}");
        tracing::warn!(suppressed, "{message}");
        self.send(Told { event: "refused", peer, reason: Some(reason), retry_seconds: None, message });
    }

    fn dropped(&mut self, from: SocketAddr, cause: DropCause) {
        let count = self.drops.entry(cause).or_default();
        *count = count.saturating_add(1);
        if let Some(suppressed) = self.dropped.pass(Instant::now()) {
            tracing::debug!(suppressed, "dropped a datagram from {from}: {}", names::drop_cause(cause));
        }
    }

    fn send(&self, told: Told) {
        let Told { event, peer, reason, retry_seconds, message } = told;
        let event = event.to_owned();
        // Nobody listening is no error.
        let _ = self.monitors.send(EventReport {
            time_ms: unix_millis(),
            event,
            peer,
            reason,
            retry_seconds,
            message,
        });
    }
}

fn printable(reason: &Reason) -> String {
    names::printable(&reason.to_string())
}
