//! The phases of an IKE SA: what exists in each, and nothing else. Waiting for a response is not among them:
//! that is the outbound window's business, and the peer's requests are served meanwhile (RFC 7296 section 2.3).
//!
//! ```text
//! initiator   Routing -> InitSent -> SigningRequest -> AuthSent -> VerifyingResponder -+
//!                                                                                      +-> Established -> Closing
//!                                                                                      |      |  ^
//!                                                                                      |      v  | rekeyed: a new SA
//!                                                                                      |   Superseded
//! responder   HalfOpen -> VerifyingInitiator -> SigningResponse -> InstallingFirst ----+
//!
//! any authenticated end that must still be told twice -> Lingering -> Ended;  any other end -> Ended
//! ```

use std::collections::BTreeMap;

use crypto::{IkeSuite, KeGroup, Secret};

use crate::exchange::Refusal;
use crate::exchange::child::{ChildChoice, Hosts};
use crate::exchange::collision::Goes;
use crate::exchange::create_child::ChildAnswer;
use crate::exchange::init::{Agreed, Initiation};
use crate::exchange::rekey_child::RekeyChild;
use crate::ids::{EspSpi, Role};
use crate::message::auth::ChildPart;
use crate::natd::Nat;
use crate::output::{ChildEnd, ChildId, Reason, Sending};
use crate::policy::Mode;
use crate::seal::Channel;
use crate::time::Time;
use crate::wire::{NotifyType, TrafficSelector};

use super::Request;
use super::authenticated::Authenticated;

pub(crate) enum Phase {
    /// Which local address reaches the peer? (`Work::Route`)
    Routing,
    /// IKE_SA_INIT is sent.
    InitSent(InitSent),
    /// Keys exist; our AUTH is being made (`Work::Sign`).
    SigningRequest(Box<Agreed>),
    /// IKE_AUTH is sent.
    AuthSent(AuthSent),
    /// The responder's AUTH is being checked (`Work::Verify`).
    VerifyingResponder(VerifyingResponder),
    /// We answered IKE_SA_INIT and wait for IKE_AUTH, but not for long.
    HalfOpen(HalfOpen),
    /// The initiator's AUTH is being checked (`Work::Verify`).
    VerifyingInitiator(VerifyingInitiator),
    /// The initiator is authentic; our AUTH is being made (`Work::Sign`).
    SigningResponse(SigningResponse),
    /// The first Child SA is being installed, before the response goes out (`Work::InstallChild`).
    InstallingFirst(Box<InstallingFirst>),
    /// Both ends are authentic.
    Established(Box<Established>),
    /// The peer rekeyed it and will delete it; its Child SAs have moved.
    Superseded(Superseded),
    /// Of no more use; our Delete is sent or waits for its turn.
    Closing(Closing),
    /// Of no more use; kept to answer the peer's last request again.
    Lingering(Time),
    /// To be forgotten.
    Ended,
}

pub(crate) struct InitSent {
    pub initiation: Initiation,
    /// Somebody refused in clear: believed only when no better answer comes soon (section 2.4).
    pub refused: Option<NotifyType>,
}

pub(crate) struct AuthSent {
    pub agreed: Box<Agreed>,
    pub child: Asked,
}

/// The Child SA that we asked for.
#[derive(Copy, Clone)]
pub(crate) struct Asked {
    pub spi: EspSpi,
    pub hosts: Hosts,
}

pub(crate) struct VerifyingResponder {
    pub agreed: Box<Agreed>,
    pub asked: Asked,
    pub answer: Result<Option<ChildPart>, NotifyType>,
}

pub(crate) struct HalfOpen {
    pub agreed: Box<Agreed>,
    pub until: Time,
}

pub(crate) struct VerifyingInitiator {
    pub agreed: Box<Agreed>,
    pub child: Option<ChildPart>,
    pub initial_contact: bool,
}

pub(crate) struct SigningResponse {
    pub authenticated: Authenticated,
    pub plan: ChildPlan,
    pub initial_contact: bool,
}

/// What the responder will say about the first Child SA.
pub(crate) enum ChildPlan {
    /// Nothing: the initiator asked for none.
    None,
    /// Yes.
    Make(ChildChoice, ChildPart),
    /// No.
    Refuse(Refusal, Reason),
}

pub(crate) struct InstallingFirst {
    pub authenticated: Authenticated,
    pub auth: Vec<u8>,
    pub answer: ChildPart,
    pub child: Child,
    pub sending: Sending,
    pub initial_contact: bool,
}

/// One Child SA as the IKE SA remembers it: no keys, those are in the kernel.
pub(crate) struct Child {
    pub end: ChildEnd,
    pub mode: Mode,
    pub esp: crate::exchange::propose::EspChoice,
    pub encapsulated: bool,
    pub local: Vec<TrafficSelector>,
    pub remote: Vec<TrafficSelector>,
    /// Our role in the exchange that made it.
    pub role: Role,
    /// Whether the operator was told of it.
    pub shown: bool,
    pub state: ChildState,
}

