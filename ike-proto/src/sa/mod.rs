//! One IKE SA: its phase, both windows, and which step an input takes.

pub(crate) mod authenticated;
mod children;
pub(crate) mod context;
mod create_child;
mod established;
pub(crate) mod initiator;
pub(crate) mod phase;
mod rekey;
mod responder;
mod status;
pub(crate) mod window;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crypto::sha256;

use crate::exchange::Refusal;
use crate::ids::{IkeSpi, Role};
use crate::message::{Kind, Label, ShapeError};
use crate::output::{ChildId, Completion, DropCause, Event, Path, Reason};
use crate::policy::{PeerId, PeerPolicy, Timing};
use crate::seal::{Channel, OpenFailure};
use crate::time::Time;
use crate::wire::{ExchangeType, Header, Payload};

use context::{Context, News, Origin};
use phase::{Closing, Established, Farewell, InitSent, Phase};
use window::{Arrival, Due, Inbound, Outbound};

/// How long an ended SA still answers the repetition of the peer's last request: longer than the peer's fourth
/// retransmission takes with common timers.
const LINGER: Duration = Duration::from_secs(15);

/// One IKE SA, from the first message to the last.
pub(crate) struct Sa {
    /// Our SPI: its name here.
    pub spi: IkeSpi,
    pub peer: Option<PeerId>,
    pub role: Role,
    pub path: Path,
    /// The SA that this one takes over from.
    pub replaces: Option<IkeSpi>,
    /// The SPIs of the header, the peer's zero while unknown.
    peer_spi: IkeSpi,
    created: Time,
    /// Whether a Child SA of it was ever installed.
    carried: bool,
    timing: Arc<Timing>,
    phase: Phase,
    outbound: Outbound,
    inbound: Inbound,
}

impl Sa {
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether the peer has proved who it is.
    pub fn is_authentic(&self) -> bool {
        self.established().is_some() || matches!(self.phase, Phase::Superseded(_) | Phase::Closing(_))
    }

    /// An attempt of ours that has not succeeded or failed yet.
    pub fn is_attempt(&self) -> bool {
        self.role == Role::Initiator && !self.phase.is_down() && self.established().is_none()
    }

    /// Established, with at least one Child SA that passes traffic.
    pub fn carries_traffic(&self) -> bool {
        self.established().is_some_and(Established::has_installed_child)
    }

    pub fn lowest_nonce(&self) -> Option<&[u8]> {
        self.established().map(|established| established.lowest_nonce.as_slice())
    }

    fn established(&self) -> Option<&Established> {
        if let Phase::Established(established) = &self.phase { Some(established) } else { None }
    }

    pub fn created(&self) -> Time {
        self.created
    }

    /// Established, and before that time.
    pub fn established_before(&self, time: Time) -> bool {
        self.established().is_some_and(|established| established.since < time)
    }

