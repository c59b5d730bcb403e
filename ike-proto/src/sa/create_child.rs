//! CREATE_CHILD_SA as responder: the peer adds or rekeys a Child SA, or rekeys the IKE SA (RFC 7296 sections 1.3, 2.8).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::exchange::Refusal;
use crate::exchange::child::Keying;
use crate::exchange::collision::{self, Old};
use crate::exchange::create_child::{self, AgreedChild, AgreedIke, Current};
use crate::exchange::narrow::is_subset;
use crate::ids::{EspSpi, Role};
use crate::message::create_child::{ChildRequest, CreateChildRequest, RekeyIkeRequest};
use crate::message::informational::Informational;
use crate::natd::Nat;
use crate::output::{ChildId, Event, Reason, Sending, Work};
use crate::seal::OpenFailure;
use crate::wire::{ExchangeType, Payload};

use super::authenticated::soft_lifetime;
use super::children::Making;
use super::context::{Context, News};
use super::phase::{Answering, Asking, Child, ChildState, Established, Phase, Superseded};
use super::window::{Inbound, Outbound};
use super::{LINGER, Request, Sa};

/// Most Child SAs of one IKE SA: the one that there is to be, its successor, and two more for a peer that makes another
/// before it deletes the first.
const MAX_CHILDREN: usize = 4;

/// How long a rekeyed IKE SA waits for the peer's Delete: longer than common daemons retransmit.
const SUPERSEDED: Duration = Duration::from_secs(180);

type Refused = (Refusal, Reason);

impl Established {
    /// What there is of the Child SA that the peer receives on with this SPI.
    fn old(&self, spi: EspSpi) -> (Old, Option<&Child>) {
        let Some(child) = self.children.values().find(|child| child.end.outbound_spi == spi) else {
            return (Old::Unknown, None);
        };
        let old = match child.state {
            ChildState::Installed(_) if self.has_successor(child.end.child) => Old::Replaced,
            ChildState::Installed(_) => Old::InUse,
            ChildState::Condemned | ChildState::Deleting => Old::Closing,
            ChildState::Installing
            | ChildState::Answering(_)
            | ChildState::Receiving { .. }
            | ChildState::Waiting(_)
            | ChildState::Using
            | ChildState::Taking { .. } => Old::Unfinished,
        };
        (old, Some(child))
    }
}

