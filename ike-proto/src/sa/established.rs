//! An established IKE SA: INFORMATIONAL exchanges, liveness, lifetimes (RFC 7296 sections 1.4, 2.4, 2.8).

use std::time::Duration;

use crate::exchange::Refusal;
use crate::ids::EspSpi;
use crate::message::informational::Informational;
use crate::output::{Event, Reason};
use crate::seal::{Channel, OpenFailure};
use crate::time::Time;
use crate::wire::{DeletePayload, ExchangeType, NotifyType, Payload, Protocol};

use super::context::{Context, News};
use super::phase::{Asking, Child, ChildState, Closing, Established, Farewell, Phase};
use super::{LINGER, Request, Sa};

/// "a default value of 20 seconds" between NAT keepalives (RFC 3948 section 4).
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The keepalive: one octet, ignored by its receiver (RFC 3948 section 2.3).
const KEEPALIVE_OCTET: [u8; 1] = [0xff];

/// When a replacement is due but not there yet, the endpoint is asked again after this long.
const REPLACE_AGAIN: Duration = Duration::from_secs(60);

/// The peer may send on a new IKE SA's first Child SA this long after it answered: more than a retransmission and its
/// answer take on the way.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A redundant IKE SA is deleted after this long: when both ends send on the other one.
const RETIREMENT: Duration = Duration::from_secs(5);

/// The Delete payload for the IKE SA itself: no SPI (RFC 7296 section 3.11).
pub(super) fn delete_ike() -> Payload<'static> {
    Payload::Delete(DeletePayload { protocol: Protocol::IKE, spis: Vec::new() })
}

pub(super) fn delete_esp(spis: Vec<EspSpi>) -> Payload<'static> {
    Payload::Delete(DeletePayload { protocol: Protocol::ESP, spis })
}

impl Sa {
    pub(super) fn established_deadline(&self, sa: &Established) -> Time {
        let probe = sa.heard + self.timing.liveness;
        let mut deadline = sa.soft.min(sa.hard);
        // While a request is in flight its retransmissions are the probe.
        if self.outbound.free().is_some() {
            deadline = deadline.min(probe).min(sa.next_rekey().unwrap_or(deadline));
        }
        if let Some(next) = sa.children.values().filter_map(Child::next_change).min() {
            deadline = deadline.min(next);
        }
        if sa.nat.local {
            deadline = deadline.min(sa.kept_alive + KEEPALIVE);
        }
        deadline
    }

    pub(super) fn established_timeout(&mut self, mut sa: Box<Established>, ctx: &mut Context<'_>) -> Phase {
        let outlived = |child: &Child| child.hard_limit().is_some_and(|hard| hard <= ctx.now);
        if sa.hard <= ctx.now || sa.children.values().any(outlived) {
            let reason = sa.end.clone();
            return self.close_established(sa, reason, ctx);
        }
        if sa.soft <= ctx.now {
            ctx.queue.news(self.origin(), News::Aging);
            sa.soft = ctx.now + REPLACE_AGAIN;
        }
        if sa.nat.local && sa.kept_alive + KEEPALIVE <= ctx.now {
            ctx.queue.transmit_raw(self.path, &KEEPALIVE_OCTET);
            sa.kept_alive = ctx.now;
        }
        let now = ctx.now;
        for child in sa.children.values_mut().filter(|child| child.is_due(now)) {
            self.use_child(child, ctx);
        }
        self.advance(&mut sa, ctx);
        if sa.heard + self.timing.liveness <= ctx.now {
            // "To check whether the other side is alive, IKE specifies an empty INFORMATIONAL request" (2.4).
            self.ask(&mut sa, ExchangeType::INFORMATIONAL, &[], ctx);
        }
        Phase::Established(sa)
    }

    /// A request on an established SA: "MUST ... result in a response" (2.21.3).
    pub(super) fn established_request(
        &mut self,
        mut sa: Box<Established>,
        payloads: Vec<Payload<'_>>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        sa.heard = ctx.now;
        if request.exchange == ExchangeType::CREATE_CHILD_SA {
            return self.create_child_request(sa, payloads, request, ctx);
        }
        let message = match Informational::read(payloads) {
            Ok(message) => message,
            Err(error) => return self.refuse_request(sa, Refusal::from(error), request, ctx),
        };
        if message.delete_ike {
            // "the response to a request that deletes the IKE SA is an empty INFORMATIONAL response" (1.4.1).
            self.respond(&mut sa.channel, request, &[], ctx);
            self.down(*sa, Reason::DeletedByPeer, ctx);
            return Phase::Lingering(ctx.now + LINGER);
        }
        if message.errors.contains(&NotifyType::AUTHENTICATION_FAILED) {
            // The initiator does not believe us, though we believed it: "the notification MAY be returned in a separate
            // INFORMATIONAL exchange" (2.21.2). It has no SA with us.
            self.respond(&mut sa.channel, request, &[], ctx);
            let refused = Reason::PeerRefused(ExchangeType::IKE_AUTH, NotifyType::AUTHENTICATION_FAILED);
            self.down(*sa, refused, ctx);
            return Phase::Lingering(ctx.now + LINGER);
        }
        let ours = self.delete_children(&mut sa, &message.delete_children, ctx);
        let deletes = if ours.is_empty() { Vec::new() } else { vec![delete_esp(ours)] };
        self.respond(&mut sa.channel, request, &deletes, ctx);
        if sa.children.is_empty() && !message.delete_children.is_empty() {
            // Without a Child SA it is of no use: make room for a new one.
            return self.close_established(sa, Reason::DeletedByPeer, ctx);
        }
        Phase::Established(sa)
    }

