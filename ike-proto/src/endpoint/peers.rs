//! What news of one IKE SA means for its peer: who is up, which SA is redundant, when to try again.

use std::sync::Arc;

use crate::ids::{IkeSpi, Role};
use crate::output::{ChildEnd, Event, Path, Reason};
use crate::policy::{Connect, PeerId, PeerPolicy};
use crate::sa::Sa;
use crate::sa::context::{News, Origin};
use crate::sa::initiator::Attempt;
use crate::status::{PeerState, PeerStatus};
use crate::time::Time;

use super::Endpoint;
use super::connect::{Connection, pause};

impl Endpoint {
    /// Passes on what SAs have told, until there is no more of it.
    pub(super) fn spread_news(&mut self, now: Time) {
        while let Some((origin, news)) = self.shared.queue.news.pop_front() {
            let Some(peer) = origin.peer else { continue };
            match news {
                News::Established { initial_contact } => self.established(now, peer, origin, initial_contact),
                News::ChildUp(end) => self.child_up(now, peer, origin, end),
                News::ChildDown(end) => self.child_down(end),
                News::Aging => self.replace(now, peer, origin.spi),
                News::Rekeyed(new) => self.rekeyed(peer, *new),
                News::Refused(reason) => self.failed(now, peer, reason),
                News::Down { reason, established } => {
                    if established {
                        self.shared.directory.disconnected(peer);
                    }
                    self.down(now, peer, origin, reason, established);
                }
            }
            self.update_state(now, peer);
        }
    }

