//! What comes in for an IKE SA: messages, completed work, time; and which step of which phase takes it.

use std::mem;
use std::sync::Arc;

use crypto::sha256;

use crate::exchange::Refusal;
use crate::ids::Role;
use crate::message::ShapeError;
use crate::output::{ChildId, Completion, DropCause, Path, Reason};
use crate::seal::{Channel, OpenFailure};
use crate::time::Time;
use crate::wire::{ExchangeType, Header};

use super::context::Context;
use super::phase::Phase;
use super::window::{Arrival, Due};
use super::{Request, Sa};

impl Sa {
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
        let established = self.established().map(|sa| self.established_deadline(sa));
        [established, self.phase.until(), self.outbound.deadline()].into_iter().flatten().min()
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
