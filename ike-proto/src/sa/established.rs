//! An established IKE SA: INFORMATIONAL exchanges, liveness, lifetimes (RFC 7296 sections 1.4, 2.4, 2.8).

use std::time::Duration;

use crate::exchange::Refusal;
use crate::ids::EspSpi;
use crate::message::informational::Informational;
use crate::message::{Kind, Label};
use crate::output::{Event, Reason, Work};
use crate::seal::{Channel, OpenFailure};
use crate::time::Time;
use crate::wire::{DeletePayload, ExchangeType, NotifyType, Payload, Protocol};

use super::context::{Context, News};
use super::phase::{Closing, Established, Farewell, Phase};
use super::{LINGER, Request, Sa};

/// "a default value of 20 seconds" between NAT keepalives (RFC 3948 section 4).
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The keepalive: one octet, ignored by its receiver (RFC 3948 section 2.3).
const KEEPALIVE_OCTET: [u8; 1] = [0xff];

/// When a replacement is due but not there yet, the endpoint is asked again after this long.
const REPLACE_AGAIN: Duration = Duration::from_secs(60);

/// The Delete payload for the IKE SA itself: no SPI (RFC 7296 section 3.11).
pub(super) fn delete_ike() -> Payload<'static> {
    Payload::Delete(DeletePayload { protocol: Protocol::IKE, spis: Vec::new() })
}

fn delete_esp(spis: Vec<EspSpi>) -> Payload<'static> {
    Payload::Delete(DeletePayload { protocol: Protocol::ESP, spis })
}

impl Sa {
    pub(super) fn established_deadline(&self, sa: &Established) -> Time {
        let probe = sa.heard + self.timing.liveness;
        let mut deadline = sa.soft.min(sa.hard);
        // While a request is in flight its retransmissions are the probe.
        if self.outbound.free().is_some() {
            deadline = deadline.min(probe);
        }
        if sa.nat.local {
            deadline = deadline.min(sa.kept_alive + KEEPALIVE);
        }
        deadline
    }

    pub(super) fn established_timeout(&mut self, mut sa: Box<Established>, ctx: &mut Context<'_>) -> Phase {
        if sa.hard <= ctx.now {
            return self.close_established(sa, Reason::Expired, ctx);
        }
        if sa.soft <= ctx.now {
            ctx.queue.news(self.origin(), News::Aging);
            sa.soft = ctx.now + REPLACE_AGAIN;
        }
        if sa.nat.local && sa.kept_alive + KEEPALIVE <= ctx.now {
            ctx.queue.transmit_raw(self.path, &KEEPALIVE_OCTET);
            sa.kept_alive = ctx.now;
        }
        if sa.heard + self.timing.liveness <= ctx.now {
            self.probe(&mut sa, ctx);
        }
        Phase::Established(sa)
    }

    /// "To check whether the other side is alive, IKE specifies an empty INFORMATIONAL request" (2.4).
    fn probe(&mut self, sa: &mut Established, ctx: &mut Context<'_>) {
        let Some(id) = self.outbound.free() else { return };
        let label = Label { exchange: ExchangeType::INFORMATIONAL, kind: Kind::Request, id };
        if let Ok(message) = sa.channel.seal(label, &[], ctx.entropy) {
            self.send_request(ExchangeType::INFORMATIONAL, message, ctx);
        }
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
            let successor = sa.successor(id).map(|child| child.end);
            if let Some(successor) = successor {
                // "it receives an IKE request to close the replaced SA" (2.8): now the peer can receive on the new one.
                ctx.queue.work(self.spi, Work::UseChild(successor));
            }
            if let Some(child) = sa.children.remove(&id) {
                ours.push(child.end.inbound_spi);
                let reason = if successor.is_some() { Reason::Rekeyed } else { Reason::DeletedByPeer };
                self.child_down(&child, &reason, ctx);
            }
        }
        ours
    }

    /// A response to our probe: that it came is all.
    pub(super) fn informational_response(
        &mut self,
        mut sa: Box<Established>,
        _payloads: Vec<Payload<'_>>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        self.outbound.answered();
        sa.heard = ctx.now;
        Phase::Established(sa)
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