/// How far a Child SA is.
pub(crate) enum ChildState {
    /// The kernel is being asked; the exchange is over.
    Installing,
    /// The kernel is being asked; then the peer's request is answered.
    Answering(Box<Answering>),
    /// The kernel has the inbound half; we send on the one that it replaces until the peer deletes that one.
    Receiving {
        /// The one that it replaces.
        replaces: ChildId,
    },
    /// The first one of a further IKE SA with the peer: the kernel has the inbound half, and we send on what there was
    /// before until the peer is sure to have this one.
    Waiting(Time),
    /// The kernel is being asked for the outbound half.
    Using,
    /// The kernel is being asked; then the old one, or this one itself if it is redundant, is to be deleted.
    Taking {
        /// Which one goes.
        goes: Goes,
        /// The one that it was made to replace.
        replaces: ChildId,
    },
    /// The kernel has both halves.
    Installed(Age),
    /// To be deleted as soon as our window is free; until then it still receives.
    Condemned,
    /// Our Delete is sent.
    Deleting,
}

/// Since when a Child SA is in use, and for how long it may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Age {
    pub since: Time,
    /// When to rekey it.
    pub soft: Time,
    /// When it ends, come what may.
    pub hard: Time,
}

/// An answer to CREATE_CHILD_SA that waits for the kernel.
pub(crate) struct Answering {
    pub answer: ChildAnswer,
    pub request: Request,
    pub replaces: Option<ChildId>,
}

pub(crate) struct Established {
    pub channel: Channel,
    /// Child SAs, and new keys for this SA, are derived from it.
    pub sk_d: Secret,
    pub suite: IkeSuite,
    pub group: KeGroup,
    pub nat: Nat,
    pub since: Time,
    /// When something authentic last came in.
    pub heard: Time,
    /// When a NAT keepalive was last sent.
    pub kept_alive: Time,
    /// When to replace it by a new one.
    pub soft: Time,
    /// When it ends, come what may.
    pub hard: Time,
    /// Why it ends then.
    pub end: Reason,
    /// The lower of the two nonces: decides between duplicates.
    pub lowest_nonce: Vec<u8>,
    pub children: BTreeMap<ChildId, Child>,
    /// What our request in flight is about.
    pub asking: Asking,
}

/// What a response will answer.
pub(crate) enum Asking {
    /// Nothing, or whether the peer is there.
    Alive,
    /// New keys for a Child SA.
    Rekey(Box<Rekeying>),
    /// The peer to delete its half of a Child SA.
    Delete(ChildId),
}

/// A Child SA that we rekey.
pub(crate) struct Rekeying {
    pub old: ChildId,
    pub exchange: RekeyChild,
    /// The peer rekeys the same one meanwhile.
    pub crossed: Option<Crossed>,
}

/// The peer's rekeying of a Child SA that we rekey too.
pub(crate) struct Crossed {
    /// The lower nonce of that exchange.
    pub lowest_nonce: Vec<u8>,
}

/// An IKE SA that was rekeyed.
pub(crate) struct Superseded {
    pub channel: Channel,
    /// When it is forgotten even without the peer's Delete.
    pub until: Time,
}

pub(crate) struct Closing {
    pub channel: Channel,
    pub farewell: Farewell,
}

/// The last thing that we say on an IKE SA.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// A Delete payload for the IKE SA (section 1.4.1), still to be sent.
    Delete,
    /// "a separate INFORMATIONAL exchange" with AUTHENTICATION_FAILED (section 2.21.2), still to be sent.
    AuthenticationFailed,
    /// It is sent.
    Sent,
}

impl Phase {
    /// Whether the SA's end has been told already.
    pub fn is_down(&self) -> bool {
        matches!(self, Phase::Superseded(_) | Phase::Closing(_) | Phase::Lingering(_) | Phase::Ended)
    }

    /// When it is over, if it waits for nothing but time.
    pub fn until(&self) -> Option<Time> {
        match self {
            Phase::HalfOpen(half) => Some(half.until),
            Phase::Lingering(until) => Some(*until),
            Phase::Superseded(old) => Some(old.until),
            Phase::Routing
            | Phase::InitSent(_)
            | Phase::SigningRequest(_)
            | Phase::AuthSent(_)
            | Phase::VerifyingResponder(_)
            | Phase::VerifyingInitiator(_)
            | Phase::SigningResponse(_)
            | Phase::InstallingFirst(_)
            | Phase::Established(_)
            | Phase::Closing(_)
            | Phase::Ended => None,
        }
    }

    /// Whether the time that it waited for has come.
    pub fn is_over(&self, now: Time) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// The phase by name, for `ikectl status`.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Routing => "routing",
            Phase::InitSent(_) => "init-sent",
            Phase::HalfOpen(_) => "half-open",
            Phase::SigningRequest(_)
            | Phase::AuthSent(_)
            | Phase::VerifyingResponder(_)
            | Phase::VerifyingInitiator(_)
            | Phase::SigningResponse(_)
            | Phase::InstallingFirst(_) => "authenticating",
            Phase::Established(_) => "established",
            Phase::Superseded(_) | Phase::Closing(_) | Phase::Lingering(_) | Phase::Ended => "closing",
        }
    }
}