    /// An attempt of ours of which the peer has seen no more than IKE_SA_INIT.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self.phase, Phase::Routing | Phase::InitSent(_))
    }

    /// Nothing is waited for any more.
    pub fn is_lingering(&self) -> bool {
        matches!(self.phase, Phase::Superseded(_) | Phase::Lingering(_) | Phase::Ended)
    }

    fn origin(&self) -> Origin {
        Origin { spi: self.spi, peer: self.peer, role: self.role, carried: self.carried }
    }

    /// Our SPI and the peer's, as events name them.
    pub fn spis(&self) -> (IkeSpi, IkeSpi) {
        (self.spi, self.peer_spi)
    }

    /// Whether a header's SPIs are this SA's; the peer's may still be unknown.
    fn knows(&self, header: &Header) -> bool {
        let theirs = match self.role {
            Role::Initiator => header.responder_spi,
            Role::Responder => header.initiator_spi,
        };
        self.peer_spi == theirs || matches!(self.phase, Phase::InitSent(_))
    }

    /// Takes a message in that names our SPI.
    pub fn handle_message(&mut self, header: &Header, message: &mut [u8], path: Path, ctx: &mut Context<'_>) {
        // The I bit "MUST be set in messages sent by the original initiator of the IKE SA" (3.1): the peer's role.
        let sender = if header.flags.initiator { Role::Initiator } else { Role::Responder };
        if sender == self.role || !self.knows(header) {
            return ctx.dropped(path.remote, DropCause::UnknownSpi);
        }
        if header.flags.response {
            self.handle_response(header, message, path, ctx);
        } else {
            self.handle_request(header, message, path, ctx);
        }
    }

    fn handle_response(&mut self, header: &Header, message: &mut [u8], path: Path, ctx: &mut Context<'_>) {
        if self.outbound.matching(header.exchange, header.message_id).is_none() {
            // A response to no request of ours (2.1), or to one that is answered already.
            return ctx.dropped(path.remote, DropCause::UnknownResponse);
        }
        let next = match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::InitSent(sent) => self.init_response(sent, header, message, ctx),
            Phase::AuthSent(sent) => match sent.agreed.channel.open(header, message) {
                Ok(payloads) => self.auth_response(sent, payloads, ctx),
                Err(failure) if failure.is_unauthenticated() => {
                    ctx.dropped(path.remote, failure.cause());
                    Phase::AuthSent(sent)
                }
                Err(failure) => self.fail(Reason::Protocol(failure.to_string()), ctx),
            },
            Phase::Established(sa) => match sa.channel.open(header, message) {
                Ok(payloads) => self.established_response(sa, payloads, ctx),
                Err(failure) if failure.is_unauthenticated() => {
                    ctx.dropped(path.remote, failure.cause());
                    Phase::Established(sa)
                }
                // "errors in responses": there is nobody to tell (2.21.3); the request counts as answered.
                Err(_) => self.established_response(sa, Vec::new(), ctx),
            },
            Phase::Superseded(old) => match old.channel.open(header, message) {
                Err(failure) if failure.is_unauthenticated() => {
                    ctx.dropped(path.remote, failure.cause());
                    Phase::Superseded(old)
                }
                Ok(_) | Err(_) => {
                    self.outbound.answered();
                    Phase::Superseded(old)
                }
            },
            Phase::Closing(closing) => match closing.channel.open(header, message) {
                Err(failure) if failure.is_unauthenticated() => {
                    ctx.dropped(path.remote, failure.cause());
                    Phase::Closing(closing)
                }
                Ok(_) | Err(_) => {
                    self.outbound.answered();
                    self.say_farewell(closing, ctx)
                }
            },
            other @ (Phase::Routing
            | Phase::SigningRequest(_)
            | Phase::VerifyingResponder(_)
            | Phase::HalfOpen(_)
            | Phase::VerifyingInitiator(_)
            | Phase::SigningResponse(_)
            | Phase::InstallingFirst(_)
            | Phase::Lingering(_)
            | Phase::Ended) => {
                ctx.dropped(path.remote, DropCause::Unexpected);
                other
            }
        };
        self.phase = next;
    }

    fn handle_request(&mut self, header: &Header, message: &mut [u8], path: Path, ctx: &mut Context<'_>) {
        let digest = sha256(&[message]);
        match self.inbound.arrival(header.message_id, &digest) {
            Arrival::New => {}
            // The response goes where this copy of the request came from (2.11).
            Arrival::Again(response) => return ctx.queue.transmit(path, &response),
            Arrival::Busy => return,
            Arrival::Outside => return ctx.dropped(path.remote, DropCause::MessageId),
        }
        let Some(channel) = self.serving(header.exchange) else {
            return ctx.dropped(path.remote, DropCause::Unexpected);
        };
        let opened = channel.open(header, message);
        if let Err(failure) = &opened
            && failure.is_unauthenticated()
        {
            return ctx.dropped(path.remote, failure.cause());
        }
        self.inbound.accepted(digest);
        let request = Request { exchange: header.exchange, path };
        self.phase = match (mem::replace(&mut self.phase, Phase::Ended), opened) {
            (Phase::HalfOpen(half), Ok(payloads)) => self.auth_request(half, payloads, request, ctx),
            (Phase::HalfOpen(half), Err(failure)) => {
                let reason = Reason::Protocol(failure.to_string());
                self.refuse_auth(half.agreed.channel, (failure.refusal(), reason), ctx)
            }
            (Phase::Established(sa), Ok(payloads)) => self.established_request(sa, payloads, request, ctx),
            (Phase::Established(sa), Err(failure)) => {
                self.refuse_request(sa, failure.refusal(), request, ctx)
            }
            (Phase::Superseded(old), opened) => self.superseded_request(old, opened, request, ctx),
            (Phase::Closing(closing), opened) => self.closing_request(closing, opened, request, ctx),
            // `serving` has no channel in any other phase.
            (other, _) => other,
        };
    }

    /// The channel of a phase that serves requests of this exchange type.
    ///
    /// An unauthenticated peer may send IKE_AUTH and nothing else: "INFORMATIONAL exchanges MUST ONLY occur
    /// after the initial exchanges" (1.4).
    fn serving(&self, exchange: ExchangeType) -> Option<&Channel> {
        let (auth, later) = match exchange {
            ExchangeType::IKE_AUTH => (true, false),
            ExchangeType::INFORMATIONAL | ExchangeType::CREATE_CHILD_SA => (false, true),
            _ => (false, false),
        };
        match &self.phase {
            Phase::HalfOpen(half) => auth.then_some(&half.agreed.channel),
            Phase::Established(sa) => later.then_some(&sa.channel),
            Phase::Superseded(old) => later.then_some(&old.channel),
            Phase::Closing(closing) => later.then_some(&closing.channel),
            Phase::Routing
            | Phase::InitSent(_)
            | Phase::SigningRequest(_)
            | Phase::AuthSent(_)
            | Phase::VerifyingResponder(_)
            | Phase::VerifyingInitiator(_)
            | Phase::SigningResponse(_)
            | Phase::InstallingFirst(_)
            | Phase::Lingering(_)
            | Phase::Ended => None,
        }
    }

    /// Takes in that a piece of work is done.
    pub fn handle_completion(&mut self, done: Completion, child: Option<ChildId>, ctx: &mut Context<'_>) {
        self.phase = match (mem::replace(&mut self.phase, Phase::Ended), done) {
            (Phase::Routing, Completion::Routed(local)) => self.routed(local, ctx),
            (Phase::SigningRequest(agreed), Completion::Signed(auth)) => {
                self.request_signed(agreed, auth, ctx)
            }
            (Phase::VerifyingResponder(phase), Completion::Verified(verdict)) => {
                self.responder_verified(phase, verdict, ctx)
            }
            (Phase::VerifyingInitiator(phase), Completion::Verified(verdict)) => {
                self.initiator_verified(phase, verdict, ctx)
            }
            (Phase::SigningResponse(phase), Completion::Signed(auth)) => {
                self.response_signed(phase, auth, ctx)
            }
            (Phase::InstallingFirst(phase), Completion::Installed(result)) => {
                self.first_installed(*phase, result, ctx)
            }
            (Phase::Established(sa), Completion::Installed(result)) => {
                self.child_installed(sa, child, result, ctx)
            }
            (Phase::Established(sa), Completion::Used(result)) => self.child_used(sa, child, result, ctx),
            // `Removed`, or an answer that the SA no longer waits for.
            (phase, _) => phase,
        };
    }

    /// When [`Sa::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::HalfOpen(half) => Some(half.until),
            Phase::Lingering(until) => Some(*until),
            Phase::Superseded(old) => Some(old.until),
            Phase::Established(sa) => Some(self.established_deadline(sa)),
            Phase::Routing
            | Phase::InitSent(_)
            | Phase::SigningRequest(_)
            | Phase::AuthSent(_)
            | Phase::VerifyingResponder(_)
            | Phase::VerifyingInitiator(_)
            | Phase::SigningResponse(_)
            | Phase::InstallingFirst(_)
            | Phase::Closing(_)
            | Phase::Ended => None,
        };
        phase.into_iter().chain(self.outbound.deadline()).min()
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let timing = Arc::clone(&self.timing);
        match self.outbound.poll(ctx.now, &timing) {
            Due::Wait => {}
            Due::Again(message) => ctx.queue.transmit(self.path, &message),
            Due::GiveUp(exchange) => return self.give_up(exchange, ctx),
        }
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        self.phase = if let Phase::Established(sa) = phase {
            self.established_timeout(sa, ctx)
        } else if !phase.is_over(ctx.now) {
            phase
        } else if phase.is_down() {
            Phase::Ended
        } else {
            self.fail(Reason::NoAnswer(ExchangeType::IKE_SA_INIT), ctx)
        };
    }

    /// "repeated attempts to contact it have gone unanswered for a timeout period" (2.4): the peer has failed.
    fn give_up(&mut self, exchange: ExchangeType, ctx: &mut Context<'_>) {
        let reason = if let Phase::InitSent(InitSent { refused: Some(kind), .. }) = &self.phase {
            Reason::PeerRefused(exchange, *kind)
        } else {
            Reason::NoAnswer(exchange)
        };
        self.abandon(reason, ctx);
    }

    /// Ends the SA for a reason of ours, politely if there is anybody to be polite to.
    pub fn close(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        self.phase = if let Phase::Established(sa) = phase {
            self.close_established(sa, reason, ctx)
        } else if phase.is_down() {
            phase
        } else {
            self.fail(reason, ctx)
        };
    }

    /// Ends the SA without a word: the peer does not know it any more, or never did.
    pub fn abandon(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        if let Phase::Established(sa) = phase {
            self.down(*sa, reason, ctx);
        } else if !phase.is_down() {
            self.fail(reason, ctx);
        }
    }

    /// An SA that never was established ends.
    fn fail(&mut self, reason: Reason, ctx: &mut Context<'_>) -> Phase {
        ctx.queue.news(self.origin(), News::Down { reason, established: false });
        Phase::Ended
    }

    /// Sends the last request of this SA when the window is free, and ends when that is answered.
    fn say_farewell(&mut self, mut closing: Closing, ctx: &mut Context<'_>) -> Phase {
        let Some(id) = self.outbound.free() else { return Phase::Closing(closing) };
        let label = Label { exchange: ExchangeType::INFORMATIONAL, kind: Kind::Request, id };
        let refusal = Refusal::AuthenticationFailed.notify();
        let payload = match closing.farewell {
            Farewell::Sent => return Phase::Ended,
            Farewell::Delete => established::delete_ike(),
            Farewell::AuthenticationFailed => refusal.payload(),
        };
        match closing.channel.seal(label, &[payload], ctx.entropy) {
            Ok(message) => {
                self.send_request(ExchangeType::INFORMATIONAL, message, ctx);
                closing.farewell = Farewell::Sent;
                Phase::Closing(closing)
            }
            Err(_) => Phase::Ended,
        }
    }

    fn send_request(&mut self, exchange: ExchangeType, message: Vec<u8>, ctx: &mut Context<'_>) {
        ctx.queue.transmit(self.path, &message);
        self.outbound.sent(exchange, message, ctx.now, &self.timing);
    }

    /// Sends the response to the last accepted request, and keeps it.
    fn send_response(&mut self, path: Path, message: Vec<u8>, ctx: &mut Context<'_>) {
        ctx.queue.transmit(path, &message);
        self.inbound.answered(message);
    }

    /// Seals and sends a response; one that cannot be written is a bug that costs this answer only.
    fn respond(
        &mut self,
        channel: &mut Channel,
        request: Request,
        payloads: &[Payload<'_>],
        ctx: &mut Context<'_>,
    ) {
        let label = Label { exchange: request.exchange, kind: Kind::Response, id: self.inbound.last_id() };
        if let Ok(message) = channel.seal(label, payloads, ctx.entropy) {
            self.send_response(request.path, message, ctx);
        }
    }

    /// Tells the operator, and the peer's status, that we refused it; a stranger's by its address.
    fn refused(&self, reason: Reason, ctx: &mut Context<'_>) {
        let from = self.path.remote;
        let peer = self.peer.or_else(|| ctx.directory.by_address(from.ip()));
        ctx.queue.event(Event::Refused { peer, from, reason: reason.clone() });
        ctx.queue.news(Origin { peer, ..self.origin() }, News::Refused(reason));
    }

    fn policy(&self, ctx: &Context<'_>) -> Option<(PeerId, Arc<PeerPolicy>)> {
        let peer = self.peer?;
        Some((peer, ctx.policy(peer)?))
    }
}

