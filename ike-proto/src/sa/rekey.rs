//! A Child SA grows old: we rekey it and delete the old one, whatever the peer does meanwhile (RFC 7296 sections 2.8,
//! 2.8.1, 2.25.1).

use std::time::Duration;

use crate::exchange::child::Keying;
use crate::exchange::collision::{Goes, after_crossing};
use crate::exchange::rekey_child::{AgreedRekey, Conclusion, OldChild, RekeyChild};
use crate::ids::{EspSpi, Role};
use crate::message::create_child::CreateChildResponse;
use crate::message::{Kind, Label};
use crate::output::{ChildId, Event, Reason, Sending, Work};
use crate::time::Time;
use crate::wire::{ExchangeType, NotifyType, Payload};

use super::Sa;
use super::children::Making;
use super::context::{Context, News};
use super::established::delete_esp;
use super::phase::{Asking, Child, ChildState, Crossed, Established, Phase, Rekeying};

/// "it MUST wait so that the sender may complete whatever operation caused the temporary condition" (2.25).
const TEMPORARY: Duration = Duration::from_secs(10);

/// After another refusal; the Child SA's hard limit ends it.
const AGAIN: Duration = Duration::from_secs(60);

impl Child {
    fn as_old(&self) -> OldChild {
        let (local, remote) = (self.local.clone(), self.remote.clone());
        OldChild { spi: self.end.inbound_spi, mode: self.mode, local, remote }
    }

    /// When it is to be rekeyed, if that is for us to see to now.
    fn due(&self) -> Option<Time> {
        if let ChildState::Installed(age) = &self.state { Some(age.soft) } else { None }
    }

    /// When it ends, come what may.
    pub fn hard_limit(&self) -> Option<Time> {
        if let ChildState::Installed(age) = &self.state { Some(age.hard) } else { None }
    }

    /// When its time comes to be used, or to end.
    pub fn next_change(&self) -> Option<Time> {
        if let ChildState::Waiting(until) = &self.state { Some(*until) } else { self.hard_limit() }
    }

    /// Whether it has waited long enough to be sent on.
    pub fn is_due(&self, now: Time) -> bool {
        matches!(self.state, ChildState::Waiting(until) if until <= now)
    }

    /// Sets the time to rekey it.
    fn rekey_at(&mut self, time: Time) {
        if let ChildState::Installed(age) = &mut self.state {
            age.soft = time;
        }
    }
}

impl Established {
    /// When the next Child SA is to be rekeyed, if our window were free.
    pub fn next_rekey(&self) -> Option<Time> {
        self.next_due().map(|(time, _)| time)
    }

    fn next_due(&self) -> Option<(Time, ChildId)> {
        if self.is_retiring() {
            return None;
        }
        let candidates = self.children.values().filter(|child| !self.has_successor(child.end.child));
        candidates.filter_map(|child| Some((child.due()?, child.end.child))).min()
    }

    /// Whether another IKE SA has taken its place: then its Child SAs only wait to go with it.
    pub fn is_retiring(&self) -> bool {
        self.end != Reason::Expired
    }

    /// The peer rekeys a Child SA: note it if we rekey the same one.
    pub fn note_crossing(&mut self, old: Option<ChildId>, lowest_nonce: &[u8]) {
        if let Asking::Rekey(rekeying) = &mut self.asking
            && Some(rekeying.old) == old
        {
            rekeying.crossed = Some(Crossed { lowest_nonce: lowest_nonce.to_vec() });
        }
    }
}

impl Sa {
    /// The kernel counted so much traffic on a Child SA that it must be rekeyed.
    pub fn child_aged(&mut self, spi: EspSpi, ctx: &mut Context<'_>) {
        if let Phase::Established(sa) = &mut self.phase {
            let of_spi = |child: &&mut Child| child.end.inbound_spi == spi || child.end.outbound_spi == spi;
            if let Some(child) = sa.children.values_mut().find(of_spi) {
                child.rekey_at(ctx.now);
            }
        }
        self.handle_timeout(ctx);
    }

