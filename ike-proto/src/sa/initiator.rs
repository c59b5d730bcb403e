//! The initiator's way to an established IKE SA (RFC 7296 section 1.2).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::exchange::auth::{self, Contact, Proof, method};
use crate::exchange::child::{self, Ours};
use crate::exchange::init::{Agreed, Answered, Conclusion, Initiation};
use crate::exchange::propose::KeyExchange;
use crate::ids::{IkeSpi, MessageId, Role};
use crate::message::auth::{AuthAccept, AuthResponse};
use crate::message::init::InitResponse;
use crate::message::{Kind, Label};
use crate::octets::{id_payload, identity_of, signed_octets};
use crate::output::{DropCause, Path, Reason, Sending, Socket, Work};
use crate::policy::{PeerId, PeerPolicy};
use crate::wire::{AuthPayload, ExchangeType, Header, IdPayload, Payload, parse_chain};

use super::Sa;
use super::authenticated::Authenticated;
use super::context::{Context, News};
use super::phase::{Asked, AuthSent, Closing, Farewell, InitSent, Phase, VerifyingResponder};
use super::window::{Inbound, Outbound};

/// After a refusal in clear a better answer has this long to come (section 2.4: unprotected messages prove nothing).
const REFUSAL_GRACE: Duration = Duration::from_secs(1);

/// An attempt to be made.
pub(crate) struct Attempt<'a> {
    pub spi: IkeSpi,
    pub peer: PeerId,
    pub policy: &'a Arc<PeerPolicy>,
    /// The SA that it shall take over from.
    pub replaces: Option<IkeSpi>,
}

impl Sa {
    /// Begins: with the configured local address, or by asking for one.
    pub fn initiate(attempt: Attempt<'_>, ctx: &mut Context<'_>) -> Sa {
        let policy = attempt.policy;
        let anywhere = match policy.remote {
            IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
            IpAddr::V6(_) => IpAddr::from([0_u8; 16]),
        };
        let mut sa = Sa {
            spi: attempt.spi,
            peer: Some(attempt.peer),
            role: Role::Initiator,
            path: Path {
                local: SocketAddr::new(policy.local.unwrap_or(anywhere), ctx.ports.ike),
                remote: SocketAddr::new(policy.remote, policy.port),
                socket: Socket::Ike,
            },
            replaces: attempt.replaces,
            peer_spi: IkeSpi::ZERO,
            created: ctx.now,
            carried: false,
            timing: Arc::clone(&policy.timing),
            phase: Phase::Routing,
            outbound: Outbound::new(),
            inbound: Inbound::new(),
        };
        match policy.local {
            Some(local) => sa.phase = sa.routed(Ok(local), ctx),
            None => {
                let work = Work::Route { peer: attempt.peer, remote: policy.remote };
                ctx.queue.work(sa.spi, work);
            }
        }
        sa
    }

