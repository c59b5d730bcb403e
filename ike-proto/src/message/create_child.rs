//! CREATE_CHILD_SA (RFC 7296 section 1.3): a new Child SA, or new keys for a Child SA or for the IKE SA.

use crate::ids::EspSpi;
use crate::wire::{
    KePayload, NotifyPayload, NotifyType, Payload, PayloadType, Protocol, SaPayload, TransformId,
};

use super::auth::ChildPart;
use super::{ShapeError, Slots, require};

/// What the initiator of the exchange wants; the payloads tell the three apart.
#[derive(Debug)]
pub enum CreateChildRequest<'a> {
    /// A Child SA (sections 1.3.1 and 1.3.3).
    Child(ChildRequest<'a>),
    /// New keys for the IKE SA (section 1.3.2): no traffic selectors.
    RekeyIke(RekeyIkeRequest<'a>),
}

/// A Child SA, to be added or to take the place of another.
#[derive(Debug)]
pub struct ChildRequest<'a> {
    /// The one to be replaced: "the SPI the exchange initiator would expect in inbound ESP or AH packets".
    pub rekeys: Option<EspSpi>,
    /// Proposals, traffic selectors, mode.
    pub part: ChildPart,
    /// Ni.
    pub nonce: &'a [u8],
    /// KEi, if the keys shall not hang on those of the IKE SA alone.
    pub ke: Option<KePayload<'a>>,
}

/// New keys for the IKE SA.
#[derive(Debug)]
pub struct RekeyIkeRequest<'a> {
    /// Proposals with the initiator's new SPI.
    pub sa: SaPayload,
    /// Ni.
    pub nonce: &'a [u8],
    /// KEi: "MUST be included".
    pub ke: KePayload<'a>,
}

impl<'a> CreateChildRequest<'a> {
    /// Reads the payloads inside SK.
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<CreateChildRequest<'a>, ShapeError> {
        let mut slots = Slots::sort(payloads)?;
        let nonce = require(slots.nonce, PayloadType::NONCE)?;
        if slots.ts_initiator.is_none() && slots.ts_responder.is_none() {
            let sa = require(slots.sa, PayloadType::SA)?;
            let ke = require(slots.ke, PayloadType::KE)?;
            return Ok(CreateChildRequest::RekeyIke(RekeyIkeRequest { sa, nonce, ke }));
        }
        let rekeys = slots.notify(NotifyType::REKEY_SA).map(rekeyed).transpose()?;
        let part = require(ChildPart::of(&mut slots)?, PayloadType::SA)?;
        Ok(CreateChildRequest::Child(ChildRequest { rekeys, part, nonce, ke: slots.ke }))
    }
}

/// What a responder can say to a request for a Child SA.
#[derive(Debug)]
pub enum CreateChildResponse<'a> {
    /// It agrees.
    Accept(ChildAccept<'a>),
    /// It wants a key exchange value of this group.
    InvalidKe(TransformId),
    /// It refuses.
    Refused(NotifyType),
}

/// The agreeing response.
#[derive(Debug)]
pub struct ChildAccept<'a> {
    /// The accepted proposal, traffic selectors, mode.
    pub part: ChildPart,
    /// Nr.
    pub nonce: &'a [u8],
    /// KEr, if the accepted proposal has a group.
    pub ke: Option<KePayload<'a>>,
}

impl<'a> CreateChildResponse<'a> {
    /// Reads the payloads inside SK. Errors come first: they decide whatever else the message holds.
    pub fn read(payloads: Vec<Payload<'a>>) -> Result<CreateChildResponse<'a>, ShapeError> {
        let mut slots = Slots::sort(payloads)?;
        if let Some(error) = slots.error() {
            return match (error.kind, <[u8; 2]>::try_from(error.data)) {
                (NotifyType::INVALID_KE_PAYLOAD, Ok(group)) => {
                    Ok(CreateChildResponse::InvalidKe(TransformId(u16::from_be_bytes(group))))
                }
                (kind, _) => Ok(CreateChildResponse::Refused(kind)),
            };
        }
        let nonce = require(slots.nonce, PayloadType::NONCE)?;
        let part = require(ChildPart::of(&mut slots)?, PayloadType::SA)?;
        Ok(CreateChildResponse::Accept(ChildAccept { part, nonce, ke: slots.ke }))
    }
}

/// Which SA a REKEY_SA notify names: always one of ours, which are ESP alone.
fn rekeyed(notify: &NotifyPayload<'_>) -> Result<EspSpi, ShapeError> {
    match (notify.protocol, <[u8; 4]>::try_from(notify.spi)) {
        (Protocol::ESP, Ok(spi)) => Ok(EspSpi(u32::from_be_bytes(spi))),
        _ => Err(ShapeError::Invalid(PayloadType::NOTIFY)),
    }
}