    /// The peer no longer receives on these SPIs; our halves of the same pairs are returned: "the SPIs ... for the paired SAs" (1.4.1).
    /// Unknown ones are ignored.
    fn delete_children(&self, sa: &mut Established, spis: &[EspSpi], ctx: &mut Context<'_>) -> Vec<EspSpi> {
        let mut ours = Vec::new();
        for spi in spis {
            let paired = sa.children.values().find(|child| child.end.outbound_spi == *spi);
            let Some(id) = paired.map(|child| child.end.child) else { continue };
            let successor = sa.kept_back(id);
            let rekeyed = successor.is_some();
            if let Some(successor) = successor {
                // "it receives an IKE request to close the replaced SA" (2.8): now the peer can receive on the new one.
                self.use_child(successor, ctx);
            }
            let Some(child) = sa.children.remove(&id) else { continue };
            match child.state {
                // "If a peer receives a request to close a Child SA that it is currently trying to close, it SHOULD reply
                // without a Delete payload" (2.25.1).
                ChildState::Deleting => {}
                ChildState::Installing
                | ChildState::Answering(_)
                | ChildState::Receiving { .. }
                | ChildState::Waiting(_)
                | ChildState::Using
                | ChildState::Taking { .. }
                | ChildState::Installed(_)
                | ChildState::Condemned => ours.push(child.end.inbound_spi),
            }
            let rekeyed = rekeyed || child.is_in_transit();
            let reason = if rekeyed { Reason::Rekeyed } else { Reason::DeletedByPeer };
            self.child_down(&child, &reason, ctx);
        }
        ours
    }

    /// The response to our request in flight.
    pub(super) fn established_response(
        &mut self,
        mut sa: Box<Established>,
        payloads: Vec<Payload<'_>>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        self.outbound.answered();
        sa.heard = ctx.now;
        let phase = match std::mem::replace(&mut sa.asking, Asking::Alive) {
            // That it came is all.
            Asking::Alive => Phase::Established(sa),
            Asking::Rekey(rekeying) => self.rekey_answered(sa, *rekeying, payloads, ctx),
            Asking::Delete(child) => {
                self.child_deleted(&mut sa, child, ctx);
                Phase::Established(sa)
            }
        };
        if let Phase::Established(mut sa) = phase {
            self.advance(&mut sa, ctx);
            return Phase::Established(sa);
        }
        phase
    }

    /// A request that the peer itself wrote wrong.
    ///
    /// RFC 7296 section 2.21.3: an INVALID_SYNTAX answer to it "is considered fatal in both peers, meaning that the
    /// IKE SA is deleted without needing an explicit Delete payload".
    pub(super) fn refuse_request(
        &mut self,
        mut sa: Box<Established>,
        refusal: Refusal,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        sa.heard = ctx.now;
        self.respond(&mut sa.channel, request, &[refusal.notify().payload()], ctx);
        if refusal != Refusal::InvalidSyntax {
            return Phase::Established(sa);
        }
        let what = format!("invalid syntax in a request of {}", request.exchange);
        self.refused(Reason::Protocol(what.clone()), ctx);
        self.down(*sa, Reason::Protocol(what), ctx);
        Phase::Lingering(ctx.now + LINGER)
    }

    /// A request while we are closing: answered so that the peer's window moves, but nothing is made any more.
    pub(super) fn closing_request(
        &mut self,
        mut closing: Closing,
        opened: Result<Vec<Payload<'_>>, OpenFailure>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let deleted = match (opened.map(Informational::read), request.exchange) {
            (Ok(Ok(message)), ExchangeType::INFORMATIONAL) => {
                self.respond(&mut closing.channel, request, &[], ctx);
                message.delete_ike
            }
            _ => {
                let notify = Refusal::NoAdditionalSas.notify();
                self.respond(&mut closing.channel, request, &[notify.payload()], ctx);
                false
            }
        };
        if deleted {
            // Deletes that cross (1.4.1): both are answered, neither waits for the other.
            self.outbound.answered();
            return Phase::Lingering(ctx.now + LINGER);
        }
        Phase::Closing(closing)
    }

    /// Ends the SA soon: when the peer has surely seen the one that stays.
    pub fn retire(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        if let Phase::Established(sa) = &mut self.phase
            && sa.end == Reason::Expired
        {
            sa.hard = sa.hard.min(ctx.now + RETIREMENT);
            sa.soft = sa.hard;
            sa.end = reason;
        }
    }

    /// Ends an established SA of our own will.
    pub(super) fn close_established(
        &mut self,
        sa: Box<Established>,
        reason: Reason,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let channel = self.down(*sa, reason, ctx);
        self.say_farewell(Closing { channel, farewell: Farewell::Delete }, ctx)
    }

    /// Everything that an established SA held is let go; its channel is left for the last words.
    pub(super) fn down(&mut self, sa: Established, reason: Reason, ctx: &mut Context<'_>) -> Channel {
        for child in sa.children.values() {
            self.child_down(child, &reason, ctx);
        }
        if let Some(peer) = self.peer {
            ctx.queue.event(Event::IkeDown { peer, spis: self.spis(), reason: reason.clone() });
        }
        ctx.queue.news(self.origin(), News::Down { reason, established: true });
        sa.channel
    }
}
