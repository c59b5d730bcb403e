//! The responder's way to an established IKE SA (RFC 7296 section 1.2).

use std::sync::Arc;
use std::time::Duration;

use crypto::sha256;

use crate::exchange::Refusal;
use crate::exchange::auth::{self, Proof, method};
use crate::exchange::child::{self, Ours};
use crate::exchange::init::Agreed;
use crate::exchange::propose::{KeyExchange, allows};
use crate::ids::{IkeSpi, Role};
use crate::message::auth::AuthRequest;
use crate::octets::identity_of;
use crate::output::{Path, Reason, Sending, Work};
use crate::policy::{PeerId, PeerPolicy, Timing};
use crate::seal::Channel;
use crate::wire::{ExchangeType, Payload};

use super::authenticated::Authenticated;
use super::context::{Context, News};
use super::established::PATIENCE;
use super::initiator::{local_octets, verification};
use super::phase::{
    ChildPlan, ChildState, HalfOpen, InstallingFirst, Phase, SigningResponse, VerifyingInitiator,
};
use super::window::{Inbound, Outbound};
use super::{LINGER, Request, Sa};

/// What the responder says to a request that it does not serve, and what the operator is told.
type Refused = (Refusal, Reason);

impl Sa {
    /// We agreed in IKE_SA_INIT: send the response, and wait for IKE_AUTH until `patience` runs out.
    pub fn answer(
        spi: IkeSpi,
        agreed: Box<Agreed>,
        path: Path,
        patience: Duration,
        ctx: &mut Context<'_>,
    ) -> Sa {
        let mut sa = Sa {
            spi,
            peer: None,
            role: Role::Responder,
            path,
            replaces: None,
            peer_spi: agreed.channel.spis().initiator,
            created: ctx.now,
            carried: false,
            timing: Arc::new(Timing::default()),
            phase: Phase::Ended,
            outbound: Outbound::new(),
            inbound: Inbound::new(),
        };
        sa.inbound.accepted(sha256(&[&agreed.remote_message]));
        sa.send_response(path, agreed.local_message.clone(), ctx);
        sa.phase = Phase::HalfOpen(HalfOpen { agreed, until: ctx.now + patience });
        sa
    }

    /// The IKE_SA_INIT request that made this SA came again: answer as before while that is of use.
    pub fn answer_again(&self, path: Path, ctx: &mut Context<'_>) {
        if let Phase::HalfOpen(half) = &self.phase {
            ctx.queue.transmit(path, &half.agreed.local_message);
        }
    }

    /// IKE_AUTH came from whoever did the key exchange with us: now see who that is.
    pub(super) fn auth_request(
        &mut self,
        half: HalfOpen,
        payloads: Vec<Payload<'_>>,
        request: Request,
        ctx: &mut Context<'_>,
    ) -> Phase {
        // From here on the initiator is at this address and port (2.23: it may have moved to 4500).
        self.path = request.path;
        let message = match AuthRequest::read(payloads) {
            Ok(message) => message,
            Err(error) => {
                let reason = Reason::Protocol(error.to_string());
                return self.refuse_auth(half.agreed.channel, (Refusal::from(error), reason), ctx);
            }
        };
        let (peer, policy) = match self.who(&half.agreed, &message, ctx) {
            Ok(found) => found,
            Err(reason) => {
                return self.refuse_auth(half.agreed.channel, (Refusal::AuthenticationFailed, reason), ctx);
            }
        };
        self.peer = Some(peer);
        self.timing = Arc::clone(&policy.timing);
        let agreed = half.agreed;
        ctx.queue.work(self.spi, verification(&agreed, peer, &policy, (&message.id, &message.auth)));
        Phase::VerifyingInitiator(VerifyingInitiator {
            agreed,
            child: message.child,
            initial_contact: message.initial_contact,
        })
    }

    /// The configured peer that the initiator claims to be, if it may come like this.
    fn who(
        &self,
        agreed: &Agreed,
        message: &AuthRequest<'_>,
        ctx: &Context<'_>,
    ) -> Result<(PeerId, Arc<PeerPolicy>), Reason> {
        let identity = identity_of(&message.id);
        let Some(peer) = ctx.directory.by_identity(&identity) else {
            return Err(Reason::UnknownIdentity(identity));
        };
        let Some(policy) = ctx.policy(peer) else { return Err(Reason::UnknownIdentity(identity)) };
        if self.path.remote.ip() != policy.remote && !agreed.nat.remote {
            let from = self.path.remote.ip();
            return Err(Reason::Protocol(format!(
                "{identity} comes from {from}, configured is {}",
                policy.remote
            )));
        }
        // The suite was chosen before we knew who it is.
        if !allows(&policy.proposals, agreed.suite, agreed.group) {
            return Err(Reason::NoProposalChosen);
        }
        if message.auth.method != method(policy.remote_authentication) {
            return Err(Reason::AuthenticationFailed);
        }
        Ok((peer, policy))
    }

    /// The verdict on the initiator: decide about the Child SA, and have our own AUTH made.
    pub(super) fn initiator_verified(
        &mut self,
        phase: VerifyingInitiator,
        verdict: bool,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let authenticated = match Authenticated::by(phase.agreed, verdict) {
            Ok(authenticated) => authenticated,
            Err(agreed) => {
                let refused = (Refusal::AuthenticationFailed, Reason::AuthenticationFailed);
                return self.refuse_auth(agreed.channel, refused, ctx);
            }
        };
        let Some((peer, policy)) = self.policy(ctx) else {
            let refused = (Refusal::AuthenticationFailed, Reason::Configuration);
            return self.refuse_auth(authenticated.agreed.channel, refused, ctx);
        };
        let plan = match &phase.child {
            None => ChildPlan::None,
            Some(offered) => {
                match child::choose(&policy.child, self.path.into(), first_child(ctx), offered) {
                    Ok((choice, answer)) => ChildPlan::Make(choice, answer),
                    Err((refusal, reason)) => ChildPlan::Refuse(refusal, reason),
                }
            }
        };
        let work = Work::Sign {
            peer,
            authentication: policy.local_authentication,
            prf: authenticated.agreed.suite.prf,
            octets: local_octets(&authenticated.agreed, &policy),
        };
        ctx.queue.work(self.spi, work);
        let initial_contact = phase.initial_contact;
        Phase::SigningResponse(SigningResponse { authenticated, plan, initial_contact })
    }

