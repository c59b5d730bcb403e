//! One IKE SA: its phase and both windows.
//!
//! | file | what |
//! |---|---|
//! | `inputs` | which step a message, completed work or the clock takes |
//! | `phase`, `authenticated` | what exists in each phase; the proof between the last two |
//! | `initiator`, `responder` | the two ways to an established SA |
//! | `established` | deletes, liveness, lifetimes |
//! | `children`, `create_child`, `rekey` | Child SAs: made, made and rekeyed by the peer, rekeyed by us |
//! | `closing` | the end |
//! | `window` | message IDs, retransmission, the response cache |
//! | `context`, `status` | what an SA sees of the rest, and what it shows |

pub(crate) mod authenticated;
mod children;
mod closing;
pub(crate) mod context;
mod create_child;
mod established;
pub(crate) mod initiator;
mod inputs;
pub(crate) mod phase;
mod rekey;
mod responder;
mod status;
pub(crate) mod window;

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{IkeSpi, Role};
use crate::message::{Kind, Label};
use crate::output::{Event, Path, Reason};
use crate::policy::{PeerId, PeerPolicy, Timing};
use crate::seal::Channel;
use crate::time::Time;
use crate::wire::{ExchangeType, Header, Payload};

use context::{Context, News, Origin};
use phase::{Established, Phase};
use window::{Inbound, Outbound};

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

    /// Since when it is established.
    pub fn established_since(&self) -> Option<Time> {
        self.established().map(|established| established.since)
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
