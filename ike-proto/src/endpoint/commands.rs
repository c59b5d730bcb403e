//! What the daemon tells the endpoint: peers, connect and disconnect, kernel events, shutdown.

use std::net::IpAddr;
use std::sync::Arc;

use crate::ids::{EspSpi, IkeSpi};
use crate::output::{Command, Reason};
use crate::policy::{Connect, PeerId, PeerPolicy};
use crate::time::Time;

use super::Endpoint;
use super::connect::{Connection, first_attempt};

impl Endpoint {
    /// Takes in a command; one for an unknown peer changes nothing.
    pub fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Configure(peer, policy) => self.configure(now, peer, policy),
            Command::Remove(peer) => self.remove(now, peer),
            Command::Connect(peer) => self.connect(now, peer),
            Command::Disconnect(peer) => self.disconnect(now, peer),
            Command::Acquire(peer) => self.acquire(now, peer),
            Command::Expired { spi, destination, hard } => self.expired(now, destination, spi, hard),
            Command::Shutdown => self.shutdown(now),
        }
        self.spread_news(now);
    }

    fn configure(&mut self, now: Time, peer: PeerId, policy: Arc<PeerPolicy>) {
        let connect = policy.connect;
        let old = self.shared.directory.set(peer, Arc::clone(&policy));
        let known = self.connections.entry(peer).or_insert_with(|| Connection::new(now, connect));
        let changed = old.as_ref().is_some_and(|old| needs_new_sa(old, &policy));
        if old.as_ref().is_none_or(|old| old.connect != connect) {
            known.wanted = connect == Connect::Always;
        }
        if changed {
            known.attempts = 0;
            known.last_failure = None;
            self.close_all(now, peer, &Reason::Configuration);
        }
        self.schedule(now, peer, &policy);
        self.update_state(now, peer);
    }

    /// Sets the timer for the first attempt, or takes it away.
    fn schedule(&mut self, now: Time, peer: PeerId, policy: &PeerPolicy) {
        let wait = first_attempt(policy, self.jitter());
        let busy = self.is_up(peer) || self.is_trying(peer);
        let stopping = self.stopping;
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.retry = match connection.wanted && !busy && !stopping {
            // An attempt that is due already keeps its time.
            true if connection.attempts > 0 => connection.retry,
            true => Some(now + wait),
            false => None,
        };
        let retry = connection.retry;
        self.peer_timers.set(peer, retry);
    }

    fn remove(&mut self, now: Time, peer: PeerId) {
        self.close_all(now, peer, &Reason::Configuration);
        self.spread_news(now);
        self.shared.directory.remove(peer);
        self.connections.remove(&peer);
        self.peer_timers.set(peer, None);
    }

    fn connect(&mut self, now: Time, peer: PeerId) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.wanted = true;
        connection.attempts = 0;
        self.retry(now, peer);
    }

    fn disconnect(&mut self, now: Time, peer: PeerId) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.wanted = false;
        connection.attempts = 0;
        connection.retry = None;
        connection.last_failure = None;
        self.peer_timers.set(peer, None);
        self.close_all(now, peer, &Reason::Operator);
        self.spread_news(now);
        self.update_state(now, peer);
    }

    /// A packet waits. That hurries the first attempt, but not one that follows a failure: packets must not undo
    /// the back-off.
    fn acquire(&mut self, now: Time, peer: PeerId) {
        let eager = self.connections.get(&peer).is_some_and(|c| c.wanted && c.attempts == 0);
        if eager {
            self.retry(now, peer);
        }
    }

    fn expired(&mut self, now: Time, destination: IpAddr, spi: EspSpi, hard: bool) {
        let Some(sa) = self.children.get(&(destination, spi)).copied() else { return };
        if hard {
            self.step_alone(now, sa, |sa, ctx| sa.close(Reason::Expired, ctx));
        } else {
            self.step_alone(now, sa, |sa, ctx| sa.child_aged(spi, ctx));
        }
    }

    fn shutdown(&mut self, now: Time) {
        self.stopping = true;
        for connection in self.connections.values_mut() {
            connection.wanted = false;
            connection.retry = None;
        }
        let all: Vec<IkeSpi> = self.sas.keys().copied().collect();
        for spi in all {
            self.step_alone(now, spi, |sa, ctx| sa.close(Reason::Shutdown, ctx));
        }
    }

    fn close_all(&mut self, now: Time, peer: PeerId, reason: &Reason) {
        let spis = self.connections.get(&peer).map(|connection| connection.sas.clone());
        for spi in spis.into_iter().flatten() {
            self.step_alone(now, spi, |sa, ctx| sa.close(reason.clone(), ctx));
        }
    }
}

/// Whether a peer's SAs do not fit its new policy: everything counts but who begins, and the timers.
fn needs_new_sa(old: &PeerPolicy, new: &PeerPolicy) -> bool {
    let same_but_for = PeerPolicy { connect: old.connect, timing: Arc::clone(&old.timing), ..new.clone() };
    *old != same_but_for
}
