//! From a datagram to the SA that it is for, and what is said to datagrams that are for none (RFC 7296 sections
//! 2.1, 2.5, 2.6, 2.21.4, 2.23).

use crypto::sha256;

use crate::cookie::Claim;
use crate::exchange::Refusal;
use crate::exchange::init::{self, Asked, NotAgreed};
use crate::ids::{MessageId, Role};
use crate::message::init::InitRequest;
use crate::message::{Kind, Label, ShapeError, Spis, emit_plain, header, notify};
use crate::output::{DropCause, Event, Path, Reason, Socket};
use crate::sa::Sa;
use crate::sa::context::NON_ESP_MARKER;
use crate::time::Time;
use crate::wire::{ExchangeType, Header, NotifyType, Payload, WireError, parse_chain};

use super::Endpoint;
use super::half_open::{Admission, Digest};

/// A NAT keepalive (RFC 3948 section 2.3): "the receiver SHOULD ignore a received NAT-keepalive packet".
const KEEPALIVE: [u8; 1] = [0xff];

impl Endpoint {
    /// Takes in the payload of a UDP datagram, as it came. What is wrong with it becomes an event.
    pub fn handle_datagram(&mut self, now: Time, path: Path, datagram: &mut [u8]) {
        if datagram == KEEPALIVE {
            return;
        }
        let message = match (path.socket, datagram.split_first_chunk_mut::<4>()) {
            (Socket::Ike, _) => datagram,
            (Socket::NatTraversal, Some((marker, message))) if *marker == NON_ESP_MARKER => message,
            // ESP in UDP for an SA that the kernel does not have.
            (Socket::NatTraversal, _) => return self.dropped(path, DropCause::Malformed),
        };
        match Header::parse(message) {
            Ok(header) => self.handle_message(now, path, header, message),
            Err(WireError::UnsupportedMajorVersion { .. }) => self.wrong_version(now, path, message),
            Err(_) => self.dropped(path, DropCause::Malformed),
        }
    }

    fn handle_message(&mut self, now: Time, path: Path, header: Header, message: &mut [u8]) {
        if header.initiator_spi.is_zero() {
            return self.dropped(path, DropCause::Malformed);
        }
        if header.exchange == ExchangeType::IKE_SA_INIT && !header.flags.response {
            // The responder's SPI "MUST be zero in the first message of an IKE initial exchange" (3.1), its ID is 0
            // (2.2).
            let first = header.responder_spi.is_zero() && header.message_id == MessageId::ZERO;
            return if first && header.flags.initiator {
                self.init_request(now, path, header, message)
            } else {
                self.dropped(path, DropCause::Unexpected)
            };
        }
        let ours = if header.flags.initiator { header.responder_spi } else { header.initiator_spi };
        if self.sas.contains_key(&ours) {
            self.step(now, ours, |sa, ctx| sa.handle_message(&header, message, path, ctx));
        } else {
            self.unknown_spi(now, path, header);
        }
    }

    /// Somebody wants an IKE SA.
    fn init_request(&mut self, now: Time, path: Path, header: Header, message: &mut [u8]) {
        let digest = sha256(&[message]);
        if let Some(spi) = self.half_open.made_by(&digest) {
            return self.step(now, spi, |sa, ctx| sa.answer_again(path, ctx));
        }
        let payloads = message.get(Header::LEN..).map(|body| parse_chain(header.next_payload, body));
        let request = match payloads {
            Some(Ok(payloads)) => InitRequest::read(payloads),
            Some(Err(_)) | None => return self.dropped(path, DropCause::Malformed),
        };
        match request {
            Ok(_) if self.stopping => self.dropped(path, DropCause::Unexpected),
            Ok(request) => self.admit(now, path, Init { request, header, message, digest }),
            Err(error @ ShapeError::UnsupportedCritical(_)) => {
                self.refuse_init(now, path, header, Refusal::from(error));
                self.dropped(path, DropCause::Malformed);
            }
            Err(_) => self.dropped(path, DropCause::Malformed),
        }
    }