impl Sa {
    pub(super) fn create_child_request(
        &mut self,
        mut sa: Box<Established>,
        payloads: Vec<Payload<'_>>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let refused = match CreateChildRequest::read(payloads) {
            Ok(CreateChildRequest::Child(message)) => {
                self.child_request(&mut sa, &message, request, ctx).err()
            }
            Ok(CreateChildRequest::RekeyIke(message)) => match self.rekey_request(sa, &message, request, ctx)
            {
                Ok(superseded) => return Phase::Superseded(superseded),
                Err((back, refused)) => {
                    sa = back;
                    Some(refused)
                }
            },
            Err(error) => Some((Refusal::from(error), Reason::Protocol(error.to_string()))),
        };
        match refused {
            None => Phase::Established(sa),
            Some((refusal, reason)) => {
                let passing = matches!(refusal, Refusal::InvalidKe(_) | Refusal::TemporaryFailure);
                if refusal != Refusal::InvalidSyntax && !passing {
                    self.refused(reason, ctx);
                }
                self.refuse_request(sa, refusal, request, ctx)
            }
        }
    }

    /// A Child SA is asked for: have it installed, then answer.
    fn child_request(
        &mut self,
        sa: &mut Established,
        message: &ChildRequest<'_>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refused> {
        let Some((_, policy)) = self.policy(ctx) else {
            return Err((Refusal::TemporaryFailure, Reason::Configuration));
        };
        if sa.is_retiring() {
            // "a temporary condition": soon it will find that it has a newer IKE SA.
            return Err((Refusal::TemporaryFailure, Reason::Replaced));
        }
        let replaces = replaced(sa, message)?;
        let spi = ctx.esp_spi();
        let hosts = self.path.into();
        let agreed = create_child::answer_child(&policy.child, hosts, spi, message, ctx.entropy)?;
        let AgreedChild { choice, shared, answer } = agreed;
        sa.note_crossing(replaces, message.nonce.min(&answer.nonce));
        if let Some(old) = replaces.and_then(|old| sa.children.get(&old))
            && !(is_subset(&old.local, &choice.local) && is_subset(&old.remote, &choice.remote))
        {
            return Err((Refusal::TsUnacceptable, Reason::TrafficSelectors));
        }
        let making = Making {
            prf: sa.suite.prf,
            sk_d: &sa.sk_d,
            keying: Keying {
                initiator_nonce: message.nonce,
                responder_nonce: &answer.nonce,
                shared: shared.as_ref(),
            },
            role: Role::Responder,
            encapsulated: sa.nat.any(),
            sending: if replaces.is_some() { Sending::Later } else { Sending::AtOnce },
        };
        let made = self.child_sa(&making, &choice, ctx);
        let (mut child, kernel) = made.ok_or((Refusal::NoProposalChosen, Reason::NoProposalChosen))?;
        child.state = ChildState::Answering(Box::new(Answering { answer, request, replaces }));
        sa.children.insert(child.end.child, child);
        ctx.queue.work(self.spi, Work::InstallChild(Box::new(kernel)));
        Ok(())
    }

    /// The kernel has the Child SA, or not: answer.
    pub(super) fn answer_installed(
        &mut self,
        sa: &mut Established,
        mut child: Child,
        answering: Answering,
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) {
        let Answering { answer, request, replaces } = answering;
        if let Err(why) = result {
            let notify = Refusal::NoProposalChosen.notify();
            self.respond(&mut sa.channel, request, &[notify.payload()], ctx);
            return self.refused(Reason::Kernel(why), ctx);
        }
        self.respond(&mut sa.channel, request, &answer.payloads(), ctx);
        match replaces {
            // "the responder continues to send traffic on the old SA until one of those events occurs" (2.8).
            Some(replaces) if sa.children.contains_key(&replaces) => {
                child.state = ChildState::Receiving { replaces };
                sa.children.insert(child.end.child, child);
            }
            // The old one went while the kernel was busy.
            Some(_) => {
                self.use_child(&mut child, ctx);
                sa.children.insert(child.end.child, child);
            }
            None => self.child_up(sa, child, ctx),
        }
    }

    /// New keys for the IKE SA: answered on the old one, which gives its Child SAs to the new one.
    fn rekey_request(
        &mut self,
        sa: Box<Established>,
        message: &RekeyIkeRequest<'_>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Result<Superseded, (Box<Established>, Refused)> {
        let Some((peer, policy)) = self.policy(ctx) else {
            return Err((sa, (Refusal::TemporaryFailure, Reason::Configuration)));
        };
        // "currently creating, rekeying, or closing a Child SA of that IKE SA" (2.25.1).
        if !matches!(sa.asking, Asking::Alive) || sa.children.values().any(Child::is_in_transit) {
            let reason = Reason::Protocol("the IKE SA is rekeyed while a Child SA is being made".into());
            return Err((sa, (Refusal::TemporaryFailure, reason)));
        }
        let current = Current { suite: sa.suite, sk_d: &sa.sk_d, new_spi: ctx.ike_spi() };
        let agreed = match create_child::answer_ike(&policy.proposals, current, message, ctx.entropy) {
            Ok(agreed) => agreed,
            Err(refused) => return Err((sa, refused)),
        };
        let Established { mut channel, nat, children, .. } = *sa;
        self.respond(&mut channel, request, &agreed.answer.payloads(), ctx);
        let new = self.with_new_keys(agreed, nat, children, ctx);
        ctx.queue.event(Event::IkeRekeyed { peer, old: self.spis(), new: new.spis() });
        ctx.queue.news(self.origin(), News::Rekeyed(Box::new(new)));
        Ok(Superseded { channel, until: ctx.now + SUPERSEDED })
    }

    /// "The new IKE SA has its message counters set to 0" and inherits the Child SAs (1.3.2, 2.8).
    fn with_new_keys(
        &self,
        agreed: AgreedIke,
        nat: Nat,
        children: BTreeMap<ChildId, Child>,
        ctx: &mut Context<'_>,
    ) -> Sa {
        let AgreedIke { channel, secrets, suite, group, lowest_nonce, .. } = agreed;
        let spis = channel.spis();
        let mut jitter = [0];
        ctx.entropy.public(&mut jitter);
        let [jitter] = jitter;
        let established = Established {
            channel,
            sk_d: secrets.sk_d,
            suite,
            group,
            nat,
            since: ctx.now,
            heard: ctx.now,
            kept_alive: ctx.now,
            soft: ctx.now + soft_lifetime(self.timing.ike_lifetime, Role::Responder, jitter),
            hard: ctx.now + self.timing.ike_lifetime,
            end: Reason::Expired,
            lowest_nonce,
            children,
            asking: Asking::Alive,
        };
        Sa {
            spi: spis.responder,
            peer: self.peer,
            role: Role::Responder,
            path: self.path,
            replaces: None,
            peer_spi: spis.initiator,
            created: ctx.now,
            carried: self.carried,
            timing: Arc::clone(&self.timing),
            phase: Phase::Established(Box::new(established)),
            outbound: Outbound::new(),
            inbound: Inbound::new(),
        }
    }

    /// A request on an IKE SA that was rekeyed: its Delete, or something that crossed the rekeying.
    pub(super) fn superseded_request(
        &mut self,
        mut old: Superseded,
        opened: Result<Vec<Payload<'_>>, OpenFailure>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        match (opened.map(Informational::read), request.exchange) {
            (Ok(Ok(message)), ExchangeType::INFORMATIONAL) => {
                self.respond(&mut old.channel, request, &[], ctx);
                if message.delete_ike { Phase::Lingering(ctx.now + LINGER) } else { Phase::Superseded(old) }
            }
            _ => {
                let notify = Refusal::TemporaryFailure.notify();
                self.respond(&mut old.channel, request, &[notify.payload()], ctx);
                Phase::Superseded(old)
            }
        }
    }
}

/// The Child SA that a request wants to replace, if it may.
fn replaced(sa: &Established, message: &ChildRequest<'_>) -> Result<Option<ChildId>, Refused> {
    let Some(spi) = message.rekeys else {
        return if sa.children.len() < MAX_CHILDREN {
            Ok(None)
        } else {
            Err((
                Refusal::NoAdditionalSas,
                Reason::Protocol("it wants more Child SAs than one peer may have".into()),
            ))
        };
    };
    let (old, child) = sa.old(spi);
    let reason = || Reason::Protocol(format!("it rekeys a Child SA that is not in use: SPI {spi}"));
    collision::rekey_child(old, spi).map_err(|refusal| (refusal, reason()))?;
    Ok(child.map(|child| child.end.child))
}