    /// If our window is free: deletes what is to go, else rekeys what is due.
    pub(super) fn advance(&mut self, sa: &mut Established, ctx: &mut Context<'_>) {
        if self.outbound.free().is_none() {
            return;
        }
        let condemned = sa.children.values().find(|child| matches!(child.state, ChildState::Condemned));
        if let Some(id) = condemned.map(|child| child.end.child) {
            return self.delete_child(sa, id, ctx);
        }
        if let Some((due, id)) = sa.next_due()
            && due <= ctx.now
        {
            self.rekey_child(sa, id, ctx);
        }
    }

    fn delete_child(&mut self, sa: &mut Established, id: ChildId, ctx: &mut Context<'_>) {
        let Some(child) = sa.children.get_mut(&id) else { return };
        child.state = ChildState::Deleting;
        let delete = delete_esp(vec![child.end.inbound_spi]);
        if self.ask(sa, ExchangeType::INFORMATIONAL, &[delete], ctx) {
            sa.asking = Asking::Delete(id);
        }
    }

    fn rekey_child(&mut self, sa: &mut Established, old: ChildId, ctx: &mut Context<'_>) {
        let (Some((_, policy)), Some(child)) = (self.policy(ctx), sa.children.get(&old)) else { return };
        let spi = ctx.esp_spi();
        match RekeyChild::start(&policy.child, spi, child.as_old(), ctx.entropy) {
            Ok(exchange) => self.ask_rekey(sa, Rekeying { old, exchange, crossed: None }, ctx),
            Err(error) => self.not_rekeyed(sa, old, Reason::Protocol(error.to_string()), ctx),
        }
    }

    fn ask_rekey(&mut self, sa: &mut Established, rekeying: Rekeying, ctx: &mut Context<'_>) {
        let (Some((_, policy)), Some(id)) = (self.policy(ctx), self.outbound.free()) else { return };
        let label = Label { exchange: ExchangeType::CREATE_CHILD_SA, kind: Kind::Request, id };
        let channel = &mut sa.channel;
        let sealed = rekeying
            .exchange
            .with_payloads(&policy.child, |payloads| channel.seal(label, payloads, ctx.entropy));
        match sealed {
            Ok(message) => {
                self.send_request(ExchangeType::CREATE_CHILD_SA, message, ctx);
                sa.asking = Asking::Rekey(Box::new(rekeying));
            }
            Err(error) => self.not_rekeyed(sa, rekeying.old, Reason::Protocol(error.to_string()), ctx),
        }
    }