    /// The local address is known: send IKE_SA_INIT.
    pub(super) fn routed(&mut self, local: Result<IpAddr, String>, ctx: &mut Context<'_>) -> Phase {
        let local = match local {
            Ok(local) => local,
            Err(why) => return self.fail(Reason::NoRoute(why), ctx),
        };
        let Some((_, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        self.path.local.set_ip(local);
        let proposals = Arc::clone(&policy.proposals);
        let initiation = Initiation::start(self.spi, proposals, ctx.encapsulation, ctx.entropy);
        match initiation.map(|initiation| (initiation.request(self.path), initiation)) {
            Ok((Ok(message), initiation)) => {
                self.send_request(ExchangeType::IKE_SA_INIT, message, ctx);
                Phase::InitSent(InitSent { initiation, refused: None })
            }
            Ok((Err(error), _)) => self.fail(Reason::Protocol(error.to_string()), ctx),
            Err(_) => self.fail(Reason::NoKey("no key exchange secret could be made".into()), ctx),
        }
    }

    /// A response to IKE_SA_INIT came: nothing in it is authenticated yet.
    pub(super) fn init_response(
        &mut self,
        sent: InitSent,
        header: &Header,
        message: &[u8],
        ctx: &mut Context<'_>,
    ) -> Phase {
        let payloads = message.get(Header::LEN..).map(|body| parse_chain(header.next_payload, body));
        let response = match payloads {
            Some(Ok(payloads)) => InitResponse::read(payloads),
            Some(Err(_)) | None => {
                ctx.dropped(self.path.remote, DropCause::Malformed);
                return Phase::InitSent(sent);
            }
        };
        let (Ok(response), Some(request)) =
            (response, self.outbound.matching(header.exchange, MessageId::ZERO))
        else {
            ctx.dropped(self.path.remote, DropCause::Malformed);
            return Phase::InitSent(sent);
        };
        let exchange = Answered {
            responder: header.responder_spi,
            request: &request.message,
            response: message,
            path: self.path,
        };
        match sent.initiation.conclude(response, exchange, ctx.entropy) {
            Conclusion::Agreed(agreed) => self.agreed(agreed, ctx),
            Conclusion::Again(initiation) => match initiation.request(self.path) {
                Ok(message) => {
                    ctx.queue.transmit(self.path, &message);
                    self.outbound.replaced(message, ctx.now, &self.timing);
                    Phase::InitSent(InitSent { initiation, refused: sent.refused })
                }
                Err(error) => self.fail(Reason::Protocol(error.to_string()), ctx),
            },
            Conclusion::Refused(initiation, kind) => {
                ctx.dropped(self.path.remote, DropCause::UnauthenticatedNotify);
                self.outbound.last_chance(ctx.now + REFUSAL_GRACE, &self.timing);
                Phase::InitSent(InitSent { initiation, refused: Some(kind) })
            }
            Conclusion::Rejected(initiation) => {
                ctx.dropped(self.path.remote, DropCause::Malformed);
                Phase::InitSent(InitSent { initiation, refused: sent.refused })
            }
            Conclusion::Failed(why) => self.fail(Reason::Protocol(why.into()), ctx),
        }
    }

    /// Keys exist: move to port 4500 if a NAT is in the way, and have AUTH made.
    fn agreed(&mut self, agreed: Box<Agreed>, ctx: &mut Context<'_>) -> Phase {
        self.outbound.answered();
        self.peer_spi = agreed.channel.spis().responder;
        if agreed.nat.any() {
            // "MUST send all subsequent traffic from port 4500" (2.23).
            self.path.socket = Socket::NatTraversal;
            self.path.local.set_port(ctx.ports.nat_traversal);
            self.path.remote.set_port(ctx.ports.nat_traversal);
        }
        let Some((peer, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        let work = Work::Sign {
            peer,
            authentication: policy.local_authentication,
            prf: agreed.suite.prf,
            octets: local_octets(&agreed, &policy),
        };
        ctx.queue.work(self.spi, work);
        Phase::SigningRequest(agreed)
    }

    /// AUTH is made: send IKE_AUTH.
    pub(super) fn request_signed(
        &mut self,
        mut agreed: Box<Agreed>,
        auth: Result<Vec<u8>, String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let auth = match auth {
            Ok(auth) => auth,
            Err(why) => return self.fail(Reason::NoKey(why), ctx),
        };
        let Some((peer, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        let child = Asked { spi: ctx.esp_spi(), hosts: self.path.into() };
        let offer = child::offer(&policy.child, child.hosts, child.spi);
        let contact = if ctx.directory.is_connected(peer) { Contact::Further } else { Contact::Initial };
        let proof = Proof {
            identity: &policy.local_identity,
            authentication: policy.local_authentication,
            auth: &auth,
        };
        let payloads = auth::request(proof, &policy.remote_identity, contact, &offer);
        let Some(id) = self.outbound.free() else { return self.fail(Reason::Configuration, ctx) };
        let label = Label { exchange: ExchangeType::IKE_AUTH, kind: Kind::Request, id };
        match agreed.channel.seal(label, &payloads, ctx.entropy) {
            Ok(message) => {
                self.send_request(ExchangeType::IKE_AUTH, message, ctx);
                Phase::AuthSent(AuthSent { agreed, child })
            }
            Err(error) => self.fail(Reason::Protocol(error.to_string()), ctx),
        }
    }

    /// The protected response to IKE_AUTH came from whoever did the key exchange with us: now see who that is.
    pub(super) fn auth_response(
        &mut self,
        sent: AuthSent,
        payloads: Vec<Payload<'_>>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        self.outbound.answered();
        match AuthResponse::read(payloads) {
            Ok(AuthResponse::Accept(accept)) => self.auth_accepted(sent, &accept, ctx),
            Ok(AuthResponse::Refused(kind)) => {
                self.fail(Reason::PeerRefused(ExchangeType::IKE_AUTH, kind), ctx)
            }
            Err(error) => self.reject_responder(sent.agreed, Reason::Protocol(error.to_string()), ctx),
        }
    }

    fn auth_accepted(&mut self, sent: AuthSent, accept: &AuthAccept<'_>, ctx: &mut Context<'_>) -> Phase {
        let Some((peer, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        let identity = identity_of(&accept.id);
        if identity != policy.remote_identity {
            return self.reject_responder(sent.agreed, Reason::WrongIdentity(identity), ctx);
        }
        if accept.auth.method != method(policy.remote_authentication) {
            return self.reject_responder(sent.agreed, Reason::AuthenticationFailed, ctx);
        }
        let AuthSent { agreed, child } = sent;
        ctx.queue.work(self.spi, verification(&agreed, peer, &policy, (&accept.id, &accept.auth)));
        Phase::VerifyingResponder(VerifyingResponder { agreed, asked: child, answer: accept.child.clone() })
    }

    /// The verdict on the responder: established, or told that it is not believed.
    pub(super) fn responder_verified(
        &mut self,
        phase: VerifyingResponder,
        verdict: bool,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let authenticated = match Authenticated::by(phase.agreed, verdict) {
            Ok(authenticated) => authenticated,
            Err(agreed) => return self.reject_responder(agreed, Reason::AuthenticationFailed, ctx),
        };
        let Some((_, policy)) = self.policy(ctx) else { return self.fail(Reason::Configuration, ctx) };
        let choice = match phase.answer {
            Ok(Some(answer)) => {
                let Asked { spi, hosts } = phase.asked;
                let offered = child::offer(&policy.child, hosts, spi);
                let selectors = (&*offered.initiator_selectors, &*offered.responder_selectors);
                let ours = Ours { spi, exchange: KeyExchange::Never };
                child::accept(&policy.child, selectors, ours, &answer)
            }
            Ok(None) => Err(Reason::Protocol("the responder left out the Child SA".into())),
            Err(kind) => Err(Reason::PeerRefused(ExchangeType::IKE_AUTH, kind)),
        };
        let keyed = choice.and_then(|choice| {
            let sa = self.first_child_sa(&authenticated.agreed, &choice, Sending::AtOnce, ctx);
            sa.ok_or_else(|| Reason::Protocol("no keys for the Child SA could be derived".into()))
        });
        let established = self.establish(authenticated, false, ctx);
        match keyed {
            Ok((child, sa)) => self.install(established, child, sa, ctx),
            // An IKE SA without its Child SA is of no use to us: say so, and try again later.
            Err(reason) => self.close_established(established, reason, ctx),
        }
    }

    /// "If the error occurs on the initiator, the notification MAY be returned in a separate INFORMATIONAL exchange"
    /// (2.21.2): AUTHENTICATION_FAILED.
    fn reject_responder(&mut self, agreed: Box<Agreed>, reason: Reason, ctx: &mut Context<'_>) -> Phase {
        ctx.queue.news(self.origin(), News::Down { reason, established: false });
        let closing = Closing { channel: agreed.channel, farewell: Farewell::AuthenticationFailed };
        self.say_farewell(closing, ctx)
    }
}

/// What our AUTH signs.
pub(super) fn local_octets(agreed: &Agreed, policy: &PeerPolicy) -> Vec<u8> {
    signed_octets(
        &agreed.local_message,
        &agreed.remote_nonce,
        agreed.suite.prf,
        &agreed.secrets.sk_p_local,
        &id_payload(&policy.local_identity).body(),
    )
}

/// The check of the peer's AUTH, which signs its ID payload as it came.
pub(super) fn verification(
    agreed: &Agreed,
    peer: PeerId,
    policy: &PeerPolicy,
    (id, auth): (&IdPayload<'_>, &AuthPayload<'_>),
) -> Work {
    let octets = signed_octets(
        &agreed.remote_message,
        &agreed.local_nonce,
        agreed.suite.prf,
        &agreed.secrets.sk_p_remote,
        &id.body(),
    );
    Work::Verify {
        peer,
        authentication: policy.remote_authentication,
        prf: agreed.suite.prf,
        octets,
        auth: auth.data.to_vec(),
    }
}