    fn established(&mut self, now: Time, peer: PeerId, origin: Origin, initial_contact: bool) {
        self.shared.directory.connected(peer);
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.sas.insert(origin.spi);
        }
        if initial_contact {
            // "the recipient MAY use this information to delete any other IKE SAs it has to the same authenticated
            // identity" (2.4): only those from before the peer began this SA, so that two ends that begin at once do
            // not wipe out each other's.
            let began = self.sas.get(&origin.spi).map_or(now, Sa::created);
            for spi in self.others(peer, origin.spi) {
                if self.sas.get(&spi).and_then(Sa::established_since).is_some_and(|since| since < began) {
                    self.step_alone(now, spi, |sa, ctx| sa.abandon(Reason::InitialContact, ctx));
                }
            }
        }
    }

    fn child_up(&mut self, now: Time, peer: PeerId, origin: Origin, end: ChildEnd) {
        self.children.insert((end.local, end.inbound_spi), origin.spi);
        self.children.insert((end.remote, end.outbound_spi), origin.spi);
        let replaced = self.sas.get(&origin.spi).and_then(|sa| sa.replaces);
        for spi in self.others(peer, origin.spi) {
            if replaced == Some(spi) || self.is_redundant(spi, origin.spi) {
                self.step_alone(now, spi, |sa, ctx| sa.retire(Reason::Replaced, ctx));
            } else if self.is_redundant(origin.spi, spi) {
                self.step_alone(now, origin.spi, |sa, ctx| sa.retire(Reason::Replaced, ctx));
            } else if self.sas.get(&spi).is_some_and(Sa::may_be_dropped) {
                // An attempt of ours that the peer's was faster than.
                self.step_alone(now, spi, |sa, ctx| sa.abandon(Reason::Replaced, ctx));
            }
        }
    }

    /// Whether, of two IKE SAs with the same peer that both carry traffic, the first is to go, and by our hand.
    ///
    /// As for simultaneous rekeying (RFC 7296 section 2.8.1): the SA "created with the lowest of the four nonces"
    /// is redundant, and the end that initiated it deletes it. Both ends see the same nonces, so both agree.
    fn is_redundant(&self, candidate: IkeSpi, other: IkeSpi) -> bool {
        let (Some(candidate), Some(other)) = (self.sas.get(&candidate), self.sas.get(&other)) else {
            return false;
        };
        let both_carry = candidate.carries_traffic() && other.carries_traffic();
        let replacing = candidate.replaces == Some(other.spi) || other.replaces == Some(candidate.spi);
        both_carry
            && !replacing
            && candidate.role == Role::Initiator
            && candidate.lowest_nonce() < other.lowest_nonce()
    }

    /// The peer rekeyed an IKE SA: the new one is as established as the old one was, and has its Child SAs.
    fn rekeyed(&mut self, peer: PeerId, new: Sa) {
        let spi = new.spi;
        for end in new.child_ends() {
            self.children.insert((end.local, end.inbound_spi), spi);
            self.children.insert((end.remote, end.outbound_spi), spi);
        }
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.sas.insert(spi);
        }
        self.sas.insert(spi, new);
        self.rearm(spi);
    }

    fn child_down(&mut self, end: ChildEnd) {
        self.children.remove(&(end.local, end.inbound_spi));
        self.children.remove(&(end.remote, end.outbound_spi));
    }

    /// An IKE SA, or an attempt to make one, is over.
    fn down(&mut self, now: Time, peer: PeerId, origin: Origin, reason: Reason, established: bool) {
        let jitter = self.jitter();
        let idle = !self.is_up(peer) && !self.is_trying(peer);
        let Some(policy) = self.shared.directory.policy(peer).cloned() else { return };
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if is_deliberate(&reason) {
            if connection.wanted && idle && connection.retry.is_none() {
                connection.retry = Some(now + pause(&policy.timing, 1, jitter));
            }
        } else {
            let attempt = origin.role == Role::Initiator && !origin.carried;
            connection.attempts = connection.attempts.saturating_add(u32::from(attempt));
            connection.failed(now, reason.clone());
            let retry = (connection.wanted && idle)
                .then(|| now + pause(&policy.timing, connection.attempts.max(1), jitter));
            if retry.is_some() {
                connection.retry = retry;
            }
            if attempt && (!established || retry.is_some()) {
                self.shared.queue.event(Event::AttemptFailed { peer, reason, retry });
            }
        }
        let retry = connection.retry;
        self.peer_timers.set(peer, retry);
    }

    /// A peer's attempt, or part of it, was refused by us.
    fn failed(&mut self, now: Time, peer: PeerId, reason: Reason) {
        if let Some(connection) = self.connections.get_mut(&peer).filter(|c| c.state != PeerState::Up) {
            connection.failed(now, reason);
        }
    }

    /// Notes a refusal for which no SA exists.
    pub(super) fn note_refusal(&mut self, now: Time, peer: Option<PeerId>, path: Path, reason: Reason) {
        self.shared.queue.event(Event::Refused { peer, from: path.remote, reason: reason.clone() });
        if let Some(peer) = peer {
            self.failed(now, peer, reason);
        }
    }

    /// A new IKE SA for one that grows old: made before the old one is broken.
    pub(super) fn replace(&mut self, now: Time, peer: PeerId, old: IkeSpi) {
        let ours = self.connections.get(&peer).is_some_and(|connection| connection.wanted);
        if ours && !self.has_newer(peer, old) && !self.is_trying(peer) && !self.stopping {
            self.attempt(now, peer, Some(old));
        }
    }

    /// Whether the peer has made a newer one already, which it will keep when it deletes this one.
    fn has_newer(&self, peer: PeerId, old: IkeSpi) -> bool {
        let Some(since) = self.sas.get(&old).and_then(Sa::established_since) else { return true };
        let newer = |sa: &Sa| sa.carries_traffic() && sa.established_since() > Some(since);
        self.others(peer, old).iter().filter_map(|spi| self.sas.get(spi)).any(newer)
    }

    /// The time for an attempt has come, if it is still needed.
    pub(super) fn retry(&mut self, now: Time, peer: PeerId) {
        let wanted = self.connections.get_mut(&peer).is_some_and(|connection| {
            connection.retry = None;
            connection.wanted
        });
        if wanted && !self.is_up(peer) && !self.is_trying(peer) {
            self.attempt(now, peer, None);
        }
        self.update_state(now, peer);
    }

    fn attempt(&mut self, now: Time, peer: PeerId, replaces: Option<IkeSpi>) {
        let Some(policy) = self.shared.directory.policy(peer).cloned() else { return };
        let spi = self.fresh_spi();
        let attempt = Attempt { spi, peer, policy: &policy, replaces };
        let mut ctx = self.shared.context(now);
        let sa = Sa::initiate(attempt, &mut ctx);
        self.sas.insert(spi, sa);
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.sas.insert(spi);
            connection.retry = None;
        }
        self.peer_timers.set(peer, None);
        self.rearm(spi);
        self.spread_news(now);
    }

    pub(super) fn others(&self, peer: PeerId, spi: IkeSpi) -> Vec<IkeSpi> {
        let sas = self.connections.get(&peer).map(|connection| &connection.sas);
        sas.into_iter().flatten().copied().filter(|other| *other != spi).collect()
    }

    fn any_sa(&self, peer: PeerId, is: fn(&Sa) -> bool) -> bool {
        let sas = self.connections.get(&peer).map(|connection| &connection.sas);
        sas.into_iter().flatten().filter_map(|spi| self.sas.get(spi)).any(is)
    }

    pub(super) fn is_up(&self, peer: PeerId) -> bool {
        self.any_sa(peer, Sa::carries_traffic)
    }

    pub(super) fn is_trying(&self, peer: PeerId) -> bool {
        self.any_sa(peer, Sa::is_attempt)
    }

    pub(super) fn update_state(&mut self, now: Time, peer: PeerId) {
        let (up, trying) = (self.is_up(peer), self.is_trying(peer));
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let state = match (up, trying, connection.wanted) {
            (true, _, _) => PeerState::Up,
            (false, true, _) => PeerState::Connecting,
            (false, false, true) => PeerState::Down,
            (false, false, false) => PeerState::Idle,
        };
        connection.became(now, state);
        if state == PeerState::Up {
            self.peer_timers.set(peer, None);
        }
    }
}

/// Ends that nobody needs to hear of as a failure.
fn is_deliberate(reason: &Reason) -> bool {
    match reason {
        Reason::DeletedByPeer
        | Reason::Operator
        | Reason::Configuration
        | Reason::Replaced
        | Reason::Rekeyed
        | Reason::InitialContact
        | Reason::Expired
        | Reason::Shutdown => true,
        Reason::NoAnswer(_)
        | Reason::NoRoute(_)
        | Reason::PeerRefused(..)
        | Reason::Protocol(_)
        | Reason::AuthenticationFailed
        | Reason::WrongIdentity(_)
        | Reason::UnknownIdentity(_)
        | Reason::NoProposalChosen
        | Reason::TrafficSelectors
        | Reason::WrongMode(_)
        | Reason::NoKey(_)
        | Reason::Kernel(_) => false,
    }
}

impl Connection {
    pub fn status(&self, peer: PeerId, policy: &Arc<PeerPolicy>) -> PeerStatus {
        PeerStatus {
            peer,
            state: self.state,
            connect: if self.wanted { policy.connect } else { Connect::Passive },
            since: self.since,
            attempts: self.attempts,
            retry: self.retry,
            last_failure: self.last_failure.clone(),
        }
    }
}