    /// Our AUTH is made: install the Child SA first, or answer at once if there is none.
    pub(super) fn response_signed(
        &mut self,
        phase: SigningResponse,
        auth: Result<Vec<u8>, String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let SigningResponse { authenticated, plan, initial_contact } = phase;
        let auth = match auth {
            Ok(auth) => auth,
            Err(why) => {
                let refused = (Refusal::AuthenticationFailed, Reason::NoKey(why));
                return self.refuse_auth(authenticated.agreed.channel, refused, ctx);
            }
        };
        // Without INITIAL_CONTACT the peer still has what it had: it is sent on until the initiator has the new one too.
        let connected = self.peer.is_some_and(|peer| ctx.directory.is_connected(peer));
        let sending = if connected && !initial_contact { Sending::Later } else { Sending::AtOnce };
        match plan {
            ChildPlan::Make(choice, answer) => {
                match self.first_child_sa(&authenticated.agreed, &choice, sending, ctx) {
                    Some((child, sa)) => {
                        ctx.queue.work(self.spi, Work::InstallChild(Box::new(sa)));
                        let phase =
                            InstallingFirst { authenticated, auth, answer, child, sending, initial_contact };
                        Phase::InstallingFirst(Box::new(phase))
                    }
                    None => {
                        let reason = Reason::Protocol("no keys for the Child SA could be derived".into());
                        let refused = (Refusal::NoProposalChosen, reason);
                        self.answer_without_child(authenticated, &auth, Some(refused), initial_contact, ctx)
                    }
                }
            }
            ChildPlan::Refuse(refusal, reason) => {
                self.answer_without_child(authenticated, &auth, Some((refusal, reason)), initial_contact, ctx)
            }
            ChildPlan::None => self.answer_without_child(authenticated, &auth, None, initial_contact, ctx),
        }
    }

    /// The kernel took the first Child SA, or not: answer, established either way.
    ///
    /// RFC 7296 section 2.8: the responder installs the inbound SA before it answers, so that the initiator's first
    /// packet is not lost.
    pub(super) fn first_installed(
        &mut self,
        phase: InstallingFirst,
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let InstallingFirst { mut authenticated, auth, answer, mut child, sending, initial_contact } = phase;
        if let Err(why) = result {
            // NO_PROPOSAL_CHOSEN also stands for "when Child SA cannot be created for some other reason" (3.10.1).
            let refused = (Refusal::NoProposalChosen, Reason::Kernel(why));
            return self.answer_without_child(authenticated, &auth, Some(refused), initial_contact, ctx);
        }
        let Some((_, policy)) = self.policy(ctx) else {
            ctx.queue.work(self.spi, Work::RemoveChild(child.end));
            return self.fail(Reason::Configuration, ctx);
        };
        let payloads = auth::response(proof(&policy, &auth), &answer);
        let request = Request { exchange: ExchangeType::IKE_AUTH, path: self.path };
        self.respond(&mut authenticated.agreed.channel, request, &payloads, ctx);
        let mut established = self.establish(authenticated, initial_contact, ctx);
        match sending {
            Sending::AtOnce => self.child_up(&mut established, child, ctx),
            Sending::Later => {
                child.state = ChildState::Waiting(ctx.now + PATIENCE);
                established.children.insert(child.end.child, child);
            }
        }
        Phase::Established(established)
    }

    fn answer_without_child(
        &mut self,
        mut authenticated: Authenticated,
        auth: &[u8],
        refused: Option<Refused>,
        initial_contact: bool,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let Some((_, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        let request = Request { exchange: ExchangeType::IKE_AUTH, path: self.path };
        let channel = &mut authenticated.agreed.channel;
        let proof = proof(&policy, auth);
        match refused {
            Some((refusal, reason)) => {
                let notify = refusal.notify();
                self.respond(channel, request, &auth::response_without_child(proof, &notify), ctx);
                self.refused(reason, ctx);
            }
            None => self.respond(channel, request, &auth::childless_response(proof), ctx),
        }
        Phase::Established(self.establish(authenticated, initial_contact, ctx))
    }

    /// The peer is not let in: it gets one notify under the keys that it has, and again when it asks again.
    pub(super) fn refuse_auth(
        &mut self,
        mut channel: Channel,
        (refusal, reason): Refused,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let request = Request { exchange: ExchangeType::IKE_AUTH, path: self.path };
        self.respond(&mut channel, request, &[refusal.notify().payload()], ctx);
        self.refused(reason.clone(), ctx);
        ctx.queue.news(self.origin(), News::Down { reason, established: false });
        Phase::Lingering(ctx.now + LINGER)
    }
}

/// The first Child SA: IKE_AUTH carries no key exchange.
fn first_child(ctx: &mut Context<'_>) -> Ours {
    Ours { spi: ctx.esp_spi(), exchange: KeyExchange::Never }
}

fn proof<'a>(policy: &'a PeerPolicy, auth: &'a [u8]) -> Proof<'a> {
    Proof { identity: &policy.local_identity, authentication: policy.local_authentication, auth }
}