    /// Seals and sends a request; whether it went out.
    pub(super) fn ask(
        &mut self,
        sa: &mut Established,
        exchange: ExchangeType,
        payloads: &[Payload<'_>],
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(id) = self.outbound.free() else { return false };
        let label = Label { exchange, kind: Kind::Request, id };
        let Ok(message) = sa.channel.seal(label, payloads, ctx.entropy) else { return false };
        self.send_request(exchange, message, ctx);
        true
    }

    /// Our Delete was answered: the peer sends no more on it.
    pub(super) fn child_deleted(&mut self, sa: &mut Established, id: ChildId, ctx: &mut Context<'_>) {
        if let Some(child) = sa.children.remove(&id) {
            self.child_down(&child, &Reason::Rekeyed, ctx);
        }
    }

    /// The answer to our wish to rekey.
    pub(super) fn rekey_answered(
        &mut self,
        mut sa: Box<Established>,
        rekeying: Rekeying,
        payloads: Vec<Payload<'_>>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let Rekeying { old, exchange, crossed } = rekeying;
        let response = match CreateChildResponse::read(payloads) {
            Ok(response) => response,
            Err(error) => {
                self.not_rekeyed(&mut sa, old, Reason::Protocol(error.to_string()), ctx);
                return Phase::Established(sa);
            }
        };
        let Some((_, policy)) = self.policy(ctx) else { return Phase::Established(sa) };
        match exchange.conclude(&response, &policy.child, ctx.entropy) {
            Conclusion::Agreed(agreed) => self.take(&mut sa, old, agreed, crossed, ctx),
            Conclusion::Again(exchange) => self.ask_rekey(&mut sa, Rekeying { old, exchange, crossed }, ctx),
            Conclusion::Refused(kind) => return self.rekey_refused(sa, old, kind, crossed.is_some(), ctx),
            Conclusion::Failed(reason) => return self.close_established(sa, reason, ctx),
        }
        Phase::Established(sa)
    }

    /// The successor is agreed on: install it, and see which one is to go. The peer may have deleted the old one meanwhile;
    /// then the successor is in use, or, if it is redundant, the peer still waits for us to delete it.
    fn take(
        &mut self,
        sa: &mut Established,
        old: ChildId,
        agreed: AgreedRekey,
        crossed: Option<Crossed>,
        ctx: &mut Context<'_>,
    ) {
        let AgreedRekey { choice, local_nonce, remote_nonce, shared } = agreed;
        let ours = local_nonce.as_slice().min(&remote_nonce);
        let theirs = crossed.as_ref().map(|crossed| crossed.lowest_nonce.as_slice());
        let goes = if sa.is_retiring() { Goes::Ours } else { after_crossing(ours, theirs) };
        let making = Making {
            prf: sa.suite.prf,
            sk_d: &sa.sk_d,
            keying: Keying {
                initiator_nonce: &local_nonce,
                responder_nonce: &remote_nonce,
                shared: shared.as_ref(),
            },
            role: Role::Initiator,
            encapsulated: sa.nat.any(),
            sending: match goes {
                Goes::Old => Sending::AtOnce,
                // It is made only to be deleted: the old one is sent on until the peer deletes that.
                Goes::Ours => Sending::Later,
            },
        };
        let Some((mut child, kernel)) = self.child_sa(&making, &choice, ctx) else { return };
        child.state = ChildState::Taking { goes, replaces: old };
        sa.children.insert(child.end.child, child);
        ctx.queue.work(self.spi, Work::InstallChild(Box::new(kernel)));
    }

    /// The kernel has the successor, or not.
    pub(super) fn taken(
        &mut self,
        mut sa: Box<Established>,
        child: Child,
        (goes, old): (Goes, ChildId),
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        if let Err(why) = result {
            // The peer has it already; a fresh start is the shortest way to the same view at both ends.
            return self.close_established(sa, Reason::Kernel(why), ctx);
        }
        match goes {
            Goes::Old => {
                self.child_up(&mut sa, child, ctx);
                if let Some(old) = sa.children.get_mut(&old) {
                    old.state = ChildState::Condemned;
                }
            }
            Goes::Ours => {
                let condemned = Child { state: ChildState::Condemned, ..child };
                sa.children.insert(condemned.end.child, condemned);
            }
        }
        self.advance(&mut sa, ctx);
        Phase::Established(sa)
    }

    fn rekey_refused(
        &mut self,
        mut sa: Box<Established>,
        old: ChildId,
        kind: NotifyType,
        crossed: bool,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let reason = Reason::PeerRefused(ExchangeType::CREATE_CHILD_SA, kind);
        // Then the peer's own rekeying of it, or its Delete, was faster.
        let crossed = crossed || !sa.children.contains_key(&old);
        match kind {
            NotifyType::TEMPORARY_FAILURE | NotifyType::CHILD_SA_NOT_FOUND if crossed => {}
            NotifyType::TEMPORARY_FAILURE => {
                if let Some(child) = sa.children.get_mut(&old) {
                    child.rekey_at(ctx.now + TEMPORARY);
                }
            }
            // "SHOULD silently delete the Child SA ... and send a request to create a new Child SA from scratch" (2.25):
            // here with an IKE SA from scratch too.
            NotifyType::CHILD_SA_NOT_FOUND => return self.close_established(sa, reason, ctx),
            // It makes no further Child SAs on this IKE SA (1.3): a new IKE SA brings one.
            NotifyType::NO_ADDITIONAL_SAS => {
                if let Some(child) = sa.children.get_mut(&old) {
                    child.rekey_at(ctx.now + AGAIN);
                }
                ctx.queue.news(self.origin(), News::Aging);
            }
            _ => self.not_rekeyed(&mut sa, old, reason, ctx),
        }
        Phase::Established(sa)
    }

    fn not_rekeyed(&self, sa: &mut Established, old: ChildId, reason: Reason, ctx: &mut Context<'_>) {
        if let Some(child) = sa.children.get_mut(&old) {
            child.rekey_at(ctx.now + AGAIN);
            ctx.queue.event(Event::RekeyFailed { child: child.end, reason });
        }
    }
}