    /// Whether this initiator gets an answer, must show a cookie first, or is one too many.
    fn admit(&mut self, now: Time, path: Path, init: Init<'_>) {
        let claim =
            Claim { nonce: init.request.nonce, address: path.remote.ip(), spi: init.header.initiator_spi };
        match self.half_open.admission(path.remote.ip(), &self.config.limits) {
            Admission::Open => self.answer_init(now, path, init),
            Admission::Closed => self.dropped(path, DropCause::HalfOpenLimit),
            Admission::Cookie => {
                let returned = init.request.cookie.unwrap_or_default();
                // A wrong cookie is treated as none would be: a new one is sent (2.6).
                if self.cookies.check(now, claim, returned, &mut *self.shared.entropy) {
                    return self.answer_init(now, path, init);
                }
                let cookie = self.cookies.make(now, claim, &mut *self.shared.entropy);
                self.answer_plain(path, init.header, &[notify(NotifyType::COOKIE, &cookie)]);
                self.dropped(path, DropCause::HalfOpenLimit);
            }
        }
    }

    fn answer_init(&mut self, now: Time, path: Path, init: Init<'_>) {
        let peer = self.shared.directory.by_address(path.remote.ip());
        let proposals = match peer.and_then(|peer| self.shared.directory.policy(peer)) {
            Some(policy) => policy.proposals.clone(),
            None => self.config.default_proposals.clone(),
        };
        if proposals.is_empty() {
            return self.dropped(path, DropCause::UnknownPeer);
        }
        let spi = self.fresh_spi();
        let spis = Spis { initiator: init.header.initiator_spi, responder: spi };
        let asked = Asked { message: init.message, path, spis, encapsulation: self.config.encapsulation };
        let agreed = match init::respond(&init.request, asked, &proposals, &mut *self.shared.entropy) {
            Ok(agreed) => Box::new(agreed),
            Err(NotAgreed::InvalidKeyExchange) => return self.dropped(path, DropCause::InvalidKeyExchange),
            Err(NotAgreed::Refuse(refusal)) => {
                self.refuse_init(now, path, init.header, refusal);
                if refusal == Refusal::NoProposalChosen {
                    self.note_refusal(now, peer, path, Reason::NoProposalChosen);
                }
                return;
            }
        };
        let patience = self.half_open.patience(&self.config.limits);
        let mut ctx = self.shared.context(now);
        let sa = Sa::answer(spi, agreed, path, patience, &mut ctx);
        self.sas.insert(spi, sa);
        self.half_open.insert(spi, path.remote.ip(), init.digest);
        self.rearm(spi);
    }

    /// An error in clear, without state: SPIr zero as in the request (1.2).
    fn refuse_init(&mut self, now: Time, path: Path, header: Header, refusal: Refusal) {
        if self.errors.take(now) {
            self.answer_plain(path, header, &[refusal.notify().payload()]);
        }
    }

    fn answer_plain(&mut self, path: Path, asked: Header, payloads: &[Payload<'_>]) {
        let spis = Spis { initiator: asked.initiator_spi, responder: asked.responder_spi };
        let label = Label { exchange: asked.exchange, kind: Kind::Response, id: asked.message_id };
        let role = if asked.flags.initiator { Role::Responder } else { Role::Initiator };
        if let Ok(message) = emit_plain(header(spis, role, label), payloads) {
            self.shared.queue.transmit(path, &message);
        }
    }

    /// A request under SPIs that we do not know: the sender may have an SA that we lost (2.21.4).
    ///
    /// "If the message is marked as a response, the node can audit the suspicious event but MUST NOT respond."
    fn unknown_spi(&mut self, now: Time, path: Path, header: Header) {
        if !header.flags.response && self.errors.take(now) {
            self.answer_plain(path, header, &[notify(NotifyType::INVALID_IKE_SPI, &[])]);
        }
        self.dropped(path, DropCause::UnknownSpi);
    }

    /// "If an endpoint receives a message with a higher major version number, it MUST drop the message and SHOULD send
    /// an unauthenticated Notify message of type INVALID_MAJOR_VERSION containing the highest (closest) version number
    /// it supports" (2.5): in its header.
    fn wrong_version(&mut self, now: Time, path: Path, message: &[u8]) {
        if let Ok(header) = Header::parse_any_version(message)
            && header.major > 2
            && !header.flags.response
            && self.errors.take(now)
        {
            self.answer_plain(path, header, &[notify(NotifyType::INVALID_MAJOR_VERSION, &[])]);
        }
        self.dropped(path, DropCause::Version);
    }

    fn dropped(&mut self, path: Path, cause: DropCause) {
        self.shared.queue.event(Event::Dropped { from: path.remote, cause });
    }
}

/// An IKE_SA_INIT request that parses.
struct Init<'a> {
    request: InitRequest<'a>,
    header: Header,
    message: &'a [u8],
    digest: Digest,
}