/// The request that is being served.
#[derive(Copy, Clone)]
pub(crate) struct Request {
    exchange: ExchangeType,
    path: Path,
}

impl OpenFailure {
    /// Whether anybody could have sent it: then it is as if it had not come.
    fn is_unauthenticated(&self) -> bool {
        matches!(self, OpenFailure::Malformed | OpenFailure::Integrity)
    }

    fn cause(&self) -> DropCause {
        match self {
            OpenFailure::Integrity => DropCause::Integrity,
            OpenFailure::Malformed | OpenFailure::Inside(_) | OpenFailure::Critical(_) => {
                DropCause::Malformed
            }
        }
    }

    /// The notify for a peer that wrote it (2.21.3, 2.5).
    fn refusal(&self) -> Refusal {
        match self {
            OpenFailure::Critical(payload) => Refusal::UnsupportedCriticalPayload(*payload),
            OpenFailure::Malformed | OpenFailure::Integrity | OpenFailure::Inside(_) => {
                Refusal::InvalidSyntax
            }
        }
    }
}

impl std::fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenFailure::Malformed => f.write_str("malformed message"),
            OpenFailure::Integrity => f.write_str("integrity check failed"),
            OpenFailure::Inside(error) => error.fmt(f),
            OpenFailure::Critical(payload) => ShapeError::UnsupportedCritical(*payload).fmt(f),
        }
    }
}
