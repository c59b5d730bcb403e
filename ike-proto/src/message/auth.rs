//! IKE_AUTH (RFC 7296 section 1.2): who both ends are, and the first Child SA.

use crate::wire::{AuthPayload, IdPayload, NotifyType, Payload, PayloadType, SaPayload, TrafficSelector};

use super::{ShapeError, Slots, require};

/// The part of IKE_AUTH that makes the first Child SA, from either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildPart {
    /// SAi2 or SAr2.
    pub sa: SaPayload,
    /// TSi: the original initiator's side.
    pub initiator_selectors: Vec<TrafficSelector>,
    /// TSr: the original responder's side.
    pub responder_selectors: Vec<TrafficSelector>,
    /// Whether USE_TRANSPORT_MODE is there (section 1.3.1).
    pub transport: bool,
}

impl ChildPart {
    /// All three payloads, or none of them (RFC 6023 allows a request without).
    pub(super) fn of(slots: &mut Slots<'_>) -> Result<Option<ChildPart>, ShapeError> {
        let transport = slots.notify(NotifyType::USE_TRANSPORT_MODE).is_some();
        match (slots.sa.take(), slots.ts_initiator.take(), slots.ts_responder.take()) {
            (None, None, None) => Ok(None),
            (sa, initiator, responder) => Ok(Some(ChildPart {
                sa: require(sa, PayloadType::SA)?,
                initiator_selectors: require(initiator, PayloadType::TS_INITIATOR)?.selectors,
                responder_selectors: require(responder, PayloadType::TS_RESPONDER)?.selectors,
                transport,
            })),
        }
    }
}

/// The initiator's message.
#[derive(Debug)]
pub struct AuthRequest<'a> {
    /// IDi.
    pub id: IdPayload<'a>,
    /// IDr: a hint whom it wants to talk to.
    pub wanted: Option<IdPayload<'a>>,
    /// AUTH.
    pub auth: AuthPayload<'a>,
    /// INITIAL_CONTACT: it knows no other IKE SA with us (section 2.4).
    pub initial_contact: bool,
    /// The first Child SA, if it wants one.
    pub child: Option<ChildPart>,
}

impl<'a> AuthRequest<'a> {
    /// Reads the payloads inside SK.
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<AuthRequest<'a>, ShapeError> {
        let mut slots = Slots::sort(payloads)?;
        Ok(AuthRequest {
            child: ChildPart::of(&mut slots)?,
            initial_contact: slots.notify(NotifyType::INITIAL_CONTACT).is_some(),
            id: require(slots.id_initiator, PayloadType::ID_INITIATOR)?,
            wanted: slots.id_responder,
            auth: require(slots.auth, PayloadType::AUTH)?,
        })
    }
}

/// What a responder can say to [`AuthRequest`].
#[derive(Debug)]
pub enum AuthResponse<'a> {
    /// It proves who it is, and says what becomes of the Child SA.
    Accept(AuthAccept<'a>),
    /// It refuses the IKE SA.
    Refused(NotifyType),
}

/// The responder proves its identity.
#[derive(Debug)]
pub struct AuthAccept<'a> {
    /// IDr.
    pub id: IdPayload<'a>,
    /// AUTH.
    pub auth: AuthPayload<'a>,
    /// The first Child SA, or the notify that refuses it: "the IKE SA is still created as usual" (section 1.2).
    pub child: Result<Option<ChildPart>, NotifyType>,
}

impl<'a> AuthResponse<'a> {
    /// Reads the payloads inside SK. An error beside IDr and AUTH is about the Child SA alone (section 2.21.2).
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<AuthResponse<'a>, ShapeError> {
        let mut slots = Slots::sort(payloads)?;
        let error = slots.error().map(|notify| notify.kind);
        let (Some(id), Some(auth)) = (slots.id_responder.take(), slots.auth.take()) else {
            return match error {
                Some(kind) => Ok(AuthResponse::Refused(kind)),
                None => Err(ShapeError::Missing(PayloadType::AUTH)),
            };
        };
        let child = match error {
            Some(NotifyType::AUTHENTICATION_FAILED) => {
                return Ok(AuthResponse::Refused(NotifyType::AUTHENTICATION_FAILED));
            }
            Some(kind) => Err(kind),
            None => Ok(ChildPart::of(&mut slots)?),
        };
        Ok(AuthResponse::Accept(AuthAccept { id, auth, child }))
    }
}
